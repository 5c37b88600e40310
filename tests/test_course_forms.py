"""One source, many forms: what students, teachers and slides get, and what must not be in it."""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import requires, version
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import nbformat
import papermill
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient
from nbformat.v4 import new_notebook, new_output
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from typer.testing import CliRunner

pytest.importorskip("nbgrader", reason="nbgrader is not installed: pip install -e '.[course]'")

from fewerwells.cli import app
from fewerwells.course import build as course
from fewerwells.course import doctor, launch, lessons, times, wheels
from fewerwells.course.source import exercises, read, set_up_cell, student, tags
from fewerwells.running.parameters import CHAPTER_PARAMETERS
from fewerwells.running.reading_order import chapters, exercise_notebooks, project_root

ROOT = project_root(Path(__file__).parent)
SOURCES = exercise_notebooks(ROOT)
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def computed(path: Path, target: Path) -> Path:
    """A chapter with a picture of one pixel where each figure would be."""
    notebook = read(path)
    for cell in notebook.cells:
        if "figure" in cell.metadata.get("mystnb", {}):
            cell.outputs = [new_output("display_data", {"image/png": PIXEL})]
    nbformat.write(notebook, target)
    return target


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """The whole course, built with pictures of one pixel."""
    folder = tmp_path_factory.mktemp("course")

    def without_training(root, profile, say, only):
        return {name: computed(chapters(root)[name], folder / f"{name}.ipynb") for name in only}

    patch = pytest.MonkeyPatch()
    patch.setattr(course, "run_chapters", without_training)
    with patch.context():
        yield course.build(ROOT, "smoke", folder / "box", lambda line: None, wheel=False)


def texts(folder: Path) -> dict[Path, str]:
    """Every text in a folder; a notebook's as its cells say it."""
    found = {}
    for path in (p for p in folder.rglob("*") if p.is_file()):
        cells = read(path).cells if path.suffix == ".ipynb" else None
        found[path] = "\n".join(c.source for c in cells) if cells else path.read_text("utf-8", errors="replace")
    return found


def hidden_lines(path: Path) -> set[str]:
    """Lines of solutions, seals and notes that stand nowhere else in the source."""
    shown, hidden = set(), set()
    for cell in read(path).cells:
        lines = {line.strip() for line in cell.source.splitlines() if len(line.strip()) > 12}
        if set(tags(cell)) & {"solution", "seal", "teacher-note"}:
            hidden |= lines
        else:
            shown |= lines
    return hidden - shown


class TestStudent:
    def test_holds_no_line_of_a_solution_a_seal_or_a_note(self, box):
        given = texts(box / "student")
        shown = {
            line.strip() for path in chapters(ROOT).values() for c in read(path).cells for line in c.source.split("\n")
        }
        shown |= {
            line.strip() for path in (ROOT / "sweeps").glob("*.yml") for line in path.read_text("utf-8").splitlines()
        }
        hidden = set().union(*map(hidden_lines, SOURCES.values())) - shown
        assert len(hidden) > 200
        for path, text in given.items():
            lines = {line.strip() for line in text.splitlines()}
            assert not lines & hidden, (path, lines & hidden)

    def test_holds_no_tag_or_seal_in_the_metadata(self, box):
        for path in (box / "student" / "exercises").glob("*.ipynb"):
            for cell in read(path).cells:
                assert set(cell.metadata) <= {"nbgrader"}

    @pytest.mark.parametrize("name", SOURCES)
    def test_runs_to_its_end_with_its_blanks_and_calls_each_of_them_blank(self, box, name):
        shell, said = InteractiveShell(), []  # a kernel for each would take most of the time; grading runs one
        for cell in read(box / "student" / "exercises" / SOURCES[name].name).cells:
            if cell.cell_type == "code":
                done = shell.run_cell(cell.source, store_history=False)
                done.raise_error()
                said += [str(done.result)] if cell.id.startswith("check-") else []
        assert len(said) == len(exercises(read(SOURCES[name])))
        assert all("blank" in words for words in said), said

    def test_holds_all_chapters_and_they_still_take_parameters(self, box):
        for name, path in chapters(ROOT).items():
            copy = box / "student" / path.relative_to(ROOT)
            assert set(papermill.inspect_notebook(str(copy))) <= set(CHAPTER_PARAMETERS[name].model_fields)

    def test_holds_every_sweep_that_its_pages_name(self, box):
        pages = [*(box / "student" / "notebooks").glob("*.ipynb"), *(box / "student" / "book").glob("*.md")]
        named = {name for page in pages for name in re.findall(r"sweeps/\w+\.yml", page.read_text("utf-8"))}
        assert named
        assert [name for name in named if not (box / "student" / name).is_file()] == []

    def test_a_chapter_runs_from_the_students_folder(self, box, tmp_path):
        papermill.execute_notebook(
            str(box / "student" / "notebooks" / "01_biology.ipynb"),
            str(tmp_path / "out.ipynb"),
            parameters={"n_checks": 2, "theta_1": 0.1},
            cwd=str(box / "student" / "notebooks"),
            progress_bar=False,
            extra_arguments=["--log-level=CRITICAL"],
        )

    def test_says_in_seconds_whether_the_machine_is_ready(self, box):
        notebook = read(box / "student" / "check_my_machine.ipynb")
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": box / "student"}}).execute()
        assert "This machine is" in "".join(output.text for output in notebook.cells[-1].outputs)


