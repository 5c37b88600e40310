"""Wells chosen in an experiment: rounds, noise, identities; what is read off their table, and its ceiling."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from fewerwells.book.plots.wells import plot_exchange, plot_ratios, plot_round, plot_worth
from fewerwells.running import identity
from fewerwells.running.parameters import ChosenInSystems, ChosenUnderNoise, Experiment3, ParameterError, validate
from fewerwells.science import fitting
from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import BIG, SMALL, Pairs, random_stream, real_pairs
from fewerwells.science.design.candidates import grid
from fewerwells.science.design.designs import DESIGNS
from fewerwells.science.noise import Noise
from fewerwells.science.systems import Simulated
from fewerwells.study import chosen, wells_saved
from fewerwells.study.chosen import Moved, Rounds
from fewerwells.study.columns import ERROR
from fewerwells.study.protocol import ARMS, Cell, Protocol
from fewerwells.study.well_arms import DOMAINS, WAYS, WELL_ARMS, WellArm, add_well_arms
from fewerwells.study.wells_saved import (
    against,
    by_design,
    ceiling,
    chosen_against_random,
    exchange_in_words,
    middle_in_words,
    saving_in_words,
    wells_in_words,
    wells_needed,
)

TARGET = reference_circuit("n_part_complex")
SEEDS = (3, 4)


@pytest.fixture(autouse=True)
def known_arms():
    """The arms of this chapter are known here, and nowhere else afterwards."""
    before = dict(ARMS)
    add_well_arms()
    yield
    ARMS.clear()
    ARMS.update(before)


@pytest.fixture(scope="module")
def rounds():
    return Rounds(DESIGNS["library"], step=2.0)


class TestRounds:
    def test_more_wells_begin_with_the_same_ones(self, rounds):
        few, many = (rounds.measured(Simulated(TARGET, Noise(1.0)), SMALL, n, SEEDS) for n in (8, 12))
        for one, other in zip(few, many, strict=True):
            np.testing.assert_array_equal(one.x, other.x[:8])
            np.testing.assert_array_equal(one.y, other.y[:8])

    def test_each_well_meets_the_noise_of_the_random_well_in_its_place(self, rounds):
        for seed, wells in zip(SEEDS, rounds.measured(Simulated(TARGET, Noise(0.5)), BIG, 12, SEEDS), strict=True):
            z = random_stream(seed, "noise, big domain").standard_normal((12, 2))
            np.testing.assert_allclose(wells.y, TARGET(wells.x) + 0.5 * z)

    def test_the_first_round_is_the_same_for_all_seeds_and_later_ones_are_not(self, rounds):
        one, other = rounds.measured(Simulated(TARGET, Noise(3.0)), SMALL, 16, SEEDS)
        np.testing.assert_array_equal(one.x[:8], other.x[:8])
        assert not np.array_equal(one.x, other.x)

    def test_a_later_round_knows_nothing_but_what_was_measured(self, rounds, monkeypatch):
        """The truth is poisoned once the first round is measured; the second asks for the same wells."""
        expected = rounds.measured(Simulated(TARGET, Noise(1.0)), SMALL, 12, (7,))[0].x
        chosen._filled.cache_clear()
        honest = chosen._measured

        def poisoned(system, domain, wells, x, seed):
            measured = honest(system, domain, wells, x, seed)
            return measured if wells is None else Pairs(measured.x, 1e6 + measured.y)

        monkeypatch.setattr(chosen, "_measured", poisoned)
        np.testing.assert_array_equal(rounds.measured(Simulated(TARGET, Noise(1.0)), SMALL, 12, (7,))[0].x, expected)
        chosen._filled.cache_clear()

    def test_of_no_seed_there_are_no_wells(self, rounds):
        assert rounds.measured(Simulated(TARGET, Noise(1.0)), SMALL, 16, []) == []

    def test_first_rounds_start_no_worker_and_workers_start_none_of_their_own(self, monkeypatch):
        """Seeds are shared out where a round has wells to learn from, in shares below which no fit is shared out again."""
        shared = []

        def noting(choose, shares, *, worth_it_from):
            shared.extend(map(len, shares))
            return [choose(share) for share in shares]

        monkeypatch.setattr(chosen, "side_by_side", noting)
        monkeypatch.setattr(chosen, "usable_cores", lambda: [0])
        system, seeds = Simulated(TARGET, Noise(1.0)), tuple(range(36))
        Rounds(DESIGNS["Sobol"], size=4).measured(system, SMALL, 4, seeds)
        assert shared == []
        Rounds(DESIGNS["Sobol"], size=4).measured(system, SMALL, 8, seeds)
        assert shared == [16, 16, 4]
        assert max(shared) < fitting.PARALLEL_FROM

    def test_without_the_truth_the_library_that_chooses_lacks_it(self, monkeypatch):
        asked = []
        monkeypatch.setattr(chosen, "_filled", lambda rounds, *_: asked.append(rounds.design.learner.without) or ())
        system = Simulated(reference_circuit("mixed_complex"))
        Rounds(DESIGNS["library"], without_truth=True).measured(system, SMALL, 8, SEEDS)
        assert asked == ["mixed_complex"]

    def test_proportional_noise_grows_with_what_a_chosen_well_gives(self, rounds):
        """Against the noise of the random well in the same place, spread as wide as the output asks for."""
        quiet, loud = (rounds.measured(Simulated(TARGET, noise), BIG, 8, SEEDS) for noise in (Noise(), Noise(0.5, 0.2)))
        for seed, exact, measured in zip(SEEDS, quiet, loud, strict=True):
            z = random_stream(seed, "noise, big domain").standard_normal((8, 2))
            np.testing.assert_array_equal(measured.x, exact.x)  # of the first round, before anything is measured
            np.testing.assert_allclose(measured.y, exact.y + np.sqrt(0.25 + 0.04 * exact.y**2) * z)


class TestMoved:
    def test_as_many_lie_outside_as_were_moved_and_the_others_are_the_seeds_own(self):
        for outside in (0, 5, 64):
            (wells,) = Moved(outside).measured(Simulated(TARGET, Noise(1.0)), BIG, 96, (2,))
            assert len(wells) == 96
            assert (~SMALL.contains(wells.x)).sum() == outside
            assert BIG.contains(wells.x).all()
            np.testing.assert_array_equal(wells.x[: 96 - outside], real_pairs(TARGET, 96, 2).x[: 96 - outside])

    def test_of_half_a_plate_half_as_many(self):
        (wells,) = Moved(16).measured(Simulated(TARGET, Noise(1.0)), BIG, 48, (2,))
        assert (~SMALL.contains(wells.x)).sum() == 8


class TestArms:
    def test_no_two_share_an_identity(self):
        keys = {}
        for name in WELL_ARMS:
            told = identity.settings(Cell(name, TARGET, 24), Protocol()) | {"arm": ""}
            keys.setdefault(str(told), []).append(name)
        assert [names for names in keys.values() if len(names) > 1] == []

    def test_the_code_of_the_design_counts(self, monkeypatch):
        monkeypatch.setattr(identity, "_engine_code", lambda roots, engine: sorted(roots))
        roots = identity.cell_code(Cell(WellArm("library", "library", "0–10 nM").name, TARGET, 24), Protocol(), "fused")
        assert {"fewerwells.science.design.designs", "fewerwells.study.chosen"} <= set(roots)

    def test_random_ones_are_the_studys_own_wells(self):
        for name, domain in DOMAINS.items():
            cell = Cell(WellArm("library", "random", name).name, TARGET, 24)
            np.testing.assert_array_equal(
                cell.measured(Protocol(), [5])[0].y, real_pairs(TARGET, 24, 5, domain=domain).y
            )


def made_up(worth=2.0, seeds=12):
    """Errors that fall with the root of the wells; a chosen well is worth so many random ones."""
    rng, rows = np.random.default_rng(0), []
    luck = np.exp(0.05 * rng.standard_normal(seeds))
    for target in ("one", "two"):
        for domain in DOMAINS:
            for design, volumes, k in (("random", (12, 24, 48, 96), 1.0), ("library", (24,), worth)):
                for n in volumes:
                    rows += [
                        {
                            "arm": WellArm("library", design, domain).name,
                            "target": target,
                            "N": n,
                            "seed": seed,
                            "sobol_all_mean": luck[seed] * (k * n) ** -0.5,
                        }
                        for seed in range(seeds)
                    ]
    return pd.DataFrame(rows)


class TestReadOff:
    def test_a_well_that_is_worth_two_is_found_to_be(self):
        found = chosen_against_random(made_up(2.0), 24)
        assert found["k"].to_numpy() == pytest.approx(2.0)
        assert found["ratio"].to_numpy() == pytest.approx(1.0)
        assert found["holds"].all()
        words = saving_in_words(found, 24)
        assert words.startswith("From 0–10 nM 24 wells that the library chose are worth about 48 random ones")
        assert words.endswith("That half of the wells are enough is shown in 4 of 4 comparisons.")

    def test_one_that_is_worth_less_does_not_pass(self):
        found = chosen_against_random(made_up(1.2), 24)
        assert found["k"].to_numpy() == pytest.approx(1.2, rel=1e-3)
        assert not found["holds"].any()

    def test_beyond_the_grid_it_is_censored(self):
        found = chosen_against_random(made_up(9.0), 24)
        assert np.isinf(found["k"]).all()
        assert found["limit_high"].to_numpy() == pytest.approx(4.0)
        assert saving_in_words(found, 24).startswith(
            "From 0–10 nM 24 wells that the library chose are worth at least 96 random ones (from system to system more "
            "than 96)"
        )

    def test_ratios_are_taken_over_the_seeds_that_both_have(self):
        table = made_up(4.0)
        table = table[~(table["arm"].str.contains("library wells") & (table["seed"] > 5))]
        own, drawn = (WellArm("library", design, "0–10 nM").name for design in ("library", "random"))
        assert against(table, own, drawn, 24)["value"].to_numpy() == pytest.approx(0.5)
        assert against(table, own, drawn, 24, 96)["value"].to_numpy() == pytest.approx(1.0)


class TestExchangeInWords:
    """What is said of the middle of the seeds and of the interval, where the two do not cross at the same number."""

    @staticmethod
    def moved(ratios: dict[int, float], sd: float) -> pd.DataFrame:
        rng, rows = np.random.default_rng(0), []
        for seed in range(10):
            rows.append(("transfer, 0 outside wells, 0–20 nM", seed, 1.0))
            rows += [
                (f"scratch, {m} outside wells, 0–20 nM", seed, ratio * np.exp(sd * rng.standard_normal()))
                for m, ratio in ratios.items()
            ]
        table = pd.DataFrame(rows, columns=["arm", "seed", "sobol_all_mean"])
        return table.assign(target="n = 2", N=96)

    def test_the_interval_may_leave_a_doubt_where_the_middle_has_crossed(self):
        words = exchange_in_words(self.moved({8: 1.4, 16: 0.9, 64: 0.4}, sd=0.3), [8, 16, 64])
        assert words.startswith(
            "The middle of the seeds crosses between 8 of 96 wells, where the error of scratch is 1."
        )
        assert " and **16 wells**: there it is 0." in words
        assert words.endswith("From 64 wells on all of the 95 % interval lies below 1.")

    def test_it_may_have_crossed_at_the_fewest_that_were_moved(self):
        words = exchange_in_words(self.moved({8: 0.5, 16: 0.4}, sd=0.1), [8, 16])
        assert words.startswith("The middle of the seeds is below 1 at **8 of 96 wells** already: there it is 0.")
        assert words.endswith("From 8 wells on all of the 95 % interval lies below 1.")

    def test_it_has_not_crossed_before_it_crosses_back(self):
        words = exchange_in_words(self.moved({8: 0.7, 16: 1.4, 64: 0.4}, sd=0.05), [8, 16, 64])
        assert words.startswith("The middle of the seeds crosses between 16 of 96 wells")
        assert words.endswith("From 64 wells on all of the 95 % interval lies below 1.")

    def test_it_may_leave_one_at_the_most_that_were_moved(self):
        words = exchange_in_words(self.moved({8: 1.4, 16: 0.9}, sd=0.3), [8, 16])
        assert words.endswith("At no number tried does all of it lie below 1.")

    def test_no_network_may_get_there(self):
        assert exchange_in_words(self.moved({8: 2.0}, sd=0.1), [8]).startswith("With none of these numbers")

    def test_names_of_arms_come_apart_again(self):
        made = made_up()
        told = by_design(pd.concat([made, made[:1].assign(arm="transfer")]))
        assert len(told) == len(made)
        assert set(told["design"]) == {"random", "library"}
        assert set(told["domain"]) == set(DOMAINS)
        assert set(told["learner"]) == {"library"}


class TestCeiling:
    def test_nothing_that_was_chosen_without_the_truth_gets_below_the_best_expected_error(self, rounds):
        circuit = reference_circuit("goldbeter_koshland")
        known = wells_saved.at_the_truth(circuit)
        candidates = grid(0, 10, 2.0, replicates=16)
        goal = wells_saved.prediction_goal(known, wells_saved.sobol_inputs(BIG, 256))
        best = wells_saved.expected_error(known, candidates.x[wells_saved.exchange(candidates, known, goal, 16)], 1.0)
        for wells in rounds.measured(Simulated(circuit, Noise(1.0)), SMALL, 16, SEEDS):
            assert wells_saved.expected_error(known, wells.x, 1.0) >= best * (1 - 1e-9)

    def test_is_no_higher_where_fewer_wells_can_be_chosen_from(self):
        """At the origin the cycle jumps: by its slope a well there tells so much that it could once not be taken back."""
        cycle = reference_circuit("phosphorylation_cycle")
        coarse, fine = (ceiling(cycle, SMALL, 24, 1.0, [0, 1], step=step) for step in (1.0, 0.5))
        assert 1 < coarse <= fine * 1.001

    def test_of_a_simple_system_is_more_than_one_and_not_much_more(self):
        assert 1 < ceiling(TARGET, BIG, 16, 1.0, [0, 1, 2], step=2.0) < 3


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"random_volumes": [24, 12]}, "random_volumes is"),
        ({"random_volumes": [24, 96]}, "it must hold .* 24 and 48"),
        ({"chosen_volumes": [24, 24]}, "chosen_volumes is"),
        ({"design_seeds": 60}, "design_seeds is 60"),
        ({"well_targets": ["dragon"]}, "well_targets"),
        ({"outside": [96]}, "outside"),
    ],
)
def test_impossible_parameters_are_refused(values, named):
    with pytest.raises(ParameterError, match=named):
        validate(values, Experiment3)


def test_every_comparison_of_the_chapter_is_in_its_designs():
    """The published design: all pairs that the chapter compares are there, on the same seeds."""
    rest, main = Experiment3().designs
    assert len(main.seeds) == 50
    assert set(rest.seeds) <= set(main.seeds)
    cells = {(cell.arm, cell.target.label, cell.wells) for cell in main.cells}
    for target in Experiment3().targets:
        for domain in DOMAINS:
            for design, n in (("library", 24), ("random", 24), ("random", 48)):
                assert (WellArm("library", design, domain).name, target.label, n) in cells
    assert len(set(main.cells) & set(rest.cells)) == 0
    everything = {(cell.arm, cell.target.label, cell.wells) for cell in (*main.cells, *rest.cells)}
    for learner, design in (("scratch", "random"), *WAYS.values()):
        name = WellArm(learner, design, "0–10 nM").name
        volumes = {n for arm, target, n in everything if arm == name and target == "n = 2"}
        assert len(volumes & {8, 16, 24, 48}) == 4, name
    drawn = Experiment3().in_systems.designs
    assert len(drawn) == 12
    assert all({cell.wells for cell in design.cells} == {24, 48} for design in drawn)
    assert ChosenInSystems() == Experiment3().in_systems, "what is published is not what the chapter shows"
    assert ChosenUnderNoise() == Experiment3().under_noise, "what is published is not what the chapter shows"


def learning_curves(wells_of_way):
    """Rows in which scratch has the error 100/N, and every way that of scratch with `wells_of_way[way]` times its wells."""
    rows = []
    for way, (learner, design) in {"scratch": ("scratch", "random"), **WAYS}.items():
        worth = wells_of_way.get(way, 1.0)
        rows += [
            {"arm": WellArm(learner, design, "0–10 nM").name, "N": n, "seed": seed, "target": "one"}
            | {ERROR: 100 / (worth * n) * (1 + 0.01 * seed)}
            for n in (8, 16, 24, 48, 96, 192)
            for seed in range(6)
        ]
    return pd.DataFrame(rows)


def test_wells_needed_are_read_off_each_way_s_own_curve_and_end_where_it_ends():
    start, _, _, prior, designer, _ = WAYS
    found = wells_needed(learning_curves({start: 2.0, prior: 24.0, designer: 0.25})).set_index("way")
    assert found.loc[start, "wells"] == pytest.approx(48)
    assert found.loc[start, "low"] <= 48.01
    assert found.loc[start, "high"] >= 47.99
    assert found.loc[prior, "wells"] == 0  # fewer than its fewest
    assert found.loc[prior, "fewest"] == pytest.approx(8)
    assert found.loc[designer, "wells"] == np.inf  # more than its most
    assert found.loc[designer, "most"] == pytest.approx(192)
    assert wells_in_words(found.loc[[start, prior, designer]]) == "fewer than 8 to more than 192"
    assert middle_in_words(found.loc[[start, prior, designer]]) == "48"
    assert middle_in_words(found.loc[[start, designer]]) == "48 to more than 192"


def test_intervals_of_wells_needed_hold_for_all_ways_at_once():
    """Ways whose luck has nothing in common: with six of them single intervals would all hold in 95 % to the sixth."""
    held, rng = [], np.random.default_rng(0)
    truth = dict.fromkeys(WAYS, 1.0)
    for _ in range(100):
        table = learning_curves(truth)
        luck = {(arm, seed): rng.normal(0, 0.2) for arm in table["arm"].unique() for seed in range(20)}
        table = pd.concat([table[table["seed"] == 0].assign(seed=seed) for seed in range(20)])
        table[ERROR] *= np.exp([luck[arm, seed] for arm, seed in zip(table["arm"], table["seed"], strict=True)])
        found = wells_needed(table)
        held.append(((found["low"] <= 96) & (found["high"] >= 96)).all())
    assert np.mean(held) > 0.87


def test_figures_show_what_they_are_given():
    figure, axes = plt.subplots(2, 2)
    candidates = grid(0, 4, 2)
    plot_round(axes[0, 0], candidates.x[:2], candidates.x[[0, 0, 5]], candidates.x, np.arange(9.0))
    assert [text.get_text() for text in axes[0, 0].texts] == ["2"]
    found = chosen_against_random(made_up(2.0), 24)
    plot_worth(found[found["domain"] == "0–10 nM"], axes[0, 1], {"one": 2.5, "two": 3.0})
    assert [label.get_text() for label in axes[0, 1].get_yticklabels()] == ["one", "two"]
    beyond = chosen_against_random(made_up(9.0), 24)
    plot_worth(beyond[beyond["domain"] == "0–10 nM"], axes[0, 1], {"one": 2.5, "two": 3.0})
    assert [line.get_fillstyle() for line in axes[0, 1].get_lines() if line.get_marker() == "o"] == [
        *["full"] * 2,
        *["none"] * 2,
    ]
    own, drawn = (WellArm("library", design, "0–10 nM").name for design in ("library", "random"))
    plot_ratios(against(made_up(4.0), own, drawn, 24).assign(design="library"), axes[1, 0], "design")
    assert axes[1, 0].get_lines()[0].get_xdata() == pytest.approx([0.5])
    rows = pd.DataFrame({"learner": "scratch", "outside": [0, 8], "value": [2.0, 1.0], "low": 0.5, "high": 3.0})
    plot_exchange(rows, axes[1, 1])
    assert axes[1, 1].get_lines()[0].get_ydata().tolist() == [2.0, 1.0]
    plt.close(figure)
