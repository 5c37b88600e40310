"""Checks that use an answer instead of comparing it with a stored one.

A check is a function of the answer that returns nothing when the answer will do and raises `NotYet` with a hint when
it will not. It is found by the number of its exercise; only the module of that chapter is imported, so that a student's
notebook, and each of a hundred that are graded, starts in a second.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from math import inf, isfinite

import numpy as np

# Which module holds the checks of a chapter.
_MODULES = {
    "1": "biology",
    "2": "problem",
    "3": "experiment_1",
    "4": "experiment_2",
    "5": "findings",
    "6": "verdicts",
    "7": "who_else",
    "8": "why_it_works",
    "9": "sweeps",
    "10": "engine",
    "11": "train_it_yourself",
    "12": "a_thousand_circuits",
    "13": "which_wells",
    "15": "measured_wells",
}
_CHECKS: dict[str, Callable] = {}  # filled by the modules as they are imported


class NotYet(Exception):
    """The answer will not do; the message is a hint for the student that does not give the answer away."""


def checks(exercise: str) -> Callable:
    """Decorate the check of one exercise."""

    def register(function: Callable) -> Callable:
        _CHECKS[exercise] = function
        return function

    return register


def property_of(exercise: str) -> Callable | None:
    """The check that uses an answer to this exercise; None where the answer is matched, or where there is none."""
    module = _MODULES.get(exercise.partition(".")[0])
    if module is not None:
        import_module(f"{__name__}.{module}")
    return _CHECKS.get(exercise)


def exercises_with_properties() -> set[str]:
    """The numbers of all exercises that have such a check; imports them all."""
    for module in _MODULES.values():
        import_module(f"{__name__}.{module}")
    return set(_CHECKS)


def number(answer, *, endless: bool = False) -> float:
    """The answer as one number; nan, which no comparison holds for, is none.

    Args:
        answer: what a student gave.
        endless: whether np.inf is a number here.

    Raises:
        NotYet: it is none.
    """
    try:
        only = answer.item() if isinstance(answer, np.ndarray | np.generic) and answer.ndim == 0 else answer
        # each of these Python would take for a number
        if isinstance(only, bool | bytes | bytearray | memoryview) or np.ma.is_masked(answer):
            raise TypeError
        said = float(only)
    except (TypeError, ValueError, OverflowError):
        raise NotYet(f"A single number is asked for; this is {type(answer).__name__}.") from None
    if not (isfinite(said) or (endless and said == inf)):
        raise NotYet(f"A single number is asked for; this is {said:g}.")
    return said


def pair(answer, what: str) -> tuple[float, float]:
    """The answer as two numbers.

    Raises:
        NotYet: it is something else.
    """
    try:
        first, second = answer
    except (TypeError, ValueError):
        raise NotYet(f"Two numbers are asked for: {what}.") from None
    return number(first), number(second)


def function(answer) -> Callable:
    """The answer as something that can be called.

    Raises:
        NotYet: it cannot.
    """
    if not callable(answer):
        raise NotYet("A function is asked for: give its name without brackets.")
    return answer