class TestTeacher:
    def test_holds_everything(self, box):
        for path in SOURCES.values():
            text = texts(box / "teacher")[box / "teacher" / "exercises" / path.name]
            for cell in read(path).cells:
                if cell.cell_type == "code":
                    assert cell.source in text
            assert text.count("**For teachers.**") == text.count("**Why.**") == len(exercises(read(path)))

    def test_the_plans_are_filled_in(self, box):
        text = (box / "teacher" / "README.md").read_text("utf-8")
        assert "<!--" not in text
        assert text.count("| from | minutes |") == len(lessons.read_lessons(ROOT))
        assert "| 2.5 | Is it knowledge, or just a warm start? | Control | 15 | 2 |" in text

    @pytest.mark.parametrize("lesson", lessons.read_lessons(ROOT), ids=lambda lesson: lesson.name)
    def test_slides_hold_every_step_and_ask_no_other_host(self, box, lesson):
        page = (box / "teacher" / "slides" / f"{lesson.name}.html").read_text("utf-8")
        assert page.count("<section") == 2 * (len(lesson.steps) + 1)
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
        local = re.findall(r'(?:src|href)="([^":#]+)"', page)
        assert {"reveal/dist/reveal.js", "mathjax/tex-chtml.js"} <= set(local)
        assert all((box / "teacher" / "slides" / name).exists() for name in local)


def test_citations_are_spelt_out_for_readers_without_the_book():
    text = course.cited("{cite:t}`celeste2023` after {cite:p}`pan2010survey,qian2017resource`.", ROOT)
    assert text.startswith("[Celeste Jr. and Nolan (2023)](https://")
    assert " after ([Pan and Yang 2010](https://doi.org/10.1109/TKDE.2009.191); [Qian et al. 2017](" in text
    with pytest.raises(KeyError, match="nobody1900"):
        course.cited("{cite:t}`nobody1900`", ROOT)


class TestBox:
    def test_references_in_the_students_chapters_lead_to_an_entry(self, box):
        entries = set(re.findall(r'<a id="([^"]+)">', (box / "student" / "book" / "references.md").read_text("utf-8")))
        for path, text in texts(box / "student").items():
            asked = set(re.findall(r"references\.md#([a-z0-9]+)", text))
            assert asked <= entries, (path, asked - entries)

    @pytest.mark.parametrize("role", course.ROLES)
    def test_pages_outside_the_book_lead_somewhere(self, box, role):
        pages = (".md", ".ipynb") if role == "student" else (".md",)
        for path, text in texts(box / role).items():
            if path.suffix not in pages:
                continue
            assert not re.search(r"\{(cite:|bibliography)", text), path
            links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
            dead = {link for link in links if "." in link and not (path.parent / link).exists()}
            assert not dead, path

    def test_has_a_zip_for_each_role(self, box):
        for role in course.ROLES:
            names = zipfile.ZipFile(box / f"{role}.zip").namelist()
            inside = {p.relative_to(box).as_posix() for p in (box / role).rglob("*") if p.is_file()}
            assert inside == {name for name in names if not name.endswith("/")}

    def test_the_graded_release_is_the_students_form(self, box):
        for name, path in SOURCES.items():
            released = read(box / "graded" / "release" / name / path.name)
            given = [cell for cell in student(read(path)).cells if cell.id != "set-up"]
            assert [cell.source.rstrip() for cell in released.cells] == [cell.source.rstrip() for cell in given]

    def test_mistakes_end_with_status_2_and_one_sentence(self, monkeypatch):
        monkeypatch.chdir(ROOT)
        result = CliRunner().invoke(app, ["course", "build", "--profile", "huge"])
        assert result.exit_code == 2
        assert "profile is 'huge'" in result.output


