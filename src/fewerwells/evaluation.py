"""How wrong a network is: L1 error over test points, inside and outside the small domain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fewerwells.circuits import Circuit
from fewerwells.datasets import BIG, SMALL, random_stream, sobol_inputs, uniform_inputs
from fewerwells.networks import Ensemble

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


def evaluate(ensemble: Ensemble, circuit: Circuit, seeds: list[int], diverged: np.ndarray) -> list[dict]:
    """Errors of every network of an ensemble against the noise-free circuit, one dictionary a network.

    Keys are `ERROR_COLUMNS` (nM and nM²; means and variances are over test points, not over training runs) and
    "status": "ok"; "diverged" when a weight is not a finite number (all errors are NaN then); "dead" when the
    output is the same at every test point, as after the death of a whole ReLU layer.

    Args:
        ensemble: E networks.
        circuit: the real system.
        seeds: E seeds, which draw the 100-point test sets.
        diverged: (E,) bool from `training.train`.
    """
    sobol = sobol_test_points(circuit)
    sobol_regions = {
        "all": np.ones(len(sobol.x), bool),
        "inside": SMALL.contains(sobol.x),
        "outside": ~SMALL.contains(sobol.x),
    }
    off_origin = np.hypot(*sobol.x.T) > ORIGIN_RADIUS
    rows = []
    for index, seed in enumerate(seeds):
        network = ensemble[[index]]
        row: dict = {}
        uniform = study_test_points(circuit, seed)
        inside = SMALL.contains(uniform.x)
        uniform_regions = {"all": np.ones(len(uniform.x), bool), "inside": inside, "outside": ~inside}
        prediction = network.predict(sobol.x)[0]
        for points, test, regions, predicted in (
            ("uniform", uniform, uniform_regions, network.predict(uniform.x)[0]),
            ("sobol", sobol, sobol_regions, prediction),
        ):
            errors = l1_errors(predicted, test.y)
            for region, chosen in regions.items():
                mean, variance = _mean_and_variance(errors, chosen)
                row[f"{points}_{region}_mean"], row[f"{points}_{region}_variance"] = mean, variance
        row["sobol_off_origin_mean"] = _mean_and_variance(l1_errors(prediction, sobol.y), off_origin)[0]
        if diverged[index]:
            row = dict.fromkeys(row, np.nan) | {"status": "diverged"}
        else:
            row["status"] = "dead" if np.all(prediction == prediction[0]) else "ok"
        rows.append(row)
    return rows
