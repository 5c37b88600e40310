"""Tables with a header above one row a well, which a cell, a row and a column, or nothing names."""

from __future__ import annotations

from fewerwells.laboratory.reading.cells import plain_number, row_index, seconds, value, well_name
from fewerwells.laboratory.reading.columns import Column
from fewerwells.laboratory.reading.files import Sheet, is_note
from fewerwells.laboratory.reading.problems import PlateError

PLATE_NAMES = ("plate", "plateid", "plate id", "platenumber", "plate_number", "plate number")
TIME_NAMES = (
    "time",
    *(f"time{written}" for unit in ("s", "min", "h") for written in (f"_{unit}", f" [{unit}]", f" ({unit})")),
)
_OF_THE_READER = ("time [ms]",)  # of each well's own flash


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
        at = seconds(row[of_time], unit, sheet.decimal)
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
                        f"line {line + 1} has {sheet.cell(line, row)!r} as its row and {sheet.cell(line, column)!r} as "
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
