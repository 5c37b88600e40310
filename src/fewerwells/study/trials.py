"""Run one cell of a design: train, fit or interpolate as its arm says, one outcome a seed.

Nothing in here ever sees a test point: an outcome is made from wells, synthetic pairs and seeds alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from fewerwells.science.circuits import Circuit
from fewerwells.science.datasets import (
    Pairs,
    outside_pairs,
    random_function_pairs,
    random_stream,
    real_pairs,
    shuffled_pairs,
    swapped_pairs,
    synthetic_pairs,
)
from fewerwells.science.fitting import Fit, fit_many
from fewerwells.science.gaussian_processes import fit_gaussian_processes
from fewerwells.science.library import average, fit_mechanisms, mechanism_of
from fewerwells.science.networks import Ensemble, initialise
from fewerwells.science.training import Training, choose_engine, train
from fewerwells.study.protocol import ARMS, PRETRAINING, PRETRAINING_DATA, Cell, Phase, Protocol

Predictor = Callable[[np.ndarray], np.ndarray]

_DRAW = dict(
    zip(PRETRAINING_DATA, (synthetic_pairs, swapped_pairs, random_function_pairs, shuffled_pairs), strict=True)
)


@dataclass(frozen=True)
class Outcome:
    """What an arm learnt on each of E seeds.

    Attributes:
        predictors: E functions from inputs (M, 2) to outputs (M, 2), nM.
        status: E words: "ok"; "diverged" where a weight is not a finite number; "not converged" or "at bound" where
            a fit ended so.
        engine: what trained or fitted.
        seconds: wall time of all seeds together, without shared pre-training.
        ensemble: the networks of arms that have one.
    """

    predictors: list[Predictor]
    status: list[str]
    engine: str
    seconds: float
    ensemble: Ensemble | None = None


def batch_order_keys(seeds: list[int], phase: Phase) -> list[int]:
    """One key a seed for a phase's batch order; training on wells has another one than training on synthetic pairs."""
    position = 1 if phase.data == "real" else 0
    return [int(random_stream(seed, "batch order").integers(0, 2**64, 2, np.uint64)[position]) for seed in seeds]


def _fresh(protocol: Protocol, seeds: list[int]) -> Ensemble:
    ensemble = initialise(protocol.sizes, seeds, output_scale=protocol.output_scale)
    return replace(ensemble, input_range=protocol.input_range)


def _train(ensemble, data, phase, wells, protocol, seeds, engine, progress) -> Training:
    schedule = phase.schedule(protocol, wells)
    return train(ensemble, data, schedule, keys=batch_order_keys(seeds, phase), engine=engine, progress=progress)


def pretrain(
    protocol: Protocol,
    seeds: list[int],
    engine: str = "auto",
    progress: Callable[[int], None] | None = None,
    phase: Phase = PRETRAINING,
) -> Training:
    """Train fresh networks, one a seed, on data that need no wells: the common start of all arms that transfer.

    Args:
        protocol: the common settings, the source among them.
        seeds: the paired seeds.
        engine, progress: as in `training.train`.
        phase: the pre-training phase; its data are one of `protocol.PRETRAINING_DATA`.
    """
    draw, n = _DRAW[phase.data], phase.n_pairs(protocol, 0)
    data = [draw(protocol.source, n, seed) for seed in seeds]
    return _train(_fresh(protocol, seeds), data, phase, 0, protocol, seeds, engine, progress)


@lru_cache(maxsize=2)  # the library with and without the truth
def _mechanisms(circuit: Circuit, n: int, noise: float, seeds: tuple[int, ...]) -> dict[str, list[Fit]]:
    return fit_mechanisms([real_pairs(circuit, n, seed, noise=noise) for seed in seeds])


@lru_cache(maxsize=16)  # arms of one target and volume share their wells, and so their fits
def _equations(
    form: str, circuit: Circuit, source: Circuit, n: int, noise: float, seeds: tuple[int, ...]
) -> tuple[list[Predictor], list[str]]:
    """The equation of an arm for each seed, and how its fit ended."""
    if form == "source":
        return [source] * len(seeds), ["ok"] * len(seeds)
    wells = [real_pairs(circuit, n, seed, noise=noise) for seed in seeds]
    if form in ("library", "library without truth"):
        without = mechanism_of(circuit) if form == "library without truth" else ""
        fits = average(_mechanisms(circuit, n, noise, seeds), wells, without)
    else:
        fits = fit_many(form, wells, circuit if form == "true" else None)
    return [fit.predict for fit in fits], [fit.status for fit in fits]


def _logarithmic(x: np.ndarray) -> np.ndarray:
    return np.log1p(x / 0.5)  # logarithmic above 0.5 nM, linear below, 0 at 0


