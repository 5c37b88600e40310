"""Interactive figures that compute in the reader's browser.

Each is an anywidget: in JupyterLab its values are traits that Python can read and set; on the static page the same
script runs without a kernel. The mathematics is in `maths.js`, tested against this package.
"""

from __future__ import annotations

import json
from typing import ClassVar

import anywidget
import numpy as np
import pandas as pd
import traitlets
from matplotlib import colormaps

from fewerwells.book.plots.style import PALETTE
from fewerwells.book.widgets import plate_reader, pretrained
from fewerwells.book.widgets._bundle import module, styles
from fewerwells.book.widgets.summary import summarise
from fewerwells.science.circuits import CIRCUITS, REFERENCE_ETA, REFERENCE_THETA, Circuit, reference_circuit

__all__ = ["CircuitExplorer", "PlateOnPage", "ReadAPlate", "ResultsExplorer", "TrainItYourself", "WhichWells"]

_NOT_ALIVE = "This figure is alive where JavaScript runs. A still version stands below."


def _surface_colours() -> list[list[int]]:
    """The palette's colour map for surfaces as 17 colours [red, green, blue], 0 to 255."""
    colours = colormaps[PALETTE["surface"]](np.linspace(0, 1, 17))[:, :3]
    return np.round(255 * colours).astype(int).tolist()


def _circuit(circuit: Circuit) -> dict:
    """A circuit as the scripts want it: its label and its place in the family (θ in nM⁻¹, η in nM)."""
    return {"label": circuit.label, "theta": circuit.theta, "eta": circuit.eta, "n": circuit.n, "b": circuit.b}


def _targets() -> list[dict]:
    """The members of the family, with several Hill coefficients where they have one."""
    members = [kind for kind in CIRCUITS.values() if kind.in_family]
    circuits = [
        reference_circuit(k.name, n) for k in members for n in ((1.5, 2.0, 3.0, 4.0) if "n" in k.reference else (None,))
    ]
    return [_circuit(circuit) for circuit in circuits]


def _pretrained() -> dict:
    """The stored pre-trained network as the scripts want it."""
    _, record = pretrained.load()
    return {name: record[name] for name in ("sizes", "parameters", "seed")}


