"""The command next-wells: what it promises, and bad input in one sentence with exit status 2 before work starts."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from fewerwells.cli import app
from fewerwells.running.tidy_wells import read_wells, split_header
from fewerwells.science.circuits import reference_circuit
from fewerwells.science.datasets import Domain, real_pairs
from fewerwells.science.design.candidates import grid
from fewerwells.science.design.planning import plan_wells

WELLS = real_pairs(reference_circuit("n_part_complex"), 16, seed=1000)
NAMES = ("x1 (nM)", "x2 (nM)", "y1", "y2")


@pytest.fixture
def file(tmp_path):
    def write(table=None, name="wells.csv", **changes):
        if table is None:
            table = pd.DataFrame(np.concatenate([WELLS.x, WELLS.y], axis=1), columns=list(NAMES)).assign(**changes)
        table.to_csv(tmp_path / name, index=False)
        return tmp_path / name

    return write


def command(*words):
    return CliRunner().invoke(app, ["next-wells", *map(str, words)])


def test_prints_the_wells_that_python_plans_and_writes_them(file, tmp_path):
    told = command(file(), "--n", 8, "--within", "0:10", "--grid", 0.5, "--output", tmp_path / "next.csv")
    assert told.exit_code == 0, told.output
    table = pd.read_csv(tmp_path / "next.csv")
    plan = plan_wells(read_wells(tmp_path / "wells.csv"), grid(0, 10, 0.5), 8, region=Domain("", 0, 10))
    np.testing.assert_array_equal(table[["x1 (nM)", "x2 (nM)"]], plan.x)
    np.testing.assert_allclose(table["teaches"], plan.lessons.teaches, atol=1e-6)
    assert (table[["teaches", "cost without"]] > 0).all(axis=None)
    assert np.allclose(plan.x / 0.5, np.round(plan.x / 0.5))
    assert f"{plan.lessons.after:.3g} after these 8" in told.stdout


def test_micromolar_wells_are_the_same_wells(file, tmp_path):
    nano = command(file())
    table = pd.read_csv(tmp_path / "wells.csv")
    micro = pd.DataFrame(
        {"x1_uM": table["x1 (nM)"] / 1e3, "x2 [µM]": table["x2 (nM)"] / 1e3, "y1": table.y1, "y2": table.y2}
    )
    assert command(file(micro)).stdout.splitlines()[:9] == nano.stdout.splitlines()[:9]


def test_wells_are_named_as_the_laboratory_names_them(file):
    table = pd.DataFrame(np.concatenate([WELLS.x, WELLS.y], axis=1), columns=["IPTG (nM)", "HSL (nM)", "GFP", "RFP"])
    told = command(file(table), "--inputs", "IPTG,HSL", "--outputs", "GFP,RFP")
    assert told.exit_code == 0, told.output
    assert told.stdout.splitlines()[0].split("  ")[0].strip() == "IPTG (nM)"
    assert "HSL (nM)" in told.stdout.splitlines()[0]


def test_a_table_that_numpy_saved_is_read(file, tmp_path):
    alone = command(file(), "--grid", 2)
    numbers = np.concatenate([WELLS.x, WELLS.y], axis=1)
    np.savetxt(tmp_path / "saved.csv", numbers, delimiter=",", header=",".join(NAMES))
    saved = command(tmp_path / "saved.csv", "--grid", 2)
    assert saved.exit_code == 0, saved.output
    assert saved.stdout.splitlines()[:9] == alone.stdout.splitlines()[:9]


def test_of_the_wells_of_a_plate_those_that_are_used_count(file, tmp_path):
    """wells.csv of `fewerwells plate` keeps the numbers of blanks and excluded wells, and some have none."""
    table = pd.DataFrame(np.concatenate([WELLS.x, WELLS.y], axis=1), columns=list(NAMES)).assign(state="used")
    alone = command(file(table), "--grid", 2)
    assert "Left out" not in alone.stdout
    spoilt = [[0.0, 0.0, 999.0, 999.0, "excluded"], [1.0, 1.0, "", 5.0, "above"], [99.0, "", 1.0, 1.0, "blank"]]
    together = pd.concat([pd.DataFrame(spoilt, columns=table.columns), table])
    told = command(file(together), "--grid", 2)
    assert told.exit_code == 0, told.output
    assert told.stdout.splitlines()[:9] == alone.stdout.splitlines()[:9]
    assert "Left out of wells.csv: 3 of 19 wells, whose state is not used." in told.stdout
    outside = command(tmp_path / "wells.csv", "--within", "0:1", "--grid", 0.1)
    assert f"row {3 + 1 + int(np.argmax((WELLS.x > 1).any(axis=1)))} lies at" in outside.stderr
    assert command(file(together.assign(y1=lambda t: t.y1.where(t.state != "used", "x")))).stderr.count(
        "row 4 of column y1"
    )


def test_candidates_from_a_list_are_all_that_is_asked_for(file):
    listed = file(pd.DataFrame({"x1 (nM)": [1.0, 2.5, 9.0], "x2 (nM)": [0.0, 7.5, 9.0]}), "listed.csv")
    told = command(file(), "--n", 3, "--candidates", listed, "--replicates", 1)
    assert told.exit_code == 0, told.output
    rows = sorted(tuple(map(float, line.split()[:2])) for line in told.stdout.splitlines()[1:4])
    assert rows == [(1.0, 0.0), (2.5, 7.5), (9.0, 9.0)]


def test_before_any_well_a_first_round_can_be_had(file):
    empty = file(pd.DataFrame(columns=list(NAMES)))
    told = command(empty, "--design", "first round")
    assert told.exit_code == 0, told.output
    assert "once some wells are measured" in told.stdout


@pytest.mark.parametrize("goal", ["mechanisms", "both"])
def test_goals_can_be_chosen(file, goal):
    assert command(file(), "--goal", goal, "--grid", 2).exit_code == 0


def without(*names):
    return {"table": pd.DataFrame({name: WELLS.x[:, 0] for name in NAMES if name not in names})}


@pytest.mark.parametrize(
    ("changes", "options", "named"),
    [
        ({"x1 (nM)": 15.0}, (), "row 1 lies at 15"),
        ({}, ("--within", "0:1", "--grid", "1", "--replicates", "1"), "outside --within 0:1"),
        ({}, ("--grid", "10", "--replicates", "1"), "8 wells were asked for, and there are 4 candidates"),
        ({}, ("--n", "0"), "0 wells were asked for"),
        ({"table": pd.DataFrame(columns=list(NAMES))}, (), "there are no wells yet"),
        ({"table": pd.DataFrame({"x1": [1.0], "x2 (nM)": [1.0], "y1": [1.0], "y2": [2.0]})}, (), "names no unit"),
        (
            {"table": pd.DataFrame({"x1 (spoons)": [1.0], "x2 (nM)": [1.0], "y1": [1.0], "y2": [2.0]})},
            (),
            "the unit 'spoons'",
        ),
        (without("y2"), (), "no column y2"),
        (without("x1 (nM)"), (), "no column x1; its columns are"),
        ({"y1": 3.0}, (), "output 1 is 3 in all 16 wells"),
        ({"y1": [-1.0, -2.0] * 8, "y2": [-1.0, -3.0] * 8}, (), "both outputs are -1.75 on average over 16 wells"),
        ({"y1": "high"}, (), "'high'; it must be a number"),
        ({"y2": ""}, (), "it must be a number"),
        ({"x2 (nM)": -1.0}, (), "is negative"),
        ({}, ("--within", "10"), "--within is '10'"),
        ({}, ("--within", "10:0"), "it must run from"),
        ({}, ("--region", "a:b"), "--region is 'a:b'"),
        ({}, ("--grid", "0"), "step is 0 nM"),
        ({}, ("--grid", "0.001"), "100,020,001 candidates"),
        ({}, ("--replicates", "0"), "replicates is 0"),
        ({}, ("--design", "astrology"), "no design 'astrology'"),
        ({}, ("--goal", "fame"), "no goal 'fame'"),
        ({}, ("--design", "random", "--goal", "both"), "no goal 'both' for the design 'random'"),
        ({}, ("--noise", "-1"), "the noise is -1"),
        ({}, ("--inputs", "x1"), "--inputs is 'x1'"),
        ({}, ("--output", "/nowhere/next.csv"), "/nowhere"),
        ({}, ("--grid", "1e-320"), "--grid is 9.99989e-321 nM, which makes more candidates than can be counted"),
        ({}, ("--within", "0:1e300"), "at most 1e+30 nM"),
        ({}, ("--region", "0:1e300"), "at most 1e+30 nM"),
        ({}, ("--noise", "1e-300"), "below 1e-06 of that nothing can be told apart"),
        ({}, ("--outputs", "y1,x1"), "--inputs and --outputs both name x1"),
        ({"y1": [1e300] * 8 + [2e300] * 8}, (), "the largest output is 2e+300"),
        ({"y1": [1e-300] * 8 + [2e-300] * 8, "y2": 1e-300}, (), "the largest output is 2e-300"),
        ({"state": "blank"}, (), "its column state says blank and of no well that it is used"),
        ({"": 1.0}, (), "has no header above column 5"),
        ({}, ("--output", "."), ". is a folder; name a file with --output"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(file, changes, options, named):
    told = command(file(**changes), *options)
    assert told.exit_code == 2
    assert told.stderr.startswith("Refused: ")
    assert named in told.stderr
    assert len(told.stderr.splitlines()) == 1
    assert told.stdout == ""


def test_commas_at_the_end_of_lines_are_no_columns(file, tmp_path):
    path = file()
    plain = command(path).stdout
    numbered = [f"{k if k else ''},{line}" for k, line in enumerate(path.read_text("utf-8").splitlines())]
    (tmp_path / "numbered.csv").write_text("\n".join(numbered), "utf-8")
    assert command(tmp_path / "numbered.csv").stdout == plain
    path.write_text(path.read_text("utf-8").replace("\n", ",,\n"), "utf-8")
    assert command(path).stdout == plain


def test_a_row_that_is_too_long_is_refused_in_one_line(tmp_path):
    (tmp_path / "long.csv").write_text("x1 (nM),x2 (nM),y1,y2\n1,2,3,4,5\n", "utf-8")
    told = command(tmp_path / "long.csv")
    assert told.exit_code == 2
    assert "saw 5)." in told.stderr
    assert len(told.stderr.splitlines()) == 1


def test_outputs_in_a_large_unit_keep_their_digits(file):
    """A thousand million times smaller numbers: the same wells, and what they teach does not round to nothing."""
    small = pd.DataFrame(np.concatenate([WELLS.x, 1e-9 * WELLS.y], axis=1), columns=list(NAMES))
    told = command(file(small), "--grid", 2)
    taught = [float(line.split()[2]) for line in told.stdout.splitlines()[1:9]]
    as_usual = [float(line.split()[2]) for line in command(file(), "--grid", 2).stdout.splitlines()[1:9]]
    np.testing.assert_allclose(np.array(taught) * 1e9, as_usual, rtol=1e-3)


def test_the_table_that_was_read_is_not_replaced(file, tmp_path):
    told = command(file(), "--output", tmp_path / "wells.csv")
    assert told.exit_code == 2
    assert "was read and would be lost" in told.stderr
    assert len(pd.read_csv(tmp_path / "wells.csv")) == 16


@pytest.mark.parametrize("content", ["my notes\n", "", "well,IPTG (nM)\nA1,2\n"])
def test_a_file_that_somebody_else_wrote_is_not_replaced(file, tmp_path, content):
    (tmp_path / "next.csv").write_text(content, "utf-8")
    told = command(file(), "--grid", 2, "--output", tmp_path / "next.csv")
    assert told.exit_code == 2
    assert "next.csv would be lost, and it is no earlier table of this command" in told.stderr
    assert (tmp_path / "next.csv").read_text("utf-8") == content


def test_an_earlier_table_of_next_wells_is_replaced(file, tmp_path):
    for n in (3, 2):
        assert command(file(), "--grid", 2, "--n", n, "--output", tmp_path / "next.csv").exit_code == 0
        assert len(pd.read_csv(tmp_path / "next.csv")) == n


def test_a_file_that_is_not_there_is_refused(tmp_path):
    told = command(tmp_path / "none.csv")
    assert told.exit_code == 2
    assert "cannot be read" in told.stderr


@settings(max_examples=40)
@given(st.text("abcxyz 0123", min_size=1).map(str.strip).filter(bool), st.sampled_from(["nM", "µM", "mg/l"]))
def test_headers_fall_into_name_and_unit(name, unit):
    for header in (f"{name} ({unit})", f" {name} [{unit}] "):
        assert split_header(header) == (name, unit)
    assert split_header(name) == (name, "")
