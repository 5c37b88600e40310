"""Chapter 12: one plate in other units, which circuit contains which, a plate that makes the network sure of what is wrong."""

from __future__ import annotations

from functools import cache
from itertools import permutations

import numpy as np

from fewerwells.course.properties import NotYet, checks
from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import BIG, SMALL, Pairs, real_pairs, sobol_inputs
from fewerwells.science.in_context.features import LEVELS
from fewerwells.science.mechanisms import structure_of

TARGET = reference_circuit("n_part_complex")
NAMES = (
    "simple_activation",
    "n_part_complex",
    "phosphorylation_cycle",
    "input_depletion",
    "goldbeter_koshland",
    "mixed_complex",
)

MEASURED = 10  # times that a plate is measured, since with a single noise any plate can be unlucky
MOST_HELD = 0.6  # of the truth, by intervals that promise 0.8


@cache
def _network():
    from fewerwells.science.in_context.reader import InContextNetwork  # torch, only where a plate is read

    return InContextNetwork.load()


@checks("12.1")
def same_plate_other_numbers(answer) -> None:
    wells = real_pairs(TARGET, 24, 0)
    try:
        x, y = (np.array(part, float) for part in answer)
    except (TypeError, ValueError):
        raise NotYet("Two arrays are asked for: the inputs and the outputs of the other plate.") from None
    if x.shape != wells.x.shape or y.shape != wells.y.shape:
        raise NotYet(f"Both arrays have shape {wells.x.shape}, a row a well; these have {x.shape} and {y.shape}.")
    if not (np.isfinite(x).all() and np.isfinite(y).all() and (x >= 0).all()):
        raise NotYet("Concentrations are numbers, and no input is negative.")
    if np.isclose(x, wells.x).any() or np.isclose(y, wells.y).any():
        raise NotYet("Some number of the plate is still what it was; change every one of them.")
    if any(np.allclose(np.sort(new, axis=None), np.sort(old, axis=None)) for new, old in ((x, wells.x), (y, wells.y))):
        raise NotYet("These are the plate's own numbers in another order; change the numbers themselves.")
    factors = x.max(axis=0) / wells.x.max(axis=0), np.sqrt((y**2).mean(axis=0) / (wells.y**2).mean(axis=0))
    queries = sobol_inputs(BIG, 16)
    before = _network().predict([wells], queries)[0] * factors[1]
    after = _network().predict([Pairs(x, y)], queries * factors[0])[0]
    worst = float(np.max(np.abs(after - before) / np.abs(before).max(axis=0)))
    if worst > 1e-3:
        if all(np.ptp(new / old, axis=0).max() < 1e-6 * np.max(new / old) for new, old in ((x, wells.x), (y, wells.y))):
            raise NotYet(
                f"The predictions differ by up to {worst:.1%}. You have given each output a unit of its own. What does the "
                "network read from two outputs side by side that it cannot read from each alone?"
            )
        raise NotYet(
            f"The predictions differ by up to {worst:.1%} even when they are brought to the same units. What can change in "
            "every number of a plate without a change in what was measured?"
        )


@cache
def _contained() -> frozenset[tuple[str, str]]:
    pairs = permutations([reference_circuit(name) for name in NAMES], 2)
    return frozenset((inner.name, outer.name) for inner, outer in pairs if structure_of(outer).holds(inner))


@checks("12.2")
def which_contains_which(answer) -> None:
    try:
        given = {(str(inner), str(outer)) for inner, outer in answer}
    except (TypeError, ValueError):
        raise NotYet(
            "A set of pairs is asked for, each with the name of the limit first and its container second."
        ) from None
    strangers = {name for pair in given for name in pair} - set(NAMES)
    if strangers:
        raise NotYet(f"There is no circuit {sorted(strangers)[0]!r}; there are {', '.join(NAMES)}.")
    missing, wrong = len(_contained() - given), len(given - _contained())
    if missing or wrong:
        raise NotYet(
            f"{missing} pairs are missing and {wrong} are too many. Which weights can go to nothing? And what becomes of the "
            "empty state when both inputs bind ever more tightly?"
        )


@checks("12.3")
def sure_of_what_is_wrong(answer) -> None:
    try:
        x = np.array(answer, float)
    except (TypeError, ValueError):
        x = np.empty(0)
    if x.shape != (24, 2):
        raise NotYet(f"Wells of two inputs are asked for, shape (24, 2); this has shape {x.shape}.")
    if not np.all(np.isfinite(x)) or not SMALL.contains(x).all():
        raise NotYet("Some wells lie outside 0–10 nM, where this laboratory cannot measure.")
    if len(np.unique(x, axis=0)) < 24:
        raise NotYet("Some wells are there twice; 24 different ones are asked for.")
    points = sobol_inputs(BIG, 256)
    rng = np.random.default_rng(0)
    plates = [Pairs(x, TARGET(x) + rng.normal(size=x.shape)) for _ in range(MEASURED)]
    quantiles, truth = _network().quantiles(plates, points), TARGET(points)
    low, high = (quantiles[..., LEVELS.index(level)] for level in (0.1, 0.9))
    held = float(((low <= truth) & (truth <= high)).mean())
    if held > MOST_HELD:
        raise NotYet(
            f"The 80 % intervals still hold {held:.0%} of the truth; at most {MOST_HELD:.0%} is asked for. In a corner the "
            "network knows how little it has seen. On which plates can what one input does not be told from what the other "
            "does? And what if their lowest doses are missing, too?"
        )
