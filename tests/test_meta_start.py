"""A start for all circuits: against plain training where the two must agree, and whether it helps new circuits."""

import numpy as np
import pytest

from fewerwells.science.datasets import random_stream
from fewerwells.science.meta_start import Start, circuits_of_round, learn_start
from fewerwells.science.networks import initialise
from fewerwells.science.training import Schedule, train

FRESH = initialise((2, 8, 2), [0], output_scale=40.0)


def test_one_round_on_one_circuit_all_the_way_is_training_on_it():
    start = Start(rounds=1, circuits=1, pairs=32, schedule=Schedule(3, batch_size=16), seed=5)
    rng = random_stream(5, "circuits of a start")
    data = circuits_of_round(start, rng, 40.0)
    trained = train(FRESH, data, start.schedule, keys=rng.integers(0, 2**64, 1, np.uint64)).ensemble
    np.testing.assert_allclose(learn_start(FRESH, start).parameters, trained.parameters, rtol=1e-5, atol=1e-7)


def test_all_circuits_of_a_round_have_the_same_largest_output_and_seeds_fix_them():
    start = Start(circuits=5, pairs=20)
    one, other = (circuits_of_round(start, random_stream(1, "circuits of a start"), 40.0) for _ in range(2))
    assert [np.abs(pairs.y).max() for pairs in one] == pytest.approx([40.0] * 5)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.y, b.y)


def test_new_circuits_are_nearer_from_the_start_than_from_fresh_weights():
    start = Start(rounds=60, circuits=8, pairs=64, schedule=Schedule(10, batch_size=32, learning_rate=3e-3))
    learnt = learn_start(FRESH, start)
    new = circuits_of_round(start, random_stream(99, "circuits of a start"), 40.0)
    errors = []
    for network in (learnt, FRESH):
        copies = network.with_parameters(np.tile(network.parameters, (8, 1)))
        tuned = train(copies, new, start.schedule, keys=range(8)).ensemble
        errors.append(np.mean([np.abs(p - d.y).mean() for p, d in zip(_predicted(tuned, new), new, strict=True)]))
    assert errors[0] < 0.8 * errors[1]


def _predicted(ensemble, data):
    return [ensemble[[index]].predict(pairs.x)[0] for index, pairs in enumerate(data)]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: Start(rounds=0), "rounds is 0"),
        (lambda: Start(rate=1.5), "the rate is 1.5"),
        (lambda: learn_start(initialise((2, 8, 2), [0, 1]), Start()), "2 networks"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, named):
    with pytest.raises(ValueError, match=named):
        call()
