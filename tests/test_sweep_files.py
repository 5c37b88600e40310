"""Fifty ways to get a sweep wrong, and whatever Hypothesis finds: each a sentence with its line, and nothing written."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from fewerwells import cli
from fewerwells.running.forecast import forecast
from fewerwells.running.parameters import CHAPTER_PARAMETERS, ParameterError, problems
from fewerwells.running.plain import read_value, write_value
from fewerwells.running.points import make_points, states
from fewerwells.running.published import RECOMPUTE
from fewerwells.running.reading_order import project_root
from fewerwells.running.sweep_files import check_sweep, read_sweep

ROOT = project_root(Path(__file__).parent)
GOOD = "chapter: 03_experiment_1\n"

BAD_FILES = [
    ("", 1, "a sweep file holds lines of the form name: value"),
    ("just words\n", 1, "a sweep file holds lines"),
    ("- 1\n- 2\n", 1, "a sweep file holds lines"),
    ("chapter: [\n", 2, "this is not YAML"),
    ("chapter: 'x\n", 2, "this is not YAML"),
    ("\tchapter: x\n", 1, "this is not YAML"),
    ("a: 1\n---\nb: 2\n", 2, "this is not YAML"),
    ("chapter: !!python/object/apply:os.system ['touch pwned']\n", 1, "this is not YAML"),
    ("chapter: !!python/name:os.system\n", 1, "this is not YAML"),
    ("a: &a [1]\nb: [*a, *a]\n", 2, "aliases (*name) are not allowed"),
    ("a: &a [*a]\n", 1, "aliases (*name) are not allowed"),
    (GOOD, 1, "grid is missing."),
    ("grid: {noise: [1.0]}\n", 1, "chapter is missing."),
    (GOOD + "gird: {noise: [1.0]}\n", 2, "has no 'gird'; did you mean grid?"),
    (GOOD + "grid: {noise: [1.0]}\nworkers: 2\n", 3, "has no 'workers'"),
    (GOOD + "grid:\n", 2, "grid is None; it must hold at least one line"),
    (GOOD + "grid: {}\n", 2, "grid is {}; it must hold at least one line"),
    (GOOD + "grid: [noise]\n", 2, "grid is ['noise']; it must hold"),
    (GOOD + "fixed: 3\ngrid: {noise: [1.0]}\n", 2, "fixed is 3; it must hold lines"),
    (GOOD + "fixed: [1]\ngrid: {noise: [1.0]}\n", 2, "fixed is [1]; it must hold lines"),
    (GOOD + "grid:\n  1: [1.0]\n", 2, "1 cannot be the name of a parameter"),
    (GOOD + GOOD + "grid: {noise: [1.0]}\n", 2, "'chapter' stands there twice."),
    (GOOD + "grid:\n  noise: [1.0]\n  noise: [2.0]\n", 4, "'noise' stands there twice."),
    ("chapter: 7\ngrid: {noise: [1.0]}\n", 1, "chapter is 7; it must be the name of a chapter."),
    ("chapter: 3_experiment\ngrid: {noise: [1.0]}\n", 1, "did you mean 03_experiment_1?"),
    ("chapter: ../03_experiment_1\ngrid: {noise: [1.0]}\n", 1, "there is no chapter '../03_experiment_1'"),
    ("chapter: /etc/passwd\ngrid: {noise: [1.0]}\n", 1, "there is no chapter '/etc/passwd'"),
    ("chapter: notebooks/03_experiment_1.ipynb\ngrid: {noise: [1.0]}\n", 1, "there is no chapter"),
    ("chapter: 09_sweeps\ngrid: {profile: [smoke]}\n", 1, "makes no table of rows; choose one of 03_experiment_1"),
    (GOOD + "grid:\n  nois: [1.0]\n", 3, "there is no parameter nois; did you mean noise?"),
    (GOOD + "fixed:\n  n_seed: 3\ngrid: {noise: [1.0]}\n", 3, "did you mean n_seeds?"),
    (GOOD + "fixed:\n  volume: 3\ngrid: {noise: [1.0]}\n", 3, "did you mean volumes?"),
    (GOOD + "grid:\n  ../../x: [1.0]\n", 3, "there is no parameter ../../x"),
    (GOOD + "grid:\n  table_file: [../../x.csv]\n", 3, "table_file cannot be set in a sweep"),
    (GOOD + "fixed:\n  table_file: /tmp/x.csv\ngrid: {noise: [1.0]}\n", 3, "table_file cannot be set in a sweep"),
    (GOOD + "grid:\n  noise: []\n", 3, "the grid of noise is empty; it needs at least one value."),
    (GOOD + "grid:\n  noise: 1.0\n", 3, "the grid of noise is 1.0; it must be a list, for example [1.0]."),
    (GOOD + "grid:\n  noise: {a: 1}\n", 3, "the grid of noise is {'a': 1}; it must be a list"),
    (GOOD + "grid:\n  noise: [1.0,\n    -1.0]\n", 4, "noise is -1.0; it must be greater than or equal to 0."),
    (GOOD + "grid:\n  noise: [.nan]\n", 3, "noise is nan"),
    (GOOD + "grid:\n  noise: [.inf]\n", 3, "noise is inf"),
    (GOOD + "grid:\n  noise: [one]\n", 3, "noise is 'one'; it must be a valid number."),
    (GOOD + "grid:\n  noise: ['1.0']\n", 3, "noise is '1.0'; it must be a valid number."),
    (GOOD + "grid:\n  n_seeds: [2.5]\n", 3, "n_seeds is 2.5; it must be a valid integer."),
    (GOOD + "grid:\n  n_seeds: [true]\n", 3, "n_seeds is True; it must be a valid integer."),
    (GOOD + "grid:\n  n_seeds: [12:30]\n", 3, "n_seeds is '12:30'; it must be a valid integer."),
    (GOOD + "grid:\n  loss: [l1, no]\n", 3, 'loss is \'no\'; it must be "l1" or "l2".'),
    (GOOD + "grid:\n  volumes: [10, 20]\n", 3, "volumes is 10; it must be a valid list."),
    (GOOD + "grid:\n  volumes: [[20, 10]]\n", 3, "must increase"),
    (GOOD + "grid:\n  profile: [smoke, enormous]\n", 3, "profile is 'enormous'"),
    (GOOD + "fixed:\n  epochs: 3\ngrid: {noise: [1.0]}\n", 3, "epochs is 3; it must be greater than or equal to 10."),
    (GOOD + "fixed: {noise: 1.0}\ngrid:\n  noise: [1.0]\n", 4, "noise is both fixed and in the grid"),
    (GOOD + "grid:\n  noise: [1.0, 1]\n", 2, "the same point twice: noise = 1 and noise = 1.0."),
    (GOOD + "grid:\n  n_seeds: [50, null]\n", 2, "the same point twice: n_seeds = null and n_seeds = 50."),
    (GOOD + f"grid:\n  noise: {list(range(1000))}\n  first_seed: {list(range(1000))}\n", 2, "has 1,000,000 points"),
    ("chapter: ''\ngrid: {noise: [1.0]}\n", 1, "there is no chapter ''"),
    (GOOD + "grid:\n  noise: [!!set {a}]\n", 3, "this is not YAML: !!set is no plain value."),
    (GOOD + "grid:\n  noise: !!set {a}\n", 3, "this is not YAML: !!set is no plain value."),
    (GOOD + "grid:\n  noise: [!!timestamp 2020-01-01]\n", 3, "!!timestamp is no plain value."),
    (GOOD + "grid:\n  noise: [!!binary aGk=]\n", 3, "!!binary is no plain value."),
    (GOOD + "grid:\n  noise: [!!omap [a: 1]]\n", 3, "!!omap is no plain value."),
    (GOOD + "grid:\n  noise: [!mine 1]\n", 3, "!mine is no plain value."),
    (GOOD + "grid:\n  noise: [!!bool maybe]\n", 1, "this is not YAML"),
    (GOOD + "grid:\n  noise: [!!int '']\n", 1, "this is not YAML"),
    ("chapter: 04_experiment_2\nfixed: {phosphorylation: false}\ngrid:\n  hill_coefficients: [[1.0], []]\n", 3, "at least one target"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "words"), BAD_FILES)
def test_a_bad_file_is_refused_with_its_line(text, line, words, tmp_path, own_results, monkeypatch):
    monkeypatch.chdir(ROOT)
    path = tmp_path / "bad.yml"
    path.write_text(text)
    result = CliRunner().invoke(cli.app, ["sweep", str(path)])
    assert result.exit_code == 2
    assert f"{path}:{line}: " in result.output
    assert words in result.output
    assert "Traceback" not in result.output
    assert [p.name for p in tmp_path.iterdir()] == ["bad.yml"]


@pytest.mark.parametrize(
    ("chapter", "fixed", "grid"),
    [
        ("13_which_wells", {"n_seeds": 10}, {"design_seeds": [5, 10]}),
        (
            "04_experiment_2",
            {"hill_coefficients": [], "phosphorylation": False},
            {"outside_family": [["input_depletion"]]},
        ),
        ("12_a_thousand_circuits", {"n_seeds": 100}, {"few_seeds": [60]}),
    ],
)
def test_lines_that_only_together_make_sense_are_accepted(chapter, fixed, grid):
    """With the profile's other values `fixed` by itself, or a value of the grid by itself, would contradict them."""
    model = CHAPTER_PARAMETERS[chapter]
    assert problems(fixed, model) or any(problems({name: values[0]}, model) for name, values in grid.items())
    assert not problems(fixed | {name: values[0] for name, values in grid.items()}, model)
    assert check_sweep(chapter, grid, fixed, ROOT)


