"""How often the wells themselves say that an equation is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fewerwells.science.fitting import Fit, lack_of_fit
from fewerwells.science.statistics import Estimate, wilson_interval


def share_noticed(fits: Sequence[Fit], noise: float, level: float = 0.05) -> Estimate:
    """The share of fits, one a seed, that a test for lack of fit rejects, with its interval (Brown et al. 2001).

    Args:
        fits: of one equation to the wells of each seed.
        noise: standard deviation of the measurement, nM; above 0.
        level: of the test; a right equation is rejected so often.
    """
    share = float(np.mean([lack_of_fit(fit, noise) < level for fit in fits]))
    return Estimate(share, *wilson_interval(share, len(fits)))
