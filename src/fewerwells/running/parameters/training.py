"""What every chapter that trains networks offers: how they are trained, on which seeds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from fewerwells.running.parameters.fields import (
    BatchSize,
    EngineName,
    Epochs,
    LearningRate,
    Loss,
    Noise,
    NumberOfSeeds,
    Seed,
    SyntheticVolume,
    TableFile,
    Volume,
)
from fewerwells.running.parameters.profiles import ProfileParameters
from fewerwells.study.protocol import Cell, Design, Protocol


class NetworkParameters(ProfileParameters):
    """How a network is trained: what every chapter that trains one offers."""

    noise: Noise = 1.0
    epochs: Epochs = None
    synthetic_volume: SyntheticVolume = None
    batch_size: BatchSize = 256
    learning_rate: LearningRate = 1e-3
    loss: Loss = "l1"
    engine: EngineName = "auto"

    @property
    def protocol(self) -> Protocol:
        """The study's protocol with these settings."""
        names = ("epochs", "synthetic_volume", "noise", "batch_size", "learning_rate", "loss")
        return Protocol(**{name: getattr(self, name) for name in names})


class TrainingParameters(NetworkParameters):
    """The parameters of every chapter that makes a table of many networks."""

    first_seed: Seed = 0
    oracle_volume: Volume = None
    table_file: TableFile = ""

    @property
    def protocol(self) -> Protocol:
        """The study's protocol with these settings."""
        return replace(super().protocol, oracle_volume=self.oracle_volume)

    def consecutive_seeds(self, count: int) -> tuple[int, ...]:
        """Paired seeds, from `first_seed` on."""
        return tuple(range(self.first_seed, self.first_seed + count))


class SeededParameters(TrainingParameters):
    """The parameters of a table whose designs stand on the same `n_seeds` paired seeds."""

    n_seeds: NumberOfSeeds = None

    @property
    def seeds(self) -> tuple[int, ...]:
        """The paired seeds."""
        return self.consecutive_seeds(self.n_seeds)

    def _design(self, cells: Iterable[Cell]) -> Design:
        return Design(self.protocol, self.seeds, tuple(cells))


Parameters = TypeVar("Parameters", bound=ProfileParameters)


def with_settings_of(chapter: ProfileParameters, model: type[Parameters], **changes) -> Parameters:
    """A table's parameters: of the chapter's those that every table of its kind has, and these changes."""
    common = SeededParameters.model_fields.keys() & model.model_fields.keys()
    shared = {name: value for name, value in chapter.model_dump().items() if name in common}
    return model(**shared | changes)
