"""The look of every figure: one palette (shared with the page's scripts), one set of matplotlib settings."""

from __future__ import annotations

import json
from importlib.resources import files

import matplotlib as mpl
from matplotlib.axis import Axis
from matplotlib.ticker import Formatter, FuncFormatter

PALETTE: dict = json.loads(files("fewerwells.book").joinpath("palette.json").read_text(encoding="utf-8"))
ARM_COLOURS: dict[str, str] = PALETTE["arms"]
GROUP_COLOURS: dict[str, str] = PALETTE["groups"]
WINNER_COLOURS: dict[str, str] = PALETTE["winners"]
# Pale and dark, on a picture or a filled shape; pages in the dark theme turn plain white and black round, and not these.
ON_PICTURE = PALE, DARK = "#fefefe", "#010101"


def use_style() -> None:
    """Set matplotlib up for the book: SVG figures on white, colour-blind safe, quiet axes. Chapters call it once."""
    mpl.rcParams.update(
        {
            "figure.figsize": (7.2, 3.6),
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "savefig.facecolor": "white",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.labelsize": 10,
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
            "legend.fontsize": 9,
            "legend.edgecolor": "none",
            "legend.framealpha": 0.75,  # legible where it has to stand on a band or a bar
            "font.size": 10,
            "lines.linewidth": 1.8,
            "svg.hashsalt": "fewerwells",
            "figure.dpi": 144,
        }
    )
    try:
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:  # outside Jupyter
        return
    set_matplotlib_formats("svg")


class _BetweenPowers(Formatter):
    """Numbers between the powers of ten: those with 2 and 5, and all of them where an axis spans little."""

    def __call__(self, value, position=None) -> str:
        low, high = sorted(self.axis.get_view_interval())
        return f"{value:g}" if high < 5 * low or f"{value:e}"[0] in "25" else ""


def plain_logarithmic(axis: Axis) -> None:
    """A logarithmic axis with plain numbers on it; the axes' scale is set by the caller."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(_BetweenPowers())
    axis.set_tick_params(which="minor", labelsize=8)
