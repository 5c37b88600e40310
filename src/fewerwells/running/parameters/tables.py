"""The designs of the tables: which arms on which targets with how many wells, and what a reader may change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from typing import Literal, Self

from pydantic import Field, model_validator

from fewerwells.running.parameters.fields import (
    BatchSize,
    CircuitName,
    Decades,
    Distinct,
    EachOnce,
    EngineName,
    HillCoefficient,
    Increasing,
    InputScaling,
    LearningRate,
    Loss,
    MapSeeds,
    Multiple,
    Noise,
    NumberOfSeeds,
    NumberOfSystems,
    OutsideFamily,
    RelativeError,
    Share,
    SyntheticVolume,
    Volume,
)
from fewerwells.running.parameters.many_circuits import ManyCircuits
from fewerwells.running.parameters.profiles import ProfileParameters
from fewerwells.running.parameters.training import SeededParameters, TrainingParameters, with_settings_of
from fewerwells.science.circuits import CIRCUITS, REFERENCE_N, Circuit, reference_circuit
from fewerwells.science.datasets import BIG
from fewerwells.science.noise import Noise as MeasurementNoise
from fewerwells.science.pipetting import Pipetted
from fewerwells.science.random_systems import random_system
from fewerwells.study.baselines import BASELINES, add_baselines
from fewerwells.study.chosen import PLATE
from fewerwells.study.many_circuits import NEVER_SEEN, READERS, add_many_circuits, can_run
from fewerwells.study.protocol import CONTROLS, REMEDIES, RIVALS, SIMPLE_MODEL, STUDY_ARMS, Cell, Design, Protocol
from fewerwells.study.well_arms import (
    DOMAINS,
    MOST_CHOSEN,
    NETWORKS,
    OTHER_DESIGNS,
    OTHER_LEARNERS,
    OUTSIDE,
    WAYS,
    WellArm,
    add_well_arms,
)

# Who may win the map of winners: no oracle, nobody who is told the true form, and of the networks only cheap ones. Where
# there is a network that has never read a circuit like the target, it stands for the one that has read all.
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
    "in-context network",
)
SYSTEM_ARMS = ("transfer", "scratch", "fit, n = 1", "fit, n free")

# What becomes −1 and 1, nM: the borders of the big domain, as they are or as logarithms; −20 and 20, so that 0–20 becomes
# 0–1; or the bare numbers.
INPUT_RANGES = {
    "symmetric": (BIG.low, BIG.high),
    "unit": (-BIG.high, BIG.high),
    "none": (-1.0, 1.0),
    "log": (BIG.low, BIG.high),
}


class Experiment1(SeededParameters):
    """Experiment 1: the volume of real data varies, the target circuit is fixed."""

    circuit: CircuitName = "n_part_complex"
    hill_coefficient: HillCoefficient = REFERENCE_N
    volumes: Increasing[Volume] = None
    pretraining_share: Share = 0.9
    fine_tuning_rate: Multiple = 1.0
    input_scaling: InputScaling = "symmetric"
    theta_mismatch: Decades = 0.0
    eta_mismatch: Decades = 0.0
    proportional_noise: RelativeError = 0.0
    input_error: RelativeError = 0.0

    @model_validator(mode="after")
    def _both_phases_train(self) -> Self:
        before = round(self.pretraining_share * self.epochs)
        if not 0 < before < self.epochs:
            given = f"pretraining_share is {self.pretraining_share:g} and epochs is {self.epochs}"
            raise ValueError(
                f"{given}, which leaves {self.epochs - before} for fine-tuning; each phase needs one at least"
            )
        return self

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
    def target(self) -> Circuit | Pipetted:
        """The real system; a circuit without a Hill coefficient leaves it alone."""
        has_one = "n" in CIRCUITS[self.circuit].reference
        circuit = reference_circuit(self.circuit, self.hill_coefficient if has_one else None)
        if not (self.proportional_noise or self.input_error):
            return circuit
        return Pipetted(circuit, MeasurementNoise(self.noise, self.proportional_noise), self.input_error)

    @property
    def protocol(self) -> Protocol:
        """The study's protocol with these settings; θ and η of its source are too large by the mismatches."""
        true = SIMPLE_MODEL
        theta, eta = (
            tuple(value * 10.0**decades for value in values)
            for values, decades in ((true.theta, self.theta_mismatch), (true.eta, self.eta_mismatch))
        )
        source = replace(true, theta=theta, eta=eta)
        return replace(
            super().protocol,
            pretraining_share=self.pretraining_share,
            fine_tuning_rate=self.fine_tuning_rate,
            input_range=INPUT_RANGES[self.input_scaling],
            log_inputs=self.input_scaling == "log",
            source=source,
        )

    @property
    def designs(self) -> list[Design]:
        """One: transfer and scratch at every volume, then the oracle."""
        arms = [Cell(arm, self.target, n) for arm in ("transfer", "scratch") for n in self.volumes]
        return [self._design([*arms, Cell("oracle", self.target, self.oracle_volume)])]


class Experiment2(SeededParameters):
    """Experiment 2: the target circuit varies, the volume of real data is fixed."""

    hill_coefficients: Distinct[HillCoefficient] = Field(default=[1.0, 1.5, 2.0, 3.0, 4.0])
    phosphorylation: bool = True
    outside_family: Distinct[OutsideFamily] = Field(default=[])
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


class Controls(SeededParameters):
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


class Targets(SeededParameters):
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
        add_many_circuits()
        targets = [reference_circuit(name) for name in self.map_circuits]
        cells = tuple(Cell(_unseen(arm, t), t, n) for t in targets for n in self.map_volumes for arm in CONTENDERS)
        seeds = self.consecutive_seeds(self.map_seeds)
        return [Design(replace(self.protocol, noise=noise), seeds, cells) for noise in self.map_noises]


