"""The wells that could be filled next: a grid that a robot can pipette, or a list, each well once or several times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LARGEST_GRID = 40_000  # wells; 200 concentrations of each input


@dataclass(frozen=True)
class Candidates:
    """Wells that could be filled next.

    Attributes:
        x: inputs, shape (M, 2), nM, no two alike.
        replicates: how often each may be filled in one round; 1 allows no replicates.
    """

    x: np.ndarray
    replicates: int = 8

    def __post_init__(self):
        x = np.asarray(self.x, float)
        if x.ndim != 2 or x.shape[1] != 2 or not len(x):
            raise ValueError(f"the candidates have shape {x.shape}; at least one well of two inputs is needed.")
        if not np.isfinite(x).all() or np.any(x < 0):
            raise ValueError("a candidate is not a finite concentration of 0 nM or more.")
        if self.replicates < 1:
            raise ValueError(f"replicates is {self.replicates}; each candidate must be allowed at least once.")
        object.__setattr__(self, "x", np.unique(x, axis=0))

    def __len__(self) -> int:
        return len(self.x)

    def refuse_too_few(self, n: int) -> None:
        """ValueError where n wells cannot be taken from these candidates, or n is below 1."""
        if n < 1:
            raise ValueError(f"{n} wells were asked for; at least 1 is needed.")
        if n > len(self) * self.replicates:
            raise ValueError(
                f"{n} wells were asked for, and there are {len(self)} candidates of which each may be filled "
                f"{self.replicates} times; ask for fewer, or allow a finer grid, a wider domain or more replicates."
            )

    def nearest(self, targets: np.ndarray) -> np.ndarray:
        """For each target (K, 2), nM, in turn the nearest candidate that is not used up: shape (K, 2), nM.

        Raises:
            ValueError: more targets than the candidates can be filled.
        """
        self.refuse_too_few(len(targets))
        left = np.full(len(self), self.replicates)
        chosen = []
        for target in targets:
            distance = np.where(left > 0, np.square(self.x - target).sum(axis=1), np.inf)
            chosen.append(int(np.argmin(distance)))
            left[chosen[-1]] -= 1
        return self.x[chosen]


def grid(low: float, high: float, step: float, replicates: int = 8) -> Candidates:
    """All wells whose two inputs are `low`, `low + step`, … up to `high`, nM.

    Raises:
        ValueError: not 0 ≤ low < high, a step that is not positive or wider than the domain, or too many wells.
    """
    if not (0 <= low < high < np.inf):
        raise ValueError(f"the domain is {low:g} to {high:g} nM; it must run from 0 or more to something larger.")
    if not 0 < step <= (high - low) * (1 + 1e-9):  # rounding allowed
        raise ValueError(f"the grid's step is {step:g} nM; it must be positive and at most {high - low:g} nM.")
    count = int(np.floor((high - low) / step * (1 + 1e-9))) + 1
    if count**2 > LARGEST_GRID:
        raise ValueError(f"a step of {step:g} nM makes {count**2:,} candidates; at most {LARGEST_GRID:,} are searched.")
    values = low + step * np.arange(count)
    return Candidates(np.stack(np.meshgrid(values, values, indexing="ij"), axis=-1).reshape(-1, 2), replicates)
