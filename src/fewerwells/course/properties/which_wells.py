"""Chapter 13: the well that teaches most, a design that teaches nothing, 24 wells graded by the simulator."""

from __future__ import annotations

from functools import cache

import numpy as np

from fewerwells.course.properties import NotYet, checks
from fewerwells.science.circuits import Circuit, reference_circuit
from fewerwells.science.datasets import BIG, SMALL, real_pairs, sobol_inputs
from fewerwells.science.design.beliefs import Belief
from fewerwells.science.design.candidates import grid
from fewerwells.science.design.criteria import lessons
from fewerwells.science.design.designs import Library
from fewerwells.study.wells_saved import at_the_truth, expected_error

TARGET = reference_circuit("n_part_complex")
SYSTEMS = ("n_part_complex", "mixed_complex", "goldbeter_koshland", "input_depletion")
RANDOM_PLATES = range(100, 112)


def _wells(answer, shape: tuple[int, int]) -> np.ndarray:
    try:
        wells = np.array(answer, float)
    except (TypeError, ValueError):
        wells = np.empty(0)
    if wells.shape != shape:
        raise NotYet(f"Wells of two inputs are asked for, shape {shape}; this has shape {wells.shape}.")
    if not np.all(np.isfinite(wells)) or not SMALL.contains(wells).all():
        raise NotYet("Some wells lie outside 0–10 nM, where this laboratory cannot measure.")
    return wells


@cache
def _belief() -> Belief:
    return Library().believe([real_pairs(TARGET, 8, 0)])[0]


@cache
def _best() -> float:
    return float(_taught(grid(0, 10, 0.5).x).max())


def _taught(wells: np.ndarray) -> np.ndarray:
    return lessons(_belief(), wells, sobol_inputs(BIG, 256)).teaches


@cache
def _known(system: str) -> tuple[Belief, float]:
    """What the truth would believe, and the expected error of random plates of 24."""
    circuit: Circuit = reference_circuit(system)
    belief = at_the_truth(circuit)
    drawn = [expected_error(belief, real_pairs(circuit, 24, seed).x, 1.0) for seed in RANDOM_PLATES]
    return belief, float(np.exp(np.log(drawn).mean()))


def _ratio(system: str, wells: np.ndarray) -> float:
    belief, drawn = _known(system)
    return expected_error(belief, wells, 1.0) / drawn


@checks("13.1")
def teaches_most(answer) -> None:
    share = float(_taught(_wells(answer, (2,))[None])[0]) / _best()
    if share < 0.9:
        raise NotYet(
            f"This well would teach the library {share:.0%} of what the best one would. Where do predictions for 0–20 nM "
            "lean on what the eight wells have hardly shown?"
        )


@checks("13.2")
def teaches_nothing(answer) -> None:
    wells = _wells(answer, (24, 2))
    if len(np.unique(wells, axis=0)) < 24:
        raise NotYet("Some wells are there twice; 24 different ones are asked for, as a careful person would fill.")
    if np.ptp(wells, axis=0).min() < 8:
        raise NotYet("Cover at least 8 nM of each input; a plate that only looks at one corner would be too easy.")
    ratio = _ratio("n_part_complex", wells)
    if ratio < 5:
        raise NotYet(
            f"The expected error is {ratio:.1f} times that of random wells; at least 5 times is asked for. What do the "
            "outputs never tell when both inputs always rise together?"
        )


@checks("13.3")
def graded_by_the_simulator(answer) -> None:
    wells = _wells(answer, (24, 2))
    ratios = {system: _ratio(system, wells) for system in SYSTEMS}
    mean = float(np.exp(np.mean(np.log(list(ratios.values())))))
    if mean > 0.82:
        worst = max(ratios, key=ratios.get)
        raise NotYet(
            f"Over four systems the expected error is {mean:.2f} times that of random wells; at most 0.82 is asked for. "
            f"The design does worst on {worst.replace('_', ' ')}."
        )
