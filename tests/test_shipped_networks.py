"""The networks that come with the package are what their records say, small and quick."""

import json
from hashlib import sha256

import pytest

from fewerwells.running.pretraining import command
from fewerwells.science.in_context.reader import SHIPPED, InContextNetwork
from fewerwells.science.in_context.training import Settings
from fewerwells.science.in_context.validation import validate

NAMES = sorted(
    path.name.removesuffix(".safetensors") for path in SHIPPED.iterdir() if path.name.endswith(".safetensors")
)


@pytest.mark.parametrize("name", NAMES)
def test_shipped_weights_are_what_their_record_says(name):
    path = SHIPPED / f"{name}.safetensors"
    record = json.loads((SHIPPED / f"{name}.json").read_text())
    assert sha256(path.read_bytes()).hexdigest() == record["sha256"]
    network = InContextNetwork.load(name)
    assert list(network.without) == record["settings"]["without"]
    assert sum(part.numel() for part in network.network.parameters()) == record["parameters"]
    assert record["command"] == command(Settings(**record["settings"] | {"without": network.without}))
    assert record["validation"][-1]["step"] <= record["step"] <= record["settings"]["steps"]


@pytest.mark.parametrize("name", NAMES)
def test_intervals_hold_as_often_as_they_say_on_plates_of_the_prior(name, one_thread):
    network = InContextNetwork.load(name)
    scores = validate(network.network, network.without, n_plates=200)
    assert 0.75 <= scores["held_inside"] <= 0.85
    assert 0.75 <= scores["held_outside"] <= 0.85


def test_shipped_weights_are_small():
    assert "all" in NAMES
    assert sum((SHIPPED / f"{name}.safetensors").stat().st_size for name in NAMES) <= 2_000_000
