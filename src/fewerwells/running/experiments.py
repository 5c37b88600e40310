"""Run a design of the study: pre-train once a seed, run every cell, remember both, return the tidy table."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock

from fewerwells.running.identity import digest, source_digest
from fewerwells.running.parameters import TrainingParameters
from fewerwells.running.progress import progress_bar
from fewerwells.running.storage import DamagedTable, read_or_compute, read_table, results_folder
from fewerwells.science.networks import Ensemble
from fewerwells.science.training import choose_engine
from fewerwells.science.training.fused import compile_for
from fewerwells.study.evaluation import evaluate
from fewerwells.study.protocol import ARMS, PRETRAINING, Cell, Design, Phase, Protocol
from fewerwells.study.table import CHECKSUM, COLUMNS, InconsistentTables, row_checksums
from fewerwells.study.trials import pretrain, run_cell

log = logging.getLogger("fewerwells")


def runs_folder() -> Path:
    """Where runs of this machine are kept; git ignores it."""
    return results_folder() / "runs"


def _pretraining_identity(protocol: Protocol, phase: Phase, engine: str) -> dict:
    names = (
        "pretraining_epochs",
        "synthetic_volume",
        "batch_size",
        "learning_rate",
        "loss",
        "sizes",
        "input_range",
        "output_scale",
    )
    settings = {name: getattr(protocol, name) for name in names} | {"source": asdict(protocol.source)}
    return settings | {"phase": asdict(phase), "engine": engine, "code": source_digest()}


def _pretrained_path(protocol: Protocol, phase: Phase, engine: str, seed: int) -> Path:
    folder = runs_folder() / "pretrained" / digest(_pretraining_identity(protocol, phase, engine))
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
    protocol: Protocol, seeds: list[int], engine: str = "auto", progress=None, phase: Phase = PRETRAINING
) -> tuple[Ensemble, np.ndarray]:
    """The pre-trained network of each seed, trained now or read from an earlier run, and the seconds each took.

    One pre-training a seed serves every volume and every target. A network depends on its seed
    alone, so a run over other seeds reuses whatever is there.

    Returns:
        An ensemble of len(seeds) networks, and an array (len(seeds),) of seconds.
    """
    engine = choose_engine(protocol.sizes, engine)
    paths = [_pretrained_path(protocol, phase, engine, seed) for seed in seeds]
    if any(_load_pretrained(path) is None for path in paths):
        paths[0].parent.mkdir(parents=True, exist_ok=True)
        with FileLock(paths[0].parent / ".lock"):  # points of a sweep that start together share one pre-training
            missing = [(path, seed) for path, seed in zip(paths, seeds, strict=True) if _load_pretrained(path) is None]
            if missing:
                training = pretrain(protocol, [seed for _, seed in missing], engine, progress, phase)
                seconds = training.seconds / len(missing)
                for index, (path, _) in enumerate(missing):
                    training.ensemble[[index]].save(path, seconds=repr(seconds))
    loaded = [_load_pretrained(path) for path in paths]
    parameters = np.concatenate([ensemble.parameters for ensemble, _ in loaded])
    return loaded[0][0].with_parameters(parameters), np.array([seconds for _, seconds in loaded])


def _rows(cell: Cell, protocol: Protocol, seeds: list[int], engine: str, progress) -> pd.DataFrame:
    """Run one cell and describe what each seed has learnt in a row."""
    pretrained, pretraining_seconds = None, np.zeros(len(seeds))
    if cell.pretraining:
        pretrained, pretraining_seconds = pretrained_networks(protocol, seeds, engine, phase=cell.pretraining)
    outcome = run_cell(cell, protocol, seeds, pretrained=pretrained, engine=engine, progress=progress)
    errors = evaluate(outcome.predictors, cell.circuit, seeds, outcome.status)
    for seed, row in zip(seeds, errors, strict=True):
        if row["status"] in ("diverged", "dead"):
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
        "epochs": sum(phase.n_epochs(protocol, cell.wells) for phase in cell.phases),
        "sample_steps": cell.sample_steps(protocol),
        "engine": outcome.engine,
        "version": version("fewerwells"),
    }
    identity = cell.identity(protocol)
    return pd.DataFrame(
        [
            common
            | row
            | {
                "seed": seed,
                "seconds": outcome.seconds / len(seeds) + pretraining_seconds[index],
                "parameter_hash": digest(identity | {"seed": seed}),
            }
            for index, (seed, row) in enumerate(zip(seeds, errors, strict=True))
        ]
    )[list(COLUMNS)]


def _cell_path(cell: Cell, protocol: Protocol, seeds: list[int], engine: str) -> Path:
    arm = ARMS[cell.arm]
    parts = ["fits"] * bool(arm.equation) + ["gaussian processes"] * arm.gaussian_process
    identity = cell.identity(protocol) | {"seeds": list(seeds), "engine": engine, "code": source_digest(*parts)}
    return runs_folder() / "cells" / f"{cell.arm.replace(' ', '-')}-{digest(identity)}.csv"


def _is_done(path: Path) -> bool:
    try:
        read_table(path)
    except DamagedTable:
        return False
    return True


def _pending(design: Design, engine: str) -> dict[Path, Cell]:
    """The cells of a design that are not stored yet, by their files."""
    paths = {_cell_path(cell, design.protocol, design.seeds, engine): cell for cell in design.cells}
    return {path: cell for path, cell in paths.items() if not _is_done(path)}


def _pretrainings(cells: Iterable[Cell]) -> list[Phase]:
    """The different pre-trainings among some cells, in their order."""
    return list(dict.fromkeys(cell.pretraining for cell in cells if cell.pretraining))


def _designs(parameters: TrainingParameters) -> list[tuple[Design, str]]:
    """The designs of a chapter, each with the engine that trains it."""
    return [(design, choose_engine(design.protocol.sizes, parameters.engine)) for design in parameters.designs]


def outstanding(parameters: TrainingParameters) -> dict[Path, int]:
    """What `run` would have to do: the file of each piece that is not stored yet → its sample-steps.

    A piece is a cell over all seeds (0 sample-steps where its arm has no network), or the pre-trained network of one
    seed. Pieces of several runs with the same file are done once.
    """
    steps: dict[Path, int] = {}
    for design, engine in _designs(parameters):
        protocol, seeds, pending = design.protocol, design.seeds, _pending(design, engine)
        steps |= {path: cell.own_sample_steps(protocol) * len(seeds) for path, cell in pending.items()}
        for phase in _pretrainings(pending.values()):
            shared = phase.n_epochs(protocol, 0) * phase.n_pairs(protocol, 0)
            networks = [_pretrained_path(protocol, phase, engine, seed) for seed in seeds]
            steps |= {path: shared for path in networks if _load_pretrained(path) is None}
    return steps


def run(parameters: TrainingParameters) -> pd.DataFrame:
    """The table of a chapter: one row per cell of its designs and seed, from earlier runs where they are whole.

    Cells are stored as they finish, under `results/runs`, so an interrupted run goes on where it stopped. A stored
    file that is empty or damaged is made again.

    Args:
        parameters: checked parameters that have `designs`, for example an `Experiment1`.

    Returns:
        The tidy table, columns `table.COLUMNS`.
    """
    pieces = outstanding(parameters)
    if pieces:
        with progress_bar(sum(pieces.values())) as bar:
            for design, engine in _designs(parameters):
                _train(design, engine, bar)
    table = pd.concat(
        [
            read_table(_cell_path(cell, design.protocol, design.seeds, engine))
            for design, engine in _designs(parameters)
            for cell in design.cells
        ],
        ignore_index=True,
    )
    return table.assign(**{CHECKSUM: row_checksums(table)})


def expected_rows(parameters: TrainingParameters) -> dict[str, tuple[str, str, float, int, int]]:
    """What a chapter's table must hold: the parameter_hash of each row → arm, target, noise (nM), N and seed."""
    return {
        digest(cell.identity(design.protocol) | {"seed": seed}): (
            cell.arm,
            cell.circuit.label,
            design.protocol.noise,
            cell.volume(design.protocol),
            seed,
        )
        for design in parameters.designs
        for cell in design.cells
        for seed in design.seeds
    }


