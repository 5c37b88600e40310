"""What a reader may set in a chapter, within which limits, and what the profiles mean.

A chapter's parameters cell holds plain values; its next cell calls `read_parameters(globals(), Model)`, which
refuses unknown names, wrong types and impossible values in one sentence before anything trains.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from difflib import get_close_matches
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fewerwells.circuits import CIRCUITS, Circuit, reference_circuit
from fewerwells.protocol import Cell, Protocol

# Sizes by profile; None in a parameters cell means "as the profile says".
# paper is the study at full size; lecture keeps its 2000 epochs with fewer seeds and volumes;
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
        "sweep_volumes": [10, 100],
        "sweep_hill_coefficients": [2.0],
        "sweep_noises": [0.5, 1.0],
        "sweep_batch_sizes": [64, 256],
        "sweep_learning_rates": [1e-3],
        "sweep_losses": ["l1"],
    },
    "lecture": {
        "n_seeds": 5,
        "epochs": 2000,
        "synthetic_volume": 40_000,
        "oracle_volume": 20_000,
        "volumes": [10, 20, 50, 96, 200, 500, 1000, 2000],
        "volume": 1000,
        "coverage_repeats": 100,
        "sweep_seeds": 3,
        "sweep_volumes": [10, 50, 200, 1000],
        "sweep_hill_coefficients": [1.0, 2.0],
        "sweep_noises": [0.3, 3.0],
        "sweep_batch_sizes": [64, 256],
        "sweep_learning_rates": [3e-4, 1e-3],
        "sweep_losses": ["l1", "l2"],
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
        "sweep_volumes": [10, 20, 50, 96, 200, 500, 1000, 2000, 5000],
        "sweep_hill_coefficients": [1.0, 1.5, 2.0, 3.0, 4.0],
        "sweep_noises": [0.3, 1.0, 3.0],
        "sweep_batch_sizes": [32, 64, 256, 1024],
        "sweep_learning_rates": [3e-4, 1e-3, 3e-3],
        "sweep_losses": ["l1", "l2"],
    },
}

Volume = Annotated[int, Field(ge=1, le=1_000_000)]
HillCoefficient = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]


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


class TrainingParameters(ProfileParameters):
    """The parameters that all training chapters share."""

    n_seeds: int = Field(default=None, ge=1, le=10_000)
    first_seed: int = Field(default=0, ge=0)
    noise: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    epochs: int = Field(default=None, ge=10, le=1_000_000)
    synthetic_volume: Volume = None
    oracle_volume: Volume = None
    batch_size: int = Field(default=256, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0, le=1, allow_inf_nan=False)
    loss: Literal["l1", "l2"] = "l1"
    engine: Literal["auto", "fused", "reference"] = "auto"
    table_file: str = ""

    @property
    def seeds(self) -> list[int]:
        """The paired seeds, consecutive from `first_seed`."""
        return list(range(self.first_seed, self.first_seed + self.n_seeds))

    @property
    def protocol(self) -> Protocol:
        """The study's protocol with these settings."""
        names = ("epochs", "synthetic_volume", "oracle_volume", "noise", "batch_size", "learning_rate", "loss")
        return Protocol(**{name: getattr(self, name) for name in names})


class Experiment1(TrainingParameters):
    """Experiment 1: the volume of real data varies, the target circuit is fixed."""

    circuit: Literal[tuple(CIRCUITS)] = "n_part_complex"
    hill_coefficient: HillCoefficient = 2.0
    volumes: list[Volume] = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _volumes_increase(self) -> Self:
        if any(later <= earlier for earlier, later in pairwise(self.volumes)):
            raise ValueError(f"volumes is {self.volumes}; the numbers of wells must increase from each to the next")
        return self

    @property
    def target(self) -> Circuit:
        """The real system."""
        return reference_circuit(self.circuit, self.hill_coefficient)

    def design(self) -> list[Cell]:
        """Transfer and scratch at every volume, then the oracle."""
        arms = [Cell(arm, self.target, n) for arm in ("transfer", "scratch") for n in self.volumes]
        return [*arms, Cell("oracle", self.target, self.oracle_volume)]


