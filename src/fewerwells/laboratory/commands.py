"""The commands `fewerwells plate` and `fewerwells predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import fewerwells
from fewerwells.laboratory.reading import PlateError
from fewerwells.running.commands import fail, refuse

CHAPTER = "14_your_plate"


def plate(
    files: Annotated[list[Path], typer.Argument(help="What the plate reader wrote, or a table: one file a plate.")],
    layout: Annotated[
        Path | None, typer.Option(help="What was in the wells: wellmap TOML, CSV or XLSX as a plate or a list.")
    ] = None,
    dilution: Annotated[
        list[str] | None, typer.Option(help="Doses in short: 'IPTG=1000uM/2 across 1-11 zero 12', or down A-G zero H.")
    ] = None,
    read: Annotated[list[str] | None, typer.Option(help="A read's name; twice for two outputs.")] = None,
    at: Annotated[str | None, typer.Option(help="Of a series: 0:10:00, 600nm, or a window 0:10:00..0:30:00.")] = None,
    plate_name: Annotated[str | None, typer.Option("--plate", help='One of several plates, or "all".')] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="A column of doses, with =UNIT where it names none.")
    ] = None,
    molar_mass: Annotated[
        list[str] | None, typer.Option(help="g/mol: a number, or NAME=NUMBER; turns %, g/l … into nM.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="COLUMN=VALUE: the wells of one condition.")] = None,
    pool: Annotated[list[str] | None, typer.Option(help="A column whose conditions count as replicates.")] = None,
    exclude: Annotated[str, typer.Option(help="Wells to leave out: A1,H12.")] = "",
    keep_controls: Annotated[bool, typer.Option("--keep-controls", help="Use wells that are called controls.")] = False,
    separator: Annotated[str | None, typer.Option(help="tab, comma, semicolon or bar.")] = None,
    decimal: Annotated[str | None, typer.Option(help="The decimal sign, . or ,")] = None,
    noise: Annotated[
        float | None, typer.Option(help="Standard deviation of one measurement, where there are no replicates.")
    ] = None,
    within: Annotated[
        list[str] | None, typer.Option(help="Doses to predict, FROM..TO in the answer's units; once for each input.")
    ] = None,
    look: Annotated[bool, typer.Option("--look", help="Only say what was understood; learn nothing.")] = False,
    output: Annotated[Path | None, typer.Option(help="Folder for the answer; NAME-answer here by default.")] = None,
) -> None:
    """Read a measured plate, say what was understood, and learn from it.

    First the picture of the plate and the table of its wells; then what the data are worth, several ways to learn on
    the same held-out doses, the best one's prediction with intervals, parameters, and how many wells would have done.
    Nothing is guessed in silence: what a file leaves open is asked for, with the option that settles it.

    Example: fewerwells plate reader.txt --layout layout.csv --read GFP --at 4h
    """
    from fewerwells.laboratory.answered import require
    from fewerwells.laboratory.options import ask
    from fewerwells.laboratory.output import write_understood
    from fewerwells.laboratory.showing import table
    from fewerwells.laboratory.understanding import understand

    said = {
        "layout": str(layout.resolve()) if layout else "",
        "dilutions": dilution or [],
        "reads": read or [],
        "at": at or "",
        "plate": plate_name or "",
        "inputs": inputs or [],
        "molar_masses": molar_mass or [],
        "only": only or [],
        "pool": pool or [],
        "exclude": exclude,
        "keep_controls": keep_controls,
        "separator": separator or "",
        "decimal": decimal or "",
        "noise": noise,
        "within": within or [],
    }
    try:
        question = ask(files, **said)
        understood = understand(list(files), question.options)
        lines = table(understood)
        typer.echo("\n".join(lines))
        read_files = [*files, layout] if layout else files
        folder = write_understood(understood, output or Path(f"{files[0].stem}-answer"), read_files)
        typer.echo(f"The picture of the plate and the table of wells are in {folder}")
        require(understood, question)
        if not look:
            _answer(files, said, understood, question, folder)
    except PlateError as error:
        raise refuse(error) from None
    except OSError as error:
        raise refuse(f"{error.filename or 'a file'}: {error.strerror}.") from None


def _answer(files: list[Path], said: dict, understood, question, folder: Path) -> None:
    """Run the chapter on these files, or do what it does where the book is not at hand; then say what came out."""
    from fewerwells.laboratory.answered import learn
    from fewerwells.laboratory.output import EXECUTED, write_answer
    from fewerwells.laboratory.showing import table

    chapter = _chapter()
    if chapter is None:
        write_answer(learn(understood, question), table(understood), folder)
    else:
        first, *more = (str(path.resolve()) for path in files)
        paths = {"wells_file": first, "more_files": more, "output": str(folder.resolve())}
        _run(chapter, folder / EXECUTED, said | paths)
    typer.echo("\n" + (folder / "answer.txt").read_text(encoding="utf-8"))
    if chapter is None:
        typer.echo("There is no executed notebook: the book's folder is not here, and the chapter Your plate is in it.")
    typer.echo(f"The answer is in {folder}: open {folder / 'answer.html'}")


def _chapter() -> Path | None:
    """The chapter's notebook, in the book around the working folder or around this package; None where there is none."""
    from fewerwells.running.parameters import ParameterError
    from fewerwells.running.reading_order import chapters, project_root

    for start in (Path.cwd(), Path(fewerwells.__file__).parent):
        try:
            return chapters(project_root(start)).get(CHAPTER)
        except ParameterError:
            continue
    return None


def _run(chapter: Path, executed: Path, parameters: dict) -> None:
    from nbclient.exceptions import DeadKernelError
    from papermill import PapermillExecutionError

    from fewerwells.running.chapters import run_chapter
    from fewerwells.running.parameters import ParameterError

    try:
        run_chapter(chapter, executed, parameters)
    except ParameterError as error:
        raise PlateError(str(error)) from None
    except PapermillExecutionError as error:
        raise PlateError(error.evalue if error.ename == "PlateError" else f"{error.ename}: {error.evalue}") from error
    except DeadKernelError as error:  # the system has ended it, for want of memory as a rule: the plate is not at fault
        raise fail(str(error)) from None


def predict(
    model: Annotated[Path, typer.Argument(help="model.json of an answer.")],
    points: Annotated[Path, typer.Argument(help="A table of doses, with the model's inputs as columns.")],
    output: Annotated[Path | None, typer.Option(help="CSV to write; predicted-POINTS here by default.")] = None,
) -> None:
    """Predict at other doses with a model that `fewerwells plate` has kept; doses are converted to its units.

    Example: fewerwells predict reader-answer/model.json points.csv
    """
    from fewerwells.laboratory.models import read_model
    from fewerwells.laboratory.output import BEYOND, as_csv, predictions_table, refuse_to_lose
    from fewerwells.laboratory.points import read_points
    from fewerwells.running.storage import write_whole

    try:
        learnt = read_model(model)
        x = read_points(points, learnt.plate.inputs)
        target = output or Path(f"predicted-{points.stem}.csv")
        refuse_to_lose(target, (model, points), BEYOND)
        write_whole(target, as_csv(*predictions_table(learnt, x)))
    except PlateError as error:
        raise refuse(error) from None
    except OSError as error:
        raise refuse(f"{error.filename or 'a file'}: {error.strerror}.") from None
    beyond = int(learnt.beyond(x).sum())
    typer.echo(
        f"{len(x)} predictions are in {target}" + (f"; {beyond} lie beyond the measured doses." if beyond else ".")
    )
