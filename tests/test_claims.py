"""The gate between tables and prose: what it lets pass, and that no arm can be lost or mixed up unnoticed."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fewerwells.book.verdicts import check_stated, entry, in_wells, in_words, overview, turned_sentences
from fewerwells.running import experiments
from fewerwells.running.experiments import check_complete, expected_rows
from fewerwells.running.parameters import Verdicts
from fewerwells.running.reading_order import project_root
from fewerwells.running.storage import read_table
from fewerwells.science import statistics
from fewerwells.science.statistics import Estimate
from fewerwells.study import claims, protocol
from fewerwells.study.bootstrap import Bootstrap
from fewerwells.study.claim_list import CLAIMS, claims_on
from fewerwells.study.claim_list.readings import by_region
from fewerwells.study.claims import Claim, ClaimError, Difference, Reading, judge, verdict
from fewerwells.study.columns import ERROR_COLUMNS, error_column
from fewerwells.study.quantities import (
    ErrorPerDoubling,
    ErrorRatio,
    LargestEquivalence,
    RatioChange,
    RatioToEach,
    Unevenness,
)
from fewerwells.study.table import InconsistentTables, check_tables, row_checksums
from fewerwells.study.volumes import largest, nearest, share_of_oracle, smallest

ERRORS = list(ERROR_COLUMNS)
RESULTS = project_root() / "results"
DESIGNS = Verdicts().tables
PUBLISHED = {name: read_table(RESULTS / f"{name}.csv") for name in DESIGNS}
STUDY = ("experiment_1", "experiment_2")
STUDY_ARMS = [(name, arm) for name in STUDY for arm in PUBLISHED[name]["arm"].unique()]
ARMS = [(name, arm) for name, table in PUBLISHED.items() for arm in table["arm"].unique()]


def changed(name: str, table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return PUBLISHED | {name: table}


def with_shuffled_errors(table: pd.DataFrame, rows: pd.Series, rng_seed: int = 0) -> pd.DataFrame:
    """The same rows, where the networks among `rows` have exchanged all their errors."""
    table = table.copy()
    places = np.flatnonzero(rows)
    drawn = np.random.default_rng(rng_seed).permutation(places)
    table.iloc[places, table.columns.get_indexer(ERRORS)] = table[ERRORS].to_numpy()[drawn]
    return table


def with_checksums(table: pd.DataFrame) -> pd.DataFrame:
    """Somebody who mixes errors up and renews the checksums, so that only statistics are left to notice."""
    return table.assign(checksum=row_checksums(table))


def noticed(name: str, table: pd.DataFrame) -> bool:
    """Whether the gate refuses the published tables with this one among them: no other table's claims can turn."""
    try:
        return bool(turned_sentences(judge(changed(name, table), claims_on(name))))
    except InconsistentTables:
        return True


@pytest.fixture
def few_resamples(monkeypatch):
    """For tests in which something is missing: no interval matters."""
    whole = statistics._times_drawn
    monkeypatch.setattr(statistics, "_times_drawn", lambda n_seeds, resamples, state: whole(n_seeds, 20, state))


@pytest.fixture(scope="module")
def judged():
    return judge(PUBLISHED, CLAIMS)


def test_the_published_tables_bear_out_the_prose(judged):
    check_stated(judged)


def test_much_is_said_of_what_is_at_least_twice_as_much():
    """A claim is as strong as its sentence: a variance that is 1 % higher is not *much* higher."""
    (much,) = [claim for claim in CLAIMS if claim.name == "less-variable-at-low-volume"]
    assert "much higher" in much.words
    assert verdict(Estimate(0.99, 0.98, 0.999), much.true_range) == "contradicted"
    assert verdict(Estimate(0.4, 0.3, 0.49), much.true_range) == "supported"


def test_every_claim_has_a_verdict_and_a_name_of_its_own(judged):
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS)
    assert {judgement.claim.name for judgement in judged} == {claim.name for claim in CLAIMS}
    for judgement in judged:
        assert judgement.verdict == judgement.claim.stated
        assert all(np.isfinite(finding.estimate.low) for finding in judgement.findings.values())


