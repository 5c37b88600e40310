"""What a reader may set in a chapter, within which limits, and what the profiles mean.

A chapter's parameters cell holds plain values; its next cell calls `read_parameters(globals(), Model)`, which
refuses unknown names, wrong types and impossible values in one sentence before anything trains.
"""

from __future__ import annotations

import types
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from itertools import pairwise, product
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from fewerwells.running.storage import why_no_table
from fewerwells.science.circuits import CIRCUITS, REFERENCE_N, Circuit, outside_family, reference_circuit
from fewerwells.science.datasets import BIG
from fewerwells.science.random_systems import random_system
from fewerwells.study.baselines import BASELINES, add_baselines
from fewerwells.study.chosen import PLATE
from fewerwells.study.protocol import (
    CONTROLS,
    REMEDIES,
    RIVALS,
    SIMPLE_MODEL,
    STUDY_ARMS,
    Cell,
    Design,
    Protocol,
)
from fewerwells.study.well_arms import DOMAINS, NETWORKS, OTHER_DESIGNS, OTHER_LEARNERS, OUTSIDE, WellArm, add_well_arms

# Sizes by profile; None in a parameters cell means "as the profile says".
# paper is the study at full size; lecture keeps its 2000 epochs with fewer seeds and volumes, and half the oracle's pairs;
# smoke only shows that everything runs.
PROFILES: dict[str, dict] = {
    "smoke": {
        "n_seeds": 2,
        "epochs": 20,
        "synthetic_volume": 400,
        "oracle_volume": 400,
        "volumes": [10, 50, 200],
        "volume": 200,
        "coverage_repeats": 4,
        "sweep_seeds": 2,
        "sweep_synthetic_volume": 400,
        "sweep_oracle_volume": 400,
        "sweep_volumes": [10, 100],
        "sweep_hill_coefficients": [2.0],
        "sweep_noises": [0.5, 1.0],
        "sweep_batch_sizes": [64, 256],
        "sweep_learning_rates": [1e-3],
        "sweep_losses": ["l1"],
        "sweep_input_scalings": ["symmetric"],
        "sweep_mismatches": [0.3],
        "arm_volumes": [20],
        "map_circuits": ["n_part_complex"],
        "map_volumes": [10, 50],
        "map_noises": [0.3, 3.0],
        "map_seeds": 4,
        "n_systems": 2,
        "system_seeds": 2,
        "system_volumes": [10, 50, 200],
        "well_targets": ["n_part_complex"],
        "random_volumes": [8, 16, 32],
        "chosen_volumes": [16],
        "design_seeds": 2,
        "outside": [0, 8],
    },
    "lecture": {
        "n_seeds": 4,
        "epochs": 2000,
        "synthetic_volume": 20_000,
        "oracle_volume": 5000,
        "volumes": [10, 20, 50, 96, 200, 500, 1000, 2000],
        "volume": 1000,
        "coverage_repeats": 40,
        "sweep_seeds": 3,
        "sweep_synthetic_volume": 5000,
        "sweep_oracle_volume": 2000,
        "sweep_volumes": [10, 50, 96, 500],
        "sweep_hill_coefficients": [1.0, 2.0],
        "sweep_noises": [1.0, 3.0],
        "sweep_batch_sizes": [64, 256],
        "sweep_learning_rates": [3e-4, 1e-3],
        "sweep_losses": ["l1", "l2"],
        "sweep_input_scalings": ["symmetric"],
        "sweep_mismatches": [0.0, 0.3],
        "arm_volumes": [96],
        "map_circuits": ["n_part_complex", "goldbeter_koshland"],
        "map_volumes": [10, 30, 96],
        "map_noises": [0.3, 3.0],
        "map_seeds": 4,
        "n_systems": 3,
        "system_seeds": 2,
        "system_volumes": [20, 96, 200],
        "well_targets": ["n_part_complex", "goldbeter_koshland"],
        "random_volumes": [12, 24, 48],
        "chosen_volumes": [24],
        "design_seeds": 2,
        "outside": [0, 8, 32],
    },
    "paper": {
        "n_seeds": 50,
        "epochs": 2000,
        "synthetic_volume": 40_000,
        "oracle_volume": 20_000,
        # about ×2 a step; 96 is one plate
        "volumes": [10, 20, 50, 96, 200, 500, 1000, 2000, 5000, 10_000, 20_000],
        "volume": 1000,  # 5 % of the oracle's 20,000
        "coverage_repeats": 1000,
        "sweep_seeds": 10,
        "sweep_synthetic_volume": 40_000,
        "sweep_oracle_volume": 20_000,
        "sweep_volumes": [10, 20, 50, 96, 200, 500, 1000, 2000, 5000],
        "sweep_hill_coefficients": [1.0, 1.5, 2.0, 3.0, 4.0],
        "sweep_noises": [0.3, 1.0, 3.0],
        "sweep_batch_sizes": [32, 64, 256, 1024],
        "sweep_learning_rates": [3e-4, 1e-3, 3e-3],
        "sweep_losses": ["l1", "l2"],
        "sweep_input_scalings": ["symmetric", "unit", "none"],
        "sweep_mismatches": [-1.0, -0.3, 0.0, 0.3, 1.0],
        "arm_volumes": [20, 96, 500],
        "map_circuits": ["n_part_complex", "mixed_complex", "goldbeter_koshland"],
        "map_volumes": [10, 20, 50, 96, 200],
        "map_noises": [0.3, 1.0, 3.0, 10.0],
        "map_seeds": 20,
        "n_systems": 12,
        "system_seeds": 5,
        "system_volumes": [10, 20, 50, 96, 200, 500, 1000, 2000],
        "well_targets": [
            "n_part_complex",
            "phosphorylation_cycle",
            "input_depletion",
            "goldbeter_koshland",
            "mixed_complex",
        ],
        "random_volumes": [12, 24, 48, 96],
        "chosen_volumes": [12, 24],
        "design_seeds": 10,
        "outside": [0, 4, 8, 16, 32, 64],
    },
}


