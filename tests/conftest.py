"""What all tests share: results go to a folder of their own; tests that run side by side are shared out."""

import signal

import pytest
from hypothesis import settings

# A shell starts what it runs in the background deaf to Ctrl-C, which some tests press.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No example is timed: how long one takes depends on what else the machine does.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# What takes longest stands first, so that no process is left alone with it at the end; what is not named comes last.
# The first part of the pages builds the book, which the other parts find built when their turn comes.
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
    "pages 2",
    "pages 3",
    "figures",
)


def pytest_itemcollected(item):
    """Keep a file in one process, for its fixtures' sake, unless it says itself which of its tests belong together."""
    if not item.get_closest_marker("xdist_group"):
        item.add_marker(pytest.mark.xdist_group(name=item.path.name))


def pytest_collection_modifyitems(items):
    """Longest first, and the notebooks last. Groups are marked before, since xdist reads them before this is called."""
    ranks = {name: rank for rank, name in enumerate(LONGEST_FIRST)}

    def rank(item):
        mark = item.get_closest_marker("xdist_group")
        return ranks.get(mark.kwargs["name"], len(ranks)) if mark else len(ranks) + 1

    items.sort(key=rank)


@pytest.fixture(autouse=True)
def own_results(tmp_path, monkeypatch):
    """No test reads or writes the results of the checkout."""
    monkeypatch.setenv("FEWERWELLS_RESULTS", str(tmp_path / "results"))
    return tmp_path / "results"
