"""What is claimed, sentence by sentence, as tests on the tables of results, and the gate that holds prose to them.

A claim is a sentence with one or more *readings*: the same question asked where one looks over the whole domain,
inside the wells' domain, and so on. A reading holds a quantity, estimated with a 95 % interval over paired seeds; its
verdict follows from the interval and the range in which the sentence would be true: *supported* when the whole
interval lies in the range, *contradicted* when all of it lies outside, *undecided* otherwise. A sentence that says
"every" is supported when it is in every group, and contradicted when it is in one. Where the readings come out
differently the verdict is "depends on …". The ranges are ours; the study gives none.

Every reading also states the verdict that the book's prose was written for. `check_stated` compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from IPython.display import Markdown

from fewerwells.book import report
from fewerwells.science.statistics import Estimate, data_equivalence, geometric_summary, paired_ratio
from fewerwells.study.quantities import (
    ERROR,
    INSIDE_ERROR,
    OUTSIDE_ERROR,
    STUDY_VARIANCE,
    AcrossRatio,
    ErrorRatio,
    LargestEquivalence,
    Quantity,
    RatioChange,
    Unevenness,
    largest,
    nearest,
    share_of_oracle,
    smallest,
)
from fewerwells.study.table import check_tables

COMPARABLE = 1.25  # an error at most this many times the other one counts as comparable
VERDICTS = ("supported", "contradicted", "undecided")


class ClaimError(ValueError):
    """A claim cannot be judged, or its verdict is no longer the one that the prose was written for."""


@dataclass(frozen=True)
class Reading:
    """One way to ask whether a sentence is true.

    Attributes:
        quantity: what is estimated.
        stated: the verdict that the prose was written for.
    """

    quantity: Quantity
    stated: str

    def __post_init__(self):
        if self.stated not in VERDICTS:
            raise ValueError(f"a reading states {self.stated!r}; choose one of {', '.join(VERDICTS)}.")


@dataclass(frozen=True)
class Claim:
    """One sentence.

    Attributes:
        name: a short key; the anchor of its entry and the argument of the role `claim`.
        words: the sentence, in our words.
        hypothesis: what would make it true, in symbols.
        readings: what each way to look is called → how it is estimated, and the verdict stated for it.
        true_range: (low, high) in which the sentence is true; an open end is infinite.
        where: the figure that shows it, as "chapter#name".
        depends_on: what the readings differ in, to end the sentence "it depends on …".
        of_study: whether the study says it; else the book does.
    """

    name: str
    words: str
    hypothesis: str
    readings: Mapping[str, Reading]
    true_range: tuple[float, float]
    where: str
    depends_on: str = "where one looks"
    of_study: bool = True

    @property
    def tables(self) -> set[str]:
        """The names of the tables that the claim reads."""
        return {reading.quantity.table for reading in self.readings.values()}

    @property
    def stated(self) -> str:
        """The verdict that the prose was written for."""
        return self.combined({name: reading.stated for name, reading in self.readings.items()})

    def combined(self, verdicts: Mapping[str, str]) -> str:
        """The verdict on the sentence, from those on its readings."""
        found = set(verdicts.values())
        return found.pop() if len(found) == 1 else f"depends on {self.depends_on}"


@dataclass(frozen=True)
class Finding:
    """What came out for one reading.

    Attributes:
        estimate: the estimate that decides: of several groups the one that speaks most against the sentence.
        group: the name of that group; "" where there is only one.
        verdict: supported, contradicted or undecided.
        estimates: all groups.
    """

    estimate: Estimate
    group: str
    verdict: str
    estimates: Mapping[str, Estimate]

    @property
    def text(self) -> str:
        """The deciding estimate with its interval, and whose it is."""
        return report.with_interval(self.estimate) + (f" ({self.group})" if self.group else "")


@dataclass(frozen=True)
class Judgement:
    """A claim with what came out.

    Attributes:
        claim: the claim.
        findings: for each of its readings.
    """

    claim: Claim
    findings: Mapping[str, Finding]

    @property
    def verdict(self) -> str:
        """supported, contradicted, undecided or "depends on …"."""
        return self.claim.combined({name: finding.verdict for name, finding in self.findings.items()})

    @property
    def turned(self) -> dict[str, tuple[str, Finding]]:
        """The readings whose verdict is not the stated one → the stated one and what came out."""
        return {
            name: (self.claim.readings[name].stated, finding)
            for name, finding in self.findings.items()
            if finding.verdict != self.claim.readings[name].stated
        }


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


def _finding(estimates: dict[str, Estimate], true_range: tuple[float, float]) -> Finding:
    """The verdict on a sentence that must hold in every group, and the group that decides it."""
    verdicts = {name: verdict(estimate, true_range) for name, estimate in estimates.items()}
    found = set(verdicts.values())
    overall = next(word for word in ("contradicted", "undecided", "supported") if word in found)
    low, high = true_range

    def slack(name: str) -> float:
        return min(estimates[name].value - low, high - estimates[name].value)

    worst = min((name for name in estimates if verdicts[name] == overall), key=slack)
    return Finding(estimates[worst], worst, overall, estimates)


def _judge(claim: Claim, tables: Mapping[str, pd.DataFrame]) -> Judgement:
    findings = {}
    for name, reading in claim.readings.items():
        table = reading.quantity.table
        if table not in tables:
            raise ClaimError(f"{claim.name} cannot be judged: there is no table {table}.")
        try:
            findings[name] = _finding(reading.quantity.estimates(tables[table]), claim.true_range)
        except ValueError as error:
            raise ClaimError(f"{claim.name} cannot be judged from {table}, {name}: {error}") from error
    return Judgement(claim, findings)


def claims_on(*tables: str) -> tuple[Claim, ...]:
    """The claims that can be judged from these tables alone."""
    return tuple(claim for claim in CLAIMS if claim.tables <= set(tables))


def judge(tables: Mapping[str, pd.DataFrame], claims: Sequence[Claim] | None = None) -> tuple[Judgement, ...]:
    """Every claim with its estimates and verdict.

    Args:
        tables: the tidy tables by name, "experiment_1" and so on.
        claims: which; all of them by default.

    Raises:
        ClaimError: a table, or something that a claim needs in it, is missing.
        InconsistentTables: the tables contradict themselves or one another.
    """
    check_tables(tables)
    return tuple(_judge(claim, tables) for claim in (CLAIMS if claims is None else claims))


def turned_sentences(judged: Sequence[Judgement]) -> list[str]:
    """One sentence for each reading whose verdict is not the one that the prose was written for."""
    return [
        f"“{judgement.claim.words}” ({judgement.claim.name}, {name}) stands in the book as {stated}, but is "
        f"{finding.verdict}: {finding.text}, where {judgement.claim.hypothesis} would make it true."
        for judgement in judged
        for name, (stated, finding) in judgement.turned.items()
    ]


def check_stated(judged: Sequence[Judgement]) -> None:
    """Refuse results under which the book's prose would be false.

    Raises:
        ClaimError: a claim was not judged, or its verdict is not the stated one; the message names every sentence.
    """
    missing = {claim.name for claim in CLAIMS} - {judgement.claim.name for judgement in judged}
    sentences = [f"{name} was not judged." for name in sorted(missing)] + turned_sentences(judged)
    if sentences:
        raise ClaimError("\n".join(["the prose does not follow from these results any more:", *sentences]))


WHOLE, INSIDE, OUTSIDE = "over 0–20 nM", "inside 0–10 nM", "outside"
_COLUMNS = {WHOLE: ERROR, INSIDE: INSIDE_ERROR, OUTSIDE: OUTSIDE_ERROR}


def by_region(quantity: ErrorRatio | RatioChange | Unevenness | LargestEquivalence, **stated: str) -> dict:
    """The same quantity read over the `whole` domain, `inside` and `outside` the wells': region → stated verdict."""
    names = {"whole": WHOLE, "inside": INSIDE, "outside": OUTSIDE}
    return {
        names[region]: Reading(replace(quantity, column=_COLUMNS[names[region]]), word)
        for region, word in stated.items()
    }


