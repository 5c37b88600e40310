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

    def read(self, plates: Sequence[Pairs], noise: Sequence[float] | None = None) -> PlatesKnown:
        """What the network knows of some plates, to be asked as often as one likes.

        The order of the wells has no influence, nor has a well that is entered twice. Every plate is read a second time
        with inputs and outputs exchanged, and the two answers are averaged: names of inputs have no influence either.

        Args:
            plates: E plates; y may hold NaN where nothing was read. A well without any reading has no influence; an output
                that was read in some wells only is answered for, but no network was trained on such plates.
            noise: additive standard deviation of y₁ and y₂, nM, and proportional part of both; None where unknown.

        Raises:
            ValueError: a plate without a reading, a negative or infinite concentration, impossible noise.
        """
        told = np.full(3, np.nan) if noise is None else np.asarray(noise, float)
        _refuse_plates(plates, np.zeros(3) if noise is None else told)
        # one by one, so that a plate's answer does not depend on the plates beside it, not even in its last digit
        return PlatesKnown(tuple(_PlateKnown.of(self.network, _distinct(pairs), told) for pairs in plates))

    def quantiles(self, plates: Sequence[Pairs], x: np.ndarray, noise: Sequence[float] | None = None) -> np.ndarray:
        """Quantiles at `LEVELS`, (E, M, 2, levels), nM, as `PlatesKnown.quantiles`; other arguments as in `read`."""
        return self.read(plates, noise).quantiles(x)

    def predict(self, plates: Sequence[Pairs], x: np.ndarray, noise: Sequence[float] | None = None) -> np.ndarray:
        """Medians, shape (E, M, 2), nM; arguments and errors as in `quantiles`."""
        return self.read(plates, noise).predict(x)


@dataclass(frozen=True)
class _PlateKnown:
    """What a network knows of one plate, as it is and with everything exchanged."""

    network: PlateNetwork
    wells: int
    told: np.ndarray  # noise, (2, 3)
    scale: features.Scales
    known: torch.Tensor  # (2, wells, width)

    @classmethod
    @torch.inference_mode()
    def of(cls, network: PlateNetwork, wells: Pairs, noise: np.ndarray) -> _PlateKnown:
        x, y, told = _both_ways(wells.x), _both_ways(wells.y), np.stack([noise, noise[[1, 0, 2]]])
        scale = features.scales(x, y)
        known = network.knowledge(torch.from_numpy(features.well_features(x, y, told, scale)))
        return cls(network, len(wells), told, scale, known)

    @torch.inference_mode()
    def quantiles(self, x: np.ndarray, levels: slice) -> np.ndarray:
        """(M, 2, levels), nM, both answers averaged."""
        asked = features.query_features(_both_ways(x), self.wells, self.told, self.scale)
        bent = self.network.answers(self.known, torch.from_numpy(asked))[..., levels].numpy().astype(float)
        first, exchanged = features.unbend(bent) * self.scale.y[:, None, :, None]
        return (first + exchanged[:, ::-1]) / 2


@dataclass(frozen=True)
class PlatesKnown:
    """Plates that a network has read."""

    plates: tuple[_PlateKnown, ...]

    def quantiles(self, x: np.ndarray) -> np.ndarray:
        """Quantiles at `LEVELS` of the noise-free outputs.

        Args:
            x: inputs to answer for, shape (M, 2) for all plates or (E, M, 2), nM.

        Returns:
            Shape (E, M, 2, levels), nM.

        Raises:
            ValueError: a negative or infinite concentration, or inputs of another shape.
        """
        return self._at(x, slice(None))

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Medians, shape (E, M, 2), nM; arguments and errors as in `quantiles`."""
        return self._at(x, slice(MEDIAN, MEDIAN + 1))[..., 0]

    def _at(self, x: np.ndarray, levels: slice) -> np.ndarray:
        x = np.asarray(x, float)
        _refuse_inputs(x, len(self.plates))
        asked = x if x.ndim == 3 else [x] * len(self.plates)
        return np.stack([plate.quantiles(one, levels) for plate, one in zip(self.plates, asked, strict=True)])


def _both_ways(array: np.ndarray) -> np.ndarray:
    return np.stack([array, array[..., ::-1]])


def _refuse_plates(plates: Sequence[Pairs], noise: np.ndarray) -> None:
    """ValueError for what cannot be plates or noise."""
    for pairs in plates:
        if np.isnan(pairs.y).all():
            raise ValueError("a plate has no reading at all; at least one well must have been read.")
        refuse_impossible(Pairs(pairs.x, np.where(np.isnan(pairs.y), 0.0, pairs.y)))
    if noise.shape != (3,) or not np.isfinite(noise).all() or (noise < 0).any():
        raise ValueError(f"the noise is {noise.tolist()}; it must be three numbers, 0 or positive.")


def _refuse_inputs(x: np.ndarray, plates: int) -> None:
    """ValueError for what cannot be inputs of so many plates."""
    if x.ndim not in (2, 3) or x.shape[-1] != 2 or (x.ndim == 3 and len(x) != plates):
        raise ValueError(f"the inputs have shape {x.shape}; it must be (M, 2) or ({plates}, M, 2).")
    if not np.isfinite(x).all() or (x < 0).any():
        raise ValueError(f"an input is {x[~(np.isfinite(x) & (x >= 0))][0]:g} nM; it must be 0 or positive.")