class _Figure(anywidget.AnyWidget):
    """What the figures share: the traits tagged `page` are also written into the static page.

    Attributes:
        data: what the script needs and the reader cannot change.
    """

    script: ClassVar[str]
    _css = styles()
    data = traitlets.Dict().tag(sync=True, page=True)

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        values = {name: getattr(self, name) for name in sorted(self.trait_names(page=True))}
        text = json.dumps(values, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        data["text/html"] = (
            f'<div data-fewerwells="{self.script}"><p class="fw-still">{_NOT_ALIVE}</p>'
            f'<script type="application/json">{text}</script></div>'
        )
        data["text/plain"] = f"{type(self).__name__}()"
        return data, metadata


class _OnWells(_Figure):
    """What figures share in which networks meet the wells of a laboratory.

    Attributes:
        circuit: label of the real circuit.
        noise: standard deviation of the measurement noise, nM.
        seed: fixes wells and noise, and a network from scratch where there is one.
        result: written by the figure; each says what.
    """

    circuit = traitlets.Unicode("n = 2").tag(sync=True, page=True)
    noise = traitlets.Float(1.0).tag(sync=True, page=True)
    seed = traitlets.Int(0).tag(sync=True, page=True)
    result = traitlets.Dict().tag(sync=True)

    def __init__(self, own: dict, **values):
        super().__init__(data={"surface": _surface_colours(), "circuits": _targets()} | own, **values)


class TrainItYourself(_OnWells):
    """A pre-trained network and a fresh one learn from the same wells, in the browser.

    Attributes:
        wells: real pairs, measured on 0–10 nM; 8 to 384.
        epochs: passes over the wells, the same for both networks.
        result: written by the figure: the epoch, and for `pretrained` and `scratch` the mean absolute error (nM)
            `inside` and `outside` the small domain.
    """

    script = "train_it_yourself"
    _esm = module(script)
    wells = traitlets.Int(96).tag(sync=True, page=True)
    epochs = traitlets.Int(200).tag(sync=True, page=True)

    def __init__(self, **values):
        super().__init__({"palette": PALETTE, "pretrained": _pretrained()}, **values)


class ReadAPlate(_OnWells):
    """A network that has seen many circuits reads the wells at once, beside the study's two, trained on the same wells.

    Attributes:
        wells: real pairs, measured on 0–10 nM; 4 to 96.
        result: written by the figure when all is trained: for `read`, `pretrained` and `scratch` the mean absolute error
            (nM) `inside` and `outside` the small domain, and for `held` the share of the truth in 80 % intervals.
    """

    script = "read_a_plate"
    _esm = module(script)
    wells = traitlets.Int(24).tag(sync=True, page=True)

    def __init__(self, **values):
        super().__init__({"pretrained": _pretrained(), "network": plate_reader.export()}, **values)


class WhichWells(_OnWells):
    """The reader fills a plate by hand or by chance, a network fills another with the wells of which it is least sure.

    Attributes:
        within: up to which concentration wells can be filled, nM: 10 or 20.
        result: written by the figure after each round, for `yours` and `network`: `n` wells, `error` (mean absolute, nM, over
            0–20 nM; also `inside` and `outside` the small domain), `half` the mean width of the 80 % intervals (nM), and
            `wells` (x₁, x₂, x₁, …, nM).
    """

    script = "which_wells"
    _esm = module(script)
    within = traitlets.Int(10).tag(sync=True, page=True)

    def __init__(self, **values):
        super().__init__({"palette": PALETTE, "network": plate_reader.export()}, **values)


class CircuitExplorer(_Figure):
    """The family of circuits as maps, slices and isocost lines.

    Attributes:
        n: parts of a complex (Hill coefficient), 0.5 to 4.
        b: weight of the empty state, 0 to 1.
        theta: affinities (θ₁, θ₂), nM⁻¹.
        eta: largest outputs (η₁, η₂), nM.
        point: where the cross stands, (x₁, x₂), nM.
    """

    script = "circuit_explorer"
    _esm = module(script)
    n = traitlets.Float(2.0).tag(sync=True, page=True)
    b = traitlets.Float(1.0).tag(sync=True, page=True)
    theta = traitlets.List(traitlets.Float(), list(REFERENCE_THETA)).tag(sync=True, page=True)
    eta = traitlets.List(traitlets.Float(), list(REFERENCE_ETA)).tag(sync=True, page=True)
    point = traitlets.List(traitlets.Float(), [5.0, 5.0]).tag(sync=True, page=True)

    def __init__(self, **values):
        data = {"palette": PALETTE, "surface": _surface_colours(), "circuits": _targets()}
        super().__init__(data=data, **values)


class ResultsExplorer(_Figure):
    """The tables of both experiments, one point at a time; made by `from_tables`.

    Attributes:
        target: label of the real circuit.
        arm: "transfer", "scratch" or "oracle".
        wells: number of real pairs N.
        region: where the error is measured, "all", "inside" or "outside" (of 0–10 nM).
        seed: a seed to look at alone; −1 for all.
    """

    script = "results_explorer"
    _esm = module(script)
    target = traitlets.Unicode("n = 2").tag(sync=True, page=True)
    arm = traitlets.Unicode("transfer").tag(sync=True, page=True)
    wells = traitlets.Int(96).tag(sync=True, page=True)
    region = traitlets.Unicode("all").tag(sync=True, page=True)
    seed = traitlets.Int(-1).tag(sync=True, page=True)

    @classmethod
    def from_tables(
        cls, experiment_1: pd.DataFrame, experiment_2: pd.DataFrame, *, profile: str = "paper"
    ) -> ResultsExplorer:
        """The explorer of two tidy tables (`table.COLUMNS`) with the same seeds.

        Args:
            experiment_1: learning curves on one target.
            experiment_2: several targets at one volume.
            profile: the run that made them, for the commands that make a point again.
        """
        target = experiment_1["target"].iloc[0]
        data = {"palette": PALETTE, "extra": "" if profile == "paper" else f" -p profile={profile}"}
        return cls(data=data | summarise(experiment_1, experiment_2), target=target)


class PlateOnPage(_Figure):
    """A pasted or dropped table: the plate, and a first prediction with its interval, without leaving the page."""

    script = "your_plate"
    _esm = module(script)

    def __init__(self, example: str, **values):
        """Show a table to begin with.

        Args:
            example: its text, a header and one line a well.
        """
        super().__init__(data={"palette": PALETTE, "surface": _surface_colours(), "example": example}, **values)
