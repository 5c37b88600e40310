"""Effects within and across systems: does a ratio that holds in one system hold in others?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fewerwells.science.statistics import Estimate, by_seed, interval, iqm, paired_ratio, resampled_seeds

SYSTEM = ["theta_1", "theta_2", "eta_1", "eta_2", "n"]  # the columns that tell systems apart


@dataclass(frozen=True)
class AcrossSystems:
    """A ratio of two arms' errors in every system, and its centre over systems.

    Attributes:
        systems: one row a system: `system` (a short name), the columns `SYSTEM`, `ratio`, `low`, `high` (95 % over
            the system's seeds).
        centre: interquartile mean over systems; its interval resamples systems, and seeds within each of them.
        share_below_one: in which share of the systems the ratio is below 1.
        sd_between: standard deviation over systems of the log ratio of a system.
        sd_within: pooled standard deviation over seeds of the log ratio within a system.
    """

    systems: pd.DataFrame
    centre: Estimate
    share_below_one: float
    sd_between: float
    sd_within: float


def across_systems(table: pd.DataFrame, column: str, numerator: dict, denominator: dict) -> AcrossSystems:
    """How many times larger one group's error is than another's, in each system and over all of them.

    Args:
        table: rows of several systems with the same seeds each.
        column: an error column.
        numerator, denominator: values of columns that pick one row a seed within a system.

    Raises:
        ValueError: a group does not hold exactly one row for each seed of a system.
    """
    rows, differences = [], []
    for number, (values, part) in enumerate(table.groupby(SYSTEM, sort=False), start=1):
        system = dict(zip(SYSTEM, values, strict=True))
        estimate = paired_ratio(part, column, numerator, denominator)
        halves = "/".join(f"{1 / system[name]:.3g}" for name in ("theta_1", "theta_2"))
        name = f"{number}: K {halves}, n {system['n']:.2g}, η {system['eta_1']:g}/{system['eta_2']:g}"
        bounds = {"ratio": estimate.value, "low": estimate.low, "high": estimate.high}
        rows.append({"system": name} | system | bounds)
        top, bottom = (by_seed(part, column, pick) for pick in (numerator, denominator))
        difference = np.log(top / bottom).to_numpy(float)
        differences.append(difference[np.isfinite(difference)])
    centres = np.array([iqm(values) for values in differences])
    drawn_systems = resampled_seeds(len(differences))
    draws = np.stack(
        [iqm(values[resampled_seeds(len(values), random_state=1 + k)]) for k, values in enumerate(differences)], axis=1
    )
    low, high = interval(iqm(np.take_along_axis(draws, drawn_systems, axis=1)), len(differences))
    within = np.sqrt(np.mean([values.var(ddof=1) for values in differences]))
    return AcrossSystems(
        pd.DataFrame(rows),
        Estimate(*(float(np.exp(v)) for v in (iqm(centres), low, high))),
        float(np.mean(centres < 0)),
        float(centres.std(ddof=1)),
        float(within),
    )
