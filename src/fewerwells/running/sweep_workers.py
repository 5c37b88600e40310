"""The far side of a sweep: how a scheduler is reached, and what its workers do with a point.

Workers may be anybody's: each looks at its own book before it touches a point, and leaves where it is another one.
"""

from __future__ import annotations

import asyncio
import logging
import platform
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from fewerwells.running.parameters import ParameterError
from fewerwells.running.points import Point

CONNECT_SECONDS = 10.0
REFUSED = "fewerwells-refused"  # the topic under which a worker says why it leaves


def on_worker(threads: int, results: str) -> Callable[[str, dict, str], float]:
    """What a worker does with a point: see whether it has the same book, then run it; if it has not, leave the pool.

    The function refers to nothing of this module, so that it travels as it is: by name, a worker with another version
    of the package would find another function, or none. A point that a worker gives back has not failed; it goes to
    the next one.

    Args:
        threads: cores to lease for a point.
        results: the folder of results, which the worker must see.
    """

    def run(chapter: str, parameters: dict, key: str) -> float:
        import os
        from pathlib import Path

        from distributed import Reschedule, get_worker

        worker = get_worker()
        os.environ["FEWERWELLS_RESULTS"] = results  # for the kernel, too
        reason = ""
        try:
            from fewerwells.running.points import make_points, run_point
            from fewerwells.running.progress import TERMINAL

            (point,) = make_points(Path(chapter), [parameters])
            if point.key != key:
                reason = "it has another version of the book; install the same one everywhere"
        except Exception as error:
            reason = f"it cannot read the book at {chapter} ({type(error).__name__}: {error})"
        if worker.state.nthreads != 1:  # the kernel's environment and cores belong to the worker's one thread
            reason = "it runs several tasks at once; start it with --nthreads 1"
        if reason:
            worker.log_event("fewerwells-refused", {"worker": worker.address, "reason": reason})
            worker.loop.add_callback(worker.close_gracefully)
            raise Reschedule
        os.environ.pop(TERMINAL, None)  # the sweep draws one bar; points side by side would draw over it
        return run_point(point, threads)

    return run


def hand_out(client, points: list[Point], threads: int, results: str) -> dict:
    """Give points to a Dask client's workers.

    Returns:
        Future → point.
    """
    futures = client.map(
        on_worker(threads, results),
        [str(point.chapter) for point in points],
        [point.parameters for point in points],
        [point.key for point in points],
        pure=False,
        retries=1,
        batch_size=None,
    )
    return dict(zip(futures, points, strict=True))


@contextmanager
def connected(n_points: int, workers: int | None, scheduler: str | None) -> Iterator:
    """A Dask client, of a cluster of its own on this machine or of the scheduler named.

    Raises:
        ParameterError: at that address is no scheduler, or none that this Python can talk to.
    """
    from distributed import Client, LocalCluster

    for name in ("distributed", "distributed.client", "distributed.core", "distributed.gc"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters of it is told as a failed point
    with ExitStack() as stack:
        if scheduler is not None:
            _check_scheduler(scheduler)
            yield stack.enter_context(Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False))
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


def _check_scheduler(address: str) -> None:
    """Refuse what a client could not work with, before one is made: a failed one keeps its loop busy for 20 seconds.

    Raises:
        ParameterError: nobody answers, certificates are missing, or the scheduler has other versions.
    """
    import distributed

    def ask() -> dict:
        return asyncio.run(asyncio.wait_for(_versions(address), CONNECT_SECONDS))

    try:
        with ThreadPoolExecutor(1) as aside:  # in a notebook this thread has a loop that runs
            theirs = aside.submit(ask).result()
        versions = {"Python": theirs["host"]["python"], "distributed": theirs["packages"]["distributed"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ParameterError(f"no scheduler answers at {address!r} ({reason}).") from None
    here = {"Python": platform.python_version(), "distributed": distributed.__version__}
    if versions["distributed"] != here["distributed"] or _minor(versions["Python"]) != _minor(here["Python"]):
        told, ours = (" and ".join(f"{name} {v}" for name, v in one.items()) for one in (versions, here))
        raise ParameterError(
            f"the scheduler at {address!r} has {told}, this sweep {ours}; start both, and the workers, from one and the "
            "same installation."
        )


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


async def _versions(address: str) -> dict:
    from distributed.core import rpc
    from distributed.security import Security

    connection = Security().get_connection_args("client")
    if address.startswith("tls://") and connection.get("ssl_context") is None:
        raise ParameterError(
            f"{address!r} speaks TLS, and Dask's configuration names no certificates here; set "
            "distributed.comm.tls.ca-file, .client.cert and .client.key, for example in ~/.config/dask/tls.yaml."
        )
    async with rpc(address, connection_args=connection) as scheduler:
        return await scheduler.versions()
