"""A measured system: wells from a tidy table, whole groups of replicates held out in the place of the truth."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import pandas as pd

from fewerwells.science.datasets import Domain, Pairs, random_stream
from fewerwells.science.noise import Noise, estimate_noise
from fewerwells.science.systems import System, TestSet
from fewerwells.science.units import NANOMOLAR, UNITS, split_header, to_nanomolar, unit_of

HELD_OUT = 0.25  # share of the groups that test a prediction


class Measured(System):
    """Wells of one or two inputs and one or two outputs, read from a tidy table: one row a well.

    Wells with the same inputs, to the last digit, are replicates of one condition. A condition, or all wells of one
    `group` where there is such a column, is held out whole or not at all; give one where a dispenser missed the doses.

    Attributes:
        label: how the system is called.
        units: of the outputs.
        x, y: all wells, shapes (N, 2), nM, and (N, d); a second input that was not there is 0 nM.
        held_out: how many groups test a prediction, for each seed.
        domain: where the laboratory could have stopped; groups that reach beyond it are only ever tested on.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        *,
        label: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        group: str = "",
        replicate: str = "",
        plate: str = "",
        molar_masses: Mapping[str, float] | None = None,
        held_out: float | int = HELD_OUT,
        domain: Domain | None = None,
    ):
        """Check a table and put its wells in order.

        Args:
            table: one row a well, a unit in the header of each input and, where it has one, of each output, as in
                "IPTG (µM)". Concentrations become nM; other outputs keep their unit.
            label: how the system is called.
            inputs: names of one or two columns of concentrations, without their units.
            outputs: names of one or two columns of measurements, without their units.
            group: a column whose equal entries are held out together; by default wells with the same inputs.
            replicate: a column that tells wells of one condition apart.
            plate: a column that tells plates apart.
            molar_masses: g/mol of inputs in units of mass, by name.
            held_out: groups that test: their number, or their share.
            domain: see above; by default all that was measured.

        Raises:
            ValueError: a missing column, an unknown unit, a gap, a negative concentration, the same well twice,
                outputs that are all equal, or too few groups.
        """
        self.label = label
        _refuse_wrong_number("inputs", inputs)
        _refuse_wrong_number("outputs", outputs)
        if not len(table):
            raise ValueError(f"{label} has no rows.")
        concentrations = [_concentration(table, name, (molar_masses or {}).get(name)) for name in inputs]
        self.x = np.stack([*concentrations, np.zeros(len(table))][:2], axis=1)
        measurements, self.units = zip(*(_measurement(table, name) for name in outputs), strict=True)
        self.y = np.stack(measurements, axis=1)
        self._condition = np.unique(self.x, axis=0, return_inverse=True)[1].ravel()
        names = _text(table, group) if group else None
        self._group = self._condition if names is None else np.unique(names, return_inverse=True)[1]
        plates = _text(table, plate) if plate else np.zeros(len(table), str)
        if replicate:
            _refuse_same_well_twice(self._group, self._condition, plates, _text(table, replicate))
        self.domain = domain
        beyond = np.zeros(len(table), bool) if domain is None else ~domain.contains(self.x)
        self._always_tested = np.unique(self._group[beyond])
        self._groups = np.setdiff1d(self._group, self._always_tested)
        self.held_out = _number_held_out(held_out, len(self._groups), label)

    @cached_property
    def noise(self) -> tuple[Noise, ...] | None:
        """Of one well, for each output, estimated from replicates; None where no condition was measured twice."""
        groups = [self.y[self._condition == one] for one in np.unique(self._condition)]
        groups = [replicates for replicates in groups if len(replicates) > 1]
        if not groups:
            return None
        means = np.stack([y.mean(axis=0) for y in groups])
        variances = np.stack([y.var(axis=0, ddof=1) for y in groups])
        degrees = np.array([len(y) - 1 for y in groups])
        return tuple(estimate_noise(means[:, d], variances[:, d], degrees) for d in range(self.y.shape[1]))

    def _tested(self, seed: int) -> np.ndarray:
        """The groups that test a prediction for this seed."""
        chosen = random_stream(seed, "held-out groups").permutation(self._groups)[: self.held_out]
        return np.concatenate([chosen, self._always_tested])

    def _offered(self, seed: int) -> np.ndarray:
        """Which wells are not held out for this seed, (N,)."""
        return ~np.isin(self._group, self._tested(seed))

    def offered(self, seed: int) -> int:
        """How many wells can be learnt from for this seed."""
        return int(self._offered(seed).sum())

    def wells(self, n: int, seed: int, *, domain: Domain | None = None) -> Pairs:
        """See `System`; the first n in an order drawn by the seed, of those that are not held out for it.

        Raises:
            ValueError: fewer than one well, or more than there are.
        """
        order = random_stream(seed, "measured wells").permutation(len(self.x))
        offered = self._offered(seed)
        offered &= True if domain is None else domain.contains(self.x)
        order = order[offered[order]]
        if not 1 <= n <= len(order):
            raise ValueError(
                f"{n} wells were asked of {self.label}; {len(order)} of its {len(self.x)} are neither held out nor "
                "outside the domain."
            )
        return Pairs(self.x[order[:n]], self.y[order[:n]])

    def test_sets(self, seed: int) -> dict[str, TestSet]:
        """The means of the held-out conditions ("held_out") with their standard errors.

        The standard error is that of a mean of as many replicates under the noise of the whole table, which a few
        replicates by themselves would not tell.
        """
        rows = np.flatnonzero(np.isin(self._group, self._tested(seed)))
        conditions, place, count = np.unique(self._condition[rows], return_inverse=True, return_counts=True)
        place, count = place.ravel(), count[:, None]
        means, x = np.zeros((len(conditions), self.y.shape[1])), np.zeros((len(conditions), 2))
        np.add.at(means, place, self.y[rows])
        means /= count
        x[place] = self.x[rows]
        sd = None
        if self.noise is not None:
            sd = np.stack([one.sd(mean) for one, mean in zip(self.noise, means.T, strict=True)], axis=1) / np.sqrt(
                count
            )
            sd[sd == 0] = np.nan  # replicates that never differ say nothing about the noise
        regions = {"all": np.ones(len(x), bool)}
        if self.domain is not None:
            inside = self.domain.contains(x)
            regions |= {"inside": inside, "outside": ~inside}
        return {"held_out": TestSet(x, means, sd, regions)}

    def description(self) -> dict[str, float | str | int | None]:
        """Label, a digest of all wells and how they are grouped, and how many groups are held out."""
        domain = {} if self.domain is None else {"domain_low": self.domain.low, "domain_high": self.domain.high}
        return {"target": self.label, "data": self._digest, "held_out_groups": self.held_out, **domain}

    @cached_property
    def _digest(self) -> str:
        found = hashlib.sha256(" ".join(self.units).encode())
        for values in (self.x, self.y, self._group.astype(np.int64)):
            found.update(np.ascontiguousarray(values).tobytes())
        return found.hexdigest()[:12]

    def __eq__(self, other) -> bool:
        return isinstance(other, Measured) and self.description() == other.description()

    def __hash__(self) -> int:
        return hash(self._digest)

    def __repr__(self) -> str:
        return f"Measured({self.label!r}, {len(self.x)} wells in {len(np.unique(self._group))} groups)"


