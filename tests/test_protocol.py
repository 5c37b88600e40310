"""The study's protocol as data: what DESIGN and the study say must follow from it."""

from dataclasses import replace

import numpy as np
import pytest

from fewerwells.circuits import reference_circuit
from fewerwells.datasets import BIG, SMALL
from fewerwells.protocol import ARMS, PRETRAINING, Cell, Protocol
from fewerwells.trials import pretrain, run_cell

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


def test_fine_tuning_for_zero_epochs_is_the_pretrained_network():
    protocol = replace(SHORT, pretraining_share=1.0)
    pretrained = pretrain(protocol, [0, 1]).ensemble
    tuned = run_cell(Cell("transfer", TARGET, 20), protocol, [0, 1], pretrained=pretrained).ensemble
    np.testing.assert_array_equal(tuned.parameters, pretrained.parameters)


def test_pretraining_does_not_know_the_target_or_the_noise():
    one, two = (pretrain(replace(SHORT, noise=noise), [3]).ensemble.parameters for noise in (0.0, 5.0))
    np.testing.assert_array_equal(one, two)


def test_a_seed_gives_the_same_network_alone_and_among_others():
    cell = Cell("scratch", TARGET, 30)
    alone = run_cell(cell, SHORT, [4]).ensemble.parameters[0]
    among = run_cell(cell, SHORT, [2, 4, 6]).ensemble.parameters[1]
    np.testing.assert_array_equal(alone, among)


def test_arms_that_pretrain_need_their_networks():
    with pytest.raises(ValueError, match="for each of 2 seeds; it got none"):
        run_cell(Cell("transfer", TARGET, 10), SHORT, [0, 1])
    with pytest.raises(ValueError, match="it got 1"):
        run_cell(Cell("transfer", TARGET, 10), SHORT, [0, 1], pretrained=pretrain(SHORT, [0]).ensemble)


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
