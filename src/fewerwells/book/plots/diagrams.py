"""Diagrams drawn by code: the central dogma, the three circuits of the study and the three outside their family.

Every diagram fills its Axes with a drawing board `WIDTH` units wide, at `UNIT` inches a unit, so that line weights,
boxes and letters are the same in all of them. Index 1 has one colour and index 2 the other, for inputs and outputs
alike: circles are inputs, rounded boxes outputs.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Polygon

from fewerwells.book.plots.style import PALE, PALETTE

WIDTH = 108.0  # units across
UNIT = 0.05  # inches
INK, MUTED, COLOURS = PALETTE["truth"], PALETTE["muted"], PALETTE["outputs"]
LINE = 1.6  # points
GAP = 1.6  # units between an arrow and what it leaves or meets
RADIUS = 5.5  # units, of an input
BOX = (15.0, 11.0)  # units, width and height of an output


def drawing_board(height: float, panels: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of the right size for diagrams.

    Args:
        height: of each panel, units.
        panels: stacked panels.

    Returns:
        The figure and its Axes from top to bottom.
    """
    figure, axes = plt.subplots(panels, 1, figsize=(WIDTH * UNIT, height * UNIT * panels), squeeze=False, layout="none")
    figure.subplots_adjust(0, 0, 1, 1, hspace=0)
    for ax in axes[:, 0]:
        ax.set_ylim(0, height)
    return figure, list(axes[:, 0])


def _prepare(ax: Axes, height: float, title: str = "") -> None:
    ax.set(xlim=(0, WIDTH), ylim=(0, height), aspect="equal")
    ax.axis("off")
    if title:
        ax.text(1.5, height - 1.5, title, ha="left", va="top", fontsize=11.5, fontweight="bold", color=INK)


def _tint(colour: str, strength: float = 0.2) -> tuple[float, ...]:
    """A colour mixed with white."""
    return tuple(1 - strength * (1 - np.array(to_rgb(colour))))


def _label(ax: Axes, at: tuple[float, float], text: str, size: float = 10, **settings) -> None:
    settings = {"ha": "center", "va": "center", "color": INK, "linespacing": 1.15} | settings
    ax.text(*at, text, fontsize=size, **settings)


def _arrow(
    ax: Axes, start, end, *, bend: float = 0.0, colour: str = INK, dashed: bool = False, blunt: bool = False
) -> None:
    """An arrow from `start` to `end`; a positive `bend` curves it to the right of its direction.

    A blunt end, a bar, means "holds back". Only straight arrows are dashed, and their heads are not.
    """
    if dashed:
        shaft, head = np.array(start), np.array(end)
        neck = head - 4 * (head - shaft) / np.hypot(*(head - shaft))
        ax.plot(*zip(shaft, neck, strict=True), color=colour, linewidth=LINE, linestyle=(0, (3, 1.6)), zorder=2)
        start = neck
    arrow = FancyArrowPatch(
        start,
        end,
        arrowstyle="|-|,widthA=0,widthB=4" if blunt else "-|>,head_length=5,head_width=2.6",
        connectionstyle=f"arc3,rad={bend}",
        shrinkA=0,
        shrinkB=0,
        linewidth=LINE,
        color=colour,
        capstyle="butt",
        joinstyle="miter",
        zorder=2,
    )
    ax.add_patch(arrow)


def _input(ax: Axes, at, index: int, text: str | None = None, radius: float = RADIUS) -> None:
    """A circle for input `index` (1 or 2); text "" leaves it empty."""
    colour = COLOURS[index - 1]
    ax.add_patch(Circle(at, radius, facecolor=_tint(colour), edgecolor=colour, linewidth=LINE, zorder=3))
    _label(ax, at, "x₁x₂"[2 * index - 2 : 2 * index] if text is None else text, 12, zorder=4)


