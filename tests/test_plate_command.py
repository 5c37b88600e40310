"""The command `fewerwells plate` as a user meets it: what it prints, writes, refuses."""

import csv
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from nbclient.exceptions import DeadKernelError
from typer.testing import CliRunner

from fewerwells.cli import app
from fewerwells.laboratory import PlateError, commands, output
from fewerwells.laboratory.answered import Answered
from fewerwells.laboratory.models import FORMAT
from fewerwells.laboratory.output import ANSWER, EXECUTED, as_csv, drawn, write_answer
from fewerwells.laboratory.points import read_points
from fewerwells.laboratory.showing import picture
from fewerwells.laboratory.understanding import understand
from fewerwells.laboratory.wells import Input
from tests import plate_samples as samples

WRITTEN = {"plate.svg", "wells.csv", "predictions.csv", "model.json", "answer.html", "answer.txt", "answer.ipynb"}


def run(*arguments):
    return CliRunner().invoke(app, ["plate", *map(str, arguments)])


@pytest.fixture
def kept_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tidy.csv").write_text(samples.tidy(), encoding="utf-8")
    (tmp_path / "masses.csv").write_text(
        "ara_g/l,rha_g/l,GFP\n" + "".join(f"{k},{k % 3},{k}\n" for k in range(9)), encoding="utf-8"
    )
    (tmp_path / "gen5.txt").write_text(samples.gen5({"A1": "OVRFLW"}), encoding="utf-8")
    (tmp_path / "layout.csv").write_text(samples.dose_list(), encoding="utf-8")
    return tmp_path


def test_what_was_understood_is_shown_with_every_conversion_and_every_lost_well(kept_in):
    result = run(
        "gen5.txt", "--layout", "layout.csv", "--read", "GFP:485,528", "--exclude", "H12", "--output", "answer"
    )
    assert result.exit_code == 0, result.output
    assert "96 wells, 94 used" in result.stdout
    assert "input IPTG (nM): 8 doses: 0, 1000, 2000" in result.stdout
    assert "above the reader's range (above the reader's range: OVRFLW): A1" in result.stdout
    assert "excluded (--exclude): H12" in result.stdout
    assert "IPTG (mM): mM to nM, times 1e+06" in result.stdout
    assert {path.name for path in (kept_in / "answer").iterdir()} >= {"plate.svg", "wells.csv"}


def test_a_kernel_that_the_system_has_ended_is_told_in_a_sentence(kept_in, monkeypatch):
    def ended(*_):
        raise DeadKernelError("14_your_plate: the kernel has ended.")

    monkeypatch.setattr("fewerwells.running.chapters.run_chapter", ended)
    result = run("tidy.csv", "--output", "answer")
    assert result.exit_code == 1
    assert result.stderr == "14_your_plate: the kernel has ended.\n"


