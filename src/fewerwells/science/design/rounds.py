"""Wells chosen a round at a time: choose, measure, learn, choose again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fewerwells.science.datasets import Pairs
from fewerwells.science.design.candidates import Candidates
from fewerwells.science.design.designs import Design

Measure = Callable[[np.ndarray, int], np.ndarray]  # inputs (n, 2), nM, and how many wells came before → outputs (n, 2)


def in_rounds(
    design: Design,
    measure: Measure,
    candidates: Candidates,
    rounds: Sequence[int],
    seed: int,
    wells: Pairs | None = None,
) -> Pairs:
    """Fill wells in rounds, each chosen with all earlier ones measured.

    Args:
        design: chooses.
        measure: what the laboratory does with the chosen inputs.
        candidates: what can be filled, each of them so often in a round.
        rounds: how many wells in each.
        seed: of the design's own randomness, where it has any.
        wells: those that are there before.

    Returns:
        All wells, in the order in which they were filled.
    """
    for n in rounds:
        x = design.next_wells(wells, candidates, n, seed)
        so_far = 0 if wells is None else len(wells)
        y = measure(x, so_far)
        wells = Pairs(x, y) if wells is None else Pairs(np.concatenate([wells.x, x]), np.concatenate([wells.y, y]))
    return wells
