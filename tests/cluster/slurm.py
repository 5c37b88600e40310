"""A SLURM of one node on loopback, the recipe of book/rerun.md as it is printed there, and everything killed once.

    sudo apt-get install slurm-wlm munge openssl
    pip install -e ".[cluster]"
    sudo .venv/bin/python tests/cluster/slurm.py [points]

What it shows: the recipe starts as printed; a worker with another version of the package leaves and fails no point; no
finished point is lost or computed twice when every job is cancelled three times, a kernel, a worker and the sweep are
killed, `cluster.py` and the sweep are interrupted; the sweep then says what is left; in the end its table is that of the
same sweep on one machine, byte for byte but for seconds; no two points had one core, though SLURM gives each job a /tmp
and a /dev/shm of its own and binds no cores; jobs that keep their results on a disk of their own are found out; over
TLS, whoever has no certificate is turned away.

Not part of `make test`: it needs Debian's SLURM and root. It ends by itself, in 17 minutes where other work kept two
cores busy: a line for each trial, then the verdict; the exit status is 1 if something went wrong. Daemons, keys and
results live in a folder of their own and are gone at the end; nothing in /etc is read or written. The chapter is a
stand-in that waits until it may end, so what is tried is the way of the points, at any speed of the machine, and not
what they compute.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.test_sweeps import (  # noqa: E402
    CHAPTER,
    SMOKE,
    STAND_IN,
    command,
    find_kernels,
    untimed,
    write_book,
    write_stand_in,
    write_sweep,
)

from fewerwells.running import points, sweeps  # noqa: E402
from fewerwells.running.storage import read_rows  # noqa: E402

SECONDS = 1.0  # that a point takes at least
# A point that has begun ends when nobody holds it any longer.
WAITING = f"""\
began = time.time()
time.sleep({SECONDS})
while os.path.exists(os.environ["FEWERWELLS_RESULTS"] + "/hold"):
    time.sleep(0.1)
