"""Published tables are read where they are whole and belong to this code, and a sample of them is computed again."""

import json
import pickle
import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest

from fewerwells.running import cells, identity, publishing, sample
from fewerwells.running.cells import Task
from fewerwells.running.experiments import run
from fewerwells.running.parameters import PUBLISHED, ChosenInSystems, Experiment1, ManyCircuits, Sweeps
from fewerwells.running.published import RECOMPUTE, code_of_arms
from fewerwells.running.sample import sampled
from fewerwells.running.storage import provenance, write_table
from fewerwells.study.columns import ERROR_COLUMNS
from fewerwells.study.table import CHECKSUM, row_checksums

SMOKE = partial(Experiment1, profile="smoke", n_seeds=3, volumes=[10, 50])

ONE_SWEEP = {  # each choice as it usually is
    "sweep_hill_coefficients": 2.0,
    "sweep_noises": 1.0,
    "sweep_batch_sizes": 256,
    "sweep_learning_rates": 1e-3,
    "sweep_losses": "l1",
    "sweep_input_scalings": "symmetric",
    "sweep_pretraining_shares": 0.9,
    "sweep_fine_tuning_rates": 1.0,
    "sweep_mismatches": 0.0,
}


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """The table of a small run and the code that it came from, computed once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEWERWELLS_RESULTS", str(tmp_path_factory.mktemp("first")))
        return run(SMOKE())


@pytest.fixture
def book(tmp_path, monkeypatch, computed):
    """The folder of a book whose results hold that table; runs of this test start from nothing."""
    folder = tmp_path / "book"
    (folder / "notebooks").mkdir(parents=True)
    (folder / "_toc.yml").write_text("root: intro\n")
    publish(folder, computed)
    monkeypatch.chdir(folder / "notebooks")
    return folder


def publish(folder, table, **changes):
    notes = {"published": "2026-01-02", "code": code_of_arms(SMOKE().designs, "fused")} | changes
    write_table(table, folder / "results" / "one.csv", **notes)


@pytest.fixture
def trained(monkeypatch):
    """The arms of the cells that are really trained."""
    arms = []
    original = cells.run_cell

    def counting(cell, *args):
        arms.append(cell.arm)
        return original(cell, *args)

    monkeypatch.setattr(cells, "run_cell", counting)
    return arms


def check(folder):
    return sample.check(folder / "results", {"one": SMOKE})["one"]


def _same(part, whole) -> bool:
    return part.protocol == whole.protocol and set(part.seeds) < set(whole.seeds)


class TestReading:
    def test_published_rows_are_not_trained_again(self, book, trained, computed):
        pd.testing.assert_frame_equal(run(SMOKE()), computed)
        assert trained == []

    def test_fewer_seeds_are_read_and_more_are_trained(self, book, trained):
        run(SMOKE(n_seeds=2))
        assert trained == []
        run(SMOKE(n_seeds=4))
        assert len(trained) == 5

    def test_a_changed_digit_makes_the_whole_table_worthless(self, book, trained):
        path = book / "results" / "one.csv"
        path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
        run(SMOKE())
        assert len(trained) == 5

    def test_other_code_of_one_arm_has_that_arm_trained(self, book, trained, computed):
        publish(book, computed, code=code_of_arms(SMOKE().designs, "fused") | {"scratch": "another version"})
        run(SMOKE())
        assert trained == ["scratch", "scratch"]

    def test_another_version_of_a_library_has_all_trained(self, book, trained, monkeypatch):
        real = identity.version
        monkeypatch.setattr(identity, "_engine_code", identity._engine_code.__wrapped__)
        monkeypatch.setattr(identity, "version", lambda name: "99" if name == "numba" else real(name))
        run(SMOKE())
        assert len(trained) == 5

    def test_an_arm_on_wells_of_two_laboratories_is_read_from_the_code_of_either(self, book, trained, monkeypatch):
        """What a pipette's error is written in counts for its cells alone."""
        varied = {name: [value] for name, value in ONE_SWEEP.items()} | {"sweep_proportional_noises": [0.0, 0.2]}
        sweeps = Sweeps(profile="smoke", sweep_volumes=[10], sweep_input_errors=[0.0], **varied)
        table = run(sweeps)
        code = code_of_arms(sweeps.designs, "fused")
        assert {"transfer", "scratch", "oracle"} < set(code)
        write_table(table, book / "results" / "two.csv", published="2026-01-02", code=code)
        monkeypatch.setenv("FEWERWELLS_RESULTS", str(book / "elsewhere"))
        trained.clear()
        pd.testing.assert_frame_equal(run(sweeps), table)
        assert trained == []
        other = dict.fromkeys(code.keys() - {"transfer", "scratch", "oracle"}, "another version")
        write_table(table, book / "results" / "two.csv", published="2026-01-02", code=code | other)
        run(sweeps)
        assert sorted(trained) == ["oracle", "scratch", "transfer"]

    def test_a_rerun_reads_nothing(self, book, trained, monkeypatch):
        monkeypatch.setenv(RECOMPUTE, "1")
        run(SMOKE())
        assert len(trained) == 5


