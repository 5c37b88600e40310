"""Arms that know many circuits instead of one: what everything that can be written down is worth.

They stand beside `protocol.ARMS` and come into a process by `add_many_circuits`, so that designs that are published
without them stay what they are.
"""

from __future__ import annotations

from fewerwells.science.learners.formulas import SymbolicRegression
from fewerwells.science.learners.in_context import ReadInContext, weights_without
from fewerwells.science.learners.mechanisms import STUDY_FAMILY, NestedSampling, WideLibrary
from fewerwells.science.learners.start import MetaLearned
from fewerwells.science.mechanisms import structure_of, structures_without
from fewerwells.science.meta_start import Start
from fewerwells.study.protocol import ARMS, Arm, Setting, add_arm


def _without_truth(setting: Setting) -> WideLibrary:
    return WideLibrary(structures_without(setting.truth))


def _truth_known(setting: Setting) -> NestedSampling:
    return NestedSampling(structure_of(setting.truth), setting.protocol.noise)


def _meta_learned(setting: Setting, without: tuple[str, ...] = ()) -> MetaLearned:
    """Fine-tuned as the study's transfer is, from a start that no target had a part in choosing."""
    protocol = setting.protocol
    start = Start(without=without)
    return MetaLearned(
        (protocol.fine_tuning(),), protocol.sizes, protocol.input_range, protocol.output_scale, start=start
    )


def _never_seen(setting: Setting) -> ReadInContext:
    return ReadInContext(weights_without(setting.truth))


MANY_CIRCUITS: dict[str, Arm] = {
    "wide library": Arm("What do all mechanisms predict that can be enumerated?", lambda _: WideLibrary()),
    "wide library, truth left out": Arm("… without the right one, and all that contain it?", _without_truth),
    "joint discrepancy": Arm(
        "… for someone who knows the family and that it is not all?", lambda _: WideLibrary(STUDY_FAMILY)
    ),
    "symbolic regression": Arm("What does genetic programming read from the wells?", lambda _: SymbolicRegression()),
    "meta-learned start": Arm("Is one start for all circuits better than one circuit?", _meta_learned),
    "meta-learned start, truth left out": Arm(
        "… for all but the right one, and all that contain it?",
        lambda setting: _meta_learned(setting, (setting.truth.name,)),
    ),
    "what the wells know": Arm("What could anyone know who has the equation, from these wells?", _truth_known),
    "in-context network": Arm("What does a network read from them that has seen many?", lambda _: ReadInContext()),
    "in-context network, truth left out": Arm("… and never one like this?", _never_seen),
}


def add_many_circuits() -> None:
    """Make these arms known to every design of this process; a second time changes nothing."""
    for name, arm in MANY_CIRCUITS.items():
        if name not in ARMS:
            add_arm(name, arm)
