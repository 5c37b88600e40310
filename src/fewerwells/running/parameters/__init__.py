"""What a reader may set in a chapter, within which limits, and what the profiles mean.

A chapter's parameters cell holds plain values; its next cell calls `read_parameters(globals(), Model)`, which refuses
unknown names, wrong types and impossible values in one sentence before anything trains. `fields` are the values,
`profiles` the sizes, `training` what networks share, `experiments`, `tables`, `which_wells` and `many_circuits` the designs, `chapters` what each
notebook offers, and `checking` the sentences.
"""

from fewerwells.running.parameters.chapters import (
    CHAPTER_PARAMETERS,
    Biology,
    Engine,
    Introduction,
    OutsideFamily,
    Problem,
    TrainItYourself,
    Verdicts,
    WhoElse,
)
from fewerwells.running.parameters.checking import ParameterError, problems, read_parameters, validate
from fewerwells.running.parameters.experiments import Experiment1, Experiment2, Sweeps
from fewerwells.running.parameters.many_circuits import ManyCircuits
from fewerwells.running.parameters.plates import MeasuredWells, YourPlate
from fewerwells.running.parameters.profiles import PROFILES, ProfileParameters
from fewerwells.running.parameters.tables import (
    CONTENDERS,
    PUBLISHED,
    Baselines,
    Controls,
    RandomSystems,
    Targets,
    WinnerMap,
)
from fewerwells.running.parameters.training import NetworkParameters, TrainingParameters
from fewerwells.running.parameters.which_wells import ChosenInSystems, ChosenUnderNoise, Experiment3

__all__ = [
    "CHAPTER_PARAMETERS",
    "CONTENDERS",
    "PROFILES",
    "PUBLISHED",
    "Baselines",
    "Biology",
    "ChosenInSystems",
    "ChosenUnderNoise",
    "Controls",
    "Engine",
    "Experiment1",
    "Experiment2",
    "Experiment3",
    "Introduction",
    "ManyCircuits",
    "MeasuredWells",
    "NetworkParameters",
    "OutsideFamily",
    "ParameterError",
    "Problem",
    "ProfileParameters",
    "RandomSystems",
    "Sweeps",
    "Targets",
    "TrainItYourself",
    "TrainingParameters",
    "Verdicts",
    "WhoElse",
    "WinnerMap",
    "YourPlate",
    "problems",
    "read_parameters",
    "validate",
]
