"""What an arm does, each checked against what its own words promise."""

from dataclasses import replace

import numpy as np
import pytest

from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import (
    BIG,
    SMALL,
    outside_pairs,
    random_function_pairs,
    real_pairs,
    shuffled_pairs,
    sobol_inputs,
    swapped_pairs,
    synthetic_pairs,
)
from fewerwells.science.networks import initialise
from fewerwells.science.training import Schedule, train
from fewerwells.study import evaluation, trials
from fewerwells.study.protocol import ARMS, SIMPLE_MODEL, Cell, Protocol
from fewerwells.study.trials import batch_order_keys, pretrain, run_cell

TARGET = reference_circuit("n_part_complex", 2.0)
SHORT = Protocol(epochs=10, synthetic_volume=100, oracle_volume=100)
X = sobol_inputs(BIG, 64)


def outcome(arm: str, protocol: Protocol = SHORT, wells: int = 20, seeds=(0, 1)):
    """What an arm learns, with the pre-training that it needs."""
    trials._equations.cache_clear()
    trials._mechanisms.cache_clear()
    cell, seeds = Cell(arm, TARGET, wells), list(seeds)
    pretrained = pretrain(protocol, seeds, phase=cell.pretraining).ensemble if cell.pretraining else None
    return run_cell(cell, protocol, seeds, pretrained=pretrained)


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


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_predicts_both_outputs_for_every_seed(arm):
    result = outcome(arm)
    assert len(result.predictors) == len(result.status) == 2
    for predict in result.predictors:
        assert predict(X).shape == (64, 2)
        assert np.isfinite(predict(X)).all()
    assert result.engine in ("fused", "reference", "scipy", "scikit-learn")
    assert (result.ensemble is None) == (not ARMS[arm].phases)


@pytest.mark.parametrize("arm", ARMS)
def test_no_arm_looks_at_test_points(arm, monkeypatch):
    """Poison: with test points that raise when touched, and a target that is wrong outside the wells, nothing changes.

    Arms whose wells lie out there by definition see no test points either; for them the target stays as it is.
    """
    clean = [predict(X) for predict in outcome(arm).predictors]

    def poisoned(*_):
        raise AssertionError("somebody looked at test points")

    for name in ("study_test_points", "sobol_test_points", "evaluate"):
        monkeypatch.setattr(evaluation, name, poisoned)
    sees_outside = ARMS[arm].wells is BIG or any(p.data == "real" and p.domain is BIG for p in ARMS[arm].phases)
    if not sees_outside and arm != "fit, true form":  # whose equation is the target's own
        healthy = type(TARGET).__call__

        def wrong_outside(circuit, x):
            y = healthy(circuit, x)
            if circuit != TARGET:
                return y
            return np.where(SMALL.contains(np.asarray(x))[..., None], y, 1e9)

        monkeypatch.setattr(type(TARGET), "__call__", wrong_outside)
    for before, predict in zip(clean, outcome(arm).predictors, strict=True):
        np.testing.assert_array_equal(predict(X), before)


def test_zero_shot_is_the_pretrained_network():
    pretrained = pretrain(SHORT, [0, 1]).ensemble
    np.testing.assert_array_equal(outcome("zero-shot").ensemble.parameters, pretrained.parameters)


def test_frozen_layers_stay_and_the_others_move():
    start = pretrain(SHORT, [0, 1]).ensemble.layers()
    end = outcome("frozen").ensemble.layers()
    moved = [not np.array_equal(before[0], after[0]) for before, after in zip(start, end, strict=True)]
    assert moved == [False, False, False, True, True, True]


def test_a_residual_network_learns_what_the_simple_model_leaves_over():
    protocol, seeds = replace(SHORT, noise=0.5), [0, 1]
    leftovers = []
    for seed in seeds:
        wells = real_pairs(TARGET, 20, seed, noise=0.5)
        leftovers.append(replace(wells, y=wells.y - SIMPLE_MODEL(wells.x)))
    fresh = initialise(protocol.sizes, seeds, output_scale=40.0)
    (phase,) = ARMS["residual"].phases
    trained = train(fresh, leftovers, Schedule(10), keys=batch_order_keys(seeds, phase)).ensemble
    expected = trained.predict(X) + SIMPLE_MODEL(X)
    np.testing.assert_array_equal([p(X) for p in outcome("residual", protocol).predictors], expected)


def test_without_noise_the_equations_of_the_right_form_are_found_and_inherited():
    protocol = replace(SHORT, noise=0.0)
    for arm in ("fit, n free", "fit, family", "fit, true form", "Gaussian process on fit"):
        for predict in outcome(arm, protocol, wells=50).predictors:
            np.testing.assert_allclose(predict(X), TARGET(X), atol=1e-3)
    for predict in outcome("fit, n = 1", protocol, wells=50).predictors:
        assert np.abs(predict(X) - TARGET(X)).max() > 1


def test_the_source_makes_the_synthetic_pairs():
    """Twice the η on twice the scale are the same scaled pairs, and so the same networks."""
    doubled = replace(SHORT, source=replace(SIMPLE_MODEL, eta=(80.0, 60.0)), output_scale=80.0)
    one, two = (pretrain(protocol, [3]).ensemble for protocol in (SHORT, doubled))
    np.testing.assert_array_equal(one.parameters, two.parameters)
    np.testing.assert_array_equal(2 * one.predict(X), two.predict(X))


class TestPretrainingData:
    def test_swapped_inputs_are_the_source_with_its_wires_crossed(self):
        pairs = swapped_pairs(SIMPLE_MODEL, 30, 5)
        np.testing.assert_array_equal(pairs.y, SIMPLE_MODEL(pairs.x[:, ::-1]))

    def test_shuffled_labels_are_the_same_outputs_elsewhere(self):
        pairs, shuffled = synthetic_pairs(SIMPLE_MODEL, 500, 5), shuffled_pairs(SIMPLE_MODEL, 500, 5)
        np.testing.assert_array_equal(np.sort(shuffled.y, axis=0), np.sort(pairs.y, axis=0))
        assert np.mean(shuffled.y == pairs.y) < 0.05

    def test_a_random_function_is_smooth_and_spread_like_the_source_and_one_a_seed(self):
        pairs, source = random_function_pairs(SIMPLE_MODEL, 2000, 5), synthetic_pairs(SIMPLE_MODEL, 2000, 5)
        np.testing.assert_allclose(pairs.y.mean(axis=0), source.y.mean(axis=0))
        np.testing.assert_allclose(pairs.y.std(axis=0), source.y.std(axis=0))
        assert abs(np.corrcoef(pairs.y[:, 0], source.y[:, 0])[0, 1]) < 0.9
        apart = np.linalg.norm(pairs.x[:, None] - pairs.x[None], axis=2)
        near = (apart < 0.3) & (apart > 0)
        differences = np.abs(pairs.y[:, None, 0] - pairs.y[None, :, 0])
        assert differences[near].mean() < 0.15 * differences.mean()
        assert not np.allclose(random_function_pairs(SIMPLE_MODEL, 10, 6).y, pairs.y[:10])

    def test_replayed_pairs_lie_outside_the_small_domain(self):
        pairs = outside_pairs(SIMPLE_MODEL, 500, 5)
        assert len(pairs) == 500
        assert not SMALL.contains(pairs.x).any()
        assert BIG.contains(pairs.x).all()
        np.testing.assert_array_equal(pairs.y, SIMPLE_MODEL(pairs.x))