def _each_once(values: list, info: ValidationInfo) -> list:
    if len(set(values)) != len(values):
        raise ValueError(f"{info.field_name} is {values}; each value may stand there once")
    return values


def _increasing(values: list, info: ValidationInfo) -> list:
    if any(later <= earlier for earlier, later in pairwise(values)):
        raise ValueError(f"{info.field_name} is {values}; its values must increase from each to the next")
    return values


def _a_table(value: str, info: ValidationInfo) -> str:
    reason = why_no_table(Path(value)) if value else ""
    if reason:
        raise ValueError(f"{info.field_name} is {value!r}; {reason}")
    return value


def _listed(name: str, names: Iterable[str]) -> str:
    """The name, if it is one of `names`; circuits are looked up when a value is checked, since more may be registered."""
    if name not in (names := list(names)):
        raise PydanticCustomError("not_listed", "Input should be {names}", {"names": " or ".join(map(repr, names))})
    return name


Item = TypeVar("Item", bound=Hashable)
EachOnce = Annotated[list[Item], Field(min_length=1), AfterValidator(_each_once)]
Increasing = Annotated[list[Item], Field(min_length=1), AfterValidator(_increasing)]

Volume = Annotated[int, Field(ge=1, le=1_000_000)]
SyntheticVolume = Annotated[int, Field(ge=2, le=1_000_000)]  # one pair has no spread, by which outputs are scaled
NumberOfSeeds = Annotated[int, Field(ge=1, le=10_000)]
Epochs = Annotated[int, Field(ge=10, le=1_000_000)]
HillCoefficient = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]
Noise = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Decades = Annotated[float, Field(ge=-2, le=2)]
BatchSize = Annotated[int, Field(ge=1)]
LearningRate = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Loss = Literal["l1", "l2"]
InputScaling = Literal["symmetric", "unit", "none"]
EngineName = Literal["auto", "fused", "reference"]
CircuitName = Annotated[str, AfterValidator(lambda name: _listed(name, CIRCUITS))]
OutsideFamily = Annotated[str, AfterValidator(lambda name: _listed(name, outside_family()))]

