"""Run a chapter through papermill: parameters checked first, the executed notebook written whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

import nbformat
import papermill
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient.exceptions import DeadKernelError

from fewerwells.running.identity import code, digest, imported, written
from fewerwells.running.nursery import Nursery
from fewerwells.running.parameters import CHAPTER_PARAMETERS, ParameterError, problems
from fewerwells.running.progress import TERMINAL
from fewerwells.running.reading_order import project_root
from fewerwells.running.reads import read_notes
from fewerwells.running.storage import results_folder, runs_folder, write_whole

_DIED, _SILENT = "died before replying to kernel_info", "Kernel didn't respond"  # what jupyter_client says
# A kernel is told ports that were free, and dies at its start if another process has taken one in between
# (jupyter_client, issue 487); no cell has run then.
STARTS = 3


def offered_parameters(path: Path) -> list[str]:
    """The names in a chapter's parameters cell, in its order."""
    return list(papermill.inspect_notebook(str(path)))


def unknown_name(path: Path, name: str) -> str:
    """The sentence that refuses a parameter which the chapter's cell does not have, with the nearest that it has."""
    offered = offered_parameters(path)
    near = get_close_matches(name, offered, n=1)
    return f"there is no parameter {name}; " + (
        f"did you mean {near[0]}?" if near else f"there are {', '.join(offered)}."
    )


def check_parameters(path: Path, parameters: dict) -> None:
    """Refuse parameters that the chapter's own cell does not have or would refuse, without starting a kernel.

    Raises:
        ParameterError: one sentence for each thing that is wrong.
    """
    offered = offered_parameters(path)
    sentences = [unknown_name(path, name) for name in parameters if name not in offered]
    if path.stem in CHAPTER_PARAMETERS:  # exercises have no parameters
        known = {name: value for name, value in parameters.items() if name in offered}
        sentences += [sentence for _, sentence in problems(known, CHAPTER_PARAMETERS[path.stem])]
    if sentences:
        raise ParameterError(" ".join(sentences))


def chapter_code(path: Path) -> str:
    """Digest of what decides a chapter's outcome: its notebook, the code that it imports, the libraries behind that."""
    now = path.stat()
    text, ours, libraries = _read(path, now.st_size, now.st_mtime_ns, now.st_ino)
    return digest([text, code(ours), sorted(libraries)])


