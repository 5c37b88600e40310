"""Micro-kernels under construction: LLVM code with explicit vector types, as `_kernels` writes it.

A micro-kernel keeps a block of sums in registers (as many as `register_budget` says) while it runs along its inner
dimension, so that most instructions are multiply-adds. Where a register is narrower than 64 bytes, LLVM splits each
vector into several.
"""

from __future__ import annotations

from contextlib import contextmanager

from llvmlite import ir
from numba.core import cgutils, config
from numba.core.codegen import get_host_cpu_features

from fewerwells.science.training._layout import VECTOR_BYTES, Plan

INT = ir.IntType(64)
LANE = ir.IntType(32)


def register_budget() -> int:
    """How many 64-byte vectors of sums fit in the registers of the machine, beside their operands."""
    features = get_host_cpu_features() if config.CPU_FEATURES is None else config.CPU_FEATURES
    return 24 if "+avx512f" in features else 6


def nearly_equal_blocks(length: int, largest: int) -> list[tuple[int, int, int]]:
    """Cut `length` in nearly equal blocks of at most `largest`: [(start, size, number of such blocks), ...]."""
    number = -(-length // largest)
    size, wider = divmod(length, number)
    runs = [(0, size + 1, wider), (wider * (size + 1), size, number - wider)]
    return [run for run in runs if run[2]]


class Code:
    """The body of a micro-kernel under construction: LLVM's builder with the vector operations that are needed."""

    def __init__(self, plan: Plan, function: ir.Function):
        self.plan = plan
        self.module = function.module
        self.builder = ir.IRBuilder(function.append_basic_block())
        self.lanes = plan.lanes
        self.real = ir.FloatType() if plan.dtype == "float32" else ir.DoubleType()
        self.vector = ir.VectorType(self.real, self.lanes)
        self.zero = self.constant(0)

    def constant(self, value: float):
        return ir.Constant(self.vector, [ir.Constant(self.real, value)] * self.lanes)

    def splat(self, scalar):
        """The vector with `scalar` in every lane."""
        vector = ir.Constant(ir.VectorType(scalar.type, self.lanes), ir.Undefined)
        vector = self.builder.insert_element(vector, scalar, LANE(0))
        return self.shuffle(vector, vector, [0] * self.lanes)

    def shuffle(self, a, b, lanes: list[int]):
        """A vector of the listed lanes of a and, counting on, of b."""
        mask = ir.Constant(ir.VectorType(LANE, len(lanes)), [LANE(lane) for lane in lanes])
        return self.builder.shuffle_vector(a, b, mask)

    def call(self, operation: str, *arguments):
        """One of LLVM's own operations on vectors, such as "sqrt"."""
        name = f"llvm.{operation}.v{self.lanes}f{8 * self.plan.itemsize}"
        signature = ir.FunctionType(self.vector, [self.vector] * len(arguments))
        return self.builder.call(cgutils.get_or_insert_function(self.module, signature, name), arguments)

    def multiply_add(self, a, b, c):
        """a * b + c, rounded once on machines that can, which all recent ones do."""
        return self.call("fmuladd", a, b, c)

    def sum_of(self, *terms):
        """An integer: the sum of numbers, LLVM values, and (value, number) products."""
        fixed = sum(term for term in terms if isinstance(term, int))
        total = INT(fixed)
        for term in terms:
            if not isinstance(term, int):
                value, factor = term if isinstance(term, tuple) else (term, 1)
                total = self.builder.add(total, self.builder.mul(value, INT(factor)))
        return total

    def at(self, pointer, *terms):
        return self.builder.gep(pointer, [self.sum_of(*terms)])

    def load(self, pointer):
        """An aligned vector."""
        return self.builder.load(self.builder.bitcast(pointer, self.vector.as_pointer()), align=VECTOR_BYTES)

    def store(self, value, pointer):
        """Store an aligned vector."""
        self.builder.store(value, self.builder.bitcast(pointer, self.vector.as_pointer()), align=VECTOR_BYTES)

    def load_part(self, pointer, lanes: int):
        """A vector of any number of lanes, from anywhere."""
        part = ir.VectorType(self.real, lanes)
        return self.builder.load(self.builder.bitcast(pointer, part.as_pointer()), align=self.plan.itemsize)

    def store_part(self, value, pointer):
        pointer = self.builder.bitcast(pointer, value.type.as_pointer())
        self.builder.store(value, pointer, align=self.plan.itemsize)

    def load_splat(self, pointer):
        return self.splat(self.builder.load(pointer))

    @contextmanager
    def loop(self, stop, step: int = 1):
        """A loop over 0, step, 2 * step, ... below `stop`, a number or an LLVM value."""
        stop = INT(stop) if isinstance(stop, int) else stop
        with cgutils.for_range_slice(self.builder, INT(0), stop, INT(step)) as (i, _):
            yield i

    @contextmanager
    def loop_blocks(self, blocks):
        """A loop over equal blocks (start, size, number): the first row of each."""
        start, size, number = blocks
        with self.loop(number) as i:
            yield self.sum_of(start, (i, size))

    def sums(self, starts):
        """Running sums: variables of the function that LLVM keeps in registers."""
        slots = [cgutils.alloca_once(self.builder, self.vector) for _ in starts]
        for slot, start in zip(slots, starts, strict=True):
            self.builder.store(start, slot)
        return slots

    def accumulate(self, slot, a, b):
        self.builder.store(self.multiply_add(a, b, self.builder.load(slot)), slot)


def micro_kernel(body):
    """From `body(code, *arguments, **shape)`, make a function that calls this micro-kernel from other code.

    It is compiled once for each shape in a module, and never inlined: layers of one shape share it.
    """

    def call(builder, plan, *arguments, **shape):
        name = "_".join([f"fewerwells_{plan.dtype}_{body.__name__}", *map(str, shape.values())])
        function = builder.module.globals.get(name)
        if function is None:
            signature = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
            function = ir.Function(builder.module, signature, name)
            function.linkage = "internal"
            function.attributes.add("noinline")
            function.attributes.add("nounwind")
            code = Code(plan, function)
            body(code, *function.args, **shape)
            code.builder.ret_void()
        builder.call(function, arguments)

    return call
