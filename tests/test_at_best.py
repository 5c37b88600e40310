"""As trained and at best: each pair of arms is compared with its own partner, and a verdict that turns is named."""

import numpy as np
import pandas as pd
import pytest

from fewerwells.book.verdicts import at_best
from fewerwells.science.statistics import Estimate
from fewerwells.study.at_best import AS_TRAINED, AT_BEST, care_pays, judged_twice, on_logarithms, outcome
from fewerwells.study.baselines import BASELINES
from fewerwells.study.columns import ERROR, INSIDE_ERROR, OUTSIDE_ERROR


def baselines(inside: dict, outside: dict, n_seeds: int = 6, **whole) -> pd.DataFrame:
    """Errors of all arms on two targets, 1 where nothing else is said; each seed's luck is shared by all arms."""
    rng, rows = np.random.default_rng(0), []
    for target in ("a", "b"):
        for seed in range(n_seeds):
            luck = np.exp(rng.normal())
            rows += [
                {"arm": arm, "target": target, "seed": seed, ERROR: luck * whole.get(arm, 1.0)}
                | {INSIDE_ERROR: luck * inside.get(arm, 1.0), OUTSIDE_ERROR: luck * outside.get(arm, 1.0)}
                for arm in (*AS_TRAINED, *BASELINES)
            ]
    return pd.DataFrame(rows)


def errors(trained: float, best: float) -> dict:
    return {AS_TRAINED[0]: trained, AS_TRAINED[1]: 1.0, AT_BEST[0]: 0.3 * best, AT_BEST[1]: 0.3}


def test_each_way_of_training_is_compared_with_its_own_partner():
    found = judged_twice(baselines(errors(0.5, 1.5), errors(0.4, 0.6)))
    assert [(one.target, one.region) for one in found] == [
        (target, region) for target in ("a", "b") for region in ("inside", "outside")
    ]
    assert [one.as_trained.value for one in found] == pytest.approx([0.5, 0.4] * 2)
    assert [one.at_best.value for one in found] == pytest.approx([1.5, 0.6] * 2)
    assert [one.turned for one in found] == [True, False] * 2


def test_a_verdict_that_is_only_known_less_well_has_not_turned():
    """At best the ratio is the same in the middle, and its seeds are scattered."""
    table = baselines(errors(0.5, 0.5), errors(0.5, 0.5), n_seeds=8)
    scattered = table["arm"] == AT_BEST[0]
    table.loc[scattered, INSIDE_ERROR] *= np.exp(3 * np.random.default_rng(1).normal(size=scattered.sum()))
    inside, outside = judged_twice(table)[:2]
    assert inside.outcomes == ("helps", "undecided")
    assert inside.differs
    assert not inside.turned
    assert inside.change.value == pytest.approx(inside.at_best.value / inside.as_trained.value)
    assert not outside.differs
    said = at_best(table).data
    assert "**Of 4 verdicts 0 turn.** 2 more come out differently" in said
    assert "between the two ratios: *a*, inside: helps as trained, undecided at best; *b*, inside" in said


def test_the_page_names_what_turns():
    text = at_best(baselines(errors(0.5, 1.5), errors(0.4, 0.6))).data
    assert "Of 4 verdicts 2 turn: *a*, inside: helps as trained, does harm at best; *b*, inside" in text
    assert "not published yet" in at_best(None).data


def test_what_care_pays_is_told_beside_the_same_way_of_learning():
    whole = {"transfer": 0.5, "transfer, log inputs": 0.4, "scratch, log inputs": 0.2, "scratch, mean of five": 0.7}
    table = baselines({}, {}, **whole)
    found = care_pays(table)
    assert set(found) == set(BASELINES)
    assert found["scratch, log inputs"]["a"].value == pytest.approx(0.2)
    assert found["transfer, log inputs"]["b"].value == pytest.approx(0.8)
    assert found["transfer from the complex model"]["a"].value == pytest.approx(2)
    assert on_logarithms(table)["a"].value == pytest.approx(2)
    text = at_best(table).data
    assert "has 0.2 to 0.2 times its error" in text
    assert "pre-training does harm on *a*, *b*." in text


def test_an_interval_that_holds_one_decides_nothing():
    assert outcome(Estimate(0.9, 0.8, 1.1)) == "undecided"
    assert outcome(Estimate(np.nan, np.nan, np.nan)) == "undecided"


def test_the_arms_at_their_best_are_those_of_the_baselines():
    assert set(AT_BEST) <= set(BASELINES)
