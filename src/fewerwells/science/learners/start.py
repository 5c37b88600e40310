"""The study's network from a start that was learnt over many circuits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from fewerwells.science.learners.base import Runtime
from fewerwells.science.learners.networks import Network
from fewerwells.science.meta_start import Start, learn_start
from fewerwells.science.networks import Ensemble


@lru_cache(maxsize=8)  # all volumes and targets share a start
def _start(network: Network, start: Start, engine: str) -> Ensemble:
    return learn_start(network.fresh([start.seed]), start, engine)


@dataclass(frozen=True)
class MetaLearned(Network):
    """A network whose phases begin from one start for all seeds; what the start cost is not counted.

    Attributes:
        start: how the start is learnt.
    """

    start: Start = field(default_factory=Start)

    @property
    def words(self) -> str:
        return f"a start from {self.start.rounds * self.start.circuits} circuits; {super().words}"

    def _start(self, seeds: Sequence[int], runtime: Runtime) -> Ensemble:
        plain = Network(self.phases, self.sizes, self.input_range, self.output_scale, self.log_inputs)
        found = _start(replace(plain, phases=()), self.start, runtime.engine)
        return found.with_parameters(np.tile(found.parameters, (len(seeds), 1)))