@pytest.fixture(scope="module")
def expected():
    """For each table the hashes of its design's rows."""
    return {name: expected_rows(design) for name, design in DESIGNS.items()}


@pytest.mark.parametrize(("name", "arm"), ARMS)
class TestEveryArm:
    """What the gate refuses before any statistics: rows that are gone, errors that belong to other rows."""

    def test_its_rows_are_missed(self, name, arm, expected, monkeypatch):
        monkeypatch.setattr(experiments, "expected_rows", lambda _: expected[name])
        table = PUBLISHED[name]
        check_complete(name, table, DESIGNS[name])
        with pytest.raises(InconsistentTables, match=re.escape(f"{name} lacks {(table['arm'] == arm).sum()} rows")):
            check_complete(name, table[table["arm"] != arm], DESIGNS[name])
        with pytest.raises(InconsistentTables, match=re.escape(f"first {arm} on")):
            check_complete(name, table.drop(index=table.index[table["arm"] == arm][-1]), DESIGNS[name])

    def test_its_errors_cannot_be_mixed_up(self, name, arm):
        table = PUBLISHED[name]
        with pytest.raises(InconsistentTables, match=f"{name}: .* rows hold errors that are not those"):
            check_tables({name: with_shuffled_errors(table, table["arm"] == arm)})


def test_every_arm_of_the_protocol_is_read_by_some_claim():
    read = set()
    for quantity in (reading.quantity for claim in CLAIMS for reading in claim.readings.values()):
        values = vars(quantity)
        read |= {values[name]["arm"] for name in ("numerator", "denominator", "group") if name in values}
        read |= {values[name] for name in ("arm", "baseline") if name in values}
    assert {*protocol.STUDY_ARMS, *protocol.CONTROLS, *protocol.REMEDIES, *protocol.RIVALS} <= read


@pytest.mark.parametrize(("name", "arm"), STUDY_ARMS)
class TestEveryArmOfTheStudy:
    """What its statistics alone would notice."""

    def test_its_rows_are_missed(self, name, arm, few_resamples):
        table = PUBLISHED[name]
        with pytest.raises(ClaimError, match=rf"cannot be judged from {name}.*arm = {arm}"):
            judge({name: table[table["arm"] != arm]}, claims_on(name))

    def test_a_volume_or_target_of_it_is_missed(self, name, arm, few_resamples):
        table = PUBLISHED[name]
        rows = table["arm"] == arm
        column = "target" if table["target"].nunique() > 1 else "N"
        for value in table.loc[rows, column].unique():
            with pytest.raises(ClaimError, match="cannot be judged"):
                judge({name: table[~(rows & (table[column] == value))]}, claims_on(name))

    def test_a_seed_of_one_of_its_cells_is_missed(self, name, arm, few_resamples):
        table = PUBLISHED[name]
        last = table.index[table["arm"] == arm][-1]
        with pytest.raises(ClaimError, match="seeds"):
            judge({name: table.drop(index=last)}, claims_on(name))

    def test_its_errors_cannot_be_mixed_up(self, name, arm):
        """Across volumes, targets and seeds, whole rows of errors: the networks keep their names, not their errors."""
        table = PUBLISHED[name]
        assert noticed(name, with_checksums(with_shuffled_errors(table, table["arm"] == arm)))

    def test_one_error_of_it_cannot_be_mixed_up(self, name, arm):
        table = PUBLISHED[name].copy()
        rows = (table["arm"] == arm).to_numpy()
        column = table.columns.get_loc("sobol_inside_mean")
        table.iloc[rows, column] = np.random.default_rng(0).permutation(table.iloc[rows, column])
        table = with_checksums(table)
        with pytest.raises(InconsistentTables, match=name):
            check_tables({name: table})

    def test_it_cannot_be_mistaken_for_another_arm(self, name, arm):
        table = PUBLISHED[name]
        other = next(one for one in table["arm"].unique() if one != arm)
        rows = table["arm"].isin([arm, other])
        assert noticed(name, with_checksums(with_shuffled_errors(table, rows)))


