"""The study at a size that a weak laptop trains in a second: what the exercises and their checks share.

Five paired seeds, half of the study's epochs and a tenth of its synthetic pairs. The effects are large enough to see
at this size; the book's numbers are those of the full study.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from fewerwells.science.circuits import Circuit
from fewerwells.science.datasets import BIG, SMALL, sobol_inputs
from fewerwells.science.learners import Runtime
from fewerwells.science.networks import Ensemble
from fewerwells.study.evaluation import l1_errors
from fewerwells.study.protocol import Cell, Protocol
from fewerwells.study.trials import pretrain, run_cell

PROTOCOL = Protocol(epochs=1000, synthetic_volume=4000)
SEEDS = [0, 1, 2, 3, 4]


@cache
def pretrained_networks() -> Ensemble:
    """One network a seed, trained on the simulation alone."""
    return pretrain(PROTOCOL, SEEDS)


def train_arm(arm: str, circuit: Circuit, wells: int) -> Ensemble:
    """One network a seed, trained as an arm of the study trains it ("transfer", "scratch" or "oracle")."""
    runtime = Runtime(pretrained=lambda *_: pretrained_networks())
    return run_cell(Cell(arm, circuit, wells), PROTOCOL, SEEDS, runtime).ensemble


def errors(networks: Ensemble, circuit: Circuit) -> tuple[np.ndarray, np.ndarray]:
    """L1 error of each network against the noise-free circuit, nM: inside 0–10 nM and outside it, each (E,)."""
    x = sobol_inputs(BIG, 1024)
    inside = SMALL.contains(x)
    error = l1_errors(networks.predict(x), circuit(x))
    return error[:, inside].mean(axis=1), error[:, ~inside].mean(axis=1)
