"""Files of an answer; all of them inside one folder, each written whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure

from fewerwells.laboratory.reading import PlateError
from fewerwells.laboratory.showing import picture
from fewerwells.laboratory.wells import Plate
from fewerwells.running.storage import write_whole


def write_understood(plate: Plate, folder: Path) -> Path:
    """Write the picture of the plate (plate.svg) and the table of its wells (wells.csv).

    Raises:
        PlateError: the folder is a file.
    """
    prepare(folder)
    for index in range(len(plate.outputs)):
        name = "plate.svg" if len(plate.outputs) == 1 else f"plate_{index + 1}.svg"
        write_whole(folder / name, drawn(picture(plate, index)))
    write_whole(folder / "wells.csv", as_csv(*wells_table(plate)))
    return folder


def prepare(folder: Path) -> None:
    """Make the folder; PlateError where a file has its name."""
    if folder.exists() and not folder.is_dir():
        raise PlateError(f"{folder} is a file; name another folder with --output.")
    folder.mkdir(parents=True, exist_ok=True)


def wells_table(plate: Plate) -> tuple[list[str], list[list]]:
    """Header and rows with every well: its doses with their unit, its outputs, its replicate group, what became of it."""
    groups = iter(plate.groups.tolist())
    header = ["plate", "well", *(column_name(i.name, i.unit) for i in plate.inputs), *plate.outputs]
    rows = [
        [
            well.plate,
            well.name,
            *well.x,
            *well.y,
            next(groups) if well.state == "used" else None,
            well.state,
            well.reason,
        ]
        for well in plate.wells
    ]
    return [*header, "group", "state", "reason"], rows


def column_name(name: str, unit: str) -> str:
    """A header that names a unit, such as IPTG_nM."""
    return f"{name}_{unit}" if unit else name


def as_csv(header: list[str], rows: Iterable[list]) -> bytes:
    """A CSV in UTF-8; text that a spreadsheet would take for a formula is quoted with an apostrophe."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([_harmless(name) for name in header])
    writer.writerows([[_cell(content) for content in row] for row in rows])
    return stream.getvalue().encode()


def _cell(content) -> str:
    if content is None:
        return ""
    return _harmless(content) if isinstance(content, str) else f"{content:.10g}"


def _harmless(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def drawn(figure: Figure) -> bytes:
    """A figure as SVG, the same bytes for the same figure."""
    import matplotlib as mpl

    stream = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "fewerwells", "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()
