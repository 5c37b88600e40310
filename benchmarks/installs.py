"""What works of the package as an installer brings it: for each Python, with and without extras, at both ends of the ranges.

    pip install uv
    python benchmarks/installs.py 3.11 3.12 3.13 3.14
    python benchmarks/installs.py 3.13 --extras none rivals --ends lowest

One environment after another, in a folder that is gone at the end: without extras, in which commands run; with all of
them, in which commands run and what each extra brings is imported; and with each by itself, in which its part is
imported. "Lowest" is the oldest version within its range of everything that pyproject.toml names for which that Python
has a wheel; "newest" is the newest. A Python is whatever uv takes for one: a version or a path. Where PyTorch comes
from is uv's business: `UV_FIND_LINKS` or `UV_EXTRA_INDEX_URL` name a place with a small wheel for machines without a
GPU. An environment took three to ten minutes where other work kept two cores busy; with PyTorch for GPUs it holds 6 GB.

Prints a line for each environment, then a table in Markdown; the reports of what failed are kept in `_build/installs`.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / "_build" / "installs"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SWEEP = "chapter: 03_experiment_1\nfixed: {profile: smoke, n_seeds: 1, volumes: [10]}\ngrid: {noise: [1.0, 2.0]}\n"
COMMANDS = {  # with all extras only the first two run, since the rest of what they import is the same
    "help": "fewerwells --help",
    "run": "fewerwells run 03_experiment_1 -p profile=smoke -p n_seeds=1 -p volumes=[10]",
    "plain torch": "fewerwells run 02_problem -p profile=smoke -p wells=10 -p engine=reference",
    "widgets": "fewerwells run 11_train_it_yourself -p profile=smoke",
    "sweep": "fewerwells sweep small.yml",
    "compare": "fewerwells compare results/experiment_2.csv",
    "check": "python -c from|fewerwells.course|import|check;check('1.1',0)",
}
# What the package without extras refuses, by the name of the extra that brings it.
REFUSED = {"book": "fewerwells book --profile smoke", "course": "fewerwells course build --output box"}
EXTRAS = {
    "book": "import fewerwells.book.build, ipywidgets, jupyter_book.cli.main, jupyterlab",
    "test": "import hypothesis, importlinter, nbmake, playwright, pytest, xdist",
    "cluster": "from dask_jobqueue import SLURMCluster",
    "course": "import fewerwells.course.build, fewerwells.course.grading, fewerwells.course.slides",
    "bench": "import jax; jax.numpy.zeros(2)",
    "measured": "import matio, pooch, rdata",
    "rivals": "import fewerwells.science.nested, fewerwells.science.symbolic",
}
COMPILED = {"greenlet", "pydantic-core"}  # what old versions pin, and older than Python 3.14
BUILT = {"mat-io"}  # has no wheel for Python 3.14: a C compiler makes one
ALL = "all"
NONE = "none"


def wheel(folder: Path) -> Path:
    """The package, built once for all environments."""
    subprocess.run(["uv", "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT)], check=True)
    return next(folder.glob("*.whl"))


def at_its_lowest(extra: str) -> list[str]:
    """What uv is told for the lower ends: all that pyproject.toml names, since "direct" is what a command line names."""
    lists = PROJECT["optional-dependencies"]
    extras = {NONE: [], ALL: list(lists)}.get(extra, [extra])
    lines = PROJECT["dependencies"] + [line for name in extras for line in lists[name]]
    names = ({re.match(r"[\w.-]+", line).group() for line in lines} | COMPILED) - BUILT
    wheels = [word for name in sorted(names) for word in ("--only-binary", name)]
    return ["--resolution", "lowest-direct", *wheels, *lines]


def report(name: str, text: str) -> None:
    REPORTS.mkdir(parents=True, exist_ok=True)
    with open(REPORTS / f"{name}.txt", "a", encoding="utf-8") as file:
        file.write(text + "\n")


def install(folder: Path, python: str, package: Path, extra: str, end: str) -> str:
    """Make an environment; "" if it went well, else the last line that the installer said."""
    wanted = {NONE: "", ALL: f"[{','.join(EXTRAS)}]"}.get(extra, f"[{extra}]")
    old = at_its_lowest(extra) if end == "lowest" else []
    for words in (
        ["uv", "venv", "--quiet", "--python", python, str(folder)],
        ["uv", "pip", "install", "--python", str(folder), f"fewerwells{wanted} @ {package.as_uri()}", *old],
    ):
        finished = subprocess.run(words, capture_output=True, text=True)
        if finished.returncode != 0:
            said = finished.stdout + finished.stderr
            report(folder.name, said)
            return f"not installed: {(said.strip().splitlines() or ['?'])[-1].strip()[:80]}"
    return ""


def attempt(folder: Path, book: Path, words: list[str], refused_by: str = "") -> str:
    """How a command failed, by its status and last line, or "" if it went well or named the extra that it lacks."""
    foreign = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")  # without the second, each process would compile PyTorch again
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    environment |= {"FEWERWELLS_RESULTS": str(folder / "results")}
    words = [str(folder / "bin" / words[0]), *words[1:]]
    finished = subprocess.run(words, cwd=book, env=environment, capture_output=True, text=True)
    said = finished.stdout + finished.stderr
    last = (said.strip().splitlines() or ["?"])[-1]
    well = f"[{refused_by}]" in last if refused_by else finished.returncode == 0
    if well:
        return ""
    report(folder.name, f"$ {' '.join(words)}\n{said}")
    return f"{finished.returncode}: {last[:80]}"


def try_one(folder: Path, book: Path, extra: str) -> dict[str, str]:
    """What was tried in an environment, with how it failed or ""."""
    tried = {}
    if extra in (NONE, ALL):
        for name, line in list(COMMANDS.items())[: None if extra == NONE else 2]:
            tried[name] = attempt(folder, book, [word.replace("|", " ") for word in line.split()])
    for name in {NONE: [], ALL: EXTRAS}.get(extra, [extra]):
        tried[f"import of {name}"] = attempt(folder, book, ["python", "-c", EXTRAS[name]])
    if extra == NONE:
        for name, line in REFUSED.items():
            tried[f"{name} names its extra"] = attempt(folder, book, line.split(), name)
    return tried


def versions(folder: Path) -> str:
    """Its Python, and the versions of what computes."""
    words = ["uv", "pip", "list", "--python", str(folder), "--format", "freeze"]
    listed = dict(re.findall(r"^([\w.-]+)==(\S+)$", subprocess.run(words, capture_output=True, text=True).stdout, re.M))
    python = subprocess.run([folder / "bin" / "python", "--version"], capture_output=True, text=True).stdout.strip()
    return ", ".join([python, *(f"{name} {listed.get(name)}" for name in ("numpy", "numba", "torch", "pandas"))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("python", nargs="+", help="interpreters to try: versions or paths")
    every = [NONE, ALL, *EXTRAS]
    parser.add_argument("--extras", nargs="+", default=every, choices=every)
    parser.add_argument("--ends", nargs="+", default=["lowest", "newest"], choices=["lowest", "newest"])
    chosen = parser.parse_args()
    table = {}
    with tempfile.TemporaryDirectory(prefix="fewerwells-installs-") as name:
        package = wheel(Path(name))
        book = Path(name) / "a book"  # with a space in its path
        ignored = shutil.ignore_patterns(".git", ".venv", "_build", "build", "runs", "src")
        shutil.copytree(ROOT, book, ignore=ignored)
        (book / "small.yml").write_text(SWEEP, encoding="utf-8")
        for python in chosen.python:
            for extra in chosen.extras:
                for end in chosen.ends:
                    folder = Path(name) / f"{Path(python).name}-{extra}-{end}"
                    (REPORTS / f"{folder.name}.txt").unlink(missing_ok=True)
                    wrong = install(folder, python, package, extra, end)
                    tried = {} if wrong else try_one(folder, book, extra)
                    failed = [f"{what} ({how})" for what, how in tried.items() if how]
                    table[python, extra, end] = wrong or "; ".join(failed) or "works"
                    with_what = "" if wrong else f" [{versions(folder)}]"
                    print(f"{folder.name}{with_what}: {table[python, extra, end]}", flush=True)
                    shutil.rmtree(folder, ignore_errors=True)
    columns = [(extra, end) for extra in chosen.extras for end in chosen.ends]
    print("", "| Python | " + " | ".join(f"{extra}, {end}" for extra, end in columns) + " |", sep="\n")
    print("| --- |" + " --- |" * len(columns))
    for python in chosen.python:
        print(f"| {Path(python).name} | " + " | ".join(table[python, *column] for column in columns) + " |")
    sys.exit(any(came != "works" for came in table.values()))


if __name__ == "__main__":
    main()
