"""Ways to learn one output from its wells: equations and a Gaussian process; networks are in `transfer`.

All see the same thing: doses as shares of the largest one, the output divided by its spread, a weight for each well. An
arm learns and hands back an `Answer` that predicts anywhere.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from fewerwells.laboratory.surfaces import Weighed, bootstrap, fit_library

DRAWS, FEW_DRAWS = 100, 40  # of the bootstrap: in the final answer, and where wells are many
MANY_WELLS = 200
# The chance that no equation of the library is the right one, set on fifteen plates of this book's circuits so that
# intervals of 80 % hold as much; and how heavy the tails of an error are, degrees of freedom of Student's t, set on 180
# plates, where normal ones of 50 and 95 % held 56 and 93 % of the truth within the doses measured. On a hundred others,
# half of them with proportional noise, intervals of 50, 80 and 95 % held 51, 78 and 94 % of it there (standard errors 2, 2
# and 1), and 68, 90 and 98 % up to twice as far.
DOUBT = 0.1
TAILS = 6


@dataclass(frozen=True)
class Wells:
    """What an arm sees of one output.

    Attributes:
        s: doses as shares of the largest ones, shape (N, d), d 1 or 2.
        y: the output, shape (N,), in units of its spread.
        weight: of each well, shape (N,): the inverse of its variance, or ones.
        groups: replicate group of each well, shape (N,).
        noisy: whether `weight` is known from replicates or a stated noise.
    """

    s: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    groups: np.ndarray
    noisy: bool

    def __len__(self) -> int:
        return len(self.y)

    def take(self, which: np.ndarray) -> Wells:
        """Some of the wells, by a mask or by their places."""
        return Wells(self.s[which], self.y[which], self.weight[which], self.groups[which], self.noisy)

    def averaged(self) -> Wells:
        """One well for each replicate group, in the groups' order, with the weighted mean and the weight of all of them."""
        names, first = np.unique(self.groups, return_index=True)
        members = [self.groups == name for name in names]
        means = np.array([np.average(self.y[inside], weights=self.weight[inside]) for inside in members])
        total = np.array([self.weight[inside].sum() for inside in members])
        return Wells(self.s[first], means, total, names, self.noisy)


class Answer(ABC):
    """What an arm has learnt."""

    @abstractmethod
    def predict(self, s: np.ndarray) -> np.ndarray:
        """The output (M,) at doses (M, d)."""

    def interval(self, s: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray] | None:
        """Ends (M,) of intervals for the noise-free output; None for an arm that has none."""
        return None


class Arm(ABC):
    """A way to learn; `name` is what a user reads."""

    name: str
    words: str

    @abstractmethod
    def learn(self, wells: Wells, final: bool = False) -> Answer:
        """Learn from wells; `final` asks for what intervals need, too."""


@dataclass(frozen=True)
class EquationAnswer(Answer):
    """Weighed equations, and the same for plates drawn from them."""

    found: Weighed
    drawn: tuple[Weighed, ...]
    freedom: int

    def predict(self, s):
        return self.found.predict(s)

    def few(self, level: float) -> float:
        """By how much a spread that few residuals say is too narrow: Student's quantile over the normal one."""
        from scipy.stats import norm, t

        return float(t.ppf((1 + level) / 2, self.freedom) / norm.ppf((1 + level) / 2))

    def interval(self, s, level):
        if not self.drawn:
            return None
        middle, few = self.predict(s), self.few(level)
        tails = [(1 - level) / 2, (1 + level) / 2]
        low, high = np.quantile([one.predict(s) for one in self.drawn], tails, axis=0)
        return middle + few * (np.minimum(low, middle) - middle), middle + few * (np.maximum(high, middle) - middle)


@dataclass(frozen=True)
class Equations(Arm):
    """Equations fitted to the wells and weighed; one form alone where `only` names it."""

    only: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return "simple equation" if self.only else "equations"

    @property
    def words(self) -> str:
        return (
            "the simple model fitted to the wells" if self.only else "a library of equations, weighed by Akaike weights"
        )

    def learn(self, wells, final=False):
        found = fit_library(wells.s, wells.y, wells.weight, self.only)
        draws = FEW_DRAWS if len(wells) > MANY_WELLS else DRAWS
        drawn = bootstrap(found, wells.s, wells.y, wells.weight, draws) if final else []
        return EquationAnswer(found, tuple(drawn), max(len(wells) - found.best.n_free, 1))


def log_doses(s: np.ndarray, smallest: np.ndarray) -> np.ndarray:
    """log₂(1 + s/smallest): a unit a doubling, 0 at no dose.

    Args:
        s: doses, shape (M, d).
        smallest: of each input the smallest dose that is not 0, shape (d,).
    """
    return np.log2(1 + s / smallest)


def smallest_doses(s: np.ndarray) -> np.ndarray:
    """Of each input the smallest dose that is not 0, shape (d,); 1 where there is none."""
    return np.array([column[column > 0].min(initial=1.0) for column in s.T])