class TestSetUpCell:
    @pytest.mark.parametrize(("on_colab", "installed", "calls"), [(True, False, 1), (True, True, 0), (False, False, 0)])
    def test_installs_only_on_colab_and_only_what_is_missing(self, monkeypatch, on_colab, installed, calls):
        shell, called = InteractiveShell(), []
        shell.register_magic_function(called.append, magic_name="pip")
        if on_colab:
            monkeypatch.setitem(sys.modules, "google.colab", sys)
        monkeypatch.setattr("importlib.util.find_spec", lambda name: sys if installed else None)
        before = set(shell.user_ns)
        shell.run_cell(set_up_cell("https://github.com/o/n").source, store_history=False).raise_error()
        wheel = f"fewerwells-{version('fewerwells')}-py3-none-any.whl"
        assert called == [f"install --quiet https://github.com/o/n/raw/HEAD/{wheel}"] * calls
        left = {name for name in set(shell.user_ns) - before if not name.startswith("_")}
        assert not left, "the cell leaves variables behind, which a chapter would take for parameters"


class TestLessons:
    def test_each_takes_ninety_minutes_and_names_what_there_is(self):
        known, figures = lessons.all_exercises(ROOT), set()
        for path in chapters(ROOT).values():
            figures |= {
                cell.metadata["mystnb"]["figure"]["name"]
                for cell in read(path).cells
                if "figure" in cell.metadata.get("mystnb", {})
            }
        for lesson in lessons.read_lessons(ROOT):
            assert lesson.minutes == 90, lesson.title
            for step in lesson.steps:
                assert not step.exercise or step.minutes <= known[step.exercise].minutes + 5
                assert not step.figure or step.figure in figures

    def test_the_module_does_most_exercises(self):
        named = {step.exercise for lesson in lessons.read_lessons(ROOT) for step in lesson.steps}
        homework = set(re.findall(r"\d\.\d", " ".join(s.say for le in lessons.read_lessons(ROOT) for s in le.steps)))
        assert len((named | homework) & set(lessons.all_exercises(ROOT))) >= 22


class TestTimes:
    RUNS = (
        {"parameters": {"profile": "lecture"}, "started": "2026-01-02", "seconds": 12.3},
        {"parameters": {"profile": "lecture"}, "started": "2026-01-01", "seconds": 99.0},
        {"parameters": {"profile": "lecture", "n_seeds": 2}, "started": "2026-01-03", "seconds": 0.5},
        {"parameters": {}, "started": "2026-01-03", "seconds": 40.0},
        {},
    )

    @pytest.fixture
    def measured(self, own_results):
        for number, record in enumerate(self.RUNS):
            path = own_results / "runs" / "sweeps" / "c" / f"{number:012x}" / "provenance.json"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(record))
        return times.seconds("c")

    def test_come_from_the_last_run_at_each_size_and_the_words(self, measured, tmp_path):
        notebook = new_notebook(cells=[nbformat.v4.new_markdown_cell("word " * 450 + "\n**Time:** an hour.\nMore.")])
        path = tmp_path / "c.ipynb"
        nbformat.write(notebook, path)
        assert measured == {"lecture": 12.3, "paper": 40.0}
        text = times.with_measured_times(path.read_text("utf-8"), path, measured)
        opening = json.loads(text)["cells"][0]["source"]
        opening = "".join(opening)
        assert "**Time:** 3 minutes to read, 12.3 s to run at `lecture` size, 40 s to run at `paper` size" in opening
        assert "an hour" not in opening
        assert opening.endswith("More.")

    @pytest.mark.parametrize("name", [name for name in SOURCES if name in chapters(ROOT)])
    def test_every_chapter_opens_with_objectives_needs_and_time_and_closes_with_takeaways(self, name):
        text = "\n".join(cell.source for cell in read(chapters(ROOT)[name]).cells if cell.cell_type == "markdown")
        for words in ("you will", "**You need**", "**Time:**", "## What to take away", f"{name}_exercises.ipynb"):
            assert words in text, words


