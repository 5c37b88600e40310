"""The study's protocol as data: what every arm does, on which data, for how long.

An arm trains a network through phases, fits an equation, or fits a Gaussian process. All arms of a seed share its
wells, its initial weights and its batch order. A new arm is a few lines in `ARMS`. Nothing here trains anything
(`trials` does) or touches files or plots.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil

from fewerwells.science.circuits import Circuit, reference_circuit
from fewerwells.science.datasets import BIG, SMALL, Domain
from fewerwells.science.networks import STUDY_SIZES
from fewerwells.science.training import Schedule

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
        sizes: the network (study: 5 hidden layers of 10).
        input_range: the concentrations, nM, that are scaled to −1 and 1 (the study does not say; ours).
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
    sizes: tuple[int, ...] = STUDY_SIZES
    input_range: tuple[float, float] = (BIG.low, BIG.high)
    output_scale: float = SIMPLE_MODEL.largest_output
    source: Circuit = SIMPLE_MODEL

    @property
    def pretraining_epochs(self) -> int:
        """1800 of the study's 2000."""
        return round(self.pretraining_share * self.epochs)


@dataclass(frozen=True)
class Phase:
    """One stretch of training with a fresh optimiser: on which data, on which domain, for how long.

    Attributes:
        data: "real" (the target circuit, noisy), one of `PRETRAINING_DATA`, or "refitted" (noise-free pairs of the
            arm's own fitted equation).
        domain: where the inputs come from.
        volume: "wells" (the N of the design), "synthetic_volume" or "oracle_volume" (of the protocol).
        epochs: "pretraining", "fine-tuning", "all", or "step-matched" (as many optimiser steps as transfer spends
            on the same wells in both its phases).
        replayed: add as many pairs of the source from outside the small domain as there are wells.
        learning_rate: as a multiple of the protocol's.
        frozen: layers that keep their weights, counted from the input.
        pull: strength of the pull back to the weights at the start of the phase (see `training.Schedule`).
    """

    data: str
    domain: Domain
    volume: str
    epochs: str
    replayed: bool = False
    learning_rate: float = 1.0
    frozen: tuple[int, ...] = ()
    pull: float = 0.0

    def n_pairs(self, protocol: Protocol, wells: int) -> int:
        """Pairs that the phase trains on."""
        n = wells if self.volume == "wells" else getattr(protocol, self.volume)
        return 2 * n if self.replayed else n

    def n_epochs(self, protocol: Protocol, wells: int) -> int:
        """Epochs of the phase."""
        fine_tuning = protocol.epochs - protocol.pretraining_epochs
        if self.epochs == "step-matched":
            steps = sum(phase.n_steps(protocol, wells) for phase in (PRETRAINING, FINE_TUNING))
            return ceil(steps / ceil(self.n_pairs(protocol, wells) / protocol.batch_size))
        return {"pretraining": protocol.pretraining_epochs, "fine-tuning": fine_tuning, "all": protocol.epochs}[
            self.epochs
        ]

    def n_steps(self, protocol: Protocol, wells: int) -> int:
        """Optimiser steps of the phase: one a batch."""
        return self.n_epochs(protocol, wells) * ceil(self.n_pairs(protocol, wells) / protocol.batch_size)

    def schedule(self, protocol: Protocol, wells: int) -> Schedule:
        """The phase as `training.train` takes it."""
        return Schedule(
            self.n_epochs(protocol, wells),
            batch_size=protocol.batch_size,
            learning_rate=self.learning_rate * protocol.learning_rate,
            loss=protocol.loss,
            frozen=self.frozen,
            pull=self.pull,
        )


# What a network can be pre-trained on without looking at a well, so that one pre-training serves every volume.
PRETRAINING_DATA = ("synthetic", "swapped inputs", "random function", "shuffled labels")

PRETRAINING = Phase("synthetic", BIG, "synthetic_volume", "pretraining")
FINE_TUNING = Phase("real", SMALL, "wells", "fine-tuning")
SCRATCH = Phase("real", SMALL, "wells", "all")
REFITTED = Phase("refitted", BIG, "synthetic_volume", "fine-tuning")


@dataclass(frozen=True)
class Arm:
    """One way to learn the target circuit.

    Attributes:
        asks: the question that the arm answers.
        phases: how its network is trained; none where there is no network.
        equation: "source" (the simple model as it is given), a form of `fitting.FORM_NAMES` fitted to the wells, or
            "library" or "library without truth" (see `library`). What it is for depends on the rest: a phase
            "refitted" trains on it; with `on_top` the network or Gaussian process learns what it leaves over; alone
            it is itself the prediction.
        on_top: learn target minus equation and predict the sum.
        gaussian_process: fit a Gaussian process to the wells.
        log_inputs: give the Gaussian process log(1 + x / 0.5 nM) instead of x.
        wells: where the wells of a fit or a Gaussian process lie; a network's are those of its phases.
    """

    asks: str
    phases: tuple[Phase, ...] = ()
    equation: str = ""
    on_top: bool = False
    gaussian_process: bool = False
    log_inputs: bool = False
    wells: Domain = SMALL


def _pretrained_on(data: str) -> tuple[Phase, ...]:
    return (Phase(data, BIG, "synthetic_volume", "pretraining"), FINE_TUNING)


