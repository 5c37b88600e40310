"""The arms that know many circuits: what they hold, and that a trial runs them like any other."""

import numpy as np
import pytest

from fewerwells.running.identity import plain, row_hashes
from fewerwells.science.circuits import reference_circuit
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
