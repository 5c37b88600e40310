"""The fused engine against plain torch, and the promises that only it makes: same bits however it is run."""

import _thread
import contextlib
import os
import subprocess
import sys
import threading
import time
from itertools import pairwise

import hypothesis.strategies as st
import llvmlite.binding as llvm
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from fewerwells.science.training import fused
from fewerwells.science.training._order import batch_order

REFERENCE = (2, 10, 10, 10, 10, 10, 2)
# no hidden layer; rows and columns that do not fill blocks; several blocks of each kind
SHAPES = ((1, 1), (3, 17, 5), (4, 30, 26, 1))


def make_problem(sizes, n_networks=2, n_data=1, n_samples=40, dtype=np.float64, seed=0):
    """Parameters, x, y and keys of a random training."""
    rng = np.random.default_rng(seed)
    n_parameters = sum(b * (a + 1) for a, b in pairwise(sizes))
    parameters = rng.normal(scale=0.5, size=(n_networks, n_parameters))
    x = rng.normal(size=(n_data, n_samples, sizes[0]))
    y = rng.normal(size=(n_data, n_samples, sizes[-1]))
    keys = rng.integers(0, 2**64, n_networks, dtype=np.uint64)
    return parameters.astype(dtype), x.astype(dtype), y.astype(dtype), keys


def torch_predict(parameters, sizes, x):
    """Outputs (N, d_out) of one network, differentiable."""
    start = 0
    for layer, (n_in, n_out) in enumerate(pairwise(sizes)):
        weights = parameters[start : start + n_out * n_in].reshape(n_out, n_in)
        start += n_out * (n_in + 1)
        x = x @ weights.T + parameters[start - n_out : start]
        if layer < len(sizes) - 2:
            x = x.relu()
    return x


def torch_loss(parameters, sizes, x, y, loss):
    error = torch_predict(parameters, sizes, x) - y
    return (error.abs() if loss == "l1" else error**2).mean()


def torch_train(parameters, sizes, x, y, *, keys, epochs, batch_size, learning_rate, loss="l1", pull=0.0, anchor=None):
    """The same training in the plainest way: one network, one batch at a time."""
    result = []
    for e, key in enumerate(keys):
        data = e if len(x) > 1 else 0
        x_all, y_all = torch.tensor(x[data]), torch.tensor(y[data])
        weights = torch.tensor(parameters[e], requires_grad=True)
        adam = torch.optim.Adam([weights], lr=learning_rate)
        n = len(x_all)
        for epoch in range(epochs):
            order = batch_order(int(key), epoch, n).astype(int) if batch_size < n else np.arange(n)
            for start in range(0, n, batch_size):
                batch = order[start : start + batch_size]
                objective = torch_loss(weights, sizes, x_all[batch], y_all[batch], loss)
                if pull:
                    objective = objective + pull / 2 * ((weights - torch.tensor(anchor[e])) ** 2).sum()
                adam.zero_grad()
                objective.backward()
                adam.step()
        result.append(weights.detach().numpy())
    return np.stack(result)


@settings(max_examples=30)
@given(
    sizes=st.sampled_from([*SHAPES, REFERENCE]),
    n_samples=st.sampled_from([1, 7, 8, 9, 16, 130, 300]),
    shared=st.booleans(),
    loss=st.sampled_from(fused.LOSSES),
    seed=st.integers(0, 1000),
)
def test_gradients_are_those_of_torch(sizes, n_samples, shared, loss, seed):
    n_data = 1 if shared else 2
    parameters, x, y, _ = make_problem(sizes, n_data=n_data, n_samples=n_samples, seed=seed)
    losses, gradients = fused.loss_and_gradients(parameters, sizes, x, y, loss=loss)
    predictions = fused.predict(parameters, sizes, x)
    for e in range(2):
        weights = torch.tensor(parameters[e], requires_grad=True)
        x_e, y_e = torch.tensor(x[e % n_data]), torch.tensor(y[e % n_data])
        expected = torch_loss(weights, sizes, x_e, y_e, loss)
        expected.backward()
        gradient = weights.grad.numpy()
        assert losses[e] == pytest.approx(expected.item(), rel=1e-12)
        np.testing.assert_allclose(gradients[e], gradient, rtol=0, atol=1e-10 * np.abs(gradient).max())
        outputs = torch_predict(weights, sizes, x_e).detach().numpy()
        np.testing.assert_allclose(predictions[e], outputs, rtol=1e-10, atol=1e-12)