def _fine_tuned(**changes) -> tuple[Phase, ...]:
    return (PRETRAINING, Phase("real", SMALL, "wells", "fine-tuning", **changes))


STUDY_ARMS = {
    "transfer": Arm("What is pre-training on the simple model worth?", (PRETRAINING, FINE_TUNING)),
    "scratch": Arm("What do the wells teach by themselves?", (SCRATCH,)),
    "oracle": Arm("What could a network know?", (Phase("real", BIG, "oracle_volume", "all"),)),
}
CONTROLS = {
    "step-matched scratch": Arm("Is it only more compute?", (Phase("real", SMALL, "wells", "step-matched"),)),
    "big-domain scratch": Arm("Is it the domain of the wells?", (Phase("real", BIG, "wells", "all"),)),
    "big-domain transfer": Arm(
        "… and is the simulation worth anything then?", (PRETRAINING, Phase("real", BIG, "wells", "fine-tuning"))
    ),
    "swapped inputs": Arm("Does any circuit do?", _pretrained_on("swapped inputs")),
    "random function": Arm("Does any smooth function do?", _pretrained_on("random function")),
    "shuffled labels": Arm("Does any warm start do?", _pretrained_on("shuffled labels")),
    "zero-shot": Arm("What did fine-tuning add?", (PRETRAINING,)),
}
REMEDIES = {
    "frozen": Arm("Does it help to keep the first three layers?", _fine_tuned(frozen=(0, 1, 2))),
    "slow": Arm("Does a tenth of the learning rate forget less?", _fine_tuned(learning_rate=0.1)),
    "pull": Arm("Does a pull towards the pre-trained weights forget less?", _fine_tuned(pull=0.01)),
    "replay": Arm("Do synthetic pairs from outside keep the outside?", _fine_tuned(replayed=True)),
    "residual": Arm("Should a network only learn what the simple model leaves over?", (SCRATCH,), "source", True),
    "refitted source": Arm(
        "Is it better to refit the simple model before pre-training ends?",
        (PRETRAINING, REFITTED, FINE_TUNING),
        "simple",
    ),
    "fitted family": Arm(
        "Is it better to fit the whole family before pre-training ends?",
        (PRETRAINING, REFITTED, FINE_TUNING),
        "family",
    ),
}
RIVALS = {
    "fit, n = 1": Arm("What does least squares make of the simple model?", equation="simple"),
    "fit, n free": Arm("… with a Hill coefficient?", equation="hill"),
    "fit, family": Arm("… with the whole family, n and b?", equation="family"),
    "fit, true form": Arm("… for someone who knows the true equation?", equation="true"),
    "fit, library": Arm("… for someone who lists four mechanisms?", equation="library"),
    "fit, library without truth": Arm("… and forgets the right one?", equation="library without truth"),
    "Gaussian process": Arm("What would a statistician do?", gaussian_process=True),
    "Gaussian process, log inputs": Arm("… on logarithmic concentrations?", gaussian_process=True, log_inputs=True),
    "Gaussian process, big domain": Arm("… with wells everywhere?", gaussian_process=True, wells=BIG),
    "Gaussian process on source": Arm("… who knows the simple model?", (), "source", True, True),
    "Gaussian process on fit": Arm("… who has fitted the family?", (), "family", True, True),
}
ARMS: dict[str, Arm] = STUDY_ARMS | CONTROLS | REMEDIES | RIVALS


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
        """How the arm's network is trained; empty where it has none."""
        return ARMS[self.arm].phases

    @property
    def pretraining(self) -> Phase | None:
        """The phase that is shared with other cells of the same seeds, if the arm has one."""
        return self.phases[0] if self.phases and self.phases[0].data in PRETRAINING_DATA else None

    def volume(self, protocol: Protocol) -> int:
        """Real pairs that the arm is given."""
        if self.phases and not any(phase.data == "real" for phase in self.phases):
            return 0
        return protocol.oracle_volume if self.arm == "oracle" else self.wells

    def _steps(self, phases, protocol: Protocol) -> int:
        return sum(phase.n_epochs(protocol, self.wells) * phase.n_pairs(protocol, self.wells) for phase in phases)

    def sample_steps(self, protocol: Protocol) -> int:
        """Pairs seen by one network over all phases, with repetition."""
        return self._steps(self.phases, protocol)

    def own_sample_steps(self, protocol: Protocol) -> int:
        """The same without the pre-training that other cells share."""
        return self._steps(self.phases[self.pretraining is not None :], protocol)

    def identity(self, protocol: Protocol) -> dict:
        """Everything that fixes the outcome but the seed, as plain values."""
        relevant = asdict(protocol)
        if self.pretraining is None:
            del relevant["pretraining_share"], relevant["synthetic_volume"]
            if ARMS[self.arm].equation != "source":
                del relevant["source"]
        if self.arm != "oracle":
            del relevant["oracle_volume"]
        if not self.phases:  # no network
            relevant = {name: value for name, value in relevant.items() if name in ("noise", "source")}
        return {"arm": self.arm, "circuit": asdict(self.circuit), "N": self.volume(protocol)} | relevant


@dataclass(frozen=True)
class Design:
    """Cells that share a protocol and their seeds: what `experiments.run` runs."""

    protocol: Protocol
    seeds: tuple[int, ...]
    cells: tuple[Cell, ...]
