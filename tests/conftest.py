"""What all tests share: results go to a folder of their own; tests that run side by side are shared out."""

import contextlib
import itertools
import json
import os
import signal
import socket
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from jupyter_client.connect import LocalPortCache

# A shell starts what it runs in the background deaf to Ctrl-C, which some tests press.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No example is timed: how long one takes depends on what else the machine does.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Tests that run side by side start many kernels, each on ports that were free a second before. Every process of tests
# takes them from a range of its own, below those that the system gives to whoever asks.
FIRST_PORT = 20_000 + 1000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_ports = itertools.cycle(range(FIRST_PORT, FIRST_PORT + 1000))


def _own_port(cache, ip):
    for port in _ports:
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind((ip, port))
            return port


LocalPortCache.find_available_port = _own_port

# What takes longest stands first, so that no process is left alone with it at the end. The first part of the pages
# builds the book; what else reads the book stands last, so that nobody waits for it.
LONGEST_FIRST = (
    "pages 1",
    "test_sweeps.py",
    "test_book.py",
    "test_course_forms.py",
    "test_course_grading.py",
    "test_chapters.py",
    "test_claims.py",
    "test_training.py",
    "test_fused_kernel.py",
)
AFTER_THE_BOOK = ("figures", "pages 2", "pages 3", "test_pages.py")

WARM = "warm"  # the kernel of notebooks under nbmake


def pytest_configure(config):
    """Notebooks under nbmake have kernels forked from one that has imported what they import, as those of a build have."""
    if not getattr(config.option, "nbmake", False) or config.option.collectonly:
        return
    config.option.nbmake_kernel = WARM
    if hasattr(config, "workerinput"):  # one for all processes of tests
        return
    from fewerwells.book.build import NEEDED_BY_MOST  # a second that other tests need not wait
    from fewerwells.running.nursery import Nursery

    nursery, folder = Nursery({}, (*NEEDED_BY_MOST, "torch")), tempfile.TemporaryDirectory()
    config.add_cleanup(nursery.close)
    config.add_cleanup(folder.cleanup)
    specification = Path(folder.name) / "kernels" / WARM / "kernel.json"
    specification.parent.mkdir(parents=True)
    command = nursery.command(os.devnull, "-f", "{connection_file}")
    specification.write_text(json.dumps({"argv": command, "display_name": WARM, "language": "python"}))
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [folder.name, os.environ.get("JUPYTER_PATH")]))


def pytest_itemcollected(item):
    """Keep a file in one process, for its fixtures' sake, unless it says itself which of its tests belong together."""
    if not item.get_closest_marker("xdist_group"):
        item.add_marker(pytest.mark.xdist_group(name=item.path.name))


def pytest_collection_modifyitems(items):
    """Longest first, readers of the book last. Groups are marked before, since xdist reads them before this is called."""
    order = [*LONGEST_FIRST, "all others", *AFTER_THE_BOOK]

    def rank(item):
        mark = item.get_closest_marker("xdist_group")  # notebooks have none: each is shared out by itself
        return order.index(mark.kwargs["name"] if mark and mark.kwargs["name"] in order else "all others")

    items.sort(key=rank)


@pytest.fixture(autouse=True)
def own_results(tmp_path, monkeypatch):
    """No test reads or writes the results of the checkout."""
    monkeypatch.setenv("FEWERWELLS_RESULTS", str(tmp_path / "results"))
    return tmp_path / "results"


@pytest.fixture(scope="module")
def one_thread():
    """Threads that wait for one another cost small networks more than they save."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
