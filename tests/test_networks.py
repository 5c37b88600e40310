"""Ensembles: shapes, predictions against torch, files that come back whole or not at all."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from fewerwells.science.networks import STUDY_SIZES, Ensemble, initialise, parameter_count


def torch_twin(ensemble: Ensemble, index: int) -> torch.nn.Sequential:
    """The same network as an ordinary torch module, in double precision."""
    modules = []
    for weights, biases in ensemble.layers():
        layer = torch.nn.Linear(weights.shape[2], weights.shape[1])
        layer.weight.data = torch.tensor(weights[index], dtype=torch.float64)
        layer.bias.data = torch.tensor(biases[index], dtype=torch.float64)
        modules += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*modules[:-1])


def test_the_study_network_has_492_parameters():
    module = torch.nn.Sequential(*(torch.nn.Linear(a, b) for a, b in pairwise(STUDY_SIZES)))
    assert parameter_count(STUDY_SIZES) == sum(p.numel() for p in module.parameters()) == 492


@pytest.mark.parametrize("sizes", [STUDY_SIZES, (2, 2), (3, 5, 1), (1, 7, 4, 2)])
def test_predictions_equal_torch(sizes):
    ensemble = initialise(sizes, seeds=[0, 1, 2], output_scale=40.0)
    x = np.random.default_rng(0).uniform(0, 20, (30, sizes[0]))
    predicted = ensemble.predict(x)
    for index in range(3):
        expected = torch_twin(ensemble, index)(torch.tensor(x / 10 - 1)).detach().numpy() * 40.0
        np.testing.assert_allclose(predicted[index], expected, atol=2e-5 * 40)


def test_own_inputs_for_each_network():
    ensemble = initialise((2, 4, 2), seeds=[0, 1])
    x = np.random.default_rng(0).uniform(0, 20, (2, 9, 2))
    both = ensemble.predict(x)
    np.testing.assert_allclose(both[1], ensemble[[1]].predict(x[1])[0], rtol=1e-6)


def test_a_network_depends_on_its_own_seed_alone():
    alone, among = initialise(STUDY_SIZES, [5]), initialise(STUDY_SIZES, [3, 5, 9])
    np.testing.assert_array_equal(alone.parameters[0], among.parameters[1])
    assert not np.array_equal(among.parameters[0], among.parameters[1])


def test_initial_weights_follow_torchs_range():
    weights, biases = initialise(STUDY_SIZES, list(range(50))).layers()[1]
    for values in (weights, biases):
        assert 0.9 / np.sqrt(10) < np.abs(values).max() <= 1 / np.sqrt(10)


def test_saved_ensembles_come_back_bit_for_bit(tmp_path):
    ensemble = initialise((2, 3, 2), [0, 1], output_scale=12.5)
    ensemble.save(tmp_path / "deep" / "e.safetensors", colour="blue")
    loaded, notes = Ensemble.load(tmp_path / "deep" / "e.safetensors")
    np.testing.assert_array_equal(loaded.parameters, ensemble.parameters)
    assert (loaded.sizes, loaded.output_scale, notes) == ((2, 3, 2), 12.5, {"colour": "blue"})
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["e.safetensors"]


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b"x" * len(b)])
def test_damaged_files_are_refused(tmp_path, damage):
    path = tmp_path / "e.safetensors"
    initialise((2, 3, 2), [0]).save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="not a whole ensemble file"):
        Ensemble.load(path)


@pytest.mark.parametrize(
    "call",
    [
        lambda: Ensemble((2,), np.zeros((1, 0), np.float32)),
        lambda: Ensemble((2, 2), np.zeros((1, 5), np.float32)),
        lambda: Ensemble((2, 2), np.zeros((1, 6), np.float32), output_scale=0.0),
        lambda: Ensemble((2, 2), np.zeros((1, 6), np.float32), input_range=(3.0, 3.0)),
        lambda: initialise((2, 2), [0]).predict(np.zeros((4, 3))),
    ],
)
def test_shapes_that_do_not_fit_are_refused(call):
    with pytest.raises(ValueError):
        call()