class Experiment2(TrainingParameters):
    """Experiment 2: the target circuit varies, the volume of real data is fixed."""

    hill_coefficients: list[HillCoefficient] = Field(default=[1.0, 1.5, 2.0, 3.0, 4.0])
    phosphorylation: bool = True
    volume: Volume = None

    @model_validator(mode="after")
    def _some_target(self) -> Self:
        if not self.targets:
            raise ValueError("hill_coefficients is [] and phosphorylation is false; at least one target is needed")
        if len(set(self.hill_coefficients)) != len(self.hill_coefficients):
            raise ValueError(f"hill_coefficients is {self.hill_coefficients}; each value may stand there once")
        return self

    @property
    def targets(self) -> list[Circuit]:
        """The real systems, in reading order."""
        complexes = [reference_circuit("n_part_complex", n) for n in self.hill_coefficients]
        return complexes + [reference_circuit("phosphorylation_cycle")] * self.phosphorylation

    def design(self) -> list[Cell]:
        """Transfer, scratch and an oracle for each target."""
        return [
            Cell(arm, target, self.oracle_volume if arm == "oracle" else self.volume)
            for target in self.targets
            for arm in ("transfer", "scratch", "oracle")
        ]


Positive = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]


class Biology(ProfileParameters):
    """Chapter 1: the parameters of the circuits to draw, and how many random draws check the algebra."""

    hill_coefficients: list[HillCoefficient] = Field(default=[1.0, 2.0, 4.0], min_length=1, max_length=6)
    theta_1: Positive = 0.2
    theta_2: Positive = 0.4
    eta_1: Positive = 40.0
    eta_2: Positive = 30.0
    y_tot: Positive = 40.0
    n_checks: int = Field(default=40, ge=1, le=1000)

    @model_validator(mode="after")
    def _hill_coefficients_increase(self) -> Self:
        if any(later <= earlier for earlier, later in pairwise(self.hill_coefficients)):
            raise ValueError(
                f"hill_coefficients is {self.hill_coefficients}; each value must be larger than the one before"
            )
        return self

    @property
    def theta(self) -> tuple[float, float]:
        """Affinities (θ₁, θ₂), nM⁻¹."""
        return (self.theta_1, self.theta_2)

    @property
    def eta(self) -> tuple[float, float]:
        """Largest outputs (η₁, η₂), nM."""
        return (self.eta_1, self.eta_2)


class Problem(TrainingParameters):
    """The problem, shown on one network: its seed, its wells."""

    hill_coefficient: HillCoefficient = 2.0
    wells: Volume = 96
    seed: int = Field(default=0, ge=0)

    @property
    def target(self) -> Circuit:
        """The real system."""
        return reference_circuit("n_part_complex", self.hill_coefficient)


class Findings(TrainingParameters):
    """Both experiments with the same settings, each with its own default design."""

    def _common(self) -> dict:
        return {name: getattr(self, name) for name in TrainingParameters.model_fields if name != "table_file"}

    @property
    def experiment_1(self) -> Experiment1:
        """Experiment 1 as published, with these settings."""
        return Experiment1(**self._common())

    @property
    def experiment_2(self) -> Experiment2:
        """Experiment 2 as published, with these settings."""
        return Experiment2(**self._common())


class Verdicts(Findings):
    """The verdicts: both experiments, and how many simulated studies test the intervals."""

    coverage_repeats: int = Field(default=None, ge=1, le=100_000)


class Sweeps(ProfileParameters):
    """Sweeps of Experiment 1: over the Hill coefficient and the noise, and over each choice the study is silent on."""

    sweep_seeds: int = Field(default=None, ge=1, le=10_000)
    sweep_volumes: list[Volume] = Field(default=None, min_length=1)
    sweep_hill_coefficients: list[HillCoefficient] = Field(default=None, min_length=1)
    sweep_noises: list[Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(default=None, min_length=1)
    sweep_batch_sizes: list[Annotated[int, Field(ge=1)]] = Field(default=None, min_length=1)
    sweep_learning_rates: list[Annotated[float, Field(gt=0, le=1)]] = Field(default=None, min_length=1)
    sweep_losses: list[Literal["l1", "l2"]] = Field(default=None, min_length=1)


class Engine(ProfileParameters):
    """The comparison of the two engines."""

    n_networks: int = Field(default=8, ge=1, le=10_000)
    wells: Volume = 200
    epochs: int = Field(default=None, ge=10, le=1_000_000)


class TrainItYourself(Findings):
    """The interactive figures: the circuit, wells and seed they open with, and the tables they show."""

    hill_coefficient: Literal[1.5, 2.0, 3.0, 4.0] = 2.0
    wells: int = Field(default=96, ge=8, le=384, multiple_of=8)
    seed: int = Field(default=0, ge=0, le=9999)


CHAPTER_PARAMETERS: dict[str, type[ProfileParameters]] = {
    "intro": Findings,
    "1_biology": Biology,
    "2_problem": Problem,
    "3_experiment_1": Experiment1,
    "4_experiment_2": Experiment2,
    "5_findings": Findings,
    "6_verdicts": Verdicts,
    "9_sweeps": Sweeps,
    "10_engine": Engine,
    "11_train_it_yourself": TrainItYourself,
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
