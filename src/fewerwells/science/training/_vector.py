"""The fused engine's arithmetic: LLVM code with explicit vector types, written through Numba's intrinsics.

Micro-kernels are small LLVM functions. Each keeps a block of sums in registers (as many as `_register_budget` says)
while it runs along its inner dimension, so that most instructions are multiply-adds. The sums are made in an order
fixed by the network's shape, and nothing here lets the compiler reorder them: results do not depend on how wide the
machine's vectors are. Where a register is narrower than 64 bytes, LLVM splits each vector into several.

During the backward pass each signal in the tile is overwritten by the derivative of the loss with respect to it (its
"delta"), so a tile needs no second buffer. `_layout` says where everything lies.

The functions that Numba code calls are at the end; `spec` is a plan's text (see `Plan.parse`), which Numba can hold as
a type, and `memory` a worker's memory.
"""

from __future__ import annotations

from contextlib import contextmanager

from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic

from fewerwells.science.training._layout import VECTOR_BYTES, Plan

_INT = ir.IntType(64)
_LANE = ir.IntType(32)


def _register_budget() -> int:
    """How many 64-byte vectors of sums fit in the registers of the machine, beside their operands."""
    features = get_host_cpu_features() if config.CPU_FEATURES is None else config.CPU_FEATURES
    return 24 if "+avx512f" in features else 6


