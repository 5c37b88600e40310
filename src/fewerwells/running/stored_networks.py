"""Pre-trained networks that are kept: trained once a seed, read from their files by every cell that begins with them."""

from __future__ import annotations

import errno
import logging
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

from fewerwells.running.identity import pretraining_key
from fewerwells.running.storage import lock_of, remove_unfinished, runs_folder
from fewerwells.science.learners import Network, Runtime
from fewerwells.science.networks import Ensemble
from fewerwells.science.training import choose_engine
from fewerwells.study.protocol import Protocol

log = logging.getLogger("fewerwells")


def pretrained_path(pretraining: Network, engine: str, seed: int) -> Path:
    """The file of one seed's pre-trained network."""
    return runs_folder() / "pretrained" / pretraining_key(pretraining, engine) / f"seed-{seed:05d}.safetensors"


def load_pretrained(path: Path) -> tuple[Ensemble, float] | None:
    """A stored pre-trained network and the seconds it took, or None where there is none that is whole."""
    if not path.exists():
        return None
    try:
        ensemble, notes = Ensemble.load(path)
        return ensemble, float(notes["seconds"])
    except (ValueError, KeyError) as error:
        log.warning("%s will be trained again: %s", path.name, error)
        return None


def _keep(network: Ensemble, path: Path, seconds: float) -> None:
    """Store a pre-trained network.

    Raises:
        OSError: it cannot be written, with the name of the file, which safetensors leaves out.
    """
    try:
        network.save(path, seconds=repr(seconds))
    except SafetensorError as error:
        remove_unfinished(path)
        number = int(found[1]) if (found := re.search(r"os error (\d+)", str(error))) else errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from None


def fastest_engine(wanted: str) -> str:
    """What "auto" stands for where tables are made: the fused engine, also where there is a GPU.

    PyTorch on a GPU trains the study's ensembles many times slower than the fused engine on a processor, and draws level
    at ten thousand networks (`results/gpu.json`); and the published tables are what the fused engine made.
    """
    return "fused" if wanted == "auto" else wanted


def stored_networks(pretraining: Network, seeds: Sequence[int], runtime: Runtime) -> tuple[Ensemble, np.ndarray]:
    """The pre-trained network of each seed, trained now or read from an earlier run, and the seconds each took.

    One pre-training a seed serves every volume and every target. A network depends on its seed
    alone, so a run over other seeds reuses whatever is there.

    Returns:
        An ensemble of len(seeds) networks, and an array (len(seeds),) of seconds.
    """
    engine = choose_engine(pretraining.sizes, runtime.engine)
    paths = [pretrained_path(pretraining, engine, seed) for seed in seeds]
    if any(load_pretrained(path) is None for path in paths):
        with lock_of(paths[0].parent):  # all its seeds: points of a sweep that start together share one pre-training
            missing = [(path, seed) for path, seed in zip(paths, seeds, strict=True) if load_pretrained(path) is None]
            if missing:
                training = pretraining.pretrain([seed for _, seed in missing], runtime)
                seconds = training.seconds / len(missing)
                paths[0].parent.mkdir(parents=True, exist_ok=True)
                for index, (path, _) in enumerate(missing):
                    remove_unfinished(path)
                    _keep(training.ensemble[[index]], path, seconds)
    loaded = [load_pretrained(path) for path in paths]
    parameters = np.concatenate([ensemble.parameters for ensemble, _ in loaded])
    return loaded[0][0].with_parameters(parameters), np.array([seconds for _, seconds in loaded])


def pretrained_networks(protocol: Protocol, seeds: Sequence[int], engine: str = "auto") -> Ensemble:
    """The network of each seed after pre-training on the synthetic pairs, from an earlier run where there is one."""
    pretraining = protocol.network(protocol.pretraining())
    return stored_networks(pretraining, seeds, stored_runtime(engine))[0]


def stored_runtime(engine: str, progress: Callable[[int], None] | None = None) -> Runtime:
    """How designs are run: networks that were pre-trained before come from their files."""
    engine = fastest_engine(engine)
    return Runtime(
        engine, progress, lambda pretraining, seeds: stored_networks(pretraining, seeds, Runtime(engine, progress))[0]
    )
