"""From files to a plate: reads, layout and options put together, and nothing decided that is not said."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from fewerwells.laboratory.doses import Dose, candidates, find_doses, looks_like_dose
from fewerwells.laboratory.options import Options
from fewerwells.laboratory.reading import PlateError
from fewerwells.laboratory.reading.cells import LARGEST, Value, well_name, well_place
from fewerwells.laboratory.reading.columns import Column
from fewerwells.laboratory.reading.contents import Contents, read_contents
from fewerwells.laboratory.reading.dilutions import serial_dilution
from fewerwells.laboratory.reading.headers import is_bookkeeping, take_apart
from fewerwells.laboratory.reading.layouts import doses_in_labels, read_layout
from fewerwells.laboratory.reading.selecting import Signal, choose
from fewerwells.laboratory.wells import STATES, USED, Plate, Well, replicate_groups

FEWEST, MOST = 6, 1536  # wells
_BLANK = re.compile(r"(^|[^a-z])(blank|blanks|blk)[_ ]?\d*([^a-z]|$)", re.IGNORECASE)
_CONTROL = re.compile(r"(^|[^a-z])(pos|neg|positive|negative|control|ctrl|ntc)[_ ]?\d*([^a-z]|$)", re.IGNORECASE)
_PLACE = re.compile(r"pos(ition)?[._ ]?\d+", re.IGNORECASE)
_EXCLUDING = ("suppress", "exclude", "excluded", "masked", "ignore")
_KINDS = dict.fromkeys(_EXCLUDING, "excluded")  # columns that say yes or no, and what a well is then
_KINDS |= {"blank": "blank", "blanks": "blank", "control": "control", "controls": "control"}
_TRUE = ("true", "t", "yes", "y", "1", "1.0", "x", "+", "wahr", "ja", "j", "vrai", "oui", "verdadero", "sí", "si")
_TRUE += ("vero", "sì", *_EXCLUDING)
_FALSE = ("", "false", "f", "no", "n", "0", "0.0", "-", "falsch", "nein", "faux", "non", "falso", "none", "nan", "na")
_FALSE += ("n/a",)
_MOST_CONDITIONS = 12  # written as numbers; more of them are another signal
Key = tuple[str, str]  # plate and well


def understand(files: list[Path], options: Options | None = None) -> Plate:
    """Read the files of one experiment.

    Args:
        files: one file, or several plates with one layout.
        options: what settles what the files leave open.

    Raises:
        PlateError: what cannot be read, and what has to be asked.
    """
    options = options or Options()
    contents = [read_contents(path, options.separator, options.decimal) for path in files]
    remarks = [remark for one in contents for remark in one.remarks]
    columns = _in_one(contents)
    beside: set[str] = set()  # what only the layout says
    if options.layout is not None:
        layout = read_layout(options.layout, options.separator, options.decimal)
        remarks += layout.remarks
        beside = {column.name for column in layout.columns} - {column.name for column in columns}
        columns += list(layout.columns)
    columns += [serial_dilution(text) for text in options.dilutions]
    columns = _blocks_of_doses(doses_in_labels(columns), options)
    signals = _signals(columns, options, remarks, contents[0].name, len(contents))
    asked = {column.name for column in columns if column.name in {signal.name for signal in signals}}
    about = [column for column in columns if column.name not in asked and column.role != "read"]
    about = _for_plates(_of_all_moments(about, remarks), {signal.plate for signal in signals})
    doses = find_doses(about, options, remarks)
    if doses and not options.inputs:
        _refuse_open_numbers([column for column in about if column.name in beside], doses, options)
    wells = _wells(signals, doses, about, options, remarks)
    plate = Plate(
        name=contents[0].name if len(contents) == 1 else f"{contents[0].name} and {len(contents) - 1} more",
        inputs=tuple(dose.input for dose in doses),
        outputs=tuple(dict.fromkeys(signal.name for signal in signals)),
        wells=tuple(wells),
        remarks=tuple(dict.fromkeys(remarks)),
    )
    if not doses and (named := candidates(about)):
        plate = plate.saying(f"no column names a dose; there is {', '.join(named)}: --input NAME takes one")
    return plate


def require_doses(plate: Plate) -> None:
    """PlateError where there is nothing to learn from: no doses or one only, too few or too many wells, no size."""
    if not plate.inputs:
        raise PlateError(
            "no doses are known, so nothing can be predicted. Give --layout FILE (a CSV of well and concentrations is "
            "enough) or --dilution, or name a column with --input NAME."
        )
    if not FEWEST <= len(plate.used) <= MOST:
        raise PlateError(
            f"{len(plate.used)} wells can be used; {FEWEST} to {MOST:,} are needed. See the table of wells for why the "
            "others are not."
        )
    if not np.any(plate.groups):
        said = " and ".join(f"{one.name} {dose:.3g}" for one, dose in zip(plate.inputs, plate.x[0], strict=True))
        raise PlateError(f"every well that can be used has the same doses ({said}), so nothing can be learnt of them.")
    for kind, names, numbers in (
        ("doses of", [one.name for one in plate.inputs], plate.x),
        ("values of", plate.outputs, plate.y),
    ):
        for name, largest in zip(names, np.abs(numbers).max(axis=0), strict=True):
            if 0 < largest < 1 / LARGEST:
                raise PlateError(f"the {kind} {name} are at most {largest:g}; write them in a smaller unit.")


def _in_one(contents: list[Contents]) -> list[Column]:
    if len(contents) == 1:
        return list(contents[0].columns)
    names = [Path(one.name).stem for one in contents]
    if len(set(names)) < len(names):
        raise PlateError("two files have the same name; rename one, so that their plates can be told apart.")
    return [
        replace(column, plate=f"{name} {column.plate}".strip())
        for name, one in zip(names, contents, strict=True)
        for column in one.columns
    ]


def _is_input(column: Column, options: Options) -> bool:
    """Whether --input names a column, with its unit or without."""
    inputs = {text.rpartition("=")[0] or text for text in options.inputs} | set(options.inputs)
    named = {name.lower() for name in inputs}
    return column.name.lower() in named or take_apart(column.name).name.lower() in named


def _blocks_of_doses(columns: list[Column], options: Options) -> list[Column]:
    """A block that was written as a read's is a layout where --input says that it holds doses."""
    return [
        replace(column, role="layout")
        if column.role == "read" and column.at is None and _is_input(column, options)
        else column
        for column in columns
    ]


