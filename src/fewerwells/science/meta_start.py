"""Initial weights learnt over many circuits: one start for all of them instead of one circuit.

Reptile (Nichol et al. 2018): copies of the weights are trained for a while, each on a circuit of its own from the prior,
and the weights move towards where the copies end. What is left is a place from which every circuit is near.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fewerwells.science.datasets import BIG, Pairs, random_stream, uniform_inputs
from fewerwells.science.networks import Ensemble
from fewerwells.science.prior import draw_circuits
from fewerwells.science.training import Schedule, train


@dataclass(frozen=True)
class Start:
    """How a start is learnt.

    Attributes:
        rounds: how often the weights move.
        circuits: copies a round, each on a circuit of its own.
        pairs: noise-free pairs of each circuit on the big domain.
        rate: share of the way that the weights move in the first round; it falls evenly to 0.
        schedule: how a copy is trained in a round.
        without: names of circuits that no drawn mechanism may contain, not even as a limit.
        seed: of the circuits and their pairs.
    """

    rounds: int = 1000
    circuits: int = 16
    pairs: int = 256
    rate: float = 1.0
    schedule: Schedule = field(default_factory=lambda: Schedule(20))
    without: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self):
        for name in ("rounds", "circuits", "pairs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; at least 1 is needed.")
        if not 0 < self.rate <= 1:
            raise ValueError(f"the rate is {self.rate}; it must lie above 0 and be at most 1.")


def circuits_of_round(start: Start, rng: np.random.Generator, largest: float) -> list[Pairs]:
    """Pairs of freshly drawn circuits, one data set each, their outputs stretched to the same largest one, nM."""
    x = uniform_inputs(BIG, start.circuits * start.pairs, rng).reshape(start.circuits, start.pairs, 2)
    y = draw_circuits(start.circuits, rng, start.without).outputs(x)
    highest = np.abs(y).max(axis=(1, 2), keepdims=True)
    return [Pairs(*pair) for pair in zip(x, y * largest / np.where(highest > 0, highest, 1.0), strict=True)]


def learn_start(fresh: Ensemble, start: Start, engine: str = "auto") -> Ensemble:
    """A single network whose weights are near to those of every circuit of the prior.

    Args:
        fresh: one untrained network.
        start: how.
        engine: as in `training.train`.

    Raises:
        ValueError: not one network.
    """
    if len(fresh) != 1:
        raise ValueError(f"{len(fresh)} networks were given; a start is learnt for one.")
    rng, weights = random_stream(start.seed, "circuits of a start"), fresh.parameters[0].copy()
    for number in range(start.rounds):
        data = circuits_of_round(start, rng, fresh.output_scale)
        copies = fresh.with_parameters(np.tile(weights, (start.circuits, 1)))
        keys = rng.integers(0, 2**64, start.circuits, np.uint64)
        trained = train(copies, data, start.schedule, keys=keys, engine=engine).ensemble.parameters
        sound = np.isfinite(trained).all(axis=1)
        if sound.any():
            share = np.float32(start.rate * (1 - number / start.rounds))
            weights = weights + share * (trained[sound].mean(axis=0) - weights)
    return fresh.with_parameters(weights[None])
