"""Checks that use an answer instead of comparing it with a stored one.

A check is a function of the answer that returns nothing when the answer will do and raises `NotYet` with a hint when
it will not. It is found by the number of its exercise.
"""

from __future__ import annotations

from collections.abc import Callable

PROPERTIES: dict[str, Callable] = {}


class NotYet(Exception):
    """The answer will not do; the message is a hint for the student that does not give the answer away."""


def checks(exercise: str) -> Callable:
    """Decorate the check of one exercise."""

    def register(function: Callable) -> Callable:
        PROPERTIES[exercise] = function
        return function

    return register


def number(answer) -> float:
    """The answer as one number.

    Raises:
        NotYet: it is none.
    """
    try:
        return float(answer)
    except (TypeError, ValueError):
        raise NotYet(f"A single number is asked for; this is {type(answer).__name__}.") from None


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


from fewerwells.course.properties import (  # noqa: E402 - they fill the table above
    a_thousand_circuits,
    biology,
    engine,
    experiment_1,
    experiment_2,
    findings,
    problem,
    sweeps,
    train_it_yourself,
    verdicts,
    which_wells,
    who_else,
    why_it_works,
)

__all__ = [
    "PROPERTIES",
    "NotYet",
    "a_thousand_circuits",
    "biology",
    "checks",
    "engine",
    "experiment_1",
    "experiment_2",
    "findings",
    "problem",
    "sweeps",
    "train_it_yourself",
    "verdicts",
    "which_wells",
    "who_else",
    "why_it_works",
]
