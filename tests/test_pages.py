"""What a reader was promised: the built pages work by themselves, by keyboard and pointer, for everyone.

The smoke-size book is built once, served from 127.0.0.1 and read in Chromium, which can reach no other host.
"""

import contextlib
import functools
import gzip
import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlparse

import nbformat
import numpy as np
import pytest
import yaml
from filelock import FileLock

from fewerwells.book.widgets import _bundle, pretrained
from fewerwells.running.reading_order import project_root
from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import Pairs
from fewerwells.science.design.candidates import grid
from fewerwells.science.design.reading import LeastSure
from fewerwells.science.in_context.reader import InContextNetwork
from fewerwells.science.networks import STUDY_SIZES, Ensemble
from tests.test_widgets import fresh_network, normals, torch_training, uniforms, wells

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is missing: pip install playwright")

ROOT = project_root(Path(__file__).parent)
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
CHAPTERS = [entry for part in TOC["parts"] for entry in part["chapters"]]
PAGES = [TOC["root"], *(page["file"] for entry in CHAPTERS for page in (entry, *entry.get("sections", [])))]
FIGURES = "notebooks/11_train_it_yourself"
READS_PLATES = "notebooks/12_a_thousand_circuits"
CHOOSES_WELLS = "notebooks/13_which_wells"
YOUR_PLATE = "notebooks/14_your_plate"
PARTS = 3  # in which the pages are looked at, side by side
SHARED_OUT = [
    pytest.param(page, marks=pytest.mark.xdist_group(name=f"pages {number % PARTS + 1}"))
    for number, page in enumerate(PAGES)
]
# all of one engine; the first draws no window around its pages, which saves a quarter of their time
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
NPM = shutil.which("npm")
OWN_FILES = (
    "book.css",
    "first-visit.js",
    "labels.js",
    "logo.svg",
    "widgets.css",
    *(f"{name}.js" for name in _bundle.NAMES),
)
SIZES = {"desktop": (1300, 900), "phone": (390, 844)}
PATIENCE = 60_000  # ms that something may take on a busy machine; what has come is not waited for
sync_api.expect.set_options(timeout=PATIENCE)

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is missing; on Debian: apt-get install chromium-headless-shell"
)
figures = pytest.mark.xdist_group(name="figures")
needs_npm = pytest.mark.skipif(NPM is None, reason="npm is missing; on Debian: apt-get install nodejs npm")


@pytest.fixture(scope="session")
def html(tmp_path_factory, worker_id) -> Path:
    """The folder of the smoke-size book, built once by whichever of the processes comes first."""
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent
    with FileLock(shared / "book.lock"):
        if not (shared / "book.built").exists():
            build_book()
            (shared / "book.built").touch()
    return ROOT / "_build" / "smoke" / "_build" / "html"


def build_book() -> None:
    """What `make book PROFILE=smoke` does, beside the book of the checkout."""
    environment = {name: value for name, value in os.environ.items() if name != "FEWERWELLS_RESULTS"}
    command = [
        sys.executable,
        "-m",
        "fewerwells.cli",
        "book",
        "--profile",
        "smoke",
        "--output",
        str(ROOT / "_build/smoke"),
    ]
    finished = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr


