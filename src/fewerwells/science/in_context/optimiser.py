"""Steps for matrices that go equally far in all directions (*Muon*, Jordan et al. 2024).

PyTorch has the same method for one matrix after another and with a rate that is a plain number: on a GPU that would be
a thousand small pieces of work a step, and a step that is recorded once would keep its first rate for ever.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

MOMENTUM = 0.95
POLYNOMIAL = (3.4445, -4.7750, 2.0315)  # of Jordan et al.; five times it, and every singular value is near 1
TIMES = 5
LENGTH = (
    0.5  # root mean square of a step's entries over the rate, 0.2 in Adam (Liu et al. 2025); 0.2 and 1.2 learnt worse
)


def orthogonalised(matrices: torch.Tensor) -> torch.Tensor:
    """Matrices (..., R, C) with their singular vectors as they were and all singular values between 0.7 and 1.2, nearly.

    Singular values that are a thousandth of the root of the sum of squares, or less, stay smaller.
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    first, third, fifth = POLYNOMIAL
    for _ in range(TIMES):
        square = x @ x.mT
        x = first * x + (third * square + fifth * square @ square) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Moves matrices against their averaged and orthogonalised gradients, all matrices of one shape at once.

    Args:
        matrices: parameters with two axes.
        lr: learning rate; a tensor may be filled anew between steps.
        weight_decay: per unit of learning rate.
    """

    def __init__(self, matrices: Iterable[torch.Tensor], lr: float | torch.Tensor, weight_decay: float):
        by_shape: dict[torch.Size, list[torch.Tensor]] = {}
        for matrix in matrices:
            by_shape.setdefault(matrix.shape, []).append(matrix)
        super().__init__([{"params": alike} for alike in by_shape.values()], {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            alike, rate = group["params"], group["lr"]
            gradients = torch.stack([matrix.grad for matrix in alike])
            memory = self.state[alike[0]]  # one for all of them
            if not memory:
                memory["average"] = torch.zeros_like(gradients)
            average = memory["average"].lerp_(gradients, 1 - MOMENTUM)
            length = LENGTH * max(gradients.shape[1:]) ** 0.5
            steps = orthogonalised(gradients.lerp(average, MOMENTUM)) * (-length * rate)
            for matrix, step in zip(alike, steps.unbind(), strict=True):
                matrix.mul_(1 - rate * group["weight_decay"]).add_(step)