def _missing_input(ax: Axes, at, index: int, radius: float) -> None:
    """The place of an input that is used up."""
    ax.add_patch(
        Circle(at, radius, facecolor="none", edgecolor=COLOURS[index - 1], linewidth=1.1, linestyle=(0, (2.4, 2)))
    )


def _output(ax: Axes, at, index: int, size: tuple[float, float] = BOX) -> None:
    """A rounded box for output `index` (1 or 2), centred; its letters grow and shrink with it."""
    colour, (width, height) = COLOURS[index - 1], size
    box = FancyBboxPatch(
        (at[0] - width / 2, at[1] - height / 2),
        width,
        height,
        boxstyle=f"round,pad=0,rounding_size={3 * height / BOX[1]}",
        facecolor=_tint(colour),
        edgecolor=colour,
        linewidth=LINE,
        zorder=3,
    )
    ax.add_patch(box)
    _label(ax, at, "y₁y₂"[2 * index - 2 : 2 * index], 12 if size == BOX else 9.5, zorder=4)


def _gene(ax: Axes, left: float, level: float, index: int, length: float = 30.0) -> None:
    """A gene on its stretch of DNA: a line, a box and the bent arrow that marks where reading starts."""
    ax.plot([left, left + length], [level, level], color=INK, linewidth=LINE, solid_capstyle="butt", zorder=1)
    box = FancyBboxPatch(
        (left + 11, level - 3.6),
        length - 14,
        7.2,
        boxstyle="round,pad=0,rounding_size=1",
        facecolor="white",
        edgecolor=INK,
        linewidth=LINE,
        zorder=3,
    )
    ax.add_patch(box)
    _label(ax, (left + 11 + (length - 14) / 2, level), f"gene {index}", 10, zorder=4)
    ax.plot([left + 7, left + 7], [level, level + 7], color=INK, linewidth=LINE, zorder=1, solid_capstyle="projecting")
    _arrow(ax, (left + 7, level + 7), (left + 14, level + 7))


def _resource(ax: Axes, at: tuple[float, float], radius: float = 5.0) -> None:
    """A hexagon for the resource R."""
    angle = np.pi / 6 + np.arange(6) * np.pi / 3
    corners = np.array(at) + radius * np.column_stack([np.cos(angle), np.sin(angle)])
    ax.add_patch(
        Polygon(corners, facecolor=_tint(MUTED, 0.3), edgecolor=MUTED, linewidth=LINE, joinstyle="round", zorder=3)
    )
    _label(ax, at, "R", 12 if radius >= 5 else 10, zorder=4)


def _shared_resource(ax: Axes, at: tuple[float, float], levels: tuple[float, float]) -> None:
    """The resource R between two genes, with an arrow to each of their starts."""
    _resource(ax, at)
    for level in levels:
        side = np.sign(level - at[1])
        _arrow(ax, (at[0], at[1] + side * (5 + GAP)), (at[0], level - side * GAP), colour=MUTED)
    _label(ax, (at[0] + 7.5, at[1]), "shared resource", 9.5, ha="left")


def plot_simple_activation(ax: Axes) -> None:
    """Each input xᵢ switches on the gene of its output yᵢ; both genes draw on one shared resource R."""
    _prepare(ax, 58, "Simple activation")
    levels = (40.0, 9.0)
    for index, level in zip((1, 2), levels, strict=True):
        _input(ax, (14, level), index)
        _arrow(ax, (14 + RADIUS + GAP, level), (37 - GAP, level))
        _gene(ax, 37, level, index)
        _arrow(ax, (67 + GAP, level), (97 - BOX[0] / 2 - GAP, level))
        _output(ax, (97, level), index)
    _shared_resource(ax, (39.3, sum(levels) / 2), levels)


