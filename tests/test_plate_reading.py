"""Files in every form that the reader knows, written here: read well by well, or refused in a sentence."""

import io
import zipfile
from collections import Counter
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from fewerwells.laboratory import PlateError
from fewerwells.laboratory.options import Options
from fewerwells.laboratory.reading import files
from fewerwells.laboratory.reading.cells import as_clock, plain_number, seconds, value, well_name
from fewerwells.laboratory.reading.contents import read_contents
from fewerwells.laboratory.understanding import require_doses, understand
from tests import plate_samples as samples
from tests.plate_samples import SAMPLES, WELLS, dose, signal


def written(folder: Path, name: str, content) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def read(folder, content, name="plate.txt", layout=None, layout_name="layout.csv", **options):
    if layout is not None:
        options["layout"] = written(folder, layout_name, layout)
    return understand([written(folder, name, content)], Options(**options))


def layout_with(name, said):
    return f"well,IPTG_uM,{name}\n" + "".join(f"{well},{dose(well)},{said(well)}\n" for well in WELLS)


def signals(plate, output=0):
    return {well.name: well.y[output] for well in plate.wells}


EXPECTED = {well: signal(well) for well in WELLS}


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        (samples.gen5(), {"reads": ("GFP",)}, EXPECTED),
        (samples.gen5(), {"reads": ("od:600",)}, {w: signal(w) / 10 for w in WELLS}),
        (samples.gen5_kinetic(), {"at": "10min"}, {w: signal(w) + 1 for w in WELLS}),
        (samples.gen5_kinetic(), {"at": "0:00:00..0:20:00"}, {w: signal(w) + 1 for w in WELLS}),
        (samples.gen5_kinetic(), {"at": "0:09:00"}, {w: signal(w) + 1 for w in WELLS}),
        (samples.gen5_two_plates(), {"plate": "Plate 2"}, {w: signal(w) + 10 for w in WELLS}),
        (samples.softmax(), {}, EXPECTED),
        (samples.softmax(decimal=","), {}, EXPECTED),
        (samples.softmax(rows=3), {}, {w: signal(w) for w in WELLS if w[0] in "ABC"}),
        (samples.softmax_kinetic(), {"at": "30s"}, {w: signal(w) + 1 for w in WELLS if w[0] in "ABC"}),
        (samples.bmg(), {}, EXPECTED),
        (samples.spark_list(), {"reads": ("GFP",)}, EXPECTED | {"H12": None}),
        (samples.spark_kinetic(), {"at": "1200s"}, {w: signal(w) + 2 for w in WELLS}),
        (samples.tidy(), {}, EXPECTED),
        (samples.tidy(separator=";", decimal=","), {}, EXPECTED),
        (samples.tidy(separator="\t", pad=True), {}, EXPECTED),
        (samples.tidy(separator="|"), {}, EXPECTED),
        (samples.plater(), {}, EXPECTED),
        (samples.block(), {}, EXPECTED),
        (samples.block(rows="AB"), {}, {w: signal(w) for w in WELLS if w[0] in "AB"}),
    ],
)
def test_every_form_is_read_well_by_well_in_every_encoding(tmp_path, content, options, expected):
    read_back = []
    for coding, ends in [
        ("utf-8", "\n"),
        ("utf-8-sig", "\r\n"),
        ("utf-16", "\r"),
        ("cp1252", "\n"),
        ("utf-16-le", "\n"),
    ]:
        plate = read(tmp_path, content.replace("\n", ends).encode(coding), **options)
        read_back.append(signals(plate))
    assert all(found == read_back[0] for found in read_back)
    assert read_back[0].keys() == expected.keys()
    for well, number in expected.items():
        assert read_back[0][well] == (None if number is None else pytest.approx(number, rel=1e-9))


def test_marks_are_named_and_never_become_numbers(tmp_path):
    marks = {
        "A1": "OVRFLW",
        "B2": ">4.000",
        "C3": "#SAT",
        "D4": "<0.000",
        "E5": "MISSED",
        "F6": "?????",
        "G7": "Overflow",
    }
    plate = read(tmp_path, samples.gen5(marks), reads=("GFP",))
    states = {well.name: (well.state, well.y[0], well.reason) for well in plate.wells if well.name in marks}
    assert {name: state for name, (state, _, _) in states.items()} == {
        "A1": "above",
        "B2": "above",
        "C3": "above",
        "D4": "below",
        "E5": "missing",
        "F6": "missing",
        "G7": "above",
    }
    assert all(number is None for _, number, _ in states.values())
    assert all(marks[name] in reason for name, (_, _, reason) in states.items())


@pytest.mark.parametrize(
    ("mark", "state"),
    [("#SAT", "above"), ("#LOW", "below"), ("#N/A", "missing"), ("#DIV/0!", "missing"), ("#NAME?", "missing")]
    + [("#WERT!", "missing"), ("#VALUE!", "missing"), ("#NUM!", "missing")],
)
def test_a_row_that_begins_with_an_error_is_no_note(tmp_path, mark, state):
    rows = [f"{mark if k in (3, 4) else 10 * k},{k}\n" for k in range(1, 9)]
    plate = read(tmp_path, "GFP,IPTG_uM\n# measured on Monday\n" + "".join(rows))
    assert [well.state for well in plate.wells] == ["used"] * 2 + [state] * 2 + ["used"] * 4


@pytest.mark.parametrize("unit", ["M", "mM", "µM", "uM", "nM", "pM"])
def test_doses_become_nanomolar(tmp_path, unit):
    plate = read(tmp_path, samples.tidy(unit=unit), "t.csv")
    factor = {"M": 1e9, "mM": 1e6, "µM": 1e3, "uM": 1e3, "nM": 1.0, "pM": 1e-3}[unit]
    assert plate.inputs[0].unit == "nM"
    np.testing.assert_allclose(plate.x[:, 0], [factor * dose(well.name) for well in plate.used])
    assert unit == "nM" or any("to nM" in remark for remark in plate.remarks)


def test_a_logarithmic_column_is_raised_and_a_zero_dose_is_explicit(tmp_path):
    table = "log10 IPTG [M],GFP\n" + "".join(f"{power},{k}\n" for k, power in enumerate([-6, -7, -8, -9, "-inf", -5]))
    plate = read(tmp_path, table, "t.csv")
    np.testing.assert_allclose(plate.x[:, 0], [1e3, 1e2, 1e1, 1.0, 0.0, 1e4])


@pytest.mark.parametrize("header", ["IPTG log10 [M]", "IPTG_log10_M", "IPTG (log10 M)"])
def test_a_logarithm_is_known_behind_the_name(tmp_path, header):
    table = f"{header},GFP\n" + "".join(f"{-k},{k}\n" for k in range(4, 10))
    np.testing.assert_allclose(read(tmp_path, table, "t.csv").x[:, 0], [10.0 ** (9 - k) for k in range(4, 10)])


@pytest.mark.parametrize("header", ["log2 IPTG (uM)", "ln IPTG (uM)", "-log10 IPTG (M)", "-log IPTG [M]", "pIPTG (M)"])
def test_another_logarithm_is_no_concentration(tmp_path, header):
    table = f"{header},GFP\n" + "".join(f"{k},{k}\n" for k in range(4, 12))
    with pytest.raises(
        PlateError, match="says a negative logarithm or one to another base than 10; write concentrations"
    ):
        read(tmp_path, table, "t.csv")
    assert read(tmp_path, table, "t.csv", inputs=(f"{header}=nM",)).x[0, 0] == 4


