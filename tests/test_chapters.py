"""What a re-runner was promised: one chapter, one sweep, the command line; mistakes refused, nothing lost."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import papermill
import pytest
from IPython.display import Markdown
from jupyter_client.connect import LocalPortCache
from pybtex.database import parse_file
from typer.testing import CliRunner

from fewerwells.book import verdicts
from fewerwells.cli import app
from fewerwells.running.chapters import execute, run_chapter
from fewerwells.running.experiments import check_complete
from fewerwells.running.parameters import CHAPTER_PARAMETERS, ParameterError, Verdicts
from fewerwells.running.reading_order import chapters, exercise_notebooks, project_root
from fewerwells.running.storage import read_table
from fewerwells.study.claim_list import CLAIMS
from fewerwells.study.claims import ClaimError, judge
from fewerwells.study.table import row_checksums

ROOT = project_root(Path(__file__).parent)
NOTEBOOKS = chapters(ROOT)
EXPERIMENT = NOTEBOOKS["03_experiment_1"]
QUICK = {"profile": "smoke", "volumes": [10], "n_seeds": 1}


def parameters_cell(path: Path):
    cells = nbformat.read(path, as_version=4).cells
    return next(cell for cell in cells if "parameters" in cell.metadata.get("tags", []))


@pytest.mark.parametrize("name", NOTEBOOKS)
class TestEveryChapter:
    def test_is_committed_without_outputs(self, name):
        for cell in nbformat.read(NOTEBOOKS[name], as_version=4).cells:
            if cell.cell_type == "code":
                assert cell.outputs == []
                assert cell.execution_count is None

    def test_explains_each_parameter_in_papermills_help(self, name):
        for parameter in papermill.inspect_notebook(str(NOTEBOOKS[name])).values():
            assert len(parameter["help"]) > 10, f"{parameter['name']} has no comment"

    def test_offers_the_parameters_that_are_checked_and_checks_no_other(self, name):
        """Plain papermill injects what it is given, so a name that the cell lacks must be a stranger to the model."""
        offered = set(papermill.inspect_notebook(str(NOTEBOOKS[name])))
        assert offered == set(CHAPTER_PARAMETERS[name].model_fields)
        assert "profile" in offered

    def test_runs_small_under_nbmake(self, name):
        assert parameters_cell(NOTEBOOKS[name]).metadata["nbmake"]["mock"]["profile"] == "smoke"

    def test_describes_every_figure(self, name):
        """Alt text says what the figure shows; a caption and a name make it citable. A narrow twin has those of its wide one."""
        for cell in nbformat.read(NOTEBOOKS[name], as_version=4).cells:
            if "plt." in cell.source and cell.cell_type == "code" and "import" not in cell.source:
                render = cell.metadata["mystnb"]
                assert len(render["image"]["alt"].split()) >= 8
                if "phone" in cell.metadata["tags"]:
                    continue
                assert len(render["figure"]["caption"].split()) >= 8
                assert render["figure"]["name"].startswith("fig-")

    def test_types_no_result_into_prose(self, name):
        """Findings come from the table: prose cells hold no decimal number with a unit."""
        for cell in nbformat.read(NOTEBOOKS[name], as_version=4).cells:
            if cell.cell_type == "markdown":
                assert not re.search(r"\d\.\d+ ?nM(?!⁻)", cell.source), cell.source


RESULT_CHAPTERS = [
    "intro",
    "03_experiment_1",
    "04_experiment_2",
    "06_verdicts",
    "07_who_else",
    "08_why_it_works",
]
# Numbers that prose may hold because they define something; every result comes from a cell that computes it.
DEFINITIONS = {
    "96-well": "a plate",
    "95 %": "level of intervals",
    "10 %": "quantile of the light bands",
    "90 %": "quantile of the light bands",
    "0–10 nM": "the small domain",
    "0–20 nM": "the big domain",
    "10 nM": "the small domain's end",
    "100 uniform points": "the study's test set",
    "100 test points": "the study's test set",
    "4096 Sobol points": "the precise test set",
    "20 wells": "an example of nested volumes",
    "10 wells": "an example of nested volumes",
    "with 10": "an example of nested volumes",
    "k = 4": "what a cut means",
    "75 %": "what a cut means",
    "k = 10": "what a cut means",
    "k < 1": "what harm means",
    "1.05": "margin of non-inferiority",
    "1.25": "margin of what is comparable",
    "θ = (0.2, 0.4) nM⁻¹": "the reference system",
    "η = (40, 30) nM": "the reference system",
    "0/0": "the cycle at the origin",
    "n = 1": "a member of the family",
    "near 1": "no difference, as a ratio",
    "below 1": "no difference, as a ratio",
    "50 wins in 50 seeds": "an example",
    "n = 2": "the reference target",
    "b = 0": "a limit of the family",
    "K = 1/θ from 1 to 100 nM": "how systems are drawn",
    "n from 1 to 4": "how systems are drawn",
    "η of 3, 10, 30 or 100 nM": "how systems are drawn",
    "noise of 1 nM": "how systems are drawn",
    "5 %": "level of a test",
    "strength of 0.01": "the pull, as it is set",
}
NO_STATEMENT = (
    r"(?s)## Exercises.*",  # examples to work out
    r"`[^`]*`",  # code
    r"\[[^\[\]]*\]\([^)]*references\.md#\w+\)",  # years of publications
    r"\]\([^)]*\)",  # where a link leads
    r"(?m)^:.*$",  # directives
    r"(?m)^\d+\. ",  # the numbers of a list
    r"chapters? \d+(?: (?:and|to) \d+)?",
    r"\d+ minutes",
    r"Experiment [12]",
)


def result_like_numbers(text: str) -> list[str]:
    """Numbers in prose, with the words around them, that no definition explains."""
    for pattern in NO_STATEMENT:
        text = re.sub(pattern, "", text)
    for definition in sorted(DEFINITIONS, key=len, reverse=True):
        text = re.sub(rf"(?<![\d.,]){re.escape(definition)}(?![\d]|[.,]\d)", "", text)
    return [text[max(0, m.start() - 30) : m.end() + 20] for m in re.finditer(r"\d[\d.,–]*", text)]


@pytest.mark.parametrize("name", RESULT_CHAPTERS)
def test_results_in_prose_come_from_cells(name):
    for cell in nbformat.read(NOTEBOOKS[name], as_version=4).cells:
        if cell.cell_type == "markdown":
            assert result_like_numbers(cell.source) == []


@pytest.mark.parametrize(
    "text",
    ["It is 3 times better.", "The error falls to 0.84 nM.", "A cut of 80 %.", "With 96 wells, 12 are saved.", "1.251"],
)
def test_a_typed_result_is_found(text):
    assert result_like_numbers(text)


def test_exercises_say_of_published_results_what_was_tested():
    """What a solution finds its own checks hold it to; what it says of the study at full size needs a claim."""
    loose = [
        sentence
        for path in exercise_notebooks(ROOT).values()
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "markdown"
        for sentence in re.split(r"(?<=[.?!])\s", cell.source)
        if re.search(r"study's full size|published (?:run|result)", sentence) and "#claim-" not in sentence
    ]
    assert loose == []


def test_no_definition_is_left_over():
    """The list above stays short: each entry is used."""
    prose = "\n".join(
        cell.source
        for name in RESULT_CHAPTERS
        for cell in nbformat.read(NOTEBOOKS[name], as_version=4).cells
        if cell.cell_type == "markdown"
    )
    assert [definition for definition in DEFINITIONS if definition not in prose] == []


def notebooks_in_markdown() -> dict[str, str]:
    """The prose of every notebook, exercises included."""
    return {
        str(path.relative_to(ROOT)): "\n".join(
            cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"
        )
        for path in (*NOTEBOOKS.values(), *exercise_notebooks(ROOT).values())
    }


def test_prose_reads_well_in_plain_jupyter():
    """No role of the book's builder, which JupyterLab would show as it is written."""
    found = {name: re.findall(r"\{[a-z:]+\}`[^`]*`", text) for name, text in notebooks_in_markdown().items()}
    assert {name: roles for name, roles in found.items() if roles} == {}


