"""Measurement noise: an additive and a proportional part, given or estimated from replicates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy


@dataclass(frozen=True)
class Noise:
    """Gaussian noise of standard deviation √(additive² + (proportional·y)²) around the noise-free output y.

    Attributes:
        additive: nM, or whatever unit the outputs have.
        proportional: a share of the output.
    """

    additive: float = 0.0
    proportional: float = 0.0

    def __post_init__(self):
        for name, value, unit in (("noise", self.additive, " nM"), ("proportional noise", self.proportional, "")):
            if not (np.isfinite(value) and value >= 0):
                raise ValueError(f"the {name} is {value}{unit}; it must be 0 or positive.")

    def sd(self, y: np.ndarray) -> np.ndarray:
        """Standard deviation at noise-free outputs y, of the same shape and unit."""
        return np.hypot(self.additive, self.proportional * np.asarray(y, float))


def estimate_noise(means: np.ndarray, variances: np.ndarray, degrees: np.ndarray) -> Noise:
    """The noise under which the variances of replicates are most likely.

    A sample variance s² with f degrees of freedom is σ²χ²/f, so its log-likelihood is −f(log σ² + s²/σ²)/2 with
    σ² = additive² + (proportional·mean)².

    Args:
        means: of G groups of replicates, shape (G,).
        variances: their sample variances, shape (G,).
        degrees: replicates less one, shape (G,), positive.

    Raises:
        ValueError: there is no group of replicates.
    """
    if not len(means):
        raise ValueError("no condition was measured twice; the noise cannot be estimated without replicates.")
    pooled = float(np.average(variances, weights=degrees))
    if pooled == 0:
        return Noise()
    level = float(np.sqrt(np.average(np.square(means), weights=degrees))) or 1.0

    def cost(logs: np.ndarray) -> float:
        variance = np.exp(2 * logs[0]) + np.exp(2 * logs[1]) * np.square(means / level)
        return float((degrees * (np.log(variance) + variances / variance)).sum())

    around = 0.5 * np.log(pooled)
    bounds = [(around - 10, around + 5)] * 2
    starts = ((0.0, -3.0), (-3.0, 0.0), (-0.3, -0.3))
    found = [scipy.optimize.minimize(cost, np.add(around, start), bounds=bounds, method="L-BFGS-B") for start in starts]
    additive, relative = np.exp(min(found, key=lambda one: one.fun).x).tolist()
    negligible = np.exp(around - 9)  # at its bound: the replicates do not ask for this part
    return Noise(additive if additive > negligible else 0.0, relative / level if relative > negligible else 0.0)
