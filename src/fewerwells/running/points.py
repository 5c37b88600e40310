"""Stored points: one notebook of the book run with one set of parameters, kept whole or not at all.

The book's own pages are points, too: its chapters at one size, its exercises without parameters. A point's folder,
`results/runs/sweeps/<chapter>/<key>`, holds the executed notebook, its rows and a record of what made them. The key is
the digest of parameters, notebook and package, so what is found under it is what would be computed again, and nothing is
stored whose code was saved while it ran; anything else is stale. The folder is filled under another name, flushed to the
disk and then renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import nbformat
from filelock import Timeout

from fewerwells.running.chapters import book_of, chapter_code, code_files, offered_parameters, run_chapter
from fewerwells.running.identity import digest
from fewerwells.running.leases import leased_cores
from fewerwells.running.nursery import Nursery
from fewerwells.running.parameters import CHAPTER_PARAMETERS, ParameterError, validate
from fewerwells.running.plain import write_value
from fewerwells.running.reads import unchanged
from fewerwells.running.storage import (
    DamagedTable,
    lock_of,
    read_table,
    runs_folder,
    source_digest,
    why_no_file,
    write_whole,
)
from fewerwells.science.cores import usable_cores

NOTEBOOK, ROWS, RECORD = "notebook.ipynb", "rows.csv", "provenance.json"
_COPY = "fewerwells"  # in the metadata of a notebook, says that it is a copy of a point's


def sweeps_folder() -> Path:
    """Where points and collected tables are kept."""
    return runs_folder() / "sweeps"


@dataclass(frozen=True)
class Point:
    """One run of a chapter.

    Attributes:
        chapter: its notebook, of a chapter or of exercises.
        parameters: as the user gave them; exercises have none.
        key: digest of everything that decides the outcome.
        folder: where it is stored when it is whole.
    """

    chapter: Path
    parameters: dict
    key: str
    folder: Path

    @property
    def command(self) -> str:
        """The shell command that runs this point and nothing else."""
        if self.chapter.stem not in CHAPTER_PARAMETERS:
            return f"papermill {shlex.quote(self.chapter.resolve().relative_to(book_of(self.chapter)).as_posix())} out.ipynb"
        words = [f"-p {shlex.quote(f'{name}={write_value(value)}')}" for name, value in self.parameters.items()]
        return " ".join(["fewerwells run", self.chapter.stem, *words])

    @property
    def failure(self) -> Path:
        """Where the report of its last failed run is kept."""
        return self.folder.with_name(f"{self.key}.failed.txt")


def make_points(chapter: Path, parameters: list[dict]) -> list[Point]:
    """The points of a chapter for checked parameters; equal settings have equal keys, however they are written.

    Raises:
        ParameterError: parameters that the chapter refuses.
    """
    model, code, folder = CHAPTER_PARAMETERS.get(chapter.stem), chapter_code(chapter), sweeps_folder() / chapter.stem
    settled = [validate(values, model).model_dump(exclude={"table_file"}) if model else values for values in parameters]
    keys = [digest([code, values]) for values in settled]
    return [Point(chapter, values, key, folder / key) for values, key in zip(parameters, keys, strict=True)]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_record(folder: Path) -> dict | None:
    """The record of a stored point, or None where there is none or one of its files is not the file that was written."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        whole = all(_sha256(folder / name) == expected for name, expected in record["files"].items())
        if ROWS in record["files"]:
            read_table(folder / ROWS)
        return record if whole and record["key"] == folder.name else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, DamagedTable):
        return None


def _is_current(record: dict, chapter: Path) -> bool:
    """Whether the run of a record was of the chapter as it is, and every data file that it has read is still the same."""
    return record["code"] == chapter_code(chapter) and unchanged(record["reads"], book_of(chapter))


def is_done(point: Point) -> bool:
    """Whether a point is stored whole and would come out the same."""
    record = read_record(point.folder)
    return record is not None and _is_current(record, point.chapter)


def _folders(chapter: str) -> list[Path]:
    parent = sweeps_folder() / chapter
    return sorted(f for f in parent.iterdir() if re.fullmatch("[0-9a-f]{12}", f.name)) if parent.is_dir() else []


