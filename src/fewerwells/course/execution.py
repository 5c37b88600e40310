"""Run a notebook that somebody else wrote: in a sandboxed kernel, within limits of time and of output."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output

from fewerwells.course import sandbox

CELL_SECONDS = 60
NOTEBOOK_SECONDS = 300
OUTPUT_BYTES = 2 * 2**20

# What a submission's kernel gets to know of the teacher's environment.
_KEPT = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "PYTHONUTF8", "SYSTEMROOT", "NUMBA_CPU_NAME")


class _BoundedClient(NotebookClient):
    """Ends the kernel as soon as it has sent more than it may."""

    sent = 0
    most = OUTPUT_BYTES

    def process_message(self, message, cell, cell_index):
        self.sent += len(str(message["content"]))
        if self.sent > self.most:
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
    output_bytes: int = OUTPUT_BYTES,
    protected: bool = True,
) -> str:
    """Execute a notebook in place; errors are stored in their cells and the next cell runs.

    A cell that takes too long is interrupted; if the kernel does not obey, has died, or has sent too much, it is
    ended, and that cell and all later ones are marked as stopped.

    Args:
        notebook: its outputs are replaced.
        cell_seconds, notebook_seconds: limits of wall time.
        output_bytes: limit of what all cells may print.
        protected: False runs without Landlock, where there is none.

    Returns:
        Why it was stopped, or "".

    Raises:
        SandboxError: the system cannot shield a submission.
    """
    if protected and sandbox.landlock_version() == 0:
        raise sandbox.SandboxError(
            "this system has no Landlock to shield your files from a submission; grade in a container or a virtual "
            "machine that you can throw away, and say --unprotected there."
        )
    with tempfile.TemporaryDirectory(prefix="submission-") as name:
        folder = Path(name).resolve()
        specification = folder / "kernels" / "sandbox"
        specification.mkdir(parents=True)
        argv = [sys.executable, "-m", "fewerwells.course.sandbox", "{connection_file}"]
        words = {"argv": argv, "display_name": "Sandbox", "language": "python"}
        (specification / "kernel.json").write_text(json.dumps(words), encoding="utf-8")
        manager = AsyncKernelManager(
            kernel_name="sandbox",
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(folder / "kernels")]),
            connection_file=str(folder / "connection.json"),
        )
        late = {"ename": "Stopped", "evalue": "too slow", "traceback": []}  # replaced by a full sentence below
        client = _BoundedClient(
            notebook, km=manager, allow_errors=True, interrupt_on_timeout=True, error_on_timeout=late
        )
        client.most = output_bytes
        client.shutdown_kernel = "immediate"
        return _run_cells(client, notebook, _environment(folder, protected), cell_seconds, notebook_seconds)


def _responds(client: NotebookClient) -> bool:
    """Whether the kernel answers again after it was interrupted."""
    try:
        run_sync(client.kc.wait_for_ready)(timeout=10)
    except RuntimeError:
        return False
    return True


def _environment(folder: Path, protected: bool) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    package = str(Path(__file__).resolve().parents[2])
    kept["PYTHONPATH"] = os.pathsep.join([package, *filter(None, [kept.get("PYTHONPATH")])])
    own = ("HOME", "TMPDIR", "IPYTHONDIR", "MPLCONFIGDIR", "NUMBA_CACHE_DIR", "FEWERWELLS_RESULTS", sandbox.FOLDER)
    return kept | dict.fromkeys(own, str(folder)) | ({} if protected else {sandbox.UNPROTECTED: "1"})


def _run_cells(client, notebook: NotebookNode, environment: dict, cell_seconds: float, notebook_seconds: float) -> str:
    why = ""
    # the notebook's owner is this function: nbclient must also clean up when the kernel was killed
    with client.setup_kernel(env=environment, cleanup_kc=True):
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
            if client.sent > client.most:
                why = "it printed far too much"
            if time.monotonic() - began >= client.timeout:
                late = f"this cell ran for more than {client.timeout} s"
                _stop(cell, late)
                why = why or ("" if _responds(client) else f"{late} and could not be interrupted")
            if why:
                kill(client.km)
                _stop(cell, why)
        kill(client.km)
    return why
