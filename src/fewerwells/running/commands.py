"""The commands that run and compare: a chapter, a sweep, a whole rerun, and what is stored of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fewerwells.running.parameters import ParameterError
from fewerwells.running.plain import read_value


def refuse(error: Exception | str) -> typer.Exit:
    """Say why nothing was started; exit status 2."""
    typer.echo(f"Refused: {error}", err=True)
    return typer.Exit(2)


def fail(sentence: str) -> typer.Exit:
    """Say what went wrong; exit status 1."""
    typer.echo(sentence, err=True)
    return typer.Exit(1)


def _short(path: Path) -> Path:
    """A path as seen from the working folder, where it is inside it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def rerun() -> None:
    """Compute every published table of simulated wells on this machine and say whether each estimate agrees.

    An interrupted rerun goes on where it stopped. Exit status 1 where an estimate disagrees, or rows could not be compared.

    Example: fewerwells rerun
    """
    from fewerwells.running.publishing import rerun as compute_again
    from fewerwells.running.reading_order import project_root

    try:
        sentence, agrees = compute_again(project_root() / "results", typer.echo)
    except ParameterError as error:
        raise refuse(error) from None
    typer.echo(sentence)
    if not agrees:
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
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from fewerwells.running.chapters import check_parameters
    from fewerwells.running.points import ROWS, check_output, make_points, run_point, write_output
    from fewerwells.running.reading_order import chapter_path, project_root
    from fewerwells.running.storage import copy_table
    from fewerwells.running.sweeps import StorageError, check_storage

    try:
        parameters = _parse(parameter or [])
        path = chapter_path(project_root(), chapter)
        check_parameters(path, parameters)
        table_file = parameters.pop("table_file", "")
        if output is not None:
            check_output(output, table_file)
        (point,) = make_points(path, [parameters])
        check_storage()
        seconds = run_point(point, show_progress=True)
        if output is not None:
            write_output(point, output)
        if table_file:
            copy_table(point.folder / ROWS, Path(table_file))
    except ParameterError as error:
        raise refuse(error) from None
    except (PapermillExecutionError, DeadKernelError, StorageError) as error:
        raise fail(str(error)) from None
    typer.echo(f"{point.chapter.stem}: done in {seconds:.0f} s" if seconds else f"{point.chapter.stem}: done before")
    typer.echo(f"Its notebook and its rows are in {_short(point.folder)}")


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
    from fewerwells.running.sweeps import SchedulerLost, StorageError, SweepFailed, WorkersRefused, check_workers

    try:
        plan = read_sweep(file)
        check_workers(workers, threads, scheduler)
        if dry_run:
            return _tell_cost(plan, workers, threads, scheduler)
        table = run_sweep_file(file, plan, typer.echo, workers, threads, scheduler)
    except ParameterError as error:
        raise refuse(error) from None
    except SweepFailed as error:
        for failure in error.failures:
            typer.echo(f"{failure}\n", err=True)
        raise fail(str(error)) from None
    except (SchedulerLost, StorageError, WorkersRefused) as error:
        raise fail(str(error)) from None
    typer.echo(f"The rows are in {_short(table)}")


def _tell_cost(plan, workers: int | None, threads: int | None, scheduler: str | None) -> None:
    from fewerwells.running.forecast import forecast
    from fewerwells.running.parameters import CHAPTER_PARAMETERS, TrainingParameters
    from fewerwells.running.plain import write_value
    from fewerwells.running.points import make_points, states
    from fewerwells.running.sweeps import check_workers

    points = make_points(plan.chapter, plan.points)
    missing = [(point, state) for point, state in zip(points, states(points), strict=True) if state != "done"]
    typer.echo(f"{plan.chapter.stem}: {len(points)} points, {len(points) - len(missing)} of them done")
    if not missing:
        return
    at_once = check_workers(workers, threads, scheduler)[0] or 1
    told = [
        f"  {state:8} " + ", ".join(f"{name} = {write_value(point.parameters[name])}" for name in plan.grid)
        for point, state in missing
    ]
    if not issubclass(CHAPTER_PARAMETERS[plan.chapter.stem], TrainingParameters):
        typer.echo("\n".join([*told, "What a point of this chapter costs is not known before one has run."]))
        return
    cost = forecast([point for point, _ in missing], min(at_once, len(missing)))
    for line, steps in zip(told, cost.sample_steps, strict=True):
        typer.echo(f"{line}: {steps:.2g} sample-steps")
    typer.echo(f"Together {cost.total:.2g} sample-steps; what points share is trained once.")
    minutes = cost.seconds / 60
    time = (
        f"{minutes / 60:.1f} hours"
        if minutes > 90
        else f"{minutes:.0f} minutes"
        if minutes >= 2
        else f"{60 * minutes:.0f} s"
    )
    typer.echo(
        f"This machine trains {cost.rate / 1e6:.1f} million sample-steps a second: about {time}, and what has no network "
        "(fits, Gaussian processes) beside it."
    )


