"""Tables are written whole, checked when read, and computed again when they are not what was written."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from fewerwells.running.storage import DamagedTable, read_or_compute, read_table, results_folder, write_table
from fewerwells.study.table import COLUMNS, TEXT_COLUMNS, row_checksums


def table(n=3) -> pd.DataFrame:
    frame = pd.DataFrame({name: [0.5] * n for name in COLUMNS})
    words = {name: "0.5" for name in TEXT_COLUMNS if name in COLUMNS}
    words |= {"arm": "scratch", "target": "n = 2", "status": "ok", "settings_hash": "19479e832753"}
    words["parameter_hash"] = [f"{seed:012d}" for seed in range(n)]
    return frame.assign(**words, seed=range(n), N=10)


def test_round_trip_with_provenance(tmp_path):
    path = tmp_path / "new" / "t.csv"
    write_table(table(), path, note="here")
    pd.testing.assert_frame_equal(read_table(path), table()[list(COLUMNS)], check_dtype=False)
    record = json.loads(path.with_suffix(".json").read_text())
    assert record["rows"] == 3
    assert record["note"] == "here"
    assert {"fewerwells", "numpy", "torch", "numba"} <= set(record["packages"])
    assert sorted(p.name for p in path.parent.iterdir()) == ["t.csv", "t.json"]


# Hashes that look like numbers: one in two hundred does.
NUMBER_LIKE = ["19479e832753", "123456789012", "000000000001", "1e10", "12345678901e", "nan", "NA", "true"]


@pytest.mark.parametrize("hash_", NUMBER_LIKE)
def test_a_hash_stays_text_whatever_it_looks_like(tmp_path, hash_):
    """Also in a piece that is stored already, as code that read tables by their looks has written it."""
    path = tmp_path / "t.csv"
    whole = table(1).assign(parameter_hash=hash_, version="1.0", engine="1e3")
    write_table(whole.assign(checksum=row_checksums(whole)), path)
    read = read_or_compute(path, lambda: pytest.fail("computed again"))
    assert read["parameter_hash"].tolist() == [hash_]
    assert read[["version", "engine"]].to_numpy().tolist() == [["1.0", "1e3"]]
    assert row_checksums(read).tolist() == read["checksum"].tolist()
    write_table(read, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == path.read_bytes()


def test_no_table_is_read_by_its_looks():
    """Who reads a CSV file says which of its columns are text."""
    root = Path(__file__).parents[1]
    by_looks = [
        path.relative_to(root).as_posix()
        for folder in ("src", "benchmarks", "notebooks", "book", "exercises")
        for ending in ("py", "ipynb", "md")
        for path in (root / folder).rglob(f"*.{ending}")
        for call in re.findall(r"read_csv\((?:[^()]|\([^()]*\))*\)", path.read_text(encoding="utf-8"))
        if "dtype=" not in call
    ]
    assert by_looks == []


def damage_nothing_left(path):
    path.write_text("")


def damage_cut_in_a_line(path):
    path.write_bytes(path.read_bytes()[:-7])


def damage_cut_at_a_line(path):
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")


def damage_edited(path):
    path.write_text(path.read_text().replace("0.5", "0.4", 1))


def damage_no_record(path):
    path.with_suffix(".json").unlink()


def damage_half_a_record(path):
    path.with_suffix(".json").write_text('{"sha256": ')


def damage_gone(path):
    path.unlink()


@pytest.mark.parametrize(
    "damage",
    [
        damage_nothing_left,
        damage_cut_in_a_line,
        damage_cut_at_a_line,
        damage_edited,
        damage_no_record,
        damage_half_a_record,
        damage_gone,
    ],
)
def test_damage_is_detected_and_the_table_computed_again(tmp_path, damage):
    path = tmp_path / "t.csv"
    write_table(table(), path)
    whole = path.read_bytes()
    damage(path)
    with pytest.raises(DamagedTable):
        read_table(path)
    read_or_compute(path, table)
    assert path.read_bytes() == whole


def test_a_whole_table_is_not_computed_again(tmp_path):
    write_table(table(), tmp_path / "t.csv")
    assert len(read_or_compute(tmp_path / "t.csv", lambda: pytest.fail("computed again"))) == 3


def test_a_failing_computation_leaves_what_was_there(tmp_path):
    path = tmp_path / "t.csv"
    write_table(table(), path)
    with pytest.raises(ValueError, match="twice"):
        write_table(pd.concat([table(), table()]), path)
    with pytest.raises(ValueError, match="lacks the columns noise"):
        write_table(table().drop(columns="noise"), path)
    assert len(read_table(path)) == 3


def test_results_live_beside_the_book(tmp_path, monkeypatch):
    monkeypatch.delenv("FEWERWELLS_RESULTS")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "_toc.yml").write_text("root: x")
    for folder in (tmp_path, tmp_path / "notebooks"):
        monkeypatch.chdir(folder)
        assert results_folder() == tmp_path.resolve() / "results"