def plot_n_part_complex(ax: Axes, n: int = 2) -> None:
    """n copies of xᵢ join into a complex before it switches on the gene of yᵢ; the resource R is shared.

    Args:
        ax: where to draw.
        n: copies to draw, 2 or 3.
    """
    if n not in (2, 3):
        raise ValueError(f"{n} copies cannot be drawn; n must be 2 or 3.")
    _prepare(ax, 58, f"n-part complex (drawn for n = {n})")
    levels = (40.0, 9.0)
    radius = 3.9
    loose = {2: [(-1, 4.6), (1, -4.6)], 3: [(-4.4, 4.4), (4.4, 4.4), (0, -4.6)]}[n]
    joined = {2: [(0, radius), (0, -radius)], 3: [(-radius, 3.3), (radius, 3.3), (0, 3.3 - 1.732 * radius)]}[n]
    for index, level in zip((1, 2), levels, strict=True):
        name = "x₁x₂"[2 * index - 2 : 2 * index]
        for centres, middle in ((loose, 8.5), (joined, 29)):
            for dx, dy in centres:
                _input(ax, (middle + dx, level + dy), index, "", radius)
                _label(ax, (middle + dx, level + dy), name, 9.5, zorder=4)
        reach = max(dx for dx, _ in joined) + radius
        _arrow(ax, (8.5 + reach + 1 + GAP, level), (29 - reach - GAP, level))
        _arrow(ax, (29 + reach + GAP, level), (43 - GAP, level))
        _gene(ax, 43, level, index, length=28)
        _arrow(ax, (71 + GAP, level), (97 - BOX[0] / 2 - GAP, level))
        _output(ax, (97, level), index)
    _shared_resource(ax, (45.3, sum(levels) / 2), levels)


def _cycle(ax: Axes, title: str) -> list[tuple[float, float]]:
    """A protein that two enzymes move between two states.

    Returns:
        Where the kinase and the phosphatase are.
    """
    _prepare(ax, 58, title)
    level, left, right = 27.0, 24.0, 84.0
    distance = 12.2  # of an enzyme from the reaction that it drives
    half = BOX[0] / 2 + GAP
    _output(ax, (left, level), 1)
    _output(ax, (right, level), 2)
    phosphate = (right + BOX[0] / 2, level + BOX[1] / 2)
    ax.add_patch(Circle(phosphate, 3.1, facecolor=COLOURS[1], edgecolor=PALE, linewidth=1, zorder=5))
    _label(ax, phosphate, "P", 9.5, color=PALE, fontweight="bold", zorder=6)
    _arrow(ax, (left + half, level + 3.5), (right - half, level + 3.5), bend=-0.22)
    _arrow(ax, (right - half, level - 3.5), (left + half, level - 3.5), bend=-0.22)
    middle = (left + right) / 2
    crest = 3.5 + 0.11 * (right - left - 2 * half)  # how far the curved arrows rise and sink
    enzymes = []
    for side, index in ((1, 2), (-1, 1)):
        at = (middle, level + side * (crest + distance))
        _input(ax, at, index)
        _arrow(ax, (middle, at[1] - side * (RADIUS + GAP)), (middle, level + side * (crest + GAP)), colour=MUTED)
        enzymes.append(at)
    _label(ax, (left, level - 9.5), "without\nphosphate", 9.5)
    _label(ax, (right, level - 9.5), "with\nphosphate", 9.5)
    return enzymes


def plot_phosphorylation_cycle(ax: Axes) -> None:
    """One protein in two states: the kinase x₂ turns y₁ into y₂, the phosphatase x₁ turns it back."""
    for at, name in zip(_cycle(ax, "Phosphorylation cycle"), ("kinase", "phosphatase"), strict=True):
        _label(ax, (at[0] + RADIUS + 2, at[1]), name, ha="left")


