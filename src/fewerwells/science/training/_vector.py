"""The fused engine's arithmetic, as functions that Numba code calls: LLVM code with explicit vector types.

`_kernels` holds what is computed and `_code` how it is written. During the backward pass each signal in the tile is
overwritten by the derivative of the loss with respect to it (its "delta"), so a tile needs no second buffer. `_layout`
says where everything lies.

`spec` is a plan's text (see `Plan.parse`), which Numba can hold as a type, and `memory` a worker's memory.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from fewerwells.science.training import _kernels
from fewerwells.science.training._code import INT
from fewerwells.science.training._layout import Plan


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
    return builder.gep(memory, [INT(plan.places[part] + offset)])


def _signal(builder, plan, memory, number: int):
    """The inputs (number 0) or the outputs of layer `number`, counted from 1."""
    return _place(builder, plan, memory, "tile", plan.signals[number] * plan.lanes)


@intrinsic(prefer_literal=True)
def gather(typingctx, spec, memory, samples, order, start, count, vectors):
    """Fetch samples order[start], ..., order[start + count - 1] into the first `vectors` vectors of the tile."""

    def emit(builder, plan, memory, samples, order, start, count, vectors):
        order = builder.gep(order, [start])
        last = builder.sub(count, INT(1))
        _kernels.gather(builder, plan, _place(builder, plan, memory, "tile"), samples, order, last, vectors)

    return _definition(spec, (memory, samples, order, types.int64, types.int64, types.int64), emit)


@intrinsic(prefer_literal=True)
def forward(typingctx, spec, memory, vectors):
    """Compute all layers' outputs."""

    def emit(builder, plan, memory, vectors):
        for layer, (n_in, n_out) in enumerate(plan.layers):
            weights = _place(builder, plan, memory, "weights", plan.offsets[layer])
            inputs, outputs = (_signal(builder, plan, memory, layer + i) for i in range(2))
            relu = layer < len(plan.layers) - 1
            _kernels.forward(builder, plan, weights, inputs, outputs, vectors, n_in=n_in, n_out=n_out, relu=relu)

    return _definition(spec, (memory, types.int64), emit)


@intrinsic(prefer_literal=True)
def start_backward(typingctx, spec, memory, scale, absolute, count, vectors):
    """Overwrite the outputs by the derivative of scale * (sum of |error|, or of its square) over `count` samples."""

    def emit(builder, plan, memory, scale, absolute, count, vectors):
        tile = _place(builder, plan, memory, "tile")
        with builder.if_else(absolute) as branches:
            for branch, is_absolute in zip(branches, (True, False), strict=True):
                with branch:
                    _kernels.deltas_of_outputs(builder, plan, tile, scale, count, vectors, absolute=is_absolute)

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
                _kernels.gradient(builder, plan, gradient, inputs, deltas, vectors, n_in=n_in, n_out=n_out)
            if layer > 0:
                with builder.if_then(goes_on[layer]):
                    weights = _place(builder, plan, memory, "weights", plan.offsets[layer])
                    _kernels.deltas_of_inputs(builder, plan, weights, inputs, deltas, vectors, n_in=n_in, n_out=n_out)

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
                _kernels.adam(builder, plan, *places, settings, INT(end - offset))

    return _definition(spec, (memory, trained), emit)


def _is_trained(builder, trained, layer: int):
    flag = builder.load(builder.gep(trained, [INT(layer)]))
    return builder.icmp_unsigned("!=", flag, flag.type(0))


@intrinsic
def is_set(typingctx, flag):
    """Whether flag[0] is not 0, read from memory each time, because another thread sets it."""

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        value = builder.load_atomic(data, "monotonic", 8)
        return builder.icmp_unsigned("!=", value, value.type(0))

    return types.boolean(flag), generate
