"""`make bench`: million sample-steps a second of the engines and of their peers, on the same work, in one run.

One sample-step is one pair going forward and backward through one network, with its share of the optimiser. Every
entry is the best of some repeats of at least about a second. Results go to results/benchmark.json, from which the
chapter *The engine* draws its table.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from peak import measured_peak
from peers import (
    LEARNING_RATE,
    SIZES,
    Work,
    jax_vmap_scan,
    scikit_learn,
    torch_dataloader,
    torch_index_loop,
    torch_vmap,
)

from fewerwells.science.networks import initialise, parameter_count
from fewerwells.science.training import fused, reference

OUTPUT = Path(__file__).parents[1] / "results" / "benchmark.json"
MAIN = Work(networks=30, pairs=1000, batch=250)
BY_VOLUME = [Work(30, 10, 250), Work(30, 100, 250), MAIN, Work(30, 40_000, 250)]
BY_NETWORKS = [Work(1, 1000, 250), MAIN, Work(300, 1000, 250), Work(10_000, 1000, 250)]
# forward, back-propagated deltas of all layers but the first, and weight gradients; two operations a multiply-add
WEIGHTS = [a * b for a, b in pairwise(SIZES)]
FLOPS_PER_SAMPLE_STEP = 2 * (2 * sum(WEIGHTS) + sum(WEIGHTS[1:])) + 2 * sum(SIZES[1:])


def engine(module, work: Work, epochs: int, threads: int | None = None) -> Callable[[], None]:
    """One of our engines as a function without arguments."""
    x, y = work.data()
    ensemble = initialise(SIZES, list(range(work.networks)))
    keys = np.arange(work.networks, dtype=np.uint64)
    settings = {"keys": keys, "epochs": epochs, "batch_size": work.batch, "learning_rate": LEARNING_RATE}

    def run() -> None:
        module.train(ensemble.parameters, SIZES, x, y, threads=threads, **settings)

    return run


PEERS: dict[str, Callable[[Work, int], Callable[[], None]]] = {
    "PyTorch, DataLoader loop": lambda work, epochs: lambda: torch_dataloader(work, epochs),
    "PyTorch, index loop": lambda work, epochs: lambda: torch_index_loop(work, epochs),
    "scikit-learn MLPRegressor": lambda work, epochs: lambda: scikit_learn(work, epochs),
    "PyTorch, torch.func vmap": lambda work, epochs: lambda: torch_vmap(work, epochs),
    "JAX, vmap and scan": jax_vmap_scan,
    "fewerwells, reference": lambda work, epochs: engine(reference, work, epochs),
    "fewerwells, fused": lambda work, epochs: engine(fused, work, epochs),
}


def rate(make: Callable[[Work, int], Callable[[], None]], work: Work, target: float = 1.0, repeats: int = 3) -> float:
    """Million sample-steps a second: epochs are doubled until a run takes long enough, then the best run counts."""
    epochs = 1
    while True:
        run = make(work, epochs)
        started = time.perf_counter()
        run()
        seconds = time.perf_counter() - started
        if seconds > target / 2 or epochs >= 1 << 20:
            break
        epochs = max(epochs * 2, int(epochs * min(target / max(seconds, 1e-4), 50)))
    for _ in range(repeats - 1):
        started = time.perf_counter()
        run()
        seconds = min(seconds, time.perf_counter() - started)
    return work.networks * work.pairs * epochs / seconds / 1e6


def processor() -> str:
    """The processor's name, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        return names[0] if names else platform.processor()
    return platform.processor()


def main() -> None:
    compile_seconds = fused.compile_for(SIZES)
    peak = measured_peak()
    rows = []

    def record(name: str, work: Work, **settings) -> None:
        value = rate(PEERS[name], work, **settings)
        share = value * FLOPS_PER_SAMPLE_STEP / 1e3 / peak
        if share > 1:
            raise SystemExit(f"{name} does {share:.0%} of the measured peak, so that is no peak; nothing was written.")
        rows.append({"trainer": name, **vars(work), "million_sample_steps_per_second": value, "share_of_peak": share})
        print(
            f"{name:28} {work.networks:6} networks × {work.pairs:6} pairs  {value:9.3f} M/s  {share:6.1%} of peak",
            flush=True,
        )

    for name in PEERS:
        record(name, MAIN)
    for work in [*BY_VOLUME, *BY_NETWORKS]:
        if work is not MAIN:
            for name in ("JAX, vmap and scan", "fewerwells, reference", "fewerwells, fused"):
                if work.networks * work.pairs <= 1_200_000 or name == "fewerwells, fused":
                    record(name, work, target=4.0 if work.networks > 1000 else 1.0, repeats=2)
    run = engine(fused, Work(50, 10, 250), epochs=2000)
    started = time.perf_counter()
    run()
    small = time.perf_counter() - started
    report = {
        "rows": rows,
        "peak_gflops": peak,
        "flops_per_sample_step": FLOPS_PER_SAMPLE_STEP,
        "parameters": parameter_count(SIZES),
        "compile_seconds": compile_seconds,
        "ten_pairs_50_networks_2000_epochs_seconds": small,
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    OUTPUT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"peak {peak:.0f} GFLOP/s; 50 networks × 10 pairs × 2000 epochs in {small:.2f} s; wrote {OUTPUT.name}")


if __name__ == "__main__":
    main()
