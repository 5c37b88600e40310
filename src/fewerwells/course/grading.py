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
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute, NbGraderPreprocessor
from nbgrader.utils import is_grade
from sqlalchemy.exc import SAWarning, SQLAlchemyError
from traitlets import Bool, Float
from traitlets.config import Config

from fewerwells.course.execution import CELL_SECONDS, NOTEBOOK_SECONDS, run_bounded
from fewerwells.course.jail import shield
from fewerwells.course.owned import OwnedFolder
from fewerwells.course.source import assignment, read
from fewerwells.course.submissions import Submission
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
                # an error alone decides: nbgrader takes a result for a score, and a warning for an error
                cell.outputs = [output for output in cell.outputs if output.output_type == "error"]
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
        graded: whether its points are those of its answers; not where it could not be read, or not be graded to the end.
    """

    student: str
    assignment: str
    points: dict[str, float] = field(default_factory=dict)
    most: float = 0.0
    remark: str = ""
    graded: bool = True

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


def grade(
    root: Path,
    handed_in: Sequence[Submission],
    course: Path,
    say: Callable[[str], None],
    *,
    protected: bool = True,
    **limits,
) -> list[Mark]:
    """Grade submissions, one after another, and write feedback for each.

    Args:
        root: the project's folder.
        handed_in: the submissions; they are only read.
        course: the nbgrader course to use; it is made when it is not there.
        say: called with one line at a time.
        protected: whether submissions have to be shielded from the teacher's files.
        limits: `cell_seconds` and `notebook_seconds`, if not the usual ones.

    Raises:
        ParameterError: the course holds what is not this command's to replace.
        SandboxError: this system cannot shield a submission, and `protected` is not given up.
        OSError: the course cannot be written to; nothing was graded.
    """
    if protected:
        shield()
    release(root, course, lambda line: None, only={each.assignment for each in handed_in})
    OwnedFolder(course).insist_on(
        target
        for each in handed_in
        if not (course / (target := _submitted(each.student, each.assignment))).exists()
        or (course / target).read_bytes() != each.path.read_bytes()
    )
    marks = []
    for each in handed_in:
        say(f"{each.student}: {each.assignment} …")
        marks.append(_grade_one(_api(course, protected=protected, **limits), course, each))
        points = f"{marks[-1].total:g} of {marks[-1].most:g}" if marks[-1].graded else "not graded"
        said = f"{each.student}: {each.assignment}: {points}  {marks[-1].remark}"
        say(said.rstrip())
    return marks


def _submitted(student: str, name: str) -> str:
    """Where nbgrader looks for a submission, inside its course."""
    return f"submitted/{student}/{name}/{name}{EXERCISES_SUFFIX}.ipynb"


def _grade_one(api: NbGraderAPI, course: Path, submission: Submission) -> Mark:
    student, name = submission.student, submission.assignment
    mark = Mark(student, name)
    notebook_name = f"{name}{EXERCISES_SUFFIX}"
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        tests = gradebook.find_notebook(notebook_name, name).grade_cells
        mark.points = {_exercise(cell.name): 0.0 for cell in tests}
        mark.most = sum(cell.max_score for cell in tests)
    try:
        notebook = read(submission.path)
        nbformat.validate(notebook)
    except Exception as error:  # whatever may be wrong with a file from elsewhere
        mark.remark, mark.graded = f"this is no notebook ({type(error).__name__})", False
        return mark
    twice = unmark_copies(notebook)
    present = {_grade_id(cell) for cell in notebook.cells}
    remarks = [f"the cell {grade_id} is there twice: its first copy counts" for grade_id in twice]
    remarks += [f"the check of {exercise} is missing" for exercise in mark.points if _check(exercise) not in present]
    try:
        data = nbformat.writes(notebook).encode() if twice else submission.path.read_bytes()
        OwnedFolder(course).write(_submitted(student, name), data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # nbgrader's own queries
            result = api.autograde(name, student, force=True)
        if not result["success"]:
            report = (result.get("error") or result.get("log", "")).strip()[-200:]
            mark.remark, mark.graded = "; ".join([*remarks, f"nbgrader could not grade it: {report}"]), False
            return mark
        with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
            graded = gradebook.find_submission_notebook(notebook_name, name, student)
            for each in graded.grades:
                if each.name in present:  # a check that was taken out earns nothing
                    mark.points[_exercise(each.name)] = each.auto_score or 0.0
        api.generate_feedback(name, student, force=True)
        remarks += filter(None, [_stopped(course / "autograded" / student / name / f"{notebook_name}.ipynb")])
    except (OSError, SQLAlchemyError) as error:  # a full disk: what was graded before is not lost
        remarks.append(f"not graded to the end: {error}")
        mark.graded = False
    mark.remark = "; ".join(remarks)
    return mark


def _grade_id(cell: nbformat.NotebookNode) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def unmark_copies(notebook: nbformat.NotebookNode) -> list[str]:
    """Make plain cells of the copies that a student made of answers and checks; nbgrader would refuse them.

    They still run where they stand, so that what the check sees is what the student saw.

    Returns:
        The names of the cells that were there more than once.
    """
    seen, twice = set(), []
    for cell in notebook.cells:
        grade_id = _grade_id(cell)
        if grade_id is None:
            continue
        if grade_id in seen:
            del cell.metadata["nbgrader"]
            twice.append(grade_id)
        seen.add(grade_id)
    return list(dict.fromkeys(twice))


def _check(exercise: str) -> str:
    return "check-" + exercise.replace(".", "-")


def _exercise(grade_id: str) -> str:
    return grade_id.removeprefix("check-").replace("-", ".")


def _stopped(path: Path) -> str:
    for cell in read(path).cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error" and output.ename == "Stopped":
                return f"stopped at a cell: {output.evalue}"
    return ""
