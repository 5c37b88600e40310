"""Mechanistic forms: formulas with free parameters, each with its bounds, and the forms of the circuits.

Every form is yᵢ = ηᵢ·fᵢ(x; p), linear in the largest outputs η; `fitting` searches p.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from fewerwells.science.circuits import HILL_COEFFICIENT, Circuit, Parameter, hill_formula

REFERENCE_CONCENTRATION = 10.0  # nM: where the shares of the family's states add up to 1 (x₁ = x₂ = this)


@dataclass(frozen=True)
class Coordinate:
    """One parameter of the search, positive, searched on a logarithmic scale.

    Attributes:
        name: what it is called in `Fit.parameters` and `Fit.at_bound`.
        low, high: the bounds, in the parameter's own unit.
        start: the narrower range over which the starts are spread, from and to.
        offset: where the scale turns from logarithmic to linear, so that a parameter that may be 0 can reach 0.
        own_limit: a bound that belongs to the model rather than to us; a fit that ends there is a sound fit.
    """

    name: str
    low: float
    high: float
    start: tuple[float, float]
    offset: float = 0.0
    own_limit: float | None = None

    def search(self, value: float) -> float:
        """The number that is searched over: log value, or log(1 + value/offset)."""
        return float(np.log1p(value / self.offset) if self.offset else np.log(value))


def coordinate_values(form: Form, position: np.ndarray) -> np.ndarray:
    """The values (..., k) of the coordinates at a position (..., k) of the search."""
    offset = np.array([coordinate.offset for coordinate in form.coordinates])
    return np.where(offset > 0, offset * np.expm1(position), np.exp(position))


@dataclass(frozen=True)
class Form:
    """A mechanistic form, yᵢ = ηᵢ·fᵢ(x; p).

    Attributes:
        coordinates: the k free parameters besides η.
        parameters: from values of the coordinates, shape (..., k), to named parameters, each of shape (...).
        relative_outputs: from those parameters, each of shape (...), and inputs (N, 2), nM, to f, shape (..., N, 2).
        one_eta: whether both outputs share one η, as the two forms of one protein do.
    """

    coordinates: tuple[Coordinate, ...]
    parameters: Callable[[np.ndarray], dict]
    relative_outputs: Callable[[Mapping, np.ndarray], np.ndarray]
    one_eta: bool = False

    @property
    def n_free(self) -> int:
        """How many parameters the data have to set, η included."""
        return len(self.coordinates) + (1 if self.one_eta else 2)


def one_output_after_another(columns: np.ndarray) -> np.ndarray:
    """The same (..., N, 2), laid out in memory one column of wells after another.

    What is computed from it is laid out alike. Sums over the two outputs then run along the wells, many at once; where
    the two lie next to one another, NumPy adds them pair by pair, which takes several times as long.
    """
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(columns, -1, 0)), 0, -1)


def _outputs(formula: Callable, own: Mapping, parameters: Mapping, x: np.ndarray) -> np.ndarray:
    """fᵢ of a formula, its output at η = 1, for parameters of shape (...): (..., N, 2).

    As `circuits.stacked`, with θ laid out one output after another for every well, as x has to be for it to pay.

    `own` gives the parameters besides θ, with values for those that are not among the parameters.
    """
    theta = np.stack([parameters["theta_1"], parameters["theta_2"]])[..., None]
    of_each_well = np.moveaxis(np.repeat(theta, x.shape[-2], axis=-1), 0, -1)
    own = {name: np.asarray(parameters.get(name, value), float)[..., None, None] for name, value in own.items()}
    return formula(x, of_each_well, 1.0, **own)


# Plausible values with slack: half-saturation K = 1/θ is 1–100 nM in practice, n 1–4.
_K_LOW, _K_HIGH = 0.05, 2000.0  # nM
_THETA = {"low": 1 / _K_HIGH, "high": 1 / _K_LOW, "start": (1 / 100, 1 / 0.5)}  # nM⁻¹


def _coordinate(parameter: Parameter) -> Coordinate:
    """A circuit's own parameter as a coordinate; the 0 of one that may be 0 is a limit of the model."""
    low, high = parameter.searched
    own_limit = 0.0 if parameter.may_be_zero else None
    return Coordinate(parameter.name, low, high, parameter.starts, parameter.linear_below, own_limit)


_N = _coordinate(HILL_COEFFICIENT)


def _hill_parameters(values: np.ndarray) -> dict:
    n = values[..., 2] if values.shape[-1] > 2 else np.ones(values.shape[:-1])
    return {"theta_1": values[..., 0], "theta_2": values[..., 1], "n": n, "b": np.ones_like(n)}