TRANSFER, SCRATCH, ORACLE = {"arm": "transfer"}, {"arm": "scratch"}, {"arm": "oracle"}

PLATE = nearest(96)
LOWER, HIGHER = (-np.inf, 1.0), (1.0, np.inf)


def _at_a_plate(arm: str) -> dict:
    return {"arm": arm} if arm == "zero-shot" else {"arm": arm, "N": PLATE}


def _against(name: str, words: str, arm: str, other: str, true_range: tuple, **stated: str) -> Claim:
    """A sentence of this book on two arms with one plate of wells, on the target of *Why it works*."""
    sign = "<" if true_range == LOWER else ">"
    return Claim(
        name,
        words,
        f"L({arm}) / L({other}) {sign} 1 at one plate",
        by_region(ErrorRatio("controls", _at_a_plate(arm), _at_a_plate(other)), **stated),
        true_range,
        "08_why_it_works#fig-arms",
        of_study=False,
    )


def _on_every_target(name: str, words: str, arm: str, other: str, limit: float, **stated: str) -> Claim:
    """A sentence of this book on two arms with one plate of wells, on every target of *Who else could have done it*."""
    return Claim(
        name,
        words,
        f"L({arm}) / L({other}) ≤ {limit:g} on every target",
        by_region(ErrorRatio("targets", {"arm": arm}, {"arm": other}, per="target"), **stated),
        (-np.inf, limit),
        "07_who_else#fig-against-oracle",
        of_study=False,
    )


