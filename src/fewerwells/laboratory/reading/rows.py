"""One row a well: lists of wells in tidy tables and by Tecan and BMG, and kinetics with the wells downwards."""

from __future__ import annotations

import re

from fewerwells.laboratory.reading.cells import (
    are_wells,
    plain_number,
    seconds,
    well_name,
    well_place,
)
from fewerwells.laboratory.reading.columns import Column
from fewerwells.laboratory.reading.files import Sheet, is_note
from fewerwells.laboratory.reading.matrices import plate_at
from fewerwells.laboratory.reading.problems import PlateError
from fewerwells.laboratory.reading.tables import tidy_columns

_LEAST_ROWS = 3  # in a row with a well each, before a list of wells is believed in
_OF_MANY_MOMENTS = ("time", "cycle", "temp", "wavel", "[nm]")  # how lines above a list begin that hold numbers
_WELL_HEADER = re.compile(r"(dispensed )?wells?([ _-]?(name|id|label|position))?|position|pos\.?|<>", re.IGNORECASE)


def find_rows(sheet: Sheet, plates: dict[int, str], used: set[int]) -> list[Column]:
    """The columns of every list of wells in a sheet.

    Raises:
        PlateError: a well that stands twice with two numbers, or a line of a list that names no well.
    """
    columns: list[Column] = []
    line = 0
    while line < len(sheet.rows):
        position = None if line in used else _well_position(sheet, line)
        if position is None:
            line += 1
            continue
        lines = _lines(sheet, line, position, used)
        names = [_well_at(sheet, k, position) for k in lines]
        if are_wells(names) or _says_well(sheet, line - 1, position):
            _refuse_unread_above(sheet, line, position)
            _refuse_unread_below(sheet, lines, position, used)
            columns += _block(sheet, lines, position, plate_at(plates, line), used)
        line = lines[-1] + 1
    return columns


def _lines(sheet: Sheet, first: int, position: int, used: set[int]) -> list[int]:
    """The lines of a list from its first one to the last before something else; notes in between are no part of it."""
    lines = [first]
    for line in range(first + 1, len(sheet.rows)):
        if line not in used and _well_at(sheet, line, position):
            lines.append(line)
        elif not is_note(sheet.rows[line]):
            break
    return lines


def _refuse_unread_above(sheet: Sheet, first: int, position: int) -> None:
    """PlateError for a line that names no well between a header and the wells below which a list is believed in."""
    unread = []
    for line in range(first - 1, -1, -1):
        name = sheet.cell(line, position)
        if not any(cell.strip() for cell in sheet.rows[line]):
            return
        if _WELL_HEADER.fullmatch(name) or _of_moments(name):
            break
        if not well_name(name) and not is_note(sheet.rows[line]):
            unread.append(line)
    else:
        return
    if unread:
        raise _no_well(sheet, unread[-1], position)


def _refuse_unread_below(sheet: Sheet, lines: list[int], position: int, used: set[int]) -> None:
    """PlateError where a list goes on below a cell that is no well, or below an empty line without a header."""
    filled = {place for line in lines for place, cell in enumerate(sheet.rows[line]) if cell.strip()} - {position}
    header = sheet.cell(lines[0] - 1, position) if lines[0] else ""
    right_below = True
    for line in range(lines[-1] + 1, len(sheet.rows)):
        row, name = sheet.rows[line], sheet.cell(line, position)
        well = well_name(name)
        if line in used or _WELL_HEADER.fullmatch(name) or (header and name == header):
            return
        if not any(cell.strip() for cell in row):
            right_below = False
        elif is_note(row):
            continue
        elif right_below and not well and any(sheet.cell(line, place) for place in filled):
            raise _no_well(sheet, line, position)
        elif well and (well_place(well)[0] < 16 or len(lines) > 100):  # elsewhere R2 may be of a fit
            raise PlateError(
                f"line {line + 1} goes on with well {well}, and the list of wells ended on line {lines[-1] + 1}: "
                f"line {line} {_shown(sheet, line - 1, position).rstrip(',')}. Close the gap, or put a header above."
            )
        elif not right_below and _well_position(sheet, line + 1) is not None:  # the header of another list
            return


def _no_well(sheet: Sheet, line: int, position: int) -> PlateError:
    return PlateError(
        f"line {line + 1} {_shown(sheet, line, position)} in a list of wells; write a well, A1 to AF48, or leave an "
        "empty line above what is no part of the list."
    )


def _shown(sheet: Sheet, line: int, position: int) -> str:
    """What a line has in place of a well, to go on with in a sentence."""
    if not any(cell.strip() for cell in sheet.rows[line]):
        return "is empty"
    cell = sheet.cell(line, position)
    return f"names {cell!r}, which is no well," if cell else "names no well"


def _of_moments(name: str) -> bool:
    """Whether a line above a list begins as those do that hold times, temperatures or wavelengths."""
    return name.lower().startswith(_OF_MANY_MOMENTS)


