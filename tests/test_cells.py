"""Cells side by side, a core each: the rows of one after another, stored one by one, and nobody left behind."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from joblib import Parallel, delayed, parallel_config

from fewerwells.running import cells, experiments
from fewerwells.running.cells import Task, store_all
from fewerwells.running.leases import CAN_PIN
from fewerwells.running.storage import read_table, runs_folder
from fewerwells.science.circuits import reference_circuit
from fewerwells.science.cores import usable_cores
from fewerwells.science.learners import Runtime, equations
from fewerwells.science.library import MECHANISMS
from fewerwells.science.measured import Measured
from fewerwells.study import protocol
from fewerwells.study.protocol import Cell, Protocol

ARMS = (
    "transfer",
    "oracle",
    "fit, library",
    "Gaussian process",
    "meta-learned start",
    "library, library wells, 0–10 nM",
    "scratch, library wells, 0–10 nM",
)
SHORT = Protocol(epochs=20, synthetic_volume=60, oracle_volume=40)
TARGETS = (reference_circuit("n_part_complex", 2.0), reference_circuit("phosphorylation_cycle"))


@pytest.fixture(scope="module", autouse=True)
def all_arms():
    """The arms that stand beside the study's are known here as in a worker, and to no other test."""
    before = dict(protocol.ARMS)
    cells.make_ready()
    yield
    protocol.ARMS.clear()
    protocol.ARMS.update(before)


@pytest.fixture
def tasks() -> list[Task]:
    """Of every kind of arm two volumes on two targets."""
    return [Task(Cell(arm, target, n), SHORT, (0, 1), "fused") for target in TARGETS for n in (8, 12) for arm in ARMS]


needs_cores = pytest.mark.skipif(not CAN_PIN or len(usable_cores()) < 2, reason="needs two cores that can be chosen")


def nothing(_) -> None:
    """Whoever waits does not look."""


@pytest.fixture
def at_once(monkeypatch):
    """However little there is to do is done side by side."""
    monkeypatch.setattr(cells, "WORTH_IT_FROM", 1)


def rows_of(tasks: list[Task]) -> pd.DataFrame:
    return pd.concat([read_table(task.path) for task in tasks]).drop(columns=["seconds", "checksum"], errors="ignore")


def test_mechanisms_are_fitted_to_the_same_wells_once(monkeypatch):
    """A library and the same one without the truth, on the same wells: no mechanism twice."""
    names = ("fit, library", "fit, library without truth", "transfer")
    both = [Task(Cell(arm, TARGETS[0], n), SHORT, (0, 1), "fused") for n in (8, 12) for arm in names]
    groups = cells.in_groups(both)
    assert sorted(len(group) for group in groups) == [1, 1, 2, 2]
    fitted, fit_many = [], equations.fit_many
    monkeypatch.setattr(equations, "fit_many", lambda *told: fitted.append(told[::2]) or fit_many(*told))
    for group in groups:
        if len(group) > 1:
            rows = [task.rows(runtime) for task, runtime in cells.with_runtimes(group)]
            assert len(fitted) == len(set(fitted)) == len(MECHANISMS)
            alone = [task.rows(Runtime("fused")) for task in group]
            for one, other in zip(rows, alone, strict=True):
                pd.testing.assert_frame_equal(one.drop(columns="seconds"), other.drop(columns="seconds"))
            fitted.clear()


@needs_cores
def test_rows_are_those_of_one_after_another_and_all_steps_are_told(own_results, tasks, monkeypatch):
    steps = []
    store_all(tasks, nothing, steps.append)
    alone = rows_of(tasks)
    monkeypatch.setattr(cells, "WORTH_IT_FROM", 1)
    monkeypatch.setenv("FEWERWELLS_RESULTS", str(own_results / "elsewhere"))
    said, beside = [], []
    store_all(tasks, said.append, beside.append)
    pd.testing.assert_frame_equal(rows_of(tasks), alone)
    monkeypatch.setenv("FEWERWELLS_RESULTS", str(own_results / "elsewhere again"))  # the workers are there already
    store_all(tasks[:2], nothing, nothing)
    pd.testing.assert_frame_equal(rows_of(tasks[:2]), alone.iloc[:4])
    assert sum(beside) == sum(task.sample_steps for task in tasks)
    groups = len(cells.in_groups(tasks))
    assert len(said) == groups + 1  # whoever waits sees that it goes on, also where nothing is trained
    assert said[-1] == f"{len(tasks)} of {len(tasks)} cells, {len(usable_cores())} side by side"


def _core_of_worker(folder: Path) -> tuple[int, tuple[int, ...], list[int]]:
    for _ in range(2):  # the second task of a worker changes nothing
        cells._settle()
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < 2:  # so that neither worker takes both
        time.sleep(0.05)
    return os.getpid(), tuple(os.sched_getaffinity(0)), usable_cores()


