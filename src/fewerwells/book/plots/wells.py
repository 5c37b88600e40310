"""Figures of the choice of wells: a round on the plane of inputs, what wells are worth, ratios of designs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from fewerwells.book.plots.style import ARM_COLOURS, GROUP_COLOURS, plain_logarithmic

CHOSEN, DRAWN = ARM_COLOURS["transfer"], ARM_COLOURS["scratch"]
_MARKS = ("o", "s", "^", "D", "v", "P")


def _copies(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.unique(x, axis=0, return_counts=True)


def plot_round(ax: Axes, before: np.ndarray, chosen: np.ndarray, candidates: np.ndarray, worth: np.ndarray) -> None:
    """A round on the plane of inputs: what each candidate would teach (shade), wells so far, the wells chosen next.

    Args:
        ax: where to draw.
        before: wells so far, (N, 2), nM.
        chosen: the next ones, (n, 2), nM; wells that are filled several times are numbered by how often.
        candidates: (M, 2), nM, a whole grid.
        worth: of each candidate by itself, (M,), nM.
    """
    side = round(len(candidates) ** 0.5)
    low, high = candidates.min(), candidates.max()
    shade = ax.imshow(
        worth.reshape(side, side).T, origin="lower", extent=(low, high, low, high), cmap="Greys", vmin=0, aspect="equal"
    )
    ax.figure.colorbar(shade, ax=ax, label="by how much it would lower\nthe expected error (nM)")
    ax.plot(*before.T, "o", color="white", markeredgecolor="black", markersize=5, label="wells so far", clip_on=False)
    wells, counts = _copies(chosen)
    ax.plot(*wells.T, "s", color=CHOSEN, markersize=10, label="chosen next", clip_on=False)
    for well, count in zip(wells, counts, strict=True):
        if count > 1:
            ax.annotate(str(count), well, color="white", ha="center", va="center", fontsize=8, annotation_clip=False)
    ax.set(xlabel="x₁ (nM)", ylabel="x₂ (nM)")


def _mark(ax: Axes, wells: float, place: float, ends: tuple[float, float], mark: str, size: float) -> None:
    """A mark at a number, 0 or infinite where the curve ended before: hollow at that end, with an arrow on."""
    end, beyond = np.clip(wells, *ends), {0: -1, np.inf: 1}.get(wells, 0)
    ax.plot(end, place, mark, color=CHOSEN, markersize=size, fillstyle="none" if beyond else "full")
    if beyond:
        ax.plot(end * 1.25**beyond, place, "<" if beyond < 0 else ">", color=CHOSEN, markersize=3)


def plot_worth(found: pd.DataFrame, ax: Axes, ceilings: dict[str, float]) -> None:
    """How many random wells one chosen well is worth, by target, with 95 % intervals and the most that is possible.

    Where the random wells end before, the mark lies on that end, hollow, and an arrow points on.

    Args:
        found: rows of `wells_saved.chosen_against_random` of one domain.
        ax: where to draw.
        ceilings: for each target what `wells_saved.ceiling` says.
    """
    for position, row in enumerate(found.itertuples()):
        low, high = np.clip([row.low, row.high], row.limit_low, row.limit_high)
        ax.hlines(position, low, high, color=CHOSEN, linewidth=4)
        _mark(ax, row.k, position, (row.limit_low, row.limit_high), "o", 6)
        ax.plot(ceilings[row.target], position, "|", color="black", markersize=16, markeredgewidth=2)
    ax.axvline(1, color="grey", linewidth=1)
    ax.axvline(2, color="grey", linewidth=1, linestyle=":")
    ax.set_yticks(range(len(found)), found["target"])
    ax.set_ylim(len(found) - 0.5, -0.5)
    ax.set_xscale("log")
    plain_logarithmic(ax.xaxis)
    ax.set_xlabel("random wells that\none chosen well is worth")


def plot_ratios(rows: pd.DataFrame, ax: Axes, by: str) -> None:
    """Ratios of errors with 95 % intervals, a row for each value of `by`, a mark for each target.

    Args:
        rows: columns `target`, `value`, `low`, `high` and the one named.
        ax: where to draw.
        by: the column that makes the rows.
    """
    groups = list(dict.fromkeys(rows[by]))
    targets = list(dict.fromkeys(rows["target"]))
    for index, target in enumerate(targets):
        part = rows[rows["target"] == target]
        position = np.array([groups.index(value) for value in part[by]]) + 0.7 * ((index + 0.5) / len(targets) - 0.5)
        ax.hlines(position, part["low"], part["high"], color=GROUP_COLOURS["rival"], alpha=0.6, linewidth=2)
        mark = _MARKS[index % len(_MARKS)]
        ax.plot(part["value"], position, mark, color=GROUP_COLOURS["rival"], markersize=5, label=target)
    ax.axvline(1, color="grey", linewidth=1)
    ax.set_yticks(range(len(groups)), groups)
    ax.set_ylim(len(groups) - 0.5, -0.5)
    ax.set_xscale("log")
    plain_logarithmic(ax.xaxis)


def plot_exchange(rows: pd.DataFrame, ax: Axes) -> None:
    """Error against the number of a plate's wells that were moved outside, for two ways to learn.

    Args:
        rows: columns `learner` ("transfer" and "scratch"), `outside`, `value`, `low`, `high`, nM.
        ax: where to draw.
    """
    for learner, part in rows.groupby("learner", sort=False):
        colour = ARM_COLOURS[learner]
        ax.fill_between(part["outside"], part["low"], part["high"], color=colour, alpha=0.25, linewidth=0)
        ax.plot(part["outside"], part["value"], "o-", color=colour, label=learner, markersize=4)
    ax.set(xlabel="wells of the plate outside 0–10 nM", ylabel="L1 error (nM)", yscale="log")
    plain_logarithmic(ax.yaxis)


def plot_wells_needed(found: pd.DataFrame, ax: Axes, plate: int) -> None:
    """How many wells each way of using a simulation takes to be as good as a network from scratch with one plate.

    A mark a target with its 95 % interval; where a curve ends before it gets there, the mark lies on its end, hollow,
    and an arrow points on.

    Args:
        found: rows of `wells_saved.wells_needed`.
        ax: where to draw.
        plate: the wells of the network from scratch.
    """
    ways, targets = list(dict.fromkeys(found["way"])), list(dict.fromkeys(found["target"]))
    for index, target in enumerate(targets):
        part = found[found["target"] == target]
        position = np.array([ways.index(way) for way in part["way"]]) + 0.7 * ((index + 0.5) / len(targets) - 0.5)
        ends = [part["fewest"], part["most"]]
        ax.hlines(position, part["low"].clip(*ends), part["high"].clip(*ends), color=CHOSEN, alpha=0.5, linewidth=2)
        mark = _MARKS[index % len(_MARKS)]
        for place, row in zip(position, part.itertuples(), strict=True):
            _mark(ax, row.wells, place, (row.fewest, row.most), mark, 5)
        ax.plot([], [], mark, color=CHOSEN, markersize=5, label=target)
    ax.axvline(plate, color=DRAWN, linewidth=1.5)
    ax.set_yticks(range(len(ways)), ways)
    ax.set_ylim(len(ways) - 0.5, -0.5)
    ax.set_xscale("log")
    plain_logarithmic(ax.xaxis)
    ax.set_xlabel(f"wells, to be as good\nas scratch with {plate}")
