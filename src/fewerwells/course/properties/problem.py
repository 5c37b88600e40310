"""Chapter 2: the L1 error, ten plates, a plate that teaches."""

from __future__ import annotations

from functools import cache

import numpy as np

from fewerwells.course.properties import NotYet, checks, function, pair
from fewerwells.course.small_study import errors, train_arm
from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import SMALL, Pairs, random_stream
from fewerwells.science.networks import STUDY_SIZES, initialise
from fewerwells.science.training import Schedule, train

TARGET = reference_circuit("n_part_complex", 2.0)


@checks("2.2")
def l1(answer) -> None:
    error = function(answer)
    rng = np.random.default_rng(2)
    prediction, truth = rng.normal(20, 5, (7, 2)), rng.normal(20, 5, (7, 2))
    said = error(prediction, truth)
    if said is None or said is ...:
        raise NotYet("The function is still blank: let it return one number.")
    if np.shape(said) != ():
        raise NotYet(f"One number is asked for; this has shape {np.shape(said)}. Over what has to be averaged?")
    difference = prediction - truth
    if np.isclose(said, np.abs(difference).mean()):
        return
    mistakes = {
        "Differences above and below cancel: an error of +5 and one of −5 are not together 0.": difference.mean(),
        "Squares were averaged; their unit is nM², and large errors count more than their share.": (
            difference**2
        ).mean(),
        "A square root of mean squares is in nM, but it is not the mean of absolute errors.": np.sqrt(
            (difference**2).mean()
        ),
        "The sum grows with the number of test points; an error must not.": np.abs(difference).sum(),
        "One of the two outputs seems to be left out.": np.abs(difference[:, 0]).mean(),
        "Sums over the two outputs were averaged; the mean over outputs is asked for.": np.abs(difference)
        .sum(axis=1)
        .mean(),
        "That is the worst error, not the mean.": np.abs(difference).max(),
        "The median ignores how bad the bad half is; the mean is asked for.": np.median(np.abs(difference)),
    }
    for hint, wrong in mistakes.items():
        if np.isclose(said, wrong):
            raise NotYet(hint)
    raise NotYet("Try it by hand: prediction [[1, 2]], truth [[0, 4]]. The two absolute errors are 1 and 2.")


@cache
def _falls() -> tuple[float, float]:
    """How many times smaller the errors inside and outside get from one plate to ten, from scratch."""
    one, ten = (np.array(errors(train_arm("scratch", TARGET, n), TARGET)).mean(axis=1) for n in (96, 960))
    return tuple(one / ten)


@checks("2.4")
def ten_plates(answer) -> None:
    said = np.array(pair(answer, "how many times smaller the error gets inside, and outside"))
    truth = np.array(_falls())
    if np.any(said <= 0):
        raise NotYet("A ratio of two errors is positive.")

    def near(one, other) -> bool:
        return bool(np.all(np.abs(np.log(one / other)) < 0.15))

    if near(said, truth):
        return
    if near(said, truth[::-1]):
        raise NotYet("Inside comes first, outside second. Does your order make sense of where the wells are?")
    if near(said, 1 / truth):
        raise NotYet("These are shares that remain; asked is how many times smaller, so the error with 96 goes on top.")
    raise NotYet(
        "Train from scratch with 96 and with 960 wells, take the mean over the seeds of each error, then divide the "
        "first by the second."
    )


@cache
def _random_plates(n_designs: int = 12) -> float:
    """Mean error inside of designs whose 24 wells are drawn at random."""
    rng = np.random.default_rng(6)
    return float(np.mean([_design_error(rng.uniform(SMALL.low, SMALL.high, (24, 2))) for _ in range(n_designs)]))


def _design_error(wells: np.ndarray) -> float:
    """Error inside of networks from scratch on these wells, mean over eight draws of noise and weights."""
    seeds = list(range(8))
    noise = [random_stream(seed, "noise, small domain").standard_normal(wells.shape) for seed in seeds]
    data = [Pairs(wells, TARGET(wells) + z) for z in noise]
    fresh = initialise(STUDY_SIZES, seeds, output_scale=TARGET.largest_output)
    networks = train(fresh, data, Schedule(1000), keys=seeds).ensemble
    return float(errors(networks, TARGET)[0].mean())


@checks("2.6")
def plate_design(answer) -> None:
    try:
        wells = np.array(answer, float)
    except (TypeError, ValueError):
        wells = np.empty(0)
    if wells.shape != (24, 2):
        raise NotYet(f"24 wells of two inputs are asked for, shape (24, 2); this has shape {wells.shape}.")
    if not np.all(np.isfinite(wells)) or not SMALL.contains(wells).all():
        raise NotYet("Some wells lie outside 0–10 nM, where this laboratory cannot measure.")
    ratio = _design_error(wells) / _random_plates()
    if ratio > 0.9:
        raise NotYet(
            f"Networks that learn from your wells are wrong by {ratio:.2f} times what random wells give; at most 0.90 is "
            "asked for. Where does your design leave a large gap, and where does it measure the same thing twice?"
        )
