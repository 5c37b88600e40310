"""Gene circuits as pure functions: concentrations in nM in, steady-state outputs in nM out.

All circuits take inputs ``x`` of shape (..., 2), the concentrations x₁ and x₂ in nM, and return outputs of
the same shape, y₁ and y₂ in nM. The three circuits of the study are members of one family,

    yᵢ = ηᵢ (θᵢxᵢ)ⁿ / (b + Σⱼ (θⱼxⱼ)ⁿ),

at (n, b) = (1, 1) for simple activation, (n, 1) for n-part complexes and (1, 0) for the phosphorylation cycle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

REFERENCE_THETA = (0.2, 0.4)  # nM⁻¹: half-saturation of each input alone at 5 and 2.5 nM
REFERENCE_ETA = (40.0, 30.0)  # nM: the largest possible outputs
REFERENCE_Y_TOT = 40.0  # nM: the protein that the phosphorylation cycle shares out


def hill_family(x, theta, eta, n: float, b: float) -> np.ndarray:
    """The family that holds all three circuits, yᵢ = ηᵢ(θᵢxᵢ)ⁿ / (b + Σⱼ(θⱼxⱼ)ⁿ).

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
    if not (np.isfinite(b) and b >= 0):
        raise ValueError(f"the weight of the empty state b is {b}; it must be 0 or positive.")
    bound = (theta * x) ** n
    total = b + bound.sum(axis=-1, keepdims=True)
    empty = total == 0
    return eta * np.where(empty, 0.5, bound / np.where(empty, 1.0, total))


def simple_activation(x, theta=REFERENCE_THETA, eta=REFERENCE_ETA) -> np.ndarray:
    """Each xᵢ activates yᵢ and competes for one shared resource: yᵢ = ηᵢθᵢxᵢ/(1 + Σθⱼxⱼ) (Qian 2017).

    This is the study's *simulation*, the known and simple model g. Shapes and units as in `hill_family`.
    """
    return hill_family(x, theta, eta, n=1.0, b=1.0)


def n_part_complex(x, theta=REFERENCE_THETA, eta=REFERENCE_ETA, n: float = 2.0) -> np.ndarray:
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


CIRCUITS: dict[str, Callable] = {
    "simple_activation": simple_activation,
    "n_part_complex": n_part_complex,
    "phosphorylation_cycle": phosphorylation_cycle,
}


@dataclass(frozen=True)
class Circuit:
    """A circuit with its parameters filled in; call it with inputs in nM to get outputs in nM.

    Attributes:
        name: one of `CIRCUITS`.
        theta: affinities, nM⁻¹.
        eta: largest outputs, nM; for the phosphorylation cycle both are y_tot.
        n: Hill coefficient; 1 unless the circuit is an n-part complex.
    """

    name: str
    theta: tuple[float, float] = REFERENCE_THETA
    eta: tuple[float, float] = REFERENCE_ETA
    n: float = 1.0

    def __post_init__(self):
        if self.name not in CIRCUITS:
            raise ValueError(f"there is no circuit {self.name!r}; choose one of {', '.join(CIRCUITS)}.")
        if self.name != "n_part_complex" and self.n != 1:
            raise ValueError(f"n = {self.n:g} was given for {self.name}; only n_part_complex has a Hill coefficient.")
        if self.name == "phosphorylation_cycle" and self.eta[0] != self.eta[1]:
            raise ValueError(f"eta is {self.eta}; a phosphorylation cycle has one y_tot, so both must be equal.")
        self(np.ones(2))  # refuses impossible parameters now rather than in the middle of a run

    @property
    def b(self) -> float:
        """Weight of the empty state in the family: 0 for the phosphorylation cycle, else 1."""
        return 0.0 if self.name == "phosphorylation_cycle" else 1.0

    @property
    def largest_output(self) -> float:
        """The largest η (or y_tot), nM; outputs are divided by it before training."""
        return max(self.eta)

    @property
    def label(self) -> str:
        """How the circuit is called in tables and on axes."""
        return {
            "simple_activation": "simple activation",
            "n_part_complex": f"n = {self.n:g}",
            "phosphorylation_cycle": "phosphorylation cycle",
        }[self.name]

    def __call__(self, x) -> np.ndarray:
        return hill_family(x, self.theta, self.eta, self.n, self.b)


def reference_circuit(name: str, n: float = 2.0) -> Circuit:
    """The circuit of that name in the reference system, θ = (0.2, 0.4) nM⁻¹, η = (40, 30) nM, y_tot = 40 nM.

    Args:
        name: one of `CIRCUITS`.
        n: Hill coefficient; used by n_part_complex only.

    Raises:
        ValueError: an unknown name or an impossible n.
    """
    if name == "n_part_complex":
        return Circuit(name, n=float(n))
    if name == "phosphorylation_cycle":
        return Circuit(name, eta=(REFERENCE_Y_TOT, REFERENCE_Y_TOT))
    return Circuit(name)
