"""The build: stale chapters run again, a raising cell or a warning stops it, damage is noticed."""

import re
import shutil

import nbformat
import papermill
import pytest

from fewerwells import book
from fewerwells.chapters import project_root
from fewerwells.claims import CLAIMS

ROOT = project_root()


@pytest.fixture
def small_book(tmp_path):
    """A book of one chapter and one page."""
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "_config.yml", tmp_path)
    for folder in ("_static", "_ext"):
        shutil.copytree(ROOT / "book" / folder, tmp_path / "book" / folder)
    shutil.copy(ROOT / "book" / "references.bib", tmp_path / "book")
    shutil.copy(ROOT / "CITATION.cff", tmp_path)
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: book/intro\nparts:\n  - caption: P\n    chapters:\n      - file: book/page\n"
    )
    (tmp_path / "book" / "page.md").write_text("# A page\n\nSome words.\n")
    write_chapter(tmp_path, "1 + 1")
    return tmp_path


def write_chapter(root, code, path="book/intro.ipynb"):
    cells = [
        nbformat.v4.new_markdown_cell("# Title"),
        nbformat.v4.new_code_cell('profile = "paper"  # size', metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(code),
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), root / path)


def build(root):
    said = []
    return book.build(root, "smoke", root, said.append), said


def test_a_second_build_runs_nothing_and_a_change_runs_again(small_book):
    page, said = build(small_book)
    assert page.name == "index.html"
    assert "intro: running …" in said
    _, said = build(small_book)
    assert "intro: up to date" in said
    executed = small_book / "_build" / "chapters" / "smoke" / "book" / "intro.ipynb"
    executed.write_text(executed.read_text()[:-20])
    assert "intro: running …" in build(small_book)[1]
    write_chapter(small_book, "40 + 2")
    page, said = build(small_book)
    assert "intro: running …" in said
    assert "42" in (page.parent / "book" / "intro.html").read_text()


def test_a_raising_cell_stops_the_build(small_book):
    write_chapter(small_book, "raise ValueError('no such well')")
    with pytest.raises(papermill.PapermillExecutionError, match="no such well"):
        build(small_book)
    assert not (small_book / "_build" / "html").exists()


FAULTS = [
    "[nowhere](missing.md)",
    "{cite:p}`nobody1999`",
    "```{figure} missing.svg\n```",
    "![](_static/logo.svg)",  # no alt text
    "![plate](_static/logo.svg)",  # one word
    "([Nobody 1999](references.md#nobody1999))",
    "So it is {claim}`never-said`.",
    "So it is ([tested](../notebooks/6_verdicts.ipynb#claim-never-said)).",
    "So it is {claim}`cut-75-scratch`.",  # a claim, but this book has no page Verdicts
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_warning_stops_the_build(small_book, fault):
    (small_book / "book" / "page.md").write_text(f"# A page\n\n{fault}\n")
    with pytest.raises(book.BuildError, match="WARNING"):
        build(small_book)


def test_results_that_a_page_links_to_travel_with_it(small_book):
    """A table named in the output of a cell is copied beside the pages; one that is not there stops the build."""
    (small_book / "results").mkdir()
    (small_book / "results" / "rows.csv").write_text("a\n1\n")
    write_chapter(small_book, "from IPython.display import Markdown\nMarkdown('[rows](../results/rows.csv)')")
    page, _ = build(small_book)
    assert (page.parent / "results" / "rows.csv").read_text() == "a\n1\n"
    write_chapter(small_book, "from IPython.display import Markdown\nMarkdown('[rows](../results/none.csv)')")
    with pytest.raises(book.BuildError):
        build(small_book)


def test_a_sentence_leads_to_its_claim_and_shows_the_verdict(small_book):
    toc = (small_book / "_toc.yml").read_text()
    (small_book / "_toc.yml").write_text(toc + "      - file: notebooks/6_verdicts\n")
    write_chapter(small_book, "'verdicts'", "notebooks/6_verdicts.ipynb")
    (small_book / "book" / "page.md").write_text(
        "# A page\n\nFewer wells will do ([tested](../notebooks/6_verdicts.ipynb#claim-cut-75-scratch)).\n"
    )
    write_chapter(
        small_book,
        "from IPython.display import Markdown\n"
        "Markdown('[there](../notebooks/6_verdicts.ipynb#claim-x) [elsewhere](../other.ipynb)')",
    )
    page, _ = build(small_book)
    text = (page.parent / "book" / "page.html").read_text()
    claim = next(claim for claim in CLAIMS if claim.name == "cut-75-scratch")
    link = re.search(r'<a class="[^"]*claim-verdict[^"]*" href="([^"]+)" title="([^"]+)">(.*?)</a>', text)
    assert link[1] == "../notebooks/6_verdicts.html#claim-cut-75-scratch"
    assert link[2] == f"Tested: {claim.words} It depends on where one looks."
    assert re.sub("<[^>]+>", "", link[3]) == "study: it depends"
    chapter = (page.parent / "book" / "intro.html").read_text()
    assert 'href="../notebooks/6_verdicts.html#claim-x"' in chapter
    assert 'href="../other.ipynb"' in chapter, "what is no page of the book is left alone"
