"""The command `fewerwells next-wells`: a column to pipette, with what each well is expected to teach."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from fewerwells.laboratory.reading.cells import LARGEST
from fewerwells.running.commands import refuse

LESSONS = ("teaches", "cost without")  # the last columns of the table


def next_wells(
    wells: Annotated[Path, typer.Argument(help="A table of wells, one a row: x1 and x2 with a unit, y1 and y2.")],
    n: Annotated[int, typer.Option("--n", help="How many wells to fill next.")] = 8,
    within: Annotated[str, typer.Option(help="Where they may lie, nM: low:high, for both inputs.")] = "0:10",
    grid: Annotated[float, typer.Option(help="Steps that can be pipetted, nM.")] = 0.5,
    candidates: Annotated[
        Path | None, typer.Option(help="Instead of a grid a table of the wells that can be filled: x1 and x2.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="Where predictions count, nM: low:high; by default where wells may lie.")
    ] = None,
    replicates: Annotated[int, typer.Option(help="How often one well may be filled; 1: no replicates.")] = 8,
    design: Annotated[str, typer.Option(help="How to choose; before any well: 'first round'.")] = "library",
    goal: Annotated[str, typer.Option(help="prediction, mechanisms (to tell them apart) or both.")] = "prediction",
    noise: Annotated[
        float | None, typer.Option(help="Standard deviation of a measurement; estimated by default.")
    ] = None,
    inputs: Annotated[str, typer.Option(help="The two columns of concentrations, without units.")] = "x1,x2",
    outputs: Annotated[str, typer.Option(help="The two columns of measurements.")] = "y1,y2",
    seed: Annotated[int, typer.Option(help="Of designs that draw.")] = 0,
    output: Annotated[Path | None, typer.Option(help="Write the table to this CSV file, too.")] = None,
) -> None:
    """Say which wells to fill next, and what each is expected to teach.

    A library of mechanisms is fitted to the wells so far; the next ones are those that lower its expected error most.

    Example: fewerwells next-wells wells.csv --n 8 --within 0:10 --grid 0.5
    """
    from fewerwells.laboratory.output import refuse_to_lose
    from fewerwells.running.storage import write_whole
    from fewerwells.running.tidy_wells import read_wells, rows_used
    from fewerwells.science.design.planning import plan_wells

    try:
        if output:
            refuse_to_lose(output, (wells, candidates or wells), ",".join(LESSONS))
        place = _domain("--within", within)
        names, measures = _pair("--inputs", inputs), _pair("--outputs", outputs)
        if both := set(names) & set(measures):
            raise ValueError(f"--inputs and --outputs both name {both.pop()}; a column is one or the other.")
        measured = read_wells(wells, names, measures)
        used = rows_used(wells)
        if len(measured):
            _refuse_outside(measured.x, place, wells, np.flatnonzero(used))
            _refuse_extremes(measured.y, wells, noise)
        plan = plan_wells(
            measured if len(measured) else None,
            _candidates(candidates, place, grid, replicates, names),
            n,
            region=_domain("--region", region) if region else place,
            design=design,
            goal=goal,
            noise=noise,
            seed=seed,
        )
        table = as_table(plan, names)
        if output:
            write_whole(output, table.to_csv(index=False, lineterminator="\n").encode())
    except np.linalg.LinAlgError as error:
        raise refuse(f"no equation can be solved for these wells ({error}); measure more different ones.") from None
    except ValueError as error:
        raise refuse(error) from None
    except OSError as error:
        raise refuse(f"{error.filename or 'a file'} cannot be written: {error.strerror}.") from None
    typer.echo(table.to_string(index=False))
    if left_out := int(np.sum(~used)):
        typer.echo(f"Left out of {wells.name}: {left_out} of {len(used)} wells, whose state is not used.")
    if plan.lessons:
        typer.echo(
            f"Expected error of the library over {region or within} nM: {plan.lessons.now:.3g} now, "
            f'{plan.lessons.after:.3g} after these {n}, in the unit of the outputs. "teaches" is by how much a well '
            'lowers it by itself, "cost without" by how much more it would be if all others were filled and this one not.'
        )
    else:
        typer.echo("What they teach can be told once some wells are measured.")


def as_table(plan, inputs: tuple[str, str]) -> pd.DataFrame:
    """A plan as a table to pipette, one row a well, in the order in which they were chosen.

    Args:
        plan: a `planning.Plan`.
        inputs: what the two inputs are called.
    """
    told = plan.lessons
    blank = np.full(len(plan.x), np.nan)
    columns = (*plan.x.T, *((told.teaches, told.cost_without) if told else (blank, blank)))
    names = (*(f"{name} (nM)" for name in inputs), *LESSONS)
    return pd.DataFrame(dict(zip(names, map(_rounded, columns), strict=True)))


def _rounded(column: np.ndarray) -> np.ndarray:
    """Numbers to six decimals, and to six digits of the largest where it is so small that this would leave nothing."""
    largest = float(np.nanmax(np.abs(column), initial=0.0))
    return np.round(column, 6 if largest >= 1e-3 or not largest else 5 - int(np.floor(np.log10(largest))))


def _pair(option: str, text: str) -> tuple[str, str]:
    names = tuple(name.strip() for name in text.split(","))
    if len(set(names)) != 2 or len(names) != 2 or not all(names):
        raise ValueError(f"{option} is {text!r}; name two columns, as in x1,x2.")
    return names


def _domain(option: str, text: str):
    from fewerwells.science.datasets import Domain

    try:
        low, high = map(float, text.split(":"))
    except ValueError:
        raise ValueError(f"{option} is {text!r}; write two concentrations in nM, as in 0:10.") from None
    if not 0 <= low < high <= LARGEST:
        raise ValueError(
            f"{option} is {text}; it must run from 0 nM or more to something larger, at most {LARGEST:g} nM."
        )
    return Domain(text, low, high)


def _refuse_outside(x: np.ndarray, place, path: Path, rows: np.ndarray) -> None:
    """ValueError for wells (N, 2) outside the place, named by their rows (N,), from 0."""
    outside = np.flatnonzero(~place.contains(x))
    if len(outside):
        first = outside[0]
        raise ValueError(
            f"{path}: the well in row {rows[first] + 1} lies at {x[first, 0]:g} and {x[first, 1]:g} nM, outside --within "
            f"{place.name}; widen --within, or leave the well out."
        )


def _refuse_extremes(y: np.ndarray, path: Path, noise: float | None) -> None:
    """ValueError for outputs (N, 2) whose squares are no numbers, and for a noise that is lost beside them."""
    from fewerwells.science.design.planning import LEAST_STATED_NOISE

    largest, span = float(np.abs(y).max()), float(np.ptp(y, axis=0).max())
    if largest and not 1 / LARGEST <= largest <= LARGEST:
        raise ValueError(
            f"{path}: the largest output is {largest:g}; write outputs in a unit that makes it 1e-30 to 1e30."
        )
    if noise is not None and 0 < noise < LEAST_STATED_NOISE * span:
        raise ValueError(
            f"--noise is {noise:g}, and the outputs span {span:g}; below {LEAST_STATED_NOISE:g} of that nothing can be told apart."
        )


def _candidates(path: Path | None, place, step: float, replicates: int, inputs: tuple[str, str]):
    from fewerwells.running.tidy_wells import read_inputs
    from fewerwells.science.design.candidates import Candidates, grid

    if path is None:
        try:
            return grid(place.low, place.high, step, replicates)
        except OverflowError:
            raise ValueError(f"--grid is {step:g} nM, which makes more candidates than can be counted.") from None
    x = read_inputs(path, inputs)
    _refuse_outside(x, place, path, np.arange(len(x)))
    return Candidates(x, replicates)
