"""What a re-runner was promised: sweeps are checked first, spread over cores, resumed, and never spoil what is stored."""

import ast
import errno
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import distributed
import nbformat
import pandas as pd
import pytest
from distributed.scheduler import KilledWorker
from typer.testing import CliRunner

from fewerwells import cli
from fewerwells.running import points, sweep_workers, sweeps
from fewerwells.running.leases import _try_to_lease, leased_cores
from fewerwells.running.parameters import ParameterError
from fewerwells.running.points import make_points, read_record, run_point, states, survey
from fewerwells.running.progress import _Bar
from fewerwells.running.reading_order import project_root
from fewerwells.running.storage import lock_of, read_rows
from fewerwells.running.sweep_files import check_sweep
from fewerwells.science.cores import usable_cores
from fewerwells.study.table import COLUMNS

ROOT = project_root(Path(__file__).parent)
CHAPTER = "03_experiment_1"

# A stand-in for a chapter: it writes a table that depends on its parameters alone, except for the column of seconds, and
# does what a test asks for through files in its folder. It takes a second instead of many, most of which would go into
# importing the package, so it writes by itself what `storage.write_table` writes.
STAND_IN = (
    f"columns = {COLUMNS}"
    + """
import csv, hashlib, io, json, os, pathlib, time

time.sleep(0.3)
folder = pathlib.Path(os.environ["FEWERWELLS_RESULTS"])
for name in ("tried", "seen"):
    (folder / name).mkdir(exist_ok=True)
(folder / "tried" / str(time.time_ns())).touch()
if (folder / "fail").exists() and noise == 3.0:
    raise RuntimeError("on purpose")
seen = {"cores": sorted(os.sched_getaffinity(0)), "from": time.time() - 0.3, "threads": os.environ.get("OMP_NUM_THREADS")}
(folder / "seen" / f"{hill_coefficient}-{noise}-{time.time_ns()}").write_text(json.dumps(seen))
text = io.StringIO()
table = csv.DictWriter(text, columns, lineterminator="\\n")
table.writeheader()
for seed in range(3):
    row = dict.fromkeys(columns, 0.25 * hill_coefficient + noise)
    row |= {"noise": noise, "epochs": epochs or 20, "engine": "fused"}
    table.writerow(row | {"arm": "scratch", "seed": seed, "seconds": time.time()})
data = text.getvalue().encode()
pathlib.Path(table_file).write_bytes(data)
record = {"sha256": hashlib.sha256(data).hexdigest(), "rows": 3}
pathlib.Path(table_file).with_suffix(".json").write_text(json.dumps(record))
"""
)


def write_stand_in(path: Path, code: str = STAND_IN) -> None:
    original = nbformat.read(ROOT / "notebooks" / f"{CHAPTER}.ipynb", as_version=4)
    (cell,) = [c for c in original.cells if "parameters" in c.metadata.get("tags", [])]
    notebook = nbformat.v4.new_notebook(
        cells=[cell, nbformat.v4.new_code_cell(code, id="stand-in")], metadata=original.metadata
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def write_book(root: Path) -> Path:
    """A book whose only chapter is the stand-in."""
    write_stand_in(root / "notebooks" / f"{CHAPTER}.ipynb")
    (root / "_toc.yml").write_text(f"root: notebooks/{CHAPTER}\nparts: []\n")
    return root


@pytest.fixture
def quick_book(tmp_path, monkeypatch, own_results):
    """The working folder is a book whose only chapter is the stand-in."""
    own_results.mkdir()
    monkeypatch.chdir(write_book(tmp_path / "book"))
    return tmp_path / "book"


GRID = {"noise": [1.0, 3.0]}
SMOKE = {"profile": "smoke"}


@dataclass(frozen=True)
class Scheduler:
    address: str
    process: subprocess.Popen


@contextmanager
def scheduler_by_hand(folder: Path):
    """A Dask scheduler, and a function that starts a worker of it: with `nthreads`, and with more in its environment."""
    file = folder / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    started: list[subprocess.Popen] = []

    def start(what: str, *words: str, **environment: str) -> subprocess.Popen:
        words = [
            sys.executable,
            "-m",
            f"distributed.cli.dask_{what}",
            "--no-dashboard",
            "--scheduler-file",
            str(file),
            *words,
        ]
        started.append(subprocess.Popen(words, env=os.environ | environment, **quiet))
        return started[-1]

    def start_worker(nthreads: int = 1, **environment: str) -> subprocess.Popen:
        words = ("--nthreads", str(nthreads), "--no-nanny", "--local-directory", str(folder))
        return start("worker", *words, **environment)

    try:
        scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0")
        while not file.exists():
            assert scheduler.poll() is None
            time.sleep(0.1)
        yield Scheduler(json.loads(file.read_text())["address"], scheduler), start_worker
    finally:
        for process in started:
            process.kill()
            process.wait()


def write_sweep(folder: Path, grid: dict = GRID, fixed: dict = SMOKE) -> Path:
    path = folder / "grid.yml"
    path.write_text(json.dumps({"chapter": CHAPTER, "fixed": fixed, "grid": grid}))
    return path


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "fewerwells.cli", *words]


