"""What a re-runner was promised: one chapter, one sweep, the command line; mistakes refused, nothing lost."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from typer.testing import CliRunner

from fewerwells.chapters import chapters, project_root, run_chapter
from fewerwells.cli import app
from fewerwells.parameters import CHAPTER_PARAMETERS, ParameterError
from fewerwells.results import read_table

ROOT = project_root(Path(__file__).parent)
NOTEBOOKS = chapters(ROOT)
EXPERIMENT = NOTEBOOKS["3_experiment_1"]
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

    def test_offers_only_parameters_that_are_checked(self, name):
        offered = set(papermill.inspect_notebook(str(NOTEBOOKS[name])))
        assert offered <= set(CHAPTER_PARAMETERS[name].model_fields)
        assert "profile" in offered

    def test_runs_small_under_nbmake(self, name):
        assert parameters_cell(NOTEBOOKS[name]).metadata["nbmake"]["mock"]["profile"] == "smoke"

    def test_describes_every_figure(self, name):
        """Alt text says what the figure shows; a caption and a name make it citable."""
        for cell in nbformat.read(NOTEBOOKS[name], as_version=4).cells:
            if "plt." in cell.source and cell.cell_type == "code" and "import" not in cell.source:
                render = cell.metadata["mystnb"]
                assert len(render["image"]["alt"].split()) >= 8
                assert len(render["figure"]["caption"].split()) >= 8
                assert render["figure"]["name"].startswith("fig-")

    def test_types_no_result_into_prose(self, name):
        """Findings come from the table: prose cells hold no decimal number with a unit."""
        for cell in nbformat.read(NOTEBOOKS[name], as_version=4).cells:
            if cell.cell_type == "markdown":
                assert not re.search(r"\d\.\d+ ?nM(?!⁻)", cell.source), cell.source


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


@pytest.mark.parametrize(
    ("parameter", "value", "words"),
    [
        ("n_seed", "3", "there is no parameter n_seed; did you mean n_seeds?"),
        ("hill_coefficient", "0", "hill_coefficient is 0; it must be greater than 0."),
        ("volumes", "[20, 10]", "volumes is [20, 10]; the numbers of wells must increase from each to the next."),
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
    notebook.cells.append(nbformat.v4.new_code_cell("raise RuntimeError('on purpose')"))
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
            ("run 3_experiment_1 out.ipynb -p n_seeds=many", "n_seeds is 'many'"),
            ("run 3_experiment_1 out.ipynb -p n_seeds", "'n_seeds' is not of the form name=value"),
            ("run 3_experiment_1 out.ipynb -p noise=1 -p noise=2", "noise was given twice"),
            ("run 3_experiment_1 out.ipynb -p volumes=[10,", "cannot be read"),
            ("sweep nowhere.yml", "cannot be read as a sweep file"),
            ("status nowhere.yml", "cannot be read as a sweep file"),
            ("run 3_experiment_1 -p sweep_seeds=3", "there is no parameter sweep_seeds"),
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
        result = CliRunner().invoke(app, ["book"])
        assert result.exit_code == 2
        assert "not inside the book's folder" in result.output

    def test_help_teaches(self):
        for command in ("book", "run", "sweep", "status", "compare", "clean"):
            assert "Example: fewerwells" in CliRunner().invoke(app, [command, "--help"]).output
