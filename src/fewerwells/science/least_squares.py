"""Many small least-squares problems of one shape, each in the same box, searched side by side.

All of them take a step at once, so that a step costs what its arithmetic costs and not what Python does around it. Each
goes its own way: where one ends does not depend on those beside it, to the last bit. (NumPy rounds a row alone another way
than one of several, so that a search is never alone: it goes beside a copy of itself.)

The method is that of Levenberg and Marquardt (Marquardt 1963) with Nielsen's damping (1999), projected on the box: a
coordinate at a bound that the residuals push against stays there; a step that leaves the box is cut off at its border.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from fewerwells.science.cores import side_by_side, usable_cores
from fewerwells.science.datasets import Pairs

LEAST_STEP = 1e-10  # a search ends where a step is shorter than this share of the position
LEAST_SLOPE = 1e-12  # or where nothing slopes any more
FIRST_DAMPING, LEAST_DAMPING = 1e-3, 1e-12  # of the largest curvature met along each coordinate
STACKED = 2**17  # numbers that are computed together, so that they stay in the processor's cache
MILDEST = 0.1  # what a step that went as predicted multiplies the damping by


class Problems(Protocol):
    """P least-squares problems with m residuals and k coordinates each.

    `low` and `high`, (k,), are the box. `linearised` gives the residuals (P, m) at positions (P, k) and their slopes
    (P, k, m); what is not finite counts as infinitely bad. `chosen` gives some of the problems, by index.
    """

    low: np.ndarray
    high: np.ndarray

    def linearised(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...

    def chosen(self, which: np.ndarray) -> Self: ...


@dataclass(frozen=True)
class Optima:
    """Where P searches ended.

    Attributes:
        position: (P, k).
        squares: sums of squares there, (P,); infinite where a search could not begin.
        converged: (P,) whether each found nothing better nearby before its evaluations were used up.
    """

    position: np.ndarray
    squares: np.ndarray
    converged: np.ndarray

    def __getitem__(self, which) -> Optima:
        return Optima(self.position[which], self.squares[which], self.converged[which])


@dataclass
class _Searches:
    """The state of P searches: position, residuals' products, damping; and how they stand."""

    position: np.ndarray  # (P, k)
    squares: np.ndarray  # (P,)
    gradient: np.ndarray  # (P, k), half the slope of the squares
    curvature: np.ndarray  # (P, k, k)
    largest: np.ndarray  # (P, k) curvature along each coordinate, the largest met
    damping: np.ndarray  # (P,)
    growth: np.ndarray  # (P,) what the next failure multiplies the damping by

    def __getitem__(self, which: np.ndarray) -> _Searches:
        return _Searches(*(value[which] for value in vars(self).values()))


