"""Which of a file's reads is meant: by name, by plate, by moment; what is open is asked for, never guessed."""

from __future__ import annotations

import itertools
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
    if start == end and not moments[order[0]] <= start <= moments[order[-1]]:
        raise PlateError(f"{name} was read from {first} to {last}; --at {at} is outside.")
    series = _by_well(parts)
    inside = _nearest(series, start) if start == end else _within(series, start, end)
    reads = [moment for own in inside.values() for moment, _ in own]
    if not reads:
        raise PlateError(f"{name} was read from {first} to {last}, and never within --at {at}.")
    values = {well: _mean([said for _, said in own]) for well, own in inside.items()}
    earliest, latest = _shown(min(reads), unit), _shown(max(reads), unit)
    if start == end:
        exact = "" if min(reads) == max(reads) == start else " (the nearest)"
        return values, f"{name} at {earliest}{f' to {latest}' if earliest != latest else ''}{exact}"
    most = max(map(len, inside.values()))
    fewer = [well for well, own in inside.items() if len(own) < most]
    remark = f"{name}: mean of {most} reads from {earliest} to {latest}"
    return values, remark + (f", of fewer in {_listed(fewer)}" if fewer else "")


def _by_well(parts: list[Column]) -> dict[str, list[tuple[float, Value]]]:
    """The moments of every well and what was read then, in the order of time; wells in the order of the file."""
    series: dict[str, list[tuple[float, Value]]] = {}
    for part in parts:
        for well, said in part.values().items():
            series.setdefault(well, []).append((part.at, said))
    return {well: sorted(own, key=lambda read: read[0]) for well, own in series.items()}


def _nearest(series: dict[str, list[tuple[float, Value]]], moment: float) -> dict[str, list[tuple[float, Value]]]:
    """Each well's own read that is nearest to a moment; none where it is half a step further away than in other wells.

    Readers go from well to well, so one moment of the plate may be 600 s in one well and 605 s in another.
    """
    read = {well: [one for one in own if one[1].mark != "empty"] for well, own in series.items()}
    nearest = {well: [min(own, key=lambda one: abs(one[0] - moment))] if own else [] for well, own in read.items()}
    steps = [b - a for own in read.values() for (a, _), (b, _) in itertools.pairwise(own)]
    away = [abs(own[0][0] - moment) for own in nearest.values() if own]
    furthest = min(away, default=0.0) + (float(np.median(steps)) / 2 if steps else 0.0)
    return {well: own if own and abs(own[0][0] - moment) <= furthest else [] for well, own in nearest.items()}


def _within(series: dict, start: float, end: float) -> dict[str, list[tuple[float, Value]]]:
    """Each well's own reads of a window."""
    return {well: [one for one in own if start <= one[0] <= end] for well, own in series.items()}


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


def _mean(found: list[Value]) -> Value:
    """The mean of a well's reads; a mark in any of them is the mark of the well, and without any it is empty."""
    marked = next((said for said in found if said.number is None), None)
    if marked or len(found) < 2:
        return marked or (found[0] if found else Value(None, "empty", ""))
    number = float(np.mean([said.number for said in found]))
    return Value(number, "", f"{number:g}")
