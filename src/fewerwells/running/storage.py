"""Files that are written whole or not at all, with what made them beside them, and checked when read."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import pandas as pd
from filelock import FileLock

from fewerwells.running.book_folder import book_around
from fewerwells.running.identity import code, digest
from fewerwells.running.kernel import about
from fewerwells.study.table import COLUMNS, TEXT_COLUMNS

log = logging.getLogger("fewerwells")


class DamagedTable(ValueError):
    """A results file is missing, empty, cut short or changed since it was written."""


def results_folder() -> Path:
    """Where results live: `FEWERWELLS_RESULTS`, else `results` beside the book's `_toc.yml`, else `./results`."""
    if os.environ.get("FEWERWELLS_RESULTS"):
        return Path(os.environ["FEWERWELLS_RESULTS"]).resolve()
    here = Path.cwd().resolve()
    book = book_around(here)
    if book is None:
        _say_where(here / "results")
    return (book or here) / "results"


def runs_folder() -> Path:
    """The store of what this machine has computed; git ignores it.

    A piece lies under the digest of everything that makes it (see `identity`), is there whole or not at all, and is made
    by one process at a time.
    """
    return results_folder() / "runs"


def lock_of(piece: Path, timeout: float = -1) -> FileLock:
    """The lock of a stored piece: of processes that want the same one, wherever its folder is seen, one makes it."""
    folder = piece.parent / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{piece.name}.lock", timeout=timeout)


@lru_cache
def _say_where(folder: Path) -> None:
    log.warning("This is not inside the book's folder; results are kept in %s.", folder)


@lru_cache
def source_digest() -> str:
    """Digest of the code that runs the study."""
    return digest(code(["fewerwells.running.experiments"]))


@lru_cache
def provenance() -> dict:
    """What ran this: versions, platform, digest of the code; found out once, since every stored piece names it."""
    return {"source": source_digest()} | about()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a kill at any moment leaves the old one or the new one, never a part.

    Raises:
        OSError: it cannot be written, with the name that was asked for, and not that of the part.
    """
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(unfinished, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with suppress(OSError):  # there only when writing failed, on a full disk for example
            unfinished.unlink()


def remove_unfinished(piece: Path) -> None:
    """Remove what those who were killed as they wrote a piece have left; for whoever holds its lock."""
    for part in piece.parent.glob(f"{piece.stem}.*.part"):
        part.unlink(missing_ok=True)


def not_a_formula(text: str) -> str:
    """A cell of a CSV file with an apostrophe before it where a spreadsheet would take it for a formula and compute it."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def write_table(table: pd.DataFrame, path: Path, **notes) -> None:
    """Write a tidy table as CSV with a JSON file beside it that holds its checksum, provenance and `notes`.

    Raises:
        ValueError: a column is missing or a row stands there twice.
    """
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise ValueError(f"the table lacks the columns {', '.join(missing)}.")
    twice = int(table.duplicated("parameter_hash").sum())
    if twice:
        raise ValueError(f"{twice} rows of the table stand there twice.")
    write_rows(table, path, **notes)


def write_rows(table: pd.DataFrame, path: Path, digits: int = 7, **notes) -> None:
    """Write any table as CSV, numbers with so many digits, and its record beside it, as `write_table` does.

    Notes come before what this process knows of itself: rows may have been computed elsewhere.
    """
    write_with_record(table, path, digits, **(provenance() | notes))


