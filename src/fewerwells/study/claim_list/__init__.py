"""Everything that is claimed, sentence by sentence, chapter by chapter, in the order of the page *What we found*."""

from fewerwells.study.claim_list import experiment_1, experiment_2, many_circuits, which_wells, who_else, why_it_works
from fewerwells.study.claims import Claim

CLAIMS: tuple[Claim, ...] = (
    *experiment_1.CLAIMS,
    *experiment_2.CLAIMS,
    *why_it_works.CLAIMS,
    *who_else.CLAIMS,
    *many_circuits.CLAIMS,
    *which_wells.CLAIMS,
)


def claims_on(*tables: str) -> tuple[Claim, ...]:
    """The claims that can be judged from these tables alone."""
    return tuple(claim for claim in CLAIMS if claim.table in tables)
