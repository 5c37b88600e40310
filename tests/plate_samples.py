"""Small plate files in the forms in which instruments and people write them, made here with known values."""

from __future__ import annotations

import io

ROWS = "ABCDEFGH"
COLUMNS = range(1, 13)
WELLS = [f"{row}{column}" for row in ROWS for column in COLUMNS]


def signal(well: str) -> float:
    """What stands in a well of every sample: 1.01 for A1, 8.12 for H12."""
    return round(1 + ROWS.index(well[0]) + int(well[1:]) / 100, 2)


def block(cell=signal, separator="\t", label="", rows=ROWS) -> str:
    """A plate with its letters and numbers, as many lines as rows."""
    behind = f"{separator}{label}" if label else ""
    lines = [separator.join(["", *map(str, COLUMNS)])]
    lines += [separator.join([row, *(str(cell(f"{row}{c}")) for c in COLUMNS)]) + behind for row in rows]
    return "\n".join(lines) + "\n"


def dose(well: str) -> float:
    """Eight doses down the rows, 0 in row A, doubling from 1 µM in row B."""
    return 0.0 if well[0] == "A" else 2.0 ** (ROWS.index(well[0]) - 1)


GEN5_HEAD = "\nSoftware Version\t3.12.08\n\nPlate Number\tPlate 1\nReader Type:\tSynergy H1\n\nProcedure Details\n\n"


def gen5(marks: dict[str, str] | None = None) -> str:
    """Two reads in one block of results, with a layout of samples above."""
    marks = marks or {}
    layout = block(lambda well: f"SPL{WELLS.index(well) + 1}", label="Well ID")
    lines = block(lambda well: marks.get(well, signal(well)), label="GFP:485,528").splitlines()
    second = block(lambda well: signal(well) / 10, label="OD:600").splitlines()
    results = lines[:1]
    for first, other in zip(lines[1:], second[1:], strict=True):
        results += [first, "\t" + other.split("\t", 1)[1]]
    return GEN5_HEAD + "Layout\n" + layout + "\nResults\n" + "\n".join(results) + "\n"


def gen5_kinetic() -> str:
    """Three moments with the wells as columns."""
    lines = ["Time\tT° GFP:485,528\t" + "\t".join(WELLS)]
    lines += [f"0:{10 * k:02}:00\t37.0\t" + "\t".join(f"{signal(well) + k:g}" for well in WELLS) for k in range(3)]
    return GEN5_HEAD + "GFP:485,528\n\n" + "\n".join(lines) + "\n0:00:00\n0:00:00\n"


def gen5_two_plates() -> str:
    """Two plates in one file."""
    other = block(lambda well: signal(well) + 10, label="GFP:485,528")
    return (
        GEN5_HEAD
        + "Results\n"
        + block(label="GFP:485,528")
        + "\n"
        + GEN5_HEAD.replace("Plate 1", "Plate 2")
        + "Results\n"
        + other
    )


def softmax(decimal=".", rows=8) -> str:
    """A plate without letters, its reduced copy, and a group of standards."""
    numbers = "\t".join(map(str, COLUMNS))
    body = ["\t".join(f"{signal(f'{row}{c}'):g}" for c in COLUMNS) for row in ROWS[:rows]]
    raw = [("\t25.0\t" if k == 0 else "\t\t") + line + "\t" for k, line in enumerate(body)]
    reduced = ["\t\t" + line + "\t" for line in body]
    group = ["Sample\tConc\tWells\tOD"]
    group += [f"S{k}\t{2.0**k:g}\t{ROWS[k]}1\t0" for k in range(rows)]
    head = f"Plate:\tP1\t1{decimal}3\tPlateFormat\tEndpoint\tAbsorbance\tRaw\tFALSE\t1\t\t\t\t\t\t1\t450 \t1\t12\t96\t1\t{rows}"
    text = "\n".join(
        ["##BLOCKS= 2", head, f"\tTemperature(°C)\t{numbers}\t", *raw, "", f"\t\t{numbers}\t", *reduced, "~End"]
        + ["Group: Standards", *group, "~End", "Original Filename: x"]
    )
    return text if decimal == "." else text.replace(".", ",")


def softmax_kinetic() -> str:
    """Two moments of three rows, with empty lines for the rows that were not read."""
    numbers = "\t".join(map(str, COLUMNS))
    text = ["##BLOCKS= 1"]
    text.append(
        "Plate:\tP1\t1.3\tPlateFormat\tKinetic\tAbsorbance\tRaw\tFALSE\t2\t60\t60\t\t\t\t1\t412\t1\t12\t96\t1\t3\tNone"
    )
    text.append(f"Time(hh:mm:ss)\tTemperature(°C)\t{numbers}")
    for k in range(2):
        for row in "ABC":
            start = f"0:{30 * k:02}\t30.00\t" if row == "A" else "\t\t"
            text.append(start + "\t".join(f"{signal(f'{row}{c}') + k:g}" for c in COLUMNS))
        text += [""] * 6
    return "\n".join([*text, "~End"])


