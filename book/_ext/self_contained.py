"""Sphinx extension: the built pages ask no host but their own.

MathJax comes from the package sphinx-mathjax-offline; only the one renderer that pages use and its fonts are copied.
Scripts that the theme would load from elsewhere for features this book does not have are left out. Pages with an
interactive figure get its script from the package, without the widget manager and its copy of every value.
"""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from sphinx.util.fileutil import copy_asset

from fewerwells.book.widgets import _bundle

RENDERER = "tex-chtml.js"
FONTS = "output/chtml/fonts/woff-v2"
ICON_SCRIPT = re.compile(
    r"<(script|link)\b[^>]*fontawesome[^>]*>(?:\s*</script>)?", re.IGNORECASE
)
UNWANTED = ("thebe", "THEBE_JS_URL", "widget-state")


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


def _drop_icons_of_the_theme(app, error) -> None:
    """Take the theme's script of all icons off the pages, and its fonts off the site; icons.css draws those in use."""
    if error is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        lighter = ICON_SCRIPT.sub("", text)
        if lighter != text:
            page.write_text(lighter, encoding="utf-8")
    for file in (site / "_static").rglob("*fontawesome*"):
        if file.is_file():
            file.unlink()
    shutil.rmtree(site / "_static" / "vendor" / "fontawesome", ignore_errors=True)


def _drop_unused_files(app, page, template, context, doctree) -> None:
    """Leave out Thebe (it runs code on a remote kernel), the widget manager's state, and MathJax where no formula is."""
    body = context.get("body", "")
    unwanted = (
        UNWANTED
        if 'class="math' in body or 'class="output text_latex' in body
        else (*UNWANTED, "mathjax", "MathJax")
    )

    def is_wanted(file) -> bool:
        words = f"{getattr(file, 'filename', file)} {getattr(file, 'attributes', '')}"
        return not any(word in words for word in unwanted)

    for name in ("script_files", "css_files"):
        context[name] = [file for file in context[name] if is_wanted(file)]


def _add_figures(app, page, template, context, doctree) -> None:
    """Link the scripts of the interactive figures that a page holds, and their style sheet."""
    body = context.get("body", "")
    held = [name for name in _bundle.NAMES if f'data-fewerwells="{name}"' in body]
    for name in held:
        app.add_js_file(f"fewerwells/{name}.js", loading_method="defer")
    if held:
        app.add_css_file("fewerwells/widgets.css")


def _write_figures(app) -> None:
    """Before the pages, so that their links carry the checksum of what is there."""
    if app.builder.format == "html":
        folder = Path(app.outdir) / "_static" / "fewerwells"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "widgets.css").write_text(_bundle.styles(), encoding="utf-8")
        for name in _bundle.NAMES:
            (folder / f"{name}.js").write_text(
                _bundle.page_script(name), encoding="utf-8"
            )


def setup(app) -> dict:
    """Register the steps with Sphinx."""
    app.config.mathjax_path = f"mathjax/{RENDERER}"
    app.connect("build-finished", _copy_mathjax)
    app.connect("build-finished", _drop_icons_of_the_theme)
    app.connect("builder-inited", _write_figures)
    app.connect("html-page-context", _add_figures)
    app.connect("html-page-context", _drop_unused_files, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
