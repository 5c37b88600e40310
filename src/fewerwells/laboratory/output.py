"""Files of an answer; all of them inside one folder, each written whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib import style
from matplotlib.figure import Figure

from fewerwells.laboratory.answered import Answered
from fewerwells.laboratory.answering import GRID, PlateAnswer
from fewerwells.laboratory.arms import smallest_doses
from fewerwells.laboratory.figures import errors_over_wells, surface
from fewerwells.laboratory.models import FORMAT, as_json
from fewerwells.laboratory.reading import PlateError
from fewerwells.laboratory.report import page, summary
from fewerwells.laboratory.showing import picture
from fewerwells.laboratory.wells import Plate
from fewerwells.running.storage import not_a_formula, write_whole

UNDERSTOOD = ("wells.csv", "plate.svg", "plate_[1-9].svg", "plate_[1-9][0-9].svg")
ANSWER = ("predictions.csv", "model.json", "next_wells.csv", "answer.txt", "answer.html")
EXECUTED = "answer.ipynb"  # the chapter, where the book is at hand
_LAST_COLUMNS = "group,state,reason"  # of the table of wells
BEYOND = "beyond the measured doses"  # the last column of a table of predictions


def write_understood(plate: Plate, folder: Path, read: Iterable[Path] = ()) -> Path:
    """Write the table of the wells (wells.csv) and the picture of the plate (plate.svg), in place of an earlier answer.

    Args:
        plate: what was understood.
        folder: where to; it is made.
        read: files that were read, which stay as they are.

    Raises:
        PlateError: the folder is a file, or holds a file of one of these names that is no earlier answer's.
    """
    _prepare(folder, (*UNDERSTOOD, *ANSWER, EXECUTED), read)
    write_whole(folder / "wells.csv", as_csv(*wells_table(plate)))
    for index in range(len(plate.outputs)):
        name = "plate.svg" if len(plate.outputs) == 1 else f"plate_{index + 1}.svg"
        write_whole(folder / name, drawn(picture(plate, index)))
    return folder


def _prepare(folder: Path, names: tuple[str, ...], read: Iterable[Path] = ()) -> None:
    """Make the folder and take out what an earlier answer left there under these names, and nothing else.

    Raises:
        PlateError: as `write_understood`.
    """
    if folder.exists() and not folder.is_dir():
        raise PlateError(f"{folder} is a file; name another folder with --output.")
    folder.mkdir(parents=True, exist_ok=True)
    found = [path for name in names for path in folder.glob(name) if path.is_file() or path.is_symlink()]
    files_read = {path.resolve() for path in read}
    for path in found:
        if path.resolve() in files_read or not _holds_an_answer(folder):
            why = "was read" if path.resolve() in files_read else "is no earlier answer's"
            raise PlateError(f"{path} would be lost, and it {why}; name another folder with --output.")
    for path in found:
        path.unlink()


def _holds_an_answer(folder: Path) -> bool:
    """Whether an answer was written here before, as its table of wells or its model tell."""
    table, model = (
        path.read_bytes() if path.is_file() else b"" for path in (folder / "wells.csv", folder / "model.json")
    )
    return table.split(b"\n")[0].endswith(_LAST_COLUMNS.encode()) or FORMAT.encode() in model[:100]


def refuse_to_lose(path: Path, read: Iterable[Path], last_columns: str) -> None:
    """PlateError where a table must not be written at a path; only an earlier one of the same kind is replaced.

    Args:
        path: of the table.
        read: files that were read, which stay as they are.
        last_columns: with which the header of such a table ends.
    """
    if path.is_dir():
        raise PlateError(f"{path} is a folder; name a file with --output.")
    if path.resolve() in {one.resolve() for one in read}:
        raise PlateError(f"{path} was read and would be lost; name another file with --output.")
    if path.exists() and not (path.is_file() and _header(path).endswith(last_columns.encode())):
        raise PlateError(
            f"{path} would be lost, and it is no earlier table of this command; name another file with --output."
        )


def _header(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline(10_000).rstrip(b"\r\n")


def wells_table(plate: Plate) -> tuple[list[str], list[list]]:
    """Header and rows with every well: its doses with their unit, its outputs, its replicate group, what became of it."""
    groups = iter(plate.groups.tolist())
    header = ["plate", "well", *(one.column for one in plate.inputs), *plate.outputs]
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
    return [*header, *_LAST_COLUMNS.split(",")], rows


def as_csv(header: list[str], rows: Iterable[list]) -> bytes:
    """A CSV in UTF-8; text that a spreadsheet would take for a formula is quoted with an apostrophe."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([not_a_formula(name) for name in header])
    writer.writerows([[_cell(content) for content in row] for row in rows])
    return stream.getvalue().encode()


