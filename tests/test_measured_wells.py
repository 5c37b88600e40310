"""Published measurements: found by checksum or refused in a sentence; errors on held-out means; the published table.

`FEWERWELLS_DATA` names the folder with the measurements, which are not in this repository; without it what needs them is
skipped.
"""

import json
import os
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from typer.testing import CliRunner

from fewerwells.book import verdicts
from fewerwells.cli import app
from fewerwells.laboratory import measured_files as files
from fewerwells.laboratory.arms import Process
from fewerwells.laboratory.measured_errors import (
    ALL_DOSES,
    ARMS,
    BEYOND,
    FLOOR,
    KEY,
    as_wells,
    corrected,
    errors_of,
    long_rows,
)
from fewerwells.laboratory.measured_sets import (
    HORMONE_MODELS,
    LOWER_HALF,
    NULL_MODELS,
    PUBLISHED,
    REPRESSION,
    SETS,
    STRAIN_SETS,
    MeasuredSet,
    as_shares,
    loewe,
    other_strains,
)
from fewerwells.laboratory.surfaces import fit, hill
from fewerwells.running.parameters import MeasuredWells
from fewerwells.running.reading_order import chapters, project_root
from fewerwells.running.storage import read_table
from fewerwells.science.circuits import reference_circuit
from fewerwells.study.claim_list.measured_wells import ALL, FEW, HIGH, MEASURED
from fewerwells.study.claims import ClaimError, judge_rows, verdict

DATA = os.environ.get(files.DATA, "")
ROOT = project_root(Path(__file__).parent)
TABLE = ROOT / "results" / "measured.csv"
at_hand = pytest.mark.skipif(not DATA, reason=f"{files.DATA} names no folder with measurements")


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """Neither a copy at hand nor a network, and a cache of its own."""
    pooch = pytest.importorskip("pooch", reason="pooch is not installed: pip install -e '.[measured]'")
    monkeypatch.setenv(files.DATA, str(tmp_path))
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache")

    def fails(url, output_file, pooch, check_only=False):
        raise OSError("no network")

    monkeypatch.setattr(pooch.core, "choose_downloader", lambda *arguments, **options: fails)
    return tmp_path


class TestFiles:
    def test_what_is_not_at_hand_and_cannot_be_fetched_is_refused_with_what_to_do(self, offline):
        with pytest.raises(files.NoMeasurements, match=rf"data/flow_master\.csv of RPGroup.*set {files.DATA}"):
            files.FLOW.fetch()

    def test_a_file_at_hand_counts_only_with_its_checksum(self, offline):
        (offline / "deep").mkdir()
        (offline / "deep" / "DATA_synTF.mat").write_bytes(b"another one")
        with pytest.raises(files.NoMeasurements):
            files.SURFACES.fetch()

    def test_comment_lines_and_line_ends_do_not_count_in_a_checksum_of_rows(self, tmp_path):
        for name, text in (("a", "x,y\n1,2\n"), ("b", "# about\r\nx,y\r\n1,2\r\n\r\n")):
            (tmp_path / name).write_bytes(text.encode())
        one, other = (files.checksum_of(tmp_path / name, "rows") for name in "ab")
        assert one == other
        (tmp_path / "b").write_text("x,y\n1,3\n", encoding="utf-8")
        assert files.checksum_of(tmp_path / "b", "rows") != one

    def test_every_file_is_named_by_a_commit_and_a_checksum(self):
        for one in (files.FLOW, files.SURFACES, files.PAIRS, *files.STRAINS.values()):
            assert len(one.repository.commit) == 40
            assert one.repository.url(one.path).startswith("https://raw.githubusercontent.com/")
            kind, _, digest = one.checksum.partition(":")
            assert len(digest) == {"sha256": 64, "rows": 64, "md5": 32}[kind]

    def test_a_table_of_r_is_read_like_its_export(self, tmp_path, monkeypatch):
        rdata = pytest.importorskip("rdata", reason="rdata is not installed: pip install -e '.[measured]'")
        table = pd.DataFrame({"experiment": ["1", "2"], "effect": [3.5, 4.5], "d1": [0.0, 1.0], "d2": [2.0, 0.5]})
        rdata.write_rda(tmp_path / "t.RData", {"directAntivirals": table})
        monkeypatch.setattr(files.DataFile, "fetch", lambda self: tmp_path / "t.RData")
        found = files.antivirals(2)
        assert found.to_numpy().tolist() == [[1.0, 0.5, 4.5]]

    @at_hand
    def test_the_measurements_are_what_their_notes_say(self):
        """Numbers of wells and doses as the sources describe them."""
        induction = files.induction("O2")
        assert induction["repressors"].nunique() == 6
        assert induction["IPTG"].max() == 5000
        assert len(induction) == 6 * 129
        surface = files.surface("GEM")
        assert (len(surface), surface["hormone"].nunique(), surface["factor"].nunique()) == (120, 24, 5)
        assert (surface["sd"] > 0).all()
        for name in files.STRAINS:
            strain = files.strain(name)
            assert len(strain) == {"YPS163": 95, "CLIB324": 92, "UWOPS87-2421": 95}.get(name, 96)
            assert strain["induced"].between(0, np.nextafter(1, 2) if name == "CLIB324" else 1).all()
        pair = files.antivirals(2)
        assert len(pair) == 320
        for one in (*SETS, *STRAIN_SETS):
            assert as_shares(one.neighbour())["output"].nunique() > 10, "a flat neighbour has nothing to teach"
        assert (pair.groupby(["dose_1", "dose_2"]).size().iloc[1:] == 4).all()

    @at_hand
    def test_the_mean_of_the_other_strains_is_that_of_the_wells_they_share(self):
        found = other_strains("S288C")
        assert len(found) == 96
        at = found[(found["input_1"] == 20) & (found["input_2"] == 20)]["output"].item()
        tables = [files.strain(name) for name in files.NATURAL if name != "S288C"]
        highest = [table.loc[(table["glucose"] == 1) & (table["galactose"] == 4), "induced"].item() for table in tables]
        assert at == pytest.approx(np.mean(highest))


