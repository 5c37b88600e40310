"""The race of the page `Train it yourself`, run by the package's own engine for the still figure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fewerwells.book.widgets import pretrained
from fewerwells.science.circuits import Circuit
from fewerwells.science.datasets import SMALL, Pairs
from fewerwells.science.networks import STUDY_SIZES, initialise
from fewerwells.science.systems import sobol_test_points
from fewerwells.science.training import Schedule, train
from fewerwells.study.evaluation import l1_errors


def race(wells: Pairs, circuit: Circuit, seed: int, epochs: Iterable[int]) -> dict[str, list[tuple[int, float, float]]]:
    """Errors of the stored pre-trained network and of a fresh one while both learn from the same wells.

    Args:
        wells: what was measured, nM.
        circuit: the real circuit, against which errors are taken.
        seed: of the fresh network and of the batch order.
        epochs: when to look.

    Returns:
        For "transfer" and "scratch" a list of (epoch, error inside, error outside the small domain), errors in nM.
    """
    stored, _ = pretrained.load()
    fresh = initialise(STUDY_SIZES, [seed], output_scale=circuit.largest_output)
    starts = {"transfer": replace(stored, output_scale=circuit.largest_output), "scratch": fresh}
    points = sobol_test_points(circuit)
    inside = SMALL.contains(points.x)
    paths: dict[str, list] = {arm: [] for arm in starts}
    for arm, start in starts.items():
        for epoch in epochs:
            network = train(start, [wells], Schedule(epoch), keys=[seed]).ensemble
            errors = l1_errors(network.predict(points.x)[0], points.y)
            paths[arm].append((epoch, float(errors[inside].mean()), float(errors[~inside].mean())))
    return paths
