"""Errors: measured against the noise-free circuit, inside and outside apart."""

import numpy as np
import pytest

from fewerwells.science.circuits import reference_circuit
from fewerwells.science.learners.base import Status
from fewerwells.science.learners.equations import Equations
from fewerwells.science.networks import initialise
from fewerwells.science.systems import Simulated, sobol_test_points, study_test_points
from fewerwells.study.columns import ERROR_COLUMNS
from fewerwells.study.evaluation import evaluate, l1_errors

TARGET = reference_circuit("n_part_complex", 2.0)


def constant(x):
    """A prediction that says the same everywhere."""
    return np.full(x.shape, 10.0)


def fresh_network(seed: int):
    network = initialise((2, 5, 2), [seed], 40.0)
    return lambda x: network.predict(x)[0]


def learnt(predictors, status=None):
    """What a learner hands back that knows these predictions."""
    return Equations(status or [Status.OK] * len(predictors), "none", 0.0, tuple(predictors))


def test_l1_error_by_hand():
    np.testing.assert_array_equal(l1_errors([[1.0, 2.0], [3.0, -1.0]], [[0.0, 4.0], [3.0, 1.0]]), [1.5, 1.0])


def test_errors_of_a_constant_prediction_equal_an_integral():
    """Mean |f − 10| over the square by a midpoint rule on a fine grid, which shares nothing with Sobol points."""
    (row,) = evaluate(learnt([constant]), Simulated(TARGET), [0])
    axis = (np.arange(800) + 0.5) / 40
    grid = np.stack(np.meshgrid(axis, axis), axis=-1)
    errors = np.abs(TARGET(grid) - 10.0).mean(axis=-1)
    inside = np.all(grid <= 10, axis=-1)
    assert row["sobol_all_mean"] == pytest.approx(errors.mean(), rel=2e-3)
    assert row["sobol_inside_mean"] == pytest.approx(errors[inside].mean(), rel=5e-3)
    assert row["sobol_outside_mean"] == pytest.approx(errors[~inside].mean(), rel=2e-3)
    assert row["sobol_all_variance"] == pytest.approx(errors.var(), rel=1e-2)
    assert row["status"] == "dead"


def test_regions_add_up_on_the_studys_points():
    (row,) = evaluate(learnt([fresh_network(3)]), Simulated(TARGET), [3])
    share = np.all(study_test_points(TARGET, 3).x <= 10, axis=1).mean()
    whole = share * row["uniform_inside_mean"] + (1 - share) * row["uniform_outside_mean"]
    assert row["uniform_all_mean"] == pytest.approx(whole)
    assert set(ERROR_COLUMNS) < set(row)
    assert row["status"] == "ok"


def test_test_points_are_noise_free_and_shared():
    points = study_test_points(TARGET, 5)
    np.testing.assert_array_equal(points.y, TARGET(points.x))
    assert points.x.shape == (100, 2)
    np.testing.assert_array_equal(points.x, study_test_points(reference_circuit("phosphorylation_cycle"), 5).x)
    assert sobol_test_points(TARGET).x.shape == (4096, 2)


def test_a_diverged_network_has_no_errors():
    networks = learnt([fresh_network(0), fresh_network(1)], [Status.DIVERGED, Status.OK])
    rows = evaluate(networks, Simulated(TARGET), [0, 1])
    assert rows[0]["status"] == "diverged"
    assert all(np.isnan(rows[0][column]) for column in ERROR_COLUMNS)
    assert rows[1]["status"] == "ok"