class _QuietServer(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def address(html):
    """Where the book is served."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_QuietServer, directory=html)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def browser():
    with sync_api.sync_playwright() as playwright:
        only_here = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", only_here]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@contextlib.contextmanager
def watched_tab(browser, address):
    """A fresh browser tab that remembers what went wrong and whom it asked; the test fails if anything did."""
    with browser.new_context(base_url=address, viewport={"width": 1300, "height": 900}) as context:
        context.set_default_timeout(PATIENCE)
        tab = context.new_page()
        wrong, asked = [], []
        tab.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
        tab.on(
            "response", lambda response: wrong.append(f"{response.status}: {response.url}") if not response.ok else None
        )
        tab.on("request", lambda request: asked.append(request.url))
        tab.asked = asked
        yield tab
        assert wrong == []
        assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


@pytest.fixture
def tab(browser, address):
    with watched_tab(browser, address) as tab:
        yield tab


@pytest.fixture(scope="session")
def axe(tmp_path_factory) -> Path:
    """axe-core's script, from npm by the lock file in tests/browser."""
    folder = tmp_path_factory.mktemp("browser")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / "tests" / "browser" / name, folder)
    finished = subprocess.run([NPM, "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return folder / "node_modules" / "axe-core" / "axe.min.js"


def show(tab, page: str) -> None:
    tab.goto(f"/{page}.html", wait_until="load")


# A theme changes colours and which picture of a pair is seen; all else is checked in the light one.
CHECKS = {"light": {}, "dark": {"runOnly": ["color-contrast", "link-in-text-block", "image-alt", "role-img-alt"]}}
# Contrast takes most of axe-core's time: text that a phone shows as a desktop does, and no larger, is looked at there only,
# since small text needs more of it.
ALL, ALL_BUT_TEXT = "*", ":not(.bd-article, .bd-article *)"
AXE = """async ([checks, where]) => {
    axe.configure({rules: [{id: "color-contrast", selector: where}]});
    return (await axe.run(document, {resultTypes: ["violations"], ...checks})).violations;
}"""
# Whether what now scrolls can be reached by keyboard. The theme sees to that 0.3 s after a window has changed its size, or later
# on a busy machine.
IS_REACHABLE = """[...document.querySelectorAll(".bd-article [tabindex='-1']")].every(
    ({scrollWidth, clientWidth}) => scrollWidth <= clientWidth
)"""
# Whether each part of a text looks as it did when this was first asked in this theme, and is not smaller.
IS_AS_CLEAR = """(scheme) => {
    const seen = [...document.querySelectorAll(".bd-article, .bd-article *")].map((element) => {
        const {color, backgroundColor, backgroundImage, opacity, display, visibility, fontWeight, fontSize} = getComputedStyle(element);
        const look = [color, backgroundColor, backgroundImage, opacity, display, visibility, fontWeight].join(" ");
        return opacity === "0" ? ["not seen", 0] : [look, parseFloat(fontSize)];
    });
    window.seenFirst ??= {};
    const first = (window.seenFirst[scheme] ??= seen);
    const isAsClear = ([look, size], index) => look === first[index][0] && size >= first[index][1];
    return first !== seen && first.length === seen.length && seen.every(isAsClear);
}"""


def found_by_axe(tab, axe: Path):
    """In each theme on a phone and on a desktop what axe-core finds: theme, width (px), rules and what breaks them."""
    tab.add_script_tag(path=axe)
    for width, height in (SIZES["phone"], SIZES["desktop"]):
        tab.set_viewport_size({"width": width, "height": height})
        tab.wait_for_function(IS_REACHABLE)
        for scheme, checks in CHECKS.items():
            tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # no half-way colours
            tab.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=scheme)
            known = tab.evaluate(IS_AS_CLEAR, scheme)
            found = tab.evaluate(AXE, [checks, ALL_BUT_TEXT if known else ALL])
            yield scheme, width, [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] != "minor"]


@pytest.fixture(scope="class", params=SHARED_OUT)
def page(request):
    return request.param


@pytest.fixture(scope="class")
def opened(browser, address, page):
    """A page, loaded once for all that is asked of every page."""
    with watched_tab(browser, address) as tab:
        show(tab, page)
        yield tab


@needs_chromium
def test_the_landing_page_weighs_less_than_300_kb_with_everything(browser, address, html):
    """Theme, scripts, fonts, figures: all that a first visit fetches, compressed as a server sends it."""
    with watched_tab(browser, address) as tab:
        show(tab, "book/intro")
        asked = {urldefrag(url).url for url in tab.asked if url.startswith("http")}
    files = [html / unquote(urlparse(url).path).lstrip("/") for url in asked]
    weights = {file.name: len(gzip.compress(file.read_bytes())) for file in files}
    assert sum(weights.values()) < 300_000, weights


@needs_chromium
class TestEveryPage:
    def test_weighs_less_than_500_kb_beyond_the_theme(self, opened, html, page):
        """What all pages share and the browser keeps (theme, MathJax) is not counted; text, figures and scripts are."""
        figures = {
            scheme: set(opened.locator(f"img.on-{scheme}").evaluate_all("all => all.map(image => image.src)"))
            for scheme in ("light", "dark")
        }
        asked = {urldefrag(url).url for url in opened.asked if url.startswith("http")}
        assert not asked & figures["dark"], "a light page fetches dark figures"
        for scheme, shown in figures.items():
            own = 0
            for url in asked - figures["light"] | shown:
                path = html / unquote(urlparse(url).path).lstrip("/")
                if path.name.startswith(OWN_FILES) or "_static" not in path.relative_to(html).parts:
                    own += len(gzip.compress(path.read_bytes()))
            network = (
                600_000 if page in (READS_PLATES, CHOOSES_WELLS) else 0
            )  # what the network that travels with this page may weigh
            assert own < 500_000 + network, f"{page} in the {scheme} theme"

    def test_draws_its_icons_without_the_script_or_the_font_of_all(self, opened, page):
        assert not [url for url in opened.asked if "fontawesome" in url]
        masks = opened.locator(":is(i, span):is(.fa-solid, .fas, .fab)").evaluate_all(
            "all => all.map(icon => [icon.className, getComputedStyle(icon, '::before').maskImage])"
        )
        assert masks
        assert [name for name, mask in masks if "svg" not in mask] == [], "icons.css does not draw these"

    @needs_npm
    def test_is_sound_and_accessible_in_both_themes_at_both_sizes(self, opened, axe, page):
        for scheme, width, bad in found_by_axe(opened, axe):
            assert bad == [], f"{page}, {scheme}, {width} px"
            too_wide = opened.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert too_wide <= 0, f"{page} is wider than {width} px"


PALE = "color: #bbb !important"


