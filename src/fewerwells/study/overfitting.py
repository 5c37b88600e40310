"""Overfitting, looked at directly: how wrong networks are on the wells they learnt from, and on as many others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from fewerwells.science.learners import Runtime
from fewerwells.study.protocol import Cell, Protocol
from fewerwells.study.trials import run_cell

NEW_WELLS = 1000  # a seed


def own_and_new_wells(
    cell: Cell, volumes: Sequence[int], protocol: Protocol, seeds: Sequence[int], runtime: Runtime | None = None
) -> pd.DataFrame:
    """The error of networks on the wells they learnt from, beside that on new wells of the same domain and noise.

    Both are differences from what was *measured*, noise and all, so a network that has learnt nothing but the circuit
    has the same error on either; what it does better on its own wells than on new ones, it has learnt by heart.

    Args:
        cell: arm, target, domain, noise; its number of wells is replaced by each of `volumes`.
        volumes: numbers of wells.
        protocol: the common settings.
        seeds: the paired seeds.
        runtime: as for `trials.run_cell`.

    Returns:
        One row a volume and seed: `N`, `seed`, `wells` ("own" or "new"), `error` (nM, mean absolute difference over
        wells and outputs).

    Raises:
        ValueError: no number of wells, or no seed.
    """
    if not volumes or not seeds:
        raise ValueError(
            f"numbers of wells are {list(volumes)} and seeds {list(seeds)}; at least one of each is needed."
        )
    most = max(volumes)
    pools = replace(cell, wells=most + NEW_WELLS).measured(protocol, list(seeds))
    x, y = np.stack([pool.x for pool in pools]), np.stack([pool.y for pool in pools])
    rows = []
    for n in volumes:
        learnt = run_cell(replace(cell, wells=n), protocol, seeds, runtime).ensemble
        for wells, part in {"own": slice(n), "new": slice(most, None)}.items():
            errors = np.abs(learnt.predict(x[:, part]) - y[:, part]).mean(axis=(1, 2))
            rows += [
                {"N": n, "seed": seed, "wells": wells, "error": float(error)}
                for seed, error in zip(seeds, errors, strict=True)
            ]
    return pd.DataFrame(rows)
