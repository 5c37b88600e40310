"""Outputs of many circuits of many mechanisms at once, each with numbers of its own."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from fewerwells.science.circuits import Circuit, relative_outputs

WAVES = 8  # cosines in a random smooth disturbance
BLOCK = 16_384  # points computed at a time


@dataclass(frozen=True)
class Circuits:
    """P circuits, each with numbers of its own; a number that a circuit's mechanism lacks is not read.

    Concentrations are in nM. Arrays have shape (P,) or, one value for each input or output, (P, 2).

    Attributes:
        core: 0 competition, 1 gates, 2 cycle.
        inputs: 0 free, 1 depleted, 2 titrated.
        theta, n, eta: (P, 2) affinities, nM⁻¹, exponents and largest outputs, nM.
        empty: weight of the empty state.
        leak: (P, 2) share of the largest output that is made without an input.
        mixing: weight of the mixed complex; 0 for none.
        mixed_n: (P, 2) molecules of each input in the mixed complex.
        mixed_active: (P, 2) share of each largest output that the mixed complex makes.
        resource: total resource, nM.
        capture: dissociation constant of the inputs from one another, nM.
        saturation: (P, 2) Michaelis constant over total protein, of the enzyme that makes y₁ and of the other.
        own: (P, 2, 2) activity of output i's promoter without and with its own input.
        cross: (P, 2, 2) factor on it without and with the other input.
        cross_theta, cross_n: (P, 2) affinity and exponent of the other input at output i's promoter.
        step: (P, 2) where the second step is half-way, as a share of the largest output; infinite for no step.
        step_n: (P, 2) its exponent.
        wave: (P, 2, WAVES, 4) frequencies (2), phase and amplitude of a smooth disturbance of log y.
        wave_unit: nM; the disturbance is a function of log(1 + x/wave_unit).
        background: (P, 2) nM, added to all wells.
    """

    core: np.ndarray
    inputs: np.ndarray
    theta: np.ndarray
    n: np.ndarray
    eta: np.ndarray
    empty: np.ndarray
    leak: np.ndarray
    mixing: np.ndarray
    mixed_n: np.ndarray
    mixed_active: np.ndarray
    resource: np.ndarray
    capture: np.ndarray
    saturation: np.ndarray
    own: np.ndarray
    cross: np.ndarray
    cross_theta: np.ndarray
    cross_n: np.ndarray
    step: np.ndarray
    step_n: np.ndarray
    wave: np.ndarray
    wave_unit: np.ndarray
    background: np.ndarray

    def __len__(self) -> int:
        return len(self.core)

    def __getitem__(self, which) -> Circuits:
        """The circuits chosen by a slice, a mask or an index array."""
        return Circuits(*(getattr(self, field.name)[which] for field in fields(self)))

    @classmethod
    def plain(cls, p: int) -> Circuits:
        """P simple activations with θ = 1 nM⁻¹ and η = 1 nM and nothing around them, to build others from."""
        one, pair = np.ones(p), np.ones((p, 2))
        return cls(
            core=np.zeros(p, int),
            inputs=np.zeros(p, int),
            theta=pair,
            n=pair,
            eta=pair,
            empty=one,
            leak=0 * pair,
            mixing=0 * one,
            mixed_n=pair,
            mixed_active=0 * pair,
            resource=one,
            capture=one,
            saturation=pair,
            own=np.broadcast_to([0.0, 1.0], (p, 2, 2)),
            cross=np.ones((p, 2, 2)),
            cross_theta=pair,
            cross_n=pair,
            step=np.inf * pair,
            step_n=pair,
            wave=np.zeros((p, 2, WAVES, 4)),
            wave_unit=one,
            background=0 * pair,
        )

    @classmethod
    def of(cls, circuit: Circuit) -> Circuits:
        """A named circuit as the only one of a batch."""
        plain, own = cls.plain(1), circuit.own_parameters
        values = {"theta": [circuit.theta], "eta": [circuit.eta], "n": [[circuit.n] * 2], "empty": [circuit.b]}
        if "resource" in own:
            values |= {"inputs": [1], "resource": [own["resource"]]}
        if "saturation" in own:
            values |= {"core": [2], "saturation": [[own["saturation"]] * 2]}
        if "mixing" in own:
            values |= {"leak": [[own["leak"]] * 2], "mixing": [own["mixing"]]}
        return cls(
            **{field.name: np.asarray(values.get(field.name, getattr(plain, field.name))) for field in fields(cls)}
        )

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """Noise-free outputs, nM.

        Args:
            x: inputs, shape (P, M, 2), nM, not negative.

        Returns:
            Shape (P, M, 2).
        """
        if x.shape[0] * x.shape[1] > 2 * BLOCK and len(x) > 1:  # arrays that stay in the cache are done twice as fast
            step = max(1, BLOCK // x.shape[1])
            parts = (slice(start, start + step) for start in range(0, len(x), step))
            return np.concatenate([self[part].outputs(x[part]) for part in parts])
        titrated = self.inputs == 2
        reaching = x.copy() if titrated.any() else x
        if titrated.any():
            reaching[titrated] = _titrated(x[titrated], self.capture[titrated])
        share = np.empty(x.shape)
        depleted = self.inputs == 1
        for which, formula in (
            (depleted, _depleted),
            ((self.core == 0) & ~depleted, _competition),
            (self.core == 1, _gates),
            (self.core == 2, _cycle),
        ):
            if which.all():
                share = formula(self, reaching)
            elif which.any():
                share[which] = formula(self[which], reaching[which])
        stepped = np.isfinite(self.step).all(axis=1)
        if stepped.any():
            share[stepped] = _second_step(self[stepped], share[stepped])
        y = self.eta[:, None, :] * share
        disturbed = self.wave[..., 3].any(axis=(1, 2))
        if disturbed.any():
            y[disturbed] *= _disturbance(self[disturbed], x[disturbed])
        return y + self.background[:, None, :]


def _power(base: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """Elements of (P, M, 2) to the powers (P, 2); a power of 1 costs nothing."""
    if np.all(exponent == 1):
        return base
    return base ** exponent[:, None, :]


def _titrated(x: np.ndarray, capture: np.ndarray) -> np.ndarray:
    """Free inputs when X₁ and X₂ bind one another: x − c with (x₁ − c)(x₂ − c) = Kc, without cancellation."""
    k = capture[:, None]
    total, product = x[..., 0] + x[..., 1] + k, x[..., 0] * x[..., 1]
    bound = 2 * product / (total + np.sqrt(np.maximum(total**2 - 4 * product, 0)))
    return np.maximum(x - bound[..., None], 0)


def _competition(c: Circuits, x: np.ndarray) -> np.ndarray:
    scaled = c.theta[:, None, :] * x
    bound = _power(scaled, c.n)
    total = c.empty[:, None] + (bound[..., 0] + bound[..., 1])
    made = c.leak[:, None, :] * c.empty[:, None, None] + bound
    if c.mixing.any():
        parts = _power(scaled, c.mixed_n)
        mixed = c.mixing[:, None] * (parts[..., 0] * parts[..., 1])
        total = total + mixed
        made = made + c.mixed_active[:, None, :] * mixed[..., None]
    nothing = total == 0
    if not nothing.any():
        return made / total[..., None]
    return np.where(nothing[..., None], 0.5, made / np.where(nothing, 1.0, total)[..., None])


def _depleted(c: Circuits, x: np.ndarray) -> np.ndarray:
    share = np.empty(x.shape)
    for n in (1, 2):
        which = c.n[:, 0] == n
        if which.any():
            share[which] = relative_outputs(
                "input_depletion", x[which], c.theta[which], n=n, resource=c.resource[which]
            )
    return share


def _gates(c: Circuits, x: np.ndarray) -> np.ndarray:
    def activity(ends: np.ndarray, w: np.ndarray) -> np.ndarray:
        return (ends[:, None, :, 0] + ends[:, None, :, 1] * w) / (1 + w)

    own = activity(c.own, _power(c.theta[:, None, :] * x, c.n))
    cross = activity(c.cross, _power(c.cross_theta[:, None, :] * x[..., ::-1], c.cross_n))
    leak = c.leak[:, None, :]
    return leak + (1 - leak) * own * cross


def _cycle(c: Circuits, x: np.ndarray) -> np.ndarray:
    """The share p of the first state in a·(1−p)/(1+(1−p)/J₁) = c·p/(1+p/J₂) (Goldbeter & Koshland 1981).

    The roots of a quadratic whose discriminant is a sum of squares; of the two ways to write the root that lies
    between 0 and 1, the one without a difference of nearly equal numbers.
    """
    flow = _power(c.theta[:, None, :] * x, c.n)
    share = np.empty(x.shape)
    for i in (0, 1):  # each share by itself, so that the smaller one keeps its digits
        a, b = flow[..., i], flow[..., 1 - i]
        lead = b / c.saturation[:, i, None] - a / c.saturation[:, 1 - i, None]
        linear, root = a + b + lead, np.hypot(b - a + lead, 2 * np.sqrt(a * b))
        with np.errstate(invalid="ignore", divide="ignore"):
            share[..., i] = np.where(linear >= 0, 2 * a / (linear + root), (linear - root) / (2 * lead))
    return np.where(flow.sum(axis=-1, keepdims=True) == 0, 0.5, share)


def _second_step(c: Circuits, share: np.ndarray) -> np.ndarray:
    half = c.step[:, None, :] ** c.step_n[:, None, :]
    raised = share ** c.step_n[:, None, :]
    return (1 + half) * raised / (half + raised)


def _disturbance(c: Circuits, x: np.ndarray) -> np.ndarray:
    position = np.log1p(x / c.wave_unit[:, None, None])
    phase = np.einsum("pmj,pkwj->pmkw", position, c.wave[..., :2]) + c.wave[:, None, :, :, 2]
    return np.exp((c.wave[:, None, :, :, 3] * np.cos(phase)).sum(axis=-1))
