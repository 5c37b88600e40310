"""Work shared out over the processor's cores, with the same results whatever their number."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence

from joblib import Parallel, delayed, parallel_config
from threadpoolctl import threadpool_limits


def usable_cores() -> list[int]:
    """The cores that this process may run on, by number."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def _one_after_another(function: Callable, items: Sequence) -> list:
    with threadpool_limits(1, user_api="blas"):  # or sums would depend on how many threads share them
        return [function(item) for item in items]


def side_by_side(function: Callable, items: Sequence, *, worth_it_from: int) -> list:
    """`[function(item) for item in items]`, shared out over the usable cores; the same list whatever their number.

    Workers are processes started afresh, never forked, so it is safe in a kernel whose threads have computed before.
    Linear algebra keeps to one thread in each.

    Args:
        function: a module-level function, or a partial of one; it must not use randomness that is not its own.
        items: what can be pickled.
        worth_it_from: fewer items than this run here, because starting workers takes a second or two.
    """
    cores = min(len(usable_cores()), len(items))
    if cores < 2 or len(items) < worth_it_from:
        return _one_after_another(function, items)
    share = -(-len(items) // (8 * cores))  # small enough that a slow one at the end keeps no core waiting
    shares = [items[start : start + share] for start in range(0, len(items), share)]
    with parallel_config("loky", inner_max_num_threads=1), warnings.catch_warnings():
        # A worker that has grown by 300 MB since its first task, or has waited for five minutes, ends when its task is
        # done, and another takes its place. Where warnings are errors, this one would end the thread that replaces it.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        # no memory-mapped arguments: they would leave files behind and make arrays read-only
        done = Parallel(n_jobs=cores, max_nbytes=None)(delayed(_one_after_another)(function, share) for share in shares)
    return [result for share in done for result in share]
