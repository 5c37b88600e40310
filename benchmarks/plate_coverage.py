"""How often intervals of a plate's answer hold the truth: 50 plates of five circuits, half with proportional noise.

    python benchmarks/plate_coverage.py --plates 50 --output coverage.csv

Each plate is drawn from a circuit whose truth is known (one output, 72 or 96 wells with replicates) and learnt from
with the library of equations; the share of a grid over the measured doses where the interval holds the noise-free
output is its coverage. On the fifty plates from number 1000 on, which nothing was tuned on, intervals of 80 % held the
truth at 90 % of the doses and those of 95 % at 98 %; the five circuits lay between 83 and 96 %, and 96 and 99 %.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from fewerwells.laboratory.answering import hedge, scaled
from fewerwells.laboratory.arms import Equations, Process
from fewerwells.laboratory.judging import judge_noise
from fewerwells.laboratory.wells import replicate_groups
from fewerwells.science.circuits import reference_circuit

CIRCUITS = ("simple_activation", "n_part_complex", "input_depletion", "goldbeter_koshland", "mixed_complex")
DOSES = np.array([0.0, 0.5, 1.0, 2.0, 4.0, 8.0])
GRID = np.array([(a, b) for a in np.linspace(0, 8, 12) for b in np.linspace(0, 8, 12)])


def coverage(number: int) -> dict:
    """Coverage of one plate at 80 and 95 %, inside the measured doses."""
    circuit, proportional = CIRCUITS[number % 5], 0.1 * ((number // 5) % 2)
    truth, rng = reference_circuit(circuit), np.random.default_rng(number)
    second = DOSES if number % 2 else DOSES[[0, 2, 4, 5]]
    x = np.tile([(a, b) for a in DOSES for b in second], (2 if number % 2 else 4, 1))
    f = truth(x)[:, 0]
    y = f + np.hypot(1.0, proportional * f) * rng.standard_normal(len(f))
    groups = replicate_groups(x)
    wells, spread = scaled(x / 8, y, groups, judge_noise(y, groups))
    equations, process = Equations().learn(wells, final=True), Process().learn(wells, final=True)
    learnt = hedge(equations, equations, process, 0.0)
    expected = truth(GRID)[:, 0]
    row = {"plate": number, "circuit": circuit, "proportional": proportional, "wells": len(x)}
    row["error"] = float(np.abs(spread * learnt.predict(GRID / 8) - expected).mean())
    for level in (0.8, 0.95):
        low, high = learnt.interval(GRID / 8, level)
        row[f"holds {level:.0%}"] = float(np.mean((spread * low <= expected) & (expected <= spread * high)))
    return row


def main() -> None:
    """Write one row a plate and print the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plates", type=int, default=50)
    parser.add_argument("--first", type=int, default=1000, help="number of the first; nothing was tuned on 1000 and up")
    parser.add_argument("--output", type=Path, default=Path("plate_coverage.csv"))
    options = parser.parse_args()
    rows = []
    with options.output.open("w", newline="", encoding="utf-8") as file:
        for number in range(options.first, options.first + options.plates):
            rows.append(coverage(number))
            writer = csv.DictWriter(file, rows[0].keys())
            if len(rows) == 1:
                writer.writeheader()
            writer.writerow(rows[-1])
            file.flush()
    for level in ("holds 80%", "holds 95%"):
        print(f"{level}: {np.mean([row[level] for row in rows]):.3f} over {len(rows)} plates")


if __name__ == "__main__":
    main()
