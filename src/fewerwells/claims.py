"""What the study says, sentence by sentence, as tests on the tables of the two experiments.

A claim holds an estimate with a 95 % interval over paired seeds and a range in which its sentence would be true. The
verdict follows from the two: *supported* when the whole interval lies in the range, *contradicted* when all of it
lies outside, *undecided* otherwise. The ranges are ours, chosen before the published run; the study gives none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fewerwells import report
from fewerwells.statistics import Estimate, data_equivalence, geometric_summary, paired_ratio

COMPARABLE = 1.25  # an error at most this many times the other one counts as comparable
ERROR = "sobol_all_mean"
STUDY_VARIANCE = "uniform_all_variance"


@dataclass(frozen=True)
class Claim:
    """One sentence of the study.

    Attributes:
        name: a short key.
        words: the sentence, in our words.
        hypothesis: what would make it true, in symbols.
        estimate: from the tables of Experiments 1 and 2 to the number that is tested, with its interval.
        true_range: (low, high) in which the sentence is true.
        where: the figure that shows it.
    """

    name: str
    words: str
    hypothesis: str
    estimate: Callable[[pd.DataFrame, pd.DataFrame], Estimate]
    true_range: tuple[float, float]
    where: str


def verdict(estimate: Estimate, true_range: tuple[float, float]) -> str:
    """What an interval says about a range: supported, contradicted or undecided."""
    low, high = true_range
    if np.isnan([estimate.low, estimate.high]).any():
        return "undecided"
    if low <= estimate.low and estimate.high <= high:
        return "supported"
    if estimate.high < low or estimate.low > high:
        return "contradicted"
    return "undecided"


def _nearest(table: pd.DataFrame, arm: str, n: float) -> int:
    """The volume of an arm's grid that is nearest to n on a logarithmic scale."""
    volumes = np.unique(table.loc[table["arm"] == arm, "N"])
    return int(volumes[np.argmin(np.abs(np.log(volumes / n)))])


def _smallest(table: pd.DataFrame) -> int:
    return int(table.loc[table["arm"] == "scratch", "N"].min())


def _largest(table: pd.DataFrame) -> int:
    return int(table.loc[table["arm"] == "scratch", "N"].max())


def _arms_ratio(table: pd.DataFrame, n: int, column: str = ERROR) -> Estimate:
    return paired_ratio(table, column, {"arm": "transfer", "N": n}, {"arm": "scratch", "N": n})


def _to_oracle(table: pd.DataFrame, share: float) -> Estimate:
    """Transfer's error over the oracle's, with this share of the oracle's real pairs."""
    volume = int(table.loc[table["arm"] == "oracle", "N"].iloc[0])
    n = _nearest(table, "transfer", share * volume)
    return paired_ratio(table, ERROR, {"arm": "transfer", "N": n}, {"arm": "oracle"})


def largest_equivalence(table: pd.DataFrame, column: str = ERROR) -> Estimate:
    """The largest k over the grid, with its interval; open above where scratch never gets so far."""
    equivalence = data_equivalence(table, column)
    best = equivalence.loc[equivalence["k"].idxmax()]
    return Estimate(best["k"], best["low"], best["high"])


def _worst_target(table: pd.DataFrame, denominator: dict) -> Estimate:
    """Transfer's error over another group's on the target where that ratio is largest."""
    ratios = []
    for target in table["target"].unique():
        part = table[table["target"] == target]
        ratios.append(paired_ratio(part, ERROR, {"arm": "transfer"}, denominator))
    return max(ratios, key=lambda ratio: ratio.value)


