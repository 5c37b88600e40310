"""Circuits against closed-form limits, the identities of the family, and the reaction networks behind them."""

from dataclasses import replace
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewerwells.science import circuits, reactions

concentration = st.floats(0.0, 50.0, allow_subnormal=False)
positive = st.floats(0.05, 20.0)
theta = st.tuples(st.floats(0.01, 1.0), st.floats(0.01, 1.0))
eta = st.tuples(st.floats(1.0, 1000.0), st.floats(1.0, 1000.0))
hill = st.floats(0.5, 5.0)
strength = st.floats(-3.0, 3.0).map(lambda power: 10**power)
GRID = np.stack(np.meshgrid(np.linspace(0, 20, 101), np.linspace(0, 20, 101)), axis=-1)  # the big domain, nM


def largest_departure(y, nearest) -> float:
    """As a share of the largest output, which the calls below set to 1 nM."""
    return float(np.max(np.abs(y - nearest)))


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


def depleted_complexes(x, theta, n: int, resource: float) -> list[float]:
    """C₁ and C₂ by bisection for the free resource with 60 digits: slow, plain and another way than the package's."""
    with localcontext() as context:
        context.prec = 60
        x, theta, total = [Decimal(v) for v in x], [Decimal(v) for v in theta], Decimal(resource)

        def complexes(free_resource):
            free_inputs = (
                [v / (1 + free_resource * t) for v, t in zip(x, theta, strict=True)]
                if n == 1
                else [
                    ((1 + 8 * free_resource * t**2 * v).sqrt() - 1) / (4 * free_resource * t**2)
                    for v, t in zip(x, theta, strict=True)
                ]
            )
            return [free_resource * (t * v) ** n for v, t in zip(free_inputs, theta, strict=True)]

        low, high = Decimal(0), total
        for _ in range(120):
            middle = (low + high) / 2
            low, high = (low, middle) if middle + sum(complexes(middle)) > total else (middle, high)
        return [float(c) for c in complexes(high)]


@given(
    st.tuples(st.floats(0, 1e3), st.floats(0, 1e3)), st.tuples(strength, strength), st.sampled_from([1, 2]), strength
)
def test_depletion_solves_its_equations(x, theta, n, resource):
    y = circuits.input_depletion(x, theta, (1.0, 1.0), n, resource)
    np.testing.assert_allclose(y * resource, depleted_complexes(x, theta, n, resource), rtol=1e-9, atol=1e-15)


@given(st.tuples(concentration, concentration), theta, eta, st.sampled_from([1, 2]), strength)
def test_depletion_binds_no_more_than_there_is(x, theta, eta, n, resource):
    bound = circuits.input_depletion(x, theta, eta, n, resource) / eta * resource
    assert np.all(bound >= 0)
    assert np.all(n * bound <= np.multiply(x, 1 + 1e-12))
    assert bound.sum() <= resource * (1 + 1e-12)
    copies = np.array(x) ** n
    assert np.all(bound[copies == 0] == 0)
    assert np.all(bound[copies > 1e-290] > 0)  # what is left of less may be below the smallest number that there is


@given(st.tuples(concentration, concentration), theta, eta, st.sampled_from([1, 2]))
def test_without_much_resource_nothing_is_depleted(x, theta, eta, n):
    y = circuits.input_depletion(x, theta, eta, n, resource=1e-10)
    np.testing.assert_allclose(y, circuits.n_part_complex(x, theta, eta, n), rtol=1e-6, atol=1e-300)


def test_a_depleted_point_does_not_depend_on_its_companions():
    x = np.random.default_rng(2).uniform(0, 20, (40, 2))
    together = circuits.input_depletion(x)
    np.testing.assert_array_equal(together, [circuits.input_depletion(alone) for alone in x])
    np.testing.assert_array_equal(circuits.input_depletion(np.zeros((3, 2))), 0.0)


@given(st.tuples(positive, positive), theta, st.floats(1, 1000), strength, st.floats(0.1, 10))
def test_saturated_cycle_balances_its_flows(x, theta, y_tot, saturation, factor):
    y = circuits.goldbeter_koshland(x, theta, y_tot, saturation)
    assert y.sum() == pytest.approx(y_tot)
    flow = np.multiply(theta, x) * y[::-1] / (saturation * y_tot + y[::-1])
    assert flow[0] == pytest.approx(flow[1], rel=1e-9)
    np.testing.assert_allclose(
        circuits.goldbeter_koshland(np.multiply(x, factor), theta, y_tot, saturation), y, rtol=1e-9
    )
    swapped = circuits.goldbeter_koshland(x[::-1], theta[::-1], y_tot, saturation)
    np.testing.assert_array_equal(swapped, y[::-1])


