"""A prior over circuits: what could stand behind a plate, before a well is filled.

`structures` lists the mechanisms, and which named circuit each contains; `parameters` draws their numbers;
`circuits` computes outputs of a whole batch at once; `plates` fills wells, adds noise and chooses queries.
"""

from fewerwells.science.prior.circuits import Circuits
from fewerwells.science.prior.parameters import draw_circuits
from fewerwells.science.prior.plates import Plates, draw_plates
from fewerwells.science.prior.structures import STRUCTURES, Structure, structures_without

__all__ = ["STRUCTURES", "Circuits", "Plates", "Structure", "draw_circuits", "draw_plates", "structures_without"]
