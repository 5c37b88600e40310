"""What is learnt: a system, simulated or measured, behind one interface.

A `Simulated` system knows its truth; a `measured.Measured` one does not, and holds out wells in its place. Both give
wells for a seed, test sets by name, a label, and a plain description; nothing beyond asks for θ, η or n.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from fewerwells.science.circuits import Circuit, CircuitKind
from fewerwells.science.datasets import (
    BIG,
    SMALL,
    Domain,
    Pairs,
    random_stream,
    real_pairs,
    sobol_inputs,
    uniform_inputs,
)
from fewerwells.science.noise import Noise

STUDY_TEST_POINTS = 100  # the study's own test set, drawn anew for each seed
UNIT_NOISE = Noise(additive=1.0)  # the study's
ORIGIN_RADIUS = 1.0  # nM: the phosphorylation cycle has no limit at the origin, so errors are also given without it


@dataclass(frozen=True, eq=False)
class TestSet:
    """Points at which predictions are compared with what is known.

    Attributes:
        x: inputs, shape (M, 2), nM.
        y: target values, shape (M, d), in the unit of the outputs.
        sd: standard error of the target values, shape (M, d); None where they are exact.
        regions: parts of the points by name, each of shape (M,), boolean; "all" among them.
    """

    x: np.ndarray
    y: np.ndarray
    sd: np.ndarray | None = None
    regions: Mapping[str, np.ndarray] = field(default_factory=dict)

    __test__ = False  # not a test class, whatever pytest thinks of the name


class System(ABC):
    """Something that turns two concentrations into outputs.

    Attributes:
        label: how it is called in tables and on axes.
    """

    label: str

    @abstractmethod
    def wells(self, n: int, seed: int, *, domain: Domain | None = None) -> Pairs:
        """What the laboratory measures in n wells.

        Args:
            n: number of wells; the wells of fewer are the first of those of more.
            seed: the paired seed; it draws the same wells whoever learns from them.
            domain: where the wells lie; by default where the laboratory of this system can measure.

        Raises:
            ValueError: fewer than one well, or more than there are.
        """

    @abstractmethod
    def test_sets(self, seed: int) -> dict[str, TestSet]:
        """Test sets by name; one that all seeds share is the same object for each of them."""

    @abstractmethod
    def description(self) -> dict[str, float | str | int | None]:
        """The system as plain values: its columns of a table, and what tells it from every other system."""


def _regions(x: np.ndarray) -> dict[str, np.ndarray]:
    inside = SMALL.contains(x)
    return {"all": np.ones(len(x), bool), "inside": inside, "outside": ~inside}


def study_test_points(circuit: Circuit, seed: int) -> TestSet:
    """The study's test set: 100 inputs uniform on the big domain, one draw a seed, shared by all arms."""
    x = uniform_inputs(BIG, STUDY_TEST_POINTS, random_stream(seed, "test inputs"))
    return TestSet(x, circuit(x), regions=_regions(x))


def sobol_test_points(circuit: Circuit) -> TestSet:
    """4096 Sobol points on the big domain, the same for every seed: the precise version."""
    return _sobol_test_points(circuit, circuit.kind)


@lru_cache(maxsize=4)  # a cell asks once a seed
def _sobol_test_points(circuit: Circuit, _: CircuitKind) -> TestSet:
    x = sobol_inputs(BIG)
    return TestSet(x, circuit(x), regions=_regions(x) | {"off_origin": np.hypot(*x.T) > ORIGIN_RADIUS})


@dataclass(frozen=True)
class Simulated(System):
    """A circuit that is measured with noise: the truth is known.

    Attributes:
        circuit: the real system.
        noise: of its measurement.
    """

    circuit: Circuit
    noise: Noise = UNIT_NOISE

    @property
    def label(self) -> str:
        """That of the circuit."""
        return self.circuit.label

    def wells(self, n: int, seed: int, *, domain: Domain | None = None) -> Pairs:
        """See `System`; inputs are uniform on the domain, by default 0–10 nM."""
        return real_pairs(self.circuit, n, seed, domain=domain or SMALL, noise=self.noise)

    def test_sets(self, seed: int) -> dict[str, TestSet]:
        """The study's 100 points of the seed ("uniform") and 4096 Sobol points ("sobol"), both without noise."""
        return {"uniform": study_test_points(self.circuit, seed), "sobol": sobol_test_points(self.circuit)}

    def description(self) -> dict[str, float | str | int | None]:
        """Label, circuit, its parameters (θ in nM⁻¹, η in nM) and the noise (nM)."""
        both = {"proportional_noise": self.noise.proportional} if self.noise.proportional else {}
        return {"target": self.label, **self.circuit.description(), "noise": self.noise.additive, **both}