@settings(max_examples=20)
@given(
    sizes=st.sampled_from(SHAPES),
    n_samples=st.integers(1, 40),
    batch_size=st.integers(1, 50),
    loss=st.sampled_from(fused.LOSSES),
    pull=st.sampled_from([0.0, 0.3]),
)
def test_training_is_that_of_torch(sizes, n_samples, batch_size, loss, pull):
    parameters, x, y, keys = make_problem(sizes, n_data=2, n_samples=n_samples)
    options = {"keys": keys, "epochs": 2, "batch_size": batch_size, "learning_rate": 0.01, "loss": loss}
    options |= {"pull": pull, "anchor": parameters[::-1] if pull else None}
    trained = fused.train(parameters, sizes, x, y, **options)
    # eps dominates where a gradient is 0 up to rounding, so compare on the scale of a step
    np.testing.assert_allclose(trained, torch_train(parameters, sizes, x, y, **options), rtol=0, atol=1e-7)


def test_float32_training_follows_torch_for_200_steps():
    parameters, x, y, keys = make_problem(REFERENCE, n_samples=400, dtype=np.float32)
    y = np.stack([np.sin(x[..., 0]), x[..., 0] * x[..., 1]], axis=-1)
    options = {"keys": keys, "epochs": 50, "batch_size": 100, "learning_rate": 1e-3}
    predicted = fused.predict(fused.train(parameters, REFERENCE, x, y, **options), REFERENCE, x)
    expected = fused.predict(torch_train(parameters, REFERENCE, x, y, **options), REFERENCE, x)
    assert predicted.dtype == np.float32
    assert np.linalg.norm(predicted - expected) < 1e-3 * np.linalg.norm(expected)


def test_same_bits_for_any_number_of_threads_and_in_any_company():
    parameters, x, y, keys = make_problem(REFERENCE, 300, 1, 60, np.float32)
    options = {"epochs": 3, "batch_size": 25, "learning_rate": 0.01}
    together = fused.train(parameters, REFERENCE, x, y, keys=keys, threads=2, **options)
    for threads in (1, 3):
        again = fused.train(parameters, REFERENCE, x, y, keys=keys, threads=threads, **options)
        np.testing.assert_array_equal(again, together)
    alone = fused.train(parameters[123:124], REFERENCE, x, y, keys=keys[123:124], **options)
    np.testing.assert_array_equal(alone[0], together[123])
    own_data = fused.train(parameters, REFERENCE, np.repeat(x, 300, 0), np.repeat(y, 300, 0), keys=keys, **options)
    np.testing.assert_array_equal(own_data, together)


def test_keys_decide_the_batches():
    parameters, x, y, _ = make_problem((3, 17, 5))
    parameters[1] = parameters[0]

    def train(keys, batch_size):
        keys = np.array(keys, np.uint64)
        return fused.train(parameters, (3, 17, 5), x, y, keys=keys, epochs=2, batch_size=batch_size, learning_rate=0.01)

    same, different, one_batch = train([1, 1], 10), train([1, 2], 10), train([1, 2], 40)
    np.testing.assert_array_equal(same[0], same[1])
    assert np.abs(different[0] - different[1]).max() > 1e-6
    np.testing.assert_array_equal(one_batch[0], one_batch[1])


@pytest.mark.parametrize("frozen", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)])
def test_frozen_layers_stay_and_the_others_train_as_if_masked(frozen):
    sizes = (4, 30, 26, 1)
    parameters, x, y, keys = make_problem(sizes)
    flags = np.isin(np.arange(3), frozen)
    counts = [b * (a + 1) for a, b in pairwise(sizes)]
    stays = np.repeat(flags, counts)
    options = {"keys": keys, "batch_size": 40, "learning_rate": 0.01, "pull": 0.1, "anchor": parameters + 1}
    trained = fused.train(parameters, sizes, x, y, epochs=1, frozen=flags, **options)
    free = fused.train(parameters, sizes, x, y, epochs=1, **options)
    np.testing.assert_array_equal(trained[:, stays], parameters[:, stays])
    # after a single step the other layers cannot know
    np.testing.assert_array_equal(trained[:, ~stays], free[:, ~stays])
    assert np.all(trained[:, ~stays] != parameters[:, ~stays])
    later = fused.train(parameters, sizes, x, y, epochs=5, frozen=flags, **options)
    np.testing.assert_array_equal(later[:, stays], parameters[:, stays])


