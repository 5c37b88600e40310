"""A run belongs to one Python, which it names, and to the data that it has read: another makes it stale."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from fewerwells.book import build
from fewerwells.running import identity, nursery, points
from fewerwells.running.chapters import execute
from fewerwells.running.kernel import about
from fewerwells.running.parameters import ParameterError
from fewerwells.running.points import _commit, make_points, read_record, run_point, states, survey
from fewerwells.running.reading_order import chapter_path, exercise_notebooks, project_root
from fewerwells.running.reads import unchanged

ROOT = project_root(Path(__file__).parent)
CHAPTER = "10_engine"


def write_chapter(root: Path, code: str, name: str = CHAPTER) -> Path:
    cells = [
        nbformat.v4.new_code_cell('profile = "paper"  # size', metadata={"tags": ["parameters"]}, id="parameters"),
        nbformat.v4.new_code_cell(code, id="code"),
    ]
    path = root / "notebooks" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)
    return path


@pytest.fixture
def book(tmp_path):
    """A book whose only chapter is named as one that has parameters; beside it a file of results."""
    root = tmp_path / "book"
    (root / "results").mkdir(parents=True)
    (root / "results" / "benchmark.json").write_text("[1]")
    (root / "_toc.yml").write_text(f"root: notebooks/{CHAPTER}\nparts: []\n")
    write_chapter(root, "print(open('../results/benchmark.json').read())")
    return root


def outputs(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "".join(output.get("text", "") for cell in cells for output in cell.outputs)


def test_a_run_names_the_data_that_it_has_read_and_nothing_else(book, tmp_path, own_results):
    """Read in several ways, and looked for in vain; not what it wrote itself, nor stored pieces, nor what is installed."""
    elsewhere = tmp_path / "plate.csv"
    elsewhere.write_text("A1,3\n")
    code = f"""
import json, os, pathlib
import numpy as np, pandas as pd, matplotlib.pyplot as plt
import fewerwells.book.plots.style
pd.read_csv("{elsewhere}", header=None)
pathlib.Path("../results/benchmark.json").read_bytes()
os.close(os.open("../results/raw.bin", os.O_RDONLY))
try:
    open("../results/absent.json")
except FileNotFoundError:
    pass
