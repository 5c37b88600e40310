"""What works of the package as `pip install` brings it: for each Python, extra and end of the ranges.

    python benchmarks/installs.py python3.11 python3.14 --ends lowest newest

For each Python and end one environment without extras, in which commands run, and one for each extra, in which what it
brings is imported. Needs uv (`pip install uv`). "Lowest" is the oldest version of every direct dependency within its
range for which that Python has a wheel; "newest" the newest. Where PyTorch comes from is uv's business: on Linux
without a GPU, `UV_FIND_LINKS` or `UV_EXTRA_INDEX_URL` name a place with its small wheel and `UV_CONSTRAINT` a file that
pins it. Prints a table in Markdown; the reports of what failed are kept beside the environments.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SWEEP = "chapter: 03_experiment_1\nfixed: {profile: smoke, n_seeds: 1, volumes: [10]}\ngrid: {noise: [1.0, 2.0]}\n"
COMMANDS = {
    "help": "fewerwells --help",
    "run": "fewerwells run 03_experiment_1 -p profile=smoke -p n_seeds=1 -p volumes=[10]",
    "plain torch": "fewerwells run 02_problem -p profile=smoke -p wells=10 -p engine=reference",
    "widgets": "fewerwells run 11_train_it_yourself -p profile=smoke",
    "sweep": "fewerwells sweep small.yml",
    "compare": "fewerwells compare results/experiment_2.csv",
    "check": "python -c from|fewerwells.course|import|check;check('1.1',0)",
}
EXTRAS = {
    "book": "import fewerwells.book.build, ipywidgets, jupyter_book.cli.main, jupyterlab",
    "test": "import hypothesis, importlinter, nbmake, playwright, pytest, xdist",
    "cluster": "from dask_jobqueue import SLURMCluster",
    "course": "import fewerwells.course.build, fewerwells.course.grading, fewerwells.course.slides",
    "bench": "import jax; jax.numpy.zeros(2)",
    "measured": "import matio, pooch, rdata",
    "rivals": "import fewerwells.science.nested, fewerwells.science.symbolic",
}


def wheel(folder: Path) -> Path:
    """The package, built once for all environments."""
    subprocess.run(["uv", "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT)], check=True)
    return max(folder.glob("*.whl"), key=lambda path: path.stat().st_mtime)


def install(folder: Path, python: str, what: str, end: str) -> str:
    """Make an environment; "" if it went well, else the last line of the report."""
    direct = [line.split(">")[0].split("=")[0] for line in PROJECT["dependencies"]]
    old = ["--resolution", "lowest-direct", *(word for name in direct for word in ("--only-binary", name))]
    commands = [
        ["uv", "venv", "--quiet", "--clear", "--python", python, str(folder)],
        ["uv", "pip", "install", "--python", str(folder), *(old if end == "lowest" else ()), what],
    ]
    report = ""
    for words in commands:
        finished = subprocess.run(words, capture_output=True, text=True)
        report += finished.stdout + finished.stderr
        (folder.parent / f"{folder.name}.install.txt").write_text(report, encoding="utf-8")
        if finished.returncode != 0:
            return f"not installed: {(report.strip().splitlines() or ['?'])[-1][:80]}"
    return ""


def attempt(folder: Path, book: Path, words: list[str]) -> str:
    """ "ok", or how a command ended and the last line that it said."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"FEWERWELLS_RESULTS": str(folder / "results")}
    words = [str(folder / "bin" / words[0]), *words[1:]]
    finished = subprocess.run(words, cwd=book, env=environment, capture_output=True, text=True)
    if finished.returncode == 0:
        return "ok"
    said = finished.stdout + finished.stderr
    with open(folder.parent / f"{folder.name}.failed.txt", "a", encoding="utf-8") as file:
        file.write(f"$ {' '.join(words)}\n{said}\n")
    return f"{finished.returncode}: {(said.strip().splitlines() or ['?'])[-1][:60]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("python", nargs="+", help="interpreters to try")
    parser.add_argument("--extras", nargs="*", default=list(EXTRAS), choices=list(EXTRAS))
    parser.add_argument("--commands", nargs="*", default=list(COMMANDS), choices=list(COMMANDS))
    parser.add_argument("--ends", nargs="+", default=["lowest", "newest"], choices=["lowest", "newest"])
    parser.add_argument("--folder", type=Path, default=Path("/tmp/fewerwells-installs"))
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    package = wheel(chosen.folder)
    book = chosen.folder / "a book"  # with a space in its path
    shutil.rmtree(book, ignore_errors=True)
    shutil.copytree(ROOT, book, ignore=shutil.ignore_patterns(".git", ".venv", "_build", "runs", "src"))
    (book / "small.yml").write_text(SWEEP, encoding="utf-8")
    commands = {name: [word.replace("|", " ") for word in COMMANDS[name].split()] for name in chosen.commands}
    print("| Python | end | extra | works |\n| --- | --- | --- | --- |", flush=True)
    for python in chosen.python:
        for end in chosen.ends:
            for extra in ("none", *chosen.extras):
                folder = chosen.folder / f"{Path(python).name}-{end}-{extra}"
                what = f"fewerwells{'' if extra == 'none' else f'[{extra}]'} @ {package.as_uri()}"
                tried = commands if extra == "none" else {"import": ["python", "-c", EXTRAS[extra]]}
                wrong = install(folder, python, what, end)
                found = [f"{name} {attempt(folder, book, words)}" for name, words in tried.items() if not wrong]
                print(f"| {Path(python).name} | {end} | {extra} | {wrong or '; '.join(found)} |", flush=True)


if __name__ == "__main__":
    main()