@needs_cores
def test_every_worker_keeps_to_a_core_of_its_own(tmp_path):
    (tmp_path / "here").mkdir()
    with parallel_config("loky", inner_max_num_threads=1):
        found = Parallel(n_jobs=2, batch_size=1)(delayed(_core_of_worker)(tmp_path / "here") for _ in range(2))
    assert len({pid for pid, _, _ in found}) == 2
    assert all(len(cores) == 1 for _, cores, _ in found)
    assert len({cores for _, cores, _ in found}) == 2
    assert all(usable == list(cores) for _, cores, usable in found)


def test_cells_that_share_work_are_one_group_and_long_groups_come_first(tasks):
    groups = cells.in_groups(tasks)
    assert sorted(map(id, (task for group in groups for task in group))) == sorted(map(id, tasks))
    place = {id(task): index for index, group in enumerate(groups) for task in group}
    for target in TARGETS:
        for arms in (ARMS[-2:], ARMS[4:5]):  # wells that the library chose, for both learners; a start for all volumes
            same = [task for task in tasks if task.cell.target == target and task.cell.arm in arms]
            assert len({place[id(task)] for task in same}) == 1
    alone = [task for task in tasks if task.cell.arm in ARMS[:4]]
    assert len({place[id(task)] for task in alone}) == len(alone)
    trained = [sum(task.sample_steps for task in group) for group in groups if all(task.sample_steps for task in group)]
    assert trained == sorted(trained, reverse=True)
    assert trained == [sum(task.sample_steps for task in group) for group in groups[len(groups) - len(trained) :]]


def test_other_noise_or_other_seeds_share_no_wells(tasks):
    (chosen,) = (task for task in tasks[:7] if task.cell.arm == ARMS[-1])
    others = [replace(chosen, seeds=(0, 2)), replace(chosen, protocol=replace(SHORT, noise=0.5))]
    assert len(cells.in_groups([chosen, *others])) == 3


@needs_cores
def test_what_a_cell_refuses_is_said_as_it_is(at_once):
    x = np.tile(np.array([[0.0, 1.0], [2.0, 4.0], [8.0, 3.0]]), (8, 1))
    wells = pd.DataFrame({"a (nM)": x[:, 0], "b (nM)": x[:, 1], "u (a.u.)": x[:, 0] + 1, "v (a.u.)": x[:, 1] + 1})
    plate = Measured(wells, label="my plate", inputs=["a", "b"], outputs=["u", "v"])
    tasks = [Task(Cell(ARMS[-2], plate, n), SHORT, (0, 1), "fused") for n in (4, 8)]
    with pytest.raises(ValueError, match="fills wells that it chooses, and my plate is no circuit"):
        store_all(tasks, nothing, nothing)


LONG = """
from fewerwells.running import cells
from fewerwells.science.circuits import reference_circuit
from fewerwells.study.protocol import Cell, Protocol

TASKS = [
    cells.Task(Cell("scratch", reference_circuit("n_part_complex", 2.0), n), Protocol(epochs=200), tuple(range(20)), "fused")
    for n in range(10, 40)
]
if __name__ == "__main__":
    cells.WORTH_IT_FROM = 1
    cells.store_all(TASKS, lambda text: None, lambda steps: print("stored", flush=True))
"""


@needs_cores
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_kill_leaves_whole_pieces_the_next_run_goes_on_and_nobody_stays(own_results, number, monkeypatch):
    command = [sys.executable, "-c", LONG]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
        assert run.stdout.readline() == "stored\n"
        workers = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(number)
        assert run.wait(30) != 0
    assert not psutil.wait_procs(workers, timeout=60)[1]
    stored = sorted((runs_folder() / "cells").glob("*.csv"))
    assert 1 <= len(stored) < 30
    assert all(len(read_table(path)) == 20 for path in stored)
    times = {path: path.stat().st_mtime_ns for path in stored}
    names = {"__name__": "next run"}
    exec(LONG, names)
    missing = next(task.path for task in names["TASKS"] if task.path not in stored)
    missing.with_name(f"{missing.name}.1.part").touch()  # as of a worker that was killed as it wrote
    monkeypatch.setattr(cells, "WORTH_IT_FROM", 10**9)  # whoever goes on may do so one after another
    store_all(names["TASKS"], nothing, nothing)
    assert len(list((runs_folder() / "cells").glob("*.csv"))) == 30
    assert {path: path.stat().st_mtime_ns for path in stored} == times
    assert not list((runs_folder() / "cells").glob("*.part"))


def test_what_dies_is_told_wherever_it_ran(caplog):
    """Nobody reads what a worker logs, so it is told from the rows."""
    cell = Cell("scratch", TARGETS[0], 8)
    rows = pd.DataFrame({"arm": "scratch", "target": "n = 2", "N": 8, "seed": [3, 4], "status": ["ok", "dead"]})
    experiments._warn_of_failures([(None, "fused", {cell: None})], [(None, "fused", {cell: rows})])
    assert caplog.messages == ["scratch on n = 2 with N = 8, seed 4: dead."]
