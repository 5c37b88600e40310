"""The tidy table: one row per trained network, written whole or not at all, checked when read."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import platform
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from fewerwells.science.datasets import BIG, SMALL, sobol_inputs
from fewerwells.study.evaluation import ERROR_COLUMNS

COLUMNS = (
    "arm",  # a key of protocol.ARMS
    "target",  # the real system as it is called on axes
    "circuit",  # its name in fewerwells.science.circuits
    "n",  # Hill coefficient
    "b",  # weight of the empty state; 0 for the cycles
    "resource",  # total resource of input_depletion, nM; this and the next three are empty where a circuit has none
    "saturation",  # Michaelis constant over y_tot of goldbeter_koshland
    "leak",  # share of the largest output that the empty resource of mixed_complex makes
    "mixing",  # how tightly the mixed complex of mixed_complex binds
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
    "parameter_hash",  # of everything above that decides the outcome
)
CHECKSUM = "checksum"  # a last column, made when a table is put together: ties a row's errors to its parameter_hash
KEY = ("arm", "target", "theta_1", "theta_2", "eta_1", "eta_2", "noise", "N", "seed")

# The files whose code decides a number in the table; a change in any of them makes stored runs stale: all runs if the
# file is among "all", only those of arms that fit or interpolate if it is among "fits" or "gaussian processes".
_DECIDING = {
    "all": (
        "science/circuits.py",
        "science/datasets.py",
        "science/networks.py",
        "study/protocol.py",
        "study/trials.py",
        "study/evaluation.py",
        "science/training/*.py",
    ),
    "fits": ("science/fitting.py", "science/library.py"),
    "gaussian processes": ("science/gaussian_processes.py",),
}


class DamagedTable(ValueError):
    """A results file is missing, empty, cut short or changed since it was written."""


class InconsistentTables(ValueError):
    """Tables of results contradict themselves or one another."""


def digest(value) -> str:
    """Twelve hexadecimal digits that stand for a value made of plain types."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _statements(source: str) -> str:
    """A module's code as Python understands it: comments, layout and docstrings do not count."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


@lru_cache
def source_digest(*parts: str) -> str:
    """Digest of the package's code that decides the numbers.

    Args:
        parts: what decides besides the code that decides for all: "fits", "gaussian processes".
    """
    root = Path(__file__).parents[1]
    files = sorted(path for part in ("all", *parts) for pattern in _DECIDING[part] for path in root.glob(pattern))
    return digest([(path.relative_to(root).as_posix(), _statements(path.read_text("utf-8"))) for path in files])


def results_folder() -> Path:
    """Where results live: `FEWERWELLS_RESULTS`, else `results` beside the book's `_toc.yml`, else `./results`."""
    if os.environ.get("FEWERWELLS_RESULTS"):
        return Path(os.environ["FEWERWELLS_RESULTS"]).resolve()
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / "_toc.yml").exists() and (folder / "notebooks").is_dir():
            return folder / "results"
    return here / "results"


@lru_cache
def provenance() -> dict:
    """What ran this: versions, platform, digest of the code; found out once, since every stored piece names it."""
    packages = ("fewerwells", "numpy", "scipy", "torch", "numba")
    return {
        "source": source_digest(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "packages": {name: version(name) for name in packages},
    }


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a kill at any moment leaves the old one or the new one, never a part."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(unfinished, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)  # there only when writing failed, on a full disk for example


def write_table(table: pd.DataFrame, path: Path, **notes) -> None:
    """Write a tidy table as CSV with a JSON file beside it that holds its checksum, provenance and `notes`.

    Raises:
        ValueError: a column is missing or a row stands there twice.
    """
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise ValueError(f"the table lacks the columns {', '.join(missing)}.")
    if table.duplicated(list(KEY)).any():
        raise ValueError(f"{int(table.duplicated(list(KEY)).sum())} rows of the table stand there twice.")
    path.parent.mkdir(parents=True, exist_ok=True)
    data = table.to_csv(index=False, float_format="%.7g", lineterminator="\n").encode()
    record = {"sha256": hashlib.sha256(data).hexdigest(), "rows": len(table), **notes, **provenance()}
    write_whole(path, data)
    write_whole(path.with_suffix(".json"), (json.dumps(record, indent=2) + "\n").encode())


def read_table(path: Path) -> pd.DataFrame:
    """Read what `write_table` wrote.

    Raises:
        DamagedTable: the file or its checksum is missing, or they do not agree.
    """
    try:
        data = path.read_bytes()
        record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        whole = hashlib.sha256(data).hexdigest() == record["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedTable(f"{path} cannot be read as a results table ({error}).") from error
    if not whole:
        raise DamagedTable(f"{path} is not the file that was written: its checksum differs.")
    return pd.read_csv(path)


def read_or_compute(path: Path, compute: Callable[[], pd.DataFrame], **notes) -> pd.DataFrame:
    """The table at `path` if it is whole, else what `compute` returns, written there first.

    Either way the caller gets the table as read from the file, so numbers never depend on which way it came.
    """
    try:
        return read_table(path)
    except DamagedTable:
        write_table(compute(), path, **notes)
        return read_table(path)


def row_checksums(table: pd.DataFrame) -> pd.Series:
    """For each row eight hexadecimal digits of its parameter_hash, status and errors, as a CSV file holds them."""
    errors = table[list(ERROR_COLUMNS)].map("{:.7g}".format)
    text = table["parameter_hash"].str.cat([table["status"], *(errors[name] for name in ERROR_COLUMNS)], sep=",")
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
        whole = share * table["sobol_inside_mean"] + (1 - share) * table["sobol_outside_mean"]
        wrong = ~np.isclose(whole, table["sobol_all_mean"], rtol=1e-5, equal_nan=True)
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
