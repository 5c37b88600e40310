"""What this book says of learners that know many circuits, with one plate of wells; judged from `many_circuits`."""

from __future__ import annotations

import numpy as np

from fewerwells.science.circuits import reference_circuit
from fewerwells.study.claim_list.readings import COMPARABLE, by_region
from fewerwells.study.claims import Claim
from fewerwells.study.many_circuits import NEVER_SEEN
from fewerwells.study.quantities import SharedSeedsRatio
from fewerwells.study.volumes import plate

# What was hoped for before the first full-length network was trained: shares of transfer's error, and of the plain library's at its worst.
HOPED, HOPED_UNSEEN, HOPED_WIDE = 0.3, 0.6, 0.5
READER = "in-context network"


def _on_every_target(
    name: str, words: str, arm: str, other: str, limit: float = 1.0, *, differs: bool = True, **stated: str
) -> Claim:
    """A sentence on two arms with one plate of wells, on every target that both have."""
    top, bottom = ({"arm": one} | ({} if one == "oracle" else {"N": plate}) for one in (arm, other))
    return Claim(
        name,
        words,
        f"L({arm}) / L({other}) ≤ {limit:g} on every target",
        by_region(SharedSeedsRatio("many_circuits", top, bottom, per="target"), **stated),
        (-np.inf, limit),
        "12_a_thousand_circuits#fig-many-plate",
        of_study=False,
        differs=differs,
    )


CLAIMS: tuple[Claim, ...] = (
    _on_every_target(
        "reader-beats-transfer",
        "A network that has read many circuits predicts from one plate better than pre-training on one, on every target.",
        READER,
        "transfer",
        whole="supported",
        inside="supported",
    ),
    _on_every_target(
        "reader-as-hoped",
        "On every target the network that has read many circuits has at most 0.3 of transfer's error, as was hoped.",
        READER,
        "transfer",
        HOPED,
        whole="contradicted",
    ),
    _on_every_target(
        "unseen-reader-as-hoped",
        "A network that never saw the right mechanism still has at most 0.6 of transfer's error, as was hoped.",
        NEVER_SEEN,
        "transfer",
        HOPED_UNSEEN,
        whole="contradicted",
    ),
    _on_every_target(
        "reader-not-worse-inside",
        "The network that has read many circuits is not worse than one from scratch.",
        READER,
        "scratch",
        whole="supported",
        inside="supported",
    ),
    _on_every_target(
        "unseen-reader-not-worse-inside",
        "A network that never saw the right mechanism is not worse than one from scratch either.",
        NEVER_SEEN,
        "scratch",
        whole="supported",
        inside="supported",
    ),
    _on_every_target(
        "right-list-beats-reader",
        "Someone whose list of four mechanisms holds the right one predicts better still.",
        "fit, library",
        READER,
        whole="undecided",
        inside="supported",
        differs=False,
    ),
    _on_every_target(
        "unseen-reader-beats-wrong-list",
        "Where neither has the right mechanism, the network predicts better than the list.",
        NEVER_SEEN,
        "fit, library without truth",
        whole="undecided",
        inside="undecided",
    ),
    _on_every_target(
        "reader-knows-what-can-be-known",
        f"The network that has read many circuits comes within {COMPARABLE} times what can be known from the wells, on "
        "every target.",
        READER,
        "what the wells know",
        COMPARABLE,
        whole="contradicted",
    ),
    _on_every_target(
        "formulas-beat-scratch",
        "Formulas that are bred from the wells predict better than a network from scratch, on every target.",
        "symbolic regression",
        "scratch",
        whole="contradicted",
    ),
    Claim(
        "wide-list-as-hoped",
        "Where the list without the right mechanism is at its worst, a wide one halves its error, as was hoped.",
        f"L(wide library, truth left out) / L(fit, library without truth) ≤ {HOPED_WIDE:g} on input depletion",
        by_region(
            SharedSeedsRatio(
                "many_circuits",
                {"arm": "wide library, truth left out", "N": plate},
                {"arm": "fit, library without truth", "N": plate},
                where={"target": reference_circuit("input_depletion").label},
            ),
            whole="contradicted",
        ),
        (-np.inf, HOPED_WIDE),
        "12_a_thousand_circuits#fig-many-plate",
        of_study=False,
    ),
    _on_every_target(
        "one-start-for-all",
        "One start that was learnt over many circuits is better than pre-training on one.",
        "meta-learned start",
        "transfer",
        whole="contradicted",
    ),
)