@pytest.mark.parametrize(
    ("layout", "name", "options"),
    [
        (samples.dose_list(), "l.csv", {}),
        (samples.wellmap(), "l.toml", {}),
        ("IPTG µM" + samples.block(dose, separator=","), "l.csv", {}),
        ("label" + samples.block(lambda well: f"WT in {dose(well):g} mM IPTG", separator=";"), "l.csv", {}),
    ],
)
def test_layouts_say_the_doses(tmp_path, layout, name, options):
    plate = read(tmp_path, samples.bmg(), layout=layout, layout_name=name, **options)
    factor = 1e6 if "mM IPTG" in layout else 1e3
    np.testing.assert_allclose(plate.x[:, 0], [factor * dose(well.name) for well in plate.used])
    assert len(plate.used) == 96
    assert [np.sum(plate.groups == group) for group in np.unique(plate.groups)] == [12] * 8


def test_a_dispensers_log_gives_two_doses_and_zero_where_nothing_was_dispensed(tmp_path):
    plate = read(tmp_path, samples.bmg(), layout=samples.dispenser())
    assert [one.name for one in plate.inputs] == ["DrugA", "DrugB"]
    for well, (a, b) in zip(plate.used, plate.x, strict=True):
        assert a == pytest.approx(1e3 * (1 + dose(well.name)))
        assert b == (int(well.name[1:]) if int(well.name[1:]) > 6 else 0)


@pytest.mark.parametrize(("name", "said"), [("IPTG_uM", "IPTG_uM"), ("IPTG_uM", "iptg"), ("IPTG", "IPTG=uM")])
def test_a_block_beside_the_signal_holds_doses_where_input_says_so(tmp_path, name, said):
    def rows(cell):
        return [["", *samples.COLUMNS]] + [[r, *(cell(f"{r}{c}") for c in samples.COLUMNS)] for r in samples.ROWS]

    content = samples.spreadsheet(("GFP", rows(signal)), (name, rows(dose)))
    with pytest.raises(PlateError, match=f"2 reads: GFP, {name}.*One of them is a dose"):
        read(tmp_path, content, "x.xlsx")
    plate = read(tmp_path, content, "x.xlsx", inputs=(said,))
    assert signals(plate) == EXPECTED
    assert {well.name: well.x[0] for well in plate.used} == {well: 1000 * dose(well) for well in WELLS}


def test_spreadsheets_hold_text_numbers_and_several_reads(tmp_path):
    rows = [["", *samples.COLUMNS]] + [[r, *(f" {signal(f'{r}{c}')}" for c in samples.COLUMNS)] for r in samples.ROWS]
    content = samples.spreadsheet(("590", rows), ("450", [[*row[:1], *row[:0:-1]] for row in rows[1:]]))
    assert signals(read(tmp_path, content, "x.xlsx", reads=("590",))) == EXPECTED


@pytest.mark.parametrize(
    ("number_format", "factor"),
    [
        ("0.0%", 100),
        ("0%", 100),
        ("0.00%;[Red]-0.00%", 100),
        ("0.0%_)", 100),
        ("General", 1),
        ('0.0"%"', 1),
        (r"0.0\%", 1),
    ],
)
def test_percentages_are_what_the_spreadsheet_shows(tmp_path, number_format, factor):
    from openpyxl import load_workbook

    rows = [["Well", "glucose (%)"], *[[f"A{k}", 0.07 * k] for k in range(1, 9)]]
    book = load_workbook(io.BytesIO(samples.spreadsheet(("s", rows))))
    for k in range(2, 10):
        book["s"].cell(k, 2).number_format = number_format
    stream = io.BytesIO()
    book.save(stream)
    plate = read(tmp_path, samples.bmg(), layout=stream.getvalue(), layout_name="l.xlsx")
    np.testing.assert_allclose(plate.x[:, 0], [0.07 * k * factor for k in range(1, 9)], rtol=1e-12)
    assert ("l.xlsx: percentages as the sheet shows them, such as 7%" in plate.remarks) is (factor == 100)


def test_cells_with_a_percent_sign_are_numbers_below_a_header_in_percent(tmp_path):
    rows = "".join(f"A{k},{k / 4}{'%' if k % 2 else ' %'}\n" for k in range(1, 9))
    plate = read(tmp_path, samples.bmg(), layout="Well,glucose (%)\n" + rows)
    np.testing.assert_allclose(plate.x[:, 0], [k / 4 for k in range(1, 9)])
    other = read(tmp_path, samples.bmg(), layout="Well,IPTG_uM\n" + rows, inputs=("IPTG_uM",))
    assert not other.used


def test_two_inputs_and_two_outputs_without_wells(tmp_path):
    plate = read(tmp_path, samples.two_inputs(), "t.csv", reads=("y1", "y2"))
    assert plate.x.shape == plate.y.shape == (15, 2)
    np.testing.assert_allclose(plate.y[:, 0], plate.x[:, 0] + 2 * plate.x[:, 1])
    require_doses(plate)


@pytest.mark.parametrize("before", ["", "measured by A, on Monday\n"])
def test_a_header_behind_the_mark_of_a_note_is_read_and_told(tmp_path, before):
    """As numpy.savetxt writes it."""
    numbers, content = np.random.default_rng(0).uniform(0, 10, (12, 3)).round(3), io.StringIO()
    np.savetxt(content, numbers, delimiter=",", header=before + "A (uM),B (uM),GFP", fmt="%.3f")
    plate = read(tmp_path, content.getvalue(), "t.csv")
    np.testing.assert_allclose(plate.x, 1000 * numbers[:, :2])
    np.testing.assert_allclose(plate.y, numbers[:, 2:])
    line = 1 + before.count("\n")
    assert f"t.csv: line {line}, which begins with #, names the columns" in plate.remarks
    lost = content.getvalue().replace(f"{numbers[0, 2]:.3f}", "", 1)
    assert len(read(tmp_path, lost, "t.csv").used) == 11  # the first well may be the one that was not read
    with pytest.raises(PlateError, match="nor a header above numbers"):  # a note with another number of words
        read(tmp_path, content.getvalue().replace(",GFP", ""), "t.csv")


def test_a_note_above_wells_or_a_header_stays_a_note(tmp_path):
    lists = "".join(f"# well,{name}\n" + "".join(f"A{k},{k}\n" for k in range(1, 9)) + "\n" for name in ("GFP", "OD"))
    plate = read(tmp_path, lists, reads=("OD",))
    assert len(plate.wells) == 8
    beside = "# from the freezer, box 3, shelf 2\nA1,B1,C1\n" + "".join(f"{k},{k % 3},{k % 5}\n" for k in range(1, 9))
    (sheet,) = files.open_sheets(written(tmp_path, "beside.csv", beside))
    assert sheet.rows[0][0] == "# from the freezer"
    for told in (plate.remarks, sheet.remarks):
        assert not any("which begins with #" in remark for remark in told)


def test_blanks_controls_and_excluded_wells_are_left_out_and_named(tmp_path):
    layout = (
        "well,IPTG_uM,type,exclude\nA1,0,blank,\nA2,1,positive control,\nA3,1,sample,TRUE\nA4,1,sample,\nA5,,sample,\n"
    )
    plate = read(tmp_path, samples.bmg(), layout=layout, exclude=("A04",))
    found = {well.name: well.state for well in plate.wells}
    assert [found[f"A{k}"] for k in range(1, 7)] == ["blank", "control", "excluded", "excluded", "no dose", "no dose"]
    kept = read(tmp_path, samples.bmg(), layout=layout, keep_controls=True)
    assert {well.name for well in kept.used} == {"A2", "A4"}


