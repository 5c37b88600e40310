"""A library of mechanisms: several equations fitted to the same wells and averaged by how well each explains them.

Whoever does not know the mechanism can still write down the plausible ones. Akaike weights (Burnham & Anderson 2002)
say how much evidence the wells hold for each; the prediction is the weighted mean. No test point has a say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fewerwells.science.circuits import CIRCUITS, Circuit, reference_circuit
from fewerwells.science.datasets import Pairs
from fewerwells.science.fitting import Fit, fit_many

# The entries of the library: "family", which stands for all members of the family, and circuits that stand by themselves.
MECHANISMS = ("family", *(kind.name for kind in CIRCUITS.values() if kind.in_library))


def mechanism_of(circuit: Circuit) -> str:
    """The entry of `MECHANISMS` that holds a circuit; "" where none does."""
    if circuit.name in MECHANISMS:
        return circuit.name
    return "family" if circuit.kind.in_family else ""


@dataclass(frozen=True)
class Average:
    """Equations fitted to the same wells, with their weights.

    Attributes:
        fits: one fit a mechanism.
        weights: Akaike weight of each mechanism, summing to 1.
    """

    fits: dict[str, Fit]
    weights: dict[str, float]

    @property
    def status(self) -> str:
        """How the fit of the heaviest mechanism ended."""
        return self.fits[max(self.weights, key=self.weights.get)].status

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Weighted mean of the fitted outputs, shape (M, 2), nM, for inputs (M, 2), nM."""
        return sum(self.weights[name] * fit.predict(x) for name, fit in self.fits.items())


def akaike_weights(sums_of_squares: np.ndarray, n_parameters: np.ndarray, n_observations: int) -> np.ndarray:
    """Weights of least-squares fits to the same data by the corrected criterion AICc (Burnham & Anderson 2002).

    AICc = m·log(RSS/m) + 2p + 2p(p + 1)/(m − p − 1), with the noise's variance counted among the p parameters. A fit
    for which m ≤ p + 1 leaves nothing to judge by, and gets no weight unless none is left.

    Args:
        sums_of_squares: residual sums of squares, shape (M,).
        n_parameters: free parameters of each, shape (M,).
        n_observations: m, numbers measured.

    Returns:
        Weights, shape (M,), summing to 1.
    """
    p, m = np.asarray(n_parameters, float) + 1, float(n_observations)
    room = m - p - 1
    squares = np.maximum(np.asarray(sums_of_squares, float), np.finfo(float).tiny)
    criterion = m * np.log(squares / m) + 2 * p + 2 * p * (p + 1) / np.where(room > 0, room, 1)
    criterion = np.where(room > 0, criterion, np.inf)
    if not np.isfinite(criterion).any():
        criterion = p
    weights = np.exp(-0.5 * (criterion - criterion.min()))
    return weights / weights.sum()


def fit_mechanisms(data: list[Pairs]) -> dict[str, list[Fit]]:
    """Every mechanism fitted to each data set.

    Args:
        data: the data sets, x and y of shape (N, 2), nM.

    Returns:
        For each of `MECHANISMS` one fit a data set.
    """
    return {
        name: fit_many("family", data) if name == "family" else fit_many("true", data, reference_circuit(name))
        for name in MECHANISMS
    }


def average(fits: dict[str, list[Fit]], data: list[Pairs], without: str = "") -> list[Average]:
    """Weigh the mechanisms that were fitted to each data set.

    Args:
        fits: what `fit_mechanisms` made of `data`, or some of its mechanisms.
        data: the data sets.
        without: a mechanism to leave out, to see what the library is worth when the truth is not in it.

    Raises:
        ValueError: an unknown mechanism.
    """
    if without and without not in MECHANISMS:
        raise ValueError(f"there is no mechanism {without!r}; choose one of {', '.join(MECHANISMS)}.")
    names = [name for name in fits if name != without]
    averages = []
    for index, pairs in enumerate(data):
        chosen = {name: fits[name][index] for name in names}
        squares = [((fit.predict(pairs.x) - pairs.y) ** 2).sum() for fit in chosen.values()]
        free = [pairs.y.size - fit.degrees_of_freedom for fit in chosen.values()]
        weights = akaike_weights(np.array(squares), np.array(free), pairs.y.size)
        averages.append(Average(chosen, dict(zip(names, weights.tolist(), strict=True))))
    return averages
