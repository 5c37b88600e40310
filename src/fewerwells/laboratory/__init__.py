"""What a laboratory does with wells that it has measured; the room stands beside `course`, and nobody below knows it.

`reading` takes files apart, `understanding` puts reads, layout and `options` together, with `doses` in nM; `wells` is
what was understood, `showing` draws it. `judging` says what the data are worth, `answering` compares the `arms`
(equations of `surfaces`, a Gaussian process, and the networks of `transfer`) and predicts, `curves` says how many wells would have done, `next_round` which to fill
next. `figures`, `report`, `models` and `output` are what comes out, `points` what a kept model is asked; `commands` are
the commands `plate` and `predict`. `next_wells` is the command that says which wells to fill next. `measured_files`, `measured_sets`
and `measured_errors` are the same ways to learn on published measurements.
"""

from fewerwells.laboratory.reading.problems import PlateError

__all__ = ["PlateError"]
