"""What a reader was promised of a grid of learning curves: common axes, every column labelled, one key."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from fewerwells.book.plots.results import plot_small_multiples
from fewerwells.book.plots.style import use_style

ERRORS = {"value": 1.0, "low": 0.9, "high": 1.1, "spread_low": 0.5, "spread_high": 2.0}
SUMMARY = pd.DataFrame(
    [{"arm": arm, "N": wells, **ERRORS} for arm in ("transfer", "scratch") for wells in (10, 100)]
    + [{"arm": "oracle", "N": 20_000, **ERRORS}]
)


@pytest.fixture
def figure():
    rows = [[(f"{row}{column}", SUMMARY) for column in range(length)] for row, length in enumerate((3, 1, 2))]
    with plt.rc_context():
        use_style()
        figure = plot_small_multiples(rows)
        yield figure
    plt.close(figure)


def test_each_column_is_labelled_below_its_lowest_panel_and_each_row_at_its_left(figure):
    shown = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title("left") for axes in shown] == ["00", "01", "02", "10", "20", "21"]
    labelled = [axes.get_title("left") for axes in shown if axes.xaxis.get_tick_params()["labelbottom"]]
    assert labelled == [axes.get_title("left") for axes in shown if axes.get_xlabel()] == ["02", "20", "21"]
    assert [axes.get_title("left") for axes in shown if axes.get_ylabel()] == ["00", "10", "20"]
    for which in ("major", "minor"):
        numbered = [axes for axes in shown if axes.yaxis.get_tick_params(which)["labelleft"]]
        assert [axes.get_title("left") for axes in numbered] == ["00", "10", "20"]


def test_axes_are_common_and_there_is_one_key(figure):
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes}) == 1
    assert [axes.get_legend() for axes in figure.axes] == [None] * 9
    (key,) = figure.legends
    assert [text.get_text() for text in key.get_texts()] == ["transfer", "from scratch", "oracle (20,000 on 0–20 nM)"]
