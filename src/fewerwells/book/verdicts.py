"""Verdicts on the page: tables, entries and sentences, and the gate that holds the book's prose to its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from IPython.display import Markdown

from fewerwells.book import report
from fewerwells.science.equivalence import data_equivalence
from fewerwells.science.statistics import Estimate, paired_ratio
from fewerwells.study.at_best import care_pays, judged_twice, on_logarithms, outcome
from fewerwells.study.claim_list import CLAIMS
from fewerwells.study.claims import VERDICTS, Claim, ClaimError, Finding, Judgement
from fewerwells.study.columns import Region, error_column
from fewerwells.study.volumes import one_plate


def found(finding: Finding) -> str:
    """The deciding estimate of a finding with its interval, and whose it is."""
    return report.with_interval(finding.estimate) + (f" ({finding.group})" if finding.group else "")


def turned_sentences(judged: Sequence[Judgement]) -> list[str]:
    """One sentence for each reading, or else each claim, whose verdict is not the one that the prose was written for."""
    return [
        f"“{judgement.claim.words}” ({judgement.claim.name}, {name}) stands in the book as {stated}, but is "
        f"{finding.verdict}: {found(finding)}, where {judgement.claim.hypothesis} would make it true."
        for judgement in judged
        for name, (stated, finding) in judgement.turned.items()
    ] + [
        f"“{judgement.claim.words}” ({judgement.claim.name}) stands in the book as {judgement.claim.stated}, but is "
        f"{judgement.verdict}."
        for judgement in judged
        if not judgement.turned and judgement.verdict != judgement.claim.stated
    ]


def check_stated(judged: Sequence[Judgement], claims: Sequence[Claim] = CLAIMS) -> None:
    """Refuse results under which the book's prose would be false.

    Args:
        judged: what came out.
        claims: what the prose claims.

    Raises:
        ClaimError: a claim was not judged, or its verdict is not the stated one; the message names every sentence.
    """
    missing = {claim.name for claim in claims} - {judgement.claim.name for judgement in judged}
    sentences = [f"{name} was not judged." for name in sorted(missing)] + turned_sentences(judged)
    if sentences:
        raise ClaimError("\n".join(["the prose does not follow from these results any more:", *sentences]))


def overview(title: str, judged: Sequence[Judgement]) -> Markdown:
    """All claims in a table, folded below its title; each sentence links to its entry on the same page."""
    table = report.table(
        [
            {
                "the sentence": f"[{judgement.claim.words}](#claim-{judgement.claim.name})",
                "it would mean": judgement.claim.hypothesis,
                "we find": "<br>".join(f"{name}: {found(finding)}" for name, finding in judgement.findings.items()),
                "verdict": f"**{judgement.verdict}**",
            }
            for judgement in judged
        ]
    )
    return report.fold(title, table.data)


def wrong_by_chance(judged: Sequence[Judgement]) -> str:
    """How many decided readings one expects to be wrong by the luck of the seeds, at most, in Markdown.

    A 95 % interval misses the truth on one side in one of forty studies. Where the truth lies on the border of the
    range that would make a sentence true, that is how often the reading is decided wrongly; elsewhere it is less often.
    """
    readings = [finding.verdict for judgement in judged for finding in judgement.findings.values()]
    decided = sum(verdict != "undecided" for verdict in readings)
    return (
        f"The {len(judged)} sentences of this page are read in {len(readings)} ways, and {decided} of these readings are "
        f"decided. Each is decided by one end of a 95 % interval, which lies on the wrong side of the truth in at most "
        f"one study of forty. So **at most {report.number(len(readings) / 40)} of the {len(readings)}** are expected to be "
        f"decided wrongly by the luck of the seeds, fewer the farther the truths lie from their borders. That counts "
        f"sentences that were fixed beforehand; of those worded after the results more may be wrong. They would not be "
        f"wrong one by one: readings of one table share its seeds. What no such count holds is whether another system, "
        f"or another recipe of training, would say the same."
    )


def in_words(judged: Sequence[Judgement]) -> Markdown:
    """The sentences sorted by verdict; behind those that depend on something, what came out for each reading."""
    lines: dict[str, list[str]] = {}
    for judgement in judged:
        line = f"- {judgement.claim.words}"
        if judgement.verdict not in VERDICTS:
            line += f" *{'; '.join(f'{f.verdict} {name}' for name, f in judgement.findings.items())}*"
        lines.setdefault(judgement.verdict, []).append(line)
    order = [*VERDICTS, *(verdict for verdict in lines if verdict not in VERDICTS)]
    blocks = [
        [f"**{report.capital(verdict)}: {len(lines[verdict])} of {len(judged)}**", "\n".join(lines[verdict])]
        for verdict in order
        if verdict in lines
    ]
    return Markdown("\n\n".join(text for block in blocks for text in block))


def _ratio(estimate: Estimate) -> str:
    return "beyond the grid" if np.isinf(estimate.low) else report.with_interval(estimate)


def _folded(title: str, estimates: Mapping[str, str]) -> str:
    """Estimates of several groups, in words, in a table that opens when its title is clicked."""
    table = report.table([{"": group, "estimate": told} for group, told in estimates.items()])
    return f"<details><summary>{title}</summary>\n\n{table.data}\n\n</details>"


def entry(judgement: Judgement) -> str:
    """A claim's entry on the page *What we found*, in Markdown: what is said, what it would mean, what came out, where."""
    claim = judgement.claim
    chapter, figure = claim.where.split("#")
    table = claim.table.replace("_", " ").capitalize()
    lines = [
        f"**{claim.words}** {report.capital(judgement.verdict)}.",
        f"*{'Said by the study' if claim.of_study else 'Said by this book'}.* It would mean: {claim.hypothesis}. "
        f"Seen in [this figure]({chapter}.ipynb#{figure}), tested on {table}.",
    ]
    for name, finding in judgement.findings.items():
        lines.append(f"- {name}: {found(finding)}, **{finding.verdict}**")
    folds = [
        _folded(
            f"All {len(finding.estimates)} estimates {name}",
            {group: report.with_interval(estimate) for group, estimate in finding.estimates.items()},
        )
        for name, finding in judgement.findings.items()
        if len(finding.estimates) > 1
    ]
    pairs: dict[tuple[str, str], list] = {}
    for one in judgement.differences:
        pairs.setdefault((one.one, one.other), []).append(one)
    for (place, other), differences in pairs.items():
        compared = f"what came out {place}, divided by that {other}"
        if len(differences) == 1:
            (one,) = differences
            told = "a difference" if one.demonstrated else "not demonstrably different"
            group = f" ({one.group})" if one.group else ""
            lines.append(f"- {compared}: {_ratio(one.ratio)}{group}, {told}")
        else:
            shown = sum(one.demonstrated for one in differences)
            lines.append(
                f"- {compared}: a difference in {shown} of the {len(differences)} groups whose verdicts differ"
            )
            told = {one.group: _ratio(one.ratio) for one in differences}
            folds.append(_folded(f"All {len(differences)}: {compared}", told))
    head, listed = lines[:2], "\n".join(lines[2:])
    return "\n\n".join([f'<div class="claim" id="claim-{claim.name}">', *head, listed, *folds, "</div>"])


