"""Intervals keep their promise on simulated studies; the page Verdicts runs the same at full size."""

import numpy as np
import pytest

from fewerwells.science.equivalence import data_equivalence
from fewerwells.science.statistics import iqm, paired_ratio
from fewerwells.study import coverage

REPEATS = 120
# 4 standard errors of a share of 95 % in so many repeats: the test fails by luck once in 30,000 times
LEAST = 0.95 - 4 * np.sqrt(0.95 * 0.05 / REPEATS)


@pytest.fixture(scope="module")
def shares():
    return coverage.simulate(REPEATS, resamples=400).set_index("question")["share"]


def test_single_intervals_hold_the_truth(shares):
    single = shares[~shares.index.str.contains("at once|open")]
    assert len(single) == len(coverage.INSIDE) + 2
    assert (single >= LEAST).all()
    assert single.mean() < 0.985, "intervals that nearly always hold are too wide"


def test_the_band_holds_all_truths_at_once(shares):
    assert shares["k at all these volumes at once"] >= LEAST


def test_a_censored_k_is_reported_as_censored(shares):
    assert shares["k(10,000) is said to be open"] >= 0.97


def test_the_simulation_notices_intervals_that_are_too_narrow(monkeypatch):
    """The same studies with intervals as if four times as many seeds had been drawn: they must be found out."""
    monkeypatch.setattr(
        coverage, "paired_ratio", lambda table, *rest: narrowed(paired_ratio(table, *rest), by=2.0), raising=True
    )
    shares = coverage.simulate(REPEATS, resamples=20).set_index("question")["share"]
    assert shares["error ratio at 96 wells"] < LEAST


def narrowed(estimate, by: float):
    low, high = (estimate.value * (end / estimate.value) ** (1 / by) for end in (estimate.low, estimate.high))
    return type(estimate)(estimate.value, low, high)


def test_the_truth_is_what_very_many_seeds_give():
    table = coverage.simulated_study(4000, np.random.default_rng(1))
    k = data_equivalence(table, "error", resamples=2).set_index("N")["k"]
    for n in coverage.INSIDE:
        assert k[n] == pytest.approx(coverage.true_equivalence(n), rel=0.08)
    assert k[coverage.CENSORED] == np.inf
    ratio = paired_ratio(table, "error", {"arm": "transfer", "N": 96}, {"arm": "scratch", "N": 96})
    assert ratio.value == pytest.approx(coverage.true_ratio(96), rel=0.03)


def test_simulated_studies_look_like_the_published_one():
    """Spread over seeds, its correlation between volumes of an arm and between arms, and skewness."""
    table = coverage.simulated_study(4000, np.random.default_rng(2))
    logs = np.log(table.pivot(index="seed", columns=["arm", "N"], values="error"))
    assert logs.std().between(0.38, 0.57).all()
    correlation = logs.corr()
    assert 0.5 < correlation.loc[("scratch", 96), ("scratch", 1000)] < 0.9
    assert 0.2 < correlation.loc[("scratch", 96), ("transfer", 96)] < 0.5
    assert logs[("scratch", 96)].skew() > 0.3
    assert logs[("scratch", 96)].mean() > float(iqm(logs[("scratch", 96)].to_numpy()))
