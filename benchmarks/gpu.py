"""The readable engine on an NVIDIA GPU: whether it agrees with the processor, and how fast both engines are there.

    python benchmarks/gpu.py

Trains with plain torch on the GPU, then the same on the processor, and with the fused engine; writes results/gpu.json,
from which the chapter *The engine* takes its sentences. Every speed is the better of two runs.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from fewerwells.science.networks import STUDY_SIZES, initialise
from fewerwells.science.training import fused, reference

OUTPUT = Path(__file__).parents[1] / "results" / "gpu.json"
BATCH = 250
WORK = ((30, 1000, 20), (50, 96, 100), (30, 40_000, 1), (50, 20_000, 2), (1000, 1000, 10), (10_000, 1000, 4))


def trained(engine, networks: int, pairs: int, epochs: int, dtype=np.float32) -> tuple[np.ndarray, float]:
    """Weights of an ensemble after training on a made-up circuit, and the seconds that it took."""
    x = np.random.default_rng(1).random((1, pairs, 2)).astype(dtype)
    y = np.stack([x.mean(axis=-1), x.prod(axis=-1)], axis=-1)
    start = initialise(STUDY_SIZES, list(range(networks))).parameters.astype(dtype)
    keys = np.arange(networks, dtype=np.uint64)
    begun = time.perf_counter()
    weights = engine.train(start, STUDY_SIZES, x, y, keys=keys, epochs=epochs, batch_size=BATCH, learning_rate=1e-3)
    return weights, time.perf_counter() - begun


def apart(dtype) -> float:
    """The largest difference of a weight between GPU and processor after 50 epochs with 1,000 pairs."""
    on_gpu, _ = trained(reference, 8, 1000, 50, dtype)
    with mock.patch("torch.cuda.is_available", return_value=False):
        on_processor, _ = trained(reference, 8, 1000, 50, dtype)
    return float(np.abs(on_gpu - on_processor).max())


def main() -> None:
    if not torch.cuda.is_available():
        raise SystemExit("PyTorch finds no NVIDIA GPU here.")
    for engine in (reference, fused):
        trained(engine, 4, 100, 2)  # what is compiled or loaded once
    rows = []
    for networks, pairs, epochs in WORK:
        for name, engine in (("reference", reference), ("fused", fused)):
            seconds = min(trained(engine, networks, pairs, epochs)[1] for _ in range(2))
            speed = round(networks * pairs * epochs / seconds / 1e6, 2)
            rows.append(
                {"engine": name, "networks": networks, "pairs": pairs, "million_sample_steps_per_second": speed}
            )
            print(rows[-1], flush=True)
    report = {
        "gpu": torch.cuda.get_device_name(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "largest_difference_64_bit": apart(np.float64),
        "largest_difference_32_bit": apart(np.float32),
        "rows": rows,
    }
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
