"""Figures of learners that know many circuits: what they are drawn from, what is read from a plate, errors over wells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from fewerwells.book.plots.style import ARM_COLOURS, PALETTE, WINNER_COLOURS, plain_logarithmic
from fewerwells.science.datasets import Pairs
from fewerwells.study.many_circuits import NEVER_SEEN

# Colour and line of each arm that is drawn over the number of wells.
LINES = {
    "transfer": (ARM_COLOURS["transfer"], "-"),
    "scratch": (ARM_COLOURS["scratch"], "-"),
    "Gaussian process, log inputs": (WINNER_COLOURS["Gaussian process, log inputs"], "-"),
    "fit, library": (PALETTE["groups"]["rival"], "-"),
    "fit, library without truth": (PALETTE["groups"]["rival"], "--"),
    "in-context network": (PALETTE["groups"]["remedy"], "-"),
    NEVER_SEEN: (PALETTE["groups"]["remedy"], "--"),
    "wide library": (PALETTE["groups"]["control"], "-"),
    "wide library, truth left out": (PALETTE["groups"]["control"], "--"),
}


def plot_draws(surfaces: np.ndarray, panels: Sequence[Axes]) -> None:
    """One output of several circuits, each over its own range of inputs and outputs.

    Args:
        surfaces: (P, m, m), nM, the first input fastest.
        panels: P Axes.
    """
    for surface, axes in zip(surfaces, panels, strict=True):
        axes.imshow(surface, origin="lower", cmap=PALETTE["surface"], aspect="equal")
        axes.set_xticks([])
        axes.set_yticks([])


def plot_reading(
    truth: np.ndarray, quantiles: Mapping[float, np.ndarray], wells: Pairs, panels: Sequence[Axes]
) -> None:
    """What is read from a plate over 0–20 nM: the truth with the wells, the median, the width of the 80 % interval.

    Args:
        truth: one output, (m, m), nM, the first input fastest.
        quantiles: of the same output by their level; 0.1, 0.5 and 0.9 are drawn.
        wells: what was measured.
        panels: three Axes.
    """
    width = quantiles[0.9] - quantiles[0.1]
    shown = {"the truth, and the wells": truth, "median": quantiles[0.5], "width of the 80 % interval": width}
    for (title, values), axes in zip(shown.items(), panels, strict=True):
        high = width.max() if values is width else truth.max()
        image = axes.imshow(
            values, origin="lower", extent=(0, 20, 0, 20), cmap=PALETTE["surface"], vmin=0, vmax=high, aspect="equal"
        )
        axes.plot([0, 10, 10], [10, 10, 0], color="white", linestyle="--", linewidth=1)
        axes.set(title=title, xlabel="x₁ (nM)")
        axes.figure.colorbar(image, ax=axes, label="nM", shrink=0.8)
    panels[0].plot(*wells.x.T, ".", color="white", markeredgecolor="black", markersize=6, markeredgewidth=0.5)
    panels[0].set_ylabel("x₂ (nM)")


def plot_over_wells(summary: pd.DataFrame, ax: Axes) -> None:
    """Errors of several arms over the number of wells, with bands that hold the centre with 95 %.

    Args:
        summary: `statistics.geometric_summary` by arm and N, errors in nM.
        ax: where to draw.
    """
    for arm, part in summary.sort_values("N", kind="stable").groupby("arm", sort=False):
        colour, line = LINES[arm]
        ax.fill_between(part["N"], part["low"], part["high"], color=colour, alpha=0.15, linewidth=0)
        ax.plot(part["N"], part["value"], color=colour, linestyle=line, marker=".", label=arm)
    ax.set(xscale="log", yscale="log", xlabel="wells")
    ax.set_xticks(sorted(summary["N"].unique()), [f"{n:g}" for n in sorted(summary["N"].unique())])
    ax.set_xticks([], minor=True)
    plain_logarithmic(ax.yaxis)
