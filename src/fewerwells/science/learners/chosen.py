"""One of several learners, chosen for each data set on wells that it did not learn from; and the mean of several."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from fewerwells.science.datasets import Pairs
from fewerwells.science.learners.base import Learner, Learnt, Runtime, Status, worst
from fewerwells.science.learners.networks import Network

HELD_OUT = 0.2  # of the wells choose, the others teach
MEMBER_SEEDS = 1_000_000  # apart, so that no member is another seed's network


def held_out(pairs: Pairs) -> tuple[Pairs, Pairs]:
    """The wells that teach and those that choose: the last fifth, at least one. Wells come in random order."""
    n = len(pairs) - max(1, ceil(HELD_OUT * len(pairs)))
    return pairs.first(n), Pairs(pairs.x[n:], pairs.y[n:])


@dataclass(frozen=True)
class _ChosenLearnt(Learnt):
    """For each data set what the learner that was chosen for it has learnt from all wells."""

    status: tuple[Status, ...]
    engine: str
    seconds: float
    choice: np.ndarray  # (E,) which candidate
    parts: dict[int, Learnt]  # candidate → what it learnt of the data sets that chose it, in their order

    def predict(self, x) -> np.ndarray:
        x = np.asarray(x, float)
        found: list = [None] * len(self.choice)
        for which, learnt in self.parts.items():
            members = np.flatnonzero(self.choice == which)
            for place, prediction in zip(members, learnt.predict(x[members] if x.ndim == 3 else x), strict=True):
                found[place] = prediction
        return np.stack(found)


@dataclass(frozen=True)
class Chosen(Learner):
    """Of several learners the one with the smallest mean absolute error on held-out wells, taught again on all wells.

    That is early stopping where the candidates differ in their epochs, and the choice of a rate or of a strength where
    they differ in these. No test point has a say. All candidates pre-train alike, or none does.
    """

    candidates: tuple[Learner, ...]

    @property
    def words(self) -> str:
        return f"one of {len(self.candidates)}, chosen on held-out wells: {self.candidates[0].words}, …"

    @property
    def network(self) -> Network | None:
        """The candidate that sees most pairs; how many are really seen depends on the choice."""
        networks = [candidate.network for candidate in self.candidates if candidate.network]
        return max(networks, key=lambda network: network.epochs) if networks else None

    def learn(self, wells, seeds, runtime=None) -> _ChosenLearnt:
        """As `Learner.learn`.

        Raises:
            ValueError: a data set of a single well, which cannot both teach and choose.
        """
        runtime = runtime or Runtime()
        if min(map(len, wells)) < 2:
            raise ValueError(f"a data set has {min(map(len, wells))} well; at least 2 are needed to hold one out.")
        teach, choose = zip(*map(held_out, wells), strict=True)
        x = np.stack([pairs.x for pairs in choose])
        y = np.stack([pairs.y for pairs in choose])
        tried = [candidate.learn(list(teach), seeds, runtime) for candidate in self.candidates]
        errors = np.stack([np.abs(learnt.predict(x) - y).mean(axis=(1, 2)) for learnt in tried])
        choice = np.argmin(np.where(np.isnan(errors), np.inf, errors), axis=0)
        parts, words = {}, np.empty(len(seeds), object)
        for which in sorted(set(choice.tolist())):
            members = np.flatnonzero(choice == which)
            parts[which] = self.candidates[which].learn(
                [wells[i] for i in members], [seeds[i] for i in members], runtime
            )
            words[members] = parts[which].status
        seconds = sum(learnt.seconds for learnt in (*tried, *parts.values()))
        return _ChosenLearnt(tuple(words), tried[0].engine, seconds, choice, parts)


@dataclass(frozen=True)
class _MeanLearnt(Learnt):
    """The mean of what several networks say."""

    status: tuple[Status, ...]
    engine: str
    seconds: float
    members: tuple[Learnt, ...]

    def predict(self, x) -> np.ndarray:
        return np.mean([member.predict(x) for member in self.members], axis=0)


@dataclass(frozen=True)
class Mean(Learner):
    """The mean of several networks on the same wells, with other initial weights and another batch order each."""

    learner: Learner
    members: int = 5

    @property
    def words(self) -> str:
        return f"mean of {self.members}: {self.learner.words}"

    @property
    def network(self) -> Network | None:
        """The first member's; the others are trained beside it."""
        return self.learner.network

    def learn(self, wells, seeds, runtime=None) -> _MeanLearnt:
        runtime = runtime or Runtime()
        each = [[seed + member * MEMBER_SEEDS for seed in seeds] for member in range(self.members)]
        members = tuple(self.learner.learn(wells, own, runtime) for own in each)
        words = tuple(worst(*words) for words in zip(*(member.status for member in members), strict=True))
        return _MeanLearnt(words, members[0].engine, sum(member.seconds for member in members), members)