def test_citations_say_whom_they_cite():
    """Names and year as in the bibliography, for a reader who has only the notebook."""
    entries = parse_file(str(ROOT / "book" / "references.bib")).entries
    wrong = []
    for name, text in notebooks_in_markdown().items():
        for words, key in re.findall(r"\[([^\[\]]+)\]\((?:\.\./book/)?references\.md#(\w+)\)", text):
            first = entries[key].persons["author"][0]
            family = " ".join((*first.prelast_names, *first.last_names)).strip("{}")
            if not (words.startswith(family) and entries[key].fields["year"] in words):
                wrong.append((name, words, key))
    assert wrong == []


def test_claims_in_prose_exist_and_point_at_figures_that_exist():
    """Without building the book; the build itself refuses an unknown claim."""
    cells = {name: nbformat.read(path, as_version=4).cells for name, path in NOTEBOOKS.items()}
    exercises = [nbformat.read(path, as_version=4).cells for path in exercise_notebooks(ROOT).values()]
    known = {claim.name: claim for claim in CLAIMS}
    cited = [
        name
        for page in (*cells.values(), *exercises)
        for cell in page
        for name in re.findall(r"\]\([^)]*06_verdicts\.ipynb#claim-([\w-]+)\)", cell.source)
    ]
    assert set(cited) <= set(known)
    for claim in CLAIMS:
        chapter, figure = claim.where.split("#")
        figures = [cell.metadata.get("mystnb", {}).get("figure", {}).get("name") for cell in cells[chapter]]
        assert figure in figures, claim.name


