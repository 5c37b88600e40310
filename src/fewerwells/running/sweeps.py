"""Run one chapter over a grid of parameters, side by side, and collect the rows of all points.

Points run on Dask: on a cluster of this machine's own cores that lives as long as the sweep, or on one that is
there already. A point is a file-system matter (see `points`): the engine only says who runs what, and no result
travels through it.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
import traceback
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import pandas as pd

from fewerwells.running.leases import CAN_LIMIT_THREADS
from fewerwells.running.parameters import ParameterError
from fewerwells.running.plain import write_value
from fewerwells.running.points import ROWS, Point, is_done, make_points, sweeps_folder
from fewerwells.running.progress import progress_bar
from fewerwells.running.reading_order import project_root
from fewerwells.running.storage import read_table, results_folder, write_whole
from fewerwells.running.sweep_files import SweepPlan, check_sweep
from fewerwells.running.sweep_workers import REFUSED, connected, hand_out
from fewerwells.science.cores import usable_cores

MAX_WORKERS = 8  # by default; each worker's kernel holds some 300 MB
NOBODY_SECONDS = 20.0  # without a worker, before that is said
REFUSALS = 10  # workers that leave one after another, before a cluster is not asked for more of them
SHARED_FOLDER_SECONDS = 60.0  # a slow shared file system may show a worker's files so much later


class StorageError(RuntimeError):
    """The results folder cannot be written, or workers write into another one."""


class SchedulerLost(RuntimeError):
    """The scheduler of a sweep went away before all points were done."""


class WorkersRefused(RuntimeError):
    """Worker after worker left, since its book is another one."""


@dataclass(frozen=True)
class Failure:
    """A point that failed, with the traceback of the last time."""

    point: Point
    report: str
    how: str = "It failed twice."

    def __str__(self) -> str:
        return f"{self.report.rstrip()}\n\n{self.how} To repeat it alone:\n  {self.point.command}"


class SweepFailed(RuntimeError):
    """Some points of a sweep failed; all others are stored.

    Attributes:
        failures: one `Failure` a point.
    """

    def __init__(self, failures: list[Failure], n_points: int):
        self.failures = failures
        commands = "\n".join(f"  {failure.point.command}" for failure in failures)
        super().__init__(
            f"{len(failures)} of {n_points} points failed; the others are stored. To repeat them:\n{commands}"
        )


def check_workers(workers: int | None, threads: int | None, scheduler: str | None = None) -> tuple[int, int]:
    """How many workers, and how many cores for each; workers × threads is at most the number of usable cores.

    Raises:
        ParameterError: more is asked for than there is.
    """
    cores = len(usable_cores())
    for name, value in (("workers", workers), ("threads", threads)):
        if value is not None and value < 1:
            raise ParameterError(f"{name} is {value}; it must be at least 1.")
    if scheduler is not None:
        if workers is not None:
            raise ParameterError("workers cannot be chosen for a scheduler that is already there; it has its own.")
        return 0, threads or 1
    if workers is None:
        workers = min(cores // (threads or 1), MAX_WORKERS) or 1 if CAN_LIMIT_THREADS else 1
    if workers > 1 and not CAN_LIMIT_THREADS:
        raise ParameterError(f"workers is {workers}; side by side needs Linux or Python 3.13, only 1 is possible here.")
    if workers * (threads or 1) > cores:
        raise ParameterError(
            f"{workers} workers with {threads or 1} threads each were asked for; this process may use {cores} cores."
        )
    return workers, threads or cores // workers


def check_storage() -> None:
    """Refuse a results folder that cannot be written, before anything is computed.

    Raises:
        StorageError: it cannot.
    """
    folder = sweeps_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(100_000))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror}.") from None


def run_points(
    points: list[Point],
    workers: int | None = None,
    threads: int | None = None,
    scheduler: str | None = None,
) -> list[Failure]:
    """Run what is missing among the points; a failed one is tried once more and does not stop the others.

    Args:
        points: what to run; those that are stored whole are left alone.
        workers: points at a time on this machine; None: as many as there are cores, at most 8.
        threads: cores for each point; None: the cores divided by the workers (1 with a scheduler).
        scheduler: address of a Dask scheduler that is already there, "tcp://host:port".

    Returns:
        The points that failed twice.

    Raises:
        ParameterError: more workers than cores, or no such scheduler.
        StorageError: the results folder cannot be written, or what a worker has stored does not come to be seen in it.
        SchedulerLost: the scheduler went away; what was done is stored.
        WorkersRefused: every worker that came had another book.
    """
    from distributed import as_completed

    workers, threads = check_workers(workers, threads, scheduler)
    missing = [point for point in points if not is_done(point)]
    failures: list[Failure] = []
    with progress_bar(len(points), unit=" points") as bar:
        bar.advance(len(points) - len(missing))
        if not missing:
            return failures
        check_storage()
        with connected(len(missing), workers, scheduler) as client:
            watch = _Watch(client, bar, scheduler)
            point_of = hand_out(client, missing, threads, str(results_folder()))
            done = as_completed(list(point_of), loop=client.loop)
            while not done.is_empty():
                for future in (batch := done.next_batch(block=False)):
                    if future.status == "error":
                        failures.append(_failure(point_of[future], future.exception(), future.traceback()))
                    elif future.status == "finished":
                        _wait_for(point_of[future])
                    else:  # cancelled or lost: nobody will run it any more
                        left = sum(not is_done(point) for point in missing)
                        raise SchedulerLost(
                            f"the scheduler went away; {left} of {len(points)} points are not done. Start the "
                            "scheduler and the sweep again: what is stored is not run twice."
                        )
                    bar.describe(f"{len(failures)} failed" if failures else "points")
                    bar.advance(1)
                watch.look(len(batch))
                if not batch:
                    time.sleep(0.1)
    return failures


class _Watch:
    """Says what a scheduler's workers do beside their points: that some refuse, or that none is there."""

    def __init__(self, client, bar, scheduler: str | None):
        self._client, self._bar, self._scheduler = client, bar, scheduler
        self._refusals: list[dict] = []
        self._told = self._in_vain = 0
        self._next_look = 0.0
        self._nobody_since: float | None = None
        self._said = False
        client.subscribe_topic(REFUSED, lambda event: self._refusals.append(event[1]))

    def look(self, n_done: int) -> None:
        """Once in every round, with the number of points done in it.

        Raises:
            WorkersRefused: many left, no point was done meanwhile, and nobody is at work.
        """
        self._in_vain = 0 if n_done else self._in_vain
        now = time.monotonic()
        if self._scheduler is None or now < self._next_look:
            return
        self._next_look = now + 1.0
        # a worker may give several points back before it is gone
        new = list({one["worker"]: one for one in self._refusals[self._told :]}.values())
        self._told, self._in_vain = len(self._refusals), self._in_vain + len(new)
        for one in new:
            self._bar.say(f"The worker at {one['worker']} leaves: {one['reason']}.")
        try:
            there = bool(self._client.scheduler_info()["workers"])
        except OSError:  # the scheduler has gone, which the points will tell
            return
        if there:
            self._nobody_since, self._said = None, False
            return
        if self._in_vain >= REFUSALS:
            raise WorkersRefused(
                f"{self._in_vain} workers came and left again, and no point was done meanwhile; the last one: "
                f"{self._refusals[-1]['reason']}."
            )
        self._bar.describe("waiting for a worker")
        self._nobody_since = self._nobody_since or now
        if now - self._nobody_since >= NOBODY_SECONDS and not self._said:
            self._said = True
            self._bar.say(
                f"No worker is at {self._scheduler}; the sweep waits for one. Start it with `dask worker "
                f"{self._scheduler} --nthreads 1`, or see in your cluster's queue and logs why its jobs do not come."
            )


