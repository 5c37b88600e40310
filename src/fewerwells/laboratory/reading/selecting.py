"""Which of a file's reads is meant: by name, by plate, by moment; what is open is asked for, never guessed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fewerwells.laboratory.reading.cells import Value, as_clock, plain_number, seconds
from fewerwells.laboratory.reading.columns import Column
from fewerwells.laboratory.reading.problems import PlateError


@dataclass(frozen=True)
class Signal:
    """What was measured in the wells of one plate.

    Attributes:
        name: of the read.
        plate: the plate's name, "" where a file has one.
        values: by well.
    """

    name: str
    plate: str
    values: dict[str, Value]


def choose(
    columns: list[Column], reads: tuple[str, ...], at: str | None, plate: str | None
) -> tuple[list[Signal], list[str]]:
    """The signals that are asked for, and what is to be said about the choice.

    Args:
        columns: those that may be signals.
        reads: names of reads, in the order of the outputs; none where there is one.
        at: a moment or wavelength, or a window "from..to" whose mean is taken; None where a read has one value a well.
        plate: a plate's name or "all"; None where there is one.

    Raises:
        PlateError: a choice that is open, or that the file does not offer.
    """
    columns, said = _of_plate(columns, plate)
    names = list(dict.fromkeys(column.name for column in columns))
    chosen = [_named(names, read) for read in reads] or names
    if len(set(chosen)) < len(chosen):
        raise PlateError(f"--read names {max(chosen, key=chosen.count)} twice; name each output once.")
    if len(chosen) > 1 and not reads:
        raise PlateError(
            f"there are {len(chosen)} reads: {_listed(names)}. Choose with --read NAME; give it twice for two outputs. "
            "One of them is a dose? --input NAME=UNIT says so."
        )
    if at is not None and all(column.at is None for column in columns if column.name in chosen):
        raise PlateError(f"--at {at!r}: {_listed(chosen)} was read once in every well; leave --at out.")
    signals = []
    for name in chosen:
        for of in dict.fromkeys(column.plate for column in columns if column.name == name):
            parts = [column for column in columns if column.name == name and column.plate == of]
            values, remark = _at(name, parts, at)
            signals.append(Signal(name, of, values))
            said += [remark] if remark else []
    return signals, list(dict.fromkeys(said))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _of_plate(columns: list[Column], plate: str | None) -> tuple[list[Column], list[str]]:
    plates = list(dict.fromkeys(column.plate for column in columns))
    if plate == "all" or (plate is None and len(plates) < 2):
        return columns, []
    if plate is None:
        raise PlateError(
            f"there are {len(plates)} plates: {_listed(plates)}. Choose with --plate NAME, or --plate all where they "
            "share a layout."
        )
    named = [name for name in plates if name.lower() == plate.lower()]
    if not named:
        there = _listed([name for name in plates if name]) or "one, which has no name; leave --plate out"
        raise PlateError(f"there is no plate {plate!r}; there is {there}.")
    return [column for column in columns if column.plate == named[0]], [f"plate {named[0]} of {len(plates)}"]


def _named(names: list[str], read: str) -> str:
    """The read of that name; part of a name is enough where it fits only one."""
    for fits in (str.__eq__, str.__contains__):
        found = [name for name in names if read and fits(name.lower(), read.lower())]
        if len(found) == 1:
            return found[0]
        if found:
            raise PlateError(f"{read!r} fits {len(found)} reads: {_listed(found)}. Write the whole name.")
    raise PlateError(f"there is no read {read!r}; there is {_listed(names)}.")


def _at(name: str, parts: list[Column], at: str | None) -> tuple[dict[str, Value], str]:
    """The values of one read at the moment that is asked for."""
    moments = [part.at for part in parts]
    if len(parts) == 1 and (at is None or moments[0] is None):
        return parts[0].values(), ""
    unit = parts[0].unit
    if any(moment is None for moment in moments):
        raise PlateError(f"{name} is both a series and a single read; name one of them apart in the file.")
    order = sorted(range(len(parts)), key=lambda index: moments[index])
    first, last = _shown(moments[order[0]], unit), _shown(moments[order[-1]], unit)
    if at is None:
        kind = {"s": "moments", "nm": "wavelengths"}.get(unit, "positions")
        raise PlateError(
            f"{name} has {len(parts)} {kind}, from {first} to {last}. Choose with --at {first}, or --at {first}..{last} "
            "for the mean of a window."
        )
    start, end = _window(at, unit, name)
    inside = [index for index in order if start <= moments[index] <= end]
    if start == end:
        nearest = min(order, key=lambda index: abs(moments[index] - start))
        if not moments[order[0]] <= start <= moments[order[-1]]:
            raise PlateError(f"{name} was read from {first} to {last}; --at {at} is outside.")
        exact = "" if moments[nearest] == start else " (the nearest)"
        return parts[nearest].values(), f"{name} at {_shown(moments[nearest], unit)}{exact}"
    if not inside:
        raise PlateError(f"{name} was read from {first} to {last}, and never within --at {at}.")
    remark = f"{name}: mean of {len(inside)} reads from {_shown(moments[inside[0]], unit)} to "
    return _mean([parts[index].values() for index in inside]), remark + _shown(moments[inside[-1]], unit)


def _shown(moment: float, unit: str) -> str:
    return as_clock(moment) if unit == "s" else f"{moment:g}{unit}"


def _window(at: str, unit: str, name: str) -> tuple[float, float]:
    bounds = []
    for text in at.split("..") if ".." in at else [at, at]:
        plain = text.strip().lower().removesuffix("nm") if unit != "s" else text
        moment = seconds(plain, "s") if unit == "s" else plain_number(plain)
        if moment is None:
            example = "0:10:00, 600s or 10min" if unit == "s" else "600nm" if unit == "nm" else "3"
            raise PlateError(f"--at {at!r} is no moment of {name}; write {example}, or two of them with .. between.")
        bounds.append(moment)
    if len(bounds) != 2 or bounds[0] > bounds[1]:
        raise PlateError(f"--at {at!r} is no window; write FROM..TO.")
    return bounds[0], bounds[1]


def _mean(series: list[dict[str, Value]]) -> dict[str, Value]:
    """Means over several reads; a mark in any of them is the mark of the well."""
    means = {}
    for well in series[0]:
        found = [values[well] for values in series if well in values]
        marked = next((said for said in found if said.number is None), None)
        number = float(np.mean([said.number for said in found])) if marked is None else None
        means[well] = marked or Value(number, "", f"{number:g}")
    return means