@pytest.mark.parametrize(
    ("name", "state"), [("exclude", "excluded"), ("Masked", "excluded"), ("blank", "blank"), ("control", "control")]
)
@pytest.mark.parametrize(
    ("yes", "no"),
    [("x", ""), ("TRUE", "FALSE"), ("WAHR", "FALSCH"), ("VRAI", "FAUX"), ("y", "n"), ("T", "F"), ("ja", "nein")]
    + [("yes", "no"), ("1", "0")],
)
def test_a_column_that_says_yes_of_some_wells_is_honoured_and_its_no_as_well(tmp_path, name, state, yes, no):
    said = layout_with(name, lambda well: yes if well in ("A1", "C5") else no)
    table = "".join(f"{line},{k}\n" for k, line in enumerate(said.splitlines()[1:]))
    for plate in (
        read(tmp_path, samples.bmg(), layout=said),
        read(tmp_path, f"well,IPTG_uM,{name},GFP\n{table}"),
    ):
        assert {well.name: well.state for well in plate.wells if well.state != "used"} == {"A1": state, "C5": state}


@pytest.mark.parametrize("name", ["exclude", "blank", "control"])
def test_a_column_of_yes_and_no_that_says_something_else_is_refused(tmp_path, name):
    layout = layout_with(name, lambda well: "outlier" if well == "B3" else "")
    with pytest.raises(PlateError, match=f"{name} of well B3 is 'outlier'; write yes or no, or leave the cell empty"):
        read(tmp_path, samples.bmg(), layout=layout)


def test_a_measured_blank_or_control_says_neither_yes_nor_no(tmp_path):
    table = "".join(f"{well},{dose(well)},{k / 7},{k}\n" for k, well in enumerate(WELLS))
    with pytest.raises(PlateError, match="2 reads: control, GFP"):
        read(tmp_path, f"well,IPTG_uM,control,GFP\n{table}")
    assert len(read(tmp_path, f"well,IPTG_uM,control,GFP\n{table}", reads=("GFP",)).used) == 96


def test_a_position_in_every_well_is_no_control(tmp_path):
    plate = read(tmp_path, samples.bmg(), layout=layout_with("incubator", lambda well: f"Pos {ord(well[0]) % 2 + 1}"))
    assert len(plate.used) == 96
    assert "incubator is a position in every well and so no control" in plate.remarks
    plate = read(tmp_path, samples.bmg(), layout=layout_with("kind", lambda well: "Pos 1" if well < "A2" else "s"))
    assert Counter(well.state for well in plate.wells) == {"used": 92, "control": 4}


@pytest.mark.parametrize(("name", "word", "wells"), [("treatment", "inhibitor", 48), ("QC", "FAIL", 1)])
def test_a_column_that_is_filled_in_some_wells_only_tells_two_conditions_apart(tmp_path, name, word, wells):
    filled = WELLS[:1] if wells == 1 else WELLS[::2]
    layout = layout_with(name, lambda well: word if well in filled else "")
    with pytest.raises(PlateError, match=f"differ in {name}: {word} or nothing.*--only '{name}=': nothing"):
        read(tmp_path, samples.bmg(), layout=layout)
    for wanted, kept in ((word, {*filled}), ("", {*WELLS} - {*filled})):
        plate = read(tmp_path, samples.bmg(), layout=layout, only=(f"{name}={wanted}",))
        assert {well.name for well in plate.used} == kept
    with pytest.raises(PlateError, match=f"--only '{name}': {name} is one of {word}"):
        read(tmp_path, samples.bmg(), layout=layout, only=(name,))


ASKED = [
    (samples.gen5(), {}, "2 reads: GFP:485,528, OD:600.*--read"),
    (samples.gen5(), {"reads": ("mCherry",)}, "no read 'mCherry'; there is GFP:485,528, OD:600"),
    (samples.gen5_kinetic(), {}, r"3 moments, from 0:00:00 to 0:20:00. Choose with --at"),
    (samples.gen5_kinetic(), {"at": "3h"}, "read from 0:00:00 to 0:20:00; --at 3h is outside"),
    (samples.gen5_kinetic(), {"at": "soon"}, "'soon' is no moment"),
    (samples.gen5_two_plates(), {}, "2 plates: Plate 1, Plate 2.*--plate"),
    (samples.two_inputs(), {}, "2 reads: y1, y2"),
    ("definitely no plate\nadfd\n", {}, "nothing in plate.txt is a plate"),
    ("", {}, "is empty"),
    (samples.gen5().split("Results")[0], {}, "holds nothing that was measured"),
    (samples.block().replace("\nB\t", "\nX\t"), {}, "row C after row X|rows of a 96-well plate"),
    (samples.block().replace("\nB\t", "\n\t"), {}, "--read|line 2 of a row"),
    ("well;a\nA1;1,234\nA2;2,345\nA3;1,000\n", {}, r"'1,234' .* can be 1.234 or 1234; say --decimal"),
    ("0s\t" + "\t".join(["5"] * 24) + "\n43s\t" + "\t".join(["6"] * 24), {}, "no line says to which wells"),
    ("well,dose_uM,y\nA1,1,5\nA1,2,6\nA2,1,3\nA3,1,2\n", {}, "well A1 stands twice"),
    ("lg IPTG [M],y\n" + "-6,1\n-7,2\n-5,3\n" * 2, {}, "may be a logarithm to base 10 or e"),
    ("log IPTG [M],y\n" + "-6,1\n-7,2\n-5,3\n" * 2, {}, "may be a logarithm to base 10 or e"),
    (b"\xff\xfeA\0B", {}, "ends within a character of UTF-16"),
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(40), {}, "neither text nor a spreadsheet|nothing in"),
    (b"\xd0\xcf\x11\xe0" + bytes(100), {}, "Excel file of the old kind"),
    (b"PK\x03\x04 this is no archive", {}, "not a sound spreadsheet"),
]


@pytest.mark.parametrize(("content", "options", "sentence"), ASKED)
def test_what_is_open_or_wrong_is_said_in_a_sentence(tmp_path, content, options, sentence):
    with pytest.raises(PlateError, match=f"(?s){sentence}"):
        read(tmp_path, content, **options)


def test_wells_that_differ_in_something_else_are_no_replicates(tmp_path):
    layout = "well,IPTG_uM,strain\n" + "".join(f"{w},{dose(w)},{'WT' if int(w[1:]) < 7 else 'mut'}\n" for w in WELLS)
    with pytest.raises(PlateError, match=r"differ in strain: WT, mut|differ in strain: mut, WT"):
        read(tmp_path, samples.bmg(), layout=layout)
    assert len(read(tmp_path, samples.bmg(), layout=layout, only=("strain=WT",)).used) == 48
    assert len(read(tmp_path, samples.bmg(), layout=layout, pool=("strain",)).used) == 96
    with pytest.raises(PlateError, match=r"strain is one of WT, mut|strain is one of mut, WT"):
        read(tmp_path, samples.bmg(), layout=layout, only=("strain=KO",))