@dataclass(frozen=True)
class ProcessAnswer(Answer):
    """A Gaussian process on logarithmic doses, conditioned on replicate means.

    Attributes:
        points: logarithmic doses of the groups, (G, d).
        factor: solved against the groups' means, (G,).
        root: lower Cholesky factor of their covariance, (G, G).
        amplitude, lengths, level: hyper-parameters: standard deviation, (d,) in doublings, prior mean.
        smallest: of each input the smallest dose that is not 0, (d,), which `points` count from.
    """

    points: np.ndarray
    factor: np.ndarray
    root: np.ndarray
    amplitude: float
    lengths: np.ndarray
    level: float
    smallest: np.ndarray

    def _cross(self, s):
        return matern(log_doses(s, self.smallest), self.points, self.amplitude, self.lengths)

    def predict(self, s):
        return self.level + self._cross(s) @ self.factor

    def interval(self, s, level):
        from scipy.linalg import solve_triangular
        from scipy.stats import norm

        left = solve_triangular(self.root, self._cross(s).T, lower=True)
        half = norm.ppf((1 + level) / 2) * np.sqrt(np.maximum(self.amplitude**2 - np.sum(left**2, axis=0), 0))
        middle = self.predict(s)
        return middle - half, middle + half


def matern(a: np.ndarray, b: np.ndarray, amplitude: float, lengths: np.ndarray) -> np.ndarray:
    """Matérn covariance with ν = 5/2 (Rasmussen & Williams 2006), shape (A, B), for points (A, d) and (B, d)."""
    distance = np.sqrt(np.maximum(np.sum(((a[:, None] - b[None]) / lengths) ** 2, axis=-1), 0))
    scaled = np.sqrt(5) * distance
    return amplitude**2 * (1 + scaled + scaled**2 / 3) * np.exp(-scaled)


@dataclass(frozen=True)
class Process(Arm):
    """A Gaussian process on logarithmic doses."""

    name = "Gaussian process"
    words = "a Gaussian process on logarithmic doses"

    def learn(self, wells, final=False):
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

        smallest, groups = smallest_doses(wells.s), wells.averaged()
        points, means = log_doses(groups.s, smallest), groups.y
        level = float(np.average(means, weights=groups.weight))
        alpha = 1 / groups.weight if wells.noisy else 1 / np.unique(wells.groups, return_counts=True)[1] * 1e-6
        kernel = ConstantKernel(1.0, (1e-2, 1e2)) * Matern(np.full(points.shape[1], 2.0), (0.3, 50.0), nu=2.5)
        if not wells.noisy:
            kernel = kernel + WhiteKernel(0.05, (1e-6, 2.0))
        some = np.linspace(0, len(points) - 1, min(len(points), 200)).astype(int)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a length at its bound is a flat input
            process = GaussianProcessRegressor(kernel, alpha=alpha[some], optimizer="fmin_l_bfgs_b")
            process.fit(points[some], means[some] - level)
        values = np.exp(process.kernel_.theta)
        amplitude, lengths = float(np.sqrt(values[0])), values[1 : 1 + points.shape[1]]
        noise = alpha + (values[-1] if not wells.noisy else 0.0)
        covariance = matern(points, points, amplitude, lengths) + np.diag(noise + 1e-10 * amplitude**2)
        root = np.linalg.cholesky(covariance)
        factor = np.linalg.solve(root.T, np.linalg.solve(root, means - level))
        return ProcessAnswer(points, factor, root, amplitude, lengths, level, smallest)


def tailed(level: float) -> float:
    """The width of an interval of this level over that of a normal one, with tails that make them equal at 80 %."""
    from scipy.stats import norm, t

    ends = [(1 + one) / 2 for one in (level, 0.8)]
    wide, usual = t.ppf(ends, TAILS) / norm.ppf(ends)
    return float(wide / usual)


@dataclass(frozen=True)
class Hedged(Answer):
    """An answer whose intervals also allow for what another way to learn says of the same wells.

    An equation's own interval is for the case that an equation of the library is true. The rival stands for the case
    that none is: the interval is as wide as the root mean square distance from the prediction under an even chance of
    either learner, or under `DOUBT` for the rival where equations predict, with the tails of Student's t (`TAILS`).

    Attributes:
        inner: what predicts.
        rival: the other way to learn.
        half: standard deviation of the error on held-out doses, for an inner one without intervals of its own.
    """

    inner: Answer
    rival: Answer
    half: float

    def predict(self, s):
        return self.inner.predict(s)

    def interval(self, s, level):
        from scipy.stats import norm

        middle, other, z = self.predict(s), self.rival.predict(s), norm.ppf((1 + level) / 2)
        doubt = DOUBT if isinstance(self.inner, EquationAnswer) else 0.5
        ends = self.inner.interval(s, level) or (middle - z * self.half, middle + z * self.half)
        theirs = self.rival.interval(s, level)
        reach = 0.0 if theirs is None else (theirs[1] - theirs[0]) ** 2 / 4
        apart = (z * (middle - other)) ** 2
        low, high = (np.sqrt((1 - doubt) * (end - middle) ** 2 + doubt * (reach + apart)) for end in ends)
        wider = tailed(level)
        return middle - wider * low, middle + wider * high
