"""Which columns are doses, and their conversion to nM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fewerwells.laboratory.options import Options
from fewerwells.laboratory.reading import PlateError
from fewerwells.laboratory.reading.cells import LARGEST
from fewerwells.laboratory.reading.columns import Column
from fewerwells.laboratory.reading.headers import is_bookkeeping, is_dose, is_percentage, split_option, take_apart
from fewerwells.laboratory.wells import Input
from fewerwells.science.units import GRAMS_PER_LITRE, NANOMOLAR, to_nanomolar, unit_of

MOST_INPUTS = 2


@dataclass(frozen=True)
class Dose:
    """One input with its dose in every well: a number, or the reason why there is none."""

    input: Input
    column: str
    numbers: dict[tuple[str, str], float]
    reasons: dict[tuple[str, str], str]


def is_percent_dose(column: Column) -> bool:
    """Whether a percentage is a dose: a layout measures nothing."""
    return column.role == "layout" and is_percentage(column.name)


def looks_like_dose(column: Column) -> bool:
    """Whether a column is taken for a dose without being named."""
    return column.role != "read" and (is_dose(column.name) or is_percent_dose(column)) and column.is_numeric


def find_doses(columns: list[Column], options: Options, remarks: list[str]) -> list[Dose]:
    """The inputs of a plate.

    Args:
        columns: all columns of the layout and of the table.
        options: `inputs` names them where the columns do not, `molar_masses` converts units of mass.
        remarks: what is decided is added here.

    Raises:
        PlateError: an unknown name or unit, a molar mass that converts nothing, or more than two inputs that vary.
    """
    by_name: dict[str, list[Column]] = {}
    for column in columns:
        by_name.setdefault(column.name, []).append(column)
    if options.inputs:
        chosen = [_option(by_name, text) for text in options.inputs]
    else:
        chosen = [(name, None) for name, parts in by_name.items() if looks_like_dose(parts[0])]
    names = [name for name, _ in chosen]
    if len(set(names)) < len(names):
        raise PlateError(f"--input names {max(names, key=names.count)} twice; name each input once.")
    doses = [_dose(by_name, name, unit, options, remarks) for name, unit in chosen]
    _check_masses(doses, options)
    if not options.inputs:
        doses = [dose for dose in _without_other_units(doses, remarks) if _varies(dose, remarks)]
    if len(doses) > MOST_INPUTS:
        raise PlateError(
            f"{len(doses)} columns look like doses: {', '.join(dose.column for dose in doses)}. "
            "Choose one or two with --input NAME."
        )
    return doses


def _check_masses(doses: list[Dose], options: Options) -> None:
    """PlateError for a molar mass that is not of just one input that needs it."""
    named = [name.lower() for name, _ in options.molar_masses]
    weighed = list(dict.fromkeys(dose.input.name for dose in doses if dose.input.written in GRAMS_PER_LITRE))
    for name, mass in options.molar_masses:
        meant = [one for one in weighed if (one.lower() == name.lower() if name else one.lower() not in named)]
        if len(meant) != 1:
            raise PlateError(
                f"--molar-mass {name or f'{mass:g}'} has to be of one input that is written as a mass (g/l, mg/ml, % …); "
                f"there is {' and '.join(weighed) or 'none'}."
            )
        if named.count(name.lower()) > 1:
            raise PlateError(f"--molar-mass of {meant[0]} is given twice; give it once.")


def _option(by_name: dict[str, list[Column]], text: str) -> tuple[str, str | None]:
    try:
        name, unit = (text, None) if text in by_name else split_option(text)
    except ValueError as error:
        raise PlateError(f"--input {text!r}: {error}") from None
    found = [known for known in by_name if known.lower() == name.lower()]
    found = found or [known for known in by_name if take_apart(known).name.lower() == name.lower()]
    if len(found) != 1:
        raise PlateError(f"there is no column {name!r} for --input; there is {', '.join(by_name)}.")
    return found[0], unit


def _dose(by_name: dict, name: str, unit: str | None, options: Options, remarks: list[str]) -> Dose:
    header = take_apart(name)
    log = "10" if unit and unit.startswith("log10 ") else header.log
    if log == "?" and unit is None:
        raise PlateError(f"{name!r} may be a logarithm to base 10 or e; say --input '{name}=log10 uM' or convert it.")
    if log == "other" and unit is None:
        raise PlateError(
            f"{name!r} says a negative logarithm or one to another base than 10; write concentrations, or log10 of them."
        )
    written = unit.removeprefix("log10 ") if unit else header.unit or _unit_beside(by_name, name)
    numbers: dict[tuple[str, str], float] = {}
    reasons: dict[tuple[str, str], str] = {}
    for column in by_name[name]:
        for well, said in column.values().items():
            key = (column.plate, well)
            if log == "10" and said.text.lower() in ("-inf", "inf-"):
                number = 0.0
            elif said.number is None:
                reasons[key] = f"{name} is {said.text!r}" if said.text else f"{name} is empty"
                continue
            elif log == "10" and said.number > np.log10(LARGEST):
                reasons[key] = f"{name} is {said.text}, and no concentration is as large"
                continue
            elif said.number < 0 and log != "10":
                reasons[key] = f"{name} is {said.text}, and no concentration is negative"
                continue
            else:
                number = 10.0**said.number if log == "10" else said.number
            if numbers.setdefault(key, number) != number:
                raise PlateError(f"{name} is said twice of well {well}: {numbers[key]:g} and {number:g}; say it once.")
    if log == "10":
        remarks.append(f"{name} holds logarithms to base 10 and is raised to concentrations")
    return _converted(Input(header.name, written, written), name, numbers, reasons, options, remarks)


def _unit_beside(by_name: dict[str, list[Column]], name: str) -> str:
    """The unit from a column of units, such as std_conc_unit, where all of it agrees."""
    for beside in (f"{name}_unit", f"{name}_units", f"{name} unit", "unit", "units"):
        for column in by_name.get(beside, []):
            units = {unit_of(text) for text in column.cells.values() if text.strip()}
            if len(units) > 1:
                raise PlateError(f"{beside} holds several units; convert {name} to one.")
            if units and (unit := units.pop()):
                return unit
    return ""


def _converted(given: Input, column: str, numbers: dict, reasons: dict, options: Options, remarks: list[str]) -> Dose:
    masses = {name.lower(): mass for name, mass in options.molar_masses}
    mass = masses.get(given.name.lower(), masses.get(""))
    if given.written in NANOMOLAR or (given.written in GRAMS_PER_LITRE and mass is not None):
        try:
            factor = float(to_nanomolar(1.0, given.written, mass))
        except ValueError as error:
            raise PlateError(f"--molar-mass of {given.name}: {error}") from None
        numbers = {well: number * factor for well, number in numbers.items()}
        given = Input(given.name, "nM", given.written)
        if given.written != "nM":
            by = f" with {mass:g} g/mol" if given.written in GRAMS_PER_LITRE else ""
            remarks.append(f"{column}: {given.written} to nM, times {factor:g}{by}")
    elif given.written:
        remarks.append(f"{column}: kept in {given.written}; --molar-mass {given.name}=G_PER_MOL converts it to nM")
    else:
        remarks.append(f"{column}: no unit is named and the numbers are kept; --input '{given.name}=uM' names one")
    return Dose(given, column, numbers, reasons)


def _without_other_units(doses: list[Dose], remarks: list[str]) -> list[Dose]:
    """One substance written in two units is one input: the one that becomes nM counts."""
    kept: list[Dose] = []
    for dose in sorted(doses, key=lambda dose: dose.input.unit != "nM"):
        twin = next((other for other in kept if _proportional(other, dose)), None)
        if twin is None:
            kept.append(dose)
        else:
            remarks.append(f"{dose.column} is {twin.column} in another unit and is left out")
    return [dose for dose in doses if dose in kept]


def _proportional(one: Dose, other: Dose) -> bool:
    if one.numbers.keys() != other.numbers.keys() or one.input.name.lower() != other.input.name.lower():
        return False
    pairs = [(number, other.numbers[well]) for well, number in one.numbers.items()]
    ratios = [b / a for a, b in pairs if a > 0]
    return bool(ratios) and max(ratios) <= 1.02 * min(ratios) and all((a > 0) == (b > 0) for a, b in pairs)


def _varies(dose: Dose, remarks: list[str]) -> bool:
    different = set(dose.numbers.values())
    if len(different) == 1:
        remarks.append(f"{dose.column} is {different.pop():g} in every well and counts as no input")
        return False
    return bool(different)


def candidates(columns: list[Column]) -> list[str]:
    """Numeric columns of a layout that could be named as inputs."""
    return list(
        dict.fromkeys(
            column.name
            for column in columns
            if column.role != "read" and column.is_numeric and not is_bookkeeping(column.name)
        )
    )
