"""The same training done the usual ways, one function a peer.

Each takes a `Work` and trains all its networks for some epochs with Adam on the L1 loss (scikit-learn has only the
squared loss), batches reshuffled every epoch. Each is written the way its own documentation teaches, for speed as
far as it goes.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

SIZES = (2, 10, 10, 10, 10, 10, 2)
LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Work:
    """`networks` networks on `pairs` pairs each, in batches of `batch`; x and y have shape (networks, pairs, 2)."""

    networks: int
    pairs: int
    batch: int

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        x = rng.uniform(-1, 1, (self.networks, self.pairs, 2)).astype(np.float32)
        return x, (np.tanh(x[..., ::-1] * 2) + 0.05 * rng.standard_normal(x.shape)).astype(np.float32)


def _torch_network() -> torch.nn.Sequential:
    layers = []
    for n_in, n_out in pairwise(SIZES):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def torch_dataloader(work: Work, epochs: int) -> None:
    """The loop of every course: one network at a time, a DataLoader that shuffles."""
    xs, ys = work.data()
    for x, y in zip(xs, ys, strict=True):
        dataset = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
        loader = torch.utils.data.DataLoader(dataset, batch_size=work.batch, shuffle=True)
        network, loss = _torch_network(), torch.nn.L1Loss()
        optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
        for _ in range(epochs):
            for x_batch, y_batch in loader:
                optimiser.zero_grad()
                loss(network(x_batch), y_batch).backward()
                optimiser.step()


def torch_index_loop(work: Work, epochs: int) -> None:
    """One network at a time, batches picked by a random permutation."""
    xs, ys = work.data()
    for x, y in zip(torch.from_numpy(xs), torch.from_numpy(ys), strict=True):
        network, loss = _torch_network(), torch.nn.L1Loss()
        optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
        for _ in range(epochs):
            for chosen in torch.randperm(work.pairs).split(work.batch):
                optimiser.zero_grad()
                loss(network(x[chosen]), y[chosen]).backward()
                optimiser.step()


def scikit_learn(work: Work, epochs: int) -> None:
    """MLPRegressor, one network at a time; squared loss, since it has no other."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    xs, ys = work.data()
    for x, y in zip(xs, ys, strict=True):
        network = MLPRegressor(
            hidden_layer_sizes=SIZES[1:-1],
            batch_size=min(work.batch, work.pairs),
            max_iter=epochs,
            tol=0.0,
            n_iter_no_change=epochs + 1,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            network.fit(x, y)


def torch_vmap(work: Work, epochs: int) -> None:
    """All networks at once with torch.func: stack, functional_call, vmap of grad; one Adam over the stack."""
    from torch.func import functional_call, grad, stack_module_state, vmap

    xs, ys = (torch.from_numpy(values) for values in work.data())
    parameters, _ = stack_module_state([_torch_network() for _ in range(work.networks)])
    skeleton = _torch_network().to("meta")
    parameters = {name: value.detach().requires_grad_() for name, value in parameters.items()}
    optimiser = torch.optim.Adam(parameters.values(), lr=LEARNING_RATE)

    def loss(own, x, y):
        return (functional_call(skeleton, own, (x,)) - y).abs().mean()

    gradients = vmap(grad(loss))
    for _ in range(epochs):
        order = torch.rand(work.networks, work.pairs).argsort(dim=1).unsqueeze(-1).expand(-1, -1, 2)
        x_epoch, y_epoch = xs.gather(1, order), ys.gather(1, order)
        for first in range(0, work.pairs, work.batch):
            batch = slice(first, first + work.batch)
            plain = {name: value.detach() for name, value in parameters.items()}
            for name, gradient in gradients(plain, x_epoch[:, batch], y_epoch[:, batch]).items():
                parameters[name].grad = gradient
            optimiser.step()


def jax_vmap_scan(work: Work, epochs: int):
    """All networks at once in JAX: jit of scan over batches of vmap of value_and_grad, feature-major, Adam by hand.

    Returns a function that trains for `epochs` epochs, compiled already, so that compilation is not timed.
    """
    import jax
    import jax.numpy as jnp

    xs, ys = (jnp.asarray(values.swapaxes(1, 2)) for values in work.data())
    n_batches = max(1, work.pairs // work.batch)
    size = min(work.batch, work.pairs)
    keys = jax.random.split(jax.random.PRNGKey(0), len(SIZES) - 1)
    parameters = [
        (
            jax.random.uniform(key, (work.networks, n_out, n_in), minval=-1, maxval=1) / np.sqrt(n_in),
            jnp.zeros((work.networks, n_out, 1)),
        )
        for key, n_in, n_out in zip(keys, SIZES[:-1], SIZES[1:], strict=True)
    ]

    def loss(own, x, y):
        for depth, (weights, biases) in enumerate(own):
            x = weights @ x + biases
            x = jnp.maximum(x, 0) if depth < len(own) - 1 else x
        return jnp.abs(x - y).mean()

    gradients = jax.vmap(jax.grad(loss))

    def step(state, batch):
        own, m, v, t = state
        slope = gradients(own, *batch)
        t = t + 1
        m = jax.tree.map(lambda a, g: 0.9 * a + 0.1 * g, m, slope)
        v = jax.tree.map(lambda a, g: 0.999 * a + 0.001 * g * g, v, slope)
        own = jax.tree.map(
            lambda p, a, b: p - LEARNING_RATE * (a / (1 - 0.9**t)) / (jnp.sqrt(b / (1 - 0.999**t)) + 1e-8), own, m, v
        )
        return (own, m, v, t), None

    def epoch(state, key):
        order = jax.vmap(lambda k: jax.random.permutation(k, work.pairs))(jax.random.split(key, work.networks))
        order = order[:, : n_batches * size]

        def batches(values):
            shuffled = jnp.take_along_axis(values, order[:, None, :], axis=2)
            return shuffled.reshape(work.networks, 2, n_batches, size).transpose(2, 0, 1, 3)

        return jax.lax.scan(step, state, (batches(xs), batches(ys)))[0], None

    @jax.jit
    def train(parameters, keys):
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        return jax.lax.scan(epoch, (parameters, zeros, zeros, 0), keys)[0][0]

    all_keys = jax.random.split(jax.random.PRNGKey(1), epochs)
    jax.block_until_ready(train(parameters, all_keys))
    return lambda: jax.block_until_ready(train(parameters, all_keys))
