"""Doses at which a kept model is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fewerwells.laboratory.reading import PlateError
from fewerwells.laboratory.reading.cells import value
from fewerwells.laboratory.reading.contents import read_contents
from fewerwells.laboratory.reading.headers import take_apart
from fewerwells.laboratory.wells import Input
from fewerwells.science.units import NANOMOLAR


@dataclass(frozen=True)
class _Column:
    """A header and the entries below it, by row."""

    name: str
    cells: dict[str, str]
    decimal: str = "."


def _columns(path: Path) -> list:
    """The columns of a table; one without a separator is a single column."""
    try:
        return read_contents(path).columns
    except PlateError:
        header, *lines = path.read_text(encoding="utf-8-sig").splitlines()
        if any(separator in header for separator in ",;\t"):
            raise
        return [_Column(header, {f"row {index}": line for index, line in enumerate(lines, 1) if line.strip()})]


def read_points(path: Path, inputs: tuple[Input, ...]) -> np.ndarray:
    """Doses (M, inputs) in the model's units, from a table whose headers name the inputs and their units.

    Raises:
        PlateError: a missing column, another unit than one that converts, or a cell that is no dose.
    """
    there_are, columns = _columns(path), []
    for wanted in inputs:
        found = [one for one in there_are if take_apart(one.name).name.lower() == wanted.name.lower()]
        if len(found) != 1:
            there = ", ".join(dict.fromkeys(one.name for one in there_are))
            raise PlateError(f"{path.name} has no column {wanted.name} ({wanted.unit}); it has {there}.")
        unit = take_apart(found[0].name).unit or wanted.unit
        if unit != wanted.unit and not (unit in NANOMOLAR and wanted.unit == "nM"):
            raise PlateError(
                f"{found[0].name} in {path.name} is in {unit}, and the model's {wanted.name} in {wanted.unit or 'no unit'}."
            )
        factor = NANOMOLAR[unit] if wanted.unit == "nM" else 1.0
        doses = []
        for row, text in found[0].cells.items():
            number = value(text, found[0].decimal).number
            if number is None or number < 0:
                raise PlateError(f"{row} of {path.name} has {text!r} as {wanted.name}; a dose of 0 or more is needed.")
            doses.append(factor * number)
        columns.append(doses)
    if len({len(column) for column in columns}) != 1:
        raise PlateError(f"the columns of {path.name} have different lengths; write one row a point.")
    return np.array(columns).T
