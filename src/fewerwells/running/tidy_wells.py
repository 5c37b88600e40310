"""Wells from a tidy CSV file, one row a well: two concentrations with their units, and two measurements."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from fewerwells.science.datasets import Pairs
from fewerwells.science.units import NANOMOLAR, split_header, unit_of


def read_wells(path: Path, inputs: tuple[str, str] = ("x1", "x2"), outputs: tuple[str, str] = ("y1", "y2")) -> Pairs:
    """The wells of a tidy table, inputs in nM, outputs in their own unit; rows may be none.

    All of them, or those that `rows_used` names.

    Args:
        path: a CSV file with a header.
        inputs, outputs: columns by their names without units; the inputs' headers carry a unit, as in "x1 (µM)".

    Raises:
        ValueError: no such file or table, a missing column, a unit that is unknown or not there, an entry that is
            no finite number or a negative concentration, or states of which none is used.
    """
    table = _read(path)
    table = table[_used(table, path)]
    x = _concentrations(table, path, inputs)
    return Pairs(x, np.stack([_numbers(_column(table, name, path), path) for name in outputs], axis=1))


def rows_used(path: Path) -> np.ndarray:
    """Which rows of a table `read_wells` reads, shape (rows,), True or False; raises as it does.

    All, but where a column state says what became of each well, as in the wells.csv of `fewerwells plate`: those used.
    """
    return _used(_read(path), path)


def read_inputs(path: Path, inputs: tuple[str, str] = ("x1", "x2")) -> np.ndarray:
    """The concentrations alone, of wells that can be filled, shape (M, 2), nM; raises as `read_wells`."""
    return _concentrations(_read(path), path, inputs)


def read_tidy(path: Path) -> pd.DataFrame:
    """A tidy table for `science.measured`: columns with a unit in the header are numbers, all others stay text.

    So a replicate 007 stays 007 and a plate 1e5 stays 1e5. A byte-order mark before the first header is no part of it.

    Raises:
        ValueError: no such file or table, two columns of one name, or an entry below a unit that is no finite number.
    """
    table = _read(path)
    for header in table.columns:
        if split_header(header)[1]:
            table[header] = _numbers(table[header], path)
    return table


def _read(path: Path) -> pd.DataFrame:
    """All entries as text; the header is read as one more row, so that no row can be longer than it.

    Columns without a header are left out: a first one, where programs number rows, and empty ones.
    """
    options = {"header": None, "keep_default_na": False, "skipinitialspace": True, "encoding": "utf-8-sig"}
    try:
        lines = pd.read_csv(path, dtype=str, **options)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise ValueError(f"{path} cannot be read as a table of comma-separated values ({reason}).") from error
    headers = lines.iloc[0].str.strip().tolist()
    headers[0] = headers[0].lstrip("# ") or headers[0]  # as numpy.savetxt writes a header
    for place, header in enumerate(headers, start=1):
        if not header and place > 1 and lines.iloc[1:, place - 1].str.strip().any():
            raise ValueError(f"{path} has no header above column {place}; name it, or empty the column.")
        if header and headers.count(header) > 1:
            raise ValueError(f"{path} has {headers.count(header)} columns {header}.")
    named = [place for place, header in enumerate(headers) if header]
    return lines.iloc[1:, named].set_axis([headers[place] for place in named], axis=1).reset_index(drop=True)


def _used(table: pd.DataFrame, path: Path) -> np.ndarray:
    if "state" not in table:
        return np.ones(len(table), bool)
    states = table["state"].str.strip()
    used = (states == "used").to_numpy()
    if len(used) and not used.any():
        raise ValueError(
            f"{path}: its column state says {', '.join(sorted(set(states)))} and of no well that it is used; write used "
            "for the wells to learn from, or leave the column out."
        )
    return used


def _column(table: pd.DataFrame, name: str, path: Path) -> pd.Series:
    found = [header for header in table.columns if split_header(header)[0] == name]
    if len(found) != 1:
        many = "no column" if not found else f"{len(found)} columns"
        raise ValueError(
            f"{path} has {many} {name}; its columns are {', '.join(table.columns)}. --inputs and --outputs name yours."
        )
    return table[found[0]]


def _concentrations(table: pd.DataFrame, path: Path, inputs: tuple[str, str]) -> np.ndarray:
    columns = [_column(table, name, path) for name in inputs]
    x = np.stack([_numbers(column, path) * _nanomolar(column.name) for column in columns], axis=1)
    if np.any(x < 0):
        row, column = np.unravel_index(np.argmin(x), x.shape)
        raise ValueError(
            f"{path}: row {table.index[row] + 1} of column {columns[column].name} is negative; it must be 0 or more."
        )
    return x


def _nanomolar(header: str) -> float:
    unit = split_header(header)[1]
    plain = unit_of(unit)
    if plain not in NANOMOLAR:
        said = f"names the unit {unit!r}" if unit else "names no unit"
        raise ValueError(
            f"the column {header} {said}; write one of {', '.join(NANOMOLAR)}, as in {split_header(header)[0] or 'x1'} (nM). "
            "Masses have to be converted first."
        )
    return NANOMOLAR[plain]


def _numbers(column: pd.Series, path: Path) -> np.ndarray:
    values = pd.to_numeric(column.str.strip(), errors="coerce").to_numpy(float)
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        raise ValueError(
            f"{path}: row {column.index[row] + 1} of column {column.name} is {column.iloc[row]!r}; it must be a number."
        )
    return values
