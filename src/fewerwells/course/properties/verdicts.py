"""Chapter 6: an interval over paired seeds, a band for all volumes at once, seeds enough for a verdict."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import t

from fewerwells.course.properties import NotYet, checks, function, number, pair


def _paired_errors(n: int, rng: np.random.Generator, ratio: float, sd_arm: float) -> np.ndarray:
    """Errors of two arms on n seeds that are lucky or unlucky for both, (2, n), nM."""
    seed = rng.normal(0, 0.8, n)
    first, second = seed + rng.normal(0, sd_arm, (2, n))
    return 2 * np.exp(np.stack([first + np.log(ratio), second]))


def _ends(interval: Callable, first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    said = interval(first.copy(), second.copy())
    if said is None or said is ...:
        raise NotYet("The function is still blank: let it return the lower and the upper end.")
    low, high = pair(said, "the lower and the upper end of the interval")
    if not low <= high:
        raise NotYet(f"The lower end {low:.3g} lies above the upper end {high:.3g}.")
    if low <= 0:
        raise NotYet(
            f"The lower end is {low:.3g}, and a ratio of two errors is positive. Did you subtract errors in nM, or stop at "
            "the logarithms?"
        )
    return low, high


@checks("6.1")
def interval_of_a_ratio(answer) -> None:
    interval, truth, rng = function(answer), 0.7, np.random.default_rng(61)
    found = {n: np.array([_ends(interval, *_paired_errors(n, rng, truth, 0.2)) for _ in range(60)]) for n in (20, 80)}
    width = {n: np.log(ends[:, 1] / ends[:, 0]).mean() for n, ends in found.items()}
    if width[20] < 1.5 * width[80]:
        raise NotYet(
            "With four times the seeds your interval hardly shrinks. You describe how much the ratios of single seeds "
            "differ (spread); asked is how well their centre is known (uncertainty)."
        )
    centres = np.sqrt(found[80].prod(axis=1))
    if abs(np.log(np.median(centres) * truth)) < 0.1:
        raise NotYet("Your ratio stands on its head: the first arm's error goes on top.")
    promised = 2 * t.ppf(0.975, 19) * np.sqrt(2 * 0.2**2 / 20)  # width of the logarithm's interval at 20 seeds
    if width[20] > 2.5 * promised:
        raise NotYet(
            f"With 20 seeds your interval is {width[20] / promised:.1f} times as wide as it has to be. A bad seed is bad "
            "for both arms: what stays of that, if you compare the two arms seed by seed first?"
        )
    turned = [_paired_errors(21, rng, 1.0, 0.5) for _ in range(20)]
    there = np.array([_ends(interval, first, second) for first, second in turned])
    back = np.array([_ends(interval, second, first) for first, second in turned])
    if abs(np.log(there * back[:, ::-1]).mean()) > 0.06:
        raise NotYet(
            "Exchange the two arms and the interval should turn over: 2 to 4 becomes ¼ to ½. Yours does not. Twice as "
            "large and half as large have to weigh the same: average logarithms."
        )
    share = np.mean([low <= truth <= high for ends in found.values() for low, high in ends])
    said = f"In 120 simulated studies your interval held the true ratio {share:.0%} of the time; 95 % is promised."
    if share < 0.87:
        raise NotYet(f"{said} It is too narrow.")
    if width[20] > 1.45 * promised:
        raise NotYet(f"{said} It is too wide: {width[20] / promised:.1f} times what that takes.")


def _bootstrap_draws() -> dict[str, np.ndarray]:
    """Draws (2000, 8) of estimates at eight volumes that have little or much to do with one another."""
    rng = np.random.default_rng(63)
    own, common = rng.standard_normal((2000, 8)), rng.standard_normal((2000, 1))
    scale = np.geomspace(0.05, 3, 8)
    return {
        "volumes that have nothing in common": 2 + scale * own,
        "volumes that rise and fall together": 2 + scale * (common + 0.1 * own),
        "skewed draws": np.exp(scale / 3 * (common + own)),
    }


@checks("6.3")
def band(answer) -> None:
    make = function(answer)
    for name, draws in _bootstrap_draws().items():
        said = make(draws.copy())
        if said is None or said is ...:
            raise NotYet("The function is still blank: let it return the lower and the upper ends.")
        try:
            low, high = (np.asarray(ends, float) for ends in said)
        except (TypeError, ValueError):
            raise NotYet("Two arrays are asked for: the lower ends and the upper ends.") from None
        if low.shape != (8,) or high.shape != (8,):
            raise NotYet(f"Eight volumes went in; ends of shape {low.shape} and {high.shape} came back.")
        below, above = (draws < low).mean(axis=0), (draws > high).mean(axis=0)
        whole = ((draws >= low) & (draws <= high)).all(axis=1).mean()
        tails = np.concatenate([below, above])
        if np.ptp(tails) > 0.01:
            raise NotYet(
                f"For {name} your band leaves out {tails.max():.1%} of the draws at one end and {tails.min():.1%} at "
                "another. Every end of every column should leave out the same share."
            )
        if whole < 0.945:
            raise NotYet(
                f"For {name} only {whole:.0%} of the draws lie inside your band at all eight volumes. Each column by itself "
                "may hold what it promises; asked is that all hold at once."
            )
        if whole > 0.965:
            raise NotYet(
                f"For {name} {whole:.1%} of the draws lie inside your band at all eight volumes: it is too wide for 95 %. A "
                "rule that is safe for the worst case does not look at how the volumes hang together."
            )


# true ratio of errors, limit, standard deviation over seeds of its logarithm
PLANS = [(1.15, 1.25, 0.3), (0.9, 1.0, 0.2), (0.7, 1.0, 0.8), (1.5, 1.25, 0.4)]


def _decided(n: int, ratio: float, limit: float, sd: float) -> float:
    """How many of many simulated studies with n paired seeds have their whole interval on the true side of the limit."""
    rng = np.random.default_rng(64)
    distance = abs(np.log(limit / ratio))
    means = distance + sd / np.sqrt(n) * rng.standard_normal(4000)
    deviations = sd * np.sqrt(rng.chisquare(n - 1, 4000) / (n - 1))
    return float(np.mean(means > t.ppf(0.975, n - 1) * deviations / np.sqrt(n)))


@checks("6.4")
def seeds_enough(answer) -> None:
    plan = function(answer)
    for ratio, limit, sd in PLANS:
        said = plan(ratio, limit, sd)
        if said is None or said is ...:
            raise NotYet("The function is still blank: let it return a number of seeds.")
        n = number(said)
        if not 3 <= n <= 100_000:
            raise NotYet(f"For a true ratio of {ratio:g} and a limit of {limit:g} you ask for {n:g} seeds.")
        share = _decided(round(n), ratio, limit, sd)
        if 0.75 <= share <= 0.86:
            continue
        case = f"True ratio {ratio:g}, limit {limit:g}, standard deviation {sd:g}: with {n:.0f} seeds"
        if 0.4 < share < 0.6:
            raise NotYet(
                f"{case} about half of 4000 simulated studies are decided. The interval of the *typical* study just "
                "touches the limit then; the less lucky half needs room, too."
            )
        if share < 0.75:
            raise NotYet(f"{case} {share:.0%} of 4000 simulated studies are decided; 80 % is asked for.")
        raise NotYet(
            f"{case} {share:.0%} of 4000 simulated studies are decided, where 80 % would do. Seeds cost time: are you "
            "counting the noise of two arms although `sd` is already that of their ratio, or comparing without logarithms?"
        )
