"""Sphinx extension: what a chapter writes as plain Markdown links becomes the book's own citations and claims.

In JupyterLab and on GitHub a chapter is read as it is written, so it says ([Sobol' 1967](../book/references.md#sobol1967)),
and ([tested](06_verdicts.ipynb#claim-cut-75-scratch)) where a sentence is tied to its test. Here these turn into the roles
cite:p (cite:t without parentheses) and claim, which refuse a reference or a claim that does not exist and name the verdict.
"""

import re

_TESTED = re.compile(
    r"\(\[tested\]\((?:\.\./notebooks/)?06_verdicts\.ipynb#claim-(?P<name>[\w-]+)\)\)"
)
_SOURCE = r"\[[^\[\]]+\]\((?:\.\./book/)?references\.md#(?P<key>[\w-]+)\)"
_CITED = re.compile(
    rf"\({_SOURCE.replace('?P<key>', '')}(?:; {_SOURCE.replace('?P<key>', '')})*\)"
)


def _cite(match: re.Match) -> str:
    return f"{{cite:p}}`{','.join(re.findall(_SOURCE, match[0]))}`"


def to_roles(app, page: str, source: list[str]) -> None:
    """Rewrite one page's text before it is parsed."""
    text = _TESTED.sub(r"{claim}`\g<name>`", source[0])
    text = _CITED.sub(_cite, text)
    source[0] = re.sub(_SOURCE, r"{cite:t}`\g<key>`", text)


def setup(app) -> dict:
    """Register the rewriting with Sphinx."""
    app.connect("source-read", to_roles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