def at_best(baselines: pd.DataFrame | None) -> Markdown:
    """Whether pre-training helps, as the study trains and with each arm at its best, and which of these verdicts turn.

    One turns where the two ways of training demonstrably differ, too (see `study.at_best`).

    Args:
        baselines: the published table of fair baselines; None while there is none.
    """
    if baselines is None:
        return Markdown(
            "The table of these trainings is not published yet. Until it is, every comparison of this book is one of "
            "networks as the study trains them."
        )
    found = judged_twice(baselines)
    rows = [
        {
            "target": one.target,
            "judged": str(one.region),
            "as trained": f"{report.with_interval(one.as_trained)}: {one.outcomes[0]}",
            "at best": f"{report.with_interval(one.at_best)}: {one.outcomes[1]}",
        }
        for one in found
    ]

    def told(some: list) -> str:
        named = (
            f"*{one.target}*, {one.region}: {one.outcomes[0]} as trained, {one.outcomes[1]} at best" for one in some
        )
        return (": " if some else "") + "; ".join(named)

    turned = [one for one in found if one.turned]
    unsure = [one for one in found if one.differs and not one.turned]
    sentence = f"**Of {len(found)} verdicts {len(turned)} turn{told(turned)}.**"
    if unsure:
        sentence += (
            f" {len(unsure)} more come out differently without a shown difference between the two ratios{told(unsure)}."
        )
    return Markdown(f"{report.table(rows).data}\n\n{sentence} {_what_pays(baselines)}")


