"""The fast engine: forward pass, backward pass and Adam in one compiled kernel, networks side by side over cores.

The loops over epochs, batches and tiles are Numba; the arithmetic inside is the vector code of `_vector`. One call of
the kernel trains one network from its first epoch to its last without holding Python's lock, so a network's result
depends on nothing but its own arguments: not on the number of threads, nor on the other networks.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import logging
import math
import operator
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np

from fewerwells.science.training import _code, _kernels, _layout, _order, _vector
from fewerwells.science.training._layout import VECTOR_BYTES, Plan
from fewerwells.science.training._order import fill_order, jit

log = logging.getLogger("fewerwells")

LOSSES = ("l1", "l2")
WIDEST_LAYER = 256
_POLL_SECONDS = 0.1

# Numba's disk cache looks at the date of this file only. This text, which every kernel closes over, makes the cache
# notice changes in the files that the kernels draw on.
_SOURCES = b"".join(Path(module.__file__).read_bytes() for module in (_code, _kernels, _layout, _order, _vector))
_FINGERPRINT = hashlib.sha256(_SOURCES).hexdigest()[:16]


class _Memory:
    """One worker's aligned memory: `all` for the kernels, and views of the parts that are filled from Python.

    Parameters, moments, gradient and anchor are in the plan's padded layout; `weights[packed]` is a network (P,).
    """

    def __init__(self, plan: Plan, n_samples: int):
        end = plan.places["end"]
        raw = np.zeros(end + plan.lanes, plan.dtype)
        shift = -raw.ctypes.data % VECTOR_BYTES // plan.itemsize
        self.all = raw[shift : shift + end]
        self.packed = plan.packed
        self.order = np.empty(n_samples, np.uint32)
        self.settings = self.all[plan.places["settings"] :][:7]
        parts = ("weights", "first", "second", "gradient", "anchor")
        self.weights, self.first, self.second, self.gradient, self.anchor = (
            self.all[plan.places[part] :][: plan.offsets[-1]] for part in parts
        )

    def put(self, parameters: np.ndarray, anchor: np.ndarray) -> None:
        """Put in one network (P,), with fresh moments, and the parameters (P,) that it is pulled to."""
        self.weights[self.packed] = parameters
        self.anchor[self.packed] = anchor
        for part in (self.first, self.second, self.gradient):
            part[:] = 0


@functools.cache
def _kernels(spec: str):
    """The compiled `run` and `predict` for one network shape and dtype.

    They close over a string and whole numbers only, which is what lets Numba find them again in its disk cache.
    """
    plan = Plan.parse(spec)
    lanes, stride, tile_samples = plan.lanes, plan.stride, plan.tile_vectors * plan.lanes
    d_out, tile, settings = plan.sizes[-1], plan.places["tile"], plan.places["settings"]
    outputs = tile + plan.signals[-1] * lanes

    @jit
    def run(
        memory, order, samples, key, epochs, batch_size, learning_rate, beta1, beta2,
        absolute, trained, update, done, stop,
    ):  # fmt: skip
        """Train the network in `memory`; or, without `update`, return its loss and leave the gradient there."""
        n = len(samples)
        loss = 0.0
        power1 = power2 = 1.0
        for i in range(n):
            order[i] = i
        for epoch in range(epochs):
            if batch_size < n:
                fill_order(order, key, epoch)
            for batch in range(0, n, batch_size):
                end = min(batch + batch_size, n)
                scale = 1 / ((end - batch) * d_out)
                for start in range(batch, end, tile_samples):
                    if _vector.is_set(stop):
                        return loss
                    count = min(end - start, tile_samples)
                    vectors = (count + lanes - 1) // lanes
                    _vector.gather(spec, memory, samples, order, start, count, vectors)
                    _vector.forward(spec, memory, vectors)
                    if not update:
                        for i in range(count):
                            for k in range(d_out):
                                place = i // lanes * stride + k * lanes + i % lanes
                                error = np.float64(memory[outputs + place]) - memory[tile + place]
                                loss += scale * (abs(error) if absolute else error * error)
                    _vector.start_backward(spec, memory, scale, absolute, count, vectors)
                    _vector.backward(spec, memory, trained, vectors)
                if update:
                    power1 *= beta1
                    power2 *= beta2
                    memory[settings + 3] = learning_rate / (1 - power1)
                    memory[settings + 4] = 1 / np.sqrt(1 - power2)
                    _vector.adam(spec, memory, trained)
                done[0] += end - batch
        return loss

    @jit
    def predict(memory, order, samples, predictions, stop):
        """Write the outputs (N, d_out) of the network in `memory`."""
        n = len(samples)
        for i in range(n):
            order[i] = i
        for start in range(0, n, tile_samples):
            if _vector.is_set(stop):
                return
            count = min(n - start, tile_samples)
            vectors = (count + lanes - 1) // lanes
            _vector.gather(spec, memory, samples, order, start, count, vectors)
            _vector.forward(spec, memory, vectors)
            for i in range(count):
                for k in range(d_out):
                    predictions[start + i, k] = memory[outputs + i // lanes * stride + k * lanes + i % lanes]

    return run, predict


def _signatures(real: str) -> tuple[str, str]:
    """The argument types of `run` and `predict`."""
    shared = f"{real}[::1], uint32[::1], {real}[:, ::1]"
    numbers = "uint64, int64, int64, float64, float64, float64, boolean, uint8[::1], boolean"
    return f"({shared}, {numbers}, int64[::1], int64[::1])", f"({shared}, {real}[:, ::1], int64[::1])"


@functools.cache
def _compiled(sizes: tuple[int, ...], dtype: str):
    """The plan and the kernels for a network shape, compiled or loaded from the disk cache."""
    spec = f"{dtype}:{'-'.join(map(str, sizes))}:{_FINGERPRINT}"
    started = time.perf_counter()
    kernels = _kernels(spec)
    for kernel, signature in zip(kernels, _signatures(dtype), strict=True):
        kernel.compile(signature)
    if any(sum(kernel.stats.cache_misses.values()) for kernel in kernels):
        shape = "-".join(map(str, sizes))
        log.info("Compiled the fused engine for networks %s in %.1f s.", shape, time.perf_counter() - started)
    return Plan.parse(spec), *kernels


def supports(sizes) -> str | None:
    """None if networks with these layer widths can be trained here, else a sentence that says why not."""
    if len(sizes) < 2 or min(sizes) < 1:
        return f"The fused engine needs at least an input and an output width of 1 or more, not {tuple(sizes)}."
    if max(sizes) > WIDEST_LAYER:
        return f"The fused engine trains layers of up to {WIDEST_LAYER} units; this network has one of {max(sizes)}."
    return None


def compile_for(sizes, dtype=np.float32, loss: str = "l1") -> float:
    """Compile the kernels for a network shape, or load them from the disk cache, and return the seconds it took.

    One kernel serves both losses; `loss` is only checked.
    """
    _check_loss(loss)
    started = time.perf_counter()
    _compiled(_checked_sizes(sizes), _checked_dtype(dtype).name)
    return time.perf_counter() - started


def train(
    parameters: np.ndarray,
    sizes: tuple[int, ...],
    x: np.ndarray,
    y: np.ndarray,
    *,
    keys: np.ndarray,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    loss: str = "l1",
    frozen: np.ndarray | None = None,
    pull: float = 0.0,
    anchor: np.ndarray | None = None,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Train an ensemble of networks with Adam, each in its own reshuffled batches.

    Args:
        parameters: (E, P), float32 or float64: per layer W (n_out, n_in) by rows, then b; left untouched.
        sizes: layer widths, inputs first; ReLU after every layer but the last.
        x, y: scaled data (D, N, d_in) and (D, N, d_out) of the parameters' dtype; D = 1 shares them among networks.
        keys: (E,) uint64; with the epoch, each network's key decides its batches (see `_order`).
        epochs: passes over the data, each with fresh batches; 0 returns a copy of the parameters.
        batch_size: samples of a step; the last batch of an epoch may have fewer. With N or more there is a single
            batch, and no shuffle.
        learning_rate, betas, eps: Adam's; its state starts fresh.
        loss: "l1" or "l2", mean absolute or squared error over the batch's samples and outputs.
        frozen: (layers,) bool, True for layers whose parameters stay as they are.
        pull: strength of the extra term (pull / 2) * sum((w - anchor)^2).
        anchor: (E, P), needed if pull > 0.
        threads: how many cores to use; by default all that this process may run on.
        progress: called about ten times a second, from the calling thread, with the number of sample-steps (one
            sample, one network, forward and backward) done since its last call.

    Returns:
        The trained parameters, (E, P). They do not depend on `threads` nor on the other networks, to the last bit.

    Raises:
        ValueError: an argument has a wrong shape, dtype or value.
    """
    sizes, parameters, x = _checked_network(sizes, parameters, x)
    n_networks, n_data, n_samples = len(parameters), *x.shape[:2]
    y = _checked(y, "y", (n_data, n_samples, sizes[-1]), parameters.dtype)
    keys = _checked(keys, "keys", (n_networks,), np.dtype(np.uint64))
    _check_loss(loss)
    n_layers = len(sizes) - 1
    frozen = np.zeros(n_layers, bool) if frozen is None else _checked(frozen, "frozen", (n_layers,), np.dtype(bool))
    for name, value in (("learning_rate", learning_rate), ("pull", pull), ("eps", eps)):
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} must be a finite number, 0 or more, not {value}.")
    if not all(0 <= beta < 1 for beta in betas):
        raise ValueError(f"betas must lie from 0 up to, not including, 1, not {betas}.")
    if not 0 <= operator.index(epochs) < 2**32 or operator.index(batch_size) < 1:
        raise ValueError(f"epochs must be 0 or more and batch_size 1 or more, not {epochs} and {batch_size}.")
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be 1 or more, not {threads}.")
    if pull > 0 and anchor is None:
        raise ValueError("A pull needs an anchor.")
    anchors = parameters if anchor is None else _checked(anchor, "anchor", parameters.shape, parameters.dtype)

    result = parameters.copy()
    if epochs == 0 or frozen.all():
        return result
    plan, run, _ = _compiled(sizes, parameters.dtype.name)
    samples = _samples(plan, n_networks, x, y)
    trained = (~frozen).astype(np.uint8)
    batch_size = min(batch_size, n_samples)
    learning_rate, beta1, beta2 = float(learning_rate), float(betas[0]), float(betas[1])
    settings = [1 - beta1, beta2, 1 - beta2, 0, 0, eps, pull]

    def train_network(memory: _Memory, e: int, done: np.ndarray, stop: np.ndarray) -> None:
        memory.put(parameters[e], anchors[e])
        memory.settings[:] = settings
        run(
            memory.all, memory.order, samples[e], keys[e], epochs, batch_size, learning_rate, beta1, beta2,
            loss == "l1", trained, True, done, stop,
        )  # fmt: skip
        result[e] = memory.weights[memory.packed]

    _spread(train_network, n_networks, lambda: _Memory(plan, n_samples), threads, progress)
    return result


