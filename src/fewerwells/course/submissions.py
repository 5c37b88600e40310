"""Which notebook in a folder is whose answer to what: files come back with names that browsers and platforms made."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fewerwells.running.reading_order import EXERCISES_SUFFIX

# what a browser, a platform or a file manager appends to a name that is taken: " (1)", "-1", "-Copy1", " - copy"
_COPY = r"[\W_]*(?:copy[\W_]*)?(?:\(?\d{1,3}\)?)?"
_NO_NAME = re.compile(r"[_ -]late(?=[_ -]|$)|^copy of\b", re.IGNORECASE)
# a platform that packs all files into one folder writes name_user_file_…; the file's own number is no one's name
_FILE_NUMBER = re.compile(r"(.*[^\W\d].*[_ -]\d+)[_ -]\d+")


@dataclass(frozen=True)
class Submission:
    """One notebook that can be graded.

    Attributes:
        student: the folder's name, or what stands in the file's name before the assignment's.
        assignment: the chapter.
        path: the file.
    """

    student: str
    assignment: str
    path: Path


@dataclass(frozen=True)
class Unmatched:
    """One file that is not graded.

    Attributes:
        path: the file.
        student: whose it is, or "".
        reason: why not.
    """

    path: Path
    student: str
    reason: str


@cache
def _pattern(assignment: str) -> re.Pattern:
    """What the name of an assignment's file looks like when it comes back, without its ending."""
    number, *words = [*assignment.split("_"), *EXERCISES_SUFFIX.strip("_").split("_")]
    body = r"[_ -]".join(["0*" + str(int(number)), *map(re.escape, words)])
    return re.compile(rf"(?P<before>.*(?<![^\W_]))?{body}{_COPY}", re.IGNORECASE)


def assignment_of(stem: str, known: Collection[str]) -> tuple[str, str] | None:
    """The assignment that a file's name means, and what stands before it; None if that is none, or in doubt."""
    found = [(name, match["before"] or "") for name in known if (match := _pattern(name).fullmatch(stem))]
    return found[0] if len(found) == 1 else None


def _before(text: str) -> str:
    """The student's name in what a platform wrote before the assignment's."""
    text = _NO_NAME.sub("", text.strip(" _-")).strip(" _-")
    number = _FILE_NUMBER.fullmatch(text)
    return number[1] if number else text


def sort_out(
    folder: Path, known: Collection[str], leave_out: Collection[Path] = ()
) -> tuple[list[Submission], list[Unmatched]]:
    """What was handed in, and what cannot be graded; hidden files, Jupyter's checkpoints among them, are neither.

    A notebook belongs to the folder's student, however deep it lies there. In the top folder it belongs to the student
    whose name a learning platform wrote before the assignment's. Where two files are one student's answer to the same
    exercises and differ, neither is taken.

    Args:
        folder: the submissions.
        known: the assignments' names.
        leave_out: files that are neither, the tables of marks.
    """
    found: list[Submission] = []
    unmatched: list[Unmatched] = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if path.is_dir() or path in leave_out or any(part.startswith(".") for part in inside):
            continue
        student = inside[0] if len(inside) > 1 else ""
        meant = assignment_of(path.stem, known)
        if not path.is_file():
            unmatched.append(Unmatched(path, student, "it is no file, or a link to none"))
        elif any("\ud800" <= letter <= "\udfff" for part in inside for letter in part):
            unmatched.append(Unmatched(path, student, "its name is no text; rename it"))
        elif any(letter in student for letter in "*?["):
            unmatched.append(
                Unmatched(path, student, "nbgrader looks in vain for a name with *, ? or [; rename the folder")
            )
        elif not os.access(path, os.R_OK):
            unmatched.append(Unmatched(path, student, "it may not be read"))
        elif path.suffix.lower() != ".ipynb":
            unmatched.append(Unmatched(path, student, "it is no notebook (its name does not end in .ipynb)"))
        elif meant is None:
            unmatched.append(Unmatched(path, student, "its name is that of no assignment, or of more than one"))
        elif student or _before(meant[1]):
            found.append(Submission(student or _before(meant[1]), meant[0], path))
        else:
            unmatched.append(
                Unmatched(path, "", "whose it is does not show; put it into a folder of the student's name")
            )
    return _without_rivals(found, unmatched)


def _without_rivals(found: list[Submission], unmatched: list[Unmatched]) -> tuple[list[Submission], list[Unmatched]]:
    """Take one of several equal files, and none of several that differ."""
    taken = []
    groups: dict[tuple[str, str], list[Submission]] = {}
    for each in found:
        groups.setdefault((each.student.casefold(), each.assignment), []).append(each)
    for group in groups.values():
        if len({each.path.read_bytes() for each in group}) == 1:
            taken.append(group[0])
            continue
        for each in group:
            others = ", ".join(other.path.name for other in group if other is not each)
            reason = (
                f"{each.student} has handed in {each.assignment} more than once ({others}, which differs); keep one"
            )
            unmatched.append(Unmatched(each.path, each.student, reason))
    return taken, sorted(unmatched, key=lambda each: each.path)
