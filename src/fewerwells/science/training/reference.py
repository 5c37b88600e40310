"""The readable engine: plain torch, all networks of the ensemble trained together.

Signals are stored feature-major, (networks, features, samples): then each layer is one batched matrix product
whose long, contiguous axis is the samples, several times faster for layers this small than the usual
(networks, samples, features).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch

from fewerwells.science.training._order import batch_order


def cuda_is_available() -> bool:
    """Whether torch finds an NVIDIA GPU here."""
    return torch.cuda.is_available()


def _layers(parameters: torch.Tensor, sizes: tuple[int, ...]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Copies of the weights (E, n_out, n_in) and biases (E, n_out, 1) of each layer, as trainable leaves."""
    layers, start = [], 0
    for n_in, n_out in pairwise(sizes):
        middle, end = start + n_out * n_in, start + n_out * (n_in + 1)
        weights = parameters[:, start:middle].reshape(-1, n_out, n_in).clone().requires_grad_()
        biases = parameters[:, middle:end].unsqueeze(-1).clone().requires_grad_()
        layers.append((weights, biases))
        start = end
    return layers


def forward(layers: list[tuple[torch.Tensor, torch.Tensor]], x: torch.Tensor) -> torch.Tensor:
    """Predictions (E, d_out, N) for inputs (E, d_in, N): ReLU after every layer but the last."""
    for depth, (weights, biases) in enumerate(layers):
        x = torch.baddbmm(biases, weights, x)
        if depth < len(layers) - 1:
            x = torch.relu(x)
    return x


def loss_of(prediction: torch.Tensor, target: torch.Tensor, loss: str) -> torch.Tensor:
    """Each network's mean error over samples and outputs, summed over networks so that gradients stay separate."""
    error = prediction - target
    per_value = error.abs() if loss == "l1" else error.square()
    return per_value.mean(dim=(1, 2)).sum()


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
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Train stacked networks on stacked, scaled data; the arguments are those of the fused engine.

    Args:
        parameters: (E, P), float32 or float64; left untouched.
        sizes: layer widths, inputs first.
        x, y: (D, N, d_in) and (D, N, d_out), D = E or 1.
        keys: (E,) uint64, one batch order a network.
        frozen: (layers,) bool, layers that keep their weights.
        pull, anchor: strength of, and target of, the pull (pull/2)·Σ(w − anchor)².
        threads: torch threads while training; None leaves torch's own setting.

    Returns:
        The trained parameters, (E, P).
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    n_networks, n_samples = len(parameters), x.shape[1]
    layers = _layers(torch.as_tensor(parameters, device=device), sizes)
    start = _layers(torch.as_tensor(parameters if anchor is None else anchor, device=device), sizes)
    trained = [i for i in range(len(layers)) if frozen is None or not frozen[i]]
    weights = [tensor for i in trained for tensor in layers[i]]
    targets = [tensor.detach() for i in trained for tensor in start[i]]
    if epochs == 0 or not weights:
        return np.array(parameters)

    # (E or 1, d, N): samples last
    x_all = torch.as_tensor(np.ascontiguousarray(x.swapaxes(1, 2)), device=device)
    y_all = torch.as_tensor(np.ascontiguousarray(y.swapaxes(1, 2)), device=device)
    x_all, y_all = (values.expand(n_networks, -1, -1) for values in (x_all, y_all))

    optimiser = torch.optim.Adam(weights, lr=learning_rate)
    threads_before = torch.get_num_threads()
    torch.set_num_threads(threads or threads_before)
    try:
        for epoch in range(epochs):
            x_epoch, y_epoch = x_all, y_all
            if batch_size < n_samples:
                orders = np.stack([batch_order(int(key), epoch, n_samples) for key in keys]).astype(np.int64)
                order = torch.as_tensor(orders, device=device).unsqueeze(1)
                x_epoch = x_all.gather(2, order.expand(-1, x_all.shape[1], -1))
                y_epoch = y_all.gather(2, order.expand(-1, y_all.shape[1], -1))
            for first in range(0, n_samples, batch_size):
                batch = slice(first, first + batch_size)
                optimiser.zero_grad()
                objective = loss_of(forward(layers, x_epoch[..., batch]), y_epoch[..., batch], loss)
                if pull:
                    distance = sum((w - target).square().sum() for w, target in zip(weights, targets, strict=True))
                    objective = objective + 0.5 * pull * distance
                objective.backward()
                optimiser.step()
            if progress is not None:
                progress(n_networks * n_samples)
    finally:
        torch.set_num_threads(threads_before)
    flat = [tensor.detach().reshape(n_networks, -1) for layer in layers for tensor in layer]
    return torch.cat(flat, dim=1).cpu().numpy()
