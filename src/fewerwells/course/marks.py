"""The table of marks: whether it can be written is found out before anything is graded, and no earlier one is lost."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from fewerwells.course.grading import Mark
from fewerwells.course.submissions import Unmatched
from fewerwells.running.parameters import ParameterError
from fewerwells.running.storage import not_a_formula, write_whole

COLUMNS = ("student", "assignment", "points", "of", "remark", "by exercise")
_HEADER = ",".join(COLUMNS)


def is_table(path: Path) -> bool:
    """Whether a file is a table of marks."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline().strip() == _HEADER
    except OSError:
        return False


def check_place(path: Path) -> None:
    """Nothing if a table of marks can be written here.

    Raises:
        ParameterError: a folder or another kind of file is there, or the system does not let it be written.
    """
    if path.is_dir():
        raise ParameterError(f"the marks cannot be written to {path}: it is a folder.")
    if path.exists() and not is_table(path):
        raise ParameterError(f"{path} is there and is no table of marks; name another file.")
    try:
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(13, "it may not be changed")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ParameterError(f"the marks cannot be written to {path}: {error.strerror}.") from None


def table(marks: Iterable[Mark], unmatched: Iterable[Unmatched], folder: Path) -> str:
    """The marks as CSV: a row for each graded submission, and one without points for each file that was not graded.

    Names come from students' files: one that a spreadsheet would compute is written as text, and of one that is no text
    the numbers of its bytes.
    """
    rows = [COLUMNS]
    for mark in marks:
        each = "; ".join(f"{number}: {points:g}" for number, points in mark.points.items())
        rows.append((mark.student, mark.assignment, f"{mark.total:g}", f"{mark.most:g}", mark.remark, each))
    for file in unmatched:
        remark = f"not graded: {file.path.relative_to(folder)}: {file.reason}"
        rows.append((file.student, "", "", "", remark, ""))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([map(not_a_formula, row) for row in rows])
    return text.getvalue().encode(errors="backslashreplace").decode()


def write(path: Path, text: str) -> Path | None:
    """Write a table; one that was there and says something else is kept under a new name.

    Returns:
        The new name of the earlier table, or None.

    Raises:
        OSError: it cannot be written; the earlier table is where it was, or under its new name.
    """
    kept = None
    if path.exists() and path.read_bytes() != text.encode():  # a spreadsheet may have written it in another encoding
        places = (path.with_name(f"{path.stem}.{number}{path.suffix}") for number in range(1, 10_000))
        kept = next(place for place in places if not place.exists())
        write_whole(kept, path.read_bytes())
    write_whole(path, text.encode())
    return kept
