"""Plates written as plates: rows A to H under columns 1 to 12, one block or several, one value a well or several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fewerwells.laboratory.reading.cells import COLUMNS, PLATES, plain_number, row_index, row_name
from fewerwells.laboratory.reading.columns import Column
from fewerwells.laboratory.reading.files import Sheet, is_note
from fewerwells.laboratory.reading.headers import is_dose
from fewerwells.laboratory.reading.problems import PlateError

_FEWEST_COLUMNS = 3  # of a plate of 6 wells
_SECTIONS = ("results", "layout")  # Gen5 writes them above the blocks; they name no read
_LAYOUT_WORDS = ("layout", "well id", "conc/dil", "concentrations", "dilutions", "name")


@dataclass(frozen=True)
class Header:
    """A line with the numbers of a plate's columns: where it stands, its first cell, how many columns."""

    line: int
    first: int
    n: int


def header_in(row: list[str], line: int) -> Header | None:
    """The run 1, 2, 3 … in a row of cells, or None."""
    for first, cell in enumerate(row):
        if cell.strip() in ("1", "01", "1.0"):
            n = 1
            while first + n < len(row) and n < COLUMNS and plain_number(row[first + n]) == n + 1:
                n += 1
            behind = row[first + n] if first + n < len(row) else ""
            if n >= _FEWEST_COLUMNS and first > 0 and plain_number(behind) is None:
                return Header(line, first, n)
        if plain_number(cell) is not None:
            return None
    return None


def find_matrices(sheet: Sheet, plates: dict[int, str]) -> tuple[list[Column], set[int]]:
    """The columns that stand in a sheet as plates, and the lines that they take up.

    Args:
        sheet: the sheet.
        plates: the plate's name from a line on, where a file has several.

    Raises:
        PlateError: row labels that are not A, B, C … in order, or columns that are not 1, 2, 3 … to the last one.
    """
    columns: list[Column] = []
    used: set[int] = set()
    line = 0
    while line < len(sheet.rows):
        header = header_in(sheet.rows[line], line)
        if header is None or not _label(sheet, line + 1, header):
            if header and _label(sheet, line + 2, header) == "B":
                _refuse_row(sheet, line + 1, header, "A")
            line += 1
            continue
        check_numbers(sheet, header)
        rows = list(_rows(sheet, header))
        if not rows:
            line += 1
            continue
        _check_labels(sheet, header, rows)
        columns += _columns(sheet, header, rows, plate_at(plates, line))
        last = rows[-1][0]
        used |= set(range(line, last + 1))
        line = last + 1
    return columns, used


def plate_at(plates: dict[int, str], line: int) -> str:
    """The plate that a line belongs to."""
    before = [start for start in plates if start <= line]
    return plates[max(before)] if before else ""


def _label(sheet: Sheet, line: int, header: Header) -> str:
    """The row's letter in front of the block, "" where there is none."""
    if line >= len(sheet.rows) or len(sheet.rows[line]) <= header.first - 1:
        return ""
    label = sheet.rows[line][header.first - 1].strip()
    if header.n == COLUMNS and len(label) == 1 and label in "abcdef":  # BMG's way to write rows beyond Z
        return "A" + label.upper()
    return label.upper() if row_index(label) is not None else ""


def _refuse_row(sheet: Sheet, line: int, header: Header, expected: str) -> None:
    """PlateError for a line that is filled as a row of this block is, with something else in place of its letter."""
    row = sheet.rows[line]
    if 2 * sum(bool(cell.strip()) for cell in row[header.first : header.first + header.n]) > header.n:
        raise PlateError(
            f"line {line + 1} has {row[header.first - 1].strip()!r} where the letter of row {expected} should stand; write "
            "every row with its letter, and an empty line below the last one."
        )


def check_numbers(sheet: Sheet, header: Header) -> None:
    """PlateError where the columns' numbers go on after a cell that is not the next number."""
    behind = sheet.rows[header.line][header.first + header.n :]
    goes_on = any(plain_number(cell) == header.n + 1 + k for k, cell in enumerate(behind))
    if goes_on or (behind and behind[0].strip() and header.n not in PLATES):
        raise PlateError(
            f"line {header.line + 1} numbers the columns of a plate from 1 to {header.n} and goes on with "
            f"{behind[0].strip()!r}; number every column."
        )


def _rows(sheet: Sheet, header: Header) -> Iterator[tuple[int, str, list[str]]]:
    """Lines of a block: number, label (of this line or the one above that it continues) and cells from column 1 on."""
    label = ""
    for line in range(header.line + 1, len(sheet.rows)):
        row = sheet.rows[line]
        if is_note(row):
            continue
        own, cells = _label(sheet, line, header), row[header.first :]
        if header_in(row, line) and (not label or own != row_name(row_index(label) + 1)):
            return
        before = [cell for cell in row[: header.first] if cell.strip()]
        if not own and (before or not any(cell.strip() for cell in cells)):
            return
        label = own or label
        if label:
            yield line, label, cells


