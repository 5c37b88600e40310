"""What a learner holds possible after the wells so far, as outputs that are linear in standard normal weights.

y(x) = mean(x) + F(x)·z with z ~ N(0, I): F carries the slopes of an equation times a root of the posterior covariance
of its parameters (a linearised posterior), the differences between mechanisms that the wells have not told apart, the
deviations of equations drawn from a prior, or the covariance of a Gaussian process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy

from fewerwells.science.circuits import Circuit, reference_circuit
from fewerwells.science.datasets import BIG, Domain, Pairs, sobol_inputs
from fewerwells.science.fitting import Fit, fit_many
from fewerwells.science.forms import FORMS, Coordinate, Form, circuit_form
from fewerwells.science.library import MECHANISMS, Average

if TYPE_CHECKING:
    from fewerwells.science.gaussian_processes import GaussianProcess

# Standard deviation of a parameter before any well, on a logarithmic scale; for those that may be 0 the scale is
# linear below the second number.
_SPREAD = {"n": (0.6, 0.0), "b": (1.1, 0.01), "leak": (1.1, 0.01), "mixing": (1.3, 0.1)}
_ANY_SPREAD = (1.5, 0.0)  # within a factor of twenty
_STEP = 1e-4

RELATIVE_NOISE = 1 / 30  # of a typical largest output: what is supposed before any well has been measured
LEAST_NOISE = 1e-3  # of the largest output: wells that an equation fits exactly are not without noise
PRIOR_DRAWS = 64  # equations a mechanism
PRIOR_WEIGHTS = 48  # of the prior's belief
HALF_SAY = 0.5  # power of the Akaike weights: few wells are too sure of a mechanism to stop asking about the others
NEGLIGIBLE = 1e-4  # weight
SUPPORT = 128  # points that carry a Gaussian process; its covariance between others is exact but for smoothness


@dataclass(frozen=True)
class Belief:
    """What a learner holds possible.

    Attributes:
        features: from inputs (M, 2), nM, to F, shape (M, 2, q), nM.
        size: q.
        noise: standard deviation of a measurement of each output, shape (2,), nM.
        mechanisms: from z to how much more probable than now each of the mechanisms is, shape (mechanisms, q); without
            a row where there are none to tell apart.
    """

    features: Callable[[np.ndarray], np.ndarray]
    size: int
    noise: np.ndarray
    mechanisms: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))


def _moved(name: str, value: float, step: float) -> float:
    """A parameter that is moved by so many prior standard deviations, as far as 0."""
    spread, offset = _SPREAD.get(name, _ANY_SPREAD)
    return max((value + offset) * np.exp(spread * step) - offset, 0.0)


def linearised(fit: Fit, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fitted outputs, and how they change with each parameter for one prior standard deviation of it.

    By central differences, η apart, in which outputs are linear. Parameters that the form does not set apart, as θ₁ and
    θ₂ where only their ratio counts, give slopes that are alike; under the prior that does no harm. Outputs that share
    one η have one slope for it.

    Args:
        fit: from `fitting.fit_many`.
        x: inputs, (M, 2), nM.

    Returns:
        Shapes (M, 2) and (M, 2, p), nM.
    """
    values = {name: value for name, value in fit.parameters.items() if not name.startswith("eta")}
    # the equation and its neighbours on both sides of every parameter, all asked at once
    stack = {name: np.full(1 + 2 * len(values), value) for name, value in values.items()}
    apart = np.full(len(values), 2 * _STEP)
    for place, (name, value) in enumerate(values.items()):
        stack[name][1 + 2 * place : 3 + 2 * place] = _moved(name, value, _STEP), _moved(name, value, -_STEP)
        if value == 0:  # nothing lies below
            apart[place] = _STEP
    relative = replace(fit, parameters=stack | {"eta_1": 1.0, "eta_2": 1.0}).predict(x)
    eta = np.array([fit.parameters["eta_1"], fit.parameters["eta_2"]])
    outputs = eta * relative[0]
    of_eta = _ANY_SPREAD[0] * outputs
    shared = eta[0] == eta[1]  # to the last digit only where they are one
    of_shape = eta * (relative[1::2] - relative[2::2]) / apart[:, None, None]
    return outputs, np.stack([*of_shape, *([of_eta] if shared else of_eta * np.eye(2)[:, None])], axis=-1)


