"""What the wells know, against a grid over the one parameter of the cycle, and against Laplace's approximation."""

import sys

import numpy as np
import pytest
from scipy.special import logsumexp

from fewerwells.science import nested
from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import BIG, Pairs, real_pairs, sobol_inputs
from fewerwells.science.discrepancy import LARGEST_ETA, Prior, Spectrum, kernels_for, laplace, linearise
from fewerwells.science.fitting import Problem
from fewerwells.science.mechanisms import structure_of
from fewerwells.science.nested import sample_posterior

X = sobol_inputs(BIG, 64)
CYCLE = reference_circuit("phosphorylation_cycle")
STRUCTURE = structure_of(CYCLE)
WELLS = real_pairs(CYCLE, 20, seed=1000)


@pytest.fixture(scope="module")
def posterior():
    pytest.importorskip("dynesty")
    return sample_posterior([WELLS], STRUCTURE, 1.0)[0]


def _grid():
    """Prior times likelihood over log K₁/K₂ and y_tot, on a fine grid: log ratios, y_tot and log densities."""
    (mean,), (spread,) = STRUCTURE.prior
    ratios, totals = np.linspace(-1.0, 2.5, 801), np.linspace(35, 45, 401)
    form = STRUCTURE.form
    f = form.relative_outputs(form.parameters(np.exp(ratios)[:, None]), WELLS.x)
    left = WELLS.y - totals[:, None, None, None] * f
    likelihood = -0.5 * np.square(left).sum(axis=(-2, -1)) - 0.5 * WELLS.y.size * np.log(2 * np.pi)
    low, high = np.log(np.multiply(LARGEST_ETA, WELLS.y.max()))
    width = (high - low) / 3.92
    of_total = -0.5 * ((np.log(totals) - (low + high) / 2) / width) ** 2 - np.log(width * totals)
    of_ratio = -0.5 * ((ratios - mean) / spread) ** 2 - np.log(spread)
    return ratios, totals, likelihood + of_total[:, None] + of_ratio - np.log(2 * np.pi)


def test_the_evidence_is_the_sum_over_a_grid(posterior):
    ratios, totals, density = _grid()
    expected = logsumexp(density) + np.log((ratios[1] - ratios[0]) * (totals[1] - totals[0]))
    assert posterior.log_evidence == pytest.approx(expected, abs=4 * posterior.log_evidence_error + 0.05)


def test_the_draws_are_those_of_the_grid(posterior):
    ratios, totals, density = _grid()
    weights = np.exp(density - logsumexp(density))
    of_ratio, of_total = weights.sum(axis=0), weights.sum(axis=1)
    for drawn, grid, mass in ((posterior.position[:, 0], ratios, of_ratio), (posterior.eta[:, 0], totals, of_total)):
        mean = grid @ mass
        spread = np.sqrt((grid - mean) ** 2 @ mass)
        assert drawn.mean() == pytest.approx(mean, abs=0.4 * spread)
        assert drawn.std() == pytest.approx(spread, rel=0.3)


def test_laplace_comes_near_it(posterior):
    """The evidence that weighs the wide library, against one that assumes no normal posterior."""
    plain, prior = Problem(STRUCTURE.form, WELLS.x[None], WELLS.y[None]), Prior(*STRUCTURE.prior)
    best = plain.search(np.array([[0.5]]))
    eta = plain.eta(plain.relative_outputs(best.position)) * plain.unit
    exact = Spectrum(kernels_for(WELLS.x)[0], WELLS.x)
    (near,) = linearise(plain, prior, best.position, eta)
    ((found,),) = laplace(near, [exact], np.zeros(1), 1.0).evidence
    assert found == pytest.approx(posterior.log_evidence, abs=4 * posterior.log_evidence_error + 0.1)


def test_predictions_come_near_the_truth_and_intervals_nest(posterior):
    np.testing.assert_allclose(posterior.predict(X), CYCLE(X), atol=2.0)
    narrow, wide = (np.diff(posterior.interval(X, level), axis=0)[0] for level in (0.5, 0.95))
    assert np.all(narrow <= wide)


def test_bad_input_is_refused_in_a_sentence(posterior, monkeypatch):
    with pytest.raises(ValueError, match="the noise is 0"):
        sample_posterior([WELLS], STRUCTURE, 0)
    with pytest.raises(ValueError, match="cannot be negative"):
        sample_posterior([Pairs(-WELLS.x, WELLS.y)], STRUCTURE, 1.0)
    with pytest.raises(ValueError, match="the level is 0"):
        posterior.interval(X, 0)
    monkeypatch.setitem(sys.modules, "dynesty", None)
    with pytest.raises(ImportError, match=r"fewerwells\[rivals\]"):
        nested.sample_posterior([WELLS], STRUCTURE, 1.0)