def test_all_mistakes_are_told_at_once_in_the_order_of_lines(tmp_path):
    path = tmp_path / "bad.yml"
    path.write_text(GOOD + "fixed:\n  n_seed: 1\n  epochs: 1\ngrid:\n  noise: [-1.0, 1.0, two]\n  loss: []\n")
    with pytest.raises(ParameterError) as refused:
        read_sweep(path, ROOT)
    lines = [int(re.match(r".*?:(\d+): ", line).group(1)) for line in str(refused.value).splitlines()]
    assert lines == [3, 4, 6, 6, 7]


@pytest.mark.parametrize("path", [Path("nowhere.yml"), ROOT, ROOT / "results" / "answer.svg"])
def test_what_is_no_file_is_refused(path):
    with pytest.raises(ParameterError):
        read_sweep(path, ROOT)


def test_a_file_that_is_too_long_is_refused(tmp_path):
    (tmp_path / "long.yml").write_text("#" * 2_000_000)
    with pytest.raises(ParameterError, match="is too long"):
        read_sweep(tmp_path / "long.yml", ROOT)


def test_numbers_mean_what_they_say(tmp_path):
    path = tmp_path / "good.yml"
    path.write_text(GOOD + "fixed: {n_seeds: 3}\ngrid: {learning_rate: [1e-3, 3.e-4], noise: [1, 0.5], loss: [l2]}\n")
    plan = read_sweep(path, ROOT)
    assert plan.points[0] == {"n_seeds": 3, "learning_rate": 1e-3, "noise": 1, "loss": "l2"}
    assert [(p["learning_rate"], p["noise"]) for p in plan.points] == [(1e-3, 1), (1e-3, 0.5), (3e-4, 1), (3e-4, 0.5)]


