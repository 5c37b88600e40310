"""The study's protocol as data: what every arm asks, how it learns, and on which wells.

An arm is a name, a question and a learner. All arms of a seed share its wells, its initial weights and its batch order.
A new arm is a line in `ARMS`, or `add_arm` from elsewhere. Nothing here trains anything (`trials` does) or touches
files or plots.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil

from fewerwells.science.circuits import Circuit, reference_circuit
from fewerwells.science.datasets import BIG, SMALL, Domain, Pairs
from fewerwells.science.learners import (
    FittedEquation,
    GaussianProcesses,
    GivenEquation,
    Learner,
    Library,
    LogInputs,
    Network,
    Phase,
    Sum,
)
from fewerwells.science.learners.networks import EquationPairs, ReplayedPairs, SimulatedPairs, WellPairs
from fewerwells.science.library import MECHANISMS, mechanism_of
from fewerwells.science.networks import STUDY_SIZES
from fewerwells.science.noise import Noise
from fewerwells.science.systems import Simulated, System
from fewerwells.science.training import Schedule
from fewerwells.study.chosen import Moved, Rounds

# The source of the study's synthetic data: simple activation in the reference system.
SIMPLE_MODEL = reference_circuit("simple_activation")


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
        fine_tuning_rate: the learning rate of fine-tuning, as a multiple of `learning_rate` (ours: the same rate).
        sizes: the network (study: 5 hidden layers of 10).
        input_range: the concentrations, nM, that are scaled to −1 and 1 (the study does not say; ours).
        log_inputs: networks are given stretched logarithms of the concentrations instead.
        output_scale: nM; outputs are divided by it in training (ours: the largest η of the system).
        source: the simple model that the synthetic data come from.
    """

    epochs: int = 2000
    pretraining_share: float = 0.9
    synthetic_volume: int = 40_000
    oracle_volume: int = 20_000
    noise: float = 1.0
    batch_size: int = 256
    learning_rate: float = 1e-3
    loss: str = "l1"
    fine_tuning_rate: float = 1.0
    sizes: tuple[int, ...] = STUDY_SIZES
    input_range: tuple[float, float] = (BIG.low, BIG.high)
    log_inputs: bool = False
    output_scale: float = SIMPLE_MODEL.largest_output
    source: Circuit = SIMPLE_MODEL

    @property
    def pretraining_epochs(self) -> int:
        """1800 of the study's 2000."""
        return round(self.pretraining_share * self.epochs)

    @property
    def fine_tuning_epochs(self) -> int:
        """200 of the study's 2000."""
        return self.epochs - self.pretraining_epochs

    def schedule(self, epochs: int, **changes) -> Schedule:
        """A phase of so many epochs by the common optimiser, with `changes` to its `Schedule`."""
        common = Schedule(epochs, self.batch_size, self.learning_rate, self.loss)
        return replace(common, **changes)

    def network(self, *phases: Phase) -> Network:
        """The study's network, trained through these phases."""
        return Network(phases, self.sizes, self.input_range, self.output_scale, self.log_inputs)

    def pretraining(self, made: str = "synthetic") -> Phase:
        """Pre-training on pairs of the source, or on what is made from it (see `learners.networks.SIMULATIONS`)."""
        return Phase(SimulatedPairs(self.source, self.synthetic_volume, made), self.schedule(self.pretraining_epochs))

    def fine_tuning(self, **changes) -> Phase:
        """Fine-tuning on the wells, with `changes` to its `Schedule`."""
        usual = {"epochs": self.fine_tuning_epochs, "learning_rate": self.fine_tuning_rate * self.learning_rate}
        return Phase(WellPairs(), self.schedule(**usual | changes))

    def scratch(self, epochs: int | None = None) -> Phase:
        """Training on the wells from the first epoch on."""
        return Phase(WellPairs(), self.schedule(self.epochs if epochs is None else epochs))


class HowMany(StrEnum):
    """How many wells an arm is given."""

    DESIGN = "the N of the design"
    ORACLE = "the oracle's volume"
    NONE = "none"


@dataclass(frozen=True)
class Wells:
    """Which wells an arm is given: from where, how many, and who chose them, if not chance."""

    domain: Domain = SMALL
    how_many: HowMany = HowMany.DESIGN
    chosen: Rounds | Moved | None = None

    def count(self, protocol: Protocol, n: int) -> int:
        """Wells in a design with N = n."""
        return {HowMany.DESIGN: n, HowMany.ORACLE: protocol.oracle_volume, HowMany.NONE: 0}[self.how_many]


