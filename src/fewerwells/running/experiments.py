"""Run a design of the study: pre-train once a seed, run every cell, remember both, return the tidy table."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from fewerwells.running.cells import Task, store_all
from fewerwells.running.identity import row_hashes
from fewerwells.running.parameters import Sweeps, TrainingParameters
from fewerwells.running.progress import progress_bar
from fewerwells.running.published import PublishedRows, published_rows
from fewerwells.running.storage import DamagedTable, read_table
from fewerwells.running.stored_networks import (
    fastest_engine,
    load_pretrained,
    pretrained_path,
    stored_networks,
    stored_runtime,
)
from fewerwells.science.learners import Network, Status
from fewerwells.science.training import choose_engine
from fewerwells.science.training.fused import compile_for
from fewerwells.study.protocol import Cell, Design, Protocol
from fewerwells.study.table import CHECKSUM, InconsistentTables, row_checksums, tidy

log = logging.getLogger("fewerwells")


def _found(cell: Cell, design: Design, engine: str, published: PublishedRows | None) -> list[str] | pd.DataFrame | None:
    """The hashes of a cell's published rows, or its rows from an earlier run here; None where it must be computed."""
    hashes = published.of(cell, design.protocol, design.seeds, engine) if published else None
    if hashes is not None:
        return hashes
    try:
        return read_table(Task(cell, design.protocol, design.seeds, engine).path)
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


def _pending(design: Design, engine: str, found: Mapping) -> list[Task]:
    """The cells of a design that must be computed."""
    return [Task(cell, design.protocol, design.seeds, engine) for cell, rows in found.items() if rows is None]


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
        pending = _pending(design, engine, found)
        steps |= {task.path: task.sample_steps for task in pending}
        for pretraining in _pretrainings((task.cell for task in pending), design.protocol):
            networks = [pretrained_path(pretraining, engine, seed) for seed in design.seeds]
            steps |= {path: pretraining.sample_steps(0) for path in networks if load_pretrained(path) is None}
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
            _compute(looked, bar)
        before, looked = looked, _look(parameters, published)
        _warn_of_failures(before, looked)
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


def _compute(looked: list[tuple[Design, str, dict]], bar) -> None:
    """Train and store what is missing: first the networks that cells begin with, then the cells of all designs."""
    tasks: dict[Path, Task] = {}
    for design, engine, found in looked:
        pending = _pending(design, engine, found)
        if engine == "fused" and any(task.cell.learner(design.protocol).network for task in pending):
            bar.describe("compiling, at first use only")
            compile_for(design.protocol.sizes)
        for pretraining in _pretrainings((task.cell for task in pending), design.protocol):
            bar.describe(f"pre-training: {pretraining.words}")
            stored_networks(pretraining, design.seeds, stored_runtime(engine, bar.advance))
        tasks |= {task.path: task for task in pending}
    store_all(list(tasks.values()), bar.describe, bar.advance)


def _warn_of_failures(before: list[tuple[Design, str, dict]], after: list[tuple[Design, str, dict]]) -> None:
    """Log what has diverged or died among the cells that were missing before."""
    for (_, _, missing), (_, _, found) in zip(before, after, strict=True):
        for table in (found[cell] for cell, rows in missing.items() if rows is None):
            for row in table[table["status"].isin([Status.DIVERGED, Status.DEAD])].itertuples():
                log.warning("%s on %s with N = %d, seed %d: %s.", row.arm, row.target, row.N, row.seed, row.status)
