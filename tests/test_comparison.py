"""The reviewer's check: a faithful rerun agrees, a changed one does not, and chance alone rarely raises an alarm."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from fewerwells import cli
from fewerwells.running.comparison import ESTIMATES, compare, verdict
from fewerwells.running.parameters import PUBLISHED, ParameterError
from fewerwells.running.storage import write_table
from fewerwells.study.table import COLUMNS, row_checksums

CELLS = [(arm, n) for arm in ("transfer", "scratch") for n in (10, 100, 1000)]


def table(seeds, stream: int = 0, shift: float = 0.0) -> pd.DataFrame:
    """Errors that share a factor within a seed, as wells and weights make them; `shift` acts on scratch alone."""
    rows = []
    for seed in seeds:
        random = np.random.default_rng([seed, stream])
        common = random.normal(0, 0.3)
        for arm, n in CELLS:
            row = dict.fromkeys(COLUMNS, 1.0) | {"arm": arm, "target": "n = 2", "N": n, "seed": seed, "status": "ok"}
            logs = common - 0.2 * np.log(n) + random.normal(0, 0.2, len(ESTIMATES)) + shift * (arm == "scratch")
            row |= dict(zip(ESTIMATES, np.exp(logs), strict=True)) | {"seconds": random.uniform(1, 2)}
            rows.append(row | {"settings_hash": f"{arm}{n}", "parameter_hash": f"{arm}{n} {seed}"})
    return pd.DataFrame(rows)


def rerun_of(seeds, **options) -> pd.DataFrame:
    """The same networks run again: only the wall times differ."""
    rows = table(seeds, **options)
    return rows.assign(seconds=rows["seconds"] + 1)


def with_other_settings(rows: pd.DataFrame, which: pd.Series) -> pd.DataFrame:
    """Some rows as another batch size, input scaling or simulation would make them: their errors stay as they are."""
    changed = rows.copy()
    for name in ("settings_hash", "parameter_hash"):
        changed.loc[which, name] = "x" + rows.loc[which, name]
    return changed


def test_the_same_networks_agree_to_the_last_digit():
    found = compare(rerun_of(range(5)), table(range(50)), resamples=500)
    assert len(found.judged) == len(CELLS) * len(ESTIMATES)
    assert found.status == 0
    assert found.judged["paired"].all()
    assert (found.judged["ratio"] == 1).all()
    assert verdict(found) == (
        "The rerun agrees with the published tables in all 24 estimates that they share; every error of every network "
        "is the published one, to the last digit kept."
    )


def test_pairing_shows_a_change_smaller_than_the_spread():
    """4 % on one arm, with 30 % between seeds: clear where seeds are paired, invisible where they are not."""
    published = table(range(50))
    paired = compare(rerun_of(range(20), shift=0.04), published, resamples=500)
    assert set(paired.judged.loc[~paired.judged["agrees"], "arm"]) == {"scratch"}
    assert "disagrees with the published tables in 12 of the 24" in verdict(paired)
    assert paired.status == 1
    unpaired = compare(table(range(100, 120), shift=0.04), published, resamples=500)
    assert not unpaired.judged["paired"].any()
    assert unpaired.status == 0
    assert "last digit" not in verdict(unpaired)
    assert compare(table(range(100, 120), shift=1.0), published, resamples=500).status == 1


def test_intervals_hold_for_all_estimates_at_once():
    """Of 100 faithful reruns with other seeds about five may raise any alarm; far more would if each had its own 5 %."""
    published = [table(range(40), stream=s) for s in range(100)]
    reruns = [table(range(40, 80), stream=s) for s in range(100)]
    alarms = sum(compare(r, p, resamples=400).status != 0 for r, p in zip(reruns, published, strict=True))
    assert alarms <= 15  # 5 expected, 6 or 7 with the bootstrap's own error; 15 is beyond 99.9 % of such counts


@pytest.mark.parametrize("seeds", [range(10), range(100, 110)], ids=["the same seeds", "new seeds"])
def test_other_settings_are_named_and_counted_whatever_the_seeds(seeds):
    """A whole arm with another simulation is not passed over, and nothing is judged by what it is not."""
    rows = rerun_of(seeds)
    found = compare(with_other_settings(rows, rows["arm"] == "transfer"), table(range(50)), resamples=500)
    assert set(found.judged["arm"]) == {"scratch"}
    assert found.status == 3
    assert found.left_out["rows"].tolist() == [10, 10, 10]
    assert "Not compared were 30 of the rerun's 60 rows: 30 rows (transfer): other settings than the" in verdict(found)


def test_a_cell_that_is_not_published_is_named_and_counted():
    rows = rerun_of(range(5))
    fresh = with_other_settings(rows, rows["N"] == 10)
    fresh.loc[rows["N"] == 10, "N"] = 7
    found = compare(fresh, table(range(50)), resamples=500)
    assert found.status == 3
    assert "Not compared were 10 of the rerun's 30 rows: 10 rows (transfer, scratch): no published cell" in verdict(
        found
    )


def test_seeds_without_a_partner_are_counted():
    found = compare(rerun_of([*range(5), 77]), table(range(50)), resamples=500)
    assert found.status == 3
    assert "6 rows (transfer, scratch): a seed that the published cell lacks" in verdict(found)
    assert set(found.judged["n_seeds"]) == {5}


def failing(rows: pd.DataFrame, which: pd.Series) -> pd.DataFrame:
    return rows.assign(
        status=rows["status"].mask(which, "diverged"), **{name: rows[name].mask(which) for name in ESTIMATES}
    )


class TestFailures:
    def test_45_of_50_networks_that_failed_are_no_agreement(self):
        rows = rerun_of(range(50))
        found = compare(
            failing(rows, (rows["arm"] == "transfer") & (rows["seed"] >= 5)), table(range(50)), resamples=500
        )
        assert found.judged["agrees"].all(), "those that are left are the published ones"
        assert found.status == 1
        assert found.failures[["rerun", "rerun_seeds", "published"]].to_numpy().tolist() == [[45, 50, 0]] * 3
        assert "135 networks of the rerun failed and 0 published ones, in 3 cells, 3 of which disagree" in verdict(
            found
        )
        assert "135 rows (transfer): failed" in verdict(found)

    def test_where_all_failed_there_is_nothing_to_compare_and_no_agreement(self):
        found = compare(
            failing(rerun_of(range(50)), pd.Series(True, index=range(300))), table(range(50)), resamples=500
        )
        assert found.status == 1
        assert verdict(found).startswith(
            "No estimate of the rerun and the published tables could be compared. 300 networks"
        )

    def test_of_other_seeds_clearly_more_must_fail(self):
        rows, published = table(range(100, 150)), table(range(50))
        most = compare(failing(rows, (rows["arm"] == "transfer") & (rows["seed"] >= 105)), published, resamples=500)
        assert most.status == 1
        one = compare(failing(rows, (rows["arm"] == "transfer") & (rows["seed"] == 105)), published, resamples=500)
        assert one.status == 3, "named and counted, but such things happen"
        assert "3 networks of the rerun failed" in verdict(one)

    def test_the_same_networks_failing_is_agreement(self):
        published, rows = table(range(50)), rerun_of(range(50))
        found = compare(failing(rows, rows["seed"] == 7), failing(published, published["seed"] == 7), resamples=500)
        assert found.status == 0
        assert "6 networks of the rerun failed and 6 published ones, in 6 cells." in verdict(found)

    def test_cells_with_too_few_seeds_are_left_out_by_name(self):
        rows = rerun_of(range(4))
        found = compare(failing(rows, (rows["N"] == 10) & (rows["seed"] > 1)), table(range(50)), resamples=500)
        assert {10} == set(found.left_out["N"])
        assert "fewer than 3 seeds" in verdict(found)


@pytest.mark.parametrize("column", ESTIMATES)
def test_rounding_is_noticed(column):
    """Two decimals move no estimate beyond its interval, but they are not the digits that were kept."""
    rows = rerun_of(range(50))
    found = compare(rows.assign(**{column: rows[column].round(2)}), table(range(50)), resamples=500)
    assert found.changed > 0
    assert "to the last digit kept" not in verdict(found)


def test_rows_that_were_read_back_are_told():
    found = compare(table(range(5)), table(range(50)), resamples=500)
    assert "30 rows are the published ones themselves, as their wall times show: not run again." in verdict(found)
    assert "run again" not in verdict(compare(rerun_of(range(5)), table(range(50)), resamples=500))


@pytest.mark.parametrize(
    ("rerun", "words"),
    [
        (table(range(2)), r"nothing could be compared: 12 rows \(transfer, scratch\): fewer than 3 seeds"),
        (table(range(5)).assign(settings_hash="x"), "nothing could be compared: 30 rows .*: other settings"),
        (table(range(5)).assign(settings_hash="x", N=7), "nothing could be compared: .*: no published cell"),
        (pd.concat([table(range(5))] * 2, ignore_index=True), "the same cell and seed twice"),
    ],
)
def test_what_cannot_be_compared_is_refused(rerun, words):
    with pytest.raises(ParameterError, match=words):
        compare(rerun, table(range(50)), resamples=50)


class TestCommand:
    @pytest.fixture
    def book(self, tmp_path, monkeypatch):
        (tmp_path / "notebooks").mkdir()
        (tmp_path / "_toc.yml").write_text("root: notebooks/x\nparts: []\n")
        for number, name in enumerate(PUBLISHED):
            rows = table(range(50)).assign(noise=1.0 + number)
            if number:
                rows = with_other_settings(rows, rows["seed"] >= 0).assign(
                    parameter_hash=f"{name} " + rows["parameter_hash"], settings_hash=f"{name} " + rows["settings_hash"]
                )
            write_table(rows, tmp_path / "results" / f"{name}.csv")
        monkeypatch.chdir(tmp_path)
        return tmp_path

    def compare(self, *words):
        return CliRunner().invoke(cli.app, ["compare", *words])

    def test_ends_with_one_sentence_and_a_status(self, book):
        write_table(rerun_of(range(10)), book / "rerun.csv")
        result = self.compare("rerun.csv")
        assert result.exit_code == 0, result.output
        assert result.output.startswith("The rerun agrees")
        assert self.compare("rerun.csv", "--all").output.count("agrees    ") == 24
        write_table(rerun_of(range(10), shift=0.5), book / "rerun.csv")
        result = self.compare("rerun.csv")
        assert result.exit_code == 1
        assert result.output.count("DISAGREES") == 12
        assert result.output.splitlines()[-1].startswith("The rerun disagrees")

    def test_what_was_left_out_is_listed_and_has_a_status_of_its_own(self, book):
        rows = rerun_of(range(10))
        write_table(with_other_settings(rows, rows["arm"] == "transfer"), book / "rerun.csv")
        result = self.compare("rerun.csv")
        assert result.exit_code == 3
        assert result.output.count("left out  transfer, n = 2, noise 1 nM, N = ") == 3
        assert "Not compared were 30 of the rerun's 60 rows" in result.output.splitlines()[-1]
        write_table(failing(rows, rows["seed"] > 4), book / "rerun.csv")
        result = self.compare("rerun.csv")
        assert result.exit_code == 1
        assert (
            "DISAGREES transfer, n = 2, noise 1 nM, N = 10: 5 of 10 networks failed, published 0 of 10" in result.output
        )

    def test_rows_whose_errors_were_changed_are_refused(self, book):
        """A table of a sweep has no record beside it; each of its rows has a checksum."""
        rows = rerun_of(range(10))
        rows = rows.assign(checksum=row_checksums(rows))
        rows.assign(sobol_all_mean=rows["sobol_all_mean"].round(2)).to_csv(book / "rerun.csv", float_format="%.7g")
        result = self.compare("rerun.csv")
        assert result.exit_code == 2
        assert "of its rows hold errors that are not those they were written with" in result.output

    @pytest.mark.parametrize("last", ["checksum", "parameter_hash", "status", "target"])
    def test_a_table_whose_last_line_is_cut_off_is_refused(self, book, last):
        rows = rerun_of(range(10))
        text = rows.assign(checksum=row_checksums(rows)).to_csv(index=False, float_format="%.7g")
        *whole, cut = text.splitlines(keepends=True)
        kept = cut.split(",")[: [*COLUMNS, "checksum"].index(last)]
        (book / "rerun.csv").write_text("".join(whole) + ",".join(kept))
        result = self.compare("rerun.csv")
        assert result.exit_code == 2, result.output
        assert "rerun.csv was changed: 1 of its rows" in result.output

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (None, "cannot be read: No such file"),
            ("", "cannot be read: it is not a results table"),
            ("a,b\n1,2\n", "is not a results table; it lacks the columns arm"),
            (",".join(COLUMNS) + "\n", "has no rows"),
            ("\x00\xff", "is not a results table"),
            (",".join(COLUMNS) + "\n" + ",".join("x" * len(COLUMNS)) + "\n", "holds text"),
        ],
    )
    def test_what_is_no_table_is_refused(self, book, content, words):
        if content is not None:
            (book / "rerun.csv").write_text(content, encoding="latin-1")
        result = self.compare("rerun.csv")
        assert result.exit_code == 2
        assert words in result.output

    def test_an_edited_table_is_refused(self, book):
        write_table(table(range(10)), book / "rerun.csv")
        (book / "rerun.csv").write_text((book / "rerun.csv").read_text().replace("0", "1", 1))
        result = self.compare("rerun.csv")
        assert result.exit_code == 2
        assert "its checksum differs" in result.output
