"""The values that a parameter may take: one annotated type a kind, with its limits."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import pairwise
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from fewerwells.running.storage import why_no_table
from fewerwells.science.circuits import CIRCUITS, outside_family


def _each_once(values: list, info: ValidationInfo) -> list:
    if len(set(values)) != len(values):
        raise ValueError(f"{info.field_name} is {values}; each value may stand there once")
    return values


def _increasing(values: list, info: ValidationInfo) -> list:
    if any(later <= earlier for earlier, later in pairwise(values)):
        raise ValueError(f"{info.field_name} is {values}; its values must increase from each to the next")
    return values


def _a_table(value: str, info: ValidationInfo) -> str:
    reason = why_no_table(value) if value else ""
    if reason:
        raise ValueError(f"{info.field_name} is {value!r}; {reason}")
    return value


def _listed(name: str, names: Iterable[str]) -> str:
    """The name, if it is one of `names`; circuits are looked up when a value is checked, since more may be registered."""
    if name not in (names := list(names)):
        raise PydanticCustomError("not_listed", "Input should be {names}", {"names": " or ".join(map(repr, names))})
    return name


Item = TypeVar("Item", bound=Hashable)
Distinct = Annotated[list[Item], AfterValidator(_each_once)]
EachOnce = Annotated[list[Item], Field(min_length=1), AfterValidator(_each_once)]
Increasing = Annotated[list[Item], Field(min_length=1), AfterValidator(_increasing)]

Volume = Annotated[int, Field(ge=1, le=1_000_000)]
SyntheticVolume = Annotated[int, Field(ge=2, le=1_000_000)]  # one pair has no spread, by which outputs are scaled
NumberOfSeeds = Annotated[int, Field(ge=1, le=10_000)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]  # names of files, torch and JavaScript end somewhere beyond
Epochs = Annotated[int, Field(ge=10, le=1_000_000)]
HillCoefficient = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]
Noise = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Decades = Annotated[float, Field(ge=-2, le=2)]
Share = Annotated[float, Field(gt=0, lt=1)]
Multiple = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
RelativeError = Annotated[float, Field(ge=0, le=1)]
ProportionalNoise = Annotated[float, Field(gt=0, le=1)]  # 0 would be noise that does not grow
BatchSize = Annotated[int, Field(ge=1)]
LearningRate = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Loss = Literal["l1", "l2"]
InputScaling = Literal["symmetric", "unit", "none", "log"]
EngineName = Literal["auto", "fused", "reference"]
CircuitName = Annotated[str, AfterValidator(lambda name: _listed(name, CIRCUITS))]
OutsideFamily = Annotated[str, AfterValidator(lambda name: _listed(name, outside_family()))]
Positive = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
MapSeeds = Annotated[int, Field(ge=4, le=10_000)]  # a winner is named where seeds agree
NumberOfSystems = Annotated[int, Field(ge=1, le=1000)]
TableFile = Annotated[str, AfterValidator(_a_table)]
