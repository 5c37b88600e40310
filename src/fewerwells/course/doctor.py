"""Check my machine: says in seconds what is missing for the course, one line each, and how to get it."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

MEMORY_GB = 1.5
DISK_GB = 0.5


def missing_packages() -> list[str]:
    """What the package needs and this Python lacks or has in another version, with the version that is there."""
    found = []
    for line in requires("fewerwells") or []:
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            here = version(wanted.name)
        except PackageNotFoundError:
            found.append(f"{wanted.name} is missing")
            continue
        if not wanted.specifier.contains(here, prereleases=True):
            found.append(f"{wanted.name} is {here}, needed is {wanted.specifier}")
    return found


def free_memory_gb() -> float:
    """Memory that programs may still take, on any system that psutil knows."""
    import psutil  # here, since the doctor has to start where packages are missing

    return psutil.virtual_memory().available / 2**30


def findings(folder: Path) -> Iterator[tuple[bool, str]]:
    """One (fine, sentence) for each thing that the course needs."""
    here = ".".join(map(str, sys.version_info[:2]))
    yield (3, 11) <= sys.version_info[:2] < (3, 15), f"Python {here} (3.11 to 3.14 is needed)"
    lacking = missing_packages()
    yield (
        not lacking,
        "packages: " + ("; ".join(lacking) + "; run: pip install -r requirements.txt" if lacking else "all"),
    )
    if not any(line.startswith("psutil is missing") for line in lacking):
        memory = free_memory_gb()
        yield memory >= MEMORY_GB, f"free memory: {memory:.1f} GB ({MEMORY_GB} GB is needed)"
    disk = shutil.disk_usage(folder).free / 2**30
    yield disk >= DISK_GB, f"free disk: {disk:.1f} GB ({DISK_GB} GB is needed)"
    try:
        with tempfile.TemporaryFile(dir=folder):
            writable = True
    except OSError:
        writable = False
    yield writable, f"this folder {'can' if writable else 'cannot'} be written to"
    if not lacking:
        yield _trains()


def _trains() -> tuple[bool, str]:
    """Whether a network can be trained; the first time this compiles the engine."""
    started = time.perf_counter()
    try:
        from fewerwells.science.circuits import reference_circuit
        from fewerwells.science.datasets import real_pairs
        from fewerwells.science.networks import STUDY_SIZES, initialise
        from fewerwells.science.training import Schedule, train

        data = [real_pairs(reference_circuit("n_part_complex"), 96, 0)]
        train(initialise(STUDY_SIZES, [0], output_scale=40.0), data, Schedule(10), keys=[0])
    except Exception as error:  # a student should read a sentence, whatever is broken
        return False, f"training a network fails with {type(error).__name__}: {error}"
    return True, f"a network was trained, {time.perf_counter() - started:.1f} s with compiling"


def examine(folder: Path | None = None) -> bool:
    """Print what is fine and what is missing.

    Returns:
        Whether the machine is ready.
    """
    ready = True
    for fine, sentence in findings(folder or Path.cwd()):
        ready = ready and fine
        print(f"{'ok      ' if fine else 'MISSING '} {sentence}")
    print("This machine is ready." if ready else "This machine is not ready yet: see the lines that say MISSING.")
    return ready