def _family_parameters(values: np.ndarray) -> dict:
    """θ, n and b of the whole family from three numbers, none of them redundant.

    At fixed n, (θ, b) and (cθ, cⁿb) are the same function, so only the proportions b : θ₁ⁿ : θ₂ⁿ can be measured: for
    b > 0 every member is also one with b = 1, and all that the family adds to the form "hill" is the limit b = 0. The
    search therefore runs over the ratio θ₁/θ₂, n and κ = b^(1/n)/√(θ₁θ₂), nM. At b = 1, κ is the geometric mean of the
    two half-saturation concentrations; κ = 0 is b = 0, which is reached exactly and is no further away than 0.05 nM.

    By convention the weights b, (θ₁c)ⁿ and (θ₂c)ⁿ are given such that they add up to 1 at c = `REFERENCE_CONCENTRATION`:
    b is then the share of the empty state where both inputs are at c. For the θ that go with b = 1, multiply by b^(−1/n).
    """
    ratio, n, kappa = np.moveaxis(values, -1, 0)
    root = np.sqrt(ratio)
    weights = np.stack([kappa, REFERENCE_CONCENTRATION * root, REFERENCE_CONCENTRATION / root]) ** n
    total = weights.sum(axis=0)
    shrink = total ** (-1 / n)
    return {"theta_1": root * shrink, "theta_2": shrink / root, "n": n, "b": weights[0] / total}


_OF_FAMILY = partial(_outputs, hill_formula, {"n": 1.0, "b": 1.0})

FORMS: dict[str, Form] = {
    "simple": Form((Coordinate("theta_1", **_THETA), Coordinate("theta_2", **_THETA)), _hill_parameters, _OF_FAMILY),
    "hill": Form((Coordinate("theta_1", **_THETA), Coordinate("theta_2", **_THETA), _N), _hill_parameters, _OF_FAMILY),
    "family": Form(
        (
            Coordinate("theta_1/theta_2", low=_K_LOW / _K_HIGH, high=_K_HIGH / _K_LOW, start=(1 / 30, 30.0)),
            _N,
            Coordinate("b", low=0.0, high=_K_HIGH, start=(0.1, 100.0), offset=_K_LOW, own_limit=0.0),  # as κ
        ),
        _family_parameters,
        _OF_FAMILY,
    ),
}


def _circuit_parameters(names: tuple[str, ...], mean_theta: float | None, values: np.ndarray) -> dict:
    """Named parameters of a circuit; where only θ₁/θ₂ counts, θ₁θ₂ = mean_theta² by convention."""
    if mean_theta is None:
        return {name: values[..., column] for column, name in enumerate(names)}
    root = np.sqrt(values[..., 0])
    others = {name: values[..., column] for column, name in enumerate(names) if column > 0}
    return {"theta_1": mean_theta * root, "theta_2": mean_theta / root} | others


def circuit_form(circuit: Circuit) -> Form:
    """The form of a circuit with all its parameters free but those that have only a few possible values.

    Only θ₁/θ₂ is free where scaling both θ changes nothing, which is found by asking the circuit itself.
    """
    kind = circuit.kind
    x = np.array([[1.0, 2.0], [3.0, 0.5]])
    theta_1, theta_2 = circuit.theta
    scaled = replace(circuit, theta=(2 * theta_1, 2 * theta_2))
    ratio_only = np.allclose(scaled(x), circuit(x), rtol=1e-9, atol=0)
    coordinates = FORMS["family"].coordinates[:1] if ratio_only else FORMS["simple"].coordinates
    coordinates += tuple(_coordinate(parameter) for parameter in kind.own if not parameter.choices)
    names = tuple(coordinate.name for coordinate in coordinates)
    mean_theta = float(np.sqrt(theta_1 * theta_2)) if ratio_only else None
    return Form(
        coordinates,
        partial(_circuit_parameters, names, mean_theta),
        partial(_outputs, kind.formula, circuit.own_parameters),
        one_eta=kind.shares_total,
    )


def checked_inputs(x) -> np.ndarray:
    """Inputs (M, 2), nM, as an array; ValueError for another shape or a negative one."""
    x = np.asarray(x, float)
    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(f"inputs have shape {x.shape}; they must be (M, 2).")
    if np.any(x < 0):
        raise ValueError(f"an input is {np.nanmin(x):g} nM; concentrations cannot be negative.")
    return x
