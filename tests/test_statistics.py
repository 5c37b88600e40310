"""Estimates on data whose truth is known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy.optimize import isotonic_regression
from scipy.stats import trim_mean

from fewerwells.book import report
from fewerwells.book.plots.results import plot_learning_curves
from fewerwells.book.report import equivalence_text, number, with_interval
from fewerwells.science.equivalence import data_equivalence, monotone, wells_worth
from fewerwells.science.statistics import (
    Estimate,
    geometric_summary,
    iqm,
    non_inferiority,
    paired_ratio,
    probability_of_improvement,
    resampled_iqm,
    resampled_seeds,
    tail_share,
)
from fewerwells.study.bootstrap import log_ratio
from fewerwells.study.claims import verdict

VOLUMES = [10, 20, 50, 100, 200, 500, 1000, 2000]


def power_law_table(k: float, n_seeds=40, noise=0.05, exponent=-0.5, rng_seed=0) -> pd.DataFrame:
    """Scratch errs as N^exponent; transfer with N errs as scratch would with k·N."""
    rng = np.random.default_rng(rng_seed)
    rows = []
    for seed in range(n_seeds):
        shared = rng.normal(0, 0.3)  # a hard plate is hard for both arms
        for n in VOLUMES:
            for arm, worth in (("scratch", 1.0), ("transfer", k)):
                error = 10 * (worth * n) ** exponent * np.exp(shared + rng.normal(0, noise))
                rows.append({"arm": arm, "N": n, "seed": seed, "error": error})
    return pd.DataFrame(rows)


@given(st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=40))
def test_iqm_lies_between_the_quartiles(values):
    low, high = np.sort(values)[[len(values) // 4, len(values) - 1 - len(values) // 4]]
    assert low - 1e-6 <= iqm(np.array(values)) <= high + 1e-6


@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60),
    axis=st.sampled_from([-1, 0, 1]),
)
def test_iqm_is_scipys_trimmed_mean(values, axis):
    table = np.stack([values, values[::-1], np.square(values)])
    np.testing.assert_allclose(iqm(table, axis), trim_mean(table, 0.25, axis), rtol=1e-12, atol=1e-8)


def test_iqm_by_hand_and_with_missing_values():
    assert iqm(np.array([1.0, 2.0, 3.0, 100.0])) == 2.5
    assert np.isnan(iqm(np.array([1.0, np.nan, 3.0, 4.0])))


@pytest.mark.parametrize("k", [0.5, 2.0, 4.0, 10.0])
def test_data_equivalence_finds_the_factor_that_was_put_in(k):
    result = data_equivalence(power_law_table(k), "error")
    inside = result[(result["N"] * k >= 20) & (result["N"] * k <= 1000)]
    assert len(inside) >= 3
    np.testing.assert_allclose(inside["k"], k, rtol=0.15)
    assert (inside["low"] <= inside["k"]).all()
    assert (inside["k"] <= inside["high"]).all()


def test_wells_worth_are_those_of_each_group_and_end_where_the_grid_ends():
    table = pd.concat([power_law_table(k).assign(system=f"k = {k}") for k in (4.0, 2.0, 500.0)])
    worth = wells_worth(table, "error", "transfer", "scratch", 100, "system")
    np.testing.assert_allclose(worth["wells"][:2], [200, 400], rtol=0.15)
    assert worth["wells"][2] == np.inf
    volumes = table.loc[table["arm"] == "scratch", "N"]
    np.testing.assert_allclose(worth[["fewest", "most"]], [[volumes.min(), volumes.max()]] * 3)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    """95 % intervals of k in 120 repeats; 4 standard errors of a binomial allow 87 % and above."""
    covered = 0
    for repeat in range(120):
        table = power_law_table(4.0, n_seeds=30, rng_seed=repeat)
        row = data_equivalence(table, "error", resamples=500).set_index("N").loc[100]
        covered += row["low"] <= 4.0 <= row["high"]
    assert covered / 120 >= 0.87


def test_what_the_grid_cannot_show_is_said_and_not_clipped():
    beyond = data_equivalence(power_law_table(50.0), "error").set_index("N")
    assert beyond.loc[2000, "k"] == np.inf
    assert beyond.loc[2000, "high"] == np.inf
    assert equivalence_text(beyond.loc[2000]) == "more than 1"
    below = data_equivalence(power_law_table(0.01), "error").set_index("N")
    assert below.loc[10, "k"] == 0
    assert equivalence_text(below.loc[10]).startswith("less than 1")


def test_an_unpaired_table_is_refused():
    table = power_law_table(2.0).query("not (seed == 3 and arm == 'scratch' and N == 10)")
    with pytest.raises(ValueError, match=r"seeds \[3\]"):
        data_equivalence(table, "error")


def test_a_seed_that_stands_twice_is_refused():
    table = power_law_table(2.0)
    twice = table.query("seed == 4 and arm == 'transfer' and N == 20")
    with pytest.raises(ValueError, match=r"seeds \[4\]"):
        data_equivalence(pd.concat([table, twice]), "error")


def test_a_number_of_wells_that_nobody_had_is_refused():
    table = power_law_table(2.0).assign(system="one")
    with pytest.raises(ValueError, match="transfer has no 96 wells; choose one of 10,"):
        wells_worth(table, "error", "transfer", "scratch", 96, "system")


def test_failed_networks_are_counted_and_their_seed_left_out():
    table = power_law_table(2.0)
    table.loc[(table["seed"] == 5) & (table["N"] == 50), "error"] = np.nan
    result = data_equivalence(table, "error")
    assert (result["n_failed"] == 1).all()
    assert (result["n_seeds"] == 39).all()
    summary = geometric_summary(table, "error", ["arm", "N"])
    assert summary.set_index(["arm", "N"])["n_failed"].loc[[("scratch", 50), ("scratch", 20)]].tolist() == [1, 0]


def test_a_group_without_a_value_is_summarised():
    table = power_law_table(2.0, n_seeds=4).query("N == 50 and arm == 'scratch'")
    summary = geometric_summary(pd.concat([table.assign(n=2.0), table.assign(n=np.nan)]), "error", ["n"])
    assert summary["n"].isna().to_list() == [False, True]
    assert summary["value"].nunique() == 1


def test_pairing_removes_what_arms_share():
    """Seeds differ by a factor of e^0.3 each way; the paired ratio must not feel it."""
    ratio = paired_ratio(power_law_table(4.0), "error", {"arm": "scratch", "N": 100}, {"arm": "transfer", "N": 100})
    assert ratio.low < 2.0 < ratio.high
    assert ratio.high / ratio.low < 1.08


def test_spread_and_uncertainty_are_different_things():
    few, many = (geometric_summary(power_law_table(1.0, n_seeds=n), "error", ["arm", "N"]).iloc[0] for n in (20, 320))
    assert (many["high"] / many["low"]) < (few["high"] / few["low"]) ** 0.6
    assert (many["spread_high"] / many["spread_low"]) > 0.8 * (few["spread_high"] / few["spread_low"])


def test_ambiguous_groups_are_refused():
    with pytest.raises(ValueError, match="not one row a seed"):
        paired_ratio(power_law_table(2.0), "error", {"arm": "scratch"}, {"arm": "transfer"})


def test_resampling_repeats_and_nobody_can_change_what_is_kept():
    once = resampled_seeds(9, 50)
    resampled_seeds.cache_clear()
    np.testing.assert_array_equal(resampled_seeds(9, 50), once)
    assert not once.flags.writeable


some_number = st.floats(-1e3, 1e3) | st.sampled_from([0.0, 1.0])  # ties are as likely as not


@given(st.lists(some_number, min_size=1, max_size=60), st.integers(0, 3))
@settings(max_examples=60)
def test_the_mean_of_every_resample_is_what_sorting_it_gives(values, state):
    values = np.array(values)
    expected = iqm(values[resampled_seeds(len(values), 200, state)])
    np.testing.assert_allclose(resampled_iqm(values, 200, state), expected, rtol=1e-9, atol=1e-9)
    both = resampled_iqm(np.stack([values, -values], axis=1), 200, state)
    np.testing.assert_allclose(both, np.stack([expected, -expected], axis=1), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_a_resample_with_what_is_no_number_is_what_sorting_it_gives(odd):
    values = np.array([0.5, odd, 2.0, 1.0, 3.0])
    np.testing.assert_array_equal(resampled_iqm(values, 300), iqm(values[resampled_seeds(5, 300)]))


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        (Estimate(0.5, 0.4, 0.6), "supported"),
        (Estimate(1.5, 1.2, 1.6), "contradicted"),
        (Estimate(0.9, 0.7, 1.2), "undecided"),
        (Estimate(np.nan, np.nan, np.nan), "undecided"),
    ],
)
def test_verdicts_follow_from_intervals(estimate, expected):
    assert verdict(estimate, (0.0, 1.0)) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.5, "2.5"), (-0.1234, "−0.123"), (12345.6, "12,346"), (np.inf, "∞"), (np.nan, "unknown"), (3, "3")],
)
def test_one_number_format(value, text):
    assert number(value) == text


def test_interval_format():
    assert with_interval(Estimate(2.0, 1.5, 2.75), "nM") == "2 nM [1.5, 2.75]"
    assert with_interval(Estimate(np.inf, 363.2, np.inf)) == "more than 363"
    assert with_interval(Estimate(np.nan, np.nan, np.nan)) == "unknown"


def test_networks_that_failed_are_named():
    table = power_law_table(2.0, n_seeds=4).assign(status="ok", target="n = 2", sample_steps=1, noise=1.0)
    assert report.outcomes(table).data == f"The table holds **{len(table)} networks**: {len(table)} ok."
    table.loc[(table["seed"] == 3) & (table["arm"] == "scratch") & (table["N"] <= 20), "status"] = "dead"
    assert report.outcomes(table).data.endswith("- dead: seed 3, scratch, n = 2, N = 10, 20")
    noisier = pd.concat([table.assign(noise=3.0), table])
    assert report.outcomes(noisier).data.endswith("- dead: seed 3, scratch, n = 2, N = 10, 20, noise 1, 3 nM")


def test_of_many_arms_at_a_bound_five_are_named_and_the_others_counted():
    counts = {f"fit {k}": 9 - k for k in range(8)}
    rows = [{"arm": arm, "status": "at bound", "sample_steps": 0} for arm, n in counts.items() for _ in range(n)]
    said = report.outcomes(pd.DataFrame(rows)).data
    assert "9 of *fit 0*, 8 of *fit 1*, 7 of *fit 2*, 6 of *fit 3*, 5 of *fit 4*, and 9 of 3 other arms)" in said
    said = report.outcomes(pd.DataFrame(rows[:39])).data  # six arms: a sixth name is shorter than a count
    assert said.endswith("5 of *fit 4*, 4 of *fit 5*).")


def test_many_networks_that_failed_are_counted_by_seed_and_named_in_a_fold():
    table = power_law_table(2.0, n_seeds=4).assign(status="ok", target="n = 2", sample_steps=1, noise=1.0)
    table = pd.concat([table, table.assign(target="n = 3"), table.assign(target="n = 4")], ignore_index=True)
    table.loc[table["seed"] == 3, "status"] = "dead"
    dead = table[table["status"] == "dead"]
    summary, folded = report.outcomes(table).data.split("<details", 1)
    assert summary.strip().endswith(f"Dead or diverged are networks of seed 3 ({len(dead)} dead).")
    for arm, target in set(zip(dead["arm"], dead["target"], strict=True)):
        assert f"\n- dead: seed 3, {arm}, {target}, N = 10, " in folded
    assert folded.endswith("</details>")


def test_probability_of_improvement_by_hand():
    rows = [
        {"arm": arm, "seed": seed, "error": error}
        for arm, errors in {"a": [1.0, 2.0, 3.0, 4.0], "b": [2.0, 2.0, 1.0, 8.0]}.items()
        for seed, error in enumerate(errors)
    ]
    share = probability_of_improvement(pd.DataFrame(rows), "error", {"arm": "a"}, {"arm": "b"})
    assert share.value == 2.5 / 4
    assert 0 <= share.low <= share.value <= share.high <= 1


def test_non_inferiority_finds_the_true_factor_and_refuses_a_larger_one():
    table = power_law_table(4.0, noise=0.02)
    groups = [{"arm": "transfer", "N": 50}, {"arm": "scratch", "N": 200}]
    assert non_inferiority(table, "error", *groups).holds
    assert not non_inferiority(table, "error", groups[0], {"arm": "scratch", "N": 500}).holds
    with pytest.raises(ValueError, match=r"margin is 1\.0"):
        non_inferiority(table, "error", *groups, margin=1.0)


def test_the_simultaneous_band_is_wider_and_open_where_k_is_censored():
    result = data_equivalence(power_law_table(4.0), "error").set_index("N")
    inside = result.loc[[10, 20, 50, 100, 200]]
    assert (inside["band_low"] < inside["low"]).all()
    assert (inside["band_high"] > inside["high"]).all()
    assert result.loc[2000, "band_high"] == np.inf
    np.testing.assert_allclose(result["transferred"], (result["k"] - 1) * result.index)


@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=7, max_size=7), min_size=1, max_size=5))
def test_monotone_curves_are_those_of_isotonic_regression(curves):
    """The min–max formula over many curves at once against SciPy's pool-adjacent-violators on each."""
    expected = [isotonic_regression(curve, increasing=False).x for curve in curves]
    np.testing.assert_allclose(monotone(np.array(curves)), expected, rtol=1e-12, atol=1e-12 * 1e3)