@needs_chromium
@needs_npm
@pytest.mark.parametrize(
    ("style", "where"),
    [
        (f"@media (max-width: 700px) {{.bd-article p {{{PALE}}}}}", ("light", 390)),
        (f"@media (min-width: 1000px) {{.bd-article p {{{PALE}}}}}", ("light", 1300)),
        (f"@media (min-width: 1000px) {{.bd-sidebar-primary a {{{PALE}}}}}", ("light", 1300)),
        ("html[data-theme=dark] .bd-article p {color: #444 !important}", ("dark", 390)),
        (
            ".bd-article p {color: #888 !important; font-size: 25px !important}"
            "@media (min-width: 1000px) {.bd-article p {font-size: 13px !important}}",
            ("light", 1300),
        ),
    ],
    ids=["on a phone", "on a desktop", "beside the text", "in the dark", "smaller on a desktop"],
)
def test_text_that_is_hard_to_read_is_found_wherever_it_is_so(tab, axe, style, where):
    """The text is looked at a second time only where a desktop shows it less clearly, so that must be noticed."""
    show(tab, "exercises/05_findings_exercises")
    tab.add_style_tag(content=style)
    looks = found_by_axe(tab, axe)
    assert next((*look, bad[0][0]) for *look, bad in looks if bad) == (*where, "color-contrast")


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_paper_gets_text_and_stills_on_white(tab, scheme):
    tab.emulate_media(color_scheme=scheme)
    show(tab, FIGURES)
    tab.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=scheme)
    tab.locator(".fw").first.wait_for()
    tab.emulate_media(media="print", color_scheme=scheme)
    tab.wait_for_function("document.documentElement.dataset.theme === 'light'")
    for kept_away in (".fw", ".bd-sidebar-primary", ".bd-sidebar-secondary", ".bd-header-article", ".bd-footer"):
        found = tab.locator(kept_away)
        assert not any(found.nth(index).is_visible() for index in range(found.count())), kept_away
    stills = tab.locator("figure img.on-light")
    assert stills.count() == 3
    for index in range(3):  # a picture has no size, and is not seen, until it has come
        sync_api.expect(stills.nth(index)).to_be_visible()
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    tab.emulate_media(media="screen", color_scheme=scheme)
    tab.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=scheme)


@needs_chromium
def test_figures_are_as_dark_as_the_page(tab):
    """Of each pair the theme's one is seen, it has loaded, and its paper is the page's background."""
    show(tab, FIGURES)
    for scheme, other_scheme in (("dark", "light"), ("light", "dark")):
        tab.emulate_media(color_scheme=scheme)
        tab.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=scheme)
        pairs = tab.locator("figure:has(img.on-light)")
        assert pairs.count() >= 3
        for index in range(pairs.count()):
            seen, other = (pairs.nth(index).locator(f".on-{name}") for name in (scheme, other_scheme))
            seen.scroll_into_view_if_needed()
            sync_api.expect(seen).to_be_visible()
            sync_api.expect(other).to_be_hidden()
            corner, page = seen.evaluate(
                """async image => {
                    await image.decode();
                    const canvas = Object.assign(document.createElement("canvas"), {width: 9, height: 9});
                    const context = canvas.getContext("2d");
                    context.drawImage(image, 0, 0);
                    const rgb = Array.from(context.getImageData(2, 2, 1, 1).data).slice(0, 3);
                    return [`rgb(${rgb.join(", ")})`, getComputedStyle(document.body).backgroundColor];
                }"""
            )
            assert corner == page


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_first_visit_is_in_the_readers_theme_from_the_start(browser, address, scheme):
    with browser.new_context(base_url=address, color_scheme=scheme) as context:
        context.set_default_timeout(PATIENCE)
        tab, asked = context.new_page(), set()
        tab.on("request", lambda request: asked.add(request.url))
        tab.goto("/notebooks/02_problem.html", wait_until="load")
        first = tab.locator(f"img.on-{scheme}").first
        first.scroll_into_view_if_needed()  # figures are fetched when they come near
        tab.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=first.element_handle())
        seen, other = (
            set(tab.locator(f"img.on-{name}").evaluate_all("all => all.map(image => image.src)"))
            for name in (scheme, "dark" if scheme == "light" else "light")
        )
        assert asked & seen
        assert not asked & other


def test_a_figure_and_its_dark_twin_differ_in_colour_alone(html):
    twins = sorted((html / "_images").glob("*-dark.svg"))
    assert len(twins) == len(list((html / "_images").glob("*.svg"))) / 2 > 20
    colour = re.compile(r"(fill|stroke): (#[0-9a-f]{6}|color-mix\([^)]*\))| fill=\"#[0-9a-f]{6}\"")
    for twin in twins:
        original = twin.with_name(twin.name.replace("-dark.svg", ".svg")).read_text(encoding="utf-8")
        assert colour.sub("", twin.read_text(encoding="utf-8")) == colour.sub("", original)


