"""What is said of the data: noise against known noise, edges, drift, signs, doses that say nothing."""

import numpy as np
import pytest
from scipy.stats import binomtest
from scipy.stats import t as student_t

from fewerwells.laboratory.judging import SUSPICIOUS, Noise, _slope, findings, judge_noise
from fewerwells.laboratory.options import Options
from fewerwells.laboratory.reading.cells import plate_shape
from fewerwells.laboratory.understanding import understand
from fewerwells.laboratory.wells import Input, Plate, Well, replicate_groups


def plate_of(x, y, names=None, states=None, outputs=("GFP",), inputs=("IPTG", "aTc")):
    x, y = np.asarray(x, float), np.asarray(y, float).reshape(len(x), -1)
    names = names or [f"row {k}" for k in range(len(x))]
    states = states or ["used"] * len(x)
    wells = tuple(
        Well("", name, tuple(dose), tuple(signal), state, above=(0,) if state == "above" else ())
        for name, dose, signal, state in zip(names, x.tolist(), y.tolist(), states, strict=True)
    )
    return Plate("p", tuple(Input(one, "nM", "nM") for one in inputs[: x.shape[1]]), outputs, wells, ())


def found(plate, noise=None):
    noises = [noise or judge_noise(column, plate.groups) for column in plate.y.T]
    return " ".join(findings(plate, noises))


GROUPS = np.repeat(np.arange(60), 4)


@pytest.mark.parametrize(("additive", "proportional"), [(2.0, 0.0), (0.5, 0.1), (0.0, 0.15), (3.0, 0.05)])
def test_both_parts_of_the_noise_are_recovered(additive, proportional):
    rng = np.random.default_rng(0)
    level = np.linspace(5, 100, 60)[GROUPS]
    y = level + np.hypot(additive, proportional * level) * rng.standard_normal(len(level))
    noise = judge_noise(y, GROUPS)
    assert noise.origin == "replicates"
    assert noise.degrees_of_freedom == 180
    for signal in (10.0, 50.0, 95.0):
        assert noise.sd(signal) == pytest.approx(np.hypot(additive, proportional * signal), rel=0.35)


def test_noise_is_stated_or_unknown_without_replicates():
    y = np.arange(6.0)
    assert judge_noise(y, np.arange(6)).origin == "unknown"
    assert not judge_noise(y, np.arange(6)).known
    assert judge_noise(y, np.arange(6), 2.5) == Noise(2.5, 0.0, 0, "stated")


WELLS = [f"{row}{column}" for row in "ABCDEFGH" for column in range(1, 13)]


def same_dose_plate(shift):
    rng = np.random.default_rng(1)
    x = np.tile([[1.0, 2.0], [4.0, 8.0]], (48, 1))
    y = 20 + x[:, 0] + rng.standard_normal(96)
    return plate_of(x, y + np.array([shift(name) for name in WELLS]), WELLS)


def test_an_edge_effect_is_found_and_none_is_invented():
    edge = lambda name: 2.0 * (name[0] in "AH" or name[1:] in ("1", "12"))  # noqa: E731
    assert "wells at the edge are higher" in found(same_dose_plate(edge))
    assert "edge" not in found(same_dose_plate(lambda name: 0.0))


@pytest.mark.parametrize("used", [1.0, 0.5])
def test_the_edge_is_that_of_the_plate_and_not_of_the_wells_that_are_used(used):
    """Half of a 384-well plate, columns 1 to 12, whose last row is P; and the same where the other half is not used."""
    names = [f"{row}{column}" for row in "ABCDEFGHIJKLMNOP" for column in range(1, 13 if used == 1 else 25)]
    rng = np.random.default_rng(4)
    x = np.ones((len(names), 1))
    states = ["used" if int(name[1:]) <= 12 else "excluded" for name in names]
    y = 20 + rng.standard_normal(len(names)) + np.array([2.0 * (name[0] in "HO" or name[1:] == "12") for name in names])
    assert "edge" not in found(plate_of(x, y, names, states, inputs=("IPTG",)))
    y = 20 + rng.standard_normal(len(names)) + np.array([2.0 * (name[0] in "AP" or name[1:] == "1") for name in names])
    assert "wells at the edge are higher" in found(plate_of(x, y, names, states, inputs=("IPTG",)))


