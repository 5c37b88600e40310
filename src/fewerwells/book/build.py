"""Build the book: run the chapters that are missing or stale, then let Jupyter Book render them."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import yaml
from jupyter_core.utils import ensure_event_loop

from fewerwells.running.leases import THREAD_VARIABLES
from fewerwells.running.nursery import Nursery
from fewerwells.running.points import NOTEBOOK, Point, is_done, make_points, run_point
from fewerwells.running.reading_order import chapters, exercise_notebooks
from fewerwells.science.cores import usable_cores

# Jupyter Book of this environment, whatever is first on the PATH. It makes millions of nodes that live to the end: looking
# for garbage among them as often as Python does would take a fifth of its time.
_JUPYTER_BOOK = "import gc; gc.set_threshold(100_000, 50, 100); from jupyter_book.cli.main import main; main()"


# Imported before kernels are forked. Torch is not among them: few chapters need it, and it takes as long as all of these.
NEEDED_BY_MOST = (
    "matplotlib.pyplot",
    "scipy.stats",
    "fewerwells.running.experiments",
    "fewerwells.book.report",
    "fewerwells.book.plots.results",
)

WORTH_IMPORTING = 3  # notebooks; with fewer the imports are not made good

# Folders of the book whose files are part of every page.
SHARED_BY_PAGES = {"_static", "_ext"}


class BuildError(RuntimeError):
    """Jupyter Book refused to render; the message says where to look."""


def run_chapters(
    root: Path,
    profile: str,
    say: Callable[[str], None],
    only: Collection[str] | None = None,
    *,
    exercises: bool = False,
    at_once: int = 1,
) -> dict[Path, Path]:
    """Execute every chapter whose stored run is missing, damaged or stale.

    A run is stored as the point that `fewerwells run` would make of it: it is current while its notebook, the code and
    the libraries that it imports, its parameters and every data file that it has read are the same.

    Args:
        root: the project's folder.
        profile: "smoke", "lecture" or "paper".
        say: called with one line at a time.
        only: names of the chapters to run; all by default.
        exercises: run the exercises with their solutions, too; they have a size of their own.
        at_once: how many may run side by side; with more than one each keeps to its share of the cores, where the
            system can see to it, and to one thread of its numerical libraries.

    Returns:
        The executed notebook of each chapter, by the chapter's path inside the book.
    """
    parameters = {} if profile == "paper" else {"profile": profile}
    wanted = {path: parameters for name, path in chapters(root).items() if only is None or name in only}
    if exercises:
        wanted |= {path: {} for path in exercise_notebooks(root).values()}
    points = [point for path, given in wanted.items() for point in make_points(path, [given])]
    missing = []
    for point in points:
        if is_done(point):
            say(f"{point.chapter.stem}: up to date")
        else:
            missing.append(point)
    at_once = min(at_once, len(missing))
    threads = dict.fromkeys(THREAD_VARIABLES, "1") if at_once > 1 else {}
    with Nursery(threads, NEEDED_BY_MOST if len(missing) >= WORTH_IMPORTING else ()) as nursery:
        runs = [partial(_run, point, nursery, say) for point in missing]
        _side_by_side(runs, at_once, give_up=nursery.close)
    return {point.chapter.relative_to(root): point.folder / NOTEBOOK for point in points}


def _side_by_side(runs: Sequence[Callable[[], None]], at_once: int, give_up: Callable[[], None]) -> None:
    """Run some notebooks; after the first that fails none is started.

    `give_up` is called on Ctrl-C and ends those that run: whoever stops a build does not wait for them.
    """
    if not runs:
        return
    stop, cores = threading.Event(), usable_cores()
    shares = iter([cores[first::at_once] or cores for first in range(at_once)])

    def keep_to_a_share() -> None:  # nobody starts workers or threads for cores that others are at
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, next(shares))

    def run_next(run: Callable[[], None]) -> None:
        if stop.is_set():
            raise CancelledError
        with closing(ensure_event_loop()):  # through which this thread talks to its kernel
            try:
                run()
            except BaseException:
                stop.set()
                raise

    with ThreadPoolExecutor(at_once, initializer=keep_to_a_share) as pool:
        waiting = [pool.submit(run_next, run) for run in runs]
        try:
            failed = [future.exception() for future in waiting]
        except BaseException:  # Ctrl-C, which does not reach kernels
            stop.set()
            told = logging.getLogger("papermill")
            told.disabled = True  # it would tell of each kernel that dies now
            give_up()
            pool.shutdown()
            told.disabled = False
            raise
    for error in failed:
        if error is not None and not isinstance(error, CancelledError):
            raise error


def _run(point: Point, nursery: Nursery, say: Callable[[str], None]) -> None:
    say(f"{point.chapter.stem}: running …")
    seconds = run_point(point, show_progress=True, nursery=nursery)
    how = f"in {seconds:.0f} s" if seconds else "by another process"
    say(f"{point.chapter.stem}: done {how}")


def _copy_if_different(source: Path, target: Path) -> bool:
    """Copy a file unless the same bytes are there, so that Sphinx sees what has really changed; say whether it was."""
    different = not target.exists() or source.read_bytes() != target.read_bytes()
    if different:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    return different


def stage(root: Path, executed: dict[Path, Path], folder: Path, buttons: Mapping[str, str]) -> bool:
    """Lay out a copy of the book's sources in which the chapters are the executed ones.

    Where an address of the repository is set, pages carry `buttons` that open them elsewhere. Rendering from a copy
    keeps the committed notebooks free of outputs and lets several profiles live side by side.

    Returns:
        Whether a style sheet, a script or an extension of ours changed: Sphinx looks at pages only, and would leave
        the old ones in place.
    """
    wanted = {Path("_toc.yml"): root / "_toc.yml", Path("CITATION.cff"): root / "CITATION.cff"}
    for pattern in ("book/**/*", "exercises/lessons.yml", "results/*.csv", "results/*.json"):
        wanted |= {path.relative_to(root): path for path in root.glob(pattern) if path.is_file()}
    wanted |= executed
    changed = {relative for relative, source in wanted.items() if _copy_if_different(source, folder / relative)}
    for stray in [p for p in folder.rglob("*") if p.is_file() and p.relative_to(folder) not in wanted]:
        if stray.name != "_config.yml":
            stray.unlink()
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    config["execute"] = {"execute_notebooks": "off"}
    if config["repository"]["url"]:
        config["sphinx"]["config"]["html_theme_options"] |= {
            "launch_buttons": dict(buttons),
            "repository_url": config["repository"]["url"],
        }
    text = yaml.safe_dump(config, allow_unicode=True)
    target = folder / "_config.yml"
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")
    return any(set(relative.parts) & SHARED_BY_PAGES for relative in changed)


def build(
    root: Path,
    profile: str,
    output: Path,
    say: Callable[[str], None],
    *,
    buttons: Mapping[str, str] = MappingProxyType({}),
    at_once: int = 1,
) -> Path:
    """The whole road: run what is missing, stage, render with warnings as errors.

    Args:
        root: the project's folder.
        profile: "smoke", "lecture" or "paper".
        output: the pages go to `output`/_build/html.
        say: called with one line at a time.
        buttons: the theme's launch buttons.
        at_once: how many notebooks run side by side.

    Returns:
        The path of the book's first page.

    Raises:
        ModuleNotFoundError: Jupyter Book is not installed; nothing was run.
        BuildError: Jupyter Book reported an error or a warning.
    """
    if find_spec("jupyter_book") is None:
        raise ModuleNotFoundError("there is no Jupyter Book here", name="jupyter_book")
    executed = run_chapters(root, profile, say, exercises=True, at_once=at_once)
    folder = root / "_build" / "source" / profile
    # Sphinx warns only of pages that it reads, and keeps no index of words of those that it does not
    ended_well = output / "_build" / "ended-well"
    as_left = ended_well.exists()
    ended_well.unlink(missing_ok=True)
    if stage(root, executed, folder, buttons) or not as_left:
        shutil.rmtree(output / "_build" / ".doctrees", ignore_errors=True)
    say("rendering …")
    command = [sys.executable, "-c", _JUPYTER_BOOK, "build", str(folder), "--path-output", str(output)]
    finished = subprocess.run([*command, "-W", "-n", "--keep-going", "-q"], capture_output=True, text=True)
    page = output / "_build" / "html" / "index.html"
    if finished.returncode != 0 or not page.exists():
        report, log = finished.stdout + finished.stderr, root / "_build" / "jupyter-book.log"
        log.write_text(report, encoding="utf-8")
        lines = [line for line in report.splitlines() if "WARNING" in line or "ERROR" in line]
        raise BuildError(
            "\n".join(["the book was not rendered; the whole report is in _build/jupyter-book.log.", *lines])
        )
    ended_well.touch()
    return page
