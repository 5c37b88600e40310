"""The kernel of a chapter's run, `python -m fewerwells.running.kernel NOTES -f …`: it notes what it is and what it reads.

Files are noted as they are opened, one JSON line each, because only a run knows what it reads: a list written by hand
would be forgotten.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("fewerwells", "numpy", "scipy", "scikit-learn", "torch", "numba")
_CODE = (".py", ".pyc", ".so", ".pyd")


def processor() -> str:
    """The processor's name as its maker calls it, and its kind as compilers know it with a digest of what it can do.

    The name alone may stand for several kinds, which round differently: a rented machine often tells no more than "AMD EPYC".
    """
    from llvmlite import binding  # of Numba; takes a tenth of a second

    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    name = found.group(1).strip() if found else platform.processor() or platform.machine()
    features = hashlib.sha256(binding.get_host_cpu_features().flatten().encode()).hexdigest()[:6]
    return f"{name} ({binding.get_host_cpu_name()}, {features})"


def about() -> dict:
    """What this process is: versions of Python and of the packages that decide digits, platform and processor."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processor": processor(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def note_files(notes: int) -> None:
    """From now on write a line for each file, code apart, that this process opens or puts in another's place.

    Args:
        notes: an open file's number; writing to it opens nothing, so the hook never calls itself.
    """
    seen: set[tuple[str, str]] = set()

    def note(how: str, path) -> None:
        if isinstance(path, int):  # a file that is open already
            return
        line = (how, os.path.abspath(os.fsdecode(path)))
        if line not in seen and not line[1].endswith(_CODE):
            seen.add(line)
            os.write(notes, (json.dumps(line) + "\n").encode())

    def hook(event: str, arguments: tuple) -> None:
        if event == "open":
            path, _, flags = arguments
            note("written" if flags & (os.O_WRONLY | os.O_RDWR) else "read", path)
        elif event == "os.rename":
            note("written", arguments[1])

    sys.addaudithook(hook)


def main() -> None:
    """Start the kernel, its notes in the file that the first word names."""
    if sys.path[0] in ("", str(Path.cwd())):  # the notebook's folder, which IPython puts there itself
        del sys.path[0]
    notes = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(notes, (json.dumps(about()) + "\n").encode())
    note_files(notes)
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


if __name__ == "__main__":
    main()