@given(st.tuples(concentration, concentration), theta, st.floats(1, 1000))
def test_unsaturated_goldbeter_koshland_is_the_phosphorylation_cycle(x, theta, y_tot):
    y = circuits.goldbeter_koshland(x, theta, y_tot, saturation=1e9)
    np.testing.assert_allclose(y, circuits.phosphorylation_cycle(x, theta, y_tot), rtol=1e-6, atol=1e-9 * y_tot)


def test_fully_saturated_cycle_is_a_switch():
    y = circuits.goldbeter_koshland([[6.0, 5.0], [5.0, 6.0], [5.0, 0.0], [5.0, 5.0]], (1, 1), 40.0, saturation=1e-9)
    np.testing.assert_allclose(y, [[40.0, 0.0], [0.0, 40.0], [40.0, 0.0], [20.0, 20.0]], atol=1e-6)
    np.testing.assert_array_equal(circuits.goldbeter_koshland([0.0, 0.0], y_tot=40.0), [20.0, 20.0])


@given(st.tuples(concentration, concentration), theta, eta, hill)
def test_without_leak_and_mixing_it_is_the_n_part_complex(x, theta, eta, n):
    np.testing.assert_array_equal(
        circuits.mixed_complex(x, theta, eta, n, leak=0.0, mixing=0.0), circuits.n_part_complex(x, theta, eta, n)
    )


@given(st.tuples(positive, positive), theta, eta, hill, st.floats(0, 1), strength)
def test_the_empty_resource_leaks_and_the_mixed_complex_holds_back(x, theta, eta, n, leak, mixing):
    np.testing.assert_allclose(
        circuits.mixed_complex([0.0, 0.0], theta, eta, n, leak, mixing), np.multiply(leak, eta), rtol=1e-12
    )
    mixed, unmixed = (circuits.mixed_complex(x, theta, eta, n, leak, m) for m in (mixing, 0.0))
    assert np.all(mixed <= unmixed)
    assert np.all(unmixed <= np.multiply(eta, 1 + 1e-12))


# Largest departures from the nearest member of the family, as shares of the largest output, as they were found before
# this package had these circuits. The largest over our fine grid may be a little above the largest over other points.
@pytest.mark.parametrize(("resource", "found"), [(0.1, 0.009), (1.0, 0.090), (5.0, 0.319), (10.0, 0.474)])
def test_depletion_departs_from_the_family_as_far_as_known(resource, found):
    arguments = (GRID, (0.2, 0.1), (1.0, 1.0), 2)
    departure = largest_departure(circuits.input_depletion(*arguments, resource), circuits.n_part_complex(*arguments))
    assert found <= departure < found + 0.006


@pytest.mark.parametrize(("saturation", "found"), [(10.0, 0.009), (1.0, 0.073), (0.1, 0.258), (0.01, 0.408)])
def test_saturation_departs_from_the_family_as_far_as_known(saturation, found):
    arguments = (GRID, (0.2, 0.4), 1.0)
    y, nearest = circuits.goldbeter_koshland(*arguments, saturation), circuits.phosphorylation_cycle(*arguments)
    assert largest_departure(y, nearest) == pytest.approx(found, abs=6e-4)


