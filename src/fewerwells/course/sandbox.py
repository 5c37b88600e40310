"""A kernel that can harm nobody: a submission runs here when it is graded.

Started as `python -m fewerwells.course.sandbox CONNECTION_FILE`, this module limits its own process and then becomes
an IPython kernel. Memory, processor time and the size of files are limited by rlimits. By Landlock (Linux 5.13 or
newer; no rights needed) it may write in its own folder only, read nothing but Python, the system's libraries and that
folder, connect to nothing over TCP and send signals to nobody outside. Limits
cannot be lifted again, and whatever the submission starts inherits them.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import site
import struct
import sys
from pathlib import Path

FOLDER = "FEWERWELLS_SANDBOX_FOLDER"
UNPROTECTED = "FEWERWELLS_SANDBOX_UNPROTECTED"
MEMORY = 4 * 2**30  # bytes that a process may write to
LIBRARIES = (
    4 * 2**30
)  # bytes of address space beyond that; a torch built for CUDA maps 3.2 GiB of them before it does anything
PROCESSOR_SECONDS = 240  # of the whole notebook, all threads together
FILE_SIZE = 50 * 2**20  # bytes of one file

# include/uapi/linux/landlock.h; the numbers of the system calls are the same on all architectures
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH, _NET_PORT = 1, 2
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_FILES_BY_VERSION = {1: 2**13 - 1, 2: 2**14 - 1, 3: 2**15 - 1}  # all rights, then with REFER, then with TRUNCATE
_BIND, _CONNECT = 1, 2
_SCOPE_SIGNAL = 2
_NO_NEW_PRIVILEGES = 38


class SandboxError(RuntimeError):
    """The system cannot shield a submission."""


def landlock_version() -> int:
    """The version of Landlock that the kernel offers; 0 where there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, ctypes.CDLL(None, use_errno=True).syscall(_CREATE_RULESET, None, 0, _VERSION))


def _call(libc: ctypes.CDLL, number: int, *arguments) -> int:
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise SandboxError(f"Landlock refused: {os.strerror(ctypes.get_errno())}.")
    return result


def readable_folders() -> list[Path]:
    """What a kernel has to read: Python, its packages, this package, the system's libraries."""
    package = Path(__file__).resolve().parents[1]
    paths = {Path(sys.prefix), Path(sys.base_prefix), package, *map(Path, site.getsitepackages())}
    paths |= {Path(entry) for entry in sys.path if "packages" in entry}
    paths |= {Path(f"/{name}") for name in ("usr", "lib", "lib64", "bin", "etc", "proc", "sys", "dev", "opt")}
    return [path for path in paths if path.exists()]


def restrict_files_and_network(folder: Path, ports: list[int]) -> None:
    """Confine this process and its children for good: see the module's docstring.

    Raises:
        SandboxError: the system refuses.
    """
    version = landlock_version()
    if version == 0:
        raise SandboxError("this system has no Landlock.")
    libc = ctypes.CDLL(None, use_errno=True)
    files = _FILES_BY_VERSION[min(version, 3)]
    network = _BIND | _CONNECT if version >= 4 else 0
    scoped = _SCOPE_SIGNAL if version >= 6 else 0
    attributes = struct.pack("=QQQ", files, network, scoped)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _call(libc, _CREATE_RULESET, ctypes.create_string_buffer(attributes), size, 0)
    reading = _EXECUTE | _READ_FILE | _READ_DIR
    allowed = [(path, reading) for path in readable_folders()]
    allowed += [(folder, files), (Path("/dev/null"), _READ_FILE | _WRITE_FILE)]
    for path, rights in allowed:
        descriptor = os.open(path, os.O_PATH)
        if not path.is_dir():
            rights &= _EXECUTE | _READ_FILE | _WRITE_FILE
        rule = struct.pack("=Qi", rights & files, descriptor)
        _call(libc, _ADD_RULE, ruleset, _PATH_BENEATH, ctypes.create_string_buffer(rule), 0)
        os.close(descriptor)
    for port in [0, *ports] if network else []:  # 0: a port of the system's choice, for the kernel's own pipe
        rule = struct.pack("=QQ", _BIND, port)
        _call(libc, _ADD_RULE, ruleset, _NET_PORT, ctypes.create_string_buffer(rule), 0)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    _call(libc, _RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def main(connection_file: str) -> None:
    """Limit this process, then become the kernel of a connection file."""
    for limit, value in (
        (resource.RLIMIT_DATA, MEMORY),
        (resource.RLIMIT_AS, MEMORY + LIBRARIES),
        (resource.RLIMIT_CPU, PROCESSOR_SECONDS),
        (resource.RLIMIT_FSIZE, FILE_SIZE),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    folder = Path(os.environ[FOLDER])
    os.chdir(folder)
    if UNPROTECTED not in os.environ:
        connection = json.loads(Path(connection_file).read_text(encoding="utf-8"))
        restrict_files_and_network(folder, [value for name, value in connection.items() if name.endswith("_port")])
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance(argv=["-f", connection_file, "--log-level=CRITICAL", "--HistoryManager.enabled=False"])


if __name__ == "__main__":
    main(sys.argv[1])
