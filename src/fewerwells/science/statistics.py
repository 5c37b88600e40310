"""Estimates with their uncertainty over paired seeds.

*Spread* is how much single networks differ; *uncertainty* is how well their centre is known. This module gives both
and never mixes them: quantiles over seeds for spread, bootstrap intervals for uncertainty. The unit of the bootstrap
is the seed with everything that belongs to it (all arms, volumes and targets at once), since seeds are paired.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np
import pandas as pd
import scipy

RESAMPLES = 10_000
LEVEL = 0.95


def iqm(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Interquartile mean: the mean of the middle half (Agarwal et al. 2021). NaN if any value is NaN."""
    ordered = np.sort(np.moveaxis(np.asarray(values, float), axis, -1), axis=-1)  # NaN comes last
    n = ordered.shape[-1]
    cut = n // 4
    return np.where(np.isnan(ordered[..., -1]), np.nan, ordered[..., cut : n - cut].mean(axis=-1))


@lru_cache(maxsize=16)  # one question after another resamples the same seeds
def resampled_seeds(n_seeds: int, resamples: int = RESAMPLES, random_state: int = 0) -> np.ndarray:
    """Indices of whole seeds drawn with replacement, shape (resamples, n_seeds); the same for the same arguments."""
    if n_seeds < 1 or resamples < 1:
        raise ValueError(f"{n_seeds} seeds and {resamples} resamples were asked for; both must be at least 1.")
    drawn = np.random.default_rng(random_state).integers(0, n_seeds, (resamples, n_seeds))
    drawn.flags.writeable = False  # callers share it
    return drawn


@lru_cache(maxsize=16)
def _times_drawn(n_seeds: int, resamples: int, random_state: int) -> np.ndarray:
    """How often each seed stands in each resample of `resampled_seeds`, shape (n_seeds, resamples)."""
    drawn = resampled_seeds(n_seeds, resamples, random_state)
    places = drawn * resamples + np.arange(resamples)[:, None]
    counts = np.bincount(places.ravel(), minlength=n_seeds * resamples).reshape(n_seeds, resamples).astype(float)
    counts.flags.writeable = False
    return counts


