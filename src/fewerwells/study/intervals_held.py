"""How often a learner's own intervals hold the truth of a simulated system, inside and outside its wells' domain."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from fewerwells.science.datasets import BIG, SMALL, sobol_inputs
from fewerwells.study.protocol import Cell, Protocol
from fewerwells.study.trials import run_cell

POINTS = 512  # at which the truth is looked for


def share_held(cell: Cell, protocol: Protocol, seeds: Sequence[int], levels: Sequence[float]) -> pd.DataFrame:
    """How much of the truth over 0–20 nM lies in the intervals that an arm gives for its predictions.

    Args:
        cell: arm, target circuit, number of wells.
        protocol: the common settings.
        seeds: a plate each.
        levels: of the intervals.

    Returns:
        One row a seed and level: `arm`, `target`, `seed`, `level`, `inside` and `outside`, the shares held.

    Raises:
        ValueError: the arm gives no intervals.
    """
    x = sobol_inputs(BIG, POINTS)
    within, truth = SMALL.contains(x), cell.target(x)
    learnt, rows = run_cell(cell, protocol, seeds), []
    for level in levels:
        ends = learnt.interval(x, level)
        if ends is None:
            raise ValueError(f"{cell.arm} gives no intervals.")
        held = (ends[0] <= truth) & (truth <= ends[1])
        for seed, one in zip(seeds, held, strict=True):
            row = {"arm": cell.arm, "target": cell.target.label, "seed": seed, "level": level}
            rows.append(row | {"inside": one[within].mean(), "outside": one[~within].mean()})
    return pd.DataFrame(rows)