@pytest.mark.parametrize("arm", ["transfer", "scratch"])
def test_verdicts_alone_notice_a_learning_curve_that_was_mixed_up(arm):
    """Without the second table, which holds some of the same networks, claims on Experiment 1 still turn."""
    table = PUBLISHED["experiment_1"]
    mixed = {"experiment_1": with_checksums(with_shuffled_errors(table, table["arm"] == arm))}
    assert turned_sentences(judge(mixed, claims_on("experiment_1")))


def test_verdicts_alone_notice_targets_that_were_mixed_up():
    table = PUBLISHED["experiment_2"]
    mixed = {"experiment_2": with_checksums(with_shuffled_errors(table, table["arm"] == "transfer"))}
    assert turned_sentences(judge(mixed, claims_on("experiment_2")))


def test_seeds_within_a_cell_are_exchangeable_but_for_their_pairing():
    """What no statistic can notice: another order of seeds inside one cell that no other table holds.

    Seeds have no order, so the centre stays; only the pairing is lost. It is the table's checksum that guards this.
    """
    table = PUBLISHED["experiment_2"]
    cell = (table["arm"] == "oracle") & (table["target"] == "n = 3")
    assert not noticed("experiment_2", with_checksums(with_shuffled_errors(table, cell)))


def test_the_gate_names_every_sentence_that_is_now_false():
    table = PUBLISHED["experiment_1"].copy()
    arms = {"transfer": "scratch", "scratch": "transfer"}
    table["arm"] = table["arm"].replace(arms)
    judged = judge({"experiment_1": table}, claims_on("experiment_1"))
    with pytest.raises(ClaimError) as caught:
        check_stated(judged)
    message = str(caught.value)
    assert "“At high volumes transfer reaches a lower error than training from scratch.”" in message
    assert "(wins-at-high-volume, over 0–20 nM) stands in the book as supported, but is contradicted: 1.57 [" in message
    assert "never-harmful was not judged." in message


def test_entries_can_be_linked_to_and_say_what_came_out(judged):
    text = "\n\n".join(entry(judgement) for judgement in judged)
    for judgement in judged:
        assert text.count(f'id="claim-{judgement.claim.name}"') == 1
        assert overview("All", judged).data.count(f"](#claim-{judgement.claim.name})") == 1
        assert judgement.claim.words in in_words(judged).data
    assert "- over 0–20 nM: 7.07 [6.02, 8.45] (n = 4), **contradicted**" in text
    assert "All 6 estimates inside 0–10 nM" in text
    assert "*supported over 0–20 nM; contradicted inside 0–10 nM*" in in_words(judged).data


def test_units_keep_their_letters_in_headings(judged):
    assert not re.search(r"\bnm\b", in_words(judged).data + "".join(entry(judgement) for judgement in judged))


def test_the_answer_in_wells_claims_no_number_beyond_what_was_tried():
    """Outside, scratch never gets to transfer: the sentence says so, and gives no worth."""
    words = in_wells(PUBLISHED["experiment_1"])
    assert "even 20,000 such wells, the most that were tried, do less without it" in words
    table = PUBLISHED["experiment_1"].copy()
    table["arm"] = table["arm"].replace({"transfer": "scratch", "scratch": "transfer"})
    assert "where no well was filled, they do the work of" in in_wells(table)


def test_a_missing_table_is_named():
    with pytest.raises(ClaimError, match="comparable-to-oracles cannot be judged: there is no table experiment_2"):
        judge({"experiment_1": PUBLISHED["experiment_1"]}, CLAIMS)


def test_networks_that_two_tables_share_must_agree():
    table = PUBLISHED["experiment_2"].copy()
    row = table.index[(table["arm"] == "oracle") & (table["target"] == "n = 2")][0]
    table.loc[row, "uniform_all_variance"] *= 1.01
    table = with_checksums(table)
    with pytest.raises(InconsistentTables, match=r"1 networks have different errors.*oracle on n = 2.*experiment_1"):
        check_tables(changed("experiment_2", table))


