"""The machine's measured peak: how many fused multiply-adds its cores really do, without touching memory.

Independent chains of vector FMAs live in registers, one endless dependency each, on every core at once: as many lanes as
the processor's vectors have, and as many chains as its registers hold beside the two constants. More would spill into
memory, and what is measured then is no peak.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

from llvmlite import binding, ir
from numba import njit, types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

ROUNDS = 20_000_000
ENOUGH_CHAINS = 12  # two FMAs a cycle that each take four or five cycles keep ten of them busy


def shape(features: dict[str, bool]) -> tuple[int, int]:
    """Lanes of a vector of float32, and chains that fit into the registers, by the processor's features."""
    if features.get("avx512f"):
        lanes, registers = 16, 32
    elif features.get("avx"):
        lanes, registers = 8, 16
    elif features.get("neon"):
        lanes, registers = 4, 32
    else:
        lanes, registers = 4, 16
    return lanes, min(ENOUGH_CHAINS, registers - 3)  # two constants and one to spare


LANES, CHAINS = shape(binding.get_host_cpu_features())
FLOPS = 2 * LANES * CHAINS * ROUNDS


@intrinsic
def _fma_chains(typing_context, rounds):
    """Run `rounds` rounds of CHAINS vector FMAs; returns a sum so that nothing is optimised away."""

    def generate(context, builder, signature, arguments):
        vector = ir.VectorType(ir.FloatType(), LANES)
        fma = get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{LANES}f32")
        factor, addend = (ir.Constant(vector, [value] * LANES) for value in (0.999, 0.1))
        before = builder.block
        loop, after = builder.append_basic_block("fma"), builder.append_basic_block("done")
        builder.branch(loop)
        builder.position_at_end(loop)
        counter = builder.phi(ir.IntType(64))
        counter.add_incoming(ir.Constant(ir.IntType(64), 0), before)
        chains = [builder.phi(vector) for _ in range(CHAINS)]
        for index, chain in enumerate(chains):
            chain.add_incoming(ir.Constant(vector, [float(index)] * LANES), before)
            chain.add_incoming(builder.call(fma, [chain, factor, addend]), loop)
        following = builder.add(counter, ir.Constant(ir.IntType(64), 1))
        counter.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", following, arguments[0]), loop, after)
        builder.position_at_end(after)
        total = chains[0]
        for chain in chains[1:]:
            total = builder.fadd(total, chain)
        return builder.extract_element(total, ir.Constant(ir.IntType(32), 0))

    return types.float32(types.int64), generate


@njit(nogil=True)
def _burn(rounds):
    return _fma_chains(rounds)


def measured_peak(threads: int | None = None, repeats: int = 3) -> float:
    """Single-precision GFLOP/s of all cores together, best of some repeats."""
    threads = threads or os.cpu_count() or 1
    _burn(1)
    best = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(repeats):
            started = time.perf_counter()
            list(pool.map(_burn, [ROUNDS] * threads))
            best = min(best, time.perf_counter() - started)
    return threads * FLOPS / best / 1e9
