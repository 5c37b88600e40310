"""The arms that know many circuits: what they hold, and that a trial runs them like any other."""

from dataclasses import replace

import numpy as np
import pytest

from fewerwells.running.identity import plain, row_hashes
from fewerwells.running.parameters import ManyCircuits, ParameterError, Targets, validate
from fewerwells.science.circuits import CIRCUITS, reference_circuit
from fewerwells.science.datasets import real_pairs
from fewerwells.science.learners.formulas import SymbolicRegression
from fewerwells.science.learners.mechanisms import STUDY_FAMILY, WideLibrary
from fewerwells.science.learners.start import MetaLearned
from fewerwells.science.mechanisms import enumerate_structures
from fewerwells.science.meta_start import Start
from fewerwells.science.training import Schedule
from fewerwells.study import many_circuits, protocol
from fewerwells.study.many_circuits import MANY_CIRCUITS, add_many_circuits
from fewerwells.study.protocol import ARMS, Cell, Protocol, Setting

ARMS_BEFORE = tuple(ARMS)
X = np.array([[1.0, 2.0], [15.0, 3.0], [0.0, 0.0]])
CYCLE = reference_circuit("phosphorylation_cycle")
SWITCH = reference_circuit("goldbeter_koshland")  # there is a network that has never seen it


@pytest.fixture(autouse=True)
def own_arms(monkeypatch):
    arms = dict(ARMS)
    monkeypatch.setattr(protocol, "ARMS", arms)
    monkeypatch.setattr(many_circuits, "ARMS", arms)


def test_they_become_known_once_and_have_identities_of_their_own():
    add_many_circuits()
    add_many_circuits()
    hashes = {name: row_hashes(Cell(name, SWITCH, 20), Protocol(), [0])[0] for name in MANY_CIRCUITS}
    assert len(set(hashes.values())) == len(MANY_CIRCUITS)


def test_the_truth_is_left_out_for_its_own_target_only():
    arm = MANY_CIRCUITS["wide library, truth left out"]
    for name in ("phosphorylation_cycle", "goldbeter_koshland"):
        circuit = reference_circuit(name)
        left = arm.learner(Setting(Protocol(), 96, circuit)).structures
        assert not any(structure.holds(circuit) for structure in left)
        assert set(left) < set(enumerate_structures())


LEFT_OUT = [name for name in MANY_CIRCUITS if name.endswith("truth left out")]


@pytest.mark.parametrize("name", [*LEFT_OUT, "what the wells know"])
def test_an_arm_that_needs_the_truth_says_so_where_nobody_knows_it(name):
    with pytest.raises(ValueError, match="nobody knows the mechanism of a measured system"):
        MANY_CIRCUITS[name].learner(Setting(Protocol(), 96, None))
    unknown = replace(CIRCUITS["n_part_complex"], name="glow", label="glow", place={})
    CIRCUITS["glow"] = unknown
    try:
        with pytest.raises(ValueError, match="no enumerated mechanism is known to hold"):
            MANY_CIRCUITS[name].learner(Setting(Protocol(), 96, reference_circuit("glow")))
    finally:
        del CIRCUITS["glow"]


@pytest.mark.parametrize("name", [name for name in MANY_CIRCUITS if name not in (*LEFT_OUT, "what the wells know")])
def test_all_others_learn_without_knowing_it(name):
    MANY_CIRCUITS[name].learner(Setting(Protocol(), 96, None))


@pytest.mark.parametrize("name", [name for name in MANY_CIRCUITS if name.startswith("meta-learned start")])
def test_a_start_for_plain_inputs_is_not_passed_off_as_one_for_logarithms(name):
    with pytest.raises(ValueError, match="learnt on plain concentrations"):
        MANY_CIRCUITS[name].learner(Setting(Protocol(log_inputs=True), 96, SWITCH))
    assert not MANY_CIRCUITS[name].learner(Setting(Protocol(), 96, SWITCH)).log_inputs


