"""Fewer Wells: how many wells of a plate can a simulation replace?

The rooms of the house, in the order in which they import one another: `circuits`, `reactions`, `datasets`,
`networks`, `training`, `protocol`, `evaluation`, `results`, `parameters`, `experiments`, `statistics`, `plots`; the
rivals `fitting` and `gaussian_processes`; and for reruns `chapters`, `points`, `sweeps`, `comparison`.
"""

from importlib.metadata import version

__version__ = version("fewerwells")
