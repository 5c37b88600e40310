"""Run a design of the study: pre-train once a seed, run every cell, remember both, return the tidy table."""

from __future__ import annotations

import logging
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock

from fewerwells.evaluation import evaluate
from fewerwells.networks import Ensemble
from fewerwells.parameters import Experiment1, Experiment2
from fewerwells.progress import progress_bar
from fewerwells.protocol import PRETRAINING, Cell, Protocol, pretrain, run_cell, simple_model
from fewerwells.results import (
    COLUMNS,
    DamagedTable,
    digest,
    read_or_compute,
    read_table,
    results_folder,
    source_digest,
)
from fewerwells.training import choose_engine
from fewerwells.training.fused import compile_for

log = logging.getLogger("fewerwells")


def runs_folder() -> Path:
    """Where runs of this machine are kept; git ignores it."""
    return results_folder() / "runs"


def _pretraining_identity(protocol: Protocol, engine: str) -> dict:
    names = ("pretraining_epochs", "synthetic_volume", "batch_size", "learning_rate", "loss", "sizes")
    settings = {name: getattr(protocol, name) for name in names}
    return settings | {"source_circuit": asdict(simple_model()), "engine": engine, "code": source_digest()}


def _pretrained_path(protocol: Protocol, engine: str, seed: int) -> Path:
    folder = runs_folder() / "pretrained" / digest(_pretraining_identity(protocol, engine))
    return folder / f"seed-{seed:05d}.safetensors"


def _load_pretrained(path: Path) -> tuple[Ensemble, float] | None:
    """A stored pre-trained network and the seconds it took, or None where there is none that is whole."""
    if not path.exists():
        return None
    try:
        ensemble, notes = Ensemble.load(path)
        return ensemble, float(notes["seconds"])
    except (ValueError, KeyError) as error:
        log.warning("%s will be trained again: %s", path.name, error)
        return None


def pretrained_networks(
    protocol: Protocol, seeds: list[int], engine: str = "auto", progress=None
) -> tuple[Ensemble, np.ndarray]:
    """The pre-trained network of each seed, trained now or read from an earlier run, and the seconds each took.

    One pre-training a seed serves every volume and every target of both experiments. A network depends on its seed
    alone, so a run over other seeds reuses whatever is there.

    Returns:
        An ensemble of len(seeds) networks, and an array (len(seeds),) of seconds.
    """
    engine = choose_engine(protocol.sizes, engine)
    paths = [_pretrained_path(protocol, engine, seed) for seed in seeds]
    if any(_load_pretrained(path) is None for path in paths):
        paths[0].parent.mkdir(parents=True, exist_ok=True)
        with FileLock(paths[0].parent / ".lock"):  # points of a sweep that start together share one pre-training
            missing = [(path, seed) for path, seed in zip(paths, seeds, strict=True) if _load_pretrained(path) is None]
            if missing:
                training = pretrain(protocol, [seed for _, seed in missing], engine, progress)
                seconds = training.seconds / len(missing)
                for index, (path, _) in enumerate(missing):
                    training.ensemble[[index]].save(path, seconds=repr(seconds))
    loaded = [_load_pretrained(path) for path in paths]
    parameters = np.concatenate([ensemble.parameters for ensemble, _ in loaded])
    return loaded[0][0].with_parameters(parameters), np.array([seconds for _, seconds in loaded])


