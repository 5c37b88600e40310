"""How often intervals hold the truth: the statistics of this package on simulated seeds whose truth is known.

A simulated study looks like the published one: learning curves that fall as a power of N towards a floor (Mikami et
al. 2021), errors whose logarithm is skewed to the right, seeds that are good or bad for both arms at all volumes, and
arms that are good or bad for one seed. What is estimated from one such study is known exactly, so many of them show
how often a 95 % interval is right.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pandas as pd

from fewerwells.science.equivalence import data_equivalence
from fewerwells.science.statistics import paired_ratio, probability_of_improvement, wilson_interval

VOLUMES = np.array([10, 20, 50, 96, 200, 500, 1000, 2000, 5000, 10_000, 20_000])
INSIDE = (50, 96, 200, 500, 1000)  # k is well inside the grid here: neither end is near for any likely estimate
CENSORED = 10_000  # transfer with so many wells is better than scratch ever gets

# Standard deviations of the natural logarithm of an error, about those of the published tables.
_SD_SEED, _SD_ARM, _SD_NETWORK = 0.3, 0.25, 0.25
_SKEW_SHAPE = 4.0  # of a gamma distribution: its skewness is 2/√4 = 1


def _scratch_curve(n: np.ndarray) -> np.ndarray:
    """Log error of the typical network from scratch: 9 nM · N^−0.5 above a floor of 0.15 nM."""
    return np.log(9 * np.asarray(n, float) ** -0.5 + 0.15)


def _true_k(n: np.ndarray) -> np.ndarray:
    """The worth of a well before the grid's straight lines come in: from 6 at ten wells to 3 at twenty thousand."""
    return 6 - 3 * np.log(np.asarray(n, float) / 10) / np.log(2000)


def _transfer_curve(n: np.ndarray) -> np.ndarray:
    """Log error of the typical network with pre-training: what scratch has with k·N wells."""
    return _scratch_curve(_true_k(n) * n)


def _skewed(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draws with mean 0, standard deviation 1 and skewness 1."""
    return (rng.gamma(_SKEW_SHAPE, size=shape) - _SKEW_SHAPE) / np.sqrt(_SKEW_SHAPE)


def _log_deviations(n_seeds: int, n_volumes: int, rng: np.random.Generator) -> np.ndarray:
    """What makes single networks differ, (2, n_volumes, n_seeds): the seed, the arm in that seed, the network.

    The distribution is the same for all arms and volumes, so that whatever its centre is, it cancels in every
    comparison, and truth is known without a formula for the interquartile mean of skewed sums.
    """
    seed = _SD_SEED * _skewed((1, 1, n_seeds), rng)
    arm = _SD_ARM * _skewed((2, 1, n_seeds), rng)
    return seed + arm + _SD_NETWORK * _skewed((2, n_volumes, n_seeds), rng)


def simulated_study(n_seeds: int, rng: np.random.Generator) -> pd.DataFrame:
    """One study: columns `arm`, `N`, `seed` and `error` (nM), transfer and scratch at every volume."""
    logs = np.stack([_transfer_curve(VOLUMES), _scratch_curve(VOLUMES)])[:, :, None]
    logs = logs + _log_deviations(n_seeds, len(VOLUMES), rng)
    index = pd.MultiIndex.from_product([["transfer", "scratch"], VOLUMES, range(n_seeds)], names=["arm", "N", "seed"])
    return pd.DataFrame({"error": np.exp(logs.ravel())}, index=index).reset_index()


def true_equivalence(n: int) -> float:
    """The k(N) that endlessly many seeds would give: from the typical curves, joined by straight lines in log N."""
    level = _transfer_curve(np.array([n]))[0]
    return float(np.exp(np.interp(-level, -_scratch_curve(VOLUMES), np.log(VOLUMES))) / n)


def true_ratio(n: int) -> float:
    """The error of transfer over that of scratch with n wells."""
    return float(np.exp(_transfer_curve(n) - _scratch_curve(n)))


@lru_cache
def true_probability(n: int, against: int, draws: int = 1_000_000) -> float:
    """How often transfer with n wells beats scratch with `against`, from very many simulated seeds."""
    deviations = _log_deviations(draws, 1, np.random.default_rng(0))
    return float(np.mean(_transfer_curve(n) + deviations[0] < _scratch_curve(against) + deviations[1]))


def _questions() -> dict[str, tuple[float, Callable[[pd.DataFrame, pd.DataFrame], bool]]]:
    """What is asked of a study and of its k(N): question → the truth (NaN: several), and whether it was held."""
    truths = pd.Series({n: true_equivalence(n) for n in INSIDE})
    ratio, share = true_ratio(96), true_probability(96, 200)

    def k_is_held(n: int) -> Callable:
        return lambda table, k: k.loc[n, "low"] <= truths[n] <= k.loc[n, "high"]

    def all_are_held(table: pd.DataFrame, k: pd.DataFrame) -> bool:
        band = k.loc[truths.index]
        return bool(((band["band_low"] <= truths) & (truths <= band["band_high"])).all())

    def ratio_is_held(table: pd.DataFrame, k: pd.DataFrame) -> bool:
        estimate = paired_ratio(table, "error", {"arm": "transfer", "N": 96}, {"arm": "scratch", "N": 96})
        return estimate.low <= ratio <= estimate.high

    def share_is_held(table: pd.DataFrame, k: pd.DataFrame) -> bool:
        pair = {"arm": "transfer", "N": 96}, {"arm": "scratch", "N": 200}
        estimate = probability_of_improvement(table, "error", *pair)
        return estimate.low <= share <= estimate.high

    return {f"k({n:,})": (truth, k_is_held(n)) for n, truth in truths.items()} | {
        "k at all these volumes at once": (np.nan, all_are_held),
        "error ratio at 96 wells": (ratio, ratio_is_held),
        "share of wins, 96 wells against 200": (share, share_is_held),
        f"k({CENSORED:,}) is said to be open": (np.inf, lambda table, k: k.loc[CENSORED, "high"] == np.inf),
    }


def simulate(
    repeats: int,
    n_seeds: int = 50,
    resamples: int = 1000,
    random_state: int = 0,
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """Repeat a study and count how often its intervals hold what is true.

    Args:
        repeats: how many studies.
        n_seeds: paired seeds in each.
        resamples: of the bootstrap for k(N).
        random_state: of the simulation.
        progress: called with 1 after each study.

    Returns:
        One row a question: `question`, `truth`, `share` of the repeats in which the interval held it, and the 95 %
        interval `low`, `high` of that share. The last row is not about a truth but about honesty: how often a k
        beyond the grid came out with an open upper end.
    """
    rng, questions = np.random.default_rng(random_state), _questions()
    held = dict.fromkeys(questions, 0)
    for _ in range(repeats):
        table = simulated_study(n_seeds, rng)
        k = data_equivalence(table, "error", resamples=resamples).set_index("N")
        for question, (_, is_held) in questions.items():
            held[question] += bool(is_held(table, k))
        if progress is not None:
            progress(1)
    rows = []
    for question, (truth, _) in questions.items():
        share = held[question] / repeats
        low, high = wilson_interval(share, repeats)
        rows.append({"question": question, "truth": truth, "share": share, "low": low, "high": high})
    return pd.DataFrame(rows)
