"""Every promise in seconds that the book or an issue has given, measured: `make bench` ends with this table.

    python benchmarks/promises.py

Each line is the median of five rounds beside what was promised (of one, for the answer to a plate), and how many times a
yardstick of this machine it takes (one product of two 1,000 × 1,000 matrices, measured in the same run), so that machines
can be compared. What a page does is measured where `make book` has built it and Chromium and Node.js are there. Ends with 1
where a promise is broken.
"""

from __future__ import annotations

import _thread
import functools
import http.server
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from fewerwells.book.widgets import plate_reader
from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import BIG, real_pairs, sobol_inputs
from fewerwells.science.design.candidates import grid
from fewerwells.science.design.reading import ALL_DESIGNS
from fewerwells.science.in_context.reader import InContextNetwork
from fewerwells.science.networks import STUDY_SIZES, initialise
from fewerwells.science.prior import draw_circuits
from fewerwells.science.training import fused

ROOT = Path(__file__).parents[1]
ROUNDS = 5
PAGES = ROOT / "_build" / "html"
RUNNER = ROOT / "tests" / "maths_cases.mjs"  # answers questions to the JavaScript of the live figures


def seconds(work: Callable[[], object]) -> float:
    """How long one round takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median(work: Callable[[], object]) -> float:
    """The middle of some rounds, after one that loads and compiles."""
    work()
    return statistics.median(seconds(work) for _ in range(ROUNDS))


def in_the_package() -> Iterator[tuple[str, float, float]]:
    """What chapters, commands and designs wait for: (what, seconds promised, seconds measured)."""
    few = real_pairs(reference_circuit("n_part_complex"), 16, 0)
    many = real_pairs(reference_circuit("goldbeter_koshland"), 88, 0, domain=BIG)
    library, reader = ALL_DESIGNS["library"], ALL_DESIGNS["in-context network"]
    for wells, told in ((None, "before any well"), (few, "after 16 wells"), (many, "after 88 wells")):
        taken = median(lambda wells=wells: library.next_wells(wells, grid(0, 20, 0.5), 8, 0))
        yield f"8 wells chosen by the library {told}", 2, taken
    for wells, told in ((few, "after 16 wells"), (many, "after 88 wells")):
        taken = median(lambda wells=wells: reader.next_wells(wells, grid(0, 10, 0.5), 8, 0))
        yield f"8 wells chosen by the network {told}", 0.2, taken
    network, queries = InContextNetwork.load(), sobol_inputs(BIG, 64)
    plate = [real_pairs(reference_circuit("n_part_complex"), 96, 0)]
    yield "64 points predicted from 96 wells by the network", 0.05, median(lambda: network.quantiles(plate, queries))
    yield "a training of hours, after Ctrl-C", 1, statistics.median(stopping() for _ in range(ROUNDS))
    inputs = np.random.default_rng(1).uniform(0, 20, (100_000, 100, 2))
    drawn = median(lambda: draw_circuits(100_000, np.random.default_rng(0)).outputs(inputs))
    yield "100,000 circuits drawn, 100 wells of each", 15, drawn


def stopping() -> float:
    """How long the fused engine goes on after Ctrl-C, while it has hours to go."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 1, 1000, 2)).astype(np.float32)
    networks, keys = initialise(STUDY_SIZES, [0, 1, 2]).parameters, np.arange(3, dtype=np.uint64)
    fused.compile_for(STUDY_SIZES)
    pressed = []

    def press() -> None:
        pressed.append(time.perf_counter())
        _thread.interrupt_main()

    threading.Timer(0.3, press).start()
    try:
        fused.train(networks, STUDY_SIZES, x, y, keys=keys, epochs=10**7, batch_size=250, learning_rate=1e-3)
    except KeyboardInterrupt:
        return time.perf_counter() - pressed[0]
    raise RuntimeError("training ended before it was interrupted")