def _signals(columns: list[Column], options: Options, remarks: list[str], name: str, files: int) -> list[Signal]:
    possible = [
        column
        for column in columns
        if column.role == "read"
        or (
            column.role == ""
            and column.is_numeric
            and not is_bookkeeping(column.name)
            and not looks_like_dose(column)
            and not _kind(column)
            and not _is_input(column, options)
        )
    ]
    possible = [column for column in possible if column.is_numeric]
    if not possible:
        raise PlateError(
            f"{name} holds nothing that was measured: its columns are {', '.join(dict.fromkeys(c.name for c in columns))}. "
            "If it is a layout, give it with --layout and name the reader's file."
        )
    tables = {column.plate for column in columns if column.role == ""}
    plate = options.plate or ("all" if 1 < len(tables) == files else None)  # one plate a file was given together
    signals, said = choose(possible, options.reads, options.at, plate)
    remarks += said
    return signals


def _of_all_moments(columns: list[Column], remarks: list[str]) -> list[Column]:
    """What a table with moments says of a well again and again holds for the well; what changes is no layout.

    Args:
        columns: those that are no signal.
        remarks: what is left out and is no other read is added here.
    """
    series: dict[tuple, list[Column]] = {}
    for column in columns:
        series.setdefault((column.name, column.plate, column.role, column.at is None), []).append(column)
    kept = []
    for (name, *_, once), parts in series.items():
        if once:
            kept += parts
            continue
        cells: dict[str, set[str]] = {}
        for part in parts:
            for well, said in part.values().items():
                cells.setdefault(well, set()).update([said.text] if said.text else [])
        if all(len(texts) < 2 for texts in cells.values()):
            kept.append(
                replace(parts[0], cells={well: "".join(texts) for well, texts in cells.items()}, at=None, unit="")
            )
        elif looks_like_dose(parts[0]) or not parts[0].is_numeric:
            remarks.append(f"{name} changes over time and is left out")
    return kept


def _for_plates(columns: list[Column], plates: set[str]) -> list[Column]:
    """What a layout of one plate says holds for every plate; of several, each for its own."""
    by_name: dict[str, list[Column]] = {}
    for column in columns:
        by_name.setdefault(column.name, []).append(column)
    return [
        replace(column, plate=plate)
        for parts in by_name.values()
        for column in parts
        for plate in (
            plates
            if len({part.plate for part in parts}) == 1 and column.plate not in plates
            else {column.plate} & plates
        )
    ]


