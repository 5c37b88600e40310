"""Chapter 9: silent choices, a source with the wrong numbers, a sweep that is fair and small."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache

import numpy as np

from fewerwells.course.properties import NotYet, checks, number
from fewerwells.course.small_study import PROTOCOL, SEEDS, errors, train_arm
from fewerwells.running.parameters import Experiment1, problems
from fewerwells.running.plain import read_value
from fewerwells.science.circuits import reference_circuit
from fewerwells.science.learners import Runtime
from fewerwells.study.protocol import SIMPLE_MODEL, Cell, Protocol
from fewerwells.study.trials import pretrain, run_cell

TARGET = reference_circuit("n_part_complex", 2.0)
PLATE = 96
CHANGES = {
    "batch size": replace(PROTOCOL, batch_size=1024),
    "learning rate": replace(PROTOCOL, learning_rate=3e-4),
    "input scaling": replace(PROTOCOL, input_range=(-20.0, 20.0)),
}


@cache
def _rankings() -> dict[str, list[str]]:
    """For each region the changes by how far they move the error from scratch, the smallest first."""

    def error(protocol: Protocol) -> np.ndarray:
        networks = run_cell(Cell("scratch", TARGET, PLATE), protocol, SEEDS).ensemble
        return np.mean(errors(networks, TARGET), axis=1)

    before = error(PROTOCOL)
    moved = {name: np.abs(np.log(error(protocol) / before)) for name, protocol in CHANGES.items()}
    return {
        region: sorted(moved, key=lambda name: moved[name][place]) for place, region in enumerate(("inside", "outside"))
    }


@checks("9.1")
def silent_choices(answer) -> None:
    truth = _rankings()
    if not isinstance(answer, dict) or set(answer) != set(truth):
        raise NotYet('A dictionary with the keys "inside" and "outside" is asked for.')
    said = {region: list(names) for region, names in answer.items()}
    if any(sorted(names) != sorted(CHANGES) for names in said.values()):
        raise NotYet(f"Each ranking holds these three names, each once: {', '.join(CHANGES)}.")
    if said == truth:
        return
    if said == {region: names[::-1] for region, names in truth.items()}:
        raise NotYet("Smallest change first, please.")
    if said["inside"] == truth["outside"] and said["outside"] == truth["inside"]:
        raise NotYet("The two regions are swapped.")
    if any(names[0] != "batch size" for names in said.values()):
        raise NotYet("How many batches do 96 wells make at a batch size of 256, and how many at 1024?")
    (right,) = [region for region in truth if said[region] == truth[region]] or [""]
    raise NotYet(
        (f"The ranking {right} is right. " if right else "")
        + "Train from scratch with each protocol, average the errors over the seeds, and compare the absolute logarithm of "
        "error after / error before: an error cut to a third counts as much as one that grew threefold."
    )


@cache
def _transfer_to_scratch(decades: float, wells: int) -> tuple[float, int]:
    """Error inside of transfer over that of scratch when the source's θ is off, and how many seeds transfer loses."""
    source = replace(SIMPLE_MODEL, theta=tuple(value * 10**decades for value in SIMPLE_MODEL.theta))
    cell = Cell("transfer", TARGET, wells)
    networks = run_cell(cell, PROTOCOL, SEEDS, runtime=Runtime(pretrained=lambda *_: _pretrained_on(source))).ensemble
    transfer, scratch = errors(networks, TARGET)[0], errors(train_arm("scratch", TARGET, wells), TARGET)[0]
    return float(np.exp(np.log(transfer / scratch).mean())), int((transfer > scratch).sum())


@cache
def _pretrained_on(source):
    return pretrain(replace(PROTOCOL, source=source), SEEDS)


