"""The course in a box: one folder and one zip for each role, all made from the book's own sources."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from fewerwells.book.build import run_chapters
from fewerwells.course import launch, lessons, slides
from fewerwells.course.owned import OwnedFolder
from fewerwells.course.source import FOLDER, read, student, student_chapter, teacher
from fewerwells.running.reading_order import chapters, exercise_notebooks

ROLES = ("student", "teacher")
_PAGES = ("glossary.md", "notation.md", "students.md", "rerun.md", "cite.md", "references.md", "references.bib")
_CITATION = re.compile(r"\{cite:([tp])\}`([^`]+)`")
_LIST = re.compile(r"```\{bibliography\}.*?```", re.DOTALL)
_NO_BRACES = str.maketrans("", "", "{}")
_BESIDE = re.compile(r"\]\(([a-z]+\.md)")  # a link to a page that lies beside this one in the book
_NOT_HANDED_OUT = re.compile(r"\[([^\]]+)\]\((?:\.\./book/)?(?:teachers|related)\.md[^)]*\)")  # pages of the book alone
_MACHINE = """import importlib.util

if importlib.util.find_spec("fewerwells") is None:
    print("MISSING  fewerwells; run: pip install -r requirements.txt")
else:
    from fewerwells.course.doctor import examine

    examine()"""


def _write(notebook, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def check_my_machine() -> nbformat.NotebookNode:
    """A notebook of one cell that says what is missing."""
    words = (
        "# Is my machine ready?\n\nRun the cell below (Shift-Enter). It takes some seconds and says what is missing."
    )
    cells = [new_markdown_cell(words, id="opening"), new_code_cell(_MACHINE, id="check-my-machine")]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def cited(text: str, root: Path) -> str:
    """A page's Markdown with its citations spelt out and linked, and the list of references itself where it stands.

    Args:
        text: with roles and the directive of sphinxcontrib-bibtex, as in {cite:t}`key` and {cite:p}`one,other`.
        root: the book's folder, whose references name the sources.

    Returns:
        The same for readers who have no book around it.

    Raises:
        KeyError: a key that the references do not have.
    """
    from pybtex.database import parse_file
    from pybtex.plugin import find_plugin

    sources = parse_file(root / "book" / "references.bib")

    def one(key: str, between: str) -> str:
        entry = sources.entries[key.strip()]
        people = entry.persons.get("author") or entry.persons["editor"]
        names = [" ".join(person.prelast_names + person.last_names).translate(_NO_BRACES) for person in people]
        who = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
        said = f"{who}{between.format(entry.fields['year'])}"
        address = f"https://doi.org/{entry.fields['doi']}" if "doi" in entry.fields else entry.fields.get("url")
        return f"[{said}]({address})" if address else said

    def spelt(found: re.Match) -> str:
        if found[1] == "t":
            return " and ".join(one(key, " ({})") for key in found[2].split(","))
        return f"({'; '.join(one(key, ' {}') for key in found[2].split(','))})"

    def listed(_: re.Match) -> str:
        written = find_plugin("pybtex.style.formatting", "plain")().format_bibliography(sources)
        markdown = find_plugin("pybtex.backends", "markdown")()
        return "\n".join(f'- <a id="{entry.key}"></a>{entry.text.render(markdown)}' for entry in written)

    return _LIST.sub(listed, _CITATION.sub(spelt, text))


def write_student(root: Path, folder: Path) -> None:
    """What students get: chapters to read and run, exercises with their checks, no solution anywhere.

    The folders are those of the book, so that links and commands work in the same way.
    """
    address = launch.repository(root)
    for path in chapters(root).values():
        chapter = student_chapter(read(path), address)
        for cell in chapter.cells:
            cell.source = _NOT_HANDED_OUT.sub(r"\1", cell.source)
        _write(chapter, folder / path.relative_to(root))
    for path in exercise_notebooks(root).values():
        _write(student(read(path), address), folder / path.relative_to(root))
    _write(check_my_machine(), folder / "check_my_machine.ipynb")
    for name in _PAGES:
        shutil.copyfile(root / "book" / name, folder / "book" / name)
    for path in (folder / "book").glob("*.md"):
        path.write_text(cited(path.read_text("utf-8"), root), encoding="utf-8")
    (folder / "results").mkdir(exist_ok=True)
    (folder / "sweeps").mkdir(exist_ok=True)
    for path in (*root.glob("results/*.csv"), *root.glob("results/*.json"), *root.glob("sweeps/*.yml")):
        shutil.copyfile(path, folder / path.relative_to(root))
    for name in ("_toc.yml", "LICENSE"):
        shutil.copyfile(root / name, folder / name)
    shutil.copytree(root / ".binder", folder / ".binder")
    (folder / "requirements.txt").write_text(student_requirements(root), encoding="utf-8")
    text = (folder / "book" / "students.md").read_text("utf-8")
    (folder / "README.md").write_text(_BESIDE.sub(r"](book/\1", text), encoding="utf-8")


def student_requirements(root: Path) -> str:
    """What a student installs: the package's wheel beside this file, Jupyter and the widgets, pinned as in the book."""
    wanted = ("jupyterlab", "ipywidgets", "anywidget", "ipykernel", "numpy", "torch", "numba")
    pins = [line for line in (root / "requirements.txt").read_text("utf-8").splitlines() if "==" in line]
    return "\n".join(["--find-links .", "fewerwells", *(p for p in pins if p.split("==")[0] in wanted), ""])