def test_the_table_of_wells_holds_every_well(kept_in):
    assert run("gen5.txt", "--layout", "layout.csv", "--read", "GFP", "--output", "answer", "--look").exit_code == 0
    rows = list(csv.DictReader((kept_in / "answer" / "wells.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["well"] for row in rows] == samples.WELLS
    assert (rows[0]["state"], rows[0]["GFP:485,528"]) == ("above", "")
    assert {float(row["IPTG_nM"]) for row in rows} == {1000 * samples.dose(well) for well in samples.WELLS}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["gen5.txt"], "2 reads"),
        (["gen5.txt", "--read", "GFP"], "no doses are known"),
        (["absent.csv"], "is not a file"),
        (["tidy.csv", "--decimal", "x"], "--decimal is 'x'"),
        (["tidy.csv", "--separator", "space"], "choose one of tab, comma"),
        (["tidy.csv", "--molar-mass", "heavy"], "write a number of g/mol"),
        (["tidy.csv", "--molar-mass", "-3"], "must be positive"),
        (["tidy.csv", "--exclude", "Q1"], "no such well"),
        (["tidy.csv", "--pool", "nope"], "--pool 'nope': there is no column 'nope'; there is IPTG_uM"),
        (["tidy.csv", "--pool", "IPTG_uM"], "--pool 'IPTG_uM': that is an input"),
        (["tidy.csv", "--only", "IPTG_uM=1", "--only", "IPTG_uM=2"], "--only names IPTG_uM twice"),
        (["tidy.csv", "--molar-mass", "nope=5"], "--molar-mass nope has to be of one input"),
        (["tidy.csv", "--molar-mass", "238.3"], "--molar-mass 238.3 has to be of one input that is written as a mass"),
        (["tidy.csv", "--molar-mass", "1e9"], "must be positive and below 1e7"),
        (["masses.csv", "--molar-mass", "5"], "--molar-mass 5 has to be of one input"),
        (["masses.csv", "--molar-mass", "ARA=5", "--molar-mass", "ara=6"], "--molar-mass of ara is given twice"),
        (["tidy.csv", "--at", "4h"], "--at '4h': GFP was read once in every well; leave --at out"),
        (["tidy.csv", "--plate", "P1"], "no plate 'P1'; there is one, which has no name; leave --plate out"),
        (["tidy.csv", "--read", "GFP", "--read", "gfp"], "--read names GFP twice"),
        (["tidy.csv", "--input", "IPTG", "--input", "IPTG_uM"], "--input names IPTG_uM twice"),
        (["gen5.txt", "--read", "GFP", "--dilution", "I=1e999uM/2 across 1-11"], "must be positive and below 1e+15"),
        (["tidy.csv", "--input", "IPTG=bananas"], "no unit 'bananas'"),
        (["tidy.csv", "--input", "ATC"], "no column 'ATC'"),
        (["tidy.csv", "--noise", "-1"], "--noise is -1; it must be positive"),
        (["tidy.csv", "--noise", "1e300"], "--noise is 1e+300; it must be positive and at most 1e+30"),
        (["tidy.csv", "--within", "0..1e300"], "at most 1e+30"),
        (["tidy.csv", "--read", ""], "there is no read ''; there is GFP"),
        (["tidy.csv", "--within", "1-2"], "write FROM..TO"),
        (["tidy.csv", "--within", "0..5", "--within", "0..5"], "--within is given 2 times for 1 inputs"),
        (["tidy.csv", "--output", "gen5.txt"], "is a file; name another folder"),
    ],
)
def test_what_is_open_or_wrong_ends_with_status_2_and_a_sentence(kept_in, arguments, sentence):
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Refused: ")
    assert sentence in result.stderr


def test_nothing_is_written_outside_the_folder_of_the_answer(kept_in):
    outside = kept_in / "outside.txt"
    outside.write_text(mine := "plate,well,GFP,group,state,reason\n", encoding="utf-8")
    (kept_in / "answer").mkdir()
    (kept_in / "answer" / "wells.csv").symlink_to(outside)
    before = {path for path in kept_in.rglob("*") if path.parent != kept_in / "answer"}
    assert run("tidy.csv", "--output", "answer", "--look").exit_code == 0
    assert outside.read_text(encoding="utf-8") == mine
    assert {path for path in kept_in.rglob("*") if path.parent != kept_in / "answer"} == before


def test_an_answer_leaves_nothing_of_an_earlier_one(kept_in, monkeypatch):
    monkeypatch.setattr(commands, "_answer", lambda *told: None)
    answer = kept_in / "answer"
    assert run("gen5.txt", "--layout", "layout.csv", "--read", "GFP", "--read", "OD", "--output", answer).exit_code == 0
    assert {path.name for path in answer.iterdir()} == {"plate_1.svg", "plate_2.svg", "wells.csv"}
    for name in (*ANSWER, EXECUTED, "mine.csv", "plate_x.svg"):
        (answer / name).write_text("of an earlier answer", encoding="utf-8")
    assert run("tidy.csv", "--output", answer).exit_code == 0
    assert {path.name for path in answer.iterdir()} == {"plate.svg", "wells.csv", "mine.csv", "plate_x.svg"}


def test_next_wells_of_two_inputs_do_not_stay_beside_an_answer_for_one(kept_in, monkeypatch):
    monkeypatch.setattr(output, "summary", lambda *told: [])
    monkeypatch.setattr(output, "page", lambda *told: b"")
    monkeypatch.setattr(output, "as_json", lambda learnt: FORMAT.encode())
    monkeypatch.setattr(output, "prediction_grid", lambda *told: None)
    monkeypatch.setattr(output, "predictions_table", lambda *told: (["x"], []))
    learnt = SimpleNamespace(outputs=(), plate=None)
    for of_two in ((["x1", "x2"], [[1.0, 2.0]]), None):
        write_answer(Answered(learnt, (), of_two, ()), [], kept_in / "answer")
        assert (kept_in / "answer" / "next_wells.csv").exists() == (of_two is not None)


