"""The command `fewerwells`: build the book, run a chapter, run a sweep, compare a rerun with what was published."""

from __future__ import annotations

import errno
import logging
import os
import re
import sys
from importlib.metadata import requires
from pathlib import Path
from typing import Annotated

import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.core import TyperGroup

from fewerwells.course.commands import app as course
from fewerwells.laboratory.commands import plate, predict
from fewerwells.laboratory.next_wells import next_wells
from fewerwells.running.compare_command import compare
from fewerwells.running.parameters import PROFILES, ParameterError
from fewerwells.running.plain import read_value
from fewerwells.running.pretrain_command import app as pretrain

# Errors of the system that say something of a file, and not of this program.
_OF_A_FILE = {errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR}
_OF_A_FILE |= {errno.EEXIST, errno.EIO, errno.ENAMETOOLONG, getattr(errno, "EDQUOT", errno.ENOSPC)}


class _Told(TyperGroup):
    """Commands that end in a sentence where a file cannot be written or an extra is missing, whichever command it is."""

    def invoke(self, ctx: typer.Context):
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            sentence = missing_extra(error.name or "")
            if sentence is None:
                raise
        except OSError as error:
            if error.errno not in _OF_A_FILE:
                raise
            sentence = f"{error.filename or 'a file'} cannot be written: {error.strerror}."
        raise _fail(sentence)


app = typer.Typer(
    cls=_Told,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="How many wells of a plate can a simulation replace? Rerun the study, one point or all of it.",
)


def _refuse(error: Exception) -> typer.Exit:
    typer.echo(f"Refused: {error}", err=True)
    return typer.Exit(2)


def _fail(sentence: str) -> typer.Exit:
    typer.echo(sentence, err=True)
    return typer.Exit(1)


def _short(path: Path) -> Path:
    """A path as seen from the working folder, where it is inside it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


app.add_typer(course, name="course")
app.add_typer(pretrain, name="pretrain")
app.command()(compare)
app.command()(next_wells)
app.command()(plate)
app.command()(predict)


@app.callback()
def _start() -> None:
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("fewerwells").setLevel(logging.INFO)


@app.command()
def book(
    profile: Annotated[
        str, typer.Option(help="smoke (seconds), lecture (minutes) or paper (the whole study).")
    ] = "paper",
    output: Annotated[Path | None, typer.Option(help="Folder for _build/html; the book's own by default.")] = None,
) -> None:
    """Run the chapters that are missing or out of date, then render the book.

    At paper size chapters read the published tables where they come from the code at hand, after a sample of each was
    computed again here; it ends there with exit status 1 where the sample differs.

    Example: fewerwells book --profile lecture
    """
    from papermill.exceptions import PapermillExecutionError

    from fewerwells.book.build import BuildError, build
    from fewerwells.course.launch import BUTTONS
    from fewerwells.running.parameters import PUBLISHED
    from fewerwells.running.reading_order import project_root
    from fewerwells.running.sample import check

    try:
        if profile not in PROFILES:
            raise ParameterError(f"profile is {profile!r}; choose one of {', '.join(PROFILES)}.")
        root = project_root()
    except ParameterError as error:
        raise _refuse(error) from None
    if profile == "paper":
        wrong = [name for name, told in check(root / "results", PUBLISHED, typer.echo).items() if told.first]
        if wrong:
            raise _fail(f"{' and '.join(wrong)}: the published numbers are not those of this code on this machine.")
    try:
        page = build(root, profile, (output or root).resolve(), typer.echo, buttons=BUTTONS)
    except (BuildError, PapermillExecutionError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"The book is ready: open {page}")


@app.command()
def publish() -> None:
    """Write the tables of the published run and the main figure to results/, where git keeps them.

    What was computed here before, or is published already by the same code, is read back; what is missing is trained.
    """
    from fewerwells.book.plots.results import save_answer
    from fewerwells.running.experiments import run as run_design
    from fewerwells.running.parameters import Experiment1
    from fewerwells.running.publishing import publish as write_tables
    from fewerwells.running.reading_order import project_root
    from fewerwells.science.statistics import geometric_summary
    from fewerwells.study.columns import ERROR

    folder = project_root() / "results"
    write_tables(folder, typer.echo)
    save_answer(geometric_summary(run_design(Experiment1()), ERROR, ["arm", "N"]), folder / "answer.svg")
    typer.echo("wrote results/answer.svg")


@app.command()
def rerun() -> None:
    """Compute every published table on this machine and say whether each estimate agrees.

    An interrupted rerun goes on where it stopped. Exit status 1 where an estimate disagrees.

    Example: fewerwells rerun
    """
    from fewerwells.running.publishing import rerun as compute_again
    from fewerwells.running.reading_order import project_root

    try:
        sentence, agrees = compute_again(project_root() / "results", typer.echo)
    except ParameterError as error:
        raise _refuse(error) from None
    typer.echo(sentence)
    if not agrees:
        raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Say in seconds what this machine lacks for the course.

    Example: fewerwells doctor
    """
    from fewerwells.course.doctor import examine

    if not examine():
        raise typer.Exit(1)


