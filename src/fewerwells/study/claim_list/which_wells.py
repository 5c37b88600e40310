"""What this book says of wells that a simulation chose, on five circuits and on systems drawn at random."""

from __future__ import annotations

import numpy as np

from fewerwells.science.circuits import reference_circuit
from fewerwells.study.claim_list.readings import HIGHER, LOWER, NO_WORSE, PLACES, WHOLE, by_region
from fewerwells.study.claims import Claim, Reading
from fewerwells.study.columns import Region, error_column
from fewerwells.study.quantities import AcrossRatio, ErrorRatio, NextSystem, SharedSeedsRatio
from fewerwells.study.volumes import nearest
from fewerwells.study.well_arms import DOMAINS, WellArm

A_QUARTER, HALF = 24, 48  # wells of a plate
LOUD = 0.3  # noise, as a share of the output
LOSES = 1.1  # times the error


def _by_domain(quantity, top: tuple, bottom: tuple, table: str, stated: str, **kwargs) -> dict[str, Reading]:
    """A quantity read for wells from either domain; `top` and `bottom` are learner, design and wells."""

    def group(domain: str, learner: str, design: str, n) -> dict:
        return {"arm": WellArm(learner, design, domain).name, "N": n}

    return {
        f"for wells from {domain}": Reading(
            quantity(table, group(domain, *top), group(domain, *bottom), **kwargs), word
        )
        for domain, word in zip(DOMAINS, stated.split(), strict=True)
    }


def _claim(
    name: str,
    words: str,
    hypothesis: str,
    readings: dict,
    true_range: tuple,
    where: str,
    depends_on: str = "where the wells may lie",
    **kwargs,
) -> Claim:
    return Claim(
        name,
        words,
        hypothesis,
        readings,
        true_range,
        f"13_which_wells#{where}",
        depends_on=depends_on,
        of_study=False,
        **kwargs,
    )


_OWN, _TWICE, _AS_MANY = (
    ("library", "library", A_QUARTER),
    ("library", "random", HALF),
    ("library", "random", A_QUARTER),
)


def _moved(m: int) -> ErrorRatio:
    """Scratch with m of a plate's wells outside 0–10 nM against transfer with none there."""
    return ErrorRatio(
        "experiment_3",
        {"arm": WellArm("scratch", f"{m} outside", "0–20 nM").name},
        {"arm": WellArm("transfer", "0 outside", "0–20 nM").name},
    )