def loss_and_gradients(parameters, sizes, x, y, *, loss: str = "l1") -> tuple[np.ndarray, np.ndarray]:
    """The loss (E,) float64 of each network on all its data, and its gradient (E, P), by the code that trains.

    Arguments and errors as for `train`.
    """
    sizes, parameters, x = _checked_network(sizes, parameters, x)
    n_networks, n_data, n_samples = len(parameters), *x.shape[:2]
    y = _checked(y, "y", (n_data, n_samples, sizes[-1]), parameters.dtype)
    _check_loss(loss)
    plan, run, _ = _compiled(sizes, parameters.dtype.name)
    samples = _samples(plan, n_networks, x, y)
    trained = np.ones(len(sizes) - 1, np.uint8)
    losses, gradients = np.empty(n_networks), np.empty_like(parameters)

    def differentiate(memory: _Memory, e: int, done: np.ndarray, stop: np.ndarray) -> None:
        memory.put(parameters[e], parameters[e])
        losses[e] = run(
            memory.all, memory.order, samples[e], np.uint64(0), 1, n_samples, 0.0, 0.0, 0.0,
            loss == "l1", trained, False, done, stop,
        )  # fmt: skip
        gradients[e] = memory.gradient[memory.packed]

    _spread(differentiate, n_networks, lambda: _Memory(plan, n_samples))
    return losses, gradients


