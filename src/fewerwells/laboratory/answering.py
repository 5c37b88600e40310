"""What a plate says: several ways to learn compared on held-out doses, the best one's prediction, its parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fewerwells.laboratory.arms import (
    MANY_WELLS,
    Answer,
    Arm,
    EquationAnswer,
    Equations,
    Hedged,
    Process,
    Wells,
)
from fewerwells.laboratory.curves import Curves, learning_curves
from fewerwells.laboratory.judging import Noise, findings, judge_noise
from fewerwells.laboratory.surfaces import Weighed
from fewerwells.laboratory.transfer import arms_for
from fewerwells.laboratory.wells import Plate, replicate_groups

FOLDS = 5
LEVEL = 0.95
AS_GOOD = 1.05  # times the smallest error: an arm that comes as near is as good
MISFIT = 0.01  # of the signal's span: no equation is better than this, however small the noise of a low signal
RIVAL = 0.05  # weight of an equation from which on its parameters count, too
NO_EFFECT = 1e-4  # p-value above which wells that are all alike are not ruled out
TOO_WIDE = 100.0  # an interval over more than this factor says that a parameter is not identified
GRID = {1: 101, 2: 21}  # points of the prediction along each input


@dataclass(frozen=True)
class Score:
    """How well one arm predicted held-out replicate groups.

    Attributes:
        arm: its name.
        words: how it learns.
        error: root mean squared deviation from the groups' means, in the output's unit.
        in_noise: the same as a multiple of the means' standard errors; 1 is the floor; NaN where noise is unknown.
    """

    arm: str
    words: str
    error: float
    in_noise: float


@dataclass(frozen=True)
class Parameter:
    """One parameter of the heaviest equation, with the sentence a user reads."""

    name: str
    value: float
    low: float
    high: float
    unit: str
    said: str


@dataclass(frozen=True)
class OutputAnswer:
    """What was learnt of one output.

    Attributes:
        output: its name.
        noise: of one measurement, in its unit.
        scores: of all arms, the best first.
        chosen: the arm whose prediction is given.
        answer: what it learnt, on scaled doses and output.
        spread: the output's unit over the scaled one.
        parameters: of the heaviest equation.
        equation: the heaviest equation's name, with its weight.
    """

    output: str
    noise: Noise
    scores: tuple[Score, ...]
    chosen: str
    answer: Answer
    spread: float
    parameters: tuple[Parameter, ...]
    equation: str


@dataclass(frozen=True)
class PlateAnswer:
    """What was learnt of a plate.

    Attributes:
        plate: what was understood.
        largest: of each input the largest dose measured.
        smallest: of each input the smallest one.
        outputs: one answer an output.
        findings: what the data are worth, in sentences.
    """

    plate: Plate
    largest: np.ndarray
    smallest: np.ndarray
    outputs: tuple[OutputAnswer, ...]
    findings: tuple[str, ...]

    def predict(self, x: np.ndarray, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Prediction and ends of its interval, each (M, outputs), for doses (M, inputs) in the plate's units."""
        s = np.asarray(x, float) / self.largest
        middle, low, high = [], [], []
        for one in self.outputs:
            middle.append(one.spread * one.answer.predict(s))
            ends = one.answer.interval(s, level)
            low.append(np.full(len(s), np.nan) if ends is None else one.spread * ends[0])
            high.append(np.full(len(s), np.nan) if ends is None else one.spread * ends[1])
        return np.stack(middle, 1), np.stack(low, 1), np.stack(high, 1)

    def beyond(self, x: np.ndarray) -> np.ndarray:
        """Which doses (M, inputs) lie beyond the measured range, (M,)."""
        x = np.asarray(x, float)
        return np.any((x > self.largest * (1 + 1e-9)) | (x < self.smallest * (1 - 1e-9)), axis=1)


