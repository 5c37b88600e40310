"""Mechanisms enumerated rather than listed: every structure that a few axes of chemistry span.

A structure says which states a promoter (or a protein) has, which of them make an output, and what happens to inputs
and outputs on the way. All of them are forms yᵢ = ηᵢ·fᵢ(x; p) for `fitting`; the study's circuits are among them. Each
parameter has a plausible range, which serves as its prior: log-normal, with 95 % of it in the range.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import scipy

from fewerwells.science.circuits import Circuit, relative_outputs
from fewerwells.science.datasets import BIG, sobol_inputs
from fewerwells.science.forms import Coordinate, Form

# The ranges that hold 95 % of what is plausible: K and n of gene circuits, resources and saturations from the ladders
# of the study, leaks from the inverse dynamic ranges of characterised gates, the rest an order of magnitude either way.
PLAUSIBLE: dict[str, tuple[float, float]] = {
    "K_1": (1.0, 100.0),  # nM: half-saturation of x₁ alone
    "K_2": (1.0, 100.0),  # nM
    "K_1/K_2": (1 / 30, 30.0),  # where there is no empty state, only this counts
    "n_1": (1.0, 4.0),
    "n_2": (1.0, 4.0),
    "leak": (0.002, 0.3),  # share of the largest output
    "mixing": (0.1, 10.0),  # how much more tightly the mixed complex binds than its parts would
    "resource": (0.1, 10.0),  # nM
    "saturation": (0.01, 10.0),  # Michaelis constant over the total protein
    "decoys_1": (0.1, 10.0),  # nM: what binds x₁ and makes nothing
    "decoys_2": (0.1, 10.0),  # nM
    "decoys": (0.1, 10.0),  # nM: what binds both
    "dimer": (0.3, 30.0),  # nM: dissociation constant of the dimers
    "squelching": (10.0, 300.0),  # nM of both inputs together that halve all outputs
    "grip": (0.03, 3.0),  # nM: dissociation constant of the decoys
    "threshold": (0.03, 3.0),  # of the second step, as a share of the largest output of the first
    "steepness": (0.5, 4.0),  # Hill coefficient of the second step
}
SLACK = 20.0  # a search may go that far beyond a plausible range, but for n
_N_LIMITS = (0.3, 8.0)
_MEAN_K = 10.0  # nM: √(K₁K₂) where only the ratio counts, by convention

_OF_INPUTS: dict[str, list[str]] = {
    "free": [],
    "depleted": ["resource"],
    "titrated": ["decoys_1", "decoys_2", "grip"],
    "titrated together": ["decoys", "grip"],
    "dimerised": ["dimer"],
}

EXPONENTS = ("one", "common", "separate")
MIXED = ("none", "dead", "y1", "y2", "both")


def prior_of(name: str) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of a parameter."""
    low, high = np.log(PLAUSIBLE[name])
    return float((low + high) / 2), float((high - low) / (2 * scipy.stats.norm.ppf(0.975)))


def _coordinate(name: str) -> Coordinate:
    low, high = PLAUSIBLE[name]
    bounds = _N_LIMITS if name.startswith("n_") else (low / SLACK, high * SLACK)
    if name == "leak":
        bounds = (bounds[0], 1.0)  # no output exceeds its η
    return Coordinate(name, *bounds, start=(low, high))