class TestNumbersBesideDoses:
    """A layout measures nothing, so numbers in it without a unit may be another dose; none are taken for replicates."""

    @pytest.mark.parametrize("said", [lambda well: WELLS.index(well) * 5, lambda well: int(well[1:]) * 3])
    def test_they_are_asked_about(self, tmp_path, said):
        layout = layout_with("aTc", said)
        with pytest.raises(
            PlateError, match=r"values of aTc beside IPTG_uM\. Is it a dose.*--input 'aTc=UNIT'.*--pool 'aTc'"
        ):
            read(tmp_path, samples.bmg(), layout=layout)
        plate = read(tmp_path, samples.bmg(), layout=layout, inputs=("IPTG_uM", "aTc=nM"))
        assert {well.name: well.x[1] for well in plate.used} == {well: said(well) for well in WELLS}
        assert len(read(tmp_path, samples.bmg(), layout=layout, pool=("aTc",)).inputs) == 1

    def test_many_values_are_many_conditions_where_the_doses_are_named(self, tmp_path):
        layout = layout_with("aTc", lambda well: int(well[1:]) * 3 + ("A" <= well[0] <= "D"))
        with pytest.raises(PlateError, match="wells of the same doses differ in aTc"):
            read(tmp_path, samples.bmg(), layout=layout, inputs=("IPTG_uM",))

    @pytest.mark.parametrize("said", [lambda well: 7, lambda well: "WT"])
    def test_one_value_or_a_word_is_no_dose(self, tmp_path, said):
        assert len(read(tmp_path, samples.bmg(), layout=layout_with("aTc", said)).used) == 96


def test_plates_of_one_table_are_asked_about_and_a_table_for_each_plate_is_not(tmp_path):
    rows = [f"{well},{dose(well)},{signal(well)}\n" for well in WELLS]
    table = "Plate,Well,IPTG_uM,GFP\n" + "".join(f"{plate},{row}" for plate in ("WT", "KO") for row in rows)
    with pytest.raises(PlateError, match=r"2 plates: WT, KO.*--plate all where they share a layout"):
        read(tmp_path, table)
    assert len(read(tmp_path, table, plate="KO").used) == 96
    assert len(read(tmp_path, table, plate="all").used) == 192
    both = [written(tmp_path, name, "Well,IPTG_uM,GFP\n" + "".join(rows)) for name in ("WT.csv", "KO.csv")]
    assert len(understand(both).used) == 192


def test_most_wells_with_a_strain_of_their_own_are_still_no_replicates(tmp_path):
    strains = zip("AAAAAABBBBBB", [*range(1, 7)] * 2, "abcdefabcdeg", strict=True)
    table = "well,IPTG_uM,strain,GFP\n" + "".join(f"{r}{c},{r == 'B':d},{s},{c}\n" for r, c, s in strains)
    with pytest.raises(PlateError, match="wells of the same doses differ in strain: a, b, c, d, e, f, g"):
        read(tmp_path, table)
    own = "well,IPTG_uM,sample,GFP\n" + "".join(f"A{k},{k % 2},S{k},{k}\n" for k in range(1, 13))
    assert len(read(tmp_path, own).used) == 12


class TestTablesWithMoments:
    """What stands beside the signal again at each moment says of the wells what it would say in a table without time."""

    def table(self, said, name, moments=(0, 600), wells=WELLS[:24]):
        lines = [f"{well},{at},{said(well, at)},{signal(well) + at}" for at in moments for well in wells]
        return f"Well,Time,{name},GFP\n" + "\n".join(lines) + "\n"

    def test_doses(self, tmp_path):
        for moments in ((0, 600), (600,)):
            plate = read(tmp_path, self.table(lambda well, at: int(well[1:]), "IPTG_uM", moments), at="600")
            assert {well.name: well.x[0] for well in plate.used} == {w: 1000 * int(w[1:]) for w in WELLS[:24]}
            require_doses(plate)

    def test_a_dose_that_is_written_once_and_one_that_is_named(self, tmp_path):
        table = self.table(lambda well, at: "" if at else int(well[1:]), "inducer")
        with pytest.raises(PlateError, match="2 reads: inducer, GFP"):
            read(tmp_path, table, at="600")
        plate = read(tmp_path, table, at="600", inputs=("inducer=uM",))
        assert {well.name: well.x[0] for well in plate.used} == {w: 1000 * int(w[1:]) for w in WELLS[:24]}

    def test_conditions(self, tmp_path):
        table = self.table(lambda well, at: "WT" if well[0] == "A" else "KO", "strain")
        layout = "well,IPTG_uM\n" + "".join(f"{well},{well[1:]}\n" for well in WELLS[:24])
        with pytest.raises(PlateError, match="wells of the same doses differ in strain: KO, WT"):
            read(tmp_path, table, layout=layout, at="600")
        assert len(read(tmp_path, table, layout=layout, at="600", only=("strain=WT",)).used) == 12

    def test_blanks(self, tmp_path):
        plate = read(tmp_path, self.table(lambda well, at: "BLANK" if well == "A1" else "s", "sample"), at="600")
        assert [well.name for well in plate.wells if well.state == "blank"] == ["A1"]

    def test_what_changes_over_time_is_no_layout_and_is_told_where_it_could_be_one(self, tmp_path):
        plate = read(tmp_path, self.table(lambda well, at: int(well[1:]) + at, "IPTG_uM"), at="600")
        assert plate.inputs == ()
        assert "IPTG_uM changes over time and is left out" in plate.remarks
        plate = read(tmp_path, self.table(lambda well, at: int(well[1:]) + at, "OD"), at="600", reads=("GFP",))
        assert not any("changes over time" in remark for remark in plate.remarks)


def test_wells_of_which_nothing_can_be_learnt_are_refused(tmp_path):
    def asked(dose="{k}", signal="{k}", **options):
        rows = "".join(f"{dose},{signal}\n".format(k=k) for k in range(1, 9))
        return read(tmp_path, "IPTG_nM,GFP\n" + rows, **options)

    with pytest.raises(PlateError, match=r"the same doses \(IPTG 3\), so nothing can be learnt"):
        require_doses(asked(dose="3", inputs=("IPTG",)))
    with pytest.raises(PlateError, match=r"the same doses \(IPTG 3\), so nothing can be learnt"):
        require_doses(asked(dose="3.00{k}"))  # a dispenser misses one dose by as much
    with pytest.raises(PlateError, match="the values of GFP are at most 8e-160"):
        require_doses(asked(signal="{k}e-160"))
    with pytest.raises(PlateError, match="the doses of IPTG are at most 8e-300"):
        require_doses(asked(dose="{k}e-300"))
    with pytest.raises(PlateError, match="0 wells can be used"):
        require_doses(asked(signal="{k}e200"))
    require_doses(asked(signal="0"))


def test_three_columns_of_doses_are_asked_about(tmp_path):
    table = "a_uM,b_uM,c_uM,y\n" + "".join(f"{k},{k * k},{7 - k},{k}\n" for k in range(8))
    with pytest.raises(PlateError, match="3 columns look like doses: a_uM, b_uM, c_uM"):
        read(tmp_path, table, "t.csv")
    assert read(tmp_path, table, "t.csv", inputs=("a", "c_uM"), reads=("y",)).x.shape == (8, 2)


