"""What a teacher was promised: fair marks, and no submission that hurts another one or her own files."""

import csv
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

pytest.importorskip("nbgrader", reason="nbgrader is not installed: pip install -e '.[course]'")

from fewerwells.cli import app
from fewerwells.course import grading
from fewerwells.running.reading_order import exercise_notebooks, project_root
from tests.course_samples import fingerprint, grade_folder, hand_in, solutions

ROOT = project_root(Path(__file__).parent)
CHAPTER = "05_findings"
RIGHT = solutions(ROOT, CHAPTER)
# a right answer whose function warns, logs and prints where the check calls it
NOISY = """
import logging, sys, warnings
_quiet = verdict
def verdict(*interval):
    warnings.warn("slow")
    logging.warning("slow")
    print("slow", file=sys.stderr)
    return _quiet(*interval)
"""
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # nbgrader's own
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning"),
]


# Long enough to import the package on a machine that runs other tests beside it; a teacher's own limit is a minute.
SECONDS = 12


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Sample submissions, graded one after another in the order of their names."""
    import_module("fewerwells.course.properties.findings")  # read from a slow disk before any submission's clock runs
    folder, course = tmp_path_factory.mktemp("submissions"), tmp_path_factory.mktemp("course")
    precious = folder / "precious.txt"
    precious.write_text("the teacher's own")
    hand_in(folder, "a_blank", ROOT, CHAPTER, {})
    evil = f"open({str(precious)!r}, 'w').write('gone')"
    hand_in(folder, "b_flood", ROOT, CHAPTER, RIGHT | {"5.2": RIGHT["5.2"] + "\nwhile True: print('x' * 1000)"})
    hand_in(
        folder,
        "c_broken",
        ROOT,
        CHAPTER,
        RIGHT | {"5.1": RIGHT["5.1"] + "\nwhile True: pass", "5.3": "answers = {", "5.4": evil, "5.5": "chance = 0.6"},
    )
    (folder / "d_rubbish").mkdir()
    (folder / "d_rubbish" / exercise_notebooks(ROOT)[CHAPTER].name).write_text("not a notebook")
    without = hand_in(folder, "e_check_removed", ROOT, CHAPTER, RIGHT)
    notebook = nbformat.read(without, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.id != "check-5-4"]
    nbformat.write(notebook, without)
    hand_in(folder, "f_partly", ROOT, CHAPTER, {k: v for k, v in RIGHT.items() if k != "5.6"} | {"5.4": "ratio = 3"})
    hand_in(folder, "g_right", ROOT, CHAPTER, RIGHT | {"5.1": RIGHT["5.1"] + NOISY})
    copied = hand_in(folder, "h_copied", ROOT, CHAPTER, RIGHT)
    notebook = nbformat.read(copied, as_version=4)
    place = next(place for place, cell in enumerate(notebook.cells) if cell.id == "blank-5-4")
    notebook.cells.insert(place + 1, nbformat.from_dict(notebook.cells[place] | {"id": "pasted"}))
    nbformat.write(notebook, copied)
    before = fingerprint(folder)
    marks = grade_folder(ROOT, folder, course, cell_seconds=SECONDS)
    assert fingerprint(folder) == before, "a submission changed something that is not its own"
    return {mark.student: mark for mark in marks}, course


class TestMarks:
    def test_right_gets_everything(self, graded):
        mark = graded[0]["g_right"]
        assert (mark.total, mark.most, mark.remark) == (9, 9, "")

    def test_partly_right_gets_its_part(self, graded):
        points = graded[0]["f_partly"].points
        assert points == {"5.1": 2, "5.2": 1, "5.3": 1, "5.4": 0, "5.5": 1, "5.6": 0}

    def test_broken_keeps_what_still_works(self, graded):
        """The endless loop stands after the definition, which is right; then come a syntax error and a mischief."""
        mark = graded[0]["c_broken"]
        assert mark.points == {"5.1": 2, "5.2": 1, "5.3": 0, "5.4": 0, "5.5": 0, "5.6": 3}
        assert f"more than {SECONDS} s" in mark.remark

    def test_a_flood_is_stopped_and_marked_up_to_there(self, graded):
        mark = graded[0]["b_flood"]
        assert mark.points == {"5.1": 2, "5.2": 0, "5.3": 0, "5.4": 0, "5.5": 0, "5.6": 0}
        assert "printed far too much" in mark.remark

    def test_blanks_get_nothing(self, graded):
        assert graded[0]["a_blank"].total == 0

    def test_what_is_no_notebook_gets_nothing_and_is_named(self, graded):
        mark = graded[0]["d_rubbish"]
        assert (mark.total, mark.most) == (0, 9)
        assert "no notebook" in mark.remark

    def test_a_check_that_was_taken_out_earns_nothing(self, graded):
        points = graded[0]["e_check_removed"].points
        assert points["5.4"] == 0
        assert sum(points.values()) == 8
        assert graded[0]["e_check_removed"].remark == "the check of 5.4 is missing"

    def test_an_answer_that_was_copied_is_named_and_still_graded(self, graded):
        mark = graded[0]["h_copied"]
        assert mark.total == 9
        assert mark.remark == "the cell blank-5-4 is there twice: its first copy counts"

    def test_feedback_shows_the_hint(self, graded):
        (page,) = (graded[1] / "feedback" / "f_partly").rglob("*.html")
        assert "a part of the square gained nothing" in page.read_text("utf-8")


def test_what_is_made_of_the_course_is_made_on_windows_too():
    """Which has no `resource`; that grading needs it is said when something is graded."""
    code = (
        "import psutil, sys; sys.modules['resource'] = None; import fewerwells.course.build, fewerwells.course.grading"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class TestCommand:
    def test_writes_a_table_of_marks(self, tmp_path, monkeypatch):
        """On a chapter whose answers and checks train networks, inside the sandbox."""
        monkeypatch.chdir(ROOT)
        hand_in(tmp_path / "in", "ada", ROOT, "02_problem", solutions(ROOT, "02_problem"))
        words = ["course", "grade", str(tmp_path / "in"), "--course", str(tmp_path / "course")]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        with (tmp_path / "in" / "marks.csv").open(encoding="utf-8") as file:
            (row,) = csv.DictReader(file)
        assert (row["student"], row["points"], row["of"]) == ("ada", "10", "10")

    def test_a_file_that_is_no_notebook_inside_is_named_and_the_status_is_1(self, tmp_path, monkeypatch):
        """What can be read is graded, however bad it is."""
        monkeypatch.chdir(ROOT)
        hand_in(tmp_path / "in", "ada", ROOT, CHAPTER, {"5.1": "answers = {"})
        name = exercise_notebooks(ROOT)[CHAPTER].name
        for student, content in {"cut": "{", "empty": "", "nul": "\0" * 100, "list": "[]"}.items():
            (tmp_path / "in" / student).mkdir()
            (tmp_path / "in" / student / name).write_text(content)
        words = ["course", "grade", str(tmp_path / "in"), "--course", str(tmp_path / "course")]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 1, result.output
        for student in ("cut", "empty", "nul", "list"):
            assert f"\nnot graded: {student}/{name}: this is no notebook" in result.output
        assert "4 files were not graded" in result.output
        with (tmp_path / "in" / "marks.csv").open(encoding="utf-8") as file:
            rows = {row["student"]: row["points"] for row in csv.DictReader(file)}
        assert rows == {"ada": "0", "cut": "", "empty": "", "nul": "", "list": ""}

    def test_what_a_full_disk_has_cut_short_is_named_and_the_status_is_1(self, tmp_path, monkeypatch):
        monkeypatch.chdir(ROOT)
        path, write = hand_in(tmp_path / "in", "ada", ROOT, CHAPTER, RIGHT), grading.OwnedFolder.write

        def full(folder, name, data):
            if name.startswith("submitted/"):
                raise OSError(28, "No space left on device")
            write(folder, name, data)

        monkeypatch.setattr(grading.OwnedFolder, "write", full)
        words = ["course", "grade", str(tmp_path / "in"), "--course", str(tmp_path / "course")]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 1, result.output
        assert f"\nnot graded: ada/{path.name}: not graded to the end: [Errno 28] No space left" in result.output

    def test_mistakes_end_with_status_2_and_one_sentence(self, tmp_path, monkeypatch):
        monkeypatch.chdir(ROOT)
        for folder, said in ((tmp_path / "nowhere", "is not a folder"), (tmp_path, "holds no submissions")):
            result = CliRunner().invoke(app, ["course", "grade", str(folder), "--course", str(tmp_path / "c")])
            assert result.exit_code == 2
            assert said in result.output
