"""What a build may delete: what a build wrote. Everything else in a folder that somebody names stays as it is."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

pytest.importorskip("nbgrader", reason="nbgrader is not installed: pip install -e '.[course]'")

from fewerwells.cli import app
from fewerwells.course import build as course
from fewerwells.course import grading
from fewerwells.course.owned import RECORD, OwnedFolder
from fewerwells.running.parameters import ParameterError
from fewerwells.running.reading_order import exercise_notebooks, project_root
from tests.course_samples import fingerprint, grade_folder, hand_in, solutions

ROOT = project_root(Path(__file__).parent)
CHAPTER = "05_findings"
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # nbgrader's own
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning"),
]


@pytest.fixture(autouse=True)
def small_course(monkeypatch):
    """One chapter's assignment, a page for each role, and no chapter run: what is written matters here, not what it says."""
    one = {CHAPTER: exercise_notebooks(ROOT)[CHAPTER]}
    monkeypatch.setattr(grading, "exercise_notebooks", lambda root: one)
    monkeypatch.setattr(course, "run_chapters", lambda *arguments, **options: {})
    monkeypatch.setattr(course, "write_student", lambda root, folder: write(folder / "README.md", "for students"))
    monkeypatch.setattr(
        course, "write_teacher", lambda root, folder, *rest: write(folder / "README.md", "for teachers")
    )
    monkeypatch.chdir(ROOT)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def build(output: Path) -> Path:
    return course.build(ROOT, "smoke", output, lambda line: None, wheel=False)


class TestBuild:
    def test_a_folder_with_something_in_it_is_refused_and_stays(self, tmp_path):
        home = tmp_path / "home"
        for name in ("thesis.tex", "photos/1.jpg", ".ssh/config"):
            write(home / name, "years of work")
        before = fingerprint(home)
        result = CliRunner().invoke(app, ["course", "build", "--profile", "smoke", "--no-wheel", "--output", str(home)])
        assert fingerprint(home) == before
        assert result.exit_code == 2
        assert "is not empty" in result.output
        assert "thesis.tex" in result.output

    def test_a_file_is_refused_and_stays(self, tmp_path):
        precious = write(tmp_path / "thesis.tex", "years of work")
        with pytest.raises(ParameterError, match="is not a folder"):
            build(precious)
        assert precious.read_text() == "years of work"

    def test_a_second_build_keeps_what_is_not_its_own(self, tmp_path):
        """Wheels that were downloaded, notes, and all that nbgrader keeps of the students."""
        build(tmp_path / "box")
        kept = ["student/wheels/torch.whl", "teacher/my notes.md", "letter.txt"]
        kept += [f"graded/{folder}/ada/{CHAPTER}/page" for folder in ("submitted", "autograded", "feedback")]
        for name in kept:
            write(tmp_path / "box" / name, "not the build's")
        before = fingerprint(tmp_path / "box")
        build(tmp_path / "box")
        after = fingerprint(tmp_path / "box")
        assert all(after[str(tmp_path / "box" / name)] == before[str(tmp_path / "box" / name)] for name in kept)
        assert before.keys() == after.keys()
        assert "wheels" not in " ".join(zipfile.ZipFile(tmp_path / "box" / "student.zip").namelist())

    def test_the_gradebook_keeps_its_marks(self, tmp_path):
        graded = build(tmp_path / "box") / "graded"
        hand_in(tmp_path / "in", "ada", ROOT, CHAPTER, solutions(ROOT, CHAPTER))
        (before,) = grade_folder(ROOT, tmp_path / "in", graded, protected=False)
        feedback = fingerprint(graded / "feedback")
        build(tmp_path / "box")
        with grading.Gradebook(f"sqlite:///{graded / 'gradebook.db'}") as gradebook:
            assert gradebook.find_submission(CHAPTER, "ada").score == before.total == 9
        assert feedback
        assert fingerprint(graded / "feedback") == feedback

    def test_the_default_folder_may_hold_what_grading_made_before_the_first_build(self, tmp_path):
        grading.release(ROOT, tmp_path / "box" / "graded", lambda line: None)
        assert (build(tmp_path / "box") / "student.zip").exists()

    @pytest.mark.parametrize(
        "name",
        [
            "student/README.md",
            f"graded/source/{CHAPTER}/{CHAPTER}_exercises.ipynb",
            f"graded/release/{CHAPTER}/{CHAPTER}_exercises.ipynb",
        ],
    )
    def test_a_file_that_was_changed_since_is_named_and_stays(self, tmp_path, name):
        build(tmp_path / "box")
        write(tmp_path / "box" / name, "my answers")
        before = fingerprint(tmp_path / "box")
        with pytest.raises(ParameterError, match=f"would be lost: {name.removeprefix('graded/')}"):
            build(tmp_path / "box")
        assert fingerprint(tmp_path / "box") == before

    def test_what_is_no_longer_made_is_deleted(self, tmp_path, monkeypatch):
        build(tmp_path / "box")
        monkeypatch.setattr(course, "write_teacher", lambda root, folder, *rest: folder.mkdir())
        build(tmp_path / "box")
        assert not (tmp_path / "box" / "teacher").exists()

    def test_a_build_that_fails_changes_nothing(self, tmp_path, monkeypatch):
        build(tmp_path / "box")
        before = fingerprint(tmp_path / "box")

        def fail(root, folder, *rest):
            write(folder / "README.md", "half")
            raise RuntimeError("no space left")

        monkeypatch.setattr(course, "write_teacher", fail)
        with pytest.raises(RuntimeError, match="no space left"):
            build(tmp_path / "box")
        assert fingerprint(tmp_path / "box") == before

    def test_a_damaged_record_protects_everything(self, tmp_path):
        build(tmp_path / "box")
        (tmp_path / "box" / RECORD).write_text("{")
        before = fingerprint(tmp_path / "box")
        with pytest.raises(ParameterError, match="cannot be read"):
            build(tmp_path / "box")
        assert fingerprint(tmp_path / "box") == before