def test_without_doses_or_with_five_wells_nothing_is_answered(tmp_path):
    with pytest.raises(PlateError, match=r"no doses are known.*--layout"):
        require_doses(read(tmp_path, samples.bmg()))
    with pytest.raises(PlateError, match="5 wells can be used; 6 to 1,536 are needed"):
        require_doses(read(tmp_path, "dose_uM,y\n" + "1,2\n2,3\n4,4\n8,5\n9,6\n", "t.csv"))


ROW_A = [f"A{k},{2.0 ** (k - 1):g},{k + 0.5}" for k in range(1, 13)]


def tidy_of(rows):
    return "\n".join(["well,IPTG_uM,GFP", *rows]) + "\n"


class TestNoWellIsLost:
    """A line of a list that names no well, in every place: the file is refused, and the sentence names line and cell."""

    @pytest.mark.parametrize("k", range(12))
    def test_a_mistyped_well(self, tmp_path, k):
        rows = [row.replace(",", "O,", 1) if place == k else row for place, row in enumerate(ROW_A)]
        with pytest.raises(PlateError, match=f"line {k + 2} names 'A{k + 1}O', which is no well"):
            read(tmp_path, tidy_of(rows))

    @pytest.mark.parametrize("well", ["C5", "A1", "H12"])
    @pytest.mark.parametrize("content", [samples.tidy(), samples.spark_list(), samples.spark_kinetic()])
    def test_in_lists_of_every_kind(self, tmp_path, content, well):
        with pytest.raises(PlateError, match=rf"line \d+ names '{well[0]}-{well[1:]}', which is no well"):
            read(tmp_path, content.replace(f"\n{well},", f"\n{well[0]}-{well[1:]},"), at="600s", reads=("GFP",))

    def test_a_mistyped_well_among_words(self, tmp_path):
        rows = [f"A{k},{'WT' if k < 7 else 'mut'}" for k in range(1, 13)]
        rows[4] = "A-5,mut"
        with pytest.raises(PlateError, match="line 6 names 'A-5'"):
            read(tmp_path, samples.bmg(), layout="well,strain\n" + "\n".join(rows))

    def test_an_empty_cell_in_place_of_a_well(self, tmp_path):
        with pytest.raises(PlateError, match="line 6 names no well in a list of wells"):
            read(tmp_path, tidy_of([row.replace("A5", "") for row in ROW_A]))

    @pytest.mark.parametrize("behind", [1, 2, 3])
    def test_wells_below_an_empty_line(self, tmp_path, behind):
        rows = [*ROW_A[:-behind], "", *ROW_A[-behind:]]
        with pytest.raises(PlateError, match=f"goes on with well A{13 - behind}.*line {14 - behind} is empty"):
            read(tmp_path, tidy_of(rows))

    def test_what_stands_below_an_empty_line_or_in_a_note_is_no_well(self, tmp_path):
        rows = [*ROW_A[:4], "# A5 leaks", *ROW_A[4:], "", "Mean,,7", "R2,0.99,"]
        assert len(read(tmp_path, tidy_of(rows)).used) == 12

    def test_a_second_list_may_follow_at_once(self, tmp_path):
        other = "OD\nwell,OD\n" + "\n".join(f"A{k},{k / 10}" for k in range(1, 13))
        plate = read(tmp_path, tidy_of(ROW_A) + other, reads=("OD",))
        assert [well.y[0] for well in plate.used] == [k / 10 for k in range(1, 13)]

    def test_a_header_of_numbers_is_none(self, tmp_path):
        with pytest.raises(PlateError, match="line 2 begins a list of wells without a header"):
            read(tmp_path, "A1x,5\n" + "".join(f"A{k},{k}\n" for k in range(2, 9)))
        plate = read(tmp_path, "well,600\n" + "".join(f"A{k},{k}\n" for k in range(1, 9)))
        assert len(plate.wells) == 8

    @pytest.mark.parametrize("well", ["A1", "C5", "H12"])
    def test_a_mistyped_well_above_a_series(self, tmp_path, well):
        content = samples.gen5_kinetic().replace(f"\t{well}", f"\t{well[0]}-{well[1:]}", 1)
        with pytest.raises(PlateError, match=f"has '{well[0]}-{well[1:]}' above column {WELLS.index(well) + 3}"):
            read(tmp_path, content, at="0:10:00")

    @pytest.mark.parametrize(
        ("heading", "wrong", "sentence"),
        [
            ("\t10\t11", "\t1O\t11", "from 1 to 9 and goes on with '1O'"),
            ("\t10\t11", "\t\t11", "from 1 to 9 and goes on with ''"),
            ("\t12\n", "\tl2\n", "from 1 to 11 and goes on with 'l2'"),
            ("\nA\t", "\nA:\t", "line 2 has 'A:' where the letter of row A"),
            ("\nE\t", "\nE1\t", "line 6 has 'E1' where the letter of row E"),
            ("\nH\t", "\nHH\t", "line 9 has 'HH' where the letter of row H"),
        ],
    )
    def test_a_mistyped_heading_of_a_plate(self, tmp_path, heading, wrong, sentence):
        with pytest.raises(PlateError, match=sentence):
            read(tmp_path, samples.block().replace(heading, wrong, 1))

    @pytest.mark.parametrize(
        ("heading", "wrong", "sentence"),
        [
            ("\t10\t11", "\t1O\t11", "from 1 to 9 and goes on with '1O'"),
            ("\t1\t2\t3\t", "\tl\t2\t3\t", "line 2 begins plate P1, and no line below numbers its columns"),
        ],
    )
    def test_a_mistyped_heading_of_a_plate_of_softmax(self, tmp_path, heading, wrong, sentence):
        with pytest.raises(PlateError, match=sentence):
            read(tmp_path, samples.softmax_kinetic().replace(heading, wrong, 1), at="30s")

    def test_a_mean_behind_every_row_names_no_read(self, tmp_path):
        content = "".join(
            f"{line}\t{'Mean' if k == 0 else 370 + k}\n" for k, line in enumerate(samples.block().splitlines())
        )
        with pytest.raises(PlateError, match="line 2 is row A of a plate with 12 columns and goes on with '371'"):
            read(tmp_path, content)

    def test_a_wavelength_behind_every_row_names_the_read(self, tmp_path):
        plate = read(tmp_path, samples.block(label="450"))
        assert signals(plate) == EXPECTED
        assert plate.outputs == ("450",)

    def test_notes_between_the_rows_of_a_plate_are_no_rows(self, tmp_path):
        assert signals(read(tmp_path, samples.block().replace("\nC\t", "\n# C was slow\nC\t"))) == EXPECTED

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (samples.block().replace("\nC\t", "\nleaked\nC\t"), "row C on line 5 is parted from row B on line 3"),
            (samples.block().replace("\nC\t", "\n\nC\t"), "row C on line 5 is parted from row B on line 3"),
            (
                samples.block().replace("\t3.12\n", "\t3\t12\n"),
                "line 4 is row C of a plate with 12 columns .* with '12'",
            ),
            (samples.gen5_kinetic().replace("\n0:10:00", "\n\n0:10:00"), "line 14 goes on with the wells of line 11"),
            (samples.gen5_kinetic().replace("\tC5\t", "\tC4\t", 1), "line 11 names well C4 twice"),
            (samples.spark_kinetic().replace("600.5", "6oo.5"), "numbers below '6oo.5', where a time should stand"),
        ],
    )
    def test_what_parts_or_shifts_the_wells_of_a_plate(self, tmp_path, content, sentence):
        with pytest.raises(PlateError, match=sentence):
            read(tmp_path, content, at="0s")

    @pytest.mark.parametrize("section", ["[well.A1O]", "[well.'A1,A1O']", "[block.2x2.A1O]", "[well.A49]"])
    def test_a_mistyped_well_in_a_layout_of_wellmap(self, tmp_path, section):
        with pytest.raises(PlateError, match=r"(A1O|A49)'? is no well|larger than"):
            read(tmp_path, samples.bmg(), layout=f"{section}\nIPTG_uM = 1\n", layout_name="l.toml")

    def test_wells_above_a_plate_of_softmax(self, tmp_path):
        """PlateFormat with names of wells as TimeFormat has them."""
        text = samples.softmax_by_wells()
        assert signals(read(tmp_path, text)) == EXPECTED
        with pytest.raises(PlateError, match="has 'C-5' above column 31"):
            read(tmp_path, text.replace("\tC5\t", "\tC-5\t"))

    def test_a_signal_of_one_is_no_heading_of_softmax(self, tmp_path):
        text = samples.softmax().replace("\t3.01\t", "\t1\t")
        assert signals(read(tmp_path, text)) == EXPECTED | {"C1": 1.0}

    def test_what_stands_below_a_whole_plate_is_no_row(self, tmp_path):
        means = "Mean" + "\t5" * 12 + "\n"
        assert signals(read(tmp_path, samples.block() + means)) == EXPECTED
        few = samples.block(rows="AB") + "\n" + means
        assert signals(read(tmp_path, few)) == {w: signal(w) for w in WELLS if w[0] in "AB"}

    def test_rows_and_columns_that_are_no_well(self, tmp_path):
        rows = [f"{letter},{k},{k},{k + 0.5}" for letter in "AB" for k in range(1, 7)]
        table = "row,col,IPTG_uM,GFP\n" + "\n".join(rows)
        assert {well.name for well in read(tmp_path, table).wells} == {f"{a}{k}" for a in "AB" for k in range(1, 7)}
        with pytest.raises(PlateError, match="line 10 has '8' as its row and '3' as its column"):
            read(tmp_path, table.replace("B,3,", "8,3,"))

    def test_a_row_without_output_is_listed_as_missing(self, tmp_path):
        plate = read(tmp_path, "IPTG (nM),GFP\n1,5\n2,\n3,6\n4,7\n5,8\n6,9\n7,9\n")
        assert {well.name: well.state for well in plate.wells if well.state != "used"} == {"row 3": "missing"}
        assert len(plate.used) == 6

    @pytest.mark.parametrize(
        ("table", "sentence"),
        [
            (tidy_of(ROW_A).replace("IPTG_uM,GFP", "IPTG_uM,"), "line 2 has '1.5' in column 3"),
            ("well,GFP\n" + "".join(f"{k},A{k},{k + 0.5}\n" for k in range(1, 9)), "line 2 has '1.5' in column 3"),
            ("IPTG_uM,GFP\n" + "".join(f"{k},{k},7\n" for k in range(1, 9)), "line 2 has '7' in column 3"),
        ],
    )
    def test_a_column_without_a_name(self, tmp_path, table, sentence):
        with pytest.raises(PlateError, match=sentence):
            read(tmp_path, table)

    def test_row_numbers_need_no_name(self, tmp_path):
        rows = "".join(f"{k},{row}\n" for k, row in enumerate(ROW_A))
        assert len(read(tmp_path, ",well,IPTG_uM,GFP\n" + rows).used) == 12


