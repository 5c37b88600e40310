"""Nothing that is handed in vanishes: every file is matched to a student and an assignment, or named with a reason."""

import csv
import os
import pwd
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

pytest.importorskip("nbgrader", reason="nbgrader is not installed: pip install -e '.[course]'")

from fewerwells.cli import app
from fewerwells.course import grading, marks
from fewerwells.course.grading import Mark, unmark_copies
from fewerwells.course.submissions import Unmatched, assignment_of, sort_out
from fewerwells.running.parameters import ParameterError
from fewerwells.running.reading_order import exercise_notebooks, project_root
from tests.course_samples import fingerprint, submission

ROOT = project_root(Path(__file__).parent)
KNOWN = exercise_notebooks(ROOT)


def lay_out(folder: Path, names: dict[str, str]) -> Path:
    """A folder of submissions: path → text."""
    for name, text in names.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


class TestNames:
    @pytest.mark.parametrize(
        ("name", "student", "assignment"),
        [
            ("ada/05_findings_exercises.ipynb", "ada", "05_findings"),
            ("ada/05_findings_exercises (1).ipynb", "ada", "05_findings"),
            ("ada/05_findings_exercises(2).ipynb", "ada", "05_findings"),
            ("ada/05_findings_exercises-1.ipynb", "ada", "05_findings"),
            ("ada/05_findings_exercises-Copy1.ipynb", "ada", "05_findings"),
            ("ada/05_findings_exercises - Copy.ipynb", "ada", "05_findings"),
            ("ada/Copy of 05_findings_exercises.ipynb", "ada", "05_findings"),
            ("ada/5_findings_exercises.ipynb", "ada", "05_findings"),
            ("ada/05_Findings_Exercises.IPYNB", "ada", "05_findings"),
            ("ada/05 findings exercises.ipynb", "ada", "05_findings"),
            ("ada/week 3/05_findings_exercises.ipynb", "ada", "05_findings"),
            ("ada/05_findings/05_findings_exercises.ipynb", "ada", "05_findings"),
            (
                "Ada_123_assignsubmission_file/05_findings_exercises.ipynb",
                "Ada_123_assignsubmission_file",
                "05_findings",
            ),
            ("ada/lovelaceada_123_456_05_findings_exercises-1.ipynb", "ada", "05_findings"),
            ("lovelaceada_123_456_05_findings_exercises-1.ipynb", "lovelaceada_123", "05_findings"),
            ("lovelaceada_LATE_123_456_5_findings_exercises-1.ipynb", "lovelaceada_123", "05_findings"),
            ("ada_05_findings_exercises.ipynb", "ada", "05_findings"),
            ("ada/03_experiment_1_exercises.ipynb", "ada", "03_experiment_1"),
            ("ada/03_experiment_1_exercises-1.ipynb", "ada", "03_experiment_1"),
            ("ada/04_experiment_2_exercises (1).ipynb", "ada", "04_experiment_2"),
        ],
    )
    def test_what_is_beyond_doubt_is_matched(self, tmp_path, name, student, assignment):
        lay_out(tmp_path, {name: ""})
        (found,), unmatched = sort_out(tmp_path, KNOWN)
        assert (found.student, found.assignment) == (student, assignment)
        assert found.path.is_file()
        assert unmatched == []

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("05_findings_exercises.ipynb", "whose it is"),
            ("Copy of 05_findings_exercises.ipynb", "whose it is"),
            ("ada/15_findings_exercises.ipynb", "no assignment"),
            ("ada/05_findings.ipynb", "no assignment"),
            ("ada/05_findings_exercises_final.ipynb", "no assignment"),
            ("ada/Untitled.ipynb", "no assignment"),
            ("ada/05_findings_exercises.ipynb.txt", "is no notebook"),
            ("ada/answers.zip", "is no notebook"),
            ("Ada [evening]/05_findings_exercises.ipynb", "rename the folder"),
        ],
    )
    def test_what_is_in_doubt_is_named_with_the_reason(self, tmp_path, name, reason):
        lay_out(tmp_path, {name: ""})
        found, (unmatched,) = sort_out(tmp_path, KNOWN)
        assert found == []
        assert unmatched.path == tmp_path / name
        assert reason in unmatched.reason

    def test_of_two_that_differ_neither_is_taken(self, tmp_path):
        one, other = "ada/05_findings_exercises.ipynb", "ada/05_findings_exercises (1).ipynb"
        lay_out(tmp_path, {one: "first", other: "second", "bob/05_findings_exercises.ipynb": "his"})
        found, unmatched = sort_out(tmp_path, KNOWN)
        assert [each.student for each in found] == ["bob"]
        assert {each.path.relative_to(tmp_path).as_posix() for each in unmatched} == {one, other}
        assert all("keep one" in each.reason for each in unmatched)

    def test_of_two_that_are_equal_one_is_taken(self, tmp_path):
        lay_out(tmp_path, {"ada/05_findings_exercises.ipynb": "same", "ada/5_findings_exercises-1.ipynb": "same"})
        found, unmatched = sort_out(tmp_path, KNOWN)
        assert len(found) == 1
        assert unmatched == []

    def test_hidden_files_and_tables_of_marks_are_neither(self, tmp_path):
        names = ["ada/.ipynb_checkpoints/05_findings_exercises-checkpoint.ipynb", ".DS_Store", "marks.csv"]
        lay_out(tmp_path, dict.fromkeys(names, ""))
        assert sort_out(tmp_path, KNOWN, [tmp_path / "marks.csv"]) == ([], [])

    @given(name=st.sampled_from(sorted(KNOWN)), text=st.text(max_size=30))
    def test_no_name_means_two_assignments(self, name, text):
        """Whatever stands before or after, an assignment's name is never taken for another's."""
        for stem in (f"{text}_{name}_exercises", f"{name}_exercises{text}", text):
            meant = assignment_of(stem, KNOWN)
            assert meant is None or meant[0] == name or meant[0] in text.casefold().replace(" ", "_").replace("-", "_")

    @given(
        st.dictionaries(st.from_regex(r"[a-c]{1,2}(/[a-z0-9_ ]{1,9}){0,2}\.(ipynb|txt)", fullmatch=True), st.just(""))
    )
    def test_every_file_is_found_once(self, tmp_path_factory, names):
        folder = lay_out(tmp_path_factory.mktemp("in"), names)
        found, unmatched = sort_out(folder, KNOWN)
        assert sorted(each.path for each in (*found, *unmatched)) == sorted(folder / name for name in names)


