"""Least-squares fits of mechanistic forms to measured pairs: what a modeller would do with the same wells.

A form is yᵢ = ηᵢ·fᵢ(x; p), linear in the largest outputs η (see `forms`). Given the other parameters p, the best non-negative
η has a closed form, so that only p is searched (variable projection, Golub & Pereyra 1973): the squared residuals of
yᵢ − ηᵢ(p)·fᵢ(x; p) are minimised over log p by `scipy.optimize.least_squares` within bounds, from several starts.

The search is deterministic: the starts are a scrambled Sobol set with a fixed seed (Sobol' 1967).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import chi2, qmc

from fewerwells.science.circuits import Circuit
from fewerwells.science.cores import side_by_side
from fewerwells.science.datasets import Pairs, refuse_impossible
from fewerwells.science.forms import FORMS, Form, checked_inputs, circuit_form, coordinate_values

ETA_LIMIT = 1000.0  # times the largest measured output: η may lie far beyond what the wells have reached

STARTS = 256  # Sobol points whose residuals are compared
LOCAL_SEARCHES = 6  # at most; enough is when ENOUGH of them have found the same best optimum
SCREENING_WELLS = 500  # of a larger data set only the first ones choose between optima; all of them set the parameters
PARALLEL_FROM = 8  # fits; fewer are done before the workers have started, which then stay for the next cells
ENOUGH = 3
FORM_NAMES = (*FORMS, "true")
SAME_OPTIMUM = 1e-6  # relative difference of two sums of squares


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

        Raises:
            ValueError: inputs of another shape, or negative ones.
        """
        x = checked_inputs(x)
        shape = {name: value for name, value in self.parameters.items() if not name.startswith("eta")}
        eta = np.array([self.parameters["eta_1"], self.parameters["eta_2"]])
        return eta * self._relative_outputs(shape, x)


