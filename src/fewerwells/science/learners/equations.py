"""Equations instead of networks: given, fitted to the wells, or several weighed by how well the wells bear them out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fewerwells.science.circuits import Circuit, reference_circuit
from fewerwells.science.fitting import fit_many
from fewerwells.science.learners.base import Learner, Learnt, Runtime, Status
from fewerwells.science.library import MECHANISMS, average


@dataclass(frozen=True)
class Equations(Learnt):
    """One equation a seed."""

    status: tuple[Status, ...]
    engine: str
    seconds: float
    predictors: tuple[Callable[[np.ndarray], np.ndarray], ...]
    fits: tuple = ()

    def predict(self, x) -> np.ndarray:
        x = np.asarray(x, float)
        each = x if x.ndim == 3 else [x] * len(self.predictors)
        return np.stack([predict(points) for predict, points in zip(self.predictors, each, strict=True)])


@dataclass(frozen=True)
class GivenEquation(Learner):
    """A circuit as it is given; the wells have no say."""

    circuit: Circuit

    @property
    def words(self) -> str:
        return f"{self.circuit.label} as given"

    def learn(self, wells, seeds, runtime=None) -> Equations:
        return Equations((Status.OK,) * len(seeds), "none", 0.0, (self.circuit,) * len(seeds))


@dataclass(frozen=True)
class FittedEquation(Learner):
    """A form fitted to the wells by least squares.

    Attributes:
        form: one of `fitting.FORM_NAMES`.
        circuit: whose form it is where `form` is "true".
    """

    form: str
    circuit: Circuit | None = None

    @property
    def words(self) -> str:
        return f"fit of {self.circuit.label if self.circuit else self.form}"

    def learn(self, wells, seeds, runtime=None) -> Equations:
        started = time.perf_counter()
        fits = fit_many(self.form, list(wells), self.circuit)
        words = tuple(Status(fit.status) for fit in fits)
        seconds = time.perf_counter() - started
        return Equations(words, "numpy", seconds, tuple(fit.predict for fit in fits), tuple(fits))


@dataclass(frozen=True)
class Library(Learner):
    """Several mechanisms fitted to the same wells and averaged by their Akaike weights (Burnham & Anderson 2002)."""

    mechanisms: tuple[str, ...] = MECHANISMS

    @property
    def words(self) -> str:
        return f"{len(self.mechanisms)} mechanisms, weighed"

    def learn(self, wells, seeds, runtime=None) -> Equations:
        runtime = runtime or Runtime()
        parts = {name: runtime.shared(_mechanism(name), wells, seeds) for name in self.mechanisms}
        started = time.perf_counter()
        averages = average({name: list(part.fits) for name, part in parts.items()}, list(wells))
        seconds = time.perf_counter() - started + sum(part.seconds for part in parts.values())
        words = tuple(Status(found.status) for found in averages)
        return Equations(words, "numpy", seconds, tuple(found.predict for found in averages), tuple(averages))


def _mechanism(name: str) -> FittedEquation:
    """The fit of one entry of the library."""
    return FittedEquation("family") if name == "family" else FittedEquation("true", reference_circuit(name))