def _says_well(sheet: Sheet, line: int, position: int) -> bool:
    """Whether the cell above a list is a header that speaks of wells; O1 and O2 may be operators, too."""
    return line >= 0 and any(word in sheet.cell(line, position).lower() for word in ("well", "pos", "<>"))


def _well_at(sheet: Sheet, line: int, position: int) -> str | None:
    return well_name(sheet.cell(line, position))


def _well_position(sheet: Sheet, line: int) -> int | None:
    """The cell that names the well in this line and the next ones, or None; a column under a header of wells wins.

    Samples are called C1, C2 … as often as wells are, so where a header says which column holds the wells, no other does.
    """
    found = [
        position
        for position in range(len(sheet.rows[line]) if line + _LEAST_ROWS <= len(sheet.rows) else 0)
        if all(names := [_well_at(sheet, line + k, position) for k in range(_LEAST_ROWS)]) and len(set(names)) > 1
    ]
    headed = _under_header(sheet, line) if found else []
    return next((position for position in found if not headed or position in headed), None)


def _under_header(sheet: Sheet, line: int) -> list[int]:
    """The places that the nearest header above a line calls wells, where wells stand there in this line or the next."""
    for above in range(line - 1, -1, -1):
        row = sheet.rows[above]
        if not any(cell.strip() for cell in row):
            break
        headed = [place for place, cell in enumerate(row) if _WELL_HEADER.fullmatch(cell.strip())]
        if headed:
            lines = range(line, line + _LEAST_ROWS)
            return [place for place in headed if any(_well_at(sheet, k, place) for k in lines)]
    return []


def _block(sheet: Sheet, lines: list[int], position: int, plate: str, used: set[int]) -> list[Column]:
    first = lines[0]
    heads = _heads(sheet, first, used)
    if heads and sum(_is_moment(cell) for cell in heads[-1][1][position + 1 :]) >= 2:
        return _series(sheet, lines, position, plate, heads)
    names = heads[-1][1] if heads else []
    may_hold_numbers = _says_well(sheet, first - 1, position) or _of_moments(sheet.cell(first - 1, position))
    if not any(cell.strip() for cell in names) or (any(map(_is_moment, names)) and not may_hold_numbers):
        raise PlateError(
            f"line {first + 1} begins a list of wells without a header; put a line with the columns' names above it."
        )
    return tidy_columns(sheet, names, lines, position, plate, _title(sheet, first))


def _heads(sheet: Sheet, first: int, used: set[int]) -> list[tuple[int, list[str]]]:
    """The filled lines right above a list, from the top: Tecan writes cycle, time and temperature there."""
    found: list[tuple[int, list[str]]] = []
    for line in range(first - 1, max(first - 5, -1), -1):
        row = sheet.rows[line]
        if line in used or sum(bool(cell.strip()) for cell in row) < 2:
            break
        found.insert(0, (line, row))
    return found


def _is_moment(cell: str) -> bool:
    return plain_number(cell, ",") is not None


def _series(sheet: Sheet, lines: list[int], position: int, plate: str, heads: list) -> list[Column]:
    """Kinetics or a spectrum with the wells downwards: the header line with times or wavelengths counts."""
    labels = {row[position].strip().lower(): row for _, row in heads if position < len(row)}
    times = next((row for label, row in labels.items() if label.startswith("time")), None)
    lengths = next((row for label, row in labels.items() if "nm" in label or label.startswith("wavel")), None)
    header, unit = (times, "s") if times else (lengths, "nm") if lengths else (heads[-1][1], "")
    name = _title(sheet, heads[0][0]) or sheet.name or "signal"
    columns = []
    for place in range(position + 1, len(header)):
        at = seconds(header[place], "s", sheet.decimal) if unit == "s" else plain_number(header[place], sheet.decimal)
        cells = {_well_at(sheet, line, position): sheet.cell(line, place) for line in lines}
        if at is None and any(plain_number(cell, sheet.decimal) is not None for cell in cells.values()):
            raise PlateError(
                f"column {place + 1} of the list of wells from line {lines[0] + 1} on holds numbers below "
                f"{header[place].strip()!r}, where {'a wavelength' if unit == 'nm' else 'a time'} should stand."
            )
        if at is None:
            continue
        columns.append(Column(name, cells, plate, at, unit, sheet.decimal, "read"))
    return columns


def _title(sheet: Sheet, line: int) -> str:
    """What a list is called: a lone cell right above it, or the nearest "Name, …" that Spark writes."""
    for above in range(line - 1, max(line - 3, -1), -1):
        filled = [cell.strip() for cell in sheet.rows[above] if cell.strip()]
        if len(filled) == 1 and not filled[0].lower().startswith(("start time", "end time")):
            return filled[0]
        if filled:
            break
    for above in range(line - 1, max(line - 40, -1), -1):
        row = sheet.rows[above]
        if well_name(row[0] if row else "") and above < line - 5:
            break
        if row and row[0].strip() == "Name" and any(cell.strip() for cell in row[1:]):
            return next(cell.strip() for cell in row[1:] if cell.strip())
    return ""
