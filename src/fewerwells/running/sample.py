"""A sample of the published tables, computed again on this machine: does the code at hand give these numbers here?

Fixed rule: of every table one seed and one of its designs (a noise of the map, one random system), and of a design with
many cells those on one of its systems, the same each time, so that a sample takes about a minute on two cores.
Identical numbers are expected where processor and libraries are those of the published run; elsewhere rounding takes
another way, training amplifies it, and what is asked is whether each new error is one that another seed of the same cell
could have had.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import scipy

from fewerwells.running.cells import Task, in_groups, make_ready, with_runtimes
from fewerwells.running.identity import digest, row_hashes
from fewerwells.running.parameters import TrainingParameters
from fewerwells.running.published import code_of_arms
from fewerwells.running.storage import provenance, read_table, runs_folder, write_whole
from fewerwells.running.stored_networks import fastest_engine, stored_networks, stored_runtime
from fewerwells.science.cores import side_by_side
from fewerwells.science.training import choose_engine
from fewerwells.science.training.fused import compile_for
from fewerwells.study.columns import ERROR_COLUMNS
from fewerwells.study.protocol import Design

PLACE = 7  # which seed, design and system of a table, counted from 0 and around
MANY = 50  # cells of a design, above which one system stands for the others
LEVEL = 0.99  # that all new errors of a table lie in their intervals, on another kind of processor
SAMPLE = "sample.json"  # what came out, under results/runs
SAME_DIGITS = 2e-6  # tables keep seven digits


@dataclass(frozen=True)
class Outcome:
    """What a table's sample says.

    Attributes:
        published: the day on which the table was written.
        rows: how many were computed again.
        verdict: "identical", "agrees" or "differs".
        largest: the largest factor, minus 1, by which an error differs.
        first: the first row that differs by more than it may, in words; "" where none does.
    """

    published: str
    rows: int
    verdict: str
    largest: float
    first: str = ""

    @property
    def sentence(self) -> str:
        """For the page."""
        told = f"published on {self.published}; {self.rows} rows computed again here: "
        if self.verdict == "identical":
            return f"{told}identical"
        if self.verdict == "agrees":
            return f"{told}they agree within intervals, with the largest difference {100 * self.largest:.2g} %"
        return f"{told}they differ, first {self.first}"


def sampled(parameters: TrainingParameters) -> Design:
    """The part of a table's designs that is computed again: one seed of one design, and of many cells one system's."""
    designs = parameters.designs
    design = designs[PLACE % len(designs)]
    cells = tuple(dict.fromkeys(design.cells))
    if len(cells) > MANY:
        systems = list(dict.fromkeys(cell.target for cell in cells))
        cells = tuple(cell for cell in cells if cell.target == systems[PLACE % len(systems)])
    return replace(design, seeds=(design.seeds[PLACE % len(design.seeds)],), cells=cells)


def _rows(group: list[Task]) -> pd.DataFrame:
    make_ready()
    return pd.concat([task.rows(runtime) for task, runtime in with_runtimes(group)])


def _one_pretraining(task: tuple) -> None:
    make_ready()
    network, seeds, engine = task
    stored_networks(network, seeds, stored_runtime(engine))


def compute(designs: list[Design], engine: str) -> pd.DataFrame:
    """The rows of some designs, computed now whatever is stored, side by side over the usable cores."""
    if engine == "fused":
        for sizes in {design.protocol.sizes for design in designs}:
            compile_for(sizes)
    tasks = [
        Task(cell, design.protocol, design.seeds, engine) for design in designs for cell in dict.fromkeys(design.cells)
    ]
    known: dict[str, Task] = {}
    for task in tasks:  # tables share cells; each is computed once
        known.setdefault(row_hashes(task.cell, task.protocol, task.seeds)[1][0], task)
    pretrainings = {(task.cell.pretraining(task.protocol), task.seeds, engine): None for task in known.values()}
    side_by_side(_one_pretraining, [task for task in pretrainings if task[0]], worth_it_from=2)
    return pd.concat(side_by_side(_rows, in_groups([*known.values()]), worth_it_from=2), ignore_index=True)


def judge(fresh: pd.DataFrame, table: pd.DataFrame, record: Mapping, same_machine: bool) -> Outcome:
    """What freshly computed rows say of a published table.

    Args:
        fresh: rows whose `parameter_hash` stands in the table.
        table: the published one.
        record: its record.
        same_machine: whether processor and libraries are those of the published run, so that digits must agree.
    """
    old = table.set_index("parameter_hash").loc[fresh["parameter_hash"]].reset_index()
    errors = list(ERROR_COLUMNS)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.abs(np.log(fresh[errors].to_numpy(float) / old[errors].to_numpy(float)))
    both_missing = fresh[errors].isna().to_numpy() & old[errors].isna().to_numpy()
    factor = np.where(both_missing, 0.0, np.where(np.isnan(factor), np.inf, factor))
    moved = (factor > SAME_DIGITS).any(axis=1) | (fresh["status"] != old["status"]).to_numpy()
    wrong = moved if same_machine else moved & ~_possible(fresh, old, table)
    first = ""
    if wrong.any():
        row = old[wrong].iloc[0]
        first = f"{row['arm']} on {row['target']}, N = {row['N']}, seed {row['seed']}"
    verdict = "differs" if wrong.any() else "agrees" if moved.any() else "identical"
    largest = float(np.expm1(factor[np.isfinite(factor)].max(initial=0.0)))
    return Outcome(record.get("published", "an unknown day"), len(fresh), verdict, largest, first)


def _possible(fresh: pd.DataFrame, old: pd.DataFrame, table: pd.DataFrame) -> np.ndarray:
    """For each row whether its errors are such as another seed of the same cell could have had.

    Each lies in the prediction interval of the cell's others, all of them at once with 95 % (Bonferroni), or is missing
    where it was.
    """
    level = 1 - (1 - LEVEL) / (len(fresh) * len(ERROR_COLUMNS))
    possible = np.ones(len(fresh), bool)
    for row, settings_hash in enumerate(old["settings_hash"]):
        cell = table[table["settings_hash"] == settings_hash]
        for column in ERROR_COLUMNS:
            error, others = fresh[column].iloc[row], np.log(cell[column].dropna())
            if np.isnan(error):
                possible[row] &= np.isnan(old[column].iloc[row])
            elif (n := len(others)) > 2:
                reach = scipy.stats.t.ppf((1 + level) / 2, n - 1) * others.std(ddof=1) * np.sqrt(1 + 1 / n)
                possible[row] &= abs(np.log(error) - others.mean()) <= max(reach, SAME_DIGITS)
    return possible


def check(
    folder: Path, models: Mapping[str, type[TrainingParameters]], say: Callable[[str], None] = lambda _: None
) -> dict[str, Outcome]:
    """Compute a sample of every published table again, unless just these tables were sampled before with this code.

    Args:
        folder: where the published tables are.
        models: name of a table → its parameters.
        say: called with one line at a time.

    Returns:
        Name of a table → what came out; tables that are not whole, or come from other code, are left out: whoever asks for
        their numbers computes them.
    """
    tables, records, designs = {}, {}, {}
    for name, model in models.items():
        try:
            table, record = read_table(folder / f"{name}.csv"), json.loads((folder / f"{name}.json").read_text("utf-8"))
        except (OSError, ValueError) as error:
            say(f"{name}: not read, will be computed where a chapter needs it ({error})")
            continue
        parameters = model()
        engine = choose_engine(parameters.designs[0].protocol.sizes, fastest_engine(parameters.engine))
        if record.get("code") != code_of_arms(parameters.designs, engine):
            say(f"{name}: published by other code, will be computed where a chapter needs it")
            continue
        tables[name], records[name], designs[name] = table, record, sampled(parameters)
    if not tables:
        return {}
    here = provenance()
    wanted = digest(
        [[records[name]["sha256"] for name in tables], here, {n: r.get("code") for n, r in records.items()}]
    )
    stored = _stored(wanted)
    if stored is not None:
        return stored
    say(f"computing a sample of {len(tables)} published tables again …")
    fresh = compute(list(designs.values()), engine).set_index("parameter_hash", drop=False)
    outcomes = {}
    for name, table in tables.items():
        hashes = [
            row_hashes(cell, designs[name].protocol, designs[name].seeds)[1][0]
            for cell in dict.fromkeys(designs[name].cells)
        ]
        rows = fresh.loc[list(dict.fromkeys(hashes))].reset_index(drop=True)
        same = all(records[name].get(part) == here[part] for part in ("processor", "packages"))
        outcomes[name] = judge(rows, table, records[name], same)
        say(f"{name}: {outcomes[name].sentence}")
    told = {"wanted": wanted, "tables": {name: asdict(outcome) for name, outcome in outcomes.items()}}
    runs_folder().mkdir(parents=True, exist_ok=True)
    write_whole(runs_folder() / SAMPLE, (json.dumps(told, indent=2) + "\n").encode())
    return outcomes


def _stored(wanted: str | None = None) -> dict[str, Outcome] | None:
    """What an earlier sample said; None where there is none of the tables and the code at hand."""
    try:
        told = json.loads((runs_folder() / SAMPLE).read_text("utf-8"))
        if wanted is None or told["wanted"] == wanted:
            return {name: Outcome(**outcome) for name, outcome in told["tables"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def outcome_of(name: str) -> Outcome | None:
    """What the last sample said of a table; None where none was taken."""
    return (_stored() or {}).get(name)
