"""A ratio of errors with what becomes of it when whole seeds are drawn anew, so that two of them can be compared."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fewerwells.science.statistics import LEVEL, Estimate, interval, iqm, paired_logs, resampled_iqm


@dataclass(frozen=True)
class Bootstrap:
    """The logarithm of a ratio over paired seeds.

    Whatever has the same seeds is resampled in the same way, so differences are taken draw by draw. As many seeds are
    not enough: where two ratios have lost a different seed each, a draw of one holds other seeds than that of the other.

    Attributes:
        value: its centre.
        draws: (B,) its centre in every resample of whole seeds.
        units: what was resampled, in order: the seeds, or for a mean over systems these.
    """

    value: float
    draws: np.ndarray
    units: tuple[Hashable, ...]

    def __sub__(self, other: Bootstrap) -> Bootstrap:
        """The logarithm of the ratio of two ratios; it says nothing where one has lost a seed that the other has."""
        if self.units != other.units:
            return NOTHING
        with np.errstate(invalid="ignore"):  # ∞ − ∞, where both are beyond what the grid can show
            return Bootstrap(self.value - other.value, self.draws - other.draws, self.units)

    def __truediv__(self, factor: float) -> Bootstrap:
        """The logarithm of the ratio's root, for example per doubling."""
        return Bootstrap(self.value / factor, self.draws / factor, self.units)

    def estimate(self, level: float = LEVEL) -> Estimate:
        """The ratio itself with its interval; NaN where nothing is known.

        A draw that is not a number may be anything, so it stands at both ends: a difference is never shown by leaving
        such draws out.
        """
        unknown = np.isnan(self.draws)
        (low, _), (_, high) = (
            interval(np.where(unknown, end, self.draws), len(self.units), level) for end in (-np.inf, np.inf)
        )
        return Estimate(*(float(np.exp(value)) for value in (self.value, low, high)))


NOTHING = Bootstrap(np.nan, np.array([]), ())


def log_ratio(table: pd.DataFrame, column: str, numerator: dict, denominator: dict) -> Bootstrap:
    """How many times larger one group's error is than another's: `statistics.paired_ratio` with its draws.

    Raises:
        ValueError: a group does not hold exactly one row for each seed.
    """
    top, bottom = paired_logs(table, column, numerator, denominator)
    if len(top) == 0:
        return NOTHING
    difference = top - bottom
    return Bootstrap(float(iqm(difference)), resampled_iqm(difference), tuple(difference.index))
