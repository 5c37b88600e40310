"""The other tables of the study's arms: on every target, with controls, on a map, in other systems; and the list of all."""

from __future__ import annotations

from dataclasses import replace

from fewerwells.running.parameters.experiments import Experiment1, Experiment2, Sweeps
from fewerwells.running.parameters.fields import (
    CircuitName,
    EachOnce,
    HillCoefficient,
    MapSeeds,
    Noise,
    NumberOfSeeds,
    NumberOfSystems,
    Volume,
)
from fewerwells.running.parameters.many_circuits import ManyCircuits
from fewerwells.running.parameters.training import SeededParameters, TrainingParameters
from fewerwells.running.parameters.which_wells import ChosenInSystems, ChosenUnderNoise, Experiment3
from fewerwells.science.circuits import CIRCUITS, Circuit, reference_circuit
from fewerwells.science.random_systems import random_system
from fewerwells.study.baselines import BASELINES, add_baselines
from fewerwells.study.many_circuits import NEVER_SEEN, READERS, add_many_circuits, can_run
from fewerwells.study.protocol import CONTROLS, REMEDIES, RIVALS, SIMPLE_MODEL, STUDY_ARMS, Cell, Design

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


class Controls(SeededParameters):
    """The study's arms, controls, remedies and rivals on one target at a few volumes: where the gain comes from."""

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
    "chosen_under_noise": ChosenUnderNoise,
    "many_circuits": ManyCircuits,
}
