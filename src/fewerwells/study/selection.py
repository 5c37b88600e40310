"""Which arm wins and where transfer harms, group by group.

Choose on one half of the seeds, judge on the other: that names a winner without flattering it.

The arm with the lowest of many errors looks better than it is, for it was lucky as well as good. So the winner and
the runner-up are named by the even seeds, and what is reported of them comes from the odd ones, which had no say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import pandas as pd

from fewerwells.science.datasets import SMALL
from fewerwells.science.statistics import Estimate, iqm, paired_ratio, probability_of_improvement, seed_matrix
from fewerwells.study.columns import Region, error_column
from fewerwells.study.protocol import ARMS


def winners(
    table: pd.DataFrame, column: str, by: list[str], reference: str, among: Collection[str] | None = None
) -> pd.DataFrame:
    """The best arm of each group, named by the even seeds and judged by the odd ones.

    Args:
        table: rows of one prediction each; in a group every arm holds the same seeds once. An arm without an error
            on one of the even seeds can neither win nor come second.
        column: an error column, nM.
        by: the columns that make a group, for example target, noise and N.
        reference: the arm that the winner is compared with.
        among: the arms that may win; by default all of a group, the reference included.

    Returns:
        One row a group: the `by` columns, `winner`, `runner_up`, `probability`, `probability_low`,
        `probability_high` (how often the winner beats the runner-up on the same odd seed), `value`, `low`, `high`
        (the winner's error over the reference arm's, 95 % interval; NaN in a group without the reference),
        `n_seeds` (odd ones). Winner and runner-up are NaN where there is none, and so is what would be said of them.

    Raises:
        ValueError: fewer than two seeds on a side or two arms in a group, or seeds that are not paired.
    """
    rows = []
    for group, part in table.groupby(by, sort=False, dropna=False):
        candidates = part if among is None else part[part["arm"].isin(among)]
        errors, seeds, arms = seed_matrix(candidates, column, "arm")
        even = np.array(seeds) % 2 == 0
        if min(even.sum(), (~even).sum()) < 2 or len(arms) < 2:
            raise ValueError(f"{len(arms)} arms on seeds {seeds} are too few to choose on half and judge on the rest.")
        centres = iqm(np.log(errors[even]), axis=0)  # NaN where an error is missing
        ranked = [arms[at] for at in np.argsort(centres, kind="stable") if not np.isnan(centres[at])]
        winner, runner_up = [*ranked, np.nan, np.nan][:2]
        judged = part[part["seed"] % 2 == 1]
        beats = ratio = Estimate(np.nan, np.nan, np.nan)
        if len(ranked) > 1:
            beats = probability_of_improvement(judged, column, {"arm": winner}, {"arm": runner_up})
        if ranked and (judged["arm"] == reference).any():
            ratio = paired_ratio(judged, column, {"arm": winner}, {"arm": reference})
        rows.append(
            dict(zip(by, group, strict=True))
            | {"winner": winner, "runner_up": runner_up, "probability": beats.value}
            | {"probability_low": beats.low, "probability_high": beats.high}
            | {"value": ratio.value, "low": ratio.low, "high": ratio.high, "n_seeds": int((~even).sum())}
        )
    return pd.DataFrame(rows)


def within_reach(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of arms whose wells a laboratory can fill that measures inside 0–10 nM only."""
    inside = [arm for arm in table["arm"].unique() if ARMS[arm].wells.domain is SMALL]
    return table[table["arm"].isin(inside)]


def worst_case(table: pd.DataFrame, column: str, by: list[str]) -> pd.DataFrame:
    """Each arm on that target on which it does worst beside training from scratch, seed by seed.

    For whoever does not know which of the targets is hers: in `winners` of this table the arm wins whose largest
    loss is smallest (minimax). An error that is missing on one target is missing here.

    Args:
        table: rows of several targets; on each every arm, scratch among them, holds the same seeds once in a group.
        column: an error column, nM.
        by: the columns that make a group on one target, for example noise and N.

    Returns:
        One row an arm, group and seed: `by`, `arm`, `seed` and the column, errors over those of scratch.
    """
    keys = [*by, "arm", "seed"]
    scratch = table[table["arm"] == "scratch"].set_index([*by, "target", "seed"])[column]
    relative = table.set_index([*by, "target", "seed", "arm"])[column].div(scratch)
    return relative.groupby(keys, sort=False, dropna=False).agg(lambda errors: errors.max(skipna=False)).reset_index()


def harmful(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Where pre-training does harm: the 95 % interval of transfer's error over scratch's lies above 1.

    One group in forty is expected to be called harmful by chance where nothing differs, on either count.

    Args:
        table: rows of both arms; in a group each holds the same seeds once.
        by: the columns that make a group, for example noise and N.

    Returns:
        One row a group: the `by` columns, and `whole` (over 0–20 nM) and `inside` (0–10 nM), true or false.
    """
    rows = []
    for group, part in table.groupby(by, sort=False, dropna=False):
        lows = {
            name: paired_ratio(part, error_column(region), {"arm": "transfer"}, {"arm": "scratch"}).low
            for name, region in (("whole", Region.ALL), ("inside", Region.INSIDE))
        }
        rows.append(dict(zip(by, group, strict=True)) | {name: bool(low > 1) for name, low in lows.items()})
    return pd.DataFrame(rows)


def harmful_anywhere(found: Iterable[pd.DataFrame], by: list[str]) -> pd.DataFrame:
    """Where pre-training does harm on at least one of several targets: what `harmful` found on each of them, joined."""
    return pd.concat(found).groupby(by, as_index=False, sort=False, dropna=False)[["whole", "inside"]].any()
