"""Networks trained through phases: each phase its own pairs, with a fresh optimiser."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from fewerwells.science import datasets
from fewerwells.science.circuits import Circuit
from fewerwells.science.datasets import Pairs, random_stream
from fewerwells.science.learners.base import Learner, Learnt, Runtime, Status, worst
from fewerwells.science.networks import Ensemble, initialise
from fewerwells.science.training import Schedule, Training, choose_engine, train

HALF_LOGARITHMIC = 0.5  # nM: where the scale turns from linear to logarithmic


def logarithmic(x: np.ndarray) -> np.ndarray:
    """log(1 + x / 0.5 nM): logarithmic above 0.5 nM, linear below, 0 at 0."""
    return np.log1p(np.asarray(x, float) / HALF_LOGARITHMIC)


def stretched_logarithm(x: np.ndarray) -> np.ndarray:
    """The same, stretched so that 0 and 20 nM, the borders of the big domain, stay where they are."""
    return datasets.BIG.high * logarithmic(x) / logarithmic(datasets.BIG.high)


class PairSource(ABC):
    """Where the pairs of a phase come from.

    Attributes:
        needs_wells: whether it looks at the wells; a first phase that does not is pre-training, which serves every
            volume of wells.
        order: which of a seed's two batch orders the phase takes: 1 for measured pairs, 0 for computed ones.
        words: what the pairs are, for a table.
    """

    needs_wells: bool = True
    order: int = 1
    words: str

    @abstractmethod
    def n_pairs(self, n_wells: int) -> int:
        """How many pairs it gives with so many wells."""

    @abstractmethod
    def draw(self, wells: Sequence[Pairs], seeds: Sequence[int], runtime: Runtime) -> list[Pairs]:
        """Pairs for each seed, nM."""

    def status(self, wells: Sequence[Pairs], seeds: Sequence[int], runtime: Runtime) -> Sequence[Status]:
        """How what stands behind the pairs was found, a word a seed."""
        return [Status.OK] * len(seeds)

    def seconds(self, wells: Sequence[Pairs], seeds: Sequence[int], runtime: Runtime) -> float:
        """What it cost to find what stands behind the pairs, whoever asked for it first."""
        return 0.0


@dataclass(frozen=True)
class WellPairs(PairSource):
    """The wells themselves."""

    words = "wells"

    def n_pairs(self, n_wells: int) -> int:
        return n_wells

    def draw(self, wells, seeds, runtime) -> list[Pairs]:
        return list(wells)


@dataclass(frozen=True)
class ReplayedPairs(PairSource):
    """The wells, and as many noise-free pairs of a simulation from outside the small domain (rehearsal)."""

    simulation: Circuit
    words = "wells and replayed pairs"

    def n_pairs(self, n_wells: int) -> int:
        return 2 * n_wells

    def draw(self, wells, seeds, runtime) -> list[Pairs]:
        outside = [datasets.outside_pairs(self.simulation, len(w), s) for w, s in zip(wells, seeds, strict=True)]
        return [
            Pairs(np.concatenate([w.x, o.x]), np.concatenate([w.y, o.y])) for w, o in zip(wells, outside, strict=True)
        ]


# What a network can be pre-trained on without looking at a well: the words for a phase's pairs → how they are drawn.
SIMULATIONS: dict[str, Callable[[Circuit, int, int], Pairs]] = {
    "synthetic": datasets.synthetic_pairs,
    "swapped inputs": datasets.swapped_pairs,
    "random function": datasets.random_function_pairs,
    "shuffled labels": datasets.shuffled_pairs,
}


@dataclass(frozen=True)
class SimulatedPairs(PairSource):
    """Noise-free pairs of a simulation on the big domain, or of something made from it (a key of `SIMULATIONS`)."""

    simulation: Circuit
    n: int
    made: str = "synthetic"
    needs_wells = False
    order = 0

    def __post_init__(self):
        if self.made not in SIMULATIONS:
            raise ValueError(f"pairs cannot be made as {self.made!r}; choose one of {', '.join(SIMULATIONS)}.")

    @property
    def words(self) -> str:
        return self.made

    def n_pairs(self, n_wells: int) -> int:
        return self.n

    def draw(self, wells, seeds, runtime) -> list[Pairs]:
        return [SIMULATIONS[self.made](self.simulation, self.n, seed) for seed in seeds]


@dataclass(frozen=True)
class EquationPairs(PairSource):
    """Noise-free pairs, on the big domain, of an equation that the wells have set."""

    equation: Learner
    n: int
    order = 0
    words = "refitted"

    def n_pairs(self, n_wells: int) -> int:
        return self.n

    def draw(self, wells, seeds, runtime) -> list[Pairs]:
        inputs = np.stack([datasets.synthetic_inputs(self.n, seed) for seed in seeds])
        outputs = runtime.shared(self.equation, wells, seeds).predict(inputs)
        return [Pairs(x, y) for x, y in zip(inputs, outputs, strict=True)]

    def status(self, wells, seeds, runtime) -> Sequence[Status]:
        return runtime.shared(self.equation, wells, seeds).status

    def seconds(self, wells, seeds, runtime) -> float:
        return runtime.shared(self.equation, wells, seeds).seconds


@dataclass(frozen=True)
class Phase:
    """One stretch of training with a fresh optimiser: on which pairs, by which schedule."""

    source: PairSource
    schedule: Schedule

    def n_steps(self, n_wells: int) -> int:
        """Optimiser steps: one a batch."""
        return self.schedule.epochs * ceil(self.source.n_pairs(n_wells) / self.schedule.batch_size)

    def sample_steps(self, n_wells: int) -> int:
        """Pairs that one network sees, with repetition."""
        return self.schedule.epochs * self.source.n_pairs(n_wells)


def batch_order_keys(seeds: Sequence[int], phase: Phase) -> list[int]:
    """One key a seed for a phase's batch order; training on wells has another one than training on computed pairs."""
    which = phase.source.order
    return [int(random_stream(seed, "batch order").integers(0, 2**64, 2, np.uint64)[which]) for seed in seeds]


