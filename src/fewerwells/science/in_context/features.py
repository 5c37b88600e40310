"""Wells as numbers without a unit: every plate is measured by its own largest inputs and its own outputs.

Inputs are divided by the largest of the plate and outputs by their root mean square, each input and each output by
its own, so that another unit for both inputs or for both outputs changes nothing. How unequal the outputs are is told
beside them, so a unit for one of them alone makes another plate. Predictions are made on the scale of `bend`, linear below the plate's
outputs and logarithmic far above them; quantiles pass through it unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)  # of the quantiles that are predicted
MEDIAN = LEVELS.index(0.5)
WELL_FEATURES = 18
QUERY_FEATURES = 12


@dataclass(frozen=True)
class Scales:
    """What a batch of plates is divided by: inputs (P, 2) and outputs (P, 2), both in nM, 1 where a plate has only zeros."""

    x: np.ndarray
    y: np.ndarray


def scales(x: np.ndarray, y: np.ndarray) -> Scales:
    """The largest input and the root mean square of each output, of wells x and y (P, N, 2) with NaN for no reading."""
    largest = x.max(axis=1)
    read = np.isfinite(y)
    square = np.where(read, y, 0.0) ** 2
    size = np.sqrt(square.sum(axis=1) / np.maximum(read.sum(axis=1), 1))
    return Scales(np.where(largest > 0, largest, 1.0), np.where(size > 0, size, 1.0))


def bend(value: np.ndarray) -> np.ndarray:
    """Outputs in units of the plate's, bent to the scale on which they are predicted."""
    return 2 * np.arcsinh(value / 2)


def unbend(value: np.ndarray) -> np.ndarray:
    """The inverse of `bend`."""
    return 2 * np.sinh(value / 2)


def _of_inputs(u: np.ndarray) -> list[np.ndarray]:
    """Inputs (P, M, 2) in units of the largest, on three scales between linear and logarithmic."""
    return [u - 0.5, 0.5 * np.log(u + 0.1), 0.3 * np.log(u + 0.003) + 0.5]


def _of_plate(scale: Scales, n_wells: int, noise: np.ndarray) -> np.ndarray:
    """What is the same in all wells of a plate (P, 6): how many there are, how unequal outputs, the noise if known."""
    known = np.isfinite(noise).all(axis=1, keepdims=True)
    additive = np.where(known, noise[:, :2] / scale.y, 1.0)
    columns = [
        np.full((len(noise), 1), 0.5 * np.log(n_wells / 50)),
        0.5 * np.log(scale.y[:, :1] / scale.y[:, 1:]),
        known.astype(float),
        np.where(known, 0.3 * np.log(additive + 1e-3) + 1, 0.0),
        np.where(known, 5 * noise[:, 2:], 0.0),
    ]
    return np.concatenate(columns, axis=1)


def well_features(x: np.ndarray, y: np.ndarray, noise: np.ndarray, scale: Scales) -> np.ndarray:
    """Wells as the network reads them, shape (P, N, WELL_FEATURES), float32.

    Args:
        x: inputs, shape (P, N, 2), nM.
        y: outputs, shape (P, N, 2), nM; NaN where nothing was read.
        noise: (P, 3) additive standard deviation of both outputs, nM, and the proportional part; NaN where unknown.
        scale: of these wells.
    """
    read = np.isfinite(y)
    v = np.where(read, y / scale.y[:, None], 0.0)
    plate = np.broadcast_to(_of_plate(scale, x.shape[1], noise)[:, None], (*x.shape[:2], 6))
    parts = [*_of_inputs(x / scale.x[:, None]), v - 0.8, 0.3 * np.arcsinh(v / 0.03) - 1, read, plate]
    return np.concatenate(parts, axis=-1, dtype=np.float32)


def query_features(x: np.ndarray, n_wells: int, noise: np.ndarray, scale: Scales) -> np.ndarray:
    """Queries as the network reads them, shape (P, Q, QUERY_FEATURES), float32; arguments as in `well_features`."""
    plate = np.broadcast_to(_of_plate(scale, n_wells, noise)[:, None], (*x.shape[:2], 6))
    return np.concatenate([*_of_inputs(x / scale.x[:, None]), plate], axis=-1, dtype=np.float32)
