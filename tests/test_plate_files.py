"""Files of real instruments, where they are at hand; and copies of files that something has damaged.

The table says by eye what every file holds. `FEWERWELLS_DATA` names the folder with the files, whose licences keep them
out of this repository; the damaged copies are made of the samples written here, and of those files too where they are.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fewerwells.laboratory import PlateError
from fewerwells.laboratory.options import Options
from fewerwells.laboratory.reading.contents import read_contents
from fewerwells.laboratory.reading.layouts import read_layout
from fewerwells.laboratory.understanding import understand
from tests.plate_samples import SAMPLES

DATA = Path(os.environ.get("FEWERWELLS_DATA", "absent")) / "plates"
at_hand = pytest.mark.skipif(not DATA.is_dir(), reason="FEWERWELLS_DATA names no folder with the instruments' files")

GEN5, SOFTMAX, BMG = "allotropy_gen5", "allotropy_softmax", "allotropy_bmg"
FLOPR, FPCOUNTR, PLATER = "flopr_tecan_spark_neo2", "fpcountr_spark_overflow_arabinose", "plater_layouts"

# file; what settles it; numbers, above, below, missing or empty; two wells with their numbers (None: a mark)
EXPECTED = [
    (f"{BMG}/16-02-29 14-34-46 Transcreener ADP2 FI.csv", {}, (302, 0, 0, 82), {"A1": 25104, "H20": 58810}),
    (f"{BMG}/16-03-03 13-25-45 472 QC 384 FI.csv", {}, (68, 0, 0, 316), {"A12": 231438, "A13": 228111, "P24": 23949}),
    (f"{BMG}/24-10-16 15-09-52 Luminescence 1536.csv", {}, (288, 0, 0, 0), {"A1": 985, "AE1": 36809}),
    (f"{BMG}/BMG Labtech format.CSV", {}, (96, 0, 0, 0), {"A1": 0.073, "H12": 0.207}),
    (f"{BMG}/MARS V3.40 V2 Output Missing line end separators.csv", {}, (302, 0, 0, 82), {"A1": 25104, "H20": 58810}),
    (f"{BMG}/PHERAstar output file.CSV", {}, (96, 0, 0, 0), {"A1": 1.691, "H12": 0.884}),
    (f"{BMG}/file_with_no_delimiter_malformed.csv", {}, (68, 0, 0, 316), {"A12": 231438, "A13": 228111, "P24": 23949}),
    (
        f"{BMG}/fluorescence_endpoint_example2.xlsx",
        {"reads": ("4. Raw",)},
        (96, 0, 0, 0),
        {"A1": 8168026, "H12": 15882},
    ),
    (
        f"{GEN5}/240411_172731_BNCH2345883_abs450_96well_non_numeric_values.txt",
        {},
        (83, 8, 0, 5),
        {"A1": 2.1, "A8": None, "D12": None, "H12": 2.5},
    ),
    (
        f"{GEN5}/Kinetic_Analysis_Mean_Slope_and_Standard_Curve_tab.txt",
        {"reads": ("420",), "at": "0:30:00"},
        (96, 0, 0, 0),
        {"A1": 0.992, "A12": 0.045},
    ),
    (
        f"{GEN5}/Kinetic_Analysis_Mean_Slope_and_Standard_Curve_tab.txt",
        {"reads": ("[Concentration]",)},
        (73, 6, 17, 0),
        {"A1": 27.131, "A2": None, "A11": None},
    ),
    (
        f"{GEN5}/Synergy instrument datafile (Fibrillation data) - TXT format.txt",
        {"reads": ("Read 1:450,490",)},
        (96, 0, 0, 0),
        {"A1": 214, "H12": 202},
    ),
    (f"{GEN5}/absorbance_error_document_example.txt", {}, (11, 1, 0, 0), {"A1": None, "A2": 0.56, "A12": 0.65}),
    (f"{GEN5}/alphalisa_endpoint_singleplate.txt", {"reads": ("Alpha",)}, (96, 0, 0, 0), {"A2": 2, "B6": 3}),
    (f"{GEN5}/alphalisa_endpoint_singleplate.txt", {"reads": ("Log Alpha",)}, (18, 0, 0, 78), {"A2": 0, "A1": None}),
    (
        f"{GEN5}/endpoint_multiplate.txt",
        {"plate": "Plate 1", "reads": ("DAPI/GFP:360/40,460/40",)},
        (96, 0, 0, 0),
        {"A1": 9303, "E12": 9065},
    ),
    (f"{GEN5}/endpoint_pathlength_correct_singleplate.txt", {"reads": ("260:260",)}, (96, 0, 0, 0), {"A1": 0.626}),
    (f"{GEN5}/endpoint_singleplate.txt", {"reads": ("normGFP",)}, (96, 0, 0, 0), {"A1": 0.988, "C12": -0.002}),
    (
        f"{GEN5}/endpoint_stdcurve_multiplate.txt",
        {"plate": "Plate 1", "reads": ("630nmAbsRead:630",)},
        (96, 0, 0, 0),
        {"A1": 3.481, "E4": 2.782},
    ),
    (
        f"{GEN5}/endpoint_stdcurve_singleplate_2.txt",
        {"reads": ("450nm:450",)},
        (96, 0, 0, 0),
        {"A1": 3.411, "E4": 2.894},
    ),
    (
        f"{GEN5}/kinetic_helper_gene_growth_curve.txt",
        {"reads": ("600",), "at": "22s"},
        (24, 0, 0, 0),
        {"A1": -0.066, "B1": -0.058},
    ),
    (
        f"{GEN5}/kinetic_multiplate.txt",
        {"plate": "Plate 1", "reads": ("OD600:450",), "at": "0:05:00"},
        (96, 0, 0, 0),
        {"A1": 2.8, "A12": 3.17},
    ),
    (f"{GEN5}/multiple_read_modes.txt", {"reads": ("fluor:479,520",)}, (96, 0, 0, 0), {"A1": 418, "A12": 403}),
    (
        f"{GEN5}/neo_kinetic_titration_gen5_2_06_column.txt",
        {"reads": ("Lum",), "at": "0:00.210"},
        (47, 0, 0, 0),
        {"A1": 40812, "A12": 891, "B1": 42059},
    ),
    (
        f"{GEN5}/spectrum_data_with_nan_value.txt",
        {"reads": ("Spectral_Scan_Test:Spectrum",), "at": "480nm"},
        (96, 0, 0, 0),
        {"A1": 1.03, "A12": 1.09},
    ),
    (
        f"{SOFTMAX}/MD_SMP_absorbance_endpoint_example01.txt",
        {"plate": "Plate01"},
        (96, 0, 0, 0),
        {"A1": 3.41797666666667, "B4": 2.88133386966667},
    ),
    (
        f"{SOFTMAX}/MD_SMP_absorbance_endpoint_partial_plate_example03.txt",
        {"reads": ("280",)},
        (24, 0, 0, 72),
        {"D4": 0.000433333333333334, "D5": 0.0605333333333333},
    ),
    (
        f"{SOFTMAX}/MD_SMP_fluorescence_endpoint_example06.txt",
        {"plate": "BNCH_28465721_96w", "reads": ("Fluorescence 445",)},
        (96, 0, 0, 0),
        {"A1": 2138332.25, "B4": 1875289.25},
    ),
    (
        f"{SOFTMAX}/abs_endpoint_plates.txt",
        {"reads": ("426 (1)",)},
        (95, 0, 0, 1),
        {"A2": 0.02, "B1": None, "B2": 0.14},
    ),
    (f"{SOFTMAX}/fl_kinetic_plates.txt", {"reads": ("(2)",), "at": "0:03:00"}, (6, 0, 0, 0), {"A1": 37.55859}),
    (f"{SOFTMAX}/group_cols_with_int_sample_names.txt", {}, (96, 0, 0, 0), {"A1": 1.785, "H12": 0.055}),
    (f"{SOFTMAX}/group_with_partial_rows.txt", {"reads": ("450",)}, (96, 0, 0, 0), {"A1": 0.1003, "A3": 3.5028}),
    (
        f"{SOFTMAX}/missing_kinetic_measurement.txt",
        {"reads": ("Fluorescence 525",), "at": "90s"},
        (5, 0, 0, 1),
        {"A1": None, "B1": 41.66635},
    ),
    (f"{SOFTMAX}/multi-plate-block_non-unique_plate_ID.txt", {"reads": ("280",)}, (96, 0, 0, 0), {"A1": 0.0495}),
    (
        f"{SOFTMAX}/partial_plate.txt",
        {"reads": ("spectrum",), "at": "527nm"},
        (256, 0, 0, 128),
        {"A1": 0.1013, "P16": 0.0426},
    ),
    (
        f"{SOFTMAX}/partial_plate_with_empty_values.txt",
        {"reads": ("spectrum",), "at": "520"},
        (359, 0, 0, 25),
        {"A1": None, "A2": 2.592, "P12": 0.92},
    ),
    (f"{SOFTMAX}/spectramax340_kinetic_partial_plate.txt", {"at": "30s"}, (72, 0, 0, 24), {"A1": None, "A2": 0.0565}),
    (f"{SOFTMAX}/trf_well_scan_plates.txt", {"reads": ("525 (2)",), "at": "1"}, (96, 0, 0, 0), {"A1": 1841.47098}),
    ("bioassays_96_384/384.csv", {}, (384, 0, 0, 0), {"A1": 0.1, "P24": 0.7}),
    ("bioassays_96_384/L_HEPG2_P3_72HRS.csv", {}, (96, 0, 0, 0), {"A1": 0.659, "H12": 0.316}),
    ("bioassays_96_384/rawdata24well.csv", {}, (24, 0, 0, 0), {"A1": 0.659, "D6": 0.431}),
    ("d300e_dispenser_two_drug/Example_plate_reader.csv", {}, (144, 0, 0, 0), {"A1": 30500, "A12": 35000}),
    ("d300e_dispenser_two_drug/Example_list_output.csv", {}, (72, 0, 0, 0), {"row 2": 5.998209489704566}),
    (f"{FLOPR}/191219_calibration_membrane.csv", {"reads": ("GFP 120",)}, (68, 28, 0, 0), {"A1": None, "H12": 1064}),
    (f"{FLOPR}/200228_example_data.csv", {"reads": ("OD600",), "at": "0s"}, (21, 0, 0, 75), {"C1": 0.1074, "A1": None}),
    (f"{FLOPR}/231031_pr_calibration_lid.xlsx", {"reads": ("GFP 70:",)}, (36, 12, 0, 48), {"A1": None, "H12": None}),
    (f"{FLOPR}/biotek-neo2_example_data.xlsx", {"reads": ("600",), "at": "0:03:39"}, (96, 0, 0, 0), {"A1": 0.123}),
    (f"{FPCOUNTR}/example_absorbance.csv", {"at": "214nm"}, (19, 5, 0, 0), {"A1": 3.6045, "B1": None}),
    (f"{FPCOUNTR}/example_experiment.csv", {"reads": ("OD700",), "at": "599s"}, (80, 0, 0, 0), {"A2": 0.1155}),
    ("mihe90_decimal_comma_kinetics/sample_kinetics.txt", {"at": "12s"}, (18, 0, 0, 18), {"A1": 0.2777, "C6": 0.2131}),
    ("omniplate_kmalci/ExampleData.xlsx", {"reads": ("OD",), "at": "0s"}, (96, 0, 0, 0), {"A1": 0.2554999887943268}),
    (
        "plateReadeR_softmax_utf16/2024.11.27b_Bradford_plate_raw.xlsx",
        {"reads": ("450",)},
        (96, 0, 0, 0),
        {"A3": -2e-5},
    ),
    (
        "plateReadeR_softmax_utf16/2026.05.10_AmplexRed_assay_data.txt",
        {},
        (39, 0, 0, 57),
        {"A4": 1548000, "B4": 3048000},
    ),
    (f"{PLATER}/example-1.csv", {"only": ("Drug=B", "Bacteria=E. coli")}, (96, 0, 0, 0), {"A1": 98, "H12": 0.5}),
    (f"{PLATER}/more-bacteria.csv", {"only": ("Drug=B",), "pool": ("Bacteria",)}, (96, 0, 0, 0), {"A1": 99}),
    (f"{PLATER}/example-2-part-A.csv", {}, (96, 0, 0, 0), {"A1": 98, "A2": 95}),
    ("wellmap_toml/std_curve.csv", {}, (18, 0, 0, 0), {"A1": 24.180858612060547, "C6": 6.735703945159912}),
]

REFUSED = [
    (f"{GEN5}/garbage_error.txt", "nothing in garbage_error.txt is a plate"),
    (f"{GEN5}/missing_results_error.txt", "nothing in missing_results_error.txt is a plate.*with its results"),
    (f"{FPCOUNTR}/example_fluorescence.csv", "24 numbers at 0s, and no line says to which wells"),
    (f"{PLATER}/incorrectRowLabels.csv", "row B after row X"),
    (f"{PLATER}/missingMiddleRow.csv", "lost its letter"),
    (f"{PLATER}/incomplete-final-line.csv", "nothing that was measured.*--layout"),
    (f"{PLATER}/nonEmptyTopLeft.csv", "nothing that was measured.*--layout"),
    (f"{PLATER}/weirdCharacters.csv", "nothing that was measured.*--layout"),
    ("mihe90_decimal_comma_kinetics/sample_platelayout.xlsx", "nothing that was measured.*--layout"),
    ("omniplate_kmalci/ExampleDataContents.xlsx", "nothing that was measured.*--layout"),
    ("wellmap_toml/std_curve.toml", "is a layout; give it with --layout"),
]

# layouts: wells, one of the columns, its text in one well
LAYOUTS = [
    ("bioassays_96_384/metafile.csv", 96, "concentration", {"A1": "25", "A3": ""}),
    ("bioassays_96_384/metafile_384_plate.csv", 384, "type", {"A1": "blank1", "P24": "untreated"}),
    ("d300e_dispenser_two_drug/Example_dispenser.csv", 270, "Drug1 [uM]", {"B2": "24.63120314174", "B5": "0.0"}),
    (f"{FLOPR}/200228_example_layout.csv", 96, "concentration", {"C1": "0", "A1": ""}),
    (f"{FLOPR}/calibration_plate_layout.csv", 96, "concentration", {"A1": "7.53E+14"}),
    (f"{FLOPR}/plate_layout.csv", 96, "concentration_M", {"A1": "9.97E-03"}),
    (f"{FPCOUNTR}/example_absorbance_meta.csv", 96, "dilution", {"A2": "0.5", "C1": ""}),
    (f"{FPCOUNTR}/example_experiment_meta.csv", 96, "ara_pc", {"A5": "0.3", "A11": "none"}),
    (f"{FPCOUNTR}/example_fluorescence_meta.csv", 96, "replicate", {"B1": "2"}),
    ("mihe90_decimal_comma_kinetics/sample_platelayout.xlsx", 96, "Tabelle1", {"A2": "Sample4", "A5": ""}),
    ("omniplate_kmalci/ExampleDataContents.xlsx", 96, "Mal [%]", {"B1": "0.25", "A1": ""}),
    ("plateReadeR_softmax_utf16/2024.11.27b_Bradford_exp_metadata.csv", 96, "std_conc", {"C1": "0.05"}),
    ("plateReadeR_softmax_utf16/2026.05.10_AmplexRed_exp_metadata.csv", 39, "std_conc", {"E3": "2"}),
    (f"{PLATER}/example-2-part-B.csv", 96, "Concentration", {"A2": "20", "H12": "0"}),
    (f"{PLATER}/incomplete-final-line.csv", 96, "positive", {"A2": "No", "A1": "yes"}),
    (f"{PLATER}/nonEmptyTopLeft.csv", 12, "A", {"C4": "reference"}),
    (f"{PLATER}/weirdCharacters.csv", 12, "values", {"B1": "`abc"}),
    ("wellmap_toml/beta_gal_assay.toml", 16, "ligand_mM", {"A3": "0", "D6": "30"}),
    ("wellmap_toml/bradford_assay.toml", 75, "ug_mL", {"A1": "2000.0", "D1": ""}),
    ("wellmap_toml/bradford_standards.toml", 27, "ug_mL", {"A8": "25", "C9": "0"}),
    ("wellmap_toml/qpcr_timecourse.toml", 270, "primers", {"A1": "gfp", "A2": "16s"}),
    ("wellmap_toml/std_curve.toml", 18, "dilution", {"B1": "100000.0"}),
]


@at_hand
@pytest.mark.parametrize(("file", "options", "counts", "wells"), EXPECTED)
def test_files_of_instruments_are_read_well_by_well(file, options, counts, wells):
    plate = understand([DATA / file], Options(**options))
    found = {well.name: well for well in plate.wells}
    for name, number in wells.items():
        assert found[name].y[0] == (None if number is None else pytest.approx(number, rel=1e-9)), name
    states = Counter("number" if well.y[0] is not None else well.state for well in plate.wells)
    assert (states["number"], states["above"], states["below"], states["missing"]) == counts


@at_hand
@pytest.mark.parametrize(("file", "sentence"), REFUSED)
def test_files_that_hold_no_plate_are_refused_in_a_sentence(file, sentence):
    with pytest.raises(PlateError, match=f"(?s){sentence}"):
        understand([DATA / file])


@at_hand
@pytest.mark.parametrize(("file", "n", "column", "cells"), LAYOUTS)
def test_layouts_of_real_experiments(file, n, column, cells):
    columns = {one.name: one.cells for one in read_layout(DATA / file).columns}
    assert len(columns[column]) == n
    assert {well: columns[column][well].strip() for well in cells} == cells


@at_hand
def test_the_table_names_every_file():
    named = {file for file, *_ in EXPECTED} | {file for file, _ in REFUSED} | {file for file, *_ in LAYOUTS}
    files = {str(path.relative_to(DATA)) for path in DATA.rglob("*") if path.is_file()}
    assert {file for file in files if not file.endswith(".md") and "LICENSE" not in file} == named


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """A copy that something has happened to: cut off, mixed up, in another encoding, with strange bytes."""
    text = content.decode("utf-16" if content[:2] == b"\xff\xfe" else "utf-8", errors="replace")
    lines = text.split("\n")
    what = rng.integers(9)
    if what == 0:
        return content[: rng.integers(1, len(content))]
    if what == 1:
        half = rng.integers(len(lines))
        return "\n".join(
            line.replace("\t", ";").replace(",", "\t") if k > half else line for k, line in enumerate(lines)
        ).encode()
    if what == 2:
        return "\n".join(np.array(lines, object)[rng.permutation(len(lines))].tolist()).encode()
    if what == 3:
        coding = ["utf-16", "utf-16-be", "cp1252", "utf-32", "utf-8-sig"][rng.integers(5)]
        return text.encode(coding, errors="replace")
    if what == 4:
        return text.replace(".", ",").encode()
    if what == 5:
        kept = [line for line in lines if rng.random() > 0.2]
        return "\n".join(kept).encode()
    if what == 6:
        noisy = bytearray(content)
        for place in rng.integers(0, len(noisy), 20):
            noisy[place] = rng.integers(256)
        return bytes(noisy)
    if what == 7:
        marks = ["OVER", "", "1e999", "#SAT", "nan", "-", '"', "A1", "1", "\0"]
        return "".join(
            marks[rng.integers(len(marks))] if c.isdigit() and rng.random() < 0.02 else c for c in text
        ).encode()
    separator = "\t" if "\t" in text else ","
    return "\n".join(
        separator.join(cell for cell in line.split(separator) if rng.random() > 0.03) for line in lines
    ).encode()


def try_to_read(path: Path) -> str:
    """How far it came; anything but an answer or a sentence is an error of the reader."""
    for options in (Options(), Options(at="0:10:00", plate="all")):
        with contextlib.suppress(PlateError):
            understand([path], options)
            return "read"
    return "refused"


def check_damaged(contents: list[bytes], n: int, folder: Path, suffix: str = ".txt") -> Counter:
    rng = np.random.default_rng(0)
    outcomes: Counter = Counter()
    for k in range(n):
        path = folder / f"damaged_{k}{suffix}"
        path.write_bytes(damaged(contents[k % len(contents)], rng) or b" ")
        outcomes[try_to_read(path)] += 1
    return outcomes


def test_two_hundred_damaged_copies_are_read_or_refused(tmp_path):
    outcomes = check_damaged([make().encode() for make in SAMPLES.values()], 200, tmp_path)
    assert sum(outcomes.values()) == 200
    assert outcomes["read"] > 20  # damage that changes nothing is no reason to refuse


def test_damaged_layouts_are_read_or_refused(tmp_path):
    from tests.plate_samples import wellmap

    rng = np.random.default_rng(1)
    for k in range(40):
        path = tmp_path / f"layout_{k}.toml"
        path.write_bytes(damaged(wellmap().encode(), rng) or b" ")
        with contextlib.suppress(PlateError):
            read_layout(path)


@at_hand
def test_damaged_copies_of_instruments_files_are_read_or_refused(tmp_path):
    small = [
        path
        for path in sorted(DATA.rglob("*"))
        if path.suffix.lower() in (".txt", ".csv") and path.stat().st_size < 60_000
    ]
    contents = [path.read_bytes() for path in small]
    assert sum(check_damaged(contents, 200, tmp_path).values()) == 200


@at_hand
def test_damaged_spreadsheets_are_read_or_refused(tmp_path):
    rng = np.random.default_rng(2)
    content = (DATA / "plateReadeR_softmax_utf16/2024.11.27b_Bradford_plate_raw.xlsx").read_bytes()
    for k in range(30):
        noisy = bytearray(content[: rng.integers(50, len(content))] if k % 2 else content)
        for place in rng.integers(0, len(noisy), 10):
            noisy[place] = rng.integers(256)
        path = tmp_path / f"damaged_{k}.xlsx"
        path.write_bytes(bytes(noisy))
        try_to_read(path)


def test_contents_of_a_file_without_damage_name_it(tmp_path):
    path = tmp_path / "tidy.csv"
    path.write_text(SAMPLES["tidy.csv"](), encoding="utf-8")
    assert read_contents(path).name == "tidy.csv"