def invoke(*words: str):
    return CliRunner().invoke(cli.app, list(words))


def untimed(table: pd.DataFrame) -> str:
    return table.drop(columns="seconds").to_csv(index=False)


def test_a_real_chapter_gives_its_rows_and_runs_once(own_results):
    """On the committed chapter: rows, executed notebook and record; a second call and another spelling run nothing."""
    fixed = SMOKE | {"volumes": [10], "n_seeds": 1}
    table = sweeps.sweep(CHAPTER, {"hill_coefficient": [1.0, 2.0]}, fixed, root=ROOT, workers=1)
    assert set(table["n"]) == set(table["hill_coefficient"]) == {1.0, 2.0}
    folders = [folder for folder, _ in points.stored_points(CHAPTER)]
    assert set(table["point"]) == {folder.name for folder in folders}
    for folder in folders:
        assert sorted(p.name for p in folder.iterdir()) == [
            "notebook.ipynb",
            "provenance.json",
            "rows.csv",
            "rows.json",
        ]
        record = read_record(folder)
        assert record["processor"]
        assert record["seconds"] > 0
        assert record["packages"]["numba"]
        assert re.fullmatch("[0-9a-f]{40}(-dirty)?", record["commit"] or "0" * 40)
        assert str(own_results) not in (folder / "notebook.ipynb").read_text()
    before = {folder: folder.stat().st_mtime_ns for folder in folders}
    again = sweeps.sweep(CHAPTER, {"hill_coefficient": [1, 2]}, fixed | {"n_seeds": 1, "epochs": None}, root=ROOT)
    assert {folder: folder.stat().st_mtime_ns for folder in folders} == before
    pd.testing.assert_frame_equal(table, again, check_dtype=False)


def run_here(root: Path, grid: dict = GRID, fixed: dict = SMOKE) -> pd.DataFrame:
    """A sweep in this process, one point after another, without an engine: what all others must equal."""
    plan = check_sweep(CHAPTER, grid, fixed, root)
    here = make_points(plan.chapter, plan.points)
    for point in here:
        run_point(point)
    return sweeps.collect(plan, here)


def test_rows_are_believed_where_they_tell_of_themselves_what_a_grid_asks_for(quick_book):
    table = run_here(quick_book, {"engine": ["auto"], "epochs": [None, 30], "input_error": [0.0, 0.05]})
    assert set(table["engine"]) == {"fused"}
    assert list(table["epochs"]) == [20] * 6 + [30] * 6
    assert list(table["input_error"]) == ([0.0] * 3 + [0.05] * 3) * 2, "of which these rows tell nothing"


