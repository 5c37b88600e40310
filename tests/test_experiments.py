"""A design runs once, resumes where it stopped, and gives the same table twice."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fewerwells.running import cells, experiments, identity, stored_networks
from fewerwells.running.experiments import run
from fewerwells.running.parameters import Experiment1, Experiment2, validate
from fewerwells.running.storage import runs_folder
from fewerwells.science import training
from fewerwells.science.circuits import outside_family, reference_circuit
from fewerwells.science.learners import Network, Status
from fewerwells.science.training import reference
from fewerwells.study.table import KEY


def without_timing(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns="seconds")


def key_of(design, cell, seed) -> tuple:
    """What `results.KEY` holds for a cell of a design and a seed."""
    circuit, protocol = cell.target, design.protocol
    system = (*circuit.theta, *circuit.eta)
    return (cell.arm, circuit.label, *system, protocol.noise, cell.volume(protocol), seed)


def smoke_1(**changes) -> Experiment1:
    return validate({"profile": "smoke", "volumes": [10, 50]} | changes, Experiment1)


@pytest.fixture
def count_cells(monkeypatch):
    """Counts the cells that are really trained."""
    trained = []
    original = cells.run_cell

    def counting(cell, *args, **kwargs):
        trained.append(cell)
        return original(cell, *args, **kwargs)

    monkeypatch.setattr(cells, "run_cell", counting)
    return trained


def test_every_cell_of_the_design_has_a_row_for_every_seed():
    some_targets = {"profile": "smoke", "hill_coefficients": [1.0, 2.0], "outside_family": ["mixed_complex"]}
    for parameters in (smoke_1(), validate(some_targets, Experiment2)):
        table = run(parameters)
        expected = {
            key_of(design, cell, seed)
            for design in parameters.designs
            for cell in design.cells
            for seed in design.seeds
        }
        assert set(table[list(KEY)].itertuples(index=False, name=None)) == expected
        assert len(table) == len(expected)


def test_rows_hold_the_parameters_that_their_circuit_has_and_no_others():
    outside = {"profile": "smoke", "n_seeds": 1, "hill_coefficients": [], "outside_family": outside_family()}
    table = run(validate(outside, Experiment2)).drop_duplicates("circuit").set_index("circuit")
    for circuit in (reference_circuit(name) for name in ("phosphorylation_cycle", *outside_family())):
        row = table.loc[circuit.name]
        for name in ("n", "b", "resource", "saturation", "leak", "mixing"):
            expected = circuit.description().get(name)
            assert np.isnan(row[name]) if expected is None else row[name] == expected


def test_the_same_seeds_give_the_same_table_twice(own_results, monkeypatch):
    first = run(smoke_1())
    monkeypatch.setenv("FEWERWELLS_RESULTS", str(own_results / "elsewhere"))
    pd.testing.assert_frame_equal(without_timing(run(smoke_1())), without_timing(first))


def test_a_seed_does_not_depend_on_its_companions():
    among = run(smoke_1(n_seeds=3))
    alone = run(smoke_1(n_seeds=1, first_seed=1))
    picked = among[among["seed"] == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(without_timing(picked), without_timing(alone))


def test_what_is_done_is_not_trained_again_and_damage_is(count_cells):
    run(smoke_1())
    assert len(count_cells) == 5
    run(smoke_1())
    assert len(count_cells) == 5
    stored = sorted((runs_folder() / "cells").glob("*.csv"))
    stored[0].write_text("")
    stored[1].write_bytes(stored[1].read_bytes()[:-30])
    run(smoke_1())
    assert len(count_cells) == 7


def test_an_interrupted_run_keeps_its_finished_cells(count_cells, monkeypatch):
    original = cells.evaluate

    def interrupted(*args):
        if len(count_cells) == 3:
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(cells, "evaluate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(smoke_1())
    monkeypatch.setattr(cells, "evaluate", original)
    run(smoke_1())
    assert len(count_cells) == 6  # two were whole, the third was interrupted, so 3 + 3


def test_one_pretraining_a_seed_serves_both_experiments(monkeypatch):
    calls = []
    original = Network.pretrain

    def counting(network, seeds, *args):
        calls.append(list(seeds))
        return original(network, seeds, *args)

    monkeypatch.setattr(Network, "pretrain", counting)
    run(smoke_1())
    run(validate({"profile": "smoke"}, Experiment2))
    run(smoke_1(n_seeds=3, noise=2.0))
    assert calls == [[0, 1], [2]]


def test_a_damaged_pretrained_network_is_trained_again():
    before = run(smoke_1())
    (damaged, *_) = sorted((runs_folder() / "pretrained").rglob("*.safetensors"))
    damaged.write_bytes(damaged.read_bytes()[:100])
    for path in (runs_folder() / "cells").glob("transfer-*"):
        path.unlink()
        path.with_name(f"{path.name}.1.part").touch()
    damaged.with_name(f"{damaged.name}.1.part").touch()  # as of a process that was killed as it wrote
    pd.testing.assert_frame_equal(without_timing(run(smoke_1())), without_timing(before))
    assert not list(runs_folder().rglob("*.part"))


def test_a_change_in_the_code_makes_stored_runs_stale(count_cells, monkeypatch):
    run(smoke_1())
    monkeypatch.setattr(identity, "_engine_code", identity._engine_code.__wrapped__)
    monkeypatch.setattr(identity, "_module", lambda name: ("another version", frozenset(), frozenset()))
    run(smoke_1())
    assert len(count_cells) == 10


def test_diverged_networks_stay_in_the_table_as_such(monkeypatch, caplog):
    original = cells.run_cell

    def diverging(cell, *args, **kwargs):
        outcome = original(cell, *args, **kwargs)
        return replace(outcome, status=(Status.DIVERGED, *outcome.status[1:]))

    monkeypatch.setattr(cells, "run_cell", diverging)
    table = run(smoke_1())
    assert (table["status"] == "diverged").sum() == 5
    assert table.loc[table["status"] == "diverged", "sobol_all_mean"].isna().all()
    assert "scratch on n = 2 with N = 10, seed 0: diverged" in caplog.text


def test_a_gpu_changes_neither_the_engine_nor_what_is_published(monkeypatch):
    """PyTorch on a GPU is slower at the study's sizes and adds up in another order."""
    monkeypatch.setattr(training, "_could_have_cuda", lambda: True)
    monkeypatch.setattr(reference, "cuda_is_available", lambda: True)
    assert training.choose_engine((2, 10, 2)) == "reference"
    assert {engine for _, engine, _ in experiments._look(smoke_1(), None)} == {"fused"}
    assert stored_networks.stored_runtime("auto").engine == "fused"
    assert stored_networks.stored_runtime("reference").engine == "reference"