class TestModels:
    """Published equations: written down right, and found again by a fit to what they give."""

    def test_repression_follows_the_published_model(self):
        """Razo-Mejia et al. 2018, equation 5, written out for one condition."""
        copies, iptg = 260.0, 50.0
        active = (1 + iptg / 139.0) ** 2 / ((1 + iptg / 139.0) ** 2 + np.exp(-4.5) * (1 + iptg / 0.53) ** 2)
        expected = 1 / (1 + active * copies / 4.6e6 * np.exp(13.9))
        s = np.array([[copies / 1740.0, iptg / 5000.0]])
        assert REPRESSION["allosteric"].basis(s, PUBLISHED)[0][0] == pytest.approx(expected)

    def test_without_depletion_the_expanded_model_binds_as_one_site_does(self):
        """Far more hormone than factor: bound = factor · H / (H + K)."""
        s = np.array([[0.3, 0.5], [0.8, 1.0]])
        p = {"amount": 1e-6, "K_X": 0.2, "basal": 1e-12, "K": 0.4, "n1": 1.0}
        bound = s[:, 1] * s[:, 0] / (s[:, 0] + 0.2)
        assert HORMONE_MODELS["expanded Hill"].basis(s, p)[1] == pytest.approx(bound / (bound + 0.4), rel=1e-4)

    @pytest.mark.parametrize(
        ("form", "truth"),
        [
            (REPRESSION["allosteric"], PUBLISHED),
            (HORMONE_MODELS["simple Hill"], {"K": 0.05, "n1": 1.5}),
            *((form, {"K1": 0.1, "n1": 1.5, "K2": 0.3, "n2": 2.0}) for form in NULL_MODELS.values()),
        ],
    )
    def test_a_fit_finds_the_equation_again(self, form, truth):
        rng = np.random.default_rng(0)
        s = np.concatenate([np.zeros((1, 2)), 10 ** rng.uniform(-4, 0, (80, 2))])
        columns = [np.broadcast_to(column, len(s)) for column in form.basis(s, truth)]
        y = np.sum(columns, axis=0)
        found = fit(form, "the form", s, y, np.ones(len(y)))
        assert found.of(form, s) == pytest.approx(y, abs=2e-3 * np.ptp(y))


class TestLoewe:
    """Additivity against its definition, solved by bisection, and against what a drug does to itself."""

    @settings(max_examples=60)
    @given(*[st.floats(0.01, 1)] * 2, *[st.floats(0.05, 10)] * 2, *[st.floats(0.3, 8)] * 2)
    def test_doses_over_those_that_have_the_effect_alone_add_up_to_one(self, first, second, k1, k2, n1, n2):
        effect = loewe(np.array([[first, second]]), {"K1": k1, "K2": k2, "n1": n1, "n2": n2})[0]

        def excess(t):
            return first / (k1 * np.exp(t / n1)) + second / (k2 * np.exp(t / n2)) - 1

        assert effect == pytest.approx(1 / (1 + np.exp(-brentq(excess, -200, 200, xtol=1e-13))), rel=1e-9)

    def test_a_drug_with_itself_acts_as_the_sum_of_its_doses_and_one_alone_as_itself(self):
        rng = np.random.default_rng(0)
        s, same = rng.uniform(0, 1, (50, 2)), {"K1": 0.3, "K2": 0.3, "n1": 1.7, "n2": 1.7}
        assert loewe(s, same) == pytest.approx(hill(s.sum(axis=1), 0.3, 1.7))
        p = {"K1": 0.3, "K2": 0.2, "n1": 1.7, "n2": 0.6}
        alone = np.column_stack([s[:, 0], np.zeros(50)])
        assert loewe(alone, p) == pytest.approx(hill(s[:, 0], 0.3, 1.7))
        assert loewe(np.zeros((1, 2)), p) == 0


