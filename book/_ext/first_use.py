"""Sphinx extension: on each page the first use of every glossary term leads to its entry, with the entry as tooltip.

Nothing has to be marked in the text, so notebooks stay plain Markdown. What counts as a use stands in a comment at the
end of the glossary. A page that opens with "You need" also gets links to the glossary and the notation there.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import glossary
from sphinx.util import logging

GLOSSARY, NOTATION = "book/glossary", "book/notation"
WITHOUT_LINKS = {GLOSSARY, NOTATION, "book/references"}
SPELLINGS = re.compile(r"<!-- spellings\n(.*?)-->", re.DOTALL)
NOT_RUNNING_TEXT = (
    nodes.Titular,  # headings
    nodes.thead,
    nodes.caption,
    nodes.reference,
    nodes.FixedTextElement,  # code, raw HTML, formulas on a line of their own
    nodes.literal,
    nodes.math,
)
COMPUTED = "cell_output"  # other at every size of the book

log = logging.getLogger(__name__)


def read_spellings(source: str) -> dict[str, list[str]]:
    """The comment's lines, "Term: one, another", as a table of term to spellings; blank lines are left out."""
    found = SPELLINGS.search(source)
    lines = [line.partition(": ") for line in found[1].splitlines()] if found else []
    return {term: words.split(", ") for term, _, words in lines if term}


class FirstUse:
    """The entries of the glossary, and the steps that link to them.

    Attributes:
        source: the text of the glossary's file.
        entries: the anchor of an entry → its definition.
        spelled: a spelling in lower case → the anchor of its entry.
        pattern: finds any spelling as a whole word, the longest where several start.
    """

    def __init__(self, source: str):
        self.source = source
        self.entries, self.spelled, self.pattern = {}, {}, None

    def gather(self, app, builder) -> None:
        """Read entries and spellings once all pages are parsed."""
        if GLOSSARY not in app.env.found_docs:
            return
        spellings = read_spellings(self.source)
        for shown in app.env.get_doctree(GLOSSARY).findall(glossary):
            for item in shown.findall(nodes.definition_list_item):
                terms = list(item.findall(nodes.term))
                anchor = terms[0]["ids"][0]
                self.entries[anchor] = " ".join(
                    next(item.findall(nodes.definition)).astext().split()
                )
                for name in (term.astext() for term in terms):
                    for words in spellings.pop(name, [name, f"{name}s"]):
                        taken = self.spelled.setdefault(words.lower(), anchor)
                        if taken != anchor:
                            log.warning("glossary: %r counts for two entries.", words)
        for name in spellings:
            log.warning("glossary: spellings for %r, which has no entry.", name)
        longest_first = sorted(self.spelled, key=len, reverse=True)
        words = "|".join(map(re.escape, longest_first))
        self.pattern = re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE)

    def link(self, app, doctree, page: str) -> None:
        """Link the first uses on a page, and lead from its opening to glossary and notation."""
        if not self.entries or page in WITHOUT_LINKS or app.builder.format != "html":
            return
        address = app.builder.get_relative_uri(page, GLOSSARY)
        met = set()
        for text in list(doctree.findall(nodes.Text)):
            if _is_running(text):
                self._link_in(text, address, met)
        opening = next(filter(_is_opening, doctree.findall(nodes.paragraph)), None)
        if opening is not None:
            notation = app.builder.get_relative_uri(page, NOTATION)
            opening += [nodes.Text(" "), nodes.strong("", "Words and symbols:")]
            opening += [nodes.Text(" "), _link("glossary", address)]
            opening += [nodes.Text(", "), _link("notation", notation), nodes.Text(".")]

    def _link_in(self, text: nodes.Text, address: str, met: set[str]) -> None:
        pieces, end = [], 0
        for match in self.pattern.finditer(text):
            anchor = self.spelled[match[0].lower()]
            if anchor not in met:
                met.add(anchor)
                pieces.append(nodes.Text(text[end : match.start()]))
                pieces.append(_link(match[0], f"{address}#{anchor}"))
                pieces[-1]["classes"].append("first-use")
                pieces[-1]["reftitle"] = self.entries[anchor]
                end = match.end()
        if pieces:
            text.parent.replace(text, [*pieces, nodes.Text(text[end:])])


def _is_running(text: nodes.Text) -> bool:
    node = text.parent
    while node is not None:
        if isinstance(node, NOT_RUNNING_TEXT) or COMPUTED in node["classes"]:
            return False
        node = node.parent
    return True


def _is_opening(paragraph: nodes.paragraph) -> bool:
    return any(s.astext() == "You need" for s in paragraph.findall(nodes.strong))


def _link(words: str, address: str) -> nodes.reference:
    return nodes.reference("", words, refuri=address, internal=True)


def setup(app) -> dict:
    """Register both steps with Sphinx."""
    path = Path(app.srcdir) / f"{GLOSSARY}.md"
    source = path.read_text(encoding="utf-8") if path.exists() else ""
    # Sphinx keeps pages whose text is unchanged; with another glossary every page is written again
    app.add_config_value("glossary_source", source, "html")
    first_use = FirstUse(source)
    app.connect("write-started", first_use.gather)
    app.connect("doctree-resolved", first_use.link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