"""
PATIENCE = 300.0
SLURM_CONF = """\
ClusterName=one
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobContainerType=job_container/tmpfs
PrologFlags=Contain
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
PlugStackConfig={folder}/plugstack.conf
ReturnToService=2
NodeName=one NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} State=UNKNOWN
PartitionName=normal Nodes=one Default=YES MaxTime=INFINITE State=UP
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(what: str, there: Callable, patience: float = PATIENCE):
    """What `there` returns as soon as it is true."""
    end = time.monotonic() + patience
    while not (found := there()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {patience:.0f} s in vain for {what}")
        time.sleep(0.1)
    return found


def said(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True).stdout


@contextmanager
def slurm(folder: Path) -> Iterator[None]:
    """munged, slurmctld and slurmd of this script alone."""
    for name in ("state", "spool", "own"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(secrets.token_bytes(128))
    (folder / "munge.key").chmod(0o600)
    (folder / "plugstack.conf").touch()
    (folder / "job_container.conf").write_text(f"AutoBasePath=true\nBasePath={folder}/own\n")
    text = SLURM_CONF.format(
        folder=folder,
        host=socket.gethostname(),
        cores=os.cpu_count(),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        controller=free_port(),
        node=free_port(),
    )
    (folder / "slurm.conf").write_text(text)
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    files = {"socket": "munge.socket", "key-file": "munge.key", "pid-file": "munge.pid", "log-file": "munge.log"}
    munge = [f"--{option}={folder / name}" for option, name in (files | {"seed-file": "munge.seed"}).items()]
    daemons = (
        ["munged", "--foreground", "--force", *munge],
        ["slurmctld", "-D", "-f", str(folder / "slurm.conf")],
        ["slurmd", "-D", "-N", "one", "-f", str(folder / "slurm.conf")],
    )
    with ExitStack() as stack:
        for words in daemons:
            with open(folder / f"{words[0]}.out", "w") as out:
                process = subprocess.Popen(words, stdout=out, stderr=out)
            stack.callback(end, process)
            if words[0] == "munged":
                wait_for("munge's socket", (folder / "munge.socket").exists, 20)
        try:
            wait_for("the node", lambda: "idle" in said("sinfo", "-h", "-o", "%t"), 60)
        except TimeoutError:
            for log in sorted([*folder.glob("*.out"), *folder.glob("*.log")]):
                print(f"{log.name}:", *log.read_text().splitlines()[-10:], sep="\n  ")
            raise
        try:
            yield
        finally:
            cancel_all()


def cancel_all() -> None:
    said("scancel", "--user", "root")
    wait_for("the queue to empty", lambda: not jobs(), 60)


def end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def jobs(state: str = "") -> list[str]:
    """The numbers of the jobs in the queue."""
    return said("squeue", "-h", "-o", "%i", *(["-t", state] if state else [])).split()


def page() -> str:
    """The book's page from its part on SLURM on."""
    text = (ROOT / "book" / "rerun.md").read_text("utf-8")
    return text[text.index("### On a SLURM cluster") :]


def recipe(what: str) -> str:
    """The first block of code of a language on the page."""
    return re.search(rf"```{what}\n(.*?)```", page(), re.DOTALL).group(1)


def cluster_script(book: Path, tls: bool) -> str:
    """The recipe's `cluster.py`, with the lines changed that a reader is told to change, and on loopback."""
    text = recipe("python")
    changes = {
        "cores = 4 ": "cores = 1 ",
        '"cd $HOME/fewer-wells"': f'"cd {book}"',
        '"source .venv/bin/activate"': f'"source {sys.prefix}/bin/activate"',
        'memory="8GB",': 'memory="1GB", interface="lo",',
        "maximum=50": f"maximum={os.cpu_count()}",
    }
    if tls:
        text = re.search(r"```python\n(from distributed.security .*?)```", page(), re.DOTALL).group(1) + text
        changes['log_directory="_build/slurm",'] = 'log_directory="_build/slurm", **speak_tls,'
    for old, new in changes.items():
        assert text.count(old) == 1, f"the recipe has changed: {old}"
        text = text.replace(old, new)
    return text


class Session:
    """A book with a sweep of some points, and the two sessions of the recipe."""

    def __init__(self, folder: Path, n_points: int, *, tls: bool = False, results: Path | None = None):
        self.folder, self.tls = folder, tls
        self.results = results or folder / "results"
        self.results.mkdir(parents=True)
        folder.mkdir(exist_ok=True)
        os.environ["FEWERWELLS_RESULTS"] = str(self.results)
        book = write_book(folder / "book")
        slow = STAND_IN.replace("time.sleep(0.3)\n", WAITING).replace("time.time() - 0.3", "began")
        assert WAITING in slow, "the stand-in of the tests has changed"
        assert '"from": began' in slow, "the stand-in of the tests has changed"
        write_stand_in(book / "notebooks" / f"{CHAPTER}.ipynb", slow + "\nimport fewerwells.science.units\n")
        os.chdir(book)
        self.grid = {"noise": [1.0 + 0.125 * i for i in range(n_points)]}
        self.sweep_file = write_sweep(folder, self.grid)
        (folder / "cluster.py").write_text(cluster_script(book, tls))
        self.cluster = self.sweep = self.other = None
        self.address = ""
        self.done: dict[str, int] = {}

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error) -> None:
        for process in (self.sweep, self.cluster, self.other):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        cancel_all()
        os.chdir(ROOT)

    def start_cluster(self) -> None:
        with open(self.folder / "cluster.out", "w") as out:
            words = [sys.executable, str(self.folder / "cluster.py")]
            self.cluster = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT)

        def printed():
            assert self.cluster.poll() is None, (self.folder / "cluster.out").read_text()
            return re.search(r"fewerwells sweep .*--scheduler (\S+)", (self.folder / "cluster.out").read_text())

        self.address = wait_for("cluster.py", printed).group(1)

    def start_sweep(self) -> None:
        with open(self.folder / "sweep.out", "w") as out:
            words = command("sweep", str(self.sweep_file), "--threads", "1", "--scheduler", self.address)
            self.sweep = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT)

    def told(self) -> str:
        return (self.folder / "sweep.out").read_text()

    def stored(self) -> dict[str, int]:
        """Whole points with the time they were stored at; none that was there may be gone, damaged or stored anew."""
        found = dict(points.stored_points(CHAPTER))
        assert all(found.values()), "a half-written point looks whole"
        now = {folder.name: folder.stat().st_mtime_ns for folder in found}
        assert self.done.items() <= now.items(), "a finished point was lost or run again"
        self.done = now
        return now

    def kernels(self) -> list[int]:
        return find_kernels(self.results)

    def hold(self) -> None:
        """No point ends from now on."""
        (self.results / "hold").touch()

    def let_go(self) -> None:
        (self.results / "hold").unlink()

    def more_done(self) -> None:
        """Let points end until there is one more."""
        before = len(self.stored())
        self.let_go()
        wait_for("another point", lambda: len(self.stored()) > before)
        self.hold()

    def stop_cluster(self) -> None:
        if self.cluster and self.cluster.poll() is None:
            self.cluster.send_signal(signal.SIGINT)  # Ctrl-C
            self.cluster.wait(60)
        wait_for("its jobs to go", lambda: not jobs(), 60)

    def table(self) -> str:
        table = read_rows((self.results / "runs" / "sweeps" / f"{self.sweep_file.stem}.csv").read_bytes())
        return untimed(table.drop(columns="point"))


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def shared_a_core(results: Path) -> bool:
    """Whether two points slept on one core at the same time."""
    seen = [json.loads(path.read_text()) for path in (results / "seen").iterdir()]
    return any(
        set(a["cores"]) & set(b["cores"]) and abs(a["from"] - b["from"]) < SECONDS
        for i, a in enumerate(seen)
        for b in seen[:i]
    )


