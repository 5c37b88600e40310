"""Sphinx extension: tables and executed notebooks that a page links to under results/ travel with the pages.

Such links stand in the output of cells, where they work in JupyterLab too, so Sphinx
does not know them as files to copy.
"""

import re
import shutil
from pathlib import Path
from urllib.parse import unquote

from sphinx.errors import ExtensionError

LINK = re.compile(r'href="\.\./(results/[^"#?]+)"')


def _copy_linked_results(app, error) -> None:
    if error is not None or app.builder.format != "html":
        return
    source, target = Path(app.srcdir), Path(app.outdir)
    for page in target.glob("*/*.html"):
        for link in set(LINK.findall(page.read_text(encoding="utf-8"))):
            name = unquote(link)
            if not (source / name).is_file():
                raise ExtensionError(
                    f"{page.stem} links to {name}, which is not there."
                )
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target / name)


def setup(app) -> dict:
    """Register the step with Sphinx."""
    app.connect("build-finished", _copy_linked_results)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
