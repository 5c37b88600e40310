"""What a well is worth, and the batch of wells that is worth most: greedy, then exchanged until none is worth more.

Under a belief outputs are linear in q standard normal weights z, so measuring a well changes their covariance in a
closed form that does not depend on what is measured. The value of n wells is the variance that they take away from
what the goal is about (I-optimality, the average of Fedorov 1972 over a region), or the information that they give on
all weights (D-optimality). Wells are added one after another and then exchanged (Fedorov 1972); each step changes
the covariance by two ranks, one an output (Sherman & Morrison 1950).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np

from fewerwells.science.design.beliefs import Belief
from fewerwells.science.design.candidates import Candidates

GOALS = ("prediction", "mechanisms", "both")
PASSES = 10  # over all wells of a batch; an exchange nearly always ends in three


def prediction_goal(belief: Belief, region: np.ndarray) -> np.ndarray:
    """The matrix A, (q, q), for which tr(A·cov z) is the variance of the outputs averaged over a region (R, 2), nM²."""
    features = belief.features(region).reshape(-1, belief.size)
    return features.T @ features / len(features)


def goal_matrix(goal: str, belief: Belief, region: np.ndarray) -> np.ndarray:
    """The matrix A, (q, q), whose tr(A·cov z) a design makes small.

    Args:
        goal: "prediction", the mean predictive variance over the region; "mechanisms", the variance of which mechanism
            it is; "both", the sum of the two, each as a share of what it is before the wells.
        belief: before the wells.
        region: inputs (R, 2), nM, where predictions count.

    Raises:
        ValueError: an unknown goal, or mechanisms where the belief holds fewer than two.
    """
    if goal not in GOALS:
        raise ValueError(f"there is no goal {goal!r}; choose one of {', '.join(GOALS)}.")
    if goal == "prediction":
        return prediction_goal(belief, region)
    if len(belief.mechanisms) < 2:
        raise ValueError(f'the goal "{goal}" tells mechanisms apart, and the wells so far leave fewer than two.')
    mechanisms = belief.mechanisms.T @ belief.mechanisms
    if goal == "mechanisms":
        return mechanisms
    prediction = prediction_goal(belief, region)
    return mechanisms / np.trace(mechanisms) + prediction / np.trace(prediction)


def with_well(covariance: np.ndarray, features: np.ndarray) -> np.ndarray:
    """cov z, (q, q), once a well with features (2, q), in units of the noise, is measured."""
    projected = features @ covariance
    changed = covariance - projected.T @ np.linalg.solve(projected @ features.T + np.eye(2), projected)
    return (changed + changed.T) / 2


def without_each(covariance: np.ndarray, features: np.ndarray) -> Iterator[np.ndarray]:
    """cov z, (q, q), for each of n wells with features (n, 2, q) once all the others are measured.

    Half of the wells are measured at once for all in the other half, and so on. Nothing is taken back, which would divide
    by a difference of nearly equal numbers where a well tells far more than the others.
    """
    if len(features) < 2:
        yield from [covariance] * len(features)
        return
    first, second = np.array_split(features, 2)
    for measured, others in ((second, first), (first, second)):
        yield from without_each(reduce(with_well, measured, covariance), others)


class Batch:
    """Wells chosen so far from M candidates, and what each candidate would add to them.

    For every candidate two small matrices are kept, how its outputs vary together and what measuring them takes away
    from tr(A·cov z). A change of the batch changes both, through what the well in question tells of every candidate once
    the others are measured, which an orthogonal decomposition says.
    """

    def __init__(self, features: np.ndarray, goal: np.ndarray | None):
        """No well yet.

        Args:
            features: of the candidates, (M, 2, q), in units of the noise.
            goal: a matrix A (q, q), or None for the information on all of z (D-optimality).
        """
        self._features, self._goal = features, goal
        of_outputs = np.ascontiguousarray(features.transpose(2, 1, 0))  # (q, 2, M)
        self._columns = of_outputs.reshape(len(of_outputs), -1)  # (q, 2·M)
        self._together = np.einsum("qim,qjm->ijm", of_outputs, of_outputs)  # F·cov z·Fᵀ, (2, 2, M)
        self._taken = None  # F·cov z·A·cov z·Fᵀ, (2, 2, M)
        if goal is not None:
            self._taken = np.einsum("qim,qjm->ijm", of_outputs, (goal @ self._columns).reshape(of_outputs.shape))
        self._chosen: list[int] = []
        self._with_last: dict[int, tuple] = {}  # the well that was taken back last → both matrices with it

    def fill(self, index: int) -> None:
        """Choose a candidate."""
        if index in self._with_last:  # as if it had never been taken back
            self._together, self._taken = self._with_last[index]
        else:
            self._change(index, -1)
        self._with_last = {}
        self._chosen.append(index)

    def take_back(self, index: int) -> None:
        """Undo what filling this well after all the others has done: nothing is divided by a difference of nearly equal numbers."""
        self._chosen.remove(index)
        self._with_last = {index: (self._together, self._taken)}
        self._change(index, 1)

    def _change(self, index: int, sign: int) -> None:
        wells = self._features[[*self._chosen, index]].reshape(-1, len(self._columns))  # the well in question last
        # Of the orthonormal basis of what wells say, noise and all, the part that is about z: all but the last two span
        # what the chosen wells tell, the last two are what the well tells beside them. No difference is formed.
        basis = np.linalg.qr(np.hstack([wells, np.eye(len(wells))]).T).Q[: wells.shape[1]]
        known, rows = basis[:, :-2], basis[:, -2:].T
        if self._goal is not None:
            aimed = rows @ self._goal
            aimed = aimed - aimed @ known @ known.T - (aimed @ rows.T) @ rows / 2
            rows = np.concatenate([rows, aimed])
        rows = (rows @ self._columns).reshape(len(rows), 2, -1)  # with each candidate's outputs
        self._together = self._together + sign * np.einsum("kim,kjm->ijm", rows[:2], rows[:2])
        if self._taken is not None:
            turned = np.einsum("kim,kjm->ijm", rows[:2], rows[2:])
            self._taken = self._taken + sign * (turned + turned.swapaxes(0, 1))

    def worth(self) -> np.ndarray:
        """What each candidate would take away from tr(A·cov z), or add to log det of the information: (M,)."""
        one, two, cross = self._together[0, 0] + 1, self._together[1, 1] + 1, self._together[0, 1]
        determinant = one * two - cross**2
        if self._taken is None:
            return np.log(determinant)
        taken = self._taken
        return (two * taken[0, 0] + one * taken[1, 1] - 2 * cross * taken[0, 1]) / determinant


def exchange(candidates: Candidates, belief: Belief, goal: np.ndarray | None, n: int) -> np.ndarray:
    """The n candidates that are worth most together, as far as exchanging one at a time finds them.

    Args:
        candidates: what may be chosen, each as often as it may be filled.
        belief: before these wells.
        goal: what `goal_matrix` returns, or None for the most information on all weights.
        n: how many.

    Returns:
        Indices of candidates, shape (n,), in the order in which they were found; of equals the first is taken.

    Raises:
        ValueError: fewer candidates than wells asked for.
    """
    candidates.refuse_too_few(n)
    batch = Batch(belief.features(candidates.x) / belief.noise[:, None], goal)
    left, chosen = np.full(len(candidates), candidates.replicates), []

    def best(than: int | None = None) -> int:
        worth = np.where(left > 0, batch.worth(), -np.inf)
        found = int(np.argmax(worth))
        no_better = than is not None and worth[found] <= worth[than] * (1 + 1e-9)  # but for rounding
        return than if no_better else found

    for _ in range(n):
        chosen.append(best())
        batch.fill(chosen[-1])
        left[chosen[-1]] -= 1
    for _ in range(PASSES):
        before = list(chosen)
        for position, old in enumerate(before):
            batch.take_back(old)
            left[old] += 1
            chosen[position] = best(old)
            batch.fill(chosen[position])
            left[chosen[position]] -= 1
        if chosen == before:
            break
    return np.array(chosen)


@dataclass(frozen=True)
class Lessons:
    """What wells are expected to teach, before any of them is filled.

    Attributes:
        now: expected error before the wells, the root of the predictive variance averaged over a region, nM.
        after: the same after all of them.
        teaches: for each well how much it would lower the error by itself, (n,), nM.
        cost_without: for each well how much higher the error would stay without it, all others filled, (n,), nM.
    """

    now: float
    after: float
    teaches: np.ndarray
    cost_without: np.ndarray


def lessons(belief: Belief, wells: np.ndarray, region: np.ndarray) -> Lessons:
    """What wells (n, 2), nM, are expected to teach a learner about a region (R, 2), nM."""
    goal = prediction_goal(belief, region)
    features, before = belief.features(wells) / belief.noise[:, None], np.eye(belief.size)

    def error(covariance: np.ndarray) -> float:
        return float(np.sqrt(np.trace(goal @ covariance)))

    after = reduce(with_well, features, before)
    alone = np.array([error(with_well(before, well)) for well in features])
    without = np.array([error(covariance) for covariance in without_each(before, features)])
    return Lessons(error(before), error(after), error(before) - alone, without - error(after))