def _blocks(length: int, largest: int) -> list[tuple[int, int, int]]:
    """Cut `length` in nearly equal blocks of at most `largest`: [(start, size, number of such blocks), ...]."""
    number = -(-length // largest)
    size, wider = divmod(length, number)
    runs = [(0, size + 1, wider), (wider * (size + 1), size, number - wider)]
    return [run for run in runs if run[2]]


class _Code:
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
        vector = self.builder.insert_element(vector, scalar, _LANE(0))
        return self.shuffle(vector, vector, [0] * self.lanes)

    def shuffle(self, a, b, lanes: list[int]):
        """A vector of the listed lanes of a and, counting on, of b."""
        mask = ir.Constant(ir.VectorType(_LANE, len(lanes)), [_LANE(lane) for lane in lanes])
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
        total = _INT(fixed)
        for term in terms:
            if not isinstance(term, int):
                value, factor = term if isinstance(term, tuple) else (term, 1)
                total = self.builder.add(total, self.builder.mul(value, _INT(factor)))
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
        stop = _INT(stop) if isinstance(stop, int) else stop
        with cgutils.for_range_slice(self.builder, _INT(0), stop, _INT(step)) as (i, _):
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


def _micro_kernel(body):
    """From `body(code, *arguments, **shape)`, make a function that calls this micro-kernel from other code.

    It is compiled once for each shape in a module, and never inlined: layers of one shape share it.
    """

    def call(builder, plan, *arguments, **shape):
        name = "_".join([f"fewerwells_{plan.dtype}{body.__name__}", *map(str, shape.values())])
        function = builder.module.globals.get(name)
        if function is None:
            signature = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
            function = ir.Function(builder.module, signature, name)
            function.linkage = "internal"
            function.attributes.add("noinline")
            function.attributes.add("nounwind")
            code = _Code(plan, function)
            body(code, *function.args, **shape)
            code.builder.ret_void()
        builder.call(function, arguments)

    return call


@_micro_kernel
def _gather(code, tile, samples, order, last, vectors):
    """Fetch samples into the tile's targets and inputs.

    `order` points at the number of the tile's first sample. The lanes after its sample `last` repeat that sample, so
    that no value from elsewhere gets in. Four numbers of each sample are read at once and transposed in registers.
    """
    plan, builder, lanes = code.plan, code.builder, code.lanes
    with code.loop(vectors) as v:
        starts = []
        for lane in range(lanes):
            position = code.sum_of((v, lanes), lane)
            position = builder.select(builder.icmp_signed("<", position, last), position, last)
            sample = builder.zext(builder.load(builder.gep(order, [position])), _INT)
            starts.append(code.sum_of((sample, plan.sample_width)))
        with code.loop(plan.sample_width, 4) as first:
            quads = [code.load_part(code.at(samples, start, first), 4) for start in starts]
            for k, row in enumerate(_transpose(code, quads)):
                code.store(row, code.at(tile, (v, plan.stride), (first, lanes), k * lanes))


def _transpose(code, quads):
    """Four vectors, the k-th with number k of each quad: (lanes, 4) to (4, lanes)."""

    def weave(a, b, picks):
        """Take `picks` from every four lanes of a and, counting from 4, of b."""
        lanes = [base + pick % 4 + pick // 4 * code.lanes for base in range(0, code.lanes, 4) for pick in picks]
        return code.shuffle(a, b, lanes)

    def join(parts):
        """Put short vectors side by side."""
        while len(parts) > 1:
            both = list(range(2 * parts[0].type.count))
            parts = [code.shuffle(a, b, both) for a, b in zip(parts[::2], parts[1::2], strict=True)]
        return parts[0]

    a, b, c, d = (join(quads[j::4]) for j in range(4))
    ab, cd = weave(a, b, (0, 4, 1, 5)), weave(c, d, (0, 4, 1, 5))
    ab_high, cd_high = weave(a, b, (2, 6, 3, 7)), weave(c, d, (2, 6, 3, 7))
    low, high = (0, 1, 4, 5), (2, 3, 6, 7)
    return weave(ab, cd, low), weave(ab, cd, high), weave(ab_high, cd_high, low), weave(ab_high, cd_high, high)


def _for_vectors(code, vectors, body):
    """Emit body(v, together) for all vectors of samples v, v + 1, ..., two at a time if there are enough registers."""
    if _vectors_together() == 1:
        with code.loop(vectors) as v:
            body(v, range(1))
        return
    odd = code.builder.and_(vectors, _INT(1))
    even = code.builder.sub(vectors, odd)
    with code.loop(even, 2) as v:
        body(v, range(2))
    with code.builder.if_then(code.builder.icmp_unsigned("!=", odd, _INT(0))):
        body(even, range(1))


def _vectors_together() -> int:
    """How many vectors of samples one block of sums spans: with two, each weight that is loaded serves twice."""
    return 2 if _register_budget() >= 12 else 1


@_micro_kernel
def _forward(code, weights, inputs, outputs, vectors, *, n_in, n_out, relu):
    """outputs = W inputs + b, then ReLU; a block of sums is some outputs of one or two vectors of samples."""
    builder, lanes, stride = code.builder, code.lanes, code.plan.stride
    for blocks in _blocks(n_out, _register_budget() // _vectors_together()):
        rows = range(blocks[1])
        with code.loop_blocks(blocks) as row:

            def block(v, together, row=row, rows=rows):
                biases = [code.load_splat(code.at(weights, (row, n_in + 1), r * (n_in + 1), n_in)) for r in rows]
                sums = [code.sums([bias for _ in together]) for bias in biases]
                with code.loop(n_in) as k:
                    x = [code.load(code.at(inputs, (v, stride), u * stride, (k, lanes))) for u in together]
                    for r in rows:
                        weight = code.load_splat(code.at(weights, (row, n_in + 1), r * (n_in + 1), k))
                        for u in together:
                            code.accumulate(sums[r][u], weight, x[u])
                for r in rows:
                    for u in together:
                        value = builder.load(sums[r][u])
                        if relu:
                            # in this form NaN stays NaN
                            value = builder.select(builder.fcmp_ordered("<", value, code.zero), code.zero, value)
                        code.store(value, code.at(outputs, (v, stride), u * stride, (row, lanes), r * lanes))

            _for_vectors(code, vectors, block)


@_micro_kernel
def _deltas_of_outputs(code, tile, scale, count, vectors, *, absolute):
    """outputs = derivative of scale * sum |error| (or error^2) for `count` samples, 0 for the lanes after them."""
    plan, builder, lanes = code.plan, code.builder, code.lanes
    scale = code.splat(scale)
    minus_scale, twice_scale = builder.fneg(scale), builder.fadd(scale, scale)
    numbers = ir.Constant(ir.VectorType(_INT, lanes), [_INT(lane) for lane in range(lanes)])
    with code.loop(vectors) as v:
        remaining = code.splat(builder.sub(count, code.sum_of((v, lanes))))
        is_sample = builder.icmp_signed("<", numbers, remaining)
        with code.loop(plan.sizes[-1]) as row:
            target = code.at(tile, (v, plan.stride), (row, lanes))
            output = code.at(target, plan.signals[-1] * lanes)
            error = builder.fsub(code.load(output), code.load(target))
            if absolute:
                negative = builder.fcmp_ordered("<", error, code.zero)
                positive = builder.fcmp_ordered(">", error, code.zero)
                # an error that is neither is 0, or NaN, which has to go on
                value = builder.select(positive, scale, builder.select(negative, minus_scale, error))
            else:
                value = builder.fmul(error, twice_scale)
            code.store(builder.select(is_sample, value, code.zero), output)


@_micro_kernel
def _deltas_of_inputs(code, weights, inputs, deltas, vectors, *, n_in, n_out):
    """inputs = W^T deltas where inputs > 0, else 0; blocks as in `_forward`."""
    builder, lanes, stride = code.builder, code.lanes, code.plan.stride
    for blocks in _blocks(n_in, _register_budget() // _vectors_together()):
        rows = range(blocks[1])
        with code.loop_blocks(blocks) as row:

            def block(v, together, row=row, rows=rows):
                sums = [code.sums([code.zero for _ in together]) for _ in rows]
                with code.loop(n_out) as k:
                    d = [code.load(code.at(deltas, (v, stride), u * stride, (k, lanes))) for u in together]
                    for r in rows:
                        weight = code.load_splat(code.at(weights, (k, n_in + 1), row, r))
                        for u in together:
                            code.accumulate(sums[r][u], weight, d[u])
                for r in rows:
                    for u in together:
                        place = code.at(inputs, (v, stride), u * stride, (row, lanes), r * lanes)
                        off = builder.fcmp_ordered("<=", code.load(place), code.zero)
                        code.store(builder.select(off, code.zero, builder.load(sums[r][u])), place)

            _for_vectors(code, vectors, block)


@_micro_kernel
def _gradient(code, gradient, inputs, deltas, vectors, *, n_in, n_out):
    """gradient += deltas times inputs, and times 1 for the biases, summed over samples.

    A block of sums is two rows of the parameter matrix by some of its columns. It stays in registers for the whole
    tile; only then are its vectors summed over their lanes.
    """
    builder, lanes, stride = code.builder, code.lanes, code.plan.stride
    height = min(2, n_out)
    runs = _blocks(n_in + 1, _register_budget() // height)
    # the bias column is the last of the last block, which therefore is code of its own
    start, size, number = runs.pop()
    runs += [(start, size, number - 1), (start + (number - 1) * size, size, 1)] if number > 1 else [(start, size, 1)]
    for row_blocks in _blocks(n_out, height):
        rows = range(row_blocks[1])
        for blocks in runs:
            start, size, number = blocks
            columns = range(size)
            has_bias = start + size * number == n_in + 1
            with code.loop_blocks(row_blocks) as row, code.loop_blocks(blocks) as column:
                sums = code.sums([code.zero for _ in rows for _ in columns])
                with code.loop(vectors) as v:
                    d = [code.load(code.at(deltas, (v, stride), (row, lanes), r * lanes)) for r in rows]
                    for c in columns:
                        if has_bias and c == size - 1:
                            x = code.constant(1)
                        else:
                            x = code.load(code.at(inputs, (v, stride), (column, lanes), c * lanes))
                        for r in rows:
                            code.accumulate(sums[r * size + c], d[r], x)
                for first in range(0, len(sums), lanes):
                    totals = _sum_over_lanes(code, [builder.load(slot) for slot in sums[first : first + lanes]])
                    for r in rows:
                        # the part of row r among sums first, first + 1, ...
                        begin, end = max(r * size, first), min((r + 1) * size, first + lanes)
                        place = code.at(gradient, (row, n_in + 1), column, r * (n_in + 1) + begin - r * size)
                        _add_lanes(code, place, totals, range(begin - first, end - first))


def _sum_over_lanes(code, vectors):
    """One vector with the sum over the lanes of the j-th of up to `lanes` vectors in lane j.

    A tree: pairs of vectors are folded onto each other's halves, pairs of the results onto quarters, and so on, so
    that all lanes are at work in every addition.
    """
    lanes = range(code.lanes)
    half = code.lanes // 2
    while half:
        # lanes with the bit `half` belong to the second vector of a pair
        own = [i + (code.lanes if i & half else 0) for i in lanes]
        opposite = [(i ^ half) + (code.lanes if i & half else 0) for i in lanes]
        firsts, seconds = vectors[:half], vectors[half:]
        # a vector without a partner is folded onto itself
        seconds += firsts[len(seconds) :]
        pairs = zip(firsts, seconds, strict=True)
        vectors = [code.builder.fadd(code.shuffle(a, b, own), code.shuffle(a, b, opposite)) for a, b in pairs]
        half //= 2
    return vectors[0]


def _add_lanes(code, place, vector, lanes: range):
    """Add some lanes of a vector to the numbers at `place`, in pieces whose sizes are powers of two."""
    done = 0
    while done < len(lanes):
        size = 1 << (len(lanes) - done).bit_length() - 1
        target = code.at(place, done)
        piece = code.shuffle(vector, vector, list(lanes[done : done + size]))
        code.store_part(code.builder.fadd(code.load_part(target, size), piece), target)
        done += size


@_micro_kernel
def _adam(code, parameters, first, second, gradient, anchor, settings, length):
    """One step of Adam, after which the gradient is 0.

    `settings` are 1 - beta1, beta2, 1 - beta2, learning rate / (1 - beta1^t), 1 / sqrt(1 - beta2^t), eps and pull.
    """
    builder = code.builder
    rate1, beta2, rate2, step, root, eps, pull = (code.load_splat(code.at(settings, i)) for i in range(7))
    arrays = (parameters, first, second, gradient, anchor)
    with code.loop(length, code.lanes) as i:
        p, m, v, g, a = (code.load(code.at(array, i)) for array in arrays)
        g = code.multiply_add(pull, builder.fsub(p, a), g)
        m = code.multiply_add(rate1, builder.fsub(g, m), m)
        v = code.multiply_add(builder.fmul(rate2, g), g, builder.fmul(beta2, v))
        p = builder.fsub(p, builder.fdiv(builder.fmul(step, m), code.multiply_add(code.call("sqrt", v), root, eps)))
        for value, array in zip((p, m, v, code.zero), arrays, strict=False):
            code.store(value, code.at(array, i))


# What Numba code calls


def _definition(spec, argument_types, emit):
    """What an intrinsic hands to Numba: its signature, and the code that `emit(builder, plan, *arguments)` writes.

    Arrays reach `emit` as pointers to their first number.
    """
    plan = Plan.parse(spec.literal_value)

    def generate(context, builder, signature, arguments):
        values = [
            context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        emit(builder, plan, *values[1:])
        return context.get_dummy_value()

    return types.void(spec, *argument_types), generate


def _place(builder, plan, memory, part: str, offset: int = 0):
    return builder.gep(memory, [_INT(plan.places[part] + offset)])


def _signal(builder, plan, memory, number: int):
    """The inputs (number 0) or the outputs of layer `number`, counted from 1."""
    return _place(builder, plan, memory, "tile", plan.signals[number] * plan.lanes)


@intrinsic(prefer_literal=True)
def gather(typingctx, spec, memory, samples, order, start, count, vectors):
    """Fetch samples order[start], ..., order[start + count - 1] into the first `vectors` vectors of the tile."""

    def emit(builder, plan, memory, samples, order, start, count, vectors):
        order = builder.gep(order, [start])
        last = builder.sub(count, _INT(1))
        _gather(builder, plan, _place(builder, plan, memory, "tile"), samples, order, last, vectors)

    return _definition(spec, (memory, samples, order, types.int64, types.int64, types.int64), emit)


@intrinsic(prefer_literal=True)
def forward(typingctx, spec, memory, vectors):
    """Compute all layers' outputs."""

    def emit(builder, plan, memory, vectors):
        for layer, (n_in, n_out) in enumerate(plan.layers):
            weights = _place(builder, plan, memory, "weights", plan.offsets[layer])
            inputs, outputs = (_signal(builder, plan, memory, layer + i) for i in range(2))
            relu = layer < len(plan.layers) - 1
            _forward(builder, plan, weights, inputs, outputs, vectors, n_in=n_in, n_out=n_out, relu=relu)

    return _definition(spec, (memory, types.int64), emit)


@intrinsic(prefer_literal=True)
def start_backward(typingctx, spec, memory, scale, absolute, count, vectors):
    """Overwrite the outputs by the derivative of scale * (sum of |error|, or of its square) over `count` samples."""

    def emit(builder, plan, memory, scale, absolute, count, vectors):
        tile = _place(builder, plan, memory, "tile")
        with builder.if_else(absolute) as branches:
            for branch, is_absolute in zip(branches, (True, False), strict=True):
                with branch:
                    _deltas_of_outputs(builder, plan, tile, scale, count, vectors, absolute=is_absolute)

    return _definition(spec, (memory, memory.dtype, types.boolean, types.int64, types.int64), emit)


@intrinsic(prefer_literal=True)
def backward(typingctx, spec, memory, trained, vectors):
    """Add the tile's part of the gradient of every trained layer, going back only as far as there is one."""

    def emit(builder, plan, memory, trained, vectors):
        flags = [_is_trained(builder, trained, layer) for layer in range(len(plan.layers))]
        # some layer before this one is trained
        goes_on = [ir.IntType(1)(0)]
        for flag in flags:
            goes_on.append(builder.or_(goes_on[-1], flag))
        for layer in reversed(range(len(plan.layers))):
            n_in, n_out = plan.layers[layer]
            inputs, deltas = (_signal(builder, plan, memory, layer + i) for i in range(2))
            with builder.if_then(flags[layer]):
                gradient = _place(builder, plan, memory, "gradient", plan.offsets[layer])
                _gradient(builder, plan, gradient, inputs, deltas, vectors, n_in=n_in, n_out=n_out)
            if layer > 0:
                with builder.if_then(goes_on[layer]):
                    weights = _place(builder, plan, memory, "weights", plan.offsets[layer])
                    _deltas_of_inputs(builder, plan, weights, inputs, deltas, vectors, n_in=n_in, n_out=n_out)

    return _definition(spec, (memory, trained, types.int64), emit)


@intrinsic(prefer_literal=True)
def adam(typingctx, spec, memory, trained):
    """One step of Adam on the trained layers; clears their gradient."""

    def emit(builder, plan, memory, trained):
        settings = _place(builder, plan, memory, "settings")
        for layer in range(len(plan.layers)):
            offset, end = plan.offsets[layer : layer + 2]
            with builder.if_then(_is_trained(builder, trained, layer)):
                parts = ("weights", "first", "second", "gradient", "anchor")
                places = [_place(builder, plan, memory, part, offset) for part in parts]
                _adam(builder, plan, *places, settings, _INT(end - offset))

    return _definition(spec, (memory, trained), emit)


def _is_trained(builder, trained, layer: int):
    flag = builder.load(builder.gep(trained, [_INT(layer)]))
    return builder.icmp_unsigned("!=", flag, flag.type(0))


@intrinsic
def is_set(typingctx, flag):
    """Whether flag[0] is not 0, read from memory each time, because another thread sets it."""

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        value = builder.load_atomic(data, "monotonic", 8)
        return builder.icmp_unsigned("!=", value, value.type(0))

    return types.boolean(flag), generate
