"""The committed tables: complete, unique, whole, and made by the study's protocol at full size."""

import json
from pathlib import Path

import numpy as np
import pytest

from fewerwells.running import parameters as models
from fewerwells.running.experiments import check_complete, expected_rows
from fewerwells.running.identity import row_hashes
from fewerwells.running.reading_order import project_root
from fewerwells.running.storage import read_table
from fewerwells.study.intervals_held import LEVELS, PLACES, held_column
from fewerwells.study.protocol import STUDY_ARMS
from fewerwells.study.table import CHECKSUM, COLUMNS, KEY

RESULTS = project_root(Path(__file__).parent) / "results"
PUBLISHED = {name: model() for name, model in models.PUBLISHED.items()}


@pytest.mark.parametrize("name", PUBLISHED)
class TestPublished:
    def test_every_cell_for_every_seed_once_as_the_protocol_says(self, name):
        table, parameters = read_table(RESULTS / f"{name}.csv"), PUBLISHED[name]
        *columns, last = table.columns
        assert tuple(columns[: len(COLUMNS)]) == COLUMNS
        held = {held_column(level, place) for level in LEVELS for place in PLACES}  # of arms that give intervals
        of_wells = {"proportional_noise", "input_error"}  # that have them
        assert set(columns[len(COLUMNS) :]) <= held | of_wells
        assert last == CHECKSUM
        assert not table.duplicated(["settings_hash", "seed"]).any()
        check_complete(name, table, parameters)
        rows = table.set_index("parameter_hash")[["arm", "target", "noise", "N", "seed"]]
        found = dict(zip(rows.index, rows.itertuples(index=False, name=None), strict=True))
        assert found == expected_rows(parameters)
        steps = {
            row_hashes(cell, design.protocol, design.seeds)[1][0]: cell.sample_steps(design.protocol)
            for design in parameters.designs
            for cell in design.cells
        }
        assert table.set_index("parameter_hash")["sample_steps"].loc[list(steps)].to_dict() == steps

    def test_numbers_are_possible(self, name):
        table = read_table(RESULTS / f"{name}.csv")
        whole = table[table["status"] != "diverged"]
        errors = whole.filter(regex="_mean$|_variance$").drop(columns=["uniform_inside_variance"])
        assert np.isfinite(errors.to_numpy()).all()
        assert (errors.to_numpy() > 0).all()
        networks = whole[whole["arm"].isin(STUDY_ARMS)]
        assert (networks["sobol_all_mean"] < 2 * networks[["eta_1", "eta_2"]].max(axis=1)).all()
        assert (table["seconds"] > 0).all()

    def test_record_says_what_made_it(self, name):
        record = json.loads((RESULTS / f"{name}.json").read_text())
        assert record["parameters"]["profile"] == "paper"
        assert record["packages"]["fewerwells"]


def test_both_experiments_share_their_pretraining_and_common_cells():
    """n = 2 at N = 1000 is in both tables and must be the same networks."""
    one, two = (read_table(RESULTS / f"experiment_{number}.csv") for number in (1, 2))
    common = one.merge(two, on=[*KEY, "parameter_hash"], suffixes=("", "_two"))
    assert set(common["arm"]) == {"transfer", "scratch", "oracle"}
    np.testing.assert_array_equal(common["sobol_all_mean"], common["sobol_all_mean_two"])
