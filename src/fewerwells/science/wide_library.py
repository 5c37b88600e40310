"""A wide library: enumerated mechanisms, each with a discrepancy, weighed by their evidence on the wells.

Every structure of `mechanisms` is searched once for its most probable parameters. Around them the evidence of structure,
size and lengths of the discrepancy has a closed form (Laplace's approximation; Kass & Raftery 1995); the combinations
that hold nearly all of it are searched again with their discrepancy, and weighed again. The prediction is a mixture:
its median and quantiles come from draws of structure, parameters and discrepancy. No test point has a say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial

import numpy as np
import scipy

from fewerwells.science.datasets import Pairs, refuse_impossible
from fewerwells.science.discrepancy import (
    RATIOS,
    JointProblem,
    Kernel,
    Laplace,
    Linearised,
    Prior,
    Spectrum,
    kernels_for,
    laplace,
    linearise,
    log_prior,
)
from fewerwells.science.fitting import Problem, spread_starts
from fewerwells.science.forms import checked_inputs, coordinate_values
from fewerwells.science.least_squares import STACKED, in_stacks
from fewerwells.science.mechanisms import Structure, enumerate_structures, log_prior_of

SCREENED = 64  # starting points a structure
EVALUATIONS = 25  # of a search
REFINED = 60  # the same, of the second search
LEAST_GAIN = 1e-9  # of a search's last step, as a share of the squares; priors leave no flat valleys
HOPELESS = 10.0  # times the least sum of squares at a starting point: what stays above is not searched at all
KEPT = 24  # combinations of structure and discrepancy that are searched again
DRAWS = 256  # of the mixture
PARALLEL_FROM = 2  # data sets


@dataclass(frozen=True)
class Entry:
    """One combination of structure and discrepancy with its share in the mixture.

    Attributes:
        structure: the mechanism.
        weight: posterior probability among what was kept.
        ratio: standard deviation of the discrepancy over the noise's.
        noise: most probable noise, nM.
        position, eta, covariance: posterior of the coordinates (k,) and η (1 or 2,), nM, and both together.
        converged: whether its search ended at an optimum.
    """

    structure: Structure
    weight: float
    ratio: float
    noise: float
    position: np.ndarray = field(repr=False)
    eta: np.ndarray = field(repr=False)
    covariance: np.ndarray = field(repr=False)
    converged: bool
    _spectrum: Spectrum = field(repr=False)

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """n draws of the coordinates (n, k), within the bounds of the search, and of η (n, 1, 2), nM, not negative."""
        form, k = self.structure.form, len(self.position)
        spread = np.sqrt(np.diagonal(self.covariance))  # apart, so that the same draws come out in any unit
        correlation = self.covariance / np.outer(spread, spread)
        drawn = rng.multivariate_normal(np.zeros(len(spread)), correlation, n, method="eigh")
        drawn = np.append(self.position, self.eta) + spread * drawn
        low, high = ([c.search(getattr(c, end)) for c in form.coordinates] for end in ("low", "high"))
        eta = np.broadcast_to(drawn[:, None, k:], (n, 1, 2))
        return drawn[:, :k].clip(low, high), eta.clip(0.0)


@dataclass(frozen=True)
class Mixture:
    """What a wide library says after it has seen N wells.

    Attributes:
        entries: the combinations that were kept, the heaviest first.
        status: "ok", or "not converged" where the search of the heaviest entry stopped early.
    """

    entries: tuple[Entry, ...]
    status: str
    _data: Pairs = field(repr=False)

    @property
    def weights(self) -> dict[str, float]:
        """Posterior probability of each structure that was kept, by its label, the largest first."""
        total: dict[str, float] = {}
        for entry in self.entries:
            total[entry.structure.label] = total.get(entry.structure.label, 0.0) + entry.weight
        return dict(sorted(total.items(), key=lambda item: -item[1]))

    @property
    def exact(self) -> float:
        """Posterior probability that some equation of the library is exact, with no discrepancy."""
        return sum(entry.weight for entry in self.entries if entry.ratio == 0)

    def predict(self, x) -> np.ndarray:
        """Median of the noise-free outputs, shape (M, 2), nM, for inputs (M, 2), nM."""
        return np.median(self._draws(x)[0], axis=0)

    def interval(self, x, level: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends (M, 2), nM, between which the noise-free output lies with probability `level`.

        Raises:
            ValueError: a level that is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise ValueError(f"the level is {level}; it must lie between 0 and 1.")
        mean, spread = self._draws(x)
        z = scipy.special.ndtri((np.random.default_rng(1).permutation(len(mean)) + 0.5) / len(mean))
        drawn = mean + spread * z[:, None, None]
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high

    def _draws(self, x) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard deviations (DRAWS, M, 2) of the output given each draw of structure and parameters."""
        x, rng = checked_inputs(x), np.random.default_rng(0)
        ends = np.round(np.cumsum([entry.weight for entry in self.entries]) * DRAWS).astype(int)
        counts = np.diff(ends, prepend=0)
        across: dict[Kernel, np.ndarray] = {}  # several entries share a kernel
        parts = [
            _given(e, n, self._data, x, rng, across) for e, n in zip(self.entries, counts.tolist(), strict=True) if n
        ]
        means, spreads = zip(*parts, strict=True)
        return np.concatenate(means), np.concatenate(spreads)


