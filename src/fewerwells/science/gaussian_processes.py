"""Gaussian-process regression of measured pairs: what a statistician would do with the same wells.

One process for each output, independent of the other, with a squared-exponential or a Matérn kernel that has a length
for each input, and Gaussian measurement noise (Rasmussen & Williams 2006). The prior mean is the average of the
measured outputs, or a mechanistic model that the caller gives: far from all wells the prediction returns to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from scipy.linalg import lapack
from scipy.optimize import minimize
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Kernel, Matern, WhiteKernel

from fewerwells.science.cores import side_by_side
from fewerwells.science.datasets import Pairs, refuse_impossible

START_WELLS = 100  # the first ones choose between the optima of the likelihood
LIKELIHOOD_WELLS = 300  # the first ones set the hyper-parameters; all wells condition the prediction
MAX_WELLS = 10_000  # the covariance of so many takes 0.8 GB
FLAT = 0.01  # a search has converged, too, where rounding ends it on such slopes of the log-likelihood, per logarithm
PARALLEL_FROM = 4  # data sets; fewer are done before the workers have started

# In units of the largest input (lengths) and of the standard deviation of what is modelled (amplitude, noise).
_LENGTH_BOUNDS = (0.03, 100.0)
_AMPLITUDE_BOUNDS = (1e-2, 30.0)
_NOISE_BOUNDS = (3e-4, 3.0)
_STARTS = ((1.0, 0.5, 0.1), (3.0, 1.5, 0.3), (1.0, 0.2, 0.7))  # amplitude, both lengths, noise

SMOOTHNESS: dict[str, Callable[..., Kernel]] = {
    "rbf": RBF,  # infinitely smooth, as the circuits are away from the origin
    "matern": partial(Matern, nu=2.5),  # twice differentiable
}


@dataclass(frozen=True)
class GaussianProcess:
    """Two independent Gaussian processes, one an output, conditioned on N pairs.

    Attributes:
        hyperparameters: for each output its amplitude (nM), length_1 and length_2 (nM) and noise (nM).
        status: "ok"; "at bound" when a hyper-parameter ended at a limit (see `at_bound`), as a length does when an
            input has no effect, or the amplitude when the mean explains all; "not converged" when the search for the
            largest likelihood stopped early. All three predict.
        at_bound: the hyper-parameters at a limit, such as "length_1 of y2".
        log_likelihood: logarithm of the marginal likelihood of the wells that set the hyper-parameters, both outputs
            together, in the units of `hyperparameters`.
        mean: the prior mean, from inputs (M, 2) to outputs (M, 2), nM; None stands for `offset` alone.
        offset: added to the mean, (2,), nM: the average measured output, or 0 where there is a mean.
    """

    hyperparameters: tuple[dict[str, float], dict[str, float]]
    status: str
    at_bound: tuple[str, ...]
    log_likelihood: float
    mean: Callable | None
    offset: np.ndarray
    _wells: np.ndarray = field(repr=False)
    _weights: np.ndarray = field(repr=False)
    _kernels: tuple[Kernel, Kernel] = field(repr=False)

    def predict(self, x) -> np.ndarray:
        """Posterior mean of the noise-free outputs, shape (M, 2), nM, for inputs (M, 2), nM.

        Raises:
            ValueError: inputs of another shape.
        """
        x = np.asarray(x, float)
        if x.ndim != 2 or x.shape[1] != 2:
            raise ValueError(f"inputs have shape {x.shape}; they must be (M, 2).")
        deviation = [
            kernel(x, self._wells) @ weights for kernel, weights in zip(self._kernels, self._weights.T, strict=True)
        ]
        return np.stack(deviation, axis=1) + self.offset + (0.0 if self.mean is None else self.mean(x))


def _likelihood(smoothness: str, x: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """What a search makes small: minus the logarithm of the marginal likelihood of x (N, 2) and y (N,), and its slopes.

    Its argument is scikit-learn's `theta` of the kernel, logarithms of the squared amplitude, both lengths and the squared
    noise. Rasmussen & Williams (2006), equations 2.30 and 5.9. A search asks for it hundreds of times; scikit-learn's own
    works out a slope of every pair of wells for every hyper-parameter and takes three to four times as long.
    """
    squares = np.square(x.T[:, :, None] - x.T[:, None, :])  # (2, N, N)
    constant = len(x) / 2 * np.log(2 * np.pi)

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        amplitude, length_1, length_2, noise = np.exp(theta)
        scaled = squares / np.square([length_1, length_2])[:, None, None]
        if smoothness == "rbf":
            shape = steepness = np.exp(-scaled.sum(axis=0) / 2)
        else:
            r = np.sqrt(5 * scaled.sum(axis=0))
            decay = np.exp(-r)
            shape, steepness = (1 + r + r**2 / 3) * decay, 5 / 3 * (1 + r) * decay
        covariance = amplitude * shape
        covariance[np.diag_indices_from(covariance)] += noise
        triangle, failed = lapack.dpotrf(covariance, lower=True)
        if failed:
            return np.inf, np.zeros(4)
        weights, _ = lapack.dpotrs(triangle, y, lower=True)
        inverse, _ = lapack.dpotri(triangle, lower=True)  # its lower half
        half, _ = lapack.dtrtrs(triangle, y, lower=True)
        value = half @ half / 2 + np.log(triangle.diagonal()).sum() + constant
        pull = np.outer(weights, weights) - np.tril(inverse) - np.tril(inverse, -1).T
        along = pull * steepness
        slopes = [
            amplitude * np.vdot(pull, shape),
            *(amplitude * np.vdot(along, each) for each in scaled),
            noise * pull.trace(),
        ]
        return value, -np.array(slopes) / 2

    return objective


def _fit_output(smoothness: str, x: np.ndarray, y: np.ndarray) -> tuple[Kernel, np.ndarray, float, bool]:
    """Kernel in nM, weights (N,), log-likelihood and whether its search converged, for x (N, 2) and y (N,), nM."""
    length = float(x.max()) or 1.0
    spread = float(np.sqrt(np.mean(y**2))) or 1.0
    amplitudes, noises = (np.square(np.multiply(bounds, spread)) for bounds in (_AMPLITUDE_BOUNDS, _NOISE_BOUNDS))
    kernel = ConstantKernel(1.0, tuple(amplitudes)) * SMOOTHNESS[smoothness](
        length_scale=(length, length), length_scale_bounds=tuple(np.multiply(_LENGTH_BOUNDS, length))
    ) + WhiteKernel(1.0, tuple(noises))
    starts = np.log(
        [
            ((amplitude * spread) ** 2, relative * length, relative * length, (noise * spread) ** 2)
            for amplitude, relative, noise in _STARTS
        ]
    )
    for wells in sorted({min(len(x), START_WELLS), min(len(x), LIKELIHOOD_WELLS)}):
        objective = _likelihood(smoothness, x[:wells], y[:wells])
        found = [minimize(objective, start, jac=True, method="L-BFGS-B", bounds=kernel.bounds) for start in starts]
        best = min(found, key=lambda outcome: outcome.fun)
        starts = best.x[None]
    process = GaussianProcessRegressor(kernel.clone_with_theta(best.x), alpha=0.0, optimizer=None).fit(x, y)
    uphill = (best.x - best.jac).clip(*kernel.bounds.T) - best.x  # what bounds leave of the slopes
    converged = bool(best.success) or np.abs(uphill).max() < FLAT
    return process.kernel_, process.alpha_, -float(best.fun), converged


_HYPERPARAMETERS = ("amplitude", "length_1", "length_2", "noise")  # in scikit-learn's order of this kernel


def _condition(smoothness: str, data: Pairs) -> GaussianProcess:
    """A process on pairs whose y have their prior mean taken off."""
    kernels, weights, likelihoods, converged = zip(*(_fit_output(smoothness, data.x, y) for y in data.y.T), strict=True)
    hyperparameters, at_bound = [], []
    for output, kernel in enumerate(kernels, start=1):
        amplitude, length_1, length_2, noise = np.exp(kernel.theta).tolist()
        values = (np.sqrt(amplitude), length_1, length_2, np.sqrt(noise))
        hyperparameters.append(dict(zip(_HYPERPARAMETERS, map(float, values), strict=True)))
        close = np.isclose(kernel.theta[:, None], kernel.bounds, rtol=0, atol=1e-3).any(axis=1)
        at_bound += [f"{name} of y{output}" for name, is_close in zip(_HYPERPARAMETERS, close, strict=True) if is_close]
    return GaussianProcess(
        hyperparameters=tuple(hyperparameters),
        status="not converged" if not all(converged) else "at bound" if at_bound else "ok",
        at_bound=tuple(at_bound),
        log_likelihood=sum(likelihoods),
        mean=None,
        offset=np.zeros(2),
        _wells=data.x,
        _weights=np.stack(weights, axis=1),
        _kernels=kernels,
    )


def fit_gaussian_processes(
    data: list[Pairs], means: list[Callable] | None = None, *, smoothness: str = "matern"
) -> list[GaussianProcess]:
    """Two Gaussian processes for each of several data sets, side by side over the usable cores.

    The hyper-parameters (amplitude, a length for each input, noise) maximise the marginal likelihood of the first
    `LIKELIHOOD_WELLS` wells, from the best of three fixed starts on the first `START_WELLS`; then the process is
    conditioned on all wells. Two kernels may be compared by their `log_likelihood`, without any test data.

    Args:
        data: the data sets, x and y of shape (N, 2), nM.
        means: for each data set a prior mean, from inputs (M, 2) to outputs (M, 2), nM, such as the `predict` of a
            `fitting.Fit`; without it, the average measured output.
        smoothness: "rbf" (squared exponential) or "matern" (Matérn with ν = 5/2). The wells hardly tell them apart;
            the default is the one that goes less astray beyond them, in favour of this rival.

    Returns:
        One result a data set, the same whatever the number of cores.

    Raises:
        ValueError: an unknown smoothness, data that cannot be measurements, more wells than fit in memory, or not one
            mean for each data set.
    """
    if smoothness not in SMOOTHNESS:
        raise ValueError(f"there is no smoothness {smoothness!r}; choose one of {', '.join(SMOOTHNESS)}.")
    if means is not None and len(means) != len(data):
        raise ValueError(f"there are {len(means)} means for {len(data)} data sets; each needs one.")
    means = [None] * len(data) if means is None else means
    offsets, deviations = [], []
    for pairs, mean in zip(data, means, strict=True):
        refuse_impossible(pairs)
        if len(pairs) > MAX_WELLS:
            raise ValueError(f"a data set has {len(pairs)} pairs; a Gaussian process takes at most {MAX_WELLS}.")
        offsets.append(pairs.y.mean(axis=0) if mean is None else np.zeros(2))
        deviations.append(Pairs(pairs.x, pairs.y - (offsets[-1] if mean is None else mean(pairs.x))))
    processes = side_by_side(partial(_condition, smoothness), deviations, worth_it_from=PARALLEL_FROM)
    return [
        replace(process, mean=mean, offset=offset)
        for process, mean, offset in zip(processes, means, offsets, strict=True)
    ]
