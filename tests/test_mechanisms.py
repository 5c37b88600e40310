"""The enumerated library: how many, none twice, each named circuit among them, and what is left out for its sake."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from fewerwells.science.circuits import CIRCUITS, reference_circuit
from fewerwells.science.circuits.kinds import CircuitKind
from fewerwells.science.datasets import BIG, sobol_inputs
from fewerwells.science.fitting import Problem, best_distinct, spread_starts
from fewerwells.science.mechanisms import (
    PLAUSIBLE,
    Structure,
    enumerate_structures,
    prior_of,
    structure_of,
    structures_without,
)

X = sobol_inputs(BIG, 64)
LIBRARY = enumerate_structures()

# The parameters at which a structure is a circuit of the reference system.
_K = {"K_1": 5.0, "K_2": 2.5}
NAMED = {
    "simple_activation": (Structure(exponents="one"), _K),
    "n_part_complex": (Structure(), _K | {"n_1": 2.0}),
    "phosphorylation_cycle": (Structure(exponents="one", empty=False, one_eta=True), {"K_1/K_2": 2.0}),
    "input_depletion": (Structure(exponents="two", inputs="depleted"), _K | {"resource": 5.0}),
    "goldbeter_koshland": (
        Structure(exponents="one", empty=False, saturated=True, one_eta=True),
        {"K_1/K_2": 2.0, "saturation": 0.1},
    ),
    "mixed_complex": (Structure(leak=True, mixed="dead"), _K | {"n_1": 2.0, "leak": 0.1, "mixing": 1.0}),
}


def outputs(structure, parameters, x=X):
    return structure.form.relative_outputs({name: np.asarray(value) for name, value in parameters.items()}, x)


def test_the_library_is_wide_and_holds_nothing_twice():
    assert len(LIBRARY) >= 60
    assert len({structure.label for structure in LIBRARY}) == len(set(LIBRARY)) == len(LIBRARY)
    rng = np.random.default_rng(0)
    drawn = {name: np.exp(rng.uniform(*np.log(limits))) for name, limits in PLAUSIBLE.items()}
    drawn |= {"n_1": 1.3, "n_2": 2.7, "leak": 0.2}
    surfaces = [outputs(structure, {name: drawn[name] for name in structure.names}) for structure in LIBRARY]
    same = [
        (a.label, b.label)
        for i, a in enumerate(LIBRARY)
        for j, b in enumerate(LIBRARY[:i])
        if a.one_eta == b.one_eta and np.allclose(surfaces[i], surfaces[j], rtol=1e-6, atol=0)
    ]
    assert same == []


@pytest.mark.parametrize("name", CIRCUITS)
def test_each_named_circuit_is_one_of_them(name):
    structure, parameters = NAMED[name]
    circuit = reference_circuit(name)
    assert structure in LIBRARY
    assert structure == structure_of(circuit)
    assert structure.holds(circuit)
    assert set(structure.names) == set(parameters)
    eta = np.array(circuit.eta)
    np.testing.assert_allclose(eta * outputs(structure, parameters), circuit(X), rtol=1e-10)


def _misfit(structure, circuit):
    """Root mean square of what the best of three searches leaves of a noise-free circuit, nM."""
    x = X[::2]
    problem = Problem(structure.form, x, circuit(x))
    starts = spread_starts(structure.form)[:64]
    begin = best_distinct(starts, problem.sums_of_squares(starts))[:3]
    optima = Problem(structure.form, *(np.stack([values] * len(begin)) for values in (x, circuit(x)))).search(begin)
    return problem.unit * np.sqrt(optima.squares.min() / problem.y.size)


# Of each circuit one entry that holds it as a limit, and the entry that looks most like it and does not hold it.
LIMITS = {
    "n_part_complex": (Structure(leak=True), Structure(exponents="one", second_step=True)),
    "phosphorylation_cycle": (Structure(exponents="one"), Structure("independent", exponents="one", leak=True)),
    "input_depletion": (
        Structure(exponents="two", inputs="depleted", leak=True),
        Structure(inputs="titrated together"),
    ),
    "goldbeter_koshland": (
        Structure(exponents="one", empty=False, saturated=True),
        Structure(empty=False, one_eta=True),
    ),
    "mixed_complex": (
        Structure(exponents="separate", leak=True, mixed="dead"),
        Structure(leak=True, mixed="dead", whole=True),
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_what_is_left_out_is_what_reaches_the_circuit(name):
    """The rule agrees with fits to noise-free wells."""
    circuit = reference_circuit(name)
    limit, lookalike = LIMITS[name]
    left = structures_without(circuit)
    assert 0 < len(left) < len(LIBRARY)
    assert limit in LIBRARY
    assert limit not in left
    assert lookalike in left
    assert _misfit(limit, circuit) < 0.1 < 0.3 < _misfit(lookalike, circuit)


def test_a_circuit_without_leak_and_mixing_is_an_n_part_complex():
    faded = replace(reference_circuit("mixed_complex"), leak=0.0, mixing=0.0)
    assert structures_without(faded) == structures_without(reference_circuit("n_part_complex"))


def test_a_circuit_is_known_by_what_it_gives_and_not_by_its_name(monkeypatch):
    """One registered from elsewhere is found if an entry gives its outputs, and refused if its parameters only look alike."""

    def elsewhere(name, formula, own):
        kind = CircuitKind(name, title=name, label=name, formula=formula, own=own, place={"n": 1.0, "b": 1.0})
        monkeypatch.setitem(CIRCUITS, name, kind)
        return reference_circuit(name)

    plain, leaky = reference_circuit("simple_activation"), reference_circuit("mixed_complex")
    leak = tuple(parameter for parameter in leaky.kind.own if parameter.name == "leak")
    same = elsewhere("renamed", plain.kind.formula, ())
    assert structure_of(same) == structure_of(plain)
    assert structures_without(same) == structures_without(plain)

    def raised(x, theta, eta, leak):  # a leak that adds to the output instead of being part of it
        return plain.kind.formula(x, theta, eta) + leak * np.asarray(eta)

    with pytest.raises(ValueError, match="no enumerated mechanism is known to hold raised"):
        structures_without(elsewhere("raised", raised, leak))


@given(st.floats(0.0, 50.0), st.floats(0.0, 50.0), st.floats(0.01, 20.0), st.floats(0.01, 20.0), st.floats(0.01, 5.0))
def test_decoys_leave_what_mass_action_leaves(x_1, x_2, decoys_1, decoys_2, grip):
    """The root that a bisection finds of x = x̂ + D·x̂/(grip + x̂), seen through a promoter with n = 1."""
    parameters = {"K_1": 5.0, "K_2": 2.0, "decoys_1": decoys_1, "decoys_2": decoys_2, "grip": grip}
    found = outputs(Structure(exponents="one", inputs="titrated"), parameters, np.array([[x_1, x_2]]))
    free = np.array(
        [
            brentq(lambda f, x=x, d=d: f + d * f / (grip + f) - x, 0.0, x, xtol=1e-14) if x else 0.0
            for x, d in ((x_1, decoys_1), (x_2, decoys_2))
        ]
    )
    bound = free / [5.0, 2.0]
    np.testing.assert_allclose(found[0], bound / (1 + bound.sum()), rtol=1e-7, atol=1e-12)


@given(st.floats(0.0, 50.0), st.floats(0.0, 50.0), st.floats(0.01, 20.0), st.floats(0.01, 5.0))
def test_shared_decoys_and_dimers_conserve_what_is_there(x_1, x_2, amount, constant):
    x, total = np.array([[x_1, x_2]]), x_1 + x_2
    shared = {"K_1": 1.0, "K_2": 1.0, "decoys": amount, "grip": constant}
    made = outputs(Structure(exponents="one", inputs="titrated together"), shared, x)[0]
    free = made / (1 - made.sum())  # the inputs that the promoter sees
    assert free.sum() + amount * free.sum() / (constant + free.sum()) == pytest.approx(total, rel=1e-6, abs=1e-9)
    dimerised = outputs(Structure(exponents="one", inputs="dimerised"), _K | {"dimer": constant}, x)[0]
    in_dimers = dimerised / (1 - dimerised.sum()) * [5.0, 2.5]
    np.testing.assert_allclose((x[0] - in_dimers) ** 2, constant * in_dimers / 2, rtol=1e-5, atol=1e-7)


def test_priors_hold_95_percent_in_the_plausible_range():
    for name, limits in PLAUSIBLE.items():
        mean, spread = prior_of(name)
        assert np.exp([mean - 1.959964 * spread, mean + 1.959964 * spread]) == pytest.approx(limits, rel=1e-6)
        (coordinate,) = {c for s in LIBRARY for c in s.form.coordinates if c.name == name} or {None}
        assert coordinate is None or (coordinate.low <= limits[0] and coordinate.high >= limits[1])


@pytest.mark.parametrize("structure", LIBRARY[::9], ids=lambda structure: structure.label)
def test_no_output_exceeds_its_eta_and_stacks_are_what_single_ones_are(structure):
    rng = np.random.default_rng(1)
    stack = {name: np.exp(rng.uniform(*np.log(PLAUSIBLE[name]), size=5)) for name in structure.names}
    edges = np.concatenate([X, [[0.0, 0.0], [0.0, 3.0], [3.0, 0.0]]])
    found = outputs(structure, stack, edges)
    assert found.shape == (5, len(edges), 2)
    assert np.all((found >= 0) & (found <= 1 + 1e-9))
    for row in range(5):
        single = outputs(structure, {name: values[row] for name, values in stack.items()}, edges)
        np.testing.assert_allclose(found[row], single, rtol=1e-12)
