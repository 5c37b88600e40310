"""What one cell means: a number, a mark of the instrument, a well, a time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

ROWS = 32  # of a 1,536-well plate, A to AF
COLUMNS = 48
LARGEST = 1e30  # of numbers: far beyond any signal or dose, and its powers are still numbers
PLATES = {3: 6, 4: 12, 6: 24, 8: 48, 12: 96, 24: 384, 48: 1536}  # wells by columns

_WELL = re.compile(r"\s*([A-Za-z]|A[A-Fa-f]|a[A-Fa-f])\s*0*([1-9]\d?)\s*")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"([+-]?)(\d*),(\d+)([eE][+-]?\d+)?")
_THOUSANDS = re.compile(
    r"(?P<whole>[+-]?[1-9]\d{0,2}(?P<part>[.,'’ \u2009\u202f])\d{3}(?:(?P=part)\d{3})*)(?:(?P<point>[.,])(?P<rest>\d*))?"
)

# Where a signal is beyond what the reader can tell, and where there is none.
ABOVE = {"ovrflw", "over", "overflow", "#sat", "sat", "saturated", "high", "#high", "ovr", "+inf", "inf"}
BELOW = {"under", "underflow", "#low", "low", "undrflw", "-inf"}
MISSING = {
    "missed",
    "nan",
    "n/a",
    "na",
    "#n/a",
    "null",
    "none",
    "-",
    "--",
    "error",
    "invalid",
    "masked",
    "path?",
    "range?",
}
_ERROR = re.compile(r"#([A-ZÄÖÜ0-9/]+[!?]|N/?A|NV)")  # of a spreadsheet: #DIV/0!, #WERT!, #NAME?


@dataclass(frozen=True)
class Value:
    """A cell where a number should be.

    Attributes:
        number: the number, or None.
        mark: "" for a number; "above" and "below" for a signal out of the reader's range; "missing"; "empty"; "word".
        text: the cell as written.
    """

    number: float | None
    mark: str
    text: str


def row_name(index: int) -> str:
    """A for 0, Z for 25, AA for 26."""
    return chr(65 + index) if index < 26 else "A" + chr(65 + index - 26)


def row_index(name: str) -> int | None:
    """0 for A; None for what is no row of any plate."""
    name = name.strip().upper()
    if len(name) == 1 and "A" <= name <= "Z":
        return ord(name) - 65
    if len(name) == 2 and name[0] == "A" and "A" <= name[1] <= "F":
        return 26 + ord(name[1]) - 65
    return None


def well_name(text: str) -> str | None:
    """The plain name of a well, A1, from any way to write it: A01, a1, " A1"; None for anything else."""
    found = _WELL.fullmatch(text)
    if not found or int(found[2]) > COLUMNS:
        return None
    return f"{found[1].upper()}{int(found[2])}"


def well_place(name: str) -> tuple[int, int]:
    """Row and column of a plain well name, both from 0."""
    letters = name.rstrip("0123456789")
    return row_index(letters), int(name[len(letters) :]) - 1


def plate_shape(names: Iterable[str]) -> tuple[int, int]:
    """Rows and columns of the smallest plate on which all of these wells are, by their plain names."""
    rows, columns = (max(places) + 1 for places in zip(*map(well_place, names), strict=True))
    n = min((n for n, wells in PLATES.items() if n >= columns and wells // n >= rows), default=COLUMNS)
    return PLATES[n] // n, n


def are_wells(names: list[str]) -> bool:
    """Whether names are a plate's: all different, and rows beyond P only where there are as many wells as need them."""
    beyond = any(well_place(name)[0] >= 16 for name in names)
    return len(set(names)) == len(names) and (not beyond or len(names) > 100)


def plain_number(text: str, decimal: str = ".") -> float | None:
    """The number that a cell holds, or None; `decimal` says what a lone comma or point means where it could be either."""
    text = _tidied(text)
    thousands = _THOUSANDS.fullmatch(text)
    if thousands and _parts_thousands(thousands, decimal):
        return float(thousands["whole"].replace(thousands["part"], "") + "." + (thousands["rest"] or "0"))
    if _NUMBER.fullmatch(text):
        return float(text)
    comma = _COMMA.fullmatch(text)
    return float(f"{comma[1]}{comma[2] or 0}.{comma[3]}{comma[4] or ''}") if comma else None