def stored_points(chapter: str) -> Iterator[tuple[Path, dict | None]]:
    """The folder of every point of a chapter that is stored, with its record (None: damaged)."""
    return ((folder, read_record(folder)) for folder in _folders(chapter))


def records(chapter: str) -> Iterator[dict]:
    """What the stored points of a chapter say of themselves; whether they are whole is not looked at."""
    for folder in _folders(chapter):
        with suppress(OSError, ValueError, TypeError):
            record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
            if {"parameters", "started", "seconds"} <= set(record):
                yield record


def states(points: list[Point]) -> list[str]:
    """For each point `done`, `failed` (its last run), `damaged`, `stale` (made by other code or from
    other data) or `missing`.
    """
    records = {chapter: dict(stored_points(chapter)) for chapter in {point.chapter.stem for point in points}}

    def state(point: Point) -> str:
        stored = records[point.chapter.stem]
        record = stored.get(point.folder)
        if record and _is_current(record, point.chapter):
            return "done"
        if point.failure.exists():
            return "failed"
        if record:
            return "stale"
        if point.folder in stored:
            return "damaged"
        return "stale" if any(r and r["parameters"] == point.parameters for r in stored.values()) else "missing"

    return [state(point) for point in points]


def survey(chapter: Path) -> list[tuple[Path, str, str]]:
    """What is stored for a chapter: path, key, and `done`, `stale`, `damaged`, `failed` or `part` (half-written)."""
    parent, found = sweeps_folder() / chapter.stem, []
    for folder, record in stored_points(chapter.stem):
        current = record is not None and _is_current(record, chapter)
        found.append((folder, folder.name, "done" if current else "stale" if record else "damaged"))
    for ending, state in ((".failed.txt", "failed"), (".part", "part")):
        found += [(path, path.name.removesuffix(ending), state) for path in sorted(parent.glob(f"*{ending}"))]
    return found


def _discard(folder: Path) -> None:
    """Make way where a folder may lie, or a link, of which only the link goes: what it leads to is not a point's."""
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def remove(path: Path, key: str) -> bool:
    """Remove something of a point unless a process is at work on it, of a link only the link; whether it was removed."""
    try:
        with lock_of(path.with_name(key), timeout=0):
            if path.is_dir() and not path.is_symlink():
                doomed = path.with_name(f"{key}.part")  # a kill while files go must not leave a point that looks whole
                if path != doomed:
                    _discard(doomed)
                    path.rename(doomed)
                shutil.rmtree(doomed)
            else:
                path.unlink(missing_ok=True)
    except Timeout:
        return False
    return True


def _commit(book: Path) -> str | None:
    """The commit of the book's checkout, with "-dirty" where files differ from it; None where it is no checkout.

    A book unpacked from an archive may lie inside another checkout, whose commit says nothing of it.
    """
    # what git was told in a hook or an alias is about another checkout
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    git = ["git", "-C", str(book)]
    describe = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    options = {"capture_output": True, "text": True, "timeout": 10, "env": environment}
    try:
        prefix = subprocess.run([*git, "rev-parse", "--show-prefix"], **options)
        if prefix.returncode != 0 or prefix.stdout.strip():
            return None
        return subprocess.run([*git, *describe], **options).stdout.strip() or None
    except (OSError, subprocess.TimeoutExpired):
        return None


def _flush(path: Path) -> None:
    """Have the system write a file or a folder's list of names to the disk now."""
    if path.is_dir() and os.name == "nt":  # Windows cannot flush a folder
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _without_table_file(path: Path) -> None:
    """Take the place where rows were collected out of the executed notebook: it is a path of this machine."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            lines = [line for line in cell.source.splitlines() if not line.startswith("table_file = ")]
            cell.source = "\n".join(lines)
    write_whole(path, nbformat.writes(notebook).encode())


def check_output(path: Path, table_file: str = "") -> None:
    """Refuse a place for a copy of an executed notebook: nothing can be written, or something else lies there or will.

    Args:
        path: where the copy is wanted.
        table_file: where the same run puts its rows, and their record beside them; "" for nowhere.

    Raises:
        ParameterError: it is no such place.
    """
    if reason := why_no_file(path):
        raise ParameterError(f"the output is {path}; {reason}.")
    if table_file and path.resolve() in (Path(table_file).resolve(), Path(table_file).with_suffix(".json").resolve()):
        raise ParameterError(
            f"the output is {path}, and so is the table or its record with table_file = {table_file}; choose another name."
        )
    if not path.exists():
        return
    try:
        ours = _COPY in nbformat.read(path, as_version=4).metadata
    except (OSError, ValueError, KeyError, AttributeError, nbformat.ValidationError):
        ours = False
    if not ours:
        raise ParameterError(
            f"{path} is not a notebook that this command has written, and is not overwritten; choose another name, or "
            "remove it first."
        )


def write_output(point: Point, path: Path) -> None:
    """Put a copy of a stored point's notebook where a user wants it, marked as such."""
    notebook = nbformat.read(point.folder / NOTEBOOK, as_version=4)
    notebook.metadata[_COPY] = {"chapter": point.chapter.stem, "key": point.key}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, nbformat.writes(notebook).encode())