# Who may win the map of winners: no oracle, nobody who is told the true form, and of the networks only cheap ones.
CONTENDERS = (
    "transfer",
    "scratch",
    "big-domain scratch",
    "big-domain transfer",
    "residual",
    "fit, n = 1",
    "fit, n free",
    "fit, library without truth",
    "Gaussian process, log inputs",
    "Gaussian process, big domain",
    "Gaussian process on fit",
)
SYSTEM_ARMS = ("transfer", "scratch", "fit, n = 1", "fit, n free")

# What becomes −1 and 1, nM: the borders of the big domain; −20 and 20, so that 0–20 becomes 0–1; or the bare numbers.
INPUT_RANGES = {"symmetric": (BIG.low, BIG.high), "unit": (-BIG.high, BIG.high), "none": (-1.0, 1.0)}


class ParameterError(ValueError):
    """A parameter was refused; the message is one sentence a parameter. Notebooks show it without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"Refused: {self}"]


class ProfileParameters(BaseModel):
    """The one parameter that every chapter has."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    profile: Literal["smoke", "lecture", "paper"] = "paper"

    @model_validator(mode="before")
    @classmethod
    def _fill_from_profile(cls, values: dict) -> dict:
        profile = values.get("profile", "paper")
        sizes = PROFILES[profile if isinstance(profile, str) and profile in PROFILES else "paper"]
        chosen = {name: sizes[name] for name in cls.model_fields if name in sizes and values.get(name) is None}
        return values | chosen


class NetworkParameters(ProfileParameters):
    """How a network is trained: what every chapter that trains one offers."""

    noise: Noise = 1.0
    epochs: Epochs = None
    synthetic_volume: SyntheticVolume = None
    batch_size: BatchSize = 256
    learning_rate: LearningRate = 1e-3
    loss: Loss = "l1"
    engine: EngineName = "auto"

    @property
    def protocol(self) -> Protocol:
        """The study's protocol with these settings."""
        names = ("epochs", "synthetic_volume", "noise", "batch_size", "learning_rate", "loss")
        return Protocol(**{name: getattr(self, name) for name in names})


class TrainingParameters(NetworkParameters):
    """The parameters of every chapter that makes a table of many networks."""

    n_seeds: NumberOfSeeds = None
    first_seed: int = Field(default=0, ge=0)
    oracle_volume: Volume = None
    table_file: Annotated[str, AfterValidator(_a_table)] = ""

    @property
    def seeds(self) -> list[int]:
        """The paired seeds, consecutive from `first_seed`."""
        return list(range(self.first_seed, self.first_seed + self.n_seeds))

    @property
    def protocol(self) -> Protocol:
        """The study's protocol with these settings."""
        return replace(super().protocol, oracle_volume=self.oracle_volume)

    def _design(self, cells: Iterable[Cell]) -> Design:
        return Design(self.protocol, tuple(self.seeds), tuple(cells))


