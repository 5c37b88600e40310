"""Fewer Wells: how many wells of a plate can a simulation replace?

Five rooms; each imports only those below it:

    course    exercises, checks, forms, slides, grading
    book      sentences, plots, widgets, the build
    running   profiles, chapters, stored pieces, sweeps, comparison
    study     protocol, trials, the table, quantities, claims
    science   circuits, wells, networks, fits, statistics

`fewerwells.cli` is the command. A number's way: `science` (system, wells, learner) → `study.trials` and
`study.evaluation` → the table (`running.experiments` stores it) → `science.statistics` → `study.claims` or
`book.plots` → the chapter.
"""

from importlib.metadata import version

__version__ = version("fewerwells")