def answer(plate: Plate, stated_noise: float | None = None) -> PlateAnswer:
    """Learn every output of a plate.

    Args:
        plate: with doses and enough wells (see `understanding.require_doses`).
        stated_noise: a standard deviation in the outputs' unit, instead of the replicates'.
    """
    largest, seen = _prepared(plate, stated_noise)
    outputs = [
        _learn(name, wells, spread, noise, plate, largest)
        for name, (wells, spread, noise) in zip(plate.outputs, seen, strict=True)
    ]
    said = findings(plate, [noise for *_, noise in seen])
    return PlateAnswer(plate, largest, plate.x.min(axis=0), tuple(outputs), tuple(said))


def curves_of(plate: Plate, stated_noise: float | None = None) -> list[Curves | None]:
    """How many of these wells would have done, for each output; None where there are too few."""
    return [learning_curves(wells, spread) for wells, spread, _ in _prepared(plate, stated_noise)[1]]


def _prepared(plate: Plate, stated_noise: float | None) -> tuple[np.ndarray, list[tuple[Wells, float, Noise]]]:
    """The largest dose of each input, and of each output its wells as the arms see them, its spread and its noise."""
    order = np.lexsort(np.column_stack([plate.y, plate.x]).T)  # the order of rows has no say
    x, y = plate.x[order], plate.y[order]
    largest = np.where(x.max(axis=0) > 0, x.max(axis=0), 1.0)
    groups = replicate_groups(x)
    noises = [judge_noise(column, groups, stated_noise) for column in y.T]
    return largest, [
        (*scaled(x / largest, column, groups, noise), noise) for column, noise in zip(y.T, noises, strict=True)
    ]


def scaled(s: np.ndarray, y: np.ndarray, groups: np.ndarray, noise: Noise) -> tuple[Wells, float]:
    """Wells as the arms see them, and what one unit of their output is in the output's own.

    A proportional noise weighs wells by their group's mean, not by their own value, which would favour low ones.
    """
    spread = float(y.std()) or 1.0
    if not (noise.known and noise.additive > 0):
        return Wells(s, y / spread, np.ones(len(y)), groups, False), spread
    means = np.array([y[groups == group].mean() for group in groups])
    weight = spread**2 / (noise.sd(means) ** 2 + (MISFIT * np.ptp(means)) ** 2)
    wells = Wells(s, y / spread, weight, groups, True)
    return (wells.averaged() if len(y) > MANY_WELLS else wells), spread  # for many wells the same answer, sooner


def _folds(groups: np.ndarray) -> list[np.ndarray]:
    """Masks of held-out wells: whole replicate groups, dealt out in a fixed random order."""
    names = np.unique(groups)
    dealt = np.random.default_rng(0).permutation(len(names)) % min(FOLDS, len(names))
    fold = dealt[np.searchsorted(names, groups)]
    return [fold == k for k in range(dealt.max() + 1)]


def _held_out(wells: Wells):
    """For each fold the wells kept, and doses, means and standard errors of the groups held out."""
    for held in _folds(wells.groups):
        groups = wells.take(held).averaged()
        yield wells.take(~held), groups.s, groups.y, 1 / np.sqrt(groups.weight)


def compare(wells: Wells, arms: tuple[Arm, ...]) -> dict[str, tuple[float, float]]:
    """Error of each arm on held-out groups: root mean square in units of the wells' output, and in standard errors."""
    errors: dict[str, list[float]] = {arm.name: [] for arm in arms}
    floor: list[float] = []
    for kept, points, means, standard in _held_out(wells):
        floor += standard.tolist()
        for arm in arms:
            errors[arm.name] += (arm.learn(kept).predict(points) - means).tolist()
    scores = {}
    for name, found in errors.items():
        deviation = np.array(found)
        in_noise = float(np.sqrt(np.mean((deviation / np.array(floor)) ** 2))) if wells.noisy else float("nan")
        scores[name] = (float(np.sqrt(np.mean(deviation**2))), in_noise)
    return scores


def hedge(chosen: Answer, equations: Answer, process: Answer, half: float) -> Hedged:
    """The chosen answer with the Gaussian process as its rival, or with the equations where it is the process."""
    return Hedged(chosen, equations if chosen is process else process, half)


