"""Attention over wells (Vaswani et al. 2017): wells see one another, a query sees the wells and no other query."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from fewerwells.science.in_context.features import LEVELS, MEDIAN, QUERY_FEATURES, WELL_FEATURES

AT_ONCE = 1024  # queries; what is computed of more of them does not fit into a core's cache


class _Block(nn.Module):
    """One step of reading: what a well or query knows is corrected by what it finds in the wells."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_step = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.found = nn.Linear(width, width), nn.Linear(width, width)
        self.wells = nn.Linear(width, 2 * width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, tokens: torch.Tensor, wells: torch.Tensor | None = None) -> torch.Tensor:
        """Tokens (P, M, width) after reading the wells (P, N, width); without wells the tokens are the wells."""
        asking = self.before_attention(tokens)
        wells = asking if wells is None else wells
        query = self._split(self.query(asking))
        key, value = (self._split(part) for part in self.wells(wells).chunk(2, dim=-1))
        found = F.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.found(found.transpose(1, 2).flatten(2))
        return tokens + self.down(F.silu(self.up(self.before_step(tokens))))

    def _split(self, part: torch.Tensor) -> torch.Tensor:
        return part.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class PlateNetwork(nn.Module):
    """Quantiles of both outputs at any query, from the wells of a plate.

    Args:
        width: numbers by which a well or query is described inside.
        heads: attention heads; divides the width.
        reading: blocks in which wells read one another.
        answering: blocks in which queries read the wells.
    """

    def __init__(self, width: int = 64, heads: int = 4, reading: int = 5, answering: int = 3):
        super().__init__()
        self.shape = {"width": width, "heads": heads, "reading": reading, "answering": answering}
        self.well = nn.Sequential(nn.Linear(WELL_FEATURES, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))
        self.asked = nn.Sequential(nn.Linear(QUERY_FEATURES, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))
        self.reading = nn.ModuleList(_Block(width, heads) for _ in range(reading))
        self.answering = nn.ModuleList(_Block(width, heads) for _ in range(answering))
        self.read, self.answered = nn.LayerNorm(width), nn.LayerNorm(width)
        self.answer = nn.Linear(width, 2 * len(LEVELS))
        self.register_buffer("levels", torch.tensor(LEVELS), persistent=False)

    def forward(self, wells: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        """Quantiles (P, Q, 2, levels) in bent units of the plate's outputs, never crossing.

        Args:
            wells: (P, N, WELL_FEATURES).
            queries: (P, Q, QUERY_FEATURES).
        """
        return self.answers(self.knowledge(wells), queries)

    def knowledge(self, wells: torch.Tensor) -> torch.Tensor:
        """What the wells (P, N, WELL_FEATURES) say after they have read one another, (P, N, width)."""
        tokens = self.well(wells)
        for block in self.reading:
            tokens = block(tokens)
        return self.read(tokens)

    def answers(self, known: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        """As `forward`, from `knowledge`."""
        return torch.cat([self._answers(known, some) for some in queries.split(AT_ONCE, dim=1)], dim=1)

    def _answers(self, known: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        tokens = self.asked(queries)
        for block in self.answering:
            tokens = block(tokens, known)
        raw = self.answer(self.answered(tokens)).unflatten(-1, (2, len(LEVELS)))
        median = raw[..., MEDIAN : MEDIAN + 1]
        below = median - F.softplus(raw[..., :MEDIAN].flip(-1) - 2).cumsum(-1).flip(-1)
        above = median + F.softplus(raw[..., MEDIAN + 1 :] - 2).cumsum(-1)
        return torch.cat([below, median, above], dim=-1)


def pinball(quantiles: torch.Tensor, truth: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    """Pinball loss (Koenker & Bassett 1978) of quantiles (..., L) at L levels against truths (...), averaged over them."""
    missed = truth[..., None] - quantiles
    return torch.maximum(level * missed, (level - 1) * missed).mean(dim=-1)
