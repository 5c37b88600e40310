"""Wells as columns, one line a moment, a wavelength or a variable: kinetics and spectra of Gen5, Spark and BMG."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from fewerwells.laboratory.reading.cells import are_wells, plain_number, seconds, well_name
from fewerwells.laboratory.reading.columns import Column
from fewerwells.laboratory.reading.files import Sheet
from fewerwells.laboratory.reading.matrices import plate_at
from fewerwells.laboratory.reading.problems import PlateError

_ALMOST_A_WELL = re.compile(r"[A-Pa-p][\s_.:-]*[\dOIl]{1,3}")  # A-1, A1O, Al
_FEWEST_WELLS = 4  # in a header: two or three names such as d1 and d2 are something else


def well_columns(row: list[str]) -> dict[int, str]:
    """The wells that a line names, by position; empty where they are not most of it or one comes twice."""
    if sum(well_name(cell) is not None for cell in row[:12]) == 0:  # most lines, so quickly
        return {}
    wells = {position: name for position, cell in enumerate(row) if (name := well_name(cell))}
    filled = sum(bool(cell.strip()) for cell in row)
    return wells if len(wells) >= _FEWEST_WELLS and 2 * len(wells) > filled and are_wells(list(wells.values())) else {}


def find_series(sheet: Sheet, plates: dict[int, str], used: set[int]) -> tuple[list[Column], set[int]]:
    """The columns that stand in a sheet under a line of wells, and the lines that they take up.

    Raises:
        PlateError: entries below a heading that is no well or comes twice, or moments below an empty line.
    """
    columns: list[Column] = []
    taken: set[int] = set()
    line = 0
    while line < len(sheet.rows):
        wells = {} if line in used else well_columns(sheet.rows[line])
        if not wells or min(wells) == 0:
            if line not in used:
                _refuse_repeated_wells(sheet, line)
            line += 1
            continue
        body = _body(sheet, line, min(wells), used)
        refuse_lost_columns(sheet, line, wells, body)
        _refuse_moments_below(sheet, line, wells, body, used)
        columns += _columns(sheet, line, wells, body, plate_at(plates, line))
        taken |= {line, *body}
        line = (body[-1] if body else line) + 1
    return columns, taken


def _body(sheet: Sheet, header: int, first: int, used: set[int]) -> list[int]:
    """The lines that belong to a line of wells: those that begin with something, up to the next empty one."""
    body = []
    for line in range(header + 1, len(sheet.rows)):
        row = sheet.rows[line]
        if line in used or not any(cell.strip() for cell in row[:first]) or well_columns(row):
            break
        body.append(line)
    return body


def refuse_lost_columns(sheet: Sheet, header: int, wells: dict[int, str], body: list[int]) -> None:
    """PlateError for a column that has entries and no well above it, behind the first well or where that should stand."""
    for line in body:
        for place, cell in enumerate(sheet.rows[line]):
            if place in wells or not cell.strip():
                continue
            name = sheet.cell(header, place)
            if place > min(wells) or _ALMOST_A_WELL.fullmatch(name):
                raise PlateError(
                    f"line {header + 1} has {name!r} above column {place + 1}, where a well should stand, and line {line + 1} "
                    f"has {cell.strip()!r} there; write a well, A1 to AF48, or empty the column."
                )


def _refuse_repeated_wells(sheet: Sheet, line: int) -> None:
    """PlateError for a line of wells, above a line of numbers, in which a few come twice."""
    names = {place: name for place, cell in enumerate(sheet.rows[line]) if (name := well_name(cell))}
    twice = [name for name, times in Counter(names.values()).items() if times > 1]
    filled = sum(bool(cell.strip()) for cell in sheet.rows[line])
    if (
        len(names) < _FEWEST_WELLS
        or 2 * len(names) <= filled
        or not 0 < 10 * len(twice) <= len(names)
        or line + 1 == len(sheet.rows)
    ):
        return
    if 2 * _numbers(sheet, line + 1, names) > len(names):
        raise PlateError(f"line {line + 1} names well {twice[0]} twice; every column needs a well of its own.")


def _refuse_moments_below(sheet: Sheet, header: int, wells: dict[int, str], body: list[int], used: set[int]) -> None:
    """PlateError for a line below an empty one that is filled as those of the series are, with no wells above it."""
    last = body[-1] if body else header
    for line in range(last + 1, len(sheet.rows)):
        row = sheet.rows[line]
        if line in used or well_columns(row):
            return
        if any(cell.strip() for cell in row):
            if body and 2 * _numbers(sheet, line, wells) > len(wells):
                raise PlateError(
                    f"line {line + 1} goes on with the wells of line {header + 1} below an empty line, or has lost its "
                    "moment; close the gap, or put the line of wells above it, too."
                )
            return


def _numbers(sheet: Sheet, line: int, places: Iterable[int]) -> int:
    """How many of these places of a line hold numbers."""
    return sum(plain_number(sheet.cell(line, place), sheet.decimal) is not None for place in places)


def _key(sheet: Sheet, header: int, first: int) -> tuple[int, str]:
    """Which cell of a line says when or at which wavelength, and in what unit."""
    names = [cell.strip().lower() for cell in sheet.rows[header][:first]]
    for position, name in enumerate(names):
        if name.startswith("time"):
            return position, "s"
        if name.startswith(("wavelength", "[nm]", "nm")):
            return position, "nm"
    return next((position for position, name in enumerate(names) if name), 0), ""


def _columns(sheet: Sheet, header: int, wells: dict[int, str], body: list[int], plate: str) -> list[Column]:
    position, unit = _key(sheet, header, min(wells))
    title = _title(sheet, header, min(wells))
    columns: list[Column] = []
    for line in body:
        row = sheet.rows[line]
        cells = {well: row[column] if column < len(row) else "" for column, well in wells.items()}
        said = row[position].strip() if position < len(row) else ""
        at = plain_number(said, sheet.decimal) if unit == "nm" else seconds(said, "s" if unit else "", sheet.decimal)
        if at is None and not any(cell.isdigit() for cell in said[:1]):  # a variable of its own
            columns.append(Column(said or title, cells, plate, None, "", sheet.decimal))
        elif any(cell.strip() for cell in cells.values()):
            columns.append(Column(title, cells, plate, at, unit or "s", sheet.decimal, "read"))
    return _stacked(sheet, header, columns)


def _title(sheet: Sheet, header: int, first: int) -> str:
    """The name of a block: from its second cell ("T° OD600:450"), or the line above that holds one cell."""
    for cell in sheet.rows[header][:first]:
        name = cell.strip()
        if name.lower().startswith("t") and " " in name and not name.lower().startswith(("time", "temp")):
            return name.split(" ", 1)[1].strip()
    for line in range(header - 1, max(header - 4, -1), -1):
        filled = [cell.strip() for cell in sheet.rows[line] if cell.strip()]
        if filled:
            return filled[0] if len(filled) == 1 else "signal"
    return sheet.name or "signal"


def _stacked(sheet: Sheet, header: int, columns: list[Column]) -> list[Column]:
    """Runs that begin again in one block are several reads; Spark lists their names above it."""
    starts = [index for index, column in enumerate(columns) if column.at is not None]
    starts = [
        i for i in starts if i == starts[0] or (columns[i - 1].at is not None and columns[i].at <= columns[i - 1].at)
    ]
    if len(starts) < 2:
        return columns
    names: list[str] = []
    for line in range(header - 1, -1, -1):
        filled = [cell.strip() for cell in sheet.rows[line] if cell.strip()]
        if len(filled) != 1:
            break
        names.insert(0, filled[0])
    names = names[-len(starts) :] if len(names) >= len(starts) else [f"read {i + 1}" for i in range(len(starts))]
    ends = [*starts[1:], len(columns)]
    return columns[: starts[0]] + [
        replace(column, name=name)
        for start, end, name in zip(starts, ends, names, strict=True)
        for column in columns[start:end]
    ]