def _wait_for(point: Point) -> None:
    """Wait until what a worker has stored is seen here.

    Raises:
        StorageError: it is not, so the worker's results folder is another one.
    """
    patience = time.monotonic() + SHARED_FOLDER_SECONDS
    while not is_done(point):
        if time.monotonic() > patience:
            raise StorageError(
                f"a worker says that it has stored {point.key}, but it is not in {point.folder.parent}: its results "
                "folder is not the one of this sweep. Put both on a file system that all machines share."
            )
        time.sleep(0.2)


def _failure(point: Point, error: BaseException, where) -> Failure:
    """Keep the report of a failed point beside the stored ones, for `fewerwells status`."""
    from distributed.scheduler import KilledWorker

    report = "".join(traceback.format_exception(type(error), error, where))
    died = isinstance(error, KilledWorker)  # the task itself never failed: its workers went away
    failure = Failure(point, report, "Its workers died, one after another.") if died else Failure(point, report)
    try:
        point.failure.parent.mkdir(parents=True, exist_ok=True)
        write_whole(point.failure, f"{failure}\n".encode())
    except OSError:
        logging.getLogger("fewerwells").warning("the report of a failed point could not be written.")
    return failure


def collect(plan: SweepPlan, points: list[Point]) -> pd.DataFrame:
    """The rows of stored points, one below the other, with a column for each parameter of the grid and the point's key.

    Where rows tell of themselves what a parameter of the grid asks for, they are believed: of an engine that was asked
    for as auto they name the one that it came to, and of epochs left to the profile, how many.

    Raises:
        DamagedTable: a point is not stored.
    """
    tables = []
    for point in points:
        values = {name: point.parameters[name] for name in plan.grid}
        plain = {name: write_value(v) if isinstance(v, list | dict) else v for name, v in values.items()}
        rows = read_table(point.folder / ROWS)
        told = {name: rows[name].where(rows[name].notna(), plain[name]) for name in plain if name in rows.columns}
        tables.append(rows.assign(**(plain | told), point=point.key))
    return pd.concat(tables, ignore_index=True)


