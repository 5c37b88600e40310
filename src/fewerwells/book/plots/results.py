"""Figures of results: learning curves, bars by volume and by target, data equivalence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from fewerwells.book.plots.style import ARM_COLOURS, DARK, PALE, PALETTE, plain_logarithmic, use_style
from fewerwells.science.datasets import BIG, Pairs

MARKERS = {"transfer": "o", "scratch": "s", "oracle": "D"}
NAMES = {"transfer": "transfer", "scratch": "from scratch", "oracle": "oracle"}


def _wells_axis(ax: Axes, volumes, label: str = "real pairs N (wells)") -> None:
    ax.set_xscale("log")
    ax.set_xticks(volumes)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v / 1000:g}k" if v >= 1000 else f"{v:g}"))
    ax.tick_params(axis="x", labelrotation=45 if len(volumes) > 8 else 0)
    ax.set_xlabel(label)


def _plain_log_y(ax: Axes) -> None:
    ax.set_yscale("log")
    plain_logarithmic(ax.yaxis)


def plot_learning_curves(summary: pd.DataFrame, ax: Axes, *, oracle: pd.DataFrame | None = None) -> None:
    """Error against volume for every arm of a summary: line = centre, dark band = 95 % interval, light band = spread.

    Args:
        summary: `statistics.geometric_summary` by arm and N (errors in nM).
        ax: where to draw.
        oracle: the oracle's row of such a summary, drawn as a level.
    """
    for arm, part in summary.groupby("arm", sort=False):
        part, colour = part.sort_values("N"), ARM_COLOURS[arm]
        ax.fill_between(part["N"], part["spread_low"], part["spread_high"], color=colour, alpha=0.13, linewidth=0)
        ax.fill_between(part["N"], part["low"], part["high"], color=colour, alpha=0.35, linewidth=0)
        ax.plot(part["N"], part["value"], color=colour, marker=MARKERS[arm], markersize=4.5, label=NAMES[arm])
    if oracle is not None and len(oracle):
        level = oracle.iloc[0]
        if np.isfinite(level["high"]):  # of a single seed the interval is open, and Matplotlib draws no endless band
            ax.axhspan(level["low"], level["high"], color=ARM_COLOURS["oracle"], alpha=0.3, linewidth=0)
        ax.axhline(
            level["value"], color=ARM_COLOURS["oracle"], linestyle="--", label=f"oracle ({level['N']:,} on 0–20 nM)"
        )
    _wells_axis(ax, sorted(summary["N"].unique()))
    _plain_log_y(ax)
    ax.set_ylabel("L1 error (nM)")


def plot_small_multiples(rows: Sequence[Sequence[tuple[str, pd.DataFrame]]]) -> Figure:
    """A grid of learning curves on common axes with one key below; rows may differ in length.

    Args:
        rows: for each row its panels: a title and `statistics.geometric_summary` by arm and N (errors in nM).
    """
    # axes that Matplotlib shares ask each other at every tick: with fifteen of them that is a quarter of the time to draw
    figure, panels = plt.subplots(len(rows), max(map(len, rows)), figsize=(9.6, 2.3 * len(rows) + 0.8), squeeze=False)
    drawn = [axes for row, height in zip(panels, rows, strict=True) for axes in row[: len(height)]]
    for axes in panels.flat:
        axes.set_axis_off()
    for height, row in enumerate(rows):
        for column, (axes, (title, summary)) in enumerate(zip(panels[height], row, strict=False)):
            axes.set_axis_on()
            is_oracle = summary["arm"] == "oracle"
            plot_learning_curves(summary[~is_oracle], axes, oracle=summary[is_oracle])
            axes.set_title(title, fontsize=9)
            if column > 0:
                axes.set_ylabel("")
            is_lowest = all(len(lower) <= column for lower in rows[height + 1 :])
            axes.tick_params(labelbottom=is_lowest)
            axes.tick_params(which="both", labelleft=column == 0)
            if not is_lowest:
                axes.set_xlabel("")
    limits = np.array([(axes.get_xlim(), axes.get_ylim()) for axes in drawn])
    (left, right), (bottom, top) = zip(limits[..., 0].min(axis=0), limits[..., 1].max(axis=0), strict=True)
    for axes in panels.flat:
        axes.set(xlim=(left, right), ylim=(bottom, top))
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def plot_answer(summary: pd.DataFrame, ax: Axes) -> None:
    """The book's main figure: learning curves of transfer and scratch with the oracle's level.

    Args:
        summary: `statistics.geometric_summary` by arm and N, oracle included (errors in nM).
        ax: where to draw.
    """
    plot_learning_curves(summary[summary["arm"] != "oracle"], ax, oracle=summary[summary["arm"] == "oracle"])
    ax.legend()


def save_answer(summary: pd.DataFrame, path: Path) -> None:
    """Write `plot_answer` to an SVG file."""
    use_style()
    figure = Figure(figsize=(7.2, 3.9), layout="constrained")
    plot_answer(summary, figure.subplots())
    figure.savefig(path, metadata={"Date": None})


def plot_bars(summary: pd.DataFrame, ax: Axes, *, by: str) -> None:
    """Bars of the error side by side for each arm, one group a value of `by`; whiskers are 95 % intervals.

    Args:
        summary: `statistics.geometric_summary` by arm and `by` (errors in nM).
        ax: where to draw.
        by: the column that makes groups, "N" or "target".
    """
    groups = list(dict.fromkeys(summary[by]))
    arms = list(dict.fromkeys(summary["arm"]))
    width = 0.8 / len(arms)
    for position, arm in enumerate(arms):
        part = summary[summary["arm"] == arm].set_index(by).reindex(groups)
        x = np.arange(len(groups)) + (position - (len(arms) - 1) / 2) * width
        whiskers = np.abs(part[["low", "high"]].to_numpy().T - part["value"].to_numpy())
        ax.bar(x, part["value"], width * 0.94, color=ARM_COLOURS[arm], label=NAMES[arm])
        ax.errorbar(x, part["value"], yerr=whiskers, fmt="none", ecolor=PALETTE["truth"], elinewidth=1, capsize=2)
    labels = [f"{g:,}" if isinstance(g, (int, np.integer)) else str(g) for g in groups]
    crowded = len("".join(labels)) > 55  # letters that stand side by side without touching
    ax.set_xticks(
        range(len(groups)), labels, **({"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if crowded else {})
    )
    ax.set_ylabel("L1 error (nM)")


def plot_spread(summary: pd.DataFrame, ax: Axes) -> None:
    """How much single networks differ: standard deviation over seeds of the log error, against volume.

    Args:
        summary: `statistics.geometric_summary` by arm and N.
        ax: where to draw.
    """
    for arm, part in summary.groupby("arm", sort=False):
        part = part.sort_values("N")
        ax.plot(
            part["N"], part["log_sd"], color=ARM_COLOURS[arm], marker=MARKERS[arm], markersize=4.5, label=NAMES[arm]
        )
    _wells_axis(ax, sorted(summary["N"].unique()))
    ax.set_ylim(bottom=0)
    ax.set_ylabel("sd of log error over seeds")


def plot_dots(summary: pd.DataFrame, ax: Axes, *, by: str) -> None:
    """One row a group, one dot an arm, on a logarithmic error axis, with interval (dark) and spread (light).

    Args:
        summary: `statistics.geometric_summary` by arm and `by` (errors in nM).
        ax: where to draw.
        by: the column that makes rows.
    """
    groups = list(dict.fromkeys(summary[by]))
    arms = list(dict.fromkeys(summary["arm"]))
    for position, arm in enumerate(arms):
        part = summary[summary["arm"] == arm].set_index(by).reindex(groups)
        y = np.arange(len(groups)) + (position - (len(arms) - 1) / 2) * 0.24
        colour = ARM_COLOURS[arm]
        ax.hlines(y, part["spread_low"], part["spread_high"], color=colour, alpha=0.3, linewidth=3)
        ax.hlines(y, part["low"], part["high"], color=colour, linewidth=3)
        ax.plot(part["value"], y, MARKERS[arm], color=colour, markersize=5, label=NAMES[arm])
    ax.set_yticks(range(len(groups)), groups)
    ax.set_ylim(len(groups) - 0.5, -0.5)
    ax.set_xscale("log")
    plain_logarithmic(ax.xaxis)
    ax.set_xlabel("L1 error (nM)")


def plot_equivalence(equivalence: pd.DataFrame, ax: Axes) -> None:
    """k(N): wells from scratch that one well with pre-training is worth; open ends reach the edge of the grid.

    Args:
        equivalence: `equivalence.data_equivalence`.
        ax: where to draw.
    """
    colour = ARM_COLOURS["transfer"]
    volumes = equivalence["N"].to_numpy(float)
    floor, ceiling = equivalence["limit_low"].to_numpy(), equivalence["limit_high"].to_numpy()
    k = equivalence["k"].to_numpy()
    low, high = (np.clip(equivalence[name].to_numpy(), floor, ceiling) for name in ("low", "high"))
    ax.fill_between(volumes, ceiling, ceiling.max() * 2, color=PALETTE["muted"], alpha=0.15, linewidth=0)
    ax.vlines(volumes, low, high, color=colour, linewidth=2, alpha=0.6)
    inside = np.isfinite(k) & (k > 0)
    ax.plot(volumes[inside], k[inside], "o", color=colour, label="k(N), 95 % interval")
    above = np.isposinf(k)
    ax.plot(volumes[above], ceiling[above], "^", color=colour, mfc="white", label="more than the grid can show")
    below = k == 0
    ax.plot(volumes[below], floor[below], "v", color=colour, mfc="white", label="less than the grid can show")
    for level, text in ((1, "no gain"), (4, "75 % cut"), (10, "order of magnitude")):
        ax.axhline(level, color=PALETTE["truth"], linewidth=0.8, linestyle=":" if level > 1 else "-")
        ax.annotate(
            text,
            (0.02, level),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            fontsize=8,
        )
    _wells_axis(ax, volumes, "real pairs with pre-training, N (wells)")
    _plain_log_y(ax)
    ax.set_ylim(min(0.25, low[low > 0].min() * 0.8), ceiling[np.isfinite(ceiling)].max())
    ax.set_ylabel("wells from scratch\nper well with pre-training, k")


def plot_coverage(shares: pd.DataFrame, ax: Axes) -> None:
    """How often intervals held the truth, one row a question, beside the 95 % that they promise, give or take 2.

    Args:
        shares: `coverage.simulate`.
        ax: where to draw.
    """
    y = np.arange(len(shares))
    ax.axvspan(93, 97, color=PALETTE["muted"], alpha=0.25, linewidth=0)
    ax.axvline(95, color=PALETTE["truth"], linewidth=0.8)
    ax.hlines(y, 100 * shares["low"], 100 * shares["high"], color=ARM_COLOURS["transfer"], linewidth=2)
    ax.plot(100 * shares["share"], y, "o", color=ARM_COLOURS["transfer"])
    ax.set_yticks(y, shares["question"])
    ax.invert_yaxis()
    ax.set_xlabel("intervals that held the truth (%)")


def plot_surface(values: np.ndarray, ax: Axes, *, limits: tuple[float, float], difference: bool = False):
    """One output over the big domain as a colour map, with the small domain outlined.

    Args:
        values: (M, M), nM; rows are x₂, columns x₁, both from end to end.
        ax: where to draw.
        limits: colour range, nM.
        difference: whether the values are differences (diverging colours) instead of outputs.

    Returns:
        The mappable, for a colour bar.
    """
    image = ax.imshow(
        values,
        origin="lower",
        extent=(BIG.low, BIG.high, BIG.low, BIG.high),
        vmin=limits[0],
        vmax=limits[1],
        cmap=PALETTE["difference" if difference else "surface"],
        interpolation="bilinear",
    )
    outline = DARK if difference else PALE
    ax.plot([0, 10, 10], [10, 10, 0], color=outline, linewidth=1.2, linestyle="--")
    ax.set_xlabel("x₁ (nM)")
    ax.set_ylabel("x₂ (nM)")
    return image


def plot_pairs(pairs: Pairs, ax: Axes, *, limits: tuple[float, float]):
    """Inputs in the big domain as points coloured by the first output, with the small domain outlined.

    Args:
        pairs: inputs and outputs, nM.
        ax: where to draw.
        limits: colour range, nM.

    Returns:
        The mappable, for a colour bar.
    """
    size = 3 if len(pairs) > 300 else 16
    points = ax.scatter(*pairs.x.T, c=pairs.y[:, 0], s=size, cmap=PALETTE["surface"], vmin=limits[0], vmax=limits[1])
    points.set_rasterized(True)
    ax.plot([0, 10, 10], [10, 10, 0], color=PALETTE["truth"], linewidth=1.2, linestyle="--")
    both = (BIG.low, BIG.high)
    ax.set(xlim=both, ylim=both, xlabel="x₁ (nM)", ylabel="x₂ (nM)", aspect="equal")
    return points


def plot_error_path(path: list[tuple[int, float, float]], ax: Axes) -> None:
    """Errors inside and outside the small domain against the epoch.

    Args:
        path: (epoch, error inside, error outside), errors in nM.
        ax: where to draw.
    """
    epochs, inside, outside = zip(*path, strict=True)
    ax.plot(epochs, outside, color=ARM_COLOURS["scratch"], linestyle="--", label="outside, 10–20 nM: no wells")
    ax.plot(epochs, inside, color=ARM_COLOURS["scratch"], label="inside, 0–10 nM: wells")
    _plain_log_y(ax)
    ax.set(xlabel="epoch", ylabel="L1 error (nM)")
    ax.legend()


def plot_speeds(rows: list[dict], ax: Axes, *, limit: float) -> None:
    """Million sample-steps a second of each trainer as bars on a logarithmic axis.

    Args:
        rows: dictionaries with `trainer` and `million_sample_steps_per_second`.
        ax: where to draw.
        limit: what the processor could do at its peak, in the same unit, drawn as a line.
    """
    ordered = sorted(rows, key=lambda row: row["million_sample_steps_per_second"], reverse=True)
    speeds = [row["million_sample_steps_per_second"] for row in ordered]
    names = [row["trainer"] for row in ordered]
    ours = [name.startswith("fewerwells") for name in names]
    colours = [ARM_COLOURS["transfer"] if own else PALETTE["muted"] for own in ours]
    ax.barh(names, speeds, color=colours)
    for position, speed in enumerate(speeds):
        ax.annotate(
            f"{speed:.3g}",
            (speed, position),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},  # where the peak's line passes
        )
    ax.axvline(limit, color=PALETTE["truth"], linestyle=":")
    ax.annotate("peak", (limit, len(names) - 0.6), ha="right", va="center", fontsize=9, rotation=90)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    ax.invert_yaxis()
    ax.set_xlabel("million sample-steps a second")
