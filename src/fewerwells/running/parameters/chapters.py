"""The parameters of each chapter, by the name of its notebook."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fewerwells.running.parameters.experiments import Experiment1, Experiment2, Sweeps
from fewerwells.running.parameters.fields import (
    CircuitName,
    EachOnce,
    EngineName,
    Epochs,
    HillCoefficient,
    Increasing,
    MapSeeds,
    Noise,
    NumberOfSeeds,
    NumberOfSystems,
    Positive,
    Seed,
    SyntheticVolume,
    Volume,
)
from fewerwells.running.parameters.many_circuits import ManyCircuits
from fewerwells.running.parameters.plates import MeasuredWells, YourPlate
from fewerwells.running.parameters.profiles import ProfileParameters
from fewerwells.running.parameters.tables import PUBLISHED, Controls, RandomSystems, Targets, WinnerMap
from fewerwells.running.parameters.training import NetworkParameters, TrainingParameters, with_settings_of
from fewerwells.running.parameters.which_wells import Experiment3
from fewerwells.science.circuits import Circuit, reference_circuit


class CircuitParameters(ProfileParameters):
    """The parameters of the circuits that a chapter draws."""

    theta_1: Positive = 0.2
    theta_2: Positive = 0.4
    eta_1: Positive = 40.0
    eta_2: Positive = 30.0
    y_tot: Positive = 40.0

    @property
    def theta(self) -> tuple[float, float]:
        """Affinities (θ₁, θ₂), nM⁻¹."""
        return (self.theta_1, self.theta_2)

    @property
    def eta(self) -> tuple[float, float]:
        """Largest outputs (η₁, η₂), nM."""
        return (self.eta_1, self.eta_2)


class Biology(CircuitParameters):
    """Chapter 1: which curves to draw, and how many random draws check the algebra."""

    hill_coefficients: Increasing[HillCoefficient] = Field(default=[1.0, 2.0, 4.0], max_length=6)
    n_checks: int = Field(default=40, ge=1, le=1000)


class OutsideFamily(CircuitParameters):
    """The circuits outside the family: how far outside."""

    resource: Positive = 5.0
    saturation: Positive = 0.1
    leak: float = Field(default=0.1, ge=0, le=1)
    mixing: float = Field(default=1.0, ge=0, le=1e6)


class Problem(NetworkParameters):
    """The problem, shown on one network: its seed, its wells."""

    hill_coefficient: HillCoefficient = 2.0
    wells: Volume = 96
    seed: Seed = 0

    @property
    def target(self) -> Circuit:
        """The real system."""
        return reference_circuit("n_part_complex", self.hill_coefficient)


class BothExperiments(ProfileParameters):
    """Both experiments, each with its own default design, with those of their settings that a chapter offers."""

    @property
    def experiment_1(self) -> Experiment1:
        """Experiment 1 as published, with these settings."""
        return with_settings_of(self, Experiment1)

    @property
    def experiment_2(self) -> Experiment2:
        """Experiment 2 as published, with these settings."""
        return with_settings_of(self, Experiment2)


def _experiment_3(chapter: Introduction | Verdicts) -> Experiment3:
    """Experiment 3 as published with a chapter's settings; of fewer seeds all are used for every comparison."""
    few = Experiment3(profile=chapter.profile).design_seeds
    return with_settings_of(chapter, Experiment3, design_seeds=min(few, chapter.n_seeds))


def _many_circuits(chapter: Verdicts) -> ManyCircuits:
    """*A thousand circuits* as published with a chapter's settings, its few seeds cut as Experiment 3's are."""
    few = ManyCircuits(profile=chapter.profile).few_seeds
    return with_settings_of(chapter, ManyCircuits, few_seeds=min(few, chapter.n_seeds))


class Introduction(BothExperiments):
    """The landing page: on how many seeds its figures stand."""

    n_seeds: NumberOfSeeds = None

    @property
    def experiment_3(self) -> Experiment3:
        """Experiment 3 as published, with these settings."""
        return _experiment_3(self)


class WhoElse(ProfileParameters):
    """All methods on all targets, the map of winners, and random systems."""

    noise: Noise = 1.0
    n_seeds: NumberOfSeeds = None
    first_seed: Seed = 0
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

    @property
    def at_one_plate(self) -> Targets:
        """All methods on all targets."""
        return with_settings_of(self, Targets)

    @property
    def winner_map(self) -> WinnerMap:
        """The contenders over wells and noise."""
        names = ("map_circuits", "map_volumes", "map_noises", "map_seeds")
        return with_settings_of(self, WinnerMap, **{name: getattr(self, name) for name in names})

    @property
    def random_systems(self) -> RandomSystems:
        """The study's arms and the best rivals on systems drawn at random."""
        return with_settings_of(self, RandomSystems, system_seeds=self.system_seeds, n_systems=self.n_systems)


class Verdicts(BothExperiments):
    """The verdicts: the published tables on which a claim rests, and how many simulated studies test the intervals."""

    n_seeds: NumberOfSeeds = None
    noise: Noise = 1.0
    engine: EngineName = "auto"
    coverage_repeats: int = Field(default=None, ge=1, le=100_000)

    @property
    def tables(self) -> dict[str, TrainingParameters]:
        """The tables that claims are judged from, by name."""
        names = ("experiment_1", "experiment_2", "controls", "targets", "random_systems")
        names += ("chosen_in_systems", "chosen_under_noise")
        shared = {name: with_settings_of(self, PUBLISHED[name]) for name in names}
        return shared | {"experiment_3": _experiment_3(self), "many_circuits": _many_circuits(self)}


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


CHAPTER_PARAMETERS: dict[str, type[ProfileParameters]] = {
    "intro": Introduction,
    "01_biology": Biology,
    "02_problem": Problem,
    "03_experiment_1": Experiment1,
    "04_experiment_2": Experiment2,
    "06_verdicts": Verdicts,
    "07_who_else": WhoElse,
    "08_why_it_works": Controls,
    "09_sweeps": Sweeps,
    "10_engine": Engine,
    "11_train_it_yourself": TrainItYourself,
    "12_a_thousand_circuits": ManyCircuits,
    "13_which_wells": Experiment3,
    "14_your_plate": YourPlate,
    "15_measured_wells": MeasuredWells,
    "16_outside_the_family": OutsideFamily,
}
