"""Symbolic regression as a learner."""

from __future__ import annotations

import time
from dataclasses import dataclass

from fewerwells.science.learners.base import Learner, Status
from fewerwells.science.learners.equations import Equations
from fewerwells.science.symbolic import GENERATIONS, breed_formulas


@dataclass(frozen=True)
class SymbolicRegression(Learner):
    """A formula for each output, bred from the wells.

    Attributes:
        generations: of the genetic programming.
    """

    generations: int = GENERATIONS

    @property
    def words(self) -> str:
        return f"formulas bred over {self.generations} generations"

    def learn(self, wells, seeds, runtime=None) -> Equations:
        started = time.perf_counter()
        formulas = breed_formulas(list(wells), list(seeds), generations=self.generations)
        seconds = time.perf_counter() - started
        words = (Status.OK,) * len(formulas)  # breeding stops when its generations are over
        return Equations(words, "operon", seconds, tuple(found.predict for found in formulas), tuple(formulas))
