"""Chapter 5: a verdict from an interval, and its defence."""

from __future__ import annotations

import re

from fewerwells.course.properties import NotYet, checks, function
from fewerwells.science.statistics import Estimate
from fewerwells.study.claims import verdict as published

# interval, range in which the sentence is true
CASES = [
    ((1.1, 1.3), (1.0, 1.5)),
    ((0.8, 0.9), (1.0, 1.5)),
    ((1.6, 1.9), (1.0, 1.5)),
    ((0.9, 1.2), (1.0, 1.5)),
    ((1.2, 1.7), (1.0, 1.5)),
    ((0.5, 2.0), (1.0, 1.5)),
    ((5.0, float("inf")), (4.0, float("inf"))),
    ((3.0, float("inf")), (4.0, float("inf"))),
]


@checks("5.1")
def verdict(answer) -> None:
    judge = function(answer)
    for (low, high), (true_low, true_high) in CASES:
        said = judge(low, high, true_low, true_high)
        if said is None or said is ...:
            raise NotYet("The function is still blank: let it return one of the three words.")
        if said not in ("supported", "contradicted", "undecided"):
            raise NotYet(f"{said!r} is none of the three words supported, contradicted, undecided.")
        middle = low + (high - low) / 2
        right = published(Estimate(middle, low, high), (true_low, true_high))
        if said != right:
            hints = {
                "supported": "all of the interval lies inside the range",
                "contradicted": "no part of the interval lies inside the range",
                "undecided": "one part of the interval lies inside the range and another outside",
            }
            raise NotYet(
                f"For the interval {low:g} to {high:g} and the range {true_low:g} to {true_high:g} you say {said}. Look "
                f"again: {hints[right]}."
            )


@checks("5.6")
def defence(answer) -> None:
    text = str(answer)
    if len(text.split()) < 40:
        raise NotYet(f"{len(text.split())} words so far; a sceptic will want at least 40.")
    if len(text.split()) > 160:  # words can be counted in more ways than one
        raise NotYet(f"{len(text.split())} words; 150 at most are asked for. What would the sceptic not miss?")
    if not re.search(r"\d", text):
        raise NotYet("There is no number in it. Which estimate do you rest your case on, and what is its interval?")
    if not re.search(r"interval|\[[^\]]*\d[^\]]*\]|between \d", text, re.IGNORECASE):
        raise NotYet("An estimate without its interval will not convince a sceptic.")
    if not re.search(
        r"\b(same|equal\w*|shar\w+|pair\w*|identical\w*|alike|both|common|held|fixed|constant|matched)\b",
        text,
        re.IGNORECASE,
    ):
        raise NotYet("Say also what was held equal between the arms: what else could have made the difference?")
    if not re.search(
        r"\b(unless|if|would|could|might|controls?|limits?|only|overturn\w*|refut\w+|contradict\w*)\b",
        text,
        re.IGNORECASE,
    ):
        raise NotYet("Say also what would change your mind: which result or which control would overturn the verdict?")
