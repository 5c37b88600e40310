"""The commands `fewerwells pretrain …`: weights from nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fewerwells.running.commands import refuse

app = typer.Typer(no_args_is_help=True, help="Train the networks that come with the package, from nothing.")

STEPS = 26_000  # about forty minutes of one core
BATCH = 2_400
MOST_DRAWING = 7  # processes; so many kept half of a fast GPU busy, and each holds PyTorch in memory


@app.callback()
def _group() -> None:
    """Keep in-context a word of its own, as long as it is the only one."""


@app.command()
def in_context(
    without: Annotated[
        list[str] | None,
        typer.Option(help="A circuit to leave out, with every mechanism that contains it; as often as needed."),
    ] = None,
    steps: Annotated[int, typer.Option(help="Batches of plates; 26,000 take about forty minutes on one core.")] = STEPS,
    batch: Annotated[
        int, typer.Option(help="Wells in a batch, about, over all of its plates; a GPU takes more in the same time.")
    ] = BATCH,
    seed: Annotated[int, typer.Option(help="Of the initial weights and of all plates.")] = 0,
    output: Annotated[Path, typer.Option(help="Where the weights go; a record goes beside them.")] = Path(
        "in-context.safetensors"
    ),
) -> None:
    """Train the network that reads a plate, on plates of circuits drawn at random.

    A training that was stopped goes on where it was, at most half a minute back, when the same command is given again.
    The same command gives the same weights, but on a GPU, which adds up in no fixed order.

    Example: fewerwells pretrain in-context --without goldbeter_koshland --output without.safetensors
    """
    import torch

    from fewerwells.running.pretraining import PretrainingError, pretrain
    from fewerwells.science.cores import usable_cores
    from fewerwells.science.in_context.training import Settings

    try:
        settings = Settings(steps=steps, without=tuple(without or ()), seed=seed, batch=batch)
    except ValueError as error:
        raise refuse(error) from None
    device = "cuda" if torch.cuda.is_available() else "cpu"
    drawing = min(len(usable_cores()) - 1, MOST_DRAWING)  # beside the process that trains
    try:
        record = pretrain(settings, output, device=device, drawing=drawing, say=typer.echo)
    except PretrainingError as error:
        raise refuse(error) from None
    typer.echo(f"wrote {output} and {record}")
