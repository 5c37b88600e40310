"""Twenty kill -9 over one sweep: of the sweep, of a worker, of a kernel, at random moments.

    python benchmarks/sweep_kills.py [kills] [points]

After each kill every stored point must be whole and none that was done may be lost; at the end the table must be that
of an undisturbed sweep, but for the columns of time. Linux only: processes are found through /proc.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.test_sweeps import CHAPTER, SMOKE, command, find_kernels, untimed, write_book, write_sweep

from fewerwells.running import points, sweeps


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    try:
        children = [int(c) for t in Path(f"/proc/{pid}/task").iterdir() for c in (t / "children").read_text().split()]
    except OSError:
        return []
    return children + [one for child in children for one in descendants(child)]


def main(kills: int = 20, n_points: int = 40) -> None:
    random.seed(4)
    folder = Path(tempfile.mkdtemp(prefix="fewerwells-kills-"))
    os.chdir(write_book(folder / "book"))
    grid = {"noise": [1.0 + 0.125 * i for i in range(n_points)]}
    (folder / "calm").mkdir()
    os.environ["FEWERWELLS_RESULTS"] = str(folder / "calm")
    calm = untimed(sweeps.sweep(CHAPTER, grid, SMOKE))
    (folder / "killed").mkdir()
    os.environ["FEWERWELLS_RESULTS"] = str(folder / "killed")
    words = command("sweep", str(write_sweep(folder, grid)))
    done, killed, process, rounds = {}, {"sweep": 0, "worker": 0, "kernel": 0}, None, 0
    while sum(killed.values()) < kills:
        if process is None or process.poll() is not None:
            process, rounds = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), rounds + 1
            while not find_kernels(folder / "killed") and process.poll() is None:
                time.sleep(0.05)
        time.sleep(random.uniform(0, 8))
        kind = random.choice(list(killed))
        kernels = find_kernels(folder / "killed")
        # a worker is the parent of a kernel
        workers = [p for p in descendants(process.pid) if set(kernels) & set(descendants(p))]
        victims = {"sweep": [process.pid], "worker": workers, "kernel": kernels}[kind]
        if not victims:
            continue
        try:
            os.kill(random.choice(victims), signal.SIGKILL)
        except ProcessLookupError:
            continue
        killed[kind] += 1
        if kind == "sweep":
            process.wait()
        stored = dict(points.stored_points(CHAPTER))
        assert all(stored.values()), "a half-written point looks whole"
        now = {path.name: path.stat().st_mtime_ns for path in stored}
        assert done.items() <= now.items(), "a finished point was lost or run again"
        done = now
        print(f"kill {sum(killed.values()):2}: {kind:6}; {len(done):3} points done", flush=True)
        if len(done) == n_points:
            break
    process.wait()
    assert untimed(sweeps.sweep(CHAPTER, grid, SMOKE)) == calm
    print(
        f"{killed} over {rounds} starts of one sweep of {n_points} points: nothing lost, nothing half, the same table."
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
