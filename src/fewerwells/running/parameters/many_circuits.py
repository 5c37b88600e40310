"""The design of *A thousand circuits*: learners that know many circuits beside those that know one or none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from pydantic import model_validator

from fewerwells.running.parameters.fields import CircuitName, EachOnce, Increasing, NumberOfSeeds, Volume
from fewerwells.running.parameters.training import SeededParameters
from fewerwells.science.circuits import Circuit, reference_circuit
from fewerwells.study.many_circuits import CHEAP, OVER_WELLS, SLOW, add_many_circuits, can_run
from fewerwells.study.protocol import Cell, Design


class ManyCircuits(SeededParameters):
    """Every arm on some targets at one plate, and the cheap ones over the number of wells.

    Arms whose plate takes seconds stand on the first `few_seeds` of the paired seeds, and so do the curves.
    """

    circuits: EachOnce[CircuitName] = None
    wells: Volume = 96
    curve_volumes: Increasing[Volume] = None
    few_seeds: NumberOfSeeds = None

    @model_validator(mode="after")
    def _first_of_all_seeds(self) -> Self:
        if self.few_seeds > self.n_seeds:
            raise ValueError(f"few_seeds is {self.few_seeds} and n_seeds {self.n_seeds}; they are the first of them")
        return self

    @property
    def targets(self) -> list[Circuit]:
        """The real systems, in reading order."""
        return [reference_circuit(name) for name in self.circuits]

    def _cells(self, arms: Iterable[str], volumes: Iterable[int]) -> tuple[Cell, ...]:
        return tuple(
            Cell(arm, target, self.oracle_volume if arm == "oracle" else n)
            for target in self.targets
            for n in volumes
            for arm in arms
            if can_run(arm, target)
        )

    @property
    def designs(self) -> list[Design]:
        """Two: the cheap arms at one plate on all seeds; the slow ones and the curves on a few."""
        add_many_circuits()
        protocol, plate = self.protocol, [self.wells]
        curves = self._cells(OVER_WELLS, [n for n in self.curve_volumes if n != self.wells])
        return [
            self._design(self._cells(CHEAP, plate)),
            Design(protocol, self.seeds[: self.few_seeds], self._cells(SLOW, plate) + curves),
        ]