@dataclass(frozen=True)
class Structure:
    """One combination of the axes.

    Attributes:
        regulation: "competition" (both inputs bind one resource), "independent" (each its own) or "repression" (each
            output is made until its own input binds).
        exponents: "one" (n = 1), "two" (n = 2), "common" (one n, free) or "separate" (two, free).
        empty: whether there is an empty state.
        leak: whether the empty state makes a share of both outputs; for repression, whether the bound one does.
        mixed: the complex of both inputs: "none", "dead", or which outputs it makes, "y1", "y2" or "both".
        whole: whether the mixed complex holds n copies of each input instead of one.
        inputs: "free"; "depleted" (binding the resource uses them up), "titrated" (each by decoys of its own), "titrated
            together" (both by the same decoys) or "dimerised" (only dimers bind, in the place of monomers).
        saturated: enzymes saturated by the protein they work on; competition without an empty state only.
        second_step: whether the output is a Hill function of what the first step makes.
        squelched: whether an excess of both inputs takes what all outputs need (Gill & Ptashne 1988).
        one_eta: whether both outputs share one η.
    """

    regulation: str = "competition"
    exponents: str = "common"
    empty: bool = True
    leak: bool = False
    mixed: str = "none"
    whole: bool = False
    inputs: str = "free"
    saturated: bool = False
    second_step: bool = False
    squelched: bool = False
    one_eta: bool = False

    @property
    def label(self) -> str:
        """The structure in words, such as "competition, common n, leak, mixed complex dead"."""
        exponents = {"one": "n = 1", "two": "n = 2", "common": "common n", "separate": "separate n"}[self.exponents]
        mixed = "" if self.mixed == "none" else f"{'whole ' * self.whole}mixed complex {self.mixed}"
        inputs = "" if self.inputs == "free" else f"inputs {self.inputs}"
        extras = [name for name in ("leak", "saturated", "second_step", "squelched", "one_eta") if getattr(self, name)]
        words = [self.regulation, exponents, "" if self.empty else "no empty state", *extras, mixed, inputs]
        return ", ".join(word.replace("_", " ") for word in words if word)

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that are searched, η aside, by their names in `PLAUSIBLE`."""
        names = ["K_1", "K_2"] if self.empty else ["K_1/K_2"]
        names += {"common": ["n_1"], "separate": ["n_1", "n_2"]}.get(self.exponents, [])
        names += ["leak"] if self.leak else []
        names += ["mixing"] if self.mixed != "none" else []
        names += _OF_INPUTS[self.inputs]
        names += ["saturation"] if self.saturated else []
        names += ["threshold", "steepness"] if self.second_step else []
        names += ["squelching"] if self.squelched else []
        return tuple(names)

    @property
    def kind(self) -> str:
        """What sets it apart from a plain promoter, in a word; kinds are equally probable before any well is seen."""
        if self.regulation != "competition":
            return self.regulation
        if self.inputs != "free":
            return self.inputs
        for name in ("saturated", "second_step", "squelched"):
            if getattr(self, name):
                return name
        return "promoter" if self.empty else "cycle"

    @property
    def form(self) -> Form:
        """The structure as `fitting` searches it."""
        return Form(
            tuple(_coordinate(name) for name in self.names),
            partial(_by_name, self.names),
            partial(_outputs, self),
            one_eta=self.one_eta,
        )

    @property
    def prior(self) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard deviations (k,) of the logarithms of the parameters."""
        means, spreads = zip(*(prior_of(name) for name in self.names), strict=True)
        return np.array(means), np.array(spreads)

    def holds(self, circuit: Circuit) -> bool:
        """Whether a circuit is among the structure's members or a limit of them, whatever the circuit's parameters.

        A parameter may go to 0 or to infinity: titration by no decoys is no titration, a leak may fade, and an empty
        state that binds both inputs ever more tightly is none.

        Raises:
            ValueError: as `structure_of`: of such a circuit nobody can say.
        """
        plainest = structure_of(circuit)
        if self.regulation != plainest.regulation:
            return False
        whole = {"one": (1,), "two": (2,)}.get(self.exponents, (circuit.n,))
        whole += (2,) if self.inputs == "dimerised" else ()  # of monomers that hardly bind one another
        reaches_n = circuit.n in whole
        if plainest.saturated:
            return self.saturated
        if plainest.inputs == "depleted":
            return self.inputs == "depleted" and reaches_n
        if not plainest.empty:
            return reaches_n
        leak, mixing = (circuit.own_parameters.get(name) for name in ("leak", "mixing"))
        if leak or mixing:
            same_complex = self.mixed == "dead" and (not self.whole or circuit.n == 1)
            dead = same_complex or not mixing
            return self.empty and reaches_n and dead and (self.leak or not leak)
        return self.empty and reaches_n


def _by_name(names: tuple[str, ...], values: np.ndarray) -> dict:
    return {name: values[..., column] for column, name in enumerate(names)}