def _refuse_wrong_number(what: str, names: Sequence[str]) -> None:
    if isinstance(names, str) or len(names) not in (1, 2):
        raise ValueError(f"{what} is {names!r}; it must be a list of one or two names of columns.")
    if len(set(names)) < len(names):
        raise ValueError(f"{what} is {list(names)}; each column may stand there once.")


def _column(table: pd.DataFrame, name: str) -> tuple[str, str]:
    """The header of the column of that name, and its unit."""
    found = [header for header in map(str, table.columns) if name in (header.strip(), split_header(header)[0])]
    if not found:
        raise ValueError(f"there is no column {name!r}; there are {', '.join(map(str, table.columns))}.")
    if len(found) > 1:
        raise ValueError(f"{name!r} is the name of several columns: {', '.join(found)}.")
    return found[0], split_header(found[0])[1]


def _numbers(table: pd.DataFrame, header: str) -> np.ndarray:
    values = pd.to_numeric(table[header], errors="coerce").to_numpy(float)
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        raise ValueError(f"row {row + 1} of column {header!r} is {table[header].iloc[row]!r}; a number is needed.")
    return values


def _text(table: pd.DataFrame, name: str) -> np.ndarray:
    header, _ = _column(table, name)
    values = table[header].to_numpy(object)
    empty = np.array([value is None or value != value or str(value).strip() == "" for value in values], bool)
    if empty.any():
        raise ValueError(f"row {int(np.argmax(empty)) + 1} of column {header!r} is empty.")
    return np.array([str(value) for value in values])


def _concentration(table: pd.DataFrame, name: str, molar_mass: float | None) -> np.ndarray:
    """A column of inputs, shape (N,), nM."""
    header, unit = _column(table, name)
    known = unit_of(unit) if unit else None
    if known is None:
        said = f"the unit {unit!r}, which is not known" if unit else "no unit in its header"
        raise ValueError(f"column {header!r} has {said}; it must be one of {', '.join(UNITS)}, as in '{name} (nM)'.")
    values = to_nanomolar(_numbers(table, header), known, molar_mass)
    if np.any(values < 0):
        row = int(np.argmax(values < 0))
        raise ValueError(f"row {row + 1} of column {header!r} is {table[header].iloc[row]}; it cannot be negative.")
    return values


def _measurement(table: pd.DataFrame, name: str) -> tuple[np.ndarray, str]:
    """A column of outputs, shape (N,), and its unit; concentrations in nM, anything else as it stands there."""
    header, unit = _column(table, name)
    values, known = _numbers(table, header), unit_of(unit) if unit else None
    if known in NANOMOLAR:
        values, unit = to_nanomolar(values, known), "nM"
    if np.ptp(values) == 0:
        raise ValueError(f"column {header!r} is {values[0]:g} in every row; there is nothing to learn.")
    return values, unit


def _refuse_same_well_twice(groups, conditions, plates, replicates) -> None:
    wells = pd.DataFrame({"group": groups, "condition": conditions, "plate": plates, "replicate": replicates})
    twice = wells.duplicated(keep="first").to_numpy()
    if twice.any():
        row = int(np.argmax(twice))
        first = int(np.argmax((wells == wells.iloc[row]).all(axis=1)))
        raise ValueError(f"rows {first + 1} and {row + 1} are both replicate {replicates[row]} of the same condition.")


def _number_held_out(asked: float | int, groups: int, label: str) -> int:
    share = isinstance(asked, float) and 0 < asked < 1
    if not share and (isinstance(asked, bool) or not isinstance(asked, int) or asked < 1):
        raise ValueError(f"held_out is {asked!r}; it must be a number of groups or a share between 0 and 1.")
    number = max(1, round(asked * groups)) if share else asked
    if number >= groups:
        raise ValueError(f"{number} groups of {label} were to be held out; it has {groups}, and one must remain.")
    return number
