"""Run a design of the study: pre-train once a seed, run every cell, remember both, return the tidy table."""

from __future__ import annotations

import errno
import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError

from fewerwells.running.identity import cell_key, pretraining_key, row_hashes
from fewerwells.running.parameters import Sweeps, TrainingParameters
from fewerwells.running.progress import progress_bar
from fewerwells.running.published import PublishedRows, published_rows
from fewerwells.running.storage import DamagedTable, lock_of, read_or_compute, read_table, runs_folder
from fewerwells.science.learners import Network, Runtime, Status
from fewerwells.science.networks import Ensemble
from fewerwells.science.training import choose_engine
from fewerwells.science.training.fused import compile_for
from fewerwells.study.evaluation import evaluate
from fewerwells.study.intervals_held import shares_held
from fewerwells.study.protocol import Cell, Design, Protocol
from fewerwells.study.table import CHECKSUM, InconsistentTables, row_checksums, tidy
from fewerwells.study.trials import run_cell

log = logging.getLogger("fewerwells")


def _pretrained_path(pretraining: Network, engine: str, seed: int) -> Path:
    return runs_folder() / "pretrained" / pretraining_key(pretraining, engine) / f"seed-{seed:05d}.safetensors"


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


def _keep(network: Ensemble, path: Path, seconds: float) -> None:
    """Store a pre-trained network.

    Raises:
        OSError: it cannot be written, with the name of the file, which safetensors leaves out.
    """
    try:
        network.save(path, seconds=repr(seconds))
    except SafetensorError as error:
        for part in path.parent.glob(f"{path.name}.*.part"):
            part.unlink(missing_ok=True)
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
    paths = [_pretrained_path(pretraining, engine, seed) for seed in seeds]
    if any(_load_pretrained(path) is None for path in paths):
        with lock_of(paths[0].parent):  # all its seeds: points of a sweep that start together share one pre-training
            missing = [(path, seed) for path, seed in zip(paths, seeds, strict=True) if _load_pretrained(path) is None]
            if missing:
                training = pretraining.pretrain([seed for _, seed in missing], runtime)
                seconds = training.seconds / len(missing)
                paths[0].parent.mkdir(parents=True, exist_ok=True)
                for index, (path, _) in enumerate(missing):
                    _keep(training.ensemble[[index]], path, seconds)
    loaded = [_load_pretrained(path) for path in paths]
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


def cell_rows(cell: Cell, protocol: Protocol, seeds: list[int], runtime: Runtime) -> pd.DataFrame:
    """Run one cell and describe what each seed has learnt in a row."""
    learner, pretraining, shared = cell.learner(protocol), cell.pretraining(protocol), np.zeros(len(seeds))
    if pretraining:
        _, shared = stored_networks(pretraining, seeds, runtime)
    learnt = run_cell(cell, protocol, seeds, runtime)
    system = cell.system(protocol)
    errors = evaluate(learnt, system, seeds)
    if cell.intervals:
        held = shares_held(learnt, system.circuit)
        errors = [row | more for row, more in zip(errors, held, strict=True)]
    for seed, row in zip(seeds, errors, strict=True):
        if row["status"] in (Status.DIVERGED, Status.DEAD):
            log.warning("%s on %s with N = %d, seed %d: %s.", cell.arm, system.label, cell.wells, seed, row["status"])
    common = {
        "arm": cell.arm,
        **system.description(),
        "N": cell.volume(protocol),
        "epochs": learner.network.epochs if learner.network else 0,
        "sample_steps": cell.sample_steps(protocol),
        "engine": learnt.engine,
        "version": version("fewerwells"),
    }
    settings_hash, hashes = row_hashes(cell, protocol, seeds)
    named = {
        "seed": list(seeds),
        "seconds": learnt.seconds / len(seeds) + shared,
        "settings_hash": settings_hash,
        "parameter_hash": hashes,
    }
    return tidy(pd.DataFrame(errors).assign(**common, **named))


def _cell_path(cell: Cell, protocol: Protocol, seeds: Sequence[int], engine: str) -> Path:
    name = re.sub("[^a-z0-9]+", "-", cell.arm.lower()).strip("-")
    return runs_folder() / "cells" / f"{name}-{cell_key(cell, protocol, seeds, engine)}.csv"


def _found(cell: Cell, design: Design, engine: str, published: PublishedRows | None) -> list[str] | pd.DataFrame | None:
    """The hashes of a cell's published rows, or its rows from an earlier run here; None where it must be computed."""
    hashes = published.of(cell, design.protocol, design.seeds, engine) if published else None
    if hashes is not None:
        return hashes
    try:
        return read_table(_cell_path(cell, design.protocol, design.seeds, engine))
    except DamagedTable:
        return None


def _look(parameters: TrainingParameters, published: PublishedRows | None) -> list[tuple[Design, str, dict]]:
    """The designs of a chapter, each with the engine that trains it and what was `_found` of each of its cells."""
    return [
        (design, engine, {cell: _found(cell, design, engine, published) for cell in dict.fromkeys(design.cells)})
        for design, engine in (
            (design, choose_engine(design.protocol.sizes, fastest_engine(parameters.engine)))
            for design in parameters.designs
        )
    ]


