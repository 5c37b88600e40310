"""What a claim is and how tables of results judge it.

A claim is a sentence with one or more *readings*: the same question asked where one looks over the whole domain,
inside the wells' domain, and so on. A reading holds a quantity, estimated with a 95 % interval over paired seeds; its
verdict follows from the interval and the range in which the sentence would be true: *supported* when the whole
interval lies in the range, *contradicted* when all of it lies outside, *undecided* otherwise. A sentence that says
"every" is supported when it is in every group, and contradicted when it is in one. The ranges are ours; the study
gives none.

Readings may come out differently because they differ, or because one of them is known less well. "Depends on …" is
said only where a difference is demonstrated: where, in a group whose verdicts differ, the 95 % interval of the ratio
between the two readings, over the same resampled seeds, leaves out 1 (Gelman and Stern 2006). Otherwise the verdict
names what was found by each reading, "supported over 0–20 nM, undecided inside 0–10 nM".

Every reading also states the verdict that the book's prose was written for; `book.verdicts` compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from fewerwells.science.statistics import Estimate
from fewerwells.study.quantities import Quantity, adjusted_level
from fewerwells.study.table import check_tables

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
        differs: whether the prose was written for readings that demonstrably differ, where their verdicts do.
    """

    name: str
    words: str
    hypothesis: str
    readings: Mapping[str, Reading]
    true_range: tuple[float, float]
    where: str
    depends_on: str = "where one looks"
    of_study: bool = True
    differs: bool = True

    def __post_init__(self):
        if len({reading.quantity.table for reading in self.readings.values()}) != 1:
            raise ValueError(f"the readings of {self.name} are not all of one table, so they cannot be compared.")

    @property
    def table(self) -> str:
        """The name of the table that the claim reads."""
        return next(iter(self.readings.values())).quantity.table

    @property
    def stated(self) -> str:
        """The verdict that the prose was written for."""
        return self.combined({name: reading.stated for name, reading in self.readings.items()}, self.differs)

    def combined(self, verdicts: Mapping[str, str], differ: bool) -> str:
        """The verdict on the sentence, from those on its readings and whether these demonstrably differ."""
        found = list(dict.fromkeys(verdicts.values()))
        if len(found) == 1:
            return found[0]
        if differ:
            return f"depends on {self.depends_on}"
        by_verdict = {word: [name for name in verdicts if verdicts[name] == word] for word in found}
        return ", ".join(f"{word} {' and '.join(names)}" for word, names in by_verdict.items())


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


@dataclass(frozen=True)
class Difference:
    """How much two readings differ in a group whose verdicts do.

    Attributes:
        one, other: the two readings.
        group: the name of the group; "" where there is only one.
        ratio: what came out for one over what came out for the other, over the same resampled seeds.
    """

    one: str
    other: str
    group: str
    ratio: Estimate

    @property
    def demonstrated(self) -> bool:
        """Whether the interval leaves out 1."""
        return self.ratio.low > 1 or self.ratio.high < 1


@dataclass(frozen=True)
class Judgement:
    """A claim with what came out.

    Attributes:
        claim: the claim.
        findings: for each of its readings.
        differences: between readings, in every group whose verdicts differ.
    """

    claim: Claim
    findings: Mapping[str, Finding]
    differences: tuple[Difference, ...] = ()

    @property
    def verdict(self) -> str:
        """supported, contradicted, undecided, "depends on …", or what each reading found."""
        differ = any(one.demonstrated for one in self.differences)
        return self.claim.combined({name: finding.verdict for name, finding in self.findings.items()}, differ)

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


def _differences(claim: Claim, findings: Mapping[str, Finding], table: pd.DataFrame) -> tuple[Difference, ...]:
    """How much the readings of a claim differ in every group whose verdicts do.

    The intervals hold at once for all groups and pairs of readings, whichever of them turn out to have two verdicts.
    """

    def decided(name: str, group: str) -> str:
        return verdict(findings[name].estimates[group], claim.true_range)

    compared = [
        (one, other, group)
        for one, other in combinations(findings, 2)
        for group in findings[one].estimates
        if group in findings[other].estimates
    ]
    apart = [
        (one, other, group)
        for one, other, group in compared
        if findings[one].verdict != findings[other].verdict and decided(one, group) != decided(other, group)
    ]
    asked = dict.fromkeys(name for pair in apart for name in pair[:2])  # each once, whatever the number of groups
    draws = {name: claim.readings[name].quantity.bootstraps(table) for name in asked}
    return tuple(
        Difference(one, other, group, (draws[one][group] - draws[other][group]).estimate(adjusted_level(len(compared))))
        for one, other, group in apart
    )


def _judge(claim: Claim, tables: Mapping[str, pd.DataFrame]) -> Judgement:
    if claim.table not in tables:
        raise ClaimError(f"{claim.name} cannot be judged: there is no table {claim.table}.")
    table, findings = tables[claim.table], {}
    for name, reading in claim.readings.items():
        try:
            findings[name] = _finding(reading.quantity.estimates(table), claim.true_range)
        except ValueError as error:
            raise ClaimError(f"{claim.name} cannot be judged from {claim.table}, {name}: {error}") from error
    return Judgement(claim, findings, _differences(claim, findings, table))


def judge(tables: Mapping[str, pd.DataFrame], claims: Sequence[Claim]) -> tuple[Judgement, ...]:
    """Claims with their estimates and verdicts.

    Args:
        tables: the tidy tables by name, "experiment_1" and so on.
        claims: which.

    Raises:
        ClaimError: a table, or something that a claim needs in it, is missing.
        InconsistentTables: the tables contradict themselves or one another.
    """
    check_tables(tables)
    return judge_rows(tables, claims)


def judge_rows(tables: Mapping[str, pd.DataFrame], claims: Sequence[Claim]) -> tuple[Judgement, ...]:
    """The same from any tables with an arm, an error and a seed in each row; nothing is checked across them.

    Raises:
        ClaimError: as `judge`.
    """
    return tuple(_judge(claim, tables) for claim in claims)