def of_the_command() -> Iterator[tuple[str, float, float]]:
    """A plate of 96 wells with one input, from its file to the answer, the start of Python included."""
    command = [sys.executable, "-m", "fewerwells.cli", "plate", "tidy.csv"]
    rng = np.random.default_rng(0)
    doses = np.repeat([0.0, 1, 2, 4, 8, 16, 32, 64, 100, 150, 200, 300], 8)
    signal = 50 + 900 * doses**2 / (400 + doses**2) + rng.normal(0, 20, doses.size)
    rows = [f"{r}{c},{dose:g},{y:.1f}" for (c, r), dose, y in zip(_plate(), doses, signal, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tidy.csv").write_text("\n".join(["well,IPTG_uM,GFP", *rows]) + "\n", encoding="utf-8")
        run = functools.partial(subprocess.run, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        yield "a plate shown: fewerwells plate --look", 5, median(lambda: run([*command, "--output", "look", "--look"]))
        yield "a plate answered: fewerwells plate", 60, seconds(lambda: run([*command, "--output", "answer"]))


def _plate() -> Iterator[tuple[int, str]]:
    return ((column, row) for column in range(1, 13) for row in "ABCDEFGH")


def of_the_figures() -> Iterator[tuple[str, float, float]]:
    """What the live figures compute, in Node.js: as on a page's first try, nothing compiled yet."""
    rng = np.random.default_rng(6)
    x, y, queries = (rng.uniform(0, high, 2 * n).tolist() for n, high in ((96, 10), (96, 40), (400, 20)))
    parameters = initialise(STUDY_SIZES, [0]).parameters[0].astype(float).tolist()
    train = {"what": "seconds", "sizes": STUDY_SIZES, "parameters": parameters, "epochs": 200, "scale": 40.0}
    read = {"what": "reading_seconds", "network": plate_reader.export(), "queries": queries}
    for told, promised, case in (
        ("Train it yourself: two networks, 96 wells, 200 epochs", 1, train),
        ("Read a plate: 400 points from 96 wells", 0.5, read),
    ):
        question = json.dumps([case | {"x": x, "y": y}])
        taken = []
        for _ in range(ROUNDS):
            answered = subprocess.run(["node", RUNNER], input=question, capture_output=True, text=True, check=True)
            taken += json.loads(answered.stdout)
        yield told, promised, statistics.median(taken)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def of_the_pages(chromium: str) -> Iterator[tuple[str, float, float]]:
    """What a reader waits for in a browser that has nothing stored."""
    from playwright.sync_api import sync_playwright  # only where there is a browser

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=PAGES))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])

        def land(page) -> None:
            page.goto(f"http://127.0.0.1:{server.server_port}/book/intro.html", wait_until="domcontentloaded")
            page.wait_for_selector("article h1")

        taken = []
        for _ in range(ROUNDS):
            with browser.new_context() as context:  # which takes as long as the page, and no reader waits for it
                page = context.new_page()
                taken.append(seconds(functools.partial(land, page)))
        yield "the landing page's heading is there", 1, statistics.median(taken)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/notebooks/11_train_it_yourself.html")
        figure = page.get_by_role("group", name="Train it yourself")
        page.evaluate(
            "() => { window.longest = 0; new PerformanceObserver(list => list.getEntries().forEach(task => "
            "{ window.longest = Math.max(window.longest, task.duration); })).observe({type: 'longtask'}); }"
        )
        taken = []
        for _ in range(ROUNDS):
            figure.get_by_role("button", name="Train").click()
            page.wait_for_selector(".fw[data-state=done]")
            said = figure.get_by_role("status").inner_text()
            taken.append(float(re.search(r"trained in ([\d.]+) s", said)[1]))
            figure.get_by_role("button", name="Reset").click()
            page.wait_for_selector(".fw[data-state=done]", state="detached")
        yield "Train it yourself, in the page", 1, statistics.median(taken)
        page.wait_for_timeout(200)  # the observer is told a little later
        yield "the page's longest pause meanwhile", 0.2, page.evaluate("window.longest") / 1000
        browser.close()
        server.shutdown()


def main() -> None:
    rng = np.random.default_rng(0)
    left, right = rng.random((2, 1000, 1000))
    yardstick = median(lambda: left @ right)
    parts = [in_the_package(), of_the_command()]
    if shutil.which("node"):
        parts.append(of_the_figures())
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium and (PAGES / "index.html").exists():
        parts.append(of_the_pages(chromium))
    broken = 0
    print(f"{'':58}{'promised':>9}{'measured':>10}{'yardsticks':>12}")
    for part in parts:
        for told, promised, taken in part:
            print(f"{told:58}{promised:>7g} s{taken:>8.3f} s{taken / yardstick:>12.1f}", flush=True)
            broken += taken > promised
    print(f"one yardstick: {yardstick:.3f} s; " + ("all promises are kept" if not broken else f"{broken} broken"))
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