def _what_pays(baselines: pd.DataFrame) -> str:
    """What single changes of the training are worth, and all of them in a fold-out."""
    pays, logarithms = care_pays(baselines), on_logarithms(baselines)

    def span(arm: str) -> str:
        ratios = [ratio.value for ratio in pays[arm].values()]
        return f"{report.number(min(ratios))} to {report.number(max(ratios))}"

    said: dict[str, list[str]] = {"helps": [], "does harm": [], "undecided": []}
    for target, ratio in logarithms.items():
        said[outcome(ratio)].append(f"*{target}*")
    told = "; ".join(f"{word} on {', '.join(targets)}" for word, targets in said.items() if targets)
    rows = [
        {"training": arm} | {target: report.with_interval(ratio) for target, ratio in ratios.items()}
        for arm, ratios in pays.items()
    ]
    table = report.fold(
        "What each of them is worth over 0–20 nM: error over that as the study trains", report.table(rows).data
    )
    return (
        f"Two simple changes: given logarithms of the concentrations instead of the concentrations, a network from scratch "
        f"has {span('scratch, log inputs')} times its error over 0–20 nM, depending on the target, and the mean of "
        f"five networks from scratch {span('scratch, mean of five')} times. If both networks are given logarithms, "
        f"pre-training {told}.\n\n{table.data}"
    )


def _volumes(experiment_1: pd.DataFrame) -> np.ndarray:
    """The volumes of Experiment 1's learning curves."""
    return np.unique(experiment_1.loc[experiment_1["arm"] == "scratch", "N"])


def in_wells(experiment_1: pd.DataFrame) -> str:
    """The book's answer in wells: what one plate with pre-training does the work of, inside and beyond, in Markdown.

    Every number comes from the table: the data equivalence at the volume nearest to a plate, times that volume.
    """
    plate = one_plate(_volumes(experiment_1))
    curves = experiment_1[experiment_1["arm"] != "oracle"]
    worth = {
        region: data_equivalence(curves, error_column(region)).set_index("N").loc[plate] * plate
        for region in (Region.INSIDE, Region.OUTSIDE)
    }
    beyond = worth[Region.OUTSIDE]
    if np.isinf(beyond["low"]):  # not even the lower end of the interval is within what was tried
        told = f"even {_volumes(experiment_1)[-1]:,} such wells, the most that were tried, do less without it"
    else:
        told = f"they do the work of {report.equivalence_text(beyond)}"
    return (
        f"**Where the wells are measured, at 0–10 nM, {plate:,} wells with pre-training do the work of "
        f"{report.equivalence_text(worth[Region.INSIDE])} wells without it. Beyond, up to 20 nM, where no well was "
        f"filled, {told}.** Square brackets hold 95 % intervals. Both networks are trained by the study's recipe."
    )


def inside_outside(experiment_1: pd.DataFrame) -> str:
    """What the table says about interpolation and extrapolation, volume by volume, in words of Markdown.

    The last words explain a ratio outside that stays above 1; they are left out when it does not.
    """
    sentences = []
    for region, place in ((Region.INSIDE, "Inside the wells' domain"), (Region.OUTSIDE, "Outside it")):
        signs: dict[str, list[str]] = {"lower": [], "higher": [], "not clearly different": []}
        for n in map(int, _volumes(experiment_1)):
            ratio = paired_ratio(
                experiment_1, error_column(region), {"arm": "transfer", "N": n}, {"arm": "scratch", "N": n}
            )
            sign = "lower" if ratio.high < 1 else "higher" if ratio.low > 1 else "not clearly different"
            signs[sign].append(f"{n:,}")
        parts = [f"{sign} at N = {', '.join(volumes)}" for sign, volumes in signs.items() if volumes]
        sentences.append(f"**{place}** transfer's error is {'; '.join(parts)}.")
    most = int(_volumes(experiment_1)[-1])
    to_oracle = {
        region: paired_ratio(experiment_1, error_column(region), {"arm": "transfer", "N": most}, {"arm": "oracle"})
        for region in (Region.INSIDE, Region.OUTSIDE)
    }
    sentences.append(
        f"With {most:,} wells it is {report.with_interval(to_oracle[Region.INSIDE])} times the oracle's inside and "
        f"{report.with_interval(to_oracle[Region.OUTSIDE])} times the oracle's outside"
        + (": where no well is, it does not get there." if to_oracle[Region.OUTSIDE].low > 1 else ".")
    )
    return " ".join(sentences)
