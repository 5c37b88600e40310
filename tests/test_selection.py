"""The winner is named by the even seeds and judged by the odd ones."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from fewerwells.book.report import with_interval
from fewerwells.study.selection import harmful, harmful_anywhere, winners, within_reach, worst_case


def table(errors: dict, n_seeds: int = 20) -> pd.DataFrame:
    """One group; `errors` maps an arm to a function from the seed to its error."""
    return pd.DataFrame(
        [
            {"target": "t", "N": 10, "arm": arm, "seed": seed, "error": error(seed)}
            for arm, error in errors.items()
            for seed in range(n_seeds)
        ]
    )


def test_the_best_on_even_seeds_wins_whatever_the_odd_ones_say():
    (row,) = winners(
        table({"a": lambda s: 1.0 if s % 2 == 0 else 9.0, "b": lambda s: 2.0, "c": lambda s: 3.0}),
        "error",
        ["target", "N"],
        "c",
    ).to_dict("records")
    assert (row["winner"], row["runner_up"]) == ("a", "b")
    assert row["probability"] == 0
    assert row["value"] == pytest.approx(3.0)
    assert row["n_seeds"] == 10


def test_among_equals_nobody_is_flattered():
    """Thirty arms that differ by luck alone: on the seeds that chose, the winner looks better than it is."""
    rng, ratios = np.random.default_rng(0), []
    for _ in range(60):
        arms = {f"arm {k}": partial(lambda noise, s: np.exp(noise[s]), rng.normal(0, 0.5, 20)) for k in range(30)}
        everything = table(arms)
        found = winners(everything, "error", ["target"], "arm 0").iloc[0]
        ratios.append(np.log(found["value"]))
    assert abs(np.mean(ratios)) < 3 * np.std(ratios) / np.sqrt(len(ratios))


def test_an_arm_without_an_error_cannot_win():
    broken = table({"a": lambda s: np.nan if s == 4 else 0.1, "b": lambda s: 2.0, "c": lambda s: 3.0})
    assert winners(broken, "error", ["target"], "c").iloc[0]["winner"] == "b"


def test_where_every_arm_lacks_an_error_nobody_wins_and_where_all_but_one_do_nobody_comes_second():
    lacking = {f"arm {k}": lambda s: np.nan if s == 4 else 1.0 for k in range(3)}
    nobody = winners(table(lacking), "error", ["target"], "arm 1").iloc[0]
    assert nobody[["winner", "runner_up", "probability", "value", "low", "high"]].isna().all()
    alone = winners(table(lacking | {"whole": lambda s: 2.0}), "error", ["target"], "arm 1").iloc[0]
    assert alone["winner"] == "whole"
    assert alone[["runner_up", "probability"]].isna().all()
    assert alone["value"] == pytest.approx(2.0)


def test_one_seed_with_a_lucky_error_does_not_win():
    """The middle half of ten even seeds decides: one that is a thousand times better does not, nor does the median."""
    arms = {"lucky": lambda s: 1e-3 if s == 0 else 1.1, "steady": lambda s: 1.0}
    assert winners(table(arms), "error", ["target"], "steady").iloc[0]["winner"] == "steady"
    uneven = {"median": lambda s: 1.0 if s < 12 else 9.0, "centre": lambda s: 1.2}
    assert winners(table(uneven), "error", ["target"], "centre").iloc[0]["winner"] == "centre"


@pytest.mark.parametrize(("arms", "n_seeds"), [(1, 20), (3, 2), (3, 3), (3, 1)])
def test_too_few_to_choose_from_is_refused(arms, n_seeds):
    with pytest.raises(ValueError, match="too few to choose on half"):
        winners(table({f"arm {k}": lambda s: 1.0 for k in range(arms)}, n_seeds), "error", ["target"], "arm 0")


def test_two_seeds_a_side_are_enough():
    assert winners(table({"a": lambda s: 1.0, "b": lambda s: 2.0}, 4), "error", ["target"], "b").iloc[0]["value"] == 0.5


def test_the_reference_need_not_be_a_candidate_nor_be_there():
    rows = table({"a": lambda s: 1.0, "b": lambda s: 2.0, "oracle": lambda s: 0.5})
    beside = winners(rows, "error", ["target"], "oracle", among=["a", "b"]).iloc[0]
    assert (beside["winner"], beside["runner_up"], beside["value"]) == ("a", "b", pytest.approx(2.0))
    alone = winners(rows[rows["arm"] != "oracle"], "error", ["target"], "oracle").iloc[0]
    assert alone["winner"] == "a"
    assert np.isnan([alone["value"], alone["low"], alone["high"]]).all()


def test_harm_is_called_where_both_or_one_error_of_transfer_is_surely_larger():
    rng = np.random.default_rng(1)
    truth = {10: (2.0, 2.0), 20: (0.5, 2.0), 50: (0.5, 0.5), 96: (2.0, 0.5)}
    rows = []
    for n, (whole, inside) in truth.items():
        for seed in range(20):
            luck = np.exp(rng.normal(0, 0.2))
            for arm, factors in (("transfer", (whole, inside)), ("scratch", (1.0, 1.0))):
                all_error, inside_error = luck * np.exp(rng.normal(0, 0.1, 2)) * factors
                rows.append({"N": n, "arm": arm, "seed": seed, "sobol_all_mean": all_error})
                rows[-1]["sobol_inside_mean"] = inside_error
    found = harmful(pd.DataFrame(rows), ["N"]).set_index("N")
    assert {n: tuple(row) for n, row in found[["whole", "inside"]].iterrows()} == {
        n: (whole > 1, inside > 1) for n, (whole, inside) in truth.items()
    }


def test_the_worst_case_is_that_of_the_target_on_which_an_arm_loses_most():
    errors = {("s", "scratch"): 2.0, ("t", "scratch"): 8.0, ("s", "a"): 1.0, ("t", "a"): 12.0, ("s", "b"): 2.4}
    errors |= {("t", "b"): 8.8, ("s", "c"): 0.2, ("t", "c"): np.nan}
    rows = [
        {"target": target, "N": 10, "arm": arm, "seed": seed, "error": error * (1 + seed)}
        for (target, arm), error in errors.items()
        for seed in range(4)
    ]
    found = worst_case(pd.DataFrame(rows), "error", ["N"])
    assert len(found) == 4 * 4
    worst = found.groupby("arm")["error"].agg(["min", "max"])
    for arm, ratio in (("scratch", 1.0), ("a", 1.5), ("b", 1.2)):
        np.testing.assert_allclose(worst.loc[arm], ratio)
    assert found.loc[found["arm"] == "c", "error"].isna().all()
    assert winners(found[found["arm"] != "scratch"], "error", ["N"], "a").iloc[0]["winner"] == "b"


def test_a_group_without_a_value_is_a_group():
    """A kind of circuit without a Hill coefficient has none in its column: it is not to vanish from any of these."""
    rows = table({"transfer": lambda s: 4.0, "scratch": lambda s: 2.0})
    both = pd.concat([rows.assign(n=2.0), rows.assign(n=np.nan)]).assign(sobol_all_mean=1.0, sobol_inside_mean=1.0)
    worst = worst_case(both, "error", ["n"])
    assert len(worst) == len(both)
    harm = harmful(both, ["n"])
    for found in (winners(both, "error", ["n"], "scratch"), harm, harmful_anywhere([harm, harm], ["n"])):
        assert len(found) == 2
        assert found["n"].isna().to_list() == [False, True]


def test_a_winner_can_be_told_on_a_page():
    """The row of a winner is a row of a summary: the page says its error with its interval."""
    found = winners(table({"a": lambda s: 1.0, "b": lambda s: 2.0}, 4), "error", ["target"], "b")
    assert with_interval(found.iloc[0]) == "0.5 [0.5, 0.5]"


def test_a_laboratory_that_stays_inside_is_offered_no_method_with_wells_outside():
    arms = ["transfer", "big-domain scratch", "Gaussian process, big domain", "fit, n free", "scratch"]
    found = within_reach(pd.DataFrame({"arm": arms * 2, "error": 1.0}))
    assert list(found["arm"]) == ["transfer", "fit, n free", "scratch"] * 2
