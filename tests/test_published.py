"""The committed tables: complete, unique, whole, and made by the study's protocol at full size."""

import json
from pathlib import Path

import numpy as np
import pytest

from fewerwells.chapters import project_root
from fewerwells.parameters import Experiment1, Experiment2
from fewerwells.results import COLUMNS, KEY, digest, read_table
from tests.test_experiments import key_of

RESULTS = project_root(Path(__file__).parent) / "results"
PUBLISHED = {"experiment_1": Experiment1(), "experiment_2": Experiment2()}


@pytest.mark.parametrize("name", PUBLISHED)
class TestPublished:
    def test_every_cell_for_every_seed_once(self, name):
        parameters, table = PUBLISHED[name], read_table(RESULTS / f"{name}.csv")
        expected = {
            key_of(design, cell, seed)
            for design in parameters.designs
            for cell in design.cells
            for seed in design.seeds
        }
        found = list(table[list(KEY)].itertuples(index=False, name=None))
        assert len(found) == len(set(found))
        assert set(found) == expected
        assert tuple(table.columns) == COLUMNS

    def test_numbers_are_possible(self, name):
        table = read_table(RESULTS / f"{name}.csv")
        whole = table[table["status"] != "diverged"]
        errors = whole.filter(regex="_mean$|_variance$").drop(columns=["uniform_inside_variance"])
        assert np.isfinite(errors.to_numpy()).all()
        assert (errors.to_numpy() > 0).all()
        assert (whole["sobol_all_mean"] < 2 * whole[["eta_1", "eta_2"]].max(axis=1)).all()
        assert (table["seconds"] > 0).all()

    def test_rows_can_be_made_again_from_their_hash(self, name):
        parameters, table = PUBLISHED[name], read_table(RESULTS / f"{name}.csv")
        cell = parameters.designs[0].cells[0]
        identity = cell.identity(parameters.protocol) | {"seed": 7}
        row = table[(table["seed"] == 7) & (table["arm"] == cell.arm) & (table["target"] == cell.circuit.label)].iloc[0]
        assert row["parameter_hash"] == digest(identity)

    def test_sample_steps_follow_from_the_protocol(self, name):
        table = read_table(RESULTS / f"{name}.csv")
        steps = 2000 * table["N"] + (table["arm"] == "transfer") * (1800 * 40_000 - 1800 * table["N"])
        assert (table["sample_steps"] == steps).all()

    def test_record_says_what_made_it(self, name):
        record = json.loads((RESULTS / f"{name}.json").read_text())
        assert record["parameters"]["profile"] == "paper"
        assert record["packages"]["fewerwells"]


def test_both_experiments_share_their_pretraining_and_common_cells():
    """n = 2 at N = 1000 is in both tables and must be the same networks."""
    one, two = (read_table(RESULTS / f"{name}.csv") for name in PUBLISHED)
    common = one.merge(two, on=[*KEY, "parameter_hash"], suffixes=("", "_two"))
    assert set(common["arm"]) == {"transfer", "scratch", "oracle"}
    np.testing.assert_array_equal(common["sobol_all_mean"], common["sobol_all_mean_two"])
