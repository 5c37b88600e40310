"""Cells of designs as pieces of work: one at a time over all cores, or many side by side, a core each.

Fits and Gaussian processes of one cell leave cores waiting for each other again and again; cells beside one another do
not. Rows are the same either way, to the last digit.
"""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, parallel_config

from fewerwells.running.identity import cell_key, row_hashes
from fewerwells.running.leases import CAN_PIN, keep_to_one_core
from fewerwells.running.storage import read_or_compute, results_folder, runs_folder
from fewerwells.running.stored_networks import stored_networks, stored_runtime
from fewerwells.science.circuits import Circuit
from fewerwells.science.cores import usable_cores
from fewerwells.science.learners import Library, Runtime
from fewerwells.study.baselines import add_baselines
from fewerwells.study.evaluation import evaluate
from fewerwells.study.intervals_held import shares_held
from fewerwells.study.many_circuits import add_many_circuits
from fewerwells.study.protocol import ARMS, Cell, Protocol
from fewerwells.study.table import tidy
from fewerwells.study.trials import run_cell
from fewerwells.study.well_arms import add_well_arms

WORTH_IT_FROM = 500  # outcomes (cells × seeds) to learn; fewer are done before the workers have started


@dataclass(frozen=True)
class Task:
    """A cell that is to be run for some seeds.

    Attributes:
        cell: arm, target, number of wells.
        protocol: the common settings.
        seeds: the paired seeds.
        engine: trains its networks.
    """

    cell: Cell
    protocol: Protocol
    seeds: tuple[int, ...]
    engine: str

    @property
    def path(self) -> Path:
        """The file that its rows are stored in."""
        name = re.sub("[^a-z0-9]+", "-", self.cell.arm.lower()).strip("-")
        key = cell_key(self.cell, self.protocol, self.seeds, self.engine)
        return runs_folder() / "cells" / f"{name}-{key}.csv"

    @property
    def sample_steps(self) -> int:
        """Of all its networks, without the pre-training that other cells share; 0 where none is trained."""
        return self.cell.own_sample_steps(self.protocol) * len(self.seeds)

    @property
    def words(self) -> str:
        """What runs, for whoever waits."""
        return f"{self.cell.arm}, {self.cell.target.label}, N = {self.cell.volume(self.protocol)}"

    def rows(self, runtime: Runtime) -> pd.DataFrame:
        """Run the cell; a row a seed."""
        return cell_rows(self.cell, self.protocol, list(self.seeds), runtime)

    def store(self, runtime: Runtime) -> None:
        """Run the cell, unless its rows are stored, and store them."""
        read_or_compute(self.path, lambda: self.rows(runtime))


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
        "seconds": learnt.seconds / len(seeds) + shared,  # on one core where cells run side by side
        "settings_hash": settings_hash,
        "parameter_hash": hashes,
    }
    return tidy(pd.DataFrame(errors).assign(**common, **named))


def make_ready() -> None:
    """Load all that a cell may need: what a worker loads after its first task joblib takes for a leak, and ends it."""
    import fewerwells.science.in_context.reader  # noqa: F401, torch

    for add in (add_baselines, add_many_circuits, add_well_arms):  # a fresh process knows the study's arms alone
        add()


def store_all(tasks: Sequence[Task], describe: Callable[[str], None], advance: Callable[[int], None]) -> None:
    """Run cells and store the rows of each as it ends, so that an interrupted run goes on where it stopped.

    Args:
        tasks: the cells; pre-training that they share is stored already.
        describe: told in words what runs.
        advance: told the sample-steps that are done.
    """
    cores = len(usable_cores())
    outcomes = sum(len(task.seeds) for task in tasks)
    if cores < 2 or not CAN_PIN or outcomes < WORTH_IT_FROM or not all(map(_from_the_package, tasks)):
        for task, runtime in with_runtimes(tasks, advance):
            describe(task.words)
            task.store(runtime)
        return
    groups = in_groups(tasks)
    with parallel_config("loky", inner_max_num_threads=1), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)  # as in `cores.side_by_side`
        workers = Parallel(n_jobs=cores, batch_size=1, max_nbytes=None, return_as="generator_unordered")
        ended = 0
        describe(f"0 of {len(tasks)} cells, {cores} side by side")
        for group in workers(delayed(_store_group)(group, str(results_folder())) for group in groups):
            ended += len(group)
            advance(sum(group))
            describe(f"{ended} of {len(tasks)} cells, {cores} side by side")


def _store_group(group: Sequence[Task], results: str) -> list[int]:
    """What a worker does with cells that share work: store them in this folder of results, and count the steps of each."""
    os.environ["FEWERWELLS_RESULTS"] = results  # a worker began when its parent may have had another one
    _settle()
    for task, runtime in with_runtimes(group):
        task.store(runtime)
    return [task.sample_steps for task in group]


def with_runtimes(
    group: Sequence[Task], progress: Callable[[int], None] | None = None
) -> Iterator[tuple[Task, Runtime]]:
    """Each task with what it runs on, one for all of an engine: what one of them has learnt of some wells others find."""
    runtimes = {engine: stored_runtime(engine, progress) for engine in {task.engine for task in group}}
    return ((task, runtimes[task.engine]) for task in group)


@cache
def _settle() -> None:
    """Make this process a worker: with all that cells need, on a core of its own, and at its end with its parent."""
    make_ready()
    keep_to_one_core()
    Thread(target=_end_with, args=[os.getppid()], daemon=True).start()


def _end_with(parent: int) -> None:
    """Joblib's workers outlive a parent that was killed, and compute on."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _from_the_package(task: Task) -> bool:
    """Whether a fresh process knows arm and system: what somebody has added to this one it does not."""
    target = task.cell.target
    circuit = target if isinstance(target, Circuit) else getattr(target, "circuit", None)
    parts = [ARMS[task.cell.arm].learner, type(target)] + ([circuit.kind.formula] if circuit else [])
    named = (part.func if isinstance(part, partial) else part for part in parts)
    return all(part.__module__.split(".")[0] == __package__.split(".")[0] for part in named)


def in_groups(tasks: Sequence[Task]) -> list[list[Task]]:
    """Tasks that share work within a process together; the longest group first, so that none keeps a core at the end.

    Nobody knows how long a fit takes, so groups with cells that train nothing come before all others.
    """
    groups: dict[Hashable, list[Task]] = {}
    for task in tasks:
        groups.setdefault(_shared_work(task), []).append(task)
    return sorted(groups.values(), key=lambda group: (all(task.sample_steps for task in group), -_steps(group)))


def _steps(group: Sequence[Task]) -> int:
    return sum(task.sample_steps for task in group)


def _shared_work(task: Task) -> Hashable:
    """What tasks have in common that work for one another: chosen wells, mechanisms fitted to the same ones, a learnt start."""
    cell, learner = task.cell, task.cell.learner(task.protocol)
    plates = cell.domain, cell.system(task.protocol), task.seeds
    if cell.chosen:
        return cell.chosen, *plates
    if isinstance(learner, Library):
        return cell.volume(task.protocol), *plates
    return getattr(learner, "start", task)
