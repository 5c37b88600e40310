"""The commands `fewerwells course …`: build the box, grade a folder, renew the seals."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fewerwells.running.commands import fail, refuse
from fewerwells.running.parameters import PROFILES, ParameterError

if TYPE_CHECKING:
    from fewerwells.course.submissions import Unmatched

app = typer.Typer(no_args_is_help=True, help="Make the course from the book, and grade what comes back.")


def _root() -> Path:
    from fewerwells.running.reading_order import project_root

    try:
        return project_root()
    except ParameterError as error:
        raise refuse(error) from None


@app.command()
def build(
    profile: Annotated[str, typer.Option(help="Size of the chapters whose figures are on the slides.")] = "lecture",
    output: Annotated[Path | None, typer.Option(help="Folder to make; _build/course by default.")] = None,
    wheel: Annotated[bool, typer.Option(help="Put the package's wheel into the student's folder.")] = True,
) -> None:
    """Make the student's and the teacher's folder and zip, the slides and the graded assignments.

    Example: fewerwells course build
    """
    from papermill.exceptions import PapermillExecutionError

    root = _root()
    if profile not in PROFILES:
        raise refuse(f"profile is {profile!r}; choose one of {', '.join(PROFILES)}.")
    from fewerwells.course.build import build as build_course

    try:
        folder = build_course(root, profile, (output or root / "_build" / "course").resolve(), typer.echo, wheel=wheel)
    except ParameterError as error:
        raise refuse(error) from None
    except (RuntimeError, PapermillExecutionError) as error:
        raise fail(str(error)) from None
    typer.echo(f"The course is ready: {folder}")


@app.command()
def wheels(
    laptops: Annotated[list[str], typer.Argument(help="Kinds of laptop: linux, macos, windows.")],
    python: Annotated[str, typer.Option(help="The laptops' Python.")] = "3.12",
    folder: Annotated[Path | None, typer.Option(help="The student's folder; _build/course/student by default.")] = None,
) -> None:
    """Download what students install into the student's folder, for a room without internet.

    Example: fewerwells course wheels windows macos linux --python 3.12
    """
    from fewerwells.course.wheels import LAPTOPS, PYTHONS, fetch

    for value, known, name in (*((laptop, LAPTOPS, "the laptop") for laptop in laptops), (python, PYTHONS, "python")):
        if value not in known:
            raise refuse(f"{name} is {value!r}; choose one of {', '.join(known)}.")
    folder = folder or _root() / "_build" / "course" / "student"
    if not (folder / "requirements.txt").is_file():
        raise refuse(f"there is no requirements.txt in {folder}; run `fewerwells course build` first.")
    try:
        for laptop in laptops:
            fetch(folder, laptop, python, typer.echo)
    except RuntimeError as error:
        raise fail(str(error)) from None


def _name_left(left: list[Unmatched], folder: Path) -> None:
    """Say of each file that is not graded why not."""
    for file in left:
        typer.echo(f"not graded: {file.path.relative_to(folder)}: {file.reason}", err=True)


@app.command()
def grade(
    folder: Annotated[Path, typer.Argument(help="Submissions: FOLDER/STUDENT/03_experiment_1_exercises.ipynb.")],
    marks: Annotated[
        Path | None, typer.Option(help="The table of marks to write; FOLDER/marks.csv by default.")
    ] = None,
    course: Annotated[Path | None, typer.Option(help="The nbgrader course; _build/course/graded by default.")] = None,
    unprotected: Annotated[
        bool, typer.Option("--unprotected", help="Grade where submissions cannot be shielded from your files.")
    ] = False,
) -> None:
    """Grade a folder of submissions, each in a jail, and write their marks and feedback.

    Every file that cannot be graded is named with the reason, and the exit status is 1 then.

    Example: fewerwells course grade submissions
    """
    root = _root()
    if not folder.is_dir():
        raise refuse(f"{folder} is not a folder.")
    from fewerwells.course import marks as tables
    from fewerwells.course.grading import grade as grade_submissions
    from fewerwells.course.sandbox import SandboxError
    from fewerwells.course.submissions import Unmatched, sort_out
    from fewerwells.running.reading_order import exercise_notebooks

    folder, where = folder.resolve(), (course or root / "_build" / "course" / "graded").resolve()
    table = marks or folder / "marks.csv"
    known = exercise_notebooks(root)
    handed_in, left = sort_out(folder, known, [path for path in folder.glob("*.csv") if tables.is_table(path)])
    _name_left(left, folder)
    if not handed_in:
        example = f"{folder.name}/ada/{next(iter(known.values())).name}"
        raise refuse(
            f"{folder} holds no submissions; put each student's notebooks into a folder of their own, for example "
            f"{example}."
        )
    try:
        tables.check_place(table)
        graded = grade_submissions(root, handed_in, where, typer.echo, protected=not unprotected)
    except (ParameterError, SandboxError) as error:
        raise refuse(error) from None
    except RuntimeError as error:
        raise fail(str(error)) from None
    failed = [
        Unmatched(each.path, each.student, mark.remark)
        for each, mark in zip(handed_in, graded, strict=True)
        if not mark.graded
    ]
    _name_left(failed, folder)
    left += failed
    text = tables.table([mark for mark in graded if mark.graded], left, folder)
    try:
        kept = tables.write(table, text)
    except OSError as error:
        raise fail(f"The marks could not be written to {table} ({error}); here they are:\n{text}") from None
    if kept:
        typer.echo(f"The table that was there before is kept as {kept}.")
    typer.echo(f"The marks are in {table}; feedback for each student is in {where / 'feedback'}.")
    if left:
        raise fail(f"{len(left)} file{'s were' if len(left) > 1 else ' was'} not graded: see above.")


@app.command()
def seal() -> None:
    """Renew the hashes that checks compare with, after an answer, a hint or a typical mistake was changed.

    Example: fewerwells course seal
    """
    import nbformat
    from nbclient import NotebookClient

    from fewerwells.course.checking import SEALED_FILE
    from fewerwells.course.sealing import WRITE_TO
    from fewerwells.course.source import read, tags
    from fewerwells.running.reading_order import exercise_notebooks

    root, target = _root(), Path(str(SEALED_FILE))
    os.environ[WRITE_TO] = str(target)
    for path in exercise_notebooks(root).values():
        notebook = read(path)
        notebook.cells = [cell for cell in notebook.cells if "check" not in tags(cell)]
        nbformat.validate(notebook)
        NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
        typer.echo(f"sealed {path.stem}")
