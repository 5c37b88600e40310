"""How many wells from scratch are worth one well with pre-training: k(N), read off two learning curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fewerwells.science.statistics import (
    LEVEL,
    RESAMPLES,
    interval,
    iqm,
    percentiles,
    resampled_iqm,
    seed_matrix,
    tail_share,
)


def monotone(levels: np.ndarray) -> np.ndarray:
    """The falling curves nearest to some curves in squared distance (isotonic regression, de Leeuw et al. 2009).

    Args:
        levels: (..., M), each row a curve.

    Returns:
        (..., M): what pool-adjacent-violators gives, by the min–max formula, which treats many curves at once.
    """
    curve = np.moveaxis(np.asarray(levels, float), -1, 0)
    sums = np.concatenate([np.zeros((1, *curve.shape[1:])), np.cumsum(curve, axis=0)])
    fallen = np.full(curve.shape, np.inf)
    for first in range(len(curve)):
        highest = -np.inf  # mean from this point to any at or beyond `last`
        for last in reversed(range(first, len(curve))):
            highest = np.maximum(highest, (sums[last + 1] - sums[first]) / (last - first + 1))
            fallen[last] = np.minimum(fallen[last], highest)
    return np.moveaxis(fallen, 0, -1)


def _first_crossing(curves: np.ndarray, log_volumes: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """log N at which falling curves, linear between their points, first reach given levels.

    Args:
        curves: (B, M), each row falling.
        log_volumes: (M,).
        levels: (B, K).

    Returns:
        (B, K); −∞ where the first point is already below the level, +∞ where the last is still above it: the curve
        does not reach so far.
    """
    below = curves[:, None, :] <= levels[:, :, None]
    right = below.argmax(axis=-1)
    left = np.maximum(right - 1, 0)
    at_right, at_left = (np.take_along_axis(curves, index, axis=-1) for index in (right, left))
    fall = np.where(at_left > at_right, at_left - at_right, 1.0)
    crossing = log_volumes[left] + (at_left - levels) / fall * (log_volumes[right] - log_volumes[left])
    crossing = np.where(right > 0, crossing, np.where(at_right == levels, log_volumes[0], -np.inf))
    return np.where(below.any(axis=-1), crossing, np.inf)


def _band_tail(draws: np.ndarray, n_seeds: int) -> float:
    """The share of draws to leave out at each end so that percentile intervals hold for all columns at once.

    Balanced simultaneous intervals (Beran 1988): a draw is as extreme as its most extreme rank among the columns,
    and the 5 % most extreme draws may fall outside. Ranks do what the largest |t| does for normal values, but they
    follow skewed ones too and need no standard error, so infinite values are allowed.

    Args:
        draws: (B, M) bootstrap values.
        n_seeds: how many seeds were resampled; the expansion of `tail_share` is applied here too.
    """
    shares = []
    for column in draws.T:
        order = np.argsort(column)
        ordered, rank = column[order], np.empty(len(column), int)
        at_most = np.searchsorted(ordered, ordered, side="right")
        at_least = len(column) - np.searchsorted(ordered, ordered, side="left")
        rank[order] = np.minimum(at_most, at_least)
        shares.append(rank / len(column))
    tail = float(np.quantile(np.min(shares, axis=0), 1 - LEVEL))
    # where most draws are censored one tail is empty; the band is still never narrower than the single intervals
    return tail_share(n_seeds, max(LEVEL, 1 - 2 * tail))


def simultaneous(draws: np.ndarray, n_seeds: int) -> np.ndarray:
    """Lower and upper ends, (2, M), of intervals that hold for all M columns of draws (B, M) at once with 95 %.

    Args:
        draws: bootstrap values, each row from one resample of whole seeds; infinite ones count as what they are.
        n_seeds: how many seeds were resampled.
    """
    tail = _band_tail(draws, n_seeds)
    return np.array([percentiles(column, tail) for column in draws.T]).T


@dataclass(frozen=True)
class LogEquivalence:
    """log k(N) at M volumes, with its draws.

    Attributes:
        volumes: (M,) of the arm that is judged.
        centre: (M,) log k.
        draws: (B, M) log k in every resample of whole seeds.
        limits: (M, 2) the smallest and the largest k that the baseline's grid could show.
        n_seeds, n_failed: seeds that count, and seeds left out because one of their networks has no error.
    """

    volumes: np.ndarray
    centre: np.ndarray
    draws: np.ndarray
    limits: np.ndarray
    n_seeds: int
    n_failed: int


def log_equivalence(
    table: pd.DataFrame, column: str, arm: str = "transfer", baseline: str = "scratch", resamples: int = RESAMPLES
) -> LogEquivalence:
    """The logarithms behind `data_equivalence`; arguments and errors as there."""
    curves = {}
    for name in (arm, baseline):
        logs, seeds, volumes = seed_matrix(table[table["arm"] == name], column, "N")
        curves[name] = (np.log(logs), seeds, volumes.astype(float))
    if curves[arm][1] != curves[baseline][1]:
        raise ValueError(f"{arm} and {baseline} do not hold the same seeds.")
    volumes, baseline_volumes = curves[arm][2], curves[baseline][2]

    def log_k(levels: np.ndarray, baseline_levels: np.ndarray) -> np.ndarray:
        reached = _first_crossing(monotone(baseline_levels), np.log(baseline_volumes), monotone(levels))
        return reached - np.log(volumes)

    logs, baseline_logs = curves[arm][0], curves[baseline][0]
    whole = np.isfinite(logs).all(axis=1) & np.isfinite(baseline_logs).all(axis=1)
    if not whole.any():
        raise ValueError(f"none of the {len(whole)} seeds has an error at every volume.")
    logs, baseline_logs = logs[whole], baseline_logs[whole]
    centre = log_k(iqm(logs, axis=0)[None], iqm(baseline_logs, axis=0)[None])[0]
    draws = log_k(resampled_iqm(logs, resamples), resampled_iqm(baseline_logs, resamples))
    limits = baseline_volumes[[0, -1]] / volumes[:, None]
    return LogEquivalence(volumes, centre, draws, limits, len(logs), int(np.count_nonzero(~whole)))


def wells_worth(table: pd.DataFrame, column: str, arm: str, baseline: str, n: int, per: str) -> pd.DataFrame:
    """How many of the baseline's wells n wells of an arm are worth, for each value of a column.

    Args:
        table: rows of both arms, for each value of `per` every seed with every volume.
        column: an error column.
        arm, baseline: as for `data_equivalence`.
        n: a volume of the arm.
        per: the column that makes the groups.

    Returns:
        One row a group in increasing order: `wells`, 0 for "fewer than `fewest`" and infinite for "more than `most`",
        the ends of the baseline's grid.

    Raises:
        ValueError: a group's table is not paired, or holds nothing of the arm at n wells.
    """
    found = []
    for _, part in table.groupby(per, sort=False):
        one = log_equivalence(part, column, arm, baseline, resamples=1)  # only the centre is asked for
        if n not in one.volumes:
            raise ValueError(f"{arm} has no {n:,} wells; choose one of {', '.join(f'{v:,.0f}' for v in one.volumes)}.")
        (at,) = np.flatnonzero(one.volumes == n)
        found.append(n * np.array([np.exp(one.centre[at]), *one.limits[at]]))
    return pd.DataFrame(found, columns=["wells", "fewest", "most"]).sort_values("wells", ignore_index=True)


def data_equivalence(
    table: pd.DataFrame, column: str, arm: str = "transfer", baseline: str = "scratch", resamples: int = RESAMPLES
) -> pd.DataFrame:
    """How many wells from scratch are worth one well with pre-training: k(N) with its interval (Hernandez et al. 2021).

    For each volume N of `arm`, the volume at which the baseline's learning curve reaches the same error, divided by
    N. Curves are interquartile means over seeds of the log error, made monotone in N (isotonic regression, de Leeuw
    et al. 2009) and joined by straight lines in log N. The bootstrap resamples whole seeds. Nothing is clipped: below
    1 pre-training does harm; where the baseline never gets so far k is ∞ ("more than N_max/N"), where its first
    point is already better k is 0 ("less than N_min/N").

    Args:
        table: rows of both arms on one target, every seed with every volume.
        column: an error column.
        arm, baseline: which arm is judged, and by whose learning curve.
        resamples: bootstrap resamples of whole seeds.

    Returns:
        One row a volume: `N`, `k`, `low`, `high`, `band_low`, `band_high` (a band that holds for all volumes at
        once), `transferred` (effective data transferred, (k − 1)·N), `limit_low`, `limit_high` (the smallest and the
        largest k that the baseline's grid could show at this N), `n_seeds`, `n_failed` (seeds left out because one
        of their networks has no error).

    Raises:
        ValueError: the table is not paired.
    """
    found = log_equivalence(table, column, arm, baseline, resamples)
    n_seeds, bands = found.n_seeds, simultaneous(found.draws, found.n_seeds)
    rows = []
    for index, volume in enumerate(found.volumes):
        low, high = interval(found.draws[:, index], n_seeds)
        band_low, band_high = bands[:, index]
        k = float(np.exp(found.centre[index]))
        limit_low, limit_high = found.limits[index]
        rows.append(
            {
                "N": int(volume),
                "k": k,
                "low": float(np.exp(low)),
                "high": float(np.exp(high)),
                "band_low": float(np.exp(band_low)),
                "band_high": float(np.exp(band_high)),
                "transferred": (k - 1) * float(volume),
                "limit_low": limit_low,
                "limit_high": limit_high,
                "n_seeds": n_seeds,
                "n_failed": found.n_failed,
            }
        )
    return pd.DataFrame(rows)