class _Links(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.targets, self.ids = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.targets.append(value)
            if name in ("id", "name"):
                self.ids.add(value)


def test_every_link_inside_the_book_leads_somewhere(html):
    pages = {
        path: _Links(path.read_text(encoding="utf-8")) for path in html.rglob("*.html") if "_static" not in path.parts
    }
    dead = []
    for path, links in pages.items():
        for target in links.targets:
            url = urlparse(target)
            if url.scheme or url.netloc or target == "#":
                continue
            file = (path.parent / unquote(url.path)).resolve() if url.path else path
            if not file.exists() or (url.fragment and file in pages and unquote(url.fragment) not in pages[file].ids):
                dead.append(f"{path.relative_to(html)} → {target}")
    assert dead == []


FIRST_USE = re.compile(r'<a class="first-use[^>]*href="[^"#]*#([^"]+)" title="[^"]+">')
COMPUTED_ONLY = {  # the book uses these in sentences that cells write, where nothing is linked
    "term-Dead-network",
    "term-Floating-point-operation",
}


def test_every_word_of_the_glossary_is_linked_once_on_a_page_that_uses_it(html):
    glossary = (html / "book" / "glossary.html").read_text(encoding="utf-8")
    first_terms = re.findall(r'(?:<dl class="[^"]*glossary[^"]*">|</dd>)\s*<dt id="([^"]+)">', glossary)
    assert len(first_terms) > 90
    used = set()
    for page in PAGES:
        text = (html / f"{page}.html").read_text(encoding="utf-8")
        links = FIRST_USE.findall(text)
        assert len(links) == len(set(links)), page
        assert not re.search(r"<(h[1-6]|pre|code|figcaption)\b[^>]*>(?:(?!</\1>).)*first-use", text, re.DOTALL), page
        used |= set(links)
    assert set(first_terms) - used <= COMPUTED_ONLY


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith(("notebooks/", "exercises/"))])
def test_the_opening_of_a_chapter_leads_to_words_and_symbols(html, page):
    text = (html / f"{page}.html").read_text(encoding="utf-8")
    opening = re.search(r"<p>(?:(?!</p>).)*<strong>You need</strong>.*?</p>", text, re.DOTALL)[0]
    assert 'href="../book/glossary.html">glossary</a>' in opening
    assert 'href="../book/notation.html">notation</a>' in opening


@needs_chromium
def test_search_finds_a_word_of_a_notebook(tab):
    tab.goto("/search.html?q=isocost", wait_until="load")
    tab.wait_for_selector("#search-results ul.search li a")
    found = tab.locator("#search-results ul.search li a").evaluate_all("links => links.map(link => link.href)")
    assert any(FIGURES in urljoin("/", link) for link in found)


@figures
@needs_chromium
def test_the_landing_page_s_figures_fit_a_phone(tab):
    width, height = SIZES["phone"]
    tab.set_viewport_size({"width": width, "height": height})
    show(tab, "book/intro")
    wider = "(figure) => [...figure.querySelectorAll('img')].some((img) => img.offsetWidth > figure.parentElement.clientWidth)"
    seen = tab.locator(".cell_output > figure")
    assert seen.count() == 2
    assert not [n for n in range(seen.count()) if seen.nth(n).evaluate(wider)]


def figure(tab, name: str, page: str = FIGURES):
    show(tab, page)
    box = tab.get_by_role("group", name=name)
    box.scroll_into_view_if_needed()
    return box


def train(box, press) -> dict[str, tuple[float, float]]:
    """Press Train, wait for the end, and read the table: network → (inside, outside), nM."""
    press(box.get_by_role("button", name="Train"))
    box.page.wait_for_selector(".fw[data-state=done]")
    rows = box.get_by_role("row").all()[1:]
    return {
        row.get_by_role("rowheader").inner_text(): tuple(map(float, row.get_by_role("cell").all_inner_texts()))
        for row in rows
    }


@functools.cache
def expected_race(circuit, n: int, noise: float, seed: int, epochs: int) -> dict[str, tuple[float, float]]:
    """The same race in Python, by the package's readable engine in 64-bit numbers."""
    parameters = {"theta": circuit.theta, "eta": circuit.eta, "n": circuit.n, "b": circuit.b}
    x, y = wells(parameters, n, noise, 10.0, seed)
    middles = np.arange(20) + 0.5
    mesh = np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)
    inside = (mesh <= 10).all(axis=1)
    stored, _ = pretrained.load()
    answer = {}
    for name, start in (("pre-trained", stored.parameters[0].astype(float)), ("from scratch", fresh_network(seed))):
        weights = torch_training(STUDY_SIZES, start, x, y, circuit.largest_output, seed, epochs)
        network = Ensemble(STUDY_SIZES, weights[None], output_scale=circuit.largest_output)
        errors = np.abs(network.predict(mesh)[0] - circuit(mesh)).mean(axis=1)
        answer[name] = (errors[inside].mean(), errors[~inside].mean())
    return answer


def by_keyboard(control) -> None:
    control.focus()
    control.press("Enter")


def by_pointer(control) -> None:
    control.click()


def assert_same(got: dict, expected: dict) -> None:
    """The page shows three digits."""
    for name, values in expected.items():
        assert got[name] == pytest.approx(values, rel=6e-3), name


