"""Run one chapter over a grid of parameters and collect the rows of all points."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fewerwells.chapters import chapter_digest, chapter_path, check_parameters, project_root, run_chapter
from fewerwells.experiments import runs_folder
from fewerwells.parameters import ParameterError
from fewerwells.progress import progress_bar
from fewerwells.results import DamagedTable, read_table


class SweepFile(BaseModel):
    """A sweep as written in YAML: a chapter, fixed parameters, and lists of values whose every combination runs."""

    model_config = ConfigDict(extra="forbid", strict=True)

    chapter: str
    fixed: dict = Field(default_factory=dict)
    grid: dict[str, list] = Field(min_length=1)

    def points(self) -> list[dict]:
        """The parameters of every point, in the order of the grid.

        Raises:
            ParameterError: an empty list, a parameter both fixed and varied, or two points that are the same.
        """
        for name, values in self.grid.items():
            if not values:
                raise ParameterError(f"the grid of {name} is empty; it needs at least one value.")
            if name in self.fixed:
                raise ParameterError(f"{name} is both fixed and in the grid; it can be in one of them.")
        points = [
            self.fixed | dict(zip(self.grid, chosen, strict=True)) for chosen in itertools.product(*self.grid.values())
        ]
        for index, point in enumerate(points):
            if point in points[:index]:
                raise ParameterError(f"the grid holds the same point twice: {point}.")
        return points


def read_sweep(path: Path) -> SweepFile:
    """Read a sweep file.

    Raises:
        ParameterError: the file is missing, is not YAML or has a wrong shape.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path} cannot be read as a sweep file: {' '.join(str(error).split())}.") from None
    try:
        return SweepFile.model_validate(content)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg'].lower()}" for e in error.errors()]
        raise ParameterError(f"{path} is not a sweep file; {'; '.join(problems)}.") from None


def sweep(chapter: str, grid: dict[str, list], fixed: dict | None = None, root: Path | None = None) -> pd.DataFrame:
    """The rows of every point of a grid, from earlier runs where they are whole, else run now through papermill.

    Each point keeps its executed notebook and its rows in a folder of its own under `results/runs/sweeps`, known by
    the digest of notebook, package and parameters; it appears there when it is whole.

    Args:
        chapter: the chapter's name, for example "3_experiment_1".
        grid: parameter name → values; every combination is a point.
        fixed: parameters that all points share.
        root: the book's folder; found from the working folder when None.

    Returns:
        The tidy tables of all points, one below the other.

    Raises:
        ParameterError: anything that a point would refuse, before the first one starts.
    """
    root = root or project_root()
    path = chapter_path(root, chapter)
    points = SweepFile(chapter=chapter, grid=grid, fixed=fixed or {}).points()
    for point in points:
        check_parameters(path.name, point)
    tables = []
    with progress_bar(len(points), unit=" points") as bar:
        for point in points:
            bar.describe(", ".join(f"{name} = {point[name]}" for name in grid))
            tables.append(_point_table(path, point))
            bar.advance(1)
    return pd.concat(tables, ignore_index=True)


def _point_table(path: Path, point: dict) -> pd.DataFrame:
    folder = runs_folder() / "sweeps" / path.stem / chapter_digest(path, point)
    try:
        return read_table(folder / "rows.csv")
    except DamagedTable:
        pass
    unfinished = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    run_chapter(path, unfinished / "notebook.ipynb", point | {"table_file": str(unfinished / "rows.csv")})
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
    return read_table(folder / "rows.csv")


def run_sweep_file(path: Path, say: Callable[[str], None]) -> Path:
    """Run a sweep file and write the collected rows beside the runs; returns the path of that table.

    Raises:
        ParameterError: as `read_sweep` and `sweep`.
    """
    plan = read_sweep(path)
    say(f"{plan.chapter}: {len(plan.points())} points")
    table = sweep(plan.chapter, plan.grid, plan.fixed)
    output = runs_folder() / "sweeps" / f"{path.stem}.csv"
    table.to_csv(output, index=False, float_format="%.7g")
    return output
