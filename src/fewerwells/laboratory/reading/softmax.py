"""SoftMax Pro's text export: plate blocks without row letters, groups with standards, notes."""

from __future__ import annotations

from fewerwells.laboratory.reading.cells import PLATES, plain_number, row_name, seconds, well_name
from fewerwells.laboratory.reading.columns import Column
from fewerwells.laboratory.reading.files import Sheet
from fewerwells.laboratory.reading.matrices import check_numbers, header_in
from fewerwells.laboratory.reading.problems import PlateError
from fewerwells.laboratory.reading.series import refuse_lost_columns, well_columns

_KINDS = ("Kinetic", "Spectrum", "Well Scan")
_DOSES = ("conc", "standard value")


def is_softmax(sheet: Sheet) -> bool:
    """Whether a sheet is such an export."""
    return bool(sheet.rows) and sheet.rows[0][0].startswith("##BLOCKS=") if sheet.rows and sheet.rows[0] else False


def find_softmax(sheet: Sheet) -> list[Column]:
    """The columns of all plates and groups of an export.

    Raises:
        PlateError: no plate in it, or a plate with more rows than its columns allow or with a heading that is none.
    """
    columns: list[Column] = []
    line = 0
    while line < len(sheet.rows):
        first = sheet.cell(line, 0)
        end = next(
            (k for k in range(line + 1, len(sheet.rows)) if sheet.cell(k, 0).startswith("~End")), len(sheet.rows)
        )
        if first.startswith("Plate:"):
            columns += _plate(sheet, line, end)
            line = end
        elif first.startswith("Group:"):
            columns += _group(sheet, line, end)
            line = end
        line += 1
    if not any(column.role == "read" for column in columns):
        raise PlateError("this SoftMax Pro file holds no plate with values; export its plate sections as text.")
    return columns


def _plate(sheet: Sheet, line: int, end: int) -> list[Column]:
    head = [cell.strip() for cell in sheet.rows[line]] + [""] * 20
    name, kind = head[1], head[4]
    names = _wavelengths(head)
    body = range(line + 1, end)
    headers = [k for k in body if header_in(sheet.rows[k], k) or well_columns(sheet.rows[k])]
    if not headers and any(cell.strip() for k in body for cell in sheet.rows[k]):
        raise PlateError(
            f"line {line + 1} begins plate {name}, and no line below numbers its columns 1, 2, 3 … or names wells A1, A2, …"
        )
    columns = []
    for index, header in enumerate(headers):
        stop = headers[index + 1] if index + 1 < len(headers) else end
        raw = index == 0
        part = _by_wells if well_columns(sheet.rows[header]) else _by_rows
        columns += part(sheet, header, stop, name, names if raw else [f"{head[5]} reduced"], kind, raw)
    return columns


def _wavelengths(head: list[str]) -> list[str]:
    """Names of a plate's reads: its wavelengths, numbered where one comes twice."""
    mode = head[5]
    if head[4] == "Spectrum":
        return [f"{mode} spectrum"]
    found = next((cell.split() for cell in head[14:18] if cell and _are_wavelengths(cell)), ["signal"])
    if len(set(found)) < len(found):
        return [f"{mode} {wavelength} ({index})" for index, wavelength in enumerate(found, start=1)]
    return [f"{mode} {wavelength}" for wavelength in found]


def _are_wavelengths(cell: str) -> bool:
    return all(part.isdigit() and len(part) in (3, 4) for part in cell.split())


def _unit(kind: str) -> str:
    return {"Kinetic": "s", "Spectrum": "nm"}.get(kind, "")


def _moment(text: str, kind: str) -> float | None:
    if kind not in _KINDS or not text:
        return None
    return seconds(text, "s") if kind == "Kinetic" else plain_number(text.replace(",", "."))