def test_a_learner_predicts_for_all_its_seeds_within_its_intervals():
    seeds = [1000, 1001]
    wells = [real_pairs(CYCLE, 20, seed) for seed in seeds]
    learnt = WideLibrary(STUDY_FAMILY).learn(wells, seeds)
    shared, own = learnt.predict(X), learnt.predict(np.stack([X, X[::-1]]))
    assert shared.shape == (2, 3, 2)
    np.testing.assert_allclose(own, [shared[0], shared[1][::-1]])
    low, high = learnt.interval(X, 0.95)
    assert np.all((low <= shared) & (shared <= high))
    assert set(learnt.status) <= {"ok", "not converged"}
    assert plain(WideLibrary(STUDY_FAMILY)) != plain(WideLibrary(STUDY_FAMILY, discrepancy=False))


def test_what_wells_without_noise_know_is_the_equation():
    """A posterior needs some noise; the chapters may be run without any."""
    pytest.importorskip("dynesty")
    arm = MANY_CIRCUITS["what the wells know"]
    assert arm.learner(Setting(Protocol(noise=0.3), 20, CYCLE)).noise == 0.3
    wells = [real_pairs(CYCLE, 20, 1000, noise=0.0)]
    learnt = arm.learner(Setting(Protocol(noise=0.0), 20, CYCLE)).learn(wells, [1000])
    np.testing.assert_allclose(learnt.predict(wells[0].x)[0], wells[0].y, atol=0.2)


def test_formulas_predict_for_all_their_seeds():
    pytest.importorskip("pyoperon")
    wells = [real_pairs(CYCLE, 12, seed) for seed in (1000, 1001)]
    learnt = SymbolicRegression(generations=1).learn(wells, [1000, 1001])
    assert learnt.predict(X).shape == (2, 3, 2)
    assert learnt.interval(X) is None


def test_all_seeds_begin_from_the_same_start_and_then_learn_their_own_wells():
    wells = [real_pairs(CYCLE, 12, seed) for seed in (1000, 1001)]
    start = Start(rounds=2, circuits=2, pairs=16, schedule=Schedule(1))
    learner = MetaLearned((Protocol().fine_tuning(),), (2, 6, 2), (0.0, 20.0), 40.0, start=start)
    both = learner.learn(wells, [1000, 1001]).predict(X)
    assert not np.array_equal(both[0], both[1])
    alone = learner.learn(wells[1:], [1001]).predict(X)
    np.testing.assert_allclose(alone[0], both[1], rtol=1e-5, atol=1e-5)
    assert learner.pretraining is None


class TestDesign:
    """The design of the chapter: which arm on which target, on how many seeds."""

    def test_every_arm_stands_on_every_target_that_it_can_run_on(self):
        settings = ManyCircuits()
        cells = [cell for design in settings.designs for cell in design.cells if cell.wells == settings.wells]
        asked = {(cell.arm, cell.target.name) for cell in cells}
        left_out = {target for arm, target in asked if arm == many_circuits.NEVER_SEEN}
        assert left_out == {"input_depletion", "goldbeter_koshland", "mixed_complex"}
        for arm in MANY_CIRCUITS:
            assert arm == many_circuits.NEVER_SEEN or {(arm, target) for target in settings.circuits} <= asked

    def test_no_row_is_asked_for_twice(self):
        hashes = [key for design in ManyCircuits().designs for c in design.cells for key in self.rows(c, design)]
        assert len(hashes) == len(set(hashes))

    def test_its_common_arms_are_those_of_the_published_targets(self):
        def rows(settings, wells):
            return {
                key for d in settings.designs for c in d.cells if c.arm in ARMS_BEFORE and c.wells in wells
                for key in self.rows(c, d)
            }  # fmt: skip

        settings = ManyCircuits()
        wells = (settings.wells, settings.oracle_volume)
        assert rows(settings, wells) <= rows(Targets(), wells)

    def test_few_seeds_are_the_first_of_all(self):
        settings = ManyCircuits(profile="smoke", n_seeds=3, first_seed=5)
        assert [design.seeds for design in settings.designs] == [(5, 6, 7), (5, 6)]
        with pytest.raises(ParameterError, match="few_seeds is 4 and n_seeds 3; they are the first of them"):
            validate({"profile": "smoke", "n_seeds": 3, "few_seeds": 4}, ManyCircuits)

    @staticmethod
    def rows(cell, design):
        return row_hashes(cell, design.protocol, design.seeds)[1]
