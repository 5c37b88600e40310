"""Opening a file safely: its size, its encoding, its separator; nothing in it is ever executed."""

from __future__ import annotations

import csv
import datetime
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fewerwells.laboratory.reading.cells import (
    both_readings,
    has_decimal_comma,
    plain_number,
    row_index,
    unclear_sign,
    value,
    well_name,
)
from fewerwells.laboratory.reading.problems import PlateError

LARGEST_FILE = 20_000_000  # bytes; the largest export of a kinetic run seen had 1 MB
LARGEST_UNPACKED = 200_000_000  # bytes of a spreadsheet once it is unpacked
MOST_CELLS = 2_000_000
_LINES_LOOKED_AT = 200  # spread over the file, for the separator
WIDEST_ROW = 20_000  # cells: a 1,536-well plate as one row, with room
SEPARATORS = {"\t": "tab", ";": "semicolon", ",": "comma", "|": "bar"}
# What reading a damaged archive or damaged XML raises; openpyxl's own errors are among them.
_UNSOUND = (zipfile.BadZipFile, zlib.error, ArithmeticError, AttributeError, LookupError, OSError, SyntaxError)
_UNSOUND += (TypeError, ValueError, EOFError, RuntimeError)
_NO_TEXT = re.compile(r"[\0-\x08\x0e-\x19]")
_HUNDREDS = re.compile(r"[1-9]\d\d")
_WRITTEN_BEHIND = re.compile(r'"[^"]*"|[\\_*].')  # parts of a number's format that are plain text
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True)
class Sheet:
    """A grid of text.

    Attributes:
        name: of the sheet, "" for a text file.
        rows: the cells, row by row; rows may differ in length.
        decimal: what a comma that could be either means, "." or ",".
        remarks: what was found out about the file.
    """

    name: str
    rows: list[list[str]]
    decimal: str = "."
    remarks: tuple[str, ...] = ()

    def cell(self, line: int, place: int) -> str:
        """A cell without the spaces around it; "" behind the end of a row."""
        row = self.rows[line]
        return row[place].strip() if place < len(row) else ""


def is_note(row: list[str]) -> bool:
    """Whether a line of a table is somebody's remark: it begins with #, and not with a reading such as #SAT or #DIV/0!."""
    return bool(row) and row[0].startswith("#") and value(row[0]).mark == "word"


def open_sheets(path: Path, separator: str | None = None, decimal: str | None = None) -> list[Sheet]:
    """The sheets of a text file or a spreadsheet.

    Args:
        path: the file.
        separator: of a text file; found by itself otherwise.
        decimal: "." or ","; found by itself otherwise.

    Raises:
        PlateError: no such file, too large, of no known kind, or with a formula in a cell.
    """
    if not path.is_file():
        raise PlateError(f"{path} is not a file; give the file that the plate reader wrote.")
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise PlateError(
            f"{path.name} has {size / 1e6:.0f} MB; at most {LARGEST_FILE / 1e6:.0f} MB are read. Export one plate."
        )
    content = path.read_bytes()
    if not content.strip():
        raise PlateError(f"{path.name} is empty; save or export it again.")
    if content.startswith(_OLD_EXCEL):
        raise PlateError(f"{path.name} is an Excel file of the old kind; save it as .xlsx or as CSV.")
    if content.startswith(b"PK"):
        return _spreadsheet(path, content, decimal)
    return [_text(path, content, separator, decimal)]


def decode(content: bytes, name: str) -> tuple[str, str]:
    """The text of a file and the name of its encoding: UTF-8, UTF-16 or Windows-1252.

    Raises:
        PlateError: bytes that are none of these, that end within a character, or that no text holds.
    """
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff")) or _looks_like_utf_16(content)
    text = _wide(content, name) if wide else content.decode("latin-1")
    if _NO_TEXT.search(text):
        raise PlateError(f"{name} is neither text nor a spreadsheet; export the plate as text, CSV or XLSX.")
    if wide:
        return text, "UTF-16"
    try:
        return content.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            raise PlateError(f"{name} ends within a character; it was cut off, so export it again.") from None
    try:
        return content.decode("cp1252"), "Windows-1252"
    except UnicodeDecodeError:
        raise PlateError(f"{name} is not in UTF-8, UTF-16 or Windows-1252; save it as UTF-8.") from None


def _wide(content: bytes, name: str) -> str:
    """The text of a file in UTF-16, whichever of a character's two bytes comes first."""
    marked = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return content.decode("utf-16" if marked else "utf-16-be" if content[:1] == b"\0" else "utf-16-le")
    except UnicodeDecodeError:
        raise PlateError(f"{name} ends within a character of UTF-16; it was cut off, so export it again.") from None


