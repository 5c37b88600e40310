"""The tidy table: one row per trained network; its columns, and the checks that hold its numbers together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from fewerwells.science.circuits import own_parameters
from fewerwells.science.datasets import BIG, SMALL, sobol_inputs
from fewerwells.study.columns import ERROR, ERROR_COLUMNS, INSIDE_ERROR, OUTSIDE_ERROR

COLUMNS = (
    "arm",  # a key of protocol.ARMS
    "target",  # the real system as it is called on axes
    "circuit",  # its name in fewerwells.science.circuits
    "n",  # Hill coefficient
    "b",  # weight of the empty state; 0 for the cycles
    *(name for name in own_parameters() if name != "n"),  # empty where a circuit has none of that name
    "theta_1",  # nM⁻¹
    "theta_2",
    "eta_1",  # nM; y_tot for the cycles
    "eta_2",
    "noise",  # standard deviation, nM
    "N",  # real pairs that the arm was given
    "seed",
    "status",  # ok, dead, diverged, not converged or at bound
    *ERROR_COLUMNS,  # nM and nM², over test points
    "epochs",
    "sample_steps",  # pairs seen by this network, pre-training included; 0 for fits
    "seconds",  # wall time of its ensemble divided by the number of networks, pre-training included
    "engine",
    "version",
    "settings_hash",  # of everything that decides the outcome but the seed
    "parameter_hash",  # of everything that decides the outcome
)
CHECKSUM = "checksum"  # a last column, made when a table is put together: ties a row's errors to its parameter_hash
POINT = "point"  # in a sweep's table: the key under which the row's point is stored
# What a CSV reader must not take for a number, as it would a hash like 19479e832753 or one of digits alone.
TEXT_COLUMNS = (
    *("arm", "target", "circuit", "status", "engine", "version", "settings_hash", "parameter_hash"),
    *(CHECKSUM, POINT),
)
KEY = ("arm", "target", "theta_1", "theta_2", "eta_1", "eta_2", "noise", "N", "seed")


class InconsistentTables(ValueError):
    """Tables of results contradict themselves or one another."""


def tidy(rows: Iterable[Mapping]) -> pd.DataFrame:
    """Rows as a tidy table: `COLUMNS`, empty where a row has no such value, and after them whatever else rows have."""
    table = pd.DataFrame(rows)
    return table.reindex(columns=[*COLUMNS, *(name for name in table.columns if name not in COLUMNS)])


def row_checksums(table: pd.DataFrame) -> pd.Series:
    """For each row eight hexadecimal digits of its parameter_hash, status and errors, as a CSV file holds them."""
    errors = table[list(ERROR_COLUMNS)].map("{:.7g}".format)
    # of a line that was cut off, what is missing counts as empty, so that its checksum is wrong like any other
    words = table[["parameter_hash", "status"]].fillna("")
    text = words["parameter_hash"].str.cat([words["status"], *(errors[name] for name in ERROR_COLUMNS)], sep=",")
    return text.map(lambda line: hashlib.sha256(line.encode()).hexdigest()[:8])


def check_tables(tables: Mapping[str, pd.DataFrame]) -> None:
    """Refuse tables whose numbers cannot all come from the networks that they name.

    Three things must hold whatever was trained: a row's checksum is that of its parameter_hash and errors; a network's
    mean error over the big domain is the mean of those inside and outside the small one, weighted by their test
    points; and a network that several tables hold (the same `parameter_hash`) has the same errors in all of them.

    Args:
        tables: tidy tables by name.

    Raises:
        InconsistentTables: one of the three does not hold; the message names table and rows.
    """
    share = float(SMALL.contains(sobol_inputs(BIG)).mean())
    for name, table in tables.items():
        mixed = row_checksums(table) != table[CHECKSUM]
        if mixed.any():
            first = table[mixed].iloc[0]
            raise InconsistentTables(
                f"{name}: {mixed.sum()} rows hold errors that are not those of their parameters, first "
                f"{first['arm']} on {first['target']}, N = {first['N']}, seed {first['seed']}."
            )
        whole = share * table[INSIDE_ERROR] + (1 - share) * table[OUTSIDE_ERROR]
        wrong = ~np.isclose(whole, table[ERROR], rtol=1e-5, equal_nan=True)
        if wrong.any():
            first = table[wrong].iloc[0]
            raise InconsistentTables(
                f"{name}: in {wrong.sum()} rows the error over the big domain is not the mean of those inside and "
                f"outside the small one, first {first['arm']} on {first['target']}, N = {first['N']}, seed {first['seed']}."
            )
    rows = pd.concat([table.assign(table=name) for name, table in tables.items()], ignore_index=True)
    shared = rows[rows.duplicated("parameter_hash", keep=False)]
    errors = shared.groupby("parameter_hash")[list(ERROR_COLUMNS)]
    spread = errors.max() / errors.min() - 1
    differing = spread.index[(spread > 1e-6).any(axis=1)]
    if len(differing):
        first = shared[shared["parameter_hash"] == differing[0]].iloc[0]
        places = ", ".join(shared.loc[shared["parameter_hash"] == differing[0], "table"])
        raise InconsistentTables(
            f"{len(differing)} networks have different errors in different rows, first {first['arm']} on "
            f"{first['target']}, N = {first['N']}, seed {first['seed']}, in {places}."
        )