def made_up() -> pd.DataFrame:
    """A measured system of known truth: 6 × 6 doses, three replicates."""
    doses = np.array([0.0, 0.5, 1.0, 2.0, 4.0, 8.0])
    x = np.array([(a, b) for _ in range(3) for a in doses for b in doses])
    y = reference_circuit("n_part_complex")(x)[:, 0] + np.random.default_rng(0).standard_normal(len(x))
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y})


class TestErrors:
    def test_shares_run_to_the_end_of_the_domain_and_lose_no_well(self):
        table = as_shares(made_up())
        assert table["input_1"].max() == table["input_2"].max() == 20
        assert sorted(table["output"]) == sorted(made_up()["y"])

    def test_a_table_in_which_nothing_changes_is_refused(self):
        with pytest.raises(ValueError, match=r"y is 1 in every row; there is nothing to learn\."):
            as_shares(made_up().assign(y=1.0))

    def test_a_row_a_subsample_with_every_learner_on_the_same_wells(self):
        own = MeasuredSet(
            "made up", "", made_up, made_up, "itself", NULL_MODELS, lambda s: np.zeros(len(s)), files.LACI
        )
        table = errors_of(own, [0, 1], (12,), lambda line: None)
        assert [tuple(row) for row in table[list(KEY)].to_numpy()] == [
            ("made up", split, wells, n, seed)
            for split, wells, n in (("all doses", "12", 12), ("all doses", "all", 81), ("high doses", "48", 48))
            for seed in (0, 1)
        ]
        assert set(ARMS) <= set(table.columns)
        whole = table[table["wells"] == "all"]
        assert (whole["equations"] < whole["as published"] / 5).all(), "nothing is worse than predicting nought"
        assert np.allclose(table[FLOOR], 1 / np.sqrt(3), rtol=0.4)
        rows = long_rows(table)
        assert len(rows) == len(table) * (len(ARMS) + 1)

    def test_a_neighbour_that_is_the_system_in_another_unit_takes_few_wells(self):
        """Of a surface that is known but for a factor and a constant, a few wells make the whole."""
        table = as_shares(made_up())
        x, y = table[["input_1", "input_2"]].to_numpy(), table["output"].to_numpy()
        known = Process().learn(as_wells(x, y)[0])
        some = np.random.default_rng(0).permutation(len(x))[:12]
        wells, spread = as_wells(x[some], 5.0 * known.predict(x[some] / 20) - 3.0)
        found = spread * corrected(known, wells)(x / 20)
        expected = 5.0 * known.predict(x / 20) - 3.0
        assert found == pytest.approx(expected, abs=0.01 * np.ptp(expected))

    def test_high_doses_are_never_learnt_from(self):
        own = MeasuredSet("made up", "", made_up, made_up, "itself", {}, None, files.LACI)
        system = own.system(LOWER_HALF)
        wells = system.wells(system.offered(0), 0)
        assert wells.x.max() <= 10
        assert system.test_sets(0)["held_out"].regions["outside"].sum() == 36 - 25


def test_sets_differ_and_each_has_a_neighbour():
    assert len({one.name for one in (*SETS, *STRAIN_SETS)}) == len(SETS) + len(STRAIN_SETS)
    assert len({one.repository for one in SETS}) == 4
    assert all(one.words and one.neighbour_words for one in SETS)


@pytest.fixture(scope="module")
def published():
    return read_table(TABLE)


@pytest.fixture(scope="module")
def judged(published):
    return judge_rows({"measured": long_rows(published)}, MEASURED)