def _looks_like_utf_16(content: bytes) -> bool:
    start = content[:2000]
    return len(start) > 3 and max(start[0::2].count(0), start[1::2].count(0)) > 0.3 * len(start) / 2


def _text(path: Path, content: bytes, separator: str | None, decimal: str | None) -> Sheet:
    text, encoding = decode(content, path.name)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if separator is None:
        separator = find_separator(lines, path.name)
    rows = list(_split(lines, separator, path.name))
    remarks = [f"{path.name}: {encoding}, separated by {SEPARATORS.get(separator, repr(separator))}"]
    decimal, said = _decimal(rows, decimal, path.name)
    return Sheet("", rows, decimal, tuple(remarks + said + _bare_header(rows, path.name)))


def _bare_header(rows: list[list[str]], name: str) -> list[str]:
    """Takes the # off the line that names the columns, as numpy.savetxt writes it with a separator that is read here.

    It is the note right above the first line that is none, where that one has as many cells, a number among them, and no
    word or well. Whoever reads the table is told.
    """
    first = next((line for line, row in enumerate(rows) if any(map(str.strip, row)) and not is_note(row)), 0)
    if not (first and is_note(rows[first - 1]) and len(rows[first - 1]) == len(rows[first]) > 1):
        return []
    numbers = [cell for cell in rows[first] if plain_number(cell) is not None]
    if not numbers or any(value(cell).mark == "word" for cell in rows[first]):
        return []
    header = rows[first - 1]
    header[0] = header[0].lstrip("# \t") or header[0]
    return [f"{name}: line {first}, which begins with #, names the columns"]


def _split(lines: list[str], separator: str, name: str) -> Iterator[list[str]]:
    """Rows of cells; a quote that is never closed is a plain character."""
    cells = 0
    for number, line in enumerate(lines, start=1):
        if len(line) > 50 * WIDEST_ROW:
            raise PlateError(f"line {number} of {name} has {len(line):,} characters; no plate needs so many columns.")
        try:
            row = next(csv.reader([line], delimiter=separator, strict=True), [])
        except csv.Error:
            row = line.split(separator)
        cells += len(row)
        _check(row, number, cells, name)
        yield row


def _check(row: list[str], number: int, cells: int, name: str) -> None:
    if len(row) > WIDEST_ROW:
        raise PlateError(f"row {number} of {name} has {len(row):,} cells; at most {WIDEST_ROW:,} are read.")
    if cells > MOST_CELLS:
        raise PlateError(f"{name} has more than {MOST_CELLS:,} cells; export one plate.")
    for cell in row:
        if cell[:1] in ("=", "@") and cell.strip("=@ "):
            raise PlateError(
                f"row {number} of {name} holds the formula {cell[:40]!r}; formulas are not computed here. "
                "Save the sheet with values only."
            )


def _is_clean(cell: str) -> bool:
    return plain_number(cell, ",") is not None or well_name(cell) is not None