@pytest.mark.parametrize("path", sorted((ROOT / "sweeps").glob("*.yml")), ids=lambda path: path.stem)
def test_published_sweep_files_are_valid_and_of_paper_size(path):
    assert all(point["profile"] == "paper" for point in read_sweep(path, ROOT).points)


words = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=8)


def test_the_sweeps_page_shows_the_published_sweep_files():
    """At paper size the page runs what the files say, so that either finds the other's points done."""
    paper = CHAPTER_PARAMETERS["09_sweeps"]()
    files = {path.stem: read_sweep(path, ROOT) for path in (ROOT / "sweeps").glob("*.yml")}
    assert {name: plan.grid for name, plan in files.items()} == {
        "n_by_noise": {"hill_coefficient": paper.sweep_hill_coefficients, "noise": paper.sweep_noises},
        "batch_size": {"batch_size": paper.sweep_batch_sizes},
        "learning_rate": {"learning_rate": paper.sweep_learning_rates},
        "loss": {"loss": paper.sweep_losses},
        "input_scaling": {"input_scaling": paper.sweep_input_scalings},
        "pretraining_share": {"pretraining_share": paper.sweep_pretraining_shares},
        "fine_tuning_rate": {"fine_tuning_rate": paper.sweep_fine_tuning_rates},
        "theta_mismatch": {"theta_mismatch": paper.sweep_mismatches},
        "eta_mismatch": {"eta_mismatch": paper.sweep_mismatches},
        "proportional_noise": {"proportional_noise": paper.sweep_proportional_noises},
        "input_error": {"input_error": paper.sweep_input_errors},
    }
    fixed = {"profile": "paper", "n_seeds": paper.sweep_seeds, "volumes": paper.sweep_volumes}
    assert all(plan.fixed == fixed for plan in files.values())


plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), words),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


@given(plain)
@settings(max_examples=200)
def test_a_value_written_on_a_command_line_reads_back(value):
    assert read_value(write_value(value)) == value


@given(st.one_of(st.text(max_size=80), st.binary(max_size=80)))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_as_a_sweep_file_are_refused_in_words(tmp_path, content):
    path = tmp_path / "s.yml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "replace"))
    with pytest.raises(ParameterError):
        read_sweep(path, ROOT)


def test_a_zero_with_a_sign_is_the_same_point():
    with pytest.raises(ParameterError, match=r"holds the same point twice: noise = 0.0 and noise = -0.0"):
        check_sweep("03_experiment_1", {"noise": [-0.0, 0.0]}, None, ROOT)
    chapter = ROOT / "notebooks" / "03_experiment_1.ipynb"
    assert len({point.key for point in make_points(chapter, [{"noise": 0.0}, {"noise": -0.0}, {"noise": 0}])}) == 1


def test_a_grid_from_python_takes_what_stands_for_a_list():
    grid = {"noise": np.array([1.0, 2.0]), "n_seeds": range(2, 4), "volumes": ((10, 20), np.array([10, 50]))}
    plan = check_sweep("03_experiment_1", grid, {"first_seed": np.int64(5)}, ROOT)
    assert plan.grid == {"noise": [1.0, 2.0], "n_seeds": [2, 3], "volumes": [[10, 20], [10, 50]]}
    assert plan.fixed == {"first_seed": 5}
    assert all(type(value) is int for value in (*plan.grid["n_seeds"], plan.fixed["first_seed"]))
    assert len(make_points(plan.chapter, plan.points)) == 8


@pytest.mark.parametrize(
    "values", [{1.0, 2.0}, np.array(1.0), object(), (x for x in (1.0,)), "1.0", b"x", np.array([b"x"])]
)
def test_a_grid_from_python_that_is_no_list_is_refused_in_words(values):
    with pytest.raises(ParameterError, match="noise"):
        check_sweep("03_experiment_1", {"noise": values}, None, ROOT)


names = st.sampled_from([*CHAPTER_PARAMETERS["03_experiment_1"].model_fields, "nois", "", "../x"])
good = st.sampled_from([1.0, 2, "smoke", "l1", "auto", [10, 20]])


@given(
    st.sampled_from(["03_experiment_1", "04_experiment_2", "06_verdicts", "x"]),
    st.dictionaries(names, st.one_of(plain, st.lists(st.one_of(plain, good), max_size=3)), max_size=3),
    st.dictionaries(names, st.one_of(plain, good), max_size=2),
)
@settings(max_examples=150)
def test_any_grid_is_accepted_or_refused_in_words(chapter, grid, fixed):
    """Whatever is thrown at a sweep, the answer is a checked plan or sentences, never another exception."""
    try:
        plan = check_sweep(chapter, grid, fixed, ROOT)
    except ParameterError as refused:
        assert str(refused).endswith((".", "?"))  # noqa: PT017 - both outcomes are right
    else:
        assert plan.points