@pytest.mark.parametrize(
    ("names", "shape"),
    [
        (["A1", "H12"], (8, 12)),
        (["P1", "A12"], (16, 24)),
        (["A3"], (2, 3)),
        (["C1"], (3, 4)),
        (["AF1"], (32, 48)),
        (["A48"], (32, 48)),
        (["D6"], (4, 6)),
    ],
)
def test_the_smallest_plate_that_holds_all_wells(names, shape):
    assert plate_shape(names) == shape


def test_a_drift_in_reading_order_is_found():
    assert "rises over the plate" in found(same_dose_plate(lambda name: 0.04 * WELLS.index(name)))
    assert "over the plate in reading order" not in found(same_dose_plate(lambda name: 0.0))


@pytest.mark.parametrize("copies", [2, 3, 8])
def test_plates_without_edge_or_drift_are_suspected_as_seldom_as_said(copies):
    """At 1 % each; a test that takes replicates' deviations for independent ones calls three times as often in pairs."""
    rng = np.random.default_rng(copies)
    doses = 96 // copies
    x = np.tile(np.arange(1.0, doses + 1)[:, None], (copies, 1))
    names = [WELLS[place] for place in range(96)]
    called = {"at the edge": 0, "in reading order": 0}
    for _ in range(plates := 600):
        said = found(
            plate_of(x, 50 + x[:, 0] + rng.standard_normal(96), names, inputs=("IPTG",)), Noise(1, 0, 9, "replicates")
        )
        for sign in called:
            called[sign] += sign in said
    for sign, times in called.items():
        assert binomtest(times, plates, SUSPICIOUS, alternative="greater").pvalue > 1e-3, (sign, times)


def test_one_bad_well_is_neither_an_edge_nor_a_drift():
    x = np.repeat(np.arange(1.0, 13.0), 3)[:, None]
    names = ["A1", *(f"{row}{column}" for row in "BCDEFG" for column in range(3, 9))][:36]
    y = 50 + x[:, 0] + np.random.default_rng(3).standard_normal(36)
    y[0] += 8
    said = found(plate_of(x, y, names, inputs=("IPTG",)), Noise(1, 0, 24, "replicates"))
    assert "edge" not in said
    assert "reading order" not in said


def test_replicates_that_agree_to_the_last_digit_are_no_trouble():
    x = np.repeat(np.arange(1.0, 25.0), 2)[:, None]
    assert "reading order" not in found(plate_of(x, 1e6 + x[:, 0], WELLS[:48], inputs=("IPTG",)))


def test_a_slope_among_replicates_is_that_of_a_regression_with_a_level_for_each_group():
    rng = np.random.default_rng(0)
    groups, where = np.repeat(np.arange(8), 3), rng.random(24)
    y = groups + 0.7 * where + 0.3 * rng.standard_normal(24)
    design = np.column_stack([groups[:, None] == np.arange(8), where])
    levels, squares, *_ = np.linalg.lstsq(design.astype(float), y)
    error = np.sqrt(squares[0] / 15 * np.linalg.inv(design.T.astype(float) @ design)[-1, -1])
    slope, chance, _ = _slope(where, y, groups)
    assert slope == pytest.approx(levels[-1])
    assert chance == pytest.approx(2 * student_t.sf(abs(levels[-1] / error), 15))


def test_without_replicates_an_input_is_judged_beside_the_other_one():
    """The signal falls along IPTG at every dose of aTc; over all doses at once the ranks hide it."""
    first, second = np.meshgrid(np.arange(6.0), np.arange(6.0))
    x = np.column_stack([first.ravel(), second.ravel()])
    y = 1000 * x[:, 1] * (1.1 - 0.1 * x[:, 0]) + 30 * np.random.default_rng(0).standard_normal(36)
    assert "no effect of" not in found(plate_of(x, y))
    once_more = np.arange(36).tolist() + [7]
    assert "no effect of" not in found(plate_of(x[once_more], y[once_more]))  # one replicate takes no finding away
    silent = 1000 * x[:, 1] + 30 * np.random.default_rng(0).standard_normal(36)
    assert "no effect of IPTG is seen" in found(plate_of(x, silent))


