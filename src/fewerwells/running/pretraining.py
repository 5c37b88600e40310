"""`fewerwells pretrain in-context`: training that a kill costs at most half a minute, and the record of what it made."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

from fewerwells import __version__
from fewerwells.running.progress import progress_bar
from fewerwells.running.storage import why_not_with_record, write_whole
from fewerwells.science.in_context.reader import as_safetensors
from fewerwells.science.in_context.training import Batches, Settings, Training
from fewerwells.science.in_context.validation import validate

SECONDS_BETWEEN_CHECKPOINTS = 30
VALIDATIONS = 20  # over the whole training
FEWEST_STEPS_BETWEEN = 50  # validations
LARGEST_SEED = 2**64 - 1  # that torch takes
_TOLD = {"settings", "sha256"}  # by these names among others a record is known


class PretrainingError(ValueError):
    """A checkpoint that is damaged or belongs to other settings, or a place where weights cannot go."""


def _save(path: Path, training: Training, curve: list[dict], seconds: float) -> None:
    buffer = io.BytesIO()
    torch.save({"settings": asdict(training.settings), "curve": curve, "seconds": seconds} | training.state(), buffer)
    write_whole(path, buffer.getvalue())


def _resume(path: Path, training: Training) -> tuple[list[dict], float]:
    try:
        state = torch.load(path, weights_only=True, map_location=training.device)
        theirs = state["settings"]
    except Exception as error:
        raise PretrainingError(f"{path} is not a whole checkpoint ({error}); remove it to start anew.") from error
    ours = asdict(training.settings)
    if ours != theirs:
        other = ", ".join(f"{name} = {theirs.get(name)!r}" for name in ours if theirs.get(name) != ours[name])
        raise PretrainingError(f"{path} belongs to a training with {other}; remove it or choose another output.")
    training.resume(state)
    return state["curve"], state["seconds"]


def pretrain(
    settings: Settings,
    output: Path,
    *,
    device: str = "cpu",
    drawing: int = 0,
    say: Callable[[str], None] = print,
    between_checkpoints: float = SECONDS_BETWEEN_CHECKPOINTS,
) -> Path:
    """Train a network and write its weights, with a JSON record beside them.

    The state of training is kept in a file beside the weights until they are written, and picked up from there.

    Args:
        settings: what decides the weights.
        output: the safetensors file.
        device: cpu or cuda; a GPU adds up in no fixed order, so there the same settings give other weights every time.
        drawing: processes that draw plates ahead; 0 draws them in this one. The weights do not depend on it.
        say: takes a line on the validation scores now and then.
        between_checkpoints: seconds after which the state is written again.

    Returns:
        The path of the record.

    Raises:
        PretrainingError: there is a checkpoint of other settings, or a damaged one; weights cannot go to `output`; or
            a seed that is too large.
    """
    named = output.suffix == ".safetensors"
    reason = why_not_with_record(output, "network", _TOLD) if named else "its name must end in .safetensors"
    if reason:
        raise PretrainingError(f"the output is {output}; {reason}.")
    if settings.seed > LARGEST_SEED:
        raise PretrainingError(f"the seed is {settings.seed}; it must be at most {LARGEST_SEED}.")
    output.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = output.with_suffix(".checkpoint")
    with _one_thread():
        return _pretrain(settings, output, checkpoint, device, drawing, say, between_checkpoints)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Torch with one thread (sums over several depend on how many there are) and without the slow numbers near 0."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)


def _pretrain(
    settings: Settings,
    output: Path,
    checkpoint: Path,
    device: str,
    drawing: int,
    say: Callable[[str], None],
    between_checkpoints: float,
) -> Path:
    training = Training(settings, device)
    curve, before = _resume(checkpoint, training) if checkpoint.exists() else ([], 0.0)
    begun = saved = time.monotonic()
    every = max(FEWEST_STEPS_BETWEEN, settings.steps // VALIDATIONS)
    batches = DataLoader(
        Batches(settings),
        batch_size=None,
        sampler=range(training.step, settings.steps),
        num_workers=drawing,
        multiprocessing_context="spawn" if drawing else None,  # a fork of a process with threads may hang
        pin_memory=device == "cuda",
    )
    with progress_bar(settings.steps) as bar:
        bar.advance(training.step)
        for batch in batches:
            loss = training.advance(batch)
            bar.advance(1)
            if training.step % every == 0 or training.step == settings.steps:
                scores = {"step": training.step, "loss": float(loss)} | validate(training.network, settings.without)
                curve.append(scores)
                say(", ".join(f"{name} {value:.4g}" for name, value in scores.items()))
            if time.monotonic() - saved > between_checkpoints:
                saved = time.monotonic()
                _save(checkpoint, training, curve, before + saved - begun)
    weights = as_safetensors(training.network, settings.without)
    record = {
        "command": command(settings),
        "settings": asdict(settings),
        "step": training.step,
        "parameters": sum(part.numel() for part in training.network.parameters()),
        "seconds": round(before + time.monotonic() - begun, 1),
        "device": ", then ".join(training.devices),
        "versions": {
            "fewerwells": __version__,
            "numpy": np.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "sha256": hashlib.sha256(weights).hexdigest(),
        "validation": curve,
    }
    path = output.with_suffix(".json")
    write_whole(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    write_whole(output, weights)  # after its record: a kill in between leaves no weights without one
    checkpoint.unlink(missing_ok=True)
    return path


def command(settings: Settings) -> str:
    """The shell command that makes these weights."""
    left_out = "".join(f" --without {name}" for name in settings.without)
    batch = f" --batch {settings.batch}" if settings.batch != Settings.batch else ""
    return f"fewerwells pretrain in-context --steps {settings.steps}{batch} --seed {settings.seed}{left_out}"