@figures
@needs_chromium
class TestTrainItYourself:
    @pytest.mark.parametrize("press", [by_keyboard, by_pointer])
    def test_shows_the_numbers_of_python(self, tab, press):
        got = train(figure(tab, "Train it yourself"), press)
        assert_same(got, expected_race(reference_circuit("n_part_complex", 2.0), 96, 1.0, 0, 200))

    def test_every_control_answers_the_keyboard(self, tab):
        box = figure(tab, "Train it yourself")
        bought = box.get_by_label("Wells you buy")
        bought.focus()
        for key, value in (("ArrowLeft", "88"), ("Home", "8"), ("ArrowRight", "16"), ("PageUp", "56"), ("End", "384")):
            bought.press(key)
            assert bought.input_value() == value
        assert box.get_by_role("img", name="384 wells on 4 plates").count() == 1
        noise = box.get_by_label("Measurement noise")
        noise.press("Home")
        assert noise.get_attribute("aria-valuetext") == "0 nM"
        box.get_by_label("The real circuit").select_option("phosphorylation cycle")
        box.get_by_label("Seed").fill("3")
        box.get_by_label("Seed").press("Enter")
        got = train(box, by_keyboard)
        assert_same(got, expected_race(reference_circuit("phosphorylation_cycle"), 384, 0.0, 3, 200))

    def test_steps_pauses_and_repeats_itself(self, tab):
        box = figure(tab, "Train it yourself")
        said = box.get_by_role("status")
        for epoch in (1, 2):
            box.get_by_role("button", name="Step").click()
            sync_api.expect(said).to_contain_text(f"Epoch {epoch} of 200")
        box.get_by_label("slow motion").check()
        box.get_by_role("button", name="Go on").click()
        box.get_by_role("button", name="Pause").click()
        sync_api.expect(box.get_by_role("button", name="Go on")).to_be_visible()
        box.get_by_label("slow motion").uncheck()
        by_keyboard(box.get_by_role("button", name="Go on"))
        tab.wait_for_selector(".fw[data-state=done]")
        once = box.locator(".fw-numbers").inner_text()
        box.get_by_role("button", name="Reset").click()
        train(box, by_pointer)
        assert box.locator(".fw-numbers").inner_text() == once
        sync_api.expect(said).to_contain_text("trained in")

    def test_trains_beside_the_page_which_stays_alive(self, tab):
        box = figure(tab, "Train it yourself")
        train(box, by_pointer)
        sync_api.expect(box.get_by_role("status")).to_contain_text("trained in")
        assert tab.workers

    def test_holds_still_for_readers_who_ask_for_it(self, tab):
        tab.emulate_media(reduced_motion="reduce")
        assert_same(
            train(figure(tab, "Train it yourself"), by_keyboard),
            expected_race(reference_circuit("n_part_complex", 2.0), 96, 1.0, 0, 200),
        )


def numbers_in(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"(?<![₁₂\w])\d+(?:\.\d+)?", text)]


MESH = np.stack(np.meshgrid(np.arange(20) + 0.5, np.arange(20) + 0.5), axis=-1).reshape(-1, 2)  # of the figures


@figures
@needs_chromium
class TestReadAPlate:
    def test_shows_the_numbers_of_python(self, tab):
        box = figure(tab, "Read a plate", READS_PLATES)
        box.get_by_label("Wells you buy").press("PageDown")
        bought = int(box.get_by_label("Wells you buy").input_value())
        assert bought == 16
        sync_api.expect(box.get_by_role("status")).to_contain_text("16 wells")
        row = box.get_by_role("row").filter(has_text="reads the plate")
        shown = [float(text) for text in row.get_by_role("cell").all_inner_texts()]
        circuit = reference_circuit("n_part_complex", 2.0)
        parameters = {"theta": circuit.theta, "eta": circuit.eta, "n": circuit.n, "b": circuit.b}
        plate = Pairs(*wells(parameters, bought, 1.0, 10.0, 0))
        errors = np.abs(InContextNetwork.load().predict([plate], MESH)[0] - circuit(MESH)).mean(axis=1)
        inside = (MESH <= 10).all(axis=1)
        assert shown == pytest.approx([errors[inside].mean(), errors[~inside].mean()], rel=6e-3)

    @pytest.mark.parametrize("size", SIZES)
    def test_its_table_shows_all_of_its_columns(self, tab, size):
        width, height = SIZES[size]
        tab.set_viewport_size({"width": width, "height": height})
        box = figure(tab, "Read a plate", READS_PLATES)
        table, around = box.locator("table").bounding_box(), box.bounding_box()
        assert table["x"] + table["width"] <= around["x"] + around["width"]

    def test_never_draws_one_plate_with_the_settings_of_the_next(self, tab):
        """Wells are changed and a redraw is asked for before the new plate can have been read."""
        box = figure(tab, "Read a plate", READS_PLATES)
        tab.wait_for_selector(".fw[data-state=done]")
        drawn = box.evaluate(
            """(box) => {
                const change = (control, kind, value) => {
                    control.value = value;
                    control.dispatchEvent(new Event(kind));
                };
                change(box.querySelector("[type=range]"), "input", "96");
                change([...box.querySelectorAll("select")].at(-1), "change", "1"); // the output that is shown
                const drawn = () => [...box.querySelectorAll("circle.fw-well")].map((well) => well.getAttribute("cx"));
                return new Promise((tell) => requestAnimationFrame(() => requestAnimationFrame(() => tell(drawn()))));
            }"""
        )
        assert drawn
        assert all(map(np.isfinite, map(float, drawn)))


