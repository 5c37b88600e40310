"""Plates as the network takes them: tensors of wells, queries and truths."""

from __future__ import annotations

import numpy as np
import torch

from fewerwells.science.in_context import features
from fewerwells.science.prior import Plates


def as_tensors(plates: Plates, told: np.ndarray) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features of wells and queries, and the bent truths at the queries.

    Args:
        plates: P plates of one size.
        told: (P,), whose noise level the network is told.
    """
    noise = np.where(told[:, None], plates.noise, np.nan)
    scale = features.scales(plates.x, plates.y)
    wells = features.well_features(plates.x, plates.y, noise, scale)
    queries = features.query_features(plates.queries, plates.x.shape[1], noise, scale)
    truth = features.bend(plates.truth / scale.y[:, None]).astype(np.float32)
    return torch.from_numpy(wells), torch.from_numpy(queries), torch.from_numpy(truth)
