"""What `fewerwells plate` says of how many wells would have done, in whole sentences at the ends of its range, too."""

import math

import numpy as np

from fewerwells.laboratory.curves import FEWEST_GROUPS, FEWEST_WELLS, Curves
from fewerwells.laboratory.report import wells_sentences


def curves(k, low, high, enough=None, sizes=(12, 24, 54)):
    return Curves(sizes, {}, enough, np.array(k), np.array(low), np.array(high))


def test_every_end_of_an_interval_is_a_number_or_a_word():
    said = " ".join(wells_sentences(curves([2.0, math.inf, math.inf], [1.2, math.inf, math.inf], [math.inf] * 3)))
    assert "with 12 wells, networks that start from the simple model do what 2.0 times as many" in said
    assert "1.2 to open" in said
    assert "with 24 wells, networks that start from the simple model do better than 54 wells do without it" in said
    assert "inf" not in said


def test_the_largest_number_of_wells_is_compared_with_nothing():
    said = wells_sentences(curves([1, 1, 1], [1, 1, 1], [1, 1, 1]))
    assert not [line for line in said if line.startswith("with 54 wells")]


def test_numbers_that_were_tried_are_named():
    said = wells_sentences(curves([1, 1, 1], [1, 1, 1], [1, 1, 1]))
    assert said[0].startswith("of the numbers tried (12 and 24) none comes within 10 %")
    said = wells_sentences(curves([1, 1, 1], [1, 1, 1], [1, 1, 1], enough=24))
    assert said[0].startswith("24 of these wells would have done")


def test_without_a_curve_it_is_said_what_it_takes():
    (said,) = wells_sentences(None)
    assert f"{FEWEST_WELLS} wells of {FEWEST_GROUPS} different mixtures" in said
