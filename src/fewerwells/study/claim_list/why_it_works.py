"""What this book says of every arm on one target with one plate of wells."""

from __future__ import annotations

from fewerwells.study.claim_list.readings import HIGHER, LOWER, by_region
from fewerwells.study.claims import Claim
from fewerwells.study.quantities import ErrorRatio
from fewerwells.study.volumes import plate


def _at_a_plate(arm: str) -> dict:
    return {"arm": arm} if arm == "zero-shot" else {"arm": arm, "N": plate}


def _against(
    name: str, words: str, arm: str, other: str, true_range: tuple, *, differs: bool = True, **stated: str
) -> Claim:
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
        differs=differs,
    )


CLAIMS: tuple[Claim, ...] = (
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
        "steps-hurt",
        "As many optimiser steps as transfer takes make training from scratch worse, not better.",
        "step-matched scratch",
        "scratch",
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
        "shuffled-is-worse-than-swapped",
        "Outside, pre-training on shuffled labels ends up worse than on the circuit with its inputs exchanged.",
        "shuffled labels",
        "swapped inputs",
        HIGHER,
        outside="supported",
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
            f"remedy-{arm.replace(' ', '-')}",
            words,
            arm,
            "transfer",
            LOWER,
            differs=arm != "pull",  # inside it is known to do harm of 2 %, elsewhere as much is not ruled out
            **dict(zip(regions, stated, strict=True)),
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
            ("n-free", "fit, n free", "Fitting the equation with n free beats the best network of the study's kind."),
            ("family", "fit, family", "Fitting the family beats the network that is pre-trained on it."),
            ("true-form", "fit, true form", "Fitting the true form beats the best network of the study's kind."),
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
)
