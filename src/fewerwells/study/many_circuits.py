"""Arms that know many circuits instead of one: what everything that can be written down is worth.

They stand beside `protocol.ARMS` and come into a process by `add_many_circuits`, so that designs that are published
without them stay what they are.
"""

from __future__ import annotations

from functools import lru_cache

from fewerwells.science.circuits import Circuit
from fewerwells.science.learners.formulas import SymbolicRegression
from fewerwells.science.learners.in_context import WEIGHTS_WITHOUT, ReadInContext, weights_without
from fewerwells.science.learners.mechanisms import STUDY_FAMILY, NestedSampling, WideLibrary
from fewerwells.science.learners.start import MetaLearned
from fewerwells.science.mechanisms import structure_of, structures_without
from fewerwells.science.meta_start import Start
from fewerwells.study.protocol import ARMS, Arm, Setting, add_arm

# a table asks for each of its cells, and an answer compares the outputs of a circuit with those of all mechanisms
_structure_of, _structures_without = lru_cache(structure_of), lru_cache(structures_without)


def _truth(setting: Setting) -> Circuit:
    """The true circuit, for arms that are told it or must do without it.

    Raises:
        ValueError: nobody knows it, or no mechanism is known to hold it.
    """
    if setting.truth is None:
        raise ValueError("nobody knows the mechanism of a measured system, so no arm can be told it or do without it.")
    _structure_of(setting.truth)
    return setting.truth


def _without_truth(setting: Setting) -> WideLibrary:
    return WideLibrary(_structures_without(_truth(setting)))


# What wells without noise are taken to have where a likelihood needs some, nM.
LEAST_NOISE = 0.1


def _truth_known(setting: Setting) -> NestedSampling:
    return NestedSampling(_structure_of(_truth(setting)), setting.protocol.noise or LEAST_NOISE)


def _meta_learned(setting: Setting, without: tuple[str, ...] = ()) -> MetaLearned:
    """Fine-tuned as the study's transfer is, from a start that no target had a part in choosing.

    Raises:
        ValueError: logarithmic inputs, which the start was not learnt for.
    """
    protocol = setting.protocol
    if protocol.log_inputs:
        raise ValueError(
            "a meta-learned start is learnt on plain concentrations; it cannot be given logarithms of them."
        )
    start = Start(rounds=max(1, protocol.epochs // 2), without=without)  # 1000 at the study's 2000 epochs
    return MetaLearned(
        (protocol.fine_tuning(),), protocol.sizes, protocol.input_range, protocol.output_scale, start=start
    )


def _symbolic(setting: Setting) -> SymbolicRegression:
    return SymbolicRegression(max(1, round(0.03 * setting.protocol.epochs)))  # 60 at the study's 2000 epochs


def _never_seen(setting: Setting) -> ReadInContext:
    return ReadInContext(weights_without(_truth(setting)))


NEVER_SEEN = "in-context network, truth left out"
MANY_CIRCUITS: dict[str, Arm] = {
    "wide library": Arm(
        "What do all mechanisms predict that can be enumerated?", lambda _: WideLibrary(), intervals=True
    ),
    "wide library, truth left out": Arm(
        "… without the right one, and all that contain it?", _without_truth, intervals=True
    ),
    "joint discrepancy": Arm(
        "… for someone who knows the family and that it is not all?",
        lambda _: WideLibrary(STUDY_FAMILY),
        intervals=True,
    ),
    "symbolic regression": Arm("What does genetic programming read from the wells?", _symbolic),
    "meta-learned start": Arm("Is one start for all circuits better than one circuit?", _meta_learned),
    "meta-learned start, truth left out": Arm(
        "… for all but the right one, and all that contain it?",
        lambda setting: _meta_learned(setting, (_truth(setting).name,)),
    ),
    "what the wells know": Arm("What could anyone know who has the equation, from these wells?", _truth_known),
    "in-context network": Arm(
        "What does a network read from them that has seen many?", lambda _: ReadInContext(), intervals=True
    ),
    NEVER_SEEN: Arm("… and never one like this?", _never_seen, intervals=True),
}

# What *A thousand circuits* compares, by what a plate costs: about a tenth of a second, or one to fifteen seconds.
READERS = ("in-context network", NEVER_SEEN)
CHEAP = (
    *("oracle", "transfer", "scratch", "Gaussian process, log inputs", "fit, library", "fit, library without truth"),
    *READERS,
    *("meta-learned start", "meta-learned start, truth left out"),
)
WIDE = ("wide library", "wide library, truth left out")
SLOW = (*WIDE, "joint discrepancy", "symbolic regression", "what the wells know")
OVER_WELLS = (
    *("transfer", "scratch", "Gaussian process, log inputs", "fit, library", "fit, library without truth"),
    *READERS,
    *WIDE,
)


def can_run(arm: str, target: Circuit) -> bool:
    """Whether an arm can be run on a target: not every circuit has a network that has never seen it."""
    return arm != NEVER_SEEN or target.name in WEIGHTS_WITHOUT


def add_many_circuits() -> None:
    """Make these arms known to every design of this process; a second time changes nothing."""
    for name, arm in MANY_CIRCUITS.items():
        if name not in ARMS:
            add_arm(name, arm)