class TestSamplesCalledAsWellsAre:
    """C1, C2 … before the wells: the column that the header calls Well says where a sample stood."""

    @pytest.mark.parametrize("header", ["Well", "Well ID", "well_position", "Position"])
    def test_the_column_under_a_header_of_wells_counts(self, tmp_path, header):
        rows = "".join(f"C{k},A{k},{k + 0.5}\n" for k in range(1, 9))
        plate = read(tmp_path, f"Sample,{header},GFP\n{rows}", reads=("GFP",))
        assert signals(plate) == {f"A{k}": k + 0.5 for k in range(1, 9)}

    @pytest.mark.parametrize("k", [1, 2, 5])
    def test_a_mistyped_well_is_not_replaced_by_the_sample(self, tmp_path, k):
        rows = "".join(f"C{k},A{k},{k + 0.5}\n" for k in range(1, 9)).replace(f",A{k},", f",A-{k},")
        with pytest.raises(PlateError, match=f"line {k + 1} names 'A-{k}', which is no well"):
            read(tmp_path, f"Sample,Well,GFP\n{rows}", reads=("GFP",))

    def test_wells_under_another_header_are_wells_where_positions_are_numbers(self, tmp_path):
        rows = "".join(f"A{k},{k},{k + 0.5}\n" for k in range(1, 9))
        assert signals(read(tmp_path, f"Content,Position,GFP\n{rows}", reads=("GFP",)))["A3"] == 3.5


class TestEachWellAtItsOwnMoment:
    """Wells that were not read at the very moment, or not at the first one, are read at their own or listed."""

    WHEN: ClassVar = {
        f"{row}{k}": [late + 600 * t for t in range(3)] for row, late in (("A", 0), ("B", 5)) for k in range(1, 7)
    }

    def read_at(self, tmp_path, at, when=WHEN):
        reads = sorted(((t, well) for well, moments in when.items() for t in moments), key=lambda one: one[0])
        rows = [f"{well},{t},{100 * int(well[1:]) + t}\n" for t, well in reads]
        return read(tmp_path, "Well,Time,GFP\n" + "".join(rows), at=at)

    @pytest.mark.parametrize(
        ("at", "moment"), [("600", 600), ("604", 600), ("590..620", 600), ("0..1205", 600), ("1200", 1200), ("0", 0)]
    )
    def test_no_row_vanishes(self, tmp_path, at, moment):
        found = signals(self.read_at(tmp_path, at))
        assert found == {w: 100 * int(w[1:]) + moment + (5 if w[0] == "B" else 0) for w in self.WHEN}

    @pytest.mark.parametrize(
        ("header", "at"), [("Time (min)", "10h"), ("time_min", "10h"), ("Time [h]", "600h"), ("Time (s)", "600s")]
    )
    def test_headers_of_time_say_their_unit(self, tmp_path, header, at):
        rows = [f"{well},{t},{t + int(well[1:])}\n" for t in (0, 600, 1200) for well in self.WHEN]
        plate = read(tmp_path, f"Well,{header},GFP\n" + "".join(rows), at=at, reads=("GFP",))
        assert signals(plate)["B2"] == 602

    def test_what_was_taken_is_said(self, tmp_path):
        assert "GFP at 0:10:00 to 0:10:05 (the nearest)" in self.read_at(tmp_path, "600").remarks
        assert "GFP: mean of 1 reads from 0:10:00 to 0:10:05" in self.read_at(tmp_path, "590..620").remarks

    def test_a_well_without_the_first_moment_stays(self, tmp_path):
        plate = self.read_at(tmp_path, "0..1205", self.WHEN | {"B3": [600, 1200], "B4": [600, 1200]})
        assert signals(plate)["B3"] == 300 + 900
        assert "GFP: mean of 3 reads from 0:00:00 to 0:20:05, of fewer in B3, B4" in plate.remarks

    @pytest.mark.parametrize("at", ["0", "0..100"])
    def test_a_well_with_nothing_there_is_listed_without_a_value(self, tmp_path, at):
        plate = self.read_at(tmp_path, at, self.WHEN | {"B3": [600, 1200], "B4": [1200]})
        assert {well.name for well in plate.wells if well.state == "missing"} == {"B3", "B4"}
        assert len(plate.wells) == 12

    def test_a_long_pause_leaves_every_well_its_nearest_moment(self, tmp_path):
        when = {f"A{k}": [0, 60, 120, 3600] for k in range(1, 8)} | {"A8": [0, 60, 3600]}
        plate = self.read_at(tmp_path, "1800", when)
        assert {well.name for well in plate.wells if well.state == "missing"} == {"A8"}


