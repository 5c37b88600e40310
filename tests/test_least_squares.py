"""Searches side by side against closed forms, scipy's search, and themselves alone."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares, lsq_linear

from fewerwells.science.datasets import Pairs
from fewerwells.science.least_squares import in_stacks, search


@dataclass
class Linear:
    """Residuals A·p − b in a box."""

    a: np.ndarray  # (P, m, k)
    b: np.ndarray  # (P, m)
    low: np.ndarray
    high: np.ndarray

    def linearised(self, position):
        return (self.a @ position[..., None])[..., 0] - self.b, self.a.mT

    def chosen(self, which):
        return Linear(self.a[which], self.b[which], self.low, self.high)


@dataclass
class Rosenbrock:
    """Curved valleys: residuals s(q − p²) and 1 − p, whose only optimum is at (1, 1); s of each problem."""

    steep: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def linearised(self, position):
        p, q = position.T
        zero = np.zeros_like(p)
        slopes = np.stack([[-2 * self.steep * p, zero - 1], [self.steep, zero]])
        return np.stack([self.steep * (q - p**2), 1 - p], axis=-1), np.moveaxis(slopes, -1, 0)

    def chosen(self, which):
        return Rosenbrock(self.steep[which], self.low, self.high)


def linear(seed, problems=5, k=3):
    rng = np.random.default_rng(seed)
    return Linear(rng.normal(size=(problems, 6, k)), rng.normal(size=(problems, 6)), np.full(k, -0.3), np.full(k, 0.4))


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_linear_problems_in_a_box_end_where_scipys_exact_method_says(seed, k):
    problems = linear(seed, k=k)
    found = search(problems, np.zeros((5, k)), 100, 1e-14)
    assert found.converged.all()
    for i in range(5):
        exact = lsq_linear(problems.a[i], problems.b[i], bounds=(problems.low, problems.high), method="bvls")
        np.testing.assert_allclose(found.position[i], exact.x, atol=1e-6)
        assert found.squares[i] == pytest.approx(2 * exact.cost, rel=1e-9)


def test_curved_valleys_are_followed_to_their_end():
    problems = Rosenbrock(np.array([1.0, 10.0, 100.0]), np.full(2, -3.0), np.full(2, 3.0))
    found = search(problems, np.array([[-1.2, 1.0]] * 3), 300, 1e-14)
    np.testing.assert_allclose(found.position, 1.0, atol=1e-6)
    assert found.converged.all()


@pytest.mark.parametrize("high", [[0.5, 3.0], [3.0, 0.5], [-0.5, 0.1]])
def test_an_optimum_on_the_border_lies_on_it(high):
    problems = Rosenbrock(np.array([10.0]), np.full(2, -3.0), np.array(high))
    found = search(problems, np.array([[-1.2, -1.0]]), 300, 1e-14)

    def residuals(position):
        return problems.linearised(position[None])[0][0]

    other = least_squares(residuals, [-1.2, -1.0], bounds=(problems.low, problems.high), xtol=1e-12, ftol=1e-12)
    assert found.squares[0] <= 2 * other.cost * (1 + 1e-9)
    assert np.any(found.position[0] == problems.high)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=7))
def test_a_search_goes_the_same_way_whatever_goes_beside_it(which):
    problems = Rosenbrock(np.array([1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 0.0]), np.full(2, -3.0), np.full(2, 3.0))
    start = np.random.default_rng(0).uniform(-2, 2, (7, 2))
    alone = [search(problems.chosen(np.array([i])), start[[i]], 60, 1e-14) for i in which]
    found = search(problems.chosen(np.array(which)), start[which], 60, 1e-14)
    for name in ("position", "squares", "converged"):
        np.testing.assert_array_equal(getattr(found, name), np.concatenate([getattr(one, name) for one in alone]))


def test_what_is_used_up_or_cannot_begin_is_said():
    problems = Rosenbrock(np.array([100.0, np.nan, 1.0, 50.0]), np.full(2, -3.0), np.full(2, 3.0))
    start = np.array([[-1.2, 1.0], [0.0, 0.0], [1.0, 1.0], [-1.2, 1.0]])
    found = search(problems, start, 5, 1e-14)
    assert found.converged.tolist() == [False, False, True, False]
    assert np.isinf(found.squares[1])
    np.testing.assert_array_equal(found.position[1], start[1])
    assert found.squares[0] < np.square(problems.linearised(start)[0][0]).sum()


def test_a_step_that_leaves_where_the_residuals_are_finite_is_not_taken():
    class Logarithm(Rosenbrock):
        def linearised(self, position):
            p = position[:, 0]
            value = np.where(p > 0, np.log(np.where(p > 0, p, 1.0)), np.nan)
            return value[:, None], np.where(p > 0, 1 / p, np.nan)[:, None, None]

        def chosen(self, which):
            return self

    found = search(Logarithm(np.ones(1), np.array([-10.0]), np.array([10.0])), np.array([[6.0]]), 100, 1e-14)
    assert found.position[0, 0] == pytest.approx(1.0, abs=1e-6)  # Newton's step from 6 ends below 0
    assert found.converged.all()


def _sizes(data):
    assert len({len(pairs) for pairs in data}) == 1
    return [(len(pairs), float(pairs.x[0, 0]), len(data)) for pairs in data]


@given(st.lists(st.integers(1, 4), min_size=0, max_size=12), st.integers(1, 5))
def test_stacks_hold_data_sets_of_one_size_and_give_them_back_in_order(sizes, most):
    data = [Pairs(np.full((size, 2), float(i)), np.zeros((size, 2))) for i, size in enumerate(sizes)]
    found = in_stacks(_sizes, data, lambda wells: 2**17 // most, worth_it_from=100)
    assert [one[:2] for one in found] == [(size, float(i)) for i, size in enumerate(sizes)]
    assert all(one[2] <= most for one in found)