def everything_is_killed(folder: Path, n_points: int, calm: str) -> Iterator[tuple[str, str]]:
    """The trials of one long sweep, in the order of the page."""
    with Session(folder, n_points) as one:
        one.hold()
        one.start_cluster()
        one.start_sweep()
        wait_for("a first point", one.kernels)
        yield "the recipe starts as it is printed", f"{len(jobs())} jobs"

        changed = folder / "changed"
        shutil.copytree(ROOT / "src", changed)
        with open(changed / "fewerwells" / "science" / "units.py", "a", encoding="utf-8") as file:
            file.write("ANOTHER_VERSION = True\n")
        words = [sys.executable, "-m", "distributed.cli.dask_worker", one.address, "--nthreads", "1", "--no-dashboard"]
        with open(folder / "worker.out", "w") as out:
            environment = os.environ | {"PYTHONPATH": str(changed)}
            one.other = subprocess.Popen(
                [*words, "--local-directory", str(folder)], env=environment, stdout=out, stderr=out
            )
        wait_for("the other version to leave", lambda: one.other.poll() is not None)
        assert "leaves: it has another version of the book" in one.told(), one.told()
        yield "a worker with another version leaves", "said so, no point failed"

        killed = 0
        for _ in range(3):
            kernels = set(wait_for("a kernel", one.kernels))
            for job in jobs("RUNNING"):
                said("scancel", job)
                killed += 1
            wait_for("their kernels to end", lambda gone=kernels: not gone & set(one.kernels()))
        assert one.sweep.poll() is None, one.told()
        yield "every job cancelled three times", f"{killed} cancels"

        for kind in ("kernel", "worker"):
            kernel = wait_for("a kernel", one.kernels)[0]
            os.kill(kernel if kind == "kernel" else parent(kernel), signal.SIGKILL)
            one.more_done()
            yield f"kill -9 of a {kind}", f"points done: {len(one.done)}"
        assert one.sweep.poll() is None, one.told()

        one.sweep.kill()
        one.sweep.wait()
        one.start_sweep()
        one.more_done()
        yield "kill -9 of the sweep, and started again", f"points done: {len(one.done)}"

        wait_for("a kernel", one.kernels)
        one.stop_cluster()
        assert one.sweep.wait(60) == 1
        left = re.search(r"the scheduler went away; (\d+) of (\d+) points are not done", one.told())
        assert left, one.told()
        assert "Traceback" not in one.told(), one.told()
        assert int(left.group(1)) == n_points - len(one.stored()), one.told()
        yield "Ctrl-C of cluster.py under the sweep", left.group(0)

        one.start_cluster()
        one.start_sweep()
        one.more_done()
        wait_for("a kernel", one.kernels)
        one.sweep.send_signal(signal.SIGINT)
        assert one.sweep.wait(60) != 0
        one.let_go()
        wait_for("the jobs to go", lambda: not jobs(), 120)
        yield "Ctrl-C of the sweep", f"its jobs go by themselves; points done: {len(one.stored())}"

        one.start_sweep()
        assert one.sweep.wait(PATIENCE) == 0, one.told()
        one.stored()
        one.stop_cluster()
        assert one.table() == calm, "the tables differ"
        yield "the table", f"{n_points} points, equal to the local one but for seconds"
        assert not shared_a_core(one.results)
        yield "cores of jobs with a /tmp of their own", "no two points had one at a time"


