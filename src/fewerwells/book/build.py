"""Build the book: run the chapters that are missing or stale, then let Jupyter Book render them."""

from __future__ import annotations

import json
import logging
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

from fewerwells.running.chapters import Run, chapter_digest, execute, run_chapter
from fewerwells.running.leases import THREAD_VARIABLES
from fewerwells.running.nursery import Nursery
from fewerwells.running.reading_order import chapters, exercise_notebooks
from fewerwells.running.reads import unchanged
from fewerwells.running.storage import write_whole

# Jupyter Book of this environment, whatever is first on the PATH.
_JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"


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
    """Execute every chapter whose stored run is missing or stale.

    A stored run is current while its notebook, the package, its parameters and every data file that it has read are
    the same, and its executed notebook parses.

    Args:
        root: the project's folder.
        profile: "smoke", "lecture" or "paper".
        say: called with one line at a time.
        only: names of the chapters to run; all by default.
        exercises: run the exercises with their solutions, too; they have a size of their own.
        at_once: how many run side by side; with more than one each keeps its numerical libraries to one thread.

    Returns:
        The executed notebook of each chapter, by the chapter's path inside the book.
    """
    parameters = {} if profile == "paper" else {"profile": profile}
    wanted = [(path, run_chapter, parameters) for name, path in chapters(root).items() if only is None or name in only]
    if exercises:
        wanted += [(path, execute, {}) for path in exercise_notebooks(root).values()]
    digests = {path: chapter_digest(path, given) for path, _, given in wanted}
    stale = {path for path, digest in digests.items() if not _is_current(root, profile, path, digest)}
    for path in [path for path in digests if path not in stale]:
        say(f"{path.stem}: up to date")
    threads = dict.fromkeys(THREAD_VARIABLES, "1") if at_once > 1 else {}
    with Nursery(threads, NEEDED_BY_MOST if len(stale) >= WORTH_IMPORTING else ()) as nursery:
        runs = [
            partial(_run, root, profile, path, digests[path], partial(how, parameters=given, nursery=nursery), say)
            for path, how, given in wanted
            if path in stale
        ]
        _side_by_side(runs, at_once, give_up=nursery.close)
    return {path.relative_to(root): _stored(root, profile, path)[0] for path in digests}


def _side_by_side(runs: Sequence[Callable[[], None]], at_once: int, give_up: Callable[[], None]) -> None:
    """Run some notebooks; after the first that fails none is started.

    `give_up` is called on Ctrl-C and ends those that run: whoever stops a build does not wait for them.
    """
    stop = threading.Event()

    def run_next(run: Callable[[], None]) -> None:
        if stop.is_set():
            raise CancelledError
        with closing(ensure_event_loop()):  # through which this thread talks to its kernel
            try:
                run()
            except BaseException:
                stop.set()
                raise

    with ThreadPoolExecutor(at_once) as pool:
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


def _run(
    root: Path, profile: str, path: Path, digest: str, run: Callable[[Path, Path], Run], say: Callable[[str], None]
) -> None:
    """Run a notebook that is stale, and record what makes it stale again."""
    output, record = _stored(root, profile, path)
    record.unlink(missing_ok=True)
    say(f"{path.stem}: running …")
    done = run(path, output)
    stored = {"digest": digest, "seconds": round(done.seconds, 1), "reads": done.reads}
    write_whole(record, json.dumps(stored).encode())
    say(f"{path.stem}: done in {done.seconds:.0f} s")


def _stored(root: Path, profile: str, path: Path) -> tuple[Path, Path]:
    """Where the executed notebook of a chapter lies, and the record of its run."""
    output = root / "_build" / "chapters" / profile / path.relative_to(root)
    return output, output.with_suffix(".json")


def _is_current(root: Path, profile: str, path: Path, wanted: str) -> bool:
    output, record = _stored(root, profile, path)
    try:
        json.loads(output.read_text(encoding="utf-8"))
        stored = json.loads(record.read_text(encoding="utf-8"))
        return stored["digest"] == wanted and unchanged(stored["reads"], root)
    except (OSError, ValueError, KeyError):
        return False


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
    for pattern in (
        "book/**/*",
        "exercises/lessons.yml",
        "results/*.csv",
        "results/*.json",
        "results/runs/sweeps/*/*/notebook.ipynb",
    ):
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
