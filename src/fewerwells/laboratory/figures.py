"""Figures of an answer: the prediction with its interval over the doses, errors over numbers of wells."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from fewerwells.laboratory.answering import PlateAnswer
from fewerwells.laboratory.curves import Curves

_COLOURS = {"equations": "#1b6ca8", "transfer": "#c05a00", "from scratch": "#777777"}


def surface(learnt: PlateAnswer, grid: np.ndarray, index: int) -> Figure:
    """One output over the doses: a curve with its interval, or a map and the width of its interval.

    Args:
        learnt: the answer.
        grid: doses (M, inputs) in the plate's units; for two inputs a full grid, the second input running fastest.
        index: of the output.
    """
    middle, low, high = (part[:, index] for part in learnt.predict(grid))
    beyond = learnt.beyond(grid)
    if len(learnt.plate.inputs) == 1:
        return _curve(learnt, grid[:, 0], (middle, low, high), beyond, index)
    return _maps(learnt, grid, (middle, low, high), beyond, index)


def _threshold(doses: np.ndarray) -> float:
    return float(doses[doses > 0].min(initial=1.0))


def _curve(learnt: PlateAnswer, doses, ends, beyond, index: int) -> Figure:
    figure = Figure(figsize=(7.2, 3.8), layout="constrained")
    axes = figure.subplots()
    middle, low, high = ends
    axes.fill_between(
        doses, low, high, color="#1b6ca8", alpha=0.2, lw=0, label="95 % interval of the noise-free output"
    )
    axes.plot(doses, np.where(beyond, np.nan, middle), color="#1b6ca8", label="prediction")
    axes.plot(doses, np.where(beyond, middle, np.nan), color="#1b6ca8", ls=":", label="beyond the measured doses")
    if learnt.plate.wells:
        axes.plot(learnt.plate.x[:, 0], learnt.plate.y[:, index], "o", ms=3.5, color="0.25", label="wells")
    axes.set_xscale("symlog", linthresh=_threshold(doses))
    axes.set(xlabel=learnt.plate.inputs[0].label, ylabel=learnt.plate.outputs[index])
    handles, labels = axes.get_legend_handles_labels()
    shown = [k for k, label in enumerate(labels) if label != "beyond the measured doses" or beyond.any()]
    axes.legend([handles[k] for k in shown], [labels[k] for k in shown], fontsize=8, frameon=False)
    return figure


def _maps(learnt: PlateAnswer, grid, ends, beyond, index: int) -> Figure:
    figure = Figure(figsize=(9.6, 4.0), layout="constrained")
    middle, low, high = ends
    first, second = np.unique(grid[:, 0]), np.unique(grid[:, 1])
    shape = len(first), len(second)
    panels = [(middle, "prediction"), ((high - low) / 2, "half the width of its 95 % interval")]
    for axes, (numbers, title) in zip(figure.subplots(1, 2), panels, strict=True):
        across, up = np.arange(shape[0]), np.arange(shape[1])
        shown = axes.pcolormesh(across, up, numbers.reshape(shape).T, cmap="viridis", shading="nearest")
        figure.colorbar(shown, ax=axes)
        out = beyond.reshape(shape).T
        if out.any():
            axes.contourf(across, up, out, levels=[0.5, 1.5], colors="none", hatches=["///"])
            title += " (hatched: beyond the measured doses)"
        axes.set_title(title, loc="left", fontsize=9)
        every_x, every_y = max(1, shape[0] // 6), max(1, shape[1] // 6)
        axes.set_xticks(across[::every_x], [f"{dose:.3g}" for dose in first[::every_x]], fontsize=8)
        axes.set_yticks(up[::every_y], [f"{dose:.3g}" for dose in second[::every_y]], fontsize=8)
        axes.set(xlabel=learnt.plate.inputs[0].label, ylabel=learnt.plate.inputs[1].label)
    figure.suptitle(learnt.plate.outputs[index], x=0.01, ha="left", fontsize=11)
    return figure


def errors_over_wells(curves: Curves, output: str) -> Figure:
    """Errors on held-out doses over the number of wells learnt from, one line a way to learn."""
    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    axes = figure.subplots()
    for name, errors in curves.errors.items():
        middle = np.exp(np.log(errors).mean(axis=1))
        spread = np.exp(np.log(errors).std(axis=1, ddof=1) / np.sqrt(errors.shape[1]))
        axes.plot(curves.sizes, middle, "o-", ms=4, color=_COLOURS[name], label=name)
        axes.fill_between(curves.sizes, middle / spread, middle * spread, color=_COLOURS[name], alpha=0.15, lw=0)
    axes.set(xscale="log", yscale="log", xlabel="wells learnt from", ylabel=f"error of {output} on held-out doses")
    axes.set_xticks(curves.sizes, [str(size) for size in curves.sizes])
    axes.minorticks_off()
    axes.legend(fontsize=8, frameon=False)
    return figure