class TestVerdictsGate:
    """The cell of the page Verdicts that holds prose to results, run on its own."""

    def held(self, settings, judged):
        cells = nbformat.read(NOTEBOOKS["06_verdicts"], as_version=4).cells
        (gate,) = [cell.source for cell in cells if "check_stated" in cell.source]
        names = {"settings": settings, "tables": self.tables(), "judged": judged, "Verdicts": Verdicts}
        names |= {"verdicts": verdicts, "check_complete": check_complete, "Markdown": Markdown}
        exec(compile(gate, "gate", "exec"), names)
        return names["held"]

    def tables(self):
        return {name: read_table(ROOT / "results" / f"{name}.csv") for name in Verdicts().tables}

    def test_published_results_pass(self):
        assert "every verdict is the one" in self.held(Verdicts(), judge(self.tables(), CLAIMS))

    def test_published_settings_with_other_results_stop_the_build(self):
        arms = {"transfer": "scratch", "scratch": "transfer"}
        swapped = {
            name: table.assign(arm=table["arm"].replace(arms)) if set(arms) <= set(table["arm"]) else table
            for name, table in self.tables().items()
        }
        swapped = {name: table.assign(checksum=row_checksums(table)) for name, table in swapped.items()}
        judged = judge(swapped, CLAIMS)
        with pytest.raises(ClaimError, match="At high volumes transfer reaches a lower error"):
            self.held(Verdicts(), judged)
        assert "come out otherwise" in self.held(Verdicts(n_seeds=49), judged)


def test_plain_papermill_runs_a_chapter_with_parameters(tmp_path):
    """The command of the README, at smoke size; the table is taken away with `table_file`."""
    out, rows = tmp_path / "out.ipynb", tmp_path / "rows.csv"
    words = f"-p hill_coefficient 3 -p n_seeds 2 -p profile smoke -p table_file {rows} --no-progress-bar"
    subprocess.run(
        [sys.executable, "-m", "papermill", str(EXPERIMENT), str(out), *words.split()],
        check=True,
        capture_output=True,
        cwd=ROOT,
    )
    table = read_table(rows)
    assert set(table["n"]) == {3.0}
    assert set(table["seed"]) == {0, 1}
    outputs = [output for cell in nbformat.read(out, as_version=4).cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "stream"], "a progress bar was stored"


