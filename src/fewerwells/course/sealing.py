"""Seal the answers of the exercises: from the solutions' values to the hashes that `check` compares with.

The cells tagged `seal` stand in the exercises' sources only. Run as they are, they prove that the seal in the package
still fits the solution; run by `fewerwells course seal`, they write it.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from fewerwells.course import checking

WRITE_TO = "FEWERWELLS_SEAL"


class BrokenSeal(AssertionError):
    """A solution and its seal do not belong together any more."""


def seal(exercise: str, answer, *, hint: str, mistakes: list[tuple] = (), tolerance: float = 0.02) -> None:
    """Seal an answer, or prove that it fits its seal.

    Args:
        exercise: the number of the exercise.
        answer: the right value: a number, a word, or a list of them.
        hint: what a wrong answer is told.
        mistakes: pairs (wrong value, hint for it).
        tolerance: relative width of the buckets of numbers; 0 asks for the number itself.

    Raises:
        BrokenSeal: the seal in the package is another; `fewerwells course seal` renews it.
    """
    target = os.environ.get(WRITE_TO)
    entries = json.loads(Path(target).read_text(encoding="utf-8")) if target else checking.sealed()
    salt = entries.get(exercise, {}).get("salt") or secrets.token_hex(16)

    def digests(value) -> list[str]:
        parts = checking._listed(value)
        return [
            checking.digest(salt, checking.spellings(part, place, tolerance)[0]) for place, part in enumerate(parts)
        ]

    entry = {
        "numbers": all(checking._is_number(part) for part in checking._listed(answer)),
        "tolerance": tolerance,
        "salt": salt,
        "digests": digests(answer),
        "hint": hint,
        "mistakes": [{"digests": digests(value), "hint": text} for value, text in mistakes],
    }
    if target:
        entries[exercise] = entry
        Path(target).write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    elif entries.get(exercise) != entry:
        raise BrokenSeal(f"the seal of exercise {exercise} does not fit its solution; run `fewerwells course seal`.")
