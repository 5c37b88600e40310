"""Chapter 1: curves that meet, the simulation rebuilt, the cycle's trap, a trap for the simulation."""

from __future__ import annotations

import numpy as np

from fewerwells.course.properties import NotYet, checks, function, number, pair
from fewerwells.science.circuits import (
    REFERENCE_ETA,
    REFERENCE_THETA,
    hill_family,
    n_part_complex,
    phosphorylation_cycle,
    simple_activation,
)
from fewerwells.science.datasets import BIG, SMALL, sobol_inputs
from fewerwells.study.evaluation import l1_errors


@checks("1.1")
def curves_meet(answer) -> None:
    x1, theta = number(answer), (0.1, 0.4)
    if not 0 < x1 <= BIG.high:
        raise NotYet("The curves are drawn from 0 to 20 nM, and at 0 all of them are 0 anyway.")
    heights = [n_part_complex([x1, 0.0], theta, REFERENCE_ETA, n)[0] / REFERENCE_ETA[0] for n in (1, 2, 4)]
    if max(heights) / min(heights) > 1.04:
        raise NotYet(
            f"At {x1:g} nM the three curves have reached {', '.join(f'{h:.0%}' for h in heights)} of η₁, so they do "
            "not meet there. For which value of θ₁x₁ does raising it to a power change nothing?"
        )


@checks("1.2")
def simulation(answer) -> None:
    g = function(answer)
    x = sobol_inputs(BIG, 64)
    try:
        first = g(*x[0])
    except TypeError:
        raise NotYet("The function should take x1 and x2, two numbers, and return y1 and y2.") from None
    if first is None or first is ...:
        raise NotYet("The function is still blank: let it return y1 and y2.")
    said = np.array([pair(g(x1, x2), "y1 and y2, separated by a comma") for x1, x2 in x])
    truth = simple_activation(x)
    if np.allclose(said, truth, rtol=1e-3):
        return
    bound = np.array(REFERENCE_THETA) * x
    eta = np.array(REFERENCE_ETA)
    mistakes = {
        "Each gene answers to its own input alone. Where does the other input come in, if both share one resource?": eta
        * bound
        / (1 + bound),
        "Without the 1 in the denominator the resource is always used up, even when both inputs are tiny.": eta
        * bound
        / bound.sum(axis=1, keepdims=True),
        "The shape is right but the largest outputs are not: which η belongs to which output?": truth / eta * eta[::-1],
        "Outputs between 0 and 1 are shares; the largest outputs are still missing.": truth / eta,
        "That is the real system with n = 2; the simulation has n = 1.": n_part_complex(x, n=2),
        "The outputs stand in the wrong order.": truth[:, ::-1],
    }
    for hint, wrong in mistakes.items():
        if np.allclose(said, wrong, rtol=1e-3):
            raise NotYet(hint)
    raise NotYet("Compare with the formula of simple activation at x₁ = 5 nM, x₂ = 0: y₁ must be half of η₁ there.")


@checks("1.4")
def jump_of_the_cycle(answer) -> None:
    try:
        points = np.array(answer, float)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.shape != (2, 2):
        raise NotYet("Two input pairs are asked for: [(x1, x2), (x1, x2)], in nM.")
    if not BIG.contains(points).all():
        raise NotYet("Concentrations lie between 0 and 20 nM.")
    if np.any(np.abs(points[0] - points[1]) >= 0.1):
        raise NotYet("Each input may move by less than 0.1 nM. Where in the square does so small a step turn far?")
    if np.any(points.sum(axis=1) == 0):
        raise NotYet("At the origin itself the value is only a convention; choose points beside it.")
    share = phosphorylation_cycle(points)[:, 0] / phosphorylation_cycle([1.0, 0.0])[0]
    if share.min() > 0.05 or share.max() < 0.95:
        raise NotYet(
            f"The output goes from {share[0]:.0%} to {share[1]:.0%} of y_tot; from below 5 % to above 95 % is asked "
            "for. Only the ratio of the inputs counts: where is it easiest to change?"
        )


@checks("1.6")
def hidden_trap(answer) -> None:
    n, b = pair(answer, "n and b")
    if not (0 < n <= 4 and 0 <= b <= 1):
        raise NotYet("Stay in the family: n above 0 and up to 4, b from 0 to 1.")
    x = sobol_inputs(BIG, 1024)
    inside = SMALL.contains(x)
    error = l1_errors(simple_activation(x), hill_family(x, REFERENCE_THETA, REFERENCE_ETA, n, b))
    here, there = error[inside].mean(), error[~inside].mean()
    if here >= 1:
        raise NotYet(f"Inside, the simulation is wrong by {here:.2g} nM: a careful lab would notice. Go nearer to it.")
    if there <= 1:
        raise NotYet(
            f"Inside {here:.2g} nM, outside {there:.2g} nM: this simulation may be trusted everywhere. Which of the two "
            "numbers, n or b, changes what happens at *high* concentrations?"
        )
