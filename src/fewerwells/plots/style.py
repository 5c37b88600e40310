"""The look of every figure: one palette (shared with the page's scripts), one set of matplotlib settings."""

from __future__ import annotations

import json
from importlib.resources import files

import matplotlib as mpl

PALETTE: dict = json.loads(files("fewerwells").joinpath("palette.json").read_text(encoding="utf-8"))
ARM_COLOURS: dict[str, str] = PALETTE["arms"]
GROUP_COLOURS: dict[str, str] = PALETTE["groups"]
WINNER_COLOURS: dict[str, str] = PALETTE["winners"]


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
            "legend.frameon": False,
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
