"""What a user can say beside the files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Every option settles one thing that a file may leave open.

    Attributes:
        layout: a file that says what was in the wells.
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