def _tidied(text: str) -> str:
    return text.strip().replace("\u2212", "-").replace("\xa0", "")


def _parts_thousands(found: re.Match, decimal: str) -> bool:
    """Whether the sign between groups of three digits parts thousands; a space does where a decimal sign says so too."""
    if found["point"]:
        return found["point"] != found["part"]
    return decimal == "," if found["part"] == " " else found["part"] != decimal


def has_decimal_comma(text: str) -> bool:
    """Whether a cell is a number whose comma can only be decimal or whose points part thousands: 0,25 or 1.234.567."""
    thousands = _THOUSANDS.fullmatch(_tidied(text))
    if thousands and thousands["point"]:
        return thousands["point"] == "," != thousands["part"]
    if thousands:
        return thousands["part"] == "." and thousands["whole"].count(".") > 1
    return bool(_COMMA.fullmatch(_tidied(text)))


def unclear_sign(text: str) -> str:
    """The comma or point of a number in which it may be decimal or part thousands, such as 1,234 or 1.234; or ""."""
    thousands = _THOUSANDS.fullmatch(_tidied(text))
    sign = thousands["part"] if thousands and not thousands["point"] else ""
    return sign if sign and sign in ",." and thousands["whole"].count(sign) == 1 else ""


def both_readings(text: str) -> str:
    """What a number with an `unclear_sign` can be, "1.25 or 1250": first with its sign as decimal."""
    sign = unclear_sign(text)
    return f"{plain_number(text, sign):g} or {plain_number(text, ',.'.replace(sign, '')):g}"


def value(text: str, decimal: str = ".") -> Value:
    """What a cell says where a number should be; a mark never becomes a number."""
    plain = text.strip()
    if not plain:
        return Value(None, "empty", plain)
    number = plain_number(plain, decimal)
    if number is not None:
        if abs(number) <= LARGEST:
            return Value(number, "", plain)
        return Value(None, "above" if number > 0 else "below", plain)
    word = plain.lower()
    if word in ABOVE or word[0] == ">":
        return Value(None, "above", plain)
    if word in BELOW or word[0] == "<":
        return Value(None, "below", plain)
    if word in MISSING or not word.strip("?*") or _ERROR.fullmatch(plain.upper()):
        return Value(None, "missing", plain)
    return Value(None, "word", plain)


_UNITS_OF_TIME = {"ms": 1e-3, "s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "hr": 3600.0, "d": 86400.0}
_CLOCK = re.compile(r"(?:(\d{1,9}):)?(\d{1,4}):(\d{1,2}(?:[.,]\d+)?)")
_AMOUNT = re.compile(r"([\d.,]+)\s*([A-Za-z]+)")


def seconds(text: str, unit: str = "", decimal: str = ".") -> float | None:
    """A time in seconds, from 0:10:00, 0:30 (minutes and seconds), 599s, 10 min, or a number in `unit`; or None.

    A comma in a time is decimal; a point parts thousands only where `decimal` is a comma.
    """
    plain = text.strip() if decimal == "," else text.strip().replace(",", ".")
    clock = _CLOCK.fullmatch(plain)
    if clock:
        return 3600 * int(clock[1] or 0) + 60 * int(clock[2]) + float(clock[3].replace(",", "."))
    amount = _AMOUNT.fullmatch(plain)
    if amount and amount[2].lower() in _UNITS_OF_TIME:
        number = plain_number(amount[1], decimal)
        return None if number is None else number * _UNITS_OF_TIME[amount[2].lower()]
    number = plain_number(plain, decimal)
    return None if number is None or unit not in _UNITS_OF_TIME else number * _UNITS_OF_TIME[unit]


def as_clock(moment: float) -> str:
    """Seconds as hours, minutes and seconds: 0:10:00."""
    whole = int(moment)
    part = f"{moment - whole:.3f}"[1:].rstrip("0").rstrip(".")
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}{part}"