def made_up(errors: dict[tuple[str, str, int], list[float]]) -> pd.DataFrame:
    rows = [
        {"arm": arm, "target": target, "N": n, "seed": seed, "error": error}
        for (arm, target, n), values in errors.items()
        for seed, error in enumerate(values)
    ]
    return pd.DataFrame(rows)


class TestQuantities:
    table = made_up(
        {
            ("a", "t", 10): [4.0] * 8,
            ("a", "t", 100): [1.0] * 8,
            ("a", "u", 10): [9.0] * 8,
            ("b", "t", 10): [8.0] * 8,
            ("b", "t", 100): [4.0] * 8,
            ("b", "u", 10): [3.0] * 8,
            ("b", "t", 1000): [1.0] * 8,
            ("oracle", "t", 400): [0.5] * 8,
        }
    )
    only_t = table[table["target"] == "t"]

    def test_volumes_are_those_that_the_arms_share(self):
        at = {
            pick: ErrorRatio("x", {"arm": "b", "N": volume}, {"arm": "a", "N": volume}, "error")
            for pick, volume in {"smallest": smallest, "largest": largest, "near": nearest(60)}.items()
        }
        values = {pick: quantity.estimates(self.only_t)[""].value for pick, quantity in at.items()}
        assert values == pytest.approx({"smallest": 2.0, "largest": 4.0, "near": 4.0})

    def test_a_share_of_the_oracle(self):
        quarter = ErrorRatio("x", {"arm": "a", "N": share_of_oracle(0.25)}, {"arm": "oracle"}, "error")
        assert quarter.estimates(self.only_t)[""].value == pytest.approx(2.0)

    def test_one_ratio_for_each_target(self):
        by_target = ErrorRatio("x", {"arm": "a"}, {"arm": "b"}, "error", where={"N": 10}, per="target")
        assert {k: v.value for k, v in by_target.estimates(self.table).items()} == pytest.approx({"t": 0.5, "u": 3.0})

    def test_a_target_that_one_arm_lacks_is_an_error(self):
        by_target = ErrorRatio("x", {"arm": "a"}, {"arm": "b"}, "error", where={"N": 10}, per="target")
        lacking = self.table[~((self.table["arm"] == "b") & (self.table["target"] == "u"))]
        with pytest.raises(ValueError, match="0 rows"):
            by_target.estimates(lacking)

    def test_a_change_of_ratio(self):
        change = RatioChange("x", {"arm": "a"}, {"arm": "b"}, {"N": largest}, {"N": smallest}, "error")
        assert change.estimates(self.only_t)[""].value == pytest.approx(0.5)
        (few,) = change.estimates(self.only_t[self.only_t["N"] == self.only_t["N"].min()]).values()
        assert np.isnan(few.value), "of one volume, nothing is said of a change"
        assert verdict(few, (-np.inf, 1.0)) == "undecided"

    def test_a_ratio_to_each_of_several_arms_names_the_arm(self):
        table = pd.concat([self.only_t, self.only_t[self.only_t["arm"] == "b"].assign(arm="c", error=16.0)])
        found = RatioToEach("x", {"arm": "a", "N": 10}, ("b", "c"), "error").estimates(table)
        assert {arm: one.value for arm, one in found.items()} == pytest.approx({"b": 0.5, "c": 0.25})

    def test_a_ratio_in_one_place_over_that_in_another(self):
        pair = {"arm": "a", "N": 10}, {"arm": "b", "N": 10}
        found = RatioChange("x", *pair, {"target": "t"}, {"target": "u"}, "error").estimates(self.table)
        assert found[""].value == pytest.approx(0.5 / 3)
        with pytest.raises(ValueError, match=r"no row with .*target = v"):
            RatioChange("x", *pair, {"target": "t"}, {"target": "v"}, "error").estimates(self.table)

    def test_a_change_per_doubling(self):
        curve = ErrorPerDoubling("x", {"arm": "b"}, smallest, largest, "error")
        assert curve.estimates(self.only_t)[""].value == pytest.approx((1 / 8) ** (1 / np.log2(100)))
        nothing = ErrorPerDoubling("x", {"arm": "b"}, nearest(900), largest, "error")
        assert verdict(nothing.estimates(self.only_t)[""], (-np.inf, 1.0)) == "undecided"

    def test_a_group_is_not_compared_with_itself(self):
        same = ErrorRatio("x", {"arm": "a", "N": largest}, {"arm": "a", "N": nearest(90)}, "error")
        assert verdict(same.estimates(self.only_t)[""], (-np.inf, 1.0)) == "undecided"

    def test_every_two_targets(self):
        uneven = Unevenness("x", {"arm": "a", "N": 10}, "target", "error").estimates(self.table)
        assert {k: v.value for k, v in uneven.items()} == pytest.approx({"t over u": 4 / 9, "u over t": 9 / 4})

    def test_intervals_that_must_hold_at_once_are_wider(self):
        rng = np.random.default_rng(0)
        noisy = self.table.assign(error=self.table["error"] * np.exp(rng.normal(0, 0.2, len(self.table))))
        one = ErrorRatio("x", {"arm": "a"}, {"arm": "b"}, "error", where={"N": 10, "target": "t"})
        both = replace(one, where={"N": 10}, per="target")
        single, widened = one.estimates(noisy)[""], both.estimates(noisy)["t"]
        assert widened.value == single.value
        assert widened.low < single.low < single.high < widened.high

    def test_the_largest_equivalence_says_when_the_grid_ends(self):
        curves = self.only_t[self.only_t["arm"].isin(["a", "b"])]
        k = LargestEquivalence("x", 4.0, "error", arm="a", baseline="b").estimates(curves)[""]
        assert [k.value, k.low, k.high] == pytest.approx([10.0, 10.0, 10.0])
        better = curves.assign(error=curves["error"].where(curves["arm"] == "b", curves["error"] / 10))
        assert LargestEquivalence("x", 4.0, "error", arm="a", baseline="b").estimates(better)[""] == Estimate(
            np.inf, 100.0, np.inf
        )

    def test_a_grid_that_could_not_show_it_says_nothing(self):
        k = LargestEquivalence("x", 1000.0, "error", arm="a", baseline="b").estimates(self.only_t)[""]
        assert np.isnan(k.value)
        assert verdict(k, (1000.0, np.inf)) == "undecided"