@pytest.mark.parametrize("n", circuits.DEPLETION_N)
@pytest.mark.parametrize("draw", range(6))
def test_depletion_agrees_with_its_reactions_which_conserve_what_they_should(draw, n):
    rng = np.random.default_rng(draw)
    x, theta, eta = rng.uniform(0.1, 20, 2), rng.uniform(0.05, 1, 2), rng.uniform(1, 100, 2)
    resource = 10 ** rng.uniform(-1, 1.5)
    settled = reactions.complex_formation_with_depletion(x, theta, eta, n, resource)
    free_inputs, free_resource, bound, outputs = settled[:2], settled[2], settled[3:5], settled[5:]
    np.testing.assert_allclose(free_inputs + n * bound, x, rtol=1e-9)
    assert free_resource + bound.sum() == pytest.approx(resource, rel=1e-9)
    np.testing.assert_allclose(circuits.input_depletion(x, theta, eta, n, resource), outputs, rtol=1e-7)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: circuits.n_part_complex([-1.0, 2.0]), "-1 nM"),
        (lambda: circuits.n_part_complex([1.0, 2.0], n=0), "n is 0"),
        (lambda: circuits.n_part_complex([1.0, 2.0, 3.0]), "shape"),
        (lambda: circuits.simple_activation([1.0, 2.0], theta=(0.0, 1.0)), "theta"),
        (lambda: circuits.hill_family([1.0, 2.0], (1, 1), (1, 1), 1, -0.1), "b is -0.1"),
        (lambda: circuits.Circuit("glow"), "no circuit 'glow'"),
        (lambda: circuits.Circuit("simple_activation", n=2.0), "which has no n; only n_part_complex"),
        (lambda: circuits.Circuit("phosphorylation_cycle", eta=(40.0, 30.0)), "y_tot"),
        (lambda: circuits.Circuit("goldbeter_koshland", eta=(40.0, 30.0), saturation=0.1), "y_tot"),
        (lambda: circuits.Circuit("goldbeter_koshland", n=2.0, saturation=0.1), "n = 2 was given"),
        (
            lambda: circuits.Circuit("n_part_complex"),
            "n is missing; n_part_complex needs a number there, 2 for example",
        ),
        (lambda: circuits.Circuit("n_part_complex", n="2"), "n is '2'; n_part_complex needs a number"),
        (lambda: circuits.reference_circuit("phosphorylation_cycle", 2.0), "n = 2 was given for phosphorylation_cycle"),
        (lambda: circuits.Circuit("input_depletion", n=2.0), "resource is missing; input_depletion needs a number"),
        (lambda: circuits.Circuit("n_part_complex", n=2.0, leak=0.1), "leak = 0.1 was given for n_part_complex"),
        (lambda: circuits.Circuit("mixed_complex", n=2.0, leak=0.1, mixing=1.0, saturation=2.0), "saturation = 2"),
        (lambda: circuits.reference_circuit("input_depletion", 3.0), "n is 3.0; it must be 1 or 2"),
        (lambda: circuits.reference_circuit("glow"), "no circuit 'glow'"),
        (lambda: circuits.input_depletion([1.0, 2.0], resource=0.0), "resource is 0.0 nM"),
        (lambda: circuits.input_depletion([1.0, 2.0], resource=float("inf")), "resource is inf nM"),
        (lambda: circuits.input_depletion([1.0, -2.0]), "-2 nM"),
        (lambda: circuits.goldbeter_koshland([1.0, 2.0], saturation=-0.1), "saturation is -0.1"),
        (lambda: circuits.goldbeter_koshland([1.0, 2.0], y_tot=0.0), "eta is"),
        (lambda: circuits.mixed_complex([1.0, 2.0], leak=1.5), "leak is 1.5"),
        (lambda: circuits.mixed_complex([1.0, 2.0], leak=float("nan")), "leak is nan"),
        (lambda: circuits.mixed_complex([1.0, 2.0], mixing=-1.0), "mixing is -1.0"),
    ],
)
def test_impossible_circuits_are_refused_by_name(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("name", circuits.CIRCUITS)
def test_circuit_objects_compute_what_their_functions_compute(name):
    x = np.random.default_rng(1).uniform(0, 20, (20, 2))
    circuit = circuits.reference_circuit(name)
    np.testing.assert_array_equal(circuit(x), getattr(circuits, name)(x))
    assert np.all(circuit(x) <= circuit.largest_output)
    assert circuit.b == (0.0 if name in ("phosphorylation_cycle", "goldbeter_koshland") else 1.0)


@pytest.mark.parametrize(("name", "n"), [("n_part_complex", 3.0), ("input_depletion", 1.0), ("mixed_complex", 1.5)])
def test_circuit_objects_hand_their_hill_coefficient_on(name, n):
    x = np.random.default_rng(1).uniform(0, 20, (20, 2))
    np.testing.assert_array_equal(circuits.reference_circuit(name, n)(x), getattr(circuits, name)(x, n=n))


@pytest.mark.parametrize("name", list(circuits.CIRCUITS))
def test_stacks_of_parameters_give_what_each_circuit_gives(name):
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.uniform(0, 20, (30, 2)), [[0, 0], [5, 0], [0, 5]]])
    theta = np.exp(rng.uniform(-4, 2, (2, 5, 2)))
    whole = circuits.reference_circuit(name)
    own = dict(whole.own_parameters)
    varied = {key: np.exp(rng.uniform(-3, 0, (2, 5))) for key in own if (name, key) != ("input_depletion", "n")}
    stacked = circuits.relative_outputs(name, x, theta, **own | varied)
    assert stacked.shape == (2, 5, 33, 2)
    for index in np.ndindex(2, 5):
        values = {key: value[index] for key, value in varied.items()}
        one = replace(whole, theta=tuple(theta[index]), eta=(1.0, 1.0), **values)
        np.testing.assert_allclose(stacked[index], one(x), rtol=1e-12)


def test_labels_tell_circuits_apart():
    reference = [circuits.reference_circuit(name) for name in circuits.CIRCUITS]
    changed = [
        circuits.reference_circuit("input_depletion", 1.0),
        circuits.Circuit("input_depletion", n=2.0, resource=0.5),
        circuits.Circuit("goldbeter_koshland", eta=(40.0, 40.0), saturation=0.01),
    ]
    assert [circuit.label for circuit in reference + changed] == [
        "simple activation",
        "n = 2",
        "phosphorylation cycle",
        "input depletion",
        "Goldbeter–Koshland",
        "leak and mixed complex",
        "input depletion, n = 1",
        "input depletion, resource = 0.5",
        "Goldbeter–Koshland, saturation = 0.01",
    ]
