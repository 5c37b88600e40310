"""Run a chapter through papermill: parameters checked first, the executed notebook written whole or not at all."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import nbformat
import papermill
import yaml

from fewerwells.parameters import CHAPTER_PARAMETERS, ParameterError, validate
from fewerwells.progress import TERMINAL
from fewerwells.results import digest


def project_root(start: Path | None = None) -> Path:
    """The folder of the book: the nearest one, from `start` upwards, that holds `_toc.yml` and `notebooks`.

    Raises:
        ParameterError: there is none.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "_toc.yml").exists() and (folder / "notebooks").is_dir():
            return folder
    raise ParameterError(f"{here} is not inside the book's folder; go to where _toc.yml and notebooks/ are.")


def chapters(root: Path) -> dict[str, Path]:
    """The notebooks of the book in reading order, name → path, as `_toc.yml` lists them."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    entries = [toc["root"], *(entry["file"] for part in toc["parts"] for entry in part["chapters"])]
    paths = [root / f"{entry}.ipynb" for entry in entries]
    return {path.stem: path for path in paths if path.exists()}


def chapter_path(root: Path, name: str) -> Path:
    """The notebook of a chapter, given by name (`3_experiment_1`) or by path.

    Raises:
        ParameterError: there is no such chapter.
    """
    known = chapters(root)
    if Path(name).stem not in known:
        raise ParameterError(f"there is no chapter {name!r}; choose one of {', '.join(known)}.")
    return known[Path(name).stem]


def check_parameters(name: str, parameters: dict) -> None:
    """Refuse parameters that the chapter would refuse, without starting a kernel.

    Raises:
        ParameterError: one sentence for each thing that is wrong.
    """
    validate(parameters, CHAPTER_PARAMETERS[Path(name).stem])


def chapter_digest(path: Path, parameters: dict) -> str:
    """Digest of what decides a chapter's outcome: its notebook, the package's files, its parameters."""
    package = Path(__file__).parent
    sources = sorted(p for ending in ("*.py", "*.json", "*.js") for p in package.rglob(ending))
    return digest([path.read_text("utf-8"), [p.read_text("utf-8") for p in sources], parameters])


def run_chapter(path: Path, output: Path, parameters: dict) -> float:
    """Execute a chapter with these parameters and store the executed notebook at `output`.

    Progress bars of the chapter appear in this process's terminal, if it has one.

    Returns:
        Wall time in seconds.

    Raises:
        ParameterError: the parameters are refused; nothing was started.
        papermill.PapermillExecutionError: a cell failed; what was at `output` stays as it was.
    """
    check_parameters(path.name, parameters)
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(f".{output.stem}.{os.getpid()}.part.ipynb")
    started = time.perf_counter()
    if sys.stderr.isatty() and hasattr(os, "ttyname"):  # not on Windows
        os.environ.setdefault(TERMINAL, os.ttyname(sys.stderr.fileno()))  # kernels inherit it
    try:
        notebook = papermill.execute_notebook(
            str(path),
            str(unfinished),
            parameters=parameters,
            cwd=str(path.parent),
            kernel_name="python3",
            progress_bar=False,
            extra_arguments=["--log-level=ERROR"],  # ipykernel warns of its own TCP transport at every start
        )
        del notebook.metadata["papermill"]  # paths of this machine
        for cell in notebook.cells:
            cell.metadata.pop("papermill", None)
        nbformat.write(notebook, unfinished)
        os.replace(unfinished, output)
    finally:
        unfinished.unlink(missing_ok=True)
    return time.perf_counter() - started
