"""The parameters of the chapters on measured plates."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fewerwells.running.parameters.fields import Distinct, Increasing, TableFile
from fewerwells.running.parameters.profiles import ProfileParameters


class YourPlate(ProfileParameters):
    """Your plate: the files, and what `fewerwells plate` offers as options; "" and [] leave things to the files."""

    wells_file: str = ""
    more_files: Distinct[str] = Field(default=[])
    layout: str = ""
    dilutions: Distinct[str] = Field(default=[])
    reads: Distinct[str] = Field(default=[])
    at: str = ""
    plate: str = ""
    inputs: Distinct[str] = Field(default=[])
    molar_masses: Distinct[str] = Field(default=[])
    only: Distinct[str] = Field(default=[])
    pool: Distinct[str] = Field(default=[])
    exclude: str = ""
    keep_controls: bool = False
    separator: str = ""
    decimal: str = ""
    noise: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    within: list[str] = Field(default=[])
    output: str = ""

    @property
    def question(self) -> dict:
        """What is asked of the files, by the names that `laboratory.options.ask` gives it."""
        return self.model_dump(exclude={"profile", "wells_file", "more_files", "output"})


class MeasuredWells(ProfileParameters):
    """Measured wells: whether the published table is read or the measurements are fetched and it is computed."""

    recompute: bool = False
    n_subsamples: Annotated[int, Field(ge=4, le=50)] = 50
    sizes: Increasing[Annotated[int, Field(ge=8, le=48)]] = Field(default=[12, 24, 48])
    table_file: TableFile = ""
