"""One script from several ES modules: JupyterLab gets it as a module, the book's pages as a plain script.

A page opened from disk may not import modules, so the static book cannot use the module itself; it gets the same
text with `mount.js` around it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent
NAMES = ("circuit_explorer", "read_a_plate", "results_explorer", "train_it_yourself", "which_wells", "your_plate")

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=function )", re.MULTILINE)
_DEFAULT = "export default { render };"


def _joined(name: str, seen: set[str]) -> str:
    """The text of a module after that of the modules it imports, each once, without import and export."""
    if name in seen:
        return ""
    seen.add(name)
    text = (FOLDER / f"{name}.js").read_text(encoding="utf-8")
    needed = "".join(_joined(other, seen) for other in _IMPORT.findall(text))
    return needed + _EXPORT.sub("", _IMPORT.sub("", text))


@lru_cache
def module(name: str) -> str:
    """The whole ES module of a figure, for anywidget."""
    return _joined(name, set())


@lru_cache
def styles() -> str:
    """The style sheet of all figures."""
    return (FOLDER / "widgets.css").read_text(encoding="utf-8")


@lru_cache
def page_script(name: str) -> str:
    """A plain script that brings every figure of that name on the page to life."""
    mount = (FOLDER / "mount.js").read_text(encoding="utf-8")
    body = module(name).replace(_DEFAULT, "")
    return f'"use strict";\n(() => {{\n{body}\n{mount}\nmount("{name}", render);\n}})();\n'