def _column(parameters: Mapping, name: str, default: float = 1.0) -> np.ndarray:
    """A parameter against wells and outputs, (..., 1, 1)."""
    return np.asarray(parameters.get(name, default), float)[..., None, None]


def _pair(parameters: Mapping, stem: str, default: float = 1.0) -> np.ndarray:
    """Two parameters, one an input, against wells, (..., 1, 2); a missing second one is the first."""
    first = _column(parameters, f"{stem}_1", default)
    return (
        np.concatenate([first, _column(parameters, f"{stem}_2", default)], axis=-1)
        if (f"{stem}_2" in parameters)
        else first
    )


def _half_saturations(parameters: Mapping) -> np.ndarray:
    """K (..., 1, 2), nM."""
    if "K_1" in parameters:
        return _pair(parameters, "K")
    root = np.sqrt(_column(parameters, "K_1/K_2"))
    return _MEAN_K * np.concatenate([root, 1 / root], axis=-1)


def _free_of_decoys(x: np.ndarray, decoys: np.ndarray, grip: np.ndarray) -> np.ndarray:
    """What decoys leave of the inputs: the x̂ ≥ 0 with x = x̂ + decoys·x̂/(grip + x̂) (Buchler & Louis 2008)."""
    excess = x - decoys - grip
    root = np.sqrt(excess**2 + 4 * grip * x)
    return np.where(excess > 0, (excess + root) / 2, 2 * grip * x / np.maximum(root - excess, 1e-300))


def _dimers(x: np.ndarray, dissociation: np.ndarray) -> np.ndarray:
    """How much of the inputs is in dimers: 2d with x = x̂ + 2d and x̂² = dissociation·d."""
    quarter = dissociation / 4
    return x**2 / np.maximum(x + quarter + np.sqrt(quarter * (quarter + 2 * x)), 1e-300)


def _outputs(structure: Structure, parameters: Mapping, x: np.ndarray) -> np.ndarray:
    """fᵢ of a structure, (..., N, 2), for parameters of shape (...) and inputs (N, 2), nM."""
    affinities = 1 / _half_saturations(parameters)
    if structure.inputs == "titrated":
        x = _free_of_decoys(x, _pair(parameters, "decoys"), _column(parameters, "grip"))
    if structure.inputs == "titrated together":
        amount = x.sum(axis=-1, keepdims=True)
        left = _free_of_decoys(amount, _column(parameters, "decoys"), _column(parameters, "grip"))
        x = x * (left / np.where(amount == 0, 1.0, amount))
    if structure.inputs == "dimerised":
        x = _dimers(x, _column(parameters, "dimer"))
    if structure.inputs == "depleted":
        n = 1 if structure.exponents == "one" else 2
        bound = relative_outputs("input_depletion", x, affinities[..., 0, :], n=n, resource=parameters["resource"])
        made = bound + _column(parameters, "leak", 0.0) * (1 - bound.sum(axis=-1, keepdims=True))
    elif structure.saturated:
        made = relative_outputs("goldbeter_koshland", x, affinities[..., 0, :], saturation=parameters["saturation"])
    else:
        made = _promoter(structure, parameters, x * affinities)
    if structure.second_step:
        threshold, steepness = _column(parameters, "threshold"), _column(parameters, "steepness")
        made = (1 + threshold**steepness) * made**steepness / (threshold**steepness + made**steepness)
    if structure.squelched:
        made = made / (1 + x.sum(axis=-1, keepdims=True) / _column(parameters, "squelching"))
    return made


def _promoter(structure: Structure, parameters: Mapping, scaled: np.ndarray) -> np.ndarray:
    """The share of the time that a promoter makes each output, for inputs over their half-saturations (..., N, 2)."""
    exponent = {"one": 1.0, "two": 2.0}.get(structure.exponents)
    bound = scaled ** (_pair(parameters, "n") if exponent is None else exponent)
    leak = _column(parameters, "leak", 0.0)
    if structure.regulation == "repression":
        return (1 + leak * bound) / (1 + bound)
    if structure.regulation == "independent":
        return (leak + bound) / (1 + bound)
    mixed: np.ndarray | float = 0.0
    if structure.mixed != "none":
        parts = bound if structure.whole else scaled
        mixed = _column(parameters, "mixing") * (parts[..., :1] * parts[..., 1:])
    total = structure.empty + (bound[..., :1] + bound[..., 1:]) + mixed  # a sum over so short an axis would take longer
    if not structure.empty:  # by convention both outputs share equally where there is no input
        bound, total = np.where(total == 0, 0.5, bound), np.where(total == 0, 1.0, total)
    makes = np.array([structure.mixed in ("y1", "both"), structure.mixed in ("y2", "both")], float)
    return (leak + bound + makes * mixed) / total


