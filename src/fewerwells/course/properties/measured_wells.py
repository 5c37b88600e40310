"""Chapter 15: how well a mean can be predicted, holding out whole conditions, two kinds of noise from replicates."""

from __future__ import annotations

import numpy as np

from fewerwells.course.properties import NotYet, checks, function, number, pair


@checks("15.1")
def nobody_is_better(answer) -> None:
    said = number(answer)
    wells = np.random.default_rng(1).normal(0.0, 2.0, (200_000, 4))
    floor = float(np.sqrt(np.mean(wells.mean(axis=1) ** 2)))
    if said <= 0.05:
        raise NotYet("The truth is known, but it is compared with means, and these have noise of their own.")
    if abs(said / wells.std() - 1) < 0.05:
        raise NotYet("That is how much a single well scatters. Here four are averaged first.")
    if abs(said / floor - 1) > 0.05:
        raise NotYet("Draw conditions of four wells around a truth, take each one's mean, and see how far it is off.")


@checks("15.2")
def whole_conditions(answer) -> None:
    hold_out = function(answer)
    drawn = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        conditions = rng.permutation(np.repeat(np.arange(8), rng.integers(1, 5, 8)))
        for share in (0.01, 0.25, 0.5, 0.99):
            said = hold_out(conditions, share, np.random.default_rng(seed))
            if said is None or said is ...:
                raise NotYet("The function is still blank: let it return True or False for each well.")
            held = np.asarray(said)
            if held.shape != conditions.shape or held.dtype != bool:
                raise NotYet("One True or False for each well is asked for, in the order of the wells.")
            out = np.unique(conditions[held])
            if set(out) & set(conditions[~held]):
                raise NotYet("Some condition is learnt from and tested on at once; its wells belong together.")
            if len(out) == 0:
                raise NotYet(f"With a share of {share:g} nothing is held out; at least one condition must be.")
            if len(out) == 8:
                raise NotYet(f"With a share of {share:g} everything is held out, and nothing is left to learn from.")
            if abs(len(out) - share * 8) > 1.01:
                raise NotYet(f"A share of {share:g} of 8 conditions was asked for, and {len(out)} are held out.")
            if share == 0.25:
                drawn.add(tuple(out))
    if len(drawn) < 3:
        raise NotYet("Whatever rng is given, the same conditions are held out; draw them with it.")


@checks("15.3")
def both_noises(answer) -> None:
    two_noises = function(answer)
    for a, p in ((2.0, 0.0), (0.5, 0.2), (1.0, 0.1), (0.2, 0.1)):
        rng = np.random.default_rng(int(100 * (a + p)))
        levels = np.repeat(np.geomspace(0.5, 60, 60), 8)
        conditions = np.repeat(np.arange(60), 8)
        y = levels + np.hypot(a, p * levels) * rng.standard_normal(len(levels))
        said = two_noises(y, conditions)
        if said is None or said is ...:
            raise NotYet("The function is still blank: let it return the additive and the proportional part.")
        found_a, found_p = pair(said, "the additive and the proportional part")
        if found_a < 0 or found_p < 0:
            raise NotYet("A part came out negative; variances cannot be.")
        reach = {"additive": (found_a, a, 0.3 * a + 0.02), "proportional": (found_p, p, 0.2 * p + 0.03)}
        for part, (found, true, allowed) in reach.items():
            if abs(found - true) > allowed:
                raise NotYet(
                    f"With parts of {a:g} and {p:g} the {part} one comes out as {found:.2g}. Which of the two decides "
                    "where the signal is low, and which where it is high? How well is each variance known?"
                )