class TestSample:
    def test_the_same_code_gives_the_same_digits(self, book):
        outcome = check(book)
        assert outcome.verdict == "identical"
        assert outcome.sentence == "published on 2026-01-02; 5 rows computed again here: identical"

    def test_it_is_one_whole_seed_whatever_is_stored(self, book, trained):
        design = sample.sampled(SMOKE())
        assert design.seeds == (SMOKE().seeds[sample.PLACE % 3],)
        assert design.cells == SMOKE().designs[0].cells

    @pytest.mark.parametrize("name", PUBLISHED)
    def test_of_many_cells_it_is_every_one_on_a_system(self, name):
        parameters = PUBLISHED[name]()
        part = sampled(parameters)
        (whole,) = (one for one in parameters.designs if set(part.cells) <= set(one.cells) and _same(part, one))
        systems = {cell.target for cell in part.cells}
        assert set(part.cells) == {cell for cell in whole.cells if cell.target in systems}
        assert systems == {cell.target for cell in whole.cells} or len(systems) == 1
        assert len(set(whole.cells)) <= sample.MANY or len(systems) == 1

    def test_the_same_tables_are_sampled_once(self, book, monkeypatch):
        first = check(book)
        monkeypatch.setattr(sample, "compute", None)
        assert check(book) == first

    def test_a_number_that_this_code_does_not_give_is_named(self, book, computed):
        seed = sample.sampled(SMOKE()).seeds[0]
        wrong = computed.copy()
        row = (wrong["arm"] == "scratch") & (wrong["N"] == 50) & (wrong["seed"] == seed)
        wrong.loc[row, "sobol_all_mean"] *= 1.001
        publish(book, wrong)
        outcome = check(book)
        assert outcome.verdict == "differs"
        assert outcome.first == f"scratch on n = 2, N = 50, seed {seed}"

    def test_a_table_of_other_code_is_left_to_whoever_needs_it(self, book, computed):
        publish(book, computed, code={"scratch": "another version"})
        said = []
        assert sample.check(book / "results", {"one": SMOKE}, said.append) == {}
        assert "by other code" in said[0]


class TestAnotherProcessor:
    def rows(self, computed, factor):
        seed = sample.sampled(SMOKE()).seeds[0]
        fresh = computed[computed["seed"] == seed].reset_index(drop=True)
        columns = [name for name in fresh if name.startswith(("uniform", "sobol"))]
        fresh[columns] *= factor
        return fresh

    @pytest.mark.parametrize(("factor", "verdict"), [(1.0, "identical"), (1.01, "agrees"), (1e6, "differs")])
    def test_rounding_may_lead_elsewhere_but_not_anywhere(self, computed, factor, verdict):
        outcome = sample.judge(self.rows(computed, factor), computed, {}, same_machine=False)
        assert outcome.verdict == verdict
        assert outcome.largest == pytest.approx(factor - 1, rel=1e-6, abs=1e-9)

    @pytest.mark.parametrize("column", ERROR_COLUMNS)
    def test_no_error_may_lead_anywhere(self, computed, column):
        fresh = self.rows(computed, 1.0)
        fresh[column] *= 1e12  # three seeds leave much room
        assert sample.judge(fresh, computed, {}, same_machine=False).verdict == "differs"

    def test_on_the_same_processor_it_may_not(self, computed):
        assert sample.judge(self.rows(computed, 1.01), computed, {}, same_machine=True).verdict == "differs"

    def test_another_status_is_a_difference(self, computed):
        fresh = self.rows(computed, 1.0).assign(status="dead")
        assert sample.judge(fresh, computed, {}, same_machine=True).verdict == "differs"

    def test_an_error_that_is_missing_on_one_side_is_a_difference(self, computed):
        fresh = self.rows(computed, 1.0)
        fresh.loc[0, "sobol_all_mean"] = np.nan
        assert sample.judge(fresh, computed, {}, same_machine=True).verdict == "differs"


