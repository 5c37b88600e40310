"""Equations for one output of one or two doses, fitted to the wells and weighed by how well the wells bear them out.

Every form is f(s) = Σ cₖ·bₖ(s; p), linear in its levels c, with doses s as shares of the largest one; given p, the best
levels have a closed form, so that only log p is searched (variable projection, Golub & Pereyra 1973). What the wells say
for each form becomes its Akaike weight (Burnham & Anderson 2002).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import f as f_distribution
from scipy.stats import qmc

from fewerwells.science.library import akaike_weights

HILL = (0.3, 8.0)  # bounds of a Hill coefficient
COOPERATION = (1e-3, 1e3)
STARTS = 32
LOCAL_SEARCHES = 2
CLOSE = 1e-6  # relative: a search that gains less is over; flat valleys would go on for long
NEGLIGIBLE = 0.02  # weight below which a form is not refitted in the bootstrap


def hill(s: np.ndarray, k: float, n: float) -> np.ndarray:
    """(s/k)ⁿ / (1 + (s/k)ⁿ), any shape."""
    powered = (s / k) ** n
    return powered / (1 + powered)


def _bound(s: np.ndarray, p) -> tuple[np.ndarray, np.ndarray]:
    return (s[:, 0] / p["K1"]) ** p["n1"], (s[:, 1] / p["K2"]) ** p["n2"]


def _ones(s: np.ndarray) -> np.ndarray:
    return np.ones(len(s))


def _rise_and_fall(s, p):
    up, down = hill(s[:, 0], p["K1"], p["n1"]), hill(s[:, 0], p["K1 (fall)"], 2.0)
    return [_ones(s), up, up * down]


def _competing(s, p):
    u, v = _bound(s, p)
    return [_ones(s), u / (1 + u + v), v / (1 + u + v)]


def _both(s, p):
    u, v = _bound(s, p)
    joint = p.get("c", 1.0) * u * v
    total = 1 + u + v + joint
    return [_ones(s), u / total, v / total, joint / total]


def _ratio(s, p):
    u, v = (s[:, 0] / p["K1"]) ** p["n1"], s[:, 1] ** p["n1"]
    total = u + v
    return [_ones(s), np.where(total > 0, u / np.where(total > 0, total, 1), 0.5)]


@dataclass(frozen=True)
class Form:
    """A form: its searched parameters, fixed ones, and its basis from doses (N, d) and parameters to columns (N,).

    `bounds` are those of parameters that the library does not know, from and to by name.
    """

    searched: tuple[str, ...]
    basis: Callable[[np.ndarray, dict], list[np.ndarray]]
    fixed: tuple[tuple[str, float], ...] = ()
    bounds: tuple[tuple[str, tuple[float, float]], ...] = ()


def _one(place: int, with_n: bool) -> Form:
    k, n = f"K{place + 1}", f"n{place + 1}"
    fixed = () if with_n else ((n, 1.0),)
    return Form((k, n) if with_n else (k,), lambda s, p: [_ones(s), hill(s[:, place], p[k], p[n])], fixed)


ONE_INPUT: dict[str, Form] = {
    "constant": Form((), lambda s, p: [_ones(s)]),
    "saturation": _one(0, with_n=False),
    "Hill": _one(0, with_n=True),
    "rise and fall": Form(("K1", "n1", "K1 (fall)"), _rise_and_fall),
}
TWO_INPUTS: dict[str, Form] = {
    "constant": Form((), lambda s, p: [_ones(s)]),
    "first input alone": _one(0, with_n=True),
    "second input alone": _one(1, with_n=True),
    "competing, simple": Form(("K1", "K2"), _competing, (("n1", 1.0), ("n2", 1.0))),
    "competing": Form(("K1", "n1", "K2", "n2"), _competing),
    "independent, simple": Form(("K1", "K2"), _both, (("n1", 1.0), ("n2", 1.0))),
    "independent": Form(("K1", "n1", "K2", "n2"), _both),
    "cooperating": Form(("K1", "n1", "K2", "n2", "c"), _both),
    "ratio": Form(("K1", "n1"), _ratio),
}
SIMPLE = {1: "saturation", 2: "competing, simple"}  # the simple model that a simulation would be made of


def forms_for(n_inputs: int) -> dict[str, Form]:
    """The library for one or two inputs."""
    return ONE_INPUT if n_inputs == 1 else TWO_INPUTS


@dataclass(frozen=True)
class Fit:
    """A form with its parameters.

    Attributes:
        form: its name.
        parameters: searched ones and fixed ones, K as shares of the largest dose.
        levels: the linear coefficients, in the output's unit.
        squares: weighted sum of squared residuals.
        n_free: parameters that the wells had to set.
        at_bound: searched parameters that ended at a bound.
    """

    form: str
    parameters: dict[str, float]
    levels: tuple[float, ...]
    squares: float
    n_free: int
    at_bound: tuple[str, ...]

    def predict(self, s: np.ndarray) -> np.ndarray:
        """Outputs (M,) at doses (M, d) as shares of the largest ones."""
        return self.of(forms_for(s.shape[1])[self.form], s)

    def of(self, form: Form, s: np.ndarray) -> np.ndarray:
        """The same for a form that is not in the library."""
        columns = form.basis(s, self.parameters)
        return np.column_stack([np.broadcast_to(column, len(s)) for column in columns]) @ np.array(self.levels)


def _bounds(form: Form, name: str, s: np.ndarray) -> tuple[float, float]:
    if own := dict(form.bounds).get(name):
        return own
    if name[0] == "n":
        return HILL
    if name == "c":
        return COOPERATION
    column = s[:, int(name[1]) - 1]
    return 0.2 * float(column[column > 0].min(initial=1.0)), 50.0


class _Problem:
    """Weighted least squares over log p with the levels projected out, at several positions at once."""

    def __init__(self, form: Form, s: np.ndarray, y: np.ndarray, weight: np.ndarray):
        self.form, self.s, self.root = form, s, np.sqrt(weight)
        self.target = self.root * y
        self.low, self.high = np.log([_bounds(form, name, s) for name in form.searched]).reshape(-1, 2).T

    def solve(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The best levels (B, L) and what they leave over (B, N) at positions (B, k)."""
        searched = dict(zip(self.form.searched, np.exp(positions).T[:, :, None], strict=True))
        columns = self.form.basis(self.s, searched | dict(self.form.fixed))
        shape = len(positions), len(self.s)
        design = np.stack([np.broadcast_to(column, shape) for column in columns], axis=-1) * self.root[:, None]
        transposed = design.swapaxes(-1, -2)
        gram = transposed @ design
        ridge = 1e-10 * np.trace(gram, axis1=-2, axis2=-1)[:, None, None] / len(columns)  # doses may leave a level open
        levels = np.linalg.solve(gram + ridge * np.eye(len(columns)), transposed @ self.target[:, None])
        return levels[..., 0], (design @ levels)[..., 0] - self.target

    def residuals(self, position: np.ndarray) -> np.ndarray:
        return self.solve(position[None])[1][0]

    def jacobian(self, position: np.ndarray) -> np.ndarray:
        """Slopes of the residuals (N, k), by central differences inside the bounds."""
        step = 1e-5 * np.eye(len(position))
        ahead, behind = np.minimum(position + step, self.high), np.maximum(position - step, self.low)
        left_over = self.solve(np.concatenate([ahead, behind]))[1]
        return ((left_over[: len(ahead)] - left_over[len(ahead) :]) / np.diag(ahead - behind)[:, None]).T


