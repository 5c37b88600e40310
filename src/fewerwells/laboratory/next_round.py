"""The next wells of a plate with two inputs, by the designs of `science.design`."""

from __future__ import annotations

import numpy as np

from fewerwells.laboratory.judging import Noise
from fewerwells.laboratory.wells import Plate, distinct_doses
from fewerwells.science.datasets import Domain, Pairs
from fewerwells.science.design.candidates import Candidates
from fewerwells.science.design.planning import LEAST_STATED_NOISE, plan_wells

NEXT = 8  # wells: a column of a plate
NOMINAL = 20.0  # what the largest dose counts as: the equations of the designs expect half-saturations of 0.05 to 2000
SPAN = 40.0  # what the outputs count as spanning, about as in the book


def next_round(plate: Plate, noise: Noise) -> tuple[list[str], list[list]] | None:
    """Header and rows of the next eight wells among the doses that were measured; None for one input.

    The first two outputs count, or the only one twice. Their baseline is taken off, since those equations start at 0.

    Args:
        plate: with doses.
        noise: of the first output; taken for a millionth of what the output spans where it is less.
    """
    if len(plate.inputs) != 2 or np.any(np.ptp(plate.y, axis=0) == 0):
        return None
    largest = plate.x.max(axis=0)
    order = np.lexsort(np.column_stack([plate.y, plate.x]).T)
    x = NOMINAL * plate.x[order] / largest
    y = plate.y[order][:, [0, min(1, len(plate.outputs) - 1)]]
    scale = np.ptp(y, axis=0) / SPAN
    lowest = y.min(axis=0)
    axes = [distinct_doses(column) for column in x.T]
    candidates = Candidates(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2), NEXT)
    known = noise.known and noise.additive > 0
    stated = max(float(noise.additive / scale[0]), LEAST_STATED_NOISE * SPAN) if known else None
    plan = plan_wells(
        Pairs(x, (y - lowest) / scale), candidates, NEXT, region=Domain("measured", 0.0, NOMINAL), noise=stated
    )
    header = [one.column for one in plate.inputs]
    teaches = plan.lessons.teaches if plan.lessons else np.full(len(plan.x), np.nan)
    rows = [
        [*(point / NOMINAL * largest), float(lesson * scale[0])] for point, lesson in zip(plan.x, teaches, strict=True)
    ]
    return [*header, "lowers the expected error by"], rows
