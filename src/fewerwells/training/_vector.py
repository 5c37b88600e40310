"""Vector code for the fused engine: LLVM IR with explicit vector types, written through Numba's intrinsics.

Samples lie along vector lanes. A *tile* holds some samples of a batch as vectors of 64 bytes (16 float32 or 8 float64
lanes), and for each vector one row of every signal, inputs first:

    tile[vector][row][lane]     rows: inputs, hidden layer 1, ..., outputs, targets

During the backward pass each signal is overwritten by the derivative of the loss with respect to it, so a tile
needs no second buffer and stays in the first-level cache. A layer's parameters lie as (n_out, n_in + 1), the bias
last in its row, and every layer starts on a whole vector.

Each micro-kernel keeps a block of sums in registers (see `_blocks`) while it runs along its inner dimension. All
sums are made in an order fixed by the network's shape, so results do not depend on the machine's vector
width: where a register is narrower than 64 bytes, LLVM splits each vector into several.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

VECTOR_BYTES = 64
_INDEX = ir.IntType(64)
_LANE = ir.IntType(32)


@dataclass(frozen=True)
class Plan:
    """Where everything lies for one network shape and dtype; `spec` is the text form that Numba can hold as a type."""

    dtype: str
    sizes: tuple[int, ...]

    @classmethod
    def parse(cls, spec: str) -> Plan:
        dtype, sizes, *_ = spec.split(":")
        return cls(dtype, tuple(int(size) for size in sizes.split("-")))

    @cached_property
    def lanes(self) -> int:
        return VECTOR_BYTES // (4 if self.dtype == "float32" else 8)

    @cached_property
    def layers(self) -> list[tuple[int, int]]:
        """(n_in, n_out) of each layer."""
        return list(zip(self.sizes[:-1], self.sizes[1:], strict=True))

    @cached_property
    def signals(self) -> list[int]:
        """First tile row of the inputs and of each layer's outputs; the targets stand in the rows before."""
        return [self.sizes[-1] + sum(self.sizes[:i]) for i in range(len(self.sizes))]

    @cached_property
    def sample_width(self) -> int:
        """Numbers of a sample as it is fetched: targets, inputs, and padding up to a multiple of 4."""
        return -(-(self.sizes[-1] + self.sizes[0]) // 4) * 4

    @cached_property
    def rows(self) -> int:
        """Rows of a vector's slice of the tile: odd, so that equal rows of successive vectors share no cache set."""
        return max(self.sizes[-1] + sum(self.sizes), self.sample_width) | 1

    @cached_property
    def offsets(self) -> list[int]:
        """First parameter of each layer in the padded layout, and the padded length."""
        offsets = [0]
        for n_in, n_out in self.layers:
            offsets.append(offsets[-1] + -(-n_out * (n_in + 1) // self.lanes) * self.lanes)
        return offsets

    @cached_property
    def length(self) -> int:
        """Parameters of a network in the padded layout."""
        return self.offsets[-1]

    @cached_property
    def places(self) -> dict[str, int]:
        """First element of each part of a worker's memory."""
        parts = "weights", "first", "second", "gradient", "anchor", "settings"
        places = {part: i * self.length for i, part in enumerate(parts)}
        return places | {"tile": places["settings"] + 2 * self.lanes}

    @cached_property
    def memory_length(self) -> int:
        return self.places["tile"] + self.tile_vectors * self.rows * self.lanes

    @cached_property
    def packed(self) -> np.ndarray:
        """Padded places of the parameters in their public order: per layer W (n_out, n_in), then b (n_out,)."""
        places = []
        for (n_in, n_out), offset in zip(self.layers, self.offsets[:-1], strict=True):
            matrix = offset + np.arange(n_out * (n_in + 1)).reshape(n_out, n_in + 1)
            places += [matrix[:, :-1].ravel(), matrix[:, -1]]
        return np.concatenate(places)

    @cached_property
    def tile_vectors(self) -> int:
        """Vectors of a tile: an even number that lets the signals of a tile stay in a 32 KiB cache."""
        return max(2, min(16, (TILE_BYTES // (VECTOR_BYTES * self.rows)) // 2 * 2))


import os
TILE_BYTES = int(os.environ.get("TILE", 28)) * 1024
UNROLLED = int(os.environ.get('UN', 4))
GR, GC = eval(os.environ.get("GB", "2,11"))


def register_budget() -> int:
    """How many 64-byte vectors of sums fit in this machine's registers, beside their operands."""
    from numba.core import config
    from numba.core.codegen import get_host_cpu_features
    features = config.CPU_FEATURES
    if features is None: features = get_host_cpu_features()
    if "+avx512f" in features:
        return int(os.environ.get("BUD","24"))
    return int(os.environ.get("BUD","6"))


def _split(length: int, largest: int) -> list[tuple[int, int, int]]:
    """Cut `length` in nearly equal blocks of at most `largest`: [(start, block, number of blocks), ...]."""
    number = -(-length // largest)
    small, wider = divmod(length, number)
    pieces = [(0, small + 1, wider), (wider * (small + 1), small, number - wider)]
    return [piece for piece in pieces if piece[2]]


class _Code:
    """A micro-kernel under construction: an LLVM function of pointers and a vector count, and what its body needs."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.lanes = plan.lanes
        self.real = ir.FloatType() if plan.dtype == "float32" else ir.DoubleType()
        self.vector = ir.VectorType(self.real, self.lanes)
        self.pointer = self.real.as_pointer()

    def begin(self, module, name, arguments):
        """Start a function; return None if the module already has it."""
        name = f"fewerwells_{self.plan.dtype}_{name}"
        function = module.globals.get(name)
        if function is not None:
            return function, None
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        function.attributes.add("nounwind")
        self.module = module
        self.builder = ir.IRBuilder(function.append_basic_block())
        return function, function.args

    # Values

    def constant(self, value: float):
        return ir.Constant(self.vector, [ir.Constant(self.real, value)] * self.lanes)

    def splat(self, scalar):
        vector = self.builder.insert_element(ir.Constant(self.vector, ir.Undefined), scalar, _LANE(0))
        return self.shuffle(vector, vector, [0] * self.lanes)

    def shuffle(self, a, b, lanes):
        return self.builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_LANE, len(lanes)), [_LANE(i) for i in lanes]))

    def fma(self, a, b, c):
        """a * b + c, rounded once where the machine can."""
        suffix = f"v{self.lanes}f{32 if self.plan.dtype == 'float32' else 64}"
        signature = ir.FunctionType(self.vector, [self.vector] * 3)
        function = cgutils.get_or_insert_function(self.module, signature, f"llvm.fmuladd.{suffix}")
        return self.builder.call(function, (a, b, c))

    def sqrt(self, a):
        suffix = f"v{self.lanes}f{32 if self.plan.dtype == 'float32' else 64}"
        function = cgutils.get_or_insert_function(
            self.module, ir.FunctionType(self.vector, [self.vector]), f"llvm.sqrt.{suffix}"
        )
        return self.builder.call(function, (a,))

    # Memory and loops; indices are Python ints or LLVM values

    def index(self, *terms):
        """Sum of products: terms are values or (value, factor)."""
        total = _INDEX(0)
        for term in terms:
            value, factor = term if isinstance(term, tuple) else (term, 1)
            value = _INDEX(value) if isinstance(value, int) else value
            total = self.builder.add(total, self.builder.mul(value, _INDEX(factor)))
        return total

    def at(self, pointer, *terms):
        return self.builder.gep(pointer, [self.index(*terms)])

    def load(self, pointer, lanes=None):
        lanes = lanes or self.lanes
        pointer = self.builder.bitcast(pointer, ir.VectorType(self.real, lanes).as_pointer())
        return self.builder.load(pointer, align=self.real_bytes if lanes != self.lanes else VECTOR_BYTES)

    def store(self, value, pointer, align=None):
        pointer = self.builder.bitcast(pointer, value.type.as_pointer())
        self.builder.store(value, pointer, align=align or VECTOR_BYTES)

    @property
    def real_bytes(self):
        return VECTOR_BYTES // self.lanes

    def scalar(self, pointer):
        return self.splat(self.builder.load(pointer))

    @contextmanager
    def loop(self, stop, step=1):
        stop = _INDEX(stop) if isinstance(stop, int) else stop
        with cgutils.for_range_slice(self.builder, _INDEX(0), stop, _INDEX(step)) as (i, _):
            yield i

    def repeat(self, body, times: int):
        """Run body(i) for each i < times; a few times without a loop."""
        if times <= UNROLLED:
            for i in range(times):
                body(i)
        else:
            with self.loop(times) as i:
                body(i)

    def sums(self, starts):
        """Running sums, kept in registers: stack slots that LLVM promotes."""
        slots = [cgutils.alloca_once(self.builder, self.vector) for _ in starts]
        for slot, start in zip(slots, starts, strict=True):
            self.builder.store(start, slot)
        return slots

    def accumulate(self, slot, a, b):
        self.builder.store(self.fma(a, b, self.builder.load(slot)), slot)

    def finish(self, function):
        self.builder.ret_void()
        return function


def _forward(module, plan, n_in, n_out, relu):
    """outputs = W inputs + b, then ReLU: function(weights, inputs, outputs, vectors)."""
    code = _Code(plan)
    name = f"forward_{n_in}_{n_out}_{relu}"
    function, arguments = code.begin(module, name, [code.pointer] * 3 + [_INDEX])
    if arguments is None:
        return function
    weights, inputs, outputs, vectors = arguments
    builder, lanes, stride = code.builder, plan.lanes, plan.rows * plan.lanes
    together = 2 if register_budget() >= 12 else 1
    for first, block, number in _split(n_out, register_budget() // together):
        with code.loop(number) as i:
            row = code.index(first, (i, block))
            with code.loop(vectors, together) as v:
                biases = [code.scalar(code.at(weights, (row, n_in + 1), r * (n_in + 1) + n_in)) for r in range(block)]
                sums = code.sums([bias for bias in biases for _ in range(together)])


                def step(k, row=row, v=v, sums=sums, block=block):
                    x = [code.load(code.at(inputs, (v, stride), u * stride, (k, lanes))) for u in range(together)]
                    for r in range(block):
                        weight = code.scalar(code.at(weights, (row, n_in + 1), r * (n_in + 1), k))
                        for u in range(together):
                            code.accumulate(sums[r * together + u], weight, x[u])

                code.repeat(step, n_in)
                for r in range(block):
                    for u in range(together):
                        value = builder.load(sums[r * together + u])
                        if relu:
                            # in this form NaN stays NaN, and x86 has one instruction for it
                            negative = builder.fcmp_ordered("<", value, code.constant(0))
                            value = builder.select(negative, code.constant(0), value)
                        code.store(value, code.at(outputs, (v, stride), u * stride, (row, lanes), r * lanes))
    return code.finish(function)


def _backward(module, plan, n_in, n_out):
    """inputs = W^T deltas where inputs > 0, else 0: function(weights, inputs, deltas, vectors)."""
    code = _Code(plan)
    function, arguments = code.begin(module, f"backward_{n_in}_{n_out}", [code.pointer] * 3 + [_INDEX])
    if arguments is None:
        return function
    weights, inputs, deltas, vectors = arguments
    builder, lanes, stride = code.builder, plan.lanes, plan.rows * plan.lanes
    together = 2 if register_budget() >= 12 else 1
    for first, block, number in _split(n_in, register_budget() // together):
        with code.loop(number) as i:
            row = code.index(first, (i, block))
            with code.loop(vectors, together) as v:
                sums = code.sums([code.constant(0)] * (block * together))

                def step(k, row=row, v=v, sums=sums, block=block):
                    d = [code.load(code.at(deltas, (v, stride), u * stride, (k, lanes))) for u in range(together)]
                    for r in range(block):
                        weight = code.scalar(code.at(weights, (k, n_in + 1), row, r))
                        for u in range(together):
                            code.accumulate(sums[r * together + u], weight, d[u])

                code.repeat(step, n_out)
                for r in range(block):
                    for u in range(together):
                        target = code.at(inputs, (v, stride), u * stride, (row, lanes), r * lanes)
                        off = builder.fcmp_ordered("<=", code.load(target), code.constant(0))
                        value = builder.load(sums[r * together + u])
                        code.store(builder.select(off, code.constant(0), value), target)
    return code.finish(function)


def _gradient(module, plan, n_in, n_out):
    """gradient += sums over samples of deltas times inputs (and 1): function(gradient, inputs, deltas, vectors)."""
    code = _Code(plan)
    function, arguments = code.begin(module, f"gradient_{n_in}_{n_out}", [code.pointer] * 3 + [_INDEX])
    if arguments is None:
        return function
    gradient, inputs, deltas, vectors = arguments
    builder, lanes, stride = code.builder, plan.lanes, plan.rows * plan.lanes
    budget = register_budget()
    height = min(GR, n_out)
    width = min(n_in + 1, budget // height)
    columns = _split(n_in + 1, width)
    # the bias column stands in the last block, which is code of its own
    start, block, number = columns.pop()
    if number > 1:
        columns.append((start, block, number - 1))
    columns.append((start + block * (number - 1), block, 1))
    for first_row, rows, row_blocks in _split(n_out, height):
        with code.loop(row_blocks) as i:
            row = code.index(first_row, (i, rows))
            for first_column, block, column_blocks in columns:
                with code.loop(column_blocks) as j:
                    column = code.index(first_column, (j, block))
                    has_bias = first_column + block * column_blocks == n_in + 1
                    sums = code.sums([code.constant(0)] * (rows * block))
                    with code.loop(vectors) as v:
                        d = [code.load(code.at(deltas, (v, stride), (row, lanes), r * lanes)) for r in range(rows)]
                        for c in range(block):
                            if has_bias and c == block - 1:
                                x = code.constant(1)
                            else:
                                x = code.load(code.at(inputs, (v, stride), (column, lanes), c * lanes))
                            for r in range(rows):
                                code.accumulate(sums[r * block + c], d[r], x)
                    values = [builder.load(slot) for slot in sums]
                    for begin in range(0, len(values), lanes):
                        chunk = values[begin : begin + lanes]
                        total = _sum_lanes(code, chunk)
                        for r in range(rows):
                            lo = max(begin, r * block)
                            hi = min(begin + len(chunk), (r + 1) * block)
                            if lo < hi:
                                place = code.at(gradient, (row, n_in + 1), column, r * (n_in + 1) + lo - r * block)
                                _add_piece(code, place, total, lo - begin, hi - lo)
    return code.finish(function)


def _sum_lanes(code, vectors):
    """Sum each of up to `lanes` vectors over its lanes: one vector with the j-th sum in lane j.

    A tree: two vectors are folded onto each other, then pairs of the results, and so on, so that one vector's lanes
    are all at work in every addition.
    """
    vectors = vectors + [None] * (code.lanes - len(vectors))
    half = code.lanes // 2
    lanes = range(code.lanes)
    while half:
        folded = []
        for a, b in zip(vectors[: len(vectors) // 2], vectors[len(vectors) // 2 :], strict=True):
            if a is None:
                folded.append(None)
                continue
            if b is None:
                swapped = code.shuffle(a, a, [i ^ half for i in lanes])
                folded.append(code.builder.fadd(a, swapped))
                continue
            own = code.shuffle(a, b, [i + code.lanes * bool(i & half) for i in lanes])
            other = code.shuffle(a, b, [(i ^ half) + code.lanes * bool(i & half) for i in lanes])
            folded.append(code.builder.fadd(own, other))
        vectors, half = folded, half // 2
    return vectors[0]


def _add_piece(code, place, total, start, length):
    """Add lanes start ... start + length - 1 of `total` to the memory at `place`."""
    done = 0
    while done < length:
        size = 1 << ((length - done).bit_length() - 1)
        piece = code.shuffle(total, total, list(range(start + done, start + done + size)))
        target = code.at(place, done)
        old = code.load_any(target, size)
        code.store(code.builder.fadd(old, piece), target, align=code.real_bytes)
        done += size


def _load_any(self, pointer, lanes):
    pointer = self.builder.bitcast(pointer, ir.VectorType(self.real, lanes).as_pointer())
    return self.builder.load(pointer, align=self.real_bytes)


_Code.load_any = _load_any


def _gather(module, plan):
    """Fetch samples into targets and inputs: function(tile, samples, order, last, vectors).

    `order` points at the first sample number of the tile; the lanes after number `last` repeat that sample, which
    keeps values from other batches out. Four numbers of each sample are read at once and transposed in registers.
    """
    code = _Code(plan)
    number = ir.IntType(32)
    function, arguments = code.begin(
        module, "gather", [code.pointer, code.pointer, number.as_pointer(), _INDEX, _INDEX]
    )
    if arguments is None:
        return function
    tile, samples, order, last, vectors = arguments
    builder, lanes = code.builder, plan.lanes
    with code.loop(vectors) as v:
        starts = []
        for lane in range(lanes):
            position = code.index((v, lanes), lane)
            position = builder.select(builder.icmp_signed("<", position, last), position, last)
            sample = builder.zext(builder.load(builder.gep(order, [position])), _INDEX)
            starts.append(code.index((sample, plan.sample_width)))
        with code.loop(plan.sample_width, 4) as first:
            quads = [code.load_any(code.at(samples, start, first), 4) for start in starts]
            # wide[j] holds samples j, j + 4, j + 8, ... side by side
            wide = []
            for j in range(4):
                parts = quads[j::4]
                while len(parts) > 1:
                    together = list(range(2 * parts[0].type.count))
                    parts = [code.shuffle(a, b, together) for a, b in zip(parts[::2], parts[1::2], strict=True)]
                wide += parts

            def weave(a, b, own, other):
                picks = [4 * q + i + (lanes if from_b else 0) for q in range(lanes // 4) for i, from_b in zip(own, other)]
                return code.shuffle(a, b, picks)

            pairs = [
                weave(wide[j], wide[j + 1], (i, i, i + 1, i + 1), (False, True, False, True)) for i in (0, 2) for j in (0, 2)
            ]
            for k in range(4):
                a, b = pairs[k // 2 * 2], pairs[k // 2 * 2 + 1]
                i = k % 2 * 2
                row = weave(a, b, (i, i + 1, i, i + 1), (False, False, True, True))
                code.store(row, code.at(tile, (v, plan.rows * lanes), (first, lanes), k * lanes))
    return code.finish(function)


def _delta(module, plan, absolute):
    """outputs = loss' (outputs, targets) * scale, 0 after `count` samples: function(tile, scale, count, vectors)."""
    code = _Code(plan)
    function, arguments = code.begin(module, f"delta_{absolute}", [code.pointer, code.real, _INDEX, _INDEX])
    if arguments is None:
        return function
    tile, scale, count, vectors = arguments
    builder, lanes = code.builder, plan.lanes
    scale, zero = code.splat(scale), code.constant(0)
    wide = ir.VectorType(_INDEX, lanes)
    numbers = ir.Constant(wide, [_INDEX(i) for i in range(lanes)])
    with code.loop(vectors) as v:
        left = builder.sub(count, code.index((v, lanes)))
        left = builder.insert_element(ir.Constant(wide, ir.Undefined), left, _LANE(0))
        real = builder.icmp_signed("<", numbers, code.shuffle(left, left, [0] * lanes))
        with code.loop(plan.sizes[-1]) as r:
            target = code.at(tile, (v, plan.rows * lanes), (r, lanes))
            output = code.at(target, plan.signals[-1] * lanes)
            error = builder.fsub(code.load(output), code.load(target))
            if absolute:
                negative = builder.fcmp_ordered("<", error, zero)
                positive = builder.fcmp_ordered(">", error, zero)
                # neither: 0, or NaN, which has to go on
                value = builder.select(positive, scale, builder.select(negative, builder.fneg(scale), error))
            else:
                value = builder.fmul(error, builder.fadd(scale, scale))
            code.store(builder.select(real, value, zero), output)
    return code.finish(function)


def _adam(module, plan):
    """One step of Adam; clears the gradient.

    function(parameters, first moment, second moment, gradient, anchor, settings, length) with settings
    (1 - beta1, beta2, 1 - beta2, step size / (1 - beta1^t), 1 / sqrt(1 - beta2^t), eps, pull).
    """
    code = _Code(plan)
    function, arguments = code.begin(module, "adam", [code.pointer] * 6 + [_INDEX])
    if arguments is None:
        return function
    parameters, first, second, gradient, anchor, settings, length = arguments
    builder = code.builder
    weight1, beta2, weight2, step, root, eps, pull = (code.scalar(code.at(settings, i)) for i in range(7))
    with code.loop(length, plan.lanes) as i:
        p, m, v, g, a = (code.load(code.at(array, i)) for array in (parameters, first, second, gradient, anchor))
        g = code.fma(pull, builder.fsub(p, a), g)
        m = code.fma(weight1, builder.fsub(g, m), m)
        v = code.fma(builder.fmul(weight2, g), g, builder.fmul(beta2, v))
        p = builder.fsub(p, builder.fdiv(builder.fmul(step, m), code.fma(code.sqrt(v), root, eps)))
        for value, array in ((p, parameters), (m, first), (v, second), (code.constant(0), gradient)):
            code.store(value, code.at(array, i))
    return code.finish(function)


# What Numba code calls. `memory` is the worker's one aligned array (see `fused._Memory`), places in it are indices.


def _base(context, builder, array_type, array):
    return context.make_array(array_type)(context, builder, array).data


@intrinsic(prefer_literal=True)
def forward(typingctx, spec, memory, weights, tile, vectors):
    """Compute all layers of the first `vectors` vectors of the tile."""
    plan = Plan.parse(spec.literal_value)

    def generate(context, builder, signature, arguments):
        base = _base(context, builder, signature.args[1], arguments[1])
        _, _, w, t, n = arguments
        for layer, (n_in, n_out) in enumerate(plan.layers):
            function = _forward(builder.module, plan, n_in, n_out, layer < len(plan.layers) - 1)
            places = [
                builder.add(w, _INDEX(plan.offsets[layer])),
                builder.add(t, _INDEX(plan.signals[layer] * plan.lanes)),
                builder.add(t, _INDEX(plan.signals[layer + 1] * plan.lanes)),
            ]
            builder.call(function, [builder.gep(base, [place]) for place in places] + [n])
        return context.get_dummy_value()

    return types.void(spec, memory, types.int64, types.int64, types.int64), generate


@intrinsic(prefer_literal=True)
def gather(typingctx, spec, memory, tile, samples, order, start, count, vectors):
    """Fetch the samples order[start : start + count] into the tile."""
    plan = Plan.parse(spec.literal_value)

    def generate(context, builder, signature, arguments):
        bases = [_base(context, builder, signature.args[i], arguments[i]) for i in (1, 3, 4)]
        _, _, t, _, _, start, count, n = arguments
        places = [builder.gep(bases[0], [t]), bases[1], builder.gep(bases[2], [start])]
        builder.call(_gather(builder.module, plan), [*places, builder.sub(count, _INDEX(1)), n])
        return context.get_dummy_value()

    return types.void(spec, memory, types.int64, samples, order, *[types.int64] * 3), generate


@intrinsic(prefer_literal=True)
def delta(typingctx, spec, memory, tile, scale, absolute, count, vectors):
    """Overwrite the outputs by the derivative of scale * sum |error| (or error^2)."""
    plan = Plan.parse(spec.literal_value)

    def generate(context, builder, signature, arguments):
        base = _base(context, builder, signature.args[1], arguments[1])
        _, _, t, scale, absolute, count, n = arguments
        tile = builder.gep(base, [t])
        with builder.if_else(absolute) as (then, otherwise):
            with then:
                builder.call(_delta(builder.module, plan, True), [tile, scale, count, n])
            with otherwise:
                builder.call(_delta(builder.module, plan, False), [tile, scale, count, n])
        return context.get_dummy_value()

    real = types.float32 if plan.dtype == "float32" else types.float64
    return types.void(spec, memory, types.int64, real, types.boolean, types.int64, types.int64), generate


@intrinsic(prefer_literal=True)
def backward(typingctx, spec, memory, weights, gradient, tile, trained, vectors):
    """Add the tile's part of every trained layer's gradient, going back only as far as there is one."""
    plan = Plan.parse(spec.literal_value)

    def generate(context, builder, signature, arguments):
        base = _base(context, builder, signature.args[1], arguments[1])
        _, _, w, g, t, trained, n = arguments
        flags = _base(context, builder, signature.args[5], trained)
        # goes_on[l]: some layer before l is trained
        is_trained = [
            builder.icmp_unsigned("!=", builder.load(builder.gep(flags, [_INDEX(layer)])), ir.IntType(8)(0))
            for layer in range(len(plan.layers))
        ]
        goes_on = [ir.IntType(1)(0)]
        for flag in is_trained[:-1]:
            goes_on.append(builder.or_(goes_on[-1], flag))
        for layer in reversed(range(len(plan.layers))):
            n_in, n_out = plan.layers[layer]
            offset = _INDEX(plan.offsets[layer])
            inputs = builder.gep(base, [builder.add(t, _INDEX(plan.signals[layer] * plan.lanes))])
            deltas = builder.gep(base, [builder.add(t, _INDEX(plan.signals[layer + 1] * plan.lanes))])
            with builder.if_then(is_trained[layer]):
                sums = builder.gep(base, [builder.add(g, offset)])
                builder.call(_gradient(builder.module, plan, n_in, n_out), [sums, inputs, deltas, n])
            if layer:
                with builder.if_then(goes_on[layer]):
                    matrix = builder.gep(base, [builder.add(w, offset)])
                    builder.call(_backward(builder.module, plan, n_in, n_out), [matrix, inputs, deltas, n])
        return context.get_dummy_value()

    return types.void(spec, memory, types.int64, types.int64, types.int64, trained, types.int64), generate


@intrinsic(prefer_literal=True)
def adam(typingctx, spec, memory, parameters, first, second, gradient, anchor, settings, length):
    """One step of Adam on `length` parameters."""
    plan = Plan.parse(spec.literal_value)

    def generate(context, builder, signature, arguments):
        base = _base(context, builder, signature.args[1], arguments[1])
        places = [builder.gep(base, [place]) for place in arguments[2:8]]
        builder.call(_adam(builder.module, plan), [*places, arguments[8]])
        return context.get_dummy_value()

    return types.void(spec, memory, *[types.int64] * 7), generate


@intrinsic(prefer_literal=True)
def is_set(typingctx, flag):
    """Whether flag[0] is not 0, read from memory each time: another thread sets it."""

    def generate(context, builder, signature, arguments):
        base = _base(context, builder, signature.args[0], arguments[0])
        value = builder.load_atomic(base, "monotonic", 8)
        return builder.icmp_unsigned("!=", value, _INDEX(0))

    return types.boolean(flag), generate
