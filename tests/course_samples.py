"""Sample submissions, made from the exercises' sources as students would make them."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import nbformat
from nbgrader import api

from fewerwells.course.grading import Mark, grade
from fewerwells.course.source import read, student, tags
from fewerwells.course.submissions import sort_out
from fewerwells.running.reading_order import exercise_notebooks

# Of every new gradebook nbgrader asks Alembic, in a process of its own, which form is the newest: once is enough here.
api.get_alembic_version = functools.cache(api.get_alembic_version)


def solutions(root: Path, chapter: str) -> dict[str, str]:
    """The code of every solution of a chapter, by the number of its exercise."""
    cells = read(exercise_notebooks(root)[chapter]).cells
    return {
        cell.id.removeprefix("solution-").replace("-", "."): cell.source
        for cell in cells
        if "solution" in tags(cell) and cell.cell_type == "code"
    }


def submission(root: Path, chapter: str, answers: dict[str, str]) -> nbformat.NotebookNode:
    """A student's notebook in which these answers were written below what the blanks hold."""
    notebook = student(read(exercise_notebooks(root)[chapter]))
    for cell in notebook.cells:
        number = cell.id.removeprefix("blank-").replace("-", ".")
        if cell.id.startswith("blank-") and number in answers:
            cell.source += "\n" + answers[number]
    return notebook


def hand_in(folder: Path, name: str, root: Path, chapter: str, answers: dict[str, str]) -> Path:
    """Put a student's notebook where the grader looks for it."""
    path = folder / name / exercise_notebooks(root)[chapter].name
    path.parent.mkdir(parents=True)
    nbformat.write(submission(root, chapter, answers), path)
    return path


def grade_folder(root: Path, folder: Path, course: Path, **options) -> list[Mark]:
    """Grade all that can be matched in a folder."""
    handed_in, _ = sort_out(folder, exercise_notebooks(root))
    return grade(root, handed_in, course, lambda line: None, **options)


def fingerprint(folder: Path) -> dict[str, str]:
    """What lies in a folder: every file with its digest."""
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}
