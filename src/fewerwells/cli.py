"""The command `fewerwells`: build the book, run a chapter, run a sweep."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer
import yaml

from fewerwells.parameters import PROFILES, ParameterError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="How many wells of a plate can a simulation replace? Rerun the study, one point or all of it.",
)


def _refuse(error: Exception) -> typer.Exit:
    typer.echo(f"Refused: {error}", err=True)
    return typer.Exit(2)


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

    Example: fewerwells book --profile lecture
    """
    from papermill.exceptions import PapermillExecutionError

    from fewerwells.book import BuildError, build
    from fewerwells.chapters import project_root

    try:
        if profile not in PROFILES:
            raise ParameterError(f"profile is {profile!r}; choose one of {', '.join(PROFILES)}.")
        root = project_root()
    except ParameterError as error:
        raise _refuse(error) from None
    try:
        page = build(root, profile, (output or root).resolve(), typer.echo)
    except (BuildError, PapermillExecutionError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"The book is ready: open {page}")


@app.command()
def publish() -> None:
    """Write both experiments' tables and the main figure at paper size to results/, where git keeps them.

    What `fewerwells book` has computed before is read back; what is missing is trained.
    """
    from fewerwells.chapters import project_root
    from fewerwells.experiments import run as run_design
    from fewerwells.parameters import Experiment1, Experiment2
    from fewerwells.plots.results import save_answer
    from fewerwells.results import write_table
    from fewerwells.statistics import geometric_summary

    folder = project_root() / "results"
    for name, model in (("experiment_1", Experiment1), ("experiment_2", Experiment2)):
        write_table(run_design(model()), folder / f"{name}.csv", parameters=model().model_dump())
        typer.echo(f"wrote results/{name}.csv")
    save_answer(geometric_summary(run_design(Experiment1()), "sobol_all_mean", ["arm", "N"]), folder / "answer.svg")
    typer.echo("wrote results/answer.svg")


def _parse(assignments: list[str]) -> dict:
    """`name=value` words to parameters; values are read as YAML, so 3, 0.5, true and [10, 20] mean what they say."""
    parameters = {}
    for assignment in assignments:
        name, separator, value = assignment.partition("=")
        if not separator or not name:
            raise ParameterError(f"{assignment!r} is not of the form name=value.")
        if name in parameters:
            raise ParameterError(f"{name} was given twice.")
        try:
            parameters[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise ParameterError(f"the value of {name}, {value!r}, cannot be read.") from None
    return parameters


@app.command()
def run(
    chapter: Annotated[str, typer.Argument(help="The chapter, for example 3_experiment_1.")],
    output: Annotated[Path, typer.Argument(help="Where the executed notebook goes.")],
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="name=value, as often as needed.")
    ] = None,
) -> None:
    """Run one chapter with other parameters.

    Example: fewerwells run 3_experiment_1 out.ipynb -p hill_coefficient=3 -p n_seeds=5
    """
    from papermill.exceptions import PapermillExecutionError

    from fewerwells.chapters import chapter_path, project_root, run_chapter

    try:
        parameters = _parse(parameter or [])
        seconds = run_chapter(chapter_path(project_root(), chapter), output.resolve(), parameters)
    except ParameterError as error:
        raise _refuse(error) from None
    except PapermillExecutionError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{output}: done in {seconds:.0f} s")


@app.command()
def sweep(
    file: Annotated[Path, typer.Argument(help="A YAML file with chapter, fixed and grid.")],
) -> None:
    """Run a chapter over a grid of parameters; points that are done are not run again.

    Example: fewerwells sweep sweeps/n_by_noise.yml
    """
    from fewerwells.sweeps import run_sweep_file

    try:
        table = run_sweep_file(file, typer.echo)
    except ParameterError as error:
        raise _refuse(error) from None
    typer.echo(f"The rows are in {table}")


if __name__ == "__main__":
    app()
