"""Run one cell of a design: give the arm's learner its wells, and take what it has learnt, one outcome a seed.

Nothing in here ever sees a test point: an outcome is made from wells, simulations and seeds alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from fewerwells.science.learners import Learnt, Runtime
from fewerwells.science.networks import Ensemble
from fewerwells.study.protocol import Cell, Protocol


def run_cell(cell: Cell, protocol: Protocol, seeds: Sequence[int], runtime: Runtime | None = None) -> Learnt:
    """What the arm of a cell learns on its target.

    Args:
        cell: arm, target circuit, number of wells.
        protocol: the common settings.
        seeds: the paired seeds.
        runtime: engine, progress, and where pre-trained networks come from; by default they are trained here.
    """
    return cell.learner(protocol).learn(cell.measured(protocol, seeds), seeds, runtime)


def pretrain(protocol: Protocol, seeds: Sequence[int], runtime: Runtime | None = None) -> Ensemble:
    """Fresh networks, one a seed, trained on the synthetic pairs: the common start of all arms that transfer."""
    return protocol.network(protocol.pretraining()).pretrain(seeds, runtime).ensemble
