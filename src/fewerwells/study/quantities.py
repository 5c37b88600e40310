"""What a claim estimates, as data: which table, which groups of networks, which error, compared how.

A quantity is declared once and estimated from whatever tables a run gives. It holds one estimate, or one for each
target, volume or system over which its sentence says "every"; the intervals of several are widened (Bonferroni) so
that all of them hold at once with 95 %.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Protocol

import numpy as np
import pandas as pd

from fewerwells.science.statistics import LEVEL, Estimate, chosen, data_equivalence, paired_ratio
from fewerwells.study.across import across_systems

ERROR = "sobol_all_mean"
INSIDE_ERROR = "sobol_inside_mean"
OUTSIDE_ERROR = "sobol_outside_mean"
STUDY_VARIANCE = "uniform_all_variance"

Volume = Callable[[pd.DataFrame, np.ndarray], int]  # of a table and the volumes that the compared arms share
Group = Mapping[str, object]  # values of columns that pick one row a seed; "N" may be a Volume


def smallest(table: pd.DataFrame, volumes: np.ndarray) -> int:
    """The smallest volume that the compared arms share."""
    return int(volumes.min())


def largest(table: pd.DataFrame, volumes: np.ndarray) -> int:
    """The largest volume that the compared arms share."""
    return int(volumes.max())


def nearest(n: float) -> Volume:
    """The shared volume that is nearest to n on a logarithmic scale."""
    return lambda table, volumes: int(volumes[np.argmin(np.abs(np.log(volumes / n)))])


def share_of_oracle(share: float) -> Volume:
    """The shared volume that is nearest to a share of the oracle's."""

    def pick(table: pd.DataFrame, volumes: np.ndarray) -> int:
        return nearest(share * int(_rows(table, {"arm": "oracle"})["N"].iloc[0]))(table, volumes)

    return pick


def _rows(table: pd.DataFrame, group: Group) -> pd.DataFrame:
    """The rows with a group's fixed values; a Volume is left open.

    Raises:
        ValueError: there are none.
    """
    fixed = {name: value for name, value in group.items() if not callable(value)}
    rows = table[chosen(table, fixed)]
    if rows.empty:
        raise ValueError(f"the table has no row with {', '.join(f'{k} = {v}' for k, v in fixed.items())}.")
    return rows


def _with_volumes(table: pd.DataFrame, groups: list[Group]) -> list[dict]:
    """The groups with every Volume replaced by the number of wells that it picks."""
    open_ones = [group for group in groups if callable(group.get("N"))]
    if not open_ones:
        return [dict(group) for group in groups]
    grids = [set(_rows(table, group)["N"]) for group in open_ones]
    shared = np.array(sorted(set.intersection(*grids)))
    if len(shared) == 0:
        raise ValueError(f"{' and '.join(str(group['arm']) for group in open_ones)} share no volume.")
    return [dict(group) | ({"N": group["N"](table, shared)} if callable(group.get("N")) else {}) for group in groups]


def _called(column: str, value: object) -> str:
    """What a group is called: "n = 2" is a name already, 20000 wells are "N = 20,000"."""
    return value if isinstance(value, str) else f"{column} = {value:,}"


def adjusted_level(n_estimates: int) -> float:
    """The level of each of several intervals such that all hold at once with 95 % (Bonferroni)."""
    return 1 - (1 - LEVEL) / n_estimates


class Quantity(Protocol):
    """What a claim needs to know of a quantity: the table it reads, and its estimates from that table.

    `estimates` maps the name of each group over which the sentence says "every" to its estimate, or "" to a single
    one. It raises ValueError where the table lacks what it needs.
    """

    table: str

    def estimates(self, table: pd.DataFrame) -> dict[str, Estimate]: ...


@dataclass(frozen=True)
class ErrorRatio:
    """How many times larger one group's error is than another's of the same seeds.

    Attributes:
        table: its name.
        numerator, denominator: the two groups.
        column: an error column.
        where: values of columns that both groups have.
        per: a column; there is one ratio for each of its values.
    """

    table: str
    numerator: Group
    denominator: Group
    column: str = ERROR
    where: Group = field(default_factory=dict)
    per: str | None = None

    def estimates(self, table: pd.DataFrame) -> dict[str, Estimate]:
        part = _rows(table, self.where)
        if self.per is None:
            return {"": self._ratio(part, LEVEL)}
        both = pd.concat([_rows(part, self.numerator), _rows(part, self.denominator)])
        values = both[self.per].unique()
        level = adjusted_level(len(values))
        return {_called(self.per, v): self._ratio(part[part[self.per] == v], level) for v in values}

    def _ratio(self, part: pd.DataFrame, level: float) -> Estimate:
        top, bottom = _with_volumes(part, [self.numerator, self.denominator])
        if top == bottom:  # a grid so small that both volumes are the same: it says nothing
            return Estimate(np.nan, np.nan, np.nan)
        return paired_ratio(part, self.column, top, bottom, level)


