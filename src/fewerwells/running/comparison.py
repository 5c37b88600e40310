"""Does a rerun agree with the published tables? The check that a reviewer can run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy

from fewerwells.running.parameters import PUBLISHED, ParameterError
from fewerwells.running.storage import DamagedTable, read_rows, read_table
from fewerwells.science.statistics import LEVEL, RESAMPLES, iqm, resampled_iqm
from fewerwells.study.columns import ERROR, ERROR_COLUMNS, INSIDE_ERROR, OUTSIDE_ERROR, STUDY_ERROR
from fewerwells.study.table import CHECKSUM, COLUMNS, TEXT_COLUMNS, row_checksums

ESTIMATES = (STUDY_ERROR, ERROR, INSIDE_ERROR, OUTSIDE_ERROR)
MIN_SEEDS = 3
# A cell in words; what it is is said by its settings_hash.
CELL = ("arm", "target", "noise", "N")
DIGITS = 1e-6  # tables keep seven digits; what differs by less is the same number
# Why a row of the rerun was not compared.
OTHER_SETTINGS = "other settings than the published"
NOT_PUBLISHED = "no published cell of that arm, system, noise and N"
NO_PARTNER = "a seed that the published cell lacks"
FAILED = "failed: no error to compare"
TOO_FEW = f"fewer than {MIN_SEEDS} seeds"
AGREES, DISAGREES, NOT_ALL_COMPARED = 0, 1, 3  # exit statuses; 2 is for what is refused


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes:
        judged: one row an estimate: `arm`, `target`, `noise` (nM), `N`, `estimate` (the error's column), `published`
            and `rerun` (nM, over the seeds compared), `ratio` (rerun / published) with `low` and `high`, `n_seeds` (of
            the rerun that count), `paired`, and `agrees`.
        left_out: cells of the rerun with rows that were not compared: `arm`, `target`, `noise`, `N`, `why`, `rows`.
        failures: cells where networks failed: `arm`, `target`, `noise`, `N`, `rerun` and `published` (how many of
            `rerun_seeds` and `published_seeds`), and `differs`: in other seeds, or clearly more or fewer.
        n_rows: rows of the rerun.
        changed: of the rows that both tables hold, how many differ in an error's seventh digit or in their status.
        read_back: how many were not computed again, since even their wall times are the published ones.
    """

    judged: pd.DataFrame
    left_out: pd.DataFrame
    failures: pd.DataFrame
    n_rows: int
    changed: int
    read_back: int

    @property
    def status(self) -> int:
        """0: all rows were compared and all estimates agree; 1: something disagrees; 3: not all could be compared."""
        if not self.judged["agrees"].all() or self.failures["differs"].any():
            return DISAGREES
        return NOT_ALL_COMPARED if len(self.left_out) else AGREES


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
    for name in (name for name in COLUMNS if name not in TEXT_COLUMNS):
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise ParameterError(f"{path} is not a results table; its column {name} holds text.")
    if CHECKSUM in table.columns and (table[CHECKSUM] != row_checksums(table)).any():
        mixed = int((table[CHECKSUM] != row_checksums(table)).sum())
        raise ParameterError(
            f"{path} was changed: {mixed} of its rows hold errors that are not those they were written with."
        )
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
    return pd.concat(tables, ignore_index=True).drop_duplicates("parameter_hash")


def _without_counterpart(rerun: pd.DataFrame, published: pd.DataFrame) -> pd.Series:
    """For each row of the rerun why its cell is not among the published ones; "" where it is."""
    why = pd.Series("", index=rerun.index)
    unknown = ~rerun["settings_hash"].isin(published["settings_hash"])
    known = set(map(tuple, _in_words(published).to_numpy()))
    alike = [tuple(cell) in known for cell in _in_words(rerun[unknown]).to_numpy()]
    why[unknown] = np.where(alike, OTHER_SETTINGS, NOT_PUBLISHED)
    return why


