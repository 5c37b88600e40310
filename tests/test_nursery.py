"""A kernel that was forked is a kernel like any other: alone, obedient, gone when it should be."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import nbformat
import psutil
import pytest
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import DeadKernelError
from papermill import PapermillExecutionError

from fewerwells.running.chapters import execute
from fewerwells.running.kernel import about
from fewerwells.running.nursery import CAN_FORK, Nursery
from fewerwells.science.cores import usable_cores

forks = pytest.mark.skipif(not CAN_FORK, reason="kernels are forked on Linux only")
MODULES = ("colorsys",)  # by which a forked kernel is known


def notebook(folder, *cells):
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = folder / "one.ipynb"
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells], metadata=metadata), path
    )
    return path


def said(path):
    """What the cells of an executed notebook have printed."""
    cells = nbformat.read(path, as_version=4).cells
    return "".join(
        output.text for cell in cells for output in cell.get("outputs", []) if output.output_type == "stream"
    )


def told(path):
    return json.loads(said(path))


@pytest.fixture(scope="module")
def nursery():
    with Nursery({"OMP_NUM_THREADS": "1"}, MODULES) as nursery:
        yield nursery


STATE = "import json, os, sys; print(json.dumps({words}))"


def look(words, folder, nursery=None):
    execute(notebook(folder, STATE.format(words=words)), folder / "done.ipynb", {}, nursery=nursery)
    return told(folder / "done.ipynb")


@forks
def test_it_is_what_a_kernel_started_afresh_is_but_for_what_was_imported(nursery, tmp_path, monkeypatch):
    monkeypatch.setenv("FEWERWELLS_SOMETHING", "said later")
    words = (
        "[sys.executable, sys.path, os.getcwd(), get_ipython().kernel is not None, __name__, "
        "{k: v for k, v in os.environ.items() if not k.startswith(('JPY', 'OMP'))}]"
    )
    assert look(words, tmp_path, nursery) == look(words, tmp_path)
    assert look("['colorsys' in sys.modules, os.environ.get('OMP_NUM_THREADS')]", tmp_path, nursery) == [True, "1"]
    assert look("'colorsys' in sys.modules", tmp_path) is False


@forks
@pytest.mark.parametrize("cores", [usable_cores(), usable_cores()[:1]])
def test_it_keeps_to_the_cores_of_whoever_asks_for_it(nursery, tmp_path, cores):
    def ask():  # in a thread of its own, as a build does: cores are a thread's, and some tests leave this one a loop
        os.sched_setaffinity(0, cores)
        with closing(ensure_event_loop()):
            return look("sorted(os.sched_getaffinity(0))", tmp_path, nursery)

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(ask).result() == cores


@forks
def test_it_notes_what_it_is_and_reads_as_any_kernel_does(nursery, tmp_path):
    (tmp_path / "wells.txt").write_text("96")
    run = execute(notebook(tmp_path, "open('wells.txt').read()"), tmp_path / "done.ipynb", {}, nursery=nursery)
    assert run.about == about()
    assert list(run.reads) == ["wells.txt"]


@forks
def test_no_kernel_sees_what_another_did(nursery, tmp_path):
    spoil = "import json, colorsys; colorsys.spoilt = True; json.wells = 96; import os; os.environ['SPOILT'] = '1'"
    execute(notebook(tmp_path, spoil), tmp_path / "done.ipynb", {}, nursery=nursery)
    words = "[hasattr(sys.modules['colorsys'], 'spoilt'), hasattr(json, 'wells'), 'SPOILT' in os.environ]"
    assert look(words, tmp_path, nursery) == [False, False, False]


@forks
def test_a_cell_that_raises_and_a_kernel_that_dies_are_told(nursery, tmp_path):
    with pytest.raises(PapermillExecutionError, match="no such well"):
        execute(notebook(tmp_path, "raise ValueError('no such well')"), tmp_path / "done.ipynb", {}, nursery=nursery)
    for death in ("import os; os._exit(3)", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"):
        with pytest.raises(DeadKernelError):
            execute(notebook(tmp_path, death), tmp_path / "done.ipynb", {}, nursery=nursery)
    assert look("1", tmp_path, nursery) == 1, "the nursery goes on"


BUILD = """
import sys
from pathlib import Path
from fewerwells.running.chapters import execute
from fewerwells.running.nursery import Nursery
with Nursery({}, ()) as nursery:
    execute(Path(sys.argv[1]), Path(sys.argv[2]), {}, nursery=nursery)
"""
BUSY = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open("pids", "w").write(f"{os.getpid()} {os.getppid()} {child.pid}")
os.rename("pids", "ready")
time.sleep(600)
"""


@pytest.fixture
def build(tmp_path):
    """A build whose only cell sleeps; its process, and kernel, nursery and a child of the kernel."""
    path = notebook(tmp_path, BUSY)
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(path), str(tmp_path / "done.ipynb")],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    ends = time.monotonic() + 120
    while not (tmp_path / "ready").exists():
        assert process.poll() is None
        assert time.monotonic() < ends
        time.sleep(0.05)
    family = [psutil.Process(int(pid)) for pid in (tmp_path / "ready").read_text().split()]
    yield process, family
    process.kill()
    process.wait()
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()


def all_gone(processes):
    _, alive = psutil.wait_procs(processes, timeout=60)
    return [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []


def stand_in_of(build):
    return next(one for one in psutil.Process(build.pid).children() if "-I" in one.cmdline())


@forks
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_a_build_that_is_stopped(build, number):
    process, family = build
    os.kill(process.pid, number)
    process.wait(timeout=60)
    assert all_gone(family)


@forks
def test_a_kernel_goes_with_its_stand_in_and_a_stand_in_with_the_nursery(build):
    process, (kernel, nursery, child) = build
    stand_in = stand_in_of(process)
    stand_in.kill()
    assert all_gone([kernel, child])
    process.wait(timeout=60)
    assert all_gone([nursery]), "the build has ended in an error and its nursery with it"


@forks
def test_the_death_of_the_nursery_ends_the_build_in_an_error(build):
    process, family = build
    family[1].kill()
    assert process.wait(timeout=60) not in (0, None)
    assert all_gone(family[:2])


def test_elsewhere_kernels_are_started_afresh(monkeypatch, tmp_path):
    monkeypatch.setattr("fewerwells.running.nursery.CAN_FORK", False)
    with Nursery({"OMP_NUM_THREADS": "1"}, MODULES) as nursery:
        assert look("['colorsys' in sys.modules, os.environ.get('OMP_NUM_THREADS')]", tmp_path, nursery) == [False, "1"]


@forks
def test_a_temporary_folder_too_deep_for_a_socket_costs_time_and_nothing_else(monkeypatch, tmp_path):
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with Nursery({}, MODULES) as nursery:
        assert "fewerwells.running.kernel" in nursery.command("notes")
    assert list(deep.iterdir()) == []


def test_nothing_is_begun_where_no_kernel_is_asked_for():
    before = psutil.Process().children()
    with Nursery({}, ("a module that is nowhere",)):
        assert psutil.Process().children() == before


def test_what_stands_in_for_a_kernel_loads_no_library():
    """It is started once a notebook, so it must be there at once."""
    source = Path(sys.modules["fewerwells.running.nursery"].__file__)
    words = [sys.executable, "-I", "-S", "-X", "importtime", str(source), "/nowhere"]
    loaded = subprocess.run(words, capture_output=True, text=True).stderr
    names = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in loaded.splitlines() if "|" in line}
    assert "FileNotFoundError" in loaded, "it came as far as to knock"
    assert names - {"imported package"} <= set(sys.stdlib_module_names)
