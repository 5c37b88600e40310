"""One source, many forms: the exercises of a chapter and what is made of them.

The source is a notebook a chapter under `exercises/`, beside the chapters and not inside them: it runs in seconds at a
size of its own, whatever the chapter's parameters are, it is a page of the book as it stands, and a student's form of
it is made by leaving cells out, never by cutting text. A cell's tag says what it is:

    exercise      the question, with its kind and its minutes
    blank         what the student completes; three dots stand where the answer goes
    solution      an answer that passes (code), and why it is right (text); folded away on the page
    seal          seals the answer and its typical mistakes; never on the page, never with a student
    check         the self-check
    teacher-note  what to watch for; folded away on the page
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

FOLDER = "exercises"
HIDDEN_FROM_STUDENTS = ("solution", "seal", "teacher-note")
HIDDEN_TEST = "### BEGIN HIDDEN TESTS\n{}.require()\n### END HIDDEN TESTS"
_FOLDED = re.compile(r"<details>(<summary>.*?</summary>)\n\n(.*)\n\n</details>", re.DOTALL)
_KIND = re.compile(r"^\*(?P<kind>[^*]+) · (?P<minutes>\d+) minutes\*$", re.MULTILINE)
_TITLE = re.compile(r"^## (?P<number>\d+\.\d+) (?P<title>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Exercise:
    """One exercise as the lesson plans need it.

    Attributes:
        number: "3.2" is the second of chapter 3.
        title: its heading.
        kind: from "Predict, then run" to "Extend the study".
        minutes: how long a class needs.
        points: in graded use.
    """

    number: str
    title: str
    kind: str
    minutes: int
    points: int


def read(path: Path) -> NotebookNode:
    """A notebook as nbformat reads it."""
    return nbformat.read(path, as_version=4)


def tags(cell: NotebookNode) -> list[str]:
    """The tags of a cell."""
    return cell.metadata.get("tags", [])


def exercises(source: NotebookNode) -> list[Exercise]:
    """The exercises of a source, in order."""
    found, heads = [], []
    for cell in source.cells:
        if "exercise" in tags(cell):
            heads.append(_TITLE.search(cell.source).groupdict() | _KIND.search(cell.source).groupdict())
        if "check" in tags(cell):
            head = heads[-1]
            found.append(Exercise(**(head | {"minutes": int(head["minutes"]), "points": cell.metadata["points"]})))
    return found


def _plain(cell: NotebookNode) -> NotebookNode:
    """A cell without what only the build needs to know, and without outputs."""
    cell = copy.deepcopy(cell)
    cell.metadata = {}
    if cell.cell_type == "code":
        cell.outputs, cell.execution_count = [], None
    return cell


def _marked(cell: NotebookNode) -> NotebookNode:
    """A plain cell that nbgrader will know again: blanks are answers, checks are tests."""
    plain = _plain(cell)
    is_check = "check" in tags(cell)
    if is_check or "blank" in tags(cell):
        plain.metadata["nbgrader"] = {
            "schema_version": 3,
            "grade_id": cell.id,
            "solution": not is_check,
            "grade": is_check,
            "locked": is_check,
            "task": False,
        } | ({"points": cell.metadata["points"]} if is_check else {})
    return plain


def _notebook(source: NotebookNode, cells: list[NotebookNode]) -> NotebookNode:
    return NotebookNode(
        cells=cells,
        metadata=copy.deepcopy(source.metadata),
        nbformat=source.nbformat,
        nbformat_minor=source.nbformat_minor,
    )


def set_up_cell(repository: str) -> NotebookNode:
    """The first code cell of a student's notebook: on Colab it installs what is missing, elsewhere it does nothing.

    It leaves no variable behind, so a chapter's parameters are what they were.
    """
    wheel = f"fewerwells-{version('fewerwells')}-py3-none-any.whl"
    step = (
        f"%pip install --quiet {repository.removesuffix('.git')}/raw/HEAD/{wheel}"
        if repository
        else f'print("Upload {wheel} and run: %pip install {wheel}")'
    )
    return new_code_cell(
        "# On Colab: install what is missing. Anywhere else this cell does nothing.\n"
        'if "google.colab" in __import__("sys").modules:\n'
        '    if __import__("importlib.util").util.find_spec("fewerwells") is None:\n'
        f"        {step}",
        id="set-up",
    )


def student(source: NotebookNode, repository: str = "") -> NotebookNode:
    """Questions, blanks and checks; no solution, no seal, no note for teachers.

    Blanks and checks carry nbgrader's marks, so that the same file can be handed in for grading.
    """
    kept = [_marked(cell) for cell in source.cells if not set(tags(cell)) & set(HIDDEN_FROM_STUDENTS)]
    return _notebook(source, [*kept[:1], set_up_cell(repository), *kept[1:]])


def student_chapter(chapter: NotebookNode, repository: str = "") -> NotebookNode:
    """A chapter to read and run in class."""
    cells = copy.deepcopy(chapter.cells)
    first_code = next(index for index, cell in enumerate(cells) if cell.cell_type == "code")
    return _notebook(chapter, [*cells[:first_code], set_up_cell(repository), *cells[first_code:]])


def teacher(source: NotebookNode) -> NotebookNode:
    """Everything, unfolded: questions, blanks, solutions, typical mistakes with their hints, checks, notes."""
    cells = []
    for cell in source.cells:
        plain = _plain(cell)
        if cell.cell_type == "markdown" and _FOLDED.fullmatch(cell.source):
            heading, text = _FOLDED.fullmatch(cell.source).groups()
            heading = re.sub(r"</?summary>", "", heading)
            plain.source = f"**{heading}.** {text}"
        if "seal" in tags(cell):
            cells.append(
                new_markdown_cell(
                    "**Typical mistakes** and what the check says to them stand in the next cell; running it proves that the "
                    "seal fits the solution.",
                    id=f"{cell.id}-heading",
                )
            )
        cells.append(plain)
    return _notebook(source, cells)


def assignment(source: NotebookNode) -> NotebookNode:
    """The source of an nbgrader assignment: solutions between nbgrader's marks, checks that count as tests.

    `nbgrader generate_assignment` makes from it what students get, and puts the hidden tests back when it grades.
    """
    cells = []
    for cell in source.cells:
        kinds = tags(cell)
        if "solution" in kinds and cell.cell_type == "code":
            cells[-1].source += f"\n### BEGIN SOLUTION\n{cell.source}\n### END SOLUTION"
        elif not set(kinds) & set(HIDDEN_FROM_STUDENTS):
            cells.append(_marked(cell))
            if "check" in kinds:
                cells[-1].source += "\n" + HIDDEN_TEST.format(cell.source)
    return _notebook(source, cells)
