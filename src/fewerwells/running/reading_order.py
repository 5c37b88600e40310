"""Where the book lies, and its chapters and exercises in reading order, as `_toc.yml` lists them."""

from __future__ import annotations

import shlex
from pathlib import Path

import yaml

from fewerwells.running.book_folder import book_around
from fewerwells.running.parameters import ParameterError

EXERCISES_SUFFIX = "_exercises"  # of the name of a chapter's exercises


def project_root(start: Path | None = None) -> Path:
    """The folder of the book: the nearest one, from `start` upwards, that holds `_toc.yml` and `notebooks`.

    Raises:
        ParameterError: there is none.
    """
    here = (start or Path.cwd()).resolve()
    root = book_around(here)
    if root is None:
        raise ParameterError(f"{here} is not inside the book's folder; go to where _toc.yml and notebooks/ are.")
    return root


def _listed(root: Path) -> list[dict]:
    """The entries of `_toc.yml` below the first page, in reading order."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    return [{"file": toc["root"]}, *(entry for part in toc["parts"] for entry in part["chapters"])]


def chapters(root: Path) -> dict[str, Path]:
    """The notebooks of the book in reading order, name → path, as `_toc.yml` lists them."""
    paths = [root / f"{entry['file']}.ipynb" for entry in _listed(root)]
    return {path.stem: path for path in paths if path.exists()}


def exercise_notebooks(root: Path) -> dict[str, Path]:
    """The exercises in reading order, name of the chapter → its exercises, as `_toc.yml` lists them."""
    files = [section["file"] for entry in _listed(root) for section in entry.get("sections", ())]
    paths = [root / f"{file}.ipynb" for file in files]
    return {path.stem.removesuffix(EXERCISES_SUFFIX): path for path in paths if path.exists()}


def notebooks(root: Path) -> list[Path]:
    """All that is run for the book: its chapters, then the exercises with their solutions."""
    return [*chapters(root).values(), *exercise_notebooks(root).values()]


def chapter_path(root: Path, name: str) -> Path:
    """The notebook of a chapter, given by name (`03_experiment_1`, with or without `.ipynb`) or by path.

    Raises:
        ParameterError: there is no such chapter, or the path leads to a notebook that is not the book's.
    """
    known = chapters(root)
    if Path(name).name == name and name.removesuffix(".ipynb") in known:
        return known[name.removesuffix(".ipynb")]
    given = Path(name)
    for path in known.values():
        if given.exists() and given.samefile(path):
            return path
    if given.is_file() and given.suffix == ".ipynb":
        raise ParameterError(
            f"{name} is not a chapter of the book at {root}, which runs and remembers its own notebooks only; "
            f"run it with papermill: papermill {shlex.quote(name)} out.ipynb -p name value."
        )
    raise ParameterError(f"there is no chapter {name!r}; choose one of {', '.join(known)}.")
