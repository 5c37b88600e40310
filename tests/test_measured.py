"""Measured systems: a table there and back, units, whole groups held out, nested wells, refusals in a sentence."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewerwells.running.tidy_wells import read_tidy
from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import Domain
from fewerwells.science.learners.base import Status
from fewerwells.science.learners.equations import Equations
from fewerwells.science.measured import Measured
from fewerwells.science.noise import Noise
from fewerwells.science.units import NANOMOLAR, split_header, to_nanomolar, unit_of
from fewerwells.study.evaluation import evaluate

CIRCUIT = reference_circuit("n_part_complex", 2.0)


def plate(levels: int = 5, replicates: int = 3, noise: float = 1.0, seed: int = 0) -> pd.DataFrame:
    """A grid of inputs with replicates, tidy; inputs in nM, outputs in nM."""
    rng = np.random.default_rng(seed)
    axis = np.linspace(0, 20, levels)
    conditions = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    x = conditions.repeat(replicates, axis=0)
    y = CIRCUIT(x) + noise * rng.standard_normal(x.shape)
    names = {"x1 (nM)": x[:, 0], "x2 (nM)": x[:, 1], "y1 (nM)": y[:, 0], "y2 (nM)": y[:, 1]}
    return pd.DataFrame(names | {"replicate": np.tile(np.arange(replicates), len(conditions)).astype(str)})


def measured(table=None, **changes) -> Measured:
    settings = {
        "label": "my plate",
        "inputs": ["x1", "x2"],
        "outputs": ["y1", "y2"],
        "replicate": "replicate",
    } | changes
    return Measured(plate() if table is None else table, **settings)


def rows(x, y) -> set:
    return {tuple(row) for row in np.column_stack([x, y])}


def test_all_wells_come_back_as_they_were_measured(tmp_path):
    table = plate()
    table.to_csv(tmp_path / "plate.csv", index=False, encoding="utf-8-sig")
    system = measured(read_tidy(tmp_path / "plate.csv"), held_out=5)
    wells = system.wells(60, 0)
    test = system.test_sets(0)["held_out"]
    assert len(test.x) == 5
    truth = {tuple(x): group for x, group in table.groupby(["x1 (nM)", "x2 (nM)"])}
    held = [truth[tuple(x)] for x in test.x]
    np.testing.assert_allclose(test.y, [group[["y1 (nM)", "y2 (nM)"]].mean() for group in held], rtol=1e-12)
    everything = rows(table[["x1 (nM)", "x2 (nM)"]], table[["y1 (nM)", "y2 (nM)"]])
    held_rows = pd.concat(held)
    left = everything - rows(held_rows[["x1 (nM)", "x2 (nM)"]], held_rows[["y1 (nM)", "y2 (nM)"]])
    assert rows(wells.x, wells.y) == left


@settings(max_examples=40)
@given(st.integers(0, 1000), st.integers(1, 24), st.integers(1, 100), st.integers(1, 100))
def test_groups_are_held_out_whole_and_wells_are_nested(seed, held_out, few, more):
    system = measured(held_out=held_out)
    wells = 3 * (25 - held_out)
    few, more = sorted((1 + few % wells, 1 + more % wells))
    one, other = system.wells(few, seed), system.wells(more, seed)
    np.testing.assert_array_equal(other.x[:few], one.x)
    np.testing.assert_array_equal(other.y[:few], one.y)
    tested = {tuple(x) for x in system.test_sets(seed)["held_out"].x}
    assert len(tested) == held_out
    assert not tested & {tuple(x) for x in other.x}
    assert len(rows(other.x, other.y)) == more


def test_seeds_hold_out_other_groups():
    system = measured()
    tested = [{tuple(x) for x in system.test_sets(seed)["held_out"].x} for seed in range(40)]
    assert len(set().union(*tested)) == 25
    assert all(len(one) == system.held_out == 6 for one in tested)


def test_a_group_column_keeps_its_wells_together():
    table = plate()
    table["day"] = np.where(table["x1 (nM)"] > 10, "late", np.where(table["x1 (nM)"] > 0, "early", "blank"))
    system = measured(table, group="day", held_out=1)
    for seed in range(10):
        tested = system.test_sets(seed)["held_out"].x[:, 0]
        day = {"late" if x > 10 else "early" if x > 0 else "blank" for x in tested}
        assert len(day) == 1
        assert set(np.unique(tested)) == {
            x for x in np.linspace(0, 20, 5) if ("late" if x > 10 else "early" if x else "blank") in day
        }


def test_beyond_the_domain_is_only_tested():
    system = measured(domain=Domain("low doses", 0.0, 10.0), held_out=2)
    wells = system.wells(7 * 3, 1)
    assert wells.x.max() <= 10
    test = system.test_sets(1)["held_out"]
    assert test.regions["outside"].sum() == 25 - 9
    assert test.regions["inside"].sum() == 2
    with pytest.raises(ValueError, match="22 wells were asked of my plate; 21 of its 75 are neither"):
        system.wells(22, 1)


def test_standard_errors_are_those_of_means_of_replicates():
    system = measured(plate(levels=12, replicates=4, noise=2.0))
    assert system.noise[0].sd(20.0) == pytest.approx(2.0, rel=0.2)
    np.testing.assert_allclose(system.test_sets(0)["held_out"].sd, 2.0 / np.sqrt(4), rtol=0.25)
    errors = [
        (points.y - CIRCUIT(points.x)) / points.sd for points in (system.test_sets(s)["held_out"] for s in range(20))
    ]
    assert np.sqrt(np.mean(np.square(np.concatenate(errors)))) == pytest.approx(1.0, rel=0.15)
    assert measured(plate(replicates=1)).test_sets(0)["held_out"].sd is None


def test_each_output_has_its_own_noise():
    table = plate(levels=10)
    table["y2 (nM)"] = table["y2 (nM)"] * 1000
    one, other = measured(table).noise
    assert other.sd(20e3) / one.sd(20.0) == pytest.approx(1000, rel=0.3)


def test_one_input_and_one_output():
    table = plate()[lambda t: t["x2 (nM)"] == 0].rename(columns={"x1 (nM)": "IPTG [µM]", "y1 (nM)": "GFP (RFU)"})
    system = measured(table, inputs=["IPTG"], outputs=["GFP"])
    wells = system.wells(5, 0)
    assert (wells.x.shape, wells.y.shape) == ((5, 2), (5, 1))
    assert set(wells.x[:, 1]) == {0.0}
    assert set(wells.x[:, 0]) <= set(np.linspace(0, 20, 5) * 1000)
    assert system.units == ("RFU",)


unit_names = {"nM": 1, "µM": 1e3, "μM": 1e3, "uM": 1e3, "mM": 1e6, "M": 1e9, "pM": 1e-3}


@pytest.mark.parametrize(("unit", "factor"), unit_names.items())
def test_the_unit_in_the_header_says_what_the_numbers_mean(unit, factor):
    inside = plate()
    for header in ("x1 (nM)", "y2 (nM)"):
        inside[header] = inside[header] / factor
    outside = inside.rename(columns={"x1 (nM)": f"x1 ({unit})", "y2 (nM)": f"y2 [{unit}]"})
    one, other = measured(outside).wells(20, 3), measured().wells(20, 3)
    np.testing.assert_allclose(one.x, other.x, rtol=1e-12)
    np.testing.assert_allclose(one.y, other.y, rtol=1e-12)


def test_units_of_mass_need_a_molar_mass():
    table = plate().rename(columns={"x1 (nM)": "arabinose (%)"})
    with pytest.raises(ValueError, match="molar mass"):
        measured(table, inputs=["arabinose", "x2"])
    wells = measured(table, inputs=["arabinose", "x2"], molar_masses={"arabinose": 150.13}).wells(10, 0)
    percent = measured().wells(10, 0).x[:, 0]
    np.testing.assert_allclose(wells.x[:, 0], percent * 10 / 150.13 * 1e9)  # 1 % is 10 g/l


@given(st.floats(0, 1e6), st.sampled_from(list(NANOMOLAR)))
def test_units_go_there_and_back(value, unit):
    assert to_nanomolar(value, unit) / NANOMOLAR[unit] == pytest.approx(value)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("IPTG (µM)", ("IPTG", "µM")),
        ("y 1 [nM]", ("y 1", "nM")),
        ("well", ("well", "")),
        ("a (b) (nM)", ("a (b)", "nM")),
    ],
)
def test_headers_are_split(header, expected):
    assert split_header(header) == expected


@given(st.text(max_size=30))
def test_any_header_is_split_without_complaint(header):
    name, unit = split_header(header)
    assert name in header
    assert unit in header
    assert unit_of(unit) is None or unit_of(unit) in ("%", *NANOMOLAR) or "/" in unit_of(unit)


def with_value(header, row, value):
    table = plate().astype({header: object})
    table.loc[row, header] = value
    return table


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: measured(plate().drop(columns="x2 (nM)")), "no column 'x2'; there are x1"),
        (
            lambda: measured(plate().rename(columns={"x1 (nM)": "x1"})),
            "'x1' has no unit in its header; it must be one of M, mM",
        ),
        (
            lambda: measured(plate().rename(columns={"x1 (nM)": "x1 (furlong)"})),
            "the unit 'furlong', which is not known",
        ),
        (lambda: measured(with_value("x1 (nM)", 4, -0.5)), "row 5 of column 'x1 .nM.' is -0.5; it cannot be negative"),
        (lambda: measured(with_value("y1 (nM)", 7, np.nan)), "row 8 of column 'y1 .nM.' is nan; a number is needed"),
        (lambda: measured(with_value("y1 (nM)", 0, "3,5")), "row 1 of column 'y1 .nM.' is '3,5'; a number"),
        (lambda: measured(with_value("x2 (nM)", 0, np.inf)), "row 1 of column 'x2 .nM.' is inf"),
        (
            lambda: measured(plate().assign(**{"y2 (nM)": 3.0})),
            "'y2 .nM.' is 3 in every row; there is nothing to learn",
        ),
        (lambda: measured(plate().assign(replicate="1")), "rows 1 and 2 are both replicate 1 of the same condition"),
        (lambda: measured(with_value("replicate", 2, "")), "row 3 of column 'replicate' is empty"),
        (lambda: measured(plate().iloc[:0]), "my plate has no rows"),
        (lambda: measured(held_out=25), "25 groups of my plate were to be held out; it has 25, and one must remain"),
        (lambda: measured(held_out=0), "held_out is 0; it must be a number of groups or a share"),
        (lambda: measured(held_out=1.5), "held_out is 1.5"),
        (lambda: measured(held_out=True), "held_out is True"),
        (lambda: measured(inputs=["x1", "x2", "y1"]), "a list of one or two names"),
        (lambda: measured(inputs="x1"), "a list of one or two names"),
        (lambda: measured(outputs=["y1", "y1"]), "each column may stand there once"),
        (lambda: measured(plate().assign(**{"x1 (µM)": 0.0})), "'x1' is the name of several columns"),
        (lambda: measured().wells(0, 0), "0 wells were asked"),
        (lambda: measured(held_out=6).wells(58, 0), "58 wells were asked of my plate; 57 of its 75"),
    ],
)
def test_bad_tables_are_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()


class TestFile:
    def read(self, tmp_path, text: str, encoding: str = "utf-8"):
        (tmp_path / "table.csv").write_text(text, encoding)
        return read_tidy(tmp_path / "table.csv")

    def test_names_stay_text_and_numbers_become_numbers(self, tmp_path):
        table = self.read(tmp_path, "x (nM),plate,group\n1e3,1e5,007\n2,NA,1.0\n")
        assert table["x (nM)"].tolist() == [1000.0, 2.0]
        assert table["plate"].tolist() == ["1e5", "NA"]
        assert table["group"].tolist() == ["007", "1.0"]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("x (nM),y\n1;5,2\n", r"row 1 of column x \(nM\) is '1;5'; it must be a number"),
            ("x (nM),y\n1,2\n,3\n", r"row 2 of column x \(nM\) is ''"),
            ("x (nM),x (nM)\n1,2\n", r"2 columns x \(nM\)"),
            ("x (nM),y\n1,2,3\n", "cannot be read as a table"),
            ("", "cannot be read as a table"),
        ],
    )
    def test_what_is_no_table_is_refused(self, tmp_path, text, words):
        with pytest.raises(ValueError, match=words):
            self.read(tmp_path, text)

    def test_absent_and_undecodable_files_are_refused(self, tmp_path):
        with pytest.raises(ValueError, match="cannot be read"):
            read_tidy(tmp_path / "nowhere.csv")
        with pytest.raises(ValueError, match="cannot be read"):
            self.read(tmp_path, "x (nM)\n1\n", "utf-16")


def test_what_tells_measured_systems_apart():
    same, other = measured(), measured(plate(seed=1))
    assert same == measured()
    assert hash(same) == hash(measured())
    assert same != other
    assert same != measured(held_out=3)
    assert same.description()["target"] == "my plate"
    assert all(type(value) in (str, float, int) for value in same.description().values())
    assert isinstance(same.noise[0], Noise)
    assert repr(same) == "Measured('my plate', 75 wells in 25 groups)"


def test_whoever_knows_the_truth_errs_by_one_standard_error_of_the_held_out_means():
    system = measured(plate(levels=12, replicates=4, noise=2.0), domain=Domain("low", 0.0, 10.0))
    seeds = list(range(8))
    rows = evaluate(Equations([Status.OK] * 8, "none", 0.0, (CIRCUIT,) * 8), system, seeds)
    assert np.mean([row["held_out_all_standard_errors"] for row in rows]) == pytest.approx(1.0, rel=0.15)
    for row, seed in zip(rows, seeds, strict=True):
        points = system.test_sets(seed)["held_out"]
        errors = np.abs(CIRCUIT(points.x) - points.y).mean(axis=1)
        assert row["held_out_all_mean"] == pytest.approx(errors.mean())
        assert row["held_out_outside_mean"] == pytest.approx(errors[points.x.max(axis=1) > 10].mean())
        assert row["status"] == "ok"


def test_seeds_may_hold_out_different_numbers_of_conditions():
    table = plate()
    table["day"] = np.where(table["x1 (nM)"] > 10, "late", np.where(table["x1 (nM)"] > 0, "early", "blank"))
    system = measured(table, group="day", held_out=1)
    rows = evaluate(Equations([Status.OK] * 6, "none", 0.0, (CIRCUIT,) * 6), system, list(range(6)))
    for seed, row in enumerate(rows):
        points = system.test_sets(seed)["held_out"]
        assert row["held_out_all_mean"] == pytest.approx(np.abs(CIRCUIT(points.x) - points.y).mean())
    assert len({len(system.test_sets(seed)["held_out"].x) for seed in range(6)}) > 1


def test_two_outputs_are_not_compared_with_one():
    system = measured(outputs=["y1"])
    with pytest.raises(ValueError, match=r"predictions have shape \(6, 2\); the test set 'held_out' has \(6, 1\)"):
        evaluate(Equations([Status.OK], "none", 0.0, (CIRCUIT,)), system, [0])
