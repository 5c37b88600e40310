"""Sphinx extension: the built pages ask no host but their own.

MathJax comes from the package sphinx-mathjax-offline; only the one renderer that pages use and its fonts are copied.
Scripts that the theme would load from elsewhere for features this book does not have are left out.
"""

from importlib.util import find_spec
from pathlib import Path

from sphinx.util.fileutil import copy_asset

RENDERER = "tex-chtml.js"
FONTS = "output/chtml/fonts/woff-v2"


def _copy_mathjax(app, error) -> None:
    if error is None and app.builder.format == "html":
        source = (
            Path(find_spec("sphinx-mathjax-offline").origin).parent
            / "static"
            / "mathjax"
        )
        target = Path(app.outdir) / "_static" / "mathjax"
        copy_asset(source / RENDERER, target)
        copy_asset(source / FONTS, target / FONTS)


def _drop_foreign_scripts(app, page, template, context, doctree) -> None:
    """Thebe runs code on a remote kernel; no page here offers that, so its loader only costs a request."""
    context["script_files"] = [
        script
        for script in context["script_files"]
        if "thebe" not in str(getattr(script, "filename", script))
    ]


def setup(app) -> dict:
    """Register both steps with Sphinx."""
    app.config.mathjax_path = f"mathjax/{RENDERER}"
    app.connect("build-finished", _copy_mathjax)
    app.connect("html-page-context", _drop_foreign_scripts, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
