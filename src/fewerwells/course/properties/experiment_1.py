"""Chapter 3: an interval that holds what it promises, forgetting, and keeping what one knew."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.stats import t

from fewerwells.course.properties import NotYet, checks, function, number
from fewerwells.course.small_study import SEEDS, errors, pretrained_networks
from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import real_pairs
from fewerwells.science.networks import Ensemble
from fewerwells.science.training import Schedule, train
from fewerwells.study.protocol import SIMPLE_MODEL

TARGET = reference_circuit("n_part_complex", 2.0)
WELLS = 96


@checks("3.3")
def interval_of_a_mean(answer) -> None:
    interval = function(answer)
    rng = np.random.default_rng(3)
    caught, widths, promised = [], {20: [], 80: []}, {20: [], 80: []}
    for n in (20, 80):
        for _ in range(100):
            values = rng.normal(10, 3, n)
            ends = interval(values)
            if ends is None or ends is ...:
                raise NotYet("The function is still blank: let it return the lower and the upper end.")
            low, high = (float(end) for end in ends)
            if not low <= high:
                raise NotYet(f"The lower end {low:.3g} lies above the upper end {high:.3g}.")
            caught.append(low <= 10 <= high)
            widths[n].append(high - low)
            promised[n].append(2 * t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n))
    share, shrink = np.mean(caught), np.mean(widths[20]) / np.mean(widths[80])
    if shrink < 1.5:
        raise NotYet(
            "With four times the values your interval hardly shrinks. You describe how much single values differ "
            "(spread); asked is how well their *mean* is known (uncertainty)."
        )
    if share < 0.88:
        raise NotYet(
            f"In 200 trials your interval held the true mean {share:.0%} of the time. 95 % is promised: it is too narrow."
        )
    wide = np.mean(widths[80]) / np.mean(promised[80])
    if wide > 1.12:
        raise NotYet(
            f"In 200 trials your interval held the true mean {share:.0%} of the time. With 80 values it is {wide:.2f} times as "
            "wide as 95 % take for a mean: it is too wide."
        )


def fine_tuned(schedule: Schedule) -> Ensemble:
    """The pre-trained networks after fine-tuning on one plate of the real system."""
    data = [real_pairs(TARGET, WELLS, seed) for seed in SEEDS]
    return train(pretrained_networks(), data, schedule, keys=SEEDS).ensemble


@cache
def _forgetting() -> tuple[float, float]:
    """Error on the simulation's own task outside the wells' range, before and after fine-tuning, nM."""
    before, after = (
        errors(networks, SIMPLE_MODEL)[1].mean() for networks in (pretrained_networks(), fine_tuned(Schedule(100)))
    )
    return float(before), float(after)


@checks("3.5")
def forgetting(answer) -> None:
    said, (before, after) = number(answer), _forgetting()
    factor = after / before
    if said <= 0:
        raise NotYet("A ratio of two errors is positive.")
    if abs(np.log(said / factor)) < 0.2:
        return
    if abs(np.log(said * factor)) < 0.2:
        raise NotYet("This is before divided by after: how many times *larger* did the error get?")
    if abs(said / (after - before) - 1) < 0.1:
        raise NotYet("This is a difference in nM; a factor is asked for.")
    raise NotYet(
        "Judge both networks, before and after, on the *simulation* (`SIMPLE_MODEL`), outside 0–10 nM, and divide the "
        "means over the seeds."
    )


@checks("3.6")
def keep_what_you_knew(answer) -> None:
    if not isinstance(answer, Schedule):
        raise NotYet("A `Schedule` is asked for, for example Schedule(100, learning_rate=1e-3).")
    if answer.epochs > 5000:
        raise NotYet("Stay at 5000 epochs or fewer, so that the check takes seconds.")
    networks = fine_tuned(answer)
    kept, learnt = errors(networks, SIMPLE_MODEL)[1].mean(), errors(networks, TARGET)[0].mean()
    if not learnt < 2:
        raise NotYet(
            f"On the real system the error inside is still {learnt:.2f} nM; below 2 nM is asked for. This schedule is too "
            "careful."
        )
    if not kept < 3.6:
        raise NotYet(
            f"The real system is learnt ({learnt:.2f} nM), but the simulation is forgotten: {kept:.2f} nM outside, below "
            "3.6 nM is asked for. What could hold the weights near where they started?"
        )
