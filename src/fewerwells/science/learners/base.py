"""What every learner offers, what it hands back, and what it may use while it works."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from fewerwells.science.datasets import Pairs
from fewerwells.science.networks import Ensemble

REMEMBERED = 16  # results that several learners of the same wells share, such as the fits of a library
GLANCE = 64  # inputs that show for nearly every learner that its prediction is not constant


class Status(StrEnum):
    """How learning ended, from the best to the worst."""

    OK = "ok"
    AT_BOUND = "at bound"  # a fitted parameter is at a limit: the wells do not hold all of them
    NOT_CONVERGED = "not converged"  # a search stopped early
    DEAD = "dead"  # what was trained says the same everywhere, as after the death of a whole ReLU layer
    DIVERGED = "diverged"  # a weight is not a finite number


def worst(*words: str) -> Status:
    """The word that says most against a result made in several steps."""
    return max((Status(word) for word in words), key=list(Status).index)


class Learnt(ABC):
    """What was learnt from E data sets, predicting for all of them at once.

    Attributes:
        status: E words.
        engine: what trained or fitted.
        seconds: what it cost, all data sets together, whoever asked for its parts first; without pre-training.
    """

    status: tuple[Status, ...]
    engine: str
    seconds: float

    @abstractmethod
    def predict(self, x: np.ndarray) -> np.ndarray:
        """Outputs (E, M, d), nM, for inputs (M, 2) that all share or (E, M, 2), nM."""

    def interval(self, x: np.ndarray, level: float = 0.8) -> tuple[np.ndarray, np.ndarray] | None:
        """Lower and upper ends (E, M, d), nM, that hold the noise-free output with this probability; None without."""
        return None

    @property
    def ensemble(self) -> Ensemble | None:
        """The networks, where there are some."""
        return None

    def constant(self, x: np.ndarray) -> np.ndarray:
        """(E,) true where what was *trained* says the same at all inputs (M, 2), nM."""
        glance = self.predict(x[:GLANCE])
        if not np.all(glance == glance[:, :1], axis=(1, 2)).any():
            return np.zeros(len(glance), bool)
        prediction = self.predict(x)
        return np.all(prediction == prediction[:, :1], axis=(1, 2))


@dataclass
class Runtime:
    """How to learn: which engine, who hears of progress, where networks that were trained before come from.

    Attributes:
        engine: "auto", "fused" or "reference" (see `training.train`).
        progress: called now and then with the number of sample-steps done since the last call.
        pretrained: gives the networks of a `networks.Network` after its pre-training, for some seeds; None: they are
            trained on the spot.
    """

    engine: str = "auto"
    progress: Callable[[int], None] | None = None
    pretrained: Callable[[Learner, Sequence[int]], Ensemble] | None = None
    _memory: OrderedDict = field(default_factory=OrderedDict, repr=False)

    def shared(self, learner: Learner, wells: Sequence[Pairs], seeds: Sequence[int]) -> Learnt:
        """What a learner makes of these wells; learnt once where several learners build on it."""
        key = (learner, tuple(seeds), _fingerprint(wells))
        if key not in self._memory:
            self._memory[key] = learner.learn(wells, seeds, self)
            if len(self._memory) > REMEMBERED:
                self._memory.popitem(last=False)
        self._memory.move_to_end(key)
        return self._memory[key]


def _fingerprint(wells: Sequence[Pairs]) -> bytes:
    found = hashlib.sha256()
    for pairs in wells:
        found.update(repr(pairs.x.shape).encode() + pairs.x.tobytes() + pairs.y.tobytes())
    return found.digest()


class Learner(ABC):
    """One way to learn; a frozen dataclass of everything but the wells and the seeds."""

    @abstractmethod
    def learn(self, wells: Sequence[Pairs], seeds: Sequence[int], runtime: Runtime | None = None) -> Learnt:
        """Learn E systems, each from its own wells.

        Args:
            wells: E data sets of N pairs, x (N, 2) and y (N, d), nM; none for a learner that needs none.
            seeds: E paired seeds, for everything that is drawn at random.
            runtime: how; by default with what this machine has.

        Returns:
            The same for a seed whatever the others are.
        """

    @property
    @abstractmethod
    def words(self) -> str:
        """How it learns, in a few words for a table."""

    @property
    def network(self) -> Learner | None:
        """The part of it that trains networks, where there is one."""
        return None
