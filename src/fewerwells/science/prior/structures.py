"""The mechanisms of the prior, enumerated: what is bound, what is active, what happens before and after.

A structure is a choice of core, input stage and output stage without any number. The catalogue says of each how
probable it is and which named circuits it contains, exactly or as the limit of its parameters: whoever claims
something about a plate whose mechanism nobody wrote down has to leave all of those out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

# Share of each choice in the prior. Shares of one choice add up to 1.
CORES = {"competition": 0.68, "gates": 0.16, "cycle": 0.16}
EXPONENTS = {"one": 0.2, "common": 0.45, "separate": 0.35}
EMPTY = {True: 0.8, False: 0.2}
LEAK = {True: 0.4, False: 0.6}
MIXED = {"none": 0.6, "dead": 0.28, "active": 0.12}
SATURATIONS = {"common": 0.6, "separate": 0.4}
INPUTS = {"free": 0.74, "depleted": 0.2, "titrated": 0.06}
SECOND_STEP = {True: 0.15, False: 0.85}


@dataclass(frozen=True)
class Structure:
    """One mechanism without its numbers.

    Attributes:
        core: competition (both inputs bind one resource), gates (every output has a promoter of its own) or cycle
            (one protein in two states, driven by saturable enzymes).
        exponents: of competition: one (single molecules bind), common (n molecules of either) or separate.
        empty: of competition: whether the resource can be empty.
        leak: of competition: whether the empty resource makes something.
        mixed: of competition: no complex of both inputs, a dead one or one that makes something.
        saturations: of a cycle: one Michaelis constant for both enzymes, or one each.
        inputs: free, depleted (binding uses them up) or titrated (they bind one another first).
        second_step: whether each output acts through a saturable step of its own.
    """

    core: str
    exponents: str = "one"
    empty: bool = True
    leak: bool = False
    mixed: str = "none"
    saturations: str = "common"
    inputs: str = "free"
    second_step: bool = False

    @property
    def contains(self) -> frozenset[str]:
        """The named circuits that are among this structure's circuits or a limit of them.

        What is put around a core fades with its numbers (a leak to 0, a titration as its affinity does, a second step as
        it becomes linear), so a structure contains all that its core contains. The leak and the mixed complex count
        as the circuit that has both even where only one of them is there: leaving it out must not leave half of it in.
        """
        names = set()
        if self.core == "cycle":
            names = {"goldbeter_koshland", "phosphorylation_cycle"}
        if self.core == "competition":
            several = self.exponents != "one"
            if self.empty:
                names = {"simple_activation"} | ({"n_part_complex"} if several else set())
            else:
                names = {"phosphorylation_cycle"}
            if self.leak or self.mixed != "none":
                names |= {"mixed_complex"}
            if self.inputs == "depleted":
                names |= {"input_depletion"}
        return frozenset(names)


def _probabilities() -> dict[Structure, float]:
    """Every structure with its probability."""
    table: dict[Structure, float] = {}

    def add(share: float, **choices) -> None:
        structure = Structure(**choices)
        table[structure] = table.get(structure, 0.0) + share

    for (inputs, p_inputs), (second, p_second) in product(INPUTS.items(), SECOND_STEP.items()):
        around, share = {"inputs": inputs, "second_step": second}, p_inputs * p_second
        if inputs == "depleted":  # solved for competition with an empty state, without leak or mixed complex
            for exponents, p in (("one", 0.35), ("common", 0.65)):
                add(share * p, core="competition", exponents=exponents, **around)
            continue
        add(share * CORES["gates"], core="gates", exponents="separate", **around)
        for saturations, p in SATURATIONS.items():
            add(share * CORES["cycle"] * p, core="cycle", saturations=saturations, **around)
        for (exponents, p), (empty, q), (leak, r), (mixed, s) in product(
            EXPONENTS.items(), EMPTY.items(), LEAK.items(), MIXED.items()
        ):
            leak = leak and empty  # what is never empty cannot leak
            add(
                share * CORES["competition"] * p * q * r * s,
                core="competition",
                exponents=exponents,
                empty=empty,
                leak=leak,
                mixed=mixed,
                **around,
            )
    return table


STRUCTURES: dict[Structure, float] = _probabilities()


def structures_without(without: Iterable[str] = ()) -> dict[Structure, float]:
    """The structures that contain none of the named circuits, with probabilities that add up to 1.

    Args:
        without: names of circuits to leave out.

    Raises:
        ValueError: a name that no structure is known to contain.
    """
    left_out, known = tuple(without), frozenset().union(*(structure.contains for structure in STRUCTURES))
    for name in left_out:
        if name not in known:
            raise ValueError(f"there is no circuit {name!r} to leave out; choose among {', '.join(sorted(known))}.")
    kept = {structure: p for structure, p in STRUCTURES.items() if structure.contains.isdisjoint(left_out)}
    total = sum(kept.values())
    return {structure: p / total for structure, p in kept.items()}
