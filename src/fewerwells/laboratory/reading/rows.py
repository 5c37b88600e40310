"""One row a well: tidy tables with a header, lists of wells by Tecan and BMG, kinetics with the wells downwards."""

from __future__ import annotations

from fewerwells.laboratory.reading.cells import are_wells, plain_number, row_index, seconds, value, well_name
from fewerwells.laboratory.reading.columns import Column
from fewerwells.laboratory.reading.files import Sheet
from fewerwells.laboratory.reading.matrices import plate_at
from fewerwells.laboratory.reading.problems import PlateError

PLATE_NAMES = ("plate", "plateid", "plate id", "platenumber", "plate_number", "plate number")
TIME_NAMES = ("time", "time_s", "time_min", "time_h", "time [s]", "time [min]", "time [h]", "time (s)", "time (h)")
_LEAST_ROWS = 3  # in a row with a well each, before a list of wells is believed in
_OF_THE_READER = ("time [ms]",)  # of each well's own flash


def find_rows(sheet: Sheet, plates: dict[int, str], used: set[int]) -> list[Column]:
    """The columns of every list of wells in a sheet.

    Raises:
        PlateError: a well that stands twice with two numbers.
    """
    columns: list[Column] = []
    line = 0
    while line < len(sheet.rows):
        position = None if line in used else _well_position(sheet, line, used)
        if position is None:
            line += 1
            continue
        last = line
        while last + 1 < len(sheet.rows) and last + 1 not in used and _well_at(sheet, last + 1, position):
            last += 1
        names = [_well_at(sheet, k, position) for k in range(line, last + 1)]
        if are_wells(names) or _says_well(sheet, line - 1, position):
            columns += _block(sheet, line, last, position, plate_at(plates, line), used)
        line = last + 1
    return columns


def _says_well(sheet: Sheet, line: int, position: int) -> bool:
    """Whether the cell above a list is a header that speaks of wells; O1 and O2 may be operators, too."""
    row = sheet.rows[line] if line >= 0 else []
    return position < len(row) and any(word in row[position].lower() for word in ("well", "pos", "<>"))


def _well_at(sheet: Sheet, line: int, position: int) -> str | None:
    row = sheet.rows[line]
    return well_name(row[position]) if position < len(row) else None


def _well_position(sheet: Sheet, line: int, used: set[int]) -> int | None:
    """The cell that names the well in this line and the next ones, or None."""
    for position, cell in enumerate(sheet.rows[line]):
        if well_name(cell) is None:
            continue
        below = [_well_at(sheet, line + k, position) for k in range(1, _LEAST_ROWS) if line + k < len(sheet.rows)]
        if len(below) == _LEAST_ROWS - 1 and all(below) and len({well_name(cell), *below}) > 1:
            return position
    return None


def _block(sheet: Sheet, first: int, last: int, position: int, plate: str, used: set[int]) -> list[Column]:
    heads = _heads(sheet, first, used)
    if heads and sum(_is_moment(cell) for cell in heads[-1][1][position + 1 :]) >= 2:
        return _series(sheet, first, last, position, plate, heads)
    names = heads[-1][1] if heads else []
    if not names or not any(cell.strip() for cell in names):
        raise PlateError(
            f"line {first + 1} begins a list of wells without a header; put a line with the columns' names above it."
        )
    return tidy_columns(sheet, names, range(first, last + 1), position, plate, _title(sheet, first))


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


def _series(sheet: Sheet, first: int, last: int, position: int, plate: str, heads: list) -> list[Column]:
    """Kinetics or a spectrum with the wells downwards: the header line with times or wavelengths counts."""
    labels = {row[position].strip().lower(): row for _, row in heads if position < len(row)}
    times = next((row for label, row in labels.items() if label.startswith("time")), None)
    lengths = next((row for label, row in labels.items() if "nm" in label or label.startswith("wavel")), None)
    header, unit = (times, "s") if times else (lengths, "nm") if lengths else (heads[-1][1], "")
    name = _title(sheet, heads[0][0]) or sheet.name or "signal"
    columns = []
    for place in range(position + 1, len(header)):
        at = seconds(header[place], "s") if unit == "s" else plain_number(header[place], sheet.decimal)
        if at is None:
            continue
        cells = {
            _well_at(sheet, line, position): sheet.rows[line][place] if place < len(sheet.rows[line]) else ""
            for line in range(first, last + 1)
        }
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
        PlateError: a well that stands twice with two numbers.
    """
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


def find_table(sheet: Sheet) -> list[Column]:
    """The columns of a tidy table that names no wells, or names them by the columns row and col.

    Raises:
        PlateError: no header, or nothing but a header.
    """
    lines = [line for line, row in enumerate(sheet.rows) if any(cell.strip() for cell in row)]
    lines = [line for line in lines if not sheet.rows[line][0].startswith("#")]
    if len(lines) < 2:
        return []
    names = sheet.rows[lines[0]]
    if any(plain_number(cell, sheet.decimal) is not None for cell in names) or not any(c.strip() for c in names):
        return []
    body = [line for line in lines[1:] if sum(bool(cell.strip()) for cell in sheet.rows[line]) >= 2]
    numbers = sum(plain_number(cell, sheet.decimal) is not None for line in body for cell in sheet.rows[line])
    if len(body) < 2 or numbers < len(body):
        return []
    lower = [cell.strip().lower() for cell in names]
    if "row" in lower and ("col" in lower or "column" in lower):
        row, column = lower.index("row"), lower.index("col" if "col" in lower else "column")
        if all(_from_row_and_column(sheet.rows[line], row, column) for line in body):
            wells = [[*sheet.rows[line], _from_row_and_column(sheet.rows[line], row, column)] for line in body]
            whole = Sheet(sheet.name, [[*names, "well"], *wells], sheet.decimal)
            return tidy_columns(whole, whole.rows[0], range(1, len(wells) + 1), len(names))
    return tidy_columns(sheet, names, body, None)


def _from_row_and_column(row: list[str], letter: int, number: int) -> str | None:
    if max(letter, number) >= len(row) or row_index(row[letter]) is None:
        return None
    return well_name(f"{row[letter].strip()}{row[number].strip()}")