def test_a_record_names_processor_and_libraries(book):
    record = json.loads((book / "results" / "one.json").read_text())
    assert record["processor"] == provenance()["processor"]
    assert {"numpy", "scipy", "scikit-learn", "numba"} <= set(record["packages"])


class TestPublishing:
    """A record says where rows were computed, not where they were last written."""

    def publish_again(self, book, monkeypatch, computed, **changes):
        monkeypatch.setattr(publishing, "PUBLISHED", {"one": SMOKE})
        monkeypatch.setattr(publishing, "run", lambda parameters: computed)
        publish(book, computed, **changes)
        before, said = (book / "results" / "one.json").read_bytes(), []
        publishing.publish(book / "results", said.append)
        return before, (book / "results" / "one.json").read_bytes(), said

    def test_a_table_of_which_nothing_was_computed_again_keeps_its_record(self, book, monkeypatch, computed):
        before, after, said = self.publish_again(book, monkeypatch, computed, processor="another one")
        assert after == before
        assert said == ["results/one.csv stays as it is"]

    def test_rows_that_come_out_the_same_from_other_code_change_the_record_alone(self, book, monkeypatch, computed):
        published = computed.assign(seconds=computed["seconds"] + 1.0)
        write_table(published, book / "results" / "one.csv", code={"scratch": "another version"}, processor="here")
        before = (book / "results" / "one.csv").read_bytes()
        monkeypatch.setattr(publishing, "PUBLISHED", {"one": SMOKE})
        monkeypatch.setattr(publishing, "run", lambda parameters: computed.copy())
        publishing.publish(book / "results", lambda _: None)
        assert (book / "results" / "one.csv").read_bytes() == before
        assert json.loads((book / "results" / "one.json").read_text())["code"] == code_of_arms(SMOKE().designs, "fused")

    def test_rows_of_two_processors_are_told_as_such(self, book, monkeypatch, computed):
        changed = computed.assign(sobol_all_mean=computed["sobol_all_mean"].where(computed.index > 0, 1.25))
        changed[CHECKSUM] = row_checksums(changed)
        said = self.publish_again(book, monkeypatch, changed, processor="another one")[2]
        assert said == ["results/one.csv stays as it is"]
        monkeypatch.setattr(publishing, "run", lambda parameters: computed)
        publishing.publish(book / "results", said.append)
        record = json.loads((book / "results" / "one.json").read_text())
        assert record["processor"] == f"another one; {provenance()['processor']}"
        assert said[-1] == "wrote results/one.csv"
        assert not all(record[part] == provenance()[part] for part in ("processor", "packages"))

    def test_rows_that_were_all_computed_here_name_this_processor(self, book, monkeypatch, computed):
        other = computed.assign(sobol_all_mean=2 * computed["sobol_all_mean"])
        other[CHECKSUM] = row_checksums(other)
        self.publish_again(book, monkeypatch, other, processor="another one")
        monkeypatch.setattr(publishing, "run", lambda parameters: computed)
        publishing.publish(book / "results", lambda _: None)
        assert json.loads((book / "results" / "one.json").read_text())["processor"] == provenance()["processor"]


@pytest.mark.parametrize("model", [ChosenInSystems, ManyCircuits])
def test_a_fresh_process_knows_the_arms_that_stand_beside_the_study_s(model):
    """Cells are computed in workers, which never called what adds their arms."""
    design = sampled(model(profile="smoke"))
    quick = min(design.cells, key=lambda cell: cell.wells)
    code = "import pickle, sys; from fewerwells.running.sample import _rows; print(len(_rows([pickle.load(sys.stdin.buffer)])))"
    task = pickle.dumps(Task(quick, design.protocol, design.seeds[:1], "reference"))
    done = subprocess.run([sys.executable, "-c", code], input=task, capture_output=True)
    assert done.stdout.decode().split()[-1:] == ["1"], done.stderr.decode()
