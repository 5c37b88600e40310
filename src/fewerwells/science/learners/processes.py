"""Gaussian processes as learners."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fewerwells.science.learners.base import Learner, Learnt, Status

if TYPE_CHECKING:
    from fewerwells.science.gaussian_processes import GaussianProcess


@dataclass(frozen=True)
class Processes(Learnt):
    """Two Gaussian processes a seed, one an output."""

    status: tuple[Status, ...]
    engine: str
    seconds: float
    processes: tuple[GaussianProcess, ...]

    def predict(self, x) -> np.ndarray:
        x = np.asarray(x, float)
        each = x if x.ndim == 3 else [x] * len(self.processes)
        return np.stack([process.predict(points) for process, points in zip(self.processes, each, strict=True)])


@dataclass(frozen=True)
class GaussianProcesses(Learner):
    """A Gaussian process for each output.

    Attributes:
        centred: around the average measured output; otherwise around 0, for what an equation leaves over.
        smoothness: as in `gaussian_processes.fit_gaussian_processes`.
    """

    centred: bool = True
    smoothness: str = "matern"

    @property
    def words(self) -> str:
        return "Gaussian process"

    def learn(self, wells, seeds, runtime=None) -> Processes:
        from fewerwells.science.gaussian_processes import fit_gaussian_processes  # scikit-learn, only where it is used

        started = time.perf_counter()
        means = None if self.centred else [_nothing] * len(wells)
        processes = fit_gaussian_processes(list(wells), means, smoothness=self.smoothness)
        words = tuple(Status(process.status) for process in processes)
        return Processes(words, "scikit-learn", time.perf_counter() - started, tuple(processes))


def _nothing(x: np.ndarray) -> np.ndarray:
    return np.zeros(np.shape(x))
