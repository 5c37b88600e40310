"""Serial dilutions in short: "IPTG=1000uM/2 across 1-11 zero 12", where a layout would repeat them well by well."""

from __future__ import annotations

import re

from fewerwells.laboratory.reading.cells import COLUMNS, ROWS, row_name
from fewerwells.laboratory.reading.columns import Column
from fewerwells.laboratory.reading.problems import PlateError
from fewerwells.science.units import unit_of

HOW = "write NAME=DOSE UNIT/FACTOR across 1-11 (or down A-G), and zero 12 (or H) where there is none of it"
_LARGEST_DOSE, _LARGEST_FACTOR = 1e15, 1e6  # a mole in a litre is 1e15 fM
_WRITTEN = re.compile(
    r"(?P<name>[^=]+)=\s*(?P<top>\d+(?:\.\d+)?(?:e-?\d+)?)\s*(?P<unit>[^\d\s/][^/\s]*(?:/m?[lL])?)\s*/\s*(?P<factor>\d+(?:\.\d+)?)"
    r"\s+(?P<way>across|down)\s+(?P<first>\w+)-(?P<last>\w+)(?:\s+zero\s+(?P<zero>\w+))?",
    re.IGNORECASE,
)


def serial_dilution(text: str) -> Column:
    """A dose in every row or column of a plate, from the highest downwards, as a column of a layout.

    Args:
        text: see `HOW`; "across" steps from column to column, "down" from row to row, either way round.

    Raises:
        PlateError: it is written otherwise.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise PlateError(f"--dilution is {text!r}; {HOW}.")
    across = found["way"].lower() == "across"
    first, last = (_place(found[name], across, text) for name in ("first", "last"))
    top, factor = float(found["top"]), float(found["factor"])
    if unit_of(found["unit"]) is None:
        raise PlateError(f"--dilution {text!r}: there is no unit {found['unit']!r}.")
    if not (0 < top < _LARGEST_DOSE and 1 < factor < _LARGEST_FACTOR):
        raise PlateError(
            f"--dilution {text!r}: the dose must be positive and below {_LARGEST_DOSE:g}, and the factor larger than 1 and "
            f"below {_LARGEST_FACTOR:g}."
        )
    step = 1 if last >= first else -1
    doses = {place: top / factor**k for k, place in enumerate(range(first, last + step, step))}
    if found["zero"]:
        zero = _place(found["zero"], across, text)
        if zero in doses:
            raise PlateError(f"--dilution {text!r}: {found['zero']} cannot be part of the dilution and zero.")
        doses[zero] = 0.0
    cells = {
        f"{row_name(other if across else place)}{(place if across else other) + 1}": f"{dose:.12g}"
        for place, dose in doses.items()
        for other in range(ROWS if across else COLUMNS)
    }
    return Column(f"{found['name'].strip()} [{found['unit']}]", cells, "", role="layout")


def _place(name: str, across: bool, text: str) -> int:
    """The index of a column "1" … or of a row "A" …."""
    names = [str(k + 1) for k in range(COLUMNS)] if across else [row_name(k) for k in range(ROWS)]
    if name.upper() not in names:
        kind = f"columns 1 to {COLUMNS}" if across else f"rows A to {names[-1]}"
        raise PlateError(f"--dilution {text!r}: {name} is none of {kind}.")
    return names.index(name.upper())