@dataclass(frozen=True)
class Setting:
    """What a learner is made for: the common settings, the number of wells, and the true circuit.

    Only arms that say so in their question look at `truth`; of a measured system nobody knows it.
    """

    protocol: Protocol
    n: int
    truth: Circuit | None


@dataclass(frozen=True)
class Arm:
    """One way to learn the target.

    Attributes:
        asks: the question that the arm answers.
        learner: makes its learner for a setting.
        wells: which wells the learner is given.
        intervals: whether the table says how often the learner's own intervals hold the truth.
    """

    asks: str
    learner: Callable[[Setting], Learner]
    wells: Wells = Wells()
    intervals: bool = False


def _transfer(setting: Setting, made: str = "synthetic", **changes) -> Network:
    protocol = setting.protocol
    return protocol.network(protocol.pretraining(made), protocol.fine_tuning(**changes))


def _scratch(setting: Setting) -> Network:
    return setting.protocol.network(setting.protocol.scratch())


def _step_matched(setting: Setting) -> Network:
    """As many optimiser steps as transfer spends on the same wells in both its phases."""
    steps = sum(phase.n_steps(setting.n) for phase in _transfer(setting).phases)
    protocol = setting.protocol
    return protocol.network(protocol.scratch(ceil(steps / ceil(setting.n / protocol.batch_size))))


def _replay(setting: Setting) -> Network:
    protocol = setting.protocol
    replayed = Phase(ReplayedPairs(protocol.source), protocol.schedule(protocol.fine_tuning_epochs))
    return protocol.network(protocol.pretraining(), replayed)


def _refitted(form: str) -> Callable[[Setting], Network]:
    def make(setting: Setting) -> Network:
        protocol = setting.protocol
        source = EquationPairs(FittedEquation(form), protocol.synthetic_volume)
        refitted = Phase(source, protocol.schedule(protocol.fine_tuning_epochs))
        return protocol.network(protocol.pretraining(), refitted, protocol.fine_tuning())

    return make


def _pretrained_on(made: str) -> Callable[[Setting], Network]:
    return lambda setting: _transfer(setting, made)


def _fine_tuned(**changes) -> Callable[[Setting], Network]:
    return lambda setting: _transfer(setting, **changes)


def _slow(setting: Setting) -> Network:
    return _transfer(replace(setting, protocol=replace(setting.protocol, fine_tuning_rate=0.1)))


def _without_truth(setting: Setting) -> Library:
    return Library(tuple(name for name in MECHANISMS if name != mechanism_of(setting.truth)))


_EVERYWHERE = Wells(BIG)

STUDY_ARMS = {
    "transfer": Arm("What is pre-training on the simple model worth?", _transfer),
    "scratch": Arm("What do the wells teach by themselves?", _scratch),
    "oracle": Arm("What could a network know?", _scratch, Wells(BIG, HowMany.ORACLE)),
}
CONTROLS = {
    "step-matched scratch": Arm("Is it only more compute?", _step_matched),
    "big-domain scratch": Arm("Is it the domain of the wells?", _scratch, _EVERYWHERE),
    "big-domain transfer": Arm("… and is the simulation worth anything then?", _transfer, _EVERYWHERE),
    "swapped inputs": Arm("Does any circuit do?", _pretrained_on("swapped inputs")),
    "random function": Arm("Does any smooth function do?", _pretrained_on("random function")),
    "shuffled labels": Arm("Does any warm start do?", _pretrained_on("shuffled labels")),
    "zero-shot": Arm(
        "What did fine-tuning add?",
        lambda setting: setting.protocol.network(setting.protocol.pretraining()),
        Wells(how_many=HowMany.NONE),
    ),
}
REMEDIES = {
    "frozen": Arm("Does it help to keep the first three layers?", _fine_tuned(frozen=(0, 1, 2))),
    "slow": Arm("Does a tenth of the learning rate forget less?", _slow),
    "pull": Arm("Does a pull towards the pre-trained weights forget less?", _fine_tuned(pull=0.01)),
    "replay": Arm("Do synthetic pairs from outside keep the outside?", _replay),
    "residual": Arm(
        "Should a network only learn what the simple model leaves over?",
        lambda setting: Sum(GivenEquation(setting.protocol.source), _scratch(setting)),
    ),
    "refitted source": Arm("Is it better to refit the simple model before pre-training ends?", _refitted("simple")),
    "fitted family": Arm("Is it better to fit the whole family before pre-training ends?", _refitted("family")),
}
RIVALS = {
    "fit, n = 1": Arm("What does least squares make of the simple model?", lambda _: FittedEquation("simple")),
    "fit, n free": Arm("… with a Hill coefficient?", lambda _: FittedEquation("hill")),
    "fit, family": Arm("… with the whole family, n and b?", lambda _: FittedEquation("family")),
    "fit, true form": Arm(
        "… for someone who knows the true equation?", lambda setting: FittedEquation("true", setting.truth)
    ),
    "fit, library": Arm("… for someone who lists four mechanisms?", lambda _: Library()),
    "fit, library without truth": Arm("… and forgets the right one?", _without_truth),
    "Gaussian process": Arm("What would a statistician do?", lambda _: GaussianProcesses()),
    "Gaussian process, log inputs": Arm("… on logarithmic concentrations?", lambda _: LogInputs(GaussianProcesses())),
    "Gaussian process, big domain": Arm("… with wells everywhere?", lambda _: GaussianProcesses(), _EVERYWHERE),
    "Gaussian process on source": Arm(
        "… who knows the simple model?",
        lambda setting: Sum(GivenEquation(setting.protocol.source), GaussianProcesses(centred=False)),
    ),
    "Gaussian process on fit": Arm(
        "… who has fitted the family?", lambda _: Sum(FittedEquation("family"), GaussianProcesses(centred=False))
    ),
}
ARMS: dict[str, Arm] = STUDY_ARMS | CONTROLS | REMEDIES | RIVALS