def test_a_kernel_whose_port_was_taken_is_started_again(tmp_path, monkeypatch):
    free, calls = LocalPortCache.find_available_port, []

    def first_a_taken_one(cache, ip):
        calls.append(ip)
        return taken.getsockname()[1] if len(calls) == 1 else free(cache, ip)

    monkeypatch.setattr(LocalPortCache, "find_available_port", first_a_taken_one)
    cells = [nbformat.v4.new_code_cell("1 + 1")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "in.ipynb")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        execute(tmp_path / "in.ipynb", tmp_path / "out.ipynb", {})
    assert len(calls) > 5, "one kernel takes five ports"
    assert nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[-1].outputs[0].data["text/plain"] == "2"


def test_a_kernel_starts_in_the_folder_of_its_notebook_and_nobody_is_moved_for_it(tmp_path, monkeypatch):
    """Notebooks run side by side in threads; papermill's own way moved the whole process while a kernel was started."""
    moved = []
    monkeypatch.setattr(os, "chdir", lambda folder: moved.append(str(folder)))
    cells = [nbformat.v4.new_code_cell("import os; os.getcwd()")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "in.ipynb")
    execute(tmp_path / "in.ipynb", tmp_path / "out.ipynb", {})
    told = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[-1].outputs[0].data["text/plain"]
    assert told == repr(str(tmp_path))
    assert set(moved) <= {os.getcwd()}