def softmax_by_wells() -> str:
    """One moment with the wells as columns, in a block that says PlateFormat."""
    head = "Plate:\tP1\t1.3\tPlateFormat\tEndpoint\tAbsorbance\tRaw\tFALSE\t1\t\t\t\t\t\t1\t450 \t1\t12\t96\t1\t8"
    names, numbers = "\t".join(WELLS), "\t".join(f"{signal(well):g}" for well in WELLS)
    return "\n".join(["##BLOCKS= 1", head, f"\tTemperature(°C)\t{names}", f"\t25.0\t{numbers}", "~End"])


def bmg() -> str:
    """MARS: matrix below a title, lines padded with commas."""
    head = ["User: USER,Path: C:\\Data,Test run no.: 1,,", "Test name: X,Date: 29/02/2016", "", "Fluorescence (FI)", ""]
    return "\n".join([*head, "Raw Data (485/520)", "", block(separator=",")])


def spark_list() -> str:
    """Spark: one line a well, one list a read."""
    text = []
    for name, factor in (("OD600", 0.1), ("GFP", 1.0)):
        text += ["Mode,Absorbance,,", f"Name,{name},,", "Start Time,,,19/12/2019 15:07", "", "<>,Value,Time [ms],"]
        text += [
            f"{well},{'OVER' if well == 'H12' else f'{factor * signal(well):g}'},{k}," for k, well in enumerate(WELLS)
        ]
        text += ["", "End Time,,,19/12/2019 15:08", ""]
    return "\n".join(text)


def spark_kinetic() -> str:
    """Spark: wells downwards, moments across."""
    text = ["Name,GFP,,", "", "GFP,,,", "Cycle Nr.,1,2,3", "Time [s],0,600.5,1200", "Temp. [°C],37,37,37"]
    text += [",".join([well, *(f"{signal(well) + k:g}" for k in range(3))]) for well in WELLS]
    return "\n".join([*text, "", "End Time,,"])


def tidy(separator=",", decimal=".", pad=False, unit="uM") -> str:
    """One line a well with its dose and its signal."""
    lines = [separator.join(["well", f"IPTG_{unit}", "GFP"])]
    for well in WELLS:
        name = f"{well[0]}{int(well[1:]):02}" if pad else well
        lines.append(separator.join([name, f"{dose(well):g}", f"{signal(well):g}"]).replace(".", decimal))
    return "\n".join(lines) + "\n"


def two_inputs() -> str:
    """A table without wells: two doses and two outputs."""
    lines = ["x1 [nM],x2 [nM],y1,y2"]
    lines += [f"{a},{b},{a + 2 * b},{3 * a - b}" for a in (0, 1, 2, 4, 8) for b in (0, 1, 10)]
    return "\n".join(lines) + "\n"


def plater() -> str:
    """Blocks below one another, each with its title in the corner."""
    blocks = []
    for title, cell in (("IPTG (µM)", dose), ("GFP", signal)):
        blocks.append(title + block(cell, separator=","))
    return (",,,\n").join(blocks)


def dose_list() -> str:
    """A layout: well and concentration."""
    return "well,IPTG (mM)\n" + "".join(f"{well},{dose(well) / 1000:g}\n" for well in WELLS)


def wellmap() -> str:
    """A layout in wellmap's TOML: doses by row, replicates by column."""
    rows = "".join(f"[row.{row}]\nIPTG_uM = {dose(row + '1'):g}\n" for row in ROWS)
    return "[expt]\nstrain = 'WT'\n" + rows + "".join(f"[col.{c}]\nreplicate = {c}\n" for c in COLUMNS)


def dispenser() -> str:
    """A dispenser's log: one line a fluid and well."""
    lines = ['"Plate","Dispensed well","Fluid name","Dispensed concentration","Units","Dispensed volume","Units"']
    for well in WELLS:
        lines.append(f'8,"{well}","DrugA",{1 + dose(well):g},"uM",8.8,"nL"')
        if int(well[1:]) > 6:
            lines.append(f'8,"{well}","DrugB",{int(well[1:])},"nM",8.8,"nL"')
    return "\n".join(lines) + "\n"


def spreadsheet(*sheets: tuple[str, list[list]]) -> bytes:
    """An XLSX with these sheets."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


SAMPLES = {
    "gen5.txt": gen5,
    "gen5_kinetic.txt": gen5_kinetic,
    "gen5_two_plates.txt": gen5_two_plates,
    "softmax.txt": softmax,
    "softmax_kinetic.txt": softmax_kinetic,
    "bmg.csv": bmg,
    "spark_list.csv": spark_list,
    "spark_kinetic.csv": spark_kinetic,
    "tidy.csv": tidy,
    "two_inputs.csv": two_inputs,
    "plater.csv": plater,
    "dose_list.csv": dose_list,
    "dispenser.csv": dispenser,
}