@checks("9.2")
def help_that_turns_into_harm(answer) -> None:
    decades = number(answer)
    if not -1 <= decades <= 1:
        raise NotYet("The mismatch is given in decades, from −1 (ten times too small) to 1 (ten times too large).")
    (few, _), (many, losses) = (_transfer_to_scratch(decades, wells) for wells in (8, 384))
    told = f"Transfer's error inside is {few:.2f} times that of scratch with 8 wells, and {many:.2f} times with 384."
    if few > 0.85:
        raise NotYet(f"{told} It should still help with 8 wells, 0.85 times or less: this source is too wrong.")
    if many < 1.25 or losses < 4:
        raise NotYet(
            f"{told} With 384 wells it should do harm, 1.25 times or more and in at least 4 of 5 seeds (here {losses}). "
            "How wrong may a source be before many wells know better?"
        )


@checks("9.3")
def fair_sweep(answer) -> None:
    if not isinstance(answer, str):
        raise NotYet("The text of a sweep file is asked for, between three quotation marks.")
    try:
        content = read_value(answer)
    except ValueError:
        raise NotYet("This is not YAML: look at the colons, the brackets and the spaces that begin a line.") from None
    if not isinstance(content, dict) or set(content) != {"chapter", "fixed", "grid"}:
        raise NotYet("A sweep file has three parts: chapter, fixed and grid. Compare with the one in the chapter.")
    fixed, grid = content["fixed"], content["grid"]
    if content["chapter"] != "03_experiment_1":
        raise NotYet("Which chapter trains the learning curves from which k is read? Its name has a number in front.")
    if not isinstance(fixed, dict) or not isinstance(grid, dict):
        raise NotYet("Under fixed and grid stand lines of the form name: value, moved in by two spaces.")
    book = {"batch_size": Protocol().batch_size, "learning_rate": Protocol().learning_rate}
    if set(grid) != set(book) or set(grid) & set(fixed):
        raise NotYet(
            "Whether two choices act *together* shows where every value of one meets every value of the other: "
            "batch_size and learning_rate belong into the grid, and nothing else does."
        )
    for name, values in grid.items():
        if not isinstance(values, list) or len(set(map(str, values))) < 2:
            raise NotYet(f"{name} needs a list of at least two values, in square brackets.")
    points = [fixed | dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    for point in points:
        for _, sentence in problems(point, Experiment1):
            raise NotYet(f"The book refuses this sweep: {sentence}")
    for name, value in book.items():
        if value not in grid[name]:
            raise NotYet(
                f"The book's own {name.replace('_', ' ')} is not among the values: what would you compare with?"
            )
    _what_a_fair_sweep_holds(list(map(Experiment1.model_validate, points)))


def _what_a_fair_sweep_holds(points: list[Experiment1]) -> None:
    """Everything else as in the book, paired seeds enough, volumes from which k can be read, and not too much work."""
    for point in points:
        varied = {"batch_size": point.protocol.batch_size, "learning_rate": point.protocol.learning_rate}
        if point.protocol != replace(Protocol(), **varied) or point.target != TARGET:
            raise NotYet(
                "Something else differs from the book's experiment as well; fix only profile, seeds and volumes."
            )
    first = points[0]
    networks = sum(len(design.cells) * len(design.seeds) for point in points for design in point.designs)
    if first.n_seeds < 10:
        raise NotYet(f"{first.n_seeds} paired seeds will not tell a small effect from luck; 10 are asked for.")
    if PLATE not in first.volumes:
        raise NotYet("k at one plate is asked for: 96 wells are missing from the volumes.")
    if max(first.volumes) < 5 * PLATE or sum(volume > PLATE for volume in first.volumes) < 2:
        raise NotYet(
            "k says how many wells from scratch would do as well as 96 with transfer. The curve from scratch has to go on "
            "beyond 96, to five times as many, with a point between."
        )
    if networks > 1000:
        raise NotYet(
            f"This trains {networks:,} networks; 1000 is the most. Each point of the grid trains two arms at every volume and "
            "an oracle, on every seed. Which volumes does k at 96 not need?"
        )
