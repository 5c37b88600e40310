"""One row a well: tidy tables with a header, lists of wells by Tecan and BMG, kinetics with the wells downwards."""

from __future__ import annotations

import re

from fewerwells.laboratory.reading.cells import (
    are_wells,
    plain_number,
    row_index,
    seconds,
    value,
    well_name,
    well_place,
)
from fewerwells.laboratory.reading.columns import Column
from fewerwells.laboratory.reading.files import Sheet, is_note
from fewerwells.laboratory.reading.matrices import plate_at
from fewerwells.laboratory.reading.problems import PlateError

PLATE_NAMES = ("plate", "plateid", "plate id", "platenumber", "plate_number", "plate number")
TIME_NAMES = ("time", "time_s", "time_min", "time_h", "time [s]", "time [min]", "time [h]", "time (s)", "time (h)")
_LEAST_ROWS = 3  # in a row with a well each, before a list of wells is believed in
_OF_THE_READER = ("time [ms]",)  # of each well's own flash
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
        name = _cell(sheet, line, position)
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
    header = _cell(sheet, lines[0] - 1, position) if lines[0] else ""
    right_below = True
    for line in range(lines[-1] + 1, len(sheet.rows)):
        row, name = sheet.rows[line], _cell(sheet, line, position)
        well = well_name(name)
        if line in used or _WELL_HEADER.fullmatch(name) or (header and name == header):
            return
        if not any(cell.strip() for cell in row):
            right_below = False
        elif is_note(row):
            continue
        elif right_below and not well and any(_cell(sheet, line, place) for place in filled):
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
    cell = _cell(sheet, line, position)
    return f"names {cell!r}, which is no well," if cell else "names no well"


def _of_moments(name: str) -> bool:
    """Whether a line above a list begins as those do that hold times, temperatures or wavelengths."""
    return name.lower().startswith(_OF_MANY_MOMENTS)


def _cell(sheet: Sheet, line: int, place: int) -> str:
    row = sheet.rows[line]
    return row[place].strip() if place < len(row) else ""


def _says_well(sheet: Sheet, line: int, position: int) -> bool:
    """Whether the cell above a list is a header that speaks of wells; O1 and O2 may be operators, too."""
    return line >= 0 and any(word in _cell(sheet, line, position).lower() for word in ("well", "pos", "<>"))


def _well_at(sheet: Sheet, line: int, position: int) -> str | None:
    return well_name(_cell(sheet, line, position))


def _well_position(sheet: Sheet, line: int) -> int | None:
    """The cell that names the well in this line and the next ones, or None."""
    for position, cell in enumerate(sheet.rows[line] if line < len(sheet.rows) else []):
        if well_name(cell) is None:
            continue
        below = [_well_at(sheet, line + k, position) for k in range(1, _LEAST_ROWS) if line + k < len(sheet.rows)]
        if len(below) == _LEAST_ROWS - 1 and all(below) and len({well_name(cell), *below}) > 1:
            return position
    return None


def _block(sheet: Sheet, lines: list[int], position: int, plate: str, used: set[int]) -> list[Column]:
    first = lines[0]
    heads = _heads(sheet, first, used)
    if heads and sum(_is_moment(cell) for cell in heads[-1][1][position + 1 :]) >= 2:
        return _series(sheet, lines, position, plate, heads)
    names = heads[-1][1] if heads else []
    may_hold_numbers = _says_well(sheet, first - 1, position) or _of_moments(_cell(sheet, first - 1, position))
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
        at = seconds(header[place], "s") if unit == "s" else plain_number(header[place], sheet.decimal)
        cells = {_well_at(sheet, line, position): _cell(sheet, line, place) for line in lines}
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


def tidy_columns(
    sheet: Sheet, names: list[str], lines, position: int | None, plate: str = "", title: str = ""
) -> list[Column]:
    """The columns of a table with one row a well.

    Args:
        sheet: where it stands.
        names: the header's cells.
        lines: the numbers of its lines.
        position: of the cell that names the well; None for a table without wells.
        plate: the plate, where no column says it.
        title: what the read is called, for a column that is only called "Value".

    Raises:
        PlateError: a well that stands twice with two numbers, or a column without a name.
    """
    refuse_nameless_columns(sheet, names, lines)
    lower = [cell.strip().lower() for cell in names]
    of_plate = next((index for index, name in enumerate(lower) if name in PLATE_NAMES), None)
    of_time = next((index for index, name in enumerate(lower) if name in TIME_NAMES), None)
    if (
        of_plate is not None
        and len({sheet.rows[line][of_plate] for line in lines if of_plate < len(sheet.rows[line])}) < 2
    ):
        of_plate = None
    keys = [_row_key(sheet, line, position, of_plate, of_time, lower, plate) for line in lines]
    columns = []
    for place, name in enumerate(names):
        if place in (position, of_time, of_plate) or not name.strip() or lower[place] in _OF_THE_READER:
            continue
        shown = title if title and lower[place] == "value" else name.strip()
        groups: dict[tuple, dict[str, str]] = {}
        for line, key in zip(lines, keys, strict=True):
            row = sheet.rows[line]
            cell = row[place] if place < len(row) else ""
            _place(groups.setdefault(key[1:], {}), key[0], cell, sheet, line, shown)
        columns += [
            Column(shown, cells, of, at, "s" if at is not None else "", sheet.decimal)
            for (of, at), cells in groups.items()
        ]
    return columns