class TestNothingIsExecuted:
    @pytest.mark.parametrize("cell", ["=1+1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x")', "@SUM(A1)"])
    def test_a_formula_in_a_cell_is_refused(self, tmp_path, cell):
        with pytest.raises(PlateError, match="formula"):
            read(tmp_path, f'well,dose_uM,y\nA1,1,2\nA2,2,"{cell}"\n'.replace('"http', '""http').replace('x")', 'x"")'))
        rows = [["well", "dose_uM", "y"], ["A1", 1, 2], ["A2", 2, cell]]
        with pytest.raises(PlateError, match="formula"):
            read(tmp_path, samples.spreadsheet(("s", rows)), "x.xlsx")

    @pytest.mark.parametrize(
        "head",
        ["[meta]\npath = '/etc/passwd'\n", "[meta]\npaths = 'x_{0.name}'\n", "[meta]\ninclude = '../../secret.toml'\n"]
        + ["[meta]\ninclude = '/etc/hostname'\n", "[meta]\ninclude = 'l.toml'\n", "[meta.paths]\na = '/etc/passwd'\n"],
    )
    def test_a_path_in_a_layout_is_refused(self, tmp_path, head):
        with pytest.raises(PlateError, match=r"opens no files|only a file beside it|includes itself"):
            read(tmp_path, samples.bmg(), layout=head + samples.wellmap(), layout_name="l.toml")

    def test_a_link_beside_a_layout_leads_nowhere_else(self, tmp_path):
        (tmp_path / "away").mkdir()
        written(tmp_path / "away", "other.toml", samples.wellmap())
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "other.toml").symlink_to(tmp_path / "away" / "other.toml")
        with pytest.raises(PlateError, match="leads to another folder"):
            read(tmp_path / "in", samples.bmg(), layout="[meta]\ninclude = 'other.toml'\n", layout_name="l.toml")

    def test_a_layout_beside_another_is_included(self, tmp_path):
        written(tmp_path, "other.toml", samples.wellmap())
        plate = read(tmp_path, samples.bmg(), layout="[meta]\ninclude = 'other.toml'\n", layout_name="l.toml")
        assert len(plate.used) == 96

    @pytest.mark.parametrize("section", ["[block.99999999x99999999.A1]", "[block.4x3.A1]\n[row.'A,B,...,AZZZ99999']"])
    def test_a_layout_larger_than_any_plate_is_refused(self, tmp_path, section):
        with pytest.raises(PlateError, match=r"larger than a 1,536-well plate|not a layout"):
            read(tmp_path, samples.bmg(), layout=f"{section}\nx_uM = 1\n", layout_name="l.toml")

    @pytest.mark.parametrize("head", [f"[block.{'9' * 5000}x2.A1]\n", f"[expt]\nn = {'9' * 5000}\n"])
    def test_a_number_of_thousands_of_digits_is_refused(self, tmp_path, head):
        with pytest.raises(PlateError, match=r"larger than a 1,536-well plate|is not TOML"):
            read(tmp_path, samples.bmg(), layout=head + "x_uM = 1\n", layout_name="l.toml")

    def test_a_gigabyte_of_columns_is_refused_before_it_is_taken_apart(self, tmp_path):
        path = tmp_path / "wide.csv"
        with path.open("wb") as file:
            file.write(b"a,")
            file.truncate(10**9)  # a sparse file, no gigabyte on the disk
        with pytest.raises(PlateError, match="1000 MB; at most 20 MB"):
            read_contents(path)
        with pytest.raises(PlateError, match=r"cells; at most 20,000|no plate needs so many columns"):
            read(tmp_path, "1," * 30_000)
        with pytest.raises(PlateError, match="more than 2,000,000 cells"):
            read(tmp_path, ("1," * 15_000 + "\n") * 140)

    def test_a_zip_bomb_of_a_spreadsheet_is_refused_unopened(self, tmp_path, monkeypatch):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for k in range(3):
                archive.writestr(f"xl/worksheets/sheet{k}.xml", bytes(100_000_000))
        monkeypatch.setattr("openpyxl.load_workbook", lambda *a, **k: pytest.fail("opened"))
        assert len(stream.getvalue()) < files.LARGEST_FILE
        with pytest.raises(PlateError, match="unpacks to 300 MB"):
            read(tmp_path, stream.getvalue(), "bomb.xlsx")

    def test_a_folder_or_a_missing_file_is_refused(self, tmp_path):
        for path in (tmp_path, tmp_path / "absent.csv"):
            with pytest.raises(PlateError, match="is not a file"):
                read_contents(path)


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "dispenser.csv"])
def test_reading_twice_gives_the_same(tmp_path, name):
    path = written(tmp_path, name, SAMPLES[name]())
    assert read_contents(path) == read_contents(path)


@pytest.mark.parametrize(
    ("text", "plain"),
    [("A1", "A1"), (" a01 ", "A1"), ("H12", "H12"), ("AF48", "AF48"), ("A49", None), ("AG1", None), ("A0", None)]
    + [("SPL1", None), ("", None), ("1A", None), ("A-1", None)],
)
def test_names_of_wells(text, plain):
    assert well_name(text) == plain


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [("0,25", ".", 0.25), ("1,234", ".", 1234), ("1,234", ",", 1.234), ("1,234.5", ".", 1234.5), ("1e-3", ".", 1e-3)]
    + [("−2.5", ".", -2.5), ("1.2.3", ".", None), ("12 uM", ".", None), ("0x10", ".", None), ("1_000", ".", None)],
)
def test_numbers_with_points_and_commas(text, decimal, number):
    assert plain_number(text, decimal) == number


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("1.234", ",", 1234),
        ("1.234", ".", 1.234),
        ("0.123", ",", 0.123),
        ("12.34", ",", 12.34),
        ("1.234.567", ",", 1234567),
    ]
    + [
        (f"1{sign}080,5", decimal, 1080.5)
        for sign in (".", " ", "\xa0", "\u202f", "\u2009", "'", "’")
        for decimal in ".,"
    ]
    + [
        ("1,080.5", ",", 1080.5),
        ("1 080", ",", 1080),
        ("1 080", ".", None),
        ("1'080", ".", 1080),
        ("1.080.5", ",", None),
    ]
    + [("485 52", ",", None), ("1 080 5", ",", None)],
)
def test_what_parts_thousands_is_no_decimal_sign(text, decimal, number):
    assert plain_number(text, decimal) == number


