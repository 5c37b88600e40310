"""Links to the glossary: the first use of a word on a page, in running text, and nothing else."""

import io
import re

import pytest

from fewerwells.running.reading_order import project_root

application = pytest.importorskip("sphinx.application")
docutils_state = pytest.importorskip("sphinx.util.docutils")

CONF = """
extensions = ["myst_parser", "first_use"]
myst_enable_extensions = ["attrs_block", "colon_fence", "dollarmath"]
root_doc = "index"
"""
GLOSSARY = """# Glossary

:::{glossary}
Arm
  One way to train.

Complex
Dimer
  Several molecules *bound* together.

Oracle
  It knows a lot, for an arm.

Oracle bone
  A bone.

Steady state
  What a system settles to.

Well
  A small vessel.
:::

<!-- spellings
Complex: complexes
Well: wells, a well
-->
"""
LINK = re.compile(r'<a class="first-use[^>]*href="([^"]*)" title="([^"]*)">(.*?)</a>')


NOT_RUNNING = {
    "a heading": "Some words.\n\n## An arm",
    "code in a line": "The code `arm` is code.",
    "code": "```\narm\n```",
    "a link": "See [the arm](../index.md).",
    "a formula in a line": "$\\text{an arm of it}$",
    "a formula": "$$\n\\text{an arm of it}\n$$",
    "raw HTML": "<details><summary>arm</summary></details>",
    "alternative text": "![the arm of a robot](plain.svg)",
    "a caption": ":::{figure} plain.svg\n:alt: a plain circle\nThe arm in a caption.\n:::",
    "the head of a table": "| arm |\n| --- |\n| 1 |",
    "the title of a box": ":::{admonition} An arm\nWords.\n:::",
    "the output of a cell": "{.cell_output}\nAn arm.",
}
RUNNING = {
    "a list": "- an arm",
    "the body of a table": "| head |\n| --- |\n| arm |",
    "a box": ":::{note}\nAn arm.\n:::",
    "a quotation": "> an arm",
    "a list in a list": "1. one\n   - an arm",
}
USES = {
    "Arms, and an ARM.": ["Arms"],
    "Alarm, forearm, left-arm": [],
    "Armed, arm-chair": [],
    "As well as well-known wells.": ["wells"],
    "A complex question about a dimer.": ["dimer"],
    "A dimer is one of the complexes.": ["dimer"],
    "An oracle bone of mixed complexes.": ["oracle bone", "complexes"],
    "In the Steady State.": ["Steady State"],
    "The *arm* and the **oracle**.": ["arm", "oracle"],
}
PAGES = (
    {
        "one": "An arm, another arm, an oracle.",
        "two": "The oracle.\n\nThe oracle's arm.",
        "needs": "**You need** nothing.\n\nMore.",
        "no opening": "You need nothing.",
        "definitions": "Two arms with complexes.",
    }
    | {f"in {where}": text for where, text in (NOT_RUNNING | RUNNING).items()}
    | {f"after {where}": f"{text}\n\n## After it\n\nWords on the arm." for where, text in NOT_RUNNING.items()}
    | {f"use {number}": text for number, text in enumerate(USES)}
)


def render(folder, texts: dict[str, str]) -> dict[str, str]:
    """Render a book of Markdown pages, given by name, warnings being errors; gives their HTML."""
    source, out, said = folder / "source", folder / "html", io.StringIO()
    for name, text in texts.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        path = source / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:  # as the book's build lays out its pages
            path.write_text(text, encoding="utf-8")
    (source / "conf.py").write_text(CONF, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, docutils_state.docutils_namespace():
        patch.syspath_prepend(project_root() / "book" / "_ext")
        application.Sphinx(source, source, out, folder / "trees", "html", status=None, warning=said).build()
    assert said.getvalue() == ""
    return {name: (out / f"{name}.html").read_text(encoding="utf-8") for name in texts}


def book(glossary: str, pages: dict[str, str]) -> dict[str, str]:
    """The texts of a book with a glossary, a page of notation, and pages that bear a word of the glossary as title."""
    texts = {"book/glossary": glossary, "book/notation": "# Notation\n\nn, an arm\n"}
    texts |= {f"pages/{name}": f"# An arm\n\n{text}\n" for name, text in pages.items()}
    listed = "\n".join(texts)
    return texts | {"index": f"# Index\n\n```{{toctree}}\n{listed}\n```\n"}


@pytest.fixture(scope="module")
def html(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("book")
    (folder / "source" / "pages").mkdir(parents=True)
    (folder / "source" / "pages" / "plain.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"></svg>')
    return render(folder, book(GLOSSARY, PAGES))


def links(page: str) -> list[str]:
    """The words that are linked, in order."""
    return [words for _, _, words in LINK.findall(page)]


def test_the_first_use_on_each_page_is_linked_and_the_second_is_not(html):
    assert links(html["pages/one"]) == ["arm", "oracle"]
    assert links(html["pages/two"]) == ["oracle", "arm"]


def test_a_link_leads_to_the_entry_and_tells_its_definition(html):
    found = LINK.findall(html["pages/definitions"])
    assert found[0] == ("../book/glossary.html#term-Arm", "One way to train.", "arms")
    assert found[1] == ("../book/glossary.html#term-Complex", "Several molecules bound together.", "complexes")
    for address, _, _ in found:
        assert f'id="{address.partition("#")[2]}"' in html["book/glossary"]


@pytest.mark.parametrize(("number", "expected"), list(enumerate(USES.values())), ids=list(USES))
def test_what_counts_as_a_use(html, number, expected):
    assert links(html[f"pages/use {number}"]) == expected


@pytest.mark.parametrize("where", NOT_RUNNING)
def test_nothing_but_running_text_is_linked(html, where):
    assert links(html[f"pages/in {where}"]) == []
    assert links(html[f"pages/after {where}"]) == ["arm"]


@pytest.mark.parametrize("where", RUNNING)
def test_lists_tables_and_boxes_are_running_text(html, where):
    assert links(html[f"pages/in {where}"]) == ["arm"]


def test_pages_of_reference_are_left_alone(html):
    assert links(html["book/glossary"]) == links(html["book/notation"]) == []


def test_the_opening_leads_to_words_and_symbols(html):
    opening = re.search(r"<p><strong>You need</strong>.*?</p>", html["pages/needs"])[0]
    assert re.findall(r'href="([^"]+)"', opening) == ["../book/glossary.html", "../book/notation.html"]
    assert "Words and symbols" not in html["pages/no opening"]


def test_another_definition_reaches_pages_that_did_not_change(tmp_path):
    for definition in ("One way to train.", "Another way."):
        html = render(tmp_path, book(GLOSSARY.replace("One way to train.", definition), {"one": "An arm."}))
        assert LINK.findall(html["pages/one"])[0][1] == definition


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Well: wells", "Wall: wells", "spellings for 'Wall', which has no entry"),
        ("Well: wells", "Well: oracle, wells", "'oracle' counts for two entries"),
    ],
)
def test_mistakes_in_the_spellings_are_warned_about(tmp_path, old, new, said):
    with pytest.raises(AssertionError, match=re.escape(said)):
        render(tmp_path, book(GLOSSARY.replace(old, new), {}))


def test_a_book_without_a_glossary_is_built(tmp_path):
    html = render(tmp_path, {"index": "# One\n\n**You need** an arm.\n"})
    assert "first-use" not in html["index"]
    assert "Words and symbols" not in html["index"]
