"""Figures for what the study remarks in passing: that transfer fades with distance, and that scratch overfits."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from fewerwells.book.plots.style import ARM_COLOURS, PALETTE, plain_logarithmic

REGIONS = {"inside": (PALETTE["outputs"][0], "o", "-"), "outside": (PALETTE["outputs"][1], "s", "--")}


def plot_fading(ratios: pd.DataFrame, ax: Axes) -> None:
    """What pre-training is worth as the real system moves away: transfer's error over scratch's, against distance.

    Args:
        ratios: `study.fading.worth_by_distance`.
        ax: where to draw.
    """
    for region, part in ratios.groupby("region", sort=False):
        colour, marker, line = REGIONS[region]
        part = part.sort_values("distance")
        ax.vlines(part["distance"], part["low"], part["high"], color=colour, linewidth=2.5, alpha=0.5)
        joined, apart = part[part["in_line"]], part[~part["in_line"]]
        ax.plot(joined["distance"], joined["value"], line, marker=marker, color=colour, markersize=5, label=region)
        ax.plot(apart["distance"], apart["value"], marker, color=colour, markersize=6, mfc="white")
    for target, part in ratios.groupby("target", sort=False):
        above = bool(part["in_line"].all())  # two targets may be equally far
        ax.annotate(
            target.replace(" ", "\n") if not above else target,
            (part["distance"].iloc[0], part["high"].max() if above else part["low"].min()),
            (0, 5 if above else -5),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            fontsize=8.5,
        )
    ax.axhline(1, color=PALETTE["truth"], linewidth=0.8)
    ax.set_yscale("log")
    plain_logarithmic(ax.yaxis)
    low, high = ax.get_ylim()
    ax.set_ylim(low / 1.3, high * 1.3)  # room for the names
    ax.margins(x=0.08)
    ax.set(xlabel="error of the simulation itself (nM)", ylabel="error of transfer / from scratch")


def plot_own_and_new(errors: pd.DataFrame, ax: Axes, *, noise: float | None) -> None:
    """The error on a network's own wells and on new ones against their number, with what noise alone would make.

    Args:
        errors: `statistics.geometric_summary` by `wells` ("own", "new") and `N` (nM).
        ax: where to draw.
        noise: mean absolute noise of a measurement, nM; None where it is not one number.
    """
    for wells, line, name in (("new", "--", "new wells"), ("own", "-", "its own wells")):
        part = errors[errors["wells"] == wells].sort_values("N")
        colour = ARM_COLOURS["scratch"]
        ax.fill_between(part["N"], part["low"], part["high"], color=colour, alpha=0.25, linewidth=0)
        ax.plot(part["N"], part["value"], line, marker="s", color=colour, markersize=4.5, label=name)
    if noise:
        ax.axhline(noise, color=PALETTE["truth"], linewidth=0.8, linestyle=":", label="the noise alone")
    ax.set(xscale="log", yscale="log", xlabel="real pairs N (wells)", ylabel="difference from the measured (nM)")
    volumes = sorted(errors["N"].unique())
    ax.set_xticks(volumes, [f"{n:,}" for n in volumes])
    ax.xaxis.set_minor_locator(NullLocator())
    plain_logarithmic(ax.yaxis)