def on_a_disk_of_its_own(folder: Path) -> Iterator[tuple[str, str]]:
    """A results folder in /tmp, of which each job has one of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="fewerwells-slurm-", dir="/tmp") as name,
        Session(folder, 2, results=Path(name) / "results") as one,
    ):
        one.start_cluster()
        one.start_sweep()
        assert one.sweep.wait(PATIENCE) == 1, one.told()
        assert "its results folder is not the one of this sweep" in one.told(), one.told()
        assert "Traceback" not in one.told(), one.told()
        yield "jobs that keep results to themselves", "said so"


def over_tls(folder: Path, n_points: int, calm: str) -> Iterator[tuple[str, str]]:
    home = folder / "home"
    home.mkdir(parents=True)
    subprocess.run(
        ["bash", "-e", "-c", recipe("sh")], env=os.environ | {"HOME": str(home)}, check=True, capture_output=True
    )
    os.environ["DASK_CONFIG"] = str(home / "dask-tls")
    with Session(folder, n_points, tls=True) as one:
        one.start_cluster()
        assert one.address.startswith("tls://"), one.address
        del os.environ["DASK_CONFIG"]
        one.start_sweep()
        assert one.sweep.wait(120) == 2, one.told()
        assert "names no certificates here" in one.told(), one.told()
        one.address = one.address.replace("tls://", "tcp://")
        one.start_sweep()
        assert one.sweep.wait(120) == 2, one.told()
        assert "no scheduler answers" in one.told(), one.told()
        yield "TLS without the certificate", "turned away, with tls:// and with tcp://"
        os.environ["DASK_CONFIG"] = str(home / "dask-tls")
        one.address = one.address.replace("tcp://", "tls://")
        one.start_sweep()
        assert one.sweep.wait(PATIENCE) == 0, one.told()
        one.stop_cluster()
        del os.environ["DASK_CONFIG"]
        assert one.table() == calm, "the tables differ"
        yield "TLS with the certificate", f"{n_points} points, equal to the local table but for seconds"


def local(folder: Path, n_points: int) -> str:
    """The table of the same sweep on this machine, undisturbed."""
    one = Session(folder, n_points)
    table = sweeps.sweep(CHAPTER, one.grid, SMOKE)
    return untimed(pd.read_csv(_as_written(folder, table)).drop(columns="point"))


def _as_written(folder: Path, table: pd.DataFrame) -> Path:
    path = folder / "table.csv"
    table.to_csv(path, index=False, float_format="%.7g", lineterminator="\n")
    return path


def main(n_points: int = 12) -> int:
    if os.getuid() != 0:
        sys.exit("SLURM's daemons want root here.")
    if missing := [name for name in ("munged", "slurmctld", "slurmd", "openssl") if shutil.which(name) is None]:
        sys.exit(f"{missing[0]} is not installed; apt-get install slurm-wlm munge openssl")
    began, well, wrong = time.monotonic(), 0, 0
    # not in /tmp, of which each job has one of its own
    with tempfile.TemporaryDirectory(prefix="fewerwells-slurm-", dir="/var/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # munge wants to be seen by all
        (folder / "slurm").mkdir()
        print(said("slurmctld", "-V").strip(), flush=True)
        with slurm(folder / "slurm"):
            trials = (
                everything_is_killed(folder / "killed", n_points, local(folder / "calm", n_points)),
                on_a_disk_of_its_own(folder / "disk"),
                over_tls(folder / "tls", 4, local(folder / "calm4", 4)),
            )
            for trial in trials:
                try:
                    for what, came in trial:
                        well += 1
                        print(f"{what}: {came}", flush=True)
                except (AssertionError, TimeoutError, subprocess.SubprocessError) as error:
                    wrong += 1
                    print(f"WRONG: {type(error).__name__}: {error}", said("squeue"), sep="\n", flush=True)
                    for path in sorted(folder.glob("*/*.out")) + sorted(folder.glob("*/book/_build/slurm/*.out")):
                        print(f"{path.relative_to(folder)}:", *path.read_text().splitlines()[-15:], sep="\n  ")
    took = f"{(time.monotonic() - began) / 60:.0f} minutes"
    print(f"{wrong} went wrong, {well} went well, in {took}." if wrong else f"All {well} went well, in {took}.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
