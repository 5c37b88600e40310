"""What the data are worth, before anything is learnt: noise, edges, drift, saturation, doses that say nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls
from scipy.stats import f as f_distribution
from scipy.stats import kendalltau
from scipy.stats import t as student_t

from fewerwells.laboratory.reading.cells import plate_shape, well_name, well_place
from fewerwells.laboratory.wells import Plate, dose_levels, replicate_groups

FEWEST_REPLICATES = 3  # degrees of freedom, before a noise is told from them
FEWEST_TO_TELL = 6  # degrees of freedom, before an effect, an edge or a drift is looked for
FEWEST_AT_THE_EDGE = 6  # wells with a replicate, and as many inside
FEWEST_IN_ORDER = 12  # wells with a replicate, before a drift is looked for
SUSPICIOUS = 0.01  # p-value below which an edge or a drift is reported


@dataclass(frozen=True)
class Noise:
    """Standard deviation of one measurement, √(additive² + (proportional·signal)²).

    Attributes:
        additive: in the output's unit.
        proportional: as a share of the signal.
        degrees_of_freedom: of the replicates behind it; 0 where it was stated or is unknown.
        origin: "replicates", "stated" or "unknown".
    """

    additive: float
    proportional: float
    degrees_of_freedom: int
    origin: str

    @property
    def known(self) -> bool:
        return self.origin != "unknown"

    def sd(self, signal: np.ndarray) -> np.ndarray:
        """The standard deviation at these signals, any shape."""
        return np.hypot(self.additive, self.proportional * np.asarray(signal, float))


def judge_noise(y: np.ndarray, groups: np.ndarray, stated: float | None = None) -> Noise:
    """The noise of one output, from replicates: group variances regressed on 1 and squared means, both not negative.

    Args:
        y: one output, shape (N,).
        groups: replicate group of each well, shape (N,).
        stated: a standard deviation that the user gives instead.
    """
    if stated is not None:
        return Noise(float(stated), 0.0, 0, "stated")
    names, counts = np.unique(groups, return_counts=True)
    freedom = counts - 1
    if freedom.sum() < FEWEST_REPLICATES:
        return Noise(float("nan"), 0.0, 0, "unknown")
    means = np.array([y[groups == name].mean() for name in names])
    variances = np.array(
        [y[groups == name].var(ddof=1) if n > 1 else 0.0 for name, n in zip(names, counts, strict=True)]
    )
    many = freedom > 0
    pooled = float((freedom * variances)[many].sum() / freedom.sum())
    if pooled == 0:
        return Noise(0.0, 0.0, int(freedom.sum()), "replicates")
    scale = max(float(np.mean(means[many] ** 2)), np.finfo(float).tiny)
    part = np.full(many.sum(), pooled)
    share = np.zeros(2)
    for _ in range(5):  # a variance has a standard deviation proportional to itself, so reweighted
        weight = np.sqrt(freedom[many]) / part
        design = np.column_stack([np.ones(many.sum()), means[many] ** 2 / scale])
        share, _ = nnls(design * weight[:, None], variances[many] * weight)
        part = np.maximum(design @ share, 0.05 * pooled)
    additive, proportional = float(np.sqrt(share[0])), float(np.sqrt(share[1] / scale))
    smallest = 0.05 * float(np.sqrt(pooled))  # no measurement is free of noise
    return Noise(max(additive, smallest), proportional, int(freedom.sum()), "replicates")


def findings(plate: Plate, noises: list[Noise]) -> list[str]:
    """What a careful colleague would say of these data, in sentences.

    Args:
        plate: what was understood, with doses.
        noises: of each output.
    """
    said = []
    for index, (output, noise) in enumerate(zip(plate.outputs, noises, strict=True)):
        y = plate.y[:, index]
        said += [_told(output, noise, y), *_signs(output, plate, y), *_places(output, plate, y, noise)]
        said += _saturation(output, plate, y, noise)
        said += _silent_inputs(output, plate, y)
    return said


def _told(output: str, noise: Noise, y: np.ndarray) -> str:
    if noise.origin == "unknown":
        return (
            f"{output}: the noise is unknown, since hardly any well has a replicate. It is estimated from what the "
            "equations leave over; --noise SD states it."
        )
    shown = f"{noise.additive:.3g}" + (f" and {noise.proportional:.1%} of the signal" if noise.proportional else "")
    told = (
        "as stated" if noise.origin == "stated" else f"from {noise.degrees_of_freedom} degrees of freedom of replicates"
    )
    span = float(np.ptp(y))
    many = f"; the signal spans {span / noise.additive:.0f} times that" if noise.additive > 0 and span else ""
    return f"{output}: a measurement has a standard deviation of {shown}, {told}{many}."


def _signs(output: str, plate: Plate, y: np.ndarray) -> list[str]:
    blanks = [well for well in plate.wells if well.state == "blank"]
    said = []
    if np.mean(y < 0) > 0.5:
        said.append(
            f"{output}: {np.mean(y < 0):.0%} of the wells are negative. A blank was subtracted twice, or one that is "
            "higher than the wells; use the raw read."
        )
    name = output.lower()
    if blanks and ("blank" in name or "corrected" in name or "norm" in name):
        said.append(f"{output}: the name says that blanks are already taken off; nothing is subtracted here.")
    elif blanks:
        level = np.mean([well.y[plate.outputs.index(output)] for well in blanks])
        said.append(
            f"{output}: {len(blanks)} blanks have a mean of {level:.4g}. They are not subtracted: every equation has a "
            "level of its own."
        )
    if y.size and 0.98 <= y.max() <= 1.02 and np.min(y) >= -0.1:
        said.append(
            f"{output}: the largest value is {y.max():.3g}. If it was divided by a control, its noise went in, too."
        )
    if y.size and 95 <= y.max() <= 108 and np.min(y) > -10 and ("%" in output or "pct" in name or "percent" in name):
        said.append(f"{output}: percentages of a control; the control's own noise is in every one of them.")
    return said


def _centred(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Values less the mean of their group, (N,)."""
    _, member, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return values - (np.bincount(member, values) / counts)[member]