def _parse(assignments: list[str]) -> dict:
    """name=value pairs, each value read as YAML, so 3, 0.5, 1e-3, true and [10, 20] mean what they say."""
    parameters = {}
    for assignment in assignments:
        name, separator, value = assignment.partition("=")
        if not separator or not name:
            raise ParameterError(f"{assignment!r} is not of the form name=value.")
        if name in parameters:
            raise ParameterError(f"{name} was given twice.")
        try:
            parameters[name] = read_value(value)
        except ValueError:
            raise ParameterError(f"the value of {name}, {value!r}, cannot be read.") from None
    return parameters


@app.command()
def run(
    chapter: Annotated[str, typer.Argument(help="The chapter, for example 03_experiment_1.")],
    output: Annotated[Path | None, typer.Argument(help="Also put the executed notebook here.")] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="name=value, as often as needed.")
    ] = None,
) -> None:
    """Run one chapter with other parameters.

    The executed notebook, its rows and a record of what made them are kept under results/runs; the same run is not
    run twice.

    Example: fewerwells run 03_experiment_1 -p hill_coefficient=3 -p n_seeds=5
    """
    from papermill.exceptions import PapermillExecutionError

    from fewerwells.running.chapters import check_parameters
    from fewerwells.running.points import NOTEBOOK, ROWS, make_points, run_point
    from fewerwells.running.reading_order import chapter_path, project_root
    from fewerwells.running.storage import read_table, write_table, write_whole
    from fewerwells.running.sweeps import StorageError, check_storage

    try:
        parameters = _parse(parameter or [])
        path = chapter_path(project_root(), chapter)
        check_parameters(path, parameters)
        table_file = parameters.pop("table_file", "")
        (point,) = make_points(path, [parameters])
        check_storage()
        seconds = run_point(point, show_progress=True)
        if output is not None:
            output.parent.mkdir(parents=True, exist_ok=True)
            write_whole(output, (point.folder / NOTEBOOK).read_bytes())
        if table_file:
            write_table(read_table(point.folder / ROWS), Path(table_file))
    except ParameterError as error:
        raise _refuse(error) from None
    except (PapermillExecutionError, StorageError) as error:
        raise _fail(str(error)) from None
    typer.echo(f"{point.chapter.stem}: done in {seconds:.0f} s" if seconds else f"{point.chapter.stem}: done before")
    typer.echo(f"Its notebook and its rows are in {_short(point.folder)}")


