"""The network that learnt from many simulated circuits how to read a plate, as a learner."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fewerwells.science.circuits import Circuit
from fewerwells.science.in_context.features import LEVELS
from fewerwells.science.learners.base import Learner, Learnt, Status

if TYPE_CHECKING:
    from fewerwells.science.in_context.reader import PlatesKnown

# Shipped weights by circuit, trained on plates of no mechanism that contains it.
WEIGHTS_WITHOUT = {
    "input_depletion": "without_outside",
    "goldbeter_koshland": "without_outside",
    "mixed_complex": "without_outside",
}


def weights_without(circuit: Circuit) -> str:
    """The shipped weights that were trained without a circuit and without every mechanism that contains it.

    Raises:
        ValueError: there are none, as for simple activation, which nearly every mechanism contains, or not yet.
    """
    if circuit.name not in WEIGHTS_WITHOUT:
        raise ValueError(
            f"no network comes without {circuit.label}; there is one without each of {', '.join(WEIGHTS_WITHOUT)}."
        )
    return WEIGHTS_WITHOUT[circuit.name]


@dataclass(frozen=True)
class PlatesRead(Learnt):
    """One plate a seed, as the network has read it."""

    status: tuple[Status, ...]
    engine: str
    seconds: float
    plates: PlatesKnown

    def predict(self, x) -> np.ndarray:
        return self.plates.predict(x)

    def interval(self, x, level: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
        """Ends between the network's quantiles, interpolated.

        Raises:
            ValueError: a level that is not positive, or is wider than the network's outermost quantiles.
        """
        widest = LEVELS[-1] - LEVELS[0]
        if not 0 < level <= widest + 1e-12:
            raise ValueError(f"the level is {level}; it must be positive and at most {widest:g}.")
        quantiles = self.plates.quantiles(x)
        return tuple(_between(quantiles, 0.5 + side * level / 2) for side in (-1, 1))


def _between(quantiles: np.ndarray, level: float) -> np.ndarray:
    """The quantile at a level, on the straight line between the two of `LEVELS` (last axis) around it."""
    upper = int(np.clip(np.searchsorted(LEVELS, level), 1, len(LEVELS) - 1))
    share = (level - LEVELS[upper - 1]) / (LEVELS[upper] - LEVELS[upper - 1])
    return (1 - share) * quantiles[..., upper - 1] + share * quantiles[..., upper]


@dataclass(frozen=True)
class ReadInContext(Learner):
    """A network that was trained on plates of many circuits reads the wells; nothing is trained on them.

    Attributes:
        weights: shipped weights by name: "all", or what `weights_without` says.
    """

    weights: str = "all"

    @property
    def words(self) -> str:
        return f"read by the network {self.weights!r}"

    def learn(self, wells, seeds, runtime=None) -> PlatesRead:
        from fewerwells.science.in_context.reader import InContextNetwork  # torch, only where something is read

        started = time.perf_counter()
        plates = InContextNetwork.load(self.weights).read(wells)
        return PlatesRead((Status.OK,) * len(wells), "torch", time.perf_counter() - started, plates)