@pytest.mark.parametrize("name", ["wells.csv", "model.json", "next_wells.csv", "answer.ipynb"])
def test_a_file_that_somebody_else_wrote_is_not_replaced(kept_in, name):
    (kept_in / name).write_text(samples.tidy(), encoding="utf-8")
    result = run("tidy.csv", "--output", ".", "--look")
    assert result.exit_code == 2
    assert f"{name} would be lost, and it is no earlier answer's" in result.stderr
    assert (kept_in / name).read_text(encoding="utf-8") == samples.tidy()


def test_files_that_are_read_are_not_replaced(kept_in):
    assert run("tidy.csv", "--output", "answer", "--look").exit_code == 0
    before = (kept_in / "answer" / "wells.csv").read_bytes()
    result = run("answer/wells.csv", "--read", "GFP", "--output", "answer", "--look")
    assert result.exit_code == 2
    assert "wells.csv would be lost, and it was read" in result.stderr
    assert (kept_in / "answer" / "wells.csv").read_bytes() == before


def test_text_that_a_spreadsheet_would_compute_is_written_as_text():
    assert as_csv(["a", "=b"], [["-1+2", -1.5], ["ok", None]]).decode() == "a,'=b\n'-1+2,-1.5\nok,\n"


def test_two_files_are_two_plates(kept_in):
    (kept_in / "second.csv").write_text(samples.tidy(), encoding="utf-8")
    result = run("tidy.csv", "second.csv", "--output", "answer", "--look")
    assert result.exit_code == 0, result.output
    assert "192 wells, 192 used" in result.stdout


def test_the_picture_is_the_same_twice_and_shows_what_is_not_used(kept_in):
    plate = understand([Path("gen5.txt")], _options())
    first, second = drawn(picture(plate)), drawn(picture(plate))
    assert first == second
    assert ">&gt;</text>" in first.decode() or ">></text>" in first.decode()


def _options():
    from fewerwells.laboratory.options import Options

    return Options(layout=Path("layout.csv"), reads=("GFP",))


def test_the_command_needs_no_slow_library_to_say_help():
    code = "import sys, fewerwells.cli; print([m for m in ('openpyxl', 'wellmap', 'allotropy', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_executed_chapter_says_what_the_command_says_without_it(kept_in, monkeypatch):
    """The command runs the chapter where the book is at hand; elsewhere it answers by itself, the same to the byte."""
    (kept_in / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(kept_in / "temporary"))
    lines = samples.tidy().splitlines()
    (kept_in / "small.csv").write_text("\n".join([lines[0], *lines[1:97:5]]), encoding="utf-8")
    with_book = run("small.csv", "--output", "with", "--within", "0..50000")
    assert with_book.exit_code == 0, with_book.output
    assert list((kept_in / "temporary").iterdir()) == [], "a folder for the book's own plate stayed"
    monkeypatch.setattr(commands, "_chapter", lambda: None)
    without = run("small.csv", "--output", "without", "--within", "0..50000")
    assert without.exit_code == 0, without.output
    assert "There is no executed notebook" in without.stdout
    assert {path.name for path in (kept_in / "with").iterdir()} == WRITTEN
    for name in WRITTEN - {"answer.ipynb"}:
        assert (kept_in / "with" / name).read_bytes() == (kept_in / "without" / name).read_bytes(), name
    told = (kept_in / "with" / "answer.txt").read_text(encoding="utf-8")
    assert told in with_book.stdout
    assert told in without.stdout
    assert "small.csv: " in (kept_in / "with" / "answer.ipynb").read_text(encoding="utf-8")


