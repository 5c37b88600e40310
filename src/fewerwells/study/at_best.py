"""Is pre-training ahead of scratch when both are trained as the study does, and when each is trained with care?"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from fewerwells.science.statistics import Estimate, paired_ratio
from fewerwells.study.baselines import BASELINES
from fewerwells.study.bootstrap import log_ratio
from fewerwells.study.columns import ERROR, Region, error_column

AS_TRAINED = ("transfer", "scratch")
AT_BEST = ("transfer, at its best", "scratch, at its best")  # chosen on held-out wells, see `baselines`


@dataclass(frozen=True)
class Twice:
    """Transfer's error over scratch's on one target, judged in one region with two ways of training.

    Attributes:
        target: its label.
        region: where.
        as_trained, at_best: the two ratios with their 95 % intervals over paired seeds.
        change: how many times larger the second is than the first, over the same resampled seeds.
    """

    target: str
    region: Region
    as_trained: Estimate
    at_best: Estimate
    change: Estimate

    @property
    def outcomes(self) -> tuple[str, str]:
        """What each ratio says of pre-training: "helps", "does harm" or "undecided"."""
        return outcome(self.as_trained), outcome(self.at_best)

    @property
    def differs(self) -> bool:
        """Whether the two say different things."""
        return len(set(self.outcomes)) == 2

    @property
    def turned(self) -> bool:
        """Whether they do, and the interval of their change leaves out 1: one of them is not only known less well."""
        return self.differs and (self.change.low > 1 or self.change.high < 1)


def outcome(ratio: Estimate) -> str:
    """What a ratio of transfer's error to scratch's says of pre-training."""
    if ratio.high < 1:
        return "helps"
    return "does harm" if ratio.low > 1 else "undecided"


def judged_twice(table: pd.DataFrame) -> list[Twice]:
    """Every target of a table of baselines, inside the wells' domain and outside it.

    Args:
        table: rows of `AS_TRAINED` and `AT_BEST`, once a seed on each target.

    Raises:
        ValueError: an arm is missing on a target, or its seeds are not the others'.
    """
    found = []
    for target, part in table.groupby("target", sort=False):
        for region in (Region.INSIDE, Region.OUTSIDE):
            trained, best = (
                log_ratio(part, error_column(region), {"arm": transfer}, {"arm": scratch})
                for transfer, scratch in (AS_TRAINED, AT_BEST)
            )
            found.append(Twice(str(target), region, *(one.estimate() for one in (trained, best, best - trained))))
    return found


def care_pays(table: pd.DataFrame) -> dict[str, dict[str, Estimate]]:
    """For each fair baseline, by target, its error over 0–20 nM over that of the same way of learning as the study trains it.

    Args:
        table: rows of `AS_TRAINED` and of every baseline, once a seed on each target.
    """
    return {
        arm: {
            str(target): paired_ratio(part, ERROR, {"arm": arm}, {"arm": _plain(arm)})
            for target, part in table.groupby("target", sort=False)
        }
        for arm in BASELINES
    }


def _plain(arm: str) -> str:
    return next(plain for plain in AS_TRAINED if arm.startswith(plain))


def on_logarithms(table: pd.DataFrame) -> dict[str, Estimate]:
    """By target, transfer's error over scratch's over 0–20 nM where both are given logarithms of the inputs."""
    transfer, scratch = ({"arm": f"{plain}, log inputs"} for plain in AS_TRAINED)
    return {
        str(target): paired_ratio(part, ERROR, transfer, scratch)
        for target, part in table.groupby("target", sort=False)
    }
