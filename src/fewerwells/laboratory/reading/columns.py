"""What every form of a plate is taken apart into: named columns of wells."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fewerwells.laboratory.reading.cells import Value, plain_number, value
from fewerwells.laboratory.reading.headers import is_percentage


@dataclass(frozen=True)
class Column:
    """One thing said of some wells: a signal at one moment, a dose, a label.

    Attributes:
        name: as the file has it.
        cells: text by well (plain name, or "row 2" where a table names no wells).
        plate: the plate's name, "" where a file has one.
        at: moment or wavelength of a series, or None.
        unit: of `at`: "s", "nm" or "" for positions and cycles.
        decimal: what a comma that could be either means in this file.
        role: "layout" where the file says that it describes the wells, "read" where it is the reader's, or "".
    """

    name: str
    cells: dict[str, str]
    plate: str = ""
    at: float | None = None
    unit: str = ""
    decimal: str = "."
    role: str = ""

    def values(self) -> dict[str, Value]:
        """What each cell says where a number should be; below a header in percent, 0.5% is 0.5."""
        sign = "%" if is_percentage(self.name) else ""
        return {well: value(text.strip().removesuffix(sign), self.decimal) for well, text in self.cells.items()}

    @property
    def is_numeric(self) -> bool:
        """Whether it holds numbers or an instrument's marks, words being at most a third."""
        found = [said for said in self.values().values() if said.mark != "empty"]
        words = sum(said.mark == "word" for said in found)
        return any(said.number is not None or said.mark in ("above", "below") for said in found) and 3 * words <= len(
            found
        )

    @property
    def is_empty(self) -> bool:
        return not any(text.strip() for text in self.cells.values())


def without_repeats(columns: list[Column]) -> tuple[list[Column], list[str]]:
    """The columns without empty ones and without those that only repeat earlier ones, and remarks that say so."""
    named = _apart([column for column in columns if not column.is_empty])
    whole: dict[tuple, list[Column]] = {}
    for column in named:
        whole.setdefault((column.plate, column.name), []).append(column)
    kept: list[list[Column]] = []
    remarks = []
    for parts in whole.values():
        twin = next((other for other in kept if _same(parts, other)), None)
        if twin is None:
            kept.append(parts)
        else:
            remarks.append(f"{parts[0].name} repeats {twin[0].name} and is left out")
    return [column for parts in kept for column in parts], list(dict.fromkeys(remarks))


def _same(parts: list[Column], other: list[Column]) -> bool:
    """Whether two series say the same of the same wells, numbers to the six digits that reports keep."""
    if parts[0].plate != other[0].plate or len(parts) != len(other) or len(parts[0].cells) < 2:
        return False
    if not parts[0].role and not other[0].role:  # columns of a table: a dose and a signal may have the same numbers
        return False
    return all(a.at == b.at and _comparable(a) == _comparable(b) for a, b in zip(parts, other, strict=True))


def _comparable(column: Column) -> dict[str, str]:
    filled = {well: text.strip() for well, text in column.cells.items() if text.strip()}
    return {
        well: text if (number := plain_number(text, column.decimal)) is None else f"{number:.6g}"
        for well, text in filled.items()
    }


def _apart(columns: list[Column]) -> list[Column]:
    """Different columns of one name and plate get a number behind the name, unless they speak of different wells."""
    kept: dict[tuple, Column] = {}
    for column in columns:
        key, number = (column.plate, column.name, column.at), 1
        while key in kept:
            before = kept[key]
            if column.role == "layout" and not set(column.cells) & set(before.cells):
                column = replace(column, name=before.name, cells=before.cells | column.cells)
                break
            number += 1
            key = (column.plate, f"{column.name} ({number})", column.at)
        kept[key] = replace(column, name=key[1])
    return list(kept.values())
