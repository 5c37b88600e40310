"""Fewer Wells: how many wells of a plate can a simulation replace?

Rooms; each imports only those below it, and a test holds them to it:

    laboratory  a plate that somebody brings: files, layouts, units, what it says
    course      exercises, checks, forms, slides, grading
    book        sentences, plots, widgets, verdicts, the build
    running     what a reader may set, chapters, stored pieces and their identity, sweeps, comparison
    study       protocol and arms, trials, the table, quantities, claims
    science     circuits, systems, wells, learners, designs, statistics

`fewerwells.cli` is the command. A number's way: `science.systems` (wells) and `science.learners` (what learns from them)
→ `study.trials` and `study.evaluation` → the table, stored by `running.experiments` → `study.quantities` → `study.claims`
or `book.plots` → the chapter.
"""

from importlib.metadata import version

__version__ = version("fewerwells")