def _in_words(table: pd.DataFrame) -> pd.DataFrame:
    """The cell of each row as people name it; numbers as a table keeps them."""
    return table[list(CELL)].assign(**{name: table[name].astype(float).round(9) for name in ("noise", "N")})


def _has_error(table: pd.DataFrame) -> pd.Series:
    return np.isfinite(np.log(table[list(ESTIMATES)].to_numpy(float))).all(axis=1) if len(table) else np.array([], bool)


def compare(rerun: pd.DataFrame, published: pd.DataFrame, resamples: int = RESAMPLES) -> Comparison:
    """For every published estimate that the rerun also has: their ratio, its interval, and whether they agree.

    Two cells are the same where their `settings_hash` is: everything that fixes the outcome but the seed. An estimate
    is the interquartile mean over seeds of the logarithm of an error, as on the pages. What is judged is
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

    A network that failed has no error. Where others fail than the published ones, or (unpaired) clearly more or fewer
    by Fisher's exact test, Bonferroni-corrected, that is a disagreement too.

    Args:
        rerun, published: tidy tables, one row a network, errors in nM.
        resamples: bootstrap resamples of whole seeds.

    Raises:
        ParameterError: a row that stands there twice, or nothing that could be compared.
    """
    if rerun.duplicated("parameter_hash").any():
        raise ParameterError("the rerun holds the same cell and seed twice; compare one point of a sweep at a time.")
    why = _without_counterpart(rerun, published)
    groups: dict[tuple, list] = {}
    failures = []
    reference = {key: part.set_index("seed") for key, part in published.groupby("settings_hash", sort=False)}
    for key, part in rerun[why == ""].groupby("settings_hash", sort=False):
        cell, ref = dict(zip(CELL, part.iloc[0][list(CELL)], strict=True)), reference[key]
        paired = int(part["seed"].isin(ref.index).sum()) >= MIN_SEEDS
        good, good_ref = _has_error(part), _has_error(ref)
        if paired:
            partner = part["seed"].isin(ref.index).to_numpy()
            why[part.index[~partner]] = NO_PARTNER
            part, good = part[partner], good[partner]
            ref = ref.loc[part["seed"]]
            good_ref = _has_error(ref)
            used = used_ref = good & good_ref
            why[part.index[good != good_ref]] = FAILED  # both failed: that agrees
        else:
            used, used_ref = good, good_ref
            why[part.index[~good]] = FAILED
        if not (good.all() and good_ref.all()):
            counts = {"rerun": int((~good).sum()), "published": int((~good_ref).sum())}
            sizes = {"rerun_seeds": len(good), "published_seeds": len(good_ref)}
            failures.append(cell | counts | sizes | {"differs": bool((good != good_ref).any()) if paired else None})
        if min(used.sum(), used_ref.sum()) < MIN_SEEDS:
            why[part.index[used]] = TOO_FEW
            continue
        for name in ESTIMATES:
            logs = [np.log(t.loc[u, name].to_numpy(float)) for t, u in ((part, used), (ref, used_ref))]
            groups.setdefault((paired, len(logs[0]), len(logs[1])), []).append((cell, name, *logs))
    left_out = _count(rerun.assign(why=why)[why != ""])
    failed = _judged_failures(failures)
    if not groups and not failed["differs"].any():
        raise ParameterError(f"nothing could be compared: {_told(left_out)}.")
    shared = rerun[why == ""].merge(published, on="parameter_hash", suffixes=("", "_published"))
    return Comparison(
        _judged(groups, resamples),
        left_out,
        failed,
        len(rerun),
        _changed(shared),
        _read_back(shared),
    )