def claim(differs: bool = True, **stated: str) -> Claim:
    quantity = ErrorRatio("x", {"arm": "a"}, {"arm": "b"})
    return Claim("name", "Words.", "a < b", by_region(quantity, **stated), (-np.inf, 1.0), "fig-x", differs=differs)


@pytest.mark.parametrize(
    ("stated", "differs", "expected"),
    [
        ({"whole": "supported"}, True, "supported"),
        ({"whole": "supported", "inside": "supported"}, True, "supported"),
        ({"whole": "supported", "inside": "contradicted"}, True, "depends on where one looks"),
        ({"whole": "supported", "inside": "undecided"}, True, "depends on where one looks"),
        (
            {"whole": "undecided", "inside": "contradicted", "outside": "undecided"},
            False,
            "undecided over 0–20 nM and outside, contradicted inside 0–10 nM",
        ),
    ],
)
def test_a_verdict_of_several_readings(stated, differs, expected):
    assert claim(differs, **stated).stated == expected


def regions(inside: float, sd_inside: float, rng_seed: int = 0) -> pd.DataFrame:
    """Arm a has 0.9 of arm b's error over the whole domain, and `inside` of it inside, where seeds differ by `sd_inside`."""
    rng, rows = np.random.default_rng(rng_seed), []
    for seed in range(20):
        whole = 0.9 * np.exp(0.05 * rng.standard_normal())
        within = inside * np.exp(sd_inside * rng.standard_normal())
        rows.append({"arm": "a", "seed": seed, error_column("all"): whole, error_column("inside"): within})
        rows.append({"arm": "b", "seed": seed, error_column("all"): 1.0, error_column("inside"): 1.0})
    return pd.DataFrame(rows)


