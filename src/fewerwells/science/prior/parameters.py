"""Numbers for the mechanisms of the prior, drawn from measured ranges.

Half-saturation lies at 1–100 nM, exponents at 1–4 (whole numbers more often: they count molecules), largest outputs
at 10–1000 nM. Ranges of what has no unit span what has been measured: a leak down to a thousandth of the largest
output, Michaelis constants from far below the total protein to far above it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from fewerwells.science.prior.circuits import WAVES, Circuits
from fewerwells.science.prior.structures import structures_without

HALF_SATURATION = (1.0, 100.0)  # nM
LARGEST_OUTPUT = (10.0, 1000.0)  # nM
LARGEST_EXPONENT = 4.0
LEAK = (0.001, 0.4)
MIXING = (0.03, 30.0)
RESOURCE = (0.03, 5.0)  # in units of the smaller half-saturation
CAPTURE = (0.01, 3.0)  # in units of the smaller half-saturation
SATURATION = (0.003, 10.0)
STEP = (0.05, 10.0)
STEP_EXPONENT = (1.0, 3.0)
DISTURBED = 0.1  # share of circuits whose outputs are bent by something that no mechanism here explains
DISTURBANCE = (0.02, 0.3)  # standard deviation of what bends log y
BACKGROUND = (0.001, 0.1)  # share of the largest output


def log_uniform(rng: np.random.Generator, limits: tuple[float, float], size) -> np.ndarray:
    """Numbers whose logarithms are uniform between the logarithms of the limits."""
    return np.exp(rng.uniform(np.log(limits[0]), np.log(limits[1]), size))


def _exponents(rng: np.random.Generator, kind: np.ndarray) -> np.ndarray:
    """Exponents (P, 2) of a kind: one, common or separate."""
    p = len(kind)
    free = rng.uniform(1, LARGEST_EXPONENT, (p, 2))
    whole = rng.random((p, 1)) < 0.4
    n = np.where(whole, rng.choice([1.0, 2.0, 3.0, 4.0], (p, 2), p=[0.2, 0.5, 0.2, 0.1]), free)
    n = np.where((kind == "common")[:, None], n[:, :1], n)
    return np.where((kind == "one")[:, None], 1.0, n)


def _one_or_two(rng: np.random.Generator, limits: tuple[float, float], p: int, common: float) -> np.ndarray:
    """Log-uniform pairs (P, 2), equal in a share `common` of the circuits."""
    values = log_uniform(rng, limits, (p, 2))
    return np.where(rng.random((p, 1)) < common, values[:, :1], values)


def _gate_ends(rng: np.random.Generator, p: int) -> dict[str, np.ndarray]:
    """Activities of gates: own input activates, seldom represses; the other does nothing, represses or is needed."""
    represses = rng.random((p, 2)) < 0.1
    own = np.stack([represses, ~represses], axis=-1).astype(float)
    kinds = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    cross = kinds[rng.choice(3, (p, 2), p=[0.25, 0.45, 0.3])]
    floor = np.where(rng.random((p, 2, 1)) < 0.5, rng.uniform(0, 0.8, (p, 2, 1)), 0.0)
    return {"own": own, "cross": np.maximum(cross, floor)}


def _waves(rng: np.random.Generator, p: int) -> np.ndarray:
    """Disturbances (P, 2, WAVES, 4), most of them none."""
    wave = np.empty((p, 2, WAVES, 4))
    wave[..., :2] = rng.standard_normal((p, 2, WAVES, 2))
    wave[..., 2] = rng.uniform(0, 2 * np.pi, (p, 2, WAVES))
    size = np.where(rng.random(p) < DISTURBED, log_uniform(rng, DISTURBANCE, p), 0.0)
    wave[..., 3] = size[:, None, None] * np.sqrt(2 / WAVES)
    return wave


def draw_circuits(p: int, rng: np.random.Generator, without: Iterable[str] = ()) -> Circuits:
    """P circuits from the prior.

    Args:
        p: how many.
        rng: the only source of randomness.
        without: names of circuits that no drawn mechanism may contain, not even as a limit.

    Raises:
        ValueError: p below 1, or an unknown name.
    """
    if p < 1:
        raise ValueError(f"{p} circuits were asked for; at least 1 is needed.")
    table = structures_without(without)
    drawn = rng.choice(len(table), p, p=list(table.values()))
    columns = {
        name: np.array([getattr(structure, name) for structure in table])[drawn]
        for name in ("core", "exponents", "empty", "leak", "mixed", "saturations", "inputs", "second_step")
    }
    core, depleted = columns["core"], columns["inputs"] == "depleted"
    half = log_uniform(rng, HALF_SATURATION, (p, 2))
    unit = half.min(axis=1)
    eta = log_uniform(rng, LARGEST_OUTPUT, (p, 2))
    similar = eta[:, :1] * np.exp(0.4 * rng.standard_normal((p, 2)))
    eta = np.where(rng.random((p, 1)) < 0.5, similar, eta)
    cycle = core == "cycle"
    one_protein = cycle | (~columns["empty"] & (rng.random(p) < 0.7))
    eta = np.where(one_protein[:, None], eta[:, :1], eta)
    n = _exponents(rng, np.where(cycle & (rng.random(p) < 0.7), "one", columns["exponents"]))
    n = np.where((depleted & (columns["exponents"] == "common"))[:, None], 2.0, n)
    leaks = columns["leak"] | ((core == "gates") & (rng.random(p) < 0.5))
    mixing = np.where(rng.random(p) < 0.3, 1.0, log_uniform(rng, MIXING, p))
    stepped = columns["second_step"][:, None]
    disturbance = _waves(rng, p)
    disturbed = disturbance[..., 3].any(axis=(1, 2)) & (rng.random(p) < 0.5)
    same = columns["saturations"] == "common"
    saturation = log_uniform(rng, SATURATION, (p, 2))
    return replace(
        Circuits.plain(p),
        core=np.select([core == "gates", cycle], [1, 2], 0),
        inputs=np.select([depleted, columns["inputs"] == "titrated"], [1, 2], 0),
        theta=1 / half,
        n=n,
        eta=eta,
        empty=columns["empty"].astype(float),
        leak=np.where(leaks[:, None], _one_or_two(rng, LEAK, p, 0.6), 0.0),
        mixing=np.where(columns["mixed"] == "none", 0.0, mixing),
        mixed_n=np.where(rng.random((p, 1)) < 0.6, 1.0, n),
        mixed_active=np.where((columns["mixed"] == "active")[:, None], rng.uniform(0, 1, (p, 2)), 0.0),
        resource=unit * log_uniform(rng, RESOURCE, p),
        capture=unit * log_uniform(rng, CAPTURE, p),
        saturation=np.where(same[:, None], saturation[:, :1], saturation),
        cross_theta=1 / log_uniform(rng, HALF_SATURATION, (p, 2)),
        cross_n=_exponents(rng, np.full(p, "separate")),
        step=np.where(stepped, log_uniform(rng, STEP, (p, 2)), np.inf),
        step_n=rng.uniform(*STEP_EXPONENT, (p, 2)),
        wave=disturbance,
        wave_unit=np.sqrt(half.prod(axis=1)),
        background=np.where(disturbed[:, None], eta * log_uniform(rng, BACKGROUND, (p, 1)), 0.0),
        **_gate_ends(rng, p),
    )
