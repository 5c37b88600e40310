"""The trained network as it is used: weights from a file, a plate in, medians and quantiles out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from fewerwells.science.datasets import Pairs, refuse_impossible
from fewerwells.science.in_context import features
from fewerwells.science.in_context.features import MEDIAN
from fewerwells.science.in_context.network import PlateNetwork

SHIPPED = files("fewerwells.science.in_context")  # beside the code, so that they belong to what a result is made from


def as_safetensors(network: PlateNetwork, without: Sequence[str] = ()) -> bytes:
    """Weights in half precision with the network's shape and what was left out of its plates."""
    # one note, since several would stand in the file in a different order every time
    notes = {"network": json.dumps({"shape": network.shape, "without": list(without)})}
    return save({name: part.detach().cpu().half().contiguous() for name, part in network.state_dict().items()}, notes)


def _distinct(pairs: Pairs) -> Pairs:
    """The wells that were read, without exact copies: a row that is there twice to the last digit was entered twice.

    A well that was not read says nothing. On no plate that the network was trained on was there one among others.
    """
    rows = np.concatenate([pairs.x, pairs.y], axis=1) + 0.0  # of 0 there are two, alike but for their bytes
    read = np.flatnonzero(~np.isnan(pairs.y).all(axis=1))
    first = sorted({rows[index].tobytes(): index for index in reversed(read)}.values())
    return pairs if len(first) == len(rows) else Pairs(pairs.x[first], pairs.y[first])


@dataclass(frozen=True)
class InContextNetwork:
    """A trained network that answers for any plate.

    Attributes:
        network: the attention network.
        without: circuits that were left out of the plates it was trained on.
    """

    network: PlateNetwork
    without: tuple[str, ...] = ()

    @staticmethod
    def load(name: str | Path = "all") -> InContextNetwork:
        """Shipped weights by their name, or any file that `fewerwells pretrain in-context` wrote.

        Raises:
            ValueError: there is no such file, or it holds no such network.
        """
        path = name if isinstance(name, Path) else SHIPPED / f"{name}.safetensors"
        try:
            data = path.read_bytes()
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
            notes = json.loads(header["__metadata__"]["network"])
            network = PlateNetwork(**notes["shape"])
            network.load_state_dict({key: part.float() for key, part in load(data).items()})
            return InContextNetwork(network.eval(), tuple(notes["without"]))
        except (OSError, SafetensorError, KeyError, TypeError, RuntimeError, ValueError) as error:
            raise ValueError(f"{path} is not the file of a network that reads plates ({error}).") from error

    def quantiles(self, plates: Sequence[Pairs], x: np.ndarray, noise: Sequence[float] | None = None) -> np.ndarray:
        """Quantiles at `LEVELS` of the noise-free outputs.

        The order of the wells has no influence, nor has a well that is entered twice. Every plate is read a second time
        with inputs and outputs exchanged, and the two answers are averaged: names of inputs have no influence either.

        Args:
            plates: E plates; y may hold NaN where nothing was read. A well without any reading has no influence; an output
                that was read in some wells only is answered for, but no network was trained on such plates.
            x: inputs to answer for, shape (M, 2) for all plates or (E, M, 2), nM.
            noise: additive standard deviation of y₁ and y₂, nM, and proportional part of both; None where unknown.

        Returns:
            Shape (E, M, 2, levels), nM.

        Raises:
            ValueError: a plate without a reading, a negative or infinite concentration, impossible noise.
        """
        x = np.asarray(x, float)
        told = np.full(3, np.nan) if noise is None else np.asarray(noise, float)
        _refuse(plates, x, np.zeros(3) if noise is None else told)
        asked = x if x.ndim == 3 else [x] * len(plates)
        # one by one, so that a plate's answer does not depend on the plates beside it, not even in its last digit
        return np.stack([self._read(_distinct(pairs), one, told) for pairs, one in zip(plates, asked, strict=True)])

    def predict(self, plates: Sequence[Pairs], x: np.ndarray, noise: Sequence[float] | None = None) -> np.ndarray:
        """Medians, shape (E, M, 2), nM; arguments and errors as in `quantiles`."""
        return self.quantiles(plates, x, noise)[..., MEDIAN]

    @torch.inference_mode()
    def _read(self, wells: Pairs, x: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Quantiles (M, 2, levels) for one plate, as it is and with everything exchanged, averaged."""

        def both_ways(array: np.ndarray) -> np.ndarray:
            return np.stack([array, array[..., ::-1]])

        known_x, known_y, asked = both_ways(wells.x), both_ways(wells.y), both_ways(x)
        told = np.stack([noise, noise[[1, 0, 2]]])
        scale = features.scales(known_x, known_y)
        known = torch.from_numpy(features.well_features(known_x, known_y, told, scale))
        queries = torch.from_numpy(features.query_features(asked, len(wells), told, scale))
        bent = self.network(known, queries).numpy().astype(float)
        first, exchanged = features.unbend(bent) * scale.y[:, None, :, None]
        return (first + exchanged[:, ::-1]) / 2


def _refuse(plates: Sequence[Pairs], x: np.ndarray, noise: np.ndarray) -> None:
    """ValueError for what cannot be plates, inputs or noise."""
    for pairs in plates:
        if np.isnan(pairs.y).all():
            raise ValueError("a plate has no reading at all; at least one well must have been read.")
        refuse_impossible(Pairs(pairs.x, np.where(np.isnan(pairs.y), 0.0, pairs.y)))
    if x.ndim not in (2, 3) or x.shape[-1] != 2 or (x.ndim == 3 and len(x) != len(plates)):
        raise ValueError(f"the inputs have shape {x.shape}; it must be (M, 2) or ({len(plates)}, M, 2).")
    if not np.isfinite(x).all() or (x < 0).any():
        raise ValueError(f"an input is {x[~(np.isfinite(x) & (x >= 0))][0]:g} nM; it must be 0 or positive.")
    if noise.shape != (3,) or not np.isfinite(noise).all() or (noise < 0).any():
        raise ValueError(f"the noise is {noise.tolist()}; it must be three numbers, 0 or positive.")