def plot_goldbeter_koshland(ax: Axes) -> None:
    """The phosphorylation cycle with protein waiting in line for each enzyme."""
    kinase, phosphatase = _cycle(ax, "Goldbeter–Koshland")
    size = (7.6, 5.6)
    for (x, y), index, side in ((kinase, 1, -1), (phosphatase, 2, 1)):
        for place in range(4):
            _output(ax, (x + side * (RADIUS + 1.0 + (place + 0.5) * (size[0] + 1.0)), y), index, size)
    for (x, y), name, side in ((kinase, "kinase,\nfully busy", 1), (phosphatase, "phosphatase,\nfully busy", -1)):
        _label(ax, (x + side * (RADIUS + 2), y), name, ha="left" if side > 0 else "right")


def plot_input_depletion(ax: Axes) -> None:
    """Two-part complexes where the resource is so plentiful that most of the inputs are bound to it."""
    _prepare(ax, 58, "Input depletion (drawn for n = 2)")
    levels, middle = (40.0, 9.0), 24.5
    radius, hexagon, held = 3.9, 4.2, 43.5  # units; `held`: where the resource of a complex is
    for index, level in zip((1, 2), levels, strict=True):
        name = "x₁x₂"[2 * index - 2 : 2 * index]
        for dy in (-4.6, 4.6):
            _missing_input(ax, (15.8, level + dy), index, radius)
        for x, dy in ((6.6, 4.6), (6.6, -4.6), (36.0, radius), (36.0, -radius)):
            _input(ax, (x, level + dy), index, "", radius)
            _label(ax, (x, level + dy), name, 9.5, zorder=4)
        _resource(ax, (held, level), hexagon)
        _arrow(ax, (20.5 + GAP, level + 1.3), (31.8 - GAP, level + 1.3))
        _arrow(ax, (31.8 - GAP, level - 1.3), (20.5 + GAP, level - 1.3))
        _arrow(ax, (held + hexagon + GAP, level), (55 - GAP, level))
        _gene(ax, 55, level, index, length=28)
        _arrow(ax, (83 + GAP, level), (99.5 - BOX[0] / 2 - GAP, level))
        _output(ax, (99.5, level), index)
        side = np.sign(level - middle)
        start, end = (middle + side * (hexagon + GAP), level - side * (hexagon + GAP))
        _arrow(ax, (held, start), (held, end), colour=MUTED)
    for place in (-1, 0, 1):
        _resource(ax, (held + place * 8.6, middle), hexagon)
    _label(ax, (held + 15, middle), "plenty of resource", 9.5, ha="left")
    _label(ax, (11.2, middle), "most inputs\nare bound", 9.5)


def plot_mixed_complex(ax: Axes) -> None:
    """Two-part complexes with a leak of the resource and a mixed complex that holds it back."""
    _prepare(ax, 58, "Leak and mixed complex (drawn for n = 2)")
    levels, middle, radius, resource = (40.0, 9.0), 24.5, 3.9, 45.3
    for index, level in zip((1, 2), levels, strict=True):
        name = "x₁x₂"[2 * index - 2 : 2 * index]
        for dy in (-radius, radius):
            _input(ax, (22.0, level + dy), index, "", radius)
            _label(ax, (22.0, level + dy), name, 9.5, zorder=4)
        _arrow(ax, (22.0 + radius + GAP, level), (43 - GAP, level))
        _gene(ax, 43, level, index, length=28)
        _arrow(ax, (71 + GAP, level), (97 - BOX[0] / 2 - GAP, level))
        _output(ax, (97, level), index)
        side = np.sign(level - middle)
        _arrow(ax, (resource + 6, middle + side * 3.4), (92, level - side * (BOX[1] / 2 + GAP)), dashed=True)
        _label(ax, (79, middle + side * 9.8), "leak", 9.5)
    _shared_resource(ax, (resource, middle), levels)
    for dx, index in ((-radius, 1), (radius, 2)):
        _input(ax, (22.0 + dx, middle), index, "", radius)
        _label(ax, (22.0 + dx, middle), "x₁x₂"[2 * index - 2 : 2 * index], 9.5, zorder=4)
    _arrow(ax, (22.0 + 2 * radius + GAP, middle), (resource - 4.4 - GAP, middle), colour=MUTED, blunt=True)
    _label(ax, (22.0 - 2 * radius - 2, middle), "mixed\ncomplex", 9.5, ha="right")


