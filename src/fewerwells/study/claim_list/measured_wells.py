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
_STARTS, _CURVES = "fig-measured-starts", "fig-measured-curves"


def _ratio(group: Mapping, other: Mapping, where: Mapping) -> ErrorRatio:
    return ErrorRatio(TABLE, group, other, column="error", where=where, per="system")


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
    differs: bool = True,
) -> Claim:
    """Two learners with the same wells on every system, or on those for which the column `only` holds."""
    mine = {only: True} if only else {}
    readings = {
        place: Reading(_ratio({"arm": arm}, {"arm": other}, _PLACES[place] | mine), verdict)
        for place, verdict in stated.items()
    }
    systems = "every such system" if only else "every system"
    compared = f"error of {arm} / error of {other}"
    return _claim(name, words, compared, readings, figure, true_range, systems=systems, differs=differs)


MEASURED: tuple[Claim, ...] = (
    _on_the_same_wells(
        "measured-simulation-helps",
        "A network that first learns the simple model, fitted to the same wells, predicts better than one from scratch.",
        "transfer",
        "from scratch",
        {FEW: "undecided", ALL: "undecided", HIGH: "undecided"},
        _STARTS,
    ),
    _on_the_same_wells(
        "measured-neighbour-helps",
        "A network that first learns another measured system predicts better than one from scratch.",
        "transfer, measured",
        "from scratch",
        {FEW: "undecided", ALL: "undecided", HIGH: "undecided"},
        _STARTS,
    ),
    _claim(
        "measured-half-the-wells",
        "With a start, 24 wells do the work of 48 from scratch.",
        "error with the start and 24 wells / error of from scratch with 48",
        {
            place: Reading(
                _ratio({"arm": arm, "wells": "24"}, {"arm": "from scratch", "wells": "48"}, {"split": "all doses"}),
                verdict,
            )
            for place, arm, verdict in (
                ("from a simulation", "transfer", "undecided"),
                ("from a neighbour", "transfer, measured", "undecided"),
            )
        },
        _STARTS,
        (-np.inf, NO_WORSE),
        depends_on="what it starts from",
    ),
    _on_the_same_wells(
        "measured-longer-is-better",
        "A network that starts from a neighbour gains when it then learns from the wells as long as one from scratch.",
        "long transfer, measured",
        "transfer, measured",
        {FEW: "undecided", ALL: "undecided", HIGH: "undecided"},
        _STARTS,
    ),
    _on_the_same_wells(
        "measured-long-start-no-harm",
        "If it does, the start does no harm.",
        "long transfer, measured",
        "from scratch",
        {FEW: "undecided", ALL: "undecided", HIGH: "undecided"},
        _STARTS,
        (-np.inf, NO_WORSE),
    ),
    _on_the_same_wells(
        "measured-correction-helps",
        "A Gaussian process that corrects a neighbour's surface predicts better than one that never saw it.",
        "neighbour, corrected",
        "Gaussian process",
        {FEW: "undecided", ALL: "undecided", HIGH: "undecided"},
        _STARTS,
    ),
    _on_the_same_wells(
        "measured-equations-help",
        "A library of equations predicts better than a network from scratch.",
        "equations",
        "from scratch",
        {FEW: "undecided", ALL: "undecided", HIGH: "undecided"},
        _CURVES,
    ),
    _on_the_same_wells(
        "measured-process-helps",
        "A Gaussian process on logarithmic doses predicts better than a network from scratch.",
        "Gaussian process",
        "from scratch",
        {FEW: "undecided", ALL: "undecided", HIGH: "undecided"},
        _CURVES,
    ),
    _on_the_same_wells(
        "measured-authors-know-better",
        "The authors' own equation, refitted to the wells, predicts better than a library that was not made for the system.",
        "published",
        "equations",
        {FEW: "undecided", ALL: "undecided", HIGH: "undecided"},
        _CURVES,
        only="has_model",
    ),
    _claim(
        "measured-beyond-is-harder",
        "Beyond the doses that were learnt from, the error is larger than among them.",
        "error at high doses / error at all doses, with 48 wells each,",
        {
            arm: Reading(
                _ratio({"split": "high doses"}, {"split": "all doses"}, {"arm": arm, "wells": "48"}), "undecided"
            )
            for arm in ("equations", "Gaussian process", "from scratch", "transfer, measured")
        },
        _CURVES,
        HIGHER,
        depends_on="who has learnt",
    ),
    _on_the_same_wells(
        "measured-floor",
        "With all wells the Gaussian process comes near to what replicates allow.",
        "Gaussian process",
        "replicates",
        {ALL: "undecided"},
        _CURVES,
        (-np.inf, COMPARABLE),
        only="has_replicates",
    ),
)
