"""Who may compute on which core: points of a sweep lease cores, so that together they never use more than there are."""

from __future__ import annotations

import getpass
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from joblib import Parallel, delayed, parallel_config
from threadpoolctl import threadpool_limits

# What numerical libraries read when a kernel starts; the fused engine goes by the CPU affinity, elsewhere by
# os.cpu_count(), which PYTHON_CPU_COUNT overrides from Python 3.13.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "PYTHON_CPU_COUNT")
_HAS_AFFINITY = hasattr(os, "sched_setaffinity")
CAN_LIMIT_THREADS = _HAS_AFFINITY or sys.version_info >= (3, 13)


def usable_cores() -> list[int]:
    """The cores that this process may run on, by number."""
    return sorted(os.sched_getaffinity(0)) if _HAS_AFFINITY else list(range(os.cpu_count() or 1))


def _lease_folder() -> Path:
    # a user's number, because in a container it may have no name; Windows has names only
    user = os.getuid() if hasattr(os, "getuid") else getpass.getuser()
    folder = Path(tempfile.gettempdir()) / f"fewerwells-cores-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _try_to_lease(wanted: int, stack: ExitStack) -> list[int]:
    """Locks on `wanted` free cores, put on the stack; on fewer free cores, no lock at all."""
    taken: list[int] = []
    folder = _lease_folder()
    with ExitStack() as held, FileLock(folder / "all.lock"):  # or two half-served processes could wait for each other
        for core in usable_cores():
            try:
                held.enter_context(FileLock(folder / f"{core}.lock", timeout=0))
            except Timeout:
                continue
            taken.append(core)
            if len(taken) == wanted:
                stack.enter_context(held.pop_all())
                return taken
    return []


@contextmanager
def leased_cores(threads: int, poll: float = 0.05) -> Iterator[list[int]]:
    """Wait for `threads` free cores of this machine and keep this thread, and what it starts, on them.

    A lease is a locked file, which the system unlocks when its holder dies: processes of any number of sweeps share
    the cores, and a killed one gives its own back.

    Args:
        threads: how many cores; at most those that the process may use.
        poll: seconds between two looks for a free core.

    Yields:
        The numbers of the cores.
    """
    with ExitStack() as stack:
        wanted = min(threads, len(usable_cores()))
        while not (cores := _try_to_lease(wanted, stack)):
            time.sleep(poll)
        before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
        os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(wanted)))
        all_cores = usable_cores()
        if _HAS_AFFINITY:
            os.sched_setaffinity(0, cores)
        try:
            yield cores
        finally:
            if _HAS_AFFINITY:
                os.sched_setaffinity(0, all_cores)
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def _one_after_another(function: Callable, items: Sequence) -> list:
    with threadpool_limits(1, user_api="blas"):  # or sums would depend on how many threads share them
        return [function(item) for item in items]


def side_by_side(function: Callable, items: Sequence, *, worth_it_from: int) -> list:
    """`[function(item) for item in items]`, shared out over the usable cores; the same list whatever their number.

    Workers are processes started afresh, never forked, so it is safe in a kernel whose threads have computed before.
    Linear algebra keeps to one thread in each.

    Args:
        function: a module-level function, or a partial of one; it must not use randomness that is not its own.
        items: what can be pickled.
        worth_it_from: fewer items than this run here, because starting workers takes a second or two.
    """
    cores = min(len(usable_cores()), len(items))
    if cores < 2 or len(items) < worth_it_from:
        return _one_after_another(function, items)
    share = -(-len(items) // (8 * cores))  # small enough that a slow one at the end keeps no core waiting
    shares = [items[start : start + share] for start in range(0, len(items), share)]
    with parallel_config("loky", inner_max_num_threads=1):
        # no memory-mapped arguments: they would leave files behind and make arrays read-only
        done = Parallel(n_jobs=cores, max_nbytes=None)(delayed(_one_after_another)(function, share) for share in shares)
    return [result for share in done for result in share]
