"""Gaussian processes against the textbook formulas and the limits in which the answer is known."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel

from fewerwells.science import cores, gaussian_processes
from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import BIG, Pairs, real_pairs, sobol_inputs
from fewerwells.science.gaussian_processes import SMOOTHNESS, fit_gaussian_processes

COMPLEX = reference_circuit("n_part_complex", 2.0)
EVERYWHERE = sobol_inputs(BIG, 256)


def covariance(smoothness, a, b, amplitude, length_1, length_2, **_):
    """The kernels as Rasmussen & Williams (2006) write them, equations 4.9 and 4.17."""
    r = cdist(a / [length_1, length_2], b / [length_1, length_2])
    if smoothness == "rbf":
        return amplitude**2 * np.exp(-(r**2) / 2)
    return amplitude**2 * (1 + np.sqrt(5) * r + 5 * r**2 / 3) * np.exp(-np.sqrt(5) * r)


@pytest.mark.parametrize("smoothness", SMOOTHNESS)
@pytest.mark.parametrize("wells", [12, 120])
def test_predictions_and_likelihood_are_the_textbook_ones(smoothness, wells):
    pairs = real_pairs(COMPLEX, wells, seed=1)
    (process,) = fit_gaussian_processes([pairs], smoothness=smoothness)
    prediction, likelihood = np.empty((len(EVERYWHERE), 2)), 0.0
    average = pairs.y.mean(axis=0)
    for output, values in enumerate(process.hyperparameters):
        noisy = covariance(smoothness, pairs.x, pairs.x, **values) + values["noise"] ** 2 * np.eye(wells)
        across = covariance(smoothness, EVERYWHERE, pairs.x, **values)
        deviation = pairs.y[:, output] - average[output]
        prediction[:, output] = average[output] + across @ np.linalg.solve(noisy, deviation)
        likelihood += multivariate_normal(cov=noisy).logpdf(deviation)
    np.testing.assert_allclose(process.predict(EVERYWHERE), prediction, rtol=1e-6, atol=1e-8)
    assert process.log_likelihood == pytest.approx(likelihood, rel=1e-6)


@given(
    st.sampled_from(sorted(SMOOTHNESS)),
    st.integers(1, 40),
    st.lists(st.floats(-4.0, 4.0), min_size=4, max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_the_likelihood_and_its_slopes_are_those_of_scikit_learn(smoothness, wells, theta, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 10, (wells, 2)).round(), rng.normal(size=wells)  # some wells are there twice
    shape = {"rbf": RBF, "matern": partial(Matern, nu=2.5)}[smoothness]
    kernel = (ConstantKernel() * shape((1.0, 1.0)) + WhiteKernel()).clone_with_theta(np.array(theta))
    process = GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None).fit(x, y)
    expected, slopes = process.log_marginal_likelihood(kernel.theta, eval_gradient=True)
    found, found_slopes = gaussian_processes._likelihood(smoothness, x, y)(kernel.theta)
    assert found == pytest.approx(-expected, rel=1e-8, abs=1e-8)
    np.testing.assert_allclose(found_slopes, -slopes, rtol=1e-6, atol=1e-6 * np.abs(slopes).max())


def test_hyperparameters_without_a_likelihood_are_the_worst_there_are():
    x = np.ones((30, 2))
    found, slopes = gaussian_processes._likelihood("matern", x, np.arange(30.0))(np.array([700.0, 0.0, 0.0, -700.0]))
    assert found == np.inf
    assert not slopes.any()


def test_noise_free_wells_are_interpolated():
    pairs = real_pairs(COMPLEX, 40, seed=1, noise=0.0)
    (process,) = fit_gaussian_processes([pairs], smoothness="rbf")
    assert np.abs(process.predict(pairs.x) - pairs.y).max() < 0.05  # nM, of 40; a little noise is always allowed for
    unseen = real_pairs(COMPLEX, 200, seed=2, noise=0.0)
    assert np.abs(process.predict(unseen.x) - unseen.y).mean() < 0.3


def test_with_the_true_mean_it_predicts_the_mean():
    pairs = real_pairs(COMPLEX, 40, seed=1, noise=0.0)
    (process,) = fit_gaussian_processes([pairs], [COMPLEX])
    np.testing.assert_allclose(process.predict(EVERYWHERE), COMPLEX(EVERYWHERE), atol=1e-9)


def test_far_from_all_wells_it_returns_to_its_mean():
    pairs = real_pairs(COMPLEX, 40, seed=1)
    plain, informed = fit_gaussian_processes(
        [pairs, pairs], [lambda x: np.full_like(x, 7.0), COMPLEX], smoothness="rbf"
    )
    far = np.array([[1e5, 1e5]])
    np.testing.assert_allclose(plain.predict(far), [[7.0, 7.0]])
    np.testing.assert_allclose(informed.predict(far), COMPLEX(far))
    (centred,) = fit_gaussian_processes([pairs], smoothness="rbf")
    np.testing.assert_allclose(centred.predict(far), pairs.y.mean(axis=0, keepdims=True))


def test_the_noise_is_found():
    processes = fit_gaussian_processes([real_pairs(COMPLEX, 60, seed, noise=2.0) for seed in range(5)])
    noises = [values["noise"] for process in processes for values in process.hyperparameters]
    assert np.mean(noises) == pytest.approx(2.0, rel=0.15)


def test_hyperparameters_come_from_the_first_wells_and_predictions_from_all(monkeypatch):
    monkeypatch.setattr(gaussian_processes, "START_WELLS", 20)
    monkeypatch.setattr(gaussian_processes, "LIKELIHOOD_WELLS", 40)
    pairs = real_pairs(COMPLEX, 80, seed=1)
    # a mean, so that the average of the other wells has no say
    few, many = fit_gaussian_processes([pairs.first(40), pairs], [np.zeros_like, np.zeros_like])
    for a, b in zip(few.hyperparameters, many.hyperparameters, strict=True):
        assert a == pytest.approx(b)
    assert few.log_likelihood == pytest.approx(many.log_likelihood)
    truth = COMPLEX(pairs.x)
    assert np.abs(many.predict(pairs.x) - truth).mean() < np.abs(few.predict(pairs.x) - truth).mean()


def test_a_hyperparameter_at_its_limit_is_named_and_nothing_is_printed(recwarn):
    pairs = real_pairs(COMPLEX, 30, seed=1)
    one_input = Pairs(pairs.x, pairs.x[:, :1].repeat(2, axis=1) ** 2 / 10)  # x₂ has no effect
    (process,) = fit_gaussian_processes([one_input])
    assert process.status == "at bound"
    assert {"length_2 of y1", "length_2 of y2"} <= set(process.at_bound)
    assert not recwarn.list


def test_a_search_that_stops_early_is_a_status(monkeypatch):
    search = gaussian_processes.minimize
    monkeypatch.setattr(gaussian_processes, "minimize", lambda *a, **k: search(*a, **k, options={"maxiter": 1}))
    (process,) = fit_gaussian_processes([real_pairs(COMPLEX, 30, seed=1)])
    assert process.status == "not converged"


@pytest.mark.parametrize("wells", [1, 2, 3])
def test_a_few_wells_are_enough_to_run(wells):
    (process,) = fit_gaussian_processes([real_pairs(COMPLEX, wells, seed=1)])
    assert np.isfinite(process.predict(EVERYWHERE)).all()


def test_workers_change_nothing(monkeypatch):
    data = [real_pairs(COMPLEX, 25, seed) for seed in range(4)]
    alone = fit_gaussian_processes(data)
    monkeypatch.setattr(gaussian_processes, "PARALLEL_FROM", 1)
    monkeypatch.setattr(cores, "usable_cores", lambda: [0, 1])
    for a, b in zip(alone, fit_gaussian_processes(data), strict=True):
        assert a.hyperparameters == b.hyperparameters
        np.testing.assert_array_equal(a.predict(EVERYWHERE), b.predict(EVERYWHERE))


GOOD = real_pairs(COMPLEX, 5, seed=0)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: fit_gaussian_processes([GOOD], smoothness="rough"), "'rough'"),
        (lambda: fit_gaussian_processes([GOOD], [COMPLEX, COMPLEX]), "2 means for 1 data sets"),
        (lambda: fit_gaussian_processes([Pairs(GOOD.x, np.full((5, 2), np.inf))]), "not all finite"),
        (lambda: fit_gaussian_processes([real_pairs(COMPLEX, 10_001, seed=0)]), "10001 pairs"),
        (lambda: fit_gaussian_processes([GOOD])[0].predict([1.0]), r"shape \(1,\)"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, named):
    with pytest.raises(ValueError, match=named):
        call()