@figures
@needs_chromium
class TestWhichWells:
    CIRCUIT = reference_circuit("n_part_complex", 2.0)

    def chance(self, n: int) -> np.ndarray:
        """The first n wells that chance fills for seed 0 inside 0–10 nM, moved to the grid."""
        return 0.5 * np.floor(2 * 10 * uniforms(0, 1, 2 * n).reshape(n, 2) + 0.5)

    def measured(self, x: np.ndarray) -> Pairs:
        return Pairs(x, self.CIRCUIT(x) + normals(0, 2, 2 * len(x)).reshape(-1, 2))

    def said(self, x: np.ndarray) -> tuple[float, float]:
        """Error and half the interval's width over 0–20 nM, nM."""
        low, middle, high = np.moveaxis(InContextNetwork.load().quantiles([self.measured(x)], MESH)[0], -1, 0)[
            [2, 4, 6]
        ]
        return np.abs(middle - self.CIRCUIT(MESH)).mean(), (high - low).mean() / 2

    def shown(self, box, plate: str, n: int) -> list[float]:
        status = box.get_by_role("status")
        sync_api.expect(status).to_contain_text(f"{plate} plate: {n} wells")
        words = re.search(
            rf"{plate} plate: {n} wells, error ([\d.]+) nM, half the interval's width ([\d.]+) nM", status.inner_text()
        )
        return [float(number) for number in words.groups()]

    def test_both_plates_show_the_numbers_of_python(self, tab):
        box = figure(tab, "Which wells?", CHOOSES_WELLS)
        first = self.chance(8)
        for plate in ("Your", "the network's"):
            assert self.shown(box, plate, 8) == pytest.approx(self.said(first), rel=6e-3)
        by_keyboard(box.get_by_role("button", name="Let the network choose eight"))
        chosen = LeastSure().next_wells(self.measured(first), grid(0, 10, 0.5), 8, 0)
        after = np.concatenate([first, chosen])
        assert self.shown(box, "the network's", 16) == pytest.approx(self.said(after), rel=2e-2)
        by_keyboard(box.get_by_role("button", name="Eight by chance"))
        assert self.shown(box, "Your", 16) == pytest.approx(self.said(self.chance(16)), rel=6e-3)

    def test_a_well_is_filled_by_a_click_and_by_typing_and_all_can_start_again(self, tab):
        box = figure(tab, "Which wells?", CHOOSES_WELLS)
        self.shown(box, "Your", 8)
        picture = box.get_by_role("img", name="Colour map of the true circuit")
        size = picture.bounding_box()
        picture.click(position={"x": size["width"] * (38 + 110) / 264, "y": size["height"] * (8 + 110) / 262})
        with_click = np.concatenate([self.chance(8), [[10.0, 10.0]]])
        assert self.shown(box, "Your", 9) == pytest.approx(self.said(with_click), rel=6e-3)
        box.get_by_label("x₁ of a well (nM)").fill("4")
        box.get_by_label("x₂ of a well (nM)").fill("0")
        box.get_by_label("x₂ of a well (nM)").press("Enter")
        by_keyboard(box.get_by_role("button", name="Fill this well"))
        typed = np.concatenate([with_click, [[4.0, 0.0]]])
        assert self.shown(box, "Your", 10) == pytest.approx(self.said(typed), rel=6e-3)
        box.get_by_label("x₁ of a well (nM)").fill("2.6")
        box.get_by_label("x₂ of a well (nM)").fill("15")  # wells can be filled up to 10 nM
        box.get_by_label("x₂ of a well (nM)").press("Enter")
        assert box.get_by_label("x₁ of a well (nM)").input_value() == "2.5"
        assert box.get_by_label("x₂ of a well (nM)").input_value() == "10"
        by_keyboard(box.get_by_role("button", name="Fill this well"))
        between = np.concatenate([typed, [[2.5, 10.0]]])
        assert self.shown(box, "Your", 11) == pytest.approx(self.said(between), rel=6e-3)
        by_keyboard(box.get_by_role("button", name="Let the network choose eight"))
        by_keyboard(box.get_by_role("button", name="Start again"))  # while it chooses: what it finds comes too late
        self.shown(box, "Your", 8)
        by_keyboard(box.get_by_role("button", name="Let the network choose eight"))
        self.shown(box, "the network's", 16)

    def test_nothing_stays_of_another_table(self, tab):
        box = figure(tab, "Your plate", YOUR_PLATE)
        line, chart = box.get_by_role("status"), box.get_by_role("img", name="predicted with a 95 % interval")
        sync_api.expect(line).to_contain_text("different doses")
        sync_api.expect(chart).to_be_visible()
        many = "IPTG_nM,GFP\n" + "".join(f"{dose},{dose}\n" for dose in range(1, 161))
        few = "IPTG_nM,GFP\n1,2\n2,3\n"
        for table, said in ((many, "160 different doses are too many"), (few, "at least 6 are needed")):
            box.get_by_role("textbox").fill(table)
            sync_api.expect(line).to_contain_text(said)
            sync_api.expect(chart).to_be_hidden()
            assert box.get_by_text("fewerwells plate my.csv").is_visible() == (table == many)
        box.get_by_role("textbox").fill("IPTG_nM,GFP\n" + "".join(f"{dose},{dose}\n" for dose in range(1, 13)))
        sync_api.expect(line).to_contain_text("12 wells with 12 different doses")
        sync_api.expect(chart).to_be_visible()

    def test_only_a_click_on_the_map_fills_a_well(self, tab):
        """Not a press on its title that goes on over the map, nor another button, nor what is drawn over it."""
        box = figure(tab, "Which wells?", CHOOSES_WELLS)
        self.shown(box, "Your", 8)
        picture = box.get_by_role("img", name="Colour map of the true circuit")
        size = picture.bounding_box()
        box.get_by_text("your plate: click where you want a well").click()
        tab.mouse.move(size["x"] + 60, size["y"] + 60)
        tab.mouse.move(size["x"] + 90, size["y"] + 90)
        picture.click(button="right", position={"x": 90, "y": 90})
        tab.keyboard.press("Escape")
        picture.click(position={"x": size["width"] * (38 + 110) / 264, "y": size["height"] * (8 + 110) / 262})
        self.shown(box, "Your", 9)


