"""What was understood, before anything is computed: a picture of the plate and a table of its wells."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from fewerwells.laboratory.reading.cells import plate_shape, row_name, well_name, well_place
from fewerwells.laboratory.wells import STATES, USED, Plate, Well, distinct_doses

_SIGNS = {"above": ">", "below": "<", "missing": "–", "blank": "B", "control": "C", "excluded": "×", "no dose": "?"}
_MOST_LINES = 12  # of one reason, in the short table


def table(plate: Plate) -> list[str]:
    """Lines that say how many wells are used, which are not and why, and the units as converted."""
    counts = plate.counts()
    lines = [f"{plate.name}: {len(plate.wells)} wells, {counts.get(USED, 0)} used"]
    for index, given in enumerate(plate.inputs):
        doses = distinct_doses(plate.x[:, index])
        if len(doses):
            shown = ", ".join(f"{dose:.4g}" for dose in doses[:14]) + (" …" if len(doses) > 14 else "")
            lines.append(f"  input {given.label}: {len(doses)} doses: {shown}")
    for index, output in enumerate(plate.outputs):
        measured = [well.y[index] for well in plate.wells if well.y[index] is not None and well.state == USED]
        if measured:
            lines.append(f"  output {output}: from {min(measured):.6g} to {max(measured):.6g}")
    reasons: dict[tuple[str, str], list[str]] = {}
    for well in plate.wells:
        if well.state != USED:
            reasons.setdefault((well.state, well.reason), []).append(f"{well.plate} {well.name}".strip())
    for (state, reason), names in list(reasons.items())[:_MOST_LINES]:
        lines.append(f"  not used, {STATES[state]} ({reason}): {_listed(names)}")
    if len(reasons) > _MOST_LINES:
        rest = sum(len(names) for names in list(reasons.values())[_MOST_LINES:])
        lines.append(f"  not used for {len(reasons) - _MOST_LINES} more reasons: {rest} wells; wells.csv names them")
    return lines + [f"  {remark}" for remark in plate.remarks]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:16]) + (f" and {len(names) - 16} more" if len(names) > 16 else "")


def picture(plate: Plate, output: int = 0) -> Figure:
    """The plates as they stand on the bench, coloured by the signal; what is not used carries a sign.

    Args:
        plate: what was understood.
        output: which of its outputs.
    """
    names = list(dict.fromkeys(well.plate for well in plate.wells))[:4]
    figure = Figure(figsize=(7.2, 4.2 * len(names)), layout="constrained")
    axes = np.atleast_1d(figure.subplots(len(names), 1))
    for place, name in zip(axes, names, strict=True):
        wells = [well for well in plate.wells if well.plate == name]
        if all(well_name(well.name) for well in wells):
            _draw_plate(place, wells, output, plate)
        else:
            _draw_table(place, wells, output, plate)
        place.set_title(f"{name}  {plate.outputs[output]}".strip(), loc="left", fontsize=11)
    return figure


def _scale(numbers: np.ndarray) -> Normalize:
    """A colour scale, logarithmic where the signal spans more than a factor of fifty."""
    low, high = float(numbers.min()), float(numbers.max())
    if low > 0 and high > 50 * low:
        return LogNorm(low, high)
    return Normalize(low, high if high > low else low + 1)


def _draw_plate(axes: Axes, wells: list[Well], output: int, plate: Plate) -> None:
    places = np.array([well_place(well.name) for well in wells])
    n_rows, n_columns = plate_shape(well.name for well in wells)
    numbers = np.array([np.nan if well.y[output] is None else well.y[output] for well in wells])
    known = np.isfinite(numbers)
    size = 22_000 / n_columns**2
    axes.scatter(places[:, 1], places[:, 0], s=size, facecolors="none", edgecolors="0.75", linewidths=0.6)
    if known.any():
        shown = axes.scatter(
            places[known, 1], places[known, 0], s=size, c=numbers[known], norm=_scale(numbers[known]), cmap="viridis"
        )
        axes.figure.colorbar(shown, ax=axes, shrink=0.8, label=plate.outputs[output])
    for well, (row, column) in zip(wells, places, strict=True):
        if sign := _SIGNS.get(well.state, "" if well.state == USED else "o"):
            axes.text(column, row, sign, ha="center", va="center", fontsize=max(4, 90 / n_columns), color="#a01010")
    axes.set(xlim=(-0.6, n_columns - 0.4), ylim=(n_rows - 0.4, -0.6), aspect="equal")
    axes.set_xticks(range(n_columns), [str(k + 1) for k in range(n_columns)], fontsize=8 if n_columns < 24 else 5)
    axes.set_yticks(range(n_rows), [row_name(k) for k in range(n_rows)], fontsize=8 if n_rows < 16 else 5)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)


def _draw_table(axes: Axes, wells: list[Well], output: int, plate: Plate) -> None:
    """A table without wells: the signal over the first dose, or in the table's order."""
    used = [well for well in wells if well.y[output] is not None]
    across = [well.x[0] if plate.inputs and well.x[0] is not None else k for k, well in enumerate(used)]
    axes.scatter(across, [well.y[output] for well in used], s=14)
    if plate.inputs and max(across, default=0) > 0:
        axes.set_xscale("symlog", linthresh=min(dose for dose in across if dose > 0))
    axes.set(xlabel=plate.inputs[0].label if plate.inputs else "row", ylabel=plate.outputs[output])