def predict(parameters, sizes, x) -> np.ndarray:
    """Predictions (E, N, d_out) of networks (E, P) for inputs (D, N, d_in), D = 1 or E. Errors as for `train`."""
    sizes, parameters, x = _checked_network(sizes, parameters, x)
    n_networks, n_samples = len(parameters), x.shape[1]
    plan, _, forward = _compiled(sizes, parameters.dtype.name)
    samples = _samples(plan, n_networks, x)
    outputs = np.empty((n_networks, n_samples, sizes[-1]), parameters.dtype)

    def evaluate(memory: _Memory, e: int, done: np.ndarray, stop: np.ndarray) -> None:
        memory.put(parameters[e], parameters[e])
        forward(memory.all, memory.order, samples[e], outputs[e], stop)

    _spread(evaluate, n_networks, lambda: _Memory(plan, n_samples))
    return outputs


def _spread(work, n_networks: int, new_memory, threads: int | None = None, progress=None) -> None:
    """Call work(memory, e, done, stop) for every network e, on several threads; each takes the next e when free.

    This thread only waits, so that it can report progress and react to Ctrl-C: setting stop[0] ends all kernels
    within one tile of samples. Each worker counts its sample-steps in its own done[0].
    """
    threads = min(threads or _usable_cores(), n_networks)
    numbers = iter(range(n_networks))
    stop = np.zeros(1, np.int64)
    # a cache line each, so that counting does not slow the other worker down
    done = np.zeros((threads, 8), np.int64)
    reported = 0

    def worker(counter: np.ndarray) -> None:
        memory = new_memory()
        for e in numbers:
            if stop[0]:
                return
            work(memory, e, counter, stop)

    with ThreadPoolExecutor(threads, thread_name_prefix="fewerwells") as pool:
        try:
            waiting = [pool.submit(worker, counter) for counter in done]
            while waiting:
                finished, waiting = wait(waiting, timeout=_POLL_SECONDS)
                total = int(done.sum())
                if progress is not None and total > reported:
                    progress(total - reported)
                    reported = total
                for future in finished:
                    future.result()
        finally:
            stop[0] = 1


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _samples(plan: Plan, n_networks: int, x: np.ndarray, y: np.ndarray | None = None) -> list[np.ndarray]:
    """Each network's data as the kernels fetch them: one row per sample, with its targets, inputs and padding."""
    samples = np.zeros((*x.shape[:2], plan.sample_width), x.dtype)
    d_in, d_out = plan.sizes[0], plan.sizes[-1]
    if y is not None:
        samples[..., :d_out] = y
    samples[..., d_out : d_out + d_in] = x
    # shared data are shared here too
    return list(samples) * (n_networks // len(x))


def _check_loss(loss: str) -> None:
    if loss not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}, not {loss!r}.")


