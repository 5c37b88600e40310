"""Figures of many arms: every arm can be drawn, and what is drawn is what the table says."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from fewerwells.book.plots.rivals import arm_colour, plot_against_oracle, plot_arms, plot_systems, plot_winner_map
from fewerwells.book.plots.style import WINNER_COLOURS, plain_logarithmic
from fewerwells.running.parameters import CONTENDERS
from fewerwells.science.statistics import Estimate
from fewerwells.study.across import AcrossSystems
from fewerwells.study.bootstrap import Bootstrap
from fewerwells.study.protocol import CONTROLS, REMEDIES, RIVALS, STUDY_ARMS


@pytest.fixture
def ax():
    return Figure().subplots()


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_every_arm_has_a_colour_and_every_contender_one_of_its_own():
    assert all(to_rgba(arm_colour(arm)) for arm in (*STUDY_ARMS, *CONTROLS, *REMEDIES, *RIVALS))
    assert len({WINNER_COLOURS[arm] for arm in CONTENDERS}) == len(CONTENDERS)
    assert set(WINNER_COLOURS) == set(CONTENDERS)


def test_arms_stand_in_their_rows_at_their_errors(ax):
    summary = pd.DataFrame({"arm": ["transfer", "scratch", "oracle", "pull"], "value": [0.8, 1.7, 0.15, 0.9]})
    for name, factor in (("low", 0.9), ("high", 1.1), ("spread_low", 0.7), ("spread_high", 1.4)):
        summary[name] = factor * summary["value"]
    plot_arms(summary, ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == list(summary["arm"])
    points = [line for line in ax.lines if line.get_marker() == "o"]
    assert [(float(p.get_xdata()[0]), int(p.get_ydata()[0])) for p in points] == [
        (error, row) for row, error in enumerate(summary["value"])
    ]


def test_the_map_names_winners_pales_what_may_be_chance_and_hatches_harm(ax):
    found = pd.DataFrame(
        {
            "noise": [1.0, 1.0, 3.0, 3.0],
            "N": [10, 96, 10, 96],
            "winner": ["transfer", "fit, n free", "scratch", "Gaussian process, log inputs"],
            "probability": [0.9, 0.8, 0.6, 1.0],
            "probability_low": [0.7, 0.6, 0.4, 0.8],
        }
    )
    harm = found[["noise", "N"]].assign(whole=[False, False, True, False], inside=[False, True, True, False])
    plot_winner_map(found, harm, ax)
    assert texts(ax) == ["transfer\n90 %", "fit, n free\n80 %", "scratch\n60 %", "GP, log\ninputs\n100 %"]
    fields = [patch for patch in ax.patches if patch.get_facecolor()[3] > 0]
    assert [patch.get_facecolor()[3] < 0.5 for patch in fields] == [False, False, True, False]
    hatched = {patch.get_xy(): patch.get_hatch() for patch in ax.patches if patch.get_hatch()}
    assert hatched == {(0.5, -0.5): "...", (-0.5, 0.5): "////"}


def test_where_nobody_wins_the_map_is_empty(ax):
    found = pd.DataFrame({"noise": 1.0, "N": [10, 96], "winner": ["transfer", np.nan]})
    found = found.assign(probability=np.nan, probability_low=np.nan)
    plot_winner_map(found, found[["noise", "N"]].assign(whole=False, inside=False), ax)
    assert texts(ax) == ["transfer", "unknown"]
    assert [patch.get_facecolor()[3] > 0 for patch in ax.patches] == [True, False]


def test_ratios_to_the_oracle_are_written_into_their_fields(ax):
    ratios = pd.DataFrame({"n = 2": [1.0, 12.3], "input depletion": [0.5, 3.0]}, index=["a", "b"])
    image = plot_against_oracle(ratios, ax)
    assert texts(ax) == ["1", "0.5", "12", "3"]
    np.testing.assert_allclose(image.get_array(), np.log(ratios))


def test_systems_are_ordered_by_their_ratio_above_their_mean_and_the_next_one(ax):
    systems = pd.DataFrame({"system": ["a", "b"], "ratio": [1.5, 0.5], "low": [1.2, 0.4], "high": [1.9, 0.6]})
    mean = Bootstrap(np.log(0.9), np.log([0.7, 0.9, 1.1]), ("a", "b"))
    plot_systems(AcrossSystems(systems, mean, Estimate(0.9, 1e-5, 1e5), 0.5, 1.0, 0.1), ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["one more system, 95 %", "mean of all", "b", "a"]
    (diamond,) = [line for line in ax.lines if line.get_marker() == "D"]
    assert float(diamond.get_xdata()[0]) == pytest.approx(0.9)
    low, high = ax.get_xlim()
    assert low < 0.4 < 1.9 < high


@pytest.mark.parametrize(("low", "high"), [(14, 18), (0.35, 0.9), (2, 9), (0.3, 40), (20, 23)])
def test_a_logarithmic_axis_has_numbers_however_little_it_spans(low, high):
    figure = Figure()
    axes = figure.subplots()
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    plain_logarithmic(axes.yaxis)
    figure.canvas.draw()
    labels = [*axes.get_yticklabels(), *axes.get_yticklabels(minor=True)]
    shown = [float(label.get_text()) for label in labels if label.get_text()]
    inside = [value for value in shown if low <= value <= high]
    assert 2 <= len(inside) <= 12
    assert len(set(inside)) == len(inside)
