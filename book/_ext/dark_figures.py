"""Sphinx extension: every SVG figure gets a twin for the dark theme, on the page's own background.

The twin differs in colours alone. Ink and paper change places; a colour of the palette, which says what is drawn, is
lightened as in the interactive figures (`--fw-strength` in widgets.css). What stands on a picture, such as the numbers
in a heat map, has colours of its own (`plots.style.ON_PICTURE`) and stays as it is.
"""

import re
from pathlib import Path

from fewerwells.book.plots.style import ON_PICTURE, PALETTE

IMAGE = re.compile(r'<img ((?:[^>]*? )?)src="([^"]*_images/[^"/]+)\.svg"([^>]*)>')
COLOUR = re.compile(r"\b(fill|stroke): (#[0-9a-f]{6})\b")
TWIN = "-dark.svg"
PAPER = "#121212"  # the theme's background
INK = "#e4e7eb"
LIGHTENED = "color-mix(in oklab, {} 62%, white)"
DARKENED = (
    "color-mix(in oklab, {} 22%, " + PAPER + ")"
)  # pale tints that boxes are filled with

NEUTRAL = {
    "#000000": INK,
    PALETTE["truth"].lower(): "#cfd4da",
    PALETTE["muted"].lower(): PALETTE["muted"].lower(),
    "#ffffff": PAPER,
}
MEANING = {
    colour.lower()
    for group in ("arms", "groups", "winners")
    for colour in PALETTE[group].values()
} | {colour.lower() for colour in PALETTE["outputs"]}


def dark(colour: str) -> str:
    """The dark theme's colour for one of a figure's, both as CSS; colours of a scale of values stay."""
    if colour in NEUTRAL:
        return NEUTRAL[colour]
    if colour in MEANING:
        return LIGHTENED.format(colour)
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    is_tint = (
        min(parts) > 180 and max(parts) - min(parts) < 40 and colour not in ON_PICTURE
    )
    return DARKENED.format(colour) if is_tint else colour


def darken(svg: str) -> str:
    """A figure's twin. Letters have no colour of their own where they are black; they inherit the root's."""
    svg = COLOUR.sub(lambda found: f"{found[1]}: {dark(found[2])}", svg)
    return re.sub(r"<svg ", f'<svg fill="{INK}" ', svg, count=1)


def _size(figure: Path) -> str:
    """Width and height as attributes, in pixels of 3/4 pt, so that the text below keeps its place while it loads.

    The width is told to the style sheet, too, which keeps a figure's letters legible on a phone.
    """
    head = figure.read_text(encoding="utf-8")[:2000]
    points = re.search(r'<svg [^>]*?width="([\d.]+)pt" height="([\d.]+)pt"', head)
    return (
        'width="{0:.0f}" height="{1:.0f}" style="--drawn: {0:.0f}px"'.format(
            *(float(side) * 4 / 3 for side in points.groups())
        )
        if points
        else ""
    )


def pair_images(app, page, template, context, doctree) -> None:
    """Put the twin beside each figure of a page; the style sheet shows one of them, and the browser fetches no other."""
    source = {
        copied: Path(app.srcdir, original)
        for original, copied in app.builder.images.items()
    }

    def pair(found: re.Match) -> str:
        before, path, after = found.groups()
        size = _size(source[f"{path.rsplit('/', 1)[-1]}.svg"])
        return (
            f'<img class="dark-light on-light" loading="lazy" {size} {before}src="{path}.svg"{after}>'
            f'<img class="dark-light on-dark" loading="lazy" {size} {before}src="{path}{TWIN}"{after}>'
        )

    context["body"] = IMAGE.sub(pair, context.get("body", ""))


def write_twins(app, error) -> None:
    """Write the twins beside the figures that Sphinx has copied."""
    if error is None and app.builder.format == "html":
        for figure in Path(app.outdir, "_images").glob("*.svg"):
            if not figure.name.endswith(TWIN):
                figure.with_name(figure.stem + TWIN).write_text(
                    darken(figure.read_text(encoding="utf-8")), encoding="utf-8"
                )


def setup(app) -> dict:
    """Register both steps with Sphinx."""
    app.connect("html-page-context", pair_images)
    app.connect("build-finished", write_twins)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
