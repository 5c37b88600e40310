"""Gene circuits as pure functions: concentrations in nM in, steady-state outputs in nM out.

All circuits take inputs ``x`` of shape (..., 2), the concentrations x₁ and x₂ in nM, and return outputs of
the same shape, y₁ and y₂ in nM. The three circuits of the study are members of one family,

    yᵢ = ηᵢ (θᵢxᵢ)ⁿ / (b + Σⱼ (θⱼxⱼ)ⁿ),

at (n, b) = (1, 1) for simple activation, (n, 1) for n-part complexes and (1, 0) for the phosphorylation cycle.

Three more stand outside the family, and each comes back to a member of it as one parameter fades: input depletion
(to n-part complexes as `resource` goes to 0), Goldbeter–Koshland (to the phosphorylation cycle as `saturation`
goes to ∞), and a leak with a mixed complex (to n-part complexes as `leak` and `mixing` go to 0).

Everything about a circuit stands in one object, its `CircuitKind`; all that lists circuits reads `CIRCUITS`, to which
`register` adds a new one from any file (see `kinds`).
"""

from fewerwells.science.circuits.circuit import Circuit, reference_circuit, relative_outputs
from fewerwells.science.circuits.family import (
    HILL_COEFFICIENT,
    REFERENCE_N,
    REFERENCE_Y_TOT,
    hill_family,
    n_part_complex,
    phosphorylation_cycle,
    simple_activation,
)
from fewerwells.science.circuits.formulas import hill_formula, stacked
from fewerwells.science.circuits.kinds import (
    CIRCUITS,
    REFERENCE_ETA,
    REFERENCE_THETA,
    CircuitKind,
    Parameter,
    kind_of,
    outside_family,
    own_parameters,
    register,
)
from fewerwells.science.circuits.outside import (
    DEPLETION_N,
    REFERENCE_LEAK,
    REFERENCE_MIXING,
    REFERENCE_RESOURCE,
    REFERENCE_SATURATION,
    goldbeter_koshland,
    input_depletion,
    mixed_complex,
)

__all__ = [
    "CIRCUITS",
    "DEPLETION_N",
    "HILL_COEFFICIENT",
    "REFERENCE_ETA",
    "REFERENCE_LEAK",
    "REFERENCE_MIXING",
    "REFERENCE_N",
    "REFERENCE_RESOURCE",
    "REFERENCE_SATURATION",
    "REFERENCE_THETA",
    "REFERENCE_Y_TOT",
    "Circuit",
    "CircuitKind",
    "Parameter",
    "goldbeter_koshland",
    "hill_family",
    "hill_formula",
    "input_depletion",
    "kind_of",
    "mixed_complex",
    "n_part_complex",
    "outside_family",
    "own_parameters",
    "phosphorylation_cycle",
    "reference_circuit",
    "register",
    "relative_outputs",
    "simple_activation",
    "stacked",
]
