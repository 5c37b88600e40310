"""Sphinx extension: what a chapter writes as plain Markdown links becomes the book's own citations and claims.

In JupyterLab and on GitHub a chapter is read as it is written, so it says ([Sobol' 1967](../book/references.md#sobol1967)),
and [each well is worth four](06_verdicts.ipynb#claim-cut-75-scratch) where words are tied to their test. Here these turn into
the roles cite:p (cite:t without parentheses) and claim, which refuse a reference or a claim that does not exist.
"""

import json
import re

_TESTED = re.compile(
    r"\[(?P<words>[^\[\]]+)\]\((?:(?:\.\./notebooks/)?\w+\.ipynb)?#claim-(?P<name>[\w-]+)\)"
)
_SOURCE = r"\[[^\[\]]+\]\((?:\.\./book/)?references\.md#(?P<key>[\w-]+)\)"
_CITED = re.compile(
    rf"\({_SOURCE.replace('?P<key>', '')}(?:; {_SOURCE.replace('?P<key>', '')})*\)"
)


def _cite(match: re.Match) -> str:
    return f"{{cite:p}}`{','.join(re.findall(_SOURCE, match[0]))}`"


def _rewritten(text: str) -> str:
    text = _TESTED.sub(r"{claim}`\g<words> <\g<name>>`", text)
    text = _CITED.sub(_cite, text)
    return re.sub(_SOURCE, r"{cite:t}`\g<key>`", text)


def to_roles(app, page: str, source: list[str]) -> None:
    """Rewrite one page's text before it is parsed; of a notebook the prose alone, not what its cells hold or wrote."""
    if not app.env.doc2path(page).endswith(".ipynb"):
        source[0] = _rewritten(source[0])
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = _rewritten("".join(cell["source"]))
    source[0] = json.dumps(notebook)


def setup(app) -> dict:
    """Register the rewriting with Sphinx."""
    app.connect("source-read", to_roles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
