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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import pandas as pd

from fewerwells.running.leases import CAN_LIMIT_THREADS
from fewerwells.running.parameters import ParameterError
from fewerwells.running.plain import write_value
from fewerwells.running.points import ROWS, Point, is_done, make_points, run_point, sweeps_folder
from fewerwells.running.progress import TERMINAL, progress_bar
from fewerwells.running.reading_order import project_root
from fewerwells.running.storage import read_table, results_folder, write_whole
from fewerwells.running.sweep_files import SweepPlan, check_sweep
from fewerwells.science.cores import usable_cores

MAX_WORKERS = 8  # by default; each worker's kernel holds some 300 MB
SHARED_FOLDER_SECONDS = 60.0  # a slow shared file system may show a worker's files so much later


class StorageError(RuntimeError):
    """The results folder cannot be written, or workers write into another one."""


class SchedulerLost(RuntimeError):
    """The scheduler of a sweep went away before all points were done."""


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


def _run_remote(point: Point, threads: int, results: str) -> float:
    """What a worker does: check that it sees the same book and the same results folder, then run the point."""
    from distributed import get_worker

    if get_worker().state.nthreads != 1:  # the kernel's environment and cores belong to the worker's one thread
        raise RuntimeError("this worker runs several tasks at once; start it with --nthreads 1.")
    os.environ["FEWERWELLS_RESULTS"] = results  # for the kernel
    os.environ.pop(TERMINAL, None)  # the sweep draws one bar; points side by side would draw over it
    if make_points(point.chapter, [point.parameters])[0].key != point.key:
        raise RuntimeError("this worker has another version of the book; install the same one everywhere.")
    return run_point(point, threads)


@contextmanager
def _cluster(n_points: int, workers: int | None, scheduler: str | None) -> Iterator:
    """A Dask client, of a cluster of its own on this machine or of the scheduler named."""
    from distributed import Client, LocalCluster

    for name in ("distributed", "distributed.client", "distributed.gc"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters of it is told as a failed point
    with ExitStack() as stack:
        if scheduler is not None:
            try:
                client = Client(scheduler, timeout="10s", set_as_default=False)
            except (OSError, ValueError, TypeError) as error:
                reason = " ".join(str(error).split()) or type(error).__name__
                raise ParameterError(f"no scheduler answers at {scheduler!r} ({reason}).") from None
            yield stack.enter_context(client)
            return
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="fewerwells-", ignore_cleanup_errors=True))
        cluster = LocalCluster(
            n_workers=min(workers, n_points),
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",  # nobody else can hand it work
            dashboard_address="127.0.0.1:0",  # any free port, so that two sweeps do not meet
            memory_limit=0,  # the work is done by kernels, which a worker's limit does not see
            local_directory=scratch,
            silence_logs=logging.CRITICAL,
        )
        stack.enter_context(cluster)
        yield stack.enter_context(Client(cluster, set_as_default=False))


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
        with _cluster(len(missing), workers, scheduler) as client:
            futures = client.map(
                _run_remote,
                missing,
                threads=threads,
                results=str(results_folder()),
                pure=False,
                retries=1,
                batch_size=None,
            )
            point_of = dict(zip([future.key for future in futures], missing, strict=True))
            if scheduler is not None and not client.scheduler_info()["workers"]:
                bar.describe("waiting for a first worker")
            for future in as_completed(futures, loop=client.loop):
                if future.status == "error":
                    failures.append(_failure(point_of[future.key], future.exception(), future.traceback()))
                elif future.status == "finished":
                    _wait_for(point_of[future.key])
                else:  # cancelled or lost: nobody will run it any more
                    left = sum(not is_done(point) for point in missing)
                    raise SchedulerLost(
                        f"the scheduler went away; {left} of {len(points)} points are not done. Start the scheduler and "
                        "the sweep again: what is stored is not run twice."
                    )
                bar.describe(f"{len(failures)} failed" if failures else "points")
                bar.advance(1)
    return failures


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

    Raises:
        DamagedTable: a point is not stored.
    """
    tables = []
    for point in points:
        values = {name: point.parameters[name] for name in plan.grid}
        plain = {name: write_value(v) if isinstance(v, list | dict) else v for name, v in values.items()}
        tables.append(read_table(point.folder / ROWS).assign(**plain, point=point.key))
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
