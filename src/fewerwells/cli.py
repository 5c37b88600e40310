"""The command `fewerwells`: build the book, run a chapter, run a sweep, compare a rerun with what was published."""

from __future__ import annotations

import errno
import logging
import os
import re
import sys
from importlib.metadata import requires
from pathlib import Path
from typing import Annotated

import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.core import TyperGroup

from fewerwells.course.commands import app as course
from fewerwells.laboratory.commands import plate, predict
from fewerwells.laboratory.next_wells import next_wells
from fewerwells.running.commands import clean, compare, fail, refuse, rerun, run, status, sweep
from fewerwells.running.parameters import PROFILES, ParameterError
from fewerwells.running.pretrain_command import app as pretrain

# What the system says of a file that is open: it says the same of nothing else, and names no file.
_OF_AN_OPEN_FILE = {errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)}


class _Told(TyperGroup):
    """Commands that end in a sentence where the system refuses a file or an extra is missing, whichever command it is."""

    def invoke(self, ctx: typer.Context):
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            sentence = missing_extra(error.name or "")
            if sentence is None:
                raise
        except OSError as error:
            if error.filename is None and error.errno not in _OF_AN_OPEN_FILE:
                raise
            sentence = f"{error.filename or 'a file'} cannot be read or written: {error.strerror}."
        raise fail(sentence)


app = typer.Typer(
    cls=_Told,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="How many wells of a plate can a simulation replace? Rerun the study, one point or all of it.",
)


@app.callback()
def _start() -> None:
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("fewerwells").setLevel(logging.INFO)


@app.command()
def book(
    profile: Annotated[
        str, typer.Option(help="smoke (seconds), lecture (minutes) or paper (the whole study).")
    ] = "paper",
    output: Annotated[Path | None, typer.Option(help="Folder for _build/html; the book's own by default.")] = None,
) -> None:
    """Run the chapters that are missing or out of date, then render the book.

    At paper size chapters read the published tables where they come from the code at hand, after a sample of each was
    computed again here; it ends there with exit status 1 where the sample differs.

    Example: fewerwells book --profile lecture
    """
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from fewerwells.book.build import BuildError, build
    from fewerwells.course.launch import BUTTONS
    from fewerwells.running.parameters import PUBLISHED
    from fewerwells.running.reading_order import project_root
    from fewerwells.running.sample import check
    from fewerwells.running.storage import why_nothing_in
    from fewerwells.science.cores import usable_cores

    try:
        if profile not in PROFILES:
            raise ParameterError(f"profile is {profile!r}; choose one of {', '.join(PROFILES)}.")
        root = project_root()
        place = (output or root).resolve()
        if reason := why_nothing_in(place / "_build") or why_nothing_in(root / "_build"):
            raise ParameterError(f"the book cannot be built: {reason}.")
    except ParameterError as error:
        raise refuse(error) from None
    little_to_train = profile == "smoke"
    if profile == "paper":
        sampled = check(root / "results", PUBLISHED, typer.echo)
        wrong = [name for name, told in sampled.items() if told.first]
        if wrong:
            raise fail(f"{' and '.join(wrong)}: the published numbers are not those of this code on this machine.")
        little_to_train = sampled.keys() == PUBLISHED.keys()
    at_once = len(usable_cores()) if little_to_train else 1  # training takes all cores, and its progress one line
    try:
        page = build(root, profile, place, typer.echo, buttons=BUTTONS, at_once=at_once)
    except (BuildError, PapermillExecutionError, DeadKernelError) as error:
        raise fail(str(error)) from None
    typer.echo(f"The book is ready: open {page}")


@app.command()
def publish() -> None:
    """Write the tables of the published run and the main figure to results/, where git keeps them.

    What was computed here before, or is published already by the same code, is read back; what is missing is trained.
    """
    from fewerwells.book.plots.results import save_answer
    from fewerwells.running.experiments import run as run_design
    from fewerwells.running.parameters import Experiment1
    from fewerwells.running.publishing import publish as write_tables
    from fewerwells.running.reading_order import project_root
    from fewerwells.science.statistics import geometric_summary
    from fewerwells.study.columns import ERROR

    try:
        folder = project_root() / "results"
    except ParameterError as error:
        raise refuse(error) from None
    write_tables(folder, typer.echo)
    save_answer(geometric_summary(run_design(Experiment1()), ERROR, ["arm", "N"]), folder / "answer.svg")
    typer.echo("wrote results/answer.svg")


@app.command()
def doctor() -> None:
    """Say in seconds what this machine lacks for the course.

    Example: fewerwells doctor
    """
    from fewerwells.course.doctor import examine

    if not examine():
        raise typer.Exit(1)


app.add_typer(course, name="course")
app.add_typer(pretrain, name="pretrain")
for command in (rerun, run, sweep, status, clean, compare, plate, predict, next_wells):
    app.command()(command)


def missing_extra(module: str) -> str | None:
    """The sentence that names the extra which brings a module that is not installed; None where no extra does."""
    for line in requires("fewerwells") or ():
        wanted = Requirement(line)
        if canonicalize_name(wanted.name) == canonicalize_name(module.split(".")[0]) and wanted.marker:
            extra = re.search(r"extra == .(\w+)", str(wanted.marker))[1]
            return f'{wanted.name} is not installed; pip install "fewerwells[{extra}]" brings what this needs.'
    return None


def main() -> None:
    """The command, in UTF-8 whatever the locale says: names of files go into notebooks, which are UTF-8.

    So is what it prints: Windows has other bytes for a file or a pipe, among them none for λ or ≥. What UTF-8 has no
    bytes for, as half a character in a file's name, is written as its number.
    """
    if sys.getfilesystemencoding() != "utf-8":
        words = [sys.executable, "-X", "utf8", "-m", "fewerwells.cli", *sys.argv[1:]]
        os.execve(sys.executable, words, os.environ | {"PYTHONUTF8": "1"})  # kernels inherit it
    for stream in filter(None, (sys.stdout, sys.stderr)):  # None where it was closed
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    app()


if __name__ == "__main__":
    main()
