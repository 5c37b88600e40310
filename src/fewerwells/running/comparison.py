"""Does a rerun agree with the published tables? The check that a reviewer can run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd

from fewerwells.running.parameters import PUBLISHED, ParameterError
from fewerwells.running.storage import DamagedTable, read_rows, read_table
from fewerwells.science.statistics import LEVEL, RESAMPLES, iqm, resampled_seeds
from fewerwells.study.columns import ERROR, INSIDE_ERROR, OUTSIDE_ERROR, STUDY_ERROR
from fewerwells.study.table import COLUMNS, KEY

ESTIMATES = (STUDY_ERROR, ERROR, INSIDE_ERROR, OUTSIDE_ERROR)
MIN_SEEDS = 3
# What makes a cell of the study: two tables are compared where all of these agree.
CELL = ("arm", "target", "noise", "N", "n", "b", "theta_1", "theta_2", "eta_1", "eta_2", "epochs", "sample_steps")
DIGITS = 1e-6  # tables keep seven digits; what differs by less is the same number


def read_rerun(path: Path) -> pd.DataFrame:
    """A rerun's table: one written by a chapter or a sweep, checked against its checksum where it has one.

    Raises:
        ParameterError: it cannot be read, is not the file that was written, or lacks columns.
    """
    try:
        data = path.read_bytes()
        table = read_rows(data)
        record = path.with_suffix(".json")
        if record.exists() and hashlib.sha256(data).hexdigest() != json.loads(record.read_text("utf-8"))["sha256"]:
            raise ParameterError(f"{path} is not the file that was written: its checksum differs.")
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, ParameterError):
            raise
        reason = error.strerror if isinstance(error, OSError) else "it is not a results table"
        raise ParameterError(f"{path} cannot be read: {reason}.") from None
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise ParameterError(f"{path} is not a results table; it lacks the columns {', '.join(missing)}.")
    if table.empty:
        raise ParameterError(f"{path} has no rows.")
    for name in (*ESTIMATES, "seed", *(c for c in CELL if c not in ("arm", "target"))):
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise ParameterError(f"{path} is not a results table; its column {name} holds text.")
    return table


def read_published(folder: Path) -> pd.DataFrame:
    """The rows of all published experiments, each network once.

    Raises:
        ParameterError: a published table is missing or damaged.
    """
    try:
        tables = [read_table(folder / f"{name}.csv") for name in PUBLISHED]
    except DamagedTable as error:
        raise ParameterError(str(error)) from None
    return pd.concat(tables, ignore_index=True).drop_duplicates(list(KEY))


def _matched(rerun: pd.DataFrame, published: pd.DataFrame) -> tuple[list[tuple], dict, dict]:
    """The cells that both tables hold, and each table's rows by cell (seed as index)."""
    parts = []
    for table in (rerun, published):
        table = table.assign(
            **{name: table[name].astype(float).round(9) for name in CELL if name not in ("arm", "target")}
        )
        parts.append(
            {cell: part.set_index("seed").sort_index() for cell, part in table.groupby(list(CELL), sort=False)}
        )
    return [cell for cell in parts[1] if cell in parts[0]], *parts


