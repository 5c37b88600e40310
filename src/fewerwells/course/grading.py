"""Graded use: nbgrader assignments from the exercises' sources, and a folder of submissions to a table of marks.

nbgrader keeps the gradebook, the feedback and the forms that many schools know; what it lacks is a shield between a
submission and the teacher's files, and a limit to what a submission may use. So its `Execute` step is replaced by
`SandboxedExecute`, and its other steps are left as they are.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute, NbGraderPreprocessor
from nbgrader.utils import is_grade
from sqlalchemy.exc import SAWarning
from traitlets import Bool, Float
from traitlets.config import Config

from fewerwells.course.execution import CELL_SECONDS, NOTEBOOK_SECONDS, run_bounded
from fewerwells.course.owned import OwnedFolder
from fewerwells.course.source import assignment, read
from fewerwells.running.parameters import ParameterError
from fewerwells.running.reading_order import EXERCISES_SUFFIX, exercise_notebooks

GRADED = "graded"  # the nbgrader course's folder in the course's


class SandboxedExecute(NbGraderPreprocessor):
    """nbgrader's `Execute`, in a sandboxed kernel and within limits."""

    cell_seconds = Float(CELL_SECONDS).tag(config=True)
    notebook_seconds = Float(NOTEBOOK_SECONDS).tag(config=True)
    protected = Bool(True).tag(config=True)

    def preprocess(self, notebook, resources):
        """Run the notebook; a check that was not reached counts as failed."""
        run_bounded(
            notebook,
            cell_seconds=self.cell_seconds,
            notebook_seconds=self.notebook_seconds,
            protected=self.protected,
        )
        for cell in notebook.cells:
            if is_grade(cell):
                # a verdict is text and no score; an error alone decides
                cell.outputs = [output for output in cell.outputs if output.output_type != "execute_result"]
        return notebook, resources


@dataclass
class Mark:
    """One graded submission.

    Attributes:
        student: the name of the submission's folder.
        assignment: the chapter.
        points: for each exercise.
        most: the points that could be had.
        remark: why it was stopped or could not be read, or "".
    """

    student: str
    assignment: str
    points: dict[str, float] = field(default_factory=dict)
    most: float = 0.0
    remark: str = ""

    @property
    def total(self) -> float:
        """Points over all exercises."""
        return sum(self.points.values())


def _api(folder: Path, **limits) -> NbGraderAPI:
    logging.getLogger("traitlets").propagate = False  # nbgrader hands its report back
    config = Config()
    config.Exchange.root = str(
        folder
    )  # the shared folder of a school's hub, which nbgrader asks for and does not use here
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.course_id = "fewer-wells"
    config.ClearSolutions.code_stub = {"python": ""}  # the blank above it is enough
    config.Autograde.autograde_preprocessors = [
        SandboxedExecute if step is Execute else step for step in Autograde.autograde_preprocessors.default_args[0]
    ]
    for name, value in limits.items():
        setattr(config.SandboxedExecute, name, value)
    return NbGraderAPI(CourseDirectory(config=config), config=config)


def _insist(result: dict, what: str) -> None:
    if not result["success"]:
        raise RuntimeError(f"nbgrader could not {what}:\n{result.get('error') or result.get('log')}")


def check_course(folder: Path) -> None:
    """Nothing if an nbgrader course may be made or renewed here.

    Raises:
        ParameterError: the folder is another's, or what was released there was changed since.
    """
    course = OwnedFolder(folder)
    course.check()
    course.insist_on(name for name in course.written() if name.startswith(("source/", "release/")))


def release(root: Path, folder: Path, say: Callable[[str], None], only: Collection[str] | None = None) -> None:
    """Make an nbgrader course: `source/` with solutions, `release/` for students, and its gradebook.

    Args:
        root: the project's folder.
        folder: the course's folder; what an earlier release wrote is made anew, and all else is kept: gradebook,
            submissions, feedback.
        say: called with one line at a time.
        only: the chapters to release; all by default.

    Raises:
        ParameterError: the folder holds what no release wrote, where this one would write.
        RuntimeError: nbgrader refuses; the message holds its report.
    """
    course = OwnedFolder(folder)
    course.check()
    tools = str(Path(sys.executable).parent)
    if tools not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([tools, os.environ["PATH"]])  # nbgrader starts alembic by name
    for name, path in exercise_notebooks(root).items():
        if only is not None and name not in only:
            continue
        course.write(f"source/{name}/{path.name}", nbformat.writes(assignment(read(path))).encode())
        # nbgrader empties the folder of a release, and copies there whatever lies beside the source
        course.insist_on(set(course.inside(f"release/{name}")))
        _insist(_api(folder).generate_assignment(name), f"release {name}")
        course.adopt(course.inside(f"release/{name}"))
        say(f"graded/release/{name}")


