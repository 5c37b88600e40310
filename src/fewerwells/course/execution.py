"""Run a notebook that somebody else wrote: in a jail, within limits of time, of memory and of output."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from subprocess import DEVNULL

import zmq
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output

from fewerwells.course import jail, sandbox
from fewerwells.course.watch import MemoryWatch

CELL_SECONDS = 60
NOTEBOOK_SECONDS = 300
OUTPUT_BYTES = 2 * 2**20  # that all cells may print
_MESSAGE_BYTES = 4 * OUTPUT_BYTES  # a longer one is not even received
_SEND_MILLISECONDS = 10_000  # a kernel that takes no messages any more is not waited for


class _BoundedClient(NotebookClient):
    """Ends the kernel as soon as it has sent more than it may."""

    sent = 0

    def process_message(self, message, cell, cell_index):
        self.sent += len(str(message["content"]))
        if self.sent > OUTPUT_BYTES:
            kill(self.km)
            return None
        return super().process_message(message, cell, cell_index)


def kill(manager: AsyncKernelManager) -> None:
    """End a kernel and what it started, at once."""
    process = getattr(manager.provisioner, "process", None)
    if process is not None and process.poll() is None:
        os.killpg(os.getpgid(process.pid), signal.SIGKILL)
        process.wait()  # who asks next must see that it is dead, and not wait for its answer for ever


def _stop(cell: NotebookNode, why: str) -> None:
    cell.outputs = [new_output("error", ename="Stopped", evalue=why, traceback=[f"Stopped: {why}"])]


def run_bounded(
    notebook: NotebookNode,
    *,
    cell_seconds: float = CELL_SECONDS,
    notebook_seconds: float = NOTEBOOK_SECONDS,
    protected: bool = True,
) -> str:
    """Execute a notebook in place; errors are stored in their cells and the next cell runs.

    A cell that takes too long is interrupted; if the kernel does not obey, has died, or has sent or taken too much, it
    is ended, and that cell and all later ones are marked as stopped.

    Args:
        notebook: its outputs are replaced.
        cell_seconds, notebook_seconds: limits of wall time.
        protected: False runs without a jail, where there is none.

    Returns:
        Why it was stopped, or "".

    Raises:
        SandboxError: the system cannot shield a submission.
    """
    kind = jail.shield() if protected else jail.NONE
    with tempfile.TemporaryDirectory(prefix="submission-") as name:
        home = Path(name).resolve()
        folder, sockets = home / "folder", home / "sockets"
        for place in (folder, sockets):
            place.mkdir()
        if kind == jail.BUBBLEWRAP and os.getuid() == 0:
            os.chown(sockets, sandbox.STRANGER, sandbox.STRANGER)
        manager = _manager(kind, home, sockets)
        late = {"ename": "Stopped", "evalue": "too slow", "traceback": []}  # replaced by a full sentence below
        client = _BoundedClient(
            notebook, km=manager, allow_errors=True, interrupt_on_timeout=True, error_on_timeout=late
        )
        client.shutdown_kernel = "immediate"
        return _run_cells(client, notebook, jail.environment(kind, folder, sockets), cell_seconds, notebook_seconds)


def _manager(kind: str, home: Path, sockets: Path) -> AsyncKernelManager:
    """A kernel that is not started yet; it will be spoken to through sockets that are files, if the system has them."""
    specification = home / "kernels" / "sandbox"
    specification.mkdir(parents=True)
    words = {
        "argv": [*jail.command(kind, sockets), "{connection_file}"],
        "display_name": "Sandbox",
        "language": "python",
        "interrupt_mode": "message" if kind == jail.BUBBLEWRAP else "signal",  # signals do not pass its wall
    }
    (specification / "kernel.json").write_text(json.dumps(words), encoding="utf-8")
    manager = AsyncKernelManager(
        kernel_name="sandbox",
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(home / "kernels")]),
        connection_file=str(sockets / "connection.json"),
    )
    manager.context.setsockopt(zmq.MAXMSGSIZE, _MESSAGE_BYTES)
    manager.context.setsockopt(zmq.SNDTIMEO, _SEND_MILLISECONDS)
    if sys.platform.startswith("linux"):
        manager.transport, manager.ip = "ipc", str(sockets / "kernel")
    return manager


def _responds(client: NotebookClient) -> bool:
    """Whether the kernel answers again after it was interrupted."""
    try:
        run_sync(client.kc.wait_for_ready)(timeout=10)
    except RuntimeError:
        return False
    return True


def _run_cells(client, notebook: NotebookNode, environment: dict, cell_seconds: float, notebook_seconds: float) -> str:
    why = ""
    # the notebook's owner is this function: nbclient must also clean up when the kernel was killed
    with (
        client.setup_kernel(env=environment, cleanup_kc=True, stdout=DEVNULL, stderr=DEVNULL),
        MemoryWatch(client.km.provisioner.process.pid, lambda: kill(client.km)) as watch,
    ):
        started = time.monotonic()  # not before: how long a busy machine takes to start a kernel is nobody's fault
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            left = notebook_seconds - (time.monotonic() - started)
            if not why and left <= 0:
                why = f"the notebook ran for more than {notebook_seconds:g} s"
                kill(client.km)
            if why:
                _stop(cell, why)
                continue
            client.timeout = max(1, int(min(cell_seconds, left)))
            began = time.monotonic()
            try:
                client.execute_cell(cell, index, store_history=False)
            except DeadKernelError:
                why = "its kernel died"
            if client.sent > OUTPUT_BYTES:
                why = "it printed far too much"
            if watch.exceeded:
                why = "it took far too much memory"
            if time.monotonic() - began >= client.timeout:
                late = f"this cell ran for more than {client.timeout} s"
                _stop(cell, late)
                why = why or ("" if _responds(client) else f"{late} and could not be interrupted")
            if why:
                kill(client.km)
                _stop(cell, why)
        kill(client.km)
    return why