def fit_form(name: str, s: np.ndarray, y: np.ndarray, weight: np.ndarray, start: Fit | None = None) -> Fit:
    """The best parameters of one form of the library, by its name; arguments as for `fit`."""
    return fit(forms_for(s.shape[1])[name], name, s, y, weight, start)


def fit(form: Form, name: str, s: np.ndarray, y: np.ndarray, weight: np.ndarray, start: Fit | None = None) -> Fit:
    """The best parameters of a form, from a fixed set of starts or from an earlier fit.

    Args:
        form: which.
        name: how it is called.
        s: doses as shares of the largest ones, shape (N, d).
        y: one output, shape (N,).
        weight: of each well, shape (N,).
        start: where to search from, in a bootstrap.
    """
    problem = _Problem(form, s, y, weight)
    low, high = problem.low, problem.high
    if not form.searched:
        position = np.zeros(0)
    else:
        if start is None:
            share = qmc.Sobol(len(low), scramble=True, rng=np.random.default_rng(0)).random(STARTS)
            points = low + (high - low) * share
            squares = np.square(problem.solve(points)[1]).sum(axis=-1)
            starts = points[np.argsort(squares, kind="stable")[:LOCAL_SEARCHES]]
        else:
            starts = [np.log([start.parameters[parameter] for parameter in form.searched])]
        most = 100 if start is None else 15
        inside = [np.clip(point, low + 1e-6, high - 1e-6) for point in starts]
        found = [
            least_squares(
                problem.residuals, point, problem.jacobian, bounds=(low, high), max_nfev=most, ftol=CLOSE, xtol=CLOSE
            )
            for point in inside
        ]
        position = min(found, key=lambda outcome: outcome.cost).x
    levels, rest = (part[0] for part in problem.solve(position[None]))
    close = np.minimum(position - low, high - position) < 1e-2
    at_bound = tuple(parameter for parameter, is_close in zip(form.searched, close, strict=True) if is_close)
    parameters = dict(zip(form.searched, np.exp(position).tolist(), strict=True)) | dict(form.fixed)
    return Fit(name, parameters, tuple(levels.tolist()), float(rest @ rest), len(levels) + len(form.searched), at_bound)


