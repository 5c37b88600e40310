"""A plate of the book's own circuits as a file, for readers who have none at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fewerwells.running.storage import write_whole
from fewerwells.science.circuits import reference_circuit

DOSES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)  # nM, of both activators
ALONE = (*DOSES, 16.0, 32.0)  # of one
NOISE = 1.0  # nM


def write_example(folder: Path, profile: str) -> Path:
    """Write a plate as a tidy table: two activators compete for a promoter, all doses in two wells.

    Args:
        folder: where to.
        profile: at "smoke" the second activator is left out.
    """
    first, second = (ALONE, (0.0,)) if profile == "smoke" else (DOSES, DOSES)
    x = np.array([(a, b) for _ in range(2) for a in first for b in second])
    y = reference_circuit("n_part_complex")(x)[:, 0] + NOISE * np.random.default_rng(18).standard_normal(len(x))
    places = [f"{'ABCDEFGH'[k // 12]}{k % 12 + 1}" for k in range(len(x))]
    lines = ["well,activator 1 (nM),activator 2 (nM),reporter"]
    lines += [f"{place},{a:g},{b:g},{level:.4g}" for place, (a, b), level in zip(places, x, y, strict=True)]
    path = folder / "example.csv"
    write_whole(path, ("\n".join(lines) + "\n").encode())
    return path
