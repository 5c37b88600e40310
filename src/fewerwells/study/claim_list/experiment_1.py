"""What the study and this book say of Experiment 1: the volume of real data varies."""

from __future__ import annotations

import numpy as np

from fewerwells.study.claim_list.readings import (
    COMPARABLE,
    HIGHER,
    LOWER,
    MUCH,
    ORACLE,
    SCRATCH,
    TRANSFER,
    WHOLE,
    by_region,
)
from fewerwells.study.claims import Claim, Reading
from fewerwells.study.columns import STUDY_VARIANCE
from fewerwells.study.quantities import ErrorPerDoubling, ErrorRatio, LargestEquivalence, RatioChange
from fewerwells.study.volumes import largest, nearest, share_of_oracle, smallest

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "more-data-helps",
        "With pre-training, more real data gives a lower error.",
        "per doubling of N, on average between the two ends, L(transfer) is multiplied by less than 1",
        {
            "from the smallest N to 1,000 wells": Reading(
                ErrorPerDoubling("experiment_1", TRANSFER, smallest, nearest(1000)), "supported"
            ),
            "from 1,000 wells to the largest N": Reading(
                ErrorPerDoubling("experiment_1", TRANSFER, nearest(1000), largest), "undecided"
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
        f"Var(transfer) / Var(scratch) ≤ 1/{MUCH} at the smallest N, on the study's 100 points",
        {
            WHOLE: Reading(
                ErrorRatio("experiment_1", TRANSFER | {"N": smallest}, SCRATCH | {"N": smallest}, STUDY_VARIANCE),
                "supported",
            )
        },
        (-np.inf, 1 / MUCH),
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
            RatioChange("experiment_1", TRANSFER, SCRATCH, {"N": largest}, {"N": nearest(96)}),
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
        "outside-stays-wrong",
        "Outside the wells' domain transfer stays worse than the oracle, even with the most wells that were tried.",
        f"L(transfer, largest N) / L(oracle) > {COMPARABLE} outside the wells' domain",
        by_region(ErrorRatio("experiment_1", TRANSFER | {"N": largest}, ORACLE), outside="supported"),
        (COMPARABLE, np.inf),
        "03_experiment_1#fig-inside-outside",
        of_study=False,
    ),
    Claim(
        "scratch-with-as-many-inside",
        "Inside, a network from scratch does about as well as the oracle with as many wells there.",
        f"L(scratch, N = a quarter of the oracle's) / L(oracle) ≤ {COMPARABLE} inside the wells' domain",
        by_region(ErrorRatio("experiment_1", SCRATCH | {"N": share_of_oracle(0.25)}, ORACLE), inside="supported"),
        (-np.inf, COMPARABLE),
        "03_experiment_1#fig-inside-outside",
        of_study=False,
    ),
    Claim(
        "ahead-inside-at-500",
        "Inside, transfer is still ahead of training from scratch at 500 wells.",
        "L(transfer) / L(scratch) < 1 at 500 wells inside the wells' domain",
        by_region(
            ErrorRatio("experiment_1", TRANSFER | {"N": nearest(500)}, SCRATCH | {"N": nearest(500)}),
            inside="supported",
        ),
        LOWER,
        "03_experiment_1#fig-inside-outside",
        of_study=False,
    ),
    Claim(
        "lead-shrinks-inside",
        "Inside, the lead of transfer shrinks from the fewest wells to one plate.",
        "[L(transfer) / L(scratch) at 96 wells] / [the same at the smallest N] > 1 inside the wells' domain",
        by_region(
            RatioChange("experiment_1", TRANSFER, SCRATCH, {"N": nearest(96)}, {"N": smallest}), inside="supported"
        ),
        HIGHER,
        "03_experiment_1#fig-inside-outside",
        of_study=False,
    ),
)
