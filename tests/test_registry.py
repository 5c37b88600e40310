"""The registry of circuits: complete for every kind, and open to a stranger's file outside the package."""

import importlib
import sys
from contextlib import nullcontext
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib.externals.loky import get_reusable_executor

from fewerwells.book.plots.stills import plot_circuit
from fewerwells.running.experiments import run
from fewerwells.running.parameters import Experiment1, ParameterError, Targets, validate
from fewerwells.science import cores, fitting
from fewerwells.science.circuits import (
    CIRCUITS,
    Circuit,
    CircuitKind,
    Parameter,
    hill_family,
    own_parameters,
    reference_circuit,
    register,
)
from fewerwells.science.datasets import BIG, real_pairs, sobol_inputs
from fewerwells.science.fitting import fit_many
from fewerwells.science.forms import circuit_form
from fewerwells.science.library import MECHANISMS, fit_mechanisms, mechanism_of
from fewerwells.study.table import COLUMNS

positive = st.floats(0.1, 20.0)


def own_values(kind: CircuitKind):
    """Plausible values of a kind's own parameters."""
    return st.fixed_dictionaries(
        {p.name: st.sampled_from(p.choices) if p.choices else st.floats(*p.plausible) for p in kind.own}
    )


@pytest.mark.parametrize("name", CIRCUITS)
@settings(max_examples=8)
@given(data=st.data())
def test_every_formula_is_the_steady_state_of_its_reactions(name, data):
    kind = CIRCUITS[name]
    x = data.draw(st.tuples(positive, positive))
    theta = data.draw(st.tuples(st.floats(0.05, 1.0), st.floats(0.05, 1.0)))
    eta = data.draw(st.tuples(st.floats(1.0, 100.0), st.floats(1.0, 100.0)))
    eta = (eta[0], eta[0]) if kind.shares_total else eta
    own = data.draw(own_values(kind))
    np.testing.assert_allclose(kind(x, theta, eta, **own), kind.reactions(x, theta, eta, **own), rtol=1e-6)


@pytest.mark.parametrize("name", CIRCUITS)
def test_what_a_kind_says_of_itself_holds_together(name):
    kind, circuit = CIRCUITS[name], reference_circuit(name)
    assert kind.name == name
    assert len(set(kind.title)) > 1
    assert circuit.own_parameters == kind.reference
    for parameter in kind.own:
        assert parameter.unit in ("", "nM")
        (low, high), (least, most), (first, last) = parameter.searched, parameter.plausible, parameter.starts
        assert low <= least < most <= high
        assert low <= first < last <= high
        assert least <= parameter.reference <= most
        for value in (least, most, parameter.reference):
            if not parameter.choices or value in parameter.choices:
                parameter.refuse_impossible(value)
        assert least <= parameter.draw(np.random.default_rng(0)) <= most
    if kind.in_family:
        place = kind.place | ({"n": circuit.n} if circuit.n else {})
        x = sobol_inputs(BIG, 64)
        member = hill_family(x, circuit.theta, circuit.eta, **place)
        np.testing.assert_array_equal(member, circuit(x))
    free = {c.name for c in circuit_form(circuit).coordinates}
    assert free >= {p.name for p in kind.own if not p.choices}
    assert mechanism_of(circuit) in MECHANISMS


def test_every_own_parameter_is_a_column_and_no_two_mean_different_things():
    assert set(own_parameters()) < set(COLUMNS)
    for name, parameter in own_parameters().items():
        same = [p for kind in CIRCUITS.values() for p in kind.own if p.name == name]
        assert {(p.unit, p.words) for p in same} == {(parameter.unit, parameter.words)}


@pytest.mark.parametrize("name", CIRCUITS)
def test_changed_circuits_keep_what_was_not_changed(name):
    circuit = reference_circuit(name)
    assert replace(circuit, theta=(0.1, 0.3)).own == circuit.own
    assert replace(circuit, theta=(0.1, 0.3)).theta == (0.1, 0.3)
    for key, value in circuit.own:
        changed = replace(circuit, **{key: value / 2})
        assert changed.own_parameters == circuit.own_parameters | {key: value / 2}
        assert changed != circuit
        assert changed.label != circuit.label
        assert repr(changed) != repr(circuit)
    assert eval(repr(circuit)) == circuit


STRANGER = '''
"""An AND gate: both inputs must sit at the gene, and a repressor takes a share of them away."""
from fewerwells.science.circuits import CircuitKind, Parameter, register


def and_gate(x, theta, eta, strictness):
    bound = (theta * x).prod(axis=-1, keepdims=True)
    return eta * bound / (1 + strictness * (theta * x) + bound)


AND_GATE = register(
    CircuitKind(
        "and_gate",
        title="AND gate",
        label="AND gate",
        formula=and_gate,
        own=(Parameter("strictness", "strictness", 1.5, plausible=(0.5, 5), searched=(1e-3, 1e3), starts=(0.1, 10)),),
    )
)
'''


