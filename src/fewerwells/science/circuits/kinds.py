"""What a circuit is: one registered object a kind.

Everything that lists circuits reads `CIRCUITS`. A new kind is one file, anywhere, that calls `register`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from string import Formatter

import numpy as np

from fewerwells.science.circuits.formulas import stacked

REFERENCE_THETA = (0.2, 0.4)  # nM⁻¹: half-saturation of each input alone at 5 and 2.5 nM
REFERENCE_ETA = (40.0, 30.0)  # nM: the largest possible outputs


@dataclass(frozen=True)
class Parameter:
    """One number that a circuit has beside θ and η.

    Attributes:
        name: as the formula and the table call it.
        words: as an error message calls it.
        reference: its value in the reference system.
        plausible: the range (low, high) in which it may be expected to lie.
        searched: the bounds (low, high) of fits, from next to nothing to far beyond what matters.
        starts: the narrower range over which fits begin.
        unit: "nM", or "" for a plain number.
        highest: no value is larger.
        linear_below: where a fit's scale turns from logarithmic to linear; 0 for a parameter that must be positive,
            more for one that may be 0.
        choices: the only possible values, if they are few; fits do not search over them.
    """

    name: str
    words: str
    reference: float
    plausible: tuple[float, float]
    searched: tuple[float, float]
    starts: tuple[float, float]
    unit: str = ""
    highest: float = np.inf
    linear_below: float = 0.0
    choices: tuple[float, ...] = ()

    @property
    def may_be_zero(self) -> bool:
        """Whether 0 is a possible value."""
        return self.linear_below > 0

    def refuse_impossible(self, value: float) -> None:
        """ValueError for a value that the parameter cannot have."""
        possible = np.isfinite(value) and (value > 0 or (value == 0 and self.may_be_zero)) and value <= self.highest
        if possible and (not self.choices or value in self.choices):
            return
        allowed = "0 or positive" if self.may_be_zero else "positive"
        if np.isfinite(self.highest):
            allowed += f", at most {self.highest:g}"
        if self.choices:
            allowed = " or ".join(f"{choice:g}" for choice in self.choices)
        unit = f" {self.unit}" if self.unit else ""
        raise ValueError(f"the {self.words} is {value}{unit}; it must be {allowed}.")

    def draw(self, rng: np.random.Generator) -> float:
        """A random value from the plausible range: evenly among choices, else on a logarithmic scale if none is 0."""
        if self.choices:
            return float(rng.choice(self.choices))
        low, high = self.plausible
        return float(rng.uniform(low, high) if low == 0 else low * (high / low) ** rng.random())


@dataclass(frozen=True, eq=False)
class CircuitKind:
    """A kind of circuit; call it with inputs, θ, η and its own parameters to get checked outputs.

    Attributes:
        name: in tables and parameters, a Python identifier.
        title: in prose and above figures.
        label: on axes and in the table's column `target`; may name own parameters in braces, as "n = {n:g}". Those
            that it does not name are added where they differ from the reference system.
        formula: from (x, theta, eta, **own) to outputs, linear in η, for stacks of parameters (see `formulas`).
        own: its parameters beside θ and η.
        theta, eta: in the reference system, nM⁻¹ and nM.
        shares_total: whether both outputs are one protein, so that both η are its total, y_tot.
        in_family: whether it is a member of the family, `hill_family`.
        place: n and b of the member of the family that it is, or comes back to as its own parameters fade; without
            those that are its own. Empty where there is none.
        in_library: whether it is an entry of its own in the library of mechanisms.
        reactions: from one pair of inputs (2,) and the same arguments to the two outputs of its reaction network at
            steady state, without the formula; None where none is written.
    """

    name: str
    title: str
    label: str
    formula: Callable
    own: tuple[Parameter, ...] = ()
    theta: tuple[float, float] = REFERENCE_THETA
    eta: tuple[float, float] = REFERENCE_ETA
    shares_total: bool = False
    in_family: bool = False
    place: Mapping[str, float] = field(default_factory=dict)
    in_library: bool = False
    reactions: Callable | None = None

    @property
    def reference(self) -> dict[str, float]:
        """Its own parameters in the reference system."""
        return {parameter.name: parameter.reference for parameter in self.own}

    def label_of(self, own: Mapping[str, float]) -> str:
        """How a circuit of this kind with these own parameters is called on axes."""
        named = {part[1] for part in Formatter().parse(self.label)}
        changed = [
            f"{name} = {own[name]:g}"
            for name, value in self.reference.items()
            if name not in named and own[name] != value
        ]
        return ", ".join([self.label.format(**own), *changed])

    def __call__(self, x, theta, eta, **own: float) -> np.ndarray:
        """Outputs, shape (..., 2), nM.

        Args:
            x: inputs, shape (..., 2), nM, not negative.
            theta: affinities (θ₁, θ₂), nM⁻¹, positive.
            eta: largest outputs (η₁, η₂), nM, positive.
            own: all of its own parameters by name.

        Raises:
            ValueError: a shape, sign or parameter out of range.
        """
        x, theta, eta = checked_arguments(x, theta, eta)
        _refuse_other_parameters(self, own)
        for parameter in self.own:
            parameter.refuse_impossible(own[parameter.name])
        return self.formula(x, theta, eta, **own)


def checked_arguments(x, theta, eta) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs (..., 2), nM, θ (2,) and η (2,) as arrays, once they are possible; else a ValueError."""
    x, theta, eta = np.asarray(x, float), np.asarray(theta, float), np.asarray(eta, float)
    if x.ndim == 0 or x.shape[-1] != 2:
        raise ValueError(f"inputs have shape {x.shape}; the last axis must hold the two concentrations x₁ and x₂.")
    if np.any(x < 0):
        raise ValueError(f"an input is {np.nanmin(x):g} nM; concentrations cannot be negative.")
    for name, value in (("theta", theta), ("eta", eta)):
        if value.shape != (2,) or not np.all(np.isfinite(value)) or not np.all(value > 0):
            raise ValueError(f"{name} is {value.tolist()}; it must be two positive numbers.")
    return x, theta, eta


