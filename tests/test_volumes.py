"""One plate is one volume, wherever it is looked for."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewerwells.running.reading_order import chapters, exercise_notebooks, project_root
from fewerwells.study.volumes import nearest_volume, one_plate, plate

ROOT = project_root()


@pytest.mark.parametrize(
    ("volumes", "expected"), [([50, 96, 200], 96), ([50, 150], 150), ([10, 900], 900), ([200], 200)]
)
def test_one_plate_is_the_volume_nearest_to_96_on_a_logarithmic_scale(volumes, expected):
    assert one_plate(volumes) == expected
    assert plate(pd.DataFrame(), np.array(volumes)) == expected


@given(st.lists(st.integers(1, 10**6), min_size=1), st.floats(0.5, 1e6))
def test_no_volume_is_nearer_in_factors(volumes, n):
    chosen = nearest_volume(volumes, n)
    assert chosen in volumes
    assert all(max(chosen / n, n / chosen) <= max(v / n, n / v) * (1 + 1e-12) for v in volumes)


@pytest.mark.parametrize("name", [*chapters(ROOT), *(f"{name}_exercises" for name in exercise_notebooks(ROOT))])
def test_no_notebook_has_a_rule_of_its_own(name):
    paths = chapters(ROOT) | {path.stem: path for path in exercise_notebooks(ROOT).values()}
    assert not re.search(r"key=lambda \w+: abs\(", paths[name].read_text("utf-8"))
