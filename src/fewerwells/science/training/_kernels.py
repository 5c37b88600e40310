"""The micro-kernels of the fused engine: each layer's forward and backward pass and Adam's step, in vectors.

The sums are made in an order fixed by the network's shape, and nothing here lets the compiler reorder them: results do
not depend on how wide the machine's vectors are.
"""

from __future__ import annotations

from llvmlite import ir

from fewerwells.science.training._code import INT, micro_kernel, nearly_equal_blocks, register_budget


@micro_kernel
def gather(code, tile, samples, order, last, vectors):
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
            sample = builder.zext(builder.load(builder.gep(order, [position])), INT)
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
    odd = code.builder.and_(vectors, INT(1))
    even = code.builder.sub(vectors, odd)
    with code.loop(even, 2) as v:
        body(v, range(2))
    with code.builder.if_then(code.builder.icmp_unsigned("!=", odd, INT(0))):
        body(even, range(1))


def _vectors_together() -> int:
    """How many vectors of samples one block of sums spans: with two, each weight that is loaded serves twice."""
    return 2 if register_budget() >= 12 else 1


@micro_kernel
def forward(code, weights, inputs, outputs, vectors, *, n_in, n_out, relu):
    """outputs = W inputs + b, then ReLU; a block of sums is some outputs of one or two vectors of samples."""
    builder, lanes, stride = code.builder, code.lanes, code.plan.stride
    for blocks in nearly_equal_blocks(n_out, register_budget() // _vectors_together()):
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


@micro_kernel
def deltas_of_outputs(code, tile, scale, count, vectors, *, absolute):
    """outputs = derivative of scale * sum |error| (or error^2) for `count` samples, 0 for the lanes after them."""
    plan, builder, lanes = code.plan, code.builder, code.lanes
    scale = code.splat(scale)
    minus_scale, twice_scale = builder.fneg(scale), builder.fadd(scale, scale)
    numbers = ir.Constant(ir.VectorType(INT, lanes), [INT(lane) for lane in range(lanes)])
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


@micro_kernel
def deltas_of_inputs(code, weights, inputs, deltas, vectors, *, n_in, n_out):
    """inputs = W^T deltas where inputs > 0, else 0; blocks as in `_forward`."""
    builder, lanes, stride = code.builder, code.lanes, code.plan.stride
    for blocks in nearly_equal_blocks(n_in, register_budget() // _vectors_together()):
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


@micro_kernel
def gradient(code, gradient, inputs, deltas, vectors, *, n_in, n_out):
    """gradient += deltas times inputs, and times 1 for the biases, summed over samples.

    A block of sums is two rows of the parameter matrix by some of its columns. It stays in registers for the whole
    tile; only then are its vectors summed over their lanes.
    """
    builder, lanes, stride = code.builder, code.lanes, code.plan.stride
    height = min(2, n_out)
    runs = nearly_equal_blocks(n_in + 1, register_budget() // height)
    # the bias column is the last of the last block, which therefore is code of its own
    start, size, number = runs.pop()
    runs += [(start, size, number - 1), (start + (number - 1) * size, size, 1)] if number > 1 else [(start, size, 1)]
    for row_blocks in nearly_equal_blocks(n_out, height):
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


@micro_kernel
def adam(code, parameters, first, second, gradient, anchor, settings, length):
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
