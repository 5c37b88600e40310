"""The tables that git keeps under results/: read instead of computed where they are whole and belong to this code.

A table's record says which code and which libraries each of its arms came from. A row is used where its
`parameter_hash` is asked for and that code is the code at hand; anything else is computed as if there were no table.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pandas as pd

from fewerwells.running.book_folder import book_around
from fewerwells.running.identity import cell_code, row_hashes
from fewerwells.running.storage import DamagedTable, read_table
from fewerwells.study.protocol import Cell, Design, Protocol

# Set to anything, it keeps runs from reading published rows: every cell is computed on this machine.
RECOMPUTE = "FEWERWELLS_RECOMPUTE"


def published_folder() -> Path | None:
    """`results` of the book in which the working folder lies; None outside of it."""
    book = book_around(Path.cwd())
    return book / "results" if book else None


def code_of_arms(designs: Sequence[Design], engine: str) -> dict[str, str]:
    """For each arm of some designs the digest of the code and the libraries that its rows come from.

    An arm's rows may come from different code, as on wells that are pipetted with an error: those of its first cell
    stand under its name, and cells that differ under their `settings_hash`.
    """
    found: dict[str, str] = {}
    for design in designs:
        for cell in design.cells:
            code = cell_code(cell, design.protocol, engine)
            if found.setdefault(cell.arm, code) != code:
                found[row_hashes(cell, design.protocol, ())[0]] = code
    return found


@dataclass(frozen=True, eq=False)
class PublishedRows:
    """All published rows of a folder, each network once.

    Attributes:
        table: by `parameter_hash`.
        code: what each row comes from, by its `parameter_hash`.
    """

    table: pd.DataFrame
    code: dict[str, str]

    def of(self, cell: Cell, protocol: Protocol, seeds: Sequence[int], engine: str) -> list[str] | None:
        """The `parameter_hash` of a cell's rows, one a seed; None where one is missing or comes from other code."""
        _, hashes = row_hashes(cell, protocol, seeds)
        found = {self.code.get(key) for key in hashes}
        return hashes if found == {cell_code(cell, protocol, engine)} else None


@lru_cache(maxsize=4)
def _read(state: tuple) -> PublishedRows:
    """The rows of some tables; `state` names the files as they are now.

    Tables that are damaged, or that say nothing of their code, take no part.
    """
    tables = []
    for path, *_ in state:
        try:
            table = read_table(path)
            record = json.loads(path.with_suffix(".json").read_text("utf-8"))
        except (DamagedTable, OSError, ValueError):
            continue
        if "parameter_hash" in table:  # a table of measured wells has rows of another kind
            code = record.get("code", {})
            tables.append(table.assign(code=table["settings_hash"].map(code).fillna(table["arm"].map(code))))
    if not tables:
        return PublishedRows(pd.DataFrame(), {})
    rows = pd.concat(tables, ignore_index=True).drop_duplicates("parameter_hash")
    rows = rows.set_index("parameter_hash", drop=False)
    return PublishedRows(rows.drop(columns="code"), rows["code"].to_dict())


def published_rows() -> PublishedRows | None:
    """What is published in the book in which the working folder lies; None outside of it, or where none may be read."""
    folder = published_folder()
    if folder is None or os.environ.get(RECOMPUTE):
        return None
    paths = sorted(path for path in folder.glob("*.csv") if path.with_suffix(".json").exists())
    for path in paths:  # whoever notes what a run reads is told, also where the tables were read before it began
        for one in (path, path.with_suffix(".json")):
            sys.audit("open", str(one), "r", os.O_RDONLY)
    return _read(tuple((path, path.stat().st_mtime_ns, path.with_suffix(".json").stat().st_mtime_ns) for path in paths))
