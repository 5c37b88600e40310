"""A round to pipette: the next wells with what each is expected to teach, from wells that a laboratory has measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fewerwells.science.datasets import Domain, Pairs, refuse_impossible, sobol_inputs
from fewerwells.science.design.candidates import Candidates
from fewerwells.science.design.criteria import GOALS, Lessons, lessons
from fewerwells.science.design.designs import REGION_POINTS, Library, Optimal
from fewerwells.science.design.reading import ALL_DESIGNS

FIRST_ROUND = ("first round", "random", "Sobol", "Sobol, logarithmic", "diagonal")  # designs that need no wells
LEAST_STATED_NOISE = 1e-6  # of what the outputs span; below that nothing can be told apart


@dataclass(frozen=True)
class Plan:
    """The next wells.

    Attributes:
        x: inputs, shape (n, 2), nM.
        lessons: what a library of mechanisms expects of them; None before any well is measured.
    """

    x: np.ndarray
    lessons: Lessons | None


def plan_wells(
    wells: Pairs | None,
    candidates: Candidates,
    n: int,
    *,
    region: Domain,
    design: str = "library",
    goal: str = "prediction",
    noise: float | None = None,
    seed: int = 0,
) -> Plan:
    """The next n wells and what each is expected to teach.

    Args:
        wells: those that are measured; None before the first.
        candidates: those that can be filled.
        n: how many to fill next.
        region: where predictions count.
        design: one of `reading.ALL_DESIGNS`; before the first well one of `FIRST_ROUND`.
        goal: one of `criteria.GOALS`; other designs than "library" have "prediction" only.
        noise: standard deviation of a measurement in the unit of the outputs; None: estimated from the fits.
        seed: of designs that draw.

    Raises:
        ValueError: an unknown design or goal, too few candidates, a design that needs wells where there are none,
            noise that is not positive, or outputs that cannot be measurements, are all equal or lie at 0 and below.
    """
    name = design if goal == "prediction" else f"{design}, {goal}"
    if design not in ALL_DESIGNS:
        raise ValueError(f"there is no design {design!r}; choose one of {'; '.join(ALL_DESIGNS)}.")
    if goal not in GOALS or name not in ALL_DESIGNS:
        raise ValueError(
            f"there is no goal {goal!r} for the design {design!r}; 'library' knows {', '.join(GOALS)}, every other design "
            "prediction alone."
        )
    if noise is not None and not (np.isfinite(noise) and noise > 0):
        raise ValueError(f"the noise is {noise}; it must be positive.")
    candidates.refuse_too_few(n)
    chosen = ALL_DESIGNS[name]
    if isinstance(chosen, Optimal):
        chosen = replace(chosen, region=region)
    if wells is None:
        if design not in FIRST_ROUND:
            raise ValueError(
                f"there are no wells yet, and the design {design!r} starts from some; choose the first ones by one of: "
                f"{'; '.join(FIRST_ROUND)}."
            )
        return Plan(chosen.next_wells(None, candidates, n, seed), None)
    _refuse_silent(wells)
    library = Library(noise=noise)
    (belief,) = library.believe([wells])
    if not belief.features(wells.x).any():
        raise ValueError(
            f"both outputs are {wells.y.mean():.3g} on average over {len(wells)} wells, so every equation says that nothing "
            "is made; wells without a signal say nothing about where to measure next."
        )
    if isinstance(chosen, Optimal) and chosen.learner == Library():  # fitted once, for the choice and the lessons
        x = chosen.choose(belief, candidates, n)
    else:
        x = chosen.next_wells(wells, candidates, n, seed)
    return Plan(x, lessons(belief, x, sobol_inputs(region, REGION_POINTS)))


def _refuse_silent(wells: Pairs) -> None:
    refuse_impossible(wells)
    for output in (0, 1):
        if np.ptp(wells.y[:, output]) == 0:
            raise ValueError(
                f"output {output + 1} is {wells.y[0, output]:g} in all {len(wells)} wells; outputs that are all equal "
                "say nothing about where to measure next."
            )
