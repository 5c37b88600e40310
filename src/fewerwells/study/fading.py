"""How far real systems are from the simulation, and what pre-training on it is worth there."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from fewerwells.science.circuits import Circuit
from fewerwells.science.datasets import BIG, SMALL, sobol_inputs
from fewerwells.science.statistics import paired_ratio
from fewerwells.study.columns import Region, error_column
from fewerwells.study.evaluation import l1_errors
from fewerwells.study.protocol import SIMPLE_MODEL


def distances(targets: Sequence[Circuit], simulation: Circuit = SIMPLE_MODEL) -> pd.DataFrame:
    """The error of someone who believes the simulation: mean absolute difference over Sobol points, nM.

    Returns:
        One row a target: `target`, and its distance over 0–20 nM (`all`), `inside` and `outside` 0–10 nM.
    """
    x = sobol_inputs(BIG)
    inside = SMALL.contains(x)
    rows = []
    for target in targets:
        error = l1_errors(simulation(x), target(x))
        rows.append(
            {
                "target": target.label,
                str(Region.ALL): error.mean(),
                str(Region.INSIDE): error[inside].mean(),
                str(Region.OUTSIDE): error[~inside].mean(),
            }
        )
    return pd.DataFrame(rows)


def worth_by_distance(table: pd.DataFrame, targets: Sequence[Circuit]) -> pd.DataFrame:
    """Transfer's error over that from scratch on each target, beside the simulation's distance from it.

    Args:
        table: rows of both arms, once a seed on each target.
        targets: the real systems.

    Returns:
        One row a target and region: `target`, `distance` (nM, over 0–20 nM), `region` (inside, outside), `value` (the
        ratio), `low`, `high` (its 95 % interval), `in_line` (whether it is one of the complexes, which lie on a line).
    """
    far = distances(targets).set_index("target")[str(Region.ALL)]
    rows = []
    for target in targets:
        part = table[table["target"] == target.label]
        for region in (Region.INSIDE, Region.OUTSIDE):
            ratio = paired_ratio(part, error_column(region), {"arm": "transfer"}, {"arm": "scratch"})
            rows.append(
                {"target": target.label, "distance": far[target.label], "region": str(region)}
                | {"value": ratio.value, "low": ratio.low, "high": ratio.high}
                | {"in_line": target.kind.name == "n_part_complex"}
            )
    return pd.DataFrame(rows)