def run_plans(
    plans: list[SweepPlan], workers: int | None = None, threads: int | None = None, scheduler: str | None = None
) -> list[pd.DataFrame]:
    """The rows of every point of some checked sweeps, a table each; what is missing is run first, all side by side.

    Raises:
        SweepFailed: some points failed twice; all others are stored.
        ParameterError, StorageError: as `run_points`.
    """
    points = [make_points(plan.chapter, plan.points) for plan in plans]
    # In turns, since neighbours of a grid often share a pre-training, for which the second would wait with its core.
    in_turns = [point for turn in zip_longest(*points) for point in turn if point]
    different = list({point.key: point for point in in_turns}.values())
    failures = run_points(different, workers, threads, scheduler)
    if failures:
        raise SweepFailed(failures, len(different))
    return [collect(plan, part) for plan, part in zip(plans, points, strict=True)]


def sweep(
    chapter: str,
    grid: dict[str, list],
    fixed: dict | None = None,
    root: Path | None = None,
    *,
    workers: int | None = None,
    threads: int | None = None,
    scheduler: str | None = None,
) -> pd.DataFrame:
    """The rows of every point of a grid, from earlier runs where they are whole, else run now through papermill.

    In a plain script, call it under `if __name__ == "__main__":`, since workers start by importing the script.

    Args:
        chapter: the chapter's name, for example "03_experiment_1".
        grid: parameter name → values; every combination is a point.
        fixed: parameters that all points share.
        root: the book's folder; found from the working folder when None.
        workers, threads, scheduler: as in `run_points`.

    Returns:
        The tidy tables of all points, one below the other, with a column for each parameter of the grid and `point`,
        the key under which the point is stored.

    Raises:
        ParameterError: anything that a point would refuse, before the first one starts.
        SweepFailed: some points failed twice; all others are stored.
        StorageError: the results folder cannot be written.
    """
    plan = check_sweep(chapter, grid, fixed, root or project_root())
    return run_plans([plan], workers, threads, scheduler)[0]


def sweep_each(
    chapter: str,
    grids: dict[str, dict[str, list]],
    fixed: dict | None = None,
    root: Path | None = None,
    *,
    workers: int | None = None,
    threads: int | None = None,
    scheduler: str | None = None,
) -> dict[str, pd.DataFrame]:
    """Several sweeps of one chapter at once: all their points side by side, and a point that they share only once.

    Args:
        chapter, fixed, root: as in `sweep`.
        grids: name of a sweep → its grid.
        workers, threads, scheduler: as in `run_points`.

    Returns:
        Name of a sweep → its table, as `sweep` returns it.

    Raises:
        ParameterError, SweepFailed, StorageError: as `sweep`; every grid is checked before the first point starts.
    """
    plans = [check_sweep(chapter, grid, fixed, root or project_root()) for grid in grids.values()]
    return dict(zip(grids, run_plans(plans, workers, threads, scheduler), strict=True))