def _unseen(arm: str, target: Circuit) -> str:
    """The arm, or the network that has never read a circuit like the target instead of the one that has."""
    return NEVER_SEEN if arm == READERS[0] and can_run(NEVER_SEEN, target) else arm


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
            designs.append(Design(protocol, self.consecutive_seeds(self.system_seeds), tuple(cells)))
        return designs


def _well_cells(learner: str, design: str, volumes: Iterable[int], targets: Iterable[Circuit]) -> list[Cell]:
    """A learner on the wells of a design, from either domain."""
    return [
        Cell(WellArm(learner, design, domain).name, target, n)
        for target in targets
        for domain in DOMAINS
        for n in volumes
    ]


class ChosenInSystems(TrainingParameters):
    """Wells that the library chose against twice as many random ones, on systems drawn at random."""

    n_systems: NumberOfSystems = None
    system_seeds: NumberOfSeeds = None
    chosen: Volume = 24

    @property
    def designs(self) -> list[Design]:
        """One a system."""
        add_well_arms()
        seeds, volumes = self.consecutive_seeds(self.system_seeds), [self.chosen, 2 * self.chosen]
        return [
            Design(
                self.protocol,
                seeds,
                tuple(
                    _well_cells("library", "random", volumes, [random_system(number).target])
                    + _well_cells("library", "library", volumes[:1], [random_system(number).target])
                ),
            )
            for number in range(self.n_systems)
        ]


class Experiment3(SeededParameters):
    """Experiment 3: who chooses the wells, and from where; the main comparison on all seeds, the others on the first."""

    well_targets: EachOnce[CircuitName] = None
    random_volumes: Increasing[Volume] = None
    chosen_volumes: Increasing[Volume] = None
    design_seeds: NumberOfSeeds = None
    outside: Increasing[Literal[OUTSIDE]] = None
    way_volumes: Increasing[Volume] = None
    n_systems: NumberOfSystems = None
    system_seeds: NumberOfSeeds = None

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

    @property
    def designs(self) -> list[Design]:
        """Two: every other design and learner over a few seeds; the library on random and its own wells over all."""
        add_well_arms()
        targets, at, everywhere = self.targets, [self.chosen], "0–20 nM"
        main = _well_cells("library", "random", self.random_volumes, targets)
        main += _well_cells("library", "library", self.chosen_volumes, targets)
        rest = [cell for design in OTHER_DESIGNS for cell in _well_cells("library", design, at, targets)]
        rest += [cell for learner, design in OTHER_LEARNERS for cell in _well_cells(learner, design, at, targets)]
        for learner in NETWORKS:
            rest += [Cell(WellArm(learner, f"{m} outside", everywhere).name, targets[0], PLATE) for m in self.outside]
            rest += _well_cells(learner, "random", at, targets[:1]) + _well_cells(learner, "library", at, targets[:1])
        rest.append(Cell("transfer", targets[0], self.oracle_volume))  # what more wells than anybody fills would give
        rest += self._ways()
        rest = dict.fromkeys(cell for cell in rest if cell not in main)
        return [Design(self.protocol, self.seeds[: self.design_seeds], tuple(rest)), self._design(main)]

    def _ways(self) -> list[Cell]:
        """Scratch and every way to use a simulation over the number of wells, all inside 0–10 nM."""
        inside = next(iter(DOMAINS))
        return [
            Cell(WellArm(learner, design, inside).name, target, n)
            for target in self.targets
            for learner, design in (("scratch", "random"), *WAYS.values())
            for n in self.way_volumes
            if design == "random" or n <= MOST_CHOSEN
        ]

    @property
    def in_systems(self) -> ChosenInSystems:
        """The main comparison on systems drawn at random."""
        own = {"n_systems": self.n_systems, "system_seeds": self.system_seeds, "chosen": self.chosen}
        return with_settings_of(self, ChosenInSystems, **own)


class Sweeps(ProfileParameters):
    """Sweeps of Experiment 1: over the Hill coefficient and the noise, each choice that the study made or is silent on,
    the mismatch of the source's parameters, and what a real well adds to the noise.
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
    sweep_pretraining_shares: EachOnce[Share] = None
    sweep_fine_tuning_rates: EachOnce[Multiple] = None
    sweep_mismatches: EachOnce[Decades] = None
    sweep_proportional_noises: EachOnce[RelativeError] = None
    sweep_input_errors: EachOnce[RelativeError] = None
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
            "pretraining_share": {"pretraining_share": self.sweep_pretraining_shares},
            "fine_tuning_rate": {"fine_tuning_rate": self.sweep_fine_tuning_rates},
            "theta_mismatch": {"theta_mismatch": self.sweep_mismatches},
            "eta_mismatch": {"eta_mismatch": self.sweep_mismatches},
            "proportional_noise": {"proportional_noise": self.sweep_proportional_noises},
            "input_error": {"input_error": self.sweep_input_errors},
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


# The tables that git keeps under results/: everything at paper size.
PUBLISHED: dict[str, type[TrainingParameters | Sweeps]] = {
    "experiment_1": Experiment1,
    "experiment_2": Experiment2,
    "controls": Controls,
    "targets": Targets,
    "baselines": Baselines,
    "sweeps": Sweeps,
    "winner_map": WinnerMap,
    "random_systems": RandomSystems,
    "experiment_3": Experiment3,
    "chosen_in_systems": ChosenInSystems,
    "many_circuits": ManyCircuits,
}