def compare(rerun: pd.DataFrame, published: pd.DataFrame, resamples: int = RESAMPLES) -> pd.DataFrame:
    """For every published estimate that the rerun also has: their ratio, its interval, and whether they agree.

    An estimate is the interquartile mean over seeds of the logarithm of an error, as on the pages. What is judged is
    the difference of two such centres, d = rerun − published, with an interval from the bootstrap:

    - *Paired*, where the two share at least three seeds: only these are compared, and a resample draws the same seeds
      for both. A seed stands for the same wells, noise, weights and batch order in both tables, so what they have in
      common cancels, and a change in the code shows even when it is smaller than the spread between seeds.
    - *Unpaired* otherwise: each side's seeds are resampled on their own. The seeds of one side are shared by all its
      cells, as they are in the study.

    Many estimates are judged at once, and some 95 % intervals miss by luck alone. The intervals are therefore
    simultaneous (max-t: the 95 % quantile, over resamples, of the largest |d* − d| / s among all estimates of a kind,
    where s is the bootstrap's standard deviation; Westfall & Young 1993): if the rerun repeats the study, *all* of
    them hold 1 in about 95 % of reruns. Agreement means that no difference was found; `low` and `high` say which
    differences would have been. With few seeds (below ten or so) the bootstrap's intervals are too narrow.

    Args:
        rerun, published: tidy tables, one row a network, errors in nM.
        resamples: bootstrap resamples of whole seeds.

    Returns:
        One row an estimate: `arm`, `target`, `noise` (nM), `N`, `estimate` (the error's column), `published` and
        `rerun` (nM, over the seeds compared), `ratio` (rerun / published) with `low` and `high`, `n_seeds` (of the
        rerun that count), `paired`, and `agrees`.

    Raises:
        ParameterError: nothing in common, a cell with other settings, or fewer than three seeds.
    """
    if rerun.duplicated([*CELL, "seed"]).any():
        raise ParameterError("the rerun holds the same cell and seed twice; compare one point of a sweep at a time.")
    cells, mine, theirs = _matched(rerun, published)
    if not cells:
        raise ParameterError(
            "the rerun has no cell (arm, system, noise, N and epochs) in common with the published tables."
        )
    groups: dict[tuple, list] = {}
    for cell in cells:
        ours, ref = mine[cell], theirs[cell]
        common = ours.index.intersection(ref.index)
        other = common[(ours.loc[common, "parameter_hash"] != ref.loc[common, "parameter_hash"]).to_numpy()]
        if len(other):
            raise ParameterError(
                f"the rerun's {cell[0]} on {cell[1]} with N = {cell[3]:g} was made with other settings than the published "
                "one (their parameter_hash differs), such as another batch size or learning rate; they cannot agree."
            )
        paired = len(common) >= MIN_SEEDS
        ours, ref = (ours.loc[common], ref.loc[common]) if paired else (ours, ref)
        for name in ESTIMATES:
            logs = [np.log(part[name].to_numpy(float)) for part in (ours, ref)]
            good = [np.isfinite(values) for values in logs]
            good = [good[0] & good[1]] * 2 if paired else good
            logs = [values[keep] for values, keep in zip(logs, good, strict=True)]
            if min(map(len, logs)) < MIN_SEEDS:
                raise ParameterError(
                    f"the {cell[0]} on {cell[1]} with N = {cell[3]:g} has an error for {min(map(len, logs))} seeds; "
                    f"at least {MIN_SEEDS} are needed for an interval."
                )
            groups.setdefault((paired, len(logs[0]), len(logs[1])), []).append((cell, name, *logs))
    judged = []
    for (paired, n_ours, n_ref), members in groups.items():
        picked = resampled_seeds(n_ours, resamples)
        picked_ref = picked if paired else resampled_seeds(n_ref, resamples, random_state=1)
        for cell, name, ours, ref in members:
            draws = iqm(ours[picked]) - iqm(ref[picked_ref])
            judged.append((cell, name, paired, n_ours, float(iqm(ours)), float(iqm(ref)), draws))
    difference = np.array([ours - ref for *_, ours, ref, _ in judged])
    draws = np.stack([one[-1] for one in judged])
    spread = draws.std(axis=1, ddof=1)
    moving = spread > DIGITS
    factor = 0.0
    if moving.any():
        excess = np.abs(draws[moving] - difference[moving, None]) / spread[moving, None]
        factor = float(np.quantile(excess.max(axis=0), LEVEL))
    half = np.maximum(factor * spread, DIGITS)
    rows = []
    for index, (cell, name, paired, n_seeds, ours, ref, _) in enumerate(judged):
        d = difference[index]
        rows.append(
            dict(zip(CELL[:4], cell[:4], strict=True))
            | {"estimate": name, "published": np.exp(ref), "rerun": np.exp(ours)}
            | {"ratio": np.exp(d), "low": np.exp(d - half[index]), "high": np.exp(d + half[index])}
            | {"n_seeds": n_seeds, "paired": paired, "agrees": bool(abs(d) <= half[index])}
        )
    return pd.DataFrame(rows)


def verdict(judged: pd.DataFrame) -> str:
    """One sentence on a comparison."""
    agree, number = int(judged["agrees"].sum()), len(judged)
    width = 100 * (float(np.sqrt(judged["high"] / judged["low"]).median()) - 1)
    sight = (
        "to the last digit kept"
        if width < 1e-3
        else f"a difference of {width:.2g} % would have been seen in half of them"
    )
    if agree == number:
        return f"The rerun agrees with the published tables in all {number} estimates that they share; {sight}."
    return (
        f"The rerun disagrees with the published tables in {number - agree} of the {number} estimates that they share."
    )
