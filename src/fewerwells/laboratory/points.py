"""Doses at which a kept model is asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fewerwells.laboratory.reading import PlateError
from fewerwells.laboratory.reading.cells import LARGEST, both_readings, unclear_sign, value
from fewerwells.laboratory.reading.files import Sheet, open_sheets
from fewerwells.laboratory.reading.headers import take_apart
from fewerwells.laboratory.reading.tables import filled_lines, refuse_nameless_columns
from fewerwells.laboratory.wells import Input
from fewerwells.science.units import NANOMOLAR


def read_points(path: Path, inputs: tuple[Input, ...]) -> np.ndarray:
    """Doses (M, inputs) in the model's units, from a table whose headers name the inputs and their units.

    Raises:
        PlateError: no table, a missing column, another unit than one that converts, or a cell that is no dose.
    """
    sheets = [(sheet, lines) for sheet in _sheets(path) if (lines := filled_lines(sheet))]
    names = [name.strip() for sheet, lines in sheets for name in sheet.rows[lines[0]]]
    columns = []
    for wanted in inputs:
        found = [
            (sheet, lines, place)
            for sheet, lines in sheets
            for place, name in enumerate(sheet.rows[lines[0]])
            if take_apart(name).name.lower() == wanted.name.lower()
        ]
        if len(found) != 1:
            many = f"{len(found)} columns" if found else "no column"
            raise PlateError(
                f"{path.name} has {many} {wanted.name} ({wanted.unit}); it has {', '.join(filter(None, names))}."
            )
        columns.append(_doses(path, wanted, *found[0]))
    if len({len(column) for column in columns}) != 1 or not columns[0]:
        raise PlateError(
            f"{path.name} has no row below its header, or sheets of different lengths; write one row a point."
        )
    return np.array(columns).T


def _sheets(path: Path) -> list[Sheet]:
    """The sheets of a table; a sign that can be either is refused with what can be done here, where no option says it."""
    try:
        return open_sheets(path)
    except PlateError:
        sheets = open_sheets(path, decimal=".")  # raises again where something else is wrong
    unclear = [cell.strip() for sheet in sheets for row in sheet.rows for cell in row if unclear_sign(cell)]
    text = min(unclear, key=lambda cell: unclear_sign(cell) == ".")  # a comma first, as `open_sheets` asks
    instead = (
        "decimal point, or without a comma" if unclear_sign(text) == "," else "further decimal, or without a point"
    )
    raise PlateError(f"{text!r} in {path.name} can be {both_readings(text)}; write it with a {instead}.")


def _doses(path: Path, wanted: Input, sheet: Sheet, lines: list[int], place: int) -> list[float]:
    """The doses of one column, in the model's unit."""
    header, body = sheet.rows[lines[0]], lines[1:]
    refuse_nameless_columns(sheet, header, body)
    said = take_apart(header[place])
    unit = said.unit or wanted.unit
    if unit != wanted.unit and not (unit in NANOMOLAR and wanted.unit == "nM"):
        raise PlateError(
            f"{header[place]} in {path.name} is in {unit}, and the model's {wanted.name} in {wanted.unit or 'no unit'}."
        )
    if said.log:
        raise PlateError(f"{header[place]} in {path.name} holds logarithms; write the doses themselves.")
    factor = NANOMOLAR[unit] if wanted.unit == "nM" else 1.0
    doses = []
    for line in body:
        text = sheet.cell(line, place)
        number = value(text, sheet.decimal).number
        if number is None or not 0 <= number <= LARGEST / factor:
            raise PlateError(
                f"line {line + 1} of {path.name} has {text!r} as {wanted.name}; a dose of 0 or more is needed."
            )
        doses.append(factor * number)
    return doses
