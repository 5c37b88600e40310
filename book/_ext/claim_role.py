"""Sphinx extension: the role {claim}`words <name>` ties words of prose to the test that bears them out.

It makes the words a link to the claim's entry, on the page *What we found* or, of measured wells, on their own; pointed at, it says which sentence was tested
and the verdict that the prose was written for. Its page refuses to be built from published results which say
otherwise. A claim that does not exist is a dangling reference, which stops the build. Links to chapters in the output
of cells are led to their pages, so that the same output works in JupyterLab and on the page.
"""

import posixpath
import re

from docutils import nodes
from sphinx.roles import XRefRole

from fewerwells.study.claim_list import CLAIMS
from fewerwells.study.claim_list.measured_wells import MEASURED

_ENTRIES = {"notebooks/06_verdicts": CLAIMS, "notebooks/15_measured_wells": MEASURED}
CHAPTER_LINK = re.compile(r'href="(?P<path>[\w./-]+)\.ipynb(?P<anchor>#[\w-]+)?"')
_CLAIMS = {
    claim.name: (page, claim) for page, claims in _ENTRIES.items() for claim in claims
}


def _outcome(verdict: str) -> str:
    return verdict if verdict.startswith("depends") else f"is {verdict}"


def resolve_claim(app, env, node, contnode):
    """Turn words that name a claim into a link with its verdict; None where there is no such claim or page."""
    name = node.get("reftarget")
    if node.get("reftype") != "claim" or name not in _CLAIMS:
        return None
    page, claim = _CLAIMS[name]
    if page not in env.found_docs:
        return None
    address = app.builder.get_relative_uri(node.get("refdoc", env.docname), page)
    link = nodes.reference(
        "",
        "",
        refuri=f"{address}#claim-{name}",
        internal=True,
        reftitle=f"Tested: {claim.words} It {_outcome(claim.stated)}.",
        classes=["claim"],
    )
    link += contnode
    return link


def link_chapters(app, page, template, context, doctree) -> None:
    """Lead links to notebooks of the book to the pages made of them."""
    here = posixpath.dirname(page)

    def to_page(match: re.Match) -> str:
        target = posixpath.normpath(posixpath.join(here, match["path"]))
        return (
            f'href="{match["path"]}.html{match["anchor"] or ""}"'
            if target in app.env.found_docs
            else match[0]
        )

    context["body"] = CHAPTER_LINK.sub(to_page, context.get("body", ""))


def setup(app) -> dict:
    """Register the role with Sphinx."""
    # Sphinx keeps pages whose text is unchanged; with another verdict in it every page is read again
    stated = {name: [claim.words, claim.stated] for name, (_, claim) in _CLAIMS.items()}
    app.add_config_value("stated_verdicts", stated, "env")
    app.add_role("claim", XRefRole(warn_dangling=True, innernodeclass=nodes.inline))
    app.connect("missing-reference", resolve_claim)
    app.connect("html-page-context", link_chapters)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