def write_with_record(table: pd.DataFrame, path: Path, digits: int = 7, **told) -> None:
    """Write any table as CSV, and beside it as its record the checksum and what it is `told`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = table.to_csv(index=False, float_format=f"%.{digits}g", lineterminator="\n").encode()
    record = {"sha256": hashlib.sha256(data).hexdigest(), "rows": len(table), **told}
    write_whole(path, data)
    write_whole(path.with_suffix(".json"), (json.dumps(record, indent=2) + "\n").encode())


def copy_table(source: Path, path: Path) -> None:
    """Put a table, with its record, also elsewhere, as it is.

    Raises:
        DamagedTable: as `read_table`.
    """
    read_table(source)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, source.read_bytes())
    write_whole(path.with_suffix(".json"), source.with_suffix(".json").read_bytes())


def why_nothing_in(folder: Path) -> str:
    """Why nothing can be written in a folder, which may still have to be made; "" where it can.

    Found out by trying: the system says of /proc, or of a disk elsewhere, that all may write, and then lets nobody.
    """
    try:
        there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    except OSError as error:
        return f"it cannot be looked at: {error.strerror}"
    if not there.is_dir():
        return f"{there} is not a folder"
    try:
        with tempfile.TemporaryFile(dir=there):
            return ""
    except OSError as error:
        return f"nothing can be written in {there}: {error.strerror}"


def why_no_file(path: Path) -> str:
    """Why no file can be written at a path, "" where it can; what lies there now is not looked at."""
    try:
        return "there is a folder of that name" if path.is_dir() else why_nothing_in(path.parent)
    except OSError as error:
        return f"it cannot be looked at: {error.strerror}"


def why_not_with_record(path: Path, kind: str, told: set[str]) -> str:
    """Why a file cannot be written where somebody wants it, with its record, the JSON file of the same name; "" where it can.

    Nothing is overwritten but an earlier file of its kind with its record beside it.

    Args:
        path: the file.
        kind: what it is, in a word.
        told: names that the records of such files have.
    """
    record = path.with_suffix(".json")
    if reason := why_no_file(path):
        return reason
    if record.exists() and not _has_names(record, told):
        return f"{record.name} lies there, which is not the record of a {kind}"
    if path.exists() and not record.exists():
        return f"there is a file of that name, which is not a {kind} with its record beside it"
    return ""


def _has_names(path: Path, names: set[str]) -> bool:
    try:
        return names <= set(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return False


def why_no_table(name: str) -> str:
    """Why a table cannot be written where somebody wants it, "" where it can; x.csv/ is the name of a folder."""
    path = Path(name)
    if not (path.suffix and name.lower().endswith(".csv")) or "\0" in name:
        return "its name must end in .csv"
    return why_not_with_record(path, "table", {"sha256", "rows"})


def read_rows(data: bytes) -> pd.DataFrame:
    """The rows of a tidy table, or of a sweep's, from the bytes of its CSV file.

    Text stays text: the hash 19479e832753, read by its looks, would be a number, and the version 1.0 another.

    Raises:
        ValueError: they are no CSV.
    """
    text = dict.fromkeys(TEXT_COLUMNS, str)
    table = pd.read_csv(io.BytesIO(data), dtype=text, keep_default_na=False, na_values=[""])
    # a copy has columns of one kind side by side in memory: claims, which pick rows again and again, take 3/4 of the time
    return table.copy()


def read_table(path: Path) -> pd.DataFrame:
    """Read what `write_table` wrote.

    Raises:
        DamagedTable: the file or its checksum is missing, or they do not agree.
    """
    try:
        data = path.read_bytes()
        record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        whole = hashlib.sha256(data).hexdigest() == record["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedTable(f"{path} cannot be read as a results table ({error}).") from error
    if not whole:
        raise DamagedTable(f"{path} is not the file that was written: its checksum differs.")
    return read_rows(data)


def read_or_compute(path: Path, compute: Callable[[], pd.DataFrame], **notes) -> pd.DataFrame:
    """The table at `path` if it is whole, else what `compute` returns, written there first.

    Either way the caller gets the table as read from the file, so numbers never depend on which way it came.
    """
    try:
        return read_table(path)
    except DamagedTable:
        pass
    with lock_of(path):
        try:
            return read_table(path)
        except DamagedTable:
            remove_unfinished(path)
            write_table(compute(), path, **notes)
            return read_table(path)
