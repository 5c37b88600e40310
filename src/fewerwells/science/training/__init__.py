"""One verb, `train`, with two engines behind it.

`reference` is plain torch, the one to read; `fused` is compiled with Numba, the one that is fast. From the same
initial weights, data and keys both visit the same batches and arrive at the same networks up to rounding.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from fewerwells.science.datasets import Pairs
from fewerwells.science.networks import Ensemble

log = logging.getLogger("fewerwells")

ENGINES = ("auto", "fused", "reference")
LOSSES = ("l1", "l2")


@dataclass(frozen=True)
class Schedule:
    """How one phase of training goes; the optimiser is Adam with fresh state (Kingma & Ba 2015).

    Attributes:
        epochs: passes over the data; 0 leaves the networks as they are.
        batch_size: pairs a step; when there are fewer pairs, all of them make one batch.
        learning_rate: Adam's step size.
        loss: "l1", the mean absolute error, or "l2", the mean squared error, on scaled outputs.
        frozen: which layers keep their weights, by index from the input (0); none by default.
        pull: strength of a pull back to the weights at the start of the phase: (pull/2)·Σ(w − w₀)² is added to
            the loss (Li et al. 2018, "L2-SP"); 0 switches it off.
    """

    epochs: int
    batch_size: int = 256
    learning_rate: float = 1e-3
    loss: str = "l1"
    frozen: tuple[int, ...] = ()
    pull: float = 0.0

    def __post_init__(self):
        if not isinstance(self.epochs, int) or self.epochs < 0:
            raise ValueError(f"epochs is {self.epochs!r}; it must be a whole number, 0 or more.")
        if not isinstance(self.batch_size, int) or self.batch_size < 1:
            raise ValueError(f"the batch size is {self.batch_size!r}; it must be a whole number, 1 or more.")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"the learning rate is {self.learning_rate}; it must be positive.")
        if self.loss not in LOSSES:
            raise ValueError(f"the loss is {self.loss!r}; choose one of {', '.join(LOSSES)}.")
        if not (math.isfinite(self.pull) and self.pull >= 0):
            raise ValueError(f"the pull is {self.pull}; it must be 0 or positive.")


@dataclass(frozen=True)
class Training:
    """What `train` hands back.

    Attributes:
        ensemble: the trained networks.
        engine: the engine that trained them, "fused" or "reference".
        seconds: wall time of the whole ensemble.
        sample_steps: pairs seen by each network, epochs × N.
        diverged: (E,) bool, True where a network ended with a weight that is not a finite number.
    """

    ensemble: Ensemble
    engine: str
    seconds: float
    sample_steps: int
    diverged: np.ndarray


def _could_have_cuda() -> bool:
    """Whether torch's build could use an NVIDIA GPU, found out without the time that it takes to import torch."""
    return sys.platform != "darwin" and not version("torch").endswith("+cpu")


def choose_engine(sizes: tuple[int, ...], engine: str = "auto") -> str:
    """The engine that `train` will use: with "auto", torch on a CUDA device where there is one, else the fused one.

    A network that the fused engine cannot train goes to the reference engine, with one line in the log.

    Raises:
        ValueError: an unknown engine.
    """
    if engine not in ENGINES:
        raise ValueError(f"the engine is {engine!r}; choose one of {', '.join(ENGINES)}.")
    if engine == "auto" and _could_have_cuda():
        from fewerwells.science.training.reference import cuda_is_available

        engine = "reference" if cuda_is_available() else "fused"
    if engine == "reference":
        return "reference"
    from fewerwells.science.training import fused

    reason = fused.supports(sizes)
    if reason is not None:
        log.warning("%s The reference engine trains it instead.", reason)
        return "reference"
    return "fused"


def _stack(ensemble: Ensemble, data: Sequence[Pairs]) -> tuple[np.ndarray, np.ndarray]:
    """The data as scaled arrays (D, N, d), D = 1 (shared) or E, after all the checks that protect the engines."""
    if len(ensemble) == 0:
        raise ValueError("the ensemble has 0 networks; at least 1 is needed.")
    if len(data) not in (1, len(ensemble)):
        raise ValueError(
            f"{len(data)} data sets were given for {len(ensemble)} networks; give one each, or one for all."
        )
    volumes = sorted({len(pairs) for pairs in data})
    if len(volumes) != 1 or volumes[0] == 0:
        raise ValueError(f"the data sets hold {volumes} pairs; all must hold the same number, at least 1.")
    x = np.stack([pairs.x for pairs in data])
    y = np.stack([pairs.y for pairs in data])
    if (x.shape[-1], y.shape[-1]) != (ensemble.sizes[0], ensemble.sizes[-1]):
        shape = f"{x.shape[-1]} inputs and {y.shape[-1]} outputs"
        raise ValueError(f"the data have {shape}; the networks have {ensemble.sizes[0]} and {ensemble.sizes[-1]}.")
    for name, values in (("inputs", x), ("outputs", y)):
        if not np.all(np.isfinite(values)):
            bad = int(np.count_nonzero(~np.isfinite(values)))
            raise ValueError(f"{bad} of the {name} are not finite numbers; clean the data before training.")
    return ensemble.scale_inputs(x), ensemble.scale_outputs(y)


def train(
    ensemble: Ensemble,
    data: Sequence[Pairs],
    schedule: Schedule,
    *,
    keys: Sequence[int],
    engine: str = "auto",
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Training:
    """Train every network of an ensemble, each on its own data, all by the same schedule.

    Args:
        ensemble: E networks; left untouched.
        data: E data sets of N pairs each (nM), or a single one that all networks share.
        schedule: epochs, batches, optimiser settings.
        keys: E whole numbers from 0 to 2⁶⁴ − 1 that fix each network's batch order (see `training._order`).
        engine: "auto", "fused" or "reference".
        threads: how many cores to use; None means all of them.
        progress: called now and then with the number of sample-steps done since the last call.

    Returns:
        The trained ensemble and what the training cost.

    Raises:
        ValueError: shapes that do not fit, an empty or non-finite data set, an unknown engine or layer.
    """
    x, y = _stack(ensemble, data)
    keys = np.asarray(keys, np.uint64)
    if keys.shape != (len(ensemble),):
        raise ValueError(f"{keys.size} keys were given for {len(ensemble)} networks; each needs one.")
    if threads is not None and threads < 1:
        raise ValueError(f"threads is {threads}; at least 1 is needed.")
    n_layers = len(ensemble.sizes) - 1
    if not set(schedule.frozen) <= set(range(n_layers)):
        raise ValueError(f"frozen layers are {schedule.frozen}; this network has layers 0 to {n_layers - 1}.")

    chosen = choose_engine(ensemble.sizes, engine)
    if chosen == "fused":
        from fewerwells.science.training import fused as implementation
    else:
        from fewerwells.science.training import reference as implementation
    started = time.perf_counter()
    parameters = implementation.train(
        ensemble.parameters,
        ensemble.sizes,
        x,
        y,
        keys=keys,
        epochs=schedule.epochs,
        batch_size=schedule.batch_size,
        learning_rate=schedule.learning_rate,
        loss=schedule.loss,
        frozen=np.isin(np.arange(n_layers), schedule.frozen),
        pull=schedule.pull,
        anchor=ensemble.parameters if schedule.pull else None,
        threads=threads,
        progress=progress,
    )
    seconds = time.perf_counter() - started
    diverged = ~np.all(np.isfinite(parameters), axis=1)
    return Training(ensemble.with_parameters(parameters), chosen, seconds, schedule.epochs * x.shape[1], diverged)