CLAIMS: tuple[Claim, ...] = (
    _claim(
        "chosen-beat-random",
        "Wells that the library chose teach it more than as many random ones, on every target.",
        "L(24 chosen) / L(24 random) < 1 on every target",
        _by_domain(ErrorRatio, _OWN, _AS_MANY, "experiment_3", "undecided supported", per="target"),
        LOWER,
        "fig-worth",
        differs=False,
    ),
    _claim(
        "half-the-wells",
        "Half of the wells are enough where the library chooses them, on every target.",
        f"L(24 chosen) / L(48 random) ≤ {NO_WORSE:g} on every target",
        _by_domain(ErrorRatio, _OWN, _TWICE, "experiment_3", "undecided undecided", per="target"),
        (-np.inf, NO_WORSE),
        "fig-worth",
    ),
    _claim(
        "half-the-wells-in-other-systems",
        "In systems drawn at random half of the wells are enough on average.",
        f"L(24 chosen) / L(48 random) ≤ {NO_WORSE:g} in the mean over systems",
        _by_domain(AcrossRatio, _OWN, _TWICE, "chosen_in_systems", "undecided undecided"),
        (-np.inf, NO_WORSE),
        "fig-chosen-in-systems",
    ),
    _claim(
        "half-the-wells-in-the-next-system",
        "Half of the wells will be enough in the next system drawn.",
        f"L(24 chosen) / L(48 random) ≤ {NO_WORSE:g} in one more system, by its prediction interval",
        _by_domain(NextSystem, _OWN, _TWICE, "chosen_in_systems", "undecided undecided"),
        (-np.inf, NO_WORSE),
        "fig-chosen-in-systems",
    ),
    _claim(
        "chosen-beat-random-under-noise",
        "Also where noise grows with the output, chosen wells teach the library more than as many random ones, on every "
        "target.",
        f"L(24 chosen) / L(24 random) < 1 on every target, with noise of {100 * LOUD:.0f} % of the output beside that of 1 nM",
        _by_domain(
            ErrorRatio,
            _OWN,
            _AS_MANY,
            "chosen_under_noise",
            "undecided undecided",
            where={"proportional_noise": LOUD},
            per="target",
        ),
        LOWER,
        "fig-under-noise",
    ),
    _claim(
        "designer-without-truth",
        "A library that lacks the right mechanism still chooses wells no more than a tenth worse than even ones.",
        f"L(24 chosen) / L(24 even) ≤ {LOSES:g} on every target, the mechanism missing from both",
        _by_domain(
            ErrorRatio,
            ("library without truth", "library", A_QUARTER),
            ("library without truth", "Sobol", A_QUARTER),
            "experiment_3",
            "contradicted contradicted",
            per="target",
        ),
        (-np.inf, LOSES),
        "fig-without-truth",
    ),
    *(
        _claim(
            f"{name}-wells-outside",
            f"{name.capitalize()} of a plate's 96 wells moved outside 0–10 nM are worth at least as much as pre-training.",
            f"L(scratch, {m} outside) / L(transfer, none outside) ≤ 1",
            by_region(_moved(m), *stated.split()),
            (-np.inf, 1.0),
            "fig-exchange",
            depends_on="where one looks",
            differs=differs,
        )
        for name, m, stated, differs in (
            ("eight", 8, "contradicted contradicted undecided", False),
            ("sixteen", 16, "supported contradicted supported", True),
            ("thirty-two", 32, "supported contradicted supported", True),
        )
    ),
    _claim(
        "place-beats-choice",
        "Random wells from 0–20 nM teach the library more than as many chosen ones from 0–10 nM, on every target.",
        "L(24 random from 0–20 nM) / L(24 chosen from 0–10 nM) < 1 on every target",
        {
            WHOLE: Reading(
                ErrorRatio(
                    "experiment_3",
                    {"arm": WellArm("library", "random", "0–20 nM").name, "N": A_QUARTER},
                    {"arm": WellArm("library", "library", "0–10 nM").name, "N": A_QUARTER},
                    per="target",
                ),
                "contradicted",
            )
        },
        LOWER,
        "fig-place",
    ),
    _claim(
        "even-beats-random",
        "An even spread of wells teaches the library more than as many random ones, on every target.",
        "L(24 even) / L(24 random) < 1 on every target",
        _by_domain(
            SharedSeedsRatio,
            ("library", "Sobol", A_QUARTER),
            _AS_MANY,
            "experiment_3",
            "undecided undecided",
            per="target",
        ),
        LOWER,
        "fig-designs",
    ),
    _claim(
        "diagonal-alone-fails",
        "Wells on the diagonal alone teach the library less than as many random ones, on every target.",
        "L(24 on the diagonal) / L(24 random) > 1 on every target",
        _by_domain(
            SharedSeedsRatio,
            ("library", "diagonal", A_QUARTER),
            _AS_MANY,
            "experiment_3",
            "supported supported",
            per="target",
        ),
        HIGHER,
        "fig-designs",
    ),
    _claim(
        "one-round-is-enough",
        "Wells chosen all at once teach the library no less than those chosen in rounds of eight, on every target.",
        f"L(24 chosen at once) / L(24 in rounds of eight) ≤ {NO_WORSE:g} on every target",
        _by_domain(
            SharedSeedsRatio,
            ("library", "library, one round", A_QUARTER),
            _OWN,
            "experiment_3",
            "undecided contradicted",
            per="target",
        ),
        (-np.inf, NO_WORSE),
        "fig-designs",
        differs=False,
    ),
    _claim(
        "optimal-for-the-wrong-model",
        "On the Goldbeter–Koshland cycle, wells that are optimal for the simple model teach less than random ones.",
        "L(24 I-optimal for the simple model) / L(24 random) > 1 on the Goldbeter–Koshland cycle",
        _by_domain(
            SharedSeedsRatio,
            ("library", "I-optimal, simple model", A_QUARTER),
            _AS_MANY,
            "experiment_3",
            "supported supported",
            where={"target": reference_circuit("goldbeter_koshland").label},
        ),
        HIGHER,
        "fig-designs",
    ),
    _claim(
        "least-sure-teaches-most",
        "A network that reads plates is taught more by the wells of which it is least sure than by random ones, on every "
        "target.",
        "L(24 of which it is least sure) / L(24 random) < 1 on every target, read by the same network",
        _by_domain(
            SharedSeedsRatio,
            ("in-context network", "in-context network", A_QUARTER),
            ("in-context network", "random", A_QUARTER),
            "experiment_3",
            "contradicted contradicted",
            per="target",
        ),
        LOWER,
        "fig-least-sure",
        differs=False,
    ),
    _claim(
        "twelve-wells-against-thousands",
        "Twelve wells that the library chose inside 0–10 nM predict better than a pre-trained network with 20,000 there.",
        "L(library, 12 chosen) / L(transfer, 20,000 wells) < 1 on the study's own system",
        {
            PLACES[region]: Reading(
                SharedSeedsRatio(
                    "experiment_3",
                    {"arm": WellArm("library", "library", "0–10 nM").name, "N": nearest(12)},
                    {"arm": "transfer"},  # with as many wells as the oracle, in this table
                    column=error_column(region),
                    where={"target": reference_circuit("n_part_complex").label},
                ),
                stated,
            )
            for region, stated in ((Region.ALL, "supported"), (Region.INSIDE, "contradicted"))
        },
        LOWER,
        "fig-place",
        depends_on="where one looks",
    ),
)
