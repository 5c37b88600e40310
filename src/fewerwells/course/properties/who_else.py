"""Chapter 7: a winner that is not flattered, a fit that is asked whether it fits, wells that give an equation away."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2

from fewerwells.course.properties import NotYet, checks, function, number
from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import BIG, SMALL, Pairs, random_stream, real_pairs
from fewerwells.science.fitting import fit_many, lack_of_fit


def _errors_with_luck() -> np.ndarray:
    """Errors (12, 6), nM: column 3 leads on the even rows, 5 on the odd ones, 4 on all of them together."""
    seed = np.exp(np.random.default_rng(71).normal(0, 0.5, 12))
    factor = np.ones((12, 6))
    factor[::2, 1] = 1.5
    factor[::2, 3], factor[1::2, 3] = 0.5, 0.9
    factor[::2, 4], factor[1::2, 4] = 0.6, 0.6
    factor[::2, 5], factor[1::2, 5] = 1.2, 0.4
    return 2 * seed[:, None] * factor


@checks("7.1")
def choose_and_judge(answer) -> None:
    function(answer)
    for errors, best in ((_errors_with_luck(), 3), (_errors_with_luck()[:, [0, 3, 1, 2, 5, 4]], 1)):
        said = answer(errors.copy())
        if said is None or said is ...:
            raise NotYet("The function is still blank: let it return the winner's column and the ratio.")
        try:
            winner, ratio = said
        except (TypeError, ValueError):
            raise NotYet(
                "Two values are asked for: the winner's column, and the ratio of its error to column 0."
            ) from None
        winner, ratio = number(winner), number(ratio)
        if winner == 0:
            raise NotYet("Column 0 is the method to compare with; it does not take part.")
        if winner == best - 1:
            raise NotYet("Your winner is one column too far left. Where do the rivals begin?")
        names = {
            int(errors[1::2].mean(axis=0).argmin()): "the odd rows name it. Which half is asked to choose?",
            int(np.log(errors).mean(axis=0).argmin()): "all rows together name it. Then none is left to judge by.",
            int(errors[::2].mean(axis=0).argmax()): "it is the worst of the even rows. Is a small error good or bad?",
        }
        if winner != best:
            raise NotYet(f"Your winner is column {winner:g}: {names.get(int(winner), 'no half of the rows says so.')}")
        if np.isclose(ratio, 0.9):
            continue
        if np.isclose(ratio, 1 / 0.9):
            raise NotYet("The ratio stands on its head: the winner's error goes on top.")
        if np.isclose(ratio, 0.5):
            raise NotYet("The rows that named the winner praise it here, too: that is the luck that made it win.")
        if 0.5 < ratio < 0.9:
            raise NotYet(
                "All rows judge here, and half of them have named the winner: half of its luck is still in it."
            )
        raise NotYet(
            "Column and rows are a matter of taste no more: divide the winner's error by that in column 0, row by row, and "
            "average over the odd rows."
        )


def _residuals(n: int, n_parameters: int, noise: float, p_value: float) -> np.ndarray:
    """Residuals (n, 2), nM, whose p-value is known because they were stretched to it."""
    raw = np.random.default_rng(n).standard_normal((n, 2))
    return noise * raw * np.sqrt(chi2.isf(p_value, 2 * n - n_parameters) / (raw**2).sum())


@checks("7.3")
def does_it_fit(answer) -> None:
    test = function(answer)
    for n, n_parameters, noise, truth in ((4, 3, 1.2, 0.4), (40, 8, 0.5, 0.3), (96, 4, 1.0, 0.02)):
        residuals = _residuals(n, n_parameters, noise, truth)
        said = test(residuals.copy(), n_parameters, noise)
        if said is None or said is ...:
            raise NotYet("The function is still blank: let it return a probability.")
        p = number(said)
        if not 0 <= p <= 1:
            raise NotYet(f"{p:.3g} is no probability; it should lie between 0 and 1.")
        if abs(p - truth) < 0.01:
            continue
        squares = (residuals**2).sum()
        mistakes = {
            "That is the probability of a *smaller* sum; a wrong equation makes the sum large.": 1 - truth,
            "Each well is measured in two outputs: how many squares did you add up?": chi2.sf(
                squares / noise**2, n - n_parameters
            ),
            "The parameters were fitted to the same wells, and each takes one degree of freedom away.": chi2.sf(
                squares / noise**2, 2 * n
            ),
            "The χ² distribution is about residuals in units of the noise; where does yours come in?": chi2.sf(
                squares, 2 * n - n_parameters
            ),
            "Squares have the unit nM²; so has the square of the noise, and not the noise.": chi2.sf(
                squares / noise, 2 * n - n_parameters
            ),
        }
        for hint, wrong in mistakes.items():
            if abs(p - wrong) < 0.005:
                raise NotYet(hint)
        raise NotYet(
            "Add up all squared residuals, divide by the square of the noise, and ask how probable a sum at least as large "
            "is for a right equation. How many numbers were measured, and how many were fitted?"
        )


PLATES = range(20)
WELLS_INSIDE, WELLS_TO_PLACE, NOTICED = 48, 6, 16
DEPLETED = reference_circuit("input_depletion")


def _plates_on_which_it_is_noticed(wells: np.ndarray) -> int:
    """On how many plates the family's equation is rejected at the 5 % level once these wells are measured, too."""
    data = []
    for plate in PLATES:
        inside = real_pairs(DEPLETED, WELLS_INSIDE, plate)
        noise = random_stream(plate, "noise, big domain").standard_normal(wells.shape)
        data.append(Pairs(np.concatenate([inside.x, wells]), np.concatenate([inside.y, DEPLETED(wells) + noise])))
    return sum(lack_of_fit(fit, 1.0) < 0.05 for fit in fit_many("family", data))


@checks("7.4")
def wells_that_tell(answer) -> None:
    try:
        wells = np.array(answer, float)
    except (TypeError, ValueError):
        wells = np.empty(0)
    if wells.shape != (WELLS_TO_PLACE, 2):
        raise NotYet(f"Six wells of two inputs are asked for, shape (6, 2); this has shape {wells.shape}.")
    if not np.all(np.isfinite(wells)) or not BIG.contains(wells).all():
        raise NotYet("Some wells lie outside 0–20 nM.")
    if SMALL.contains(wells).all():
        raise NotYet("All of these lie inside 0–10 nM, where 48 wells have noticed next to nothing.")
    noticed = _plates_on_which_it_is_noticed(wells)
    if noticed < NOTICED:
        raise NotYet(
            f"With your six wells the wrong equation is noticed on {noticed} of 20 plates; {NOTICED} are asked for. Where "
            "do the equation that was fitted inside and the real system differ most?"
        )
