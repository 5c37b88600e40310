"""A laboratory that does not pipette exactly: what a well is said to hold is not quite what it holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fewerwells.science.datasets import SMALL, Domain, Pairs, random_stream, uniform_inputs
from fewerwells.science.systems import Simulated


@dataclass(frozen=True)
class Pipetted(Simulated):
    """A circuit whose wells hold each input times exp(ε), ε from N(0, `input_error`²), a draw of its own for each.

    The learner is told the intended concentrations. Inputs, noise and errors of a seed are the same standardised draws
    at every level, and those of `Simulated` at none, so that levels are compared in pairs.

    Attributes:
        circuit: the real system.
        noise: of the outputs.
        input_error: standard deviation of the logarithm of what a well holds over what it should: 0.1 is about 10 %.

    Raises:
        ValueError: the input error is negative or not finite.
    """

    input_error: float = 0.0

    def __post_init__(self):
        if not (np.isfinite(self.input_error) and self.input_error >= 0):
            raise ValueError(f"the input error is {self.input_error}; it must be 0 or positive.")

    def wells(self, n: int, seed: int, *, domain: Domain | None = None) -> Pairs:
        """See `System`; the intended inputs are uniform on the domain, by default 0–10 nM."""
        domain = domain or SMALL
        intended = uniform_inputs(domain, n, random_stream(seed, f"real inputs, {domain.name} domain"))
        of_outputs = random_stream(seed, f"noise, {domain.name} domain")
        (of_inputs,) = of_outputs.spawn(1)
        slips, z = of_inputs.standard_normal((n, 2)), of_outputs.standard_normal((n, 2))
        y = self.circuit(intended * np.exp(self.input_error * slips))
        return Pairs(intended, y + self.noise.sd(y) * z)

    def description(self) -> dict[str, float | str | int | None]:
        """That of `Simulated`, and the input error where there is one."""
        return super().description() | ({"input_error": self.input_error} if self.input_error else {})