def add_arm(name: str, arm: Arm) -> None:
    """Make an arm known to every design of this process.

    Raises:
        ValueError: there is an arm of that name.
    """
    if name in ARMS:
        raise ValueError(f"there is an arm {name!r} already.")
    ARMS[name] = arm


@dataclass(frozen=True)
class Cell:
    """One cell of a design: an arm on a target with a number of wells, to be run over all seeds.

    Attributes:
        arm: a key of `ARMS`.
        target: a circuit, measured with the protocol's noise, or any other system.
        wells: the N of the design.
    """

    arm: str
    target: Circuit | System
    wells: int

    def __post_init__(self):
        if self.arm not in ARMS:
            raise ValueError(f"there is no arm {self.arm!r}; choose one of {', '.join(ARMS)}.")

    def learner(self, protocol: Protocol) -> Learner:
        """How the arm learns, with every value resolved."""
        truth = self.target if isinstance(self.target, Circuit) else getattr(self.target, "circuit", None)
        return ARMS[self.arm].learner(Setting(protocol, self.wells, truth))

    def system(self, protocol: Protocol) -> System:
        """What is learnt, measured and tested on."""
        if isinstance(self.target, Circuit):
            return Simulated(self.target, Noise(protocol.noise))
        return self.target

    def volume(self, protocol: Protocol) -> int:
        """Wells that the arm is given."""
        return ARMS[self.arm].wells.count(protocol, self.wells)

    def pretraining(self, protocol: Protocol) -> Network | None:
        """The pre-training that is shared with other cells of the same seeds, if the arm has one."""
        network = self.learner(protocol).network
        return network.pretraining if network else None

    def sample_steps(self, protocol: Protocol) -> int:
        """Pairs seen by one network over all phases, with repetition."""
        network = self.learner(protocol).network
        return network.sample_steps(self.volume(protocol)) if network else 0

    def own_sample_steps(self, protocol: Protocol) -> int:
        """The same without the pre-training that other cells share."""
        pretraining = self.pretraining(protocol)
        return self.sample_steps(protocol) - (pretraining.sample_steps(0) if pretraining else 0)

    @property
    def intervals(self) -> bool:
        """Whether its rows say how often the learner's own intervals hold the truth, which is known of circuits alone."""
        return ARMS[self.arm].intervals and isinstance(self.target, Circuit | Simulated)

    @property
    def domain(self) -> Domain:
        """Where its wells lie."""
        return ARMS[self.arm].wells.domain

    @property
    def chosen(self) -> Rounds | Moved | None:
        """Who chose its wells; None where they were drawn."""
        return ARMS[self.arm].wells.chosen

    def measured(self, protocol: Protocol, seeds: Sequence[int]) -> list[Pairs]:
        """The wells of each seed; none for an arm that needs none."""
        n, system = self.volume(protocol), self.system(protocol)
        if n == 0:
            return []
        if self.chosen:
            if not isinstance(system, Simulated):
                raise ValueError(f"{self.arm} fills wells that it chooses, and {system.label} is no circuit.")
            return self.chosen.measured(system, self.domain, n, seeds)
        domain = None if self.domain is SMALL else self.domain  # where the laboratory can measure is up to the system
        return [system.wells(n, seed, domain=domain) for seed in seeds]


@dataclass(frozen=True)
class Design:
    """Cells that share a protocol and their seeds: what `experiments.run` runs."""

    protocol: Protocol
    seeds: tuple[int, ...]
    cells: tuple[Cell, ...]
