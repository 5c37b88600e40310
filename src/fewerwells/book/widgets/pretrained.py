"""The pre-trained network that travels with the page: one seed's published weights in a small JSON file.

    python -m fewerwells.book.widgets.pretrained

writes it again; needed only after the protocol or the engine has changed.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np

from fewerwells.running.stored_networks import pretrained_networks
from fewerwells.science.networks import Ensemble
from fewerwells.study.protocol import Protocol

FILE = Path(__file__).with_name("pretrained.json")


def export() -> None:
    """Write the pre-trained network of the published protocol's first seed.

    The file holds `seed`, `epochs`, `synthetic_volume`, `sizes`, `output_scale` (nM) and `parameters`, the 492 weights
    and biases as little-endian float32 in base64, in the order of `networks.Ensemble`.
    """
    protocol, seed = Protocol(), 0
    ensemble = pretrained_networks(protocol, [seed])
    record = {
        "seed": seed,
        "epochs": protocol.pretraining_epochs,
        "synthetic_volume": protocol.synthetic_volume,
        "sizes": ensemble.sizes,
        "output_scale": ensemble.output_scale,
        "parameters": base64.b64encode(ensemble.parameters[0].astype("<f4").tobytes()).decode(),
    }
    FILE.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def load() -> tuple[Ensemble, dict]:
    """The stored network as an ensemble of one, and the whole record."""
    record = json.loads(FILE.read_text(encoding="utf-8"))
    parameters = np.frombuffer(base64.b64decode(record["parameters"]), "<f4")[None]
    return Ensemble(tuple(record["sizes"]), parameters, output_scale=record["output_scale"]), record


if __name__ == "__main__":
    export()