def _by_rows(sheet: Sheet, header: int, stop: int, plate: str, names: list[str], kind: str, raw: bool) -> list[Column]:
    """Rows A, B … without letters under columns 1, 2 …, side by side for each read, one block a moment."""
    heading = header_in(sheet.rows[header], header)
    check_numbers(sheet, heading)
    starts, n = [place for place, cell in enumerate(sheet.rows[header]) if plain_number(cell) == 1], heading.n
    most = PLATES.get(n, 1536) // n
    columns, row, at, wells = [], 0, None, [{} for _ in starts]
    for line in range(header + 1, stop + 1):
        begins = line < stop and bool(sheet.cell(line, 0) or sheet.cell(line, 1)) and raw
        if (begins or line == stop) and any(wells):
            columns += [
                Column(
                    names[min(k, len(names) - 1)],
                    cells,
                    plate,
                    at,
                    "" if at is None else _unit(kind),
                    sheet.decimal,
                    "read",
                )
                for k, cells in enumerate(wells)
            ]
            wells = [{} for _ in starts]
        if line == stop:
            break
        if begins:
            at, row = _moment(sheet.cell(line, 0), kind), 0
        filled = any(sheet.cell(line, start + k) for start in starts for k in range(n))
        if filled and row >= most:
            raise PlateError(f"line {line + 1} is row {row + 1} of a plate with {n} columns, which has {most}.")
        if filled:
            for cells, start in zip(wells, starts, strict=True):
                cells |= {f"{row_name(row)}{k + 1}": sheet.cell(line, start + k) for k in range(n)}
        row += 1
    return columns


def _by_wells(sheet: Sheet, header: int, stop: int, plate: str, names: list[str], kind: str, raw: bool) -> list[Column]:
    """Wells A1, A2 … as columns, one line for each moment and read."""
    wells = well_columns(sheet.rows[header])
    lines = [k for k in range(header + 1, stop) if any(sheet.cell(k, place) for place in wells)]
    refuse_lost_columns(sheet, header, wells, lines)
    columns = []
    for index, line in enumerate(lines):
        at = _moment(sheet.cell(line, 0), kind) if raw else None
        cells = {well: sheet.cell(line, place) for place, well in wells.items()}
        name = names[min(index % max(len(names), 1), len(names) - 1)] if at is None else names[0]
        columns.append(Column(name, cells, plate, at, _unit(kind) if at is not None else "", sheet.decimal, "read"))
    return columns


def _group(sheet: Sheet, line: int, end: int) -> list[Column]:
    """What a group says of its wells: its name, the sample, the concentration of a standard, masked wells."""
    if line + 1 >= end:
        return []
    names = [cell.strip() for cell in sheet.rows[line + 1]]
    of_well = next((k for k, name in enumerate(names) if name in ("Well", "Wells")), None)
    if of_well is None:
        return []
    of_dose = next((k for k, name in enumerate(names) if name.lower().startswith(_DOSES)), None)
    of_plate = names.index("WellPlateName") if "WellPlateName" in names else None
    group = " ".join(cell.strip() for cell in sheet.rows[line] if cell.strip()).removeprefix("Group:").strip()
    if not group.lower().startswith(("std", "stand")):  # elsewhere a concentration is a result
        of_dose = None
    found: dict[tuple[str, str], dict[str, str]] = {}
    sample = dose = ""
    for k in range(line + 2, end):
        well = well_name(sheet.cell(k, of_well))
        if well is None:
            continue
        if sheet.cell(k, 0):
            sample, dose = sheet.cell(k, 0), "" if of_dose is None else sheet.cell(k, of_dose)
        plate = sheet.cell(k, of_plate) if of_plate is not None else ""
        masked = "masked" if any(cell.strip() == "Masked" for cell in sheet.rows[k]) else ""
        said = {"group": group, "sample": sample, "masked": masked}
        if of_dose is not None:
            said[names[of_dose]] = dose
        for name, text in said.items():
            found.setdefault((plate, name), {})[well] = text
    return [
        Column(name, cells, plate, None, "", sheet.decimal, role="layout")
        for (plate, name), cells in found.items()
        if any(cells.values())
    ]
