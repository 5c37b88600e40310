"""The designs of *Which wells?*: who chooses them, from where, and who learns from them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import model_validator

from fewerwells.running.parameters.fields import (
    CircuitName,
    EachOnce,
    Increasing,
    NumberOfSeeds,
    NumberOfSystems,
    ProportionalNoise,
    Volume,
)
from fewerwells.running.parameters.training import SeededParameters, TrainingParameters, with_settings_of
from fewerwells.science.circuits import Circuit, reference_circuit
from fewerwells.science.noise import Noise
from fewerwells.science.random_systems import random_system
from fewerwells.science.systems import Simulated
from fewerwells.study.chosen import PLATE
from fewerwells.study.protocol import Cell, Design
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


def _well_cells(
    learner: str, design: str, volumes: Iterable[int], targets: Iterable[Circuit | Simulated]
) -> list[Cell]:
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


class ChosenUnderNoise(TrainingParameters):
    """Wells that the library chose against twice as many random ones, where noise grows with the output too."""

    well_targets: EachOnce[CircuitName] = None
    proportional_noises: EachOnce[ProportionalNoise] = None
    noise_seeds: NumberOfSeeds = None
    chosen: Volume = 24

    @property
    def designs(self) -> list[Design]:
        """One."""
        add_well_arms()
        protocol, cells = self.protocol, []
        for proportional in self.proportional_noises:
            noise = Noise(protocol.noise, proportional)
            systems = [Simulated(reference_circuit(name), noise) for name in self.well_targets]
            for learner in ("library", "in-context network"):
                cells += _well_cells(learner, "random", [self.chosen, 2 * self.chosen], systems)
                cells += _well_cells(learner, "library", [self.chosen], systems)
        return [Design(protocol, self.consecutive_seeds(self.noise_seeds), tuple(cells))]


class Experiment3(SeededParameters):
    """Experiment 3: who chooses the wells, and from where; the main comparison on all seeds, the others on `design_seeds`."""

    well_targets: EachOnce[CircuitName] = None
    random_volumes: Increasing[Volume] = None
    chosen_volumes: Increasing[Volume] = None
    design_seeds: NumberOfSeeds = None
    outside: Increasing[Literal[OUTSIDE]] = None
    way_volumes: Increasing[Volume] = None
    n_systems: NumberOfSystems = None
    system_seeds: NumberOfSeeds = None
    proportional_noises: EachOnce[ProportionalNoise] = None
    noise_seeds: NumberOfSeeds = None

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
        """Two: every other design and learner over `design_seeds`; the library on random and its own wells over all."""
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

    @property
    def under_noise(self) -> ChosenUnderNoise:
        """The main comparison where noise grows with the output."""
        own = {name: getattr(self, name) for name in ("well_targets", "proportional_noises", "noise_seeds", "chosen")}
        return with_settings_of(self, ChosenUnderNoise, **own)