def _helix(ax: Axes, centre: tuple[float, float], length: float = 18.0, height: float = 7.0) -> None:
    """A double helix: two strands in antiphase with rungs between them."""
    t = np.linspace(0, 1, 240)
    phase = 2 * np.pi * 2 * t
    x = centre[0] + (t - 0.5) * length
    for rung in (np.arange(12) + 0.5) / 12:
        y = height / 2 * np.cos(2 * np.pi * 2 * rung)
        if abs(y) > 0.15 * height:
            at = centre[0] + (rung - 0.5) * length
            ax.plot(
                [at, at], [centre[1] - y, centre[1] + y], color=MUTED, linewidth=1.3, solid_capstyle="butt", zorder=1
            )
    for sign, colour in ((1, COLOURS[0]), (-1, COLOURS[1])):
        ax.plot(
            x,
            centre[1] + sign * height / 2 * np.cos(phase),
            color=colour,
            linewidth=2.4,
            solid_capstyle="round",
            zorder=2,
        )


def _strand(ax: Axes, centre: tuple[float, float], length: float = 18.0) -> None:
    """A single strand with its bases."""
    t = np.linspace(0, 1, 160)
    x, y = centre[0] + (t - 0.5) * length, centre[1] + 1.4 * np.sin(2 * np.pi * 1.5 * t)
    for base in (np.arange(10) + 0.5) / 10:
        foot = 1.4 * np.sin(2 * np.pi * 1.5 * base)
        at = centre[0] + (base - 0.5) * length
        ax.plot(
            [at, at],
            [centre[1] + foot, centre[1] + foot - 3.2],
            color=MUTED,
            linewidth=1.3,
            solid_capstyle="butt",
            zorder=1,
        )
    ax.plot(x, y, color=COLOURS[0], linewidth=2.4, solid_capstyle="round", zorder=2)


def _protein(ax: Axes, centre: tuple[float, float]) -> None:
    """A folded chain of beads."""
    rows = ((1, (-1, 0, 1)), (0, (1.5, 0.5, -0.5, -1.5)), (-1, (-1, 0, 1)))
    beads = np.array([(centre[0] + 4.1 * dx, centre[1] + 3.9 * row) for row, steps in rows for dx in steps])
    ax.plot(*beads.T, color=COLOURS[0], linewidth=2.4, zorder=2)
    for bead in beads:
        ax.add_patch(
            Circle(bead, 1.6, facecolor=_tint(COLOURS[0], 0.35), edgecolor=COLOURS[0], linewidth=1.3, zorder=3)
        )


def plot_central_dogma(ax: Axes) -> None:
    """DNA is transcribed into mRNA, mRNA is translated into protein, and proteins act back on DNA."""
    _prepare(ax, 50)
    level, centres = 39.5, (14.0, 54.0, 94.0)
    _helix(ax, (centres[0], level))
    _strand(ax, (centres[1], level + 1))
    _protein(ax, (centres[2], level))
    for start, end, name in ((26.5, 41.5, "transcription"), (66.5, 83.5, "translation")):
        _arrow(ax, (start, level), (end, level))
        _label(ax, ((start + end) / 2, level + 2.8), name, 10, va="baseline")
    for centre, name, role in zip(
        centres, ("DNA", "mRNA", "protein"), ("the plan", "a copy", "the worker"), strict=True
    ):
        _label(ax, (centre, level - 12), name, 12, fontweight="bold", va="baseline")
        _label(ax, (centre, level - 17), role, 10, va="baseline")
    _arrow(ax, (centres[2], level - 20), (centres[0], level - 20), bend=-0.16)
    _label(ax, (centres[1], 6), "regulation: proteins switch genes on and off", 10, va="baseline")
