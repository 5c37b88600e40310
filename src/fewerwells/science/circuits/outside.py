"""Three circuits outside the family, each of which comes back to a member of it as one parameter fades."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fewerwells.science import reactions
from fewerwells.science.circuits import formulas
from fewerwells.science.circuits.family import HILL_COEFFICIENT, REFERENCE_N, REFERENCE_Y_TOT
from fewerwells.science.circuits.kinds import REFERENCE_ETA, REFERENCE_THETA, CircuitKind, Parameter, register

REFERENCE_RESOURCE = 5.0  # nM: half of what the small domain offers, so binding uses much of the inputs up
REFERENCE_SATURATION = 0.1  # Michaelis constant over y_tot: ten times as much protein as half-saturates an enzyme
REFERENCE_LEAK = 0.1  # share of the largest output that the empty resource makes
REFERENCE_MIXING = 1.0  # the mixed complex binds as tightly as the affinities of its two parts say

DEPLETION_N = (1, 2)  # copies of an input for which the free input has a closed form


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
    return INPUT_DEPLETION(x, theta, eta, n=n, resource=resource)


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
    return GOLDBETER_KOSHLAND(x, theta, (y_tot, y_tot), saturation=saturation)


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
    return MIXED_COMPLEX(x, theta, eta, n=n, leak=leak, mixing=mixing)


def _depletion_reactions(x, theta, eta, n, resource) -> np.ndarray:
    return reactions.complex_formation_with_depletion(x, theta, eta, n, resource)[5:]


def _saturated_reactions(x, theta, eta, saturation) -> np.ndarray:
    return reactions.saturated_phosphorylation(x, theta, eta[0], saturation)


INPUT_DEPLETION = register(
    CircuitKind(
        "input_depletion",
        title="input depletion",
        label="input depletion",
        formula=formulas.depletion,
        own=(
            replace(HILL_COEFFICIENT, choices=DEPLETION_N),
            Parameter(
                "resource",
                "resource",
                REFERENCE_RESOURCE,
                plausible=(0.1, 30.0),
                searched=(1e-3, 1e4),
                starts=(0.03, 100.0),
                unit="nM",
            ),
        ),
        place={"b": 1.0},
        in_library=True,
        reactions=_depletion_reactions,
    )
)
GOLDBETER_KOSHLAND = register(
    CircuitKind(
        "goldbeter_koshland",
        title="Goldbeter–Koshland",
        label="Goldbeter–Koshland",
        formula=formulas.saturated_cycle,
        own=(
            Parameter(
                "saturation",
                "saturation",
                REFERENCE_SATURATION,
                plausible=(0.01, 10.0),
                searched=(1e-4, 1e4),
                starts=(0.005, 30.0),
            ),
        ),
        eta=(REFERENCE_Y_TOT, REFERENCE_Y_TOT),
        shares_total=True,
        place={"n": 1.0, "b": 0.0},
        in_library=True,
        reactions=_saturated_reactions,
    )
)
MIXED_COMPLEX = register(
    CircuitKind(
        "mixed_complex",
        title="leak and mixed complex",
        label="leak and mixed complex",
        formula=formulas.mixture,
        own=(
            HILL_COEFFICIENT,
            Parameter(
                "leak",
                "leak",
                REFERENCE_LEAK,
                plausible=(0.0, 0.3),
                searched=(0.0, 1.0),
                starts=(0.0, 0.5),
                highest=1.0,
                linear_below=1e-2,
            ),
            Parameter(
                "mixing",
                "mixing",
                REFERENCE_MIXING,
                plausible=(0.0, 5.0),
                searched=(0.0, 1e4),
                starts=(0.0, 10.0),
                linear_below=1e-1,
            ),
        ),
        place={"b": 1.0},
        in_library=True,
        reactions=reactions.complex_formation_with_mixing,
    )
)