def test_a_dry_run_of_a_chapter_that_tells_no_cost_lists_its_points(tmp_path, own_results, monkeypatch):
    monkeypatch.chdir(ROOT)
    (tmp_path / "sweep.yml").write_text("chapter: 15_measured_wells\ngrid: {n_subsamples: [10, 20]}\n")
    result = CliRunner().invoke(cli.app, ["sweep", str(tmp_path / "sweep.yml"), "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "missing  n_subsamples = 10\n" in result.output
    assert "What a point of this chapter costs is not known" in result.output


def test_a_dry_run_counts_what_would_be_trained_and_runs_nothing(own_results, monkeypatch):
    """Pre-training is shared by all points; each has its own fine-tuning, scratch and oracle."""
    monkeypatch.setenv(RECOMPUTE, "1")  # published rows would not be trained
    monkeypatch.chdir(ROOT)
    plan = read_sweep(ROOT / "sweeps" / "n_by_noise.yml")
    points = make_points(plan.chapter, plan.points)
    cost = forecast(points, workers=2)
    volumes = sum(plan.fixed["volumes"])
    assert cost.total == 10 * (1800 * 40_000 + 15 * (2200 * volumes + 2000 * 20_000))
    assert cost.sample_steps == [10 * (1800 * 40_000 + 2200 * volumes + 2000 * 20_000)] * 15
    assert cost.seconds > cost.total / cost.rate > 0
    assert states(points) == ["missing"] * 15
    path = own_results.with_name("one.yml")
    path.write_text(GOOD + "fixed: {profile: smoke}\ngrid: {noise: [1.0, 2.0]}\n")
    said = CliRunner().invoke(cli.app, ["sweep", str(path), "--dry-run"]).output
    assert "03_experiment_1: 2 points, 0 of them done" in said
    assert "missing  noise = 2.0: " in said
    assert re.search("This machine trains .* million sample-steps a second: about ", said)
    assert not own_results.exists()


BAD_COMMANDS = [
    ("run 9_nothing", "there is no chapter '9_nothing'"),
    ("run 03_experiment_1 -p n_seeds", "'n_seeds' is not of the form name=value"),
    ("run 03_experiment_1 -p =3", "'=3' is not of the form name=value"),
    ("run 03_experiment_1 -p n_seeds=many", "n_seeds is 'many'; it must be a valid integer"),
    ("run 03_experiment_1 -p n_seeds=0", "n_seeds is 0"),
    ("run 03_experiment_1 -p n_seed=3", "did you mean n_seeds?"),
    ("run 03_experiment_1 -p noise=1 -p noise=2", "noise was given twice"),
    ("run 03_experiment_1 -p volumes=[10,", "cannot be read"),
    ("run 03_experiment_1 -p volumes=*a", "cannot be read"),
    ("run 03_experiment_1 -p engine=!!python/name:os.system", "cannot be read"),
    ("run 03_experiment_1 -p engine=!!binary\\ aGk=", "cannot be read"),
    ("run 03_experiment_1 -p n_seeds=!!bool\\ maybe", "cannot be read"),
    ("run 03_experiment_1 -p table_file=mine.json", "table_file is 'mine.json'; its name must end in .csv."),
    ("run 03_experiment_1 -p table_file=.", "table_file is '.'; its name must end in .csv."),
    ("run 06_verdicts -p table_file=x.csv", "there is no parameter table_file"),
    ("run ''", "there is no chapter ''"),
    ("run tests/03_experiment_1.ipynb", "there is no chapter 'tests/03_experiment_1.ipynb'"),
    ("run 02_problem -p volumes=[10]", "there is no parameter volumes"),
    ("status nowhere.yml", "cannot be read as a sweep file: No such file"),
    ("sweep .", "cannot be read as a sweep file: Is a directory"),
    ("sweep sweeps/n_by_noise.yml --workers 0", "workers is 0; it must be at least 1"),
    ("sweep sweeps/n_by_noise.yml --threads -1", "threads is -1; it must be at least 1"),
    ("sweep sweeps/n_by_noise.yml --workers 1000", "1000 workers with 1 threads each were asked for"),
    ("sweep sweeps/n_by_noise.yml --workers 2 --scheduler tcp://x:1", "workers cannot be chosen for a scheduler"),
]


@pytest.mark.parametrize(("words", "said"), BAD_COMMANDS)
def test_a_bad_command_is_refused(words, said, own_results, monkeypatch):
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(cli.app, shlex.split(words))
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output
    assert not own_results.exists()
