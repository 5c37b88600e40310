"""How many of these wells would have done: the wells in smaller numbers, with a simulation and without."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fewerwells.laboratory.arms import Equations, Wells
from fewerwells.laboratory.transfer import simple_model, train_networks
from fewerwells.science.equivalence import monotone
from fewerwells.science.statistics import interval, resampled_seeds

SIZES = (12, 24, 48, 96)
SUBSAMPLES = 12
HELD_OUT = 0.25  # share of the replicate groups that judge
ENOUGH = 1.1  # times the error of all wells: what would have done


@dataclass(frozen=True)
class Curves:
    """Errors over numbers of wells.

    Attributes:
        sizes: numbers of wells, the last one all that could be learnt from.
        errors: by way to learn, shape (sizes, subsamples): root mean square on held-out groups' means, in the output's
            unit; of all wells, too, since each subsample holds out other groups.
        enough: the smallest number of wells with which the equations come within `ENOUGH` of all wells, or None.
        k: how many times as many wells networks need without the simulation, at each size; NaN where unknown.
        k_low, k_high: ends of its interval over subsamples; `k_high` infinite where all wells were not enough.
    """

    sizes: tuple[int, ...]
    errors: dict[str, np.ndarray]
    enough: int | None
    k: np.ndarray
    k_low: np.ndarray
    k_high: np.ndarray


def learning_curves(wells: Wells, spread: float) -> Curves | None:
    """Learn from random parts of the wells, judged on replicate groups held out whole; None with too few groups.

    Args:
        wells: of one output, as `answering.scaled` gives them.
        spread: one unit of their output in the output's own.
    """
    names = np.unique(wells.groups)
    n_held = max(2, int(HELD_OUT * len(names)))
    if len(names) < 8 or len(wells) < 16:
        return None
    kept, held = [], []
    for seed in range(SUBSAMPLES):
        rng = np.random.default_rng(seed)
        out = np.isin(wells.groups, rng.permutation(names)[:n_held])
        kept.append(wells.take(rng.permutation(np.flatnonzero(~out))))
        held.append(wells.take(out))
    most = min(map(len, kept))
    sizes = (*(size for size in SIZES if size < 0.8 * most), most)
    errors: dict[str, list] = {"equations": [], "transfer": [], "from scratch": []}
    for size in sizes:
        parts = [part.take(np.arange(size)) for part in kept]
        learnt = {
            "equations": [Equations().learn(part) for part in parts],
            "transfer": train_networks(parts, [simple_model(part) for part in parts]),
            "from scratch": train_networks(parts, None),
        }
        for name, answers in learnt.items():
            errors[name].append([spread * _error(one, out) for one, out in zip(answers, held, strict=True)])
    found = {name: np.array(rows) for name, rows in errors.items()}
    typical = {name: np.exp(np.log(rows).mean(axis=1)) for name, rows in found.items()}
    near = np.flatnonzero(typical["equations"] <= ENOUGH * typical["equations"][-1])
    enough = sizes[near[0]] if len(near) and sizes[near[0]] < most else None
    return Curves(sizes, found, enough, *_equivalence(np.array(sizes), found["transfer"], found["from scratch"]))


def _error(learnt, held: Wells) -> float:
    groups = held.averaged()
    return float(np.sqrt(np.mean((learnt.predict(groups.s) - groups.y) ** 2))) + 1e-12


ROUNDING = 1e-9  # of logarithms: an error that is reached exactly at the end is reached


def _equivalence(
    sizes: np.ndarray, with_it: np.ndarray, without: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """k at each size with an interval over subsamples, which are resampled whole; infinite where it is not reached."""

    def k_of(draw: np.ndarray) -> np.ndarray:
        level = np.log(with_it[:, draw]).mean(axis=1)
        curve = monotone(np.log(without[:, draw]).mean(axis=1))
        reached = np.array([np.interp(-at, -curve, np.log(sizes), left=np.nan) for at in level])
        ratio = np.exp(reached) / sizes
        return np.where(level < curve[-1] - ROUNDING, np.inf, np.where(np.isnan(ratio), sizes[0] / sizes, ratio))

    n = with_it.shape[1]
    draws = np.array([k_of(draw) for draw in resampled_seeds(n, 1000)])
    low, high = np.array([interval(column, n) for column in draws.T]).T
    return k_of(np.arange(n)), low, high
