"""Networks on logarithmic doses, from scratch or after a simulation: the study's transfer for a measured plate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import qmc

from fewerwells.laboratory.arms import Answer, Arm, Equations, Process, Wells, log_doses, smallest_doses
from fewerwells.laboratory.surfaces import SIMPLE, fit_form
from fewerwells.science.networks import Ensemble

NETWORKS = 3  # whose mean is a prediction
PRETRAINING = (2000, 300)  # simulated pairs, epochs
FINE_TUNING, FROM_SCRATCH = 200, 2000  # epochs, as in the study
SIZES = (2, 10, 10, 10, 10, 10, 2)


@dataclass(frozen=True)
class NetworkAnswer(Answer):
    """The mean of a few networks on logarithmic doses."""

    ensemble: Ensemble
    smallest: np.ndarray

    def predict(self, s):
        x = _two_wide(log_doses(s, self.smallest) / np.log2(1 + 1 / self.smallest))
        return self.ensemble.predict(x).mean(axis=0)[:, 0].astype(float)


def _two_wide(x: np.ndarray) -> np.ndarray:
    return np.column_stack([x, np.zeros(len(x))]) if x.shape[1] == 1 else x


def grid_of(s: np.ndarray, n: int) -> np.ndarray:
    """n points that fill the measured range evenly in logarithmic doses, always the same, shape (n, d)."""
    smallest = smallest_doses(s)
    share = qmc.Sobol(s.shape[1], scramble=True, rng=np.random.default_rng(0)).random(n)
    return smallest * (2 ** (share * np.log2(1 + 1 / smallest)) - 1)


def train_networks(many: list[Wells], simulations: list[Callable] | None) -> list[NetworkAnswer]:
    """Networks for several sets of equally many wells, side by side.

    Args:
        many: the sets.
        simulations: for each set what its networks are pre-trained on, from doses (M, d) to outputs (M,); None: they
            start from nothing.
    """
    from fewerwells.science.datasets import Pairs
    from fewerwells.science.networks import initialise
    from fewerwells.science.training import Schedule, train

    smallest = [smallest_doses(wells.s) for wells in many]

    def pairs(s, y, least) -> Pairs:
        return Pairs(_two_wide(log_doses(s, least) / np.log2(1 + 1 / least)), np.column_stack([y, y]))

    seeds = [seed for _ in many for seed in range(NETWORKS)]
    ensemble = replace(initialise(SIZES, seeds, output_scale=1.0), input_range=(0.0, 1.0))
    measured = [pairs(w.s, w.y, least) for w, least in zip(many, smallest, strict=True) for _ in range(NETWORKS)]
    epochs = FROM_SCRATCH
    if simulations is not None:
        n, passes = PRETRAINING
        drawn = []
        for wells, least, simulate in zip(many, smallest, simulations, strict=True):
            s = grid_of(wells.s, 2048)[:n]
            drawn += [pairs(s, simulate(s), least)] * NETWORKS
        ensemble = train(ensemble, drawn, Schedule(passes), keys=[seed + 1 for seed in range(len(seeds))]).ensemble
        epochs = FINE_TUNING
    ensemble = train(ensemble, measured, Schedule(epochs), keys=list(range(len(seeds)))).ensemble
    return [
        NetworkAnswer(ensemble[np.arange(k * NETWORKS, (k + 1) * NETWORKS)], least) for k, least in enumerate(smallest)
    ]


def simple_model(wells: Wells) -> Callable[[np.ndarray], np.ndarray]:
    """The simple model fitted to the wells: the simulation that a laboratory could write down."""
    return fit_form(SIMPLE[wells.s.shape[1]], wells.s, wells.y, wells.weight).predict


@dataclass(frozen=True)
class Networks(Arm):
    """Networks on logarithmic doses, pre-trained on the simple model (the study's transfer) or not."""

    transfer: bool

    @property
    def name(self) -> str:
        return "transfer" if self.transfer else "from scratch"

    @property
    def words(self) -> str:
        how = "pre-trained on the simple model fitted to the wells" if self.transfer else "trained on the wells alone"
        return f"the mean of {NETWORKS} networks on logarithmic doses, {how}"

    def learn(self, wells, final=False):
        return train_networks([wells], [simple_model(wells)] if self.transfer else None)[0]


def arms_for(n_inputs: int) -> tuple[Arm, ...]:
    """Every way to learn that a plate is tried with; of equally good ones an earlier one is preferred."""
    return (Equations(), Process(), Equations((SIMPLE[n_inputs],)), Networks(True), Networks(False))
