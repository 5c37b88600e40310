"""What this book says of measured systems: judged on its own page, from the table of errors on held-out wells.

Intervals are over random subsamples of one data set's wells. They say how much the choice of wells matters, and nothing
of other plates or other systems; five systems are what there is.
"""

from __future__ import annotations

import numpy as np

from fewerwells.study.claim_list.readings import COMPARABLE, LOWER
from fewerwells.study.claims import Claim, Reading
from fewerwells.study.quantities import ErrorRatio

TABLE = "measured"
FEW, ALL, HIGH = "with 12 wells", "with all wells", "at high doses"
_PLACES = {  # name of a reading → which rows
    FEW: {"split": "all doses", "wells": "12"},
    ALL: {"split": "all doses", "wells": "all"},
    HIGH: {"split": "high doses", "wells": "48"},
}


def _on_every_system(
    name: str,
    words: str,
    arm: str,
    other: str,
    stated: dict[str, str],
    figure: str,
    *,
    limit: float = 1.0,
    where: dict | None = None,
) -> Claim:
    readings = {
        place: Reading(
            ErrorRatio(
                TABLE, {"arm": arm}, {"arm": other}, column="error", where=_PLACES[place] | (where or {}), per="system"
            ),
            verdict,
        )
        for place, verdict in stated.items()
    }
    every = "every system" if not where else "every such system"
    return Claim(
        name,
        words,
        f"error of {arm} / error of {other} {'<' if limit == 1 else '≤'} {limit:g} on {every}",
        readings,
        LOWER if limit == 1 else (-np.inf, limit),
        f"15_measured_wells#{figure}",
        depends_on="how many wells there are",
        of_study=False,
    )


MEASURED: tuple[Claim, ...] = (
    _on_every_system(
        "measured-simulation-helps",
        "A network that first learns the simple model, fitted to the same wells, predicts better than one from scratch.",
        "transfer",
        "from scratch",
        {FEW: "undecided", ALL: "undecided", HIGH: "undecided"},
        "fig-measured-starts",
    ),
    _on_every_system(
        "measured-neighbour-helps",
        "A network that first learns another measured system predicts better than one from scratch.",
        "transfer, measured",
        "from scratch",
        {FEW: "undecided", ALL: "undecided", HIGH: "undecided"},
        "fig-measured-starts",
    ),
    _on_every_system(
        "measured-equations-help",
        "A library of equations predicts better than a network from scratch.",
        "equations",
        "from scratch",
        {FEW: "undecided", ALL: "undecided", HIGH: "undecided"},
        "fig-measured-curves",
    ),
    _on_every_system(
        "measured-process-helps",
        "A Gaussian process on logarithmic doses predicts better than a network from scratch.",
        "Gaussian process",
        "from scratch",
        {FEW: "undecided", ALL: "undecided", HIGH: "undecided"},
        "fig-measured-curves",
    ),
    _on_every_system(
        "measured-authors-know-better",
        "The authors' own equation, refitted to the wells, predicts better than a library that was not made for the system.",
        "published",
        "equations",
        {FEW: "undecided", ALL: "undecided"},
        "fig-measured-curves",
        where={"has_model": True},
    ),
    _on_every_system(
        "measured-floor",
        "With all wells the Gaussian process comes near to what replicates allow.",
        "Gaussian process",
        "replicates",
        {ALL: "undecided"},
        "fig-measured-curves",
        limit=COMPARABLE,
        where={"has_replicates": True},
    ),
)
