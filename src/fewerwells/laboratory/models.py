"""A model as numbers without code: written to JSON, read back, and checked on the way in."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np

from fewerwells.laboratory.answering import OutputAnswer, PlateAnswer
from fewerwells.laboratory.arms import Answer, EquationAnswer, Hedged, ProcessAnswer
from fewerwells.laboratory.judging import Noise
from fewerwells.laboratory.reading import PlateError
from fewerwells.laboratory.surfaces import Fit, Weighed, forms_for
from fewerwells.laboratory.transfer import SIZES, NetworkAnswer
from fewerwells.laboratory.wells import Input, Plate

FORMAT = "fewerwells plate model 1"
LARGEST = 50_000_000  # bytes


def as_json(learnt: PlateAnswer) -> bytes:
    """A model that `read_model` reads back: names, ranges, and the numbers of each output's answer."""
    content = {
        "format": FORMAT,
        "plate": learnt.plate.name,
        "inputs": [asdict(one) for one in learnt.plate.inputs],
        "largest": learnt.largest.tolist(),
        "smallest": learnt.smallest.tolist(),
        "outputs": [_output(one) for one in learnt.outputs],
    }
    return json.dumps(content, allow_nan=False, indent=1).encode()


def _output(one: OutputAnswer) -> dict:
    noise = None if math.isnan(one.noise.additive) else one.noise.additive
    return {
        "name": one.output,
        "noise": {"additive": noise, "proportional": one.noise.proportional, "origin": one.noise.origin},
        "spread": one.spread,
        "learnt": one.chosen,
        "half": one.answer.half,
        "numbers": _numbers(one.answer.inner),
        "rival": _numbers(one.answer.rival),
    }


def _numbers(answer: Answer) -> dict:
    if isinstance(answer, EquationAnswer):
        return {
            "kind": "equations",
            "found": _weighed(answer.found),
            "drawn": [_weighed(one) for one in answer.drawn],
            "freedom": answer.freedom,
        }
    if isinstance(answer, ProcessAnswer):
        kept = {"points": answer.points, "factor": answer.factor, "root": answer.root, "lengths": answer.lengths}
        return {"kind": "process", "amplitude": answer.amplitude, "level": answer.level} | {
            name: array.tolist() for name, array in (kept | {"smallest": answer.smallest}).items()
        }
    return {
        "kind": "networks",
        "parameters": answer.ensemble.parameters.astype(float).tolist(),
        "smallest": answer.smallest.tolist(),
    }


def _weighed(found: Weighed) -> list[dict]:
    return [
        {"form": fit.form, "parameters": fit.parameters, "levels": list(fit.levels), "weight": weight}
        for fit, weight in zip(found.fits, found.weights, strict=True)
        if weight > 1e-6
    ]


def read_model(path: Path) -> PlateAnswer:
    """A model as `as_json` wrote it; nothing in it is executed.

    Raises:
        PlateError: another file, or numbers that do not belong together.
    """
    if not path.is_file():
        raise PlateError(f"{path} is not a file; give the model.json of an answer.")
    if path.stat().st_size > LARGEST:
        raise PlateError(f"{path.name} has {path.stat().st_size / 1e6:.0f} MB; that is no model.")
    try:
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise PlateError(
                f"{path.name} is no model of this version; give the model.json that `fewerwells plate` wrote."
            )
        learnt = _read(content)
        _ask(learnt)
        return learnt
    except PlateError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, ArithmeticError) as error:
        raise PlateError(
            f"{path.name} is damaged ({type(error).__name__}); write it again with `fewerwells plate`."
        ) from None


def _ask(learnt: PlateAnswer) -> None:
    """ValueError, or whatever its numbers raise, where a model cannot say what it was asked when it was written."""
    with np.errstate(all="ignore"):
        said = learnt.predict(np.stack([learnt.smallest, learnt.largest]))
    if not all(np.isfinite(numbers).all() for numbers in said):
        raise ValueError("not finite")


def _read(content: dict) -> PlateAnswer:
    inputs = tuple(Input(str(one["name"]), str(one["unit"]), str(one["written"])) for one in content["inputs"])
    n = len(inputs)
    largest, smallest = _array(content["largest"], (n,)), _array(content["smallest"], (n,))
    if n not in (1, 2) or np.any(largest <= 0):
        raise ValueError("inputs")
    outputs = tuple(_read_output(one, n) for one in content["outputs"])
    plate = Plate(str(content["plate"]), inputs, tuple(one.output for one in outputs), (), ())
    return PlateAnswer(plate, largest, smallest, outputs, ())


def _read_output(one: dict, n: int) -> OutputAnswer:
    additive = one["noise"]["additive"]
    noise = Noise(
        float("nan") if additive is None else float(additive),
        float(one["noise"]["proportional"]),
        0,
        str(one["noise"]["origin"]),
    )
    answer = Hedged(_read_numbers(one["numbers"], n), _read_numbers(one["rival"], n), float(one["half"]))
    return OutputAnswer(str(one["name"]), noise, (), str(one["learnt"]), answer, float(one["spread"]), (), "")


def _read_numbers(numbers: dict, n: int) -> Answer:
    if numbers["kind"] == "equations":
        drawn = tuple(_read_weighed(one, n) for one in numbers["drawn"])
        return EquationAnswer(_read_weighed(numbers["found"], n), drawn, int(numbers["freedom"]))
    if numbers["kind"] == "process":
        points = _array(numbers["points"], (None, n))
        size = len(points)
        factor, root = _array(numbers["factor"], (size,)), _array(numbers["root"], (size, size))
        lengths, smallest = _array(numbers["lengths"], (n,)), _array(numbers["smallest"], (n,))
        return ProcessAnswer(
            points, factor, root, float(numbers["amplitude"]), lengths, float(numbers["level"]), smallest
        )
    if numbers["kind"] == "networks":
        from fewerwells.science.networks import Ensemble, parameter_count

        parameters = _array(numbers["parameters"], (None, parameter_count(SIZES))).astype(np.float32)
        return NetworkAnswer(Ensemble(SIZES, parameters, (0.0, 1.0), 1.0), _array(numbers["smallest"], (n,)))
    raise ValueError(numbers["kind"])


def _read_weighed(fits: list[dict], n: int) -> Weighed:
    read, weights = [], []
    for one in fits:
        form = forms_for(n)[one["form"]]
        parameters = {name: float(one["parameters"][name]) for name in (*form.searched, *dict(form.fixed))}
        read.append(Fit(one["form"], parameters, tuple(float(level) for level in one["levels"]), 0.0, 0, ()))
        weights.append(float(one["weight"]))
    if not read:
        raise ValueError("no equation")
    return Weighed(tuple(read), tuple(weights))


def _array(numbers, shape: tuple) -> np.ndarray:
    array = np.array(numbers, float)
    if array.ndim != len(shape) or any(want not in (None, have) for want, have in zip(shape, array.shape, strict=True)):
        raise ValueError(f"shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("not finite")
    return array