class TestCells:
    def test_copies_of_a_cell_run_and_are_named(self):
        notebook = submission(ROOT, "05_findings", {})
        blank = next(cell for cell in notebook.cells if cell.id == "blank-5-4")
        notebook.cells.append(nbformat.from_dict(blank | {"id": "pasted"}))
        assert unmark_copies(notebook) == ["blank-5-4"]
        assert notebook.cells[-1].source == blank.source
        assert "nbgrader" not in notebook.cells[-1].metadata
        assert "nbgrader" in blank.metadata


@pytest.fixture
def graded(monkeypatch):
    """Grading that gives full marks at once; what is called is kept."""
    calls = []

    def full(root, handed_in, course, say, *, protected, **limits):
        calls.extend(handed_in)
        return [Mark(each.student, each.assignment, {"5.1": 2.0}, 2.0) for each in handed_in]

    monkeypatch.setattr(grading, "grade", full)
    monkeypatch.chdir(ROOT)
    return calls


def command(*words) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["course", "grade", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


class TestCommand:
    def test_files_that_are_not_graded_are_named_in_the_table_too_and_the_status_is_1(self, tmp_path, graded):
        lay_out(tmp_path, {"ada/05_findings_exercises (1).ipynb": "", "bob/thesis.docx": ""})
        status, said = command(tmp_path)
        assert status == 1
        assert "not graded: bob/thesis.docx: it is no notebook" in said
        rows = list(csv.DictReader((tmp_path / "marks.csv").read_text("utf-8").splitlines()))
        assert [(row["student"], row["points"]) for row in rows] == [("ada", "2"), ("bob", "")]
        assert "thesis.docx" in rows[1]["remark"]

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
    def test_what_cannot_be_read_stops_nobody_elses_marks(self, tmp_path, graded):
        """A link that leads nowhere, a pipe that nobody writes to, a name that an old archive has spoilt."""
        name = "05_findings_exercises.ipynb"
        spoilt = os.fsdecode(b"J\xfcrgen")
        lay_out(tmp_path, {f"ada/{name}": "", f"{spoilt}/{name}": "", "bob/x": "", "eve/x": ""})
        (tmp_path / "bob" / name).symlink_to(tmp_path / "nowhere")
        os.mkfifo(tmp_path / "eve" / name)
        status, said = command(tmp_path)
        assert status == 1
        assert f"not graded: bob/{name}: it is no file, or a link to none" in said
        assert f"not graded: eve/{name}: it is no file, or a link to none" in said
        assert "its name is no text; rename it" in said
        rows = list(csv.DictReader((tmp_path / "marks.csv").read_text("utf-8").splitlines()))
        assert [row["student"] for row in rows if row["points"]] == ["ada"]
        assert r"J\udcfcrgen" in {row["student"] for row in rows}

    def test_its_own_tables_are_no_submissions(self, tmp_path, graded):
        lay_out(tmp_path, {"ada/05_findings_exercises.ipynb": ""})
        assert [command(tmp_path)[0] for _ in range(2)] == [0, 0]

    def test_an_earlier_table_is_kept(self, tmp_path, graded):
        lay_out(tmp_path, {"ada/05_findings_exercises.ipynb": ""})
        command(tmp_path)
        corrected = (tmp_path / "marks.csv").read_text("utf-8").replace(",2,2,", ",1.5,2,")
        (tmp_path / "marks.csv").write_text(corrected, encoding="utf-8")
        status, said = command(tmp_path)
        assert status == 0
        assert "marks.1.csv" in said
        assert (tmp_path / "marks.1.csv").read_text("utf-8") == corrected

    def test_a_table_that_a_spreadsheet_wrote_in_another_encoding_is_kept_as_it_is(self, tmp_path, graded):
        lay_out(tmp_path, {"Jürgen/05_findings_exercises.ipynb": ""})
        command(tmp_path)
        from_excel = (tmp_path / "marks.csv").read_text("utf-8").encode("cp1252")
        (tmp_path / "marks.csv").write_bytes(from_excel)
        status, said = command(tmp_path)
        assert status == 0
        assert "marks.1.csv" in said
        assert (tmp_path / "marks.1.csv").read_bytes() == from_excel
        assert "Jürgen" in (tmp_path / "marks.csv").read_text("utf-8")

    @pytest.mark.parametrize(
        ("place", "said"),
        [("thesis.tex", "is no table of marks"), ("folder", "it is a folder"), ("nowhere/marks.csv", "No such file")],
    )
    def test_where_marks_cannot_go_nothing_is_graded(self, tmp_path, graded, place, said):
        lay_out(tmp_path, {"in/ada/05_findings_exercises.ipynb": "", "thesis.tex": "years of work", "folder/x": ""})
        before = fingerprint(tmp_path)
        status, words = command(tmp_path / "in", "--marks", tmp_path / place)
        assert status == 2
        assert said in words
        assert graded == []
        assert fingerprint(tmp_path) == before

    @pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
    def test_a_folder_that_is_read_only_is_refused_before_grading(self, tmp_path, graded):
        lay_out(tmp_path, {"ada/05_findings_exercises.ipynb": ""})
        tmp_path.chmod(0o555)
        status, said = command(tmp_path)
        tmp_path.chmod(0o755)
        assert status == 2
        assert "cannot be written" in said
        assert graded == []

    def test_what_the_system_forbids_is_refused_before_grading(self, tmp_path, graded, monkeypatch):
        lay_out(tmp_path, {"ada/05_findings_exercises.ipynb": ""})

        def forbid(**options):
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(marks.tempfile, "TemporaryFile", forbid)
        status, said = command(tmp_path)
        assert (status, graded) == (2, [])
        assert "Read-only file system" in said

    def test_marks_are_shown_when_the_disk_is_full_by_then(self, tmp_path, graded, monkeypatch):
        lay_out(tmp_path, {"ada/05_findings_exercises.ipynb": ""})

        def full(path, data):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(marks, "write_whole", full)
        status, said = command(tmp_path)
        assert status == 1
        assert "No space left on device" in said
        assert "ada,05_findings,2,2," in said

    def test_a_full_disk_under_the_course_is_one_sentence(self, tmp_path, graded, monkeypatch):
        lay_out(tmp_path, {"ada/05_findings_exercises.ipynb": ""})

        def full(*arguments, **options):
            raise OSError(28, "No space left on device", "/course/gradebook.db")

        monkeypatch.setattr(grading, "grade", full)
        status, said = command(tmp_path)
        assert status == 1
        assert said == "/course/gradebook.db cannot be read or written: No space left on device.\n"

    def test_a_user_without_a_name_may_grade(self, tmp_path, graded, monkeypatch):
        lay_out(tmp_path, {"ada/05_findings_exercises.ipynb": ""})
        monkeypatch.setattr(pwd, "getpwuid", lambda number: {}[number])
        assert command(tmp_path)[0] == 0


class TestTable:
    def test_refuses_other_tables(self, tmp_path):
        (tmp_path / "marks.csv").write_text("name,grade\nada,1.0\n")
        with pytest.raises(ParameterError, match="no table of marks"):
            marks.check_place(tmp_path / "marks.csv")

    def test_a_name_that_a_spreadsheet_would_compute_is_written_as_text(self, tmp_path):
        name = "=2+3_05_findings_exercises.ipynb"
        (found,), _ = sort_out(lay_out(tmp_path, {name: ""}), KNOWN)
        left = [Unmatched(tmp_path / "x", "@SUM(1)", "y")]
        text = marks.table([Mark(found.student, found.assignment, remark="-1+2")], left, tmp_path)
        rows = list(csv.DictReader(text.splitlines()))
        assert [row["student"] for row in rows] == ["'=2+3", "'@SUM(1)"]
        assert rows[0]["remark"] == "'-1+2"

    def test_reads_back_with_every_kind_of_name(self, tmp_path):
        names = ['Ada "Byron", Lovelace', "Zoë", "a\nb"]
        text = marks.table(
            [Mark(name, "05_findings") for name in names], [Unmatched(tmp_path / "x", "", "y")], tmp_path
        )
        assert [row["student"] for row in csv.DictReader(text.splitlines(keepends=True))] == [*names, ""]
