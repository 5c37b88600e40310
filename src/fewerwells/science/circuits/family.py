"""The study's three circuits, members of one family, and their place in it."""

from __future__ import annotations

from functools import partial

import numpy as np

from fewerwells.science import reactions
from fewerwells.science.circuits import formulas
from fewerwells.science.circuits.kinds import (
    REFERENCE_ETA,
    REFERENCE_THETA,
    CircuitKind,
    Parameter,
    checked_arguments,
    register,
)

REFERENCE_Y_TOT = 40.0  # nM: the protein that the phosphorylation cycle shares out
REFERENCE_N = 2.0  # copies of an input in a complex, in every circuit that has complexes

HILL_COEFFICIENT = Parameter(
    "n", "Hill coefficient n", REFERENCE_N, plausible=(1.0, 4.0), searched=(0.3, 8.0), starts=(0.7, 5.0)
)


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
    x, theta, eta = checked_arguments(x, theta, eta)
    HILL_COEFFICIENT.refuse_impossible(n)
    if not (np.isfinite(b) and b >= 0):
        raise ValueError(f"the weight of the empty state b is {b}; it must be 0 or positive.")
    return formulas.hill_formula(x, theta, eta, n, b)


def simple_activation(x, theta=REFERENCE_THETA, eta=REFERENCE_ETA) -> np.ndarray:
    """Each xᵢ activates yᵢ and competes for one shared resource: yᵢ = ηᵢθᵢxᵢ/(1 + Σθⱼxⱼ) (Qian 2017).

    This is the study's *simulation*, the known and simple model g. Shapes and units as in `hill_family`.
    """
    return SIMPLE_ACTIVATION(x, theta, eta)


def n_part_complex(x, theta=REFERENCE_THETA, eta=REFERENCE_ETA, n: float = REFERENCE_N) -> np.ndarray:
    """n copies of xᵢ bind together before they activate yᵢ: yᵢ = ηᵢ(θᵢxᵢ)ⁿ/(1 + Σ(θⱼxⱼ)ⁿ).

    At n = 1 it is `simple_activation`. Shapes and units as in `hill_family`.
    """
    return N_PART_COMPLEX(x, theta, eta, n=n)


def phosphorylation_cycle(x, theta=REFERENCE_THETA, y_tot: float = REFERENCE_Y_TOT) -> np.ndarray:
    """One protein in two states: yᵢ = y_tot·θᵢxᵢ/Σθⱼxⱼ (the unsaturated limit of Goldbeter & Koshland 1981).

    x₁ is the phosphatase (it raises the dephosphorylated form y₁), x₂ the kinase. The function is homogeneous of
    degree 0, f(2x) = f(x), and y₁ + y₂ = y_tot: only the ratio x₁/x₂ counts. At x = (0, 0) it is 0/0 with a limit
    that depends on direction; by convention yᵢ = y_tot/2 there. Shapes and units as in `hill_family`.
    """
    return PHOSPHORYLATION_CYCLE(x, theta, (y_tot, y_tot))


def _cycle_reactions(x, theta, eta) -> np.ndarray:
    return reactions.phosphorylation(x, theta, eta[0])


SIMPLE_ACTIVATION = register(
    CircuitKind(
        "simple_activation",
        title="simple activation",
        label="simple activation",
        formula=partial(formulas.hill_formula, n=1.0, b=1.0),
        in_family=True,
        place={"n": 1.0, "b": 1.0},
        reactions=reactions.complex_formation,
    )
)
N_PART_COMPLEX = register(
    CircuitKind(
        "n_part_complex",
        title="n-part complexes",
        label="n = {n:g}",
        formula=partial(formulas.hill_formula, b=1.0),
        own=(HILL_COEFFICIENT,),
        in_family=True,
        place={"b": 1.0},
        reactions=reactions.complex_formation,
    )
)
PHOSPHORYLATION_CYCLE = register(
    CircuitKind(
        "phosphorylation_cycle",
        title="phosphorylation cycle",
        label="phosphorylation cycle",
        formula=partial(formulas.hill_formula, n=1.0, b=0.0),
        eta=(REFERENCE_Y_TOT, REFERENCE_Y_TOT),
        shares_total=True,
        in_family=True,
        place={"n": 1.0, "b": 0.0},
        reactions=_cycle_reactions,
    )
)
