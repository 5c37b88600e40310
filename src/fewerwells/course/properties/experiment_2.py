"""Chapter 4: a system where transfer hurts, a symmetry, fair controls, a half-way circuit."""

from __future__ import annotations

import numpy as np

from fewerwells.course.properties import NotYet, checks, function, number
from fewerwells.course.small_study import errors, train_arm
from fewerwells.science.circuits import (
    REFERENCE_ETA,
    REFERENCE_THETA,
    REFERENCE_Y_TOT,
    Circuit,
    hill_family,
    phosphorylation_cycle,
)
from fewerwells.science.datasets import BIG, SMALL, sobol_inputs
from fewerwells.study.evaluation import l1_errors
from fewerwells.study.protocol import ARMS, SIMPLE_MODEL, Wells


@checks("4.2")
def transfer_hurts(answer) -> None:
    if not isinstance(answer, Circuit):
        raise NotYet('A `Circuit` is asked for, for example reference_circuit("n_part_complex", 2).')
    if answer.n > 4 or not all(0.01 <= value <= 1 for value in answer.theta) or answer.largest_output > 100:
        raise NotYet("Stay with plausible circuits: n up to 4, θ from 0.01 to 1 nM⁻¹, outputs up to 100 nM.")
    transfer, scratch = (errors(train_arm(arm, answer, 384), answer)[0] for arm in ("transfer", "scratch"))
    ratio, losses = float(np.exp(np.log(transfer / scratch).mean())), int((transfer > scratch).sum())
    if ratio < 1.1 or losses < 4:
        raise NotYet(
            f"Inside, transfer's error is {ratio:.2f} times that of scratch, and it loses in {losses} of 5 seeds; at least "
            "1.10 times and 4 of 5 are asked for. Which real system is least like the simulation where the wells are?"
        )


@checks("4.3")
def carried_inside(answer) -> None:
    carry = function(answer)
    x = sobol_inputs(BIG, 256)
    said = carry(x.copy())
    if said is None or said is ...:
        raise NotYet("The function is still blank: let it return the new inputs, shape (N, 2).")
    said = np.asarray(said, float)
    if said.shape != x.shape:
        raise NotYet(f"Inputs of shape (256, 2) went in; shape {said.shape} came back.")
    inside = np.clip(said, SMALL.low, SMALL.high)
    if not np.allclose(said, inside, rtol=0, atol=1e-9):  # whoever carries a point to the border may round beyond it
        raise NotYet("Some of the new inputs are not in 0–10 nM, so no well could ever stand for them.")
    said = inside
    if np.allclose(said, np.minimum(x, SMALL.high)):
        raise NotYet("Cutting off at 10 nM changes the ratio of the inputs, and the ratio is all that the cycle sees.")
    moved = np.abs(phosphorylation_cycle(said) - phosphorylation_cycle(x)).max()
    if moved > 1e-6 * REFERENCE_Y_TOT:
        raise NotYet(
            f"The cycle gives other outputs at the new inputs (up to {moved:.2g} nM apart). What may one do to both inputs "
            "without changing its outputs?"
        )


@checks("4.4")
def control_arms(answer) -> None:
    if not isinstance(answer, dict) or set(answer) != {"more volume", "bigger domain"}:
        raise NotYet('A dictionary with the keys "more volume" and "bigger domain" is asked for.')
    scratch, oracle = ARMS["scratch"].wells, ARMS["oracle"].wells
    for name, wells in answer.items():
        if not isinstance(wells, Wells):
            raise NotYet(f'"{name}" should be `Wells`, for example Wells(SMALL, HowMany.DESIGN).')
        if wells == scratch:
            raise NotYet(f'"{name}" is what the scratch arm is given; a control changes one thing.')
        if wells == oracle:
            raise NotYet(f'"{name}" is what the oracle is given, which changes two things at once.')
        wanted = {"more volume": "how_many", "bigger domain": "domain"}[name]
        if getattr(wells, wanted) != getattr(oracle, wanted):
            raise NotYet(f'"{name}" is not what its name promises: does it have what the oracle has?')


def _distance_inside(b: float) -> float:
    """The simulation's error inside the small domain on a circuit with n = 1, this b and its own η, nM."""
    x = sobol_inputs(BIG, 1024)
    x = x[SMALL.contains(x)]
    return float(l1_errors(SIMPLE_MODEL(x), hill_family(x, REFERENCE_THETA, REFERENCE_ETA, 1.0, b)).mean())


@checks("4.5")
def half_way(answer) -> None:
    b = number(answer)
    if not 0 <= b <= 1:
        raise NotYet("b goes from 1 (the simulation) down to 0 (no empty state).")
    share = _distance_inside(b) / _distance_inside(0.0)
    if abs(share - 0.5) > 0.02:
        raise NotYet(
            f"At b = {b:g} the simulation's error inside is {share:.0%} of what it is at b = 0; half is asked for. The way "
            "is not even: do not trust the middle of the scale."
        )
