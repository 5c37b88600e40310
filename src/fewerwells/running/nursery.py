"""Kernels that start warm: a process imports once what chapters import, and is forked for each of their kernels.

A build runs some thirty notebooks. A kernel that is started afresh needs four seconds of a processor before its first
cell, a forked one next to none. A nursery knows code and libraries as they were when it began, so it belongs to one
build and ends with it; whoever lives longer, as a sweep's worker does, starts kernels afresh. Only on Linux, because
system libraries of others do not survive a fork.

Jupyter starts, watches and kills what it takes for the kernel: `python nursery.py SOCKET …`, a stand-in of a few lines.
It hands its streams to the nursery, which forks, passes signals on and ends as the kernel ends. A kernel whose stand-in
is gone is killed, and so are all of them when the build is.
"""

# the stand-in loads nothing but this file and the standard library: it must be there at once
from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

CAN_FORK = sys.platform == "linux"
_PASSED_ON = (signal.SIGINT, signal.SIGTERM)
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_LONGEST_ADDRESS = 107  # bytes of a Unix socket's
_SIZE = 8  # bytes that say how long a request is


class Nursery:
    """Starts kernels for one build; a context manager, begun when the first kernel is asked for.

    Attributes:
        environment: variables that kernels get beside those of this process.
        modules: what is imported before a kernel is forked.
        closed: whether it has ended, so that nobody wants kernels any more.
    """

    def __init__(self, environment: Mapping[str, str], modules: Sequence[str]):
        self.environment, self.modules = dict(environment), tuple(modules)
        self.closed = False
        self._address: str | None = None  # "" where kernels are started afresh
        self._open = contextlib.ExitStack()
        self._lock = threading.Lock()  # notebooks run side by side in threads

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """End the nursery, and with it every kernel that runs."""
        self.closed = True
        self._open.close()

    def command(self, *words: str) -> list[str]:
        """What starts a kernel with these words, as `python -m fewerwells.running.kernel` would."""
        with self._lock:
            if self._address is None:
                self._begin()
        if not self._address:
            return [sys.executable, "-m", "fewerwells.running.kernel", *words]
        return [sys.executable, "-I", "-S", __file__, self._address, *words]

    def _begin(self) -> None:
        """Start the nursery's process, where there can be one."""
        folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="fewerwells-", ignore_cleanup_errors=True))
        address = str(Path(folder) / "kernels")
        if not CAN_FORK or len(os.fsencode(address)) > _LONGEST_ADDRESS:
            self._address = ""
            return
        with socket.socket(socket.AF_UNIX) as listener:  # stand-ins may knock before the nursery has imported anything
            listener.bind(address)
            listener.listen()
            process = subprocess.Popen(
                [sys.executable, "-m", "fewerwells.running.nursery", str(listener.fileno()), *self.modules],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                env=os.environ | self.environment,
                pass_fds=[listener.fileno()],
                start_new_session=True,  # a Ctrl-C is for the build, which ends the kernels in order
            )
        self._open.enter_context(process)  # closes its standard input, which ends it, and waits for it
        self._address = address


def stand_in(address: str, words: list[str]) -> None:
    """Be the kernel in Jupyter's eyes: ask the nursery for it, pass signals on, end as it ends."""
    told = {"words": words, "folder": os.getcwd(), "cores": [*os.sched_getaffinity(0)], "environment": dict(os.environ)}
    request = json.dumps(told).encode()
    with socket.socket(socket.AF_UNIX) as nursery:
        nursery.connect(address)
        for number in _PASSED_ON:
            signal.signal(number, lambda given, _: nursery.send(bytes([given])))
        socket.send_fds(nursery, [len(request).to_bytes(_SIZE, "big")], [0, 1, 2])
        nursery.sendall(request)
        ended = nursery.recv(4)
    code = int.from_bytes(ended, "big", signed=True) if ended else -signal.SIGKILL  # the nursery itself is gone
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _read(connection: socket.socket) -> tuple[dict, list[int]]:
    """What a stand-in asks for, and its three streams."""
    size, streams, *_ = socket.recv_fds(connection, _SIZE, 3)
    left, parts = int.from_bytes(size, "big"), []
    while left:
        parts.append(connection.recv(left))
        if not parts[-1]:
            raise EOFError
        left -= len(parts[-1])
    return json.loads(b"".join(parts)), streams


def serve(listener: socket.socket) -> tuple[dict, list[int]] | None:
    """Fork a kernel for whoever knocks, until standard input is closed.

    Returns:
        In a kernel's process what was asked for and its streams; None in the nursery when it ends.
    """
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    kernels: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as waiting:
        for source in (0, woken, listener):
            waiting.register(source, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj == 0:
                    for pid in kernels:
                        _send(pid, signal.SIGKILL)
                    return None
                if key.fileobj == woken:
                    os.read(woken, 4096)
                    _tell_of_the_dead(kernels, waiting)
                elif key.fileobj is listener:
                    connection, _ = listener.accept()
                    try:
                        request, streams = _read(connection)
                    except (EOFError, OSError, ValueError):  # the stand-in was killed as it spoke
                        connection.close()
                        continue
                    pid = os.fork()
                    if pid == 0:
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        for one in (listener, connection, *kernels.values()):
                            one.close()
                        os.close(woken)
                        os.close(wake)
                        return request, streams
                    for stream in streams:
                        os.close(stream)
                    kernels[pid] = connection
                    waiting.register(connection, selectors.EVENT_READ, pid)
                elif key.data in kernels:
                    given = key.fileobj.recv(64)
                    for number in given or [signal.SIGKILL]:
                        _send(key.data, number)
                    if not given:
                        waiting.unregister(key.fileobj)


def _send(pid: int, number: int) -> None:
    """Send a signal to a kernel and all that it has started."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:  # it has no group of its own yet
        os.kill(pid, number)


def _tell_of_the_dead(kernels: dict[int, socket.socket], waiting: selectors.BaseSelector) -> None:
    """Tell stand-ins how their kernels have ended."""
    while kernels:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        connection = kernels.pop(pid)
        if connection in waiting.get_map():
            waiting.unregister(connection)
        with contextlib.suppress(OSError):  # the stand-in was killed first
            connection.send(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))
        connection.close()


def become(request: dict, streams: list[int]) -> None:
    """Run the kernel that was asked for, in this process, as if it had been started afresh."""
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # if the nursery is killed, nobody else would notice
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["folder"])
    os.sched_setaffinity(0, request["cores"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["kernel", *request["words"]]
    import_module("fewerwells.running.kernel").main()


def main() -> None:
    """The nursery's own process."""
    if sys.path[0] in ("", str(Path.cwd())):  # where the build was started
        del sys.path[0]
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")  # as a kernel does, but sooner
    for name in ("ipykernel.kernelapp", "fewerwells.running.kernel", *sys.argv[2:]):
        import_module(name)
    from fewerwells.running.identity import code

    code(sys.argv[2:])  # every kernel asks what its rows are made from: those modules are read once
    if published := sys.modules.get("fewerwells.running.published"):
        published.published_rows()  # and which of them are published
    gc.freeze()  # or collecting garbage would copy what kernels share
    # its threads are those of OpenBLAS, which ends them before a fork
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        asked = serve(listener)
    if asked is not None:
        become(*asked)


if __name__ == "__main__":
    if sys.flags.isolated:
        stand_in(sys.argv[1], sys.argv[2:])
    else:
        main()
