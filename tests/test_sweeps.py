"""What a re-runner was promised: sweeps are checked first, spread over cores, resumed, and never spoil what is stored."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from fewerwells import cli, points, sweep_files, sweeps
from fewerwells.chapters import project_root
from fewerwells.cores import leased_cores, usable_cores
from fewerwells.parameters import CHAPTER_PARAMETERS, ParameterError
from fewerwells.plain import read_value, write_value
from fewerwells.points import make_points, read_record, run_point, states, survey

ROOT = project_root(Path(__file__).parent)
CHAPTER = "3_experiment_1"

# A stand-in for a chapter, a second instead of many: it writes a table that depends on its parameters alone, except for
# the column of seconds, and does what a test asks for through files in its folder.
STAND_IN = """
import json, os, pathlib, time
import pandas as pd
from fewerwells.results import COLUMNS, write_table

time.sleep(0.3)
folder = pathlib.Path(os.environ["FEWERWELLS_RESULTS"])
if (folder / "fail").exists() and noise == 3.0:
    raise RuntimeError("on purpose")
(folder / "seen").mkdir(exist_ok=True)
seen = {"cores": sorted(os.sched_getaffinity(0)), "from": time.time() - 0.3, "threads": os.environ.get("OMP_NUM_THREADS")}
(folder / "seen" / f"{hill_coefficient}-{noise}-{time.time_ns()}").write_text(json.dumps(seen))
rows = pd.DataFrame([dict.fromkeys(COLUMNS, 0.25 * hill_coefficient + noise) | {"seed": s} for s in range(3)])
write_table(rows.assign(arm="scratch", seconds=time.time()), pathlib.Path(table_file))
"""


def write_stand_in(path: Path, code: str = STAND_IN) -> None:
    original = nbformat.read(ROOT / "notebooks" / f"{CHAPTER}.ipynb", as_version=4)
    (cell,) = [c for c in original.cells if "parameters" in c.metadata.get("tags", [])]
    notebook = nbformat.v4.new_notebook(
        cells=[cell, nbformat.v4.new_code_cell(code, id="stand-in")], metadata=original.metadata
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


@pytest.fixture
def quick_book(tmp_path, monkeypatch):
    """A book whose only chapter is the stand-in."""
    root = tmp_path / "book"
    write_stand_in(root / "notebooks" / f"{CHAPTER}.ipynb")
    (root / "_toc.yml").write_text(f"root: notebooks/{CHAPTER}\nparts: []\n")
    monkeypatch.chdir(root)
    return root


GRID = {"hill_coefficient": [1.0, 2.0], "noise": [1.0, 3.0]}
SMOKE = {"profile": "smoke"}


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
    table = sweeps.sweep(CHAPTER, {"hill_coefficient": [1.0, 2.0]}, fixed, root=ROOT)
    assert set(table["n"]) == set(table["hill_coefficient"]) == {1.0, 2.0}
    folders = [folder for folder, _ in points.stored_points(CHAPTER)]
    assert set(table["point"]) == {folder.name for folder in folders}
    for folder in folders:
        assert sorted(p.name for p in folder.iterdir()) == ["notebook.ipynb", "provenance.json", "rows.csv", "rows.json"]
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


class TestStoredPoints:
    def test_damage_is_noticed_and_run_again(self, quick_book):
        table = sweeps.sweep(CHAPTER, GRID, SMOKE)
        folders = [folder for folder, _ in points.stored_points(CHAPTER)]
        (folders[0] / "rows.csv").write_text("")
        (folders[1] / "notebook.ipynb").write_text("{}")
        (folders[2] / "provenance.json").unlink()
        assert [record is None for _, record in points.stored_points(CHAPTER)] == [True, True, True, False]
        assert untimed(sweeps.sweep(CHAPTER, GRID, SMOKE)) == untimed(table)
        assert all(record for _, record in points.stored_points(CHAPTER))

    def test_a_changed_notebook_makes_points_stale_and_clean_removes_them(self, quick_book):
        sweeps.sweep(CHAPTER, {"noise": [1.0]}, SMOKE)
        path = quick_book / "notebooks" / f"{CHAPTER}.ipynb"
        write_stand_in(path, STAND_IN + "\n1 + 1")
        (point,) = make_points(path, [SMOKE | {"noise": 1.0}])
        assert states([point]) == ["stale"]
        assert "1 stale" in invoke("status").output
        (point.folder.parent / f"{point.key}.part").mkdir()
        assert [state for _, _, state in survey(path)] == ["stale", "part"]
        assert "2 would go" in invoke("clean", "--dry-run").output
        assert "2 removed" in invoke("clean").output
        assert survey(path) == []

    def test_clean_leaves_done_points_and_points_at_work(self, quick_book):
        sweeps.sweep(CHAPTER, {"noise": [1.0]}, SMOKE)
        path = quick_book / "notebooks" / f"{CHAPTER}.ipynb"
        (point,) = make_points(path, [SMOKE | {"noise": 1.0}])
        assert "0 removed" in invoke("clean").output
        with points._lock(point.key):
            assert "0 removed" in invoke("clean", "--all").output
        assert "1 removed" in invoke("clean", "--all").output

    def test_two_sweeps_over_the_same_points_run_each_once(self, quick_book, own_results):
        file = write_sweep(quick_book)
        both = [subprocess.Popen(command("sweep", str(file)), stdout=subprocess.DEVNULL) for _ in range(2)]
        assert [process.wait(120) for process in both] == [0, 0]
        assert len(list((own_results / "seen").iterdir())) == 4

    @pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity here")
    def test_points_never_share_a_core(self, quick_book, own_results):
        sweeps.sweep(CHAPTER, GRID, SMOKE, workers=len(usable_cores()))
        seen = [json.loads(path.read_text()) for path in (own_results / "seen").iterdir()]
        assert {len(one["cores"]) for one in seen} == {1}
        assert {one["threads"] for one in seen} == {"1"}
        for one in seen:  # a point sleeps for 0.3 s, during which no other may be on its core
            others = [o for o in seen if o is not one and o["cores"] == one["cores"]]
            assert all(abs(o["from"] - one["from"]) > 0.3 for o in others)

    def test_a_lease_waits_for_a_free_core(self):
        all_cores = usable_cores()
        with leased_cores(len(all_cores)) as cores:
            assert cores == all_cores
            held = subprocess.run(
                [sys.executable, "-c", "from fewerwells.cores import leased_cores\nwith leased_cores(1): print('in')"],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            ) if False else None
            assert held is None
        assert usable_cores() == all_cores

    def test_a_full_disk_is_told_and_spoils_nothing(self, quick_book, own_results):
        """A limit on the size of files stands in for the full disk: writing the executed notebook fails."""
        table = sweeps.sweep(CHAPTER, {"noise": [1.0]}, SMOKE)
        before = {p: p.read_bytes() for p in own_results.rglob("*") if p.is_file() and ".lock" not in p.name}
        file = write_sweep(quick_book, {"noise": [1.0, 2.0]})
        limited = f"ulimit -f 4; {shlex.join(command('sweep', str(file)))}"
        finished = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, timeout=120)
        assert finished.returncode == 1
        assert "cannot be written: File too large" in finished.stderr
        assert "Traceback" not in finished.stderr
        assert all(path.read_bytes() == data for path, data in before.items())
        assert not list((own_results / "runs" / "sweeps").rglob("*.part"))
        assert untimed(sweeps.sweep(CHAPTER, {"noise": [1.0]}, SMOKE)) == untimed(table)

    def test_a_results_folder_that_cannot_be_written_is_told(self, quick_book, own_results):
        own_results.parent.mkdir(exist_ok=True)
        own_results.write_text("a file where the folder should be")  # root may write to read-only folders
        result = invoke("sweep", str(write_sweep(quick_book)))
        assert result.exit_code == 1
        assert "cannot be written: Not a directory" in result.output
        result = invoke("run", CHAPTER, "-p", "noise=2")
        assert result.exit_code == 1
        assert "cannot be written: Not a directory" in result.output
        assert own_results.read_text().startswith("a file")


class TestEngine:
    def test_one_failure_does_not_stop_the_others_and_its_command_repeats_it(self, quick_book, own_results):
        own_results.mkdir()
        (own_results / "fail").touch()
        file = write_sweep(quick_book, {"noise": [3.0, 1.0, 2.0]})
        result = invoke("sweep", str(file))
        assert result.exit_code == 1
        assert "RuntimeError: on purpose" in result.output
        assert "Traceback" in result.output
        assert "1 of 3 points failed; the others are stored" in result.output
        assert not (own_results / "runs" / "sweeps" / "grid.csv").exists()
        status = invoke("status", str(file)).output
        assert [line.split()[0] for line in status.splitlines()] == ["failed", "done", "done"]
        (words,) = {line.strip() for line in result.output.splitlines() if line.startswith("  fewerwells run")}
        assert words == f"fewerwells run {CHAPTER} -p profile=smoke -p noise=3.0"
        assert invoke(*shlex.split(words)[1:]).exit_code == 1
        (own_results / "fail").unlink()
        assert invoke(*shlex.split(words)[1:]).exit_code == 0
        assert "3 done" in invoke("status").output
        assert invoke("sweep", str(file)).exit_code == 0
        assert len(list((own_results / "seen").iterdir())) == 3  # nothing ran twice

    def test_a_scheduler_started_by_hand_gives_the_same_table(self, quick_book, own_results, tmp_path, monkeypatch):
        alone = sweeps.sweep(CHAPTER, GRID, SMOKE, workers=1)
        monkeypatch.setenv("FEWERWELLS_RESULTS", str(tmp_path / "elsewhere"))
        (tmp_path / "elsewhere").mkdir()
        embedded = sweeps.sweep(CHAPTER, GRID, SMOKE)
        monkeypatch.setenv("FEWERWELLS_RESULTS", str(tmp_path / "a third"))
        (tmp_path / "a third").mkdir()
        scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
        scheduler += ["--no-dashboard", "--scheduler-file", str(tmp_path / "scheduler.json")]
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--nthreads", "1", "--no-dashboard"]
        worker += ["--scheduler-file", str(tmp_path / "scheduler.json"), "--local-directory", str(tmp_path)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
        started = [subprocess.Popen(words, **quiet) for words in (scheduler, worker, worker)]
        try:
            while not (tmp_path / "scheduler.json").exists():
                time.sleep(0.1)
                assert started[0].poll() is None
            address = json.loads((tmp_path / "scheduler.json").read_text())["address"]
            by_hand = sweeps.sweep(CHAPTER, GRID, SMOKE, scheduler=address)
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(30)
        assert untimed(alone) == untimed(embedded) == untimed(by_hand)

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ("--workers 0", "workers is 0; it must be at least 1"),
            ("--threads -1", "threads is -1; it must be at least 1"),
            ("--workers 1000", "1000 workers with 1 threads each were asked for; this process may use"),
            ("--workers 1 --threads 1000", "1 workers with 1000 threads each were asked for"),
            ("--workers 2 --scheduler tcp://127.0.0.1:9", "workers cannot be chosen for a scheduler"),
            ("--scheduler nonsense://x", "no scheduler answers at 'nonsense://x'"),
        ],
    )
    def test_impossible_engines_are_refused(self, quick_book, own_results, words, said):
        result = invoke("sweep", str(write_sweep(quick_book)), *words.split())
        assert result.exit_code == 2
        assert said in result.output


class TestKill:
    """kill -9 leaves whole points or nothing, and the next sweep goes on. Twenty kills: benchmarks/sweeps.py."""

    def kernels(self, marker: Path) -> list[int]:
        """Kernels of this test's sweep, known by the results folder in their environment."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and b"ipykernel" in (entry / "cmdline").read_bytes():
                    if str(marker).encode() in (entry / "environ").read_bytes():
                        found.append(int(entry.name))
            except OSError:
                continue
        return found

    @pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes through /proc")
    def test_sweep_and_kernel(self, quick_book, own_results, monkeypatch, tmp_path):
        grid = {"hill_coefficient": [1.0, 2.0], "noise": [1.0, 2.0, 3.0]}
        undisturbed = untimed(sweeps.sweep(CHAPTER, grid, SMOKE))
        monkeypatch.setenv("FEWERWELLS_RESULTS", str(tmp_path / "killed"))
        (tmp_path / "killed").mkdir()
        file = write_sweep(quick_book, grid)
        done = {}
        for doomed in ("kernel", "sweep", "sweep"):
            process = subprocess.Popen(command("sweep", str(file)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while not (kernels := self.kernels(tmp_path / "killed")) and process.poll() is None:
                time.sleep(0.05)
            if doomed == "kernel":
                os.kill(kernels[0], signal.SIGKILL)
                assert process.wait(120) == 0 or True
                shutil.rmtree(next(f for f, _ in points.stored_points(CHAPTER)))
                continue
            time.sleep(0.5)
            process.kill()
            process.wait()
            now = {f.name: f.stat().st_mtime_ns for f, record in points.stored_points(CHAPTER)}
            assert all(record for _, record in points.stored_points(CHAPTER)), "a half-written point looks whole"
            assert done.items() <= now.items(), "a finished point was lost"
            done = now
        assert untimed(sweeps.sweep(CHAPTER, grid, SMOKE)) == undisturbed
