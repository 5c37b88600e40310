"""What many claims have in common: arms, ranges, and one quantity read where one looks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fewerwells.study.claims import Reading
from fewerwells.study.columns import Region, error_column
from fewerwells.study.quantities import (
    ErrorRatio,
    LargestEquivalence,
    NextSystem,
    RatioChange,
    RatioGrowth,
    RatioToEach,
    Unevenness,
)

COMPARABLE = 1.25  # an error at most this many times the other one counts as comparable
NO_WORSE = 1.05  # an error at most this many times the other one counts as no worse
MUCH = 2  # what is "much" higher is at least so many times as high

PLACES = {Region.ALL: "over 0–20 nM", Region.INSIDE: "inside 0–10 nM", Region.OUTSIDE: "outside"}
WHOLE = PLACES[Region.ALL]


def by_region(
    quantity: ErrorRatio | RatioToEach | RatioChange | RatioGrowth | Unevenness | LargestEquivalence | NextSystem,
    whole: str | None = None,
    inside: str | None = None,
    outside: str | None = None,
) -> dict[str, Reading]:
    """The same quantity read over the whole domain, inside and outside the wells', each with its stated verdict.

    A region without a stated verdict is not read.
    """
    stated = {Region.ALL: whole, Region.INSIDE: inside, Region.OUTSIDE: outside}
    return {
        PLACES[region]: Reading(replace(quantity, column=error_column(region)), word)
        for region, word in stated.items()
        if word
    }


TRANSFER, SCRATCH, ORACLE = {"arm": "transfer"}, {"arm": "scratch"}, {"arm": "oracle"}

LOWER, HIGHER = (-np.inf, 1.0), (1.0, np.inf)