@app.command()
def sweep(
    file: Annotated[Path, typer.Argument(help="A YAML file with chapter, fixed and grid.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List points, cost and time; run nothing.")] = False,
    workers: Annotated[
        int | None, typer.Option(help="Points at a time; as many as cores, at most 8, by default.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Cores for each point; the cores shared evenly by default.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="A Dask scheduler that is already there: tcp://host:port.")
    ] = None,
) -> None:
    """Run a chapter over a grid of parameters; points that are done are not run again.

    Everything in the file is checked before anything starts. Points run side by side on this machine's cores, or on
    the workers of a Dask scheduler. One that fails is tried once more and then reported, with the command that
    repeats it; the others go on, and the exit status is 1.

    Example: fewerwells sweep sweeps/n_by_noise.yml --dry-run
    """
    from fewerwells.running.sweep_files import read_sweep
    from fewerwells.running.sweep_tables import run_sweep_file
    from fewerwells.running.sweeps import SchedulerLost, StorageError, SweepFailed, check_workers

    try:
        plan = read_sweep(file)
        check_workers(workers, threads, scheduler)
        if dry_run:
            return _tell_cost(plan, workers, threads, scheduler)
        table = run_sweep_file(file, plan, typer.echo, workers, threads, scheduler)
    except ParameterError as error:
        raise _refuse(error) from None
    except SweepFailed as error:
        for failure in error.failures:
            typer.echo(f"{failure}\n", err=True)
        raise _fail(str(error)) from None
    except (SchedulerLost, StorageError) as error:
        raise _fail(str(error)) from None
    typer.echo(f"The rows are in {_short(table)}")


def _tell_cost(plan, workers: int | None, threads: int | None, scheduler: str | None) -> None:
    from fewerwells.running.forecast import forecast
    from fewerwells.running.plain import write_value
    from fewerwells.running.points import make_points, states
    from fewerwells.running.sweeps import check_workers

    points = make_points(plan.chapter, plan.points)
    missing = [(point, state) for point, state in zip(points, states(points), strict=True) if state != "done"]
    typer.echo(f"{plan.chapter.stem}: {len(points)} points, {len(points) - len(missing)} of them done")
    if not missing:
        return
    at_once = check_workers(workers, threads, scheduler)[0] or 1
    cost = forecast([point for point, _ in missing], min(at_once, len(missing)))
    for (point, state), steps in zip(missing, cost.sample_steps, strict=True):
        varied = ", ".join(f"{name} = {write_value(point.parameters[name])}" for name in plan.grid)
        typer.echo(f"  {state:8} {varied}: {steps:.2g} sample-steps")
    typer.echo(f"Together {cost.total:.2g} sample-steps; what points share is trained once.")
    minutes = cost.seconds / 60
    time = (
        f"{minutes / 60:.1f} hours"
        if minutes > 90
        else f"{minutes:.0f} minutes"
        if minutes >= 2
        else f"{60 * minutes:.0f} s"
    )
    typer.echo(f"This machine trains {cost.rate / 1e6:.1f} million sample-steps a second: about {time}.")


@app.command()
def status(
    file: Annotated[Path | None, typer.Argument(help="A sweep file; without one, everything that is stored.")] = None,
) -> None:
    """Show which points are done, missing, failed, damaged or stale (made by other code).

    Example: fewerwells status sweeps/n_by_noise.yml
    """
    from fewerwells.running.plain import write_value
    from fewerwells.running.points import make_points, states, survey
    from fewerwells.running.reading_order import chapters, project_root
    from fewerwells.running.sweep_files import read_sweep

    try:
        if file is None:
            for chapter in chapters(project_root()).values():
                found = [state for _, _, state in survey(chapter)]
                if found:
                    counts = ", ".join(f"{found.count(state)} {state}" for state in dict.fromkeys(sorted(found)))
                    typer.echo(f"{chapter.stem}: {counts}")
            return
        plan = read_sweep(file)
    except ParameterError as error:
        raise _refuse(error) from None
    points = make_points(plan.chapter, plan.points)
    for point, state in zip(points, states(points), strict=True):
        varied = ", ".join(f"{name} = {write_value(point.parameters[name])}" for name in plan.grid)
        typer.echo(f"{state:8} {varied}" + (f"  (report: {_short(point.failure)})" if state == "failed" else ""))


@app.command()
def clean(
    everything: Annotated[bool, typer.Option("--all", help="Also the points that are done.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; remove nothing.")] = False,
) -> None:
    """Remove stored points that nothing will use: stale, damaged and half-written ones, and reports of failures.

    Points that a sweep is working on are left alone, and so are trained networks and cells.

    Example: fewerwells clean --dry-run
    """
    from fewerwells.running.points import remove, survey
    from fewerwells.running.reading_order import chapters, project_root

    try:
        known = chapters(project_root())
    except ParameterError as error:
        raise _refuse(error) from None
    removed = 0
    for chapter in known.values():
        for path, key, state in survey(chapter):
            if state == "done" and not everything:
                continue
            if dry_run or remove(path, key):
                typer.echo(f"{state:8} {_short(path)}")
                removed += 1
    typer.echo(f"{removed} {'would go' if dry_run else 'removed'}.")


def missing_extra(module: str) -> str | None:
    """The sentence that names the extra which brings a module that is not installed; None where no extra does."""
    for line in requires("fewerwells") or ():
        wanted = Requirement(line)
        if canonicalize_name(wanted.name) == canonicalize_name(module.split(".")[0]) and wanted.marker:
            extra = re.search(r"extra == .(\w+)", str(wanted.marker))[1]
            return f'{wanted.name} is not installed; pip install "fewerwells[{extra}]" brings what this needs.'
    return None


def main() -> None:
    """The command, in UTF-8 whatever the locale says: names of files go into notebooks, which are UTF-8."""
    if sys.getfilesystemencoding() != "utf-8":
        words = [sys.executable, "-X", "utf8", "-m", "fewerwells.cli", *sys.argv[1:]]
        os.execve(sys.executable, words, os.environ | {"PYTHONUTF8": "1"})  # kernels inherit it
    app()


if __name__ == "__main__":
    main()
