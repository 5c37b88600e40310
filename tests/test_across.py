"""Effects over systems: the two levels of variation are told apart, and the interval covers."""

import numpy as np
import pandas as pd
import pytest

from fewerwells.science.statistics import Estimate, paired_ratio
from fewerwells.study.across import SYSTEM, across_systems, predicted


def simulated(rng, n_systems=12, n_seeds=5, centre=-0.5, between=0.4, within=0.2, shared=0.0) -> pd.DataFrame:
    """Errors of two arms whose log ratio varies between systems and between seeds, which all systems share."""
    rows, luck = [], shared * rng.standard_normal(n_seeds)
    for system in range(n_systems):
        effect = centre + between * rng.standard_normal()
        keys = dict.fromkeys(SYSTEM, 1.0) | {"theta_1": 0.1 + system}
        for seed in range(n_seeds):
            base = rng.normal(0, 1)
            ratio = effect + luck[seed] + within * rng.standard_normal()
            rows += [keys | {"arm": "a", "seed": seed, "error": np.exp(base + ratio)}]
            rows += [keys | {"arm": "b", "seed": seed, "error": np.exp(base)}]
    return pd.DataFrame(rows)


def judged(table):
    return across_systems(table, "error", {"arm": "a"}, {"arm": "b"})


def test_variation_between_and_within_systems_is_told_apart():
    found = judged(simulated(np.random.default_rng(0), n_systems=60, n_seeds=20))
    assert found.sd_between == pytest.approx(0.4, rel=0.3)
    assert found.sd_within == pytest.approx(0.2, rel=0.1)
    assert found.centre.value == pytest.approx(np.exp(-0.5), rel=0.2)
    assert found.share_below_one == pytest.approx(0.894, abs=0.12)  # P(z < 0.5/0.4)
    assert len(found.systems) == 60


def test_systems_of_a_kind_without_a_hill_coefficient_are_systems_too():
    table = simulated(np.random.default_rng(8), n_systems=3)
    found = judged(table.assign(n=table["n"].mask(table["theta_1"] > 1.0)))
    assert found.systems["ratio"].to_list() == judged(table).systems["ratio"].to_list()
    assert [name.count("n ") for name in found.systems["system"]] == [1, 0, 0]


def test_without_differences_between_systems_they_agree():
    table = simulated(np.random.default_rng(1), between=0.0, within=0.0)
    found = judged(table)
    np.testing.assert_allclose(found.systems["ratio"], np.exp(-0.5))
    assert found.centre.low == pytest.approx(found.centre.high)


def test_the_interval_covers_the_centre_of_all_systems():
    rng, covered = np.random.default_rng(2), 0
    for _ in range(30):
        centre = judged(simulated(rng)).centre
        covered += centre.low <= np.exp(-0.5) <= centre.high
    assert covered >= 24  # of 30; fewer has a chance below 0.01 even at 93 %


def test_systems_that_are_copies_of_one_another_say_no_more_than_one_of_them():
    """Systems share the seeds' weights and batches: what a lucky seed adds does not average out over systems."""
    table = simulated(np.random.default_rng(3), n_seeds=12, between=0.0, within=0.0, shared=0.4)
    one = paired_ratio(table[table["theta_1"] == 0.1], "error", {"arm": "a"}, {"arm": "b"})
    assert judged(table).centre == Estimate(*(pytest.approx(bound) for bound in (one.value, one.low, one.high)))


def test_a_system_that_lacks_an_error_keeps_its_other_seeds_with_the_rest():
    table = simulated(np.random.default_rng(4), shared=0.4)
    first = (table["theta_1"] == 0.1) & (table["seed"] == 0)
    found, lacking = judged(table), judged(table.assign(error=table["error"].mask(first)))
    np.testing.assert_allclose(lacking.systems["ratio"][1:], found.systems["ratio"][1:])
    assert lacking.centre.value == pytest.approx(found.centre.value, rel=0.2)
    assert np.isfinite([lacking.centre.low, lacking.centre.high]).all()


def test_nothing_is_trimmed_where_harm_would_show():
    """Nine systems are helped, three are harmed much: the mean says so, an interquartile mean would not."""
    table = pd.concat(
        simulated(np.random.default_rng(0), n_systems=1, centre=effect, between=0, within=0).assign(theta_1=0.1 + k)
        for k, effect in enumerate([-0.1] * 9 + [1.0] * 3)
    )
    found = judged(table)
    assert found.centre.value == pytest.approx(np.exp((9 * -0.1 + 3 * 1.0) / 12))
    assert found.range == (pytest.approx(np.exp(-0.1)), pytest.approx(np.e))


def test_the_next_system_lies_in_its_prediction_interval_as_often_as_that_says():
    """For normal log ratios the t interval is exact: of 2,000 next systems all but about a hundred lie inside."""
    rng, held = np.random.default_rng(5), 0
    for _ in range(2000):
        *seen, last = rng.normal(-0.5, 0.4, 9)
        coming = predicted(np.array(seen))
        held += coming.low <= np.exp(last) <= coming.high
    assert 1870 <= held <= 1930  # binomial with 0.95; outside by chance once in five hundred runs


def test_of_one_system_nothing_follows_for_the_next():
    found = judged(simulated(np.random.default_rng(6), n_systems=1)).next_system
    assert (found.low, found.high) == (0, np.inf)


def test_a_system_without_any_error_leaves_the_mean_unknown():
    table = simulated(np.random.default_rng(7))
    lost = judged(table.assign(error=table["error"].mask(table["theta_1"] == 0.1)))
    assert np.isnan([lost.centre.value, lost.centre.low, lost.next_system.low]).all()