def _rows(cell: Cell, protocol: Protocol, seeds: list[int], engine: str, progress) -> pd.DataFrame:
    """Train one cell and describe each of its networks in a row."""
    pretrained, pretraining_seconds = None, np.zeros(len(seeds))
    if cell.pretrains:
        pretrained, pretraining_seconds = pretrained_networks(protocol, seeds, engine)
    training = run_cell(cell, protocol, seeds, pretrained=pretrained, engine=engine, progress=progress)
    errors = evaluate(training.ensemble, cell.circuit, seeds, training.diverged)
    for seed, row in zip(seeds, errors, strict=True):
        if row["status"] != "ok":
            log.warning(
                "%s on %s with N = %d, seed %d: %s.", cell.arm, cell.circuit.label, cell.wells, seed, row["status"]
            )
    circuit = cell.circuit
    common = {
        "arm": cell.arm,
        "target": circuit.label,
        "circuit": circuit.name,
        "n": circuit.n,
        "b": circuit.b,
        "resource": circuit.resource,
        "saturation": circuit.saturation,
        "leak": circuit.leak,
        "mixing": circuit.mixing,
        "theta_1": circuit.theta[0],
        "theta_2": circuit.theta[1],
        "eta_1": circuit.eta[0],
        "eta_2": circuit.eta[1],
        "noise": protocol.noise,
        "N": cell.volume(protocol),
        "epochs": protocol.epochs,
        "sample_steps": cell.sample_steps(protocol),
        "engine": training.engine,
        "version": version("fewerwells"),
    }
    identity = cell.identity(protocol)
    return pd.DataFrame(
        [
            common
            | row
            | {
                "seed": seed,
                "seconds": training.seconds / len(seeds) + pretraining_seconds[index],
                "parameter_hash": digest(identity | {"seed": seed}),
            }
            for index, (seed, row) in enumerate(zip(seeds, errors, strict=True))
        ]
    )[list(COLUMNS)]


def _cell_path(cell: Cell, protocol: Protocol, seeds: list[int], engine: str) -> Path:
    identity = cell.identity(protocol) | {"seeds": seeds, "engine": engine, "code": source_digest()}
    return runs_folder() / "cells" / f"{cell.arm}-{digest(identity)}.csv"


def _is_done(path: Path) -> bool:
    try:
        read_table(path)
    except DamagedTable:
        return False
    return True


def outstanding(parameters: Experiment1 | Experiment2) -> dict[Path, int]:
    """What `run` would have to train: the file of each piece that is not stored yet → its sample-steps.

    A piece is a cell over all seeds, or the pre-trained network of one seed. Pieces of several runs with the same
    file are trained once.
    """
    protocol, seeds = parameters.protocol, parameters.seeds
    engine = choose_engine(protocol.sizes, parameters.engine)
    shared = PRETRAINING.n_epochs(protocol) * PRETRAINING.n_pairs(protocol, 0)
    paths = {cell: _cell_path(cell, protocol, seeds, engine) for cell in parameters.design()}
    pending = [cell for cell, path in paths.items() if not _is_done(path)]
    steps = {paths[cell]: (cell.sample_steps(protocol) - cell.pretrains * shared) * len(seeds) for cell in pending}
    if any(cell.pretrains for cell in pending):
        networks = [_pretrained_path(protocol, engine, seed) for seed in seeds]
        steps |= {path: shared for path in networks if _load_pretrained(path) is None}
    return steps


def run(parameters: Experiment1 | Experiment2) -> pd.DataFrame:
    """The table of a chapter: one row per network of its design, from earlier runs where they are whole.

    Cells are stored as they finish, under `results/runs`, so an interrupted run goes on where it stopped. A stored
    file that is empty or damaged is trained again.

    Args:
        parameters: a checked `Experiment1` or `Experiment2`.

    Returns:
        The tidy table, columns `results.COLUMNS`.
    """
    protocol, seeds = parameters.protocol, parameters.seeds
    engine = choose_engine(protocol.sizes, parameters.engine)
    design = parameters.design()
    paths = [_cell_path(cell, protocol, seeds, engine) for cell in design]
    pending = [(cell, path) for cell, path in zip(design, paths, strict=True) if not _is_done(path)]
    if pending:
        _train(pending, protocol, seeds, engine, sum(outstanding(parameters).values()))
    return pd.concat([read_table(path) for path in paths], ignore_index=True)


def _train(pending: list[tuple[Cell, Path]], protocol: Protocol, seeds: list[int], engine: str, steps: int) -> None:
    with progress_bar(steps) as bar:
        if engine == "fused":
            bar.describe("compiling, at first use only")
            compile_for(protocol.sizes)
        if any(cell.pretrains for cell, _ in pending):
            bar.describe("pre-training")
            pretrained_networks(protocol, seeds, engine, bar.advance)
        for cell, path in pending:
            bar.describe(f"{cell.arm}, {cell.circuit.label}, N = {cell.volume(protocol)}")
            read_or_compute(path, lambda cell=cell: _rows(cell, protocol, seeds, engine, bar.advance))
