"""The command `fewerwells plate`."""

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
    output: Annotated[Path | None, typer.Option(help="Folder for the answer; NAME-answer here by default.")] = None,
) -> None:
    """Read a measured plate, say what was understood, and keep the picture and the table of wells.

    Nothing is guessed in silence: what a file leaves open is asked for, with the option that settles it.

    Example: fewerwells plate reader.txt --layout layout.csv --read GFP --at 4h
    """
    from fewerwells.laboratory.output import write_understood
    from fewerwells.laboratory.showing import table
    from fewerwells.laboratory.understanding import require_doses, understand

    try:
        options = _options(
            layout, read, at, plate_name, inputs, molar_mass, only, pool, exclude, keep_controls, separator, decimal
        )
        understood = understand(files, options)
        for line in table(understood):
            typer.echo(line)
        folder = write_understood(understood, output or Path(f"{files[0].stem}-answer"))
        typer.echo(f"The picture of the plate and the table of wells are in {folder}")
        require_doses(understood)
    except PlateError as error:
        raise _refuse(error) from None
    except OSError as error:
        raise _refuse(PlateError(f"{error.filename or 'a file'}: {error.strerror}.")) from None


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