class TestDependsOnWhereOneLooks:
    """It is said only where the two readings are shown to differ, not where one is known less well."""

    @pytest.fixture(autouse=True)
    def _no_study(self, monkeypatch):
        monkeypatch.setattr(claims, "check_tables", lambda tables: None)

    def judged(self, table, **stated):
        (judgement,) = judge({"x": table}, [claim(**stated)])
        return judgement

    def test_one_supported_and_one_undecided_reading_are_no_difference(self):
        judgement = self.judged(regions(inside=0.9, sd_inside=0.5), whole="supported", inside="undecided")
        assert [finding.verdict for finding in judgement.findings.values()] == ["supported", "undecided"]
        assert judgement.verdict == "supported over 0–20 nM, undecided inside 0–10 nM"
        (difference,) = judgement.differences
        assert difference.ratio.low < 1 < difference.ratio.high
        (sentence,) = turned_sentences([judgement])
        assert sentence.endswith(
            "stands in the book as depends on where one looks, but is supported over 0–20 nM, undecided inside 0–10 nM."
        )

    @pytest.mark.parametrize(("inside", "sd", "found"), [(1.0, 0.05, "undecided"), (1.5, 0.05, "contradicted")])
    def test_two_readings_that_differ_depend_on_where_one_looks(self, inside, sd, found):
        judgement = self.judged(regions(inside, sd), whole="supported", inside=found)
        assert judgement.findings["inside 0–10 nM"].verdict == found
        assert judgement.verdict == judgement.claim.stated == "depends on where one looks"
        (difference,) = judgement.differences
        assert difference.ratio.value == pytest.approx(0.9 / inside, rel=0.05)

    def test_readings_that_agree_are_not_compared(self):
        assert self.judged(regions(0.5, 0.05), whole="supported", inside="supported").differences == ()

    def test_a_reading_is_drawn_once_however_many_of_its_groups_differ(self):
        drawn = []

        class Quantity:
            table = "x"

            def __init__(self, ratio):
                self.ratio = ratio

            def estimates(self, table):
                return {group: Estimate(self.ratio, self.ratio, self.ratio) for group in "abcde"}

            def bootstraps(self, table):
                drawn.append(self.ratio)
                return {
                    group: Bootstrap(np.log(self.ratio), np.full(9, np.log(self.ratio)), range(9)) for group in "abcde"
                }

        readings = {"low": Reading(Quantity(0.5), "supported"), "high": Reading(Quantity(2.0), "contradicted")}
        sentence = Claim("name", "Words.", "a < b", readings, (-np.inf, 1.0), "fig-x")
        (judgement,) = judge({"x": pd.DataFrame()}, [sentence])
        assert [difference.ratio.value for difference in judgement.differences] == pytest.approx([0.25] * 5)
        assert sorted(drawn) == [0.5, 2.0]


def test_a_difference_is_not_shown_by_the_draws_in_which_it_is_known():
    """Where both readings are beyond what a grid can show, their ratio may be anything."""
    rng, finite = np.random.default_rng(0), np.log(1.5)
    one = Bootstrap(np.inf, np.full(1000, np.inf), tuple(range(20)))
    other = Bootstrap(np.inf, np.where(rng.random(1000) < 0.6, np.inf, finite), tuple(range(20)))
    estimate = (one - other).estimate()
    assert (estimate.low, estimate.high) == (0, np.inf)
    assert not Difference("one", "other", "", estimate).demonstrated
    apart = (one - Bootstrap(finite, np.full(1000, finite), one.units)).estimate()
    assert Difference("one", "other", "", apart).demonstrated


def test_readings_of_different_tables_cannot_be_one_claim():
    readings = {name: Reading(ErrorRatio(name, {"arm": "a"}, {"arm": "b"}), "supported") for name in ("x", "y")}
    with pytest.raises(ValueError, match="not all of one table"):
        Claim("name", "Words.", "a < b", readings, (-np.inf, 1.0), "fig-x")


def test_a_stated_verdict_must_be_one():
    with pytest.raises(ValueError, match="'proven'; choose one of supported"):
        Reading(ErrorRatio("x", {"arm": "a"}, {"arm": "b"}), "proven")