def posterior_root(features: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """A root R, (q, q), of cov z = R·Rᵀ after wells with features (N, d, q), nM, of d outputs, under the prior N(0, I)."""
    scaled = (features / noise[:, None]).reshape(-1, features.shape[-1])
    values, vectors = np.linalg.eigh(scaled.T @ scaled)
    return vectors / np.sqrt(1 + values.clip(0.0))


def equation_belief(fit: Fit, noise: float) -> Belief:
    """One equation, its parameters known to within their prior; `noise` is that of a measurement, nM."""
    parameters = linearised(fit, np.zeros((1, 2)))[1].shape[-1]
    return Belief(lambda x: linearised(fit, x)[1], parameters, np.full(2, noise))


def simple_model_belief(source: Circuit, noise: float, domain: Domain = BIG) -> Belief:
    """The simple model as it is given, its parameters known to within their prior: before any well.

    Args:
        source: the simple model.
        noise: expected standard deviation of a measurement, nM.
        domain: where the model is asked for its form.
    """
    x = sobol_inputs(domain, 64)
    (fit,) = fit_many("simple", [Pairs(x, source(x))])  # without noise it finds the source itself
    return equation_belief(fit, noise)


def _form(mechanism: str) -> Form:
    return FORMS["family"] if mechanism == "family" else circuit_form(reference_circuit(mechanism))


def _within_start(coordinate: Coordinate, share: np.ndarray) -> np.ndarray:
    """Values of a coordinate that lie at shares (K,) of the range of its starts, on the scale of the search."""
    low, high = map(coordinate.search, coordinate.start)
    position = low + (high - low) * share
    return coordinate.offset * np.expm1(position) if coordinate.offset else np.exp(position)


def prior_belief(mechanisms: tuple[str, ...] = MECHANISMS, draws: int = PRIOR_DRAWS) -> Belief:
    """Equations of every mechanism drawn from plausible ranges: before any well, in units of a typical largest output.

    Parameters fill the ranges of the fits' starts evenly (a Sobol set, always the same), η is log-normal about 1.

    Args:
        mechanisms: which; of `library.MECHANISMS`.
        draws: equations a mechanism, a power of two.
    """
    drawn = []
    for mechanism in mechanisms:
        form = _form(mechanism)
        k = len(form.coordinates)
        points = scipy.stats.qmc.Sobol(d=k + 2, scramble=True, rng=np.random.default_rng(0)).random(draws)
        values = np.stack([_within_start(c, points[:, i]) for i, c in enumerate(form.coordinates)], axis=-1)
        eta = np.exp(scipy.stats.norm.ppf(points[:, k : k + 1 if form.one_eta else k + 2]))[:, None, :]
        drawn.append((form, form.parameters(values), eta))

    def deviations(x: np.ndarray) -> np.ndarray:
        outputs = np.concatenate([eta * form.relative_outputs(values, x) for form, values, eta in drawn])
        return np.moveaxis(outputs - outputs.mean(axis=0), 0, -1) / np.sqrt(len(outputs))

    # what the draws differ in takes far fewer weights than there are draws
    *_, directions = np.linalg.svd(deviations(sobol_inputs(BIG, SUPPORT)).reshape(2 * SUPPORT, -1), full_matrices=False)
    main = directions[:PRIOR_WEIGHTS].T
    return Belief(lambda x: deviations(x) @ main, main.shape[1], np.full(2, RELATIVE_NOISE))


def _noise(average: Average, largest: float) -> float:
    """Standard deviation of a measurement, nM, from what the equations leave over, by their weights."""
    fits = [(weight, average.fits[name]) for name, weight in average.weights.items()]
    known = [(weight, fit.residual_sd**2) for weight, fit in fits if fit.degrees_of_freedom > 0]
    total = sum(weight for weight, _ in known)
    if total == 0:
        return RELATIVE_NOISE * largest
    return max(float(np.sqrt(sum(weight * square for weight, square in known) / total)), LEAST_NOISE * largest)


def open_weights(weights: Mapping[str, float]) -> dict[str, float]:
    """Akaike weights to the power `HALF_SAY`, without the negligible ones, summing to 1."""
    powers = {name: weight**HALF_SAY for name, weight in weights.items()}
    total = sum(powers.values())
    kept = {name: power / total for name, power in powers.items() if power / total > NEGLIGIBLE}
    return {name: share / sum(kept.values()) for name, share in kept.items()}


def library_belief(average: Average, wells: Pairs, noise: float | None = None) -> Belief:
    """The weighted library: each mechanism's linearised posterior, and how far the mechanisms are apart.

    The mixture of the mechanisms' Gaussian predictions is taken for one Gaussian with its covariance, the sum over
    mechanisms of w·(F·Fᵀ + (f − f̄)(f − f̄)ᵀ), whose parts are columns of one F. With z the weights of the second part,
    mechanism m is more probable than now by √w·z − w·Σ√w·z, whose variance is w(1 − w) as that of a mechanism must be.

    Args:
        average: mechanisms fitted to `wells`, with their weights.
        wells: the wells so far.
        noise: standard deviation of a measurement, nM; estimated from the fits where it is not known.
    """
    noise = noise or _noise(average, float(np.abs(wells.y).max()))
    noises, weights = np.full(2, noise), open_weights(average.weights)
    roots = {name: posterior_root(linearised(average.fits[name], wells.x)[1], noises) for name in weights}

    def features(x: np.ndarray) -> np.ndarray:
        at = {name: linearised(average.fits[name], x) for name in weights}
        centre = sum(weights[name] * outputs for name, (outputs, _) in at.items())
        within = [np.sqrt(weights[name]) * slopes @ roots[name] for name, (_, slopes) in at.items()]
        between = [np.sqrt(weights[name]) * (outputs - centre)[..., None] for name, (outputs, _) in at.items()]
        return np.concatenate(within + between, axis=-1)

    inside, share = sum(map(len, roots.values())), np.array(list(weights.values()))
    mechanisms = np.diag(np.sqrt(share)) - np.outer(share, np.sqrt(share))
    return Belief(
        features, inside + len(share), noises, np.concatenate([np.zeros((len(share), inside)), mechanisms], axis=1)
    )


def process_belief(process: GaussianProcess, wells: Pairs) -> Belief:
    """A Gaussian process with its hyper-parameters as they are, conditioned on the wells (Rasmussen & Williams 2006).

    Its covariance is carried by `SUPPORT` points (the Nyström method), exact at each of them.
    """
    from sklearn.gaussian_process.kernels import Matern  # scikit-learn, only where it is used

    reach = Domain("support", 0.0, max(BIG.high, float(wells.x.max())))
    support = sobol_inputs(reach, SUPPORT)
    least = LEAST_NOISE * float(np.abs(wells.y).max())
    noise = np.array([max(values["noise"], least) for values in process.hyperparameters])
    kernels, roots = [], []
    for output, values in enumerate(process.hyperparameters):  # outputs that know nothing of one another
        kernel = values["amplitude"] ** 2 * Matern((values["length_1"], values["length_2"]), nu=2.5)
        eigenvalues, vectors = np.linalg.eigh(kernel(support))
        kept = eigenvalues > 1e-8 * eigenvalues[-1]
        root = vectors[:, kept] / np.sqrt(eigenvalues[kept])
        kernels.append(kernel)
        roots.append(root @ posterior_root((kernel(wells.x, support) @ root)[:, None], noise[[output]]))
    sizes = [root.shape[1] for root in roots]

    def features(x: np.ndarray) -> np.ndarray:
        found = np.zeros((len(x), 2, sum(sizes)))
        found[:, 0, : sizes[0]] = kernels[0](x, support) @ roots[0]
        found[:, 1, sizes[0] :] = kernels[1](x, support) @ roots[1]
        return found

    return Belief(features, sum(sizes), noise)
