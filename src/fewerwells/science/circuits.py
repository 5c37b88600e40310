"""Gene circuits as pure functions: concentrations in nM in, steady-state outputs in nM out.

All circuits take inputs ``x`` of shape (..., 2), the concentrations x₁ and x₂ in nM, and return outputs of
the same shape, y₁ and y₂ in nM. The three circuits of the study are members of one family,

    yᵢ = ηᵢ (θᵢxᵢ)ⁿ / (b + Σⱼ (θⱼxⱼ)ⁿ),

at (n, b) = (1, 1) for simple activation, (n, 1) for n-part complexes and (1, 0) for the phosphorylation cycle.

Three more stand outside the family, and each comes back to a member of it as one parameter fades: input depletion
(to n-part complexes as `resource` goes to 0), Goldbeter–Koshland (to the phosphorylation cycle as `saturation`
goes to ∞), and a leak with a mixed complex (to n-part complexes as `leak` and `mixing` go to 0).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

REFERENCE_THETA = (0.2, 0.4)  # nM⁻¹: half-saturation of each input alone at 5 and 2.5 nM
REFERENCE_ETA = (40.0, 30.0)  # nM: the largest possible outputs
REFERENCE_Y_TOT = 40.0  # nM: the protein that the phosphorylation cycle shares out
REFERENCE_N = 2.0  # copies of an input in a complex, in every circuit that has complexes
REFERENCE_RESOURCE = 5.0  # nM: half of what the small domain offers, so binding uses much of the inputs up
REFERENCE_SATURATION = 0.1  # Michaelis constant over y_tot: ten times as much protein as half-saturates an enzyme
REFERENCE_LEAK = 0.1  # share of the largest output that the empty resource makes
REFERENCE_MIXING = 1.0  # the mixed complex binds as tightly as the affinities of its two parts say

DEPLETION_N = (1, 2)  # copies of an input for which the free input has a closed form


def _checked(x, theta, eta, n: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, affinities and largest outputs as arrays, once they and the Hill coefficient are possible."""
    x, theta, eta = np.asarray(x, float), np.asarray(theta, float), np.asarray(eta, float)
    if x.ndim == 0 or x.shape[-1] != 2:
        raise ValueError(f"inputs have shape {x.shape}; the last axis must hold the two concentrations x₁ and x₂.")
    if np.any(x < 0):
        raise ValueError(f"an input is {np.nanmin(x):g} nM; concentrations cannot be negative.")
    for name, value in (("theta", theta), ("eta", eta)):
        if value.shape != (2,) or not np.all(np.isfinite(value)) or not np.all(value > 0):
            raise ValueError(f"{name} is {value.tolist()}; it must be two positive numbers.")
    if not (np.isfinite(n) and n > 0):
        raise ValueError(f"the Hill coefficient n is {n}; it must be positive.")
    return x, theta, eta


def _refuse_negative(name: str, value: float) -> None:
    if not (np.isfinite(value) and value >= 0):
        raise ValueError(f"{name} is {value}; it must be 0 or positive.")


# The formulas themselves. Parameters may be stacks: θ and η of shape (..., 1, 2) or (2,), the others (..., 1, 1) or plain
# numbers, against inputs of shape (N, 2).


def _family(x, theta, eta, n, b):
    bound = (theta * x) ** n
    total = b + bound.sum(axis=-1, keepdims=True)
    empty = total == 0
    return eta * np.where(empty, 0.5, bound / np.where(empty, 1.0, total))


