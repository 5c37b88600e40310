"""An ensemble of multilayer perceptrons as one stacked array: initialise, predict, save, load."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from fewerwells.science.datasets import BIG, random_stream

STUDY_SIZES = (2, 10, 10, 10, 10, 10, 2)  # 2 inputs, 5 hidden layers of 10, 2 outputs: 492 parameters


def parameter_count(sizes: tuple[int, ...]) -> int:
    """Weights and biases of one network: Σ (n_in + 1)·n_out over its layers."""
    return sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes))


@dataclass(frozen=True)
class Ensemble:
    """E networks of one shape, ReLU on hidden layers, linear output.

    Attributes:
        sizes: width of every layer, inputs first, outputs last.
        parameters: (E, P) float32; per layer the weights (n_out, n_in) row by row, then the biases (n_out).
        input_range: the concentrations (low, high), nM, that are scaled to −1 and 1.
        output_scale: nM; outputs are divided by it in training and multiplied by it in `predict`.
    """

    sizes: tuple[int, ...]
    parameters: np.ndarray
    input_range: tuple[float, float] = (BIG.low, BIG.high)
    output_scale: float = 1.0

    def __post_init__(self):
        if len(self.sizes) < 2 or any(size < 1 for size in self.sizes):
            raise ValueError(f"the layer sizes are {self.sizes}; at least two are needed, all positive.")
        expected = parameter_count(self.sizes)
        if self.parameters.ndim != 2 or self.parameters.shape[1] != expected:
            raise ValueError(f"parameters have shape {self.parameters.shape}; sizes {self.sizes} need (E, {expected}).")
        if not self.input_range[0] < self.input_range[1]:
            raise ValueError(f"the input range is {self.input_range}; the first value must be below the second.")
        if not (np.isfinite(self.output_scale) and self.output_scale > 0):
            raise ValueError(f"the output scale is {self.output_scale} nM; it must be positive.")

    def __len__(self) -> int:
        return len(self.parameters)

    def __repr__(self) -> str:
        shape = "-".join(map(str, self.sizes))
        return f"Ensemble({len(self)} networks {shape}, {self.parameters.shape[1]} parameters each)"

    def __getitem__(self, which) -> Ensemble:
        """The networks chosen by a slice or an index array, as an ensemble of their own."""
        return replace(self, parameters=np.atleast_2d(self.parameters[which]))

    def with_parameters(self, parameters: np.ndarray) -> Ensemble:
        """The same networks with other weights, shape (E, P)."""
        return replace(self, parameters=parameters)

    def layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Per layer the weights (E, n_out, n_in) and biases (E, n_out), as views."""
        views, start = [], 0
        for n_in, n_out in pairwise(self.sizes):
            middle, end = start + n_out * n_in, start + n_out * (n_in + 1)
            weights = self.parameters[:, start:middle].reshape(-1, n_out, n_in)
            views.append((weights, self.parameters[:, middle:end]))
            start = end
        return views

    def scale_inputs(self, x: np.ndarray) -> np.ndarray:
        """Concentrations (nM) to the network's inputs: the input range becomes −1 to 1."""
        low, high = self.input_range
        return (2.0 * (np.asarray(x, float) - low) / (high - low) - 1.0).astype(self.parameters.dtype)

    def scale_outputs(self, y: np.ndarray) -> np.ndarray:
        """Outputs (nM) to the numbers that the network is trained on."""
        return (np.asarray(y, float) / self.output_scale).astype(self.parameters.dtype)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Outputs of every network, shape (E, N, d_out), nM, for inputs (N, d_in) or (E, N, d_in), nM.

        Raises:
            ValueError: inputs of another shape.
        """
        x = np.asarray(x)
        if x.ndim not in (2, 3) or x.shape[-1] != self.sizes[0] or (x.ndim == 3 and len(x) not in (1, len(self))):
            raise ValueError(
                f"inputs have shape {x.shape}; they must be (N, {self.sizes[0]}) or (E, N, {self.sizes[0]})."
            )
        signal = self.scale_inputs(x)
        layers = self.layers()
        for depth, (weights, biases) in enumerate(layers):
            signal = signal @ weights.swapaxes(1, 2) + biases[:, None, :]
            if depth < len(layers) - 1:
                signal = np.maximum(signal, 0.0)
        return signal * self.output_scale

    def save(self, path: str | Path, **notes: str) -> None:
        """Write to a safetensors file, whole or not at all; `notes` are kept as its metadata."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata = {
            "sizes": ",".join(map(str, self.sizes)),
            "input_range": ",".join(map(repr, map(float, self.input_range))),
            "output_scale": repr(float(self.output_scale)),
            **notes,
        }
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
        save_file({"parameters": np.ascontiguousarray(self.parameters)}, unfinished, metadata=metadata)
        os.replace(unfinished, path)

    @staticmethod
    def load(path: str | Path) -> tuple[Ensemble, dict[str, str]]:
        """Read what `save` wrote: the ensemble and its notes.

        Raises:
            ValueError: the file is damaged or is not an ensemble.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                notes = dict(file.metadata() or {})
                parameters = file.get_tensor("parameters")
            low, high = map(float, notes.pop("input_range").split(","))
            sizes = tuple(map(int, notes.pop("sizes").split(",")))
            ensemble = Ensemble(sizes, parameters, (low, high), float(notes.pop("output_scale")))
        except (SafetensorError, KeyError) as error:
            raise ValueError(f"{path} is not a whole ensemble file ({error}).") from error
        return ensemble, notes


def initialise(sizes: tuple[int, ...], seeds: list[int], output_scale: float = 1.0) -> Ensemble:
    """Fresh networks, one a seed: weights and biases uniform on ±1/√n_in, as torch.nn.Linear draws them.

    A network depends on its own seed alone, not on the others in the list.
    """
    rows = []
    for seed in seeds:
        rng = random_stream(seed, "initial weights")
        parts = []
        for n_in, n_out in pairwise(sizes):
            bound = 1.0 / np.sqrt(n_in)
            parts += [rng.uniform(-bound, bound, n_out * n_in), rng.uniform(-bound, bound, n_out)]
        rows.append(np.concatenate(parts))
    return Ensemble(tuple(sizes), np.asarray(rows, np.float32), output_scale=output_scale)
