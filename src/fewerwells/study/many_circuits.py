"""Arms that know many circuits instead of one: what everything that can be written down is worth.

They stand beside `protocol.ARMS` and come into a process by `add_many_circuits`, so that designs that are published
without them stay what they are.
"""

from __future__ import annotations

from fewerwells.science.learners.mechanisms import STUDY_FAMILY, WideLibrary
from fewerwells.science.mechanisms import structures_without
from fewerwells.study.protocol import ARMS, Arm, Setting, add_arm


def _without_truth(setting: Setting) -> WideLibrary:
    return WideLibrary(structures_without(setting.truth))


MANY_CIRCUITS: dict[str, Arm] = {
    "wide library": Arm("What do all mechanisms predict that can be enumerated?", lambda _: WideLibrary()),
    "wide library, truth left out": Arm("… without the right one, and all that contain it?", _without_truth),
    "joint discrepancy": Arm(
        "… for someone who knows the family and that it is not all?", lambda _: WideLibrary(STUDY_FAMILY)
    ),
}


def add_many_circuits() -> None:
    """Make these arms known to every design of this process; a second time changes nothing."""
    for name, arm in MANY_CIRCUITS.items():
        if name not in ARMS:
            add_arm(name, arm)