def find_separator(lines: list[str], name: str) -> str:
    """The separator by which most cells become numbers or wells.

    Raises:
        PlateError: several lines that are separated by another one.
    """

    def score(separator: str, chosen: list[str]) -> int:
        total = 0
        for line in chosen:
            cells = [cell for cell in line.split(separator) if cell.strip()] if separator in line else []
            clean = sum(map(_is_clean, cells))
            total += 2 * clean - len(cells)
        return total

    some = [line for line in lines if line.strip()][:: max(1, len(lines) // _LINES_LOOKED_AT)]
    best = max(SEPARATORS, key=lambda separator: score(separator, some))
    if score(best, some) <= 0:  # hardly a number: what splits most lines
        best = max(SEPARATORS, key=lambda separator: sum(separator in line for line in some))
    rest = [line for line in lines[:2000] if line.strip() and best not in line]
    for other in SEPARATORS:
        if other != best:
            odd = [line for line in rest if score(other, [line]) > 2]
            if len(odd) > 2:
                raise PlateError(
                    f"{name} has lines separated by {SEPARATORS[best]} and lines separated by {SEPARATORS[other]}, such as "
                    f"{odd[0][:40]!r}; save it with one separator, or name it with --separator."
                )
    return best


def _decimal(rows: list[list[str]], decimal: str | None, name: str) -> tuple[str, list[str]]:
    """What a comma means in these rows, and the remark that says so."""
    cells = [cell for row in rows for cell in row if "," in cell or "." in cell]
    certain = [cell for cell in cells if has_decimal_comma(cell)]
    unclear = [cell for cell in cells if unclear_sign(cell) == ","]
    points = [cell for cell in cells if unclear_sign(cell) == "."]
    if decimal is None:
        parted = any("." in cell for cell in certain)  # 1.080,0
        dots = any("," not in cell and cell not in points and plain_number(cell) is not None for cell in cells)
        if unclear and certain and (dots or points) and not parted:
            raise PlateError(
                f"{name} has decimal commas ({certain[0].strip()}) and decimal points, so {unclear[0].strip()!r} can be "
                "either; say --decimal , or --decimal ."
            )
        if unclear and not certain:
            raise _unclear(unclear[0], name)
        if points and not dots and not parted and (certain or _beside_hundreds(rows)):
            raise _unclear(points[0], name)
        if not certain:
            return ".", []
        note = " beside decimal points" if dots else ""
        said = [f"{name}: decimal commas{note}, such as {certain[0].strip()}"]
        decimal = "." if dots and not parted else ","  # with 0.5 beside 0,5 the point of 1.234 is decimal, too
    else:
        said = []
    if decimal == "," and points:
        said.append(f"{name}: points between thousands, such as {points[0].strip()}")
    return decimal, said


def _unclear(cell: str, name: str) -> PlateError:
    return PlateError(f"{cell.strip()!r} in {name} can be {both_readings(cell)}; say --decimal , or --decimal .")


def _beside_hundreds(rows: list[list[str]]) -> bool:
    """Whether a number such as 1.234 shares a column, or a row of a plate, with whole numbers from 100 to 999.

    Readings that become thousands below one another were hundreds before: 867, then 1.200.
    """
    pointed: set[int] = set()
    whole: set[int] = set()
    for row in rows:
        here = {place for place, cell in enumerate(row) if unclear_sign(cell) == "."}
        hundreds = {place for place, cell in enumerate(row) if _HUNDREDS.fullmatch(cell.strip())}
        if here and hundreds and any(row_index(cell) is not None for cell in row[: min(here)]):
            return True
        pointed |= here
        whole |= hundreds
    return bool(pointed & whole)


def _spreadsheet(path: Path, content: bytes, decimal: str | None) -> list[Sheet]:
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > LARGEST_UNPACKED:
            raise PlateError(
                f"{path.name} unpacks to {unpacked / 1e6:.0f} MB; at most {LARGEST_UNPACKED / 1e6:.0f} MB are read."
            )
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
        sheets = [_sheet(sheet, path.name) for sheet in book.worksheets]
    except PlateError:
        raise
    except _UNSOUND as error:
        raise PlateError(f"{path.name} is not a sound spreadsheet ({type(error).__name__}); save it again.") from None
    named = []
    for name, rows, percentage in sheets:
        sheet_decimal, said = _decimal(rows, decimal, path.name)
        if percentage:
            said.append(f"{path.name}: percentages as the sheet shows them, such as {percentage}")
        if any(cell.strip() for row in rows for cell in row):
            named.append(Sheet(name, rows, sheet_decimal, (f"{path.name}: sheet {name}", *said)))
    if not named:
        raise PlateError(f"{path.name} has no sheet with anything in it.")
    return named


def _sheet(sheet, name: str) -> tuple[str, list[list[str]], str]:
    """A sheet's name and cells, and its first percentage, "" where it has none."""
    rows, cells, percentage = [], 0, ""
    for number, row in enumerate(sheet.iter_rows(), start=1):
        plain = [_plain(cell.value) for cell in row]
        for place, cell in enumerate(row):
            if isinstance(cell.value, (int, float)) and _is_percentage(cell.number_format):
                plain[place] = _plain(float(f"{100 * cell.value:.12g}"))  # 7 and no 7.000000000000001
                percentage = percentage or f"{plain[place]}%"
        cells += len(plain)
        _check(plain, number, cells, f"sheet {sheet.title} of {name}")
        rows.append(plain)
    return sheet.title, rows, percentage


def _is_percentage(number_format: str) -> bool:
    """Whether a spreadsheet shows 0.005 as 0.5%; a % that is quoted or behind a backslash is only written behind."""
    return "%" in number_format and "%" in _WRITTEN_BEHIND.sub("", number_format)


def _plain(content) -> str:
    """A cell's value as text: whole numbers without a point, times as clocks, 1.234 so that no point parts thousands."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, float) and content.is_integer() and abs(content) < 1e15:
        return str(int(content))
    if isinstance(content, datetime.timedelta):
        whole = content.total_seconds()
        return f"{int(whole // 3600)}:{int(whole // 60) % 60:02}:{whole % 60:02.0f}"
    if isinstance(content, datetime.datetime) and content.year in (1899, 1900):  # a time beyond 24 hours
        whole = (content - datetime.datetime(1899, 12, 31)).total_seconds()
        return f"{int(whole // 3600)}:{int(whole // 60) % 60:02}:{whole % 60:02.0f}"
    if isinstance(content, float) and unclear_sign(str(content)):
        return f"{content}0"
    return str(content)