def _refuse_open_numbers(layout: list[Column], doses: list[Dose], options: Options) -> None:
    """PlateError for numbers of a layout that may be another dose: it measures nothing, and nobody said what they are.

    Args:
        layout: its columns.
        doses: those that are known.
        options: a column that --only or --pool names is none.
    """
    settled = {text.partition("=")[0].strip().lower() for text in (*options.only, *options.pool)}
    for name in candidates([column for column in layout if not looks_like_dose(column) and not _kind(column)]):
        numbers = {said.number for column in layout if column.name == name for said in column.values().values()}
        if len(numbers) > 1 and name.lower() not in settled:
            known = " ".join(f"--input {dose.column!r}" for dose in doses)
            raise PlateError(
                f"the layout gives {len(numbers)} values of {name} beside {' and '.join(dose.column for dose in doses)}. "
                f"Is it a dose? {known} --input '{name}=UNIT' says so; if not, --pool {name!r} counts its values as "
                "replicates."
            )


def _kind(column: Column) -> str:
    """The state of the wells of which a column says yes, by its name; "" for a column that does not say yes or no."""
    kind = _KINDS.get(column.name.strip().lower(), "")
    measured = (
        column.role == "" and column.is_numeric and {said.number for said in column.values().values()} - {0, 1, None}
    )
    return "" if measured and kind != "excluded" else kind


def _marked(about: list[Column]) -> dict[Key, dict[str, str]]:
    """For each well the states that columns such as blank, control or exclude give it, with the reason.

    Raises:
        PlateError: a word in them that is neither yes nor no and names no blank or control.
    """
    marked: dict[Key, dict[str, str]] = {}
    for column in about:
        if not (kind := _kind(column)):
            continue
        for well, text in column.cells.items():
            word = text.strip().lower()
            if word in _TRUE:
                marked.setdefault((column.plate, well), {})[kind] = f"{column.name} is {text.strip()}"
            elif word not in _FALSE and (kind == "excluded" or not (_BLANK.search(word) or _CONTROL.search(word))):
                raise PlateError(
                    f"{column.name} of well {well} is {text.strip()!r}; write yes or no, or leave the cell empty."
                )
    return marked


def _places(about: list[Column], keys: Iterable[Key], remarks: list[str]) -> set[str]:
    """Columns that say where a well was, as Pos 1 in every well; in some wells it is a positive control."""
    cells: dict[str, dict[Key, str]] = {}
    for column in about:
        cells.setdefault(column.name, {}).update({(column.plate, well): text for well, text in column.cells.items()})
    places = {
        name for name, texts in cells.items() if all(_PLACE.fullmatch(texts.get(key, "").strip()) for key in keys)
    }
    remarks += [f"{name} is a position in every well and so no control" for name in cells if name in places]
    return places


def _order(key: Key) -> tuple:
    plate, well = key
    place = well_place(well) if well_name(well) else (0, int(well.split()[-1]) if well.split()[-1].isdigit() else 0)
    return plate, *place


def _wells(
    signals: list[Signal], doses: list[Dose], about: list[Column], options: Options, remarks: list[str]
) -> list[Well]:
    names = list(dict.fromkeys(signal.name for signal in signals))
    values: dict[Key, list[Value | None]] = {}
    for signal in signals:
        for well, said in signal.values.items():
            values.setdefault((signal.plate, well), [None] * len(names))[names.index(signal.name)] = said
    excluded = {well_name(text) or text for text in options.exclude}
    if unknown := excluded - {well for _, well in values}:
        raise PlateError(f"--exclude names {', '.join(sorted(unknown))}, and the file has no such well.")
    labels = {(column.plate, well): [] for column in about for well in column.cells}
    for column in about:
        for well, text in column.cells.items():
            if text.strip():
                labels[column.plate, well].append((column.name, text.strip()))
    marked, places = _marked(about), _places(about, values, remarks)
    conditions = _conditions(options.only, about)
    pooled = [_column_of("--pool", text, text, about) for text in options.pool]
    for dose in doses:
        if dose.column in pooled:
            raise PlateError(f"--pool {dose.column!r}: that is an input; wells of different doses are no replicates.")
    wells = []
    for key in sorted(values, key=_order):
        said = values[key]
        x = tuple(dose.numbers.get(key) for dose in doses)
        y = tuple(None if one is None else one.number for one in said)
        state, reason = _state(
            key, said, doses, labels.get(key, []), marked.get(key, {}), places, conditions, excluded, options
        )
        above = tuple(place for place, one in enumerate(said) if one is not None and one.mark == "above")
        wells.append(Well(*key, x, y, state, reason, above))
    _check_conditions([well for well in wells if well.state == USED], doses, about, pooled)
    return wells