def _after_logarithm(predictor: Predictor) -> Predictor:
    return lambda x: predictor(_logarithmic(x))


def _sum(predictor: Predictor, equation: Predictor) -> Predictor:
    return lambda x: predictor(x) + equation(x)


def _leftover(pairs: Pairs, equation: Predictor) -> Pairs:
    return Pairs(pairs.x, pairs.y - equation(pairs.x))


def _phase_data(phase: Phase, cell: Cell, protocol: Protocol, seeds: list[int], equations) -> list[Pairs]:
    n = phase.n_pairs(protocol, cell.wells)
    if phase.data == "refitted":
        inputs = [synthetic_pairs(protocol.source, n, seed).x for seed in seeds]
        return [Pairs(x, equation(x)) for x, equation in zip(inputs, equations, strict=True)]
    if not phase.replayed:
        return [real_pairs(cell.circuit, n, seed, domain=phase.domain, noise=protocol.noise) for seed in seeds]
    data = []
    for seed in seeds:
        real = real_pairs(cell.circuit, n // 2, seed, domain=phase.domain, noise=protocol.noise)
        outside = outside_pairs(protocol.source, n // 2, seed)
        data.append(Pairs(np.concatenate([real.x, outside.x]), np.concatenate([real.y, outside.y])))
    return data


def _network(ensemble: Ensemble, index: int) -> Predictor:
    return lambda x: ensemble[[index]].predict(x)[0]


def run_cell(
    cell: Cell,
    protocol: Protocol,
    seeds: list[int],
    *,
    pretrained: Ensemble | None = None,
    engine: str = "auto",
    progress: Callable[[int], None] | None = None,
) -> Outcome:
    """What the arm of a cell learns on its target, one outcome a seed.

    Args:
        cell: arm, target circuit, number of wells.
        protocol: the common settings.
        seeds: the paired seeds.
        pretrained: the networks of `pretrain` for the same seeds and the arm's pre-training; needed by arms that
            pre-train.
        engine, progress: as in `training.train`.

    Raises:
        ValueError: pre-trained networks are missing or do not match the seeds.
    """
    arm, started = ARMS[cell.arm], time.perf_counter()
    held = "none" if pretrained is None else len(pretrained)
    if cell.pretraining and held != len(seeds):
        raise ValueError(f"{cell.arm} needs a pre-trained network for each of {len(seeds)} seeds; it got {held}.")
    equations, status = [], ["ok"] * len(seeds)
    if arm.equation:
        equations, status = _equations(
            arm.equation, cell.circuit, protocol.source, cell.wells, protocol.noise, tuple(seeds)
        )
    ensemble, predictors, used = None, equations, "scipy"
    if arm.phases:
        ensemble, diverged, used = _run_phases(cell, protocol, seeds, pretrained, equations, engine, progress)
        predictors = [_network(ensemble, index) for index in range(len(seeds))]
        status = ["diverged" if bad else "ok" for bad in diverged]
    elif arm.gaussian_process:
        wells = [real_pairs(cell.circuit, cell.wells, seed, domain=arm.wells, noise=protocol.noise) for seed in seeds]
        if arm.log_inputs:
            wells = [Pairs(_logarithmic(pairs.x), pairs.y) for pairs in wells]
        processes = fit_gaussian_processes(wells, equations if arm.on_top else None)
        predictors, used = [process.predict for process in processes], "scikit-learn"
        if arm.log_inputs:
            predictors = [_after_logarithm(predict) for predict in predictors]
        status = [process.status for process in processes]
    if arm.phases and arm.on_top:
        predictors = [_sum(p, e) for p, e in zip(predictors, equations, strict=True)]
    return Outcome(predictors, status, used, time.perf_counter() - started, ensemble)


def _run_phases(
    cell: Cell, protocol: Protocol, seeds: list[int], pretrained: Ensemble | None, equations, engine, progress
) -> tuple[Ensemble, np.ndarray, str]:
    """Train through the phases of an arm that are its own; the networks, which diverged, and the engine."""
    arm = ARMS[cell.arm]
    ensemble = pretrained if cell.pretraining else _fresh(protocol, seeds)
    diverged, used = ~np.isfinite(ensemble.parameters).all(axis=1), choose_engine(protocol.sizes, engine)
    for phase in arm.phases[cell.pretraining is not None :]:
        data = _phase_data(phase, cell, protocol, seeds, equations)
        if arm.on_top:
            data = [_leftover(pairs, equation) for pairs, equation in zip(data, equations, strict=True)]
        training = _train(ensemble, data, phase, cell.wells, protocol, seeds, engine, progress)
        ensemble, diverged, used = training.ensemble, training.diverged, training.engine
    return ensemble, diverged, used
