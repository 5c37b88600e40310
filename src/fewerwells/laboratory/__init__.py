"""What a laboratory does with wells that it has measured; the room stands beside `course`, and nobody below knows it.

`reading` takes files apart, `understanding` puts reads, layout and `options` together, with `doses` in nM; `wells` is
what was understood, `showing` and `output` put it on a page; `commands` is the command for a plate. `next_wells` is the
command that says which wells to fill next.
"""

from fewerwells.laboratory.reading.problems import PlateError

__all__ = ["PlateError"]
