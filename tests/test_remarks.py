"""What the study remarks in passing: that transfer fades with distance, and that networks from scratch overfit."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fewerwells.book.plots.remarks import plot_fading, plot_own_and_new
from fewerwells.science.circuits import reference_circuit
from fewerwells.study.columns import error_column
from fewerwells.study.fading import distances, worth_by_distance
from fewerwells.study.overfitting import NEW_WELLS, _new_wells, own_and_new_wells
from fewerwells.study.protocol import ARMS, SIMPLE_MODEL, Cell, Protocol
from fewerwells.study.quantities import RatioGrowth
from fewerwells.study.trials import run_cell
from fewerwells.study.well_arms import WELL_ARMS, WellArm

CELL = Cell("scratch", reference_circuit("n_part_complex", 2.0), 5)
SEEDS = (0, 1, 2)


def test_a_ratio_that_grows_twofold_at_each_step_is_found_to():
    rows = []
    for n, ratio in ((1.0, 0.25), (1.5, 0.5), (3.0, 1.0)):
        for seed in range(4):
            rows += [{"arm": "transfer", "n": n, "seed": seed, "error": ratio * (1 + seed), "circuit": "a"}]
            rows += [{"arm": "scratch", "n": n, "seed": seed, "error": 1.0 + seed, "circuit": "a"}]
    other = [row | {"circuit": "b", "n": 9.0, "error": 100.0} for row in rows[:8]]
    table = pd.DataFrame([*reversed(rows), *other])
    growth = RatioGrowth(
        "t", {"arm": "transfer"}, {"arm": "scratch"}, along="n", column="error", where={"circuit": "a"}
    )
    found = growth.estimates(table)
    assert list(found) == ["n = 1.5 over 1", "n = 3 over 1.5"]
    assert [one.value for one in found.values()] == pytest.approx([2.0, 2.0])


def test_distance_is_what_believing_the_simulation_costs():
    """Against a plain grid that is far finer than what a plot shows; nothing where the simulation is the truth."""
    targets = [reference_circuit("n_part_complex", n) for n in (1.0, 2.0, 4.0)]
    found = distances(targets)
    axis = (np.arange(400) + 0.5) / 20
    x = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    inside = (x <= 10).all(axis=1)
    for row, target in zip(found.itertuples(), targets, strict=True):
        error = np.abs(SIMPLE_MODEL(x) - target(x)).mean(axis=1)
        expected = [error.mean(), error[inside].mean(), error[~inside].mean()]
        assert [row.all, row.inside, row.outside] == pytest.approx(expected, rel=0.01, abs=1e-9)
    assert found["all"].is_monotonic_increasing


def test_what_pre_training_is_worth_stands_beside_the_distance():
    targets = [reference_circuit("n_part_complex"), reference_circuit("phosphorylation_cycle")]
    rows = [
        {"arm": arm, "target": target.label, "seed": seed}
        | {error_column("inside"): factor * (1 + seed), error_column("outside"): factor**2 * (1 + seed)}
        for target in targets
        for arm, factor in (("transfer", 0.5), ("scratch", 1.0))
        for seed in range(4)
    ]
    found = worth_by_distance(pd.DataFrame(rows), targets)
    assert found["value"].to_list() == pytest.approx([0.5, 0.25] * 2)
    assert found["in_line"].to_list() == [True, True, False, False]
    assert found["distance"].to_list() == pytest.approx(np.repeat(distances(targets)["all"], 2).to_list())


def test_errors_are_those_on_the_very_wells_and_on_wells_that_no_volume_holds():
    protocol = Protocol(epochs=3)
    found = own_and_new_wells(CELL, [5, 8], protocol, SEEDS)
    (own,) = found.query("N == 5 and wells == 'own' and seed == 1")["error"]
    cell = replace(CELL, wells=5)
    wells = cell.measured(protocol, [1])[0]
    predicted = run_cell(cell, protocol, SEEDS).ensemble.predict(wells.x)[1]
    assert own == pytest.approx(float(np.abs(predicted - wells.y).mean()))
    assert len(found) == 2 * 2 * len(SEEDS)


MOVED = WellArm("scratch", "64 outside", "0–20 nM").name
IN_ROUNDS = WellArm("scratch", "library", "0–20 nM").name


@pytest.fixture
def _well_arms(monkeypatch):
    for name in (MOVED, IN_ROUNDS):
        monkeypatch.setitem(ARMS, name, WELL_ARMS[name].arm)


@pytest.mark.usefixtures("_well_arms")
@pytest.mark.parametrize(
    ("arm", "log_inputs"),
    [("residual", False), ("scratch", True), ("fit, n = 1", False), (MOVED, False), (IN_ROUNDS, False)],
)
def test_errors_are_of_what_an_arm_says_on_the_wells_that_it_was_given(arm, log_inputs):
    """The network of a sum or one behind logarithms is not what is asked; a fit has none; some wells are chosen."""
    protocol = Protocol(epochs=3, log_inputs=log_inputs)
    cell = replace(CELL, arm=arm, wells=12)
    found = own_and_new_wells(cell, [6, 12], protocol, SEEDS)
    wells = cell.measured(protocol, list(SEEDS))
    said = run_cell(cell, protocol, SEEDS).predict(np.stack([pairs.x for pairs in wells]))
    expected = [np.abs(one - pairs.y).mean() for one, pairs in zip(said, wells, strict=True)]
    assert found.query("N == 12 and wells == 'own'")["error"].to_list() == pytest.approx(expected)


@pytest.mark.usefixtures("_well_arms")
@pytest.mark.parametrize("arm", ["scratch", MOVED])
def test_no_new_well_is_one_that_an_arm_has_learnt_from(arm):
    cell, protocol = replace(CELL, arm=arm), Protocol()
    own = [replace(cell, wells=n).measured(protocol, [4])[0].x for n in (96, 48)]
    new = _new_wells(cell, protocol, own, 4)
    assert len(new) == NEW_WELLS
    assert not {tuple(x) for x in new.x} & {tuple(x) for wells in own for x in wells}


def test_an_arm_that_is_given_no_wells_has_none_of_its_own():
    with pytest.raises(ValueError, match="zero-shot learns from no wells"):
        own_and_new_wells(replace(CELL, arm="zero-shot"), [5], Protocol(epochs=3), SEEDS)


@pytest.mark.parametrize(("volumes", "seeds"), [([], SEEDS), ([5], ())])
def test_own_and_new_wells_of_nothing_is_a_sentence(volumes, seeds):
    with pytest.raises(ValueError, match="at least one of each is needed"):
        own_and_new_wells(CELL, volumes, Protocol(epochs=1), seeds)


def test_whoever_has_hardly_learnt_is_as_wrong_on_either_and_whoever_trains_long_knows_few_wells_by_heart():
    few, many = (own_and_new_wells(CELL, [8], Protocol(epochs=n), range(8)) for n in (1, 1500))
    gap = {n: t.groupby("wells")["error"].mean() for n, t in (("few", few), ("many", many))}
    assert gap["few"]["new"] / gap["few"]["own"] == pytest.approx(1, abs=0.35)
    assert gap["many"]["new"] / gap["many"]["own"] > 2


def test_figures_put_targets_at_their_distance_and_errors_at_their_volumes():
    axes = Figure().subplots()
    ratios = pd.DataFrame(
        {"target": ["n = 2", "a cycle"], "distance": [4.0, 6.0], "region": "inside", "in_line": [True, False]}
    ).assign(value=[0.5, 0.8], low=[0.4, 0.7], high=[0.6, 0.9])
    plot_fading(ratios, axes)
    assert {text.get_text().replace("\n", " "): text.xy[0] for text in axes.texts} == {"n = 2": 4.0, "a cycle": 6.0}
    other = Figure().subplots()
    errors = pd.DataFrame({"wells": ["own", "own", "new", "new"], "N": [10, 96] * 2, "value": [0.3, 0.6, 2.0, 1.0]})
    plot_own_and_new(errors.assign(low=errors["value"], high=errors["value"]), other, noise=0.8)
    new, own, level = other.lines
    assert list(new.get_ydata()) == [2.0, 1.0]
    assert list(own.get_ydata()) == [0.3, 0.6]
    assert list(level.get_ydata()) == [0.8, 0.8]
