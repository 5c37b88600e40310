"""Overfitting, looked at directly: how wrong arms are on the wells they learnt from, and on wells new to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from fewerwells.science.datasets import SMALL, Pairs
from fewerwells.science.learners import Runtime
from fewerwells.study.protocol import Cell, Protocol

NEW_WELLS = 1000  # a seed


def _new_wells(cell: Cell, protocol: Protocol, own: Sequence[np.ndarray], seed: int) -> Pairs:
    """Random wells of the cell's domain that no volume holds; `own` are the inputs (N, 2) of each volume."""
    most = max(len(x) for x in own)
    spare = most if cell.chosen else 0  # as many of these may have been chosen; of drawn wells only the first are own
    domain = None if cell.domain is SMALL else cell.domain  # as in `Cell.measured`
    pool = cell.system(protocol).wells(most + NEW_WELLS + spare, seed, domain=domain)
    known = {tuple(inputs) for x in own for inputs in x}
    new = [at for at in range(most, len(pool)) if tuple(pool.x[at]) not in known][:NEW_WELLS]
    return Pairs(pool.x[new], pool.y[new])


def own_and_new_wells(
    cell: Cell, volumes: Sequence[int], protocol: Protocol, seeds: Sequence[int], runtime: Runtime | None = None
) -> pd.DataFrame:
    """An arm's error on the wells it learnt from, beside that on new wells of the same domain and noise.

    Both are differences from what was *measured*, noise and all, so an arm that has learnt nothing but the circuit
    has the same error on either; what it does better on its own wells than on new ones, it has learnt by heart.

    Args:
        cell: arm, target, domain, noise; its number of wells is replaced by each of `volumes`. New wells are drawn
            at random from its domain, whoever chose its own.
        volumes: numbers of wells.
        protocol: the common settings.
        seeds: the paired seeds.
        runtime: as for `trials.run_cell`.

    Returns:
        One row a volume and seed: `N`, `seed`, `wells` ("own" or "new"), `error` (nM, mean absolute difference over
        wells and outputs).

    Raises:
        ValueError: no number of wells, or no seed; an arm that learns from no wells.
    """
    if not volumes or not seeds:
        raise ValueError(
            f"numbers of wells are {list(volumes)} and seeds {list(seeds)}; at least one of each is needed."
        )
    cells = {n: replace(cell, wells=n) for n in volumes}
    own = {n: one.measured(protocol, list(seeds)) for n, one in cells.items()}
    if not all(own.values()):
        raise ValueError(f"{cell.arm} learns from no wells, so it has none of its own.")
    new = [_new_wells(cell, protocol, [own[n][k].x for n in cells], seed) for k, seed in enumerate(seeds)]
    rows = []
    for n, one in cells.items():
        learnt = one.learner(protocol).learn(own[n], seeds, runtime)
        for wells, pairs in {"own": own[n], "new": new}.items():
            x, y = np.stack([each.x for each in pairs]), np.stack([each.y for each in pairs])
            errors = np.abs(learnt.predict(x) - y).mean(axis=(1, 2))
            rows += [
                {"N": n, "seed": seed, "wells": wells, "error": float(error)}
                for seed, error in zip(seeds, errors, strict=True)
            ]
    return pd.DataFrame(rows)
