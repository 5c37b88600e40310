"""The study's protocol as data: what DESIGN and the study say must follow from it."""

from dataclasses import replace

import pytest

from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import BIG, SMALL
from fewerwells.study.protocol import ARMS, PRETRAINING, Cell, Protocol

TARGET = reference_circuit("n_part_complex", 2.0)
SHORT = Protocol(epochs=10, synthetic_volume=100, oracle_volume=100, sizes=(2, 6, 2))


def test_the_studys_numbers():
    study = Protocol()
    transfer = Cell("transfer", TARGET, 1000)
    epochs = [phase.n_epochs(study, 1000) for phase in transfer.phases]
    assert epochs == [1800, 200]
    assert [phase.domain for phase in transfer.phases] == [BIG, SMALL]
    assert transfer.sample_steps(study) == 1800 * 40_000 + 200 * 1000
    assert Cell("scratch", TARGET, 1000).sample_steps(study) == 2000 * 1000
    assert Cell("oracle", TARGET, 20_000).sample_steps(study) == 2000 * 20_000
    assert ARMS["oracle"].phases[0].domain is BIG
    assert ARMS["scratch"].phases[0].domain is SMALL
    assert 1 - 1000 / study.oracle_volume == pytest.approx(0.95)


def test_unknown_arm_is_refused():
    with pytest.raises(ValueError, match="no arm 'wizard'; choose one of transfer"):
        Cell("wizard", TARGET, 10)


def test_identity_names_what_matters_to_an_arm_and_nothing_else():
    scratch, transfer = (Cell(arm, TARGET, 10) for arm in ("scratch", "transfer"))
    longer = replace(SHORT, synthetic_volume=7)
    assert scratch.identity(SHORT) == scratch.identity(longer)
    assert transfer.identity(SHORT) != transfer.identity(longer)
    assert transfer.pretraining is PRETRAINING
    assert scratch.pretraining is None


def test_step_matched_scratch_takes_as_many_optimiser_steps_as_transfer():
    study = Protocol()
    for wells in (10, 96, 256, 257, 1000):
        ((matched,),) = (ARMS["step-matched scratch"].phases,)
        transfer = sum(phase.n_steps(study, wells) for phase in ARMS["transfer"].phases)
        per_epoch = -(-wells // study.batch_size)
        assert transfer == 1800 * 157 + 200 * per_epoch
        assert 0 <= matched.n_steps(study, wells) - transfer < per_epoch


def test_only_the_oracle_sees_more_than_its_wells_and_only_zero_shot_none():
    study = Protocol()
    for arm in ARMS:
        expected = {"oracle": study.oracle_volume, "zero-shot": 0}.get(arm, 96)
        assert Cell(arm, TARGET, 96).volume(study) == expected


def test_a_fit_is_the_same_whatever_the_network():
    fit = Cell("fit, n = 1", TARGET, 10)
    assert fit.identity(SHORT) == fit.identity(replace(SHORT, epochs=99, sizes=(2, 3, 2)))
    assert fit.identity(SHORT) != fit.identity(replace(SHORT, noise=2.0))
    assert fit.sample_steps(SHORT) == 0
