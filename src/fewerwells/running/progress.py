"""Progress bars: live in a terminal and in JupyterLab, gone from stored output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm


def _in_notebook() -> bool:
    """Whether this code runs in a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


# Set by `chapters.run_chapter` to the terminal in which a person waits for a chapter that runs in a kernel.
TERMINAL = "FEWERWELLS_TERMINAL"


def _terminal() -> TextIO | None:
    """The terminal in which a person waits for this kernel, if there is one."""
    try:
        return open(os.environ[TERMINAL], "w", encoding="utf-8")
    except (KeyError, OSError):
        return None


class _Bar:
    def __init__(self, bar: tqdm, screen: TextIO):
        self._bar, self._screen = bar, screen

    def advance(self, steps: int) -> None:
        self._bar.update(steps)

    def describe(self, text: str) -> None:
        self._bar.set_description_str(text)

    def say(self, text: str) -> None:
        self._bar.write(text, file=self._screen)


@contextmanager
def progress_bar(total: int, unit: str = " steps") -> Iterator[_Bar]:
    """A bar over `total` sample-steps, with `advance(steps)`, `describe(text)` and `say(line)`, above it.

    Shown in a terminal and in a notebook, silent elsewhere, but for what it says. In a notebook the bar clears the cell's output when it
    closes, so a stored notebook holds no frames of it.
    """
    notebook, terminal = _in_notebook(), _terminal()
    # JupyterLab shows what goes to stderr on red, as if something had gone wrong
    screen = terminal or (sys.stdout if notebook else sys.stderr)
    hidden = False if notebook and not terminal else None  # None: only where it is no terminal
    bar = tqdm(
        total=total, unit=unit, unit_scale=True, file=screen, disable=hidden, mininterval=0.5, leave=False, ncols=100
    )
    try:
        with bar:
            yield _Bar(bar, screen)
    finally:
        if terminal:
            terminal.close()
        elif notebook:
            from IPython.display import clear_output

            clear_output()
