"""How often a learner's own intervals hold the truth of a simulated system, inside and outside its wells' domain."""

from __future__ import annotations

from fewerwells.science.circuits import Circuit
from fewerwells.science.datasets import BIG, SMALL, sobol_inputs
from fewerwells.science.learners.base import Learnt

POINTS = 512  # at which the truth is looked for
LEVELS = (0.5, 0.8, 0.95)  # of the intervals
PLACES = ("inside", "outside")


def held_column(level: float, place: str) -> str:
    """The column of a table that says how much of the truth of a place lies in intervals of a level."""
    return f"held_{100 * level:.0f}_{place}"


def shares_held(learnt: Learnt, circuit: Circuit) -> list[dict[str, float]]:
    """How much of the truth over 0–20 nM lies in the intervals that go with predictions.

    Args:
        learnt: what an arm has learnt, a plate a seed.
        circuit: the truth.

    Returns:
        One row a seed: the share held at every level in `LEVELS`, inside 0–10 nM and outside, by `held_column`.

    Raises:
        ValueError: the predictions come without intervals.
    """
    x = sobol_inputs(BIG, POINTS)
    within, truth = SMALL.contains(x), circuit(x)
    rows: dict[str, list[float]] = {}
    for level in LEVELS:
        ends = learnt.interval(x, level)
        if ends is None:
            raise ValueError("these predictions come without intervals.")
        held = (ends[0] <= truth) & (truth <= ends[1])
        for place, part in zip(PLACES, (within, ~within), strict=True):
            rows[held_column(level, place)] = held[:, part].mean(axis=(1, 2)).tolist()
    return [dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)]