class Experiment1(TrainingParameters):
    """Experiment 1: the volume of real data varies, the target circuit is fixed."""

    circuit: CircuitName = "n_part_complex"
    hill_coefficient: HillCoefficient = REFERENCE_N
    volumes: Increasing[Volume] = None
    input_scaling: InputScaling = "symmetric"
    theta_mismatch: Decades = 0.0
    eta_mismatch: Decades = 0.0

    @model_validator(mode="after")
    def _hill_coefficient_counts(self) -> Self:
        given = f"hill_coefficient is {self.hill_coefficient:g} and circuit is {self.circuit}"
        own = {parameter.name: parameter for parameter in CIRCUITS[self.circuit].own}
        if "n" not in own and self.hill_coefficient != REFERENCE_N:
            raise ValueError(f"{given}, which has none; leave it at {REFERENCE_N:g}")
        if "n" in own and own["n"].choices and self.hill_coefficient not in own["n"].choices:
            raise ValueError(f"{given}, which is solved for {' and '.join(map(str, own['n'].choices))} only")
        return self

    @property
    def target(self) -> Circuit:
        """The real system; a circuit without a Hill coefficient leaves it alone."""
        has_one = "n" in CIRCUITS[self.circuit].reference
        return reference_circuit(self.circuit, self.hill_coefficient if has_one else None)

    @property
    def protocol(self) -> Protocol:
        """The study's protocol with these settings; θ and η of its source are too large by the mismatches."""
        true = SIMPLE_MODEL
        theta, eta = (
            tuple(value * 10.0**decades for value in values)
            for values, decades in ((true.theta, self.theta_mismatch), (true.eta, self.eta_mismatch))
        )
        source = replace(true, theta=theta, eta=eta)
        return replace(super().protocol, input_range=INPUT_RANGES[self.input_scaling], source=source)

    @property
    def designs(self) -> list[Design]:
        """One: transfer and scratch at every volume, then the oracle."""
        arms = [Cell(arm, self.target, n) for arm in ("transfer", "scratch") for n in self.volumes]
        return [self._design([*arms, Cell("oracle", self.target, self.oracle_volume)])]


class Experiment2(TrainingParameters):
    """Experiment 2: the target circuit varies, the volume of real data is fixed."""

    hill_coefficients: Annotated[list[HillCoefficient], AfterValidator(_each_once)] = [1.0, 1.5, 2.0, 3.0, 4.0]
    phosphorylation: bool = True
    outside_family: Annotated[list[OutsideFamily], AfterValidator(_each_once)] = []
    volume: Volume = None

    @model_validator(mode="after")
    def _some_target(self) -> Self:
        if not self.targets:
            raise ValueError(
                "hill_coefficients and outside_family are [] and phosphorylation is false; at least one target is needed"
            )
        return self

    @property
    def targets(self) -> list[Circuit]:
        """The real systems, in reading order."""
        complexes = [reference_circuit("n_part_complex", n) for n in self.hill_coefficients]
        cycle = [reference_circuit("phosphorylation_cycle")] * self.phosphorylation
        return complexes + cycle + [reference_circuit(name) for name in self.outside_family]

    @property
    def designs(self) -> list[Design]:
        """One: transfer, scratch and an oracle for each target."""
        cells = [
            Cell(arm, target, self.oracle_volume if arm == "oracle" else self.volume)
            for target in self.targets
            for arm in ("transfer", "scratch", "oracle")
        ]
        return [self._design(cells)]


Positive = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]


class Biology(ProfileParameters):
    """Chapter 1: the parameters of the circuits to draw, and how many random draws check the algebra."""

    hill_coefficients: Annotated[Increasing[HillCoefficient], Field(max_length=6)] = [1.0, 2.0, 4.0]
    theta_1: Positive = 0.2
    theta_2: Positive = 0.4
    eta_1: Positive = 40.0
    eta_2: Positive = 30.0
    y_tot: Positive = 40.0
    resource: Positive = 5.0
    saturation: Positive = 0.1
    leak: float = Field(default=0.1, ge=0, le=1)
    mixing: float = Field(default=1.0, ge=0, le=1e6)
    n_checks: int = Field(default=40, ge=1, le=1000)

    @property
    def theta(self) -> tuple[float, float]:
        """Affinities (θ₁, θ₂), nM⁻¹."""
        return (self.theta_1, self.theta_2)

    @property
    def eta(self) -> tuple[float, float]:
        """Largest outputs (η₁, η₂), nM."""
        return (self.eta_1, self.eta_2)


