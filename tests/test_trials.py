"""What an arm does, each checked against what its own words promise."""

from dataclasses import replace

import numpy as np
import pytest

from fewerwells.science import systems
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
from fewerwells.science.learners import FittedEquation, GivenEquation, Runtime, Status
from fewerwells.science.learners.combined import _SumLearnt
from fewerwells.science.learners.networks import Networks, batch_order_keys
from fewerwells.science.networks import initialise
from fewerwells.science.systems import Simulated
from fewerwells.science.training import Schedule, train
from fewerwells.study import evaluation
from fewerwells.study.protocol import ARMS, SIMPLE_MODEL, Cell, Protocol
from fewerwells.study.trials import pretrain, run_cell

TARGET = reference_circuit("n_part_complex", 2.0)
SHORT = Protocol(epochs=10, synthetic_volume=100, oracle_volume=100)
X = sobol_inputs(BIG, 64)


def outcome(arm: str, protocol: Protocol = SHORT, wells: int = 20, seeds=(0, 1)):
    """What an arm learns, with the pre-training that it needs."""
    return run_cell(Cell(arm, TARGET, wells), protocol, list(seeds))


def test_fine_tuning_for_zero_epochs_is_the_pretrained_network():
    protocol = replace(SHORT, pretraining_share=1.0)
    pretrained = pretrain(protocol, [0, 1])
    tuned = run_cell(Cell("transfer", TARGET, 20), protocol, [0, 1]).ensemble
    np.testing.assert_array_equal(tuned.parameters, pretrained.parameters)


def test_pretraining_does_not_know_the_target_or_the_noise():
    one, two = (pretrain(replace(SHORT, noise=noise), [3]).parameters for noise in (0.0, 5.0))
    np.testing.assert_array_equal(one, two)


def test_a_seed_gives_the_same_network_alone_and_among_others():
    cell = Cell("scratch", TARGET, 30)
    alone = run_cell(cell, SHORT, [4]).ensemble.parameters[0]
    among = run_cell(cell, SHORT, [2, 4, 6]).ensemble.parameters[1]
    np.testing.assert_array_equal(alone, among)


def test_networks_that_were_pretrained_before_must_be_one_a_seed():
    one = Runtime(pretrained=lambda *_: pretrain(SHORT, [0]))
    with pytest.raises(ValueError, match="for each of 2 seeds; there are 1"):
        run_cell(Cell("transfer", TARGET, 10), SHORT, [0, 1], one)


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_predicts_both_outputs_for_every_seed(arm):
    result = outcome(arm)
    assert len(result.status) == 2
    assert result.predict(X).shape == (2, 64, 2)
    assert np.isfinite(result.predict(X)).all()
    assert result.engine in ("fused", "reference", "numpy", "scikit-learn")
    trains = Cell(arm, TARGET, 20).sample_steps(SHORT) > 0
    assert (result.ensemble is not None) == trains


@pytest.mark.parametrize("arm", ARMS)
def test_inputs_of_each_seed_are_predicted_as_inputs_that_all_share(arm):
    learnt = outcome(arm)
    np.testing.assert_array_equal(learnt.predict(np.stack([X, X])), learnt.predict(X))


@pytest.mark.parametrize(
    "arm", ["fit, library", "fit, library without truth", "fitted family", "Gaussian process on fit"]
)
def test_an_arm_costs_what_it_costs_by_itself_whoever_asked_for_its_fits_first(arm):
    """A second arm on the same wells finds the fits there; what it reports must still hold their time."""
    runtime = Runtime()
    first = run_cell(Cell("fit, family", TARGET, 20), SHORT, [0, 1], runtime)
    fits = runtime.shared(FittedEquation("family"), Cell(arm, TARGET, 20).measured(SHORT, [0, 1]), [0, 1])
    learnt = run_cell(Cell(arm, TARGET, 20), SHORT, [0, 1], runtime)
    assert learnt.seconds > fits.seconds > 0.1 * first.seconds


def test_a_result_is_only_as_sound_as_the_fit_below_it(monkeypatch):
    """What ends badly below must not be said to be well above."""
    original = FittedEquation.learn

    def unfinished(learner, *args):
        return replace(original(learner, *args), status=(Status.NOT_CONVERGED, Status.AT_BOUND))

    monkeypatch.setattr(FittedEquation, "learn", unfinished)
    for arm in ("fitted family", "Gaussian process on fit"):
        first, second = outcome(arm).status
        assert first == Status.NOT_CONVERGED
        assert second in (Status.AT_BOUND, Status.NOT_CONVERGED)


def test_a_dead_network_is_seen_through_the_equation_below_it():
    start = SHORT.network(SHORT.scratch()).fresh([0])
    dead = Networks((Status.OK,), "fused", 0.0, start.with_parameters(np.zeros_like(start.parameters)))
    base = GivenEquation(SIMPLE_MODEL).learn([], [0])
    (row,) = evaluation.evaluate(_SumLearnt((Status.OK,), "fused", 0.0, base, dead), Simulated(TARGET), [0])
    assert row["status"] == "dead"


@pytest.mark.parametrize("arm", ARMS)
def test_no_arm_looks_at_test_points(arm, monkeypatch):
    """Poison: with test points that raise when touched, and a target that is wrong outside the wells, nothing changes.

    Arms whose wells lie out there by definition see no test points either; for them the target stays as it is.
    """
    clean = outcome(arm).predict(X)

    def poisoned(*_):
        raise AssertionError("somebody looked at test points")

    for module, name in ((systems, "study_test_points"), (systems, "sobol_test_points"), (evaluation, "evaluate")):
        monkeypatch.setattr(module, name, poisoned)
    if ARMS[arm].wells.domain is not BIG and arm != "fit, true form":  # whose equation is the target's own
        healthy = type(TARGET).__call__

        def wrong_outside(circuit, x):
            y = healthy(circuit, x)
            if circuit != TARGET:
                return y
            return np.where(SMALL.contains(np.asarray(x))[..., None], y, 1e9)

        monkeypatch.setattr(type(TARGET), "__call__", wrong_outside)
    np.testing.assert_array_equal(outcome(arm).predict(X), clean)


def test_zero_shot_is_the_pretrained_network():
    pretrained = pretrain(SHORT, [0, 1])
    np.testing.assert_array_equal(outcome("zero-shot").ensemble.parameters, pretrained.parameters)


def test_frozen_layers_stay_and_the_others_move():
    start = pretrain(SHORT, [0, 1]).layers()
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
    phase = SHORT.scratch()
    trained = train(fresh, leftovers, Schedule(10), keys=batch_order_keys(seeds, phase)).ensemble
    expected = trained.predict(X) + SIMPLE_MODEL(X)
    np.testing.assert_array_equal(outcome("residual", protocol).predict(X), expected)


def test_without_noise_the_equations_of_the_right_form_are_found_and_inherited():
    protocol = replace(SHORT, noise=0.0)
    for arm in ("fit, n free", "fit, family", "fit, true form", "Gaussian process on fit"):
        for predicted in outcome(arm, protocol, wells=50).predict(X):
            np.testing.assert_allclose(predicted, TARGET(X), atol=1e-3)
    for predicted in outcome("fit, n = 1", protocol, wells=50).predict(X):
        assert np.abs(predicted - TARGET(X)).max() > 1


def test_the_source_makes_the_synthetic_pairs():
    """Twice the η on twice the scale are the same scaled pairs, and so the same networks."""
    doubled = replace(SHORT, source=replace(SIMPLE_MODEL, eta=(80.0, 60.0)), output_scale=80.0)
    one, two = (pretrain(protocol, [3]) for protocol in (SHORT, doubled))
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
