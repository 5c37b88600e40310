"""Orthogonal steps: against a singular value decomposition and against PyTorch's own Muon."""

import numpy as np
import pytest
import torch

from fewerwells.science.in_context.optimiser import LENGTH, Muon, orthogonalised


@pytest.mark.parametrize("shape", [(3, 64, 64), (2, 128, 64), (64, 128), (1, 5)])
def test_singular_vectors_stay_and_singular_values_come_near_1(shape):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    u, s, v = torch.linalg.svd(matrices, full_matrices=False)
    found = u.mT @ orthogonalised(matrices) @ v.mT  # in the matrices' own singular vectors
    values = found.diagonal(dim1=-2, dim2=-1)
    assert torch.allclose(found, torch.diag_embed(values), atol=1e-4)
    large = s > 0.003 * s.norm(dim=-1, keepdim=True)
    assert large.float().mean() > 0.9
    assert values[large].min() > 0.65
    assert values[large].max() < 1.25


def test_nothing_stays_nothing():
    assert not orthogonalised(torch.zeros(2, 4, 3)).any()


def test_steps_are_those_of_pytorchs_own_for_one_matrix_after_another():
    """PyTorch's counts in 16 bits, so its singular values are near 1 in other ways: directions are compared."""
    draw = torch.Generator().manual_seed(2)
    start = [torch.randn(shape, generator=draw) for shape in ((16, 16), (32, 16), (16, 16), (16, 32))]
    ours, theirs = ([torch.nn.Parameter(one.clone()) for one in start] for _ in range(2))
    rate = torch.tensor(0.01)
    mine = Muon(ours, lr=rate, weight_decay=0.1)
    longer = LENGTH / 0.2  # than its steps
    other = torch.optim.Muon(theirs, weight_decay=0.1 / longer, adjust_lr_fn="match_rms_adamw")
    for step in range(4):
        rate.fill_(0.01 / (step + 1))
        other.param_groups[0]["lr"] = 0.01 * longer / (step + 1)
        before = [part.detach().clone() for part in ours]
        for part in theirs:
            part.grad = torch.randn(part.shape, generator=draw)
        for part, twin in zip(ours, theirs, strict=True):
            part.grad = twin.grad.clone()
        mine.step()
        other.step()
        for part, twin, was in zip(ours, theirs, before, strict=True):
            assert torch.allclose(part, twin, atol=0.05 * float((part.detach() - was).abs().max()) * (step + 1)), step


def test_a_step_has_the_same_length_for_a_matrix_of_any_size():
    draw = torch.Generator().manual_seed(3)
    for shape in ((64, 64), (128, 64), (32, 64)):
        matrix = torch.nn.Parameter(torch.zeros(shape))
        matrix.grad = torch.randn(shape, generator=draw)
        Muon([matrix], lr=1.0, weight_decay=0.0).step()
        assert np.isclose(float(matrix.detach().square().mean().sqrt()), LENGTH, rtol=0.2)
