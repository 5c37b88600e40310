"""What a figure shows beside a claim is what the claim estimates."""

import numpy as np
import pandas as pd
import pytest

from fewerwells.science.statistics import paired_ratio
from fewerwells.study.bootstrap import NOTHING, log_ratio
from fewerwells.study.quantities import LargestEquivalence
from fewerwells.study.ratios import ratios_to


def table(rng_seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(rng_seed)
    arms, targets = ("a", "b", "oracle"), ("t", "u")
    rows = [
        {"arm": arm, "target": target, "seed": seed, "error": rng.lognormal(sigma=2)}
        for target in targets
        for seed in range(21)
        for arm in arms
    ]
    return pd.DataFrame(rows)


def test_ratios_are_paired_ones_not_ratios_of_centres():
    rows = table()
    found = ratios_to(rows, "error", "oracle", "target")
    for target, part in rows.groupby("target"):
        for arm in ("a", "b"):
            paired = paired_ratio(part, "error", {"arm": arm}, {"arm": "oracle"})
            assert found.loc[arm, target] == pytest.approx(paired.value)
    np.testing.assert_allclose(found.loc["oracle"], 1.0)
    assert list(found.columns) == ["t", "u"]


def test_what_is_not_there_is_not_guessed():
    rows = table()
    lacking = rows[(rows["arm"] != "a") | (rows["target"] != "u")]
    failed = lacking.assign(error=lacking["error"].mask((lacking["arm"] == "b") & (lacking["target"] == "t")))
    found = ratios_to(failed, "error", "oracle", "target")
    assert found.isna().to_numpy().tolist() == [[False, True], [True, False], [False, False]]
    with pytest.raises(ValueError, match="do not hold the same seeds"):
        ratios_to(rows[(rows["arm"] != "a") | (rows["seed"] > 0)], "error", "oracle", "target")


def test_a_bootstrap_is_the_paired_ratio_with_its_draws():
    rows = table(1)
    part = rows[rows["target"] == "t"]
    pick = {"arm": "a"}, {"arm": "oracle"}
    assert log_ratio(part, "error", *pick).estimate() == paired_ratio(part, "error", *pick)
    assert log_ratio(part, "error", *pick).estimate(0.99) == paired_ratio(part, "error", *pick, 0.99)
    twice = log_ratio(part, "error", *pick) - log_ratio(part, "error", {"arm": "oracle"}, {"arm": "a"})
    assert twice.estimate().value == pytest.approx(paired_ratio(part, "error", *pick).value ** 2)
    fewer = log_ratio(part[part["seed"] > 0], "error", *pick)
    assert np.isnan((fewer - log_ratio(part, "error", *pick)).estimate().low)


@pytest.mark.parametrize(("other", "known"), [(3, True), (7, False), (99, False)])
def test_ratios_that_have_lost_different_seeds_are_not_compared_though_they_have_lost_as_many(other, known):
    """Draw by draw they would be of other seeds, as if they were not paired; of 99 there is no error to lose."""
    rows = table(2).query("target == 't'")
    pick = {"arm": "a"}, {"arm": "oracle"}
    one, two = (
        log_ratio(rows.assign(error=rows["error"].mask((rows["arm"] == "a") & (rows["seed"] == lost))), "error", *pick)
        for lost in (3, other)
    )
    assert np.isfinite((one - two).estimate().value) == known


def test_largest_equivalences_that_have_lost_different_seeds_are_not_compared():
    rng = np.random.default_rng(3)
    rows = pd.DataFrame(
        [
            {"arm": arm, "N": n, "seed": seed, "error": rng.lognormal(sigma=0.1) / n}
            for arm in ("transfer", "scratch")
            for n in (10, 100, 1000)
            for seed in range(9)
        ]
    )
    quantity = LargestEquivalence("x", 1.0, "error")
    one, two, same = (
        quantity.bootstraps(rows.assign(error=rows["error"].mask(rows["seed"] == lost)))[""] for lost in (3, 7, 3)
    )
    assert one.units == (0, 1, 2, 4, 5, 6, 7, 8)
    assert (one - same).units == one.units
    assert (one - two) is NOTHING
