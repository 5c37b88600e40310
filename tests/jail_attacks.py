"""Attacks of a submission on its grader, one for each promise of *For teachers*; the outcome is judged by its effect.

`python -P jail_attacks.py bubblewrap` (or Landlock, or nothing) grades these submissions as whoever starts it, and prints as JSON
which promises held. It is a program, and not a test, so that the tests can start it as another user.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import psutil

from fewerwells.course import jail, watch
from fewerwells.course.execution import run_bounded

WORD = "the-teachers-own"
EXERCISES = Path(__file__).resolve().parents[1] / "exercises"
TOGETHER = 2**29  # bytes; the limit of all processes together is tried at a smaller size
PROTECTED = True
SURVIVOR = f"86399.{os.getpid()}"  # seconds that a process sleeps which is left behind; by them it is found


def _environments() -> str:
    """Code that prints the environment of every other process that can be seen."""
    return """
import glob, os
for path in glob.glob('/proc/[0-9]*/environ'):
    if path.split('/')[2] != str(os.getpid()):
        try:
            print(open(path).read())
        except OSError:
            pass"""


class Targets:
    """What an attack may hit, and whether it was hit; all of it belongs to whoever grades.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path):
        self.secret, self.precious, self.fresh = folder / "gradebook.db", folder / "answers.txt", folder / "fresh"
        self.secret.write_text(WORD)
        self.precious.write_text(WORD)
        os.utime(self.precious, (1, 1))
        self.mode = self.precious.stat().st_mode
        self.tcp, self.udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
        self.file, self.abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        self.tcp.bind(("127.0.0.1", 0))
        self.udp.bind(("127.0.0.1", 0))
        self.file.bind(str(folder / "socket"))
        self.abstract.bind(f"\0{folder}")
        for listening in (self.tcp, self.file, self.abstract):
            listening.listen()
        for each in (self.tcp, self.udp, self.file, self.abstract):
            each.settimeout(0.2)
        self.program = subprocess.Popen(["sleep", "600"])
        self.folder = folder

    def attacks(self) -> dict[str, str]:
        """Code for each promise."""
        tcp, udp = self.tcp.getsockname()[1], self.udp.getsockname()[1]
        return {
            "read": f"print(open({str(self.secret)!r}).read())",
            "list": f"import os\nprint(os.listdir({str(EXERCISES)!r}))",
            "write": f"open({str(self.precious)!r}, 'w').write('gone')",
            "create": f"open({str(self.fresh)!r}, 'w')",
            "shell": f"import subprocess\nsubprocess.run(['rm', {str(self.precious)!r}], check=True)",
            "chmod": f"import os\nos.chmod({str(self.precious)!r}, 0o777)",
            "utime": f"import os\nos.utime({str(self.precious)!r}, (2, 2))",
            "tcp": f"import socket\nsocket.create_connection(('127.0.0.1', {tcp}), timeout=2)",
            "udp": f"import socket\nsocket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {udp}))",
            "file socket": f"import socket\nsocket.socket(socket.AF_UNIX).connect({str(self.folder / 'socket')!r})",
            "abstract socket": f"import socket\nsocket.socket(socket.AF_UNIX).connect('\\0' + {str(self.folder)!r})",
            "signal": f"import os\nos.kill({self.program.pid}, 9)",
            "signal the grader": f"import os\nos.kill({os.getpid()}, 0)\nprint('reached')",
            "environment": _environments(),
            "other programs": "import os\nprint(sorted(int(name) for name in os.listdir('/proc') if name.isdigit()))",
            "leave a process": f"import subprocess\nsubprocess.Popen(['setsid', 'sleep', '{SURVIVOR}'])",
            "one process's memory": "block = bytearray(5 * 2**30)",
            "shared memory": "import mmap\nmmap.mmap(-1, 10 * 2**30)",
            "one big file": "open('big', 'wb').write(bytes(60 * 2**20))",
            "all files": "for number in range(8):\n    open(str(number), 'wb').write(bytes(40 * 2**20))",
            "the kernel's sockets": "import os\nopen(os.environ['FEWERWELLS_SANDBOX_SOCKETS'] + '/x', 'w').write('x')",
            "endless loop": "while True: pass",
            "many processes": "import subprocess\nfor number in range(400): subprocess.Popen(['sleep', '600'])\nprint('400')",
        }

    def reached(self, listening: socket.socket) -> bool:
        """Whether somebody connected, or sent a packet."""
        try:
            listening.recv(1) if listening is self.udp else listening.accept()
        except TimeoutError:
            return False
        return True


