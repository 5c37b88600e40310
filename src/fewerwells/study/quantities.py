"""What a claim estimates, as data: which table, which groups of networks, which error, compared how.

A quantity is declared once and estimated from whatever tables a run gives. It holds one estimate, or one for each
target, volume or system over which its sentence says "every"; the intervals of several are widened (Bonferroni) so
that all of them hold at once with 95 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise, permutations
from typing import Protocol

import numpy as np
import pandas as pd

from fewerwells.science.equivalence import data_equivalence, log_equivalence
from fewerwells.science.statistics import LEVEL, Estimate, chosen
from fewerwells.study.across import across_systems
from fewerwells.study.bootstrap import NOTHING, Bootstrap, log_ratio
from fewerwells.study.columns import ERROR
from fewerwells.study.volumes import VolumeChoice

Group = Mapping[str, object]  # values of columns that pick one row a seed; "N" may be a VolumeChoice


def _rows(table: pd.DataFrame, group: Group) -> pd.DataFrame:
    """The rows with a group's fixed values; a VolumeChoice is left open.

    Raises:
        ValueError: there are none.
    """
    fixed = {name: value for name, value in group.items() if not callable(value)}
    rows = table[chosen(table, fixed)]
    if rows.empty:
        raise ValueError(f"the table has no row with {', '.join(f'{k} = {v}' for k, v in fixed.items())}.")
    return rows


def _with_volumes(table: pd.DataFrame, groups: list[Group]) -> list[dict]:
    """The groups with every VolumeChoice replaced by the number of wells that it picks."""
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
    """What a claim needs to know of a quantity: the table it reads, and what comes out of that table.

    `estimates` and `bootstraps` map the name of each group over which the sentence says "every" to what came out for
    it, or "" to a single one; `bootstraps` are for comparing two quantities. Both raise ValueError where the table
    lacks what they need.
    """

    table: str

    def estimates(self, table: pd.DataFrame) -> dict[str, Estimate]: ...

    def bootstraps(self, table: pd.DataFrame) -> dict[str, Bootstrap]: ...


def _estimates(quantity: Quantity, table: pd.DataFrame) -> dict[str, Estimate]:
    """The estimates of a quantity's groups, their intervals widened so that all hold at once."""
    found = quantity.bootstraps(table)
    return {name: one.estimate(adjusted_level(len(found))) for name, one in found.items()}


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

    def bootstraps(self, table: pd.DataFrame) -> dict[str, Bootstrap]:
        part = _rows(table, self.where)
        if self.per is None:
            return {"": self._ratio(part)}
        both = pd.concat([_rows(part, self.numerator), _rows(part, self.denominator)])
        return {_called(self.per, v): self._ratio(part[part[self.per] == v]) for v in both[self.per].unique()}

    def _ratio(self, part: pd.DataFrame) -> Bootstrap:
        top, bottom = _with_volumes(part, [self.numerator, self.denominator])
        if top == bottom:  # a grid so small that both volumes are the same: it says nothing
            return NOTHING
        return log_ratio(part, self.column, top, bottom)

    estimates = _estimates


class SharedSeedsRatio(ErrorRatio):
    """The same over the seeds, and the values of `per`, that both groups hold: for an arm that cannot run on all of them.

    A table that was made without what is asked for `where` says nothing. That no row is lost which an arm should have is
    checked by `experiments.check_complete`.
    """

    def bootstraps(self, table: pd.DataFrame) -> dict[str, Bootstrap]:
        if self.where and not chosen(table, dict(self.where)).any():
            return {"": NOTHING}
        found = table
        for group in (self.numerator, self.denominator) if self.per else ():
            found = found[found[self.per].isin(_rows(found, group)[self.per])]
        return super().bootstraps(found)

    def _ratio(self, part: pd.DataFrame) -> Bootstrap:
        top, bottom = _with_volumes(part, [self.numerator, self.denominator])
        shared = set(_rows(part, top)["seed"]) & set(_rows(part, bottom)["seed"])
        return log_ratio(part[part["seed"].isin(shared)], self.column, top, bottom)


@dataclass(frozen=True)
class RatioToEach:
    """How many times larger one group's error is than that of each of several arms, of the same seeds.

    Attributes:
        table: its name.
        numerator: the group.
        arms: the arms that it is compared with, at the numerator's number of wells.
        column: an error column.
    """

    table: str
    numerator: Group
    arms: tuple[str, ...]
    column: str = ERROR

    def bootstraps(self, table: pd.DataFrame) -> dict[str, Bootstrap]:
        pairs = {arm: _with_volumes(table, [self.numerator, dict(self.numerator) | {"arm": arm}]) for arm in self.arms}
        return {arm: log_ratio(table, self.column, *pair) for arm, pair in pairs.items()}

    estimates = _estimates


@dataclass(frozen=True)
class ErrorPerDoubling:
    """By which factor one arm's error changes per doubling of its wells, on average between two volumes.

    Attributes:
        table: its name.
        group: picks the arm.
        start, stop: the two volumes.
        column: an error column.
    """

    table: str
    group: Group
    start: VolumeChoice
    stop: VolumeChoice
    column: str = ERROR

    def bootstraps(self, table: pd.DataFrame) -> dict[str, Bootstrap]:
        ends = [dict(self.group) | {"N": volume} for volume in (self.stop, self.start)]
        stop, start = _with_volumes(table, ends)
        if stop["N"] <= start["N"]:  # a grid too small to hold both
            return {"": NOTHING}
        return {"": log_ratio(table, self.column, stop, start) / np.log2(stop["N"] / start["N"])}

    estimates = _estimates


