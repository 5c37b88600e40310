"""What a sweep will cost: sample-steps by counting, hours by timing a little training on this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from fewerwells.running.experiments import outstanding
from fewerwells.running.parameters import CHAPTER_PARAMETERS, TrainingParameters, validate
from fewerwells.running.points import Point
from fewerwells.running.stored_networks import fastest_engine
from fewerwells.science.cores import usable_cores
from fewerwells.science.datasets import synthetic_pairs
from fewerwells.science.networks import STUDY_SIZES, initialise
from fewerwells.science.training import Schedule, train
from fewerwells.study.protocol import SIMPLE_MODEL

POINT_SECONDS = 6.0  # kernel, imports and figures of one point on one core


@dataclass(frozen=True)
class Forecast:
    """The cost of what is missing.

    Attributes:
        sample_steps: for each point, what it alone would have to train.
        total: what all have to train together; pieces that points share count once.
        rate: sample-steps a second on all cores of this machine, measured now.
        seconds: the estimate for all points, side by side.
    """

    sample_steps: list[int]
    total: int
    rate: float
    seconds: float


def training_rate(settings: TrainingParameters, seconds: float = 1.0) -> float:
    """Sample-steps a second on all cores that this process may use, timed on the settings' batch size and loss.

    Args:
        settings: of the run whose time is wanted.
        seconds: at least how long to train for the measurement.
    """
    source, n_pairs = SIMPLE_MODEL, 2000
    seeds = list(range(2 * len(usable_cores())))
    ensemble = initialise(STUDY_SIZES, seeds, output_scale=source.largest_output)
    data, keys = [synthetic_pairs(source, n_pairs, 0)], np.array(seeds, np.uint64)

    def timed(epochs: int) -> float:
        schedule = Schedule(epochs, settings.batch_size, settings.learning_rate, settings.loss)
        started = time.perf_counter()
        train(ensemble, data, schedule, keys=keys, engine=fastest_engine(settings.engine))
        return time.perf_counter() - started

    timed(1)  # compiles or loads the engine
    epochs = 1
    while (taken := timed(epochs)) < seconds:
        epochs *= 4
    return epochs * n_pairs * len(seeds) / taken


def forecast(points: list[Point], workers: int) -> Forecast:
    """The cost of running these points on this machine.

    Args:
        points: the points that are missing; at least one.
        workers: how many of them run at a time.
    """
    settings = [validate(point.parameters, CHAPTER_PARAMETERS[point.chapter.stem]) for point in points]
    pieces = [outstanding(one) for one in settings]
    total = sum({path: steps for piece in pieces for path, steps in piece.items()}.values())
    rate = training_rate(settings[0])
    return Forecast(
        [sum(p.values()) for p in pieces], total, rate, total / rate + POINT_SECONDS * len(points) / workers
    )