class Problem(NetworkParameters):
    """The problem, shown on one network: its seed, its wells."""

    hill_coefficient: HillCoefficient = 2.0
    wells: Volume = 96
    seed: int = Field(default=0, ge=0)

    @property
    def target(self) -> Circuit:
        """The real system."""
        return reference_circuit("n_part_complex", self.hill_coefficient)


def _shared(settings: ProfileParameters) -> dict:
    """The parameters of a chapter that every table has."""
    return {name: value for name, value in settings.model_dump().items() if name in TrainingParameters.model_fields}


class BothExperiments(ProfileParameters):
    """Both experiments, each with its own default design, with those of their settings that a chapter offers."""

    @property
    def experiment_1(self) -> Experiment1:
        """Experiment 1 as published, with these settings."""
        return Experiment1(**_shared(self))

    @property
    def experiment_2(self) -> Experiment2:
        """Experiment 2 as published, with these settings."""
        return Experiment2(**_shared(self))


class Introduction(BothExperiments):
    """The landing page: on how many seeds its figures stand."""

    n_seeds: NumberOfSeeds = None


class Findings(BothExperiments):
    """The findings of both experiments."""

    n_seeds: NumberOfSeeds = None
    noise: Noise = 1.0
    engine: EngineName = "auto"


class Controls(TrainingParameters):
    """Every arm there is, on one target at a few volumes: where the gain comes from."""

    hill_coefficient: HillCoefficient = 2.0
    arm_volumes: EachOnce[Volume] = None

    @property
    def target(self) -> Circuit:
        """The real system."""
        return reference_circuit("n_part_complex", self.hill_coefficient)

    @property
    def designs(self) -> list[Design]:
        """One: the arms that use wells at every volume, the oracle and the pre-trained network once."""
        once = [Cell("oracle", self.target, self.oracle_volume), Cell("zero-shot", self.target, 0)]
        arms = [a for a in STUDY_ARMS | CONTROLS | REMEDIES | RIVALS if a not in {cell.arm for cell in once}]
        return [self._design([*once, *(Cell(a, self.target, n) for n in self.arm_volumes for a in arms)])]


class Targets(TrainingParameters):
    """Every way to predict from a plate of wells, on targets inside and outside the family."""

    wells: Volume = 96

    @property
    def targets(self) -> list[Circuit]:
        """The real systems, in reading order."""
        return [reference_circuit(name) for name in CIRCUITS if name != SIMPLE_MODEL.name]

    @property
    def designs(self) -> list[Design]:
        """One: the study's arms, the remedies and the rivals on each target."""
        arms = [*STUDY_ARMS, "big-domain scratch", "big-domain transfer", *REMEDIES, *RIVALS]
        return [
            self._design(
                Cell(arm, target, self.oracle_volume if arm == "oracle" else self.wells)
                for target in self.targets
                for arm in arms
            )
        ]


MapSeeds = Annotated[int, Field(ge=4, le=10_000)]  # a winner is named where seeds agree


class Baselines(Targets):
    """Scratch and transfer as the study trains them, and each trained with care, on every target."""

    @property
    def designs(self) -> list[Design]:
        """One: the study's arms and the fair baselines on each target."""
        add_baselines()
        return [
            self._design(
                Cell(arm, target, self.oracle_volume if arm == "oracle" else self.wells)
                for target in self.targets
                for arm in (*STUDY_ARMS, *BASELINES)
            )
        ]


class WinnerMap(TrainingParameters):
    """The contenders over the number of wells and the noise of the measurement, on `map_seeds` of the paired seeds."""

    map_seeds: MapSeeds = None
    map_circuits: EachOnce[CircuitName] = None
    map_volumes: EachOnce[Volume] = None
    map_noises: EachOnce[Noise] = None

    @property
    def designs(self) -> list[Design]:
        """One a noise."""
        targets = [reference_circuit(name) for name in self.map_circuits]
        cells = tuple(Cell(arm, t, n) for t in targets for n in self.map_volumes for arm in CONTENDERS)
        seeds = tuple(range(self.first_seed, self.first_seed + self.map_seeds))
        return [Design(replace(self.protocol, noise=noise), seeds, cells) for noise in self.map_noises]


