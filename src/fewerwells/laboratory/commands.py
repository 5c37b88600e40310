"""The commands `fewerwells plate` and `fewerwells predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fewerwells.laboratory.options import Options
from fewerwells.laboratory.reading import PlateError

SEPARATOR_WORDS = {"tab": "\t", "comma": ",", "semicolon": ";", "bar": "|"}


def _refuse(error: Exception) -> typer.Exit:
    typer.echo(f"Refused: {error}", err=True)
    return typer.Exit(2)


def plate(
    files: Annotated[list[Path], typer.Argument(help="What the plate reader wrote, or a table: one file a plate.")],
    layout: Annotated[
        Path | None, typer.Option(help="What was in the wells: wellmap TOML, CSV or XLSX as a plate or a list.")
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
    from fewerwells.laboratory.output import write_understood
    from fewerwells.laboratory.showing import table
    from fewerwells.laboratory.understanding import require_doses, understand

    try:
        _check_noise(noise)
        ranges = tuple(_range(text) for text in within or ())
        options = _options(
            layout, read, at, plate_name, inputs, molar_mass, only, pool, exclude, keep_controls, separator, decimal
        )
        understood = understand(files, options)
        lines = table(understood)
        typer.echo("\n".join(lines))
        folder = write_understood(understood, output or Path(f"{files[0].stem}-answer"))
        typer.echo(f"The picture of the plate and the table of wells are in {folder}")
        require_doses(understood)
        if ranges and len(ranges) != len(understood.inputs):
            raise PlateError(
                f"--within is given {len(ranges)} times for {len(understood.inputs)} inputs; give one for each."
            )
        if not look:
            _learn(understood, noise, ranges, lines, folder)
    except PlateError as error:
        raise _refuse(error) from None
    except OSError as error:
        raise _refuse(PlateError(f"{error.filename or 'a file'}: {error.strerror}.")) from None


def _learn(understood, noise: float | None, ranges: tuple, lines: list[str], folder: Path) -> None:
    from fewerwells.laboratory.answering import answer, curves_of
    from fewerwells.laboratory.next_round import next_round
    from fewerwells.laboratory.output import as_csv, write_answer
    from fewerwells.laboratory.report import summary
    from fewerwells.running.storage import write_whole

    learnt = answer(understood, noise)
    curves = curves_of(understood, noise)
    typer.echo("\n".join(["", *summary(learnt, curves)]))
    write_answer(learnt, curves, lines, ranges, folder)
    planned = next_round(understood, learnt.outputs[0].noise)
    if planned is not None:
        write_whole(folder / "next_wells.csv", as_csv(*planned))
    typer.echo(f"\nThe answer is in {folder}: open {folder / 'answer.html'}")


def predict(
    model: Annotated[Path, typer.Argument(help="model.json of an answer.")],
    points: Annotated[Path, typer.Argument(help="A table of doses, with the model's inputs as columns.")],
    output: Annotated[Path | None, typer.Option(help="CSV to write; predicted-POINTS here by default.")] = None,
) -> None:
    """Predict at other doses with a model that `fewerwells plate` has kept; doses are converted to its units.

    Example: fewerwells predict reader-answer/model.json points.csv
    """
    from fewerwells.laboratory.models import read_model
    from fewerwells.laboratory.output import as_csv, predictions_table
    from fewerwells.laboratory.points import read_points
    from fewerwells.running.storage import write_whole

    try:
        learnt = read_model(model)
        x = read_points(points, learnt.plate.inputs)
        target = output or Path(f"predicted-{points.stem}.csv")
        if target.is_dir():
            raise PlateError(f"{target} is a folder; name a file with --output.")
        write_whole(target, as_csv(*predictions_table(learnt, x)))
    except PlateError as error:
        raise _refuse(error) from None
    except OSError as error:
        raise _refuse(PlateError(f"{error.filename or 'a file'}: {error.strerror}.")) from None
    beyond = int(learnt.beyond(x).sum())
    typer.echo(
        f"{len(x)} predictions are in {target}" + (f"; {beyond} lie beyond the measured doses." if beyond else ".")
    )


def _check_noise(noise: float | None) -> None:
    if noise is not None and not 0 < noise < float("inf"):
        raise PlateError(f"--noise is {noise:g}; it must be positive.")


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(".."))
    except ValueError:
        raise PlateError(f"--within is {text!r}; write FROM..TO, such as 0..20.") from None
    if not 0 <= low < high < float("inf"):
        raise PlateError(f"--within is {text!r}; it must run from 0 or more to something larger.")
    return low, high


def _options(
    layout, read, at, plate_name, inputs, molar_mass, only, pool, exclude, keep_controls, separator, decimal
) -> Options:
    if decimal not in (None, ".", ","):
        raise PlateError(f"--decimal is {decimal!r}; it is . or ,")
    if separator is not None and separator not in (*SEPARATOR_WORDS, *SEPARATOR_WORDS.values()):
        raise PlateError(f"--separator is {separator!r}; choose one of {', '.join(SEPARATOR_WORDS)}.")
    return Options(
        layout=layout,
        reads=tuple(read or ()),
        at=at,
        plate=plate_name,
        inputs=tuple(inputs or ()),
        molar_masses=tuple(_mass(text) for text in molar_mass or ()),
        only=tuple(only or ()),
        pool=tuple(pool or ()),
        exclude=tuple(text.strip() for text in exclude.split(",") if text.strip()),
        keep_controls=keep_controls,
        separator=SEPARATOR_WORDS.get(separator, separator),
        decimal=decimal,
    )


def _mass(text: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    try:
        mass = float(number)
    except ValueError:
        raise PlateError(f"--molar-mass is {text!r}; write a number of g/mol, or NAME=NUMBER.") from None
    if not 0 < mass < 1e7:
        raise PlateError(f"--molar-mass is {mass:g} g/mol; it must be positive.")
    return name, mass