class TestStoredPoints:
    def test_damage_is_noticed_and_run_again(self, quick_book):
        table = run_here(quick_book)
        folders = [folder for folder, _ in points.stored_points(CHAPTER)]
        damages = [("rows.csv", ""), ("rows.csv", None), ("notebook.ipynb", "{}"), ("provenance.json", "{}")]
        for name, content in damages:
            path = folders[0] / name
            path.write_text(content) if content is not None else path.unlink()
            assert read_record(folders[0]) is None
            if name != "notebook.ipynb":
                continue
            assert untimed(run_here(quick_book)) == untimed(table)
            assert all(record for _, record in points.stored_points(CHAPTER))

    def test_a_changed_notebook_makes_points_stale_and_clean_removes_them(self, quick_book):
        run_here(quick_book, {"noise": [1.0]})
        path = quick_book / "notebooks" / f"{CHAPTER}.ipynb"
        (point,) = make_points(path, [SMOKE | {"noise": 1.0}])
        assert states([point]) == ["done"]
        assert "0 removed" in invoke("clean").output
        with lock_of(point.folder):
            assert "0 removed" in invoke("clean", "--all").output, "a process was at work on it"
        write_stand_in(path, STAND_IN + "\n1 + 1")
        (point,) = make_points(path, [SMOKE | {"noise": 1.0}])
        assert states([point]) == ["stale"]
        assert "1 stale" in invoke("status").output
        (point.folder.parent / f"{point.key}.part").mkdir()
        assert [state for _, _, state in survey(path)] == ["stale", "part"]
        assert "2 would go" in invoke("clean", "--dry-run").output
        assert "2 removed" in invoke("clean").output
        assert survey(path) == []

    def test_of_a_link_only_the_link_goes(self, quick_book, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "thesis.txt").write_text("three years")
        path = quick_book / "notebooks" / f"{CHAPTER}.ipynb"
        (point,) = make_points(path, [SMOKE])
        damaged = point.folder.with_name("0123456789ab")
        damaged.mkdir(parents=True)
        unfinished = [folder.with_name(f"{folder.name}.part") for folder in (damaged, point.folder)]
        for link in (point.folder, *unfinished, point.folder.with_name("0123456789ac")):
            link.symlink_to(tmp_path / "elsewhere")
        run_point(point)
        assert states([point]) == ["done"]
        assert not point.folder.is_symlink()
        assert "3 removed" in invoke("clean").output
        assert [state for _, _, state in survey(path)] == ["done"]
        assert [file.name for file in (tmp_path / "elsewhere").iterdir()] == ["thesis.txt"]

    @pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes through /proc")
    def test_two_sweeps_over_the_same_points_run_each_once(self, quick_book, own_results):
        words = command("sweep", str(write_sweep(quick_book)), "--workers", "1")
        other = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        while not find_kernels(own_results):
            assert other.poll() is None
            time.sleep(0.02)
        here = run_here(quick_book)
        assert other.wait(120) == 0
        assert len(list((own_results / "seen").iterdir())) == 2
        collected = read_rows((own_results / "runs" / "sweeps" / "grid.csv").read_bytes())
        pd.testing.assert_frame_equal(
            collected.drop(columns="seconds"), here.drop(columns="seconds"), check_dtype=False
        )

    def test_a_full_disk_is_told_and_spoils_nothing(self, quick_book, own_results):
        """A limit on the size of files stands in for the full disk: nothing above 4 KiB can be written."""
        table = run_here(quick_book, {"noise": [1.0]})
        before = {p: p.read_bytes() for p in own_results.rglob("*") if p.is_file() and ".lock" not in p.name}
        file = write_sweep(quick_book, {"noise": [1.0, 2.0]})
        for words in (("sweep", str(file)), ("run", CHAPTER, "-p", "noise=2")):
            limited = f"ulimit -f 4; {shlex.join(command(*words))}"
            finished = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, timeout=120)
            assert finished.returncode == 1
            assert "cannot be written: File too large" in finished.stderr
            assert "Traceback" not in finished.stderr
        assert all(path.read_bytes() == data for path, data in before.items())
        assert not list((own_results / "runs" / "sweeps").rglob("*.part"))
        assert untimed(run_here(quick_book, {"noise": [1.0]})) == untimed(table)

    def test_a_disk_that_fills_up_during_a_run_leaves_nothing_of_it(self, quick_book, monkeypatch):
        def full(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

        monkeypatch.setattr(points, "_flush", full)
        result = invoke("run", CHAPTER, "-p", "noise=2")
        assert result.exit_code == 1
        assert "cannot be read or written: No space left on device" in result.output
        assert "Traceback" not in result.output
        assert survey(quick_book / "notebooks" / f"{CHAPTER}.ipynb") == []

    def test_a_results_folder_that_cannot_be_written_is_told(self, quick_book, own_results):
        own_results.rmdir()
        own_results.write_text("a file where the folder should be")  # root may write to read-only folders
        for words in (("sweep", str(write_sweep(quick_book))), ("run", CHAPTER, "-p", "noise=2")):
            result = invoke(*words)
            assert result.exit_code == 1
            assert "cannot be written: Not a directory" in result.output
        assert own_results.read_text().startswith("a file")


class TestOutput:
    def test_the_executed_notebook_goes_where_it_is_wanted_and_replaces_only_an_earlier_one(self, quick_book, tmp_path):
        wanted = tmp_path / "deep" / "mine.ipynb"
        for noise in ("1", "2"):
            assert invoke("run", CHAPTER, str(wanted), "-p", f"noise={noise}").exit_code == 0
            assert f"noise = {noise}" in wanted.read_text()

    @pytest.mark.parametrize("name", ["mine.csv", "mine.json", "deep/../mine.csv"])
    def test_a_notebook_and_a_table_that_would_overwrite_each_other_are_refused(self, name, quick_book, own_results):
        result = invoke("run", CHAPTER, name, "-p", "table_file=mine.csv")
        assert result.exit_code == 2
        assert f"the output is {name}, and so is the table or its record with table_file = mine.csv" in result.output
        assert not (own_results / "tried").exists(), "it was refused after the run"
        assert invoke("run", CHAPTER, "mine.ipynb", "-p", "table_file=mine.csv").exit_code == 0

    @pytest.mark.parametrize("name", ["thesis.txt", "own.ipynb", "notebooks/03_experiment_1.ipynb", "notebooks"])
    def test_what_no_run_has_written_is_not_overwritten(self, name, quick_book, own_results):
        (quick_book / "thesis.txt").write_text("three years")
        nbformat.write(nbformat.v4.new_notebook(), quick_book / "own.ipynb")
        path = quick_book / name
        before = path.read_bytes() if path.is_file() else None
        result = invoke("run", CHAPTER, name, "-p", "noise=2")
        assert result.exit_code == 2
        said = "there is a folder of that name" if path.is_dir() else "is not a notebook that this command has written"
        assert name in result.output
        assert said in result.output
        assert (path.read_bytes() if path.is_file() else None) == before
        assert not (own_results / "tried").exists(), "it was refused after the run"


class TestCores:
    @pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity here")
    def test_a_lease_waits_for_a_free_core_and_ends_with_its_holder(self):
        all_cores = usable_cores()
        code = "import time\nfrom fewerwells.running.leases import *\nwith leased_cores(999): print('in', flush=True); time.sleep(60)"
        holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        try:
            assert holder.stdout.readline() == "in\n"
            with ExitStack() as stack:
                assert _try_to_lease(1, stack) == []
        finally:
            holder.kill()
            holder.wait()
            holder.stdout.close()
        with leased_cores(1) as cores:
            assert cores == usable_cores()
            assert len(cores) == 1
            assert os.environ["OMP_NUM_THREADS"] == "1"
        assert usable_cores() == all_cores

    @pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a lease is a file in the temporary folder")
    def test_jobs_with_temporary_folders_of_their_own_share_the_cores(self, tmp_path):
        """As on a cluster that gives each job a `/tmp` of its own and binds no cores: both used to take core 0."""
        code = "from contextlib import ExitStack\nfrom fewerwells.running.leases import *\nfrom fewerwells.running.leases import _try_to_lease\nwith ExitStack() as stack: print(_try_to_lease(1, stack))"
        with leased_cores(999):
            other = subprocess.run(
                [sys.executable, "-c", code], env=os.environ | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True
            )
        assert other.stdout == "[]\n", other.stderr

    @pytest.mark.skipif(not hasattr(os, "getuid"), reason="users have no numbers here")
    def test_a_user_without_a_name_leases_cores(self, tmp_path, monkeypatch):
        """As in a container that is started with a number: neither the list of users nor the environment has a name."""
        for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        monkeypatch.setattr(os, "getuid", lambda: 987_654_321)
        with leased_cores(1) as cores:
            assert len(cores) == 1

    @pytest.mark.parametrize("workers", [None, 1, 2])
    @pytest.mark.parametrize("threads", [None, 1])
    def test_workers_times_threads_is_at_most_the_cores(self, workers, threads, monkeypatch):
        for cores in (2, 3, 7, 64):
            monkeypatch.setattr(sweeps, "usable_cores", lambda cores=cores: list(range(cores)))
            chosen = sweeps.check_workers(workers, threads)
            assert 1 <= chosen[0] * chosen[1] <= cores


class TestEngine:
    def test_one_failure_does_not_stop_the_others_and_its_command_repeats_it(self, quick_book, own_results):
        (own_results / "fail").touch()
        file = write_sweep(quick_book, {"noise": [3.0, 1.0]})
        result = invoke("sweep", str(file))
        assert result.exit_code == 1
        assert "RuntimeError: on purpose" in result.output
        assert "Traceback" in result.output
        assert "1 of 2 points failed; the others are stored" in result.output
        assert len(list((own_results / "tried").iterdir())) == 3, "the failing point was not tried twice"
        assert not (own_results / "runs" / "sweeps" / "grid.csv").exists()
        status = invoke("status", str(file)).output
        assert [line.split()[0] for line in status.splitlines()] == ["failed", "done"]
        (words,) = {line.strip() for line in result.output.splitlines() if line.startswith("  fewerwells run")}
        assert words == f"fewerwells run {CHAPTER} -p profile=smoke -p noise=3.0"
        (own_results / "fail").unlink()
        assert invoke(*shlex.split(words)[1:]).exit_code == 0
        assert invoke("status").output == f"{CHAPTER}: 2 done\n"
        assert invoke("sweep", str(file)).exit_code == 0
        assert len(list((own_results / "seen").iterdir())) == 2, "a point ran twice"

    def test_all_engines_give_the_same_table_and_points_share_no_core(
        self, quick_book, own_results, tmp_path, monkeypatch
    ):
        """In this process, on the embedded cluster, on a scheduler and two workers started by hand; --workers 1: above."""

        def elsewhere(name: str) -> None:
            (tmp_path / name).mkdir()
            monkeypatch.setenv("FEWERWELLS_RESULTS", str(tmp_path / name))

        grid = {"noise": [1.0, 2.0, 3.0]}
        here = untimed(run_here(quick_book, grid))
        elsewhere("embedded")
        assert untimed(sweeps.sweep(CHAPTER, grid, SMOKE)) == here
        if hasattr(os, "sched_setaffinity"):
            seen = [json.loads(path.read_text()) for path in (tmp_path / "embedded" / "seen").iterdir()]
            share = max(1, len(usable_cores()) // min(len(usable_cores()), sweeps.MAX_WORKERS))
            assert {len(one["cores"]) for one in seen} == {share}
            assert {one["threads"] for one in seen} == {str(share)}
            for one in seen:  # a point sleeps for 0.3 s, during which no other may be on its core
                others = [o for o in seen if o is not one and set(o["cores"]) & set(one["cores"])]
                assert all(abs(o["from"] - one["from"]) > 0.3 for o in others)
        elsewhere("by hand")
        with scheduler_by_hand(tmp_path) as (scheduler, start_worker):
            start_worker()
            start_worker()
            by_hand = sweeps.sweep(CHAPTER, grid, SMOKE, scheduler=scheduler.address)
        assert untimed(by_hand) == here

    def test_a_scheduler_without_workers_is_told_and_one_that_goes_away_with_what_is_left(
        self, quick_book, own_results, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(sweeps, "NOBODY_SECONDS", 1.0)
        told = []
        with scheduler_by_hand(tmp_path) as (scheduler, _):

            def say(bar, text):
                told.append(text)
                scheduler.process.kill()

            monkeypatch.setattr(_Bar, "say", say)
            with pytest.raises(sweeps.SchedulerLost, match="2 of 2 points are not done"):
                sweeps.sweep(CHAPTER, {"noise": [1.0, 2.0]}, SMOKE, scheduler=scheduler.address)
        assert len(told) == 1
        assert told[0].startswith("No worker is at")
        assert f"dask worker {scheduler.address} --nthreads 1" in told[0]

    def test_workers_with_another_book_leave_and_fail_no_point(
        self, quick_book, own_results, tmp_path, monkeypatch, capfd
    ):
        """Three come, one with changed code, one with no package and one with two threads; then one that can work."""
        monkeypatch.setattr(sweeps, "REFUSALS", 3)
        write_stand_in(quick_book / "notebooks" / f"{CHAPTER}.ipynb", STAND_IN + "\nimport fewerwells.science.units\n")
        changed, none = tmp_path / "changed", tmp_path / "none"
        shutil.copytree(ROOT / "src", changed)
        with open(changed / "fewerwells" / "science" / "units.py", "a", encoding="utf-8") as file:
            file.write("ANOTHER_VERSION = True\n")
        (none / "fewerwells").mkdir(parents=True)
        (none / "fewerwells" / "__init__.py").touch()
        with scheduler_by_hand(tmp_path) as (scheduler, start_worker):
            start_worker(PYTHONPATH=str(changed))
            start_worker(PYTHONPATH=str(none))
            start_worker(nthreads=2)
            with pytest.raises(sweeps.WorkersRefused, match="3 workers came and left again, and no point was done"):
                sweeps.sweep(CHAPTER, GRID, SMOKE, scheduler=scheduler.address)
            assert not (own_results / "tried").exists()
            told = capfd.readouterr().err
            assert told.count("leaves: it has another version of the book; install the same one everywhere.") == 1
            assert told.count("leaves: it cannot read the book") == 1
            assert told.count("leaves: it runs several tasks at once; start it with --nthreads 1.") == 1
            start_worker(nthreads=2)
            start_worker()
            table = sweeps.sweep(CHAPTER, GRID, SMOKE, scheduler=scheduler.address)
        assert list(table["noise"].unique()) == GRID["noise"]
        assert len(list((own_results / "tried").iterdir())) == len(GRID["noise"])

    def test_a_worker_that_writes_elsewhere_is_told(self, quick_book, own_results, monkeypatch):
        monkeypatch.setattr(sweeps, "SHARED_FOLDER_SECONDS", 0.5)
        (point,) = make_points(quick_book / "notebooks" / f"{CHAPTER}.ipynb", [SMOKE])
        with pytest.raises(sweeps.StorageError, match="its results folder is not the one of this sweep"):
            sweeps._wait_for(point)

    def test_a_shared_folder_may_be_slow(self, quick_book, own_results, monkeypatch):
        (point,) = make_points(quick_book / "notebooks" / f"{CHAPTER}.ipynb", [SMOKE])
        seen = iter([False, False, True])
        monkeypatch.setattr(sweeps, "is_done", lambda _: next(seen))
        sweeps._wait_for(point)
        assert sweeps.SHARED_FOLDER_SECONDS >= 60

    def test_a_point_whose_workers_died_did_not_fail_twice_and_its_report_is_kept(self, quick_book, own_results):
        (point,) = make_points(quick_book / "notebooks" / f"{CHAPTER}.ipynb", [SMOKE])
        assert not point.folder.parent.exists()
        failure = sweeps._failure(point, KilledWorker("task", None, 3), None)
        assert "Its workers died" in str(failure)
        assert "failed twice" not in str(failure)
        assert point.failure.read_text().strip() == str(failure).strip()
        assert states([point]) == ["failed"]

    def test_the_recipe_for_slurm_survives_cancelled_jobs_and_keeps_its_logs_from_git(self):
        """The rest of it is tried by tests/cluster/slurm.py, on a real one."""
        text = (ROOT / "book" / "rerun.md").read_text("utf-8")
        calls = ast.walk(ast.parse(re.search(r"```python\n(import time\n.*?)```", text, re.DOTALL).group(1)))
        named = {ast.unparse(call.func): call for call in calls if isinstance(call, ast.Call)}
        settings = ast.literal_eval(named["dask.config.set"].args[0])
        assert settings["distributed.scheduler.allowed-failures"] > 13  # so many were survived on a node
        assert settings["distributed.scheduler.worker-saturation"] == 1.0
        (logs,) = [word.value.value for word in named["SLURMCluster"].keywords if word.arg == "log_directory"]
        assert f"{logs.split('/')[0]}/" in (ROOT / ".gitignore").read_text().splitlines()

    def test_several_sweeps_at_once_give_each_its_table_and_run_a_shared_point_once(self, quick_book, own_results):
        grids = {"noise": {"noise": [1.0, 2.0]}, "n": {"hill_coefficient": [2.0, 3.0]}, "both": GRID}
        tables = sweeps.sweep_each(CHAPTER, grids, SMOKE)
        assert len(list((own_results / "tried").iterdir())) == 4, "noise = 1 stands in all three grids"
        assert list(tables) == list(grids)
        for name, grid in grids.items():
            pd.testing.assert_frame_equal(tables[name], sweeps.sweep(CHAPTER, grid, SMOKE))
        assert len(list((own_results / "tried").iterdir())) == 4, "everything was there"

    def test_several_sweeps_are_all_checked_before_one_runs(self, quick_book, own_results):
        with pytest.raises(ParameterError, match="noise"):
            sweeps.sweep_each(CHAPTER, {"good": GRID, "bad": {"noise": [-1.0, 2.0]}}, SMOKE)
        assert not (own_results / "tried").exists()

    @pytest.mark.parametrize(
        ("address", "sentence"),
        [
            ("nonsense://x", "no scheduler answers at 'nonsense://x' (unknown address scheme"),
            ("127.0.0.1", "no scheduler answers at '127.0.0.1' (missing port number"),
            (
                "tls://127.0.0.1:8786",
                "'tls://127.0.0.1:8786' speaks TLS, and Dask's configuration names no certificates",
            ),
        ],
    )
    def test_a_scheduler_that_cannot_be_reached_is_told(self, address, sentence, quick_book, own_results):
        result = invoke("sweep", str(write_sweep(quick_book)), "--scheduler", address)
        assert result.exit_code == 2
        assert sentence in result.output

    @pytest.mark.parametrize(("package", "version"), [("distributed", "2022.12.1"), ("python", "3.9.2")])
    def test_a_scheduler_with_other_versions_is_told_as_what_it_is(
        self, package, version, quick_book, own_results, monkeypatch
    ):
        """What an old one answers to the question of its versions; a client ends in a TypeError there."""
        theirs = {"host": {"python": "3.11.2"}, "packages": {"distributed": distributed.__version__}}
        theirs["host" if package == "python" else "packages"][package] = version

        async def versions(address):
            return theirs

        monkeypatch.setattr(sweep_workers, "_versions", versions)
        monkeypatch.setattr(sweep_workers.platform, "python_version", lambda: "3.11.7")
        result = invoke("sweep", str(write_sweep(quick_book)), "--scheduler", "tcp://127.0.0.1:8786")
        assert result.exit_code == 2
        assert "the scheduler at 'tcp://127.0.0.1:8786' has Python" in result.output
        assert version in result.output
        assert "from one and the same installation" in result.output


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes through /proc")
def test_a_kill_leaves_whole_points_and_the_next_sweep_goes_on(quick_book, own_results, monkeypatch, tmp_path):
    """kill -9 of a kernel, then of the sweep. Twenty kills of all three kinds: benchmarks/sweep_kills.py."""
    grid = {"noise": [1.0, 2.0, 3.0]}
    undisturbed = untimed(run_here(quick_book, grid))
    (tmp_path / "killed").mkdir()
    monkeypatch.setenv("FEWERWELLS_RESULTS", str(tmp_path / "killed"))
    words = command("sweep", str(write_sweep(quick_book, grid)), "--workers", "1")

    def started() -> tuple[subprocess.Popen, int]:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not (kernels := find_kernels(tmp_path / "killed")):
            assert process.poll() is None
            time.sleep(0.02)
        return process, kernels[0]

    process, kernel = started()
    os.kill(kernel, signal.SIGKILL)
    done: dict[str, int] = {}
    while len(done) < 2:  # the killed one is tried again, another ends; then the sweep itself goes
        stored = list(points.stored_points(CHAPTER))
        assert all(record for _, record in stored), "a half-written point looks whole"
        done = {folder.name: folder.stat().st_mtime_ns for folder, _ in stored}
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert untimed(run_here(quick_book, grid)) == undisturbed
    now = {folder.name: folder.stat().st_mtime_ns for folder, _ in points.stored_points(CHAPTER)}
    assert done.items() <= now.items(), "a finished point was lost"
    assert len(now) == 3


def find_kernels(results: Path) -> list[int]:
    """Kernels that write to this results folder, known by their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (
                    b"fewerwells.running.kernel" in (entry / "cmdline").read_bytes()
                    and bytes(results) in (entry / "environ").read_bytes()
                ):
                    found.append(int(entry.name))
            except OSError:  # it has ended
                continue
    return found
