"""Simulated systems against the draws they are made of; noise models against what they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewerwells.science.circuits import CIRCUITS, reference_circuit
from fewerwells.science.datasets import BIG, SMALL, random_stream, real_pairs, uniform_inputs
from fewerwells.science.noise import Noise, estimate_noise
from fewerwells.science.systems import ORIGIN_RADIUS, STUDY_TEST_POINTS, Simulated, sobol_test_points

COMPLEX = reference_circuit("n_part_complex", 2.0)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.3, 1.0, 10.0]), st.sampled_from([SMALL, BIG]))
def test_additive_noise_draws_what_the_study_drew(seed, noise, domain):
    """Bit for bit: inputs and standardised noise have a stream each, and the noise is added as it is."""
    x = uniform_inputs(domain, 20, random_stream(seed, f"real inputs, {domain.name} domain"))
    z = random_stream(seed, f"noise, {domain.name} domain").standard_normal((20, 2))
    wells = Simulated(COMPLEX, Noise(noise)).wells(20, seed, domain=domain)
    np.testing.assert_array_equal(wells.x, x)
    np.testing.assert_array_equal(wells.y, COMPLEX(x) + noise * z)


def test_the_laboratory_measures_in_the_small_domain_unless_told_otherwise():
    np.testing.assert_array_equal(Simulated(COMPLEX).wells(9, 1).y, real_pairs(COMPLEX, 9, 1).y)


@pytest.mark.parametrize("noise", [Noise(2.0), Noise(0.0, 0.1), Noise(1.0, 0.2)], ids=str)
def test_residuals_are_as_large_as_the_noise_says(noise):
    wells = Simulated(COMPLEX, noise).wells(20_000, 3)
    standardised = (wells.y - COMPLEX(wells.x)) / noise.sd(COMPLEX(wells.x))
    assert np.std(standardised) == pytest.approx(1.0, rel=0.02)
    large = COMPLEX(wells.x)[:, 0] > 20
    share = np.std((wells.y - COMPLEX(wells.x))[large, 0]) / np.std((wells.y - COMPLEX(wells.x))[~large, 0])
    assert (share > 1.2) == (noise.proportional > 0)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 1000))
def test_wells_are_nested(few, more, seed):
    system = Simulated(COMPLEX, Noise(0.5, 0.1))
    few, more = sorted((few, more))
    np.testing.assert_array_equal(system.wells(more, seed).first(few).y, system.wells(few, seed).y)


@pytest.mark.parametrize("name", CIRCUITS)
def test_test_sets_are_noise_free_and_the_sobol_points_shared(name):
    system = Simulated(reference_circuit(name), Noise(5.0))
    one, two = (system.test_sets(seed) for seed in (0, 1))
    assert list(one) == ["uniform", "sobol"]
    assert one["sobol"] is two["sobol"]
    assert not np.array_equal(one["uniform"].x, two["uniform"].x)
    assert (len(one["uniform"].x), len(one["sobol"].x)) == (STUDY_TEST_POINTS, 4096)
    for points in one.values():
        np.testing.assert_array_equal(points.y, system.circuit(points.x))
        assert points.sd is None
        np.testing.assert_array_equal(points.regions["inside"], np.all(points.x <= 10, axis=1))
        np.testing.assert_array_equal(points.regions["outside"], ~points.regions["inside"])
        assert points.regions["all"].all()
    far = np.hypot(*one["sobol"].x.T) > ORIGIN_RADIUS
    np.testing.assert_array_equal(one["sobol"].regions["off_origin"], far)


def test_remembered_test_points_are_those_of_the_circuit_asked_for():
    circuits = [reference_circuit(name) for name in CIRCUITS]
    for circuit in (*circuits, *circuits):
        np.testing.assert_array_equal(sobol_test_points(circuit).y[:50], circuit(sobol_test_points(circuit).x[:50]))


def test_descriptions_are_plain_and_tell_systems_apart():
    systems = [
        Simulated(reference_circuit(name), noise) for name in CIRCUITS for noise in (Noise(1.0), Noise(1.0, 0.1))
    ]
    described = [system.description() for system in systems]
    assert all(type(value) in (str, float, int, type(None)) for one in described for value in one.values())
    assert len({str(one) for one in described}) == len(systems)
    assert "proportional_noise" not in described[0]  # at its default it changes nothing
    assert described[0]["target"] == systems[0].label == "simple activation"


def replicated(noise: Noise, rng, groups: int = 400, replicates: int = 3):
    truth = rng.uniform(0, 100, groups)
    y = truth[:, None] + noise.sd(truth)[:, None] * rng.standard_normal((groups, replicates))
    return y.mean(axis=1), y.var(axis=1, ddof=1), np.full(groups, replicates - 1)


@pytest.mark.parametrize("noise", [Noise(2.0), Noise(0.0, 0.1), Noise(1.0, 0.05)], ids=str)
def test_noise_is_found_again_from_replicates(noise):
    found = estimate_noise(*replicated(noise, np.random.default_rng(1)))
    levels = np.array([10.0, 50.0, 90.0])
    np.testing.assert_allclose(found.sd(levels), noise.sd(levels), rtol=0.12)


@settings(max_examples=10)
@given(st.floats(1e-3, 1e3), st.integers(0, 20))
def test_the_estimate_does_not_depend_on_the_unit(unit, seed):
    means, variances, degrees = replicated(Noise(1.0, 0.05), np.random.default_rng(seed), groups=30)
    one, other = estimate_noise(means, variances, degrees), estimate_noise(means * unit, variances * unit**2, degrees)
    np.testing.assert_allclose(other.sd(means * unit), one.sd(means) * unit, rtol=1e-2)


def test_replicates_that_agree_exactly_have_no_noise():
    assert estimate_noise(np.ones(3), np.zeros(3), np.ones(3)) == Noise()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Noise(-1.0), "the noise is -1.0 nM; it must be 0 or positive"),
        (lambda: Noise(float("nan")), "the noise is nan nM"),
        (lambda: Noise(1.0, -0.1), "the proportional noise is -0.1; it must be"),
        (lambda: estimate_noise(np.empty(0), np.empty(0), np.empty(0)), "without replicates"),
        (lambda: Simulated(COMPLEX).wells(0, 1), "at least 1"),
        (lambda: Simulated(COMPLEX).wells(5, -1), "the seed is -1"),
    ],
)
def test_impossible_requests_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
