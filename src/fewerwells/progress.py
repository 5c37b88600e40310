"""Progress bars: live in a terminal and in JupyterLab, gone from stored output."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm


def _in_notebook() -> bool:
    """Whether this code runs in a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


class _Bar:
    def __init__(self, bar: tqdm):
        self._bar = bar

    def advance(self, steps: int) -> None:
        self._bar.update(steps)

    def describe(self, text: str) -> None:
        self._bar.set_description_str(text)


@contextmanager
def progress_bar(total: int, unit: str = " steps") -> Iterator[_Bar]:
    """A bar over `total` sample-steps, with `advance(steps)` and `describe(text)`.

    Shown in a terminal and in a notebook, silent elsewhere. In a notebook the bar clears the cell's output when it
    closes, so a stored notebook holds no frames of it.
    """
    notebook = _in_notebook()
    bar = tqdm(
        total=total, unit=unit, unit_scale=True, file=sys.stderr, disable=False if notebook else None, mininterval=0.5
    )
    try:
        with bar:
            yield _Bar(bar)
    finally:
        if notebook:
            from IPython.display import clear_output

            clear_output()