@pytest.fixture
def and_gate(tmp_path, monkeypatch):
    """A stranger's file, imported; it is forgotten afterwards."""
    (tmp_path / "strangers_circuit.py").write_text(STRANGER, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("strangers_circuit").AND_GATE
    del CIRCUITS["and_gate"], sys.modules["strangers_circuit"]


class TestStranger:
    def test_circuit_and_label(self, and_gate):
        circuit = reference_circuit("and_gate")
        assert circuit.label == "AND gate"
        assert replace(circuit, strictness=3.0).label == "AND gate, strictness = 3"
        np.testing.assert_allclose(circuit([5.0, 2.5]), [40 / 3.5, 30 / 3.5])
        with pytest.raises(ValueError, match="the strictness is -1; it must be positive"):
            Circuit("and_gate", strictness=-1)

    def test_fits_also_in_other_processes(self, and_gate, monkeypatch):
        circuit = Circuit("and_gate", theta=(0.3, 0.2), eta=(50.0, 20.0), strictness=2.0)
        wells = [real_pairs(circuit, 60, seed, noise=0.0) for seed in range(2)]
        alone = fit_many("true", wells, circuit)
        assert alone[0].parameters["strictness"] == pytest.approx(2.0, rel=1e-4)
        monkeypatch.setattr(fitting, "PARALLEL_FROM", 1)
        monkeypatch.setattr(cores, "usable_cores", lambda: [0, 1])
        get_reusable_executor().shutdown()  # workers that another test has started do not know the stranger's folder
        assert [fit.parameters for fit in fit_many("true", wells, circuit)] == [fit.parameters for fit in alone]

    def test_library_of_mechanisms_does_not_hold_it(self, and_gate):
        circuit = reference_circuit("and_gate")
        assert mechanism_of(circuit) == ""
        assert "and_gate" not in fit_mechanisms([real_pairs(circuit, 20, 0)])

    def test_experiment(self, and_gate):
        settings = validate({"profile": "smoke", "circuit": "and_gate", "volumes": [10]}, Experiment1)
        table = run(settings)
        assert set(table["target"]) == {"AND gate"}
        assert set(table["strictness"]) == {1.5}
        assert table[["n", "b"]].isna().all(axis=None)
        assert list(table.columns[: len(COLUMNS)]) == list(COLUMNS)
        assert reference_circuit("and_gate") in Targets(profile="smoke").targets
        with pytest.raises(ParameterError, match="hill_coefficient is 3 and circuit is and_gate, which has none"):
            validate({"circuit": "and_gate", "hill_coefficient": 3.0}, Experiment1)

    def test_picture(self, and_gate):
        figure, both = plt.subplots(1, 2)
        plot_circuit(reference_circuit("and_gate"), both)
        plt.close(figure)


def looping(x, theta, eta, n):
    """Right for one set of parameters, wrong for a stack."""
    return np.stack([eta[0] * x[..., 0] ** n, eta[1] * x[..., 1]], axis=-1)


def squared(x, theta, eta):
    return eta**2 * theta * x


GOOD = CIRCUITS["simple_activation"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "simple_activation", "formula": squared}, "there is a circuit simple_activation already"),
        ({"name": "two words"}, "'two words'"),
        ({"formula": lambda x, theta: x}, "cannot be called with x, theta, eta"),
        ({"reactions": lambda x: x}, "cannot be called with x, theta, eta"),
        ({"formula": looping, "own": CIRCUITS["n_part_complex"].own}, "must be linear in eta and take stacks"),
        ({"formula": squared}, "must be linear in eta"),
    ],
)
def test_a_kind_that_would_fail_later_is_refused_now(changes, words):
    with pytest.raises(ValueError, match=words):
        register(replace(GOOD, **({"name": "new"} | changes)))
    assert "new" not in CIRCUITS
    assert CIRCUITS["simple_activation"] is GOOD


def test_a_cell_that_runs_again_replaces_its_own_circuit(and_gate):
    again = replace(and_gate, label="and gate")
    assert register(again) is again
    assert reference_circuit("and_gate").label == "and gate"


@given(st.floats())
def test_parameters_take_what_they_say(value):
    for parameter in own_parameters().values():
        possible = (0 if parameter.may_be_zero else 5e-324) <= value <= min(parameter.highest, 1.7976931348623157e308)
        refusal = (
            nullcontext() if possible else pytest.raises(ValueError, match=f"the {parameter.words} is .*; it must")
        )
        with refusal:
            parameter.refuse_impossible(value)


def test_a_parameter_that_may_be_zero_is_drawn_evenly_and_others_by_orders_of_magnitude():
    rng = np.random.default_rng(0)
    wide = Parameter("k", "k", 1.0, plausible=(0.01, 100.0), searched=(1e-3, 1e3), starts=(0.1, 10.0))
    assert np.median([wide.draw(rng) for _ in range(4000)]) == pytest.approx(1.0, rel=0.3)
    even = replace(wide, plausible=(0.0, 1.0), linear_below=0.1)
    assert np.mean([even.draw(rng) for _ in range(4000)]) == pytest.approx(0.5, abs=0.02)
