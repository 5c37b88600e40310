"""Circuits against closed-form limits, the identities of the family, and the reaction networks behind them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewerwells import circuits, reactions

concentration = st.floats(0.0, 50.0)
positive = st.floats(0.05, 20.0)
theta = st.tuples(st.floats(0.01, 1.0), st.floats(0.01, 1.0))
eta = st.tuples(st.floats(1.0, 1000.0), st.floats(1.0, 1000.0))
hill = st.floats(0.5, 5.0)


@given(st.tuples(concentration, concentration), theta, eta)
def test_one_part_complex_is_simple_activation(x, theta, eta):
    np.testing.assert_array_equal(
        circuits.n_part_complex(x, theta, eta, n=1.0), circuits.simple_activation(x, theta, eta)
    )


@given(theta, eta, hill)
def test_saturation_and_silence(theta, eta, n):
    far = circuits.n_part_complex([1e9, 0.0], theta, eta, n)
    np.testing.assert_allclose(far, [eta[0], 0.0], rtol=1e-3)
    np.testing.assert_array_equal(circuits.n_part_complex([0.0, 0.0], theta, eta, n), [0.0, 0.0])


@given(theta, eta, hill)
def test_half_saturation_at_one_over_theta(theta, eta, n):
    y = circuits.n_part_complex([1 / theta[0], 0.0], theta, eta, n)
    assert y[0] == pytest.approx(eta[0] / 2)


@given(theta, eta, hill)
def test_initial_slope_on_log_axes_is_n(theta, eta, n):
    low = np.array([[1e-4, 0.0], [1e-3, 0.0]]) / theta[0]
    y = circuits.n_part_complex(low, theta, eta, n)[:, 0]
    assert np.log10(y[1] / y[0]) == pytest.approx(n, rel=0.02)


@given(st.tuples(positive, positive), theta, eta, hill)
def test_isocost_identities(x, theta, eta, n):
    """The line y₁/η₁ + y₂/η₂ = S/(1+S), and the ratio of relative outputs, (θ₁x₁/θ₂x₂)ⁿ."""
    share = circuits.n_part_complex(x, theta, eta, n) / eta
    total = (theta[0] * x[0]) ** n + (theta[1] * x[1]) ** n
    assert share.sum() == pytest.approx(total / (1 + total))
    assert share[0] / share[1] == pytest.approx((theta[0] * x[0] / (theta[1] * x[1])) ** n)


@given(st.tuples(positive, positive), theta, st.floats(1, 1000), st.floats(0.1, 10))
def test_cycle_depends_on_the_ratio_alone_and_keeps_its_total(x, theta, y_tot, factor):
    y = circuits.phosphorylation_cycle(x, theta, y_tot)
    np.testing.assert_allclose(circuits.phosphorylation_cycle(np.multiply(x, factor), theta, y_tot), y, rtol=1e-12)
    assert y.sum() == pytest.approx(y_tot)


def test_more_phosphatase_means_more_dephosphorylated_protein():
    x1 = np.linspace(0.1, 20, 50)
    y1 = circuits.phosphorylation_cycle(np.stack([x1, np.full_like(x1, 5.0)], axis=1))[:, 0]
    assert np.all(np.diff(y1) > 0)


def test_origin_of_the_cycle_follows_the_convention():
    np.testing.assert_array_equal(circuits.phosphorylation_cycle([0.0, 0.0], y_tot=40.0), [20.0, 20.0])


@pytest.mark.parametrize(
    ("function", "n", "b", "scale"),
    [
        (circuits.simple_activation, 1.0, 1.0, circuits.REFERENCE_ETA),
        (circuits.n_part_complex, 2.0, 1.0, circuits.REFERENCE_ETA),
        (circuits.phosphorylation_cycle, 1.0, 0.0, (circuits.REFERENCE_Y_TOT,) * 2),
    ],
)
def test_family_holds_all_three(function, n, b, scale):
    x = np.random.default_rng(0).uniform(0.1, 20, (50, 2))
    np.testing.assert_array_equal(function(x), circuits.hill_family(x, circuits.REFERENCE_THETA, scale, n, b))


@pytest.mark.parametrize("draw", range(12))
def test_algebra_agrees_with_reaction_networks_at_steady_state(draw):
    rng = np.random.default_rng(draw)
    x, theta, eta, n = rng.uniform(0.1, 20, 2), rng.uniform(0.05, 1, 2), rng.uniform(1, 100, 2), rng.uniform(1, 4)
    settled = reactions.complex_formation(x, theta, eta, n)
    np.testing.assert_allclose(circuits.n_part_complex(x, theta, eta, n), settled, rtol=1e-7)
    settled = reactions.phosphorylation(x, theta, eta[0])
    np.testing.assert_allclose(circuits.phosphorylation_cycle(x, theta, eta[0]), settled, rtol=1e-7)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: circuits.n_part_complex([-1.0, 2.0]), "-1 nM"),
        (lambda: circuits.n_part_complex([1.0, 2.0], n=0), "n is 0"),
        (lambda: circuits.n_part_complex([1.0, 2.0, 3.0]), "shape"),
        (lambda: circuits.simple_activation([1.0, 2.0], theta=(0.0, 1.0)), "theta"),
        (lambda: circuits.hill_family([1.0, 2.0], (1, 1), (1, 1), 1, -0.1), "b is -0.1"),
        (lambda: circuits.Circuit("glow"), "no circuit 'glow'"),
        (lambda: circuits.Circuit("simple_activation", n=2.0), "only n_part_complex"),
        (lambda: circuits.Circuit("phosphorylation_cycle", eta=(40.0, 30.0)), "y_tot"),
    ],
)
def test_impossible_circuits_are_refused_by_name(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("name", circuits.CIRCUITS)
def test_circuit_objects_compute_what_their_functions_compute(name):
    x = np.random.default_rng(1).uniform(0, 20, (20, 2))
    arguments = {"n": 3.0} if name == "n_part_complex" else {}
    np.testing.assert_array_equal(circuits.reference_circuit(name, 3.0)(x), circuits.CIRCUITS[name](x, **arguments))