def _checked_sizes(sizes) -> tuple[int, ...]:
    sizes = tuple(operator.index(size) for size in sizes)
    reason = supports(sizes)
    if reason is not None:
        raise ValueError(reason)
    return sizes


def _checked_dtype(dtype) -> np.dtype:
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"Parameters must be float32 or float64, not {dtype}.")
    return np.dtype(dtype)


def _checked(array, name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """A C-contiguous array of exactly this shape and dtype; anything else would crash compiled code."""
    array = np.asarray(array)
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"{name} must be {shape} {dtype}, not {array.shape} {array.dtype}.")
    return np.ascontiguousarray(array)


def _checked_network(sizes, parameters, x) -> tuple[tuple[int, ...], np.ndarray, np.ndarray]:
    sizes = _checked_sizes(sizes)
    parameters, x = np.asarray(parameters), np.asarray(x)
    _checked_dtype(parameters.dtype)
    n_parameters = sum(n_out * (n_in + 1) for n_in, n_out in itertools.pairwise(sizes))
    if parameters.ndim != 2 or len(parameters) == 0:
        raise ValueError(f"parameters must have two axes, networks and parameters, not shape {parameters.shape}.")
    parameters = _checked(parameters, "parameters", (len(parameters), n_parameters), parameters.dtype)
    if x.ndim != 3 or len(x) not in (1, len(parameters)) or not 0 < x.shape[1] < 2**32:
        raise ValueError(f"x must be (1 or {len(parameters)}, N, {sizes[0]}) with N of 1 or more, not {x.shape}.")
    return sizes, parameters, _checked(x, "x", (*x.shape[:2], sizes[0]), parameters.dtype)
