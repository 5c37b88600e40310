"""Who may compute on which core: points of a sweep lease cores, so that together they never use more than there are."""

from __future__ import annotations

import errno
import getpass
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from fewerwells.science.cores import usable_cores

# What numerical libraries read when a kernel starts; the fused engine goes by the CPU affinity, elsewhere by
# os.cpu_count(), which PYTHON_CPU_COUNT overrides from Python 3.13.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "PYTHON_CPU_COUNT")
CAN_PIN = hasattr(os, "sched_setaffinity")
CAN_LIMIT_THREADS = CAN_PIN or sys.version_info >= (3, 13)


def _claim(name: str) -> AbstractContextManager | None:
    """A claim on a name that only one process of this user on this machine can hold, or None where another holds it.

    The system gives it back when its holder dies. On Linux it is an abstract socket, a name that stands in no folder:
    jobs of a cluster often see a `/tmp` and a `/dev/shm` of their own, and locked files there are hidden from one
    another. (Containers with a network of their own still do not see each other.) Elsewhere it is a locked file.
    """
    # a user's number, because in a container it may have no name; Windows has names only
    user = os.getuid() if hasattr(os, "getuid") else getpass.getuser()
    if sys.platform == "linux":
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0fewerwells-cores-{user}-{name}")
        except OSError as error:
            claim.close()
            if error.errno != errno.EADDRINUSE:
                raise
            return None
        return claim
    folder = Path(tempfile.gettempdir()) / f"fewerwells-cores-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        return FileLock(folder / f"{name}.lock", timeout=0).acquire()
    except Timeout:
        return None


def _try_to_lease(wanted: int, stack: ExitStack) -> list[int]:
    """Claims on `wanted` free cores, put on the stack; on fewer free cores, none at all."""
    taken: list[int] = []
    with ExitStack() as held:
        if (turn := _claim("turn")) is None:  # one at a time, or two half-served processes could hinder each other
            return []
        with turn:
            for core in usable_cores():
                if (claim := _claim(str(core))) is None:
                    continue
                held.enter_context(claim)
                taken.append(core)
                if len(taken) == wanted:
                    stack.enter_context(held.pop_all())
                    return taken
    return []


@contextmanager
def leased_cores(threads: int) -> Iterator[list[int]]:
    """Wait for `threads` free cores of this machine and keep this thread, and what it starts, on them.

    The system takes a lease back when its holder dies: processes of any number of sweeps share the cores, and a killed
    one gives its own back.

    Args:
        threads: how many cores; at most those that the process may use.

    Yields:
        The numbers of the cores.
    """
    with ExitStack() as stack:
        wanted = min(threads, len(usable_cores()))
        while not (cores := _try_to_lease(wanted, stack)):
            time.sleep(0.05)
        before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(wanted)))
        all_cores = usable_cores()
        if CAN_PIN:
            os.sched_setaffinity(0, cores)
        try:
            yield cores
        finally:
            if CAN_PIN:
                os.sched_setaffinity(0, all_cores)
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


_OWN_CORE: list[AbstractContextManager] = []  # the claim of a process that keeps to one, for as long as it lives
_OTHERS_SECONDS = 5.0  # a worker that takes the place of another waits so long for its core


def keep_to_one_core() -> None:
    """Keep this worker on a core that no other worker of the same parent keeps to, as long as it lives.

    What shares out work over the usable cores then does all of it here, so that workers do not start workers.
    """
    cores, until = usable_cores(), time.monotonic() + _OTHERS_SECONDS
    while time.monotonic() < until:
        for core in cores:
            if claim := _claim(f"of-{os.getppid()}-{core}"):
                _OWN_CORE.append(claim)
                os.sched_setaffinity(0, [core])
                return
        time.sleep(0.05)
    os.sched_setaffinity(0, [cores[os.getpid() % len(cores)]])
