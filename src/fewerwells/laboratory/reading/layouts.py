"""What stands beside a measurement: wellmap's TOML, plates in CSV or XLSX, lists of wells, dispensers' logs."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from fewerwells.laboratory.reading.cells import COLUMNS, plain_number, well_name
from fewerwells.laboratory.reading.columns import Column
from fewerwells.laboratory.reading.contents import Contents, read_contents
from fewerwells.laboratory.reading.files import LARGEST_FILE, open_sheets
from fewerwells.laboratory.reading.problems import PlateError
from fewerwells.science.units import UNITS, unit_of

_WITH_DOSE = re.compile(
    r"(?P<label>.*?)\s+(?:in|with)\s+(?P<dose>[\d.,]+)\s*(?P<unit>%|[a-zµμ]?M|[munµμ]?g/m?[lL])\s+(?P<what>[A-Za-z][\w-]*)"
)
_LOG_COLUMNS = {"well": "dispensed well", "fluid": "fluid name", "dose": "dispensed concentration", "unit": "units"}
_MOST_WELLS = 100_000  # repeated blocks of a TOML file included


def read_layout(path: Path, separator: str | None = None, decimal: str | None = None) -> Contents:
    """A layout: for each well what was done to it.

    Raises:
        PlateError: a file that is none, or that names other files anywhere but beside it.
    """
    path = Path(path)
    if path.suffix.lower() == ".toml":
        return _toml(path)
    log = _dispensed(path, separator, decimal)
    contents = log or read_contents(path, separator, decimal)
    columns = [replace(column, role="layout") for column in contents.columns]
    return Contents(contents.name, tuple(doses_in_labels(columns)), contents.remarks)


def doses_in_labels(columns: list[Column]) -> list[Column]:
    """Labels such as "GFP in 0.5% Mal" become a label and a dose of each substance; other columns stay as they are."""
    apart: list[Column] = []
    for column in columns:
        found = {well: _WITH_DOSE.fullmatch(text.strip()) for well, text in column.cells.items()}
        hits = [match for match in found.values() if match]
        if len(hits) < 2 or column.is_numeric:
            apart.append(column)
            continue
        labels = {well: found[well]["label"] if found[well] else text for well, text in column.cells.items()}
        apart.append(replace(column, cells=labels))
        for what, unit in dict.fromkeys((match["what"], match["unit"]) for match in hits):
            doses = {
                well: match["dose"] if match and (match["what"], match["unit"]) == (what, unit) else ""
                for well, match in found.items()
            }
            apart.append(replace(column, name=f"{what} [{unit}]", cells=doses, role="layout"))
    return apart


def _toml(path: Path) -> Contents:
    for one in _included(path, ()):
        _check_toml(one)
    import wellmap

    try:
        table = wellmap.load(path)
    except (wellmap.LayoutError, ValueError, TypeError, KeyError, AttributeError, IndexError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise PlateError(f"{path.name} is not a layout that wellmap understands: {reason}") from None
    table = table.loc[:, [name for name in table if name not in ("well0", "row", "col", "row_i", "col_j", "path")]]
    of_plate = table["plate"].astype(str) if "plate" in table else None
    columns = []
    for name in (name for name in table if name not in ("well", "plate")):
        groups = table.groupby(of_plate) if of_plate is not None else [("", table)]
        for plate, part in groups:
            cells = {
                well_name(well): "" if value != value else str(value)
                for well, value in zip(part["well"], part[name], strict=True)
            }
            if None in cells:
                raise PlateError(f"{path.name} names a well beyond AF48, and a plate has no larger ones.")
            columns.append(Column(str(name), cells, str(plate), role="layout"))
    return Contents(path.name, tuple(columns), (f"{path.name}: a layout of wellmap with {len(table)} wells",))


def _load_toml(path: Path) -> dict:
    if not path.is_file():
        raise PlateError(f"{path} is not a file; a layout includes files beside it only.")
    if path.stat().st_size > LARGEST_FILE:
        raise PlateError(f"{path.name} has {path.stat().st_size / 1e6:.0f} MB; that is no layout.")
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except ValueError as error:  # not TOML, not UTF-8, or a number of thousands of digits
        raise PlateError(f"{path.name} is not TOML: {error}.") from None
    except RecursionError:
        raise PlateError(f"{path.name} is not a layout: it is nested too deeply.") from None


def _included(path: Path, before: tuple[Path, ...]) -> list[Path]:
    """A layout and all that it includes; only plain names of files beside it are followed."""
    if path in before:
        raise PlateError(f"{path.name} includes itself.")
    meta = _load_toml(path).get("meta", {})
    if not isinstance(meta, dict):
        raise PlateError(f"{path.name} has a meta that is no table.")
    for key in ("path", "paths"):
        if key in meta:
            raise PlateError(
                f"{path.name} names a file in meta.{key} ({meta[key]!r}); a layout opens no files here. "
                "Remove that line and give the file to the command."
            )
    include = meta.get("include", [])
    files = [path]
    for entry in include if isinstance(include, list) else [include]:
        name = entry.get("path", "") if isinstance(entry, dict) else entry
        if not isinstance(name, str) or Path(name).name != name or "\\" in name or name in ("", ".", ".."):
            raise PlateError(f"{path.name} includes {name!r}; only a file beside it may be included, by its name.")
        target = path.parent / name
        if target.resolve().parent != path.parent.resolve():
            raise PlateError(f"{path.name} includes {name!r}, which leads to another folder.")
        files += _included(target, (*before, path))
    return files


def _check_toml(path: Path) -> None:
    """PlateError for blocks or patterns beyond any plate, before wellmap unrolls them."""
    wells = 0
    for section, content in _load_toml(path).items():
        if section not in ("block", "row", "col", "irow", "icol", "well", "plate") or not isinstance(content, dict):
            continue
        for key, below in content.items():
            _check_wells(path, [key] if section == "well" else below if section == "block" else [])
            numbers = [int(part) if len(part) < 10 else COLUMNS + 1 for part in re.findall(r"\d+", key)[:1000]]
            if any(number > COLUMNS for number in numbers) and section != "plate":
                raise PlateError(f"{path.name} has [{section}.{key[:40]}], which is larger than a 1,536-well plate.")
            wells += (numbers[0] * numbers[1] if section == "block" and len(numbers) > 1 else 1) * key.count(",") + 1
    if wells > _MOST_WELLS:
        raise PlateError(f"{path.name} names {wells:,} wells; that is no layout.")


def _check_wells(path: Path, keys: Iterable[str]) -> None:
    """PlateError for a name that is no well; wellmap reads A1O as A1."""
    for key in keys if isinstance(keys, (list, dict)) else ():
        for name in key.split(","):
            if well_name(name) is None and name.strip() not in ("", "..."):
                raise PlateError(
                    f"{path.name} has a section {key[:40]!r}, and {name.strip()[:40]!r} is no well, A1 to AF48."
                )


def _dispensed(path: Path, separator: str | None, decimal: str | None) -> Contents | None:
    """A dispenser's log, one row for each fluid and well, as one dose for each fluid; None for another file."""
    for sheet in open_sheets(path, separator, decimal):
        names = [cell.strip().lower() for cell in sheet.rows[0]] if sheet.rows else []
        if not all(name in names for name in _LOG_COLUMNS.values()):
            continue
        place = {what: names.index(name) for what, name in _LOG_COLUMNS.items()}
        doses: dict[tuple[str, str], dict[str, float]] = {}
        wells: dict[str, None] = {}
        for line, row in enumerate(sheet.rows[1:], start=2):
            if not any(cell.strip() for cell in row):
                continue
            row = [*row, *[""] * len(names)]
            well, dose = well_name(row[place["well"]]), plain_number(row[place["dose"]], sheet.decimal)
            fluid, unit = row[place["fluid"]].strip(), unit_of(row[place["unit"]])
            if well is None or dose is None or unit is None:
                raise PlateError(
                    f"line {line} of {path.name} dispenses {row[place['dose']]!r} {row[place['unit']]!r} into "
                    f"{row[place['well']]!r}; a number, one of {', '.join(UNITS)} and a well are needed."
                )
            wells[well] = None
            total = doses.setdefault((fluid, unit), {})
            total[well] = total.get(well, 0.0) + dose
        columns = [
            Column(f"{fluid} [{unit}]", {well: repr(given.get(well, 0.0)) for well in wells}, role="layout")
            for (fluid, unit), given in doses.items()
        ]
        remark = f"{path.name}: a dispenser's log; a well that got none of a fluid has 0 of it"
        return Contents(path.name, tuple(columns), (*sheet.remarks, remark))
    return None