@dataclass(frozen=True)
class RatioChange:
    """How many times larger a ratio of two arms' errors is at one volume than at another, paired by seed.

    Attributes:
        table: its name.
        numerator, denominator: the two arms as groups without a volume.
        volume, other: the two volumes; above 1 the ratio is larger at `volume`.
        column: an error column.
        where: values of columns that both groups have.
    """

    table: str
    numerator: Group
    denominator: Group
    volume: Volume
    other: Volume
    column: str = ERROR
    where: Group = field(default_factory=dict)

    def estimates(self, table: pd.DataFrame) -> dict[str, Estimate]:
        part, ratios = _rows(table, self.where), []
        for volume in (self.volume, self.other):
            groups = [dict(group) | {"N": volume} for group in (self.numerator, self.denominator)]
            rows = [_rows(part, group).set_index("seed")[self.column] for group in _with_volumes(part, groups)]
            if not rows[0].sort_index().index.equals(rows[1].sort_index().index):
                raise ValueError(f"{self.numerator} and {self.denominator} do not hold the same seeds.")
            ratios.append((rows[0] / rows[1]).rename(self.column).reset_index().assign(at=len(ratios)))
        return {"": paired_ratio(pd.concat(ratios), self.column, {"at": 0}, {"at": 1})}


@dataclass(frozen=True)
class AcrossRatio:
    """How many times larger one group's error is than another's, centred over systems; intervals resample systems.

    Attributes:
        table: its name.
        numerator, denominator: the two groups.
        column: an error column.
    """

    table: str
    numerator: Group
    denominator: Group
    column: str = ERROR

    def estimates(self, table: pd.DataFrame) -> dict[str, Estimate]:
        top, bottom = _with_volumes(table, [self.numerator, self.denominator])
        return {"": across_systems(table, self.column, top, bottom).centre}


@dataclass(frozen=True)
class Unevenness:
    """One arm's error in one group over its error in another, for every ordered pair of groups.

    Attributes:
        table: its name.
        group: picks the arm.
        per: the column that makes the groups.
        column: an error column.
    """

    table: str
    group: Group
    per: str
    column: str = ERROR

    def estimates(self, table: pd.DataFrame) -> dict[str, Estimate]:
        rows = _rows(table, self.group)
        values = rows[self.per].unique()
        if len(values) < 2:
            return {"": Estimate(np.nan, np.nan, np.nan)}
        level, estimates = adjusted_level(len(values) * (len(values) - 1)), {}
        for one, other in combinations(values, 2):
            ratio = paired_ratio(rows, self.column, {self.per: one}, {self.per: other}, level)
            one, other = _called(self.per, one), _called(self.per, other)
            estimates[f"{one} over {other}"] = ratio
            estimates[f"{other} over {one}"] = Estimate(1 / ratio.value, 1 / ratio.high, 1 / ratio.low)
        return estimates


@dataclass(frozen=True)
class LargestEquivalence:
    """The largest k(N) among the volumes at which the baseline's grid could show one of `at_least`.

    Whichever volume has the largest true k, its own interval holds it from below the interval's upper end, so the
    largest upper end of the single intervals bounds it. From below it takes the simultaneous band, since the best of
    several volumes is chosen. Where k is more than the grid can show, that limit is the lower end.

    Attributes:
        table: its name.
        at_least: the k that the claim is about.
        column: an error column.
        arm, baseline: whose wells are worth more, and by whose learning curve.
        where: values of columns that both arms have.
    """

    table: str
    at_least: float
    column: str = ERROR
    arm: str = "transfer"
    baseline: str = "scratch"
    where: Group = field(default_factory=dict)

    def estimates(self, table: pd.DataFrame) -> dict[str, Estimate]:
        part = _rows(table, self.where)
        curves = pd.concat([_rows(part, {"arm": arm}) for arm in (self.arm, self.baseline)])
        k = data_equivalence(curves, self.column, self.arm, self.baseline)
        k = k[k["limit_high"] >= self.at_least]
        if k.empty:  # no volume is a quarter of another, say: the grid says nothing of such a k
            return {"": Estimate(np.nan, np.nan, np.nan)}
        low = np.minimum(k["band_low"], k["limit_high"])
        return {"": Estimate(float(k["k"].max()), float(low.max()), float(k["high"].max()))}
