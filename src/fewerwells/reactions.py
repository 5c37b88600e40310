"""The reaction networks behind the formulas, integrated to steady state: an independent check of `circuits`.

Both networks use mass-action kinetics with rate constants chosen so that the steady state should equal the
algebra. Nothing here uses the algebra.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp

# Every network below relaxes with rate constants of order 1 per hour, so this is hundreds of time constants.
SETTLING_TIME = 400.0


def _settle(rates, initial_state) -> np.ndarray:
    solution = solve_ivp(rates, (0.0, SETTLING_TIME), initial_state, method="LSODA", rtol=1e-10, atol=1e-12)
    if not solution.success:
        raise RuntimeError(f"the reaction network did not settle: {solution.message}")
    return solution.y[:, -1]


def complex_formation(x, theta, eta, n: float = 1.0) -> np.ndarray:
    """Steady state of n Xᵢ + R ⇌ Cᵢ, Cᵢ → Cᵢ + Yᵢ, Yᵢ → ∅, with a shared resource R of 1 nM in all.

    The inputs are in excess, so binding does not use them up. Binding at θᵢⁿ and unbinding at 1 per hour give the
    affinity θᵢ; production at ηᵢ and decay at 1 per hour give the largest output ηᵢ (Qian 2017).

    Args:
        x: one pair of inputs, shape (2,), nM.
        theta, eta, n: as in `circuits.hill_family`.

    Returns:
        The two outputs at steady state, shape (2,), nM.

    Raises:
        RuntimeError: the integration failed.
    """
    x, theta, eta = (np.asarray(v, float) for v in (x, theta, eta))
    binding = (theta * x) ** n

    def rates(_, state):
        bound, outputs = state[:2], state[2:]
        free_resource = 1.0 - bound.sum()
        return np.concatenate([binding * free_resource - bound, eta * bound - outputs])

    return _settle(rates, np.zeros(4))[2:]


def phosphorylation(x, theta, y_tot: float) -> np.ndarray:
    """Steady state of Y₂ + x₁ → Y₁ + x₁ and Y₁ + x₂ → Y₂ + x₂, started with all protein in Y₂.

    Args:
        x: one pair of inputs (phosphatase, kinase), shape (2,), nM, not both 0.
        theta: rate constants (θ₁, θ₂), nM⁻¹ per hour.
        y_tot: total protein, nM.

    Returns:
        (y₁, y₂) at steady state, shape (2,), nM: dephosphorylated and phosphorylated protein.

    Raises:
        RuntimeError: the integration failed.
    """
    x, theta = np.asarray(x, float), np.asarray(theta, float)
    to_1, to_2 = theta * x

    def rates(_, state):
        flow = to_1 * state[1] - to_2 * state[0]
        return np.array([flow, -flow])

    return _settle(rates, np.array([0.0, y_tot]))