def write_wheel(root: Path, folder: Path) -> None:
    """Build the package's wheel into a folder.

    Raises:
        RuntimeError: pip could not build it; the message holds its report.
    """
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(root)]
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode != 0:
        raise RuntimeError(f"the package's wheel was not built:\n{finished.stderr}")


def write_teacher(root: Path, folder: Path, executed: list[Path], say: Callable[[str], None]) -> None:
    """What the teacher gets: exercises with solutions and notes, slides of every lesson, plans, links to hand out."""
    for path in exercise_notebooks(root).values():
        _write(teacher(read(path)), folder / FOLDER / path.name)
    shown, asked = slides.figures(executed), slides.questions(list(exercise_notebooks(root).values()))
    for lesson in lessons.read_lessons(root):
        page = slides.write_slides(lesson, shown, asked, folder / "slides")
        say(f"teacher/slides/{page.name}")
    text = (root / "book" / "teachers.md").read_text(encoding="utf-8")
    (folder / "README.md").write_text(cited(lessons.fill(text, root), root), encoding="utf-8")
    (folder / "launch.md").write_text(launch.links(root, launch.repository(root)), encoding="utf-8")


def build(root: Path, profile: str, output: Path, say: Callable[[str], None], *, wheel: bool = True) -> Path:
    """Build the whole course into `output`: a folder and a zip for each role, and the graded assignments.

    Args:
        root: the project's folder.
        profile: the size at which the chapters run whose figures are on the slides.
        output: the folder; what an earlier build wrote there is replaced, and whatever else it holds stays.
        say: called with one line at a time.
        wheel: whether to put the package's wheel into the student's folder.

    Returns:
        `output`.

    Raises:
        ParameterError: the folder holds what no build wrote, where this one would write.
        RuntimeError: pip or nbgrader refuses.
    """
    from fewerwells.course.grading import GRADED, check_course, release

    check_course(output / GRADED)
    with OwnedFolder(output, beside=(GRADED,)).replaced() as part:
        needed = [name for name in exercise_notebooks(root) if name in chapters(root)]
        executed = run_chapters(root, profile, say, only=needed)
        write_student(root, part / "student")
        if wheel:
            write_wheel(root, part / "student")
        write_teacher(root, part / "teacher", list(executed.values()), say)
        for role in ROLES:
            shutil.make_archive(str(part / role), "zip", part, role)
            say(f"{role}.zip")
    release(root, output / GRADED, say)
    return output
