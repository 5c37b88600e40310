"""What the study says of Experiment 2: the target circuit varies."""

from __future__ import annotations

import numpy as np

from fewerwells.study.claim_list.readings import COMPARABLE, HIGHER, LOWER, ORACLE, SCRATCH, TRANSFER, by_region
from fewerwells.study.claims import Claim
from fewerwells.study.quantities import ErrorRatio, RatioChange, RatioGrowth, Unevenness

CLAIMS: tuple[Claim, ...] = (
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
        "short-of-every-oracle",
        "On every target transfer falls short of its oracle.",
        f"L(transfer) / L(oracle) > {COMPARABLE} on every target",
        by_region(ErrorRatio("experiment_2", TRANSFER, ORACLE, per="target"), whole="supported", inside="contradicted"),
        (COMPARABLE, np.inf),
        "04_experiment_2#fig-target-inside-outside",
        of_study=False,
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
        "fades-with-distance",
        "Along the complexes, with every step of n away from the simulation pre-training is worth less.",
        "[L(transfer) / L(scratch) at one n] / [the same at the n before] > 1 for every step of n",
        by_region(
            RatioGrowth("experiment_2", TRANSFER, SCRATCH, along="n", where={"circuit": "n_part_complex"}),
            whole="supported",
            inside="undecided",
            outside="supported",
        ),
        HIGHER,
        "04_experiment_2#fig-fading",
        differs=False,  # inside, the last step of n is too small to be told from none
    ),
    Claim(
        "distance-is-not-all",
        "On the cycle pre-training is worth more than on the n = 3 complex, about which the simulation is as wrong.",
        "[L(transfer) / L(scratch) on the cycle] / [the same on n = 3] < 1",
        by_region(
            RatioChange(
                "experiment_2",
                TRANSFER,
                SCRATCH,
                here={"circuit": "phosphorylation_cycle"},
                there={"circuit": "n_part_complex", "n": 3.0},
            ),
            whole="supported",
        ),
        LOWER,
        "04_experiment_2#fig-fading",
        of_study=False,
    ),
)