class Problem:
    """The squared residuals of one data set as a function of the searched coordinates, η projected out."""

    def __init__(self, form: Form, data: Pairs):
        self.form, self.x = form, data.x
        largest = float(np.abs(data.y).max())
        self.unit = largest if largest > 0 else 1.0  # nM; residuals are searched in this unit, near 1 for all data
        self.y = data.y / self.unit
        self.low = np.array([c.search(c.low) for c in form.coordinates])
        self.high = np.array([c.search(c.high) for c in form.coordinates])

    def relative_outputs(self, position: np.ndarray) -> np.ndarray:
        """f, (..., N, 2), at positions (..., k)."""
        return self.form.relative_outputs(self.form.parameters(coordinate_values(self.form, position)), self.x)

    def eta(self, f: np.ndarray) -> np.ndarray:
        """The best η within [0, ETA_LIMIT], (..., 2), in the problem's unit, for f (..., N, 2)."""
        axes = (-2, -1) if self.form.one_eta else (-2,)
        product, square = ((f * other).sum(axes, keepdims=True) for other in (self.y, f))
        eta = np.divide(product, square, out=np.zeros_like(product), where=square > 0).clip(0.0, ETA_LIMIT)
        return np.broadcast_to(eta, (*f.shape[:-2], 1, 2))[..., 0, :]

    def residuals(self, position: np.ndarray) -> np.ndarray:
        f = self.relative_outputs(position)
        return (self.eta(f) * f - self.y).ravel()

    def slopes(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """f (N, 2) at a position (k,) and its slopes there (k, N, 2), by central differences."""
        step = 1e-5
        k = len(position)
        ahead = np.minimum(position + step * np.eye(k), self.high)
        behind = np.maximum(position - step * np.eye(k), self.low)
        f = self.relative_outputs(np.concatenate([position[None], ahead, behind]))
        return f[0], (f[1 : k + 1] - f[k + 1 :]) / np.diag(ahead - behind)[:, None, None]

    def jacobian(self, position: np.ndarray) -> np.ndarray:
        """Slopes of the residuals, (2N, k): those of f by central differences, those of η from its closed form."""
        f, slope = self.slopes(position)
        eta = self.eta(f)
        axes = (-2, -1) if self.form.one_eta else (-2,)
        inner = ((self.y - 2 * eta * f) * slope).sum(axes, keepdims=True)
        square = np.square(f).sum(axes, keepdims=True)
        eta_slope = np.divide(inner, square, out=np.zeros_like(inner), where=square > 0)
        eta_slope = np.where((eta > 0) & (eta < ETA_LIMIT), eta_slope, 0.0)
        return (eta * slope + eta_slope * f).reshape(len(position), -1).T

    def sums_of_squares(self, positions: np.ndarray) -> np.ndarray:
        """(S,) for positions (S, k); infinite where the form has no finite value."""
        f = self.relative_outputs(positions)
        sums = np.square(self.eta(f)[:, None] * f - self.y).sum((-2, -1))
        return np.where(np.isfinite(sums), sums, np.inf)

    def search(self, start: np.ndarray, evaluations: int = 200) -> Optimum:
        """The optimum near a start. A search that breaks down or takes too long counts as not converged."""
        try:
            # "dogbox" can end exactly on a bound, and takes the flat valleys of few data better than "trf"
            found = least_squares(
                self.residuals,
                start,
                self.jacobian,
                bounds=(self.low, self.high),
                method="dogbox",
                x_scale="jac",
                ftol=1e-9,
                xtol=1e-10,
                gtol=1e-12,
                max_nfev=evaluations,
            )
        except (ValueError, np.linalg.LinAlgError):  # residuals that are not finite
            return Optimum(start, float(self.sums_of_squares(start[None])[0]), False)
        position, squares = found.x, 2 * found.cost
        near = 0.01  # flat valleys end the search before their end: where the bound itself is as good, name the bound
        snapped = np.where(
            position - self.low < near, self.low, np.where(self.high - position < near, self.high, position)
        )
        if np.any(snapped != position):
            at_bound = float(self.sums_of_squares(snapped[None])[0])
            if at_bound <= squares * (1 + SAME_OPTIMUM) + 1e-20:
                position, squares = snapped, at_bound
        return Optimum(position, squares, found.status > 0)


@dataclass(frozen=True)
class Optimum:
    """Where a search ended: position (k,), sum of squares there, and whether it says that it converged."""

    position: np.ndarray
    squares: float
    converged: bool

    def as_good_as(self, other: Optimum) -> bool:
        return self.squares <= other.squares * (1 + SAME_OPTIMUM) + 1e-20


def spread_starts(form: Form) -> np.ndarray:
    """STARTS positions (S, k) that fill the ranges of the starts evenly, always the same."""
    low, high = (np.array([c.search(c.start[end]) for c in form.coordinates]) for end in (0, 1))
    points = qmc.Sobol(d=len(form.coordinates), scramble=True, rng=np.random.default_rng(0)).random(STARTS)
    return low + (high - low) * points


def best_distinct(positions: np.ndarray, squares: np.ndarray, apart: float = 0.5) -> list[np.ndarray]:
    """The best positions, none within a factor e^`apart` of another in every coordinate."""
    chosen: list[np.ndarray] = []
    for index in np.argsort(squares, kind="stable"):
        position = positions[index]
        if all(np.abs(position - other).max() > apart for other in chosen):
            chosen.append(position)
        if len(chosen) == LOCAL_SEARCHES:
            break
    return chosen


def _fit(name: str, form: Form, starts: np.ndarray, data: Pairs) -> Fit:
    screening = Problem(form, data.first(min(len(data), SCREENING_WELLS)))
    optima: list[Optimum] = []
    for start in best_distinct(starts, screening.sums_of_squares(starts)):
        optima.append(screening.search(start))
        best = min(optima, key=lambda optimum: optimum.squares)
        agreeing = sum(optimum.as_good_as(best) for optimum in optima)
        if agreeing == ENOUGH:
            break
    problem = screening
    if len(data) > SCREENING_WELLS:
        problem = Problem(form, data)
        best = problem.search(best.position)
    return _as_fit(name, problem, best, len(optima), agreeing)


def _as_fit(name: str, problem: Problem, best: Optimum, searches: int, agreeing: int) -> Fit:
    form = problem.form
    eta = problem.eta(problem.relative_outputs(best.position))
    parameters = {key: float(value) for key, value in form.parameters(coordinate_values(form, best.position)).items()}
    parameters |= {"eta_1": float(eta[0]) * problem.unit, "eta_2": float(eta[1]) * problem.unit}
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
    variance = best.squares * problem.unit**2 / degrees_of_freedom if degrees_of_freedom > 0 else np.nan
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
    return side_by_side(partial(_fit, form, chosen, spread_starts(chosen)), data, worth_it_from=PARALLEL_FROM)


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
    return float(chi2.sf(squares / noise**2, fit.degrees_of_freedom)) if fit.degrees_of_freedom > 0 else float("nan")