@dataclass(frozen=True)
class Weighed:
    """Several forms fitted to the same wells, with their Akaike weights."""

    fits: tuple[Fit, ...]
    weights: tuple[float, ...]

    def predict(self, s: np.ndarray) -> np.ndarray:
        """Weighted mean of the forms, shape (M,)."""
        return sum(
            weight * fit.predict(s) for fit, weight in zip(self.fits, self.weights, strict=True) if weight > 1e-6
        )

    @property
    def best(self) -> Fit:
        return self.fits[int(np.argmax(self.weights))]

    def rivals(self, weight: float) -> list[Fit]:
        """The forms with at least this weight, the heaviest among them."""
        return [fit for fit, share in zip(self.fits, self.weights, strict=True) if share >= weight]

    def effect(self, n: int) -> float:
        """p-value of the F-test of no effect of any dose, of the heaviest form against a constant, for n wells."""
        constants = [fit.squares for fit in self.fits if fit.n_free == 1]
        extra, freedom = self.best.n_free - 1, n - self.best.n_free
        if not constants or extra < 1 or freedom < 1:
            return 1.0
        ratio = (min(constants) - self.best.squares) / extra / (self.best.squares / freedom)
        return float(f_distribution.sf(ratio, extra, freedom))


def weigh(fits: list[Fit], n: int) -> Weighed:
    """Fits to the same n wells with their weights."""
    weights = akaike_weights(np.array([fit.squares for fit in fits]), np.array([fit.n_free for fit in fits]), n)
    return Weighed(tuple(fits), tuple(weights.tolist()))


def fit_library(s: np.ndarray, y: np.ndarray, weight: np.ndarray, names: tuple[str, ...] = ()) -> Weighed:
    """All forms, or the named ones, fitted and weighed; arguments as for `fit`."""
    return weigh([fit_form(name, s, y, weight) for name in names or forms_for(s.shape[1])], len(y))


def bootstrap(found: Weighed, s: np.ndarray, y: np.ndarray, weight: np.ndarray, n: int, seed: int = 0) -> list[Weighed]:
    """n plates drawn from what was found, each fitted and weighed again (Efron & Tibshirani 1993).

    What the equations leave over, noise and what they lack, sets the spread of the draws.
    """
    rng = np.random.default_rng(seed)
    kept = [fit for fit, share in zip(found.fits, found.weights, strict=True) if share > NEGLIGIBLE]
    level = found.predict(s)
    freedom = max(len(y) - found.best.n_free, 1)
    spread = np.sqrt(np.sum(weight * (y - level) ** 2) / freedom / weight)
    drawn = []
    for noise in rng.standard_normal((n, len(y))):
        again = level + spread * noise
        drawn.append(weigh([fit_form(fit.form, s, again, weight, start=fit) for fit in kept], len(y)))
    return drawn
