"""Ends a kernel whose processes together take more memory than one may: a limit that Linux sets for each alone."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

import psutil

MEMORY = 5 * 2**30  # bytes in use, libraries among them
_EVERY = 0.25  # seconds


def taken(pid: int) -> int:
    """Bytes of memory that a process and all that it started have in use; 0 when it is gone."""
    total = 0
    with contextlib.suppress(psutil.Error):
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += _share(process)
    return total


def _share(process: psutil.Process) -> int:
    """Bytes of one process; of what it shares with others its part only, unless it hides which that is."""
    try:
        return process.memory_full_info().pss
    except psutil.AccessDenied:
        return process.memory_info().rss


class MemoryWatch(threading.Thread):
    """Looks four times a second; use it as a context.

    Args:
        pid: the kernel, or what is built around it.
        end: called when it takes too much.

    Attributes:
        exceeded: whether it did.
    """

    def __init__(self, pid: int, end: Callable[[], None]):
        super().__init__(daemon=True)
        self.pid, self.end, self.exceeded = pid, end, False
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(_EVERY):
            if taken(self.pid) > MEMORY:
                self.exceeded = True
                self.end()
                return

    def __enter__(self) -> MemoryWatch:
        self.start()
        return self

    def __exit__(self, *problem) -> None:
        self._over.set()
        self.join()