@pytest.mark.parametrize("inside", [True, False])
def test_the_engine_runs_where_the_published_measurement_is_and_where_it_is_not(inside, tmp_path, own_results):
    """FEWERWELLS_RESULTS names a folder without the benchmark that git keeps; outside the book there is none."""
    assert os.environ["FEWERWELLS_RESULTS"] == str(own_results)
    output = tmp_path / "out.ipynb"
    words = [str(NOTEBOOKS["10_engine"]), str(output), "-p", "profile", "smoke", "--no-progress-bar"]
    place = ROOT if inside else tmp_path
    finished = subprocess.run([sys.executable, "-m", "papermill", *words], cwd=place, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    shown = str([cell.get("outputs") for cell in nbformat.read(output, as_version=4).cells])
    assert ("The measurement lies in the book" in shown) is not inside
    assert ("Measured on" in shown) is inside


def test_what_the_engine_s_chapter_says_in_words_stands_in_its_measurements():
    """More between the slowest and the fastest trainer than fifty seeds; a GPU that waits, but for thousands of networks."""
    benchmark, on_gpu = (json.loads((ROOT / "results" / f"{name}.json").read_text()) for name in ("benchmark", "gpu"))
    speeds = [row["million_sample_steps_per_second"] for row in benchmark["rows"] if row["networks"] == 30]
    assert max(speeds) / min(speeds) > 50
    rows = pd.DataFrame(on_gpu["rows"])
    both = rows.pivot(index=["networks", "pairs"], columns="engine", values="million_sample_steps_per_second")
    behind = (both["fused"] / both["reference"]).groupby("networks")
    assert behind.min()[[30, 50]].min() > 10, "many times slower at the study's sizes"
    assert 1 < behind.max()[10_000] < 1.5, "draws level at ten thousand networks"


def test_the_sweeps_run_where_there_is_no_book(tmp_path):
    """A copy of the chapter by itself, in a folder of its own, starts a `results` there, as chapters 2 and 3 do."""
    shutil.copyfile(NOTEBOOKS["09_sweeps"], tmp_path / "copy.ipynb")
    environment = {name: value for name, value in os.environ.items() if name != "FEWERWELLS_RESULTS"}
    words = ["copy.ipynb", "out.ipynb", "-p", "profile", "smoke", "--no-progress-bar"]
    finished = subprocess.run(
        [sys.executable, "-m", "papermill", *words], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    assert list((tmp_path / "results" / "runs" / "cells").glob("*.csv"))


def test_plain_papermill_refuses_what_the_chapter_does_not_read(tmp_path):
    words = [str(NOTEBOOKS["02_problem"]), str(tmp_path / "o.ipynb"), "-p", "profile", "smoke", "-p", "n_seeds", "3"]
    finished = subprocess.run([sys.executable, "-m", "papermill", *words], capture_output=True, text=True, cwd=ROOT)
    assert finished.returncode != 0
    assert "Refused: there is no parameter n_seeds" in finished.stderr


@pytest.mark.parametrize(
    ("parameter", "value", "words"),
    [
        ("n_seed", "3", "there is no parameter n_seed; did you mean n_seeds?"),
        ("hill_coefficient", "0", "hill_coefficient is 0; it must be greater than 0."),
        ("volumes", "[20, 10]", "volumes is [20, 10]; its values must increase from each to the next."),
    ],
)
def test_plain_papermill_refuses_before_training(tmp_path, own_results, parameter, value, words):
    finished = subprocess.run(
        [sys.executable, "-m", "papermill", str(EXPERIMENT), str(tmp_path / "o.ipynb"), "--no-progress-bar"]
        + ["-p", "profile", "smoke", "-p" if value.isdigit() else "-y"]
        + ([parameter, value] if value.isdigit() else [f"{parameter}: {value}"]),
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert finished.returncode != 0
    assert f"Refused: {words}" in finished.stderr
    assert not own_results.exists()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("02_problem", {"epochs": 10}),  # fewer than the points of its path
        ("03_experiment_1", {"volumes": [2000], "n_seeds": 1}),  # none that overfitting is looked for at
    ],
)
def test_a_chapter_runs_at_the_edge_of_what_it_allows(tmp_path, name, values):
    run_chapter(NOTEBOOKS[name], tmp_path / "out.ipynb", {"profile": "smoke"} | values)


def test_a_refused_run_leaves_the_earlier_output_alone(tmp_path):
    out = tmp_path / "out.ipynb"
    out.write_text("precious")
    with pytest.raises(ParameterError, match="n_seeds is 0"):
        run_chapter(EXPERIMENT, out, {"n_seeds": 0})
    assert out.read_text() == "precious"
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["out.ipynb"]


def test_a_failing_cell_leaves_the_earlier_output_alone(tmp_path, monkeypatch):
    out, broken = tmp_path / "out.ipynb", tmp_path / EXPERIMENT.name
    notebook = nbformat.read(EXPERIMENT, as_version=4)
    fails = nbformat.v4.new_code_cell("raise RuntimeError('on purpose')")
    notebook.cells = [parameters_cell(EXPERIMENT), nbformat.v4.new_code_cell("profile"), fails]
    nbformat.write(notebook, broken)
    out.write_text("precious")
    with pytest.raises(papermill.PapermillExecutionError, match="on purpose"):
        run_chapter(broken, out, QUICK)
    assert out.read_text() == "precious"


class TestCommandLine:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ("book --profile enormous", "profile is 'enormous'; choose one of smoke, lecture, paper"),
            ("run 9_nothing out.ipynb", "there is no chapter '9_nothing'; choose one of"),
            ("run 03_experiment_1 out.ipynb -p n_seeds=many", "n_seeds is 'many'"),
            ("run 03_experiment_1 out.ipynb -p n_seeds", "'n_seeds' is not of the form name=value"),
            ("run 03_experiment_1 out.ipynb -p noise=1 -p noise=2", "noise was given twice"),
            ("run 03_experiment_1 out.ipynb -p volumes=[10,", "cannot be read"),
            ("sweep nowhere.yml", "cannot be read as a sweep file"),
            ("status nowhere.yml", "cannot be read as a sweep file"),
            ("run 03_experiment_1 -p sweep_seeds=3", "there is no parameter sweep_seeds"),
        ],
    )
    def test_mistakes_end_with_status_2_and_one_sentence(self, words, said, monkeypatch):
        monkeypatch.chdir(ROOT)
        result = CliRunner().invoke(app, words.split())
        assert result.exit_code == 2
        assert said in result.output
        assert "Traceback" not in result.output
        assert not (ROOT / "out.ipynb").exists()

    def test_outside_the_book_it_says_where_to_go(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for verb in ("book", "publish", "rerun", "status", "clean"):
            result = CliRunner().invoke(app, [verb])
            assert result.exit_code == 2, verb
            assert "not inside the book's folder" in result.output

    def test_help_teaches(self):
        for command in ("book", "run", "sweep", "status", "compare", "clean"):
            assert "Example: fewerwells" in CliRunner().invoke(app, [command, "--help"]).output
