"""What is shared out over the cores comes back whole, in its order, whatever happens to the processes that do it."""

import math
import os
import time
from functools import partial

import pytest

from fewerwells.science import cores
from fewerwells.science.cores import side_by_side

HELD = []  # what a worker of `grown` does not give back
GROWTH = 400 * 2**20  # bytes; joblib ends a worker that has grown by 300 MB since its first task


def grown(item: int) -> tuple[int, int]:
    """The second task of a process makes it grow, and lasts until joblib looks again."""
    HELD.append(bytearray(GROWTH) if len(HELD) == 1 else b"")
    time.sleep(1.1)
    return -item, os.getpid()


@pytest.mark.parametrize("usable", [1, 2, 5])
def test_the_list_is_the_same_whatever_the_number_of_cores(usable, monkeypatch):
    monkeypatch.setattr(cores, "usable_cores", lambda: list(range(usable)))
    items = list(range(23))
    assert side_by_side(math.sqrt, items, worth_it_from=2) == [math.sqrt(item) for item in items]


def test_few_items_start_no_process(monkeypatch):
    monkeypatch.setattr(cores, "Parallel", None)
    assert side_by_side(partial(math.pow, 2.0), [1, 2, 3], worth_it_from=4) == [2.0, 4.0, 8.0]
    assert side_by_side(math.sqrt, [], worth_it_from=0) == []


def test_a_worker_that_is_ended_for_its_size_is_replaced(monkeypatch):
    monkeypatch.setattr(cores, "usable_cores", lambda: [0, 1])
    done, workers = zip(*side_by_side(grown, list(range(8)), worth_it_from=2), strict=True)
    assert done == tuple(-item for item in range(8))
    assert len(set(workers)) > 2
