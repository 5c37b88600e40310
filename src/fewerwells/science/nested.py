"""What the wells know: the posterior of a family with the truth in it, by nested sampling (Skilling 2006).

For someone who knows the right equation but not its parameters, the posterior predictive is the best there is: no
learner has less error on average over systems drawn from the prior. dynesty (Speagle 2020) draws from it without a
Gaussian approximation of the searched parameters, and gives the evidence that `discrepancy.laplace` approximates.
The largest outputs enter linearly and are integrated out in closed form, as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import scipy

from fewerwells.science.cores import side_by_side
from fewerwells.science.datasets import Pairs, refuse_impossible
from fewerwells.science.discrepancy import log_eta_prior
from fewerwells.science.fitting import Problem
from fewerwells.science.forms import checked_inputs, coordinate_values
from fewerwells.science.mechanisms import Structure

LIVE = 200  # live points
REMAINING = 0.1  # the run ends when what is left can change the logarithm of the evidence by no more
DRAWS = 256  # of the posterior
PARALLEL_FROM = 2  # data sets


@dataclass(frozen=True)
class Posterior:
    """A structure's posterior given N wells.

    Attributes:
        structure: the family.
        log_evidence: logarithm of the marginal likelihood, and
        log_evidence_error: its standard error.
        position: equally weighted draws of the coordinates, (DRAWS, k).
        eta: the largest outputs drawn with them, (DRAWS, 2), nM.
    """

    structure: Structure
    log_evidence: float
    log_evidence_error: float
    position: np.ndarray = field(repr=False)
    eta: np.ndarray = field(repr=False)

    def _surfaces(self, x) -> np.ndarray:
        """Outputs (DRAWS, M, 2), nM."""
        form = self.structure.form
        parameters = form.parameters(coordinate_values(form, self.position))
        return self.eta[:, None] * form.relative_outputs(parameters, checked_inputs(x))

    def predict(self, x) -> np.ndarray:
        """Median of the noise-free outputs, shape (M, 2), nM, for inputs (M, 2), nM."""
        return np.median(self._surfaces(x), axis=0)

    def interval(self, x, level: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends (M, 2), nM, between which the noise-free output lies with probability `level`.

        Raises:
            ValueError: a level that is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise ValueError(f"the level is {level}; it must lie between 0 and 1.")
        low, high = np.quantile(self._surfaces(x), [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high


class _Marginal:
    """The likelihood of the coordinates, η integrated out."""

    def __init__(self, structure: Structure, data: Pairs, noise: float):
        self.problem, self.noise = Problem(structure.form, data.x, data.y), noise

    def etas(self, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Most probable η, nM, and their standard deviations, both (..., 1 or 2), for f (..., N, 2)."""
        square = np.square(f).sum(axis=-2)
        eta = self.problem.eta(f) * self.problem.unit
        if self.problem.form.one_eta:
            square, eta = square.sum(axis=-1, keepdims=True), eta[..., :1]
        return eta, self.noise / np.sqrt(np.maximum(square, 1e-300))

    def log_likelihood(self, position: np.ndarray) -> float:
        """For one position (k,)."""
        f = self.problem.relative_outputs(position)
        eta, spread = self.etas(f)
        squares = np.square(self.problem.unit * self.problem.y - eta * f).sum()
        wells = -0.5 * squares / self.noise**2 - self.problem.y.size * np.log(self.noise * np.sqrt(2 * np.pi))
        return float(wells + np.log(spread * np.sqrt(2 * np.pi)).sum() + log_eta_prior(eta, self.problem.unit))


def _sample(structure: Structure, noise: float, data: Pairs) -> Posterior:
    from dynesty import NestedSampler  # an extra: only those who ask for a posterior need it

    (mean, spread), marginal = structure.prior, _Marginal(structure, data, noise)
    low, high = marginal.problem.low, marginal.problem.high
    rng = np.random.default_rng(0)
    sampler = NestedSampler(
        marginal.log_likelihood,
        lambda u: (mean + spread * scipy.special.ndtri(u)).clip(low, high),
        len(mean),
        nlive=LIVE,
        bound="single",
        sample="unif" if len(mean) < 5 else "rwalk",
        rstate=rng,
    )
    sampler.run_nested(dlogz=REMAINING, print_progress=False)
    results = sampler.results
    ends = np.cumsum(results.importance_weights())
    chosen = np.searchsorted(ends / ends[-1], (np.arange(DRAWS) + 0.5) / DRAWS)
    position = results.samples[chosen]
    eta, uncertain = marginal.etas(marginal.problem.relative_outputs(position))
    eta = (eta + uncertain * rng.standard_normal(eta.shape)).clip(0.0)
    return Posterior(
        structure,
        float(results.logz[-1]),
        float(results.logzerr[-1]),
        position,
        np.broadcast_to(eta, (DRAWS, 2)),
    )


def sample_posterior(data: Sequence[Pairs], structure: Structure, noise: float) -> list[Posterior]:
    """The posterior of one structure on each of several data sets.

    Args:
        data: the data sets, x and y of shape (N, 2), nM.
        structure: the family that is taken to be the truth, with the priors of `mechanisms`.
        noise: standard deviation of the measurement noise, nM, known.

    Returns:
        One posterior a data set, the same whatever the number of cores.

    Raises:
        ValueError: a noise that is not positive, or data that cannot be measurements.
        ImportError: dynesty is not installed.
    """
    if not (np.isfinite(noise) and noise > 0):
        raise ValueError(f"the noise is {noise} nM; it must be positive.")
    for pairs in data:
        refuse_impossible(pairs)
    try:
        import dynesty  # noqa: F401
    except ImportError as missing:
        raise ImportError("nested sampling needs dynesty: pip install 'fewerwells[rivals]'.") from missing
    return side_by_side(partial(_sample, structure, noise), data, worth_it_from=PARALLEL_FROM)