@dataclass(frozen=True)
class RatioChange:
    """How many times larger a ratio of two arms' errors is in one place than in another, paired by seed.

    Attributes:
        table: its name.
        numerator, denominator: the two arms.
        here, there: values of columns that name the two places, two volumes for example; above 1 it is larger here.
        column: an error column.
        where: values of columns that both places have.
    """

    table: str
    numerator: Group
    denominator: Group
    here: Group
    there: Group
    column: str = ERROR
    where: Group = field(default_factory=dict)

    def bootstraps(self, table: pd.DataFrame) -> dict[str, Bootstrap]:
        part, ratios = _rows(table, self.where), []
        here, there = (
            _with_volumes(part, [dict(group) | dict(place) for group in (self.numerator, self.denominator)])
            for place in (self.here, self.there)
        )
        if here == there:  # a grid so small that both volumes are the same: it says nothing
            return {"": NOTHING}
        for groups in (here, there):
            rows = [_rows(part, group).set_index("seed")[self.column] for group in groups]
            if not rows[0].sort_index().index.equals(rows[1].sort_index().index):
                raise ValueError(f"{self.numerator} and {self.denominator} do not hold the same seeds.")
            ratios.append((rows[0] / rows[1]).rename(self.column).reset_index().assign(at=len(ratios)))
        return {"": log_ratio(pd.concat(ratios), self.column, {"at": 0}, {"at": 1})}

    estimates = _estimates


@dataclass(frozen=True)
class RatioGrowth:
    """How many times larger a ratio of two arms' errors is at each value of a column than at the value before.

    Attributes:
        table: its name.
        numerator, denominator: the two arms.
        along: the column, a number; its values are taken in increasing order.
        column: an error column.
        where: values of columns that both arms have.
    """

    table: str
    numerator: Group
    denominator: Group
    along: str
    column: str = ERROR
    where: Group = field(default_factory=dict)

    def bootstraps(self, table: pd.DataFrame) -> dict[str, Bootstrap]:
        part = _rows(table, self.where)
        both = [_rows(part, group) for group in (self.numerator, self.denominator)]
        values = sorted(set(both[0][self.along]) | set(both[1][self.along]))
        if len(values) < 2:
            return {"": NOTHING}
        ratios = [
            log_ratio(part[part[self.along] == value], self.column, self.numerator, self.denominator)
            for value in values
        ]
        return {
            f"{self.along} = {value:g} over {before:g}": ratio - ratio_before
            for (before, value), (ratio_before, ratio) in zip(pairwise(values), pairwise(ratios), strict=True)
        }

    estimates = _estimates


@dataclass(frozen=True)
class AcrossRatio:
    """How many times larger one group's error is than another's, in the mean over systems; intervals resample systems.

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

    def bootstraps(self, table: pd.DataFrame) -> dict[str, Bootstrap]:
        top, bottom = _with_volumes(table, [self.numerator, self.denominator])
        return {"": across_systems(table, self.column, top, bottom).bootstrap}


@dataclass(frozen=True)
class NextSystem:
    """How many times larger one group's error than another's may be in one more system drawn like these.

    The interval is a prediction interval. It is no resampling of seeds, so two of them cannot be compared.

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
        return {"": across_systems(table, self.column, top, bottom).next_system}

    def bootstraps(self, table: pd.DataFrame) -> dict[str, Bootstrap]:
        return {"": NOTHING}


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

    def bootstraps(self, table: pd.DataFrame) -> dict[str, Bootstrap]:
        rows = _rows(table, self.group)
        values = rows[self.per].unique()
        if len(values) < 2:
            return {"": NOTHING}
        return {
            f"{_called(self.per, one)} over {_called(self.per, other)}": log_ratio(
                rows, self.column, {self.per: one}, {self.per: other}
            )
            for one, other in permutations(values, 2)
        }

    estimates = _estimates


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
        k = data_equivalence(self._curves(table), self.column, self.arm, self.baseline)
        k = k[k["limit_high"] >= self.at_least]
        if k.empty:  # no volume is a quarter of another, say: the grid says nothing of such a k
            return {"": Estimate(np.nan, np.nan, np.nan)}
        low = np.minimum(k["band_low"], k["limit_high"])
        return {"": Estimate(float(k["k"].max()), float(low.max()), float(k["high"].max()))}

    def bootstraps(self, table: pd.DataFrame) -> dict[str, Bootstrap]:
        curves = self._curves(table)
        found = log_equivalence(curves, self.column, self.arm, self.baseline)
        able = found.limits[:, 1] >= self.at_least
        if not able.any():
            return {"": NOTHING}
        lost = ~curves[self.column].between(0, np.inf, inclusive="neither")  # their seeds count at no volume
        seeds = tuple(sorted(set(curves["seed"]) - set(curves["seed"][lost])))
        return {"": Bootstrap(float(found.centre[able].max()), found.draws[:, able].max(axis=1), seeds)}

    def _curves(self, table: pd.DataFrame) -> pd.DataFrame:
        part = _rows(table, self.where)
        return pd.concat([_rows(part, {"arm": arm}) for arm in (self.arm, self.baseline)])
