"""Effects within and across systems: does a ratio that holds in one system hold in others, and in the next?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

from fewerwells.science.statistics import LEVEL, Estimate, by_seed, paired_ratio, resampled_seeds
from fewerwells.study.bootstrap import NOTHING, Bootstrap

SYSTEM = ["theta_1", "theta_2", "eta_1", "eta_2", "n"]  # the columns that tell systems apart; some kinds have no n


@dataclass(frozen=True)
class AcrossSystems:
    """A ratio of two arms' errors in every system, its mean over systems, and what the next system may be like.

    Within a system the log ratio is centred over seeds as everywhere (interquartile mean). Over systems nothing is
    trimmed: an interquartile mean of twelve systems would leave out the three in which harm is largest. A system that
    has no error at all leaves the mean unknown.

    Attributes:
        systems: one row a system: `system` (a short name), the columns `SYSTEM`, `ratio`, `low`, `high` (95 % over
            the system's seeds).
        bootstrap: logarithm of the ratio, its mean over systems, its units the systems, each with the seeds of all; it
            resamples systems, and seeds together in all systems that share them: a seed has the same weights, batches
            and random draws of wells in each.
        next_system: the mean with the 95 % prediction interval of the ratio in one more system, drawn and measured
            as these were (Student's t over the systems' log ratios); (0, ∞) where there is one system only.
        share_below_one: in which share of the systems that have an error the ratio is below 1.
        sd_between: standard deviation over systems of the log ratio of a system.
        sd_within: pooled standard deviation over seeds of the log ratio within a system.
    """

    systems: pd.DataFrame
    bootstrap: Bootstrap
    next_system: Estimate
    share_below_one: float
    sd_between: float
    sd_within: float

    @property
    def centre(self) -> Estimate:
        """The mean over systems (of log ratios, taken back) with its 95 % interval."""
        return self.bootstrap.estimate()

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest ratio of any system."""
        return float(self.systems["ratio"].min()), float(self.systems["ratio"].max())


def _iqm_of_numbers(values: np.ndarray, axis: int) -> np.ndarray:
    """Interquartile mean of those values that are numbers; NaN where there is none."""
    ordered = np.sort(np.moveaxis(values, axis, -1), axis=-1)  # NaN comes last
    n = np.count_nonzero(~np.isnan(ordered), axis=-1, keepdims=True)
    place = np.arange(ordered.shape[-1])
    middle = (place >= n // 4) & (place < n - n // 4)
    with np.errstate(invalid="ignore"):  # 0/0 where there is none
        return np.where(middle, ordered, 0.0).sum(axis=-1) / middle.sum(axis=-1)


def across_systems(table: pd.DataFrame, column: str, numerator: dict, denominator: dict) -> AcrossSystems:
    """How many times larger one group's error is than another's, in each system and over all of them.

    Args:
        table: rows of several systems with the same seeds each.
        column: an error column.
        numerator, denominator: values of columns that pick one row a seed within a system.

    Raises:
        ValueError: a group does not hold exactly one row for each seed of a system.
    """
    rows, differences = [], {}
    for number, (values, part) in enumerate(table.groupby(SYSTEM, sort=False, dropna=False), start=1):
        system = dict(zip(SYSTEM, values, strict=True))
        estimate = paired_ratio(part, column, numerator, denominator)
        halves = "/".join(f"{1 / system[name]:.3g}" for name in ("theta_1", "theta_2"))
        steepness = "" if np.isnan(system["n"]) else f"n {system['n']:.2g}, "
        name = f"{number}: K {halves}, {steepness}η {system['eta_1']:g}/{system['eta_2']:g}"
        bounds = {"ratio": estimate.value, "low": estimate.low, "high": estimate.high}
        rows.append({"system": name} | system | bounds)
        differences[number] = np.log(by_seed(part, column, numerator) / by_seed(part, column, denominator))
    by_system = pd.DataFrame(differences)  # seeds by systems
    logs = by_system.to_numpy(float)
    logs = np.where(np.isfinite(logs), logs, np.nan)  # NaN where a system lacks a seed or its error
    centres = _iqm_of_numbers(logs, axis=0)
    mean = NOTHING
    if not np.isnan(centres).any():
        seeds = tuple(by_system.index)
        units = tuple((row["system"], seeds) for row in rows)
        mean = Bootstrap(float(centres.mean()), _resampled_means(logs), units)
    return AcrossSystems(
        pd.DataFrame(rows),
        mean,
        predicted(centres),
        float(np.mean(centres[~np.isnan(centres)] < 0)),
        float(pd.Series(centres).std()),
        float(np.sqrt(pd.DataFrame(logs).var().mean())),
    )


def predicted(centres: np.ndarray) -> Estimate:
    """What one more system may show: the mean of some systems' log ratios ± t · s · √(1 + 1/n), taken back.

    Args:
        centres: (systems,) the log ratio of each.
    """
    n, mean = len(centres), float(centres.mean())
    if n < 2:
        return Estimate(float(np.exp(mean)), 0.0, np.inf)
    reach = scipy.stats.t.ppf((1 + LEVEL) / 2, n - 1) * centres.std(ddof=1) * np.sqrt(1 + 1 / n)
    with np.errstate(over="ignore"):  # of two systems little can be said: t is 12.7
        return Estimate(*(float(np.exp(value)) for value in (mean, mean - reach, mean + reach)))


def _resampled_means(logs: np.ndarray) -> np.ndarray:
    """The mean over systems in every resample of seeds and systems: log ratios (seeds, systems) → (RESAMPLES,).

    NaN where a resample holds no seed of some system that has an error.
    """
    n_seeds, n_systems = logs.shape
    seeds = resampled_seeds(n_seeds)
    systems = resampled_seeds(n_systems, random_state=1)
    by_system = np.stack([_iqm_of_numbers(logs[seeds, k], axis=1) for k in range(n_systems)], axis=1)
    return np.take_along_axis(by_system, systems, axis=1).mean(axis=1)
