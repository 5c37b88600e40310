"""Networks on logarithmic doses, from scratch or after a simulation: the study's transfer for a measured plate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import qmc

from fewerwells.laboratory.arms import Answer, Arm, Equations, Process, Wells, log_doses, smallest_doses
from fewerwells.laboratory.surfaces import SIMPLE, fit_form
from fewerwells.science.datasets import Pairs
from fewerwells.science.networks import Ensemble, initialise
from fewerwells.science.training import Schedule, train

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


def _pairs(s: np.ndarray, y: np.ndarray, smallest: np.ndarray) -> Pairs:
    return Pairs(_two_wide(log_doses(s, smallest) / np.log2(1 + 1 / smallest)), np.column_stack([y, y]))


def _fresh(n: int) -> Ensemble:
    """New networks for n sets of wells, `NETWORKS` for each."""
    seeds = [seed for _ in range(n) for seed in range(NETWORKS)]
    return replace(initialise(SIZES, seeds, output_scale=1.0), input_range=(0.0, 1.0))


def pretrained(places: list[np.ndarray], simulations: list[Callable], smallest: list[np.ndarray]) -> Ensemble:
    """`NETWORKS` networks for each simulation, trained on it.

    Args:
        places: doses (N, d) whose range each simulation has to fill.
        simulations: from doses (M, d) to outputs (M,).
        smallest: of each input the dose at which logarithms begin, (d,).
    """
    n, passes = PRETRAINING
    drawn = []
    for s, simulate, least in zip(places, simulations, smallest, strict=True):
        filled = grid_of(s, 2048)[:n]
        drawn += [_pairs(filled, simulate(filled), least)] * NETWORKS
    return train(
        _fresh(len(places)), drawn, Schedule(passes), keys=[k % NETWORKS + 1 for k in range(len(drawn))]
    ).ensemble


def tuned(
    start: Ensemble | None, many: list[Wells], smallest: list[np.ndarray], epochs: int | None = None
) -> list[NetworkAnswer]:
    """Networks trained on several sets of equally many wells, side by side.

    Args:
        start: `NETWORKS` networks for each set; None: they start from nothing.
        many: the sets.
        smallest: of each input the dose at which logarithms begin, (d,), for each set.
        epochs: how long; None: as long as in the study, which depends on whether there is a start.
    """
    measured = [_pairs(w.s, w.y, least) for w, least in zip(many, smallest, strict=True) for _ in range(NETWORKS)]
    usual = FROM_SCRATCH if start is None else FINE_TUNING
    begun = _fresh(len(many)) if start is None else start
    ensemble = train(begun, measured, Schedule(epochs or usual), keys=list(range(len(measured)))).ensemble
    return [
        NetworkAnswer(ensemble[np.arange(k * NETWORKS, (k + 1) * NETWORKS)], least) for k, least in enumerate(smallest)
    ]


def train_networks(many: list[Wells], simulations: list[Callable] | None) -> list[NetworkAnswer]:
    """Networks for several sets of equally many wells.

    Args:
        many: the sets.
        simulations: for each set what its networks are pre-trained on, from doses (M, d) to outputs (M,); None: they
            start from nothing.
    """
    places = [wells.s for wells in many]
    smallest = [smallest_doses(s) for s in places]
    return tuned(None if simulations is None else pretrained(places, simulations, smallest), many, smallest)


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