def test_a_blank_taken_off_twice_shows_by_its_sign():
    x = np.repeat([[0.0], [1.0], [2.0], [4.0]], 3, axis=0)
    assert "A blank was subtracted twice" in found(plate_of(x, -1 - 0.1 * x[:, 0] + 0.01 * np.arange(12)))
    assert "subtracted twice" not in found(plate_of(x, 1 + x[:, 0] + 0.01 * np.arange(12)))


def test_an_input_whose_doses_change_nothing_is_named():
    rng = np.random.default_rng(2)
    x = np.array([(a, b) for a in (0, 1, 2, 4) for b in (0, 1, 2, 4)] * 3, float)
    y = 10 + 20 * x[:, 0] / (1 + x[:, 0]) + rng.standard_normal(48)
    said = found(plate_of(x, y))
    assert "no effect of aTc is seen" in said
    assert "no effect of IPTG is seen" not in said


def test_wells_above_the_range_and_blanks_are_spoken_of():
    x = np.repeat([[0.0], [1.0], [2.0], [4.0]], 3, axis=0)
    states = ["used"] * 9 + ["above", "above", "blank"]
    plate = plate_of(x, 1 + x[:, 0] + 0.01 * np.arange(12), states=states)
    said = found(plate)
    assert "2 wells are above the reader's range" in said
    assert "1 blanks have a mean of 5.11" in said


def test_wells_above_the_range_are_told_of_the_output_that_is(tmp_path):
    rows = [(k, k % 4, 10 + k, "OVRFLW" if k % 4 == 3 else 3 * k) for k in range(1, 13)]
    rows[0] = (1, 1, "", "OVRFLW")  # the well is missing, and this read of it above the range
    table = "well,IPTG_nM,GFP,RFP\n" + "".join(f"A{k},{x},{g},{r}\n" for k, x, g, r in rows)
    (tmp_path / "two.csv").write_text(table, encoding="utf-8")
    plate = understand([tmp_path / "two.csv"], Options(reads=("GFP", "RFP"), exclude=("A3",)))
    said = found(plate)
    assert "RFP: 3 wells are above the reader's range" in said
    assert said.count("above the reader's range") == 1


def test_doses_that_a_dispenser_misses_by_less_than_a_percent_are_judged_as_the_same():
    """The signal rises and falls, which no rank correlation sees; replicates tell it."""
    rng = np.random.default_rng(1)
    missed = 1 + 0.004 * rng.uniform(-1, 1, (40, 1))
    dose = np.tile(np.repeat([[1.0], [2.0], [4.0], [8.0], [16.0]], 4, axis=0), (2, 1))
    y = np.tile(np.repeat([0.0, 5.0, 10.0, 5.0, 0.0], 4), 2) + 0.5 * rng.standard_normal(40)
    other = np.repeat([[1.0], [3.0]], 20, axis=0)
    for exact in (dose, np.column_stack([dose, other]), np.column_stack([other, dose])):
        said = found(plate_of(exact * missed, y))
        assert said == found(plate_of(exact, y))
        assert "no effect of IPTG" not in said or "no effect of aTc" not in said
    assert "IPTG has one dose only" in found(plate_of(np.column_stack([7 * missed, dose]), y))


@pytest.mark.parametrize(("additive", "proportional"), [(0.0, 0.15), (5.0, 0.0)])
def test_a_response_that_was_reached_is_seldom_said_to_rise_still(additive, proportional):
    x = np.repeat([0.0, 1, 2, 4, 8, 16, 32, 64], 2)[:, None]

    def told(signal, seed):
        noise = np.hypot(additive, proportional * signal) * np.random.default_rng(seed).standard_normal(len(x))
        return "still changes at the highest IPTG" in found(plate_of(x, signal + noise))

    reached, rising = 2 + 50 * x[:, 0] ** 2 / (4 + x[:, 0] ** 2), 2 + x[:, 0]
    assert sum(told(reached, seed) for seed in range(100)) <= 5
    assert sum(told(rising, seed) for seed in range(100)) > 50


def test_replicates_are_doses_within_a_percent():
    x = np.array([[1.0, 0.0], [1.005, 0.0], [1.02, 0.0], [1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    groups = replicate_groups(x)
    assert groups[0] == groups[1] != groups[2]
    assert groups[4] == groups[5] != groups[0]
    assert len(set(groups.tolist())) == 4