def resampled_iqm(values: np.ndarray, resamples: int = RESAMPLES, random_state: int = 0) -> np.ndarray:
    """The interquartile mean in every resample of whole seeds: `iqm(values[resampled_seeds(n)], axis=0 of a resample)`.

    The seeds are sorted once instead of every resample: how many drawn values are at most the i-th smallest says how
    many of the middle half lie below the gap that follows it, and the gaps add up to the sum (summation by parts).

    Args:
        values: one a seed, shape (n,), or several, (n, K).
        resamples, random_state: as for `resampled_seeds`.

    Returns:
        Shape (resamples,) or (resamples, K); NaN where a resample holds a NaN.
    """
    values = np.asarray(values, float)
    if values.ndim == 2:
        return np.stack([resampled_iqm(column, resamples, random_state) for column in values.T], axis=-1)
    n = len(values)
    if not np.isfinite(values).all():  # infinite values have no gaps
        return iqm(values[resampled_seeds(n, resamples, random_state)])
    times, order, cut = _times_drawn(n, resamples, random_state), np.argsort(values), n // 4
    ordered = values[order]
    so_far = np.zeros(times.shape[1])
    total, middle = so_far + ordered[-1] * (n - cut) - ordered[0] * cut, np.empty_like(so_far)
    for seed, gap in zip(order, np.diff(ordered), strict=False):
        so_far += times[seed]
        np.minimum(np.maximum(so_far, cut, out=middle), n - cut, out=middle)
        middle *= gap
        total -= middle
    return total / (n - 2 * cut)


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; either end may be infinite where the data leave it open."""

    value: float
    low: float
    high: float


@lru_cache  # one interval after another is of as many seeds
def tail_share(n_seeds: int, level: float = LEVEL) -> float:
    """The share of bootstrap values to leave out at each end of a percentile interval.

    Percentile intervals are too narrow for few seeds: a resample spreads around its own centre, which makes the
    bootstrap's variance smaller by the factor (n − 1)/n, and they use the normal's quantiles where the spread itself
    is estimated. Both are made good by the *expanded* percentile interval (Hesterberg 2015), which goes further
    out: Φ(−√(n/(n − 1)) · t_{n−1}) instead of Φ(−z). Of fewer than two seeds no spread is known, and the share is NaN.
    """
    if n_seeds < 2:
        return np.nan
    return float(
        scipy.stats.norm.cdf(-np.sqrt(n_seeds / (n_seeds - 1)) * scipy.stats.t.ppf((1 + level) / 2, n_seeds - 1))
    )


def interval(bootstrap: np.ndarray, n_seeds: int, level: float = LEVEL) -> tuple[float, float]:
    """Expanded percentile interval (Hesterberg 2015) of bootstrap values; infinite values count as what they are.

    One seed resampled is always itself, as if nothing were uncertain; its interval is open at both ends instead.

    Args:
        bootstrap: (B,) values; those that are not numbers are left out.
        n_seeds: how many seeds were resampled.
        level: how often the interval should hold the truth.
    """
    return percentiles(bootstrap, tail_share(n_seeds, level))


def percentiles(bootstrap: np.ndarray, tail: float) -> tuple[float, float]:
    """The values that leave the share `tail` of the bootstrap at each end; NaN is left out, infinity counts.

    Where the share is unknown (NaN, see `tail_share`), so are the ends: −∞ and ∞.
    """
    ordered = np.sort(bootstrap[~np.isnan(bootstrap)])
    if len(ordered) == 0:
        return np.nan, np.nan
    if np.isnan(tail):
        return -np.inf, np.inf
    last = len(ordered) - 1
    # whole ranks, not interpolated ones: half-way to an infinite value there is nothing
    return float(ordered[int(np.floor(tail * last))]), float(ordered[int(np.ceil((1 - tail) * last))])


def seed_matrix(table: pd.DataFrame, column: str, by: str) -> tuple[np.ndarray, list[int], np.ndarray]:
    """One column of a tidy table as a matrix, seeds by the groups that another column makes.

    Returns:
        values (seeds, groups), the seeds, the groups, both in order.

    Raises:
        ValueError: some seed lacks a group or has it twice, so that the table is not paired.
    """
    (seeds, row), (groups, place) = (np.unique(table[name], return_inverse=True) for name in ("seed", by))
    times = np.bincount(row * len(groups) + place, minlength=len(seeds) * len(groups)).reshape(len(seeds), -1)
    if (times != 1).any():
        odd = seeds[(times != 1).any(axis=1)].tolist()
        raise ValueError(f"the table is not paired: seeds {odd} lack some of {by}, or have one twice.")
    values = np.empty(times.shape)
    values[row, place] = table[column].to_numpy(float)
    return values, seeds.tolist(), groups


def geometric_summary(table: pd.DataFrame, column: str, by: list[str]) -> pd.DataFrame:
    """Centre, uncertainty and spread of an error for every group: IQM of its logarithm, taken back to nM.

    Args:
        table: rows of one network each; every group must hold the same seeds.
        column: an error column, nM, positive.
        by: the columns that make a group; rows without a value there are a group, too.

    Returns:
        One row a group: the `by` columns, `value` (nM), `low`, `high` (95 % interval of the centre over seeds),
        `spread_low`, `spread_high` (10 % and 90 % quantiles over seeds), `log_sd` (standard deviation over seeds of
        the natural logarithm of the error), `n_seeds`, `n_failed` (networks without an
        error, left out together with their seed's weight in this group and counted here).
    """
    rows = []
    for group, part in table.groupby(by, sort=False, observed=True, dropna=False):
        logs = np.log(part.sort_values("seed")[column].to_numpy(float))
        logs_ok = logs[np.isfinite(logs)]
        keys = dict(zip(by, group if isinstance(group, tuple) else (group,), strict=True))
        row = keys | {"n_seeds": len(logs), "n_failed": len(logs) - len(logs_ok)}
        if len(logs_ok):
            draws = resampled_iqm(logs_ok)
            low, high = interval(draws, len(logs_ok))
            q10, q90 = np.quantile(logs_ok, [0.1, 0.9])
            values = {"value": iqm(logs_ok), "low": low, "high": high, "spread_low": q10, "spread_high": q90}
        else:
            values = dict.fromkeys(("value", "low", "high", "spread_low", "spread_high"), np.nan)
        row |= {name: float(np.exp(value)) for name, value in values.items()}
        rows.append(row | {"log_sd": float(np.std(logs_ok, ddof=1)) if len(logs_ok) > 1 else np.nan})
    return pd.DataFrame(rows)


def chosen(table: pd.DataFrame, choice: dict) -> np.ndarray:
    """Which rows hold these values of columns, (rows,) bool; all of them where nothing is chosen."""
    return reduce(
        np.logical_and,
        ((table[name] == value).to_numpy(bool) for name, value in choice.items()),
        np.ones(len(table), bool),
    )


def by_seed(table: pd.DataFrame, column: str, choice: dict) -> pd.Series:
    """A column where the rows hold these values of columns, by seed in order."""
    rows = chosen(table, choice)
    return pd.Series(table[column].to_numpy(float)[rows], table["seed"].to_numpy()[rows], name=column).sort_index()


def paired_logs(table: pd.DataFrame, column: str, first: dict, second: dict) -> tuple[pd.Series, pd.Series]:
    """Logarithms of a column in two groups by seed, the same seeds in order; seeds without an error are left out.

    Raises:
        ValueError: a group does not hold exactly one row for each seed.
    """
    logs = []
    for choice in (first, second):
        part = by_seed(table, column, choice)
        if part.empty or part.index.has_duplicates:
            raise ValueError(f"{choice} picks {len(part)} rows, which are not one row a seed.")
        logs.append(np.log(part))
    if not logs[0].index.equals(logs[1].index):
        raise ValueError(f"{first} and {second} do not hold the same seeds.")
    one, two = logs
    whole = np.isfinite(one) & np.isfinite(two)
    return one[whole], two[whole]


def paired_ratio(
    table: pd.DataFrame, column: str, numerator: dict, denominator: dict, level: float = LEVEL
) -> Estimate:
    """How many times larger one group's error is than another's: exp of the IQM over seeds of the log ratio.

    Args:
        table: the tidy table.
        column: an error column.
        numerator, denominator: values of columns that pick one row a seed each.
        level: of the interval.

    Raises:
        ValueError: a group does not hold exactly one row for each seed.
    """
    top, bottom = paired_logs(table, column, numerator, denominator)
    if len(top) == 0:
        return Estimate(np.nan, np.nan, np.nan)
    difference = top - bottom
    low, high = interval(resampled_iqm(difference), len(difference), level)
    return Estimate(*(float(np.exp(v)) for v in (iqm(difference), low, high)))


def wilson_interval(share: float, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's interval of a share that was found in n independent trials (Brown et al. 2001)."""
    z = scipy.stats.norm.ppf((1 + level) / 2)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    # at a share of 0 or 1 the formula's end is that share itself, but for rounding
    return float(min(share, centre - reach)), float(max(share, centre + reach))


def probability_of_improvement(
    table: pd.DataFrame, column: str, better: dict, worse: dict, level: float = LEVEL
) -> Estimate:
    """How often one group's network beats the other's of the same seed (Agarwal et al. 2021, in its paired form).

    Over paired seeds this is a plain share of wins, so its interval is Wilson's (Brown et al. 2001). The bootstrap's
    would be [1, 1] for 50 wins in 50 seeds, as if a 51st could not be lost.

    Args:
        table: the tidy table.
        column: an error column.
        better, worse: values of columns that pick one row a seed each; a tie counts half.
        level: of the interval.

    Returns:
        The share of seeds in which `better` has the lower error, with its interval.

    Raises:
        ValueError: a group does not hold exactly one row for each seed.
    """
    one, two = paired_logs(table, column, better, worse)
    if len(one) == 0:
        return Estimate(np.nan, np.nan, np.nan)
    share = float(np.mean((one < two) + 0.5 * (one == two)))
    return Estimate(share, *wilson_interval(share, len(one), level))


@dataclass(frozen=True)
class NonInferiority:
    """Whether one group's error is at most `margin` times another's.

    Attributes:
        ratio: interquartile mean over seeds of the error ratio.
        upper: its one-sided 95 % upper bound.
        margin: the ratio that still counts as no worse.
    """

    ratio: float
    upper: float
    margin: float

    @property
    def holds(self) -> bool:
        """Whether the upper bound lies below the margin."""
        return self.upper < self.margin


def non_inferiority(
    table: pd.DataFrame, column: str, candidate: dict, reference: dict, margin: float = 1.05
) -> NonInferiority:
    """Test a data equivalence on the grid, without interpolation: is transfer with N no worse than scratch with k·N?

    Args:
        table: the tidy table.
        column: an error column.
        candidate, reference: values of columns that pick one row a seed each, for example arm and N.
        margin: how many times the reference's error still counts as no worse.

    Raises:
        ValueError: a group does not hold exactly one row for each seed, or the margin is not above 1.
    """
    if not margin > 1:
        raise ValueError(f"the margin is {margin}; it must be above 1.")
    one, two = paired_logs(table, column, candidate, reference)
    if len(one) == 0:
        return NonInferiority(np.nan, np.nan, margin)
    difference = one - two
    draws = resampled_iqm(difference)
    upper = interval(draws, len(difference), 2 * LEVEL - 1)[1]  # one-sided: 5 % in the one tail that counts
    return NonInferiority(float(np.exp(iqm(difference))), float(np.exp(upper)), margin)