def _over_systems(name: str, words: str, arm: str, **stated: str) -> Claim:
    """A sentence of this book on an arm against scratch with one plate of wells, over systems drawn at random."""
    pair = {"arm": arm, "N": PLATE}, {"arm": "scratch", "N": PLATE}
    return Claim(
        name,
        words,
        f"L({arm}) / L(scratch) < 1 at one plate, centred over systems",
        by_region(AcrossRatio("random_systems", *pair), **stated),
        LOWER,
        "07_who_else#fig-systems",
        of_study=False,
    )


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "more-data-helps",
        "With pre-training, more real data gives a lower error.",
        "L(transfer, larger N) / L(transfer, smaller N) < 1",
        {
            "from the smallest N to the largest": Reading(
                ErrorRatio("experiment_1", TRANSFER | {"N": largest}, TRANSFER | {"N": smallest}), "supported"
            ),
            "from 1,000 wells to the largest N": Reading(
                ErrorRatio("experiment_1", TRANSFER | {"N": largest}, TRANSFER | {"N": nearest(1000)}), "undecided"
            ),
        },
        (-np.inf, 1.0),
        "03_experiment_1#fig-volume-bars",
        depends_on="where on the curve one looks",
    ),
    Claim(
        "wins-at-high-volume",
        "At high volumes transfer reaches a lower error than training from scratch.",
        "L(transfer) / L(scratch) < 1 at the largest N",
        by_region(
            ErrorRatio("experiment_1", TRANSFER | {"N": largest}, SCRATCH | {"N": largest}),
            whole="supported",
            inside="undecided",
        ),
        (-np.inf, 1.0),
        "03_experiment_1#fig-volume-bars",
    ),
    Claim(
        "equal-at-low-volume",
        "At very low volumes the two are roughly equivalent.",
        f"1/{COMPARABLE} ≤ L(transfer) / L(scratch) ≤ {COMPARABLE} at the smallest N",
        by_region(
            ErrorRatio("experiment_1", TRANSFER | {"N": smallest}, SCRATCH | {"N": smallest}),
            whole="contradicted",
            inside="contradicted",
        ),
        (1 / COMPARABLE, COMPARABLE),
        "03_experiment_1#fig-volume-bars",
    ),
    Claim(
        "less-variable-at-low-volume",
        "At low volumes training from scratch has a much higher variance over test points.",
        "Var(transfer) / Var(scratch) < 1 at the smallest N, on the study's 100 points",
        {
            WHOLE: Reading(
                ErrorRatio("experiment_1", TRANSFER | {"N": smallest}, SCRATCH | {"N": smallest}, STUDY_VARIANCE),
                "supported",
            )
        },
        (-np.inf, 1.0),
        "03_experiment_1#fig-variance",
    ),
    Claim(
        "more-consistent",
        "At every volume transfer is at least the more consistent of the two.",
        "Var(transfer) / Var(scratch) < 1 at every N, on the study's 100 points",
        {WHOLE: Reading(ErrorRatio("experiment_1", TRANSFER, SCRATCH, STUDY_VARIANCE, per="N"), "supported")},
        (-np.inf, 1.0),
        "03_experiment_1#fig-variance",
    ),
    Claim(
        "gap-grows",
        "The advantage of transfer grows with the volume of real data.",
        "[L(transfer) / L(scratch) at the largest N] / [the same at 96 wells] < 1",
        by_region(
            RatioChange("experiment_1", TRANSFER, SCRATCH, largest, nearest(96)),
            whole="contradicted",
            inside="contradicted",
        ),
        (-np.inf, 1.0),
        "03_experiment_1#fig-learning-curves",
    ),
    Claim(
        "cut-75-scratch",
        "Transfer cuts the real data by up to about 75 %, compared with training from scratch.",
        "k(N) ≥ 4 at some N up to a quarter of the largest",
        by_region(LargestEquivalence("experiment_1", 4.0), whole="supported", inside="contradicted"),
        (4.0, np.inf),
        "03_experiment_1#fig-equivalence",
    ),
    Claim(
        "cut-75-oracle",
        "With 75 % less real data transfer gives up little against the oracle.",
        f"L(transfer, N = a quarter of the oracle's) / L(oracle) ≤ {COMPARABLE}",
        by_region(
            ErrorRatio("experiment_1", TRANSFER | {"N": share_of_oracle(0.25)}, ORACLE),
            whole="contradicted",
            inside="supported",
        ),
        (-np.inf, COMPARABLE),
        "03_experiment_1#fig-inside-outside",
    ),
    Claim(
        "order-of-magnitude",
        "The oracle's volume could be cut by nearly an order of magnitude at comparable performance.",
        f"L(transfer, N = a tenth of the oracle's) / L(oracle) ≤ {COMPARABLE}",
        by_region(
            ErrorRatio("experiment_1", TRANSFER | {"N": share_of_oracle(0.1)}, ORACLE),
            whole="contradicted",
            inside="supported",
        ),
        (-np.inf, COMPARABLE),
        "03_experiment_1#fig-inside-outside",
    ),
    Claim(
        "comparable-to-oracles",
        "With a 95 % cut transfer learns every target about as well as its oracle.",
        f"L(transfer) / L(oracle) ≤ {COMPARABLE} on every target",
        by_region(
            ErrorRatio("experiment_2", TRANSFER, ORACLE, per="target"), whole="contradicted", inside="contradicted"
        ),
        (-np.inf, COMPARABLE),
        "04_experiment_2#fig-target-inside-outside",
    ),
    Claim(
        "consistent-across-targets",
        "Transfer performs equally well on all targets.",
        f"L(transfer, one target) / L(transfer, another) ≤ {COMPARABLE} for every two targets",
        by_region(Unevenness("experiment_2", TRANSFER, "target"), whole="contradicted", inside="contradicted"),
        (-np.inf, COMPARABLE),
        "04_experiment_2#fig-target-bars",
    ),
    Claim(
        "oracles-consistent",
        "The oracles perform equally well on all targets.",
        f"L(oracle, one target) / L(oracle, another) ≤ {COMPARABLE} for every two targets",
        by_region(Unevenness("experiment_2", ORACLE, "target"), whole="undecided"),
        (-np.inf, COMPARABLE),
        "04_experiment_2#fig-target-bars",
    ),
    Claim(
        "never-harmful",
        "Transfer is effective for every target.",
        "L(transfer) / L(scratch) < 1 on every target",
        by_region(
            ErrorRatio("experiment_2", TRANSFER, SCRATCH, per="target"), whole="supported", inside="contradicted"
        ),
        (-np.inf, 1.0),
        "04_experiment_2#fig-target-inside-outside",
    ),
    Claim(
        "outside-stays-wrong",
        "What no well has shown, fine-tuning does not correct.",
        f"L(transfer, largest N) / L(oracle) > {COMPARABLE} outside the wells' domain",
        by_region(ErrorRatio("experiment_1", TRANSFER | {"N": largest}, ORACLE), outside="supported"),
        (COMPARABLE, np.inf),
        "03_experiment_1#fig-inside-outside",
        of_study=False,
    ),
    # Controls: where does the gain come from?
    _against(
        "not-compute",
        "As many optimiser steps on the wells alone do not make up for pre-training.",
        "step-matched scratch",
        "transfer",
        HIGHER,
        whole="supported",
        inside="supported",
    ),
    _against(
        "spread-the-wells",
        "Spreading the same number of wells over the whole range is worth more than pre-training.",
        "big-domain scratch",
        "transfer",
        LOWER,
        whole="supported",
        inside="contradicted",
        outside="supported",
    ),
    _against(
        "helps-anywhere",
        "Where the wells may lie anywhere, pre-training still helps.",
        "big-domain transfer",
        "big-domain scratch",
        LOWER,
        whole="supported",
    ),
    _against(
        "not-any-circuit",
        "Pre-training on the circuit with its inputs exchanged does not do.",
        "swapped inputs",
        "transfer",
        HIGHER,
        whole="supported",
        inside="supported",
    ),
    _against(
        "not-any-function",
        "Pre-training on a random smooth function does not do.",
        "random function",
        "transfer",
        HIGHER,
        whole="supported",
        inside="supported",
    ),
    _against(
        "not-any-warm-start",
        "Pre-training on shuffled labels does not do.",
        "shuffled labels",
        "transfer",
        HIGHER,
        whole="supported",
        inside="supported",
    ),
    _against(
        "wrong-is-worse-than-nothing",
        "Pre-training on the wrong circuit is worse than none.",
        "swapped inputs",
        "scratch",
        HIGHER,
        whole="supported",
        inside="supported",
    ),
    _against(
        "wells-are-needed",
        "The pre-trained network needs its wells.",
        "zero-shot",
        "transfer",
        HIGHER,
        whole="supported",
        inside="supported",
    ),
    # Remedies: do they beat plain fine-tuning?
    *(
        _against(
            f"remedy-{arm.replace(' ', '-')}", words, arm, "transfer", LOWER, **dict(zip(regions, stated, strict=True))
        )
        for regions in [("whole", "inside", "outside")]
        for arm, words, stated in (
            (
                "frozen",
                "Freezing the first layers beats plain fine-tuning.",
                ("contradicted", "contradicted", "contradicted"),
            ),
            (
                "slow",
                "A tenth of the learning rate beats plain fine-tuning.",
                ("contradicted", "contradicted", "contradicted"),
            ),
            (
                "pull",
                "A pull towards the pre-trained weights beats plain fine-tuning.",
                ("undecided", "contradicted", "undecided"),
            ),
            (
                "replay",
                "Replaying synthetic pairs from outside beats plain fine-tuning.",
                ("contradicted", "contradicted", "contradicted"),
            ),
            (
                "residual",
                "Learning only what the simulation leaves over beats fine-tuning.",
                ("contradicted", "contradicted", "contradicted"),
            ),
            (
                "refitted source",
                "Refitting the simulation to the wells beats plain fine-tuning.",
                ("contradicted", "supported", "contradicted"),
            ),
            (
                "fitted family",
                "Pre-training on the fitted family beats plain fine-tuning.",
                ("supported", "supported", "supported"),
            ),
        )
    ),
    # Rivals: who else could have done it?
    _against(
        "wrong-equation",
        "Fitting the equation of the simulation, which is the wrong one, is worse than transfer.",
        "fit, n = 1",
        "transfer",
        HIGHER,
        whole="supported",
        inside="supported",
    ),
    *(
        _against(f"equation-{key}", words, arm, "fitted family", LOWER, whole="supported", inside="supported")
        for key, arm, words in (
            ("n-free", "fit, n free", "Fitting the equation with n free beats the best network."),
            ("family", "fit, family", "Fitting the family beats the network that is pre-trained on it."),
            ("true-form", "fit, true form", "Fitting the true form beats the best network."),
        )
    ),
    _against(
        "plain-gaussian-process",
        "A Gaussian process that knows nothing is worse than transfer.",
        "Gaussian process",
        "transfer",
        HIGHER,
        whole="supported",
        inside="contradicted",
        outside="supported",
    ),
    _against(
        "logarithms-help",
        "Logarithmic concentrations help the Gaussian process.",
        "Gaussian process, log inputs",
        "Gaussian process",
        LOWER,
        whole="supported",
        inside="undecided",
    ),
    _against(
        "spread-gaussian-process",
        "A Gaussian process with wells everywhere beats a network with wells everywhere.",
        "Gaussian process, big domain",
        "big-domain scratch",
        LOWER,
        whole="supported",
    ),
    _against(
        "gaussian-process-on-source",
        "Knowing the simple model helps the Gaussian process.",
        "Gaussian process on source",
        "Gaussian process",
        LOWER,
        whole="supported",
        inside="contradicted",
    ),
    _against(
        "gaussian-process-on-fit",
        "Where the family holds the truth, a Gaussian process on top of its fit only adds noise.",
        "Gaussian process on fit",
        "fit, family",
        HIGHER,
        whole="supported",
    ),
    _on_every_target(
        "library-reaches-oracle",
        "Someone who lists four mechanisms and weighs them predicts from one plate as well as the oracle.",
        "fit, library",
        "oracle",
        COMPARABLE,
        whole="contradicted",
        inside="supported",
    ),
    _on_every_target(
        "library-needs-the-truth",
        "The list does as well when the right mechanism is not on it.",
        "fit, library without truth",
        "oracle",
        COMPARABLE,
        whole="contradicted",
        inside="contradicted",
    ),
    _on_every_target(
        "family-network-reaches-oracle",
        "A network that is pre-trained on the fitted family predicts from one plate as well as the oracle.",
        "fitted family",
        "oracle",
        COMPARABLE,
        whole="contradicted",
        inside="contradicted",
    ),
    _on_every_target(
        "spread-wells-beat-transfer",
        "On every target, wells spread over the whole range are worth more than pre-training.",
        "big-domain scratch",
        "transfer",
        1.0,
        whole="supported",
    ),
    _on_every_target(
        "helps-on-every-circuit",
        "With one plate of wells pre-training helps on every circuit, outside the family too.",
        "transfer",
        "scratch",
        1.0,
        whole="undecided",
        inside="contradicted",
    ),
    _over_systems(
        "helps-in-other-systems",
        "In systems drawn at random, pre-training helps.",
        "transfer",
        whole="supported",
        inside="supported",
        outside="supported",
    ),
    _over_systems(
        "equation-in-other-systems",
        "In systems drawn at random, fitting the equation with n free helps.",
        "fit, n free",
        whole="supported",
        inside="supported",
        outside="supported",
    ),
)


