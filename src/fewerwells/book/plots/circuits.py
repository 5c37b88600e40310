"""Figures of the circuits themselves: what n does, isocost lines, the origin of the cycle, ways out of the family."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from fewerwells.book.plots.style import PALETTE


def plot_hill_curves(x: np.ndarray, curves: dict[str, np.ndarray], ax: Axes) -> None:
    """One output against one input, a curve for each Hill coefficient.

    Args:
        x: the input, shape (M,), nM.
        curves: label → output, shape (M,), nM.
        ax: where to draw.
    """
    strengths = np.linspace(0.45, 1.0, len(curves))
    for (label, y), strength in zip(curves.items(), strengths, strict=True):
        ax.plot(x, y, color=PALETTE["outputs"][0], alpha=strength, linewidth=1.2 + 1.4 * strength, label=label)
    ax.axvspan(0, 10, color=PALETTE["muted"], alpha=0.12, linewidth=0)
    ax.annotate("small domain", (0.3, 0.97), xycoords=("data", "axes fraction"), va="top", fontsize=9)
    ax.set(xlim=(0, x.max()), ylim=(0, None), xlabel="x₁ (nM)", ylabel="y₁ (nM)")
    ax.legend(loc="lower right")


def plot_isocost(lines: dict[str, np.ndarray], ax: Axes, *, limit: tuple[float, float]) -> None:
    """Outputs reachable with the same total demand: straight lines in the plane of the two outputs.

    Args:
        lines: label → outputs (M, 2), nM, that share one total demand S.
        ax: where to draw.
        limit: the largest outputs (η₁, η₂), nM; the line between them is never reached.
    """
    strengths = np.linspace(0.45, 1.0, len(lines))
    for (label, y), strength in zip(lines.items(), strengths, strict=True):
        ax.plot(y[:, 0], y[:, 1], "o", color=PALETTE["outputs"][0], alpha=strength, markersize=3.5, label=label)
    ax.plot([limit[0], 0], [0, limit[1]], color=PALETTE["truth"], linestyle="--", linewidth=1, label="S → ∞")
    ax.set(xlim=(0, limit[0] * 1.03), ylim=(0, limit[1] * 1.03), xlabel="y₁ (nM)", ylabel="y₂ (nM)")
    ax.legend()


def plot_rays(distance: np.ndarray, rays: dict[str, np.ndarray], ax: Axes) -> None:
    """An output along straight lines out of the origin: flat lines mean that only the ratio of inputs counts.

    Args:
        distance: from the origin, shape (M,), nM.
        rays: label → output, shape (M,), nM.
        ax: where to draw.
    """
    strengths = np.linspace(0.45, 1.0, len(rays))
    for (label, y), strength in zip(rays.items(), strengths, strict=True):
        ax.plot(distance, y, color=PALETTE["outputs"][0], alpha=strength, linewidth=2)
        ax.annotate(
            label, (distance[-1], y[-1]), (0, 3), textcoords="offset points", ha="right", va="bottom", fontsize=9
        )
    top = 1.2 * max(y.max() for y in rays.values())  # room for the highest label
    ax.set(xlim=(0, distance.max()), ylim=(0, top), xlabel="distance from the origin (nM)", ylabel="y₁ (nM)")


def plot_departure(line: np.ndarray, ax: Axes, *, in_use: np.ndarray) -> None:
    """How far a circuit departs from the family as a parameter of its own changes, with the value in use marked.

    Args:
        line: (M, 3): the parameter's values, and the largest departures from the member with the same parameters and
            from the refitted member, as shares of the largest output.
        ax: where to draw.
        in_use: the same three numbers, shape (3,), for the value in use.
    """
    for column, style, label in ((1, "-", "same θ, η and n"), (2, "--", "refitted")):
        ax.plot(line[:, 0], line[:, column], style, color=PALETTE["outputs"][0], label=label)
        ax.plot(in_use[0], in_use[column], "o", color=PALETTE["outputs"][0], markersize=5)
    ax.set(xscale="log", ylim=(0, 1))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
