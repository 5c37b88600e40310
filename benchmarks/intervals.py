"""How often the intervals of `fewerwells plate` hold the truth: plates of this book's circuits, whose truth is known.

    python benchmarks/intervals.py

Each plate has 36 conditions up to 8 nM, twice, and noise of 1 nM, for half of the plates with 10 % of the output beside
it. Prints the share of the truth that intervals hold within the doses measured and up to twice as far, with its standard
error over plates, since a plate's points are right or wrong together: ten minutes on one core. What it printed last
stands in `laboratory/arms.py`.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from fewerwells.laboratory.answering import answer
from fewerwells.laboratory.wells import Input, Plate, Well
from fewerwells.science.circuits import CIRCUITS, Circuit, reference_circuit
from fewerwells.science.noise import Noise
from fewerwells.study.protocol import SIMPLE_MODEL

DOSES = [0.0, 0.5, 1.0, 2.0, 4.0, 8.0]  # nM
NOISES = Noise(1.0), Noise(1.0, 0.1)
SEEDS = range(25, 35)  # those before set `DOUBT` and `TAILS`
LEVELS = (0.5, 0.8, 0.95)


def plate(circuit: Circuit, noise: Noise, seed: int) -> Plate:
    """The first output of a circuit, measured twice at every pair of doses."""
    x = np.array(list(product(DOSES, DOSES)) * 2)
    exact = circuit(x)[:, 0]
    y = exact + noise.sd(exact) * np.random.default_rng(seed).standard_normal(len(exact))
    wells = (
        Well("", str(k), tuple(dose), (signal,), "used") for k, (dose, signal) in enumerate(zip(x, y, strict=True))
    )
    return Plate("p", (Input("x1", "nM", "nM"), Input("x2", "nM", "nM")), ("y1",), tuple(wells), ())


def main() -> None:
    rows = []
    names = [name for name in CIRCUITS if name != SIMPLE_MODEL.name]
    for seed, name, noise in product(SEEDS, names, NOISES):
        circuit = reference_circuit(name)
        learnt = answer(plate(circuit, noise, seed))
        x = np.random.default_rng(seed).random((800, 2)) * 2 * max(DOSES)
        beyond, truth = learnt.beyond(x), circuit(x)[:, 0]
        for level in LEVELS:
            _, low, high = learnt.predict(x, level)
            held = (low[:, 0] <= truth) & (truth <= high[:, 0])
            rows += [{"level": level, "within": held[~beyond].mean(), "beyond": held[beyond].mean()}]
    shares = pd.DataFrame(rows).groupby("level")
    print(pd.concat({"mean": shares.mean(), "standard error": shares.sem()}, axis=1).round(3).to_string())


if __name__ == "__main__":
    main()
