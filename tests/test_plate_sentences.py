"""What `fewerwells plate` says of how many wells would have done, in whole sentences at the ends of its range, too."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from fewerwells.laboratory.answering import OutputAnswer, Score
from fewerwells.laboratory.arms import TAILS, tailed
from fewerwells.laboratory.curves import Curves
from fewerwells.laboratory.judging import Noise
from fewerwells.laboratory.report import sentences, wells_sentences


def curves(k, low, high, enough=None, sizes=(12, 24, 54)):
    return Curves(sizes, {}, enough, np.array(k), np.array(low), np.array(high))


def test_only_the_best_learner_is_called_best():
    """An earlier one that comes near is taken, so another may have a smaller error, and the noise decides which is small."""

    def said(chosen, known=True):
        noise = Noise(1.0, 0.0, 9, "replicates" if known else "unknown")
        errors = (("process", 2.1, 1.00), ("equations", 2.0, 1.04), ("network", 2.5, 1.2))
        scores = tuple(Score(arm, f"a {arm}", error, times if known else math.nan) for arm, error, times in errors)
        return sentences(OutputAnswer("GFP", noise, scores, chosen, None, 1.0, (), "Hill"), None)[:2]

    assert said("process") == [
        "GFP: doses held out are predicted best by a process: off by 2.1 (root mean square, 1.00 times the standard error "
        "of their means).",
        "  others: equations 2 (1.04 times); network 2.5 (1.20 times)",
    ]
    first, others = said("equations", known=False)
    assert "by a equations about as well as by any other (at most 5 % worse): off by 2 (root mean square)." in first
    assert others == "  others: process 2.1; network 2.5"


def test_every_end_of_an_interval_is_a_number_or_a_word():
    said = " ".join(wells_sentences(curves([2.0, math.inf, math.inf], [1.2, math.inf, math.inf], [math.inf] * 3)))
    assert "with 12 wells, networks that start from the simple model do what 2.0 times as many" in said
    assert "1.2 to more than 4.5" in said
    assert "with 24 wells, networks that start from the simple model do better than 54 wells do without it" in said
    assert "inf" not in said


def test_the_largest_number_of_wells_is_compared_with_nothing():
    said = wells_sentences(curves([1, 1, 1], [1, 1, 1], [1, 1, 1]))
    assert not [line for line in said if line.startswith("with 54 wells")]


def test_numbers_that_were_tried_are_named():
    said = wells_sentences(curves([1, 1, 1], [1, 1, 1], [1, 1, 1]))
    assert said[0].startswith("fewer wells (tried: 12, 24) do not come within 10 %")
    said = wells_sentences(curves([1, 1, 1], [1, 1, 1], [1, 1, 1], enough=24))
    assert said[0].startswith("24 of these wells would have done")


def test_where_wells_are_too_few_that_is_said():
    assert wells_sentences(None) == wells_sentences(curves([1], [1], [1], sizes=(12,)))
    assert "too few wells, or too few different doses" in wells_sentences(None)[0]


def test_a_start_that_harms_is_worth_at_most_what_was_tried():
    said = " ".join(wells_sentences(curves([1, 0.5, 0.4], [1, 0.5, 0.3], [1, 0.8, 1])))
    assert "with 12 wells, networks that start from the simple model do what at most 1.0 times as many" in said
    assert "(95 % interval at most 1.0)" in said
    assert "with 24 wells, networks that start from the simple model do what at most 0.5 times as many" in said
    assert "at most 0.5 to 0.8" in said


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95, 0.99])
def test_errors_with_heavy_tails_are_held_as_often_as_said(level):
    """Errors drawn from Student's t, in units in which a normal interval of 80 % holds 80 % of them."""
    errors = np.abs(np.random.default_rng(0).standard_t(TAILS, 400_000))
    errors *= norm.ppf(0.9) / np.quantile(errors, 0.8)
    assert np.mean(errors < norm.ppf((1 + level) / 2) * tailed(level)) == pytest.approx(level, abs=0.003)