def test_k_is_the_one_of_scipys_isotonic_regression():
    """k(N) from SciPy's monotone curves and `np.interp`, curve by curve."""
    table = power_law_table(3.0, n_seeds=9, noise=1.5, rng_seed=5)
    logs = np.log(table.pivot(index="seed", columns=["arm", "N"], values="error"))
    transfer, scratch = (
        isotonic_regression(iqm(logs[arm].to_numpy(), axis=0), increasing=False).x for arm in ("transfer", "scratch")
    )
    assert len(set(scratch)) < len(VOLUMES), "some points must be pooled for this to test anything"
    result = data_equivalence(table, "error", resamples=10).set_index("N")["k"]
    for n, level in zip(VOLUMES, transfer, strict=True):
        if scratch[-1] < level < scratch[0]:
            reached = np.interp(-level, -scratch, np.log(VOLUMES))
            assert result[n] == pytest.approx(np.exp(reached) / n, rel=1e-12)


def test_an_interval_is_expanded_more_for_few_seeds():
    """Hesterberg's table: 2.5 % at each end becomes 2.1 % for 50 seeds, and nearly nothing for 3."""
    assert tail_share(50) == pytest.approx(0.0212, abs=1e-4)
    assert tail_share(10**6) == pytest.approx(0.025, abs=1e-5)
    assert tail_share(3) < 1e-4