pathlib.Path("../results/own.part").write_text("1")
os.replace("../results/own.part", "../results/own.txt")
open("../results/own.txt").read()
stored = pathlib.Path("{own_results}") / "runs" / "cells" / "piece.csv"
stored.parent.mkdir(parents=True)
stored.write_text("1")
from fewerwells.running.sample import outcome_of
outcome_of("experiment_1")
"""
    (book / "results" / "raw.bin").write_bytes(b"\0")
    path = write_chapter(book, code)
    run = execute(path, tmp_path / "out.ipynb", {"plate_file": str(elsewhere)})
    data = {place for place in run.reads if "palette" not in place}
    sample = (own_results / "runs" / "sample.json").as_posix()
    named = {"results/benchmark.json", "results/raw.bin", "results/absent.json", elsewhere.as_posix(), sample}
    assert data == named
    assert run.reads["results/absent.json"] is None
    assert unchanged(run.reads, book)
    for place in data:
        (book / place).parent.mkdir(parents=True, exist_ok=True)
        (book / place).write_text("changed")
        assert not unchanged(run.reads, book), place
        run.reads.pop(place)


def test_a_page_is_made_again_when_a_file_that_its_chapter_reads_has_changed(book):
    said = []
    build.run_chapters(book, "paper", said.append)
    build.run_chapters(book, "paper", said.append)
    assert said[-1] == f"{CHAPTER}: up to date"
    (point,) = make_points(book / "notebooks" / f"{CHAPTER}.ipynb", [{"profile": "paper"}])
    assert run_point(point) == 0, "what the book has run nobody runs again"
    (book / "results" / "other.json").write_text("{}")
    build.run_chapters(book, "paper", said.append)
    assert said[-1] == f"{CHAPTER}: up to date", "no chapter reads that file"
    (book / "results" / "benchmark.json").write_text("[2]")
    (executed,) = build.run_chapters(book, "paper", said.append).values()
    assert said[-2] == f"{CHAPTER}: running …"
    assert outputs(executed) == "[2]\n"


def test_published_tables_are_noted_by_whoever_had_read_them_before(book, tmp_path, monkeypatch):
    """As kernels of a nursery, which reads them once for all of them."""
    for name in ("experiment_1.csv", "experiment_1.json"):
        (book / "results" / name).write_text("{}")
    asking = "from fewerwells.running.published import published_rows\npublished_rows()"
    path = write_chapter(book, asking)
    with nursery.Nursery({}, ["fewerwells.running.published"]) as warm:
        monkeypatch.chdir(book)
        run = execute(path, tmp_path / "out.ipynb", {}, nursery=warm)
    assert {"results/experiment_1.csv", "results/experiment_1.json"} <= set(run.reads)


def test_files_in_a_list_and_beside_a_named_one_are_data(book, tmp_path):
    for name in ("a.csv", "b.csv", "layout.toml", "doses.csv"):
        (tmp_path / name).write_text("1")
    code = f"import pathlib\nfor one in ('a.csv', 'b.csv', 'layout.toml', 'doses.csv'): pathlib.Path('{tmp_path}', one).read_text()"
    more = {"more_files": [str(tmp_path / "b.csv")], "wells_file": str(tmp_path / "a.csv")}
    run = execute(write_chapter(book, code), tmp_path / "out.ipynb", more)
    assert {str(tmp_path / name) for name in ("a.csv", "b.csv", "layout.toml", "doses.csv")} <= set(run.reads)


def test_results_in_a_folder_named_from_here_are_there_for_the_kernel_too(book, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEWERWELLS_RESULTS", "mine")
    asking = "from fewerwells.running.storage import results_folder\nprint(results_folder())"
    execute(write_chapter(book, asking), tmp_path / "out.ipynb", {})
    assert outputs(tmp_path / "out.ipynb") == f"{tmp_path / 'mine'}\n"


def test_code_that_is_saved_while_a_chapter_runs_leaves_nothing_stored(book, tmp_path, monkeypatch):
    """Its kernel may have read the old file or the new one."""
    module = tmp_path / "lib" / "strangers.py"
    module.parent.mkdir()
    module.write_text("A = 1\n")
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(module.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    )
    monkeypatch.syspath_prepend(module.parent)
    monkeypatch.chdir(book)
    path = write_chapter(book, f"import strangers, pathlib\npathlib.Path('{module}').write_text('A = 12\\n')")
    (point,) = make_points(path, [{}])
    with pytest.raises(ParameterError, match="was saved while it ran"):
        run_point(point)
    assert states([point]) != ["done"]
    assert not point.folder.exists()


def test_the_command_of_a_run_of_exercises_names_their_notebook():
    (exercises, *_) = exercise_notebooks(ROOT).values()
    (point,) = make_points(exercises, [{}])
    command, notebook, _ = shlex.split(point.command)
    assert command == "papermill"
    assert (ROOT / notebook).samefile(exercises)


def test_a_stored_point_is_stale_when_a_file_that_it_has_read_has_changed(book, monkeypatch):
    monkeypatch.chdir(book)
    path = book / "notebooks" / f"{CHAPTER}.ipynb"
    (point,) = make_points(path, [{}])
    assert run_point(point) > 0
    assert run_point(point) == 0
    (book / "results" / "benchmark.json").write_text("[2]")
    assert states([point]) == ["stale"]
    assert [state for _, _, state in survey(path)] == ["stale"]
    assert run_point(point) > 0
    assert states([point]) == ["done"]
    assert outputs(point.folder / points.NOTEBOOK) == "[2]\n"


@pytest.mark.parametrize(("library", "state"), [("numba", "stale"), ("papermill", "done")])
def test_a_stored_point_is_stale_when_a_library_that_decides_digits_was_upgraded(book, monkeypatch, library, state):
    monkeypatch.chdir(book)
    path = write_chapter(book, "import fewerwells.science.training")
    (point,) = make_points(path, [{}])
    run_point(point)
    real = identity.version
    monkeypatch.setattr(identity, "version", lambda name: "99" if name == library else real(name))
    assert states(make_points(path, [{}])) == [state]


def test_a_chapter_runs_in_this_python_whatever_is_installed_as_python3(book, tmp_path, monkeypatch):
    """Keys and records are made here: a kernel of another Python would file its results under this one's name."""
    specification = tmp_path / "jupyter" / "kernels" / "python3"
    specification.mkdir(parents=True)
    other = [shutil.which("false"), "{connection_file}"]
    (specification / "kernel.json").write_text(json.dumps({"argv": other, "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.chdir(book)
    (point,) = make_points(write_chapter(book, "import sys; print(sys.executable)"), [{}])
    run_point(point)
    assert outputs(point.folder / points.NOTEBOOK) == f"{sys.executable}\n"
    record = read_record(point.folder)
    assert {name: record[name] for name in about()} == about()


def test_a_record_names_what_the_kernel_says_not_what_this_process_remembers(book, tmp_path, monkeypatch):
    """A worker that lives on while its libraries are upgraded starts kernels with the new ones."""
    newer = tmp_path / "newer" / "scipy-99.0.dist-info"
    newer.mkdir(parents=True)
    (newer / "METADATA").write_text("Metadata-Version: 2.1\nName: scipy\nVersion: 99.0\n")
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(newer.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    )
    monkeypatch.chdir(book)
    (point,) = make_points(book / "notebooks" / f"{CHAPTER}.ipynb", [{}])
    run_point(point)
    assert read_record(point.folder)["packages"]["scipy"] == "99.0"


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    return subprocess.run(["git", "-C", folder, *identity, *words], check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_is_the_books_own_or_none(tmp_path, monkeypatch):
    inner = tmp_path / "other" / "book"
    inner.mkdir(parents=True)
    git(tmp_path / "other", "init", "-q")
    (inner / "page.md").write_text("x")
    git(tmp_path / "other", "add", ".")
    git(tmp_path / "other", "commit", "-qm", "x")
    assert _commit(inner) is None, "an archive unpacked inside another checkout"
    commit = git(tmp_path / "other", "rev-parse", "HEAD").strip()
    assert _commit(tmp_path / "other") == commit
    (inner / "page.md").write_text("y")
    assert _commit(tmp_path / "other") == f"{commit}-dirty"
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))  # as in a hook of that checkout
    assert _commit(inner) is None
    assert _commit(tmp_path) is None


class TestChapterByPath:
    def test_the_books_own_notebook_may_be_named_in_any_way(self, monkeypatch):
        notebook = ROOT / "notebooks" / "03_experiment_1.ipynb"
        monkeypatch.chdir(ROOT / "notebooks")
        for name in ("03_experiment_1", "03_experiment_1.ipynb", "../notebooks/03_experiment_1.ipynb", str(notebook)):
            assert chapter_path(ROOT, name) == notebook
        monkeypatch.chdir(ROOT)
        assert chapter_path(ROOT, "03_experiment_1.ipynb") == notebook

    def test_another_notebook_of_that_name_is_not_taken_for_it(self, tmp_path):
        copy = shutil.copy(ROOT / "notebooks" / "03_experiment_1.ipynb", tmp_path)
        with pytest.raises(
            ParameterError, match=r"is not a chapter of the book at .*run it with papermill: papermill "
        ):
            chapter_path(ROOT, str(copy))

    @pytest.mark.parametrize(
        "name", ["nosuch/dir/03_experiment_1.ipynb", "03_experiment_1.csv", "", ".", "/", "notebooks"]
    )
    def test_what_is_no_notebook_is_refused(self, name):
        with pytest.raises(ParameterError, match="there is no chapter"):
            chapter_path(ROOT, name)