def overview(judged: Sequence[Judgement]) -> Markdown:
    """All claims in a table; each sentence links to its entry on the same page."""
    return report.table(
        [
            {
                "the sentence": f"[{judgement.claim.words}](#claim-{judgement.claim.name})",
                "it would mean": judgement.claim.hypothesis,
                "we find": "<br>".join(f"{name}: {finding.text}" for name, finding in judgement.findings.items()),
                "verdict": f"**{judgement.verdict}**",
            }
            for judgement in judged
        ]
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
        [f"**{verdict.capitalize()}: {len(lines[verdict])} of {len(judged)}**", "\n".join(lines[verdict])]
        for verdict in order
        if verdict in lines
    ]
    return Markdown("\n\n".join(text for block in blocks for text in block))


def entry(judgement: Judgement) -> str:
    """A claim's entry on the page Verdicts, in Markdown: what is said, what it would mean, what came out, where."""
    claim = judgement.claim
    chapter, figure = claim.where.split("#")
    tables = " and ".join(sorted(name.replace("_", " ").capitalize() for name in claim.tables))
    lines = [
        f"**{claim.words}** {judgement.verdict.capitalize()}.",
        f"*{'Said by the study' if claim.of_study else 'Said by this book'}.* It would mean: {claim.hypothesis}. "
        f"Seen in [this figure]({chapter}.ipynb#{figure}), tested on {tables}.",
    ]
    for name, finding in judgement.findings.items():
        lines.append(f"- {name}: {finding.text}, **{finding.verdict}**")
    folds = [
        f"<details><summary>All {len(finding.estimates)} estimates {name}</summary>\n\n"
        + report.table([{"": key, "estimate": report.with_interval(e)} for key, e in finding.estimates.items()]).data
        + "\n\n</details>"
        for name, finding in judgement.findings.items()
        if len(finding.estimates) > 1
    ]
    head, listed = lines[:2], "\n".join(lines[2:])
    return "\n\n".join([f'<div class="claim" id="claim-{claim.name}">', *head, listed, *folds, "</div>"])


def _volumes(experiment_1: pd.DataFrame) -> np.ndarray:
    """The volumes of Experiment 1's learning curves."""
    return np.unique(experiment_1.loc[experiment_1["arm"] == "scratch", "N"])


def answer(experiment_1: pd.DataFrame) -> str:
    """The book's answer in a few sentences of Markdown, every number from the table."""
    plate = nearest(96)(experiment_1, _volumes(experiment_1))
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
        for n in map(int, _volumes(experiment_1)):
            ratio = paired_ratio(
                experiment_1, f"sobol_{region}_mean", {"arm": "transfer", "N": n}, {"arm": "scratch", "N": n}
            )
            sign = "lower" if ratio.high < 1 else "higher" if ratio.low > 1 else "not clearly different"
            signs[sign].append(f"{n:,}")
        parts = [f"{sign} at N = {', '.join(volumes)}" for sign, volumes in signs.items() if volumes]
        sentences.append(f"**{place}** transfer's error is {'; '.join(parts)}.")
    most = int(_volumes(experiment_1)[-1])
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
