"""The network that reads a plate: what must not matter to it does not, and quantiles are quantiles."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import BIG, Pairs, real_pairs, sobol_inputs
from fewerwells.science.in_context import features
from fewerwells.science.in_context.features import LEVELS
from fewerwells.science.in_context.network import PlateNetwork, pinball
from fewerwells.science.in_context.reader import InContextNetwork
from fewerwells.science.learners.base import Status
from fewerwells.science.learners.in_context import PlatesRead, weights_without

ASKED = sobol_inputs(BIG, 32)


pytestmark = pytest.mark.usefixtures("one_thread")


def tiny(seed=0):
    torch.manual_seed(seed)
    return InContextNetwork(PlateNetwork(width=16, heads=2, reading=2, answering=1).eval())


TINY = tiny()


@st.composite
def plates(draw):
    seed, n = draw(st.integers(0, 1000)), draw(st.integers(4, 40))
    pairs = real_pairs(reference_circuit(draw(st.sampled_from(("n_part_complex", "input_depletion")))), n, seed)
    y = pairs.y.copy()
    y[np.random.default_rng(seed).random(y.shape) < draw(st.sampled_from((0.0, 0.2)))] = np.nan
    y[0, 0] = 10.0  # at least one reading
    return Pairs(pairs.x, y)


def same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * (np.abs(expected).max() + 1e-9))


@settings(max_examples=20, deadline=None)
@given(plates(), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_units_do_not_matter(pairs, of_inputs, of_outputs):
    noise = np.array([0.5, 0.7, 0.1])
    for told in (None, noise):
        scaled = None if told is None else told * [of_outputs, of_outputs, 1]
        expected = of_outputs * TINY.quantiles([pairs], ASKED, told)
        same(TINY.quantiles([Pairs(of_inputs * pairs.x, of_outputs * pairs.y)], of_inputs * ASKED, scaled), expected)


@settings(max_examples=20, deadline=None)
@given(plates(), st.randoms(use_true_random=False))
def test_neither_the_order_of_wells_nor_copies_of_them_matter(pairs, random):
    order = [*range(len(pairs)), *random.choices(range(len(pairs)), k=5)]
    random.shuffle(order)
    same(TINY.quantiles([Pairs(pairs.x[order], pairs.y[order])], ASKED), TINY.quantiles([pairs], ASKED))


@settings(max_examples=20, deadline=None)
@given(plates(), st.integers(1, 5))
def test_wells_that_were_not_read_do_not_matter(pairs, n):
    unread = Pairs(np.full((n, 2), 3.0) + np.arange(n)[:, None], np.full((n, 2), np.nan))
    more = Pairs(np.concatenate([unread.x, pairs.x]), np.concatenate([unread.y, pairs.y]))
    same(TINY.quantiles([more], ASKED), TINY.quantiles([pairs], ASKED))


def test_of_zero_there_is_one():
    pairs = real_pairs(reference_circuit("n_part_complex"), 6, 0)
    x = np.concatenate([pairs.x, [[0.0, 2.0], [-0.0, 2.0]]])
    y = np.concatenate([pairs.y, [[1.0, 2.0], [1.0, 2.0]]])
    same(TINY.quantiles([Pairs(x, y)], ASKED), TINY.quantiles([Pairs(x[:-1], y[:-1])], ASKED))


@settings(max_examples=20, deadline=None)
@given(plates())
def test_swapping_inputs_together_with_outputs_swaps_the_answers(pairs):
    swapped = TINY.quantiles([Pairs(pairs.x[:, ::-1], pairs.y[:, ::-1])], ASKED[:, ::-1], [0.3, 0.6, 0])
    same(swapped[:, :, ::-1], TINY.quantiles([pairs], ASKED, [0.6, 0.3, 0]))


@settings(max_examples=10, deadline=None)
@given(plates(), plates())
def test_plates_and_queries_do_not_see_one_another(first, second):
    together = TINY.quantiles([first, second], ASKED)
    np.testing.assert_array_equal(together[0], TINY.quantiles([first], ASKED)[0])
    same(together[1, 3:5], TINY.quantiles([second], ASKED[3:5])[0])
    apart = TINY.quantiles([first, second], np.stack([ASKED, ASKED[::-1]]))
    np.testing.assert_array_equal(apart[0], together[0])
    same(apart[1, ::-1], together[1])


@settings(max_examples=10, deadline=None)
@given(plates())
def test_quantiles_never_cross_and_the_median_is_among_them(pairs):
    quantiles = TINY.quantiles([pairs], ASKED)
    assert quantiles.shape == (1, 32, 2, len(LEVELS))
    assert (np.diff(quantiles, axis=-1) > 0).all()
    np.testing.assert_array_equal(TINY.predict([pairs], ASKED), quantiles[..., 4])


def test_a_reading_that_is_missing_is_not_a_zero():
    pairs = real_pairs(reference_circuit("n_part_complex"), 20, 1)
    missing, zero = pairs.y.copy(), pairs.y.copy()
    missing[3, 1], zero[3, 1] = np.nan, 0.0
    first, second = (TINY.predict([Pairs(pairs.x, y)], ASKED) for y in (missing, zero))
    assert np.abs(first - second).max() > 1e-6


def test_one_input_and_one_output_are_enough():
    pairs = real_pairs(reference_circuit("n_part_complex"), 20, 1)
    x, y = pairs.x * [1, 0], pairs.y * [1, np.nan]
    assert np.isfinite(TINY.predict([Pairs(x, y)], ASKED * [1, 0])).all()


@settings(max_examples=25, deadline=None)
@given(st.floats(-1e4, 1e4))
def test_what_is_bent_can_be_unbent(value):
    assert features.unbend(features.bend(value)) == pytest.approx(value, rel=1e-9, abs=1e-9)


def test_the_loss_is_least_at_the_true_quantiles():
    truth = torch.from_numpy(np.random.default_rng(0).standard_normal(200_000))
    levels = torch.tensor(LEVELS, dtype=truth.dtype)
    best = torch.tensor(np.quantile(truth.numpy(), LEVELS))
    least = pinball(best.expand(len(truth), -1), truth, levels).mean()
    for level in range(len(LEVELS)):
        for shift in (-0.1, 0.1):
            other = best.clone()
            other[level] += shift
            assert pinball(other.expand(len(truth), -1), truth, levels).mean() > least
    # by hand: half of |0 − 2| for the median, (1 − 0.025)·2 for a low quantile that lies above the truth
    one = pinball(torch.tensor([[2.0] * len(LEVELS)]), torch.tensor([0.0]), levels)
    assert float(one) == pytest.approx(np.mean([2 * (1 - level) for level in LEVELS]))


PLATE = real_pairs(reference_circuit("n_part_complex"), 8, 0)


@pytest.mark.parametrize(
    ("pairs", "x", "noise", "sentence"),
    [
        (Pairs(PLATE.x, PLATE.y * np.nan), ASKED, None, "no reading at all"),
        (Pairs(-PLATE.x, PLATE.y), ASKED, None, "cannot be negative"),
        (Pairs(PLATE.x, PLATE.y * np.inf), ASKED, None, "not all finite"),
        (PLATE, ASKED[:, :1], None, r"shape \(32, 1\)"),
        (PLATE, np.stack([ASKED, ASKED]), None, r"\(M, 2\) or \(1, M, 2\)"),
        (PLATE, -ASKED, None, "0 or positive"),
        (PLATE, ASKED * np.nan, None, "nan nM"),
        (PLATE, ASKED, [1.0, -1.0, 0.0], "three numbers"),
        (PLATE, ASKED, [1.0, 1.0], "three numbers"),
    ],
)
def test_impossible_questions_are_refused(pairs, x, noise, sentence):
    with pytest.raises(ValueError, match=sentence):
        TINY.quantiles([pairs], x, noise)


def test_a_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    with pytest.raises(ValueError, match="not the file of a network"):
        InContextNetwork.load(path)
    path.write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    with pytest.raises(ValueError, match="not the file of a network"):
        InContextNetwork.load(path)


def test_many_queries_are_answered_as_few_are():
    """They are answered a thousand at a time, from wells that are read once."""
    known, x = TINY.read([PLATE]), np.random.default_rng(3).uniform(0, 20, (2500, 2))
    apart = np.concatenate([known.quantiles(some)[0] for some in np.array_split(x, 100)])
    same(known.quantiles(x)[0], apart)
    np.testing.assert_array_equal(known.predict(x), known.quantiles(x)[..., LEVELS.index(0.5)])


READ = PlatesRead((Status.OK,), "torch", 0.0, TINY.read([PLATE]))


@settings(max_examples=15, deadline=None)
@given(st.floats(0.01, 0.95))
def test_intervals_lie_between_the_quantiles(level):
    quantiles = TINY.quantiles([PLATE], ASKED)[0].reshape(-1, len(LEVELS))
    for ends, share in zip(READ.interval(ASKED, level), (0.5 - level / 2, 0.5 + level / 2), strict=True):
        expected = [np.interp(share, LEVELS, one) for one in quantiles]
        np.testing.assert_allclose(ends.reshape(-1), expected, rtol=1e-9, atol=1e-9)


def test_the_80_percent_interval_is_a_pair_of_quantiles():
    low, high = READ.interval(ASKED, 0.8)
    quantiles = TINY.quantiles([PLATE], ASKED)
    np.testing.assert_allclose(low, quantiles[..., LEVELS.index(0.1)], rtol=1e-9)
    np.testing.assert_allclose(high, quantiles[..., LEVELS.index(0.9)], rtol=1e-9)


@pytest.mark.parametrize("level", [0.0, 0.96, 1.0, -0.5, np.nan])
def test_intervals_that_the_network_does_not_know_are_refused(level):
    with pytest.raises(ValueError, match="the level is"):
        READ.interval(ASKED, level)


def test_nothing_comes_without_simple_activation():
    with pytest.raises(ValueError, match="no network comes without simple activation"):
        weights_without(reference_circuit("simple_activation"))
