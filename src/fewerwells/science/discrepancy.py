"""An equation and its discrepancy inferred together (Kennedy & O'Hagan 2001): y = η·f(x; p) + δ(x) + noise.

The discrepancy δ of each output is a Gaussian process; fitting the equation first and a process to what it leaves over
afterwards would bend the equation towards its own errors. Here the residuals are weighed by the inverse of the
covariance of δ and noise together, which turns the joint fit into another least-squares problem of `fitting`.

The process lives on the two directions in which chemistry is smooth: the logarithm of the ratio of the inputs, which
decides a competition, and the logarithm of their mean, which decides saturation. What does not depend on the amount
is learnt as such from the wells, as a long length, and holds beyond them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fewerwells.science.fitting import Problem
from fewerwells.science.forms import Form

TURN = 0.05  # of the largest measured input: where the logarithm of an input turns linear, so that 0 is allowed
RATIOS = (0.0, 0.3, 1.0, 3.0, 10.0, 30.0)  # standard deviation of the discrepancy over that of the noise
NO_DISCREPANCY = 0.5  # prior probability that the equation is exact; the other ratios share the rest evenly
LENGTHS = ((0.7, 1.5), (0.7, 5.0), (1.5, 1.5), (1.5, 5.0), (3.0, 3.0), (3.0, 10.0))  # of log ratio and log mean
LARGEST_ETA = (0.5, 20.0)  # times the largest measured output: the range that holds 95 % of what is plausible for η
NOISE_RANGE = (1e-4, 1.0)  # times the largest measured output: log-uniform prior of an unknown noise
NOISE_STEPS = 6  # of the fixed point that finds the noise


@dataclass(frozen=True)
class Kernel:
    """A Matérn kernel (ν = 5/2) of unit variance on log ratio and log mean of the inputs.

    Attributes:
        lengths: of the log ratio and of the log mean.
        turn: nM, where the logarithms turn linear.
    """

    lengths: tuple[float, float]
    turn: float

    def _coordinates(self, x: np.ndarray) -> np.ndarray:
        logs = np.log1p(x / self.turn)
        return np.stack([logs[:, 0] - logs[:, 1], logs.mean(axis=1)]) / np.reshape(self.lengths, (2, 1))

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Covariance (A, B) between inputs (A, 2) and (B, 2), nM."""
        ratio, mean = (one[:, None] - other for one, other in zip(*map(self._coordinates, (a, b)), strict=True))
        r = np.sqrt(5 * (ratio**2 + mean**2))
        return (1 + r + r**2 / 3) * np.exp(-r)


def kernels_for(x: np.ndarray) -> tuple[Kernel, ...]:
    """One kernel for each of `LENGTHS`, its logarithms fitted to the range of the measured inputs (N, 2), nM."""
    turn = TURN * float(x.max()) or 1.0
    return tuple(Kernel(lengths, turn) for lengths in LENGTHS)


@dataclass(frozen=True)
class Spectrum:
    """A kernel on the wells, taken apart once: R = U diag(values) Uᵀ.

    Attributes:
        kernel: the kernel.
        x: the wells, (N, 2), nM.
    """

    kernel: Kernel
    x: np.ndarray

    @cached_property
    def _parts(self) -> tuple[np.ndarray, np.ndarray]:
        values, vectors = np.linalg.eigh(self.kernel(self.x, self.x))
        return values.clip(0.0), vectors

    @property
    def values(self) -> np.ndarray:
        """(N,), not negative."""
        return self._parts[0]

    @property
    def vectors(self) -> np.ndarray:
        """U, (N, N)."""
        return self._parts[1]

    def solve(self, ratio: float, columns: np.ndarray) -> np.ndarray:
        """(1 + ratio²R)⁻¹ times columns (N, D)."""
        return self.vectors @ ((self.vectors.T @ columns) / (1 + ratio**2 * self.values)[:, None])


@dataclass(frozen=True)
class Prior:
    """Independent normal priors of the searched coordinates: means and standard deviations, (k,)."""

    mean: np.ndarray
    spread: np.ndarray