@figures
@needs_chromium
class TestCircuitExplorer:
    def said(self, box, x: tuple[float, float]):
        """What is announced once the cross stands at x."""
        line = box.get_by_role("status")
        sync_api.expect(line).to_contain_text(f"x₁ = {x[0]:g} nM, x₂ = {x[1]:g} nM")
        return numbers_in(line.inner_text())[2:4]

    def test_reads_off_the_numbers_of_python(self, tab):
        box = figure(tab, "Circuit explorer")
        for label, circuit in (("phosphorylation cycle", reference_circuit("phosphorylation_cycle")),
                               ("n = 3", reference_circuit("n_part_complex", 3.0))):  # fmt: skip
            box.get_by_label("Circuit", exact=True).select_option(label)
            box.get_by_label("Cross at x₁").press("End")
            box.get_by_label("Cross at x₂").press("ArrowRight")
            x = (20.0, float(box.get_by_label("Cross at x₂").input_value()))
            assert self.said(box, x) == pytest.approx(circuit(np.array(x)), rel=6e-3)

    def test_pointer_moves_the_cross_and_walks_the_plane(self, tab):
        box = figure(tab, "Circuit explorer")
        stage = box.locator(".fw-map").first
        area = stage.bounding_box()
        stage.click(position={"x": area["width"] * 0.5, "y": area["height"] * 0.5})
        x = tuple(float(box.get_by_label(f"Cross at x{i}").input_value()) for i in "₁₂")
        assert x == pytest.approx((9, 10), abs=2)
        assert self.said(box, x) == pytest.approx(reference_circuit("n_part_complex", 2.0)(np.array(x)), rel=6e-3)
        plane = box.get_by_role("img", name="The plane of circuits")
        area = plane.bounding_box()
        plane.click(position={"x": area["width"] * 0.3, "y": area["height"] * 0.5})
        assert box.get_by_label("Circuit", exact=True).input_value() == "elsewhere in the plane"
        box.get_by_label("Empty state b").press("End")
        box.get_by_label("Parts n").press("Home")
        assert box.get_by_label("Parts n").get_attribute("aria-valuetext") == "0.5"


