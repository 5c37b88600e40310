"""The reviewer's check: a faithful rerun agrees, a changed one does not, and chance alone rarely raises an alarm."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from fewerwells import cli
from fewerwells.running.comparison import ESTIMATES, compare, verdict
from fewerwells.running.parameters import PUBLISHED, ParameterError
from fewerwells.running.storage import write_table
from fewerwells.study.table import COLUMNS

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
            rows.append(row | dict(zip(ESTIMATES, np.exp(logs), strict=True)) | {"parameter_hash": f"{arm}{n}{seed}"})
    return pd.DataFrame(rows)


def test_the_same_networks_agree_to_the_last_digit():
    judged = compare(table(range(5)), table(range(50)), resamples=500)
    assert len(judged) == len(CELLS) * len(ESTIMATES)
    assert judged["agrees"].all()
    assert judged["paired"].all()
    assert (judged["ratio"] == 1).all()
    assert "in all 24 estimates that they share; to the last digit kept." in verdict(judged)


def test_pairing_shows_a_change_smaller_than_the_spread():
    """4 % on one arm, with 30 % between seeds: clear where seeds are paired, invisible where they are not."""
    published = table(range(50))
    paired = compare(table(range(20), shift=0.04), published, resamples=500)
    assert set(paired.loc[~paired["agrees"], "arm"]) == {"scratch"}
    assert "disagrees with the published tables in 12 of the 24" in verdict(paired)
    unpaired = compare(table(range(100, 120), shift=0.04), published, resamples=500)
    assert not unpaired["paired"].any()
    assert unpaired["agrees"].all()
    assert not compare(table(range(100, 120), shift=1.0), published, resamples=500)["agrees"].all()


def test_intervals_hold_for_all_estimates_at_once():
    """Of 100 faithful reruns with other seeds about five may raise any alarm; far more would if each had its own 5 %."""
    published = [table(range(40), stream=s) for s in range(100)]
    reruns = [table(range(40, 80), stream=s) for s in range(100)]
    alarms = sum(not compare(r, p, resamples=400)["agrees"].all() for r, p in zip(reruns, published, strict=True))
    assert alarms <= 15  # 5 expected, 6 or 7 with the bootstrap's own error; 15 is beyond 99.9 % of such counts


@pytest.mark.parametrize(
    ("rerun", "words"),
    [
        (table(range(2)), "has an error for 2 seeds; at least 3 are needed"),
        (table(range(5)).query("N == 10").assign(N=7), "has no cell .* in common"),
        (table(range(5)).assign(epochs=20), "has no cell .* in common"),
        (table(range(5)).assign(parameter_hash="x"), "was made with other settings"),
        (pd.concat([table(range(5))] * 2), "the same cell and seed twice"),
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
            write_table(table(range(50)).assign(noise=1.0 + number), tmp_path / "results" / f"{name}.csv")
        monkeypatch.chdir(tmp_path)
        return tmp_path

    def compare(self, *words):
        return CliRunner().invoke(cli.app, ["compare", *words])

    def test_ends_with_one_sentence_and_a_status(self, book):
        write_table(table(range(10)), book / "rerun.csv")
        result = self.compare("rerun.csv")
        assert result.exit_code == 0
        assert result.output.startswith("The rerun agrees")
        assert self.compare("rerun.csv", "--all").output.count("agrees    ") == 24
        write_table(table(range(10), shift=0.5), book / "rerun.csv")
        result = self.compare("rerun.csv")
        assert result.exit_code == 1
        assert result.output.count("DISAGREES") == 12
        assert result.output.splitlines()[-1].startswith("The rerun disagrees")

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
