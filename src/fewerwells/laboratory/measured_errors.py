"""Errors of every way to learn on measured systems: the table behind the chapter *Measured wells*.

Whole replicate groups are held out and their means predicted; all learners see the same wells of a subsample. Errors are
root mean squares over held-out means, in the output's unit; `replicates` is the root mean square of the standard errors
of those means, so that their ratio is 1 at best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from fewerwells.laboratory.answering import scaled
from fewerwells.laboratory.arms import Answer, Equations, Process, Wells, smallest_doses
from fewerwells.laboratory.judging import judge_noise
from fewerwells.laboratory.measured_sets import LOWER_HALF, SETS, STRAIN_SETS, MeasuredSet, as_shares
from fewerwells.laboratory.surfaces import SIMPLE, fit, weigh
from fewerwells.laboratory.transfer import FROM_SCRATCH, pretrained, simple_model, tuned
from fewerwells.laboratory.wells import replicate_groups
from fewerwells.science.cores import side_by_side
from fewerwells.science.datasets import BIG
from fewerwells.science.measured import Measured
from fewerwells.science.systems import TestSet

SUBSAMPLES = 50
SIZES = (12, 24, 48)  # wells; the last rows are of all that are not held out
HIGH_DOSES = 48  # wells from the lower half of both doses, or all of them where they are fewer
ALL_DOSES, BEYOND = "all doses", "high doses"
ARMS = {  # name → how it learns
    "equations": "a library of nine equations, weighed by Akaike weights",
    "simple equation": "the simple model fitted to the wells",
    "Gaussian process": "a Gaussian process on logarithmic doses",
    "transfer": "networks pre-trained on the simple model fitted to the wells",
    "from scratch": "networks trained on the wells alone",
    "transfer, measured": "networks pre-trained on the measured neighbour",
    "long transfer": "as transfer, then trained on the wells for as many epochs as from scratch",
    "long transfer, measured": "as transfer, measured, then trained on the wells for as many epochs as from scratch",
    "neighbour as it is": "the neighbour's surface, without a single well of one's own",
    "neighbour, corrected": "the neighbour's surface, scaled to the wells, and a Gaussian process for what is left",
    "published": "the authors' equations, refitted to the wells",
    "as published": "the authors' equation with the authors' numbers",
}
KEY = ("system", "split", "wells", "N", "seed")
FLOOR = "replicates"


def as_wells(x: np.ndarray, y: np.ndarray) -> tuple[Wells, float]:
    """Measured pairs as the learners see them, doses (N, 2) from 0 to 20 and one output (N,); see `answering.scaled`."""
    groups = replicate_groups(x)
    return scaled(x / BIG.high, y, groups, judge_noise(y, groups))


def _published(measured: MeasuredSet, wells: Wells) -> Callable[[np.ndarray], np.ndarray]:
    fits = [fit(form, name, wells.s, wells.y, wells.weight) for name, form in measured.models.items()]
    found = weigh(fits, len(wells))
    pairs = list(zip(found.fits, found.weights, strict=True))
    return lambda s: sum(weight * one.of(measured.models[one.form], s) for one, weight in pairs)


def corrected(neighbour: Answer, wells: Wells) -> Callable[[np.ndarray], np.ndarray]:
    """A neighbour's surface times a factor plus a constant, by least squares, and a Gaussian process for what is left.

    Kennedy and O'Hagan's autoregression (kennedy2000predicting), from one measured system to another.
    """
    root = np.sqrt(wells.weight)

    def scale(s: np.ndarray) -> np.ndarray:
        return np.column_stack([neighbour.predict(s), np.ones(len(s))])

    factors, *_ = np.linalg.lstsq(scale(wells.s) * root[:, None], wells.y * root, rcond=None)
    left = Process().learn(replace(wells, y=wells.y - scale(wells.s) @ factors))
    return lambda s: scale(s) @ factors + left.predict(s)


def _without_networks(
    measured: MeasuredSet, neighbour: Answer, task: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> dict[str, np.ndarray]:
    """Predictions at held-out doses (M,) of every learner that is no network, from wells (x, y)."""
    x, y, asked = task
    wells, spread = as_wells(x, y)
    s = asked / BIG.high
    learnt = {
        "equations": Equations().learn(wells).predict,
        "simple equation": Equations((SIMPLE[2],)).learn(wells).predict,
        "Gaussian process": Process().learn(wells).predict,
        "neighbour, corrected": corrected(neighbour, wells),
    }
    if measured.models:
        learnt["published"] = _published(measured, wells)
    return {name: spread * predict(s) for name, predict in learnt.items()}


def _networks(tasks: list[tuple], places: np.ndarray, neighbour: Answer) -> dict[str, list[np.ndarray]]:
    """Predictions of the networks for all tasks at once; their numbers of wells are the same.

    Args:
        tasks: wells and held-out doses, as for `_without_networks`.
        places: where the neighbour was measured, (N, 2), shares of the largest doses.
        neighbour: what was learnt of it.
    """
    seen, spreads = zip(*(as_wells(x, y) for x, y, _ in tasks), strict=True)
    raw = [
        Wells(x / BIG.high, y / spread, np.ones(len(y)), replicate_groups(x), False)
        for (x, y, _), spread in zip(tasks, spreads, strict=True)
    ]
    least = smallest_doses(places)  # what is learnt of the other system is learnt once, whichever wells follow
    start = pretrained([places], [neighbour.predict], [least])
    copies = start[np.tile(np.arange(len(start)), len(tasks))]
    own = [smallest_doses(wells.s) for wells in raw]
    simulated = pretrained([wells.s for wells in raw], [simple_model(wells) for wells in seen], own)
    answers = {
        "transfer": tuned(simulated, raw, own),
        "from scratch": tuned(None, raw, own),
        "transfer, measured": tuned(copies, raw, [least] * len(tasks)),
        "long transfer": tuned(simulated, raw, own, FROM_SCRATCH),
        "long transfer, measured": tuned(copies, raw, [least] * len(tasks), FROM_SCRATCH),
    }
    return {
        name: [
            spread * answer.predict(asked / BIG.high)
            for answer, spread, (_, _, asked) in zip(found, spreads, tasks, strict=True)
        ]
        for name, found in answers.items()
    }


def _standard_errors(measured: MeasuredSet, test: TestSet) -> np.ndarray:
    """Of the held-out means, (M,): from the replicates, or as published; NaN where nothing is known."""
    if "sd" not in measured.table:
        return np.full(len(test.x), np.nan) if test.sd is None else test.sd[:, 0]
    given = measured.table.set_index(["input_1", "input_2"])["sd"]
    return given.loc[[tuple(point) for point in test.x]].to_numpy()


def _most(system: Measured, seeds: Iterable[int]) -> int:
    """How many wells every seed can offer."""
    return min(system.offered(seed) for seed in seeds)


def errors_of(
    measured: MeasuredSet, seeds: list[int], sizes: Iterable[int], say: Callable[[str], None]
) -> pd.DataFrame:
    """The rows of one system: a row a subsample, a column a learner."""
    source = as_shares(measured.neighbour())
    theirs, spread = as_wells(source[["input_1", "input_2"]].to_numpy(), source["output"].to_numpy())
    neighbour = Process().learn(theirs)
    whole, lower = measured.system(), measured.system(LOWER_HALF)
    most, least = _most(whole, seeds), min(HIGH_DOSES, _most(lower, seeds))
    plans = [(whole, ALL_DOSES, str(n), n) for n in sizes if n < most] + [(whole, ALL_DOSES, "all", most)]
    plans.append((lower, BEYOND, str(HIGH_DOSES), least))
    rows = []
    for system, split, wells, n in plans:
        say(f"{measured.name}, {split}, {n} wells")
        tests, tasks = [], []
        for seed in seeds:
            test, pairs = system.test_sets(seed)["held_out"], system.wells(n, seed)
            if split == BEYOND:
                out = test.regions["outside"]
                test = TestSet(test.x[out], test.y[out], None if test.sd is None else test.sd[out])
            tests.append(test)
            tasks.append((pairs.x, pairs.y[:, 0], test.x))
        others = side_by_side(partial(_without_networks, measured, neighbour), tasks, worth_it_from=16)
        predictions = {name: [one[name] for one in others] for name in others[0]} | _networks(
            tasks, theirs.s, neighbour
        )
        predictions["neighbour as it is"] = [spread * neighbour.predict(test.x / BIG.high) for test in tests]
        if measured.as_published is not None:
            predictions["as published"] = [measured.as_published(test.x / BIG.high) for test in tests]
        for k, (seed, test) in enumerate(zip(seeds, tests, strict=True)):
            row = {"system": measured.name, "split": split, "wells": wells, "N": n, "seed": seed}
            row[FLOOR] = _root_mean_square(_standard_errors(measured, test))
            row |= {name: _root_mean_square(found[k] - test.y[:, 0]) for name, found in predictions.items()}
            rows.append(row)
    return pd.DataFrame(rows)


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def measured_errors(
    n_subsamples: int = SUBSAMPLES, sizes: Iterable[int] = SIZES, say: Callable[[str], None] = lambda _: None
) -> pd.DataFrame:
    """Fetch the measurements and compute the table: `KEY`, then `replicates` and a column for each of `ARMS`.

    Raises:
        NoMeasurements: they are not at hand and cannot be fetched.
    """
    seeds = list(range(n_subsamples))
    parts = [errors_of(measured, seeds, sizes, say) for measured in (*SETS, *STRAIN_SETS)]
    return pd.concat(parts, ignore_index=True).reindex(columns=[*KEY, FLOOR, *ARMS])


def long_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a row a learner and subsample: `KEY`, `arm`, `error`, `in_standard_errors`, and which system it is.

    Args:
        table: as `measured_errors` gives it.

    Returns:
        Learners that a system lacks are left out; `replicates` stands there as an arm, where it is known, and is the
        unit of `in_standard_errors`, which is NaN elsewhere. `is_strain` tells the strains from the five systems.
    """
    rows = table.melt(list(KEY), [FLOOR, *ARMS], "arm", "error").dropna(subset="error")
    rows["in_standard_errors"] = rows["error"] / rows[list(KEY)].merge(table, how="left")[FLOOR].to_numpy()
    rows["has_replicates"] = rows["system"].isin(rows.loc[rows["arm"] == FLOOR, "system"])
    rows["is_strain"] = rows["system"].isin([one.name for one in STRAIN_SETS])
    return rows.reset_index(drop=True)