def _said(cell) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


def _errors(cell) -> str:
    return "".join(f"{output.ename}: {output.evalue}" for output in cell.outputs if output.output_type == "error")


def _run(codes: list[str], **limits) -> tuple[str, list]:
    limits["protected"] = PROTECTED
    cells = [nbformat.v4.new_code_cell(code) for code in codes]
    return run_bounded(nbformat.v4.new_notebook(cells=cells), **limits), cells


def _left() -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", SURVIVOR]]


def held(folder: Path) -> dict[str, bool]:
    """Which promises held; the names are those of the table in *For teachers*."""
    targets = Targets(folder)
    attacks = targets.attacks()
    why, cells = _run(list(attacks.values()), cell_seconds=15)
    tried = dict(zip(attacks, cells, strict=True))
    seen = json.loads(_said(tried["other programs"]) or "[]")
    time.sleep(1)
    left = _left()
    for process in left:
        process.kill()
    outcome = {
        "read your files": WORD not in _said(tried["read"]) and "ipynb" not in _said(tried["list"]),
        "write, make or delete files outside its folder": targets.precious.is_file()
        and targets.precious.read_text() == WORD
        and not targets.fresh.exists(),
        "change modes or times of files outside": targets.precious.is_file()
        and targets.precious.stat().st_mode == targets.mode
        and targets.precious.stat().st_mtime == 1,
        "connect over TCP": not targets.reached(targets.tcp),
        "send over UDP": not targets.reached(targets.udp),
        "reach UNIX sockets of other programs": not targets.reached(targets.file)
        and not targets.reached(targets.abstract),
        "signal other programs": targets.program.poll() is None and "reached" not in _said(tried["signal the grader"]),
        "read other programs' environment, yours among them": WORD not in _said(tried["environment"]),
        "see that other programs run": targets.program.pid not in seen and len(seen) < 20,
        "leave a process behind": not left,
        "start more than 256 processes and threads": "400" not in _said(tried["many processes"]),
        "take more than 4 GB of memory in a process": "MemoryError" in _errors(tried["one process's memory"])
        and "OSError" in _errors(tried["shared memory"]),
        "write a file of more than 50 MB": "OSError" in _errors(tried["one big file"]),
        "write more than 256 MB in all": "OSError" in _errors(tried["all files"])
        and "Error" in _errors(tried["the kernel's sockets"]),
        "compute without end": "more than 15 s" in _errors(tried["endless loop"]) and why == "",
    }
    targets.program.kill()
    targets.program.wait()
    return outcome | _limits()


def _limits() -> dict[str, bool]:
    """Attacks that end a kernel."""
    watch.MEMORY = TOGETHER
    hold = (
        "import subprocess, sys\nheld = [subprocess.Popen([sys.executable, '-c', 'x = b\"x\" * 25 * 10**7; input()'], "
    )
    hold += "stdin=subprocess.PIPE) for _ in range(4)]\nimport time\ntime.sleep(60)"
    together, _ = _run([hold], cell_seconds=50)
    flood, _ = _run(["while True: print('x' * 1000)"], cell_seconds=50)
    _, cells = _run(["print('x' * 10**8)", "print('unheard')"], cell_seconds=10)
    deaf = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(1)"
    stubborn, _ = _run([deaf], cell_seconds=3)
    return {
        "take more than 5 GB in all its processes": "memory" in together,
        "print more than 2 MB": "far too much" in flood and len(_said(cells[0])) < 2 * 2**20,
        "ignore that it is interrupted": "could not be interrupted" in stubborn,
    }


def main(kind: str) -> None:
    """Attack, and print which promises held."""
    global PROTECTED
    PROTECTED = kind != jail.NONE
    if kind == jail.LANDLOCK:
        jail.bubblewrap = lambda: None
    assert not PROTECTED or jail.shield() == kind, f"{kind} does not work here"
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(held(Path(folder))))


if __name__ == "__main__":
    # the environment of this process is what it was started with
    if os.environ.get("TEACHERS_PASSWORD") != WORD:
        os.execve(sys.executable, [sys.executable, "-P", *sys.argv], os.environ | {"TEACHERS_PASSWORD": WORD})
    main(sys.argv[1])
