"""The plate as it was understood: which wells are used, which are not and why, in which units."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

USED = "used"
STATES = {  # what can become of a well
    USED: "used",
    "above": "above the reader's range",
    "below": "below the reader's range",
    "missing": "no value",
    "blank": "blank",
    "control": "control",
    "excluded": "excluded",
    "no dose": "no dose",
    "other": "another condition",
}
SAME_DOSE = 0.01  # relative: dispensers miss the same dose by less


@dataclass(frozen=True)
class Input:
    """One dose.

    Attributes:
        name: of the substance.
        unit: "nM", or the file's own unit where nothing converts it ("%", "" where it names none).
        written: the unit in the file.
    """

    name: str
    unit: str
    written: str

    @property
    def label(self) -> str:
        """Name and unit, as on an axis."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def column(self) -> str:
        """Name and unit, as the header of a table: IPTG_nM."""
        return f"{self.name}_{self.unit}" if self.unit else self.name


@dataclass(frozen=True)
class Well:
    """One well.

    Attributes:
        plate: the plate's name, "" for the only one.
        name: A1, or "row 2" where a table names no wells.
        x: dose of each input in its unit, None where unknown.
        y: each output, None where there is no number.
        state: a key of `STATES`.
        reason: why it is not used, "" where it is.
        above: the outputs, by their places, whose signal is above the reader's range.
    """

    plate: str
    name: str
    x: tuple[float | None, ...]
    y: tuple[float | None, ...]
    state: str
    reason: str = ""
    above: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plate:
    """All wells of one experiment.

    Attributes:
        name: of the file.
        inputs: one or two, or none while no layout says what was in the wells.
        outputs: names of the reads.
        wells: every well that the file names, in plate order.
        remarks: what was found out, decided and converted on the way, in sentences.
    """

    name: str
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    wells: tuple[Well, ...]
    remarks: tuple[str, ...]

    @property
    def used(self) -> tuple[Well, ...]:
        return tuple(well for well in self.wells if well.state == USED)

    @property
    def x(self) -> np.ndarray:
        """Doses of the used wells, shape (N, inputs)."""
        return np.array([well.x for well in self.used], float).reshape(len(self.used), len(self.inputs))

    @property
    def y(self) -> np.ndarray:
        """Outputs of the used wells, shape (N, outputs)."""
        return np.array([well.y for well in self.used], float).reshape(len(self.used), len(self.outputs))

    @property
    def groups(self) -> np.ndarray:
        """Which wells are replicates: a number for each used well, shape (N,), the same where all doses are."""
        return replicate_groups(self.x)

    def counts(self) -> dict[str, int]:
        """How many wells are in each state."""
        found = Counter(well.state for well in self.wells)
        return {state: found[state] for state in STATES if found[state]}

    def saying(self, *remarks: str) -> Plate:
        """The same plate with more remarks."""
        return replace(self, remarks=(*self.remarks, *remarks))


def replicate_groups(x: np.ndarray) -> np.ndarray:
    """Numbers of the distinct doses of wells, shape (N,); doses within one percent count as the same.

    Args:
        x: doses, shape (N, d), 0 or larger.
    """
    levels = np.column_stack([dose_levels(column) for column in x.T]) if x.size else np.zeros((len(x), 1), int)
    return np.unique(levels, axis=0, return_inverse=True)[1].reshape(-1)


def dose_levels(doses: np.ndarray) -> np.ndarray:
    """The rank of each dose of one input among the distinct ones, shape (N,), from 0; the same within one percent."""
    order = np.argsort(doses, kind="stable")
    ordered = doses[order]
    steps = np.r_[False, ordered[1:] > ordered[:-1] * (1 + SAME_DOSE)]
    levels = np.empty(len(doses), int)
    levels[order] = np.cumsum(steps)
    return levels


def distinct_doses(doses: np.ndarray) -> np.ndarray:
    """The distinct doses of one input, ascending: of those within one percent of each other the median."""
    levels = dose_levels(doses)
    return np.array([np.median(doses[levels == level]) for level in range(levels.max(initial=-1) + 1)])
