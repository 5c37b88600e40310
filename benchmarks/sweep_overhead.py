"""What a sweep costs beyond its notebooks: 200 smoke points, with one worker and with two; memory as it goes.

    python benchmarks/sweep_overhead.py [points]

A notebook's own time is that of its cells, as the kernel stamps them; all the rest (kernel start and end, papermill,
files, engine) is overhead. The chapter is the tests' stand-in, so that there is little of the former.
"""

import os
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

import nbformat
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.test_sweeps import CHAPTER, SMOKE, write_book

from fewerwells.running import points, sweeps


def cells_seconds(path: Path) -> float:
    """The time that a notebook's cells took, from their stamps."""
    stamps = [c.metadata["execution"] for c in nbformat.read(path, 4).cells if "execution" in c.metadata]
    ends = [[datetime.fromisoformat(s[key]) for s in stamps] for key in ("iopub.status.busy", "iopub.status.idle")]
    return sum((end - start).total_seconds() for start, end in zip(*ends, strict=True))


def watch(samples: list, stop: threading.Event) -> None:
    """Resident memory of this process and its workers (not of kernels, which live for one point), in MB."""
    me = psutil.Process()
    while not stop.wait(1):
        workers = [p for p in me.children() if "spawn_main" in " ".join(p.cmdline())]
        samples.append((time.perf_counter(), sum(p.memory_info().rss for p in (me, *workers)) / 1e6))


def measure(root: Path, n_points: int, workers: int, threads: int) -> float:
    os.environ["FEWERWELLS_RESULTS"] = str(root / f"{workers}-workers")
    Path(os.environ["FEWERWELLS_RESULTS"]).mkdir()
    samples, stop = [], threading.Event()
    watcher = threading.Thread(target=watch, args=(samples, stop))
    watcher.start()
    started = time.perf_counter()
    sweeps.sweep(CHAPTER, {"noise": [1.0 + i / 1024 for i in range(n_points)]}, SMOKE, workers=workers, threads=threads)
    wall = time.perf_counter() - started
    stop.set()
    watcher.join()
    own = [cells_seconds(folder / "notebook.ipynb") for folder, _ in points.stored_points(CHAPTER)]
    overhead = (wall * workers - sum(own)) / n_points
    quarter = len(samples) // 4
    early, late = (sum(m for _, m in part) / len(part) for part in (samples[quarter : 2 * quarter], samples[-quarter:]))
    print(
        f"{workers} workers: {n_points} points in {wall:.0f} s; cells {sum(own) / n_points:.2f} s a point, "
        f"overhead {overhead:.2f} s a point and worker; memory {early:.0f} MB in the second quarter, {late:.0f} MB in the last",
        flush=True,
    )
    return wall


def main(n_points: int = 200) -> None:
    folder = Path(tempfile.mkdtemp(prefix="fewerwells-overhead-"))
    os.chdir(write_book(folder / "book"))
    one, two = (measure(folder, n_points, workers, 1) for workers in (1, 2))
    print(f"two workers are {one / two:.2f} times as fast as one")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
