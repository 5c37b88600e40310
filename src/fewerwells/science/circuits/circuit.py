"""A circuit with its parameters filled in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fewerwells.science.circuits.formulas import stacked
from fewerwells.science.circuits.kinds import CIRCUITS, REFERENCE_ETA, REFERENCE_THETA, CircuitKind, kind_of, origin_of


def relative_outputs(name: str, x: np.ndarray, theta: np.ndarray, **own: np.ndarray) -> np.ndarray:
    """Outputs of a circuit at η = 1 for whole stacks of parameters at once, for searches: nothing is checked.

    Args:
        name: one of `CIRCUITS`.
        x: inputs, shape (N, 2), nM, not negative.
        theta: affinities, shape (..., 2), nM⁻¹, positive.
        own: the circuit's other parameters by name, each of shape (...) or one number for the whole stack; the n of
            input_depletion must be one number.

    Returns:
        Shape (..., N, 2).
    """
    return stacked(kind_of(name).formula, x, theta, **own)


@dataclass(frozen=True, init=False, repr=False)
class Circuit:
    """A circuit with its parameters filled in; call it with inputs in nM to get outputs in nM.

    Its own parameters are given by name, `Circuit("n_part_complex", n=2)`, all of them and no others.

    Attributes:
        name: one of `CIRCUITS`.
        theta: affinities, nM⁻¹.
        eta: largest outputs, nM; where both outputs are one protein both are y_tot.
        own: pairs of name and value of the parameters it has beside θ and η.
    """

    name: str
    theta: tuple[float, float]
    eta: tuple[float, float]
    own: tuple[tuple[str, float], ...]

    def __init__(self, name: str, theta=None, eta=None, *, own: Iterable[tuple[str, float]] = (), **named: float):
        kind = kind_of(name)
        theta, eta = kind.theta if theta is None else theta, kind.eta if eta is None else eta
        own = dict(own) | named
        kind(np.ones(2), theta, eta, **own)  # refuses impossible parameters now rather than in the middle of a run
        if kind.shares_total and eta[0] != eta[1]:
            raise ValueError(f"eta is {tuple(eta)}; {kind.name} has one y_tot, so both must be equal.")
        values = {"name": name, "theta": tuple(map(float, theta)), "eta": tuple(map(float, eta))}
        for attribute, value in (values | {"own": tuple((key, float(own[key])) for key in kind.reference)}).items():
            object.__setattr__(self, attribute, value)

    @property
    def kind(self) -> CircuitKind:
        """What it is a circuit of."""
        return CIRCUITS[self.name]

    @property
    def own_parameters(self) -> dict[str, float]:
        """What the circuit has beside θ and η, by name."""
        return dict(self.own)

    @property
    def n(self) -> float | None:
        """Its Hill coefficient, or that of its place in the family; None where it has neither."""
        return (self.kind.place | self.own_parameters).get("n")

    @property
    def b(self) -> float | None:
        """Weight of the empty state: 0 for cycles, which have none, else 1; None away from the family."""
        return self.kind.place.get("b")

    @property
    def largest_output(self) -> float:
        """The largest η (or y_tot), nM; outputs are divided by it before training."""
        return max(self.eta)

    @property
    def label(self) -> str:
        """How the circuit is called in tables and on axes, with each parameter that is not the reference system's."""
        return self.kind.label_of(self.own_parameters)

    def description(self) -> dict[str, float | str | None]:
        """The circuit as plain values for a row of a table: name, n, b, θ (nM⁻¹), η (nM) and its own parameters."""
        theta, eta = (
            {f"{name}_{index}": value for index, value in enumerate(values, 1)}
            for name, values in (("theta", self.theta), ("eta", self.eta))
        )
        return {"circuit": self.name, "n": self.n, "b": self.b, **theta, **eta} | self.own_parameters

    @property
    def told(self) -> dict:
        """What tells it from every other circuit, without what goes without saying: θ and η of most, and n = 1."""
        own = {name: value for name, value in self.own if (name, value) != ("n", 1.0)}
        usual = {"theta": REFERENCE_THETA, "eta": REFERENCE_ETA}
        unusual = {name: getattr(self, name) for name, value in usual.items() if getattr(self, name) != value}
        return {"is": "Circuit", "name": self.name} | unusual | own

    @property
    def written_in(self) -> tuple[str, ...]:
        """The modules that hold its code."""
        return (__package__, origin_of(self.kind.formula)[0])

    def __repr__(self) -> str:
        own = "".join(f", {name}={value!r}" for name, value in self.own)
        return f"Circuit({self.name!r}, theta={self.theta}, eta={self.eta}{own})"

    def __call__(self, x) -> np.ndarray:
        return self.kind(x, self.theta, self.eta, **self.own_parameters)


def reference_circuit(name: str, n: float | None = None) -> Circuit:
    """The circuit of that name in the reference system, for most θ = (0.2, 0.4) nM⁻¹ and η = (40, 30) nM.

    Args:
        name: one of `CIRCUITS`.
        n: another Hill coefficient than the reference system's, for circuits that have one.

    Raises:
        ValueError: an unknown name, an impossible n, or an n for a circuit that has none.
    """
    return Circuit(name, **kind_of(name).reference | ({} if n is None else {"n": n}))