def _cell(content) -> str:
    if content is None:
        return ""
    return not_a_formula(content) if isinstance(content, str) else f"{content:.10g}"


def drawn(figure: Figure) -> bytes:
    """A figure as SVG, the same bytes for the same figure."""
    import matplotlib as mpl

    stream = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "fewerwells", "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


def prediction_grid(learnt: PlateAnswer, within: tuple[tuple[float, float], ...] = ()) -> np.ndarray:
    """Doses to predict at, shape (M, inputs): 0 where it was measured, then evenly on a logarithmic scale.

    Args:
        learnt: the answer.
        within: for each input from and to in the plate's units; the measured range by default.
    """
    x = learnt.plate.x
    axes = []
    for index, least in enumerate(smallest_doses(x) if len(x) else np.ones(len(learnt.largest))):
        low, high = within[index] if within else (float(learnt.smallest[index]), float(learnt.largest[index]))
        n = GRID[len(learnt.plate.inputs)]
        shift = least if low == 0 else 0.0
        axes.append((low + shift) * ((high + shift) / (low + shift)) ** np.linspace(0, 1, n) - shift)
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def predictions_table(learnt: PlateAnswer, x: np.ndarray) -> tuple[list[str], list[list]]:
    """Header and rows: doses, each output with the ends of its 95 % interval, and whether it lies beyond the wells."""
    middle, low, high = learnt.predict(x)
    header = [one.column for one in learnt.plate.inputs]
    for name in learnt.plate.outputs:
        header += [name, f"{name} low", f"{name} high"]
    beyond = learnt.beyond(x)
    rows = [
        [*point, *np.stack([middle[k], low[k], high[k]], 1).reshape(-1), "yes" if beyond[k] else "no"]
        for k, point in enumerate(x)
    ]
    return [*header, BEYOND], rows


def write_answer(answered: Answered, understood: list[str], folder: Path) -> None:
    """Write predictions.csv, model.json, next_wells.csv where a design is there, answer.txt and answer.html, each whole.

    Args:
        answered: what was learnt.
        understood: the lines of `showing.table`.
        folder: where to; it is made, and an earlier answer's files of these names are taken out first.

    Raises:
        PlateError: as `write_understood`.
    """
    _prepare(folder, ANSWER)
    learnt, curves = answered.learnt, answered.curves
    grid = prediction_grid(learnt, answered.within)
    write_whole(folder / "predictions.csv", as_csv(*predictions_table(learnt, grid)))
    write_whole(folder / "model.json", as_json(learnt))
    if answered.next_wells is not None:
        write_whole(folder / "next_wells.csv", as_csv(*answered.next_wells))
    write_whole(folder / "answer.txt", ("\n".join(summary(learnt, curves)) + "\n").encode())
    with style.context("default"):  # a chapter has a style of its own
        figures = []
        for index, (one, curve) in enumerate(zip(learnt.outputs, curves, strict=True)):
            figures.append((drawn(picture(learnt.plate, index)), f"The plate: {one.output} in every well."))
            caption = f"{one.output} as predicted over the doses, with 95 % intervals of the noise-free output."
            figures.append((drawn(surface(learnt, grid, index)), caption))
            if curve:
                caption = f"Error of {one.output} on held-out doses over the number of wells learnt from."
                figures.append((drawn(errors_over_wells(curve, one.output)), caption))
    write_whole(folder / "answer.html", page(learnt, curves, understood, figures))
