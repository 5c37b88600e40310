"""The study in forty lines of chapter 2 trains as the package does."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from fewerwells.running.reading_order import project_root
from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import Pairs
from fewerwells.science.networks import STUDY_SIZES, initialise
from fewerwells.science.training import Schedule, train


@pytest.fixture(scope="module")
def forty():
    """What the cell defines and prints."""
    notebook = json.loads((project_root() / "notebooks" / "02_problem.ipynb").read_text("utf-8"))
    (cell,) = [cell for cell in notebook["cells"] if cell.get("id") == "forty-lines"]
    names, printed = {"settings": SimpleNamespace(seed=0)}, []
    names["print"] = printed.append
    source = "".join(cell["source"])
    exec(source, names)
    return names | {"printed": printed, "source": source}


def test_it_is_forty_lines(forty):
    assert len([line for line in forty["source"].splitlines() if line.strip()]) <= 42
    assert len(forty["printed"]) == 2


@pytest.mark.parametrize("n", [1, 2])
def test_its_circuits_are_those_of_the_package(forty, n):
    x = np.random.default_rng(0).uniform(0, 20, (50, 2))
    circuit = reference_circuit("n_part_complex", n)
    found = forty["circuit"](forty["torch"].tensor(x, dtype=forty["torch"].float64), n)
    np.testing.assert_allclose(found.numpy(), circuit(x), rtol=1e-6)


def test_its_loop_moves_the_weights_as_the_package_does(forty):
    """From the same weights on the same plate, in one batch an epoch, so that no order matters."""
    torch = forty["torch"]
    start, wells = initialise(STUDY_SIZES, [3], output_scale=40.0), (forty["wells_x"], forty["wells_y"])
    network = forty["new_network"]()
    with torch.no_grad():
        linear = [layer for layer in network if isinstance(layer, torch.nn.Linear)]
        for layer, (weights, biases) in zip(linear, start.layers(), strict=True):
            layer.weight.copy_(torch.tensor(weights[0]))
            layer.bias.copy_(torch.tensor(biases[0]))
    forty["train_network"](network, *wells, epochs=30)
    pairs = Pairs(*(part.numpy().astype(float) for part in wells))
    expected = train(start, [pairs], Schedule(30), keys=[0], engine="reference").ensemble
    for layer, (weights, biases) in zip(linear, expected.layers(), strict=True):
        np.testing.assert_allclose(layer.weight.detach().numpy(), weights[0], atol=2e-5)
        np.testing.assert_allclose(layer.bias.detach().numpy(), biases[0], atol=2e-5)
    assert not np.allclose(expected.parameters, start.parameters, atol=1e-3)
