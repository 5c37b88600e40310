"""What made the shipped weights, as their records tell it."""

from __future__ import annotations

import json

from fewerwells.science.in_context.reader import SHIPPED


def training_record(name: str = "all") -> dict:
    """What made shipped weights: the command, its settings, seconds, and the scores on fixed plates as they were trained.

    Raises:
        ValueError: there are no shipped weights of that name.
    """
    path = SHIPPED / f"{name}.json"
    if not path.is_file():
        raise ValueError(f"there are no shipped weights {name!r}; {path} is not there.")
    return json.loads(path.read_text("utf-8"))
