"""Least-squares fits of mechanistic forms to measured pairs: what a modeller would do with the same wells.

A form is yᵢ = ηᵢ·fᵢ(x; p), linear in the largest outputs η (see `forms`). Given the other parameters p, the best non-negative
η has a closed form, so that only p is searched (variable projection, Golub & Pereyra 1973): the squared residuals of
yᵢ − ηᵢ(p)·fᵢ(x; p) are minimised over log p within bounds, from several starts, by `least_squares.search`, which takes
all starts and all data sets a step at once.

The search is deterministic: the starts are a scrambled Sobol set with a fixed seed (Sobol' 1967).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import Self

import numpy as np
import scipy

from fewerwells.science.circuits import Circuit
from fewerwells.science.datasets import Pairs, refuse_impossible
from fewerwells.science.forms import (
    FORMS,
    Form,
    checked_inputs,
    circuit_form,
    coordinate_values,
    one_output_after_another,
)
from fewerwells.science.least_squares import Optima, in_stacks, search

ETA_LIMIT = 1000.0  # times the largest measured output: η may lie far beyond what the wells have reached

STARTS = 256  # Sobol points whose residuals are compared
LOCAL_SEARCHES = 6  # at most; enough is when ENOUGH of them have found the same best optimum
SCREENING_WELLS = 500  # of a larger data set only the first ones choose between optima; all of them set the parameters
PARALLEL_FROM = 32  # fits; fewer are done before the workers have started, which then stay for the next cells
ENOUGH = 3
FORM_NAMES = (*FORMS, "true")
LEAST_GAIN = 1e-14  # with more, searches would end in flat valleys before they reach the bound that limits them
SAME_OPTIMUM = 1e-6  # relative difference of two sums of squares
STEP = 1e-5  # of the central differences that give slopes: one-sided ones would lead astray in flat valleys


@dataclass(frozen=True)
class Fit:
    """A form fitted to N pairs.

    Attributes:
        form: one of `FORM_NAMES`.
        parameters: theta_1, theta_2 (nM⁻¹), eta_1, eta_2 (nM), and n, b and whatever else the form has, by name.
        status: "ok"; "at bound" when a parameter ended at a limit that we set (see `at_bound`), so that the data do
            not hold it; "not converged" when the best search stopped early.
        at_bound: names of the parameters at a bound, including b = 0 and other limits that belong to the model.
        degrees_of_freedom: 2N minus the free parameters; 0 or less when the data cannot set them all.
        residual_sd: √(sum of squares / degrees of freedom), nM; NaN without a degree of freedom.
        searches: how many local searches were run.
        searches_agreeing: how many of them ended at the best sum of squares.
    """

    form: str
    parameters: dict[str, float]
    status: str
    at_bound: tuple[str, ...]
    degrees_of_freedom: int
    residual_sd: float
    searches: int
    searches_agreeing: int
    _relative_outputs: Callable = field(repr=False, compare=False)

    @property
    def converged(self) -> bool:
        return self.status != "not converged"

    def predict(self, x) -> np.ndarray:
        """Fitted outputs, shape (M, 2), nM, for inputs (M, 2), nM.

        Of an equation whose parameters besides η are arrays of one shape (S,), all S at once: shape (S, M, 2).

        Raises:
            ValueError: inputs of another shape, or negative ones.
        """
        x = one_output_after_another(checked_inputs(x))
        shape = {name: value for name, value in self.parameters.items() if not name.startswith("eta")}
        eta = np.array([self.parameters["eta_1"], self.parameters["eta_2"]])
        return eta * self._relative_outputs(shape, x)


class Problem:
    """The squared residuals of one data set, or of several of one size, as a function of the searched coordinates.

    The best η is projected out. Several data sets are stacked along the axes before the last two; positions are stacked
    alike, or along further axes before those.

    Args:
        form: the form.
        x, y: inputs and outputs, (..., N, 2), nM.
    """

    _stacked: tuple[str, ...] = ("x", "y", "unit")  # what there is one of for every data set

    def __init__(self, form: Form, x: np.ndarray, y: np.ndarray):
        self.form, self.x = form, one_output_after_another(x)
        largest = np.abs(y).max(axis=(-2, -1))
        self.unit = np.where(largest > 0, largest, 1.0)  # nM; residuals are searched in this unit, near 1 for all data
        self.y = one_output_after_another(y / self.unit[..., None, None])
        self.low = np.array([c.search(c.low) for c in form.coordinates])
        self.high = np.array([c.search(c.high) for c in form.coordinates])

    def chosen(self, which: np.ndarray) -> Self:
        """Some of the stacked data sets, by index; one may be chosen several times."""
        other = copy(self)
        for name in self._stacked:
            setattr(other, name, getattr(self, name)[which])
        other.x, other.y = map(one_output_after_another, (other.x, other.y))
        return other

    def relative_outputs(self, position: np.ndarray) -> np.ndarray:
        """f, (..., N, 2), at positions (..., k)."""
        return self.form.relative_outputs(self.form.parameters(coordinate_values(self.form, position)), self.x)

    def _over_wells(self, values: np.ndarray) -> np.ndarray:
        """Sums (..., 1, 1 or 2) of values (..., N, 2) over the wells, and over the outputs where they share one η.

        First over the wells: in which order NumPy sums over both axes at once depends on what else is in the stack.
        """
        sums = values.sum(axis=-2, keepdims=True)
        return sums.sum(axis=-1, keepdims=True) if self.form.one_eta else sums

    def _eta(self, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The best η (..., 1, 1 or 2) and the sum of f², alike."""
        product, square = (self._over_wells(f * other) for other in (self.y, f))
        return np.divide(product, square, out=np.zeros_like(product), where=square > 0).clip(0.0, ETA_LIMIT), square

    def eta(self, f: np.ndarray) -> np.ndarray:
        """The best η within [0, ETA_LIMIT], (..., 2), in the problem's unit, for f (..., N, 2)."""
        return np.broadcast_to(self._eta(f)[0], (*f.shape[:-2], 1, 2))[..., 0, :]

    def slopes(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """f (..., N, 2) at positions (..., k) and its slopes there (k, ..., N, 2), by central differences."""
        along = np.moveaxis(np.broadcast_to(STEP * np.eye(len(self.low)), (*position.shape, len(self.low))), -2, 0)
        ahead, behind = np.minimum(position + along, self.high), np.maximum(position - along, self.low)
        f = self.relative_outputs(np.concatenate([position[None], ahead, behind]))
        apart = np.moveaxis(np.diagonal(ahead - behind, axis1=0, axis2=-1), -1, 0)
        return f[0], (f[1 : len(along) + 1] - f[len(along) + 1 :]) / apart[..., None, None]

    def linearised(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals (P, 2N) at positions (P, k) and their slopes (P, k, 2N), that of η from its closed form."""
        f, slope = self.slopes(position)
        eta, square = self._eta(f)
        inner = self._over_wells((self.y - 2 * eta * f) * slope)
        # too large where next to nothing is made; `search` takes what is not finite for infinitely bad
        with np.errstate(over="ignore"):
            eta_slope = np.divide(inner, square, out=np.zeros_like(inner), where=square > 0)
        eta_slope = np.where((eta > 0) & (eta < ETA_LIMIT), eta_slope, 0.0)
        slopes = eta * slope + eta_slope * f
        return _flat(eta * f - self.y), np.moveaxis(_flat(slopes), 0, -2)

    def sums_of_squares(self, positions: np.ndarray) -> np.ndarray:
        """(...) for positions (..., k); infinite where the form has no finite value."""
        f = self.relative_outputs(positions)
        sums = np.square(self._eta(f)[0] * f - self.y).sum(axis=-2).sum(axis=-1)
        return np.where(np.isfinite(sums), sums, np.inf)

    def search(self, start: np.ndarray, evaluations: int = 200, least_gain: float = LEAST_GAIN) -> Optima:
        """The optimum of each of P data sets near a start, (P, k); see `least_squares.search`."""
        found = search(self, start, evaluations, least_gain)
        near = 0.01  # flat valleys end the search before their end: where the bound itself is as good, name the bound
        snapped = np.where(found.position - self.low < near, self.low, found.position)
        snapped = np.where(self.high - found.position < near, self.high, snapped)
        at_bound = self.sums_of_squares(snapped)
        taken = at_bound <= _as_good(found.squares)
        return Optima(
            np.where(taken[:, None], snapped, found.position),
            np.where(taken, at_bound, found.squares),
            found.converged,
        )


def _flat(columns: np.ndarray) -> np.ndarray:
    return columns.reshape(*columns.shape[:-2], -1)


def _as_good(squares: np.ndarray) -> np.ndarray:
    """Up to which sum of squares another optimum is the same as one with these."""
    return squares * (1 + SAME_OPTIMUM) + 1e-20


def spread_starts(form: Form) -> np.ndarray:
    """STARTS positions (S, k) that fill the ranges of the starts evenly, always the same."""
    low, high = (np.array([c.search(c.start[end]) for c in form.coordinates]) for end in (0, 1))
    points = scipy.stats.qmc.Sobol(d=len(form.coordinates), scramble=True, rng=np.random.default_rng(0)).random(STARTS)
    return low + (high - low) * points


def best_distinct(positions: np.ndarray, squares: np.ndarray, apart: float = 0.5) -> np.ndarray:
    """The best positions, (up to LOCAL_SEARCHES, k), none within a factor e^`apart` of another in every coordinate."""
    chosen: list[np.ndarray] = []
    for index in np.argsort(squares, kind="stable"):
        position = positions[index]
        if all(np.abs(position - other).max() > apart for other in chosen):
            chosen.append(position)
        if len(chosen) == LOCAL_SEARCHES:
            break
    return np.stack(chosen)


def _fit_stack(name: str, form: Form, starts: np.ndarray, data: Sequence[Pairs]) -> list[Fit]:
    """The fits of data sets of one size, searched side by side."""
    x, y = np.stack([pairs.x for pairs in data]), np.stack([pairs.y for pairs in data])
    screening = Problem(form, x[:, :SCREENING_WELLS], y[:, :SCREENING_WELLS])
    begin = [  # one data set after another: so many positions of one fill the processor's cache already
        best_distinct(starts, Problem(form, screening.x[i], y[i, :SCREENING_WELLS]).sums_of_squares(starts))
        for i in range(len(data))
    ]
    shape = (len(data), LOCAL_SEARCHES)
    found = Optima(np.zeros((*shape, starts.shape[1])), np.full(shape, np.inf), np.zeros(shape, bool))
    tried, alike = np.zeros(shape, bool), np.zeros(shape, bool)
    for wave in (range(ENOUGH), range(ENOUGH, LOCAL_SEARCHES)):  # where the first ones agree no more are asked
        unsettled = np.flatnonzero(alike.sum(axis=1) < ENOUGH)
        tasks = [(i, j) for i in unsettled.tolist() for j in wave if j < len(begin[i])]
        if tasks:
            which, place = np.transpose(tasks)
            optima = screening.chosen(which).search(np.stack([begin[i][j] for i, j in tasks]))
            found.position[which, place], found.squares[which, place] = optima.position, optima.squares
            found.converged[which, place], tried[which, place] = optima.converged, True
        alike = np.isfinite(found.squares) & (found.squares <= _as_good(found.squares.min(axis=1, keepdims=True)))
    sound = alike & found.converged  # of searches that ended at the same optimum, one that says so counts
    counting = np.where(sound.any(axis=1, keepdims=True), sound, alike)
    best = np.where(counting, found.squares, np.inf).argmin(axis=1)
    optima, problem = found[np.arange(len(data)), best], screening
    if x.shape[1] > SCREENING_WELLS:
        problem = Problem(form, x, y)
        optima = problem.search(optima.position)
    return [
        _as_fit(name, problem.chosen(i), optima[i], int(tried[i].sum()), int(alike[i].sum())) for i in range(len(data))
    ]


def _as_fit(name: str, problem: Problem, best: Optima, searches: int, agreeing: int) -> Fit:
    """The fit of one data set whose search ended at `best`, position (k,)."""
    form, unit = problem.form, float(problem.unit)
    eta = problem.eta(problem.relative_outputs(best.position))
    parameters = {key: float(value) for key, value in form.parameters(coordinate_values(form, best.position)).items()}
    parameters |= {"eta_1": float(eta[0]) * unit, "eta_2": float(eta[1]) * unit}
    at_bound, limits_of_ours = [], []
    for coordinate, position, low, high in zip(form.coordinates, best.position, problem.low, problem.high, strict=True):
        if position in (low, high):
            at_bound.append(coordinate.name)
            if coordinate.own_limit is None or position != coordinate.search(coordinate.own_limit):
                limits_of_ours.append(coordinate.name)
    for column, value in enumerate(eta.tolist(), start=1):
        if value in (0.0, ETA_LIMIT):
            at_bound.append(f"eta_{column}")
            limits_of_ours.append(f"eta_{column}")
    degrees_of_freedom = problem.y.size - form.n_free
    variance = float(best.squares) * unit**2 / degrees_of_freedom if degrees_of_freedom > 0 else np.nan
    return Fit(
        form=name,
        parameters=parameters,
        status="not converged" if not best.converged else "at bound" if limits_of_ours else "ok",
        at_bound=tuple(at_bound),
        degrees_of_freedom=degrees_of_freedom,
        residual_sd=float(np.sqrt(variance)),
        searches=searches,
        searches_agreeing=agreeing,
        _relative_outputs=form.relative_outputs,
    )


def fit_many(form: str, data: list[Pairs], circuit: Circuit | None = None) -> list[Fit]:
    """Fit one form to each of several data sets, side by side over the usable cores.

    Nothing raises once the data have been looked through: what goes wrong with one fit is told by its `status`. Data
    sets with fewer observations than the form has parameters are fitted too; their `degrees_of_freedom` says so.

    Args:
        form: "simple" (n = b = 1; θ, η free), "hill" (n free too), "family" (b free too) or "true".
        data: the data sets, x and y of shape (N, 2), nM.
        circuit: the target circuit, whose own form "true" fits; its parameter values are not used, but for those
            that are not free. The other forms leave it alone.

    Returns:
        One fit a data set, the same whatever the number of cores.

    Raises:
        ValueError: an unknown form, "true" without a circuit, or data that cannot be measurements.
    """
    if form not in FORM_NAMES:
        raise ValueError(f"there is no form {form!r}; choose one of {', '.join(FORM_NAMES)}.")
    if form == "true" and circuit is None:
        raise ValueError('the form "true" is that of a circuit, and circuit is None.')
    for pairs in data:
        refuse_impossible(pairs)
    chosen = circuit_form(circuit) if form == "true" else FORMS[form]
    fit = partial(_fit_stack, form, chosen, spread_starts(chosen))
    searched = ENOUGH * (2 * len(chosen.coordinates) + 1)
    return in_stacks(fit, data, lambda wells: 2 * min(wells, SCREENING_WELLS) * searched, worth_it_from=PARALLEL_FROM)


def lack_of_fit(fit: Fit, noise: float) -> float:
    """How probable residuals at least this large are if the form is right: the p-value of a χ² test.

    If the form holds the true system and the measurement noise is Gaussian with a known standard deviation σ, the sum
    of squared residuals over σ² is χ²-distributed with 2N minus the free parameters as degrees of freedom (exactly so
    for a linear model, nearly so for these). A small value says that the equation is wrong, or the noise larger than
    stated. It can be had before any prediction is made, from the wells alone; but a large value does not vouch for
    the form beyond the concentrations measured.

    Args:
        fit: from `fit_many`.
        noise: σ, nM, known from replicates or from the instrument.

    Returns:
        The p-value, or NaN where there is no degree of freedom to test with.

    Raises:
        ValueError: noise that is not positive.
    """
    if not (np.isfinite(noise) and noise > 0):
        raise ValueError(f"the noise is {noise} nM; the test needs a positive standard deviation.")
    squares = fit.residual_sd**2 * fit.degrees_of_freedom
    return (
        float(scipy.stats.chi2.sf(squares / noise**2, fit.degrees_of_freedom))
        if fit.degrees_of_freedom > 0
        else float("nan")
    )
