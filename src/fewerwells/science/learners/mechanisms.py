"""Mechanisms as learners: the wide library, one family with its discrepancy, and the posterior of a known one."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from fewerwells.science.learners.base import Learner, Learnt, Status
from fewerwells.science.mechanisms import Structure, enumerate_structures
from fewerwells.science.nested import Posterior, sample_posterior
from fewerwells.science.wide_library import Mixture, fit_wide_library

# The study's family, with and without an empty state: what a discrepancy is put on where nobody enumerates.
STUDY_FAMILY = (Structure(), Structure(empty=False))


@dataclass(frozen=True)
class Mixtures(Learnt):
    """One mixture of mechanisms, or of the parameters of one, a seed."""

    status: tuple[Status, ...]
    engine: str
    seconds: float
    mixtures: tuple[Mixture | Posterior, ...]

    def _points(self, x) -> list[np.ndarray]:
        x = np.asarray(x, float)
        return list(x) if x.ndim == 3 else [x] * len(self.mixtures)

    def predict(self, x) -> np.ndarray:
        return np.stack(
            [mixture.predict(points) for mixture, points in zip(self.mixtures, self._points(x), strict=True)]
        )

    def interval(self, x, level: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
        ends = [mixture.interval(points, level) for mixture, points in zip(self.mixtures, self._points(x), strict=True)]
        low, high = zip(*ends, strict=True)
        return np.stack(low), np.stack(high)


@dataclass(frozen=True)
class WideLibrary(Learner):
    """Enumerated mechanisms with their discrepancies, weighed by their evidence on the wells.

    Attributes:
        structures: the library; `STUDY_FAMILY` for a single family with its discrepancy (Kennedy & O'Hagan 2001).
        discrepancy: False to believe that one of the structures is exact.
    """

    structures: tuple[Structure, ...] = enumerate_structures()
    discrepancy: bool = True

    @property
    def words(self) -> str:
        return f"{len(self.structures)} mechanisms{', with discrepancy' * self.discrepancy}, weighed by evidence"

    def learn(self, wells, seeds, runtime=None) -> Mixtures:
        started = time.perf_counter()
        mixtures = fit_wide_library(list(wells), self.structures, discrepancy=self.discrepancy)
        words = tuple(Status(mixture.status) for mixture in mixtures)
        return Mixtures(words, "numpy", time.perf_counter() - started, tuple(mixtures))


@dataclass(frozen=True)
class NestedSampling(Learner):
    """The posterior of a known structure, with a known noise: what the wells know.

    Attributes:
        structure: what is taken to be the truth.
        noise: standard deviation of the measurement noise, nM.
    """

    structure: Structure
    noise: float

    @property
    def words(self) -> str:
        return f"posterior of {self.structure.label}"

    def learn(self, wells, seeds, runtime=None) -> Mixtures:
        started = time.perf_counter()
        posteriors = sample_posterior(list(wells), self.structure, self.noise)
        words = (Status.OK,) * len(posteriors)  # it runs until the evidence is known
        return Mixtures(words, "dynesty", time.perf_counter() - started, tuple(posteriors))
