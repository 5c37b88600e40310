"""The collected rows of a sweep file: a table under the file's own name, and never in place of another file's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from fewerwells.running.parameters import ParameterError
from fewerwells.running.points import make_points, states, sweeps_folder
from fewerwells.running.storage import write_with_record
from fewerwells.running.sweep_files import SweepPlan
from fewerwells.running.sweeps import run_plans


def table_path(file: Path) -> Path:
    """Where the rows of a sweep file are collected: in a table of its name.

    Raises:
        ParameterError: the table that lies there is of another sweep file, which still exists.
    """
    path = sweeps_folder() / f"{file.stem}.csv"
    try:
        other = Path(json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["sweep"])
    except (OSError, ValueError, KeyError, TypeError):
        return path
    if other != file.resolve() and other.exists():
        raise ParameterError(
            f"{path} holds the table of {other}; two sweep files need two names, so rename one of them."
        )
    return path


def run_sweep_file(
    file: Path,
    plan: SweepPlan,
    say: Callable[[str], None],
    workers: int | None = None,
    threads: int | None = None,
    scheduler: str | None = None,
) -> Path:
    """Run a checked sweep and write the collected rows, with a record of the sweep, beside its points.

    Returns:
        The path of the table.

    Raises:
        ParameterError, SweepFailed, StorageError: as `run_plans`, or as `table_path` before anything is run; an earlier
            table stays as it is.
    """
    table_path(file)
    found = states(make_points(plan.chapter, plan.points))
    say(f"{plan.chapter.stem}: {len(found)} points, {found.count('done')} done before")
    (table,) = run_plans([plan], workers, threads, scheduler)
    path = table_path(file)
    made_by = {"chapter": plan.chapter.stem, "fixed": plan.fixed, "grid": plan.grid}
    write_with_record(table, path, sweep=str(file.resolve()), **made_by)
    return path
