"""The verb `train`, on both engines: the oracle is a single torch network, trained alone in a plain loop."""

import logging
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import Pairs, real_pairs
from fewerwells.science.networks import Ensemble, initialise
from fewerwells.science.training import Schedule, choose_engine, reference, train
from fewerwells.science.training._order import batch_order
from tests.test_networks import torch_twin

ENGINES = ("reference", "fused")
SIZES = (2, 10, 10, 2)
CIRCUIT = reference_circuit("n_part_complex", 2.0)
KEYS = [11, 22, 33]


def ensemble_and_data(n, seeds=(0, 1, 2)):
    ensemble = initialise(SIZES, list(seeds), output_scale=40.0)
    return ensemble, [real_pairs(CIRCUIT, n, seed) for seed in seeds]


def plain_loop(ensemble: Ensemble, index: int, pairs: Pairs, schedule: Schedule, key: int) -> np.ndarray:
    """One network as an ordinary torch module with torch's own loss and optimiser, float64; its parameters."""
    network = torch_twin(ensemble, index)
    x = torch.tensor(ensemble.scale_inputs(pairs.x), dtype=torch.float64)
    y = torch.tensor(ensemble.scale_outputs(pairs.y), dtype=torch.float64)
    loss = torch.nn.L1Loss() if schedule.loss == "l1" else torch.nn.MSELoss()
    layers = [module for module in network if isinstance(module, torch.nn.Linear)]
    for depth in schedule.frozen:
        layers[depth].requires_grad_(False)
    weights = [p for p in network.parameters() if p.requires_grad]
    start = [p.detach().clone() for p in weights]
    optimiser = torch.optim.Adam(weights, lr=schedule.learning_rate)
    for epoch in range(schedule.epochs):
        order = torch.tensor(batch_order(key, epoch, len(pairs)).astype(np.int64))
        if schedule.batch_size >= len(pairs):
            order = torch.arange(len(pairs))
        for chosen in order.split(schedule.batch_size):
            optimiser.zero_grad()
            value = loss(network(x[chosen]), y[chosen])
            for p, p0 in zip(weights, start, strict=True):
                value = value + schedule.pull / 2 * (p - p0).square().sum()
            value.backward()
            optimiser.step()
    return torch.cat([p.detach().reshape(-1) for p in network.parameters()]).numpy()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(epochs=20, batch_size=32),
        Schedule(epochs=30, batch_size=1000, learning_rate=3e-3, loss="l2"),
        Schedule(epochs=15, batch_size=33, frozen=(0, 2)),
        Schedule(epochs=15, batch_size=64, pull=0.3, loss="l2"),
        Schedule(epochs=8, batch_size=1),
    ],
    ids=["l1, partial last batch", "l2, one batch", "frozen layers", "pull", "batch of one"],
)
def test_an_ensemble_equals_single_networks_trained_alone(engine, schedule):
    ensemble, data = ensemble_and_data(75)
    trained = train(ensemble, data, schedule, keys=KEYS, engine=engine)
    assert trained.engine == engine
    x = np.random.default_rng(0).uniform(0, 20, (200, 2))
    for index, expected in enumerate(trained_alone(schedule)):
        predicted = trained.ensemble[[index]].predict(x)
        np.testing.assert_allclose(predicted, expected.predict(x), atol=1e-3 * 40)


@cache  # both engines are held to the same networks
def trained_alone(schedule):
    ensemble, data = ensemble_and_data(75)
    return [
        ensemble.with_parameters(plain_loop(ensemble, index, pairs, schedule, KEYS[index])[None].astype(np.float32))
        for index, pairs in enumerate(data)
    ]


@given(n=st.integers(1, 70), batch=st.integers(1, 80), loss=st.sampled_from(["l1", "l2"]), epochs=st.integers(0, 4))
@settings(max_examples=40)
def test_engines_agree(n, batch, loss, epochs):
    ensemble, data = ensemble_and_data(n)
    schedule = Schedule(epochs, batch_size=batch, loss=loss)
    results = [train(ensemble, data, schedule, keys=KEYS, engine=engine).ensemble for engine in ENGINES]
    x = np.random.default_rng(1).uniform(0, 20, (50, 2))
    np.testing.assert_allclose(results[0].predict(x), results[1].predict(x), atol=1e-3 * 40)


@pytest.mark.parametrize("engine", ENGINES)
def test_zero_epochs_leave_the_networks_as_they_are(engine):
    ensemble, data = ensemble_and_data(20)
    trained = train(ensemble, data, Schedule(0), keys=KEYS, engine=engine)
    np.testing.assert_array_equal(trained.ensemble.parameters, ensemble.parameters)
    assert trained.sample_steps == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_the_input_ensemble_is_left_untouched_and_training_repeats(engine):
    ensemble, data = ensemble_and_data(40)
    before = ensemble.parameters.copy()
    first, second = (train(ensemble, data, Schedule(5, batch_size=16), keys=KEYS, engine=engine) for _ in range(2))
    np.testing.assert_array_equal(ensemble.parameters, before)
    np.testing.assert_array_equal(first.ensemble.parameters, second.ensemble.parameters)
    other = train(ensemble, data, Schedule(5, batch_size=16), keys=[1, 2, 3], engine=engine)
    assert not np.array_equal(other.ensemble.parameters, first.ensemble.parameters)


