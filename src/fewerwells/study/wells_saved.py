"""What a choice of wells saves, read off the table of Experiment 3, and the most that any choice could save."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fewerwells.science.circuits import Circuit
from fewerwells.science.datasets import BIG, Domain, Pairs, real_pairs, sobol_inputs
from fewerwells.science.design.beliefs import Belief, equation_belief, posterior_root
from fewerwells.science.design.candidates import grid
from fewerwells.science.design.criteria import exchange, prediction_goal
from fewerwells.science.design.designs import REGION_POINTS
from fewerwells.science.equivalence import data_equivalence, log_equivalence, simultaneous
from fewerwells.science.fitting import fit_many
from fewerwells.science.library import mechanism_of
from fewerwells.science.statistics import non_inferiority, paired_ratio
from fewerwells.study.quantities import ERROR
from fewerwells.study.volumes import PLATE
from fewerwells.study.well_arms import DOMAINS, WAYS, WELL_ARMS, WellArm

KNOWN_WELLS = 256  # noise-free ones, from which an equation finds its parameters exactly


def by_design(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of Experiment 3 whose arms stand for a design, with columns `learner`, `design` and `domain`."""
    table = table[table["arm"].isin(WELL_ARMS)]
    told = [WELL_ARMS[arm] for arm in table["arm"]]
    return table.assign(**{name: [getattr(arm, name) for arm in told] for name in ("learner", "design", "domain")})


def _two(domain: str) -> tuple[str, str]:
    return tuple(WellArm("library", design, domain).name for design in ("library", "random"))


def _on_all_seeds(part: pd.DataFrame) -> pd.DataFrame:
    """The rows of those numbers of wells at which each arm has been run on all its seeds; others are of a few only."""
    seeds = part.groupby(["arm", "N"])["seed"].transform("nunique")
    return part[seeds == seeds.groupby(part["arm"]).transform("max")]


def chosen_against_random(table: pd.DataFrame, chosen: int) -> pd.DataFrame:
    """For each target and domain how `chosen` wells of the library's own choice do against twice as many random ones.

    Args:
        table: of Experiment 3.
        chosen: a number of chosen wells; twice it must be among the random volumes.

    Returns:
        One row a target and domain: `target`, `domain`, `ratio` (error over that of twice as many random wells),
        `upper` (its one-sided 95 % bound), `holds` (the bound is below 1.05), and `k`, `low`, `high`, `limit_low`,
        `limit_high` (how many random wells one chosen well is worth, 95 % interval; see `data_equivalence`).
    """
    rows = []
    for target in table["target"].unique():
        for domain in DOMAINS:
            own, drawn = _two(domain)
            part = _on_all_seeds(table[(table["target"] == target) & table["arm"].isin([own, drawn])])
            test = non_inferiority(part, ERROR, {"arm": own, "N": chosen}, {"arm": drawn, "N": 2 * chosen})
            worth = data_equivalence(part, ERROR, own, drawn).set_index("N").loc[chosen]
            told = worth[["k", "low", "high", "limit_low", "limit_high"]].to_dict()
            rows.append(
                {"target": target, "domain": domain, "ratio": test.ratio, "upper": test.upper, "holds": test.holds}
                | told
            )
    return pd.DataFrame(rows)


def against(
    table: pd.DataFrame, arm: str, reference: str, n: int, reference_n: int | None = None, column: str = ERROR
) -> pd.DataFrame:
    """One arm's error over another's with n wells, for each target, over the seeds that both have.

    Args:
        table: of Experiment 3.
        arm, reference: their names.
        n: wells of the arm.
        reference_n: wells of the reference; the same by default.
        column: an error column.

    Returns:
        One row a target that has both: `target`, `value` (the ratio), `low`, `high`.
    """
    rows = []
    pair = {"arm": arm, "N": n}, {"arm": reference, "N": reference_n or n}
    for target in table["target"].unique():
        part = table[table["target"] == target]
        held = [set(part.loc[(part["arm"] == one["arm"]) & (part["N"] == one["N"]), "seed"]) for one in pair]
        if not held[0] & held[1]:
            continue
        ratio = paired_ratio(part[part["seed"].isin(held[0] & held[1])], column, *pair)
        rows.append({"target": target, "value": ratio.value, "low": ratio.low, "high": ratio.high})
    return pd.DataFrame(rows)


