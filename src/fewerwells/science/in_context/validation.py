"""How good a network is on plates of the prior that it is never trained on: error, and how often its intervals hold."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from fewerwells.science.in_context import features
from fewerwells.science.in_context.batches import as_tensors
from fewerwells.science.in_context.features import LEVELS, MEDIAN
from fewerwells.science.in_context.network import PlateNetwork, pinball
from fewerwells.science.prior import draw_plates

STREAM = 2**32  # no training step has this number
LOW, HIGH = LEVELS.index(0.1), LEVELS.index(0.9)  # ends of the 80 % interval


@torch.inference_mode()
def validate(
    network: PlateNetwork, without: Iterable[str] = (), n_plates: int = 256, n_wells: int = 96, n_queries: int = 64
) -> dict[str, float]:
    """Scores on plates of the prior, always the same for the same arguments; the network is not told their noise.

    Args:
        network: to be scored.
        without: circuits to leave out of the plates.
        n_plates, n_wells, n_queries: how many plates, wells on each and queries for each.

    Returns:
        `pinball`, the mean pinball loss; for queries `inside` and `outside` the wells' domain the geometric mean over
        plates of the mean absolute error of the median, in units of the spread of the true outputs; and
        `held_inside`, `held_outside`, how often 80 % intervals hold the truth.
    """
    rng = np.random.default_rng([STREAM, n_wells])
    plates = draw_plates(n_plates, n_wells, n_queries, rng, without)
    wells, queries, truth = as_tensors(plates, np.zeros(n_plates, bool))
    device = next(network.parameters()).device
    parts = zip(wells.split(32), queries.split(32), strict=True)
    answers = torch.cat([network(w.to(device), q.to(device)).cpu() for w, q in parts])
    bent, exact = answers.numpy(), truth.numpy()
    held = (exact >= bent[..., LOW]) & (exact <= bent[..., HIGH])
    straight = features.unbend(exact.astype(float))
    missed = np.abs(features.unbend(bent[..., MEDIAN].astype(float)) - straight) / (
        straight.std(axis=1, keepdims=True) + 1e-3
    )
    # an output without a single reading can only be guessed, and an input that is never there moves nothing
    whole = (np.isfinite(plates.y).any(axis=1).all(axis=1) & (plates.x.max(axis=1) > 0).all(axis=1))[:, None]
    scores = {"pinball": float(pinball(answers, truth, network.levels.cpu()).mean())}
    for name, where in (("inside", ~plates.outside & whole), ("outside", plates.outside & whole)):
        count = where.sum(axis=1)
        error = np.where(where[..., None], missed, 0).mean(axis=2).sum(axis=1)[count > 0] / count[count > 0]
        scores[name] = float(np.exp(np.log(error + 1e-6).mean()))
        scores[f"held_{name}"] = float(held[where].mean())
    return scores
