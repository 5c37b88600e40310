"""Where the fused engine keeps a network: a plan of one worker's memory, for one network shape and dtype.

Samples lie along vector lanes. A *tile* holds some samples of a batch as vectors of 64 bytes (16 float32 or 8 float64
lanes); each vector of samples has one row for every signal:

    tile[vector][row][lane]        rows: targets, inputs, hidden layer 1, ..., outputs

A layer's parameters lie as a matrix (n_out, n_in + 1) with the bias at the end of each row, and every layer starts
on a whole vector. Moments, gradient and anchor have the same layout as the parameters.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

VECTOR_BYTES = 64
# Half of a common second-level cache. A gradient block is summed over its lanes once a tile, so longer tiles pay,
# but more than 16 vectors gain nothing.
TILE_BYTES = 512 * 1024
TILE_VECTORS = 16


@dataclass(frozen=True)
class Plan:
    """The layout for networks with these layer widths (inputs first), in float32 or float64."""

    dtype: str
    sizes: tuple[int, ...]

    @classmethod
    def parse(cls, spec: str) -> Plan:
        """The plan of a text such as "float32:2-10-10-2"; whatever follows a second colon is ignored."""
        dtype, sizes, *_ = spec.split(":")
        return cls(dtype, tuple(int(size) for size in sizes.split("-")))

    @cached_property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return np.dtype(self.dtype).itemsize

    @cached_property
    def lanes(self) -> int:
        """Numbers in a vector."""
        return VECTOR_BYTES // self.itemsize

    @cached_property
    def layers(self) -> list[tuple[int, int]]:
        """(n_in, n_out) of each layer."""
        return list(itertools.pairwise(self.sizes))

    @cached_property
    def offsets(self) -> list[int]:
        """First parameter of each layer, and at the end the length of the padded parameters."""
        padded = [-(-n_out * (n_in + 1) // self.lanes) * self.lanes for n_in, n_out in self.layers]
        return [0, *itertools.accumulate(padded)]

    @cached_property
    def packed(self) -> np.ndarray:
        """Padded places (P,) of the parameters in their public order: per layer W (n_out, n_in), then b (n_out,)."""
        places = []
        for (n_in, n_out), offset in zip(self.layers, self.offsets[:-1], strict=True):
            matrix = offset + np.arange(n_out * (n_in + 1)).reshape(n_out, n_in + 1)
            places += [matrix[:, :-1].ravel(), matrix[:, -1]]
        return np.concatenate(places)

    @cached_property
    def sample_width(self) -> int:
        """Numbers of a sample as it is fetched: targets, inputs, and padding to a multiple of 4."""
        return -(-(self.sizes[-1] + self.sizes[0]) // 4) * 4

    @cached_property
    def signals(self) -> list[int]:
        """First tile row of the inputs and of each layer's outputs."""
        return list(itertools.accumulate(self.sizes[:-1], initial=self.sizes[-1]))

    @cached_property
    def stride(self) -> int:
        """Numbers from one vector of the tile to the next.

        An odd number of rows, so that equal rows of successive vectors do not compete for the same cache lines.
        """
        return (max(self.sizes[-1] + sum(self.sizes), self.sample_width) | 1) * self.lanes

    @cached_property
    def tile_vectors(self) -> int:
        """Vectors in a tile: even where there is room, for micro-kernels that take two at a time."""
        return min(max(TILE_BYTES // (self.stride * self.itemsize) // 2 * 2, 1), TILE_VECTORS)

    @cached_property
    def places(self) -> dict[str, int]:
        """First number of each part of the memory, and its total length as "end"."""
        parts = ("weights", "first", "second", "gradient", "anchor", "settings")
        places = {part: i * self.offsets[-1] for i, part in enumerate(parts)}
        places["tile"] = places["settings"] + 2 * self.lanes
        return places | {"end": places["tile"] + self.tile_vectors * self.stride}
