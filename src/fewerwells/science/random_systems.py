"""Systems drawn at random from plausible ranges, so that no verdict hangs on one θ and one η.

A system is a source and a target that share θ and η, as in the study; the target is an n-part complex.
"""

from __future__ import annotations

from dataclasses import dataclass

from fewerwells.science.circuits import Circuit
from fewerwells.science.datasets import random_stream

HALF_SATURATION = (1.0, 100.0)  # nM: K = 1/θ, drawn evenly on a logarithmic scale
HILL_COEFFICIENTS = (1.0, 4.0)  # drawn evenly
LARGEST_OUTPUTS = (3.0, 10.0, 30.0, 100.0)  # nM: η, each as likely; with noise of 1 nM this is η/σ


@dataclass(frozen=True)
class RandomSystem:
    """A simple model and the complex circuit that it stands for."""

    source: Circuit
    target: Circuit


def random_system(number: int) -> RandomSystem:
    """The system of that number, always the same.

    K₁ and K₂ log-uniform on `HALF_SATURATION`, n uniform on `HILL_COEFFICIENTS`, η₁ and η₂ from `LARGEST_OUTPUTS`.
    Nothing is thrown away: with K far above 20 nM and a large n, hardly anything is left to learn but noise.

    Raises:
        ValueError: a negative number.
    """
    rng = random_stream(number, "system")
    low, high = HALF_SATURATION
    theta = tuple(float(1 / (low * (high / low) ** share)) for share in rng.random(2))
    eta = tuple(float(value) for value in rng.choice(LARGEST_OUTPUTS, 2))
    n = float(rng.uniform(*HILL_COEFFICIENTS))
    return RandomSystem(
        Circuit("simple_activation", theta=theta, eta=eta), Circuit("n_part_complex", theta=theta, eta=eta, n=n)
    )
