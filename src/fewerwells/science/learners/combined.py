"""Learners made of learners: one on top of another, or one that looks at logarithms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fewerwells.science.datasets import Pairs
from fewerwells.science.learners.base import Learner, Learnt, Runtime, Status, worst
from fewerwells.science.learners.networks import logarithmic


@dataclass(frozen=True)
class _SumLearnt(Learnt):
    """What two learners say together."""

    status: tuple[Status, ...]
    engine: str
    seconds: float
    base: Learnt
    rest: Learnt

    def predict(self, x) -> np.ndarray:
        return self.rest.predict(x) + self.base.predict(x)

    def constant(self, x) -> np.ndarray:
        return self.rest.constant(x)  # a dead network hides behind the equation below it

    @property
    def ensemble(self):
        return self.rest.ensemble


@dataclass(frozen=True)
class Sum(Learner):
    """One learner learns the wells, another what it leaves over; the prediction is their sum."""

    base: Learner
    rest: Learner

    @property
    def words(self) -> str:
        return f"{self.rest.words}, on top of {self.base.words}"

    @property
    def network(self) -> Learner | None:
        return self.rest.network or self.base.network

    def learn(self, wells, seeds, runtime=None) -> _SumLearnt:
        runtime = runtime or Runtime()
        base = runtime.shared(self.base, wells, seeds)
        left = [Pairs(w.x, w.y - y) for w, y in zip(wells, base.predict(np.stack([w.x for w in wells])), strict=True)]
        rest = self.rest.learn(left, seeds, runtime)
        words = tuple(worst(*pair) for pair in zip(base.status, rest.status, strict=True))
        return _SumLearnt(words, rest.engine, base.seconds + rest.seconds, base, rest)


@dataclass(frozen=True)
class _LogInputsLearnt(Learnt):
    """What a learner says of logarithmic inputs."""

    status: tuple[Status, ...]
    engine: str
    seconds: float
    inner: Learnt

    def predict(self, x) -> np.ndarray:
        return self.inner.predict(logarithmic(x))

    def interval(self, x, level: float = 0.8):
        return self.inner.interval(logarithmic(x), level)

    @property
    def ensemble(self):
        return self.inner.ensemble


@dataclass(frozen=True)
class LogInputs(Learner):
    """A learner that is given log(1 + x / 0.5 nM) instead of x."""

    learner: Learner

    @property
    def words(self) -> str:
        return f"{self.learner.words}, logarithmic inputs"

    @property
    def network(self) -> Learner | None:
        return self.learner.network

    def learn(self, wells, seeds, runtime=None) -> _LogInputsLearnt:
        inner = self.learner.learn([Pairs(logarithmic(w.x), w.y) for w in wells], seeds, runtime)
        return _LogInputsLearnt(inner.status, inner.engine, inner.seconds, inner)
