"""The network that reads a plate, as it travels with the page."""

from __future__ import annotations

import base64
import json
from importlib.resources import files

import numpy as np
from safetensors import safe_open

from fewerwells.science.in_context.features import LEVELS


def export() -> dict:
    """The shipped weights, of the network that knows all circuits, for `reader.js`.

    Returns:
        `shape` of the network, `levels` of its quantiles, `parts` as pairs (name, how many numbers) in order, and
        `weights`: all of them in half precision, base64 of the high bytes before the low ones, which compress better so.
    """
    path = files("fewerwells.science.in_context") / "all.safetensors"
    with safe_open(path, "numpy") as file:  # without torch, for which every chapter would wait
        shape = json.loads(file.metadata()["network"])["shape"]
        parts = {name: file.get_tensor(name).ravel() for name in file.keys()}  # noqa: SIM118
    both = np.concatenate(list(parts.values())).astype("<f2").view(np.uint8).reshape(-1, 2)
    return {
        "shape": shape,
        "levels": list(LEVELS),
        "parts": [[name, part.size] for name, part in parts.items()],
        "weights": base64.b64encode(both[:, ::-1].T.tobytes()).decode(),
    }