def _hardest_over_easiest(table: pd.DataFrame) -> Estimate:
    """Transfer's error on its worst target over that on its best."""
    transfer = table[table["arm"] == "transfer"]
    centres = transfer.groupby("target")[ERROR].median()
    return paired_ratio(transfer, ERROR, {"target": centres.idxmax()}, {"target": centres.idxmin()})


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "more-data-helps",
        "With pre-training, more real data gives a lower error.",
        "L(transfer, largest N) / L(transfer, smallest N) < 1",
        lambda one, two: paired_ratio(
            one, ERROR, {"arm": "transfer", "N": _largest(one)}, {"arm": "transfer", "N": _smallest(one)}
        ),
        (0.0, 1.0),
        "fig-volume-bars",
    ),
    Claim(
        "wins-at-high-volume",
        "At high volumes transfer reaches a lower error than training from scratch.",
        "L(transfer) / L(scratch) < 1 at the largest N",
        lambda one, two: _arms_ratio(one, _largest(one)),
        (0.0, 1.0),
        "fig-volume-bars",
    ),
    Claim(
        "equal-at-low-volume",
        "At very low volumes the two are roughly equivalent.",
        f"1/{COMPARABLE} < L(transfer) / L(scratch) < {COMPARABLE} at the smallest N",
        lambda one, two: _arms_ratio(one, _smallest(one)),
        (1 / COMPARABLE, COMPARABLE),
        "fig-volume-bars",
    ),
    Claim(
        "less-variable-at-low-volume",
        "At low volumes training from scratch has a much higher variance over test points.",
        "Var(transfer) / Var(scratch) < 1 at the smallest N, on the study's 100 points",
        lambda one, two: _arms_ratio(one, _smallest(one), STUDY_VARIANCE),
        (0.0, 1.0),
        "fig-variance",
    ),
    Claim(
        "gap-grows",
        "The advantage of transfer grows with the volume of real data.",
        "[L(transfer)/L(scratch) at the largest N] / [the same at 96 wells] < 1",
        lambda one, two: _ratio_of_ratios(one, _largest(one), _nearest(one, "scratch", 96)),
        (0.0, 1.0),
        "fig-learning-curves",
    ),
    Claim(
        "cut-75-scratch",
        "Transfer cuts the real data by up to about 75 %, compared with training from scratch.",
        "max over N of k(N) ≥ 4",
        lambda one, two: largest_equivalence(one),
        (4.0, np.inf),
        "fig-equivalence",
    ),
    Claim(
        "cut-75-inside",
        "The same cut, judged only where the wells were measured.",
        "max over N of k(N) ≥ 4 inside 0–10 nM",
        lambda one, two: largest_equivalence(one, "sobol_inside_mean"),
        (4.0, np.inf),
        "fig-equivalence",
    ),
    Claim(
        "cut-75-oracle",
        "With 75 % less real data transfer gives up little against the oracle.",
        f"L(transfer, N = a quarter of the oracle's) / L(oracle) ≤ {COMPARABLE}",
        lambda one, two: _to_oracle(one, 0.25),
        (0.0, COMPARABLE),
        "fig-learning-curves",
    ),
    Claim(
        "order-of-magnitude",
        "The oracle's volume could be cut by nearly an order of magnitude at comparable performance.",
        f"L(transfer, N = a tenth of the oracle's) / L(oracle) ≤ {COMPARABLE}",
        lambda one, two: _to_oracle(one, 0.1),
        (0.0, COMPARABLE),
        "fig-learning-curves",
    ),
    Claim(
        "comparable-to-oracles",
        "With a 95 % cut transfer learns every target about as well as its oracle.",
        f"L(transfer) / L(oracle) ≤ {COMPARABLE} on the target where it is worst",
        lambda one, two: _worst_target(two, {"arm": "oracle"}),
        (0.0, COMPARABLE),
        "fig-target-bars",
    ),
    Claim(
        "consistent-across-targets",
        "Transfer performs equally well on all targets.",
        f"L(transfer, hardest target) / L(transfer, easiest target) ≤ {COMPARABLE}",
        lambda one, two: _hardest_over_easiest(two),
        (0.0, COMPARABLE),
        "fig-target-bars",
    ),
    Claim(
        "never-harmful",
        "Transfer is effective for every target.",
        "L(transfer) / L(scratch) < 1 on the target where it is worst",
        lambda one, two: _worst_target(two, {"arm": "scratch"}),
        (0.0, 1.0),
        "fig-target-bars",
    ),
)


