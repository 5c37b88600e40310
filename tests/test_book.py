"""The build: stale chapters run again, a raising cell or a warning stops it, damage is noticed."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import papermill
import pytest

from fewerwells.book import build as book
from fewerwells.running import points
from fewerwells.running.chapters import Run
from fewerwells.running.points import Point, make_points
from fewerwells.running.reading_order import project_root
from fewerwells.running.storage import lock_of
from fewerwells.science.cores import usable_cores
from fewerwells.study.claim_list import CLAIMS

ROOT = project_root()


def write_book(folder, pages):
    """A book of one chapter and some pages, given as name → text."""
    (folder / "notebooks").mkdir()
    shutil.copy(ROOT / "_config.yml", folder)
    for name in ("_static", "_ext"):
        shutil.copytree(ROOT / "book" / name, folder / "book" / name)
    shutil.copy(ROOT / "book" / "references.bib", folder / "book")
    shutil.copy(ROOT / "CITATION.cff", folder)
    files = "".join(f"      - file: book/{name}\n" for name in pages)
    (folder / "_toc.yml").write_text(
        f"format: jb-book\nroot: book/intro\nparts:\n  - caption: P\n    chapters:\n{files}"
    )
    for name, text in pages.items():
        (folder / "book" / f"{name}.md").write_text(f"# A page\n\n{text}\n")
    write_chapter(folder, "1 + 1")
    return folder


@pytest.fixture
def small_book(tmp_path):
    """A book of one chapter and one page."""
    return write_book(tmp_path, {"page": "Some words."})


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


def test_a_second_run_runs_nothing_and_a_change_runs_again_and_reaches_the_pages(small_book):
    page, said = build(small_book)
    assert page.name == "index.html"
    assert "intro: running …" in said

    def said_of_chapters():
        said = []
        book.run_chapters(small_book, "smoke", said.append)
        return said

    assert said_of_chapters() == ["intro: up to date"]
    (executed,) = book.run_chapters(small_book, "smoke", said.append).values()
    executed.write_text(executed.read_text()[:-20])
    assert "intro: running …" in said_of_chapters()
    write_chapter(small_book, "40 + 2")
    page, said = build(small_book)
    assert "intro: running …" in said
    assert "42" in (page.parent / "book" / "intro.html").read_text()
    (small_book / "book" / "_static" / "book.css").write_text("/* the new one */")
    build(small_book)
    assert (page.parent / "_static" / "book.css").read_text() == "/* the new one */"


def test_notebooks_side_by_side_are_all_run_and_one_that_fails_stops_the_rest(tmp_path, monkeypatch):
    ran, said = [], []

    def run(path, output, *_, **__):
        if path.stem == "b":
            raise ValueError("no such well")
        ran.append(path.stem)
        shutil.copy(path, output)
        return Run(0.0, {}, {})

    wanted = {name: tmp_path / f"{name}.ipynb" for name in "abcdef"}
    for name in wanted:
        write_chapter(tmp_path, f"{name} = 1", f"{name}.ipynb")
    monkeypatch.setattr(book, "chapters", lambda _: wanted)
    monkeypatch.setattr(points, "run_chapter", run)
    with pytest.raises(ValueError, match="no such well"):
        book.run_chapters(tmp_path, "smoke", said.append)
    assert ran == ["a"]
    del wanted["b"]
    done = book.run_chapters(tmp_path, "smoke", said.append, at_once=3)
    assert [path.stem for path in done] == ["a", "c", "d", "e", "f"]
    assert sorted(ran[1:]) == ["c", "d", "e", "f"], "what was done is not run again"
    assert said.count("a: up to date") == 1


def text_of(executed) -> str:
    (output,) = nbformat.read(executed, as_version=4).cells[-1].outputs
    return output.data["text/plain"]


def test_a_notebook_that_is_saved_while_a_build_runs_is_not_taken_for_what_it_was(tmp_path):
    root = write_book(tmp_path, {})
    toc = (
        "format: jb-book\nroot: book/intro\nparts:\n  - caption: P\n    chapters:\n      - file: notebooks/01_biology\n"
    )
    (root / "_toc.yml").write_text(toc)

    def chapter(text: str) -> None:
        write_chapter(root, repr(text), "notebooks/01_biology.ipynb")

    def run(say=lambda _: None) -> str:
        return text_of(book.run_chapters(root, "smoke", say)[Path("notebooks/01_biology.ipynb")])

    chapter("as it was")
    run(lambda line: chapter("saved meanwhile") if line == "intro: running …" else None)
    assert run() == "'saved meanwhile'"
    chapter("as it was")
    assert run() == "'as it was'"


def test_one_notebook_alone_has_all_cores(small_book):
    write_chapter(small_book, "import os; len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else None")
    (executed,) = book.run_chapters(small_book, "smoke", lambda _: None, at_once=2).values()
    assert text_of(executed) == str(len(usable_cores()))


def test_notebooks_side_by_side_have_a_core_each(tmp_path, monkeypatch):
    cores, kept = usable_cores(), {}
    monkeypatch.setattr(book, "chapters", lambda _: {name: tmp_path / f"{name}.ipynb" for name in "abcdef"})
    monkeypatch.setattr(book, "make_points", lambda path, _: [Point(path, {}, path.stem, tmp_path / path.stem)])
    met = threading.Barrier(2)

    def run(point, **_):
        met.wait(60)
        kept.setdefault(threading.get_ident(), []).append(tuple(usable_cores()))
        return 0.1

    monkeypatch.setattr(book, "run_point", run)
    book.run_chapters(tmp_path, "smoke", lambda _: None, at_once=2)
    first, second = (set(seen) for seen in kept.values())
    assert len(first) == len(second) == 1
    assert len(cores) < 2 or not hasattr(os, "sched_setaffinity") or first != second
    assert usable_cores() == cores


BUILD = """
import sys
from pathlib import Path
from fewerwells.book.build import run_chapters
run_chapters(Path(sys.argv[1]), "smoke", lambda line: print(line, flush=True), at_once=2)
"""


def test_whoever_presses_ctrl_c_does_not_wait_for_the_notebook_that_runs(small_book):
    write_chapter(small_book, "import time\nopen('begun', 'w').close()\ntime.sleep(600)")
    build = subprocess.Popen([sys.executable, "-c", BUILD, str(small_book)], stderr=subprocess.PIPE, text=True)
    ends = time.monotonic() + 120
    while not (small_book / "book" / "begun").exists():
        assert build.poll() is None
        assert time.monotonic() < ends
        time.sleep(0.05)
    build.send_signal(signal.SIGINT)
    _, told = build.communicate(timeout=60)
    assert told.rstrip().endswith("KeyboardInterrupt")
    assert "died" not in told
    assert not list(small_book.rglob("results/**/*.ipynb"))


def test_whoever_presses_ctrl_c_does_not_wait_for_another_process_that_runs_the_same(small_book):
    (point,) = make_points(small_book / "book" / "intro.ipynb", [{"profile": "smoke"}])
    with lock_of(point.folder):
        build = subprocess.Popen(
            [sys.executable, "-c", BUILD, str(small_book)], stderr=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert build.stdout.readline() == "intro: running …\n".encode()
        build.send_signal(signal.SIGINT)
        _, told = build.communicate(timeout=60)
    assert told.decode().rstrip().endswith("KeyboardInterrupt")
    assert not point.folder.exists()


def test_a_raising_cell_stops_the_build(small_book):
    write_chapter(small_book, "raise ValueError('no such well')")
    with pytest.raises(papermill.PapermillExecutionError, match="no such well"):
        build(small_book)
    assert not (small_book / "_build" / "html").exists()


FAULTS = {  # what a page holds → what is said of it
    "[nowhere](missing.md)": "target not found: 'missing.md'",
    "{cite:p}`nobody1999`": 'could not find bibtex key "nobody1999"',
    "```{figure} missing.svg\n```": "image file not readable",
    "![](_static/logo.svg)": "it has none",  # no alt text
    "![plate](_static/logo.svg)": "it has only 'plate'",  # one word
    "([Nobody 1999](references.md#nobody1999))": 'could not find bibtex key "nobody1999"',
    "So {claim}`it is <never-said>`.": "target not found: never-said",
    "So [it is](../notebooks/06_verdicts.ipynb#claim-never-said).": "target not found: never-said",
    "So {claim}`it is <cut-75-scratch>`.": "target not found: cut-75-scratch",  # this book has no page Verdicts
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """What the build says of a book that has each fault on a page of its own, and of one page without."""
    pages = {f"fault-{number}": fault for number, fault in enumerate(FAULTS)} | {"page": "Some words."}
    root = write_book(tmp_path_factory.mktemp("faulty"), pages)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEWERWELLS_RESULTS", str(root / "results"))
        with pytest.raises(book.BuildError) as caught:
            build(root)
    return [line for line in str(caught.value).splitlines() if "WARNING" in line]


@pytest.mark.parametrize(("number", "fault"), list(enumerate(FAULTS)))
def test_a_fault_is_named_with_its_page(refused, number, fault):
    assert [line for line in refused if f"/book/fault-{number}.md:" in line and FAULTS[fault] in line]


def test_a_page_without_a_fault_is_not_named(refused):
    assert not [line for line in refused if "/book/fault-" not in line]


def test_a_single_warning_stops_the_build_and_the_next_one_too(small_book):
    """Sphinx warns only of what it reads, and it would not read the same page twice."""
    (small_book / "book" / "page.md").write_text(f"# A page\n\n{next(iter(FAULTS))}\n")
    for _ in range(2):
        with pytest.raises(book.BuildError, match=r"missing\.md"):
            build(small_book)


def test_a_build_killed_while_rendering_does_not_spoil_the_next(tmp_path, monkeypatch):
    root = write_book(tmp_path, {"page": "Some words.", "another": "That stays."})
    page, _ = build(root)
    (root / "book" / "page.md").write_text("# A page\n\nOther words.\n")

    def killed(*_, **__):
        (page.parent / "searchindex.js").unlink()  # as Sphinx leaves it: written last
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(book.subprocess, "run", killed)
        with pytest.raises(KeyboardInterrupt):
            build(root)
    build(root)
    assert "another" in (page.parent / "searchindex.js").read_text()
    assert "Other words" in (page.parent / "book" / "page.html").read_text()


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """The pages of a book that has each kind of thing once: a chapter set up, links to results and to claims."""
    root = write_book(
        tmp_path_factory.mktemp("book"),
        {"page": "Sometimes [fewer wells will do](../notebooks/06_verdicts.ipynb#claim-cut-75-scratch)."},
    )
    toc = (root / "_toc.yml").read_text()
    (root / "_toc.yml").write_text(
        toc + "".join(f"      - file: notebooks/{name}\n" for name in ("01_biology", "03_experiment_1", "06_verdicts"))
    )
    write_chapter(root, "'verdicts'", "notebooks/06_verdicts.ipynb")
    (root / "results").mkdir()
    (root / "results" / "rows.csv").write_text("a\n1\n")
    write_chapter(
        root,
        "from IPython.display import Markdown\nMarkdown('[rows](../results/rows.csv)')",
        "notebooks/03_experiment_1.ipynb",
    )
    write_chapter(
        root,
        "from IPython.display import Markdown\n"
        "Markdown('[there](../notebooks/06_verdicts.ipynb#claim-x) [elsewhere](../other.ipynb)')",
        "notebooks/01_biology.ipynb",
    )
    cells = [
        nbformat.v4.new_markdown_cell("# Title"),
        nbformat.v4.new_markdown_cell("## Parameters\n\nChange a value."),
        nbformat.v4.new_code_cell('profile = "paper"  # size', metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("read_parameters = dict\nsettings = read_parameters(seeds=7)"),
        nbformat.v4.new_code_cell(
            "use_style = int\nuse_style()\nprint(settings['seeds'] * 6, 'seeds')", metadata={"tags": ["hide-input"]}
        ),
        nbformat.v4.new_code_cell("print('a result')"),
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), root / "book" / "intro.ipynb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEWERWELLS_RESULTS", str(root / "results"))
        page, _ = build(root)
    return page.parent


def test_results_that_a_page_links_to_travel_with_it(rendered, small_book):
    """A table named in the output of a cell is copied beside the pages; one that is not there stops the build."""
    assert (rendered / "results" / "rows.csv").read_text() == "a\n1\n"
    write_chapter(small_book, "from IPython.display import Markdown\nMarkdown('[rows](../results/none.csv)')")
    with pytest.raises(book.BuildError):
        build(small_book)


def test_words_lead_to_their_claim_and_tell_the_verdict(rendered):
    text = (rendered / "book" / "page.html").read_text()
    claim = next(claim for claim in CLAIMS if claim.name == "cut-75-scratch")
    link = re.search(r'<a class="claim[^"]*" href="([^"]+)" title="([^"]+)">(.*?)</a>', text)
    assert link[1] == "../notebooks/06_verdicts.html#claim-cut-75-scratch"
    assert link[2] == f"Tested: {claim.words} It depends on where one looks."
    assert re.sub("<[^>]+>", "", link[3]) == "fewer wells will do"
    chapter = (rendered / "notebooks" / "01_biology.html").read_text()
    assert 'href="../notebooks/06_verdicts.html#claim-x"' in chapter
    assert 'href="../other.ipynb"' in chapter, "what is no page of the book is left alone"


def test_what_sets_a_chapter_up_is_one_line_and_papermills_cell_is_nowhere(rendered):
    text = (rendered / "book" / "intro.html").read_text()
    (fold,) = re.findall(r'<details class="setup".*?</details>', text, re.DOTALL)
    assert all(words in fold for words in ("Change a value", "paper", "settings", "use_style"))
    assert "42 seeds" not in fold
    assert "42 seeds" in text
    assert "a result" in text.split("</details>", 1)[1]
    assert "injected" not in text
    assert not re.search(r"<h2>[^<]*Parameters", text)
