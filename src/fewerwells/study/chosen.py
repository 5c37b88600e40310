"""Wells that somebody chose instead of drawing them: in rounds by a design, or some of a plate moved outside.

Every seed meets the noise that random wells of the same domain meet: the i-th well has the i-th noise, whoever chose it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np

from fewerwells.science.cores import side_by_side, usable_cores
from fewerwells.science.datasets import BIG, SMALL, Domain, Pairs, random_stream
from fewerwells.science.design.candidates import grid
from fewerwells.science.design.designs import Design, Library, next_wells_of_each
from fewerwells.science.library import mechanism_of
from fewerwells.science.systems import Simulated

PLATE = 96  # wells
WORTH_IT_FROM = 8  # seeds; fewer are done before the workers have started
LARGEST_SHARE = 16  # seeds that a worker takes at once: so few that their fits start no workers of their own


@dataclass(frozen=True)
class Rounds:
    """Wells chosen by a design, a round at a time.

    Attributes:
        design: chooses.
        size: wells a round; the last one may be smaller.
        step: of the grid of candidates, nM.
        without_truth: the library that chooses lacks the mechanism of the target.
    """

    design: Design
    size: int = 8
    step: float = 0.5
    without_truth: bool = False

    def measured(self, system: Simulated, domain: Domain, n: int, seeds: Sequence[int]) -> list[Pairs]:
        """The n wells of each seed, in the order in which they were filled."""
        design = self.design
        if self.without_truth:
            design = replace(design, learner=Library(mechanism_of(system.circuit)))
        return list(_filled(replace(self, design=design), system, domain, n, tuple(seeds)))


@dataclass(frozen=True)
class Moved:
    """Random wells of the small domain, the last of which are moved to where the small domain does not reach.

    Attributes:
        outside: how many of a plate of 96 are moved; of fewer or more wells the same share, rounded down.
    """

    outside: int

    def measured(self, system: Simulated, domain: Domain, n: int, seeds: Sequence[int]) -> list[Pairs]:
        """The n wells of each seed; those inside are the first of the seed's own pool."""
        moved = self.outside * n // PLATE
        return [_moved(system, n - moved, moved, seed) for seed in seeds]


def _moved(system: Simulated, inside: int, outside: int, seed: int) -> Pairs:
    kept = system.wells(inside, seed)
    if not outside:
        return kept
    pool = system.wells(4 * outside + 40, seed, domain=BIG)  # three quarters of it lie outside
    moved = np.flatnonzero(~SMALL.contains(pool.x))[:outside]
    return Pairs(np.concatenate([kept.x, pool.x[moved]]), np.concatenate([kept.y, pool.y[moved]]))


def _next(
    design: Design, domain: Domain, step: float, n: int, wells_and_seeds: Sequence[tuple[Pairs | None, int]]
) -> list[np.ndarray]:
    wells, seeds = ([each[place] for each in wells_and_seeds] for place in (0, 1))
    return next_wells_of_each(design, wells, grid(domain.low, domain.high, step), n, seeds)


@lru_cache(maxsize=64)  # a larger volume goes on where a smaller one stopped
def _filled(rounds: Rounds, system: Simulated, domain: Domain, n: int, seeds: tuple[int, ...]) -> tuple[Pairs, ...]:
    before = (n - 1) // rounds.size * rounds.size
    wells = _filled(rounds, system, domain, before, seeds) if before else (None,) * len(seeds)
    choose = partial(_next, rounds.design, domain, rounds.step, n - before)
    tasks = list(zip(wells, seeds, strict=True))
    if rounds.design.begins_alike and not before:
        chosen = [_first(rounds, domain, n)] * len(seeds)
    elif not before or len(tasks) < WORTH_IT_FROM:
        chosen = choose(tasks)
    else:
        share = min(LARGEST_SHARE, -(-len(tasks) // (2 * len(usable_cores()))))
        shares = [tasks[start : start + share] for start in range(0, len(tasks), share)]
        chosen = [x for found in side_by_side(choose, shares, worth_it_from=2) for x in found]
    measure: Callable = partial(_measured, system, domain)
    return tuple(measure(*each) for each in zip(wells, chosen, seeds, strict=True))


@lru_cache(maxsize=64)
def _first(rounds: Rounds, domain: Domain, n: int) -> np.ndarray:
    return _next(rounds.design, domain, rounds.step, n, [(None, 0)])[0]


def _measured(system: Simulated, domain: Domain, wells: Pairs | None, x: np.ndarray, seed: int) -> Pairs:
    """The wells so far and the new ones, as the laboratory measures them."""
    so_far = 0 if wells is None else len(wells)
    z = random_stream(seed, f"noise, {domain.name} domain").standard_normal((so_far + len(x), 2))[so_far:]
    exact = system.circuit(x)
    y = exact + system.noise.sd(exact) * z
    return Pairs(x, y) if wells is None else Pairs(np.concatenate([wells.x, x]), np.concatenate([wells.y, y]))
