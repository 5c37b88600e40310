"""`check("3.2", answer)`: right, or what to think about next; the answer itself is nowhere in the package.

There are two kinds of check. Where an answer can be *used*, a property test uses it: it calls the student's function,
trains with the student's wells, and looks at what comes out (`fewerwells.course.properties`). Where a value has to be
*matched*, the package holds only slow salted hashes (scrypt, RFC 7914) of it in `sealed.json`: a number is rounded to
a bucket of a logarithmic scale as wide as the tolerance, and the student's bucket or one of its neighbours must give
the same hash. Typical mistakes are sealed in the same way, each with its hint, so that a near miss gets an answer of
its own. A hash does not stop someone who tries all numbers; it stops everyone who reads the file.
"""

from __future__ import annotations

import hashlib
import json
import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

import numpy as np

from fewerwells.course.properties import NotYet, exercises_with_properties, property_of

SEALED_FILE = files("fewerwells.course") / "sealed.json"

# Slips that any number can suffer, and the hint that each deserves.
_SLIPS = (
    (lambda v: v / 100, "You may have given per cent where a fraction was asked for."),
    (lambda v: v * 100, "You may have given a fraction where per cent was asked for."),
    (lambda v: 1 / v if v else math.nan, "This looks like one divided by the answer: which of the two goes on top?"),
    (lambda v: -v, "The size is right; look at the sign."),
)


@dataclass(frozen=True)
class Verdict:
    """What `check` says of one answer.

    Attributes:
        exercise: its number, for example "3.2".
        right: whether the answer passes.
        words: one or two sentences for the student.
    """

    exercise: str
    right: bool
    words: str

    def __repr__(self) -> str:
        return f"{self.exercise} {'✓' if self.right else '…'} {self.words}"

    def require(self) -> None:
        """Nothing if the answer is right; for graded use.

        Raises:
            AssertionError: the answer is not right; the message is the hint.
        """
        assert self.right, self.words


@cache
def sealed() -> dict[str, dict]:
    """What is known of the answers that have to be matched: for each exercise its hashes and hints."""
    return json.loads(SEALED_FILE.read_text(encoding="utf-8"))


def exercises() -> list[str]:
    """The numbers of all exercises that can be checked, in order."""
    return sorted(
        {*exercises_with_properties(), *sealed()}, key=lambda number: [int(part) for part in number.split(".")]
    )


@cache
def digest(salt: str, text: str) -> str:
    """A slow hash of a text: scrypt with 8 MiB, about 20 ms a guess."""
    return hashlib.scrypt(text.encode(), salt=bytes.fromhex(salt), n=2**13, r=8, p=1, dklen=16).hex()


def _bucket(value: float, tolerance: float) -> list[str]:
    """The bucket of a number on a logarithmic scale, and its two neighbours."""
    if value == 0 or not math.isfinite(value):
        return [repr(float(value))]
    if tolerance == 0:
        return [repr(float(value))]
    index = round(math.log(abs(value)) / math.log1p(tolerance))
    return [f"{math.copysign(1, value):+g}:{i}" for i in (index, index - 1, index + 1)]


def _is_number(value) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _listed(answer) -> list:
    """An answer as a list of its parts: mappings in the order of their keys, sets sorted, single values alone."""
    if isinstance(answer, Mapping):
        return [answer[key] for key in sorted(answer)]
    if isinstance(answer, (set, frozenset)):
        return sorted(answer)
    if isinstance(answer, np.ndarray):
        return answer.tolist() if answer.ndim else [answer.item()]
    return list(answer) if isinstance(answer, Sequence) and not isinstance(answer, str) else [answer]


def spellings(part, place: int, tolerance: float) -> list[str]:
    """The texts by which one part of an answer is hashed; the first is its own, others are near enough to count."""
    if _is_number(part):
        return [f"{place}:{text}" for text in _bucket(float(part), tolerance)]
    return [f"{place}:{''.join(str(part).casefold().split())}"]


def is_blank(answer) -> bool:
    """Whether an answer, or a part of it, is still the three dots of the student's notebook."""
    if answer is ... or answer is None or (isinstance(answer, str) and not answer.strip()):
        return True
    if isinstance(answer, Mapping):
        return any(is_blank(value) for value in answer.values())
    return isinstance(answer, (list, tuple, set)) and (len(answer) == 0 or any(is_blank(part) for part in answer))


def _matches(parts: list, entry: Mapping, digests: list[str]) -> list[bool]:
    """For each part of an answer, whether its hash is the one in `digests`; [False] if they are not as many."""
    if len(parts) != len(digests):
        return [False]
    return [
        any(digest(entry["salt"], text) == wanted for text in spellings(part, place, entry["tolerance"]))
        for place, (part, wanted) in enumerate(zip(parts, digests, strict=True))
    ]


def _match(answer, entry: Mapping) -> None:
    """Compare an answer with its seal.

    Raises:
        NotYet: it does not match; the message is the hint.
    """
    try:
        parts = _listed(answer)
    except TypeError:  # a set of things that have no order
        raise NotYet(entry["hint"]) from None
    wanted = entry["digests"]
    for part in parts:
        if entry["numbers"] and not _is_number(part):
            raise NotYet(f"A number is asked for; this is {type(part).__name__}.")
    right = _matches(parts, entry, wanted)
    if all(right):
        return
    for mistake in entry["mistakes"]:
        if all(_matches(parts, entry, mistake["digests"])):
            raise NotYet(mistake["hint"])
    if len(parts) != len(wanted) and not isinstance(answer, (set, frozenset)):  # the size of a set is a part of it
        there = "is 1" if len(parts) == 1 else f"are {len(parts)}"
        raise NotYet(f"{len(wanted)} value{'s' * (len(wanted) > 1)} should stand here; there {there}.")
    if entry["numbers"]:
        for slip, hint in _SLIPS:
            if all(_matches([slip(float(part)) for part in parts], entry, wanted)):
                raise NotYet(hint)
        if any(right):
            good = ", ".join(str(place + 1) for place, fine in enumerate(right) if fine)
            raise NotYet(f"Of {len(parts)} values, number {good} is right. {entry['hint']}")
    raise NotYet(entry["hint"])


def check(exercise: str, answer) -> Verdict:
    """Look at an answer: right, or what to think about next. It never shows the value it is looking for.

    Args:
        exercise: the number of the exercise, for example "3.2".
        answer: what the exercise asks for: a number, a word, a list of them, or a function.

    Raises:
        ValueError: there is no such exercise.
    """
    exercise = str(exercise)
    uses_it = property_of(exercise)
    if uses_it is None and exercise not in sealed():
        known = exercises()
        near = get_close_matches(exercise, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."
        raise ValueError(f"there is no exercise {exercise!r}; {hint}")
    if is_blank(answer):
        return Verdict(exercise, False, "Still blank: put your answer where the three dots are, then run both cells.")
    try:
        if uses_it is not None:
            uses_it(answer)
        else:
            _match(answer, sealed()[exercise])
    except NotYet as hint:
        return Verdict(exercise, False, f"Not yet. {hint}")
    except Exception as error:  # whatever a student's function may raise
        return Verdict(
            exercise,
            False,
            f"Not yet. Your answer stopped the check with {type(error).__name__}: {error}. Try it by hand on one input.",
        )
    return Verdict(exercise, True, "Right. Say in one sentence why, then go on.")
