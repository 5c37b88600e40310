"""Names of error columns: every one that is written can be named, and nothing else."""

import pytest

from fewerwells.running.reading_order import project_root
from fewerwells.study.columns import ERROR, ERROR_COLUMNS, OUTSIDE_ERROR, STUDY_VARIANCE, Region, error_column


def test_columns_are_those_of_the_published_tables():
    assert (ERROR, OUTSIDE_ERROR, STUDY_VARIANCE) == ("sobol_all_mean", "sobol_outside_mean", "uniform_all_variance")
    assert len(set(ERROR_COLUMNS)) == len(ERROR_COLUMNS) == 13
    header = (project_root() / "results" / "experiment_1.csv").read_text("utf-8").splitlines()[0].split(",")
    assert set(ERROR_COLUMNS) < set(header)
    assert {error_column(region, points) for region in Region for points in ("uniform", "sobol")} < set(ERROR_COLUMNS)


@pytest.mark.parametrize("region", ["everywhere", "mean", ""])
def test_a_region_that_is_none_is_refused(region):
    with pytest.raises(ValueError, match=repr(region)):
        error_column(region)
