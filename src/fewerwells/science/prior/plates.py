"""Plates of circuits from the prior: wells with noise, and what is asked about beyond them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fewerwells.science.prior.circuits import Circuits
from fewerwells.science.prior.parameters import draw_circuits, log_uniform

FEWEST_WELLS, MOST_WELLS = 4, 384
SIGNAL_TO_NOISE = (4.0, 300.0)  # largest output over the additive noise
PROPORTIONAL_NOISE = (0.01, 0.3)  # coefficient of variation
DOMAIN = (0.3, 20.0)  # highest concentration over the geometric mean of the half-saturations
FARTHEST = 4.0  # queries lie up to this many times the highest well


@dataclass(frozen=True)
class Plates:
    """P plates of N wells with Q queries each, concentrations in nM.

    Attributes:
        x: wells, shape (P, N, 2).
        y: what was measured in them, shape (P, N, 2); NaN where nothing was.
        noise: (P, 3) additive standard deviation of y₁ and of y₂, nM, and the proportional part of both.
        queries: shape (P, Q, 2).
        truth: noise-free outputs at the queries, shape (P, Q, 2).
        outside: (P, Q), whether a query lies outside the wells' domain.
    """

    x: np.ndarray
    y: np.ndarray
    noise: np.ndarray
    queries: np.ndarray
    truth: np.ndarray
    outside: np.ndarray


def _scattered(rng: np.random.Generator, high: np.ndarray, m: int, logarithmic: np.ndarray) -> np.ndarray:
    """Points (P, m, 2) up to `high` (P,), uniform or with uniform logarithms over one to three decades."""
    share = rng.random((len(high), m, 2))
    decades = rng.uniform(1, 3, (len(high), 1, 1))
    share = np.where(logarithmic[:, None, None], 10 ** (-decades * share), share)
    return high[:, None, None] * share


def _wells(rng: np.random.Generator, high: np.ndarray, n: int) -> np.ndarray:
    """Wells (P, n, 2): scattered, or doses from a few levels, some with wells where an input is missing."""
    p = len(high)
    x = _scattered(rng, high, n, rng.random(p) < 0.3)
    levels = rng.integers(3, 13, (p, 1, 1))
    logarithmic = (rng.random(p) < 0.5)[:, None, None]
    decades = rng.uniform(1, 3, (p, 1, 1))
    level = np.floor(levels * rng.random((p, n, 2))) / (levels - 1)
    on_levels = high[:, None, None] * np.where(logarithmic, 10 ** (-decades * level), level)
    x = np.where((rng.random(p) < 0.25)[:, None, None], on_levels, x)
    missing = rng.uniform(0, 0.3, (p, 1, 1)) * (rng.random((p, 1, 1)) < 0.2)
    return np.where(rng.random((p, n, 2)) < missing, 0.0, x)


def draw_plates(
    p: int,
    n_wells: int,
    n_queries: int,
    rng: np.random.Generator,
    without: Iterable[str] = (),
    circuits: Circuits | None = None,
) -> Plates:
    """P plates from the prior.

    A domain is chosen around the half-saturations of its circuit, as a laboratory would; two queries in five lie
    inside it. One plate in twenty has one input only (the other is 0 everywhere), one in twenty one output.

    Args:
        p: how many plates.
        n_wells: wells on each.
        n_queries: queries for each.
        rng: the only source of randomness.
        without: names of circuits that no drawn mechanism may contain, not even as a limit.
        circuits: p circuits to use instead of drawing them.

    Raises:
        ValueError: a number below 1, or an unknown name.
    """
    for name, number in (("plates", p), ("wells", n_wells), ("queries", n_queries)):
        if number < 1:
            raise ValueError(f"{number} {name} were asked for; at least 1 is needed.")
    circuits = draw_circuits(p, rng, without) if circuits is None else circuits
    typical = np.exp(-np.log(circuits.theta).mean(axis=1))
    high = typical * log_uniform(rng, DOMAIN, p)
    x = _wells(rng, high, n_wells)
    # some inside for every plate; the others up to twice as far for most of them, to four times for some
    factor = np.where(rng.random(p) < 0.7, 2.0, rng.uniform(1, FARTHEST, p))
    inside = 2 * n_queries // 5
    logarithmic = rng.random(p) < 0.25
    queries = np.concatenate(
        [
            _scattered(rng, high, inside, logarithmic),
            _scattered(rng, factor * high, n_queries - inside, logarithmic),
        ],
        axis=1,
    )
    one_input = rng.random(p) < 0.05
    x[one_input, :, 1] = 0
    queries[one_input, :, 1] = 0
    outputs = circuits.outputs(np.concatenate([x, queries], axis=1))
    exact, truth = outputs[:, :n_wells], outputs[:, n_wells:]
    # one instrument reads both outputs, so most plates have one additive noise for both
    largest = exact.max(axis=1)
    reading = np.where(rng.random((p, 1)) < 0.8, np.sqrt(largest.prod(axis=1, keepdims=True)), largest)
    reading = np.where(reading > 0, reading, largest.max(axis=1, keepdims=True))
    additive = reading / log_uniform(rng, SIGNAL_TO_NOISE, (p, 1))
    proportional = np.where(rng.random((p, 1)) < 0.5, 0.0, log_uniform(rng, PROPORTIONAL_NOISE, (p, 1)))
    spread = np.hypot(additive[:, None, :], proportional[..., None] * exact)
    y = exact + spread * rng.standard_normal(exact.shape)
    y[rng.random(p) < 0.05, :, 1] = np.nan
    return Plates(
        x=x,
        y=y,
        noise=np.concatenate([additive, proportional], axis=1),
        queries=queries,
        truth=truth,
        outside=(queries > high[:, None, None]).any(axis=-1),
    )
