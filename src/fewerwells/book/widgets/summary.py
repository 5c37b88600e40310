"""Both experiments' tables as the small set of numbers that the results explorer shows."""

from __future__ import annotations

import math

import pandas as pd

from fewerwells.science.equivalence import data_equivalence
from fewerwells.science.statistics import geometric_summary
from fewerwells.study.columns import ERROR, Region, error_column

_DIGITS = 4


def _rounded(value: float) -> float | None:
    """A number with a few significant digits; None, which JSON has, for what is not finite."""
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None


def _numbers(part: pd.DataFrame, region: Region) -> dict:
    """Centre, interval and spread (nM) of one group of networks, and the error of each seed."""
    column = error_column(region)
    row = geometric_summary(part, column, ["arm"]).iloc[0]
    summary = {name: _rounded(row[name]) for name in ("value", "low", "high", "spread_low", "spread_high")}
    return summary | {"seeds": [_rounded(value) for value in part[column]]}


def _group(part: pd.DataFrame) -> dict:
    """One arm on one target at one volume; `part` holds its rows in the order of their seeds."""
    first = part.iloc[0]
    options = f" -p hill_coefficient={first['n']:g}"
    if first["circuit"] != "n_part_complex":
        options = f" -p circuit={first['circuit']}"
    return {
        "target": first["target"],
        "arm": first["arm"],
        "N": int(first["N"]),
        "options": options,
        "failed": int(part[ERROR].isna().sum()),
        "hashes": part["parameter_hash"].tolist(),
        **{region: _numbers(part, region) for region in Region},
    }


def summarise(experiment_1: pd.DataFrame, experiment_2: pd.DataFrame) -> dict:
    """The explorer's numbers.

    Args:
        experiment_1: learning curves on one target, tidy.
        experiment_2: several targets at one volume, tidy; the same seeds.

    Returns:
        `seeds`; `groups`, one dictionary for each target, arm and N with the numbers of `statistics` for each region;
        `equivalence`, k(N) with its interval for each region, where None stands for ∞.
    """
    table = pd.concat([experiment_1, experiment_2]).drop_duplicates("parameter_hash").sort_values("seed", kind="stable")
    order = {"transfer": 0, "scratch": 1, "oracle": 2}
    groups = [_group(part) for _, part in table.groupby(["target", "arm", "N"], sort=False)]
    targets = list(dict.fromkeys(experiment_2["target"]))
    places = {target: place for place, target in enumerate(targets)}
    groups.sort(key=lambda group: (places.get(group["target"], -1), order[group["arm"]], group["N"]))
    curves = experiment_1[experiment_1["arm"] != "oracle"]
    equivalence = {
        region: [
            {"N": int(row["N"])}
            | {name: _rounded(row[name]) for name in ("k", "low", "high", "limit_low", "limit_high")}
            for _, row in data_equivalence(curves, error_column(region)).iterrows()
        ]
        for region in Region
    }
    equivalence["target"] = experiment_1["target"].iloc[0]
    return {"seeds": sorted(map(int, table["seed"].unique())), "groups": groups, "equivalence": equivalence}