@pytest.mark.parametrize("engine", ENGINES)
def test_shared_data_equal_own_copies(engine):
    ensemble, data = ensemble_and_data(30)
    shared = train(ensemble, data[:1], Schedule(4, batch_size=8), keys=KEYS, engine=engine)
    copies = train(ensemble, [data[0]] * 3, Schedule(4, batch_size=8), keys=KEYS, engine=engine)
    np.testing.assert_allclose(shared.ensemble.parameters, copies.ensemble.parameters, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_progress_adds_up_to_the_work_done(engine):
    ensemble, data = ensemble_and_data(30)
    steps = []
    train(ensemble, data, Schedule(7, batch_size=8), keys=KEYS, engine=engine, progress=steps.append)
    assert sum(steps) == 7 * 30 * 3


@pytest.mark.parametrize("engine", ENGINES)
def test_a_diverged_network_is_reported_and_the_others_are_not(engine):
    ensemble, data = ensemble_and_data(30)
    broken = ensemble.parameters.copy()
    broken[1, 0] = np.nan
    trained = train(ensemble.with_parameters(broken), data, Schedule(2), keys=KEYS, engine=engine)
    assert trained.diverged.tolist() == [False, True, False]


def test_reference_gradients_equal_torchs_per_network_gradients():
    """Summing the losses of independent networks must leave each network its own gradient."""
    ensemble, data = ensemble_and_data(20)
    layers = reference._layers(torch.tensor(ensemble.parameters, dtype=torch.float64), SIZES)
    x = torch.tensor(np.stack([ensemble.scale_inputs(p.x).T for p in data]), dtype=torch.float64)
    y = torch.tensor(np.stack([ensemble.scale_outputs(p.y).T for p in data]), dtype=torch.float64)
    reference.loss_of(reference.forward(layers, x), y, "l1").backward()
    for index in range(3):
        twin = torch_twin(ensemble, index)
        torch.nn.L1Loss()(twin(x[index].T), y[index].T).backward()
        linear = [module for module in twin if isinstance(module, torch.nn.Linear)]
        for (weights, biases), layer in zip(layers, linear, strict=True):
            torch.testing.assert_close(weights.grad[index], layer.weight.grad, rtol=1e-10, atol=1e-14)
            torch.testing.assert_close(biases.grad[index, :, 0], layer.bias.grad, rtol=1e-10, atol=1e-14)


def test_auto_is_fused_here_and_falls_back_with_a_line(caplog):
    assert choose_engine(SIZES) == ("reference" if torch.cuda.is_available() else "fused")
    with caplog.at_level(logging.WARNING, logger="fewerwells"):
        assert choose_engine((2, 5000, 2), "fused") == "reference"
    assert len(caplog.records) == 1
    assert "reference engine" in caplog.text


ENSEMBLE, DATA = ensemble_and_data(10)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": DATA[:2]}, "2 data sets were given for 3 networks"),
        ({"data": [DATA[0], DATA[1], DATA[2].first(4)]}, r"hold \[4, 10\] pairs"),
        ({"data": [Pairs(np.zeros((0, 2)), np.zeros((0, 2)))]}, "at least 1"),
        ({"data": [Pairs(DATA[0].x, np.full((10, 2), np.nan))]}, "20 of the outputs are not finite"),
        ({"data": [Pairs(np.zeros((4, 3)), np.zeros((4, 3)))]}, "3 inputs and 3 outputs"),
        ({"keys": [1, 2]}, "2 keys were given for 3 networks"),
        ({"ensemble": ENSEMBLE[0:0], "keys": []}, "0 networks"),
        ({"threads": 0}, "threads is 0"),
        ({"schedule": Schedule(1, frozen=(3,))}, "layers 0 to 2"),
        ({"engine": "steam"}, "the engine is 'steam'"),
    ],
)
def test_bad_input_is_refused_before_training(engine, change, words):
    arguments = {"ensemble": ENSEMBLE, "data": DATA, "schedule": Schedule(1), "keys": KEYS, "engine": engine} | change
    with pytest.raises(ValueError, match=words):
        train(arguments.pop("ensemble"), arguments.pop("data"), arguments.pop("schedule"), **arguments)


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": -1},
        {"epochs": 1.5},
        {"epochs": 1, "batch_size": 0},
        {"epochs": 1, "learning_rate": 0.0},
        {"epochs": 1, "learning_rate": float("nan")},
        {"epochs": 1, "loss": "l3"},
        {"epochs": 1, "pull": -1.0},
    ],
)
def test_impossible_schedules_are_refused(settings):
    with pytest.raises(ValueError):
        Schedule(**settings)
