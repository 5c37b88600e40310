"""Figures of measured systems: errors over numbers of wells, and what a start is worth."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from fewerwells.book.plots.style import ARM_COLOURS, GROUP_COLOURS, PALETTE, WINNER_COLOURS, plain_logarithmic

LEARNERS = {  # drawn over the number of wells: name → colour
    "equations": WINNER_COLOURS["fit, library without truth"],
    "simple equation": PALETTE["muted"],
    "Gaussian process": WINNER_COLOURS["Gaussian process, log inputs"],
    "transfer": ARM_COLOURS["transfer"],
    "from scratch": ARM_COLOURS["scratch"],
    "transfer, measured": GROUP_COLOURS["remedy"],
    "published": WINNER_COLOURS["Gaussian process on fit"],
    "as published": PALETTE["truth"],
}
_SIZES = (  # mark and colour of a number of wells, from few to all: the more, the stronger, on either theme
    ("o", PALETTE["muted"]),
    ("s", WINNER_COLOURS["Gaussian process, log inputs"]),
    ("^", ARM_COLOURS["transfer"]),
    ("D", PALETTE["truth"]),
)


def plot_errors(summary: pd.DataFrame, ax: Axes, floor: float | None) -> None:
    """Errors of one system over the number of wells, a line a learner, its 95 % interval as a band.

    Args:
        summary: `statistics.geometric_summary` by `arm` and `N`.
        ax: where to draw.
        floor: the standard error of what is predicted, drawn as a line; None where it is unknown.
    """
    for arm, colour in LEARNERS.items():
        part = summary[summary["arm"] == arm].sort_values("N")
        if len(part):
            ax.plot(part["N"], part["value"], "o-", color=colour, markersize=3, linewidth=1.4, label=arm)
            ax.fill_between(part["N"], part["low"], part["high"], color=colour, alpha=0.12, linewidth=0)
    if floor is not None:
        ax.axhline(floor, color="black", linewidth=1, linestyle=":", label="standard error of the means")
    ax.set(xscale="log", yscale="log")
    sizes = sorted(set(summary["N"]))
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.xaxis.set_minor_locator(NullLocator())
    plain_logarithmic(ax.yaxis)


def plot_starts(found: pd.DataFrame, ax: Axes) -> None:
    """Ratios of errors with their 95 % intervals: a row a system, a mark a number of wells.

    Args:
        found: columns `system`, `wells`, `value` (the ratio), `low` and `high`.
        ax: where to draw.
    """
    systems, sizes = (list(dict.fromkeys(found[name])) for name in ("system", "wells"))
    for index, size in enumerate(sizes):
        part = found[found["wells"] == size]
        position = np.array([systems.index(name) for name in part["system"]])
        position = position + 0.7 * ((index + 0.5) / len(sizes) - 0.5)
        mark, colour = _SIZES[index % len(_SIZES)]
        ax.hlines(position, part["low"], part["high"], color=colour, linewidth=2)
        ax.plot(part["value"], position, mark, color=colour, markersize=5, label=f"{size} wells")
    ax.axvline(1, color="grey", linewidth=1)
    ax.set_yticks(range(len(systems)), systems)
    ax.set_ylim(len(systems) - 0.5, -0.5)
    ax.set_xscale("log")
    plain_logarithmic(ax.xaxis)