def wells_needed(table: pd.DataFrame, column: str = ERROR, n: int = PLATE) -> pd.DataFrame:
    """How many wells each way of using a simulation takes to be as good as a network from scratch with n wells.

    All wells lie inside 0–10 nM. The curve of each way is read where it reaches the error of scratch; nothing is
    extrapolated (see `data_equivalence`, with scratch as the arm that is judged).

    Args:
        table: of Experiment 3, all targets with the same ways.
        column: an error column.
        n: wells from scratch; a volume of its curve.

    Returns:
        One row a target and way: `target`, `way`, `wells` with `low` and `high` (95 %, for all ways of a target at
        once), 0 for "fewer than `fewest`" and infinite for "more than `most`", the ends of the way's own curve.
    """
    inside, rows = next(iter(DOMAINS)), []
    scratch = WellArm("scratch", "random", inside).name
    for target in table["target"].unique():
        part, draws, n_seeds = table[table["target"] == target], [], []
        for learner, design in WAYS.values():
            arm = WellArm(learner, design, inside).name
            both = part[part["arm"].isin([scratch, arm])]
            seeds = [set(both.loc[both["arm"] == name, "seed"]) for name in (scratch, arm)]
            both = both[both["seed"].isin(seeds[0] & seeds[1])]
            found = log_equivalence(both, column, scratch, arm)
            (at,) = np.flatnonzero(found.volumes == n)
            draws.append(found.draws[:, at])
            n_seeds.append(found.n_seeds)
            ends = dict(zip(("fewest", "most"), found.limits[at] * n, strict=True))
            rows.append({"wells": np.exp(found.centre[at]) * n} | ends)
        bands = np.exp(simultaneous(np.stack(draws, axis=1), min(n_seeds))) * n
        for row, way, low, high in zip(rows[-len(WAYS) :], WAYS, *bands, strict=True):
            row.update({"target": target, "way": way, "low": low, "high": high})
    return pd.DataFrame(rows)


def wells_in_words(found: pd.DataFrame) -> str:
    """Numbers of wells from the fewest to the most, in words where a curve ended.

    Args:
        found: rows with `wells`, `fewest` and `most`, as of `wells_needed` or `equivalence.wells_worth`.
    """

    def told(row: pd.Series) -> str:
        if row["wells"] == 0:
            return f"fewer than {row['fewest']:.0f}"
        return f"more than {row['most']:.0f}" if row["wells"] == np.inf else f"{row['wells']:.0f}"

    least, most = (told(row) for _, row in found.sort_values("wells").iloc[[0, -1]].iterrows())
    return least if least == most else f"{least} to {most}"