@figures
@needs_chromium
class TestResultsExplorer:
    def test_shows_the_numbers_of_the_table(self, tab, html):
        from fewerwells.running.parameters import Experiment1
        from fewerwells.science.statistics import geometric_summary

        table = published(Experiment1(profile="smoke"))
        box = figure(tab, "Results explorer")
        for region, words in (("inside", "inside 0–10 nM"), ("all", "everywhere, 0–20 nM")):
            summary = geometric_summary(table, f"sobol_{region}_mean", ["arm", "N"]).set_index(["arm", "N"])
            box.get_by_label("Error measured").select_option(words)
            for arm, n in (("scratch", 10), ("transfer", 200)):
                box.get_by_label("Arm").select_option(arm)
                box.get_by_label("Real pairs N").select_option(str(n))
                sync_api.expect(box.get_by_role("status")).to_contain_text(f"N = {n}")
                row = summary.loc[(arm, n)]
                got = numbers_in(box.get_by_role("status").inner_text().split("error ")[1])[:3]
                assert got == pytest.approx(row[["value", "low", "high"]].tolist(), rel=6e-3)

    def test_says_what_a_point_is_made_of(self, tab):
        box = figure(tab, "Results explorer")
        box.get_by_label("Seed").select_option("1")
        box.get_by_label("show single networks").check()
        sync_api.expect(box.get_by_role("status")).to_contain_text("Seed 1:")
        command = box.locator("code").inner_text()
        assert "-p first_seed=1 -p n_seeds=1" in command
        before = box.get_by_role("status").inner_text()
        chart = box.get_by_role("img", name="Learning curves")
        area = chart.bounding_box()
        chart.click(position={"x": area["width"] * 0.16, "y": area["height"] * 0.1})
        sync_api.expect(box.get_by_role("status")).not_to_have_text(before)
        assert box.get_by_label("Real pairs N").input_value() == "10"

    def test_every_circuit_and_arm_can_be_shown(self, tab):
        box = figure(tab, "Results explorer")
        for label in box.get_by_label("Circuit").locator("option").all_inner_texts():
            box.get_by_label("Circuit").select_option(label)
            for arm in ("transfer", "scratch", "oracle"):
                box.get_by_label("Arm").select_option(arm)
                words = {"transfer": "transfer", "scratch": "from scratch", "oracle": "oracle"}[arm]
                sync_api.expect(box.get_by_role("status")).to_contain_text(f"{words} on {label}")


def published(parameters):
    """The table that the smoke-size book shows, as its chapters stored it."""
    from fewerwells.running.experiments import run

    before = os.environ.pop("FEWERWELLS_RESULTS", None)
    try:
        os.environ["FEWERWELLS_RESULTS"] = str(ROOT / "results")
        return run(parameters)
    finally:
        del os.environ["FEWERWELLS_RESULTS"]
        if before is not None:
            os.environ["FEWERWELLS_RESULTS"] = before


CELLS = (
    "from fewerwells.book.widgets import CircuitExplorer, ResultsExplorer, TrainItYourself\ncircuit = CircuitExplorer(); circuit",
    "training = TrainItYourself(wells=48); training",
    "from fewerwells.running.experiments import run\nfrom fewerwells.running.parameters import Experiment1, Experiment2\n"
    "results = ResultsExplorer.from_tables(*(run(E(profile='smoke')) for E in (Experiment1, Experiment2))); results",
    "print('read:', circuit.point, training.result['epoch'], results.arm)",
    "training.wells = 200",
)


@pytest.fixture
def lab(tmp_path, html):
    """JupyterLab on 127.0.0.1 with a notebook that holds the three figures; gives the notebook's address."""
    cells = [nbformat.v4.new_code_cell(text) for text in CELLS]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), tmp_path / "figures.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--port={port}", f"--ServerApp.root_dir={tmp_path}", "--IdentityProvider.token=", "--allow-root"]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", *options]
    folders = {f"JUPYTER_{name}_DIR": str(tmp_path / name.lower()) for name in ("CONFIG", "RUNTIME")}
    environment = os.environ | folders | {"FEWERWELLS_RESULTS": str(ROOT / "results")}
    with open(tmp_path / "log", "wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=tmp_path)
    yield f"http://127.0.0.1:{port}/lab/tree/figures.ipynb"
    server.terminate()
    server.wait(20)


@figures
@needs_chromium
def test_figures_live_in_jupyterlab(browser, lab):
    """The same three figures with a kernel behind them: operated by keyboard, read and set from Python."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(lab, timeout=10):
            break
        time.sleep(0.5)
    with browser.new_context(viewport={"width": 1200, "height": 1000}) as context:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(lab)
        cells = page.locator(".jp-Notebook .jp-CodeCell")
        sync_api.expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle")
        for number in range(3):
            cells.nth(number).locator(".cm-content").click()
            page.keyboard.press("Shift+Enter")
            cells.nth(number).locator(".fw").wait_for()
        circuit, training, results = (cells.nth(number).locator(".fw") for number in range(3))
        across = circuit.get_by_label("Cross at x₁")
        across.focus()
        across.press("ArrowRight")
        sync_api.expect(circuit.get_by_role("status")).to_contain_text("x₁ = 5.1 nM")
        by_keyboard(training.get_by_role("button", name="Train"))
        training.and_(page.locator("[data-state=done]")).wait_for()
        results.get_by_label("Arm").select_option("scratch")
        sync_api.expect(results.get_by_role("status")).to_contain_text("from scratch on n = 2")
        read = cells.nth(3).locator(".jp-OutputArea-output")
        deadline = time.monotonic() + 60
        while not (read.count() and read.text_content() == "read: [5.1, 5.0] 200 scratch\n"):
            # what a figure was set to reaches Python beside the cells, so that a cell that runs at once may be earlier
            assert time.monotonic() < deadline, read.all_text_contents()
            cells.nth(3).locator(".cm-content").click()
            page.keyboard.press("Shift+Enter")
            sync_api.expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle")
            page.wait_for_timeout(500)
        cells.nth(4).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        training.scroll_into_view_if_needed()
        sync_api.expect(training.get_by_role("img", name="200 wells on 3 plates")).to_be_visible()