class TestPublishedTable:
    def test_is_of_every_system_with_every_number_of_wells_and_every_subsample(self, published):
        assert tuple(published.columns) == (*KEY, FLOOR, *ARMS)
        assert not published.duplicated(list(KEY)).any()
        plans = [*((ALL_DOSES, size) for size in ("12", "24", "48", "all")), (BEYOND, "48")]
        cells = {(one.name, *plan) for one in (*SETS, *STRAIN_SETS) for plan in plans}
        found = published.groupby(["system", "split", "wells"])["seed"].apply(sorted)
        assert set(found.index) == cells
        assert all(seeds == list(range(50)) for seeds in found)

    def test_a_learner_is_missing_only_where_there_is_none(self, published):
        for one in (*SETS, *STRAIN_SETS):
            part = published[published["system"] == one.name].drop(columns=list(KEY))
            lacking = set() if one.models else {"published"}
            lacking |= set() if one.as_published else {"as published"}
            lacking |= {FLOOR} if one.repository is files.GALACTOSE else set()
            assert part[list(lacking)].isna().all(axis=None)
            there = part.drop(columns=list(lacking)).to_numpy()
            assert np.isfinite(there).all()
            assert (there > 0).all()

    def test_its_record_says_what_made_it(self):
        record = json.loads(TABLE.with_suffix(".json").read_text(encoding="utf-8"))
        made = MeasuredWells(**record["parameters"])
        assert made == MeasuredWells(recompute=True)
        assert record["packages"]["fewerwells"]

    def test_the_verdicts_of_the_page_are_those_of_the_table(self, judged):
        verdicts.check_stated(judged, MEASURED)

    def test_what_differs_on_many_strains_is_one_line_and_a_table_that_opens(self, judged):
        (one,) = [one for one in judged if one.claim.name == "strains-start-helps"]
        apart = [d for d in one.differences if (d.one, d.other) == (FEW, ALL)]
        assert len(apart) > 2
        text = verdicts.entry(one)
        (line,) = [
            line for line in text.splitlines() if line.startswith(f"- what came out {FEW}, divided by that {ALL}")
        ]
        shown = sum(d.demonstrated for d in apart)
        assert line.endswith(f"a difference in {shown} of the {len(apart)} groups whose verdicts differ")
        table = text.split(f"<summary>All {len(apart)}: what came out {FEW}, divided by that {ALL}</summary>")[1]
        for d in apart:
            assert f"| {d.group} | {d.ratio.value:.3g} [" in table.split("</details>")[0]

    def test_most_strains_are_most(self, judged):
        """What the prose says of *most* strains and of *no harm on any*: more than the verdict on *every* strain holds."""
        by_name = {one.claim.name: one for one in judged}

        def count(name, place, outcome):
            one = by_name[f"strains-{name}"]
            estimates = one.findings[place].estimates.values()
            return sum(verdict(estimate, one.claim.true_range) == outcome for estimate in estimates)

        most = len(STRAIN_SETS) / 2
        for name, place in (
            ("start-helps", FEW),
            ("long-start-helps", FEW),
            ("long-start-helps", HIGH),
            ("start-beats-simulation", FEW),
            ("correction-helps", FEW),
        ):
            assert count(name, place, "supported") > most
        for name, place in (("start-helps", FEW), ("long-start-helps", FEW), ("long-start-helps", ALL)):
            assert count(name, place, "contradicted") == 0
        assert count("start-helps", ALL, "contradicted") > most
        assert count("start-beats-equations", FEW, "supported") > most
        for place in (FEW, ALL, HIGH):
            better, worse = (count("correction-beats-scratch", place, one) for one in ("supported", "contradicted"))
            assert better < worse
        assert count("average-suffices", "with 12 wells", "contradicted") > most
        assert count("long-start-helps", HIGH, "contradicted") > 0

    @pytest.mark.parametrize("arm", ["transfer", "Gaussian process"])
    def test_an_arm_that_was_mixed_up_with_another_is_noticed(self, published, arm):
        swapped = long_rows(published.rename(columns={arm: "from scratch", "from scratch": arm}))
        with pytest.raises(ClaimError, match="the prose does not follow"):
            verdicts.check_stated(judge_rows({"measured": swapped}, MEASURED), MEASURED)

    def test_the_page_is_made_of_it_without_the_measurements_and_hands_it_on_as_it_is(
        self, published, tmp_path, monkeypatch
    ):
        """Through the command, whose `table_file` has rows of another kind than the study's."""
        monkeypatch.chdir(ROOT)
        monkeypatch.setenv(files.DATA, str(tmp_path))  # nothing lies there
        words = ["run", "15_measured_wells", "-p", "profile=smoke", "-p", "n_subsamples=4"]
        finished = CliRunner().invoke(app, [*words, "-p", f"table_file={tmp_path / 'mine.csv'}"])
        assert finished.exit_code == 0, finished.output
        handed = read_table(tmp_path / "mine.csv")
        pd.testing.assert_frame_equal(handed, published[published["seed"] < 4].reset_index(drop=True))
        record = json.loads((tmp_path / "mine.json").read_text(encoding="utf-8"))
        assert record["parameters"]["n_subsamples"] == 4
        assert str(tmp_path) not in json.dumps(record), "no path of this machine goes along"

    def test_claims_name_figures_of_the_chapter(self):
        cells = nbformat.read(chapters(ROOT)["15_measured_wells"], as_version=4).cells
        figures = {cell.metadata.get("mystnb", {}).get("figure", {}).get("name") for cell in cells}
        assert {claim.where for claim in MEASURED} <= {f"15_measured_wells#{name}" for name in figures}
        prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        cited = {word.partition(")")[0] for word in prose.split("(#claim-")[1:]}
        assert cited <= {claim.name for claim in MEASURED}
