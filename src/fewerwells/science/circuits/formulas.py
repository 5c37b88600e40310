"""The formulas of the circuits, for whole stacks of parameters at once; nothing is checked here.

θ and η have the shape (..., 1, 2) or (2,), other parameters (..., 1, 1) or are plain numbers, against inputs of shape
(N, 2), nM. Every formula is linear in η.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def stacked(formula: Callable, x: np.ndarray, theta: np.ndarray, **own: np.ndarray) -> np.ndarray:
    """Outputs of a formula at η = 1, shape (..., N, 2), nM, for whole stacks of parameters at once.

    Args:
        formula: of a `CircuitKind`, or `hill_formula`.
        x: inputs, shape (N, 2), nM, not negative.
        theta: affinities, shape (..., 2), nM⁻¹, positive.
        own: the formula's other parameters by name, each of shape (...) or one number for the whole stack.
    """
    own = {name: np.asarray(value, float)[..., None, None] for name, value in own.items()}
    return formula(x, np.asarray(theta, float)[..., None, :], 1.0, **own)


def hill_formula(x, theta, eta, n, b):
    """The family that holds the study's circuits, see `hill_family`; ηᵢ/2 where the denominator is 0."""
    bound = (theta * x) ** n
    total = b + bound.sum(axis=-1, keepdims=True)
    empty = total == 0
    return eta * np.where(empty, 0.5, bound / np.where(empty, 1.0, total))


def depletion(x, theta, eta, n, resource):
    """Complexes that use up their inputs, see `input_depletion`; n is 1 or 2 for the whole stack."""

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


def saturated_cycle(x, theta, eta, saturation):
    """A cycle with busy enzymes, see `goldbeter_koshland`; ηᵢ/2 at the origin."""
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


def mixture(x, theta, eta, n, leak, mixing):
    """Complexes with a leak and a mixed complex, see `mixed_complex`."""
    scaled = theta * x
    bound = scaled**n
    total = 1 + bound.sum(axis=-1, keepdims=True) + mixing * scaled.prod(axis=-1, keepdims=True)
    return eta * ((leak + bound) / total)