def _count(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.groupby([*CELL, "why"], sort=False).size().rename("rows").reset_index()


def _judged_failures(failures: list[dict]) -> pd.DataFrame:
    """Failures with the verdict of Fisher's test where seeds are not paired."""
    for one in failures:
        if one["differs"] is None:
            table = [[one[side], one[f"{side}_seeds"] - one[side]] for side in ("rerun", "published")]
            one["differs"] = bool(scipy.stats.fisher_exact(table).pvalue * len(failures) < 1 - LEVEL)
    columns = [*CELL, "rerun", "rerun_seeds", "published", "published_seeds", "differs"]
    return pd.DataFrame(failures, columns=columns).astype({"differs": bool})


def _changed(shared: pd.DataFrame) -> int:
    """How many networks of both tables are not the same in every error as a table keeps it, and in their status."""
    same = shared["status"] == shared["status_published"]
    for name in ERROR_COLUMNS:
        same &= shared[name].map("{:.7g}".format) == shared[f"{name}_published"].map("{:.7g}".format)
    return int((~same).sum())


def _read_back(shared: pd.DataFrame) -> int:
    timed = shared["seconds"] > 0
    return int((timed & (shared["seconds"] == shared["seconds_published"])).sum())


def _judged(groups: dict[tuple, list], resamples: int) -> pd.DataFrame:
    """Estimates judged all at once; `groups`: (paired, seeds, published seeds) → cells, error's names and logarithms."""
    if not groups:  # every network of one side failed
        names = (*CELL, "estimate", "published", "rerun", "ratio", "low", "high", "n_seeds", "paired", "agrees")
        return pd.DataFrame(columns=names).astype({"paired": bool, "agrees": bool})
    judged = []
    for (paired, n_ours, _), members in groups.items():
        for cell, name, ours, ref in members:
            apart = 0 if paired else 1  # seeds that are not the same are not drawn together
            draws = resampled_iqm(ours, resamples) - resampled_iqm(ref, resamples, random_state=apart)
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
            cell
            | {"estimate": name, "published": np.exp(ref), "rerun": np.exp(ours)}
            | {"ratio": np.exp(d), "low": np.exp(d - half[index]), "high": np.exp(d + half[index])}
            | {"n_seeds": n_seeds, "paired": paired, "agrees": bool(abs(d) <= half[index])}
        )
    return pd.DataFrame(rows)


def _told(left_out: pd.DataFrame) -> str:
    """What was left out and why, in words: rows by reason, with the arms."""
    parts = []
    for why, rows in left_out.groupby("why", sort=False):
        arms = ", ".join(dict.fromkeys(rows["arm"]))
        parts.append(f"{rows['rows'].sum()} rows ({arms}): {why}")
    return "; ".join(parts)


def verdict(found: Comparison) -> str:
    """What a comparison found, in a sentence or a few: agreement, how sharp it was, failures, and what was left out."""
    judged, n_failed = found.judged, int(found.failures["rerun"].sum())
    agree, number = int(judged["agrees"].sum()), len(judged)
    width = 100 * (float(np.sqrt(judged["high"] / judged["low"]).median()) - 1) if number else np.nan
    if not judged["paired"].all() or width >= 1e-3:
        sight = f"a difference of {width:.2g} % would have been seen in half of them"
    elif found.changed:
        sight = f"{found.changed} networks differ, in digits that move no estimate"
    else:
        sight = "every error of every network is the published one, to the last digit kept"
    if not number:
        told = ["No estimate of the rerun and the published tables could be compared."]
    elif agree == number:
        told = [f"The rerun agrees with the published tables in all {number} estimates that they share; {sight}."]
    else:
        told = [
            f"The rerun disagrees with the published tables in {number - agree} of the {number} estimates that they share."
        ]
    if len(found.failures):
        differing = int(found.failures["differs"].sum())
        told.append(
            f"{n_failed} networks of the rerun failed and {int(found.failures['published'].sum())} published ones, in "
            f"{len(found.failures)} cells" + (f", {differing} of which disagree in that." if differing else ".")
        )
    if len(found.left_out):
        told.append(
            f"Not compared were {found.left_out['rows'].sum()} of the rerun's {found.n_rows} rows: {_told(found.left_out)}."
        )
    if found.read_back:
        told.append(
            f"{found.read_back} rows are the published ones themselves, as their wall times show: not run again."
        )
    return " ".join(told)
