"""How often the wells themselves say that an equation is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fewerwells.science.fitting import Fit, lack_of_fit
from fewerwells.science.statistics import Estimate, wilson_interval


def share_noticed(fits: Sequence[Fit], noise: float, level: float = 0.05) -> Estimate:
    """The share of fits, one a seed, that a test for lack of fit rejects, with its interval (Brown et al. 2001).

    A fit with no fewer parameters than measurements cannot be tested, so it does not count as one that passed; where
    none can be, the share is unknown (NaN).

    Args:
        fits: of one equation to the wells of each seed.
        noise: standard deviation of the measurement, nM; above 0.
        level: of the test; a right equation is rejected so often.
    """
    p_values = np.array([lack_of_fit(fit, noise) for fit in fits], float)
    tested = p_values[~np.isnan(p_values)]
    if not len(tested):
        return Estimate(np.nan, np.nan, np.nan)
    share = float(np.mean(tested < level))
    return Estimate(share, *wilson_interval(share, len(tested)))
