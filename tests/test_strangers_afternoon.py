"""A stranger's afternoon: a new circuit, a new learner and a new measured table, one file each, nothing else touched.

The files lie outside the package. All three run through an experiment into a table, a summary and a figure.
"""

import importlib
import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from fewerwells.book.plots.results import plot_learning_curves
from fewerwells.running import cells, identity
from fewerwells.running.experiments import run
from fewerwells.science.circuits import CIRCUITS, reference_circuit
from fewerwells.science.statistics import geometric_summary
from fewerwells.study import protocol
from fewerwells.study.protocol import Cell, Design, Protocol

CIRCUIT = '''
"""A repressor: each input shuts its own output off."""
import numpy as np
from fewerwells.science.circuits import CircuitKind, register

def outputs(x, theta, eta):
    return eta / (1 + theta * x)

def reactions(x, theta, eta):
    return np.asarray(eta) / (1 + np.asarray(theta) * np.asarray(x))

REPRESSOR = CircuitKind("repressor", "repressor", label="repressor", formula=outputs, reactions=reactions)
register(REPRESSOR)
'''
LEARNER = '''
"""The nearest well knows best."""
from dataclasses import dataclass
import numpy as np
from fewerwells.science.learners.base import Learner, Learnt, Status
from fewerwells.study.protocol import Arm, add_arm

@dataclass(frozen=True)
class Remembered(Learnt):
    status: tuple
    engine: str
    seconds: float
    wells: tuple

    def predict(self, x):
        x = np.asarray(x, float)
        each = x if x.ndim == 3 else [x] * len(self.wells)
        nearest = [np.argmin(((p[:, None] - w.x[None]) ** 2).sum(-1), 1) for p, w in zip(each, self.wells)]
        return np.stack([w.y[i] for i, w in zip(nearest, self.wells)])

@dataclass(frozen=True)
class NearestWell(Learner):
    words = "nearest well"

    def learn(self, wells, seeds, runtime=None):
        return Remembered((Status.OK,) * len(seeds), "none", 0.0, tuple(wells))

add_arm("nearest well", Arm("What does the nearest well say?", lambda setting: NearestWell()))
'''
TABLE = '''
"""Measured wells, three replicates a condition."""
import numpy as np
import pandas as pd
from fewerwells.science.measured import Measured

rng = np.random.default_rng(1)
x = np.repeat(np.stack(np.meshgrid([0, 2, 4, 8, 10], [0, 3, 6, 10]), -1).reshape(-1, 2), 3, axis=0)
y = np.array([40.0, 30.0]) * x / (5 + x) + rng.normal(0, 1, x.shape)
WELLS = Measured(
    pd.DataFrame({"IPTG (µM)": x[:, 0] / 1000, "aTc (nM)": x[:, 1], "GFP (a.u.)": y[:, 0], "RFP (a.u.)": y[:, 1]}),
    label="my plate", inputs=["IPTG", "aTc"], outputs=["GFP", "RFP"],
)
'''
FILES = {"my_circuit": CIRCUIT, "my_learner": LEARNER, "my_table": TABLE}


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """The three files, imported from a folder of their own; the registries of this process are as before afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = dict(CIRCUITS)
    for name, source in FILES.items():
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    arms = dict(protocol.ARMS)
    for cache in (identity._root, identity._file, identity._module, identity._engine_code):
        cache.cache_clear()  # another test's stranger lay elsewhere
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in FILES})
    finally:
        CIRCUITS.clear()
        CIRCUITS.update(before)
        protocol.ARMS.clear()
        protocol.ARMS.update(arms)
        for name in FILES:
            sys.modules.pop(name, None)


def test_all_three_run_through_an_experiment_into_a_table_a_summary_and_a_figure(stranger, monkeypatch):
    monkeypatch.setattr(
        cells, "WORTH_IT_FROM", 1
    )  # what others would share out over workers, who know none of the three
    short = Protocol(epochs=20, synthetic_volume=60, oracle_volume=40)
    targets = (reference_circuit("repressor"), stranger.my_table.WELLS)
    arms = ("nearest well", "scratch", "fit, n = 1", "Gaussian process")
    asked = tuple(Cell(arm, target, n) for target in targets for n in (8, 12) for arm in arms)
    table = run(SimpleNamespace(designs=[Design(short, (0, 1, 2), asked)], engine="auto"))
    assert len(table) == len(asked) * 3
    assert set(table["target"]) == {"repressor", "my plate"}
    measured = table[table["target"] == "my plate"]
    assert measured["theta_1"].isna().all()
    (column,) = [name for name in table if name.endswith("_all_mean") and measured[name].notna().all()]
    for target, errors in (("repressor", "sobol_all_mean"), ("my plate", column)):
        part = table[(table["target"] == target) & table["arm"].isin(["scratch", "nearest well"])]
        assert np.isfinite(part[errors]).all()
        summary = geometric_summary(part, errors, ["arm", "N"])
        assert len(summary) == 4
    figure, axes = plt.subplots()
    plot_learning_curves(geometric_summary(table[table["arm"] == "scratch"], "sobol_all_mean", ["arm", "N"]), axes)
    assert axes.lines
    plt.close(figure)


def test_what_was_stored_is_read_again_and_a_changed_file_makes_it_stale(stranger, tmp_path, monkeypatch):
    cell = Cell("nearest well", stranger.my_table.WELLS, 8)
    key = identity.cell_key(cell, Protocol(), [0], "fused")
    path = tmp_path / "my_learner.py"
    identity._module.cache_clear()
    monkeypatch.setattr(identity, "_engine_code", identity._engine_code.__wrapped__)
    path.write_text(path.read_text() + "# a comment\n", encoding="utf-8")
    assert identity.cell_key(cell, Protocol(), [0], "fused") == key
    identity._module.cache_clear()
    path.write_text(path.read_text().replace("** 2", "** 4"), encoding="utf-8")
    assert identity.cell_key(cell, Protocol(), [0], "fused") != key
