"""Chapter 11: one race or twenty, three ways to be ahead, eight wells well placed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from fewerwells.book.widgets import pretrained
from fewerwells.book.widgets.race import race
from fewerwells.course.properties import NotYet, checks, function, number, pair
from fewerwells.course.small_study import errors
from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import SMALL, Pairs, random_stream, real_pairs
from fewerwells.science.training import Schedule, train

TARGET = reference_circuit("n_part_complex", 4.0)
RACES = 20


@cache
def _wins() -> np.ndarray:
    """Races that the pre-trained network wins: (both 200 epochs, study's pace, both 2000 epochs) by (inside, outside)."""
    runs = [race(real_pairs(TARGET, 96, seed), TARGET, seed, [200, 2000]) for seed in range(RACES)]
    transfer, scratch = (np.array([run[arm] for run in runs])[:, :, 1:] for arm in ("transfer", "scratch"))
    pairings = ((0, 0), (0, 1), (1, 1))
    return np.array([(transfer[:, ours] < scratch[:, theirs]).sum(axis=0) for ours, theirs in pairings])


@checks("11.1")
def races_won(answer) -> None:
    said, wins = pair(answer, "races won when both train for 200 epochs, and at the study's pace"), _wins()
    if any(count != int(count) or not 0 <= count <= RACES for count in said):
        raise NotYet(f"Count races: whole numbers from 0 to {RACES}.")
    inside, outside = (tuple(wins[:2, place]) for place in (0, 1))
    if said == inside:
        return
    hints = {
        inside[::-1]: "The two are in the wrong order: 200 epochs for both come first.",
        outside: "These are the races won *outside* 0–10 nM, the dashed lines; inside is asked for.",
        tuple(RACES - count for count in inside): "These are the races that the network from scratch wins.",
        (
            inside[0],
            int(wins[2, 0]),
        ): "The first is right. At the study's pace the pre-trained one has only 200 epochs.",
    }
    if said in hints:
        raise NotYet(hints[said])
    if said[0] == inside[0]:
        raise NotYet("The first is right. For the second, compare epoch 200 of one with epoch 2000 of the other.")
    raise NotYet(
        "For each seed compare two errors inside: transfer at epoch 200 and scratch at epoch 200, then scratch at 2000. Seeds "
        f"are 0 to {RACES - 1}; the smaller error wins."
    )


# paths of two networks, pre-trained and from scratch: (epoch, error) at the epochs that were looked at
PATHS = (
    ([(0, 2.0), (100, 1.0), (200, 0.8)], [(0, 9.0), (100, 4.0), (200, 1.1), (500, 0.7), (1000, 0.9), (2000, 0.6)]),
    ([(0, 3.0), (50, 2.5), (200, 1.5)], [(0, 6.0), (50, 4.5), (200, 2.8), (2000, 2.4)]),
    ([(0, 2.0), (200, 0.9), (400, 1.2)], [(0, 5.0), (400, 1.2), (600, 1.1), (1000, 0.8)]),
)


def _ahead(transfer, scratch, goal=lambda path: path[-1][1], pick=min, never=np.inf, end=lambda path: path[-1][1]):
    """Start, pace and end, or a near miss of them."""
    reached = [epoch for epoch, error in scratch if error <= goal(transfer)]
    return scratch[0][1] / transfer[0][1], pick(reached, default=never), end(scratch) / end(transfer)


def _smallest(path) -> float:
    return min(error for _, error in path)


@checks("11.2")
def ways_to_be_ahead(answer) -> None:
    ahead, said = function(answer), []
    for transfer, scratch in PATHS:
        three = ahead(list(transfer), list(scratch))
        if three is None or three is ...:
            raise NotYet("The function is still blank: let it return three numbers.")
        try:
            start, pace, end = three
        except (TypeError, ValueError):
            raise NotYet("Three numbers are asked for: start, pace and end.") from None
        if pace is None:
            raise NotYet(
                "Where scratch never gets there, the pace is `np.inf`: a number that compares as later than any."
            )
        said.append([number(start), number(pace, endless=True), number(end)])
    said = np.array(said)

    def near(column: int, **changes) -> bool:
        return np.allclose(said[:, column], [_ahead(*paths, **changes)[column] for paths in PATHS], rtol=1e-6)

    right = [near(column) for column in range(3)]
    if all(right):
        return
    truth = np.array([_ahead(*paths) for paths in PATHS])
    if not right[0] or not right[2]:
        if np.allclose(said[:, [0, 2]], 1 / truth[:, [0, 2]]):
            raise NotYet("Start and end stand on their heads: how many times *larger* is the error from scratch?")
        if near(2, end=_smallest):
            raise NotYet(
                "The end is the last pair of each path, not its best: nobody knows the best one without the truth."
            )
        raise NotYet("Look at start and end again: each divides two errors, of the first pairs and of the last.")
    hints = {
        "Where scratch never gets there, the last epoch of its path is not the answer.": {"never": 2000},
        "Scratch may get there, get worse again, and come back; the *first* time counts.": {"pick": max},
        "Scratch has to get to where the pre-trained network *ends*.": {"goal": lambda path: path[0][1]},
        "The pre-trained network's last error is the goal; you took its smallest.": {"goal": _smallest},
    }
    for hint, change in hints.items():
        if near(1, **change):
            raise NotYet(hint)
    raise NotYet(
        "Start and end are right. For the pace, go through the path from scratch and stop at the first error that is no "
        "larger than the other network's last one; *no larger* includes as large."
    )


@cache
def _random_plates(n_designs: int = 12) -> float:
    """Mean error over the big domain of designs whose 8 wells are drawn at random."""
    rng = np.random.default_rng(11)
    return float(np.mean([_design_error(rng.uniform(SMALL.low, SMALL.high, (8, 2))) for _ in range(n_designs)]))


def _design_error(wells: np.ndarray) -> float:
    """Error over the big domain, nM, of the page's pre-trained network after 200 epochs on these wells; 8 draws of noise."""
    seeds = list(range(8))
    noise = [random_stream(seed, "noise, small domain").standard_normal(wells.shape) for seed in seeds]
    data = [Pairs(wells, TARGET(wells) + z) for z in noise]
    stored, _ = pretrained.load()
    start = replace(stored[[0] * len(seeds)], output_scale=TARGET.largest_output)
    inside, outside = errors(train(start, data, Schedule(200), keys=seeds).ensemble, TARGET)
    return float((inside + 3 * outside).mean() / 4)  # the small domain is a quarter of the big one


@checks("11.3")
def eight_wells(answer) -> None:
    try:
        wells = np.array(answer, float)
    except (TypeError, ValueError):
        wells = np.empty(0)
    if wells.shape != (8, 2):
        raise NotYet(f"8 wells of two inputs are asked for, shape (8, 2); this has shape {wells.shape}.")
    if not np.all(np.isfinite(wells)) or not SMALL.contains(wells).all():
        raise NotYet("Some wells lie outside 0–10 nM, where this laboratory cannot measure.")
    ratio = _design_error(wells) / _random_plates()
    if ratio > 0.8:
        apart = np.linalg.norm(wells[:, None] - wells, axis=2) + np.where(np.eye(8), np.inf, 0)
        advice = (
            "Most of your wells stand beside another one and measure the same thing twice."
            if np.median(apart.min(axis=1)) < 1
            else "A regular plate also spends wells where both hypotheses say the same. Where do they differ?"
        )
        raise NotYet(
            f"After fine-tuning on your wells the network is wrong by {ratio:.2f} times what random wells give; at most 0.80 "
            f"is asked for. {advice}"
        )
