"""Sphinx extension: figures say what they show, and the theme's markup is put right for screen readers."""

from pathlib import Path

from docutils import nodes
from sphinx.util import logging

log = logging.getLogger(__name__)

# What the theme and its extensions write, and what a screen reader should meet instead.
CORRECTIONS = (
    (
        '<summary aria-label="Toggle hidden content">',
        "<summary>",
    ),  # its own words name it
    (
        '<div role="list" class="citation-list">',
        '<div class="citation-list">',
    ),  # its children are no list items
    (' role="doc-biblioentry"', ""),
)

# The theme's parts of the sidebar, with the logo inside a landmark.
SIDEBAR = ["labelled-logo.html", "search-button-field.html", "sbt-sidebar-nav.html"]


def check_alternatives(app, doctree) -> None:
    """Refuse a figure whose alt text is missing or a single word (a file's path is one, too)."""
    for image in doctree.findall(nodes.image):
        words = image.get("alt", "").split()
        if len(words) < 2:
            said = f"only {words[0]!r}" if words else "none"
            log.warning(
                "a figure needs alt text that says what it shows; it has %s.",
                said,
                location=image,
            )


def correct_markup(app, page, template, context, doctree) -> None:
    """Apply the corrections to a page's text."""
    for wrong, right in CORRECTIONS:
        context["body"] = context.get("body", "").replace(wrong, right)


def setup(app) -> dict:
    """Register both steps with Sphinx, and the sidebar with the logo in a landmark of its own."""
    app.config.templates_path.append(str(Path(__file__).parent / "templates"))
    app.config.html_sidebars = {"**": SIDEBAR}
    app.connect("doctree-read", check_alternatives)
    app.connect("html-page-context", correct_markup)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