def test_no_epochs_gives_a_copy_and_the_input_is_never_touched():
    parameters, x, y, keys = make_problem((1, 1))
    before = parameters.copy()
    options = {"keys": keys, "batch_size": 10, "learning_rate": 0.01}
    result = fused.train(parameters, (1, 1), x, y, epochs=0, **options)
    np.testing.assert_array_equal(result, parameters)
    assert not np.shares_memory(result, parameters)
    fused.train(parameters, (1, 1), x, y, epochs=3, **options)
    np.testing.assert_array_equal(parameters, before)


@pytest.mark.parametrize("loss", fused.LOSSES)
def test_nan_spreads_in_its_own_network_only(loss):
    sizes = (3, 17, 5)
    for signal in range(2):
        parameters, *data, keys = make_problem(sizes, n_data=2)
        options = {"keys": keys, "epochs": 2, "batch_size": 7, "learning_rate": 0.01, "loss": loss}
        clean = fused.train(parameters, sizes, *data, **options)
        data[signal][0, 11, 1] = np.nan
        trained = fused.train(parameters, sizes, *data, **options)
        assert np.isnan(trained[0]).any()
        np.testing.assert_array_equal(trained[1], clean[1])
        losses, gradients = fused.loss_and_gradients(parameters, sizes, *data, loss=loss)
        assert np.isnan(losses).tolist() == [True, False]
        assert np.isnan(gradients).any(axis=1).tolist() == [True, False]


def python_order(key, epoch, n):
    """`batch_order` in Python's own integers."""
    mask = 2**64 - 1
    order = []
    for i in range(n):
        word = (key + 0x9E3779B97F4A7C15 * (epoch * 2**32 + i)) & mask
        word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & mask
        word = (word ^ word >> 27) * 0x94D049BB133111EB & mask
        word ^= word >> 31
        j = (word >> 32) * (i + 1) >> 32
        order.append(i)
        order[i], order[j] = order[j], i
    return order


@settings(max_examples=50)
@given(key=st.integers(0, 2**64 - 1), epoch=st.integers(0, 2**32 - 1), n=st.integers(0, 100))
def test_order_is_the_documented_permutation(key, epoch, n):
    order = batch_order(key, epoch, n)
    assert order.dtype == np.uint32
    assert sorted(order) == list(range(n))
    assert order.tolist() == python_order(key, epoch, n)


def test_order_is_uniform():
    """Chi-square of every sample's place, and of neighbouring pairs, over keys and over epochs."""
    n, draws = 12, 12_000
    over_keys = np.array([batch_order(key, 0, n) for key in range(draws)])
    over_epochs = np.array([batch_order(7, epoch, n) for epoch in range(draws)])
    for orders in (over_keys, over_epochs):
        counts = np.array([np.bincount(orders[:, place], minlength=n) for place in range(n)])
        expected = draws / n
        chi_square = ((counts - expected) ** 2 / expected).sum()
        freedom = (n - 1) ** 2
        assert abs(chi_square - freedom) < 5 * np.sqrt(2 * freedom)
        pairs = np.bincount(orders[:, 0] * n + orders[:, 1], minlength=n * n)
        expected = draws / (n * (n - 1))
        chi_square = ((pairs[pairs > 0] - expected) ** 2 / expected).sum()
        freedom = n * (n - 1) - 1
        assert abs(chi_square - freedom) < 5 * np.sqrt(2 * freedom)


def test_order_refuses_what_has_too_many_bits():
    for arguments in [(-1, 0, 3), (2**64, 0, 3), (0, 2**32, 3), (0, 0, -1)]:
        with pytest.raises(ValueError):
            batch_order(*arguments)


def bad_calls():
    good = dict(zip(("parameters", "x", "y", "keys"), make_problem((3, 17, 5)), strict=True))
    good |= {"sizes": (3, 17, 5), "epochs": 1, "batch_size": 10, "learning_rate": 0.01}
    changes = {
        "half precision": {"parameters": good["parameters"].astype(np.float16)},
        "one axis": {"parameters": good["parameters"][0]},
        "no networks": {"parameters": good["parameters"][:0], "keys": good["keys"][:0]},
        "too few parameters": {"parameters": good["parameters"][:, 1:]},
        "x of another dtype": {"x": good["x"].astype(np.float32)},
        "x too wide": {"x": np.concatenate([good["x"], good["x"]], axis=2)},
        "no samples": {"x": good["x"][:, :0], "y": good["y"][:, :0]},
        "y too short": {"y": good["y"][:, 1:]},
        "three data sets": {"x": good["x"].repeat(3, 0), "y": good["y"].repeat(3, 0)},
        "signed keys": {"keys": good["keys"].astype(np.int64)},
        "one key": {"keys": good["keys"][:1]},
        "layer too wide": {"sizes": (3, fused.WIDEST_LAYER + 1, 5)},
        "no layer": {"sizes": (3,)},
        "negative epochs": {"epochs": -1},
        "empty batches": {"batch_size": 0},
        "learning rate NaN": {"learning_rate": float("nan")},
        "unknown loss": {"loss": "l3"},
        "frozen of the wrong length": {"frozen": np.zeros(3, bool)},
        "frozen as numbers": {"frozen": np.zeros(2)},
        "pull without anchor": {"pull": 1.0},
        "anchor of one network": {"pull": 1.0, "anchor": good["parameters"][:1]},
        "negative pull": {"pull": -1.0},
        "beta 1": {"betas": (1.0, 0.999)},
        "no threads": {"threads": 0},
    }
    return [pytest.param(good | change, id=name) for name, change in changes.items()]


