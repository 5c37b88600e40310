"""Chapter 11: one race or twenty, a race over the same number of steps, eight wells well placed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import ceil

import numpy as np

from fewerwells.circuits import reference_circuit
from fewerwells.course.properties import NotYet, checks, function, pair
from fewerwells.course.small_study import errors
from fewerwells.datasets import SMALL, Pairs, random_stream, real_pairs
from fewerwells.protocol import ARMS, FINE_TUNING, PRETRAINING, Protocol
from fewerwells.training import Schedule, train
from fewerwells.widgets import pretrained
from fewerwells.widgets.race import race

TARGET = reference_circuit("n_part_complex", 4.0)
RACES = 20


@cache
def _wins() -> np.ndarray:
    """Races that the pre-trained network wins: (both 200 epochs, study's pace, both 2000 epochs) by (inside, outside)."""
    runs = [race(real_pairs(TARGET, 96, seed), TARGET, seed, [200, 2000]) for seed in range(RACES)]
    transfer, scratch = (np.array([run[arm] for run in runs])[:, :, 1:] for arm in ("transfer", "scratch"))
    pairings = ((0, 0), (0, 1), (1, 1))
    return np.array([(transfer[:, ours] < scratch[:, theirs]).sum(axis=0) for ours, theirs in pairings])


@checks("11.1")
def races_won(answer) -> None:
    said, wins = pair(answer, "races won when both train for 200 epochs, and at the study's pace"), _wins()
    if any(count != int(count) or not 0 <= count <= RACES for count in said):
        raise NotYet(f"Count races: whole numbers from 0 to {RACES}.")
    inside, outside = (tuple(wins[:2, place]) for place in (0, 1))
    if said == inside:
        return
    hints = {
        inside[::-1]: "The two are in the wrong order: 200 epochs for both come first.",
        outside: "These are the races won *outside* 0–10 nM, the dashed lines; inside is asked for.",
        tuple(RACES - count for count in inside): "These are the races that the network from scratch wins.",
        (
            inside[0],
            int(wins[2, 0]),
        ): "The first is right. At the study's pace the pre-trained one has only 200 epochs.",
    }
    if said in hints:
        raise NotYet(hints[said])
    if said[0] == inside[0]:
        raise NotYet("The first is right. For the second, compare epoch 200 of one with epoch 2000 of the other.")
    raise NotYet(
        "For each seed compare two errors inside: transfer at epoch 200 and scratch at epoch 200, then scratch at 2000. Seeds "
        f"are 0 to {RACES - 1}; the smaller error wins."
    )


@checks("11.2")
def epochs_of_a_fair_race(answer) -> None:
    epochs, protocol = function(answer), Protocol()
    volumes = [8, 96, 256, 257, 384, 1000, 2000]
    said = [epochs(wells) for wells in volumes]
    if any(value is None or value is ... for value in said):
        raise NotYet("The function is still blank: let it return a number of epochs.")
    fair = ARMS["step-matched scratch"].phases[0]
    truth = [fair.n_epochs(protocol, wells) for wells in volumes]
    if np.array_equal(said, truth):
        return
    batches = [ceil(wells / protocol.batch_size) for wells in volumes]
    before, after = PRETRAINING.n_steps(protocol, 0), [FINE_TUNING.n_steps(protocol, wells) for wells in volumes]
    pairs = protocol.pretraining_epochs * protocol.synthetic_volume
    hints = {
        "Fine-tuning makes steps, too.": [ceil(before / n) for n in batches],
        "That is the number of steps. How many of them does one epoch over the wells make?": [
            before + n for n in after
        ],
        "The last batch of an epoch is smaller than the others, but it is a step like any other.": [
            ceil((protocol.pretraining_epochs * (protocol.synthetic_volume // 256) + n) / b)
            for n, b in zip(after, batches, strict=True)
        ],
        "You matched the pairs that are seen. Asked is for optimiser steps, one a batch.": [
            pairs / wells + 200 for wells in volumes
        ],
        "Some races are one step short: round up, so that scratch gets at least as many.": [
            (before + n) // b for n, b in zip(after, batches, strict=True)
        ],
    }
    for hint, wrong in hints.items():
        if np.allclose(said, wrong, rtol=0, atol=1):
            raise NotYet(hint)
    if said[:3] == truth[:3]:
        raise NotYet("Up to 256 wells it is right. How many batches do 257 wells make?")
    raise NotYet(
        "Count the batches of 256 in 40,000 pairs, times their epochs; add those of fine-tuning; divide by the batches that "
        "the wells make in one epoch."
    )


@cache
def _random_plates(n_designs: int = 12) -> float:
    """Mean error over the big domain of designs whose 8 wells are drawn at random."""
    rng = np.random.default_rng(11)
    return float(np.mean([_design_error(rng.uniform(SMALL.low, SMALL.high, (8, 2))) for _ in range(n_designs)]))


def _design_error(wells: np.ndarray) -> float:
    """Error over the big domain, nM, of the page's pre-trained network after 200 epochs on these wells; 8 draws of noise."""
    seeds = list(range(8))
    noise = [random_stream(seed, "noise, small domain").standard_normal(wells.shape) for seed in seeds]
    data = [Pairs(wells, TARGET(wells) + z) for z in noise]
    stored, _ = pretrained.load()
    start = replace(stored[[0] * len(seeds)], output_scale=TARGET.largest_output)
    inside, outside = errors(train(start, data, Schedule(200), keys=seeds).ensemble, TARGET)
    return float((inside + 3 * outside).mean() / 4)  # the small domain is a quarter of the big one


@checks("11.3")
def eight_wells(answer) -> None:
    try:
        wells = np.array(answer, float)
    except (TypeError, ValueError):
        wells = np.empty(0)
    if wells.shape != (8, 2):
        raise NotYet(f"8 wells of two inputs are asked for, shape (8, 2); this has shape {wells.shape}.")
    if not np.all(np.isfinite(wells)) or not SMALL.contains(wells).all():
        raise NotYet("Some wells lie outside 0–10 nM, where this laboratory cannot measure.")
    ratio = _design_error(wells) / _random_plates()
    if ratio > 0.8:
        apart = np.linalg.norm(wells[:, None] - wells, axis=2) + np.where(np.eye(8), np.inf, 0)
        advice = (
            "Most of your wells stand beside another one and measure the same thing twice."
            if np.median(apart.min(axis=1)) < 1
            else "A regular plate also spends wells where both hypotheses say the same. Where do they differ?"
        )
        raise NotYet(
            f"After fine-tuning on your wells the network is wrong by {ratio:.2f} times what random wells give; at most 0.80 "
            f"is asked for. {advice}"
        )
