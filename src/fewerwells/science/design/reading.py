"""A design that needs no equations: the wells of which a network that has read many plates is least sure."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from fewerwells.science.datasets import Pairs, refuse_impossible
from fewerwells.science.design.candidates import Candidates
from fewerwells.science.design.designs import DESIGNS, Design
from fewerwells.science.in_context.features import LEVELS, MEDIAN

if TYPE_CHECKING:
    from fewerwells.science.in_context.reader import InContextNetwork

_LOW, _HIGH = LEVELS.index(0.1), LEVELS.index(0.9)
SHORT_LIST = 128  # candidates that stay in question after the first reading of a round; the others are sure enough


@dataclass(frozen=True)
class LeastSure:
    """One well after another where the network's 80 % interval is widest, each taken as read at its median.

    Widths of both outputs are added as squares, as variances are. Taking a chosen well as read (the "kriging believer"
    of Ginsbourger et al. 2010) keeps a round from asking for the same well eight times. Before any well the network has
    nothing to read; the first round is what the library would ask for.

    Attributes:
        weights: which network, see `learners.in_context.ReadInContext`.
    """

    asks: str = field(default="Where is a network that read many plates least sure?", compare=False)
    weights: str = "all"
    begins_alike: ClassVar[bool] = True

    def next_wells(self, wells: Pairs | None, candidates: Candidates, n: int, seed: int) -> np.ndarray:
        """See `Design`."""
        if wells is None:
            return DESIGNS["first round"].next_wells(None, candidates, n, seed)
        refuse_impossible(wells)
        candidates.refuse_too_few(n)
        network = _network(self.weights)
        open_to = candidates.x[np.argsort(-_doubt(network.quantiles([wells], candidates.x)[0]))[: max(n, SHORT_LIST)]]
        left = np.full(len(open_to), candidates.replicates)
        for _ in range(n):
            quantiles = network.quantiles([wells], open_to)[0]
            best = int(np.argmax(np.where(left > 0, _doubt(quantiles), -np.inf)))
            left[best] -= 1
            wells = Pairs(
                np.concatenate([wells.x, open_to[[best]]]), np.concatenate([wells.y, quantiles[[best], :, MEDIAN]])
            )
        return wells.x[-n:]


@lru_cache(maxsize=2)  # one plate after another is asked about
def _network(weights: str) -> InContextNetwork:
    from fewerwells.science.in_context.reader import InContextNetwork  # torch, only where something is read

    return InContextNetwork.load(weights)


def _doubt(quantiles: np.ndarray) -> np.ndarray:
    """How unsure of each well (M, 2, levels), nM²: the squared widths of the 80 % intervals of both outputs, added."""
    return np.square(quantiles[..., _HIGH] - quantiles[..., _LOW]).sum(axis=-1)


ALL_DESIGNS: dict[str, Design] = DESIGNS | {"in-context network": LeastSure()}
