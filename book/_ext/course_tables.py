"""Sphinx extension: measured times open each chapter, and the page For teachers gets its tables."""

from pathlib import Path

from fewerwells.course import lessons, times


def fill_in(app, page, source) -> None:
    """Replace what a page's source leaves open, before it is parsed."""
    root = Path(app.srcdir)
    if page == "book/teachers":
        source[0] = lessons.fill(source[0], root)
    path = root / f"{page}.ipynb"
    if page.startswith("notebooks/") and path.exists():
        source[0] = times.with_measured_times(source[0], path, times.seconds(path.stem))


def setup(app) -> dict:
    """Register the step with Sphinx."""
    app.connect("source-read", fill_in)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