KILLED = """
import os, sys
from pathlib import Path
from fewerwells.course.owned import OwnedFolder

def count(step):
    def counted(*arguments, **options):
        global left
        left -= 1
        if left == 0:
            os._exit(9)
        return step(*arguments, **options)
    return counted

os.replace, os.fsync, os.unlink = count(os.replace), count(os.fsync), count(os.unlink)
for fatal, folder in enumerate(sys.argv[1:], start=1):
    child = os.fork()
    if child == 0:
        left = fatal
        with OwnedFolder(Path(folder)).replaced() as part:
            (part / "student").mkdir()
            (part / "student" / "README.md").write_text("second")
            (part / "new.txt").write_text("second")
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


class TestKill:
    def test_at_any_step_leaves_a_folder_that_the_next_build_takes(self, tmp_path):
        """A process is ended before its first change on the disk, another one before its second, and so on."""
        folders = [tmp_path / str(fatal) for fatal in range(40)]
        for folder in folders:
            with OwnedFolder(folder).replaced() as part:
                write(part / "student" / "README.md", "first")
                write(part / "old.txt", "first")
            write(folder / "mine.txt", "mine")
        done = subprocess.run([sys.executable, "-c", KILLED, *map(str, folders)], capture_output=True, text=True)
        ended = done.stdout.split()
        assert ended.count("9") > 8
        assert ended == sorted(ended, reverse=True)
        assert ended[-1] == "0", "none got through"
        for folder in folders:
            with OwnedFolder(folder).replaced() as part:
                write(part / "third.txt", "third")
            assert {path.name for path in folder.rglob("*") if path.name[0] != "."} == {"mine.txt", "third.txt"}
            assert (folder / "mine.txt").read_text() == "mine"

    def test_two_builds_at_once_do_not_meet(self, tmp_path):
        with (
            OwnedFolder(tmp_path / "box").replaced(),
            pytest.raises(ParameterError, match="another build"),
            OwnedFolder(tmp_path / "box").replaced(),
        ):
            pass


NAMES = st.lists(st.sampled_from(["a", "b/c", "b/d", "e/f/g"]), unique=True)


class TestOwnedFolder:
    @given(first=NAMES, second=NAMES, mine=NAMES)
    def test_deletes_its_own_and_nothing_else(self, tmp_path_factory, first, second, mine):
        folder = tmp_path_factory.mktemp("owned") / "box"
        for names in (first, second):
            try:
                with OwnedFolder(folder).replaced() as part:
                    for name in names:
                        write(part / name, str(names))
            except ParameterError:
                assert set(mine) & {*first, *second}
            for name in mine:
                if name not in first:
                    write(folder / name, "mine")
        for name in set(mine) - set(first):
            assert (folder / name).read_text() == "mine"
        if not set(mine) & set(second):
            assert {name for name in ("a", "b/c", "b/d", "e/f/g") if (folder / name).exists()} == {
                *second,
                *(set(mine) - set(first)),
            }
        shutil.rmtree(folder)

    @pytest.mark.parametrize("way", ["student", "student/README.md/deeper"])
    def test_what_stands_in_the_way_stays(self, tmp_path, way):
        folder = OwnedFolder(tmp_path / "box")
        with folder.replaced():
            pass
        write(tmp_path / "box" / way, "mine")
        with pytest.raises(ParameterError, match="would be lost"), folder.replaced() as part:
            write(part / "student" / "README.md", "new")
        assert (tmp_path / "box" / way).read_text() == "mine"


class TestGrade:
    def test_a_course_of_somebody_else_is_refused_and_stays(self, tmp_path):
        """A teacher's own nbgrader course has folders of the same names."""
        other = tmp_path / "course"
        for name in (f"source/{CHAPTER}/{CHAPTER}_exercises.ipynb", f"submitted/ada/{CHAPTER}/answers.ipynb"):
            write(other / name, "somebody else's")
        hand_in(tmp_path / "in", "ada", ROOT, CHAPTER, {})
        before = fingerprint(other)
        result = CliRunner().invoke(app, ["course", "grade", str(tmp_path / "in"), "--course", str(other)])
        assert fingerprint(other) == before
        assert result.exit_code == 2
        assert "is not empty" in result.output

    def test_a_submission_that_nbgrader_collected_is_not_replaced_by_another(self, tmp_path):
        grading.release(ROOT, tmp_path / "course", lambda line: None)
        target = write(tmp_path / "course" / "submitted" / "ada" / CHAPTER / f"{CHAPTER}_exercises.ipynb", "collected")
        hand_in(tmp_path / "in", "ada", ROOT, CHAPTER, {})
        with pytest.raises(ParameterError, match="would be lost: submitted/ada"):
            grade_folder(ROOT, tmp_path / "in", tmp_path / "course", protected=False)
        assert target.read_text() == "collected"
