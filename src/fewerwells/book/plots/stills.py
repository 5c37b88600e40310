"""Still versions of the interactive figures, for print and for readers without JavaScript."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from fewerwells.book.plots.results import NAMES, plot_surface
from fewerwells.book.plots.style import ARM_COLOURS, PALE, plain_logarithmic
from fewerwells.science.circuits import Circuit

SHARES = (0.25, 0.5, 0.75, 0.9)


def plot_circuit(circuit: Circuit, both: Sequence[Axes]) -> None:
    """Both outputs of a circuit over 0–20 nM, with lines where the same share of the resource is in use.

    Args:
        circuit: what to draw.
        both: one Axes for each output.
    """
    middles = (np.arange(80) + 0.5) / 4
    x = np.stack(np.meshgrid(middles, middles), axis=-1)
    y = circuit(x)
    share = (y / np.array(circuit.eta)).sum(axis=-1)
    for index, axes in enumerate(both):
        image = plot_surface(y[..., index], axes, limits=(0, circuit.largest_output))
        if not circuit.kind.shares_total:
            axes.contour(middles, middles, share, levels=SHARES, colors=PALE, linewidths=0.7)
        axes.set_title(f"y{'₁₂'[index]}")
    plt.colorbar(image, ax=list(both), label="nM", shrink=0.85)


def plot_race(paths: dict[str, list[tuple[int, float, float]]], ax: Axes) -> None:
    """Errors inside (solid) and outside (dashed) the small domain against the epoch, one colour an arm.

    Args:
        paths: for each arm a list of (epoch, error inside, error outside), errors in nM.
        ax: where to draw.
    """
    for arm, path in paths.items():
        epochs, inside, outside = zip(*path, strict=True)
        ax.plot(epochs, inside, color=ARM_COLOURS[arm], label=f"{NAMES[arm]}, inside")
        ax.plot(epochs, outside, color=ARM_COLOURS[arm], linestyle="--", label=f"{NAMES[arm]}, outside")
    ax.set_yscale("log")
    plain_logarithmic(ax.yaxis)
    ax.set(xlabel="epoch", ylabel="L1 error (nM)")
    ax.legend()