def _column_of(option: str, said: str, name: str, about: list[Column]) -> str:
    """The column that an option names, as the file writes it; PlateError where there is none."""
    known = {column.name.lower(): column.name for column in about}
    if name.strip().lower() not in known:
        there = f"there is {', '.join(known.values())}" if known else "nothing here says anything of the wells"
        raise PlateError(f"{option} {said!r}: there is no column {name!r}; {there}.")
    return known[name.strip().lower()]


def _conditions(only: tuple[str, ...], about: list[Column]) -> dict[str, str]:
    conditions: dict[str, str] = {}
    for text in only:
        name, given, wanted = text.partition("=")
        column_name = _column_of("--only", text, name, about)
        if column_name in conditions:
            raise PlateError(f"--only names {column_name} twice; one value of it can be chosen.")
        there = {cell.strip() for column in about if column.name == column_name for cell in column.cells.values()}
        if not given or (wanted.strip() and wanted.strip() not in there):
            raise PlateError(f"--only {text!r}: {column_name} is one of {', '.join(sorted(there - {''})[:12])}.")
        conditions[column_name] = wanted.strip()
    return conditions


def _state(key, said, doses, labels, marked, places, conditions, excluded, options) -> tuple[str, str]:
    """What becomes of a well, and why."""
    if "excluded" in marked:
        return "excluded", marked["excluded"]
    if key[1] in excluded:
        return "excluded", "--exclude"
    if all(one is None or one.mark == "empty" for one in said):
        return "missing", "empty"
    for one in said:
        if one is None or one.mark:
            mark = "missing" if one is None or one.mark in ("empty", "word") else one.mark
            text = "" if one is None else one.text
            return mark, f"{STATES[mark]}: {text}" if text else STATES[mark]
    if "blank" in marked:
        return "blank", marked["blank"]
    for name, text in labels:
        if _BLANK.search(text) and not any(name == dose.column for dose in doses):
            return "blank", f"{name} is {text}"
    for name, wanted in conditions.items():
        found = dict(labels).get(name, "")
        if found != wanted:
            return "other", f"{name} is {found or 'empty'}"
    controls = [f"{name} is {text}" for name, text in labels if _CONTROL.search(text) and name not in places]
    controls += [marked["control"]] if "control" in marked else []
    if controls and not options.keep_controls:
        return "control", f"{controls[0]}; --keep-controls uses it"
    for dose in doses:
        if key not in dose.numbers:
            return "no dose", dose.reasons.get(key, f"the layout gives it no {dose.column}")
    return USED, ""


def _check_conditions(used: list[Well], doses: list[Dose], about: list[Column], pooled: list[str]) -> None:
    """PlateError for wells of the same doses that differ in something else: nobody said that they are replicates."""
    if not doses or not used:
        return
    groups = replicate_groups(np.array([well.x for well in used], float))
    settled = {dose.column for dose in doses} | set(pooled)
    for name in dict.fromkeys(column.name for column in about):
        parts = [part for part in about if part.name == name]
        if name in settled or is_bookkeeping(name) or any(map(_kind, parts)):
            continue
        cells = {(part.plate, well): text.strip() for part in parts for well, text in part.cells.items()}
        found = [cells.get((well.plate, well.name), "") for well in used]
        different = sorted(set(found) - {""})
        measured = any(part.is_numeric for part in parts) and all(part.role != "layout" for part in parts)
        many = 2 * len(different) > len(used) or len(different) > _MOST_CONDITIONS
        if len(different) == len(used) or (measured and many):
            continue  # a name for each well, or another read
        inside: dict[int, set[str]] = {}
        for group, text in zip(groups, found, strict=True):
            inside.setdefault(group, set()).add(text)
        if any(len(texts) > 1 for texts in inside.values()):
            nothing, empty = (" or nothing", f" (or --only '{name}=': nothing)") if "" in found else ("", "")
            raise PlateError(
                f"wells of the same doses differ in {name}: {', '.join(different[:8])}{nothing}. Take one with --only "
                f"'{name}={different[0]}'{empty}, or count them as replicates with --pool {name!r}."
            )