def middle_in_words(found: pd.DataFrame) -> str:
    """The middle one of such numbers: of an even number the mean of the middle two, or both where one is not known."""
    pair = found.sort_values("wells").iloc[[(len(found) - 1) // 2, len(found) // 2]]
    known = (pair["wells"] > 0).all() and np.isfinite(pair["wells"]).all()
    return f"{pair['wells'].mean():.0f}" if known else wells_in_words(pair)


def saving_in_words(found: pd.DataFrame, chosen: int) -> str:
    """The sentence in wells: what the library's choice is worth, from `chosen_against_random`."""
    parts = []
    for domain, rows in found.groupby("domain", sort=False):
        middle = np.exp(np.log(rows["k"].clip(rows["limit_low"], rows["limit_high"])).mean())
        more, fewer = (rows["k"] == np.inf).any(), (rows["k"] == 0).any()
        about = "at least" if more and not fewer else "at most" if fewer and not more else "about"
        worth = {"wells": rows["k"] * chosen, "fewest": rows["limit_low"] * chosen, "most": rows["limit_high"] * chosen}
        parts.append(
            f"from {domain} {chosen} wells that the library chose are worth {about} {middle * chosen:.0f} random ones "
            f"(from system to system {wells_in_words(pd.DataFrame(worth))})"
        )
    held = int(found["holds"].sum())
    told = f"{'; '.join(parts)}. That half of the wells are enough is shown in {held} of {len(found)} comparisons."
    return told[0].upper() + told[1:]


def exchange_in_words(table: pd.DataFrame, outside: list[int]) -> str:
    """How many of a plate's wells must lie outside for scratch to do as well as transfer with none there, in Markdown.

    Told are the numbers between which the middle of the seeds crosses for good, and from which on each 95 % interval has.

    Args:
        table: of Experiment 3.
        outside: the numbers of wells moved, increasing.
    """
    none = WellArm("transfer", "0 outside", "0–20 nM").name
    ratios = {
        m: against(table, WellArm("scratch", f"{m} outside", "0–20 nM").name, none, PLATE).iloc[0] for m in outside
    }

    def first(end: str) -> int | None:
        return next((m for m in outside if all(ratios[more][end] < 1 for more in outside if more >= m)), None)

    middle, sure = first("value"), first("high")
    if middle is None:
        return "With none of these numbers does a network from scratch get to what pre-training reaches with no well outside."
    before = outside[outside.index(middle) - 1] if middle != outside[0] else None
    crossing = f"The middle of the seeds is below 1 at **{middle} of {PLATE} wells** already"
    if before is not None:
        crossing = (
            f"The middle of the seeds crosses between {before} of {PLATE} wells, where the error of scratch is "
            f"{ratios[before]['value']:.2f} times that of transfer, and **{middle} wells**"
        )
    below = (
        f"From {sure} wells on all of the 95 % interval lies"
        if sure is not None
        else "At no number tried does all of it lie"
    )
    return (
        f"{crossing}: there it is {ratios[middle]['value']:.2f} times that of transfer, with an interval from "
        f"{ratios[middle]['low']:.2f} to {ratios[middle]['high']:.2f}. {below} below 1."
    )


def at_the_truth(circuit: Circuit) -> Belief:
    """What somebody would believe who knows the true equation and nearly its parameters: its slopes at the truth."""
    x = sobol_inputs(BIG, KNOWN_WELLS)
    form = "family" if mechanism_of(circuit) == "family" else "true"
    (fit,) = fit_many(form, [Pairs(x, circuit(x))], circuit if form == "true" else None)
    return equation_belief(fit, noise=1.0)


def expected_error(belief: Belief, x: np.ndarray, noise: float) -> float:
    """Root of the predictive variance over the big domain after wells at x, nM, to first order."""
    features = belief.features(sobol_inputs(BIG, REGION_POINTS)) @ posterior_root(belief.features(x), np.full(2, noise))
    return float(np.sqrt(np.square(features).sum(axis=-1).mean()))


def ceiling(circuit: Circuit, domain: Domain, n: int, noise: float, seeds: list[int], step: float = 0.5) -> float:
    """The most that choosing can save: how many random wells one of n wells is worth that the truth itself chose.

    The best n wells for somebody who knows the equation and its parameters, and random wells of more and more, all
    judged by the same first-order error. Nobody can choose so; no design can do better, but for what first order
    leaves out.

    Args:
        circuit: the truth.
        domain: where wells can be filled.
        n: how many are chosen.
        noise: nM.
        seeds: of the random wells.
        step: of the candidates, nM.
    """
    belief, candidates = at_the_truth(circuit), grid(domain.low, domain.high, step, replicates=n)
    scaled = Belief(belief.features, belief.size, np.full(2, noise))
    goal = prediction_goal(scaled, sobol_inputs(BIG, REGION_POINTS))
    best = expected_error(belief, candidates.x[exchange(candidates, scaled, goal, n)], noise)
    volumes = n * 2.0 ** np.arange(5)
    pools = [real_pairs(circuit, int(volumes[-1]), seed, domain=domain, noise=noise).x for seed in seeds]
    errors = [np.mean([np.log(expected_error(belief, x[: int(m)], noise)) for x in pools]) for m in volumes]
    return float(np.exp(np.interp(-np.log(best), -np.array(errors), np.log(volumes)))) / n
