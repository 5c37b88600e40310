"""Sampling, noise and pairing of data."""

import numpy as np
import pytest
from scipy import stats

from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import (
    BIG,
    SMALL,
    Pairs,
    random_stream,
    real_pairs,
    sobol_inputs,
    synthetic_pairs,
    uniform_inputs,
)

COMPLEX = reference_circuit("n_part_complex", 2.0)


def test_inputs_are_uniform_on_their_domain():
    x = uniform_inputs(BIG, 5000, random_stream(0, "test inputs"))
    for column in x.T:
        assert stats.kstest(column, stats.uniform(0, 20).cdf).pvalue > 1e-3
    assert np.all(SMALL.contains(x) == np.all(x <= 10, axis=1))


def test_noise_is_gaussian_with_the_given_deviation_and_on_outputs_only():
    pairs = real_pairs(COMPLEX, 5000, seed=3, noise=2.0)
    residual = (pairs.y - COMPLEX(pairs.x)).ravel()
    assert stats.kstest(residual, stats.norm(0, 2.0).cdf).pvalue > 1e-3
    assert SMALL.contains(pairs.x).all()


def test_synthetic_pairs_are_noise_free_on_the_big_domain():
    circuit = reference_circuit("simple_activation")
    pairs = synthetic_pairs(circuit, 2000, seed=0)
    np.testing.assert_array_equal(pairs.y, circuit(pairs.x))
    assert pairs.x.max() > 19


def test_pools_are_nested():
    large, small = real_pairs(COMPLEX, 500, seed=1), real_pairs(COMPLEX, 20, seed=1)
    np.testing.assert_array_equal(large.first(20).x, small.x)
    np.testing.assert_array_equal(large.first(20).y, small.y)


def test_circuits_and_noise_levels_are_paired_within_a_seed():
    other = reference_circuit("phosphorylation_cycle")
    a, b, c = (
        real_pairs(COMPLEX, 50, 7),
        real_pairs(other, 50, 7),
        real_pairs(COMPLEX, 50, 7, noise=3.0),
    )
    np.testing.assert_array_equal(a.x, b.x)
    np.testing.assert_allclose(a.y - COMPLEX(a.x), b.y - other(b.x), atol=1e-12)
    np.testing.assert_allclose(3 * (a.y - COMPLEX(a.x)), c.y - COMPLEX(c.x), atol=1e-12)


def test_streams_differ_between_seeds_and_purposes_and_repeat():
    draws = {
        (seed, purpose): random_stream(seed, purpose).random(4).tobytes()
        for seed in range(5)
        for purpose in ("initial weights", "test inputs", "batch order")
    }
    assert len(set(draws.values())) == len(draws)
    assert random_stream(4, "test inputs").random(4).tobytes() == draws[4, "test inputs"]


def test_sobol_points_fill_the_square_evenly():
    x = sobol_inputs(BIG, 4096)
    counts, *_ = np.histogram2d(*x.T, bins=16, range=[[0, 20], [0, 20]])
    np.testing.assert_array_equal(counts, 16)  # a balanced net: every cell of a 16 × 16 grid holds its share
    assert not np.any(np.all(x == 0, axis=1))  # the cycle has no value at the origin


@pytest.mark.parametrize(
    "call",
    [
        lambda: real_pairs(COMPLEX, 0, 0),
        lambda: real_pairs(COMPLEX, 10, 0, noise=-1.0),
        lambda: real_pairs(COMPLEX, 10, -1),
        lambda: sobol_inputs(BIG, 1000),
        lambda: random_stream(0, "luck"),
        lambda: real_pairs(COMPLEX, 10, 0).first(11),
        lambda: Pairs(np.zeros((3, 2)), np.zeros((4, 2))),
    ],
)
def test_impossible_requests_are_refused(call):
    with pytest.raises(ValueError):
        call()