@contextmanager
def _turn(point: Point, nursery: Nursery | None) -> Iterator[None]:
    """Hold a point's lock; whoever waits for it gives up when the build is stopped that the nursery belongs to."""
    lock = lock_of(point.folder, timeout=1.0)
    while not lock.is_locked:
        with suppress(Timeout):
            lock.acquire()
        if nursery and nursery.closed:
            lock.release()
            raise CancelledError
    try:
        yield
    finally:
        lock.release()


def run_point(
    point: Point, threads: int | None = None, show_progress: bool = False, nursery: Nursery | None = None
) -> float:
    """Run a point and store it, unless it is there; another process that is at the same point is waited for.

    Args:
        point: what to run.
        threads: cores to lease for it; None: whatever this process may use, without a lease.
        show_progress, nursery: as in `chapters.run_chapter`.

    Returns:
        Wall time in seconds, 0 where it was there.

    Raises:
        papermill.PapermillExecutionError, OSError: it failed; nothing of it is left.
        concurrent.futures.CancelledError: the nursery was closed before it began.
    """
    with _turn(point, nursery):
        if is_done(point):
            return 0.0
        # The point's lock comes first: whoever holds cores never waits for a point.
        if threads is None:
            return _run_and_store(point, usable_cores(), show_progress, nursery)
        with leased_cores(threads) as cores:
            return _run_and_store(point, cores, show_progress, nursery)


@lru_cache
def _loaded(chapter: Path) -> dict[str, tuple[int, int]]:
    """The files behind a chapter as they were when this process first asked, which is when their digests were taken."""
    return code_files(chapter)


def _run_and_store(point: Point, cores: list[int], show_progress: bool, nursery: Nursery | None) -> float:
    unfinished = point.folder.with_name(f"{point.key}.part")
    _discard(unfinished)
    unfinished.mkdir(parents=True)
    try:
        rows = {"table_file": str(unfinished / ROWS)} if "table_file" in offered_parameters(point.chapter) else {}
        loaded = _loaded(point.chapter)
        started, code = datetime.now(UTC), chapter_code(point.chapter)  # of what is run, whatever is saved meanwhile
        run = run_chapter(
            point.chapter,
            unfinished / NOTEBOOK,
            point.parameters | rows,
            show_progress=show_progress,
            nursery=nursery,
        )
        if code_files(point.chapter) != loaded:
            raise ParameterError(
                f"the code behind {point.chapter.stem} was saved while it ran, so nobody can say what it was computed with; "
                "nothing of it is stored. Run it again."
            )
        _without_table_file(unfinished / NOTEBOOK)
        record = {
            "chapter": point.chapter.stem,
            "parameters": point.parameters,
            "command": point.command,
            "key": point.key,
            "code": code,
            "source": source_digest(),
            "commit": _commit(book_of(point.chapter)),
            "cores": len(cores),
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(run.seconds, 2),
            "reads": run.reads,
            "files": {path.name: _sha256(path) for path in sorted(unfinished.iterdir())},
        }
        write_whole(unfinished / RECORD, (json.dumps(record | run.about, indent=2) + "\n").encode())
        for path in (*unfinished.iterdir(), unfinished):
            _flush(path)
        _discard(point.folder)  # a damaged one
        unfinished.rename(point.folder)
        _flush(point.folder.parent)
        point.failure.unlink(missing_ok=True)
        return run.seconds
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
