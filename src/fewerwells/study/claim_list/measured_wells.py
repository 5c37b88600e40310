"""What this book says of measured systems: judged on its own page, from the table of errors on held-out wells.

Intervals are over random subsamples of one data set's wells. They say how much the choice of wells matters, and nothing
of other plates or other systems; five systems are what there is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fewerwells.study.claim_list.readings import COMPARABLE, HIGHER, LOWER, NO_WORSE
from fewerwells.study.claims import Claim, Reading
from fewerwells.study.quantities import ErrorRatio

TABLE = "measured"
FEW, ALL, HIGH = "with 12 wells", "with all wells", "at high doses"
_PLACES = {  # name of a reading → which rows
    FEW: {"split": "all doses", "wells": "12"},
    ALL: {"split": "all doses", "wells": "all"},
    HIGH: {"split": "high doses", "wells": "48"},
}
_TRUE = {
    LOWER: "< 1",
    HIGHER: "> 1",
    (-np.inf, NO_WORSE): f"≤ {NO_WORSE:g}",
    (-np.inf, COMPARABLE): f"≤ {COMPARABLE:g}",
}
_STARTS, _CURVES, _STRAINS = "fig-measured-starts", "fig-measured-curves", "fig-measured-strains"


def _ratio(group: Mapping, other: Mapping, where: Mapping, column: str = "error") -> ErrorRatio:
    return ErrorRatio(TABLE, group, other, column=column, where={"is_strain": False} | where, per="system")


def _claim(
    name: str,
    words: str,
    compared: str,
    readings: dict[str, Reading],
    figure: str,
    true_range: tuple[float, float],
    *,
    depends_on: str = "which wells are learnt from and which are asked for",
    systems: str = "every system",
    differs: bool = True,
) -> Claim:
    return Claim(
        name,
        words,
        f"{compared} {_TRUE[true_range]} on {systems}",
        readings,
        true_range,
        f"15_measured_wells#{figure}",
        depends_on=depends_on,
        of_study=False,
        differs=differs,
    )


def _on_the_same_wells(
    name: str,
    words: str,
    arm: str,
    other: str,
    stated: Mapping[str, str],
    figure: str,
    true_range: tuple[float, float] = LOWER,
    *,
    only: str = "",
    systems: str = "every system",
    differs: bool = True,
) -> Claim:
    """Two learners with the same wells on every system, or on those for which the column `only` holds: `systems`."""
    mine = {only: True} if only else {}
    readings = {
        place: Reading(_ratio({"arm": arm}, {"arm": other}, _PLACES[place] | mine), verdict)
        for place, verdict in stated.items()
    }
    compared = f"error of {arm} / error of {other}"
    return _claim(name, words, compared, readings, figure, true_range, systems=systems, differs=differs)


_STARTS_OF = {  # the arm that starts from it, and what that is called
    "simulation": ("transfer", "the simple model, fitted to the same wells,"),
    "neighbour": ("transfer, measured", "another measured system"),
}


def _of_a_start(
    start: str, helps: Mapping[str, str], gains: Mapping[str, str], harmless: Mapping[str, str]
) -> tuple[Claim, ...]:
    """Whether a start helps as the study tunes it, gains by tuning as long as from scratch, and is harmless then."""
    arm, words = _STARTS_OF[start]
    return (
        _on_the_same_wells(
            f"measured-{start}-helps",
            f"A network that first learns {words} predicts better than one from scratch.",
            arm,
            "from scratch",
            helps,
            _STARTS,
        ),
        _on_the_same_wells(
            f"measured-{start}-longer",
            f"After a start from {words} it pays to learn from the wells as long as one from scratch does.",
            f"long {arm}",
            arm,
            gains,
            _STARTS,
        ),
        _on_the_same_wells(
            f"measured-{start}-harmless",
            f"If the network then learns as long as one from scratch does, a start from {words} does no harm.",
            f"long {arm}",
            "from scratch",
            harmless,
            _STARTS,
            (-np.inf, NO_WORSE),
        ),
    )


S, C, U = "supported", "contradicted", "undecided"
MEASURED: tuple[Claim, ...] = (
    *_of_a_start(
        "simulation",
        helps={FEW: C, ALL: C, HIGH: C},
        gains={FEW: U, ALL: C, HIGH: C},
        harmless={FEW: C, ALL: U, HIGH: C},
    ),
    *_of_a_start(
        "neighbour",
        helps={FEW: C, ALL: C, HIGH: C},
        gains={FEW: C, ALL: C, HIGH: C},
        harmless={FEW: U, ALL: U, HIGH: C},
    ),
    _on_the_same_wells(
        "measured-neighbour-beats-simulation",
        "Another measured system is a better start than the simple model.",
        "transfer, measured",
        "transfer",
        {FEW: U, ALL: C, HIGH: C},
        _STARTS,
    ),
    _claim(
        "measured-half-the-wells",
        "With a start, 24 wells do the work of 48 from scratch.",
        "error with the start and 24 wells / error of from scratch with 48",
        {
            f"from a {start}": Reading(
                _ratio({"arm": arm, "wells": "24"}, {"arm": "from scratch", "wells": "48"}, {"split": "all doses"}),
                C,
            )
            for start, (arm, _) in _STARTS_OF.items()
        },
        _STARTS,
        (-np.inf, NO_WORSE),
        depends_on="what it starts from",
    ),
    _on_the_same_wells(
        "measured-correction-helps",
        "A Gaussian process that corrects a neighbour's surface predicts better than one that never saw it.",
        "neighbour, corrected",
        "Gaussian process",
        {FEW: C, ALL: U, HIGH: C},
        _CURVES,
    ),
    _on_the_same_wells(
        "measured-equations-help",
        "A library of equations predicts better than a network from scratch.",
        "equations",
        "from scratch",
        {FEW: C, ALL: C, HIGH: C},
        _CURVES,
    ),
    _on_the_same_wells(
        "measured-process-helps",
        "A Gaussian process on logarithmic doses predicts better than a network from scratch.",
        "Gaussian process",
        "from scratch",
        {FEW: C, ALL: C, HIGH: C},
        _CURVES,
    ),
    _on_the_same_wells(
        "measured-authors-know-better",
        "Equations that were published with the measurements, refitted to the wells, predict better than our library.",
        "published",
        "equations",
        {FEW: U, ALL: C, HIGH: S},
        _CURVES,
    ),
    _claim(
        "measured-beyond-is-harder",
        "In standard errors, predictions are worse beyond the doses that were learnt from than among them.",
        "error / standard error at high doses, over the same at all doses, with 48 wells each,",
        {
            arm: Reading(
                _ratio(
                    {"split": "high doses"},
                    {"split": "all doses"},
                    {"arm": arm, "wells": "48", "has_replicates": True},
                    "in_standard_errors",
                ),
                verdict,
            )
            for arm, verdict in (
                ("equations", S),
                ("Gaussian process", S),
                ("from scratch", S),
                ("transfer, measured", C),
            )
        },
        _CURVES,
        HIGHER,
        depends_on="who has learnt",
        systems="every system with replicates",
    ),
    _claim(
        "measured-floor",
        "With all wells predictions come near to what replicates allow.",
        "error / standard error",
        {
            arm: Reading(_ratio({"arm": arm}, {"arm": "replicates"}, _PLACES[ALL] | {"has_replicates": True}), C)
            for arm in ("Gaussian process", "from scratch", "long transfer, measured")
        },
        _CURVES,
        (-np.inf, COMPARABLE),
        depends_on="who has learnt",
        systems="every system with replicates",
    ),
    *(
        _on_the_same_wells(
            name,
            words,
            arm,
            other,
            dict(zip((FEW, ALL, HIGH), stated, strict=True)),
            _STRAINS,
            only="is_strain",
            systems="every strain",
        )
        for name, words, arm, other, stated in (
            (
                "strains-start-helps",
                "A network that first learns what the other strains do on average predicts better than one from scratch.",
                "transfer, measured",
                "from scratch",
                (U, C, C),
            ),
            (
                "strains-long-start-helps",
                "If the network then learns from the wells as long as one from scratch does, a start from the other strains helps.",
                "long transfer, measured",
                "from scratch",
                (U, U, C),
            ),
            (
                "strains-start-beats-simulation",
                "The average of the other strains is a better start than the simple model, fitted to the same wells.",
                "transfer, measured",
                "transfer",
                (U, C, C),
            ),
            (
                "strains-start-beats-equations",
                "A start from the average of the other strains predicts better than the twelve equations of the authors, refitted to the same wells.",
                "transfer, measured",
                "published",
                (U, C, C),
            ),
            (
                "strains-correction-beats-scratch",
                "A Gaussian process that corrects the average of the other strains predicts better than a network from scratch.",
                "neighbour, corrected",
                "from scratch",
                (C, C, C),
            ),
            (
                "strains-correction-helps",
                "A Gaussian process that corrects the average of the other strains predicts better than one that never saw it.",
                "neighbour, corrected",
                "Gaussian process",
                (U, U, C),
            ),
        )
    ),
    _claim(
        "strains-average-suffices",
        "The average of the other strains, without a well of one's own, predicts as well as a network from scratch.",
        "error of the average as it is / error of from scratch",
        {
            f"with {wells} wells": Reading(
                _ratio(
                    {"arm": "neighbour as it is"},
                    {"arm": "from scratch"},
                    {"split": "all doses", "wells": wells, "is_strain": True},
                ),
                C,
            )
            for wells in ("12", "24", "48", "all")
        },
        _STRAINS,
        (-np.inf, NO_WORSE),
        depends_on="how many wells the network has",
        systems="every strain",
    ),
)
