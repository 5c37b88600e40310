"""The order in which samples are visited: one counter-based generator shared by every training engine.

The shuffle of one epoch depends on three numbers only: the network's key, the epoch and the number of samples.
It therefore needs no generator state, any epoch can be remade alone, and two engines that call
`batch_order` train on exactly the same batches.

The random words are those of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014), read by position instead of in sequence:

    word(key, epoch, i) = mix(key + GOLDEN * (epoch * 2**32 + i))      modulo 2**64

The shuffle is Fisher and Yates's in its "inside-out" form (Knuth, The Art of Computer Programming, vol. 2, 3.4.2):
for i = 0, 1, ..., n - 1, a place j is drawn from 0 ... i, what stood there moves to place i, and number i takes
place j. A draw is the upper half of word i times (i + 1), shifted right by 32 bits (Lemire, "Fast random integer
generation in an interval", 2019, without the rejection step: the chances of two places differ by less than a
part in 2**32 / n).
"""

import numba
import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def jit(function):
    """Compile with Numba, without Python's lock, and keep the code on disk if there is a place for it."""
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # neither this folder nor the user's cache folder can be written
        return numba.njit(**options)(function)


@jit
def fill_order(order, key, epoch):
    """Write the order of one epoch into the uint32 array `order`."""
    start = key + _GOLDEN * (np.uint64(epoch) << np.uint64(32))
    # all draws first, each in its own place: this loop runs in vector registers
    for i in range(order.size):
        word = start + _GOLDEN * np.uint64(i)
        word = (word ^ (word >> np.uint64(30))) * _MIX_1
        word = (word ^ (word >> np.uint64(27))) * _MIX_2
        word = word ^ (word >> np.uint64(31))
        order[i] = ((word >> np.uint64(32)) * np.uint64(i + 1)) >> np.uint64(32)
    for i in range(order.size):
        j = order[i]
        order[i] = order[j]
        order[j] = i


def batch_order(key: int, epoch: int, n: int) -> np.ndarray:
    """Return the order (n,) uint32 in which epoch number `epoch` visits `n` samples for the network with this key.

    Args:
        key: 0 ... 2**64 - 1.
        epoch: 0 ... 2**32 - 1, counted from the start of the training.
        n: 0 ... 2**32 - 1.
    """
    if not (0 <= key < 2**64 and 0 <= epoch < 2**32 and 0 <= n < 2**32):
        raise ValueError(f"key must have 64 bits, epoch and n 32 bits, without a sign: not {key}, {epoch} and {n}.")
    order = np.empty(n, dtype=np.uint32)
    fill_order(order, np.uint64(key), epoch)
    return order