def _given(
    entry: Entry, n: int, data: Pairs, x: np.ndarray, rng, covariances: dict[Kernel, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (n, M, 2) of the output for n draws of an entry's parameters.

    `covariances` holds the covariances (M, N) of the kernels met so far.
    """
    form = entry.structure.form
    position, eta = entry.draw(n, rng)
    parameters = form.parameters(coordinate_values(form, position))
    mean = eta * form.relative_outputs(parameters, x)
    if entry.ratio == 0:
        return mean, np.zeros_like(mean)
    spectrum, share = entry._spectrum, entry.ratio**2
    left = data.y - eta * form.relative_outputs(parameters, data.x)  # (n, N, 2)
    if spectrum.kernel not in covariances:
        covariances[spectrum.kernel] = spectrum.kernel(x, data.x)
    across = share * covariances[spectrum.kernel]
    weights = spectrum.solve(entry.ratio, np.moveaxis(left, 1, 0).reshape(len(data), -1))
    mean = mean + np.moveaxis((across @ weights).reshape(len(x), n, 2), 1, 0)
    variance = share - np.einsum("mn,nm->m", across, spectrum.solve(entry.ratio, across.T))
    spread = entry.noise * np.sqrt(variance.clip(0.0))
    return mean, np.broadcast_to(spread[:, None], mean.shape)


@lru_cache(maxsize=256)
def _starts(structure: Structure) -> np.ndarray:
    return spread_starts(structure.form)[:SCREENED]


def _screened(
    structures: Sequence[Structure], x: np.ndarray, y: np.ndarray, noise: float | None
) -> tuple[np.ndarray, list[tuple[JointProblem, np.ndarray]]]:
    """For every structure and data set whether the structure comes near the wells at all, (M, D).

    Beside it for every structure its problems without discrepancy and their best starts (D, k).
    """
    squares, found = [], []
    for structure in structures:
        plain, starts = Problem(structure.form, x, y), _starts(structure)[:, None]
        at_starts = plain.sums_of_squares(starts)
        squares.append(at_starts.min(axis=0))
        sigma = plain.unit * np.sqrt(squares[-1] / y[0].size) if noise is None else np.full(len(x), noise)
        sigma = np.where(sigma > 0, sigma, plain.unit)
        joint = JointProblem(structure.form, x, y, Prior(*structure.prior), sigma)
        best = joint.sums_of_squares(starts).argmin(axis=0)
        found.append((joint, starts[best, 0]))
    return np.array(squares) <= HOPELESS * np.min(squares, axis=0), found


def _most_probable(joint: JointProblem, start: np.ndarray, x: np.ndarray, y: np.ndarray) -> list[Linearised]:
    """An equation on P data sets, linearised near its most probable parameters without discrepancy."""
    position = joint.search(start, EVALUATIONS, LEAST_GAIN).position
    eta = joint.eta(joint.relative_outputs(position)) * joint.unit[:, None]
    return linearise(Problem(joint.form, x, y), joint.prior, position, eta)


@dataclass(frozen=True)
class _Candidate:
    """A combination of data set, structure and discrepancy that is searched again."""

    place: int  # which data set
    rank: int  # among those of its data set
    structure: Structure
    spectrum: Spectrum
    ratio: float
    near: Laplace  # its posterior around the parameters that are most probable without discrepancy
    log_prior: float


def _refined(candidates: Sequence[_Candidate], x: np.ndarray, y: np.ndarray, noise: float | None):
    """Combinations of one structure searched again with their discrepancies: posterior of each, and whether it ended."""
    structure = candidates[0].structure
    form, prior = structure.form, Prior(*structure.prior)
    which = [candidate.place for candidate in candidates]
    joint = JointProblem(
        form,
        x[which],
        y[which],
        prior,
        np.array([candidate.near.noise for candidate in candidates]),
        [candidate.spectrum for candidate in candidates],
        np.array([candidate.ratio for candidate in candidates]),
    )
    start = np.stack([candidate.near.position for candidate in candidates])
    best = joint.search(start.clip(joint.low + 1e-6, joint.high - 1e-6), REFINED, LEAST_GAIN)
    eta = joint.eta(joint.relative_outputs(best.position)) * joint.unit[:, None]
    linearised = linearise(Problem(form, x[which], y[which]), prior, best.position, eta)
    for candidate, near, converged in zip(candidates, linearised, best.converged.tolist(), strict=True):
        yield laplace(near, [candidate.spectrum], np.array([candidate.ratio]), noise)[0, 0], converged


def _log_priors(structures: Sequence[Structure], n_spectra: int, ratios: np.ndarray) -> np.ndarray:
    """Logarithms of the prior probabilities of structure, lengths and size of the discrepancy, (M, S, R)."""
    of_size = np.tile(log_prior(ratios), (n_spectra, 1))
    exact = ratios == 0
    of_size[:, ~exact] -= np.log(n_spectra)
    of_size[1:, exact] = -np.inf  # without a discrepancy all lengths are the same
    return log_prior_of(structures)[:, None, None] + of_size


def _learn(
    structures: tuple[Structure, ...], ratios: np.ndarray, noise: float | None, data: Sequence[Pairs]
) -> list[Mixture]:
    """The mixtures of data sets of one size, searched side by side."""
    x, y = np.stack([pairs.x for pairs in data]), np.stack([pairs.y for pairs in data])
    spectra = [[Spectrum(kernel, wells) for kernel in kernels_for(wells)] for wells in x]
    log_priors = _log_priors(structures, len(spectra[0]), ratios)
    scores = np.full((len(data), *log_priors.shape), -np.inf)
    posteriors: dict[tuple[int, int], Laplace] = {}
    near_enough, begun = _screened(structures, x, y, noise)
    for m, (joint, start) in enumerate(begun):
        which = np.flatnonzero(near_enough[m])
        if not len(which):
            continue
        linearised = _most_probable(joint.chosen(which), start[which], x[which], y[which])
        for i, near in zip(which.tolist(), linearised, strict=True):
            posteriors[i, m] = laplace(near, spectra[i], ratios, noise)
            scores[i, m] = posteriors[i, m].evidence + log_priors[m]
    candidates: dict[int, list[_Candidate]] = {}
    entries: list[list] = []
    for i, score in enumerate(scores):
        best = np.argsort(-score, axis=None, kind="stable")[: min(KEPT, int(np.isfinite(score).sum()))]
        entries.append([None] * len(best))
        for rank, flat in enumerate(best):
            m, s, r = (int(index) for index in np.unravel_index(flat, score.shape))
            near = posteriors[i, m][s, r]
            found = _Candidate(i, rank, structures[m], spectra[i][s], float(ratios[r]), near, log_priors[m, s, r])
            candidates.setdefault(m, []).append(found)
    most = max(1, STACKED // x.shape[1] ** 2)  # at once: each takes its discrepancy apart into as many numbers
    for of_structure in candidates.values():
        parts = [of_structure[start : start + most] for start in range(0, len(of_structure), most)]
        refined = (found for part in parts for found in _refined(part, x, y, noise))
        for candidate, (found, converged) in zip(of_structure, refined, strict=True):
            entry = Entry(
                structure=candidate.structure,
                weight=0.0,
                ratio=candidate.ratio,
                noise=float(found.noise),
                position=found.position,
                eta=found.eta,
                covariance=found.covariance,
                converged=converged,
                _spectrum=candidate.spectrum,
            )
            entries[candidate.place][candidate.rank] = (float(found.evidence) + candidate.log_prior, entry)
    return [_weighed(found, pairs) for found, pairs in zip(entries, data, strict=True)]


def _weighed(found: Sequence[tuple[float, Entry]], data: Pairs) -> Mixture:
    """The mixture of entries, each with the logarithm of its evidence times its prior probability."""
    evidence = np.array([score for score, _ in found])
    weights = np.exp(evidence - scipy.special.logsumexp(evidence))
    order = np.argsort(-weights, kind="stable")
    entries = tuple(replace(found[i][1], weight=float(weights[i])) for i in order)
    return Mixture(entries, "ok" if entries[0].converged else "not converged", data)


def fit_wide_library(
    data: Sequence[Pairs],
    structures: Sequence[Structure] = enumerate_structures(),
    *,
    noise: float | None = None,
    discrepancy: bool = True,
) -> list[Mixture]:
    """Weigh enumerated mechanisms, with their discrepancies, on each of several data sets.

    Args:
        data: the data sets, x and y of shape (N, 2), nM.
        structures: the library; `mechanisms.structures_without` leaves a circuit's out.
        noise: standard deviation of the measurement noise, nM; None where the wells have to tell.
        discrepancy: False to believe that one of the structures is exact.

    Returns:
        One mixture a data set, the same whatever the number of cores.

    Raises:
        ValueError: no structure, a noise that is not positive, or data that cannot be measurements.
    """
    if not structures:
        raise ValueError("the library has no structure; at least one is needed.")
    if noise is not None and not (np.isfinite(noise) and noise > 0):
        raise ValueError(f"the noise is {noise} nM; it must be positive, or None where the wells have to tell.")
    for pairs in data:
        refuse_impossible(pairs)
    ratios = np.array(RATIOS if discrepancy else RATIOS[:1])
    learn = partial(_learn, tuple(structures), ratios, noise)
    return in_stacks(learn, data, lambda wells: 2 * wells * SCREENED, worth_it_from=PARALLEL_FROM)
