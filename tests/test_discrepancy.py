"""Equation and discrepancy together: against multivariate normals, ordinary least squares and the limit without one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import Pairs, real_pairs
from fewerwells.science.discrepancy import (
    LARGEST_ETA,
    JointProblem,
    Linearised,
    Prior,
    Spectrum,
    kernels_for,
    laplace,
    linearise,
    log_prior,
)
from fewerwells.science.fitting import Problem
from fewerwells.science.mechanisms import Structure

COMPLEX = reference_circuit("n_part_complex", 2.0)
HILL = Structure()
PRIOR = Prior(*HILL.prior)
WELLS = real_pairs(COMPLEX, 30, seed=1000)
RATIO, NOISE = 2.0, 1.3


def joint_problem(spectrum, copies=1):
    x, y = (np.stack([values] * copies) for values in (WELLS.x, WELLS.y))
    noise, ratio = np.full(copies, NOISE), np.full(copies, RATIO)
    return JointProblem(HILL.form, x, y, PRIOR, noise, [spectrum] * copies, ratio)


def covariance(spectrum, ratio, noise):
    return noise**2 * (np.eye(len(spectrum.x)) + ratio**2 * spectrum.kernel(spectrum.x, spectrum.x))


@pytest.fixture(params=range(len(kernels_for(WELLS.x))))
def spectrum(request):
    return Spectrum(kernels_for(WELLS.x)[request.param], WELLS.x)


def test_the_kernel_is_a_covariance_that_sees_ratio_and_amount(spectrum):
    values = np.linalg.eigvalsh(spectrum.kernel(WELLS.x, WELLS.x))
    assert values.min() > -1e-9
    np.testing.assert_allclose(np.diag(spectrum.kernel(WELLS.x, WELLS.x)), 1)
    ray = np.array([[1000.0, 2000.0], [2000.0, 4000.0], [2000.0, 1000.0]])  # far above the turn, where logs are logs
    along, across = spectrum.kernel(ray[:1], ray[1:])[0]
    assert along > across or spectrum.kernel.lengths[0] > spectrum.kernel.lengths[1]


def test_sums_of_squares_are_the_quadratic_form_of_the_whole_covariance(spectrum):
    joint = joint_problem(spectrum)
    position = np.log([4.0, 3.0, 1.8])
    f = HILL.form.relative_outputs(HILL.form.parameters(np.exp(position)), WELLS.x)
    inverse = np.linalg.inv(covariance(spectrum, RATIO, NOISE))
    eta = [
        f[:, i] @ inverse @ WELLS.y[:, i] / (f[:, i] @ inverse @ f[:, i]) for i in (0, 1)
    ]  # generalised least squares
    np.testing.assert_allclose(joint.eta(joint.relative_outputs(position))[0] * joint.unit, eta, rtol=1e-8)
    left = WELLS.y - eta * f
    expected = np.einsum("ni,nm,mi->", left, inverse, left) + np.square((position - PRIOR.mean) / PRIOR.spread).sum()
    assert joint.sums_of_squares(position[None])[0] == pytest.approx(expected, rel=1e-8)
    residuals, slopes = joint.linearised(position[None])
    assert np.square(residuals).sum() == pytest.approx(expected, rel=1e-8)
    step = 1e-6 * np.eye(3)
    ahead, behind = (joint_problem(spectrum, 3).linearised(position + sign * step)[0] for sign in (1, -1))
    np.testing.assert_allclose(slopes[0], (ahead - behind) / 2e-6, atol=1e-5)


def test_evidence_of_a_linear_equation_is_the_density_of_the_wells(spectrum):
    """y = A q + F η + δ + noise with normal q: a multivariate normal, integrated over a flat η on a grid."""
    rng = np.random.default_rng(0)
    slope = rng.normal(size=(1, len(WELLS), 2))
    f = rng.uniform(0.5, 1.0, (len(WELLS), 2))
    prior = Prior(np.array([0.4]), np.array([0.7]))
    y = f * 8.0 + 0.6 * slope[0] + rng.normal(size=f.shape)
    unit = float(np.abs(y).max())
    near = Linearised(np.zeros(1), np.array([7.0]), y - 7.0 * f, np.concatenate([slope, f[None]]), unit, prior)
    ((found,),) = laplace(near, [spectrum], np.array([RATIO]), NOISE).evidence
    one = covariance(spectrum, RATIO, NOISE)
    whole = np.kron(one, np.eye(2)) + prior.spread**2 * np.outer(slope.ravel(), slope.ravel())
    grid = np.linspace(0, 16, 4001)
    density = multivariate_normal(cov=whole)
    logs = density.logpdf((y - 0.4 * slope[0]).ravel() - grid[:, None] * f.ravel())
    flat = logs.max() + np.log(np.exp(logs - logs.max()).sum() * (grid[1] - grid[0]))
    best = grid[logs.argmax()]
    low, high = np.log(np.multiply(LARGEST_ETA, unit))
    spread = (high - low) / 3.92
    eta_prior = -0.5 * ((np.log(best) - (low + high) / 2) / spread) ** 2 - np.log(spread * best * np.sqrt(2 * np.pi))
    assert found == pytest.approx(flat + eta_prior, abs=0.02)


def test_posterior_of_a_linear_equation_does_not_depend_on_where_it_was_linearised(spectrum):
    rng = np.random.default_rng(1)
    slopes, y = rng.normal(size=(3, len(WELLS), 2)), rng.normal(size=(len(WELLS), 2))
    slopes[1:] = np.abs(slopes[1:])
    prior = Prior(np.zeros(1), np.ones(1))
    posteriors = []
    for beta in ([0.0, 1.0, 1.0], [3.0, 2.0, 5.0]):
        residual = y - np.tensordot(beta, slopes, 1)
        near = Linearised(np.array(beta[:1]), np.array(beta[1:]), residual, slopes, 1.0, prior)
        posteriors.append(laplace(near, [spectrum], np.array([RATIO]), NOISE))
    one, other = posteriors
    np.testing.assert_allclose(one.position, other.position, atol=1e-6)
    np.testing.assert_allclose(one.eta, other.eta, atol=1e-6)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-6)


def test_kernels_and_sizes_that_are_tried_together_are_what_each_is_alone():
    plain = Problem(HILL.form, WELLS.x[None], WELLS.y[None])
    (near,) = linearise(plain, PRIOR, np.log([[5.0, 2.5, 2.0]]), np.array([COMPLEX.eta]))
    spectra, ratios = [Spectrum(kernel, WELLS.x) for kernel in kernels_for(WELLS.x)], np.array([0.0, 1.0, 10.0])
    together = laplace(near, spectra, ratios)
    for s, r in np.ndindex(len(spectra), len(ratios)):
        alone = laplace(near, [spectra[s]], ratios[[r]])[0, 0]
        for name in ("evidence", "position", "eta", "covariance", "noise"):
            np.testing.assert_allclose(getattr(together[s, r], name), getattr(alone, name), rtol=1e-9, atol=1e-12)


def test_an_unknown_noise_is_found():
    exact = Spectrum(kernels_for(WELLS.x)[0], WELLS.x)
    found = []
    for seed in range(1000, 1010):
        wells = real_pairs(COMPLEX, 30, seed, noise=2.0)
        plain = Problem(HILL.form, wells.x[None], wells.y[None])
        (near,) = linearise(plain, PRIOR, np.log([[5.0, 2.5, 2.0]]), np.array([COMPLEX.eta]))
        found.append(laplace(near, [Spectrum(exact.kernel, wells.x)], np.zeros(1)).noise[0, 0])
    assert np.mean(found) == pytest.approx(2.0, rel=0.1)


@given(st.lists(st.floats(0.0, 50.0), min_size=1, max_size=6, unique=True))
def test_prior_probabilities_of_the_sizes_add_up(ratios):
    total = np.exp(log_prior(np.array(ratios))).sum()
    assert total == pytest.approx(1.0) or (len(ratios) == 1 and total == 0.5) or (0.0 not in ratios and total <= 1)


def test_a_plate_without_any_input_is_no_breakdown():
    empty = Pairs(np.zeros((4, 2)), np.ones((4, 2)))
    kernel = kernels_for(empty.x)[0]
    np.testing.assert_allclose(kernel(empty.x, empty.x), 1)
