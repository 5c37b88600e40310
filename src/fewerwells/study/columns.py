"""What the error columns of the tidy table are called: over which test points, where, which moment."""

from __future__ import annotations

from enum import StrEnum


class Points(StrEnum):
    """The test points: the study's own 100, one draw a seed, or 4096 Sobol points, the same for every seed."""

    UNIFORM = "uniform"
    SOBOL = "sobol"


class Region(StrEnum):
    """Where the error is looked at: over the whole big domain, inside the small one, where the wells are, or outside."""

    ALL = "all"
    INSIDE = "inside"
    OUTSIDE = "outside"


class Moment(StrEnum):
    """Over test points, not over training runs."""

    MEAN = "mean"  # nM
    VARIANCE = "variance"  # nM²


def error_column(
    region: Region | str = Region.ALL, points: Points | str = Points.SOBOL, moment: Moment | str = Moment.MEAN
) -> str:
    """The column that holds a moment of the L1 error over the test points of a region.

    Raises:
        ValueError: there is no such region, set of points or moment.
    """
    return f"{Points(points)}_{Region(region)}_{Moment(moment)}"


ERROR, INSIDE_ERROR, OUTSIDE_ERROR = map(error_column, Region)
OFF_ORIGIN_ERROR = "sobol_off_origin_mean"  # away from where the phosphorylation cycle has no limit
STUDY_ERROR = error_column(points=Points.UNIFORM)
STUDY_VARIANCE = error_column(points=Points.UNIFORM, moment=Moment.VARIANCE)
ERROR_COLUMNS = (
    *(error_column(region, points, moment) for points in Points for region in Region for moment in Moment),
    OFF_ORIGIN_ERROR,
)
