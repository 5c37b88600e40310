"""All that a file says: every form looked for, Gen5's plates told apart, repeats left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from fewerwells.laboratory.reading.cells import plain_number, seconds
from fewerwells.laboratory.reading.columns import Column, without_repeats
from fewerwells.laboratory.reading.files import Sheet, open_sheets
from fewerwells.laboratory.reading.matrices import find_matrices
from fewerwells.laboratory.reading.problems import PlateError
from fewerwells.laboratory.reading.rows import find_rows
from fewerwells.laboratory.reading.series import find_series
from fewerwells.laboratory.reading.softmax import find_softmax, is_softmax
from fewerwells.laboratory.reading.tables import find_table

_PLATE_LINE = re.compile(r"plate number", re.IGNORECASE)


@dataclass(frozen=True)
class Contents:
    """What a file holds.

    Attributes:
        name: of the file.
        columns: all of them, in the file's order.
        remarks: what was found out on the way.
    """

    name: str
    columns: tuple[Column, ...]
    remarks: tuple[str, ...]


def read_contents(path: Path, separator: str | None = None, decimal: str | None = None) -> Contents:
    """Take a file apart.

    Args:
        path: the file.
        separator: of its cells, found by itself otherwise.
        decimal: "." or ",", found by itself otherwise.

    Raises:
        PlateError: nothing in it that is a plate, with what it should look like.
    """
    path = Path(path)
    if path.suffix.lower() == ".toml":
        raise PlateError(f"{path.name} is a layout; give it with --layout, and the reader's file without an option.")
    sheets = open_sheets(path, separator, decimal)
    columns = [column for sheet in sheets for column in _sheet_columns(sheet)]
    columns, remarks = without_repeats(columns)
    _refuse_nameless_wells(sheets, columns, path.name)
    if not columns:
        raise PlateError(
            f"nothing in {path.name} is a plate: neither rows A, B, … under columns 1, 2, …, nor a table with a column "
            "of wells, nor a header above numbers. Export the plate with its results. Exports of "
            "more instruments are turned into tables by allotropy, which needs pandas below 3 and so an environment of its "
            "own; give its table here."
        )
    said = [remark for sheet in sheets for remark in sheet.remarks]
    return Contents(path.name, tuple(columns), tuple(said + remarks))


def _refuse_nameless_wells(sheets: list[Sheet], columns: list[Column], name: str) -> None:
    """PlateError for moments with many numbers each, where no line says to which wells they belong."""
    if any(column.at is not None or len(column.cells) > 12 for column in columns):
        return
    for sheet in sheets:
        for line, row in enumerate(sheet.rows):
            numbers = sum(plain_number(cell, sheet.decimal) is not None for cell in row[1:])
            if numbers >= 12 and seconds(row[0]) is not None and plain_number(row[0]) is None:
                raise PlateError(
                    f"line {line + 1} of {name} holds {numbers} numbers at {row[0].strip()}, and no line says to which "
                    "wells they belong; add a line with A1, A2, … above them."
                )


def _sheet_columns(sheet: Sheet) -> list[Column]:
    if is_softmax(sheet):
        return find_softmax(sheet)
    plates = {
        line: " ".join(cell.strip() for cell in row[1:] if cell.strip())
        for line, row in enumerate(sheet.rows)
        if row and _PLATE_LINE.fullmatch(row[0].strip())
    }
    if len(set(plates.values())) < 2:
        plates = {}
    matrices, used = find_matrices(sheet, plates)
    series, more = find_series(sheet, plates, used)
    columns = matrices + series + find_rows(sheet, plates, used | more)
    return columns or find_table(sheet)
