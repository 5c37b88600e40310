"""Arms of *Which wells?*: a learner, a design that chose its wells, and the domain that they were chosen from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fewerwells.science.datasets import BIG, SMALL, Domain
from fewerwells.science.design.reading import ALL_DESIGNS
from fewerwells.science.learners import Learner
from fewerwells.study.chosen import Moved, Rounds
from fewerwells.study.many_circuits import MANY_CIRCUITS
from fewerwells.study.protocol import ARMS, Arm, Setting, Wells, add_arm

LEARNERS: dict[str, Callable[[Setting], Learner]] = {
    "library": ARMS["fit, library"].learner,
    "library without truth": ARMS["fit, library without truth"].learner,
    "Gaussian process": ARMS["Gaussian process"].learner,
    "scratch": ARMS["scratch"].learner,
    "transfer": ARMS["transfer"].learner,
    "in-context network": MANY_CIRCUITS["in-context network"].learner,
}
DOMAINS = {"0–10 nM": SMALL, "0–20 nM": BIG}
# What Experiment 3 compares on `design_seeds` of the seeds: designs for the library, and other learners with their designs.
OTHER_DESIGNS = (
    "Sobol",
    "Sobol, logarithmic",
    "diagonal",
    "D-optimal, simple model",
    "I-optimal, simple model",
    "library, mechanisms",
    "library, rounds of 12",
    "library, one round",
    "in-context network",
)
OTHER_LEARNERS = (
    ("library without truth", "Sobol"),
    ("library without truth", "library"),
    ("Gaussian process", "random"),
    ("Gaussian process", "Sobol"),
    ("Gaussian process", "library"),
    ("Gaussian process", "Gaussian process"),
    ("in-context network", "random"),
    ("in-context network", "library"),
    ("in-context network", "in-context network"),
)
NETWORKS = ("scratch", "transfer")
# Each way to use a simulation, by what it is used as: who learns, and who chose the wells; all inside 0–10 nM.
WAYS = {
    "a start: one circuit, pre-trained": ("transfer", "random"),
    "equations: a library, fitted": ("library", "random"),
    "equations, the right one missing": ("library without truth", "random"),
    "a prior: a network that read many": ("in-context network", "random"),
    "a designer: wells the library chose": ("library", "library"),
    "together: chosen wells, that network": ("in-context network", "library"),
}
MOST_CHOSEN = 48  # wells that a design chooses: six rounds
ROUNDS = {"library, rounds of 12": 12, "library, one round": MOST_CHOSEN}  # wells in a round; 8 by default
OUTSIDE = (0, 4, 8, 16, 32, 64)  # of a plate's wells


@dataclass(frozen=True)
class WellArm:
    """What the name of an arm stands for: a key of `LEARNERS`, a design or how many are outside, a key of `DOMAINS`."""

    learner: str
    design: str
    domain: str

    @property
    def name(self) -> str:
        """The arm's name in tables."""
        return f"{self.learner}, {self.design} wells, {self.domain}"

    @property
    def arm(self) -> Arm:
        """The arm itself."""
        domain: Domain = DOMAINS[self.domain]
        asks = getattr(ALL_DESIGNS.get(self.design), "asks", "Is one well outside worth many inside?")
        return Arm(asks, LEARNERS[self.learner], Wells(domain, chosen=self._chosen))

    @property
    def _chosen(self) -> Rounds | Moved | None:
        if self.design == "random":  # the study's own wells, drawn evenly from the domain
            return None
        if self.design.endswith("outside"):
            return Moved(int(self.design.split()[0]))
        without = self.learner == "library without truth" and self.design.startswith("library")
        if self.design in ROUNDS:
            return Rounds(ALL_DESIGNS["library"], ROUNDS[self.design], without_truth=without)
        return Rounds(ALL_DESIGNS[self.design], without_truth=without)


def _all() -> list[WellArm]:
    asked = [("library", design) for design in ("random", "library", *OTHER_DESIGNS)]
    asked += [*OTHER_LEARNERS, *((network, design) for network in NETWORKS for design in ("random", "library"))]
    asked += [way for way in WAYS.values() if way not in asked]
    arms = [WellArm(learner, design, domain) for learner, design in asked for domain in DOMAINS]
    moved = [WellArm(learner, f"{m} outside", "0–20 nM") for learner in NETWORKS for m in OUTSIDE]
    return arms + moved


WELL_ARMS: dict[str, WellArm] = {arm.name: arm for arm in _all()}


def add_well_arms() -> None:
    """Make these arms known to every design of this process; a second time changes nothing."""
    for name, arm in WELL_ARMS.items():
        if name not in ARMS:
            add_arm(name, arm.arm)