def code_files(path: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every module of ours behind a chapter, as they are on disk now."""
    now = path.stat()
    return written(_read(path, now.st_size, now.st_mtime_ns, now.st_ino)[1])


@lru_cache(maxsize=100)
def _read(path: Path, *state: int) -> tuple[str, set[str], set[str]]:
    """A notebook whose size and time of change are `state`, and what it imports; every point of a sweep asks."""
    text = path.read_text("utf-8")
    cells = [cell.source for cell in nbformat.reads(text, as_version=4).cells if cell.cell_type == "code"]
    return text, *imported("\n".join(line for cell in cells for line in cell.splitlines() if not line.startswith("%")))


@dataclass(frozen=True)
class Run:
    """What a finished run tells of itself.

    Attributes:
        seconds: wall time.
        about: Python, platform and packages of the kernel that ran it, as `kernel.about` gives them.
        reads: each data file that it has read → SHA-256 of its content, as `reads.read_notes` gives them.
    """

    seconds: float
    about: dict
    reads: dict[str, str | None]


def book_of(notebook: Path) -> Path:
    """The book's folder that a notebook lies in, or the notebook's own folder where it lies in no book."""
    try:
        return project_root(notebook.parent)
    except ParameterError:
        return notebook.parent.resolve()


def _own_kernel(notes: Path, nursery: Nursery | None) -> type[AsyncKernelManager]:
    """A kernel of this very Python; an installed specification named python3 may belong to another one."""
    words = [str(notes), "-f", "{connection_file}"]
    argv = nursery.command(*words) if nursery else [sys.executable, "-m", "fewerwells.running.kernel", *words]
    environment = dict(nursery.environment) if nursery else {}
    if os.environ.get("FEWERWELLS_RESULTS"):  # it may be relative to this folder, and a kernel runs in another one
        environment["FEWERWELLS_RESULTS"] = str(results_folder())

    class OwnKernel(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(argv=argv, env=environment, display_name="Python 3", language="python")

    return OwnKernel


def run_chapter(
    path: Path, output: Path, parameters: dict, *, show_progress: bool = True, nursery: Nursery | None = None
) -> Run:
    """Execute a chapter with these parameters and store the executed notebook at `output`.

    Args:
        path: the chapter's notebook.
        output: where the executed one goes; nothing is there until it is whole.
        parameters: values for its parameters cell.
        show_progress: let the chapter's progress bars appear in this process's terminal, if it has one.
        nursery: forks the kernel; None: it is started afresh.

    Returns:
        How long it took, in which Python, and what it has read.

    Raises:
        ParameterError: the parameters are refused; nothing was started.
        papermill.PapermillExecutionError, nbclient.exceptions.DeadKernelError: a cell failed, or took the kernel with
            it; what was at `output` stays as it was.
    """
    check_parameters(path, parameters)
    return execute(path, output, parameters, show_progress=show_progress, nursery=nursery)


def execute(
    path: Path, output: Path, parameters: dict, *, show_progress: bool = True, nursery: Nursery | None = None
) -> Run:
    """Execute a notebook of the book; arguments, outcome and errors as for `run_chapter`, but nothing is refused."""
    for place in map(str, (path, output)):
        if any("\ud800" <= letter <= "\udfff" for letter in place):  # bytes that this locale could not read
            raise ParameterError(f"{place!a} is no name that a notebook can hold; set PYTHONUTF8=1, or rename it.")
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(f".{output.stem}.{os.getpid()}.part.ipynb")
    started = time.perf_counter()
    if show_progress and sys.stderr.isatty() and hasattr(os, "ttyname"):  # not on Windows
        with suppress(OSError):  # a container may be shown a terminal that has no name in it
            os.environ.setdefault(TERMINAL, os.ttyname(sys.stderr.fileno()))  # kernels inherit it
    with tempfile.TemporaryDirectory(prefix="fewerwells-", ignore_cleanup_errors=True) as scratch:
        notes = Path(scratch) / "notes"
        try:
            notebook = _execute(path, unfinished, parameters, _own_kernel(notes, nursery))
            del notebook.metadata["papermill"]  # paths of this machine
            for cell in notebook.cells:
                cell.metadata.pop("papermill", None)
            about, reads = read_notes(notes, path, book_of(path), runs_folder(), parameters)
            write_whole(output, nbformat.writes(notebook).encode())
        except DeadKernelError as error:
            reason = "its kernel died, as where a system that has no memory left ends what takes most of it"
            if str(error).startswith(_SILENT):
                reason = "its kernel did not start within a minute, as from a slow disk; try again"
            raise DeadKernelError(f"{path.stem}: {reason}.") from error
        except OSError as error:
            if error.filename in (None, str(unfinished)):
                error.filename = str(output)
            raise
        finally:
            unfinished.unlink(missing_ok=True)
    return Run(time.perf_counter() - started, about, reads)


def _execute(path: Path, unfinished: Path, parameters: dict, kernel: type[AsyncKernelManager]) -> nbformat.NotebookNode:
    for starts_left in reversed(range(STARTS)):
        try:
            return papermill.execute_notebook(
                str(path),
                str(unfinished),
                parameters=parameters,
                # not papermill's `cwd`, which moves this whole process, and with it notebooks that start beside this one
                resources={"metadata": {"path": str(path.parent.resolve())}},
                kernel_name="python3",  # decides how parameters are written; what runs is `_own_kernel`
                kernel_manager_class=kernel,
                progress_bar=False,
                # ipykernel warns of its own TCP transport at every start, and of the interrupt that ends it
                extra_arguments=["--log-level=CRITICAL"],
            )
        except RuntimeError as error:
            if starts_left and _DIED in str(error):
                continue
            if _DIED in str(error) or str(error).startswith(_SILENT):
                raise DeadKernelError(str(error)) from error
            raise
    raise AssertionError("unreachable")
