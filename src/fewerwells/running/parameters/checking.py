"""Refuse in one sentence what no chapter understands: unknown names, wrong types, impossible values."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError

from fewerwells.running.parameters.profiles import ProfileParameters


class ParameterError(ValueError):
    """A parameter was refused; the message is one sentence a parameter. Notebooks show it without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"Refused: {self}"]


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
    return validate({name: value for name, value in namespace.items() if _is_parameter(name, value)}, model)