def _check_labels(sheet: Sheet, header: Header, rows: list) -> None:
    labels = list(dict.fromkeys(label for _, label, _ in rows))
    places = [row_index(label) for label in labels]
    for label, before, place in zip(labels[1:], places, places[1:], strict=False):
        if place <= before:
            raise PlateError(
                f"line {header.line + 1} begins a plate with row {label} after row {row_name(before)}; "
                "write rows in order, each with its letter."
            )
    _refuse_rows_below(sheet, header, rows[-1][0], places[-1])
    size = PLATES.get(header.n)
    if size and (places[-1] + 1) * header.n > size:
        raise PlateError(
            f"line {header.line + 1} begins a plate of {header.n} columns with a row {labels[-1]}; "
            f"the rows of a {size}-well plate are A to {row_name(size // header.n - 1)}."
        )


def _refuse_rows_below(sheet: Sheet, header: Header, last: int, place: int) -> None:
    """PlateError where rows of a block stand below its last one, `place`, on the line `last`: after a gap, or unlettered."""
    next_row, whole = row_name(place + 1), (place + 1) * header.n == PLATES.get(header.n)
    right_below = only_empty = True
    for line in range(last + 1, len(sheet.rows)):
        row, label = sheet.rows[line], _label(sheet, line, header)
        if header_in(row, line):
            return
        if not any(cell.strip() for cell in row):
            right_below = False
            continue
        if right_below and not whole:
            _refuse_row(sheet, line, header, next_row)
        goes_on = row_index(label) > place if label and only_empty else label == next_row and not whole
        if goes_on and any(cell.strip() for cell in row[header.first :]):
            raise PlateError(
                f"row {label} on line {line + 1} is parted from row {row_name(place)} on line {last + 1}; what stands "
                "between is empty or has lost its letter. Write every row with its letter, empty ones too."
            )
        right_below = only_empty = False


def _columns(sheet: Sheet, header: Header, rows: list, plate: str) -> list[Column]:
    title, section, in_corner = _titles(sheet, header)
    found: dict[str, dict[str, str]] = {}
    count: dict[str, int] = {}
    labelled = _are_labelled(sheet, header, rows)
    for line, label, cells in rows:
        lost = next((cell.strip() for cell in cells[header.n :] if plain_number(cell, sheet.decimal) is not None), "")
        if lost and not labelled:
            raise PlateError(
                f"line {line + 1} is row {label} of a plate with {header.n} columns and goes on with {lost!r}; one number "
                "for each column is needed."
            )
        behind = next((cell.strip() for cell in cells[header.n :] if cell.strip()), "") if labelled else ""
        count[label] = count.get(label, 0) + 1
        name = behind or (f"{title} (line {count[label]} of a row)".strip() if count[label] > 1 else title)
        wells = found.setdefault(name, {})
        for column, cell in enumerate((cells + [""] * header.n)[: header.n]):
            wells[f"{label}{column + 1}"] = cell
    columns = []
    for name, wells in found.items():
        role = "layout" if section == "layout" or _is_layout(name) else "" if in_corner or is_dose(name) else "read"
        columns.append(Column(name or sheet.name or "signal", wells, plate, None, "", sheet.decimal, role))
    return _doses_of_standards(columns)


def _are_labelled(sheet: Sheet, header: Header, rows: list) -> bool:
    """Whether a read's name stands behind every line; 450 may be one where it does so in each row, means do not."""
    names: dict[str, list[str]] = {}
    for _, label, cells in rows:
        names.setdefault(label, []).append(next((cell.strip() for cell in cells[header.n :] if cell.strip()), ""))
    numbers = any(plain_number(name, sheet.decimal) is not None for own in names.values() for name in own)
    alike = len({tuple(own) for own in names.values()}) == 1
    return all(name for own in names.values() for name in own) and (alike or not numbers)


def _is_layout(name: str) -> bool:
    return any(word in name.lower() for word in _LAYOUT_WORDS)


def _doses_of_standards(columns: list[Column]) -> list[Column]:
    """Gen5 writes a standard's concentration and a sample's dilution into one block: only the standards' are doses."""
    by_name = {column.name: column for column in columns}
    identity, mixed = by_name.get("Well ID"), by_name.get("Conc/Dil")
    if not identity or not mixed:
        return columns
    doses = {well: cell if identity.cells[well].startswith("STD") else "" for well, cell in mixed.cells.items()}
    dose = Column("concentration of standards", doses, mixed.plate, None, "", mixed.decimal, "layout")
    return [column for column in columns if column is not mixed] + [dose]


def _titles(sheet: Sheet, header: Header) -> tuple[str, str, bool]:
    """The block's title, Gen5's section above it in small letters, and whether the title stands in the corner."""
    corner = sheet.rows[header.line][header.first - 1].strip() if header.first else ""
    if corner in ("<>", "plate_row"):
        corner = ""
    above = []
    for line in range(header.line - 1, max(header.line - 4, -1), -1):
        filled = [cell.strip() for cell in sheet.rows[line] if cell.strip()]
        if len(filled) == 1 and row_index(filled[0]) is None:
            above.append(filled[0])
            break
        if filled:
            break
    section = above[0].lower() if above and above[0].lower() in _SECTIONS else ""
    return corner or (above[0] if above and not section else ""), section, bool(corner)
