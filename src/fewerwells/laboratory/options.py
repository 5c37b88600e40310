"""What a user asks: files, what settles what they leave open, and what is to be predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fewerwells.laboratory.reading import PlateError
from fewerwells.laboratory.reading.cells import LARGEST

SEPARATORS = {"tab": "\t", "comma": ",", "semicolon": ";", "bar": "|"}


@dataclass(frozen=True)
class Options:
    """Every option settles one thing that a file may leave open.

    Attributes:
        layout: a file that says what was in the wells.
        dilutions: doses along rows or columns, see `reading.dilutions`.
        reads: names of the reads to use.
        at: a moment, a wavelength or a window FROM..TO.
        plate: a plate's name, or "all".
        inputs: names of dose columns, each with =UNIT where the file names none.
        molar_masses: g/mol, by name of the input, "" for the only one.
        only: COLUMN=VALUE, the wells of one condition.
        pool: columns whose conditions count as replicates.
        exclude: wells to leave out.
        keep_controls: whether wells that are called controls are used.
        separator, decimal: of text files.
    """

    layout: Path | None = None
    dilutions: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    at: str | None = None
    plate: str | None = None
    inputs: tuple[str, ...] = ()
    molar_masses: tuple[tuple[str, float], ...] = ()
    only: tuple[str, ...] = ()
    pool: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    keep_controls: bool = False
    separator: str | None = None
    decimal: str | None = None


@dataclass(frozen=True)
class Question:
    """What is asked of one experiment.

    Attributes:
        files: one a plate.
        options: what settles what they leave open.
        noise: standard deviation of one measurement in the outputs' unit, None: from replicates.
        within: for each input from and to in its unit, where to predict; none: where it was measured.
    """

    files: tuple[Path, ...]
    options: Options
    noise: float | None = None
    within: tuple[tuple[float, float], ...] = ()


def ask(
    files: Sequence[str | Path],
    *,
    layout: str | Path = "",
    dilutions: Sequence[str] = (),
    reads: Sequence[str] = (),
    at: str = "",
    plate: str = "",
    inputs: Sequence[str] = (),
    molar_masses: Sequence[str] = (),
    only: Sequence[str] = (),
    pool: Sequence[str] = (),
    exclude: str = "",
    keep_controls: bool = False,
    separator: str = "",
    decimal: str = "",
    noise: float | None = None,
    within: Sequence[str] = (),
) -> Question:
    """What the command and the chapter are told, checked; "" and empty lists leave things to the files.

    Raises:
        PlateError: a value that is not possible; the sentence names the command's option.
    """
    if noise is not None and not 0 < noise <= LARGEST:
        raise PlateError(f"--noise is {noise:g}; it must be positive and at most {LARGEST:g}.")
    if decimal not in ("", ".", ","):
        raise PlateError(f"--decimal is {decimal!r}; it is . or ,")
    if separator and separator not in (*SEPARATORS, *SEPARATORS.values()):
        raise PlateError(f"--separator is {separator!r}; choose one of {', '.join(SEPARATORS)}.")
    options = Options(
        layout=Path(layout) if layout else None,
        dilutions=tuple(dilutions),
        reads=tuple(reads),
        at=at or None,
        plate=plate or None,
        inputs=tuple(inputs),
        molar_masses=tuple(_mass(text) for text in molar_masses),
        only=tuple(only),
        pool=tuple(pool),
        exclude=tuple(text.strip() for text in exclude.split(",") if text.strip()),
        keep_controls=keep_controls,
        separator=SEPARATORS.get(separator, separator) or None,
        decimal=decimal or None,
    )
    return Question(tuple(map(Path, files)), options, noise, tuple(map(_range, within)))


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(".."))
    except ValueError:
        raise PlateError(f"--within is {text!r}; write FROM..TO, such as 0..20.") from None
    if not 0 <= low < high <= LARGEST:
        raise PlateError(f"--within is {text!r}; it must run from 0 or more to something larger, at most {LARGEST:g}.")
    return low, high


def _mass(text: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    try:
        mass = float(number)
    except ValueError:
        raise PlateError(f"--molar-mass is {text!r}; write a number of g/mol, or NAME=NUMBER.") from None
    if not 0 < mass < 1e7:
        raise PlateError(f"--molar-mass is {mass:g} g/mol; it must be positive and below 1e7.")
    return name.strip(), mass
