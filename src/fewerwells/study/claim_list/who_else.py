"""What this book says of every target, and of systems drawn at random, with one plate of wells."""

from __future__ import annotations

import numpy as np

from fewerwells.study.claim_list.readings import COMPARABLE, LOWER, by_region
from fewerwells.study.claims import Claim
from fewerwells.study.quantities import AcrossRatio, ErrorRatio, NextSystem
from fewerwells.study.volumes import plate


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


def _over_systems(name: str, words: str, arm: str, quantity=AcrossRatio, **stated: str) -> Claim:
    """A sentence of this book on an arm against scratch with one plate of wells, over systems drawn at random."""
    pair = {"arm": arm, "N": plate}, {"arm": "scratch", "N": plate}
    where = "in the mean over systems" if quantity is AcrossRatio else "in one more system, by its prediction interval"
    return Claim(
        name,
        words,
        f"L({arm}) / L(scratch) < 1 at one plate, {where}",
        by_region(quantity("random_systems", *pair), **stated),
        LOWER,
        "07_who_else#fig-systems",
        of_study=False,
    )


CLAIMS: tuple[Claim, ...] = (
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
        "wrong-list-beats-scratch",
        "Without the right mechanism the list still predicts better than a network from scratch.",
        "fit, library without truth",
        "scratch",
        1.0,
        whole="supported",
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
        inside="contradicted",
        outside="supported",
    ),
    _on_every_target(
        "helps-on-every-circuit",
        "With one plate of wells pre-training helps on every circuit, outside the family too.",
        "transfer",
        "scratch",
        1.0,
        whole="undecided",
        inside="contradicted",
        outside="undecided",
    ),
    _on_every_target(
        "right-equation-reaches-oracle",
        "The right equation predicts from one plate as well as the network with 20,000 wells.",
        "fit, true form",
        "oracle",
        COMPARABLE,
        whole="contradicted",
        inside="supported",
    ),
    _over_systems(
        "helps-in-other-systems",
        "In complexes drawn at random, pre-training helps on average.",
        "transfer",
        whole="supported",
        inside="supported",
        outside="supported",
    ),
    _over_systems(
        "helps-in-the-next-system",
        "Pre-training will help in the next complex drawn, too.",
        "transfer",
        NextSystem,
        whole="undecided",
        inside="undecided",
        outside="undecided",
    ),
    _over_systems(
        "equation-in-other-systems",
        "In complexes drawn at random, fitting the equation with n free, which is the right one, helps on average.",
        "fit, n free",
        whole="supported",
        inside="supported",
        outside="supported",
    ),
)
