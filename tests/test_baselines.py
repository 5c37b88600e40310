"""Fair baselines: what is chosen is chosen on held-out wells, and each arm does what its words say."""

from dataclasses import replace

import numpy as np
import pytest

from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import BIG, Pairs, real_pairs, sobol_inputs
from fewerwells.science.learners import FittedEquation, GivenEquation, Runtime
from fewerwells.science.learners.chosen import Chosen, Mean, held_out
from fewerwells.science.learners.networks import stretched_logarithm
from fewerwells.study.baselines import BASELINES, SHARES_OF_EPOCHS
from fewerwells.study.protocol import Protocol, Setting

SHORT = Protocol(epochs=20, synthetic_volume=60, sizes=(2, 4, 2))
TARGET = reference_circuit("n_part_complex", 2.0)
WRONG = GivenEquation(reference_circuit("simple_activation"))
X = sobol_inputs(BIG, 64)
SEEDS = [0, 1]


def plates(n=30):
    return [real_pairs(TARGET, n, seed) for seed in SEEDS]


@pytest.mark.parametrize(("n", "choose"), [(2, 1), (5, 1), (6, 2), (96, 20)])
def test_a_fifth_of_the_wells_chooses_and_teaches_nothing(n, choose):
    pairs = real_pairs(TARGET, n, 0)
    teach, kept = held_out(pairs)
    assert (len(teach), len(kept)) == (n - choose, choose)
    np.testing.assert_array_equal(np.concatenate([teach.x, kept.x]), pairs.x)


def test_the_better_one_on_held_out_wells_is_taught_again_on_all():
    right = FittedEquation("hill")
    found = Chosen((WRONG, right)).learn(plates(), SEEDS)
    assert found.choice.tolist() == [1, 1]
    np.testing.assert_array_equal(found.predict(X), right.learn(plates(), SEEDS).predict(X))
    np.testing.assert_array_equal(found.predict(np.stack([X, X])), found.predict(X))


def test_each_data_set_chooses_for_itself():
    """One plate comes from the simulation, whose equation is then right without a fit; the other does not."""
    simple = reference_circuit("simple_activation")
    mixed = [real_pairs(simple, 30, 0, noise=0.0), plates()[1]]
    found = Chosen((FittedEquation("hill"), WRONG)).learn(mixed, SEEDS)
    assert found.choice.tolist() == [1, 0]
    np.testing.assert_array_equal(found.predict(X)[0], simple(X))


def test_what_is_outside_the_wells_has_no_say():
    """A target that is absurd where no well lies gives the same choice and the same prediction."""
    chosen = BASELINES["scratch, stopped"].learner(Setting(SHORT, 30, TARGET))
    once, twice = (chosen.learn([Pairs(w.x, w.y) for w in plates()], SEEDS) for _ in range(2))
    np.testing.assert_array_equal(once.predict(X), twice.predict(X))


def test_a_single_well_cannot_choose():
    with pytest.raises(ValueError, match="at least 2 are needed to hold one out"):
        Chosen((WRONG,)).learn([real_pairs(TARGET, 1, 0)], [0])


def test_a_mean_is_the_mean_of_networks_that_differ():
    scratch = SHORT.network(SHORT.scratch())
    mean = Mean(scratch, 3).learn(plates(), SEEDS)
    each = np.stack([member.predict(X) for member in mean.members])
    np.testing.assert_array_equal(each[0], scratch.learn(plates(), SEEDS).predict(X))
    assert not np.allclose(each[0], each[1])
    np.testing.assert_allclose(mean.predict(X), each.mean(axis=0))


def test_logarithmic_inputs_are_the_same_network_on_warped_pairs():
    plain = SHORT.network(SHORT.scratch())
    warped = [Pairs(stretched_logarithm(w.x), w.y) for w in plates()]
    expected = plain.learn(warped, SEEDS).predict(stretched_logarithm(X))
    np.testing.assert_array_equal(replace(plain, log_inputs=True).learn(plates(), SEEDS).predict(X), expected)
    np.testing.assert_allclose(stretched_logarithm(np.array([0.0, 20.0])), [0.0, 20.0])


def test_stopping_early_means_fewer_epochs_of_the_same_training():
    candidates = BASELINES["scratch, stopped"].learner(Setting(Protocol(), 96, TARGET)).candidates
    assert [network.epochs for network in candidates] == [round(2000 * share) for share in SHARES_OF_EPOCHS]


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_learns_for_every_seed(name):
    learnt = BASELINES[name].learner(Setting(SHORT, 12, TARGET)).learn(plates(12), SEEDS, Runtime())
    assert np.isfinite(learnt.predict(X)).all()
    assert learnt.predict(X).shape == (2, 64, 2)
    assert learnt.seconds > 0
