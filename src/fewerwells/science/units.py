"""Units of concentration: everything inside is in nM, and this is where other units become it."""

from __future__ import annotations

import re

import numpy as np

NANOMOLAR = {"M": 1e9, "mM": 1e6, "uM": 1e3, "nM": 1.0, "pM": 1e-3, "fM": 1e-6}  # nM in one of each
GRAMS_PER_LITRE = {  # g/l in one of each; one percent is a gram in 100 ml
    "g/l": 1.0,
    "mg/l": 1e-3,
    "ug/l": 1e-6,
    "ng/l": 1e-9,
    "mg/ml": 1.0,
    "ug/ml": 1e-3,
    "ng/ml": 1e-6,
    "pg/ml": 1e-9,
    "ng/ul": 1e-3,
    "%": 10.0,
}
UNITS = (*NANOMOLAR, *GRAMS_PER_LITRE)

_SPELLINGS = {"μ": "u", "µ": "u", "L": "l"}
_MOLES_PER_LITRE = re.compile(r"([munpf]?)mol/l")
_WORDS = {"percent": "%", "perc": "%", "pct": "%", "pc": "%", "molar": "M", "nanomolar": "nM", "micromolar": "uM"}


_HEADER = re.compile(r"(?P<name>.+?)\s*(?:\((?P<round>[^()]+)\)|\[(?P<square>[^\[\]]+)\])")
_SUFFIX = re.compile(rf"(?P<name>.+)_(?P<unit>{'|'.join(NANOMOLAR)})")


def split_header(header: str) -> tuple[str, str]:
    """Name and unit of a header such as "IPTG (µM)", "x1 [nM]" or "x1_nM"; the unit is "" where none stands there."""
    header = header.strip()
    if found := _HEADER.fullmatch(header):
        return found["name"].strip(), (found["round"] or found["square"]).strip()
    if found := _SUFFIX.fullmatch(header):
        return found["name"], found["unit"]
    return header, ""


def unit_of(text: str) -> str | None:
    """One of `UNITS`, from any of its spellings: µ, μ and u for micro; l and L; a slash or _ for per; mol/l for M."""
    plain = text.strip()
    for sign, letter in _SPELLINGS.items():
        plain = plain.replace(sign, letter)
    plain = _WORDS.get(plain.lower(), plain).replace("_", "/").replace(" ", "")
    plain = _MOLES_PER_LITRE.sub(r"\1M", plain) if _MOLES_PER_LITRE.fullmatch(plain) else plain
    if plain in UNITS:
        return plain
    return plain.lower() if plain.lower() in GRAMS_PER_LITRE else None


def to_nanomolar(values, unit: str, molar_mass: float | None = None) -> np.ndarray:
    """Concentrations in nM.

    Args:
        values: concentrations in `unit`, any shape.
        unit: one of `UNITS`.
        molar_mass: g/mol, for units of mass.

    Raises:
        ValueError: an unknown unit, or a unit of mass without a positive molar mass.
    """
    values = np.asarray(values, float)
    if unit in NANOMOLAR:
        return values * NANOMOLAR[unit]
    if unit not in GRAMS_PER_LITRE:
        raise ValueError(f"there is no unit {unit!r}; choose one of {', '.join(UNITS)}.")
    if molar_mass is None or not (np.isfinite(molar_mass) and molar_mass > 0):
        raise ValueError(f"{unit} becomes nM only with a positive molar mass in g/mol, and it is {molar_mass}.")
    return values * (GRAMS_PER_LITRE[unit] / molar_mass * 1e9)