def _slope_among_replicates(where: np.ndarray, y: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """By how much y (N,) changes with `where` (N,) among replicates, and its p-value; 0 and 1 where nothing can be said.

    Least squares with a level of its own for each group, whose t-test is exact for normal noise of one size: replicates'
    deviations from their own mean are not independent, and tests that take them for such call too often. The p-value is
    that without the well that lies farthest off, where it is larger: one bad well is no trend.
    """
    slope, chance, left = _slope(where, y, groups)
    if chance >= SUSPICIOUS:
        return slope, chance
    others = np.arange(len(y)) != np.argmax(np.abs(left))
    return slope, max(chance, _slope(where[others], y[others], groups[others])[1])


def _slope(where: np.ndarray, y: np.ndarray, groups: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Slope within groups, its p-value, and how far each well is from its group's mean (N,)."""
    across, up = _centred(where, groups), _centred(y, groups)
    freedom = len(y) - len(np.unique(groups)) - 1
    spread = float(across @ across)
    if freedom < FEWEST_TO_TELL or spread == 0:
        return 0.0, 1.0, up
    slope = float(across @ up) / spread
    left = float(up @ up) - slope**2 * spread
    if left <= 0:
        return slope, 0.0 if slope else 1.0, up
    return slope, float(2 * student_t.sf(abs(slope) * np.sqrt(spread * freedom / left), freedom)), up


def _places(output: str, plate: Plate, y: np.ndarray, noise: Noise) -> list[str]:
    """Edge wells against inner ones, and drift in reading order, among replicates of the same doses."""
    names = [well.name for well in plate.used]
    if noise.origin != "replicates" or not all(well_name(name) for name in names):
        return []
    level = y - _centred(y, plate.groups)
    if np.any(noise.sd(level) == 0):  # replicates agree to the last digit
        return []
    signal = y / noise.sd(level)
    places = np.array([well_place(name) for name in names])
    rows, columns = plate_shape(well.name for well in plate.wells if well_name(well.name))
    edge = (places[:, 0] % (rows - 1) == 0) | (places[:, 1] % (columns - 1) == 0)
    _, member, counts = np.unique(plate.groups, return_inverse=True, return_counts=True)
    replicated = counts[member] > 1
    said = []
    shift, chance = _slope_among_replicates(edge.astype(float), signal, plate.groups)
    enough = min(np.sum(replicated & edge), np.sum(replicated & ~edge)) >= FEWEST_AT_THE_EDGE
    if enough and chance < SUSPICIOUS:
        word = "higher" if shift > 0 else "lower"
        said.append(
            f"{output}: wells at the edge are {word} than their replicates inside, by {abs(shift):.1f} standard "
            "deviations. --exclude leaves them out."
        )
    order = places[:, 0] * columns + places[:, 1]
    slope, chance = _slope_among_replicates(order.astype(float), signal, plate.groups)
    if np.sum(replicated) >= FEWEST_IN_ORDER and chance < SUSPICIOUS:
        word = "rises" if slope > 0 else "falls"
        said.append(f"{output}: the signal {word} over the plate in reading order, among replicates of the same doses.")
    return said


def _saturation(output: str, plate: Plate, y: np.ndarray, noise: Noise) -> list[str]:
    place = plate.outputs.index(output)
    over = sum(place in well.above and well.state != "excluded" for well in plate.wells)
    said = []
    if over:
        said.append(
            f"{output}: {over} wells are above the reader's range and are left out, which bends what is learnt from the "
            "highest signals. Read again with a lower gain."
        )
    if len(plate.inputs) == 1 and noise.known and np.ptp(y) > 0:
        x, levels = plate.x[:, 0], dose_levels(plate.x[:, 0])
        top = levels == levels.max()
        near = ~top & (x > x.max() / 4)
        if near.any():
            means = np.array([y[wells].mean() for wells in (top, near)])
            doubt = np.linalg.norm(noise.sd(means) / np.sqrt([top.sum(), near.sum()]))
            if abs(means[0] - means[1]) > 0.15 * np.ptp(y) + 2 * doubt:
                said.append(
                    f"{output}: it still changes at the highest {plate.inputs[0].name}; its largest response was not "
                    "reached."
                )
    return said


def _silent_inputs(output: str, plate: Plate, y: np.ndarray) -> list[str]:
    """Inputs whose dose explains no more of the signal than chance."""
    said = []
    for index, one in enumerate(plate.inputs):
        levels = dose_levels(plate.x[:, index])
        if not levels.any():
            said.append(f"{output}: {one.name} has one dose only, so nothing can be said of it.")
            continue
        blocks = replicate_groups(np.delete(plate.x, index, axis=1))
        chance, replicated = _explained(y, levels, blocks)
        if chance > 0.05:
            unseen = (
                ""
                if replicated
                else " Without replicates one that rises and falls, or differs with the other dose, may hide."
            )
            said.append(
                f"{output}: no effect of {one.name} is seen at these doses, as far as the noise lets one see.{unseen}"
            )
    return said


def _explained(y: np.ndarray, levels: np.ndarray, blocks: np.ndarray) -> tuple[float, bool]:
    """p-value of an F test that the dose has an effect within blocks of the other input.

    With few replicates the effect is taken to be the same in all blocks; where that leaves nothing to judge it by, a rank
    correlation has to do. The second answer is whether there were replicates enough for any effect to be seen.

    Args:
        y: one output, shape (N,).
        levels: rank of each well's dose, shape (N,).
        blocks: number of the other input's dose, shape (N,).
    """
    both = np.unique(np.column_stack([blocks, levels]), axis=0, return_inverse=True)[1].reshape(-1)

    def inside(groups: np.ndarray) -> tuple[float, int]:
        sums = sum(float(((y[groups == g] - y[groups == g].mean()) ** 2).sum()) for g in np.unique(groups))
        return sums, len(np.unique(groups))

    without, few = inside(blocks)
    within, many = inside(both)
    freedom = len(y) - many
    replicated = freedom >= FEWEST_TO_TELL
    if freedom < FEWEST_TO_TELL or many == few:
        design = np.column_stack([blocks[:, None] == np.unique(blocks), levels[:, None] == np.unique(levels)[1:]])
        coefficients, _, many, _ = np.linalg.lstsq(design.astype(float), y)
        within, freedom = float(((y - design @ coefficients) ** 2).sum()), len(y) - int(many)
    if freedom < 1 or many == few:
        return float(kendalltau(levels, y).pvalue) if np.ptp(y) > 0 else 1.0, False
    if within <= 0:
        return 0.0 if without > 0 else 1.0, replicated
    ratio = (without - within) / (many - few) / (within / freedom)
    return float(f_distribution.sf(ratio, many - few, freedom)), replicated