def _pending(design: Design, engine: str, found: Mapping) -> dict[Path, Cell]:
    """The cells of a design that must be computed, by the files that they will be stored in."""
    missing = [cell for cell, rows in found.items() if rows is None]
    return {_cell_path(cell, design.protocol, design.seeds, engine): cell for cell in missing}


def _pretrainings(cells: Iterable[Cell], protocol: Protocol) -> list[Network]:
    """The different pre-trainings among some cells, in their order."""
    return list(dict.fromkeys(filter(None, (cell.pretraining(protocol) for cell in cells))))


def outstanding(parameters: TrainingParameters) -> dict[Path, int]:
    """What `run` would have to do: the file of each piece that is not stored yet → its sample-steps.

    A piece is a cell over all seeds (0 sample-steps where its arm has no network), or the pre-trained network of one
    seed. Pieces of several runs with the same file are done once.
    """
    return _steps(_look(parameters, published_rows()))


def _steps(looked: list[tuple[Design, str, dict]]) -> dict[Path, int]:
    steps: dict[Path, int] = {}
    for design, engine, found in looked:
        protocol, seeds, pending = design.protocol, design.seeds, _pending(design, engine, found)
        steps |= {path: cell.own_sample_steps(protocol) * len(seeds) for path, cell in pending.items()}
        for pretraining in _pretrainings(pending.values(), protocol):
            networks = [_pretrained_path(pretraining, engine, seed) for seed in seeds]
            steps |= {path: pretraining.sample_steps(0) for path in networks if _load_pretrained(path) is None}
    return steps


def run(parameters: TrainingParameters) -> pd.DataFrame:
    """The table of a chapter: one row per cell of its designs and seed, as published or from earlier runs.

    Rows are read from the published tables where they come from the same code. Of the others, cells are stored as they
    finish, under `results/runs`, so an interrupted run goes on where it stopped. A stored file that is empty or damaged
    is made again.

    Args:
        parameters: checked parameters that have `designs`, for example an `Experiment1`.

    Returns:
        The tidy table, columns `table.COLUMNS`.
    """
    published = published_rows()
    looked = _look(parameters, published)
    pieces = _steps(looked)
    if pieces:
        with progress_bar(sum(pieces.values())) as bar:
            for design, engine, found in looked:
                _train(design, engine, found, bar)
        looked = _look(parameters, published)
    return _assembled([rows for _, _, found in looked for rows in found.values()], published)


def _assembled(found: list[list[str] | pd.DataFrame], published: PublishedRows | None) -> pd.DataFrame:
    """One tidy table of cells, in their order; of rows that several of them share the first."""
    hashes = [key for rows in found if isinstance(rows, list) for key in rows]
    tables = [rows for rows in found if not isinstance(rows, list)]
    if hashes:
        tables.append(published.table.loc[list(dict.fromkeys(hashes))].dropna(axis="columns", how="all"))
    order = dict.fromkeys(key for rows in found for key in (rows if isinstance(rows, list) else rows["parameter_hash"]))
    table = pd.concat([rows.drop(columns=CHECKSUM, errors="ignore") for rows in tables], ignore_index=True)
    table = table.drop_duplicates("parameter_hash").set_index("parameter_hash", drop=False).loc[list(order)]
    table = tidy(table.reset_index(drop=True))
    return table.assign(**{CHECKSUM: row_checksums(table)})


def run_sweeps(parameters: Sweeps) -> dict[str, pd.DataFrame]:
    """The table of each sweep of a chapter, with a column for each parameter of its grid; all are run together first."""
    run(parameters)
    return {
        name: pd.concat([run(point).assign(**values) for values, point in parameters.points(name)], ignore_index=True)
        for name in parameters.grids
    }


def expected_rows(parameters: TrainingParameters) -> dict[str, tuple[str, str, float, int, int]]:
    """What a chapter's table must hold: the parameter_hash of each row → arm, target, noise (nM), N and seed."""
    expected = {}
    for design in parameters.designs:
        for cell in design.cells:
            told = (cell.arm, cell.target.label, design.protocol.noise, cell.volume(design.protocol))
            _, hashes = row_hashes(cell, design.protocol, design.seeds)
            expected |= {key: (*told, seed) for key, seed in zip(hashes, design.seeds, strict=True)}
    return expected


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


def _train(design: Design, engine: str, found: Mapping, bar) -> None:
    protocol, seeds, pending = design.protocol, list(design.seeds), _pending(design, engine, found)
    if engine == "fused" and any(cell.learner(protocol).network for cell in pending.values()):
        bar.describe("compiling, at first use only")
        compile_for(protocol.sizes)
    runtime = stored_runtime(engine, bar.advance)
    for pretraining in _pretrainings(pending.values(), protocol):
        bar.describe(f"pre-training: {pretraining.words}")
        stored_networks(pretraining, seeds, runtime)
    for path, cell in pending.items():
        bar.describe(f"{cell.arm}, {cell.target.label}, N = {cell.volume(protocol)}")
        read_or_compute(path, lambda cell=cell: cell_rows(cell, protocol, seeds, runtime))