def _ratio_of_ratios(table: pd.DataFrame, n: int, other: int, column: str = ERROR) -> Estimate:
    """How the transfer-to-scratch ratio at one volume compares with that at another, paired by seed."""
    wide = table[table["arm"].isin(["transfer", "scratch"])].pivot(index="seed", columns=["arm", "N"], values=column)
    parts = [
        pd.DataFrame(
            {"seed": wide.index, "group": name, column: (wide["transfer", at] / wide["scratch", at]).to_numpy()}
        )
        for name, at in (("first", n), ("second", other))
    ]
    return paired_ratio(pd.concat(parts), column, {"group": "first"}, {"group": "second"})


def judge(experiment_1: pd.DataFrame, experiment_2: pd.DataFrame) -> pd.DataFrame:
    """Every claim with its estimate and verdict, one row each.

    Args:
        experiment_1, experiment_2: the tidy tables of the two experiments.

    Returns:
        Columns `name`, `claim`, `hypothesis`, `estimate`, `low`, `high`, `verdict`, `figure`.
    """
    rows = []
    for claim in CLAIMS:
        estimate = claim.estimate(experiment_1, experiment_2)
        rows.append(
            {
                "name": claim.name,
                "claim": claim.words,
                "hypothesis": claim.hypothesis,
                "estimate": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "verdict": verdict(estimate, claim.true_range),
                "figure": claim.where,
            }
        )
    return pd.DataFrame(rows)


def answer(experiment_1: pd.DataFrame) -> str:
    """The book's answer in a few sentences of Markdown, every number from the table."""
    plate = _nearest(experiment_1, "transfer", 96)
    wells = f"{plate:,} wells" + (", one plate," if plate == 96 else "")
    summary = geometric_summary(experiment_1, ERROR, ["arm", "N"]).set_index(["arm", "N"])
    transfer, scratch = (report.with_interval(summary.loc[(arm, plate)], "nM") for arm in ("transfer", "scratch"))
    texts = []
    for region in ("all", "inside"):
        equivalence = data_equivalence(experiment_1[experiment_1["arm"] != "oracle"], f"sobol_{region}_mean")
        texts.append(report.equivalence_text(equivalence.set_index("N").loc[plate]))
    return (
        f"With {wells} a network that was pre-trained on the simulation is wrong by **{transfer}** on average over "
        f"0–20 nM, a network from scratch by **{scratch}**. Judged over that whole range, each of these wells is worth "
        f"**{texts[0]}** wells without pre-training; judged only where the wells were measured, 0–10 nM, "
        f"**{texts[1]}**. Square brackets hold 95 % intervals over paired seeds."
    )


def inside_outside(experiment_1: pd.DataFrame) -> str:
    """What the table says about interpolation and extrapolation, volume by volume, in words of Markdown.

    The last words explain a ratio outside that stays above 1; they are left out when it does not.
    """
    sentences = []
    for region, place in (("inside", "Inside the wells' domain"), ("outside", "Outside it")):
        signs: dict[str, list[str]] = {"lower": [], "higher": [], "not clearly different": []}
        for n in np.unique(experiment_1.loc[experiment_1["arm"] == "scratch", "N"]):
            ratio = _arms_ratio(experiment_1, int(n), f"sobol_{region}_mean")
            sign = "lower" if ratio.high < 1 else "higher" if ratio.low > 1 else "not clearly different"
            signs[sign].append(f"{n:,}")
        parts = [f"{sign} at N = {', '.join(volumes)}" for sign, volumes in signs.items() if volumes]
        sentences.append(f"**{place}** transfer's error is {'; '.join(parts)}.")
    most = _largest(experiment_1)
    to_oracle = {
        region: paired_ratio(experiment_1, f"sobol_{region}_mean", {"arm": "transfer", "N": most}, {"arm": "oracle"})
        for region in ("inside", "outside")
    }
    sentences.append(
        f"With {most:,} wells it is {report.with_interval(to_oracle['inside'])} times the oracle's inside and "
        f"{report.with_interval(to_oracle['outside'])} times the oracle's outside"
        + (": what no well has shown, fine-tuning does not correct." if to_oracle["outside"].low > 1 else ".")
    )
    return " ".join(sentences)
