"""The command `fewerwells compare`: what a rerun shares with the published tables, in lines and a last sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fewerwells.running.parameters import ParameterError


def compare(
    table: Annotated[Path, typer.Argument(help="The rerun's rows: a CSV written by a chapter or a sweep.")],
    verbose: Annotated[bool, typer.Option("--all", help="List also the estimates that agree.")] = False,
) -> None:
    """Say for each published estimate whether a rerun agrees with it.

    Both tables' interquartile means over seeds are compared in every cell that they share, by a bootstrap of their
    ratio over seeds, paired where the seeds are the same; the 95 % intervals hold for all estimates at once. The exit
    status is 0 if every row was compared and all estimates agree, 1 if one does not or other networks failed, and 3 if
    rows could not be compared, such as those of other settings.

    Example: fewerwells compare results/runs/sweeps/n_by_noise.csv
    """
    from fewerwells.running.comparison import compare as judge
    from fewerwells.running.comparison import read_published, read_rerun, verdict
    from fewerwells.running.reading_order import project_root

    try:
        found = judge(read_rerun(table), read_published(project_root() / "results"))
    except ParameterError as error:
        typer.echo(f"Refused: {error}", err=True)
        raise typer.Exit(2) from None
    for row in (found.judged if verbose else found.judged[~found.judged["agrees"]]).itertuples():
        typer.echo(
            f"{'agrees' if row.agrees else 'DISAGREES':9} {row.arm}, {row.target}, noise {row.noise:g} nM, N = {row.N:g}, "
            f"{row.estimate}: published {row.published:.4g}, rerun {row.rerun:.4g} nM, "
            f"ratio {row.ratio:.4g} [{row.low:.4g}, {row.high:.4g}], {row.n_seeds} {'paired ' * row.paired}seeds"
        )
    for row in found.failures.itertuples():
        typer.echo(
            f"{'DISAGREES' if row.differs else 'failed':9} {row.arm}, {row.target}, noise {row.noise:g} nM, N = {row.N:g}: "
            f"{row.rerun} of {row.rerun_seeds} networks failed, published {row.published} of {row.published_seeds}"
        )
    for row in found.left_out.itertuples():
        typer.echo(
            f"{'left out':9} {row.arm}, {row.target}, noise {row.noise:g} nM, N = {row.N:g}: {row.rows} rows, {row.why}"
        )
    typer.echo(verdict(found))
    if found.status:
        raise typer.Exit(found.status)