@pytest.mark.parametrize("arguments", bad_calls())
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(ValueError):
        fused.train(**arguments)


def test_supports_says_why_not():
    assert fused.supports(REFERENCE) is None
    assert fused.supports((2, fused.WIDEST_LAYER, 2)) is None
    assert str(fused.WIDEST_LAYER) in fused.supports((2, fused.WIDEST_LAYER + 1, 2))


def test_progress_counts_every_sample_step():
    parameters, x, y, keys = make_problem(REFERENCE, 3, 1, 1000, np.float32)
    calls = []
    fused.train(
        parameters, REFERENCE, x, y, keys=keys, epochs=4000, batch_size=250, learning_rate=1e-3, progress=calls.append
    )
    assert sum(calls) == 3 * 1000 * 4000
    assert len(calls) > 1


def timed_training(epochs=30_000, progress=None):
    """Seconds, and the trained parameters; None where it was interrupted."""
    parameters, x, y, keys = make_problem(REFERENCE, 3, 1, 1000, np.float32)
    options = {"keys": keys, "batch_size": 250, "learning_rate": 1e-3, "progress": progress}
    trained, started = None, time.perf_counter()
    with contextlib.suppress(KeyboardInterrupt, ZeroDivisionError):
        trained = fused.train(parameters, REFERENCE, x, y, epochs=epochs, **options)
    return time.perf_counter() - started, trained


@pytest.fixture(scope="module")
def left_alone():
    fused.compile_for(REFERENCE)
    return timed_training()


INTERRUPTS = {
    "Ctrl-C": lambda steps: _thread.interrupt_main(),
    "Ctrl-C without progress": None,
    "an error in progress": lambda steps: 1 / 0,
}


@pytest.mark.parametrize("how", INTERRUPTS)
def test_training_that_is_interrupted_leaves_most_of_its_work_undone(how, left_alone):
    """Beside the same training, left alone, in the same run. How many seconds it may take: make bench."""
    if INTERRUPTS[how] is None:
        threading.Timer(0.1, _thread.interrupt_main).start()
    seconds, trained = timed_training(progress=INTERRUPTS[how])
    assert trained is None
    assert seconds < left_alone[0] / 2
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("fewerwells")]
    assert np.isfinite(timed_training(epochs=1)[1]).all(), "the next one trains"


SCRIPT = """
import hashlib, logging, sys
import numpy as np
from fewerwells.science.training import fused

logging.basicConfig(level=logging.INFO, stream=sys.stdout)
rng = np.random.default_rng(0)
parameters, x, y = (rng.normal(size=size).astype(np.float32) for size in [(2, 158), (1, 40, 3), (1, 40, 5)])
keys = np.arange(2, dtype=np.uint64)
trained = fused.train(parameters, (3, 17, 5), x, y, keys=keys, epochs=20, batch_size=9, learning_rate=0.01)
print(hashlib.sha256(trained.tobytes()).hexdigest())
"""


def run_script(cache, **environment):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)} | environment
    command = [sys.executable, "-c", SCRIPT]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


def test_compiled_code_is_kept_on_disk_and_gives_the_same_bits_on_narrower_machines(tmp_path):
    log, digest = run_script(tmp_path / "cache")
    assert "Compiled" in log
    assert run_script(tmp_path / "cache") == [digest]
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        narrower = {name: on and not name.startswith("avx512") for name, on in features.items()}
        flags = ",".join(("+" if on else "-") + name for name, on in narrower.items())
        machine = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": flags}
        assert run_script(tmp_path / "cache", **machine)[1] == digest
