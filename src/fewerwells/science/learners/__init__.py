"""Ways to learn a system from wells: one file a way, one verb, `learn`.

A learner is a frozen dataclass of resolved values (how many epochs, which equation, which source), so that what it is
*is* what makes its result; `base` says what every learner offers and what it hands back. `networks` train through
phases, `equations` are given, fitted or weighed in a library, `processes` are Gaussian, `in_context` learnt on many
other plates; `combined` puts two together. A new way is a new file with a class that has `learn`.
"""

from fewerwells.science.learners.base import Learner, Learnt, Runtime, Status
from fewerwells.science.learners.combined import LogInputs, Sum
from fewerwells.science.learners.equations import FittedEquation, GivenEquation, Library
from fewerwells.science.learners.in_context import ReadInContext
from fewerwells.science.learners.networks import Network, Phase
from fewerwells.science.learners.processes import GaussianProcesses

__all__ = [
    "FittedEquation",
    "GaussianProcesses",
    "GivenEquation",
    "Learner",
    "Learnt",
    "Library",
    "LogInputs",
    "Network",
    "Phase",
    "ReadInContext",
    "Runtime",
    "Status",
    "Sum",
]