def test_one_seed_demonstrates_nothing():
    """Resampled it is always itself; what looks like an interval without width would decide every question."""
    table = power_law_table(9.0, n_seeds=1)
    groups = [{"arm": "transfer", "N": 50}, {"arm": "scratch", "N": 50}]
    ratio = paired_ratio(table, "error", *groups)
    assert (0 < ratio.value < 0.5, ratio.low, ratio.high) == (True, 0, np.inf)
    assert verdict(ratio, (-np.inf, 1.0)) == "undecided"
    assert log_ratio(table, "error", *groups).estimate() == ratio
    assert not non_inferiority(table, "error", *groups).holds
    assert with_interval(ratio).endswith(" [0, ∞]")
    assert report.direction(ratio) == "not clearly different"


def test_one_seed_leaves_summaries_and_equivalences_open():
    table = power_law_table(2.0, n_seeds=1)
    summary = geometric_summary(table, "error", ["arm", "N"])
    assert (summary["low"] == 0).all()
    assert (summary["high"] == np.inf).all()
    found = data_equivalence(table, "error", resamples=20)
    for low, high in (("low", "high"), ("band_low", "band_high")):
        assert (found[low] == 0).all()
        assert (found[high] == np.inf).all()
    row = found.set_index("N").loc[50]
    assert equivalence_text(row).endswith("[less than 0.2, more than 40]")


