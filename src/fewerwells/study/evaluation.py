"""How wrong a prediction is: L1 error over the test sets of a system, region by region."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fewerwells.science.learners.base import Learnt, Status
from fewerwells.science.systems import System, TestSet


def l1_errors(prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Absolute error of each test point, averaged over the two outputs, nM: (..., M, 2) → (..., M)."""
    return np.abs(np.asarray(prediction, float) - truth).mean(axis=-1)


def _mean_and_variance(errors: np.ndarray, chosen: np.ndarray) -> tuple[float, float]:
    """Mean and sample variance over the chosen points; NaN where there are too few of them."""
    errors = errors[chosen]
    mean = errors.mean() if len(errors) else np.nan
    variance = errors.var(ddof=1) if len(errors) > 1 else np.nan
    return float(mean), float(variance)


def _predictions(learnt: Learnt, sets: Sequence[TestSet]) -> list[np.ndarray]:
    """What each of E seeds predicts on its own test set, (M, d) each; all seeds are asked at once."""
    if all(one is sets[0] for one in sets):
        return list(learnt.predict(sets[0].x))
    longest = max(len(one.x) for one in sets)
    x = np.stack([np.pad(one.x, ((0, longest - len(one.x)), (0, 0)), mode="edge") for one in sets])
    return [prediction[: len(one.x)] for prediction, one in zip(learnt.predict(x), sets, strict=True)]


def _errors(name: str, points: TestSet, prediction: np.ndarray) -> dict[str, float]:
    """The columns of one test set: means and variances of the L1 error over each region."""
    if prediction.shape != points.y.shape:
        raise ValueError(f"predictions have shape {prediction.shape}; the test set {name!r} has {points.y.shape}.")
    errors, row = l1_errors(prediction, points.y), {}
    for region, chosen in points.regions.items():
        mean, variance = _mean_and_variance(errors, chosen)
        row[f"{name}_{region}_mean"] = mean
        if region != "off_origin":
            row[f"{name}_{region}_variance"] = variance
        if points.sd is not None:
            multiples = ((prediction - points.y) / points.sd)[chosen]
            row[f"{name}_{region}_standard_errors"] = float(np.sqrt(np.mean(multiples**2))) if chosen.any() else np.nan
    return row


def evaluate(learnt: Learnt, system: System, seeds: Sequence[int]) -> list[dict]:
    """Errors of what each seed has learnt against the test sets of a system, one dictionary a seed.

    Keys are the name of a test set, a region and "mean" or "variance" (in the unit of the outputs and its square; over
    test points, not over training runs), for simulated systems `columns.ERROR_COLUMNS`. Where target values have standard errors
    of their own, "standard_errors" is the root mean square of the error as a multiple of them: 1 is the floor.
    "status" is how learning ended, and all errors are NaN where it diverged; "dead" where it ended well but what was
    trained says the same at every test point, as after the death of a whole ReLU layer.

    Args:
        learnt: what E seeds have learnt.
        system: the real system.
        seeds: E seeds, which draw the test sets.

    Raises:
        ValueError: predictions of another shape than the target values.
    """
    sets = [system.test_sets(seed) for seed in seeds]
    rows: list[dict] = [{} for _ in seeds]
    for name in sets[0]:
        of_seeds = [one[name] for one in sets]
        for row, points, prediction in zip(rows, of_seeds, _predictions(learnt, of_seeds), strict=True):
            row |= _errors(name, points, prediction)
    dead = learnt.constant(of_seeds[0].x)
    for row, word, is_dead in zip(rows, learnt.status, dead, strict=True):
        if word == Status.DIVERGED:
            row |= dict.fromkeys(row, np.nan)
        row["status"] = str(Status.DEAD if word == Status.OK and is_dead else word)
    return rows