def test_from_file_to_answer_to_predictions_of_its_model(kept_in):
    assert run("tidy.csv", "--output", "look", "--look").exit_code == 0
    result = run("tidy.csv", "--output", "answer", "--within", "0..200000")
    assert result.exit_code == 0, result.output
    written = {path.name for path in (kept_in / "answer").iterdir()}
    assert written == WRITTEN
    (kept_in / "points.csv").write_text("IPTG (µM)\n0.5\n3\n500\n", encoding="utf-8")
    for read in ("points.csv", "answer/model.json"):
        lost = CliRunner().invoke(app, ["predict", "answer/model.json", "points.csv", "--output", read])
        assert lost.exit_code == 2
        assert f"{read} was read and would be lost" in lost.stderr.replace("\\", "/")
    done = CliRunner().invoke(app, ["predict", "answer/model.json", "points.csv", "--output", "there.csv"])
    assert done.exit_code == 0, done.output
    assert "3 predictions are in there.csv; 1 lie beyond" in done.stdout
    rows = list(csv.DictReader((kept_in / "there.csv").read_text(encoding="utf-8").splitlines()))
    assert [float(row["IPTG_nM"]) for row in rows] == [500, 3000, 500_000]
    again = CliRunner().invoke(app, ["predict", "answer/model.json", "points.csv", "--output", "there.csv"])
    assert again.exit_code == 0, again.output
    before = (kept_in / "layout.csv").read_bytes()
    foreign = CliRunner().invoke(app, ["predict", "answer/model.json", "points.csv", "--output", "layout.csv"])
    assert foreign.exit_code == 2
    assert "layout.csv would be lost, and it is no earlier table of this command" in foreign.stderr
    assert (kept_in / "layout.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("aTc_nM\n1\n2\n3\n", "no column IPTG"),
        ("IPTG_mg/ml\n1\n2\n3\n", "is in mg/ml"),
        ("IPTG_nM\n1\nx\n3\n", "line 3 of points.csv has 'x' as IPTG"),
        ("IPTG_nM,well\n1,A1\n,A2\n3,A3\n", "line 3 of points.csv has '' as IPTG"),
        ("IPTG_nM\n1\n-2\n3\n", "line 3 of points.csv has '-2' as IPTG"),
        ("IPTG_M\n1\n1e290\n3\n", "line 3 of points.csv has '1e290' as IPTG"),
        ("IPTG_nM,IPTG_uM\n1,2\n3,4\n", "2 columns IPTG"),
        ("log10 IPTG [nM]\n1\n2\n", "holds logarithms"),
        ("IPTG_nM\n", "no row below its header"),
        ("IPTG_nM\n0,5\n3,2\n", "line 2 has '5' in column 2, which the header does not name"),
        (
            'IPTG_nM;n\n"1,250";a\n"2,500";b\n',
            r"'1,250' in points.csv can be 1.25 or 1250; write it .* without a comma\.",
        ),
        ('IPTG_nM;n\n"0,5";a\n"2.5";b\n"2,500";b\n', r"'2,500' in points.csv can be 2.5 or 2500; write it"),
        ("IPTG_nM\n867\n1.200\n", r"'1.200' in points.csv can be 1.2 or 1200; write it with a further decimal, or"),
        ("", "points.csv is empty"),
        ("\n\n", "points.csv is empty"),
        (b"\x00\x01\x02" * 50, "neither text nor a spreadsheet"),
        (b"PK\x03\x04 no archive", "not a sound spreadsheet"),
        (b"IPTG (\xb5M)\n1\n\x81\n", "not in UTF-8, UTF-16 or Windows-1252"),
    ],
)
def test_points_that_are_no_doses_are_refused(tmp_path, table, sentence):
    path = tmp_path / "points.csv"
    path.write_bytes(table if isinstance(table, bytes) else table.encode())
    with pytest.raises(PlateError, match=sentence):
        read_points(path, (Input("IPTG", "nM", "uM"),))


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_points_are_read_as_excel_saves_them(tmp_path, coding):
    path = tmp_path / "points.csv"
    path.write_bytes("IPTG (µM)\r\n0.5\r\n3\r\n".encode(coding))
    assert read_points(path, (Input("IPTG", "nM", "uM"),)).tolist() == [[500], [3000]]
    path.write_bytes(samples.spreadsheet(("s", [["IPTG (µM)", "aTc [nM]"], [0.5, 2]])))
    assert read_points(path, (Input("aTc", "nM", "nM"), Input("IPTG", "nM", "uM"))).tolist() == [[2, 500]]


def test_points_are_converted_to_the_models_units(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("aTc [nM],IPTG_uM\n1,2\n3,4\n5,6\n", encoding="utf-8")
    x = read_points(path, (Input("IPTG", "nM", "uM"), Input("aTc", "nM", "nM")))
    assert x.tolist() == [[2000, 1], [4000, 3], [6000, 5]]
