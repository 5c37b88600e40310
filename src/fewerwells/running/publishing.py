"""Write the published tables with what made them, and compute them again to see whether they stand."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from fewerwells.running.comparison import AGREES, compare, read_published, verdict
from fewerwells.running.experiments import run
from fewerwells.running.parameters import PUBLISHED
from fewerwells.running.published import RECOMPUTE, code_of_arms
from fewerwells.running.storage import provenance, read_table, write_table
from fewerwells.running.stored_networks import fastest_engine
from fewerwells.science.training import choose_engine
from fewerwells.study.table import CHECKSUM


def publish(folder: Path, say: Callable[[str], None]) -> None:
    """Write every published table: what was run here before or is published is read back, what is missing is run.

    Beside each table stands a record of its parameters, the day, the processors that computed its rows, the libraries, and
    the code of each arm. A table of which nothing was computed again stays as it is, with its record; a row that came
    out the same keeps the wall time that it was published with, or git would hold every table once more for nothing.
    """
    for name, model in PUBLISHED.items():
        parameters = model()
        table, designs = run(parameters), parameters.designs
        engine = choose_engine(designs[0].protocol.sizes, fastest_engine(parameters.engine))
        code, path = code_of_arms(designs, engine), folder / f"{name}.csv"
        published, record = _published_before(path)
        same = _rows_published_alike(table, published)
        kept = same.sum()
        if kept == len(table) == record.get("rows") and code == record.get("code"):
            say(f"results/{name}.csv stays as it is")
            continue
        notes = {"published": datetime.now(UTC).date().isoformat(), "code": code}
        if kept:
            notes["processor"] = "; ".join(dict.fromkeys([*record["processor"].split("; "), provenance()["processor"]]))
        table.loc[same, "seconds"] = table["parameter_hash"].map(published["seconds"])
        write_table(table, path, parameters=parameters.model_dump(), **notes)
        say(f"wrote results/{name}.csv")


def _published_before(path: Path) -> tuple[pd.DataFrame, dict]:
    """A published table by `parameter_hash`, and the record beside it; both empty where there is none that is whole."""
    try:
        published = read_table(path)
        record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return pd.DataFrame(columns=["seconds", CHECKSUM]), {}
    return published.set_index("parameter_hash"), record


def _rows_published_alike(table: pd.DataFrame, published: pd.DataFrame) -> pd.Series:
    """Which rows of a table are published with the same status and errors."""
    return table["parameter_hash"].map(published[CHECKSUM]) == table[CHECKSUM]


def rerun(folder: Path, say: Callable[[str], None]) -> tuple[str, bool]:
    """Compute every published table on this machine, none of it read, and compare every estimate.

    Pieces that this machine has computed before with the same code count; an interrupted rerun goes on.

    Returns:
        What came out in words, and whether all rows were compared and all estimates agree.
    """
    published = read_published(folder)
    os.environ[RECOMPUTE] = "1"
    tables = []
    for name, model in PUBLISHED.items():
        say(f"{name}: computing …")
        started = time.perf_counter()
        tables.append(run(model()))
        say(f"{name}: done in {time.perf_counter() - started:.0f} s")
    fresh = pd.concat(tables, ignore_index=True).drop_duplicates("parameter_hash", ignore_index=True)
    found = compare(fresh, published)
    return verdict(found), found.status == AGREES