class JointProblem(Problem):
    """The squared residuals of equation plus discrepancy on P stacked data sets, with the prior of the coordinates.

    Args:
        form, x, y: as in `fitting`, (P, N, 2).
        prior: of the coordinates.
        noise: standard deviation of the noise of each data set, (P,), nM.
        spectra: the discrepancy's kernel on the wells of each; None where there is no discrepancy.
        ratio: standard deviation of the discrepancy over the noise's, (P,), where there are spectra; 0 for none.
    """

    _stacked = (*Problem._stacked, "_scale", "_rotation")

    def __init__(
        self,
        form: Form,
        x: np.ndarray,
        y: np.ndarray,
        prior: Prior,
        noise: np.ndarray,
        spectra: Sequence[Spectrum] | None = None,
        ratio: np.ndarray | float = 0.0,
    ):
        super().__init__(form, x, y)
        self.prior, self._whole = prior, spectra is not None
        scale = (self.unit / noise)[:, None]
        self._rotation = np.zeros(len(x))  # nothing to rotate
        if spectra is not None:
            self._rotation = np.stack([spectrum.vectors for spectrum in spectra]).mT
            values = np.stack([spectrum.values for spectrum in spectra])
            scale = scale / np.sqrt(1 + np.square(ratio)[:, None] * values)
        self._scale = scale[..., None]
        self.y = self._whitened(self.y)

    def _whitened(self, columns: np.ndarray) -> np.ndarray:
        """Columns (..., P, N, 2) in coordinates in which discrepancy and noise together are of unit variance."""
        return self._scale * (self._rotation @ columns if self._whole else columns)

    def relative_outputs(self, position: np.ndarray) -> np.ndarray:
        return self._whitened(super().relative_outputs(position))

    def _deviation(self, position: np.ndarray) -> np.ndarray:
        return (position - self.prior.mean) / self.prior.spread

    def linearised(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        residuals, slopes = super().linearised(position)
        own = np.broadcast_to(np.diag(1 / self.prior.spread), (len(position), *2 * position.shape[-1:]))
        return np.concatenate([residuals, self._deviation(position)], axis=-1), np.concatenate([slopes, own], axis=-1)

    def sums_of_squares(self, positions: np.ndarray) -> np.ndarray:
        return super().sums_of_squares(positions) + np.square(self._deviation(positions)).sum(axis=-1)


@dataclass(frozen=True)
class Laplace:
    """Gaussian approximations of the posterior around one linearisation, for each of S kernels and R ratios.

    Attributes:
        evidence: logarithms of the marginal likelihoods, (S, R).
        position: most probable coordinates, (S, R, k).
        eta: most probable largest outputs, (S, R, 1 or 2), nM.
        covariance: of coordinates and η together, (S, R, k + 1 or 2, k + 1 or 2).
        noise: most probable noise, (S, R), nM.
    """

    evidence: np.ndarray
    position: np.ndarray
    eta: np.ndarray
    covariance: np.ndarray
    noise: np.ndarray

    def __getitem__(self, which) -> Laplace:
        return Laplace(*(value[which] for value in vars(self).values()))


@dataclass(frozen=True)
class Linearised:
    """An equation near a position: what it leaves over and how that changes, nM.

    Attributes:
        position: coordinates, (k,).
        eta: (1 or 2,), nM.
        residual: (N, 2), nM.
        slopes: of the equation along coordinates and η, (k + 1 or 2, N, 2).
        unit: the largest measured output, nM.
        prior: of the coordinates.
    """

    position: np.ndarray
    eta: np.ndarray
    residual: np.ndarray
    slopes: np.ndarray
    unit: float
    prior: Prior


def linearise(problem: Problem, prior: Prior, position: np.ndarray, eta: np.ndarray) -> list[Linearised]:
    """An equation's residuals and slopes on unweighted wells, for each of P data sets.

    Args:
        problem: the plain least-squares problem of the form and the wells of P data sets.
        prior: of the coordinates.
        position: where, (P, k).
        eta: there, (P, 2), nM.
    """
    f, slope = problem.slopes(position)
    one_eta, unit = problem.form.one_eta, problem.unit
    along_eta = f[None] if one_eta else np.stack([f * [1, 0], f * [0, 1]])
    slopes = np.concatenate([eta[:, None] * slope, along_eta])
    residual = problem.y * unit[:, None, None] - eta[:, None] * f
    return [
        Linearised(position[i], eta[i, :1] if one_eta else eta[i], residual[i], slopes[:, i], float(unit[i]), prior)
        for i in range(len(position))
    ]


def log_eta_prior(eta: np.ndarray, unit: float) -> np.ndarray:
    """Logarithm of the log-normal prior density of η (..., 1 or 2), nM, as a density of η itself: (...)."""
    low, high = np.log(np.multiply(LARGEST_ETA, unit))
    mean, spread = (low + high) / 2, (high - low) / 3.92
    log_eta = np.log(np.maximum(eta, 1e-6 * unit))
    return (-0.5 * ((log_eta - mean) / spread) ** 2 - np.log(spread * np.sqrt(2 * np.pi)) - log_eta).sum(axis=-1)


def laplace(near: Linearised, spectra: Sequence[Spectrum], ratios: np.ndarray, noise: float | None = None) -> Laplace:
    """Evidence and posterior of a linearised equation with a discrepancy, for several kernels and sizes of it.

    Exact where the equation is linear, the noise known and the prior of η flat around its most probable value; that
    prior's density there multiplies the evidence. An unknown noise is integrated over in the same approximation.

    Args:
        near: the equation near its best fit.
        spectra: S kernels of the discrepancy on the wells.
        ratios: standard deviations of the discrepancy over the noise's, (R,).
        noise: standard deviation of the noise, nM; None where the wells have to tell.
    """
    observations, k, p = near.residual.size, len(near.position), len(near.slopes)
    columns = np.moveaxis(np.concatenate([near.residual[None], near.slopes]), 1, 0).reshape(len(near.residual), -1)
    rotated = np.stack([spectrum.vectors.T @ columns for spectrum in spectra])
    rotated = np.moveaxis(rotated.reshape(len(spectra), -1, 1 + p, 2), 2, 1).reshape(len(spectra), 1 + p, -1)
    residual, slopes = rotated[:, :1], rotated[:, 1:]  # (S, 1, 2N), (S, p, 2N)
    values = np.stack([spectrum.values for spectrum in spectra])
    precision = 1 / (1 + np.square(ratios)[:, None] * values[:, None])  # (S, R, N)
    weights = np.repeat(precision, 2, axis=-1)  # (S, R, 2N), as wells and outputs are laid out
    square = (weights @ np.square(residual).mT)[..., 0]
    gradient = (weights * residual) @ slopes.mT
    curvature = (slopes[:, None] * weights[:, :, None]) @ slopes[:, None].mT
    tight = np.zeros(p)
    tight[:k] = near.prior.spread**-2
    tight[k:] = (1e6 * near.unit) ** -2  # lost in rounding, but where the wells say nothing about η
    pull = np.zeros(p)
    pull[:k] = (near.prior.mean - near.position) * tight[:k]
    low, high = np.multiply(NOISE_RANGE, near.unit)
    variance = (square / observations).clip(low**2, high**2) if noise is None else np.full(square.shape, noise**2)
    # each parameter's own, since curvature along η does not grow with the unit of the outputs and that of the others does
    jitter = 1e-10 * np.einsum("...pp->...p", curvature)[..., None] * np.eye(p)
    for _ in range(NOISE_STEPS if noise is None else 1):
        hessian = (curvature + jitter) / variance[..., None, None] + np.diag(tight)
        step = np.linalg.solve(hessian, (gradient / variance[..., None] + pull)[..., None])[..., 0]
        left = square - 2 * (gradient * step).sum(axis=-1) + ((curvature @ step[..., None])[..., 0] * step).sum(axis=-1)
        if noise is None:
            variance = (left.clip(0.0) / observations).clip(low**2, high**2)
    position, eta = near.position + step[..., :k], near.eta + step[..., k:]
    deviation = (position - near.prior.mean) / near.prior.spread
    evidence = (
        -0.5 * (observations * np.log(2 * np.pi * variance) + 2 * -np.log(precision).sum(axis=-1) + left / variance)
        - 0.5 * np.square(deviation).sum(axis=-1)
        - np.log(near.prior.spread).sum()
        - 0.5 * np.linalg.slogdet(hessian)[1]
        + 0.5 * (p - k) * np.log(2 * np.pi)
        + log_eta_prior(eta, near.unit)
    )
    if noise is None:  # the posterior of log σ is nearly normal with precision 2·observations
        evidence += 0.5 * np.log(np.pi / observations) - np.log(np.log(high / low))
    return Laplace(evidence, position, eta, np.linalg.inv(hessian), np.sqrt(variance))


def log_prior(ratios: np.ndarray) -> np.ndarray:
    """Logarithms of the prior probabilities of the sizes of the discrepancy, (R,)."""
    exact = np.equal(ratios, 0)
    return np.log(np.where(exact, NO_DISCREPANCY, (1 - NO_DISCREPANCY) / max((~exact).sum(), 1)))
