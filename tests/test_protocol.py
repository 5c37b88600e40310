"""The study's protocol as data: what DESIGN and the study say must follow from it."""

from dataclasses import replace

import pytest

from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import BIG, SMALL
from fewerwells.study import protocol
from fewerwells.study.protocol import ARMS, Cell, Protocol

TARGET = reference_circuit("n_part_complex", 2.0)
SHORT = Protocol(epochs=10, synthetic_volume=100, oracle_volume=100, sizes=(2, 6, 2))


def test_the_studys_numbers():
    study = Protocol()
    transfer, scratch, oracle = (Cell(arm, TARGET, 1000) for arm in ("transfer", "scratch", "oracle"))
    pretraining, fine_tuning = transfer.learner(study).phases
    assert [phase.schedule.epochs for phase in (pretraining, fine_tuning)] == [1800, 200]
    assert pretraining.source.n_pairs(1000) == 40_000
    assert transfer.sample_steps(study) == 1800 * 40_000 + 200 * 1000
    assert transfer.own_sample_steps(study) == 200 * 1000
    assert scratch.sample_steps(study) == 2000 * 1000
    assert oracle.sample_steps(study) == 2000 * 20_000
    assert [cell.domain for cell in (transfer, scratch, oracle)] == [SMALL, SMALL, BIG]
    assert 1 - 1000 / study.oracle_volume == pytest.approx(0.95)


def test_unknown_arm_is_refused():
    with pytest.raises(ValueError, match="no arm 'wizard'; choose one of transfer"):
        Cell("wizard", TARGET, 10)


def test_only_arms_that_know_the_simulation_pretrain_on_it():
    scratch, transfer = (Cell(arm, TARGET, 10) for arm in ("scratch", "transfer"))
    assert scratch.pretraining(SHORT) is None
    assert transfer.pretraining(SHORT) == SHORT.network(SHORT.pretraining())


def test_step_matched_scratch_takes_as_many_optimiser_steps_as_transfer():
    study = Protocol()
    for wells in (10, 96, 256, 257, 1000):
        matched, transfer = (Cell(arm, TARGET, wells).learner(study) for arm in ("step-matched scratch", "transfer"))
        steps = sum(phase.n_steps(wells) for phase in transfer.phases)
        per_epoch = -(-wells // study.batch_size)
        assert steps == 1800 * 157 + 200 * per_epoch
        assert 0 <= matched.phases[0].n_steps(wells) - steps < per_epoch


def test_only_the_oracle_sees_more_than_its_wells_and_only_zero_shot_none():
    study = Protocol()
    for arm in ARMS:
        expected = {"oracle": study.oracle_volume, "zero-shot": 0}.get(arm, 96)
        assert Cell(arm, TARGET, 96).volume(study) == expected


def test_a_fit_is_the_same_whatever_the_network():
    fit = Cell("fit, n = 1", TARGET, 10)
    assert fit.learner(SHORT) == fit.learner(replace(SHORT, epochs=99, sizes=(2, 3, 2)))
    assert fit.sample_steps(SHORT) == 0


def test_an_arm_can_be_added_and_its_name_belongs_to_it(monkeypatch):
    monkeypatch.setattr(protocol, "ARMS", dict(ARMS))
    protocol.add_arm("another fit", ARMS["fit, n = 1"])
    assert Cell("another fit", TARGET, 10).learner(SHORT) == Cell("fit, n = 1", TARGET, 10).learner(SHORT)
    with pytest.raises(ValueError, match="there is an arm 'scratch' already"):
        protocol.add_arm("scratch", ARMS["fit, n = 1"])
