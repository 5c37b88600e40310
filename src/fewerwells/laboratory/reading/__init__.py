"""Files as instruments and people write them, taken apart into columns of wells.

`files` opens a file safely, `cells` says what one cell means, `matrices`, `series`, `rows`, `tables` and `softmax` find
the forms in which wells are written down, `columns` is what all of them hand over, `layouts` reads what stands beside
the measurement, `dilutions` what is said in short, `selecting` picks the reads that are asked for.
"""

from fewerwells.laboratory.reading.problems import PlateError

__all__ = ["PlateError"]