def status(
    file: Annotated[Path | None, typer.Argument(help="A sweep file; without one, everything that is stored.")] = None,
) -> None:
    """Show which points are done, missing, failed, damaged or stale (made by other code).

    Example: fewerwells status sweeps/n_by_noise.yml
    """
    from fewerwells.running.plain import write_value
    from fewerwells.running.points import make_points, states, survey
    from fewerwells.running.reading_order import notebooks, project_root
    from fewerwells.running.sweep_files import read_sweep

    try:
        if file is None:
            for notebook in notebooks(project_root()):
                found = [state for _, _, state in survey(notebook)]
                if found:
                    counts = ", ".join(f"{found.count(state)} {state}" for state in dict.fromkeys(sorted(found)))
                    typer.echo(f"{notebook.stem}: {counts}")
            return
        plan = read_sweep(file)
    except ParameterError as error:
        raise refuse(error) from None
    points = make_points(plan.chapter, plan.points)
    for point, state in zip(points, states(points), strict=True):
        varied = ", ".join(f"{name} = {write_value(point.parameters[name])}" for name in plan.grid)
        typer.echo(f"{state:8} {varied}" + (f"  (report: {_short(point.failure)})" if state == "failed" else ""))


def clean(
    everything: Annotated[
        bool, typer.Option("--all", help="Also the points that are done, the book's chapters among them.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; remove nothing.")] = False,
) -> None:
    """Remove stored runs of notebooks that nothing will use: stale, damaged and half-written ones, and reports of failures.

    Runs that a process is at are left alone, and so are trained networks and cells.

    Example: fewerwells clean --dry-run
    """
    from fewerwells.running.points import remove, survey
    from fewerwells.running.reading_order import notebooks, project_root

    try:
        known = notebooks(project_root())
    except ParameterError as error:
        raise refuse(error) from None
    removed = 0
    for notebook in known:
        for path, key, state in survey(notebook):
            if state == "done" and not everything:
                continue
            if dry_run or remove(path, key):
                typer.echo(f"{state:8} {_short(path)}")
                removed += 1
    typer.echo(f"{removed} {'would go' if dry_run else 'removed'}.")


def compare(
    table: Annotated[Path, typer.Argument(help="The rerun's rows: a CSV written by a chapter or a sweep.")],
    verbose: Annotated[bool, typer.Option("--all", help="List also the estimates that agree.")] = False,
) -> None:
    """Say for each published estimate whether a rerun agrees with it.

    Both tables' interquartile means over seeds are compared in every cell that they share, by a bootstrap of their
    ratio over seeds, paired where the seeds are the same; the 95 % intervals hold for all estimates at once. The exit
    status is 0 if every row was compared and all estimates agree, 1 if one does not or other networks failed, and 3 if
    rows could not be compared, such as those of other settings.

    Example: fewerwells compare results/runs/sweeps/n_by_noise.csv
    """
    from fewerwells.running.comparison import compare as judge
    from fewerwells.running.comparison import read_published, read_rerun, verdict
    from fewerwells.running.reading_order import project_root

    try:
        found = judge(read_rerun(table), read_published(project_root() / "results"))
    except ParameterError as error:
        raise refuse(error) from None
    for row in (found.judged if verbose else found.judged[~found.judged["agrees"]]).itertuples():
        typer.echo(
            f"{'agrees' if row.agrees else 'DISAGREES':9} {row.arm}, {row.target}, noise {row.noise:g} nM, N = {row.N:g}, "
            f"{row.estimate}: published {row.published:.4g}, rerun {row.rerun:.4g} nM, "
            f"ratio {row.ratio:.4g} [{row.low:.4g}, {row.high:.4g}], {row.n_seeds} {'paired ' * row.paired}seeds"
        )
    for row in found.failures.itertuples():
        typer.echo(
            f"{'DISAGREES' if row.differs else 'failed':9} {row.arm}, {row.target}, noise {row.noise:g} nM, N = {row.N:g}: "
            f"{row.rerun} of {row.rerun_seeds} networks failed, published {row.published} of {row.published_seeds}"
        )
    for row in found.left_out.itertuples():
        typer.echo(
            f"{'left out':9} {row.arm}, {row.target}, noise {row.noise:g} nM, N = {row.N:g}: {row.rows} rows, {row.why}"
        )
    typer.echo(verdict(found))
    if found.status:
        raise typer.Exit(found.status)
