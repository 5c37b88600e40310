"""The reaction networks behind the formulas, integrated to steady state: an independent check of `circuits`.

Every network uses mass-action kinetics with rate constants chosen so that the steady state should equal the
algebra. Nothing here uses the algebra.
"""

from __future__ import annotations

import numpy as np
import scipy

# Networks whose slowest rate constant is of order 1 per hour have had hundreds of time constants by then.
SETTLING_TIME = 400.0

# Enzymes of the saturated cycle are this much scarcer than the inputs say, and work as much faster: what they hold
# bound is then missing from the total protein by about this share only.
ENZYME_DILUTION = 1e-9


def _settle(rates, initial_state, hours: float = SETTLING_TIME) -> np.ndarray:
    solution = scipy.integrate.solve_ivp(rates, (0.0, hours), initial_state, method="LSODA", rtol=1e-10, atol=1e-12)
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

    return _settle(rates, np.array([0.0, y_tot]), 40 / (to_1 + to_2))  # it relaxes at to_1 + to_2


def complex_formation_with_depletion(x, theta, eta, n: int, resource: float) -> np.ndarray:
    """Steady state of n Xᵢ + R ⇌ Cᵢ, Cᵢ → Cᵢ + Yᵢ, Yᵢ → ∅, where binding uses up inputs and resource.

    Rates are those of `complex_formation`, but for production, which goes at ηᵢ/R_tot so that ηᵢ is the largest
    output. All species are followed, the free inputs and the free resource among them.

    Args:
        x: one pair of total inputs, shape (2,), nM.
        theta, eta, n, resource: as in `circuits.input_depletion`.

    Returns:
        The species at steady state, shape (7,), nM: free inputs (2), free resource, complexes (2), outputs (2).

    Raises:
        RuntimeError: the integration failed.
    """
    x, theta, eta = (np.asarray(v, float) for v in (x, theta, eta))

    def rates(_, state):
        free_inputs, free_resource, bound, outputs = state[:2], state[2], state[3:5], state[5:]
        binding = free_resource * (theta * free_inputs) ** n - bound
        return np.concatenate([-n * binding, [-binding.sum()], binding, eta / resource * bound - outputs])

    return _settle(rates, np.concatenate([x, [resource], np.zeros(4)]))


def saturated_phosphorylation(x, theta, y_tot: float, saturation: float) -> np.ndarray:
    """Steady state of Y₂ + x₁ ⇌ E₁ → Y₁ + x₁ and Y₁ + x₂ ⇌ E₂ → Y₂ + x₂, started with all protein in Y₂.

    Enzymes hold their protein while they work, which is what saturates them. Each unbinds as often as it finishes
    the reaction, so with θᵢ as rate constant of the unsaturated enzyme binding goes at 2θᵢ and both others at θᵢK,
    K = saturation·y_tot, all divided by `ENZYME_DILUTION` (Goldbeter & Koshland 1981, whose formula leaves out the
    protein that enzymes hold).

    Args:
        x: one pair of inputs (phosphatase, kinase), shape (2,), nM, neither 0.
        theta, y_tot, saturation: as in `circuits.goldbeter_koshland`; θ per hour too.

    Returns:
        (y₁, y₂) at steady state, shape (2,), nM: dephosphorylated and phosphorylated protein.

    Raises:
        RuntimeError: the integration failed.
    """
    x, theta = np.asarray(x, float), np.asarray(theta, float)
    michaelis = saturation * y_tot

    def rates(_, state):
        protein, held = state[:2], state[2:]  # held: by the enzymes, in units of the dilution
        binding = 2 * theta * (x - held) * protein[::-1]
        turnover = theta * michaelis * held  # the rate of finishing, and of unbinding
        return np.concatenate([turnover - binding[::-1] + turnover[::-1], (binding - 2 * turnover) / ENZYME_DILUTION])

    # Near the steady state the cycle relaxes at least this fast, per hour.
    slowest = (theta * x).sum() * (saturation / (1 + saturation)) ** 2
    return _settle(rates, np.array([0.0, y_tot, 0.0, 0.0]), 40 / slowest)[:2]


def complex_formation_with_mixing(x, theta, eta, n: float, leak: float, mixing: float) -> np.ndarray:
    """Steady state of `complex_formation` with X₁ + X₂ + R ⇌ M and R → R + Yᵢ beside its reactions.

    M binds at mixing·θ₁θ₂ and unbinds at 1 per hour; it makes nothing. The empty resource makes Yᵢ at leak·ηᵢ.

    Args:
        x: one pair of inputs, shape (2,), nM.
        theta, eta, n, leak, mixing: as in `circuits.mixed_complex`.

    Returns:
        The two outputs at steady state, shape (2,), nM.

    Raises:
        RuntimeError: the integration failed.
    """
    x, theta, eta = (np.asarray(v, float) for v in (x, theta, eta))
    binding = np.append((theta * x) ** n, mixing * theta[0] * x[0] * theta[1] * x[1])

    def rates(_, state):
        bound, outputs = state[:3], state[3:]
        free_resource = 1.0 - bound.sum()
        return np.concatenate([binding * free_resource - bound, eta * (leak * free_resource + bound[:2]) - outputs])

    return _settle(rates, np.zeros(5))[3:]
