"""What is learnt of a plate, against plates whose truth is known; models written and read back."""

import json

import numpy as np
import pytest

from fewerwells.laboratory import PlateError, answering, arms, curves, models, surfaces, transfer
from fewerwells.laboratory.answering import answer, scaled
from fewerwells.laboratory.arms import Equations, Process, Wells
from fewerwells.laboratory.judging import Noise, judge_noise
from fewerwells.laboratory.next_round import next_round
from fewerwells.laboratory.output import as_csv, prediction_grid, predictions_table
from fewerwells.laboratory.report import page
from fewerwells.laboratory.showing import table
from fewerwells.laboratory.transfer import Networks
from fewerwells.laboratory.wells import distinct_doses, replicate_groups
from fewerwells.science.circuits import reference_circuit
from tests.test_plate_judging import plate_of

DOSES = np.array([0.0, 0.5, 1.0, 2.0, 4.0, 8.0])
PAIRS = np.array([(a, b) for a in DOSES for b in DOSES])


@pytest.fixture(scope="module")
def kept():
    """A model of one input as a file has it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answering, "arms_for", lambda n: (Equations(),))
        patch.setattr(arms, "DRAWS", 6)
        return models.as_json(answer(curve_plate(10.0, 100.0)))


@pytest.fixture
def quick(monkeypatch):
    """Two ways to learn and few draws, where the others do not matter."""
    monkeypatch.setattr(answering, "arms_for", lambda n: (Equations(), Process()))
    monkeypatch.setattr(arms, "DRAWS", 12)


def circuit_plate(name, seed, noise=1.0, proportional=0.0, copies=2, factor=1.0):
    truth = reference_circuit(name)
    x = np.tile(PAIRS, (copies, 1))
    f = truth(x)[:, 0]
    y = f + np.hypot(noise, proportional * f) * np.random.default_rng(seed).standard_normal(len(f))
    return plate_of(factor * x, y)


@pytest.mark.parametrize("n_inputs", [1, 2])
def test_every_equation_finds_itself_without_noise(n_inputs):
    rng = np.random.default_rng(0)
    s = (PAIRS if n_inputs == 2 else np.repeat(2.0 ** -np.arange(24.0), 2)[:, None]) / (8 if n_inputs == 2 else 1)
    everywhere = 0.02 + 0.98 * rng.random((200, n_inputs))
    for name, form in surfaces.forms_for(n_inputs).items():
        fixed = {"K1": 0.2, "n1": 1.7, "K2": 0.3, "n2": 1.3, "c": 2.0, "K1 (fall)": 0.6}
        parameters = {key: fixed[key] for key in form.searched} | dict(form.fixed)
        truth = surfaces.Fit(
            name, parameters, tuple(np.array([3.0, 20.0, -7.0, 30.0])[: len(form.basis(s, parameters))]), 0, 0, ()
        )
        found = surfaces.fit_form(name, s, truth.predict(s), np.ones(len(s)))
        off = np.abs(found.predict(everywhere) - truth.predict(everywhere)).max()
        assert off < 0.01 * max(np.ptp(truth.predict(everywhere)), 1.0), name


def test_levels_are_the_weighted_least_squares_solution():
    rng = np.random.default_rng(1)
    s, y, weight = PAIRS / 8, rng.random(36), rng.random(36) + 0.1
    problem = surfaces._Problem(surfaces.TWO_INPUTS["competing"], s, y, weight)
    given = {"K1": 0.3, "n1": 1.5, "K2": 0.2, "n2": 2.0}
    design = np.column_stack(surfaces.TWO_INPUTS["competing"].basis(s, given))
    expected, *_ = np.linalg.lstsq(design * np.sqrt(weight)[:, None], y * np.sqrt(weight))
    positions = np.log([[1.0, 1.0, 1.0, 1.0], list(given.values())])
    np.testing.assert_allclose(problem.solve(positions)[0][1], expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["competing", "cooperating", "ratio"])
def test_slopes_are_those_of_the_residuals(name):
    rng = np.random.default_rng(2)
    problem = surfaces._Problem(surfaces.TWO_INPUTS[name], PAIRS / 8, rng.random(36), np.ones(36))
    position = np.log(np.full(len(problem.low), 0.7))
    step = 1e-4 * rng.standard_normal(len(position))
    change = problem.residuals(position + step) - problem.residuals(position - step)
    np.testing.assert_allclose(2 * problem.jacobian(position) @ step, change, atol=1e-8)


def test_whole_replicate_groups_are_held_out():
    groups = np.repeat(np.arange(13), 3)
    folds = answering._folds(groups)
    assert np.sum(folds, axis=0).tolist() == [1] * len(groups)
    for held in folds:
        assert not set(groups[held]) & set(groups[~held])


@pytest.mark.parametrize("n_inputs", [1, 2])
def test_units_and_the_order_of_rows_change_no_prediction(quick, n_inputs):
    first = circuit_plate("n_part_complex", 3, copies=1) if n_inputs == 2 else curve_plate(10.0, 100.0)
    points = np.random.default_rng(5).random((40, n_inputs)) * 8
    middle, low, high = answer(first, 1.0).predict(points)
    order = np.random.default_rng(6).permutation(len(first.wells))
    for factor in (1e3, 1e-6):
        other = answer(plate_of(factor * first.x[order], first.y[order]), 1.0).predict(factor * points)
        for a, b in zip((middle, low, high), other, strict=True):
            np.testing.assert_allclose(b, a, rtol=0, atol=1e-6)


@pytest.mark.parametrize("proportional", [0.0, 0.1])
def test_intervals_hold_the_truth_about_as_often_as_they_say(quick, monkeypatch, proportional):
    monkeypatch.setattr(answering, "arms_for", lambda n: (Equations(),))
    monkeypatch.setattr(arms, "DRAWS", 60)
    inside = []
    for seed, name in enumerate(("n_part_complex", "goldbeter_koshland")):
        truth = reference_circuit(name)
        learnt = answer(circuit_plate(name, seed, proportional=proportional))
        points = np.random.default_rng(seed).random((150, 2)) * 8
        _, low, high = learnt.predict(points, 0.95)
        inside.append(np.mean((low[:, 0] <= truth(points)[:, 0]) & (truth(points)[:, 0] <= high[:, 0])))
    assert np.mean(inside) > 0.8  # two plates: neighbouring points miss together


def test_doses_beyond_the_measured_ones_are_marked(quick, monkeypatch):
    monkeypatch.setattr(answering, "arms_for", lambda n: (Process(),))
    learnt = answer(circuit_plate("simple_activation", 0, copies=1), 1.0)
    assert learnt.beyond(np.array([[8.0, 8.0], [8.1, 1.0], [0.0, 0.0], [1.0, 20.0]])).tolist() == [
        False,
        True,
        False,
        True,
    ]
    header, rows = predictions_table(learnt, prediction_grid(learnt, ((0, 16), (0, 8))))
    assert header[:3] == ["IPTG_nM", "aTc_nM", "GFP"]
    assert {row[-1] for row in rows} == {"yes", "no"}
    assert all((row[-1] == "yes") == (row[0] > 8) for row in rows)


def curve_plate(half, highest, seed=0, n=2.0):
    x = np.repeat(np.r_[0.0, highest / 2.0 ** np.arange(11)], 3)
    y = 2 + 50 * x**n / (half**n + x**n) + 0.5 * np.random.default_rng(seed).standard_normal(len(x))
    return plate_of(x[:, None], y)


def test_a_half_saturation_is_found_or_said_to_be_above_the_highest_dose(quick, monkeypatch):
    monkeypatch.setattr(arms, "DRAWS", 40)
    held = []
    for seed in range(4):  # an interval of 95 % may miss one of four
        told = {one.name: one for one in answer(curve_plate(10.0, 100.0, seed=seed)).outputs[0].parameters}
        half = told["half-saturation of IPTG"]
        assert "not identified" not in half.said
        held.append(half.low < 10 < half.high)
    assert sum(held) >= 3
    beyond = {
        parameter.name: parameter for parameter in answer(curve_plate(10_000.0, 100.0, n=1.0)).outputs[0].parameters
    }
    said = beyond["half-saturation of IPTG"].said
    assert "> highest dose" in said or "not identified" in said


def test_flat_data_give_a_flat_prediction_and_no_parameter(quick):
    x = np.repeat(np.r_[0.0, 2.0 ** np.arange(8)], 3)[:, None]
    y = 7 + 0.1 * np.random.default_rng(0).standard_normal(len(x))
    one = answer(plate_of(x, y))
    np.testing.assert_allclose(one.predict(x)[0], 7, atol=0.2)


@pytest.mark.parametrize("arm", [Equations(), Process(), Networks(False)])
def test_a_model_comes_back_from_its_file_as_it_was(quick, monkeypatch, tmp_path, arm):
    monkeypatch.setattr(answering, "arms_for", lambda n: (arm,))
    monkeypatch.setattr(transfer, "FROM_SCRATCH", 20)
    learnt = answer(curve_plate(10.0, 100.0))
    path = tmp_path / "model.json"
    path.write_bytes(models.as_json(learnt))
    back = models.read_model(path)
    points = np.random.default_rng(0).random((30, 1)) * 120
    for a, b in zip(learnt.predict(points), back.predict(points), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9)
    assert models.as_json(back)


def changed(content, **numbers):
    """A model in which these entries, wherever they stand, are something else; 0 for an array is zeros."""

    def of(one):
        if isinstance(one, list):
            return [of(part) for part in one]
        if not isinstance(one, dict):
            return one
        zeros = {name: np.zeros_like(one[name]).tolist() for name, put in numbers.items() if put == 0 and name in one}
        return {name: zeros.get(name, numbers.get(name, of(part))) for name, part in one.items()}

    return json.dumps(of(json.loads(content))).encode()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"[]",
        lambda content: b'{"format": "another"}',
        lambda content: content.replace(b'"largest"', b'"Largest"'),
        lambda content: content.replace(b'"kind": "equations"', b'"kind": "__import__"'),
        lambda content: content.replace(b'"form": "', b'"form": "no '),
        lambda content: changed(content, outputs=[]),
        lambda content: changed(content, spread=float("nan")),
        lambda content: changed(content, half="wide"),
        lambda content: changed(content, levels=[1.0]),
        lambda content: changed(content, drawn=[[]]),
        lambda content: changed(content, root=0.0),
        lambda content: changed(content, amplitude=1e200),
        lambda content: changed(content, freedom=0),
    ],
)
def test_a_damaged_model_is_refused_in_a_sentence(kept, tmp_path, damage):
    path = tmp_path / "model.json"
    path.write_bytes(damage(kept))
    with pytest.raises(PlateError, match=r"is damaged|no model of this version"):
        models.read_model(path)


def test_a_model_holds_numbers_and_names_only(kept):
    content = json.loads(kept)
    assert content["format"] == models.FORMAT
    assert content["inputs"] == [{"name": "IPTG", "unit": "nM", "written": "nM"}]


def test_the_page_stands_alone_and_escapes_what_a_file_says(quick):
    plate = plate_of(curve_plate(10.0, 100.0).x, curve_plate(10.0, 100.0).y, outputs=("<script>alert(1)</script>",))
    text = page(answer(plate), [None], ["<b>understood</b>"], []).decode()
    assert "<script" not in text
    assert "&lt;b&gt;understood" in text
    assert "src=" not in text.replace("default-src", "").replace("img-src", "").replace("style-src", "")


def test_learning_curves_say_how_many_wells_would_have_done(monkeypatch):
    monkeypatch.setattr(curves, "SUBSAMPLES", 3)
    monkeypatch.setattr(transfer, "PRETRAINING", (64, 3))
    monkeypatch.setattr(transfer, "FROM_SCRATCH", 10)
    monkeypatch.setattr(transfer, "FINE_TUNING", 3)
    plate = circuit_plate("simple_activation", 2, copies=1, noise=0.3)
    wells, spread = scaled(plate.x / 8, plate.y[:, 0], plate.groups, judge_noise(plate.y[:, 0], plate.groups, 0.3))
    found = curves.learning_curves(wells, spread)
    assert found.sizes[-1] == 27
    assert all(errors.shape == (len(found.sizes), 3) for errors in found.errors.values())
    assert np.all(found.k_low <= found.k_high)
    few = wells.take(np.arange(7))
    assert curves.learning_curves(few, spread) is None


def test_how_many_times_the_wells_is_censored_where_all_were_not_enough():
    sizes = np.array([10, 20, 40])
    without = np.array([[8.0] * 4, [4.0] * 4, [2.0] * 4])
    k, _, high = curves._equivalence(sizes, np.array([[4.0] * 4, [2.0] * 4, [1.0] * 4]), without)
    assert k.tolist() == pytest.approx([2.0, 2.0, np.inf])
    assert np.isinf(high[2])


def test_many_replicates_are_learnt_from_by_their_means():
    s = np.tile(PAIRS / 8, (8, 1))
    y = s[:, 0] + np.random.default_rng(0).standard_normal(len(s))
    groups = replicate_groups(s)
    wells, _ = scaled(s, y, groups, judge_noise(y, groups))
    assert isinstance(wells, Wells)
    assert len(wells) == 36
    assert as_csv(["a"], [[1.5]]) == b"a\n1.5\n"


def test_doses_that_a_dispenser_misses_by_less_than_a_percent_are_shown_and_chosen_once():
    plate = circuit_plate("n_part_complex", seed=1)
    missed = 1 + 0.004 * np.random.default_rng(2).uniform(-1, 1, plate.x.shape)
    plate = plate_of(plate.x * missed, plate.y)
    assert ["6 doses: 0, " in line and "…" not in line for line in table(plate)] == [False, True, True, False]
    _, rows = next_round(plate, judge_noise(plate.y[:, 0], plate.groups))
    for chosen, measured in zip(np.array(rows).T, plate.x.T, strict=False):
        assert np.isclose(chosen[:, None], distinct_doses(measured), rtol=1e-12, atol=0).any(axis=1).all()


def test_a_noise_that_is_lost_beside_the_outputs_spoils_no_next_round():
    """Of doses on whole numbers, among them the origin, where the fitted cycle jumps."""
    for name in ("phosphorylation_cycle", "n_part_complex"):
        plate = circuit_plate(name, seed=1)
        (header, rows), least = (
            next_round(plate, Noise(share * np.ptp(plate.y), 0.0, 0, "stated")) for share in (1e-12, 1e-6)
        )
        assert (header, rows) == least
        assert np.isfinite(rows).all()
