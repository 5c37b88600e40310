"""Which of several volumes a sentence is about: the smallest, the largest, one plate, a share of the oracle's."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

PLATE = 96  # wells

VolumeChoice = Callable[[pd.DataFrame, np.ndarray], int]  # of a table and the volumes that the compared arms share


def nearest_volume(volumes: Iterable[int], n: float) -> int:
    """The volume that is nearest to n on a logarithmic scale; of two equally near ones the first."""
    volumes = np.asarray(list(volumes))
    return int(volumes[np.argmin(np.abs(np.log(volumes / n)))])


def one_plate(volumes: Iterable[int]) -> int:
    """The volume that stands for one plate, wherever this book says "one plate": the nearest to 96 wells."""
    return nearest_volume(volumes, PLATE)


def smallest(table: pd.DataFrame, volumes: np.ndarray) -> int:
    """The smallest volume that the compared arms share."""
    return int(volumes.min())


def largest(table: pd.DataFrame, volumes: np.ndarray) -> int:
    """The largest volume that the compared arms share."""
    return int(volumes.max())


def nearest(n: float) -> VolumeChoice:
    """The shared volume that is nearest to n on a logarithmic scale."""
    return lambda table, volumes: nearest_volume(volumes, n)


def plate(table: pd.DataFrame, volumes: np.ndarray) -> int:
    """The shared volume that stands for one plate."""
    return one_plate(volumes)


def share_of_oracle(share: float) -> VolumeChoice:
    """The shared volume that is nearest to a share of the oracle's.

    The choice raises ValueError where the table has no oracle.
    """

    def pick(table: pd.DataFrame, volumes: np.ndarray) -> int:
        oracle = table.loc[table["arm"] == "oracle", "N"]
        if oracle.empty:
            raise ValueError("the table has no row with arm = oracle.")
        return nearest_volume(volumes, share * int(oracle.iloc[0]))

    return pick