@lru_cache(maxsize=1)
def enumerate_structures() -> tuple[Structure, ...]:
    """All structures of the library, no two of them the same function."""
    both = (False, True)
    found = [Structure(exponents=n, leak=leak, mixed=mixed) for n in EXPONENTS for leak in both for mixed in MIXED]
    # at n = 1 a complex of one copy each is the whole complex
    found += [Structure(exponents=n, leak=leak, mixed="dead", whole=True) for n in EXPONENTS[1:] for leak in both]
    found += [Structure(exponents=n, empty=False, one_eta=one) for n in EXPONENTS for one in both]
    found += [Structure(exponents="one", empty=False, saturated=True, one_eta=one) for one in both]
    found += [Structure(exponents=n, leak=leak, inputs="depleted") for n in ("one", "two") for leak in both]
    found += [
        Structure(exponents=n, leak=leak, inputs=inputs)
        for inputs in ("titrated", "titrated together", "dimerised")
        for n in EXPONENTS[:2]
        for leak in both
    ]
    found += [Structure(exponents=n, leak=leak, squelched=True) for n in EXPONENTS[:2] for leak in both]
    found += [Structure(exponents=n, leak=leak, second_step=True) for n in EXPONENTS for leak in both]
    found += [
        Structure(regulation, exponents=n, leak=leak)
        for regulation in ("independent", "repression")
        for n in EXPONENTS
        for leak in both
    ]
    return tuple(found)


def structure_of(circuit: Circuit) -> Structure:
    """The plainest entry of which a circuit is a member: what someone fits who knows its equation.

    It is read from the parameters that the circuit has, and believed only if it gives the circuit's outputs.

    Raises:
        ValueError: no entry does, as for most circuits that are registered from elsewhere.
    """
    own = circuit.own_parameters
    depleted = "resource" in own
    free_n = "n" in own and not depleted  # depletion is solved for one and for two molecules
    found = Structure(
        exponents="common" if free_n else "two" if circuit.n == 2 else "one",
        empty=circuit.b != 0,
        leak="leak" in own,
        mixed="dead" if "mixing" in own else "none",
        inputs="depleted" if depleted else "free",
        saturated="saturation" in own,
        one_eta=circuit.kind.shares_total,
    )
    if circuit.b is None or not _gives(found, circuit):
        raise ValueError(f"no enumerated mechanism is known to hold {circuit.label}.")
    return found


def _gives(structure: Structure, circuit: Circuit) -> bool:
    """Whether a structure with a circuit's own parameters has the circuit's outputs."""
    first, second = circuit.theta
    told = {"K_1": 1 / first, "K_2": 1 / second, "K_1/K_2": second / first, "n_1": circuit.n, **circuit.own_parameters}
    if not {"n", *structure.names} >= set(circuit.own_parameters):
        return False
    x = sobol_inputs(BIG, 16)
    relative = structure.form.relative_outputs({name: np.asarray(told[name]) for name in structure.names}, x)
    return np.allclose(np.array(circuit.eta) * relative, circuit(x), rtol=1e-9, atol=0)


def log_prior_of(structures: Sequence[Structure]) -> np.ndarray:
    """Logarithms (M,) of prior probabilities: kinds alike, entries of a kind alike, so that variants do not outvote."""
    members = Counter(structure.kind for structure in structures)
    return -np.log([len(members) * members[structure.kind] for structure in structures])


def structures_without(circuit: Circuit) -> tuple[Structure, ...]:
    """The library with every entry left out that holds a circuit as a member or as a limit."""
    return tuple(structure for structure in enumerate_structures() if not structure.holds(circuit))
