"""The fold-out under a figure: its command, given to the shell, has the settings of the page."""

import shlex

import pytest

from fewerwells.book import report
from fewerwells.running.commands import _parse
from fewerwells.running.parameters import Experiment1, Experiment2, validate


def command(markdown) -> str:
    return markdown.data.split("```sh\n")[1].split("\n```")[0]


@pytest.mark.parametrize(
    ("model", "chosen"),
    [
        (Experiment1, {}),
        (Experiment1, {"profile": "lecture"}),
        (Experiment1, {"profile": "smoke", "volumes": [10, 30], "learning_rate": 1e-5, "loss": "l2"}),
        (Experiment1, {"n_seeds": 5, "circuit": "phosphorylation_cycle", "table_file": "mine.csv"}),
        (Experiment2, {"hill_coefficients": [1.0, 2.5], "phosphorylation": False}),
    ],
)
def test_the_command_repeats_the_page(model, chosen):
    settings = validate(chosen, model)
    shown = report.remake("03_experiment_1", settings, "../results/experiment_1.csv")
    words = shlex.split(command(shown))
    assert words[:3] == ["fewerwells", "run", "03_experiment_1"]
    repeated = validate(_parse([word for word in words[3:] if word != "-p"]), model)
    assert repeated == settings.model_copy(update={"table_file": ""})
    assert "[experiment_1.csv](../results/experiment_1.csv)" in shown.data


def test_what_is_not_published_is_not_linked():
    shown = report.remake("04_experiment_2", Experiment2(), "../results/absent.csv").data
    assert "not published" in shown
    assert "absent.csv" not in shown


def test_the_published_page_needs_no_parameter():
    assert command(report.remake("04_experiment_2", Experiment2(), "x.csv")) == "fewerwells run 04_experiment_2"


def test_a_figure_without_a_table_says_so():
    shown = report.remake("04_experiment_2", Experiment2()).data
    assert "No table is behind it" in shown
    assert "fewerwells run 04_experiment_2" in shown
    assert ".csv" not in shown
