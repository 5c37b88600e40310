"""Figures of many arms: all of them side by side, the map of winners, random systems."""

from __future__ import annotations

from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from fewerwells.book.plots.style import (
    ARM_COLOURS,
    DARK,
    GROUP_COLOURS,
    PALE,
    PALETTE,
    WINNER_COLOURS,
    plain_logarithmic,
)
from fewerwells.study.across import AcrossSystems
from fewerwells.study.protocol import CONTROLS, REMEDIES, RIVALS


def arm_colour(arm: str) -> str:
    """An arm's own colour where it is one of the study's, else that of its group."""
    for group, arms in (("control", CONTROLS), ("remedy", REMEDIES), ("rival", RIVALS)):
        if arm in arms:
            return GROUP_COLOURS[group]
    return ARM_COLOURS[arm]


def _plain_log_x(ax: Axes) -> None:
    ax.set_xscale("log")
    plain_logarithmic(ax.xaxis)


def plot_arms(summary: pd.DataFrame, ax: Axes) -> None:
    """One row an arm: centre with its 95 % interval (dark) and the spread of single seeds (light), errors in nM.

    The errors of transfer and of the oracle are drawn as lines through all rows.

    Args:
        summary: `statistics.geometric_summary` by arm, in the order of the rows.
        ax: where to draw.
    """
    for position, row in enumerate(summary.itertuples()):
        colour = arm_colour(row.arm)
        ax.hlines(position, row.spread_low, row.spread_high, color=colour, alpha=0.3, linewidth=4)
        ax.hlines(position, row.low, row.high, color=colour, linewidth=4)
        ax.plot(row.value, position, "o", color=colour, markersize=5)
    for row in summary[summary["arm"].isin(["transfer", "oracle"])].itertuples():
        ax.axvline(row.value, color=ARM_COLOURS[row.arm], linewidth=1, linestyle=":")
    ax.set_yticks(range(len(summary)), summary["arm"])
    ax.set_ylim(len(summary) - 0.5, -0.5)
    _plain_log_x(ax)
    ax.set_xlabel("L1 error (nM)")


def plot_winner_map(found: pd.DataFrame, harm: pd.DataFrame, ax: Axes) -> None:
    """Who predicts best at every noise and number of wells, and where pre-training does harm.

    A field shows the winner's name and how often it beats the runner-up; it is faint where that interval holds one
    half. Lines across a field: transfer's error over 0–20 nM is larger than that of training from scratch. Dots: it is
    so inside 0–10 nM only. A field in which nobody wins, for want of errors, is empty and says "unknown".

    Args:
        found: `selection.winners` by noise and N on one target.
        harm: `selection.harmful` by noise and N on the same target.
        ax: where to draw.
    """
    noises, volumes = sorted(found["noise"].unique()), sorted(found["N"].unique())
    harm = harm.set_index(["noise", "N"])
    for row in found.itertuples():
        x, y = volumes.index(row.N), noises.index(row.noise)
        nobody = pd.isna(row.winner)
        clear = row.probability_low > 0.5
        face = "none" if nobody else to_rgba(WINNER_COLOURS[row.winner], 0.75 if clear else 0.3)
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=face, edgecolor="white", linewidth=1.5))
        whole, inside = harm.loc[(row.noise, row.N), ["whole", "inside"]]
        if whole or inside:
            hatch = "////" if whole else "..."
            box = Rectangle(
                (x - 0.5, y - 0.5), 1, 1, facecolor="none", edgecolor=PALETTE["truth"], hatch=hatch, linewidth=0
            )
            ax.add_patch(box)
        label = "unknown"
        if not nobody:
            name = wrap(row.winner.replace("Gaussian process", "GP"), 13, break_on_hyphens=False)
            label = "\n".join(name if np.isnan(row.probability) else [*name, f"{100 * row.probability:.0f} %"])
        box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.2}
        ax.text(x, y, label, ha="center", va="center", fontsize=7, bbox=box)
    ax.set(xlim=(-0.5, len(volumes) - 0.5), ylim=(-0.5, len(noises) - 0.5))
    ax.set_xticks(range(len(volumes)), [f"{n:,}" for n in volumes])
    ax.set_yticks(range(len(noises)), [f"{noise:g}" for noise in noises])
    ax.set(xlabel="real pairs N (wells)", ylabel="noise (nM)")
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)


def plot_systems(across: AcrossSystems, ax: Axes) -> None:
    """One dot a system: the ratio of two errors, with its interval over seeds, ordered by size; below, what follows.

    The two lowest rows hold the mean over systems with its 95 % interval, and where one more system may lie (95 %
    prediction interval).

    Args:
        across: `study.across.across_systems`.
        ax: where to draw.
    """
    ordered = across.systems.sort_values("ratio", ignore_index=True)
    y = np.arange(len(ordered))
    colours = [ARM_COLOURS["transfer"] if ratio < 1 else ARM_COLOURS["scratch"] for ratio in ordered["ratio"]]
    ax.hlines(y, ordered["low"], ordered["high"], color=colours, linewidth=3, alpha=0.5)
    ax.scatter(ordered["ratio"], y, color=colours, s=26, zorder=3)
    ax.axvline(1, color=PALETTE["truth"], linewidth=0.8)
    _plain_log_x(ax)
    left, right = ax.get_xlim()
    mean, coming = across.centre, across.next_system
    dark = PALETTE["truth"]
    ax.hlines(-1.5, mean.low, mean.high, color=dark, linewidth=3)
    ax.plot(mean.value, -1.5, "D", color=dark, markersize=5)
    widest = 100 * right / left  # two systems say next to nothing of a third, and would shrink all others to a dot
    shown = np.clip([coming.low, coming.high], left / widest, right * widest)
    ax.hlines(-2.5, *shown, color=dark, linewidth=3, alpha=0.3)
    ax.set_yticks([-2.5, -1.5, *y], ["one more system, 95 %", "mean of all", *ordered["system"]])


def plot_against_oracle(ratios: pd.DataFrame, ax: Axes):
    """Every arm (rows) on every target (columns): its error over the oracle's as a coloured field with the number.

    Args:
        ratios: errors over the oracle's, arms as index, targets as columns.
        ax: where to draw.

    Returns:
        The mappable, for a colour bar.
    """
    values, limit = np.log(ratios.to_numpy(float)), np.log(10)  # colours end at ten times as much, and at a tenth
    image = ax.imshow(values, cmap=PALETTE["difference"], vmin=-limit, vmax=limit, aspect="auto")
    for (row, column), ratio in np.ndenumerate(ratios.to_numpy(float)):
        dark = abs(np.log(ratio)) > 0.6 * limit
        ax.text(column, row, f"{ratio:.2g}", ha="center", va="center", fontsize=8, color=PALE if dark else DARK)
    names = [
        "\n".join(wrap(name.replace("–", "– "), 12, break_long_words=False)).replace("– ", "–")
        for name in ratios.columns
    ]
    ax.set_xticks(range(ratios.shape[1]), names, fontsize=7.5)
    ax.set_yticks(range(ratios.shape[0]), ratios.index)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    return image