def refuse_nameless_columns(sheet: Sheet, names: list[str], lines) -> None:
    """PlateError for entries below no header; only a first column may have none, as programs number rows."""
    for line in lines:
        for place, cell in enumerate(sheet.rows[line]):
            if place and cell.strip() and not "".join(names[place : place + 1]).strip():
                raise PlateError(
                    f"line {line + 1} has {cell.strip()!r} in column {place + 1}, which the header does not name; name "
                    "every column, or leave it empty."
                )


def _row_key(sheet, line, position, of_plate, of_time, lower, plate) -> tuple[str, str, float | None]:
    """Well, plate and time of a row."""
    row = [cell.strip() for cell in sheet.rows[line]] + [""] * len(lower)
    at = None
    if of_time is not None:
        unit = next((u for u in ("min", "h", "s") if u in lower[of_time].replace("time", "")), "s")
        at = seconds(row[of_time], unit)
    well = well_name(row[position]) if position is not None else f"row {line + 1}"
    return well, row[of_plate] if of_plate is not None else plate, at


def _place(cells: dict[str, str], well: str, cell: str, sheet: Sheet, line: int, name: str) -> None:
    """Put a cell where its well is; of two cells for one well the one that holds something counts."""
    if well not in cells or value(cells[well], sheet.decimal).mark in ("empty", "missing"):
        cells[well] = cell
        return
    new = value(cell, sheet.decimal)
    if new.mark in ("empty", "missing") or cell.strip() == cells[well].strip():
        return
    raise PlateError(
        f"well {well} stands twice with two values of {name} ({cells[well].strip()} and {cell.strip()}, line {line + 1}); "
        "add a column plate or time that tells them apart."
    )


def filled_lines(sheet: Sheet) -> list[int]:
    """The numbers of all lines with anything in them that are no notes."""
    return [line for line, row in enumerate(sheet.rows) if any(cell.strip() for cell in row) and not is_note(row)]


def find_table(sheet: Sheet) -> list[Column]:
    """The columns of a tidy table that names no wells, or names them by the columns row and col.

    Raises:
        PlateError: a column without a name, or a row and col that are no well where others are.
    """
    lines = filled_lines(sheet)
    if len(lines) < 2:
        return []
    names, body = sheet.rows[lines[0]], lines[1:]
    if any(plain_number(cell, sheet.decimal) is not None for cell in names) or _is_title(sheet, lines):
        return []
    numbers = sum(plain_number(cell, sheet.decimal) is not None for line in body for cell in sheet.rows[line])
    if len(body) < 2 or numbers < len(body):
        return []
    lower = [cell.strip().lower() for cell in names]
    if "row" in lower and ("col" in lower or "column" in lower):
        row, column = lower.index("row"), lower.index("col" if "col" in lower else "column")
        wells = {line: _from_row_and_column(sheet.rows[line], row, column) for line in body}
        if any(wells.values()):
            for line in body:
                if wells[line] is None:
                    raise PlateError(
                        f"line {line + 1} has {_cell(sheet, line, row)!r} as its row and {_cell(sheet, line, column)!r} as "
                        "its column, which is no well; write A to AF and 1 to 48."
                    )
            refuse_nameless_columns(sheet, names, body)
            rows = [[*(row + [""] * len(names))[: len(names)], wells.get(k, "")] for k, row in enumerate(sheet.rows)]
            return tidy_columns(Sheet(sheet.name, rows, sheet.decimal), [*names, "well"], body, len(names))
    return tidy_columns(sheet, names, body, None)


def _is_title(sheet: Sheet, lines: list[int]) -> bool:
    """Whether the first line has one cell and others have more: what is below it is no table."""
    first, *rest = (sum(bool(cell.strip()) for cell in sheet.rows[line]) for line in lines)
    return first == 1 and max(rest) > 1


def _from_row_and_column(row: list[str], letter: int, number: int) -> str | None:
    if max(letter, number) >= len(row) or row_index(row[letter]) is None:
        return None
    return well_name(f"{row[letter].strip()}{row[number].strip()}")