@pytest.mark.filterwarnings("error")
def test_open_intervals_are_drawn_without_a_band():
    summary = geometric_summary(power_law_table(2.0, n_seeds=1), "error", ["arm", "N"])
    oracle = summary.tail(1)
    figure = Figure()
    axes = figure.subplots()
    plot_learning_curves(summary, axes, oracle=oracle)
    figure.canvas.draw()
    assert np.isfinite(axes.get_ylim()).all()


def test_winning_every_time_is_no_certainty():
    rows = [{"arm": arm, "seed": seed, "error": error} for arm, error in (("a", 1.0), ("b", 2.0)) for seed in range(50)]
    share = probability_of_improvement(pd.DataFrame(rows), "error", {"arm": "a"}, {"arm": "b"})
    assert share == Estimate(1.0, pytest.approx(50 / (50 + 1.959964**2)), 1.0)


def test_the_simultaneous_band_covers_all_volumes_at_once():
    """In 120 repeats; 4 standard errors of a binomial allow 87 % and above. Bands at single volumes would do worse."""
    covered = 0
    for repeat in range(120):
        table = power_law_table(4.0, n_seeds=30, rng_seed=1000 + repeat)
        inside = data_equivalence(table, "error", resamples=500).set_index("N").loc[[20, 50, 100, 200]]
        covered += ((inside["band_low"] <= 4.0) & (inside["band_high"] >= 4.0)).all()
    assert covered / 120 >= 0.87