@dataclass(frozen=True)
class Network(Learner):
    """A network, trained through phases.

    Attributes:
        phases: in their order.
        sizes: width of every layer.
        input_range: the concentrations, nM, that are scaled to −1 and 1.
        output_scale: nM; outputs are divided by it in training.
        log_inputs: give it log(1 + x / 0.5 nM), stretched to the same range, instead of x.
    """

    phases: tuple[Phase, ...]
    sizes: tuple[int, ...]
    input_range: tuple[float, float]
    output_scale: float
    log_inputs: bool = False

    @property
    def words(self) -> str:
        return "; ".join(f"{phase.source.words}, {phase.schedule.epochs} epochs" for phase in self.phases)

    @property
    def network(self) -> Network:
        return self

    @property
    def pretraining(self) -> Network | None:
        """The learner of its first phase alone where that needs no wells: one pre-training serves every volume."""
        first = self.phases[0]
        return None if first.source.needs_wells else replace(self, phases=(first,))

    @property
    def own_phases(self) -> tuple[Phase, ...]:
        """The phases after pre-training."""
        return self.phases[self.pretraining is not None :]

    @property
    def epochs(self) -> int:
        """Epochs of all phases."""
        return sum(phase.schedule.epochs for phase in self.phases)

    def sample_steps(self, n_wells: int) -> int:
        """Pairs that one network sees over all phases with so many wells, with repetition."""
        return sum(phase.sample_steps(n_wells) for phase in self.phases)

    def fresh(self, seeds: Sequence[int]) -> Ensemble:
        """Untrained networks, one a seed."""
        ensemble = initialise(self.sizes, list(seeds), output_scale=self.output_scale)
        return replace(ensemble, input_range=self.input_range)

    def pretrain(self, seeds: Sequence[int], runtime: Runtime | None = None) -> Training:
        """Train fresh networks, one a seed, through the first phase, which needs no wells."""
        runtime = runtime or Runtime()
        return self._train(self.fresh(seeds), self.phases[0], [], seeds, runtime)

    def learn(self, wells, seeds, runtime=None) -> Networks:
        """As `Learner.learn`.

        Raises:
            ValueError: the runtime's pre-trained networks are not one a seed.
        """
        runtime = runtime or Runtime()
        ensemble = self._start(seeds, runtime)
        if len(ensemble) != len(seeds):
            raise ValueError(
                f"a pre-trained network is needed for each of {len(seeds)} seeds; there are {len(ensemble)}."
            )
        engine, words = choose_engine(self.sizes, runtime.engine), [Status.OK] * len(seeds)
        seconds = sum(phase.source.seconds(wells, seeds, runtime) for phase in self.own_phases)
        started = time.perf_counter()
        for phase in self.own_phases:
            words = [worst(*pair) for pair in zip(words, phase.source.status(wells, seeds, runtime), strict=True)]
            ensemble = self._train(ensemble, phase, wells, seeds, runtime).ensemble
        seconds += time.perf_counter() - started
        finite = np.isfinite(ensemble.parameters).all(axis=1)
        words = [word if fine else Status.DIVERGED for word, fine in zip(words, finite, strict=True)]
        return Networks(tuple(words), engine, seconds, ensemble, self.log_inputs)

    def _train(self, ensemble: Ensemble, phase: Phase, wells, seeds: Sequence[int], runtime: Runtime) -> Training:
        data, keys = phase.source.draw(wells, seeds, runtime), batch_order_keys(seeds, phase)
        if self.log_inputs:
            data = [Pairs(stretched_logarithm(pairs.x), pairs.y) for pairs in data]
        return train(ensemble, data, phase.schedule, keys=keys, engine=runtime.engine, progress=runtime.progress)

    def _start(self, seeds: Sequence[int], runtime: Runtime) -> Ensemble:
        if self.pretraining is None:
            return self.fresh(seeds)
        if runtime.pretrained is None:
            return self.pretraining.pretrain(seeds, runtime).ensemble
        return runtime.pretrained(self.pretraining, seeds)


@dataclass(frozen=True)
class Networks(Learnt):
    """Trained networks, one a seed."""

    status: tuple[Status, ...]
    engine: str
    seconds: float
    networks: Ensemble
    log_inputs: bool = False

    def predict(self, x) -> np.ndarray:
        return self.networks.predict(stretched_logarithm(x) if self.log_inputs else x)

    @property
    def ensemble(self) -> Ensemble:
        return self.networks
