"""Designs: ways to choose the next wells. Each is a small object with one verb, `next_wells`.

A design is given the wells so far, the candidates, how many wells are wanted and a seed; it returns inputs. It never
sees a circuit that is not the simulation, nor what a well will measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np
import scipy

from fewerwells.science.circuits import Circuit, reference_circuit
from fewerwells.science.datasets import BIG, Domain, Pairs, random_stream, refuse_impossible, sobol_inputs
from fewerwells.science.design.beliefs import (
    Belief,
    library_belief,
    prior_belief,
    process_belief,
    simple_model_belief,
)
from fewerwells.science.design.candidates import Candidates
from fewerwells.science.design.criteria import exchange, goal_matrix
from fewerwells.science.library import MECHANISMS, average, fit_mechanisms

SIMULATION = reference_circuit("simple_activation")
REGION_POINTS = 256  # where the average over a region is taken; a power of two
LINEAR_BELOW = 0.5  # nM: where logarithmic designs turn linear, so that they can reach 0


class Design(Protocol):
    """One way to choose wells.

    `asks` is the question that it answers; `begins_alike` says that before any well all seeds get the same ones.
    `next_wells` returns n inputs, (n, 2), nM, the same for the same arguments; `wells` is None before any well is
    measured. It raises ValueError for fewer candidates than wells.
    """

    asks: str
    begins_alike: ClassVar[bool]

    def next_wells(self, wells: Pairs | None, candidates: Candidates, n: int, seed: int) -> np.ndarray: ...


def _so_far(wells: Pairs | None) -> int:
    return 0 if wells is None else len(wells)


@dataclass(frozen=True)
class Random:
    """Candidates drawn evenly; later rounds go on where earlier ones stopped."""

    asks: str = field(default="What do wells teach that nobody chose?", compare=False)
    begins_alike: ClassVar[bool] = False

    def next_wells(self, wells: Pairs | None, candidates: Candidates, n: int, seed: int) -> np.ndarray:
        candidates.refuse_too_few(n)
        so_far, rng = _so_far(wells), random_stream(seed, "chosen wells")
        rounds = -(-(so_far + n) // (len(candidates) * candidates.replicates))
        pool = np.repeat(np.arange(len(candidates)), candidates.replicates)
        drawn = np.concatenate([rng.permutation(pool) for _ in range(rounds)])
        return candidates.x[drawn[so_far : so_far + n]]


@dataclass(frozen=True)
class SpaceFilling:
    """A scrambled Sobol sequence over the candidates' square (Sobol' 1967), each point moved to the nearest candidate.

    Attributes:
        logarithmic: even in log(1 + x / 0.5 nM) instead of x.
        diagonal: both inputs alike.
    """

    asks: str = field(compare=False)
    logarithmic: bool = False
    diagonal: bool = False
    begins_alike: ClassVar[bool] = False

    def next_wells(self, wells: Pairs | None, candidates: Candidates, n: int, seed: int) -> np.ndarray:
        candidates.refuse_too_few(n)
        so_far, rng = _so_far(wells), random_stream(seed, "chosen wells")
        sequence = scipy.stats.qmc.Sobol(d=1 if self.diagonal else 2, scramble=True, rng=rng)
        shares = sequence.random_base2(int(np.ceil(np.log2(so_far + n))))[so_far : so_far + n]
        low, high = candidates.x.min(axis=0), candidates.x.max(axis=0)
        if not self.logarithmic:
            return candidates.nearest(low + (high - low) * shares)
        low, high = np.log1p(low / LINEAR_BELOW), np.log1p(high / LINEAR_BELOW)
        return candidates.nearest(LINEAR_BELOW * np.expm1(low + (high - low) * shares))


def _none_filled(wells: Sequence[Pairs | None]) -> bool:
    """Whether no plate has a well yet.

    Raises:
        ValueError: some plates have wells and some have none.
    """
    empty = [plate is None for plate in wells]
    if any(empty) and not all(empty):
        raise ValueError(f"{sum(empty)} of {len(empty)} plates have no well yet; ask for those apart from the others.")
    return any(empty)


class Learner(Protocol):
    """What an optimal design needs of a learner: its belief after the wells of each of several plates.

    None stands for a plate before any well; either all plates are, or none is.
    """

    def believe(self, wells: Sequence[Pairs | None]) -> list[Belief]: ...


@dataclass(frozen=True)
class SimpleModel:
    """The simple model as it is given, whatever the wells say.

    Attributes:
        source: the simulation.
        noise: expected standard deviation of a measurement, nM.
    """

    source: Circuit = SIMULATION
    noise: float = 1.0

    def believe(self, wells: Sequence[Pairs | None]) -> list[Belief]:
        return [simple_model_belief(self.source, self.noise)] * len(wells)


@dataclass(frozen=True)
class Prior:
    """Mechanisms drawn from plausible ranges, whatever the wells say."""

    def believe(self, wells: Sequence[Pairs | None]) -> list[Belief]:
        return [prior_belief()] * len(wells)


@dataclass(frozen=True)
class Library:
    """Mechanisms fitted to the wells and weighed by them; before any well, drawn from plausible ranges.

    Attributes:
        without: a mechanism to leave out.
        noise: standard deviation of a measurement, nM; None: estimated from the fits.
    """

    without: str = ""
    noise: float | None = None

    def believe(self, wells: Sequence[Pairs | None]) -> list[Belief]:
        if _none_filled(wells):
            return [prior_belief(tuple(name for name in MECHANISMS if name != self.without))] * len(wells)
        averages = average(fit_mechanisms(list(wells)), list(wells), self.without)
        return [library_belief(found, plate, self.noise) for found, plate in zip(averages, wells, strict=True)]


@dataclass(frozen=True)
class Process:
    """Gaussian processes with the likeliest hyper-parameters; before any well, what the library draws."""

    def believe(self, wells: Sequence[Pairs | None]) -> list[Belief]:
        if _none_filled(wells):
            return [prior_belief()] * len(wells)
        from fewerwells.science.gaussian_processes import fit_gaussian_processes  # scikit-learn, only where it is used

        # one after another: whoever asks for many plates has shared them out over the cores
        return [process_belief(fit_gaussian_processes([plate])[0], plate) for plate in wells]


@dataclass(frozen=True)
class Optimal:
    """The wells that are worth most under a learner's belief, as a batch.

    Attributes:
        learner: whose belief.
        goal: what for, one of `criteria.GOALS`; "" for the most information on all weights (D-optimality).
        region: where predictions count.
    """

    asks: str = field(compare=False)
    learner: Learner
    goal: str = "prediction"
    region: Domain = BIG
    begins_alike: ClassVar[bool] = True

    def next_wells(self, wells: Pairs | None, candidates: Candidates, n: int, seed: int) -> np.ndarray:
        return next_wells_of_each(self, [wells], candidates, n, [seed])[0]

    def choose(self, belief: Belief, candidates: Candidates, n: int) -> np.ndarray:
        """The same for a belief that is known already."""
        aim = None
        if self.goal:
            told = (
                self.goal if len(belief.mechanisms) > 1 else "prediction"
            )  # nothing to tell apart, before any well too
            aim = goal_matrix(told, belief, sobol_inputs(self.region, REGION_POINTS))
        return candidates.x[exchange(candidates, belief, aim, n)]


def next_wells_of_each(
    design: Design, wells: Sequence[Pairs | None], candidates: Candidates, n: int, seeds: Sequence[int]
) -> list[np.ndarray]:
    """`design.next_wells` of several plates with as many wells, or none; equations are fitted to all of them at once.

    Args:
        design: chooses.
        wells: so far, of each plate.
        candidates: what can be filled on each.
        n: how many to choose for each.
        seeds: one a plate.
    """
    if not isinstance(design, Optimal):
        return [design.next_wells(plate, candidates, n, seed) for plate, seed in zip(wells, seeds, strict=True)]
    for plate in wells:
        if plate is not None:
            refuse_impossible(plate)
    return [design.choose(belief, candidates, n) for belief in design.learner.believe(wells)]


DESIGNS: dict[str, Design] = {
    "random": Random(),
    "Sobol": SpaceFilling("Is it enough to spread them evenly?"),
    "Sobol, logarithmic": SpaceFilling("… evenly by factors?", logarithmic=True),
    "diagonal": SpaceFilling("Does the diagonal alone tell?", diagonal=True),
    "D-optimal, simple model": Optimal("Which wells tell the simulation's parameters?", SimpleModel(), goal=""),
    "I-optimal, simple model": Optimal("Which wells would tell its predictions?", SimpleModel()),
    "first round": Optimal("Which wells would a library ask for before any is filled?", Prior()),
    "library": Optimal("Which wells does a library of mechanisms ask for?", Library()),
    "library, mechanisms": Optimal("… to tell mechanisms apart?", Library(), goal="mechanisms"),
    "library, both": Optimal("… for both?", Library(), goal="both"),
    "Gaussian process": Optimal("Which wells does a statistician ask for?", Process()),
}
