"""The study's protocol as data: which phases an arm trains through, on which data, for how long.

A new arm is a few lines in `ARMS`. Nothing here touches files or plots.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np

from fewerwells.circuits import Circuit, reference_circuit
from fewerwells.datasets import BIG, SMALL, Domain, Pairs, random_stream, real_pairs, synthetic_pairs
from fewerwells.networks import STUDY_SIZES, Ensemble, initialise
from fewerwells.training import Schedule, Training, train


@dataclass(frozen=True)
class Protocol:
    """Everything that all arms have in common. Defaults are the study's, or where it is silent ours.

    Attributes:
        epochs: epochs in all, for every arm (study: 2000).
        pretraining_share: the part of them spent on synthetic data by arms that pre-train (study: 1800 of 2000).
        synthetic_volume: synthetic pairs on the big domain (study: 40,000).
        oracle_volume: real pairs on the big domain for the oracle (20,000, so that 1000 is the study's "~95 % cut").
        noise: standard deviation of the measurement noise, nM (study: 1).
        batch_size, learning_rate, loss: the optimiser (the study does not say; ours).
        sizes: the network (study: 5 hidden layers of 10).
    """

    epochs: int = 2000
    pretraining_share: float = 0.9
    synthetic_volume: int = 40_000
    oracle_volume: int = 20_000
    noise: float = 1.0
    batch_size: int = 256
    learning_rate: float = 1e-3
    loss: str = "l1"
    sizes: tuple[int, ...] = STUDY_SIZES

    @property
    def pretraining_epochs(self) -> int:
        """1800 of the study's 2000."""
        return round(self.pretraining_share * self.epochs)

    def schedule(self, epochs: int) -> Schedule:
        """The training schedule of one phase."""
        return Schedule(epochs, batch_size=self.batch_size, learning_rate=self.learning_rate, loss=self.loss)


@dataclass(frozen=True)
class Phase:
    """One stretch of training: on which data, on which domain, with how many pairs, for how many epochs.

    Attributes:
        data: "synthetic" (the simple model, noise-free) or "real" (the target circuit, noisy).
        domain: where the inputs come from.
        volume: "wells" (the N of the design), "synthetic_volume" or "oracle_volume" (of the protocol).
        epochs: "pretraining", "fine-tuning" or "all".
    """

    data: str
    domain: Domain
    volume: str
    epochs: str

    def n_pairs(self, protocol: Protocol, wells: int) -> int:
        return wells if self.volume == "wells" else getattr(protocol, self.volume)

    def n_epochs(self, protocol: Protocol) -> int:
        return {
            "pretraining": protocol.pretraining_epochs,
            "fine-tuning": protocol.epochs - protocol.pretraining_epochs,
            "all": protocol.epochs,
        }[self.epochs]


PRETRAINING = Phase("synthetic", BIG, "synthetic_volume", "pretraining")

ARMS: dict[str, tuple[Phase, ...]] = {
    "transfer": (PRETRAINING, Phase("real", SMALL, "wells", "fine-tuning")),
    "scratch": (Phase("real", SMALL, "wells", "all"),),
    "oracle": (Phase("real", BIG, "oracle_volume", "all"),),
}


@dataclass(frozen=True)
class Cell:
    """One cell of a design: an arm on a target circuit with a number of wells, to be run over all seeds."""

    arm: str
    circuit: Circuit
    wells: int

    def __post_init__(self):
        if self.arm not in ARMS:
            raise ValueError(f"there is no arm {self.arm!r}; choose one of {', '.join(ARMS)}.")

    @property
    def phases(self) -> tuple[Phase, ...]:
        return ARMS[self.arm]

    @property
    def pretrains(self) -> bool:
        """Whether the arm starts from the shared pre-trained networks."""
        return self.phases[0] == PRETRAINING

    def volume(self, protocol: Protocol) -> int:
        """Real pairs that the arm is given."""
        return self.phases[-1].n_pairs(protocol, self.wells)

    def sample_steps(self, protocol: Protocol) -> int:
        """Pairs seen by one network over all phases, with repetition."""
        return sum(phase.n_epochs(protocol) * phase.n_pairs(protocol, self.wells) for phase in self.phases)

    def identity(self, protocol: Protocol) -> dict:
        """Everything that fixes the outcome but the seed, as plain values."""
        relevant = asdict(protocol)
        if not self.pretrains:
            del relevant["pretraining_share"], relevant["synthetic_volume"]
        if self.arm != "oracle":
            del relevant["oracle_volume"]
        return {"arm": self.arm, "circuit": asdict(self.circuit), "N": self.volume(protocol)} | relevant


def batch_order_keys(seeds: list[int], phase: Phase) -> list[int]:
    """One key a seed for a phase's batch order; pre-training and training on real data have different ones."""
    position = 0 if phase.data == "synthetic" else 1
    return [int(random_stream(seed, "batch order").integers(0, 2**64, 2, np.uint64)[position]) for seed in seeds]


def _phase_data(phase: Phase, circuit: Circuit, wells: int, protocol: Protocol, seeds: list[int]) -> list[Pairs]:
    n = phase.n_pairs(protocol, wells)
    if phase.data == "synthetic":
        return [synthetic_pairs(circuit, n, seed) for seed in seeds]
    return [real_pairs(circuit, n, seed, domain=phase.domain, noise=protocol.noise) for seed in seeds]


def _run_phase(ensemble, phase, circuit, wells, protocol, seeds, engine, progress) -> Training:
    data = _phase_data(phase, circuit, wells, protocol, seeds)
    schedule = protocol.schedule(phase.n_epochs(protocol))
    keys = batch_order_keys(seeds, phase)
    return train(ensemble, data, schedule, keys=keys, engine=engine, progress=progress)


def simple_model() -> Circuit:
    """The source of all synthetic data: simple activation in the reference system."""
    return reference_circuit("simple_activation")


def pretrain(
    protocol: Protocol, seeds: list[int], engine: str = "auto", progress: Callable[[int], None] | None = None
) -> Training:
    """Train fresh networks, one a seed, on synthetic data: the common start of all arms that transfer.

    The simple model and the targets of the study share η, so one output scale serves both.
    """
    source = simple_model()
    fresh = initialise(protocol.sizes, seeds, output_scale=source.largest_output)
    return _run_phase(fresh, PRETRAINING, source, protocol.synthetic_volume, protocol, seeds, engine, progress)


def run_cell(
    cell: Cell,
    protocol: Protocol,
    seeds: list[int],
    *,
    pretrained: Ensemble | None = None,
    engine: str = "auto",
    progress: Callable[[int], None] | None = None,
) -> Training:
    """Train one network a seed through the phases of a cell.

    Args:
        cell: arm, target circuit, number of wells.
        protocol: the common settings.
        seeds: the paired seeds.
        pretrained: the networks of `pretrain` for the same seeds; needed by arms that pre-train.
        engine, progress: as in `training.train`.

    Returns:
        The outcome of the last phase; its `sample_steps` and `seconds` leave pre-training out.

    Raises:
        ValueError: pre-trained networks are missing or do not match the seeds.
    """
    phases = cell.phases
    if cell.pretrains:
        if pretrained is None or len(pretrained) != len(seeds):
            held = "none" if pretrained is None else len(pretrained)
            raise ValueError(f"{cell.arm} needs a pre-trained network for each of {len(seeds)} seeds; it got {held}.")
        ensemble, phases = replace(pretrained, output_scale=cell.circuit.largest_output), phases[1:]
    else:
        ensemble = initialise(protocol.sizes, seeds, output_scale=cell.circuit.largest_output)
    (phase,) = phases
    return _run_phase(ensemble, phase, cell.circuit, cell.wells, protocol, seeds, engine, progress)