def check_complete(name: str, table: pd.DataFrame, parameters: TrainingParameters) -> None:
    """Refuse a table that lacks a row of its design or has one that does not belong there.

    Raises:
        InconsistentTables: it does; the message names the first such row.
    """
    expected = expected_rows(parameters)
    found = set(table["parameter_hash"])
    lacking = [row for key, row in expected.items() if key not in found]
    if lacking or len(table) != len(expected):
        if not lacking:
            raise InconsistentTables(f"{name} has {len(table)} rows; its design has {len(expected)}.")
        arm, target, _, n, seed = lacking[0]
        raise InconsistentTables(
            f"{name} lacks {len(lacking)} rows of its design, first {arm} on {target}, N = {n}, seed {seed}."
        )


def _train(design: Design, engine: str, bar) -> None:
    protocol, seeds, pending = design.protocol, list(design.seeds), _pending(design, engine)
    if engine == "fused" and any(cell.phases for cell in pending.values()):
        bar.describe("compiling, at first use only")
        compile_for(protocol.sizes)
    for phase in _pretrainings(pending.values()):
        bar.describe(f"pre-training on {phase.data} pairs")
        pretrained_networks(protocol, seeds, engine, bar.advance, phase)
    for path, cell in pending.items():
        bar.describe(f"{cell.arm}, {cell.circuit.label}, N = {cell.volume(protocol)}")
        read_or_compute(path, lambda cell=cell: _rows(cell, protocol, seeds, engine, bar.advance))
