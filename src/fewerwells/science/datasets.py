"""Where data come from: domains of input concentrations, sampling, measurement noise, random streams."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from fewerwells.science.circuits import Circuit
from fewerwells.science.noise import Noise


@dataclass(frozen=True)
class Domain:
    """A square range of input concentrations: both inputs from `low` to `high`, nM."""

    name: str
    low: float
    high: float

    def contains(self, x: np.ndarray) -> np.ndarray:
        """Which inputs (..., 2), nM, lie in the domain; borders included."""
        return np.all((x >= self.low) & (x <= self.high), axis=-1)


SMALL = Domain("small", 0.0, 10.0)  # where the laboratory can measure
BIG = Domain("big", 0.0, 20.0)  # where the system has to work

# One number a purpose. Streams of one seed never overlap, and adding a purpose never changes an earlier one.
_PURPOSES = {
    "initial weights": 0,
    "batch order": 1,
    "synthetic inputs": 2,
    "real inputs, small domain": 3,
    "real inputs, big domain": 4,
    "noise, small domain": 5,
    "noise, big domain": 6,
    "test inputs": 7,
    "random function": 8,
    "shuffled labels": 9,
    "replayed inputs": 10,
    "system": 11,
    "chosen wells": 17,
    "held-out groups": 20,
    "measured wells": 21,
    "circuits of a start": 29,
}


def random_stream(seed: int, purpose: str) -> np.random.Generator:
    """The random generator of one seed for one purpose; the only source of randomness in a study.

    Args:
        seed: the paired seed of the study, 0 or larger.
        purpose: a key of this module's table of purposes.

    Raises:
        ValueError: a negative seed or an unknown purpose.
    """
    if seed < 0:
        raise ValueError(f"the seed is {seed}; it must be 0 or larger.")
    if purpose not in _PURPOSES:
        raise ValueError(f"there is no random stream for {purpose!r}; there is one for each of {', '.join(_PURPOSES)}.")
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_PURPOSES[purpose],)))


@dataclass(frozen=True)
class Pairs:
    """Input-output pairs: x of shape (N, 2), nM, and y of shape (N, 2), nM, or (N, 1) where one output was measured.

    Pools are nested: `pairs.first(n)` is what a lab that stopped after n wells would have.
    """

    x: np.ndarray
    y: np.ndarray

    def __post_init__(self):
        if self.x.ndim != 2 or self.y.ndim != 2 or len(self.x) != len(self.y):
            raise ValueError(f"x has shape {self.x.shape} and y {self.y.shape}; both must be (N, 2), or y (N, 1).")

    def __len__(self) -> int:
        return len(self.x)

    def first(self, n: int) -> Pairs:
        """The first n pairs; ValueError when there are fewer."""
        if not 1 <= n <= len(self):
            raise ValueError(f"{n} pairs were asked of a pool of {len(self)}.")
        return Pairs(self.x[:n], self.y[:n])


def refuse_impossible(pairs: Pairs) -> None:
    """ValueError for what cannot be measurements of two inputs and two outputs: no pair, a gap, a negative input."""
    if not len(pairs) or pairs.x.shape[1] != 2 or pairs.y.shape[1] != 2:
        raise ValueError(
            f"x has shape {pairs.x.shape} and y {pairs.y.shape}; at least one pair of two inputs and two outputs is needed."
        )
    finite = np.isfinite(pairs.x).all(axis=1) & np.isfinite(pairs.y).all(axis=1)
    if not finite.all():
        first = int(np.argmin(finite))
        raise ValueError(
            f"pair {first} is x = {pairs.x[first].tolist()}, y = {pairs.y[first].tolist()}; not all finite."
        )
    if np.any(pairs.x < 0):
        raise ValueError(f"an input is {pairs.x.min():g} nM; concentrations cannot be negative.")


def uniform_inputs(domain: Domain, n: int, rng: np.random.Generator) -> np.ndarray:
    """n inputs drawn uniformly from a domain, shape (n, 2), nM."""
    if n < 1:
        raise ValueError(f"{n} inputs were asked for; at least 1 is needed.")
    return rng.uniform(domain.low, domain.high, size=(n, 2))


def sobol_inputs(domain: Domain, n: int = 4096) -> np.ndarray:
    """n inputs that fill a domain evenly (scrambled Sobol sequence, always the same), shape (n, 2), nM.

    Raises:
        ValueError: n is not a power of two, for which the sequence is not balanced.
    """
    if n < 1 or n & (n - 1):
        raise ValueError(f"{n} Sobol points were asked for; the number must be a power of two.")
    points = scipy.stats.qmc.Sobol(d=2, scramble=True, rng=np.random.default_rng(0)).random(n)
    return domain.low + (domain.high - domain.low) * points


def synthetic_inputs(n: int, seed: int) -> np.ndarray:
    """The inputs of n synthetic pairs: uniform on the big domain, shape (n, 2), nM."""
    return uniform_inputs(BIG, n, random_stream(seed, "synthetic inputs"))


def synthetic_pairs(circuit: Circuit, n: int, seed: int) -> Pairs:
    """What the simulation offers: n noise-free pairs of the simple model on the big domain."""
    x = synthetic_inputs(n, seed)
    return Pairs(x, circuit(x))


def swapped_pairs(circuit: Circuit, n: int, seed: int) -> Pairs:
    """Synthetic pairs of a wrong circuit: the same one with its two inputs exchanged."""
    x = synthetic_pairs(circuit, n, seed).x
    return Pairs(x, circuit(x[:, ::-1]))


def shuffled_pairs(circuit: Circuit, n: int, seed: int) -> Pairs:
    """Synthetic pairs whose outputs are dealt out at random: the right values at the wrong places."""
    pairs = synthetic_pairs(circuit, n, seed)
    return Pairs(pairs.x, random_stream(seed, "shuffled labels").permutation(pairs.y))


def random_function_pairs(circuit: Circuit, n: int, seed: int, length: float = 5.0) -> Pairs:
    """Pairs of a random smooth function at the inputs of the synthetic pairs, one function a seed.

    Each output is a sample of a Gaussian process with a squared-exponential kernel, by 200 random Fourier features
    (Rahimi & Recht 2007), shifted and scaled to the mean and the standard deviation of the circuit's output.

    Args:
        circuit: gives the mean and the spread of the outputs.
        n: number of pairs.
        seed: the paired seed.
        length: the kernel's length, nM.
    """
    pairs, rng = synthetic_pairs(circuit, n, seed), random_stream(seed, "random function")
    frequency, phase = rng.standard_normal((2, 200, 2)) / length, rng.uniform(0, 2 * np.pi, (2, 200))
    waves = np.stack([np.cos(pairs.x @ frequency[i].T + phase[i]).sum(axis=1) for i in range(2)], axis=1)
    standardised = (waves - waves.mean(axis=0)) / waves.std(axis=0)
    return Pairs(pairs.x, pairs.y.mean(axis=0) + pairs.y.std(axis=0) * standardised)


def outside_pairs(circuit: Circuit, n: int, seed: int) -> Pairs:
    """n noise-free pairs of a circuit on the part of the big domain that lies outside the small one."""
    x = uniform_inputs(BIG, 4 * n + 40, random_stream(seed, "replayed inputs"))
    x = x[~SMALL.contains(x)][:n]
    return Pairs(x, circuit(x))


def real_pairs(circuit: Circuit, n: int, seed: int, *, domain: Domain = SMALL, noise: float | Noise = 1.0) -> Pairs:
    """What the laboratory measures: n pairs of the complex model, outputs + N(0, noise²).

    One seed gives the same inputs and the same standardised noise for every circuit and noise level, and the first
    n pairs of a larger draw: comparisons within a seed are paired, volumes nested.

    Args:
        circuit: the real system.
        n: number of wells.
        seed: the paired seed.
        domain: SMALL or BIG.
        noise: of the measurement: its standard deviation, nM, or a `Noise`.

    Raises:
        ValueError: n below 1 or negative noise.
    """
    noise = noise if isinstance(noise, Noise) else Noise(noise)
    x = uniform_inputs(domain, n, random_stream(seed, f"real inputs, {domain.name} domain"))
    z = random_stream(seed, f"noise, {domain.name} domain").standard_normal((n, 2))
    y = circuit(x)
    return Pairs(x, y + noise.sd(y) * z)