NumberOfSystems = Annotated[int, Field(ge=1, le=1000)]


class RandomSystems(TrainingParameters):
    """The study's arms and the best rivals on systems drawn at random, each on `system_seeds` of the paired seeds."""

    n_systems: NumberOfSystems = None
    system_seeds: NumberOfSeeds = None
    system_volumes: EachOnce[Volume] = None

    @property
    def designs(self) -> list[Design]:
        """One a system."""
        designs = []
        for number in range(self.n_systems):
            system = random_system(number)
            cells = [Cell(arm, system.target, n) for n in self.system_volumes for arm in SYSTEM_ARMS]
            cells.append(Cell("oracle", system.target, self.oracle_volume))
            scale = system.source.largest_output
            protocol = replace(self.protocol, source=system.source, output_scale=scale)
            seeds = tuple(range(self.first_seed, self.first_seed + self.system_seeds))
            designs.append(Design(protocol, seeds, tuple(cells)))
        return designs


class Experiment3(TrainingParameters):
    """Experiment 3: who chooses the wells, and from where; the main comparison on all seeds, the others on the first."""

    well_targets: EachOnce[CircuitName] = None
    random_volumes: Increasing[Volume] = None
    chosen_volumes: Increasing[Volume] = None
    design_seeds: NumberOfSeeds = None
    outside: Increasing[Literal[OUTSIDE]] = None

    @property
    def targets(self) -> list[Circuit]:
        """The real systems, in reading order."""
        return [reference_circuit(name) for name in self.well_targets]

    @property
    def chosen(self) -> int:
        """The number of chosen wells at which designs are compared: the largest."""
        return self.chosen_volumes[-1]

    @model_validator(mode="after")
    def _comparisons_are_there(self) -> Self:
        wanted = [self.chosen, 2 * self.chosen]
        if not set(wanted) <= set(self.random_volumes):
            raise ValueError(
                f"random_volumes is {self.random_volumes}; it must hold the largest of chosen_volumes and twice it, "
                f"{wanted[0]} and {wanted[1]}"
            )
        if self.design_seeds > self.n_seeds:
            raise ValueError(
                f"design_seeds is {self.design_seeds} and n_seeds {self.n_seeds}; they are the first of them"
            )
        return self

    def _cells(self, learner: str, design: str, volumes: Iterable[int], targets: Iterable[Circuit]) -> list[Cell]:
        return [
            Cell(WellArm(learner, design, domain).name, target, n)
            for target in targets
            for domain in DOMAINS
            for n in volumes
        ]

    @property
    def designs(self) -> list[Design]:
        """Two: the library on random and on its own wells, over all seeds; every other design and learner over a few."""
        add_well_arms()
        targets, at, everywhere = self.targets, [self.chosen], "0–20 nM"
        main = self._cells("library", "random", self.random_volumes, targets)
        main += self._cells("library", "library", self.chosen_volumes, targets)
        rest = [cell for design in OTHER_DESIGNS for cell in self._cells("library", design, at, targets)]
        rest += [cell for learner, design in OTHER_LEARNERS for cell in self._cells(learner, design, at, targets)]
        for learner in NETWORKS:
            rest += [Cell(WellArm(learner, f"{m} outside", everywhere).name, targets[0], PLATE) for m in self.outside]
            rest += self._cells(learner, "random", at, targets[:1]) + self._cells(learner, "library", at, targets[:1])
        rest.append(Cell("transfer", targets[0], self.oracle_volume))  # what more wells than anybody fills would give
        return [self._design(main), Design(self.protocol, tuple(self.seeds[: self.design_seeds]), tuple(rest))]