def _depletion(x, theta, eta, n, resource):
    def bound(free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(θᵢx̂ᵢ)ⁿ at a free share R/R_tot of the resource, and how much less than R itself Cᵢ grows with R."""
        # The free input solves x = x̂ + nR(θx̂)ⁿ; written without a difference of nearly equal numbers.
        if np.all(n == 1):
            damping = 1 + resource * free * theta
            return theta * x / damping, damping
        damping = np.sqrt(1 + 8 * resource * free * theta**2 * x)
        return (theta * 2 * x / (1 + damping)) ** 2, damping

    # What is missing is the free share of the resource, the root of free·(1 + Σ(θᵢx̂ᵢ)ⁿ) = 1. The left side rises
    # and is concave, so Newton's steps from below the root climb to it and never pass it. Each point climbs until
    # its own steps are lost in rounding: its value does not depend on the points beside it.
    free = 1 / (1 + ((theta * x) ** n).sum(axis=-1, keepdims=True))  # below the root: there the inputs were not used up
    climbs = True
    while np.any(climbs):
        share, damping = bound(free)
        missing = 1 - free * (1 + share.sum(axis=-1, keepdims=True))
        higher = free + missing / (1 + (share / damping).sum(axis=-1, keepdims=True))
        climbs = higher > free * (1 + 1e-14)
        free = np.where(climbs, higher, free)
    return eta * free * share


def _saturated_cycle(x, theta, eta, saturation):
    flow = theta * x
    slower = flow.min(axis=-1, keepdims=True)
    total = flow.sum(axis=-1, keepdims=True)
    still = total == 0
    total = np.where(still, 1.0, total)
    # The share of the slower side is the smaller root of a quadratic. In terms of the lead of the faster side its
    # discriminant is a sum of squares, and no rounding errors are magnified by a difference of nearly equal numbers.
    lead = np.ptp(flow, axis=-1, keepdims=True) / total
    minority = 2 * slower / total * saturation
    minority = minority / (lead + saturation + np.hypot(lead * np.sqrt(1 + 2 * saturation), saturation))
    return eta * np.where(still, 0.5, np.where(flow == slower, minority, 1 - minority))


def _mixture(x, theta, eta, n, leak, mixing):
    scaled = theta * x
    bound = scaled**n
    total = 1 + bound.sum(axis=-1, keepdims=True) + mixing * scaled.prod(axis=-1, keepdims=True)
    return eta * ((leak + bound) / total)


_FORMULAS: dict[str, Callable] = {
    "hill_family": _family,
    "simple_activation": partial(_family, n=1.0, b=1.0),
    "n_part_complex": partial(_family, b=1.0),
    "phosphorylation_cycle": partial(_family, n=1.0, b=0.0),
    "input_depletion": _depletion,
    "goldbeter_koshland": _saturated_cycle,
    "mixed_complex": _mixture,
}


def relative_outputs(name: str, x: np.ndarray, theta: np.ndarray, **own: np.ndarray) -> np.ndarray:
    """Outputs at η = 1 for whole stacks of parameters at once, for searches: nothing is checked.

    Args:
        name: one of `CIRCUITS`, or hill_family.
        x: inputs, shape (N, 2), nM, not negative.
        theta: affinities, shape (..., 2), nM⁻¹, positive.
        own: the circuit's other parameters by name, each of shape (...) or one number for the whole stack; the n of
            input_depletion must be one number.

    Returns:
        Shape (..., N, 2).
    """
    own = {name: np.asarray(value, float)[..., None, None] for name, value in own.items()}
    return _FORMULAS[name](x, np.asarray(theta, float)[..., None, :], 1.0, **own)


def hill_family(x, theta, eta, n: float, b: float) -> np.ndarray:
    """The family that holds the study's three circuits, yᵢ = ηᵢ(θᵢxᵢ)ⁿ / (b + Σⱼ(θⱼxⱼ)ⁿ).

    Args:
        x: inputs, shape (..., 2), nM, not negative.
        theta: affinities (θ₁, θ₂), nM⁻¹, positive.
        eta: largest outputs (η₁, η₂), nM, positive.
        n: Hill coefficient, positive, need not be whole.
        b: weight of the empty state; 0 leaves no empty state.

    Returns:
        Outputs, shape (..., 2), nM. Where the denominator is 0 (b = 0 at the origin) the limit depends on the
        direction of approach; by convention both outputs share equally there, yᵢ = ηᵢ/2.

    Raises:
        ValueError: a shape, sign or parameter out of range.
    """
    x, theta, eta = _checked(x, theta, eta, n)
    _refuse_negative("the weight of the empty state b", b)
    return _family(x, theta, eta, n, b)


def simple_activation(x, theta=REFERENCE_THETA, eta=REFERENCE_ETA) -> np.ndarray:
    """Each xᵢ activates yᵢ and competes for one shared resource: yᵢ = ηᵢθᵢxᵢ/(1 + Σθⱼxⱼ) (Qian 2017).

    This is the study's *simulation*, the known and simple model g. Shapes and units as in `hill_family`.
    """
    return hill_family(x, theta, eta, n=1.0, b=1.0)


def n_part_complex(x, theta=REFERENCE_THETA, eta=REFERENCE_ETA, n: float = REFERENCE_N) -> np.ndarray:
    """n copies of xᵢ bind together before they activate yᵢ: yᵢ = ηᵢ(θᵢxᵢ)ⁿ/(1 + Σ(θⱼxⱼ)ⁿ).

    At n = 1 it is `simple_activation`. Shapes and units as in `hill_family`.
    """
    return hill_family(x, theta, eta, n=n, b=1.0)


def phosphorylation_cycle(x, theta=REFERENCE_THETA, y_tot: float = REFERENCE_Y_TOT) -> np.ndarray:
    """One protein in two states: yᵢ = y_tot·θᵢxᵢ/Σθⱼxⱼ (the unsaturated limit of Goldbeter & Koshland 1981).

    x₁ is the phosphatase (it raises the dephosphorylated form y₁), x₂ the kinase. The function is homogeneous of
    degree 0, f(2x) = f(x), and y₁ + y₂ = y_tot: only the ratio x₁/x₂ counts. At x = (0, 0) it is 0/0 with a limit
    that depends on direction; by convention yᵢ = y_tot/2 there. Shapes and units as in `hill_family`.
    """
    return hill_family(x, theta, (y_tot, y_tot), n=1.0, b=0.0)


def input_depletion(
    x, theta=REFERENCE_THETA, eta=REFERENCE_ETA, n: float = REFERENCE_N, resource: float = REFERENCE_RESOURCE
) -> np.ndarray:
    """n-part complexes whose resource is so plentiful that binding uses the inputs up (retroactivity).

    n Xᵢ + R ⇌ Cᵢ as in `n_part_complex`, but xᵢ is the *total* input, xᵢ = x̂ᵢ + nCᵢ with x̂ᵢ free, and the resource
    is R_tot = R + C₁ + C₂ with R free. At steady state Cᵢ = R(θᵢx̂ᵢ)ⁿ, and yᵢ = ηᵢCᵢ/R_tot. As R_tot → 0 nothing
    is used up and it is `n_part_complex` (mass action as in Qian 2017, with the inputs conserved too).

    Args:
        x: total inputs, shape (..., 2), nM, not negative.
        theta: affinities (θ₁, θ₂), nM⁻¹, positive.
        eta: largest outputs (η₁, η₂), nM, positive.
        n: copies of an input in a complex, 1 or 2; only there has the free input a closed form.
        resource: R_tot, nM, positive.

    Returns:
        Outputs, shape (..., 2), nM, to the rounding of the computer; exactly 0 for an input that is 0.

    Raises:
        ValueError: a shape, sign or parameter out of range.
    """
    x, theta, eta = _checked(x, theta, eta, n)
    if n not in DEPLETION_N:
        raise ValueError(f"the Hill coefficient n is {n:g}; input_depletion is solved for n = 1 and n = 2 only.")
    if not (np.isfinite(resource) and resource > 0):
        raise ValueError(f"the resource is {resource} nM; it must be positive.")
    return _depletion(x, theta, eta, n, resource)


def goldbeter_koshland(
    x, theta=REFERENCE_THETA, y_tot: float = REFERENCE_Y_TOT, saturation: float = REFERENCE_SATURATION
) -> np.ndarray:
    """A phosphorylation cycle whose enzymes are saturated by the protein they work on (Goldbeter & Koshland 1981).

    The steady state of θ₁x₁·y₂/(1 + y₂/K) = θ₂x₂·y₁/(1 + y₁/K) with y₁ + y₂ = y_tot, where K is the Michaelis
    constant of both enzymes. The smaller K, the more the cycle is a switch; as K → ∞ it is `phosphorylation_cycle`.
    As there, x₁ is the phosphatase, only the ratio x₁/x₂ counts, and by convention yᵢ = y_tot/2 at x = (0, 0).

    Args:
        x: inputs, shape (..., 2), nM, not negative.
        theta: rate constants of the unsaturated enzymes (θ₁, θ₂), nM⁻¹, positive.
        y_tot: total protein, nM, positive.
        saturation: K/y_tot, positive.

    Returns:
        Outputs, shape (..., 2), nM, the smaller of each pair to the rounding of the computer.

    Raises:
        ValueError: a shape, sign or parameter out of range.
    """
    x, theta, eta = _checked(x, theta, (y_tot, y_tot), n=1.0)
    if not (np.isfinite(saturation) and saturation > 0):
        raise ValueError(f"the saturation is {saturation}; it must be positive.")
    return _saturated_cycle(x, theta, eta, saturation)


def mixed_complex(
    x,
    theta=REFERENCE_THETA,
    eta=REFERENCE_ETA,
    n: float = REFERENCE_N,
    leak: float = REFERENCE_LEAK,
    mixing: float = REFERENCE_MIXING,
) -> np.ndarray:
    """n-part complexes with a leak and a complex of both inputs that is bound but makes nothing.

    yᵢ = ηᵢ(leak + (θᵢxᵢ)ⁿ)/(1 + Σ(θⱼxⱼ)ⁿ + mixing·θ₁x₁θ₂x₂): the empty resource makes a share `leak` of each
    largest output, and X₁X₂R takes resource away from both. With leak = mixing = 0 it is `n_part_complex`.

    Args:
        x: inputs, shape (..., 2), nM, not negative.
        theta: affinities (θ₁, θ₂), nM⁻¹, positive.
        eta: largest outputs (η₁, η₂), nM, positive.
        n: Hill coefficient, positive, need not be whole.
        leak: between 0 and 1, so that no output exceeds its η.
        mixing: how much more tightly the mixed complex binds than its parts would by themselves, 0 or positive.

    Returns:
        Outputs, shape (..., 2), nM.

    Raises:
        ValueError: a shape, sign or parameter out of range.
    """
    x, theta, eta = _checked(x, theta, eta, n)
    if not 0 <= leak <= 1:
        raise ValueError(f"the leak is {leak}; it must lie between 0 and 1.")
    _refuse_negative("the mixing", mixing)
    return _mixture(x, theta, eta, n, leak, mixing)


CIRCUITS: dict[str, Callable] = {
    "simple_activation": simple_activation,
    "n_part_complex": n_part_complex,
    "phosphorylation_cycle": phosphorylation_cycle,
    "input_depletion": input_depletion,
    "goldbeter_koshland": goldbeter_koshland,
    "mixed_complex": mixed_complex,
}
FAMILY = ("simple_activation", "n_part_complex", "phosphorylation_cycle")
OUTSIDE_FAMILY = ("input_depletion", "goldbeter_koshland", "mixed_complex")

_CYCLES = ("phosphorylation_cycle", "goldbeter_koshland")  # one protein, y_tot, in the place of two η
# Parameters that a circuit has beside θ and η, with their values in the reference system.
_OWN_PARAMETERS: dict[str, dict[str, float]] = {
    "simple_activation": {},
    "n_part_complex": {"n": REFERENCE_N},
    "phosphorylation_cycle": {},
    "input_depletion": {"n": REFERENCE_N, "resource": REFERENCE_RESOURCE},
    "goldbeter_koshland": {"saturation": REFERENCE_SATURATION},
    "mixed_complex": {"n": REFERENCE_N, "leak": REFERENCE_LEAK, "mixing": REFERENCE_MIXING},
}
_LABELS = {
    "simple_activation": "simple activation",
    "phosphorylation_cycle": "phosphorylation cycle",
    "input_depletion": "input depletion",
    "goldbeter_koshland": "Goldbeter–Koshland",
    "mixed_complex": "leak and mixed complex",
}


@dataclass(frozen=True)
class Circuit:
    """A circuit with its parameters filled in; call it with inputs in nM to get outputs in nM.

    A parameter that the circuit does not have stays at its default here; one that it has must be given.

    Attributes:
        name: one of `CIRCUITS`.
        theta: affinities, nM⁻¹.
        eta: largest outputs, nM; for the two cycles both are y_tot.
        n: Hill coefficient of n_part_complex, input_depletion (1 or 2) and mixed_complex, else 1.
        resource: total resource of input_depletion, nM.
        saturation: Michaelis constant over y_tot of goldbeter_koshland.
        leak, mixing: of mixed_complex.
    """

    name: str
    theta: tuple[float, float] = REFERENCE_THETA
    eta: tuple[float, float] = REFERENCE_ETA
    n: float = 1.0
    resource: float | None = None
    saturation: float | None = None
    leak: float | None = None
    mixing: float | None = None

    def __post_init__(self):
        if self.name not in CIRCUITS:
            raise ValueError(f"there is no circuit {self.name!r}; choose one of {', '.join(CIRCUITS)}.")
        own = _OWN_PARAMETERS[self.name]
        if "n" not in own and self.n != 1:
            complexes = ", ".join(name for name, parameters in _OWN_PARAMETERS.items() if "n" in parameters)
            raise ValueError(f"n = {self.n:g} was given for {self.name}; only {complexes} have a Hill coefficient.")
        for name in ("resource", "saturation", "leak", "mixing"):
            value = getattr(self, name)
            if value is None and name in own:
                raise ValueError(f"{name} is None; {self.name} needs a number there, {own[name]:g} for example.")
            if value is not None and name not in own:
                raise ValueError(f"{name} = {value:g} was given for {self.name}, which has no {name}.")
        if self.name in _CYCLES and self.eta[0] != self.eta[1]:
            raise ValueError(f"eta is {self.eta}; a phosphorylation cycle has one y_tot, so both must be equal.")
        self(np.ones(2))  # refuses impossible parameters now rather than in the middle of a run

    @property
    def b(self) -> float:
        """Weight of the empty state: 0 for the two cycles, which have none, else 1."""
        return 0.0 if self.name in _CYCLES else 1.0

    @property
    def own_parameters(self) -> dict[str, float]:
        """What the circuit has beside θ and η, by name."""
        return {name: getattr(self, name) for name in _OWN_PARAMETERS[self.name]}

    @property
    def largest_output(self) -> float:
        """The largest η (or y_tot), nM; outputs are divided by it before training."""
        return max(self.eta)

    @property
    def label(self) -> str:
        """How the circuit is called in tables and on axes, with each parameter that is not the reference system's."""
        if self.name == "n_part_complex":
            return f"n = {self.n:g}"
        own = _OWN_PARAMETERS[self.name].items()
        changed = [f"{name} = {getattr(self, name):g}" for name, value in own if getattr(self, name) != value]
        return ", ".join([_LABELS[self.name], *changed])

    def __call__(self, x) -> np.ndarray:
        scale = self.eta[0] if self.name in _CYCLES else self.eta
        return CIRCUITS[self.name](x, self.theta, scale, **self.own_parameters)


def reference_circuit(name: str, n: float = REFERENCE_N) -> Circuit:
    """The circuit of that name in the reference system, θ = (0.2, 0.4) nM⁻¹, η = (40, 30) nM, y_tot = 40 nM.

    What stands outside the family has a resource of 5 nM, a saturation of 0.1, a leak of 0.1 and a mixing of 1.

    Args:
        name: one of `CIRCUITS`.
        n: Hill coefficient; used by the circuits that have one.

    Raises:
        ValueError: an unknown name or an impossible n.
    """
    own = dict(_OWN_PARAMETERS.get(name, {}))
    if "n" in own:
        own["n"] = float(n)
    eta = (REFERENCE_Y_TOT, REFERENCE_Y_TOT) if name in _CYCLES else REFERENCE_ETA
    return Circuit(name, eta=eta, **own)