def _products(problems: Problems, position: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum of squares (P,), gradient (P, k) and curvature (P, k, k); infinite and 0 where something is not finite."""
    residuals, slopes = problems.linearised(position)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.square(residuals).sum(axis=-1)
        gradient = (slopes @ residuals[..., None])[..., 0]
        curvature = slopes @ slopes.mT
    broken = ~(np.isfinite(squares) & np.isfinite(curvature).all(axis=(-2, -1)) & np.isfinite(gradient).all(axis=-1))
    squares[broken], gradient[broken], curvature[broken] = np.inf, 0.0, 0.0
    return squares, gradient, curvature


def _step(now: _Searches, free: np.ndarray) -> np.ndarray:
    """The damped step of each search along its free coordinates, (P, k)."""
    scale = np.where(now.largest > 0, now.largest, 1.0)
    both = free[:, :, None] & free[:, None, :]
    matrix = np.where(both, now.curvature, 0.0)
    k = matrix.shape[-1]
    matrix[:, range(k), range(k)] += np.where(free, now.damping[:, None] * scale, 1.0)
    return np.linalg.solve(matrix, np.where(free, -now.gradient, 0.0)[..., None])[..., 0]


def search(problems: Problems, start: np.ndarray, evaluations: int, least_gain: float) -> Optima:
    """The optimum near each start.

    Args:
        problems: P of them.
        start: (P, k), within the box.
        evaluations: how often each may be linearised, its start included.
        least_gain: a search ends where a step that went as predicted lowers the squares by less than this share, or
            where no more is to be expected of the next.

    Returns:
        Where each search ended, whatever other problems are searched with it.
    """
    if len(start) == 1:
        return search(problems.chosen(np.zeros(2, int)), np.repeat(start, 2, axis=0), evaluations, least_gain)[:1]
    low, high = problems.low, problems.high
    squares, gradient, curvature = _products(problems, start)
    ended = Optima(start.copy(), squares.copy(), np.zeros(len(start), bool))
    now = _Searches(
        start.copy(),
        squares,
        gradient,
        curvature,
        np.einsum("pkk->pk", curvature).copy(),
        np.full(len(start), FIRST_DAMPING),
        np.full(len(start), 2.0),
    )
    places, going = np.arange(len(start)), np.isfinite(squares)  # places: which search each row is
    for _ in range(evaluations - 1):
        held = ((now.position <= low) & (now.gradient > 0)) | ((now.position >= high) & (now.gradient < 0))
        flat = going & (np.where(held, 0.0, np.abs(now.gradient)).max(axis=1, initial=0.0) < LEAST_SLOPE)
        ended.converged[places[flat]] = True
        going &= ~flat
        if not going.any():
            break
        if 1 < going.sum() <= len(going) / 2:  # those that have ended are carried along until they are the half
            now, places, held, problems = now[going], places[going], held[going], problems.chosen(np.flatnonzero(going))
            going = np.ones(len(places), bool)
        there = (now.position + _step(now, ~held)).clip(low, high)
        step = np.where(going[:, None], there - now.position, 0.0)
        predicted = -(2 * now.gradient * step).sum(axis=1) - np.einsum("pk,pkl,pl->p", step, now.curvature, step)
        squares, gradient, curvature = _products(problems, there)
        with np.errstate(invalid="ignore", divide="ignore"):  # of searches that have ended, or could not begin
            gained = now.squares - squares
            ratio = gained / predicted
        better = going & (gained > 0) & (predicted > 0)
        length = np.sqrt(np.square(step).sum(axis=1))
        short = length < LEAST_STEP * (LEAST_STEP + np.sqrt(np.square(now.position).sum(axis=1)))
        done = going & (short | (better & (gained < least_gain * now.squares) & (ratio > 0.25)))
        done |= going & (np.abs(predicted) <= least_gain * now.squares)
        now.position[better], now.squares[better] = there[better], squares[better]
        now.gradient[better], now.curvature[better] = gradient[better], curvature[better]
        now.largest[better] = np.maximum(now.largest, np.einsum("pkk->pk", curvature))[better]
        milder = np.maximum(MILDEST, 1 - (2 * np.clip(ratio, 0, 2) - 1) ** 3)
        changed = now.damping * np.where(better, milder, now.growth)
        now.damping = np.where(going, np.maximum(changed, LEAST_DAMPING), now.damping)
        now.growth = np.where(going, np.where(better, 2.0, 2 * now.growth), now.growth)
        ended.position[places[better]], ended.squares[places[better]] = now.position[better], now.squares[better]
        ended.converged[places[done]] = True
        going &= ~done
    return ended


def in_stacks(
    function: Callable[[list[Pairs]], list], data: Sequence[Pairs], numbers: Callable[[int], int], *, worth_it_from: int
) -> list:
    """`function(data)`, one result a data set, called with stacks of data sets of one size over the usable cores.

    Args:
        function: gives for a data set the same whatever others are in its stack; can be pickled.
        data: the data sets.
        numbers: how many numbers it computes together for a data set of so many wells.
        worth_it_from: fewer data sets than this are not shared out, because starting workers takes a second or two.
    """
    of_size: dict[int, list[int]] = {}
    for i, pairs in enumerate(data):
        of_size.setdefault(len(pairs), []).append(i)
    shared = len(data) >= worth_it_from
    stacks = []
    for size, members in of_size.items():
        most = max(1, STACKED // numbers(size))
        if shared:
            most = min(most, -(-len(members) // len(usable_cores())))
        stacks += [members[start : start + most] for start in range(0, len(members), most)]
    found = side_by_side(
        function, [[data[i] for i in stack] for stack in stacks], worth_it_from=2 if shared else np.inf
    )
    of_each = {i: one for stack, ones in zip(stacks, found, strict=True) for i, one in zip(stack, ones, strict=True)}
    return [of_each[i] for i in range(len(data))]
