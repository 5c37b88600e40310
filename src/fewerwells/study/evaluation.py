"""How wrong a prediction is: L1 error over test points, inside and outside the small domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fewerwells.science.circuits import Circuit
from fewerwells.science.datasets import BIG, SMALL, random_stream, sobol_inputs, uniform_inputs
from fewerwells.science.learners.base import Learnt, Status

STUDY_TEST_POINTS = 100  # the study's own test set, drawn anew for each seed
ORIGIN_RADIUS = 1.0  # nM: the phosphorylation cycle has no limit at the origin, so errors are also given without it
REGIONS = ("all", "inside", "outside")
ERROR_COLUMNS = tuple(
    f"{points}_{region}_{moment}"
    for points in ("uniform", "sobol")
    for region in REGIONS
    for moment in ("mean", "variance")
) + ("sobol_off_origin_mean",)


@dataclass(frozen=True)
class TestPoints:
    """Inputs (M, 2), nM, on the big domain, and the noise-free outputs (M, 2), nM, of the real circuit there."""

    x: np.ndarray
    y: np.ndarray

    __test__ = False  # not a test class, whatever pytest thinks of the name


def study_test_points(circuit: Circuit, seed: int) -> TestPoints:
    """The study's test set: 100 inputs uniform on the big domain, one draw a seed, shared by all arms."""
    x = uniform_inputs(BIG, STUDY_TEST_POINTS, random_stream(seed, "test inputs"))
    return TestPoints(x, circuit(x))


def sobol_test_points(circuit: Circuit) -> TestPoints:
    """4096 Sobol points on the big domain, the same for every seed: the precise version."""
    x = sobol_inputs(BIG)
    return TestPoints(x, circuit(x))


def l1_errors(prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Absolute error of each test point, averaged over the two outputs, nM: (..., M, 2) → (..., M)."""
    return np.abs(np.asarray(prediction, float) - truth).mean(axis=-1)


def _mean_and_variance(errors: np.ndarray, chosen: np.ndarray) -> tuple[float, float]:
    """Mean and sample variance over the chosen points; NaN where there are too few of them."""
    errors = errors[chosen]
    mean = errors.mean() if len(errors) else np.nan
    variance = errors.var(ddof=1) if len(errors) > 1 else np.nan
    return float(mean), float(variance)


def evaluate(learnt: Learnt, circuit: Circuit, seeds: Sequence[int]) -> list[dict]:
    """Errors of what each seed has learnt against the noise-free circuit, one dictionary a seed.

    Keys are `ERROR_COLUMNS` (nM and nM²; means and variances are over test points, not over training runs) and
    "status": how learning ended, and all errors are NaN where it diverged; "dead" where it ended well but what was
    trained says the same at every test point, as after the death of a whole ReLU layer.

    Args:
        learnt: what E seeds have learnt.
        circuit: the real system.
        seeds: E seeds, which draw the 100-point test sets.
    """
    sobol = sobol_test_points(circuit)
    uniform = [study_test_points(circuit, seed) for seed in seeds]
    errors = {
        "sobol": l1_errors(learnt.predict(sobol.x), sobol.y),
        "uniform": l1_errors(
            learnt.predict(np.stack([one.x for one in uniform])), np.stack([one.y for one in uniform])
        ),
    }
    inside = {"sobol": [SMALL.contains(sobol.x)] * len(seeds), "uniform": [SMALL.contains(one.x) for one in uniform]}
    off_origin = np.hypot(*sobol.x.T) > ORIGIN_RADIUS
    dead = learnt.constant(sobol.x)
    rows = []
    for index, word in enumerate(learnt.status):
        row: dict = {}
        for points in ("uniform", "sobol"):
            within = inside[points][index]
            regions = {"all": np.ones(len(within), bool), "inside": within, "outside": ~within}
            for region, chosen in regions.items():
                mean, variance = _mean_and_variance(errors[points][index], chosen)
                row[f"{points}_{region}_mean"], row[f"{points}_{region}_variance"] = mean, variance
        row["sobol_off_origin_mean"] = _mean_and_variance(errors["sobol"][index], off_origin)[0]
        if word == Status.DIVERGED:
            row = dict.fromkeys(row, np.nan)
        elif word == Status.OK and dead[index]:
            word = Status.DEAD
        rows.append(row | {"status": str(word)})
    return rows
