"""What a submission's kernel does to itself before it runs anything: limits, then it becomes an IPython kernel.

Started as `python -P sandbox.py CONNECTION_FILE`, inside what `jail` built around it, and with nothing but the
standard library until it is confined. Limits cannot be lifted again, and whatever the submission starts inherits them.

Memory, processor time, size of files and number of processes are limited by rlimits; by Landlock (Linux 5.13 or newer;
no rights needed) it may write in its own folder only, read nothing but Python, the system's libraries and that folder,
use no TCP, and reach no process outside by signals. Landlock does not know UDP, UNIX sockets with a path, or the modes
and times of files: for these the namespaces of bubblewrap are needed.
"""

from __future__ import annotations

import ctypes
import os
import site
import struct
import sys
from pathlib import Path

FOLDER = "FEWERWELLS_SANDBOX_FOLDER"  # where it may write
SOCKETS = "FEWERWELLS_SANDBOX_SOCKETS"  # where it may make sockets, by which it is talked to
UNPROTECTED = "FEWERWELLS_SANDBOX_UNPROTECTED"
NAMESPACES = "FEWERWELLS_SANDBOX_NAMESPACES"  # set where bubblewrap has shut it in
MEMORY = 4 * 2**30  # bytes that a process may write to
LIBRARIES = (
    4 * 2**30
)  # bytes of address space beyond that; a torch built for CUDA maps 3.2 GiB of them before it does anything
PROCESSOR_SECONDS = 300  # of the whole notebook on each core: networks train on all, and the clock ends it first
FILE_SIZE = 50 * 2**20  # bytes of one file
PROCESSES = 256  # and threads, all together
STRANGER = 65533  # the user id of a submission that root grades: nobody's, not even the user nobody's

# include/uapi/linux/landlock.h; the numbers of the system calls are the same on all architectures
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH, _NET_PORT = 1, 2
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_FILE, _MAKE_SOCKET = 1, 2, 4, 8, 32, 512
_FILES_BY_VERSION = {1: 2**13 - 1, 2: 2**14 - 1, 3: 2**15 - 1}  # all rights, then with REFER, then with TRUNCATE
_BIND, _CONNECT = 1, 2
_SCOPE_ABSTRACT_SOCKET, _SCOPE_SIGNAL = 1, 2
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
    """What a kernel has to read beside the system's folders: Python, its packages, this package."""
    package = Path(__file__).resolve().parents[1]
    paths = {Path(sys.prefix), Path(sys.base_prefix), package, *map(Path, site.getsitepackages())}
    paths |= {Path(entry) for entry in sys.path if "packages" in entry}
    return sorted(path for path in paths if path.exists())


def restrict_by_landlock(folder: Path, sockets: Path) -> None:
    """Confine this process and its children for good: see the module's docstring.

    Args:
        folder: where it may write.
        sockets: where it may make sockets and nothing else.

    Raises:
        SandboxError: the system refuses.
    """
    version = landlock_version()
    libc = ctypes.CDLL(None, use_errno=True)
    files = _FILES_BY_VERSION[min(version, 3)]
    network = _BIND | _CONNECT if version >= 4 else 0
    scoped = _SCOPE_ABSTRACT_SOCKET | _SCOPE_SIGNAL if version >= 6 else 0
    attributes = struct.pack("=QQQ", files, network, scoped)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _call(libc, _CREATE_RULESET, ctypes.create_string_buffer(attributes), size, 0)
    reading = _EXECUTE | _READ_FILE | _READ_DIR
    system = (Path(f"/{name}") for name in ("usr", "lib", "lib64", "bin", "etc", "proc", "sys", "dev", "opt"))
    allowed = [(path, reading) for path in (*readable_folders(), *system) if path.exists()]
    allowed += [(folder, files), (sockets, reading | _MAKE_SOCKET | _REMOVE_FILE)]
    allowed += [(Path("/dev/null"), _READ_FILE | _WRITE_FILE)]
    for path, rights in allowed:
        descriptor = os.open(path, os.O_PATH)
        if not path.is_dir():
            rights &= _EXECUTE | _READ_FILE | _WRITE_FILE
        rule = struct.pack("=Qi", rights & files, descriptor)
        _call(libc, _ADD_RULE, ruleset, _PATH_BENEATH, ctypes.create_string_buffer(rule), 0)
        os.close(descriptor)
    if network:  # port 0 is one of the system's choice, for the kernel's own pipe
        rule = struct.pack("=QQ", _BIND, 0)
        _call(libc, _ADD_RULE, ruleset, _NET_PORT, ctypes.create_string_buffer(rule), 0)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    _call(libc, _RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _counts_processes_by_namespace() -> bool:
    """Whether Linux counts a user's processes in a namespace apart from his others (5.14 or newer)."""
    return tuple(int(part) for part in os.uname().release.split(".")[:2]) >= (5, 14)


def limit() -> None:
    """Give up what this process does not need: root's rights, memory, time, large files, many processes.

    Root, whose processes nobody counts, becomes a user who owns nothing.
    """
    import resource  # here, since Windows has none, where the course is made and nothing is graded

    limits = {
        resource.RLIMIT_DATA: MEMORY,
        resource.RLIMIT_AS: MEMORY + LIBRARIES,
        resource.RLIMIT_CPU: PROCESSOR_SECONDS * len(os.sched_getaffinity(0)),
        resource.RLIMIT_FSIZE: FILE_SIZE,
        resource.RLIMIT_CORE: 0,
    }
    if NAMESPACES in os.environ:
        if os.getuid() == 0:
            os.setgroups([])
            os.setresgid(STRANGER, STRANGER, STRANGER)
            os.setresuid(STRANGER, STRANGER, STRANGER)
        if _counts_processes_by_namespace():
            limits[resource.RLIMIT_NPROC] = PROCESSES
    for name, value in limits.items():
        resource.setrlimit(name, (value, value))


def main(connection_file: str) -> None:
    """Limit this process, then become the kernel of a connection file."""
    connection = Path(connection_file).read_bytes()  # while it may: the file is its owner's
    limit()
    folder = Path(os.environ[FOLDER])
    os.chdir(folder)
    own = folder / "connection.json"
    own.write_bytes(connection)
    if UNPROTECTED not in os.environ and landlock_version():
        restrict_by_landlock(folder, Path(os.environ[SOCKETS]))
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance(argv=["-f", str(own), "--log-level=CRITICAL", "--HistoryManager.enabled=False"])


if __name__ == "__main__":
    main(sys.argv[1])