class WhoElse(ProfileParameters):
    """All methods on all targets, the map of winners, and random systems."""

    noise: Noise = 1.0
    n_seeds: NumberOfSeeds = None
    first_seed: int = Field(default=0, ge=0)
    map_circuits: EachOnce[CircuitName] = None
    map_volumes: EachOnce[Volume] = None
    map_noises: EachOnce[Noise] = None
    map_seeds: MapSeeds = None
    n_systems: NumberOfSystems = None
    system_seeds: NumberOfSeeds = None
    epochs: Epochs = None
    synthetic_volume: SyntheticVolume = None
    oracle_volume: Volume = None
    engine: EngineName = "auto"

    def _part(self, model: type[TrainingParameters], **changes) -> TrainingParameters:
        return model(**_shared(self) | changes)

    @property
    def at_one_plate(self) -> Targets:
        """All methods on all targets."""
        return self._part(Targets)

    @property
    def winner_map(self) -> WinnerMap:
        """The contenders over wells and noise."""
        names = ("map_circuits", "map_volumes", "map_noises", "map_seeds")
        return self._part(WinnerMap, **{name: getattr(self, name) for name in names})

    @property
    def random_systems(self) -> RandomSystems:
        """The study's arms and the best rivals on systems drawn at random."""
        return self._part(RandomSystems, system_seeds=self.system_seeds, n_systems=self.n_systems)


class Verdicts(Findings):
    """The verdicts: every published table but the map of winners, and how many simulated studies test the intervals."""

    coverage_repeats: int = Field(default=None, ge=1, le=100_000)

    @property
    def tables(self) -> dict[str, TrainingParameters]:
        """The tables that claims are judged from, by name."""
        names = ("experiment_1", "experiment_2", "controls", "targets", "random_systems")
        return {name: PUBLISHED[name](**_shared(self)) for name in names}


class Sweeps(ProfileParameters):
    """Sweeps of Experiment 1: over the Hill coefficient and the noise, and each choice the study is silent on,
    and the mismatch of the source's parameters.
    """

    sweep_seeds: NumberOfSeeds = None
    sweep_synthetic_volume: SyntheticVolume = None
    sweep_oracle_volume: Volume = None
    sweep_volumes: Increasing[Volume] = None
    sweep_hill_coefficients: EachOnce[HillCoefficient] = None
    sweep_noises: EachOnce[Noise] = None
    sweep_batch_sizes: EachOnce[BatchSize] = None
    sweep_learning_rates: EachOnce[LearningRate] = None
    sweep_losses: EachOnce[Loss] = None
    sweep_input_scalings: EachOnce[InputScaling] = None
    sweep_mismatches: EachOnce[Decades] = None
    engine: EngineName = "auto"

    @property
    def grids(self) -> dict[str, dict[str, list]]:
        """Name of a sweep → parameter of Experiment 1 → the values whose combinations run."""
        return {
            "n_by_noise": {"hill_coefficient": self.sweep_hill_coefficients, "noise": self.sweep_noises},
            "batch_size": {"batch_size": self.sweep_batch_sizes},
            "learning_rate": {"learning_rate": self.sweep_learning_rates},
            "loss": {"loss": self.sweep_losses},
            "input_scaling": {"input_scaling": self.sweep_input_scalings},
            "theta_mismatch": {"theta_mismatch": self.sweep_mismatches},
            "eta_mismatch": {"eta_mismatch": self.sweep_mismatches},
        }

    @property
    def fixed(self) -> dict:
        """What all points of all sweeps share."""
        sizes = {name: getattr(self, f"sweep_{name}") for name in ("synthetic_volume", "oracle_volume", "volumes")}
        return {"profile": self.profile, "n_seeds": self.sweep_seeds, "engine": self.engine} | sizes

    def points(self, name: str) -> list[tuple[dict, Experiment1]]:
        """The points of a sweep: the values of its grid, and Experiment 1 with them."""
        grid = self.grids[name]
        each = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
        return [(values, Experiment1(**self.fixed | values)) for values in each]

    @property
    def designs(self) -> list[Design]:
        """One a point; a point that sweeps share stands there once."""
        return list(dict.fromkeys(d for name in self.grids for _, point in self.points(name) for d in point.designs))