CIRCUITS: dict[str, CircuitKind] = {}  # every kind by its name, in reading order; `register` adds to it


def register(kind: CircuitKind) -> CircuitKind:
    """Add a kind of circuit to `CIRCUITS`, once its formula has been tried; returns it.

    A cell of a notebook or a module that runs again replaces what it registered before.

    Raises:
        ValueError: the name is taken, or the formula does not do what `CircuitKind` asks of it.
    """
    if not kind.name.isidentifier():
        raise ValueError(f"a circuit is called {kind.name!r}; its name must be a word that Python takes for a name.")
    known = CIRCUITS.get(kind.name)
    if known is not None and origin_of(known.formula) != origin_of(kind.formula):
        raise ValueError(f"there is a circuit {kind.name} already; give the new one another name.")
    for what in (kind.formula, kind.reactions):
        _refuse_other_arguments(kind, what)
    _refuse_wrong_shapes(kind)
    CIRCUITS[kind.name] = kind
    return kind


def origin_of(formula: Callable) -> tuple[str, str]:
    """The module in which a formula stands, and what it is called there."""
    function = getattr(formula, "func", formula)  # of a partial
    return function.__module__, function.__qualname__


def _refuse_other_arguments(kind: CircuitKind, what: Callable | None) -> None:
    if what is None:
        return
    try:
        inspect.signature(what).bind(None, None, None, **kind.reference)
    except TypeError as error:
        wanted = ", ".join(["x", "theta", "eta", *kind.reference])
        raise ValueError(f"{kind.name} cannot be called with {wanted} ({error}).") from error


def _refuse_wrong_shapes(kind: CircuitKind) -> None:
    """ValueError where a stack of parameters does not give what each gives alone, or outputs do not scale with η."""
    x = np.array([[1.0, 2.0], [3.0, 0.5], [0.0, 4.0]])
    theta = np.multiply(kind.theta, [[[1.0]], [[2.0]]])  # two stacks of one
    own = kind.reference
    alone = [kind(x, values[0], kind.eta, **own) for values in theta]
    try:
        found = stacked(kind.formula, x, theta, **own)
        agree = found.shape == (2, 1, 3, 2) and np.allclose(found[:, 0] * kind.eta, alone, rtol=1e-9, atol=0)
    except (ValueError, TypeError, IndexError):
        agree = False
    if not agree:
        raise ValueError(
            f"the formula of {kind.name} must be linear in eta and take stacks: theta of shape (..., 1, 2) and own "
            "parameters of shape (..., 1, 1) with x of shape (N, 2)."
        )


def own_parameters() -> dict[str, Parameter]:
    """Every parameter that some kind has beside θ and η, by name, in the order of `CIRCUITS`."""
    found: dict[str, Parameter] = {}
    for kind in CIRCUITS.values():
        for parameter in kind.own:
            found.setdefault(parameter.name, parameter)
    return found


def outside_family() -> list[str]:
    """Names of the circuits that are no members of the family, in the order of `CIRCUITS`."""
    return [kind.name for kind in CIRCUITS.values() if not kind.in_family]


def kind_of(name: str) -> CircuitKind:
    """The kind of that name.

    Raises:
        ValueError: there is none; the message names those there are.
    """
    if name not in CIRCUITS:
        raise ValueError(f"there is no circuit {name!r}; choose one of {', '.join(CIRCUITS)}.")
    return CIRCUITS[name]


def _refuse_other_parameters(kind: CircuitKind, own: Mapping[str, float]) -> None:
    """ValueError where own parameters are missing or are not the kind's."""
    for name, value in own.items():
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            raise ValueError(f"{name} is {value!r}; {kind.name} needs a number there.")
        if name not in kind.reference:
            having = [other.name for other in CIRCUITS.values() if name in other.reference]
            only = f"; only {', '.join(having)} have it" if having else ""
            raise ValueError(f"{name} = {value:g} was given for {kind.name}, which has no {name}{only}.")
    for name, value in kind.reference.items():
        if name not in own:
            raise ValueError(f"{name} is missing; {kind.name} needs a number there, {value:g} for example.")
