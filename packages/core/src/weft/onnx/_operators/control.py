"""Control flow: branches, loops and scans become blocks; a constant condition chooses at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import weft
from weft.onnx._builder import Value
from weft.onnx._call import Call
from weft.onnx._registry import operator


@operator("If")
def branch(call: Call) -> Sequence[Value]:
    condition = call[0]
    graphs = {"then": call.graph("then_branch"), "else": call.graph("else_branch")}
    known = condition.numbers()
    if known is not None:
        chosen = graphs["then" if known in (True, [True]) else "else"]
        return call.lowering.graph(chosen, dict(call.scope))
    blocks: dict[str, Any] = {}
    for name, graph in graphs.items():
        nodes, outputs = call.lowering.block(graph, call, [])
        blocks[name] = ([], nodes, outputs)
    return _made(call, "if", [condition], blocks, len(call.names))


def _made(
    call: Call, op: str, operands: Sequence[Value | None], blocks: Any, outputs: int
) -> Sequence[Value]:
    return call.builder.node_with_blocks(op, operands, blocks, outputs=outputs, hint=call.hint)


@operator("Loop")
def loop(call: Call) -> Sequence[Value]:
    body = call.graph("body")
    carried = [call[place] for place in range(2, len(call.inputs))]
    inputs = [call.builder.named(one.name) for one in body.input]
    if len(inputs) != len(carried) + 2:
        raise call.refused(f"its body must take {len(carried) + 2} values, but takes {len(inputs)}")
    nodes, outputs = call.lowering.block(body, call, inputs)
    return _made(
        call, "loop", [call.get(0), call.get(1), *carried], {"body": (inputs, nodes, outputs)},
        len(outputs) - 1,
    )  # fmt: skip


@operator("Scan", since=9)
def scan(call: Call) -> Sequence[Value]:
    """A loop over slices: its body takes one of each scanned input at a time."""
    body, count = call.graph("body"), call.required("num_scan_inputs")
    states = [call[place] for place in range(len(call.inputs) - count)]
    scanned = [call[place] for place in range(len(states), len(call.inputs))]
    if len(body.input) != len(call.inputs) or not scanned:
        raise call.refused(
            f"its body must take {len(call.inputs)} values, but takes {len(body.input)}"
        )
    given = len(body.output) - len(states)
    axes = call.attribute("scan_input_axes", [0] * count)
    backward = call.attribute("scan_input_directions", [0] * count)
    out_axes = call.attribute("scan_output_axes", [0] * given)
    out_backward = call.attribute("scan_output_directions", [0] * given)
    sizes = [
        call.emit("select", call.emit("shape", x), dim=0, index=axis)
        for x, axis in zip(scanned, axes, strict=True)
    ]
    inputs = [call.builder.named(name) for name in ("count", "condition")]
    inputs += [call.builder.named(one.name) for one in body.input[: len(states)]]
    scope = dict(call.scope)
    with call.builder.block() as nodes:
        for one, value in zip(body.input, inputs[2:], strict=False):
            scope[one.name] = value
        rows = zip(body.input[len(states) :], scanned, axes, backward, sizes, strict=True)
        for one, x, axis, turned, size in rows:
            place = inputs[0]
            if turned:
                last = call.emit("sub", size, 1)
                place = call.emit("sub", last, place)
            scope[one.name] = call.emit("lookup", x, place, dim=axis)
        found = call.lowering.graph(body, scope)
    going = call.constant(True, weft.bool)
    results = _made(
        call, "loop", [sizes[0], None, *states], {"body": (inputs, nodes, [going, *found])},
        len(found),
    )  # fmt: skip
    collected = []
    for value, axis, turned in zip(results[len(states) :], out_axes, out_backward, strict=True):
        if turned:
            value = call.emit("flip", value, dims=[0])
        collected.append(call.emit("movedim", value, source=[0], destination=[axis]))
    return [*results[: len(states)], *collected]
