"""Everything that one plate says, learnt at once: for the command and for the chapter *Your plate*."""

from __future__ import annotations

from dataclasses import dataclass

from fewerwells.laboratory.answering import PlateAnswer, answer, curves_of
from fewerwells.laboratory.curves import Curves
from fewerwells.laboratory.next_round import next_round
from fewerwells.laboratory.options import Question
from fewerwells.laboratory.reading import PlateError
from fewerwells.laboratory.understanding import require_doses
from fewerwells.laboratory.wells import Plate


@dataclass(frozen=True)
class Answered:
    """What was learnt of a plate.

    Attributes:
        learnt: predictions, scores and parameters.
        curves: of each output how many wells would have done, None where there are too few.
        next_wells: header and rows of the next eight wells; None for one input.
        within: where the question wants predictions, see `Question`.
    """

    learnt: PlateAnswer
    curves: tuple[Curves | None, ...]
    next_wells: tuple[list[str], list[list]] | None
    within: tuple[tuple[float, float], ...]


def require(plate: Plate, question: Question) -> None:
    """PlateError where the question cannot be answered from this plate."""
    require_doses(plate)
    if question.within and len(question.within) != len(plate.inputs):
        raise PlateError(
            f"--within is given {len(question.within)} times for {len(plate.inputs)} inputs; give one for each."
        )


def learn(plate: Plate, question: Question) -> Answered:
    """Learn everything of a plate.

    Raises:
        PlateError: as `require`.
    """
    require(plate, question)
    learnt = answer(plate, question.noise)
    curves = curves_of(plate, question.noise)
    return Answered(learnt, tuple(curves), next_round(plate, learnt.outputs[0].noise), question.within)