class Engine(ProfileParameters):
    """The comparison of the two engines."""

    n_networks: int = Field(default=8, ge=1, le=10_000)
    wells: Volume = 200
    epochs: Epochs = None


class TrainItYourself(BothExperiments):
    """The interactive figures: the circuit, wells and seed they open with, and the tables they show."""

    hill_coefficient: Literal[1.5, 2.0, 3.0, 4.0] = 2.0
    wells: int = Field(default=96, ge=8, le=384, multiple_of=8)
    seed: int = Field(default=0, ge=0, le=9999)


# The tables that git keeps under results/: everything at paper size.
PUBLISHED: dict[str, type[TrainingParameters | Sweeps]] = {
    "experiment_1": Experiment1,
    "experiment_2": Experiment2,
    "controls": Controls,
    "targets": Targets,
    "winner_map": WinnerMap,
    "random_systems": RandomSystems,
}

CHAPTER_PARAMETERS: dict[str, type[ProfileParameters]] = {
    "intro": Introduction,
    "01_biology": Biology,
    "02_problem": Problem,
    "03_experiment_1": Experiment1,
    "04_experiment_2": Experiment2,
    "05_findings": Findings,
    "07_who_else": WhoElse,
    "08_why_it_works": Controls,
    "06_verdicts": Verdicts,
    "09_sweeps": Sweeps,
    "10_engine": Engine,
    "11_train_it_yourself": TrainItYourself,
    "13_which_wells": Experiment3,
}


def _sentence(error: dict, model: type[BaseModel]) -> str:
    """One pydantic error as a plain sentence that names the parameter, its value and what is allowed."""
    location = error["loc"]
    if error["type"] == "extra_forbidden":
        near = get_close_matches(str(location[0]), model.model_fields, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(model.model_fields)}."
        return f"there is no parameter {location[0]}; {hint}"
    if error["type"] == "value_error":
        return f"{error['ctx']['error']}."
    name = str(location[0]) + "".join(f"[{part}]" for part in location[1:])
    allowed = error["msg"].removeprefix("Input should be ").replace("'", '"')
    if error["type"] == "too_short":
        allowed = "a list with at least one value"
    if error["type"] == "too_long":
        allowed = f"a list with at most {error['ctx']['max_length']} values"
    return f"{name} is {error['input']!r}; it must be {allowed}."


def problems(values: Mapping, model: type[ProfileParameters]) -> list[tuple[str, str]]:
    """Everything that a model refuses, as pairs (parameter, sentence); "" where values contradict one another."""
    try:
        model.model_validate(dict(values))
    except ValidationError as error:
        return [(str(e["loc"][0]) if e["loc"] else "", _sentence(e, model)) for e in error.errors(include_url=False)]
    return []


def validate(values: Mapping, model: type[ProfileParameters]) -> ProfileParameters:
    """Values checked against a model of this module and completed from the profile.

    Raises:
        ParameterError: one sentence for each unknown name, wrong type or impossible value.
    """
    refused = problems(values, model)
    if refused:
        raise ParameterError(" ".join(sentence for _, sentence in refused))
    return model.model_validate(dict(values))


def _is_parameter(name: str, value) -> bool:
    plain = value is None or isinstance(value, (bool, int, float, str, list, tuple, dict))
    return plain and not name.startswith("_") and name not in ("In", "Out")


def read_parameters(namespace: Mapping, model: type[ProfileParameters]) -> ProfileParameters:
    """The parameters of a chapter, read from the notebook's `globals()` right after its parameters cell.

    papermill injects whatever it is given, so every plain value in the notebook at that point is either a
    parameter of the chapter or a mistake.

    Raises:
        ParameterError: as `validate`.
    """
    values = {
        name: value
        for name, value in namespace.items()
        if _is_parameter(name, value) and not isinstance(value, types.ModuleType)
    }
    return validate(values, model)