def _learn(name: str, wells: Wells, spread: float, noise: Noise, plate: Plate, largest: np.ndarray) -> OutputAnswer:
    arms = arms_for(wells.s.shape[1])
    found = compare(wells, arms)
    by = 1 if wells.noisy else 0
    ranked = sorted(arms, key=lambda arm: found[arm.name][by])
    least = found[ranked[0].name][by]
    chosen = next(arm for arm in arms if found[arm.name][by] <= AS_GOOD * least)
    scores = tuple(Score(arm.name, arm.words, spread * found[arm.name][0], found[arm.name][1]) for arm in ranked)
    equations, process = Equations().learn(wells, final=True), Process().learn(wells, final=True)
    made = {"equations": equations, "Gaussian process": process}
    learnt = made.get(chosen.name) or chosen.learn(wells, final=True)
    best = equations.found.best
    return OutputAnswer(
        output=name,
        noise=noise,
        scores=scores,
        chosen=chosen.name,
        answer=hedge(learnt, equations, process, found[chosen.name][0]),
        spread=spread,
        parameters=tuple(parameters(equations, plate, largest)),
        equation=f"{best.form} (weight {max(equations.found.weights):.2f})",
    )


def parameters(found: EquationAnswer, plate: Plate, largest: np.ndarray) -> list[Parameter]:
    """Parameters of the heaviest equation with intervals; one that the wells do not set is said to be so.

    A parameter is told where a dose has an effect at all and where every equation that explains the wells about as well
    has it too; the interval holds the values of all of them.
    """
    best, rivals = found.found.best, found.found.rivals(RIVAL)
    effect = found.found.effect(found.freedom + best.n_free)
    same = [fit for one in found.drawn if (fit := _same_form(one, best.form)) is not None]
    told = []
    for name, value in best.parameters.items():
        if not same or len({fit.parameters[name] for fit in same}) < 2:
            continue  # a parameter that the form holds fixed
        index = int(name[1]) - 1 if name[0] in "Kn" else 0
        factor = float(largest[index]) if name[0] == "K" else 1.0
        unit = plate.inputs[index].unit if name[0] == "K" else ""
        called = {"K": "half-saturation of", "n": "Hill coefficient of"}.get(name[0], "cooperation between")
        title = f"{called} {plate.inputs[index].name}" + (" (fall)" if "fall" in name else "")
        title = title if name != "c" else "cooperation"
        low, high = np.quantile([fit.parameters[name] for fit in same], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        low, high = value * (np.array([low, high]) / value) ** found.few(LEVEL)
        others = [rival.parameters.get(name) for rival in rivals]
        low, high = min([low, *filter(None, others)]), max([high, *filter(None, others)])
        loose = name in best.at_bound or effect > NO_EFFECT or None in others
        told.append(_parameter(title, value, low, high, factor, unit, loose, name[0] == "K"))
    return told


def _same_form(drawn: Weighed, form: str):
    return next((fit for fit in drawn.fits if fit.form == form), None)


def _parameter(title, value, low, high, factor, unit, loose, is_dose) -> Parameter:
    shown = f"{factor * value:.3g} {unit}".strip()
    ends = f"{factor * low:.3g} to {factor * high:.3g} {unit}".strip()
    if is_dose and low > 1:
        said = f"> highest dose ({factor:.3g} {unit})".replace(" )", ")")
    elif loose or high / max(low, 1e-12) > TOO_WIDE:
        said = f"not identified: these wells fit about equally well from {ends}"
    elif is_dose and value > 1:
        said = f"> highest dose ({factor:.3g} {unit}), perhaps {shown}"
    elif is_dose and high > 1:
        said = f"{shown}, at least {factor * low:.3g} {unit}; the highest dose is too low for an upper end"
    else:
        said = f"{shown} ({ends})"
    return Parameter(title, factor * value, factor * low, factor * high, unit, said)
