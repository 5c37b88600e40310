"""What works of the package as `pip install` brings it: a fresh environment for each Python, extra and end of the ranges.

    python benchmarks/installs.py python3.11 python3.14 --extras none book --ends lowest newest

Needs uv (`pip install uv`). Where PyTorch comes from is uv's business: on Linux without a GPU, `UV_FIND_LINKS` or
`UV_EXTRA_INDEX_URL` name a place with its small wheel and `UV_CONSTRAINT` a file that pins it. Prints a table in
Markdown; the reports of what failed are kept beside the environments.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ALWAYS = {
    "--help": ["fewerwells", "--help"],
    "run": ["fewerwells", "run", "03_experiment_1", "-p", "profile=smoke", "-p", "n_seeds=1", "-p", "volumes=[10]"],
    "plain torch": [
        "fewerwells",
        "run",
        "02_problem",
        "-p",
        "profile=smoke",
        "-p",
        "wells=10",
        "-p",
        "engine=reference",
    ],
    "widgets": ["fewerwells", "run", "11_train_it_yourself", "-p", "profile=smoke"],
    "sweep": ["fewerwells", "sweep", "SWEEP"],
    "compare": ["fewerwells", "compare", "results/experiment_2.csv"],
    "check": ["python", "-c", "from fewerwells.course import check; check('1.1', 0)"],
}
OF_EXTRA = {
    "book": {"book": ["fewerwells", "book", "--profile", "smoke"]},
    "course": {
        "slides": ["python", "-c", "import fewerwells.course.slides, fewerwells.course.build"],
        "grade": ["python", "-c", "import fewerwells.course.grading"],
    },
    "test": {"a test": ["python", "-m", "pytest", "-q", "tests/test_circuits.py"]},
    "cluster": {"cluster": ["python", "-c", "import dask_jobqueue"]},
    "bench": {"bench": ["python", "-c", "import jax; jax.numpy.zeros(2)"]},
}
SWEEP = "chapter: 03_experiment_1\nfixed: {profile: smoke, n_seeds: 1, volumes: [10]}\ngrid: {noise: [1.0, 2.0]}\n"


def install(folder: Path, python: str, extra: str, end: str) -> str:
    """Make an environment; "" if it went well, else the last line of the report."""
    wanted = str(ROOT) if extra == "none" else f"{ROOT}[{extra}]"
    resolution = {"lowest": "lowest-direct", "newest": "highest"}[end]
    commands = [
        ["uv", "venv", "--quiet", "--python", python, str(folder)],
        ["uv", "pip", "install", "--python", str(folder), "--resolution", resolution, wanted],
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
    environment |= {"FEWERWELLS_RESULTS": str(folder / "results"), "PYTHONWARNINGS": "default"}
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
    parser.add_argument("--extras", nargs="+", default=["none", *OF_EXTRA], choices=["none", *OF_EXTRA])
    parser.add_argument("--ends", nargs="+", default=["lowest", "newest"], choices=["lowest", "newest"])
    parser.add_argument("--folder", type=Path, default=Path("/tmp/fewerwells-installs"))
    chosen = parser.parse_args()
    for python in chosen.python:
        for extra in chosen.extras:
            for end in chosen.ends:
                folder = chosen.folder / f"{Path(python).name}-{extra}-{end}"
                shutil.rmtree(folder, ignore_errors=True)
                folder.parent.mkdir(parents=True, exist_ok=True)
                wrong = install(folder, python, extra, end)
                line = f"| {Path(python).name} | {extra} | {end} | "
                if wrong:
                    print(f"{line}{wrong} |", flush=True)
                    continue
                book = folder / "a book"  # with a space in its path
                shutil.copytree(ROOT, book, ignore=shutil.ignore_patterns(".git", ".venv", "_build", "runs", "src"))
                (book / "small.yml").write_text(SWEEP, encoding="utf-8")
                tried = ALWAYS | OF_EXTRA.get(extra, {})
                found = {
                    name: attempt(folder, book, ["small.yml" if word == "SWEEP" else word for word in words])
                    for name, words in tried.items()
                }
                print(line + "; ".join(f"{name} {outcome}" for name, outcome in found.items()) + " |", flush=True)


if __name__ == "__main__":
    main()
