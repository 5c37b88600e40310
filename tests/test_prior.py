"""The prior over circuits against the checked circuits, balance equations and its own promises of what it leaves out."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from fewerwells.science.circuits import CIRCUITS, Circuit, goldbeter_koshland, reference_circuit
from fewerwells.science.datasets import BIG, sobol_inputs
from fewerwells.science.prior import STRUCTURES, Circuits, draw_circuits, draw_plates, structures_without
from fewerwells.science.prior import parameters as ranges

EVERYWHERE = np.vstack([sobol_inputs(BIG, 256), [[0, 0], [0, 3], [4, 0]]])
OUTSIDE = ("input_depletion", "goldbeter_koshland", "mixed_complex")


def same(found, expected, scale=40.0):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * scale)


def outputs(circuits, x=EVERYWHERE):
    return circuits.outputs(np.broadcast_to(x, (len(circuits), *x.shape)))


@pytest.mark.parametrize("name", CIRCUITS)
def test_every_named_circuit_is_in_the_prior_with_its_reference_numbers(name):
    circuit = reference_circuit(name)
    own = circuit.own_parameters
    same(outputs(Circuits.of(circuit))[0], circuit(EVERYWHERE))
    assert any(name in structure.contains and p > 0 for structure, p in STRUCTURES.items())
    within = {
        "half-saturation": (ranges.HALF_SATURATION, [1 / theta for theta in circuit.theta]),
        "largest output": (ranges.LARGEST_OUTPUT, list(circuit.eta)),
        "leak": (ranges.LEAK, [own.get("leak")]),
        "mixing": (ranges.MIXING, [own.get("mixing")]),
        "saturation": (ranges.SATURATION, [own.get("saturation")]),
        "resource": (ranges.RESOURCE, [own["resource"] * max(circuit.theta) if "resource" in own else None]),
        "exponent": ((1, ranges.LARGEST_EXPONENT), [circuit.n]),
    }
    for what, ((low, high), values) in within.items():
        assert all(value is None or low <= value <= high for value in values), what


affinity = st.floats(0.01, 1.0)


@settings(max_examples=30, deadline=None)
@given(st.tuples(affinity, affinity), st.floats(1.0, 4.0), st.floats(0, 0.4), st.floats(0, 30), st.floats(0.003, 10))
def test_named_circuits_agree_at_any_numbers(theta, n, leak, mixing, saturation):
    eta = (30.0, 40.0)
    for circuit in (
        Circuit("n_part_complex", theta, eta, n=n),
        Circuit("mixed_complex", theta, eta, n=n, leak=leak, mixing=mixing),
        Circuit("goldbeter_koshland", theta, (40.0, 40.0), saturation=saturation),
    ):
        found, expected = outputs(Circuits.of(circuit))[0], circuit(EVERYWHERE)
        # where a cycle stands at its switch, the roundings of its inputs are magnified by its own steepness
        loose = 1e-12 / min(1.0, saturation) if circuit.name == "goldbeter_koshland" else 1e-12
        np.testing.assert_allclose(found, expected, rtol=0, atol=40 * loose)


N_PART = Circuits.of(reference_circuit("n_part_complex"))
CYCLE = Circuits.of(reference_circuit("phosphorylation_cycle"))


@pytest.mark.parametrize(
    ("larger", "limit"),
    [
        (replace(Circuits.of(reference_circuit("mixed_complex")), leak=np.zeros((1, 2)), mixing=np.zeros(1)), N_PART),
        (replace(Circuits.of(reference_circuit("input_depletion")), resource=np.array([1e-9])), N_PART),
        (replace(CYCLE, core=np.array([2]), saturation=np.array([[1e9, 1e9]])), CYCLE),
        (replace(N_PART, inputs=np.array([2]), capture=np.array([1e12])), N_PART),
        (replace(N_PART, step=np.array([[1e9, 1e9]])), N_PART),
        (replace(N_PART, wave=np.full((1, 2, 8, 4), 1e-10)), N_PART),
    ],
    ids=["leak and mixing", "resource", "saturation", "titration", "second step", "disturbance"],
)
def test_a_structure_reaches_what_it_says_to_contain(larger, limit):
    np.testing.assert_allclose(outputs(larger), outputs(limit), rtol=0, atol=1e-6)


def test_a_cycle_with_two_michaelis_constants_is_at_a_steady_state():
    theta, (j_1, j_2) = (0.2, 0.4), (0.05, 3.0)
    cycle = replace(CYCLE, core=np.array([2]), saturation=np.array([[j_1, j_2]]), eta=np.ones((1, 2)))
    x = EVERYWHERE[EVERYWHERE.min(axis=1) > 0]
    first, second = outputs(cycle, x)[0].T
    forward, back = theta[0] * x[:, 0] * second / (1 + second / j_1), theta[1] * x[:, 1] * first / (1 + first / j_2)
    np.testing.assert_allclose(first + second, 1, rtol=1e-12)
    np.testing.assert_allclose(forward, back, rtol=1e-9)


def test_titrated_inputs_balance():
    capture = 0.7
    plain = replace(Circuits.plain(1), eta=np.ones((1, 2)))
    titrated = replace(plain, inputs=np.array([2]), capture=np.array([capture]))
    x = EVERYWHERE[EVERYWHERE.min(axis=1) > 0]
    share = outputs(titrated, x)[0]
    free = share / (1 - share.sum(axis=1, keepdims=True))  # of simple activation with θ = 1
    bound = x - free
    np.testing.assert_allclose(bound[:, 0], bound[:, 1], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(free.prod(axis=1), capture * bound[:, 0], rtol=1e-6)


def test_a_gate_without_crosstalk_answers_its_own_input_alone():
    gate = replace(Circuits.plain(1), core=np.array([1]), n=np.array([[2.0, 3.0]]), eta=np.array([[5.0, 7.0]]))
    x = EVERYWHERE
    same(outputs(gate)[0], [5, 7] * x ** [2, 3] / (1 + x ** [2, 3]))


def test_a_circuit_does_not_depend_on_those_beside_it():
    circuits = draw_circuits(400, np.random.default_rng(1))
    together = outputs(circuits)  # more points than are computed at a time
    for index in range(0, 400, 37):
        np.testing.assert_array_equal(outputs(circuits[index : index + 1])[0], together[index])


def test_draws_are_circuits():
    circuits = draw_circuits(20_000, np.random.default_rng(2))
    y = circuits.outputs(np.random.default_rng(3).uniform(0, 50, (20_000, 5, 2)))
    assert np.isfinite(y).all()
    assert (y >= 0).all()
    assert ((1 / circuits.theta >= 1) & (1 / circuits.theta <= 100)).all()
    assert ((circuits.n >= 1) & (circuits.n <= 4)).all()


def test_the_same_generator_draws_the_same_plates():
    first, second = (draw_plates(9, 20, 7, np.random.default_rng(5)) for _ in range(2))
    for name in ("x", "y", "noise", "queries", "truth", "outside"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_structures_are_drawn_as_often_as_the_catalogue_says():
    assert sum(STRUCTURES.values()) == pytest.approx(1)
    circuits = draw_circuits(50_000, np.random.default_rng(4))
    found = np.bincount(3 * circuits.core + circuits.inputs, minlength=9)
    code = {"competition": 0, "gates": 1, "cycle": 2}, {"free": 0, "depleted": 1, "titrated": 2}
    expected = np.zeros(9)
    for structure, p in STRUCTURES.items():
        expected[3 * code[0][structure.core] + code[1][structure.inputs]] += p
    drawn = expected > 0
    assert not found[~drawn].any()
    assert chisquare(found[drawn], 50_000 * expected[drawn] / expected.sum()).pvalue > 1e-4


@pytest.mark.parametrize("left_out", [*[(name,) for name in CIRCUITS], OUTSIDE, OUTSIDE[:2]])
def test_nothing_that_contains_what_is_left_out_is_drawn(left_out):
    kept = structures_without(left_out)
    assert sum(kept.values()) == pytest.approx(1)
    assert all(structure.contains.isdisjoint(left_out) for structure in kept)
    circuits = draw_circuits(20_000, np.random.default_rng(6), left_out)
    competition, cycle = circuits.core == 0, circuits.core == 2
    if "goldbeter_koshland" in left_out or "phosphorylation_cycle" in left_out:
        assert not cycle.any()
    if "input_depletion" in left_out:
        assert not (circuits.inputs == 1).any()
    if "mixed_complex" in left_out:
        assert not circuits.leak[competition].any()
        assert not circuits.mixing.any()
    if "n_part_complex" in left_out:
        assert (circuits.n[competition & (circuits.empty == 1)] == 1).all()
    if "phosphorylation_cycle" in left_out:
        assert circuits.empty[competition].all()


def test_a_cycle_of_the_prior_is_the_published_formula():
    circuits = draw_circuits(500, np.random.default_rng(8))
    plain = np.flatnonzero(
        (circuits.core == 2)
        & (circuits.inputs == 0)
        & np.isinf(circuits.step).all(axis=1)
        & (circuits.n == 1).all(axis=1)
        & (circuits.saturation[:, 0] == circuits.saturation[:, 1])
        & ~circuits.wave[..., 3].any(axis=(1, 2))
    )
    assert len(plain) > 5
    for index in plain:
        one = circuits[index : index + 1]
        expected = goldbeter_koshland(EVERYWHERE, one.theta[0], one.eta[0, 0], one.saturation[0, 0])
        np.testing.assert_allclose(outputs(one)[0], expected, rtol=0, atol=1e-9 * one.eta[0, 0])


def test_noise_is_what_the_plates_say():
    circuits = draw_circuits(3000, np.random.default_rng(9))
    plates = draw_plates(3000, 30, 2, np.random.default_rng(10), circuits=circuits)
    exact = circuits.outputs(plates.x)
    spread = np.hypot(plates.noise[:, None, :2], plates.noise[:, None, 2:] * exact)
    read = np.isfinite(plates.y) & (spread > 0)  # a plate whose outputs are all 0 has no scale for its noise
    assert np.mean(spread == 0) < 0.01
    z = (plates.y - exact)[read] / spread[read]
    assert abs(z.mean()) < 4 / np.sqrt(z.size)
    assert z.std() == pytest.approx(1, abs=0.01)
    np.testing.assert_array_equal(plates.truth, circuits.outputs(plates.queries))


def test_plates_have_one_input_or_one_output_now_and_then():
    plates = draw_plates(2000, 30, 10, np.random.default_rng(11))
    one_input = (plates.x[..., 1] == 0).all(axis=1)
    assert 0.03 < one_input.mean() < 0.08
    assert (plates.queries[one_input, :, 1] == 0).all()
    assert 0.03 < np.isnan(plates.y[..., 1]).all(axis=1).mean() < 0.08
    assert np.isfinite(plates.y[..., 0]).all()
    assert 0.25 < plates.outside.mean() < 0.6


@pytest.mark.parametrize("numbers", [(0, 5, 5), (5, 0, 5), (5, 5, 0)])
def test_empty_plates_are_refused(numbers):
    with pytest.raises(ValueError, match="at least 1"):
        draw_plates(*numbers, np.random.default_rng(0))


def test_unknown_circuits_cannot_be_left_out():
    with pytest.raises(ValueError, match="no circuit 'repressilator'"):
        draw_circuits(5, np.random.default_rng(0), ["repressilator"])