class TestPointsBetweenThousands:
    """German readers write 1.200 for twelve hundred: read so, or asked about, never 1.2 in silence."""

    GFP = ("867", "912", "1.012", "1.200", "2.034", "3.012", "655", "1.999")

    def table(self, gfp=GFP, doses="12345678"):
        return "Well;IPTG_uM;GFP\n" + "".join(
            f"A{k};{d};{y}\n" for k, (d, y) in enumerate(zip(doses, gfp, strict=True), 1)
        )

    @pytest.mark.parametrize("doses", ["12345678", [f"{k},5" for k in range(8)]])
    def test_they_are_asked_about(self, tmp_path, doses):
        with pytest.raises(
            PlateError, match=r"'1.012' in plate.txt can be 1.012 or 1012; say --decimal , or --decimal ."
        ):
            read(tmp_path, self.table(doses=doses))

    def test_on_a_plate(self, tmp_path):
        content = samples.block(lambda well: "1.210" if well.endswith("12") else "867")
        with pytest.raises(PlateError, match=r"'1.210' .* can be 1.21 or 1210"):
            read(tmp_path, content)
        assert signals(read(tmp_path, content, decimal=","))["C12"] == 1210

    def test_with_the_option_they_part_thousands_and_it_is_said(self, tmp_path):
        plate = read(tmp_path, self.table(), decimal=",")
        assert list(signals(plate).values()) == [867, 912, 1012, 1200, 2034, 3012, 655, 1999]
        assert "plate.txt: points between thousands, such as 1.012" in plate.remarks
        assert signals(read(tmp_path, self.table(), decimal="."))["A4"] == 1.2

    @pytest.mark.parametrize("sign", [".", " ", "\u202f", "\u2009", "'"])
    def test_beside_a_decimal_comma_they_are_clear(self, tmp_path, sign):
        gfp = [f"{k}{sign}{k}80,5" if k > 3 else f"{k}80,5" for k in range(1, 9)]
        plate = read(tmp_path, self.table([*gfp[:-1], f"8{sign}880"]))
        assert list(signals(plate).values()) == [180.5, 280.5, 380.5, 4480.5, 5580.5, 6680.5, 7780.5, 8880]

    @pytest.mark.parametrize("doses", ["12345678", [f"{k}00" for k in range(8)], [f"{k},5" for k in range(8)]])
    @pytest.mark.parametrize("low", ["0.123", "12.34"])
    def test_decimal_points_stay_decimal(self, tmp_path, doses, low):
        gfp = [f"{k}.{k}34" for k in range(1, 9)]
        assert signals(read(tmp_path, self.table([*gfp[:-1], low], doses)))["A2"] == 2.234
        if "," not in "".join(doses):
            assert signals(read(tmp_path, self.table(gfp, doses)))["A2"] == 2.234

    def test_a_spreadsheets_numbers_are_clear(self, tmp_path):
        rows = [["Well", "IPTG_uM", "GFP"]] + [
            [f"A{k}", k, y] for k, y in enumerate([867, 1.234, 912, 1.5, 1, 2, 3, 4], 1)
        ]
        for decimal in (None, ",", "."):
            assert signals(read(tmp_path, samples.spreadsheet(("s", rows)), "x.xlsx", decimal=decimal))["A2"] == 1.234

    def test_moments_follow_the_file(self, tmp_path):
        rows = [f"A{k};{t};{k},5\n" for t in ("0", "1.200") for k in range(1, 9)]
        plate = read(tmp_path, "Well;Time;GFP\n" + "".join(rows), decimal=",", at="1200s")
        assert len(plate.wells) == 8


@pytest.mark.parametrize(("text", "mark"), [("1e999", "above"), ("-1e999", "below"), ("1e31", "above"), ("1e30", "")])
def test_a_number_beyond_all_bounds_is_a_mark(text, mark):
    assert value(text).mark == mark


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("9" * 5000 + ":00:00", None),
        ("0:10:00", 600),
        ("0:30", 30),
        ("0:00.210", 0.21),
        ("599s", 599),
        ("1.5 h", 5400),
        ("10min", 600),
        ("x", None),
    ],
)
def test_moments(text, moment):
    assert seconds(text) == moment
    assert moment is None or seconds(as_clock(moment)) == pytest.approx(moment)


class TestSerialDilutions:
    """Doses in short, against the doses written out well by well."""

    def understood(self, tmp_path, *dilutions):
        (tmp_path / "gen5.txt").write_text(samples.gen5(), encoding="utf-8")
        return understand([tmp_path / "gen5.txt"], Options(reads=("GFP:485,528",), dilutions=dilutions))

    def test_steps_down_from_the_highest_dose_and_zero_where_it_is_said(self, tmp_path):
        plate = self.understood(tmp_path, "IPTG=64uM/2 down H-B zero A")
        assert [(one.name, one.unit) for one in plate.inputs] == [("IPTG", "nM")]
        assert {well.name: well.x[0] for well in plate.used} == {
            well: 0.0 if well[0] == "A" else 1000.0 * 2 ** ("BCDEFGH".index(well[0])) for well in samples.WELLS
        }

    def test_two_of_them_cross_and_what_is_left_out_has_no_dose(self, tmp_path):
        plate = self.understood(tmp_path, "IPTG=1 mM/10 down A-C", "aTc=100nM/3 across 1-12")
        assert len(plate.used) == 36
        assert {well.state for well in plate.wells if well.name[0] == "D"} == {"no dose"}
        found = {well.name: well.x for well in plate.used}
        assert found["B3"] == pytest.approx((1e5, 100 / 9))

    def test_one_substance_in_two_dilutions_on_every_plate(self, tmp_path):
        for name in ("one.txt", "two.txt"):
            (tmp_path / name).write_text(samples.bmg(), encoding="utf-8")
        halves = ("IPTG=64uM/2 down A-D", "IPTG=100uM/10 down E-H")
        plate = understand([tmp_path / "one.txt", tmp_path / "two.txt"], Options(dilutions=halves, plate="all"))
        assert len(plate.used) == 192
        assert {well.x[0] for well in plate.used if well.name in ("A1", "E1")} == {64e3, 100e3}

    def test_a_dose_that_is_said_twice_differently_is_refused(self, tmp_path):
        with pytest.raises(PlateError, match=r"IPTG \[uM\] is said twice of well A6: 0.15625 and 5"):
            self.understood(tmp_path, "IPTG=5uM/2 across 1-12", "IPTG=5uM/2 across 6-12")

    def test_a_dose_beyond_all_bounds_is_none(self, tmp_path):
        table = "log10 IPTG [M],GFP\n" + "".join(f"{-k},{k}\n" for k in range(1, 9)) + "400,9\n"
        last = read(tmp_path, table).wells[-1]
        assert (last.state, last.reason) == ("no dose", "log10 IPTG [M] is 400, and no concentration is as large")

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("IPTG", "write NAME=DOSE UNIT/FACTOR"),
            ("IPTG=1mM/2 sideways 1-12", "write NAME=DOSE UNIT/FACTOR"),
            ("IPTG=1bananas/2 across 1-12", "no unit 'bananas'"),
            ("IPTG=1mM/1 across 1-12", "factor larger than 1"),
            ("IPTG=1e999mM/2 across 1-12", r"positive and below 1e\+15"),
            (f"IPTG=1mM/{'9' * 400} across 1-12", r"larger than 1 and below 1e\+06"),
            ("IPTG=1mM/2 across 1-49", "49 is none of columns 1 to 48"),
            ("IPTG=1mM/2 down 1-8", "1 is none of rows A to AF"),
            ("IPTG=1mM/2 across 1-12 zero 12", "part of the dilution and zero"),
        ],
    )
    def test_what_is_written_otherwise_is_refused(self, tmp_path, text, sentence):
        with pytest.raises(PlateError, match=sentence):
            self.understood(tmp_path, text)
