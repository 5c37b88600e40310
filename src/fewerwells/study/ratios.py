"""Every arm's error over a reference arm's, target by target, as the claims estimate it: paired by seed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fewerwells.science.statistics import iqm, paired_logs, paired_ratio


def ratios_to(table: pd.DataFrame, column: str, reference: str, per: str) -> pd.DataFrame:
    """How many times larger each arm's error is than a reference arm's of the same seeds, in each group.

    The centre of `statistics.paired_ratio` without its interval: the interquartile mean over seeds of the log ratio,
    which is not the ratio of two interquartile means.

    Args:
        table: tidy rows in which an arm stands once a seed in each group.
        column: an error column.
        reference: the arm that all are divided by.
        per: the column that makes the groups, for example target.

    Returns:
        Arms by groups, both in the table's order; NaN where a group lacks an arm, or an arm all of its errors.

    Raises:
        ValueError: a group lacks the reference, or an arm holds other seeds than it.
    """
    arms, groups = table["arm"].unique(), table[per].unique()
    ratios = pd.DataFrame(np.nan, index=pd.Index(arms, name="arm"), columns=pd.Index(groups, name=per))
    for group in groups:
        part = table[table[per] == group]
        for arm in part["arm"].unique():
            top, bottom = paired_logs(part, column, {"arm": arm}, {"arm": reference})
            if len(top):
                ratios.loc[arm, group] = np.exp(iqm(top - bottom))
    return ratios


def ratios_on_shared_seeds(table: pd.DataFrame, column: str, reference: str) -> pd.DataFrame:
    """The same with intervals, target by target, each arm over the seeds that it shares with the reference.

    Args:
        table: tidy rows in which an arm stands at most once a seed on each target.
        column: an error column.
        reference: the arm that all are divided by.

    Returns:
        One row a target and arm, in the table's order: `target`, `arm`, `value` (the ratio), `low`, `high`, `n_seeds`.
    """
    rows = []
    for (target, arm), part in table.groupby(["target", "arm"], sort=False):
        whole = table[(table["target"] == target) & (table["arm"] == reference)]
        shared = set(part["seed"]) & set(whole["seed"])
        if arm == reference or not shared:
            continue
        both = pd.concat([part, whole])
        ratio = paired_ratio(both[both["seed"].isin(shared)], column, {"arm": arm}, {"arm": reference})
        row = {"target": target, "arm": arm, "value": ratio.value, "low": ratio.low, "high": ratio.high}
        rows.append(row | {"n_seeds": len(shared)})
    return pd.DataFrame(rows, columns=["target", "arm", "value", "low", "high", "n_seeds"])