def submissions(folder: Path, known: dict[str, Path]) -> list[tuple[str, str, Path]]:
    """What was handed in: (student, assignment, notebook) for each FOLDER/STUDENT/…_exercises.ipynb.

    Raises:
        ParameterError: there is nothing to grade.
    """
    found = []
    for path in sorted(folder.glob(f"*/*{EXERCISES_SUFFIX}.ipynb")):
        name = path.stem.removesuffix(EXERCISES_SUFFIX)
        if name in known:
            found.append((path.parent.name, name, path))
    if not found:
        raise ParameterError(
            f"{folder} holds no submissions; put each student's notebooks into a folder of their own, for example "
            f"{folder.name}/ada/{next(iter(known))}{EXERCISES_SUFFIX}.ipynb."
        )
    return found


def grade(
    root: Path, folder: Path, course: Path, say: Callable[[str], None], *, protected: bool = True, **limits
) -> list[Mark]:
    """Grade a folder of submissions, one after another, and write feedback for each.

    Args:
        root: the project's folder.
        folder: the submissions, a folder a student; it is only read.
        course: the nbgrader course to use; it is made when it is not there.
        say: called with one line at a time.
        protected: whether submissions have to be shielded from the teacher's files.
        limits: `cell_seconds` and `notebook_seconds`, if not the usual ones.

    Raises:
        ParameterError: there is nothing to grade, or the course holds what is not this command's to replace.
        SandboxError: this system cannot shield a submission, and `protected` is not given up.
    """
    handed_in = submissions(folder, exercise_notebooks(root))
    release(root, course, lambda line: None, only={name for _, name, _ in handed_in})
    OwnedFolder(course).insist_on(
        target
        for student, name, path in handed_in
        if not (course / (target := _submitted(student, name))).exists()
        or (course / target).read_bytes() != path.read_bytes()
    )
    marks = []
    for student, name, path in handed_in:
        say(f"{student}: {name} …")
        marks.append(_grade_one(_api(course, protected=protected, **limits), course, student, name, path))
        say(f"{student}: {name}: {marks[-1].total:g} of {marks[-1].most:g}  {marks[-1].remark}".rstrip())
    return marks


def _submitted(student: str, name: str) -> str:
    """Where nbgrader looks for a submission, inside its course."""
    return f"submitted/{student}/{name}/{name}{EXERCISES_SUFFIX}.ipynb"


def _grade_one(api: NbGraderAPI, course: Path, student: str, name: str, path: Path) -> Mark:
    mark = Mark(student, name)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        tests = gradebook.find_notebook(path.stem, name).grade_cells
        mark.points = {_exercise(cell.name): 0.0 for cell in tests}
        mark.most = sum(cell.max_score for cell in tests)
    try:
        notebook = read(path)
        nbformat.validate(notebook)
    except Exception as error:  # whatever may be wrong with a file from elsewhere
        mark.remark = f"this is no notebook ({type(error).__name__})"
        return mark
    present = {cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells}
    OwnedFolder(course).write(_submitted(student, name), path.read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # nbgrader's own queries
        result = api.autograde(name, student, force=True)
    if not result["success"]:
        mark.remark = "nbgrader could not grade it: " + (result.get("error") or result.get("log", "")).strip()[-200:]
        return mark
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        graded = gradebook.find_submission_notebook(path.stem, name, student)
        for each in graded.grades:
            if each.name in present:  # a check that was taken out earns nothing
                mark.points[_exercise(each.name)] = each.auto_score or 0.0
    api.generate_feedback(name, student, force=True)
    mark.remark = _stopped(course / "autograded" / student / name / path.name)
    return mark


def _exercise(grade_id: str) -> str:
    return grade_id.removeprefix("check-").replace("-", ".")


def _stopped(path: Path) -> str:
    for cell in read(path).cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error" and output.ename == "Stopped":
                return f"stopped at a cell: {output.evalue}"
    return ""