class TestDoctor:
    def test_finds_this_machine_ready(self, tmp_path, capsys):
        for fine, sentence in doctor.findings(tmp_path):
            assert fine, sentence

    def test_names_what_is_missing_and_how_to_get_it(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(doctor, "requires", lambda name: ["numpy<1", "not-there>=2", 'x; extra == "y"'])
        assert not doctor.examine(tmp_path)
        said = capsys.readouterr().out
        assert "MISSING  packages: numpy is" in said
        assert "not-there is missing" in said
        assert "pip install -r requirements.txt" in said

    def test_starts_where_even_what_measures_memory_is_missing(self, tmp_path, monkeypatch):
        monkeypatch.setattr(doctor, "missing_packages", lambda: ["psutil is missing"])
        monkeypatch.setattr(doctor, "free_memory_gb", lambda: pytest.fail("measured without psutil"))
        said = [sentence for _, sentence in doctor.findings(tmp_path)]
        assert "packages: psutil is missing; run: pip install -r requirements.txt" in said

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_notices_a_folder_that_cannot_be_written(self, tmp_path):
        tmp_path.chmod(0o500)
        assert (False, "this folder cannot be written to") in list(doctor.findings(tmp_path))


class TestWheels:
    @pytest.fixture
    def packages(self, monkeypatch):
        """Three packages that are installed, with what they say they need."""
        needs = {
            "app": ['win-only>=2; sys_platform == "win32"', "core[fast]", "nvidia-x; platform_system == 'Linux'"],
            "core": ["speed>=1; extra == 'fast'", "slow; extra == 'all'", 'old; python_version < "3.12"'],
            "speed": [],
        }

        class Installed:
            def __init__(self, name):
                self.version, self.requires = "1.5+cpu", needs[name]

        def distributions(name, path=None):
            return iter([Installed(name)] if path is None and name in needs else [])

        monkeypatch.setattr(wheels, "distributions", distributions)

    @pytest.mark.parametrize(
        ("laptop", "python", "more"),
        [("windows", "3.12", {"win-only>=2"}), ("linux", "3.12", set()), ("macos", "3.11", {"old"})],
    )
    def test_are_those_that_the_other_system_needs(self, packages, tmp_path, laptop, python, more):
        found = wheels.needed(["app==1.5"], wheels.environment(laptop, python), tmp_path)
        assert set(found) == {"app==1.5", "core==1.5", "speed==1.5"} | more

    def test_what_was_fetched_says_what_else_it_needs(self, tmp_path):
        with zipfile.ZipFile(tmp_path / "far_away-3-py3-none-any.whl", "w") as wheel:
            wheel.writestr("far_away-3.dist-info/METADATA", "Name: far-away\nVersion: 3\nRequires-Dist: farther>=4\n")
        found = wheels.needed(["far-away<9"], wheels.environment("linux", "3.12"), tmp_path)
        assert found == ["far-away<9", "farther>=4"]

    def test_leave_nothing_out_on_this_system(self, tmp_path):
        """Whatever an installed package says it needs here is in the list, in a version that it accepts."""
        python = f"{sys.version_info[0]}.{sys.version_info[1]}"
        laptop = {"linux": "linux", "darwin": "macos", "win32": "windows"}[sys.platform]
        asked = [line for line in course.student_requirements(ROOT).splitlines() if not line.startswith("-")]
        found = {
            canonicalize_name(line.name): line.specifier
            for line in map(Requirement, wheels.needed(asked, wheels.environment(laptop, python), tmp_path))
        }
        for line in asked:
            wanted = Requirement(line)
            assert canonicalize_name(wanted.name) in found
            for need in map(Requirement, requires(wanted.name) or []):
                if not need.name.startswith(("nvidia", "cuda", "triton")) and (
                    need.marker is None or need.marker.evaluate({"extra": ""})
                ):
                    versions = found[canonicalize_name(need.name)]
                    assert any(need.specifier.contains(each.version) for each in versions) or not versions

    def test_what_is_published_as_source_alone_is_made_here(self, tmp_path, monkeypatch):
        """pip downloads nothing for another system but wheels, and one package that plates need has none."""
        (tmp_path / "wheels").mkdir()
        (tmp_path / "requirements.txt").write_text(course.student_requirements(ROOT), encoding="utf-8")
        asked = []

        def run(command, **_):
            asked.append(command)
            return subprocess.CompletedProcess(command, 0)

        monkeypatch.setattr(wheels.subprocess, "run", run)
        wheels.fetch(tmp_path, "windows", "3.14", lambda line: None)
        downloaded, made = asked
        assert "download" in downloaded
        assert "wheel" in made
        assert [line.partition("==")[0] for line in made if "==" in line] == ["docopt"]
        assert not [line for line in downloaded if line.startswith("docopt")]

    def test_mistakes_end_with_status_2_and_one_sentence(self, tmp_path):
        for arguments, words in (
            (["amiga"], "the laptop is 'amiga'; choose one of linux, macos, windows"),
            (["linux", "--python", "2.7"], "python is '2.7'"),
            (["linux", "--folder", str(tmp_path)], "run `fewerwells course build` first"),
        ):
            result = CliRunner().invoke(app, ["course", "wheels", *arguments])
            assert result.exit_code == 2
            assert words in result.output


class TestLaunchers:
    def test_all_come_from_one_address(self):
        table = launch.link_table(["exercises/1 a.ipynb"], "https://github.com/some/course.git")
        assert "https://mybinder.org/v2/gh/some/course/HEAD?urlpath=lab/tree/exercises/1%20a.ipynb" in table
        assert "https://colab.research.google.com/github/some/course/blob/HEAD/exercises/1%20a.ipynb" in table
        assert "git-pull?repo=https%3A%2F%2Fgithub.com%2Fsome%2Fcourse&urlpath=lab/tree/course/" in table

    @pytest.mark.parametrize("address", ["https://github.com/some/course", "https://github.com/some/course.git"])
    def test_lead_to_the_notebook_as_the_services_read_them(self, address):
        """By the documented formats: /v2/gh/OWNER/NAME/REF, /github/OWNER/NAME/blob/REF/PATH, git-pull?repo=&urlpath=."""
        path = "exercises/01_biology_exercises.ipynb"
        row = launch.link_table([path], address).splitlines()[-1]
        binder, colab, hub = (urlsplit(link) for link in re.findall(r"\]\((.*?)\)", row))
        assert binder.path == "/v2/gh/some/course/HEAD"
        assert parse_qs(binder.query) == {"urlpath": [f"lab/tree/{path}"]}
        assert colab.path == f"/github/some/course/blob/HEAD/{path}"
        assert hub.path == "/hub/user-redirect/git-pull"
        asked = parse_qs(hub.query)
        folder = asked["repo"][0].split("/")[-1]  # so nbgitpuller names the copy
        assert asked["urlpath"] == [f"lab/tree/{folder}/{path}"]

    def test_binder_finds_its_python_and_installs_what_lies_in_the_folder(self, box, tmp_path):
        """As repo2docker does: a Python from runtime.txt, then postBuild, run in the copy of the repository."""
        wanted = SpecifierSet(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"])
        stub = tmp_path / "python"
        stub.write_text('#!/bin/sh\necho "$PIP_EXTRA_INDEX_URL"\nfor each in "$@"; do echo "$each"; done\n')
        stub.chmod(0o755)
        for folder in (ROOT, box / "student"):
            name, number = (folder / ".binder" / "runtime.txt").read_text("utf-8").strip().split("-")
            assert name == "python"
            assert number in wanted
            command = [folder / ".binder" / "postBuild"]
            environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
            ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
            index, *arguments = ran.stdout.split()
            assert index.endswith("/whl/cpu")
            assert arguments[:4] == ["-m", "pip", "install", "--requirement"]
            assert (folder / arguments[4]).is_file()

    def test_another_address_is_refused(self):
        with pytest.raises(ValueError, match=r"must be https://github\.com/OWNER/NAME"):
            launch.link_table([], "https://example.org/x")

    def test_without_an_address_the_page_says_what_to_do(self):
        assert "repository: {url:" in launch.links(ROOT, "")
        assert "JupyterHub" in launch.links(ROOT, "https://github.com/some/course")


def test_the_notebook_that_a_student_gets_is_valid(box):
    for path in (box / "student").rglob("*.ipynb"):
        nbformat.validate(read(path))
        assert len({cell.id for cell in read(path).cells}) == len(read(path).cells)
