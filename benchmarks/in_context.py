"""What keeps the network that reads plates from doing better: its size, its training or its prior.

    python benchmarks/in_context.py FOLDER

Trains three networks for a twelfth of the shipped network's steps: one that is like it, one twice as wide, and one whose
plates come from the five systems' own mechanisms alone, all equally probable, with any numbers. Two more are like the
shipped ones, with all mechanisms and without the three systems outside the family, but for fewer steps. Their weights go
to FOLDER, and those that are there already are taken from there: a minute or two each on a GPU, five for the last two;
hours without. Then all of them and the shipped ones read the plates of *A thousand circuits*, which takes minutes, and
results/in_context.csv gets every network's error on every plate.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader

from fewerwells.science.circuits import reference_circuit
from fewerwells.science.in_context.reader import InContextNetwork, as_safetensors
from fewerwells.science.in_context.training import QUERIES, Batches, Settings, Training
from fewerwells.science.learners.base import Status
from fewerwells.science.learners.in_context import PlatesRead
from fewerwells.science.prior import Plates, draw_circuits, draw_plates
from fewerwells.science.prior.circuits import Circuits
from fewerwells.science.prior.parameters import LEAK, MIXING, SATURATION, log_uniform
from fewerwells.science.systems import Simulated
from fewerwells.study.columns import Region, error_column
from fewerwells.study.evaluation import evaluate

OUTPUT = Path(__file__).parents[1] / "results" / "in_context.csv"
STEPS, BATCH = 4000, 19_200
SYSTEMS = ("n_part_complex", "phosphorylation_cycle", "input_depletion", "goldbeter_koshland", "mixed_complex")
WELLS, SEEDS = 96, range(50)
SHIPPED, REFERENCE = "twelve times the steps", "like the shipped one, a twelfth of its steps"
OUTSIDE, NEVER_SAW = SYSTEMS[2:], "never saw the three outside the family"
FEWER_STEPS = 28_000


def of_five(p: int, rng: np.random.Generator) -> Circuits:
    """P circuits of the five systems' mechanisms, each as often as any other; numbers nearly as in the prior."""
    kind = rng.integers(len(SYSTEMS), size=p)
    cycle, depletion, saturated, mixed = (kind == SYSTEMS.index(name) for name in SYSTEMS[1:])
    drawn = draw_circuits(p, rng)
    n = np.where(rng.random(p) < 0.4, rng.integers(1, 5, p), rng.uniform(1, 4, p))
    n = np.select([cycle | saturated, depletion], [np.ones(p), rng.integers(1, 3, p)], n)

    def both(values: np.ndarray) -> np.ndarray:
        return np.repeat(values[:, None], 2, axis=1)

    return replace(
        Circuits.plain(p),
        core=np.where(saturated, 2, 0),
        inputs=np.where(depletion, 1, 0),
        theta=drawn.theta,
        n=both(n),
        eta=np.where(both(cycle | saturated), drawn.eta[:, :1], drawn.eta),
        empty=np.where(cycle, 0.0, 1.0),
        leak=both(np.where(mixed, log_uniform(rng, LEAK, p), 0.0)),
        mixing=np.where(mixed, np.where(rng.random(p) < 0.3, 1.0, log_uniform(rng, MIXING, p)), 0.0),
        resource=drawn.resource,
        saturation=both(log_uniform(rng, SATURATION, p)),
    )


class FiveMechanisms(Batches):
    """Batches as the shipped network saw them, but of the five mechanisms alone."""

    def draw(self, p: int, n: int, rng: np.random.Generator) -> Plates:
        return draw_plates(p, n, QUERIES, rng, circuits=of_five(p, rng))


# Name in the table, file, settings, where the plates come from, and the systems that are read.
HELD_BACK = (
    (REFERENCE, "small", Settings(STEPS, batch=BATCH), Batches, SYSTEMS),
    ("twice as wide", "wide", Settings(STEPS, batch=BATCH, width=128), Batches, SYSTEMS),
    ("five mechanisms alone", "five_mechanisms", Settings(STEPS, batch=BATCH), FiveMechanisms, SYSTEMS),
    ("28,000 steps", "shorter", Settings(FEWER_STEPS, batch=BATCH), Batches, SYSTEMS),
    (f"{NEVER_SAW}, 28,000 steps", "unseen_shorter", Settings(FEWER_STEPS, OUTSIDE, batch=BATCH), Batches, OUTSIDE),
)


def train(path: Path, settings: Settings, batches: type[Batches]) -> None:
    """Train a network and write its weights, unless they are there."""
    if path.exists():
        return
    device = "cuda" if torch.cuda.is_available() else "cpu"
    training = Training(settings, device)
    for batch in DataLoader(
        batches(settings), batch_size=None, num_workers=3, multiprocessing_context="spawn", pin_memory=device == "cuda"
    ):
        training.advance(batch)
    path.write_bytes(as_safetensors(training.network))


def rows(name: str, network: InContextNetwork, systems: tuple[str, ...]) -> list[dict]:
    """Errors on systems, by every seed, with the wells and the test points of the book."""
    found = []
    for system in map(Simulated, map(reference_circuit, systems)):
        plates = tuple(system.wells(WELLS, seed) for seed in SEEDS)
        read = PlatesRead((Status.OK,) * len(plates), "torch", 0.0, network.read(plates))
        for seed, row in zip(SEEDS, evaluate(read, system, SEEDS), strict=True):
            errors = {column: round(row[column], 5) for column in map(error_column, Region)}
            found.append({"arm": name, "target": system.label, "seed": seed, "N": WELLS} | errors)
        print(found[-1], flush=True)
    return found


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("give the folder of the weights: python benchmarks/in_context.py FOLDER")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_flush_denormal(True)
    found = rows(SHIPPED, InContextNetwork.load(), SYSTEMS)
    for name, file, settings, batches, systems in HELD_BACK:
        path = folder / f"{file}.safetensors"
        train(path, settings, batches)
        found += rows(name, InContextNetwork.load(path), systems)
    found += rows(NEVER_SAW, InContextNetwork.load("without_outside"), OUTSIDE)
    table = pd.DataFrame(found)
    table.to_csv(OUTPUT, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
