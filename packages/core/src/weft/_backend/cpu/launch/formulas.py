"""An expression as the text of a kernel: over flat memory, over rows with strides, over strips."""

from __future__ import annotations

import math
from typing import Any

from weft._backend import symbolic
from weft._backend.cpu.language import Names, TextKernel
from weft._backend.cpu.language.types import BY_NAME, type_of
from weft._backend.symbolic import BOOL, F32, Node

#: What generated kernels may name.
NAMES = Names("mathematics", INF=float("inf"), NAN=float("nan"))
#: Rows of a strip, and columns from which on arrays that lie across others are turned.
STRIP, LEAST_TURNED = 32, 16
#: Columns of a strip that are turned before the formula runs over them.
_WIDE = 64
_BRANCHING = frozenset({"floor_divide", "fmod", "remainder"})
#: Elements of which a pass that runs back takes the last first.
_BLOCK = 8192
_OPERATORS = {
    "add": "+", "subtract": "-", "multiply": "*", "true_divide": "/", "less": "<",
    "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
    "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^",
}  # fmt: skip
_OF_TRUTHS = {
    "add": "or", "multiply": "and", "maximum": "or", "minimum": "and", "fmax": "or",
    "fmin": "and", "bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "!=",
}  # fmt: skip
_CALLS = {
    "power": "pow", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh",
    "arccosh": "acosh", "arctanh": "atanh", "arctan2": "atan2", "maximum": "max",
    "minimum": "min", "where": "select", "gammaln": "lgamma", "ndtr": "normal_share",
    "log_ndtr": "log_normal_share",
}  # fmt: skip


def kind(dtype: Any) -> str:
    """Return the language's name of a dtype."""
    found = type_of(dtype)
    assert found is not None
    return found.name


def lines(root: Node, loads: dict[int, str]) -> tuple[list[str], str]:
    """Return the statements of an expression, and the name of its result.

    Args:
        root: the result's node.
        loads: what reads the argument at each position.
    """
    names: dict[int, str] = {}
    said: list[str] = []
    for node in symbolic.ordered(root):
        names[id(node)] = name = f"v{len(names)}"
        said.append(f"{name} = {_said(node, names, loads)}")
    return said, names[id(root)]


def _loop(root: Node) -> str:
    """Return the range of a loop: of functions that call others in rare cases not side by side."""
    return "range" if any(n.op in _BRANCHING for n in symbolic.ordered(root)) else "simd"


def _said(node: Node, names: dict[int, str], loads: dict[int, str]) -> str:
    op, to = node.op, kind(node.type)
    if op in ("array", "number"):
        return loads[node.args[0]]
    if op == "constant":
        return f"{to}({_number(node.args[0])})"
    args = [names[id(a)] for a in node.args]
    of = node.args[0].type
    if op == "multiply":
        of_share = _of_normal_share(node)
        if of_share is not None:
            return f"ndtr({names[id(of_share)]})"
    if op == "cast":
        return f"{to}({args[0]})"
    if len(args) == 2 and of is BOOL and op in _OF_TRUTHS:
        return f"{args[0]} {_OF_TRUTHS[op]} {args[1]}"
    if op in _OPERATORS:
        return f"{args[0]} {_OPERATORS[op]} {args[1]}"
    (x, *_) = args
    if op == "negative":
        return f"-{x}"
    if op == "invert":
        return f"not {x}" if of is BOOL else f"~{x}"
    if op == "sign":
        test = f"{to}({x} > {to}(0)) - {to}({x} < {to}(0))"
        return f"select(isnan({x}), {x}, {test})" if of.kind == "f" else test
    if op == "isinf":
        return f"abs({x}) == INF"
    if op == "isfinite":
        return f"abs({x}) < INF"
    if op == "signbit":
        return f"bits({'i32' if of is F32 else 'i64'}, {x}) < 0"
    if op in ("fmax", "fmin") and of.kind != "f":
        op = {"fmax": "maximum", "fmin": "minimum"}[op]
    return f"{_CALLS.get(op, op)}({', '.join(args)})"


def _of_normal_share(node: Node) -> Node | None:
    """Return the x of a node that is (1 + erf(x * sqrt(1/2))) / 2; None if it is another."""
    for value, op in ((0.5, "add"), (1, "erf")):
        found = _beside(value, node)
        if found is None or found.op != op:
            return None
        node = found
    (node,) = node.args
    return _beside(math.sqrt(0.5), node) if node.op == "multiply" else None


def _beside(value: float, node: Node) -> Node | None:
    """Return what an operation on two has beside a constant."""
    one, other = node.args
    if other.op == "constant":
        one, other = other, one
    return other if one.op == "constant" and one.args[0] == value else None


def _number(value: Any) -> str:
    if value != value:
        return "NAN"
    if value in (float("inf"), float("-inf")):
        return "INF" if value > 0 else "-INF"
    return repr(value)


def signature(name: str, arrays: list[int], numbers: list[tuple[int, str]], more: str) -> str:
    """Return the first line of a kernel."""
    pointers = "".join(f", x{i}: ptr(A{i})" for i in arrays)
    given = "".join(f", s{i}: {kind}" for i, kind in numbers)
    name = name.replace(".", "_")  # of special functions
    return f"def {name}(begin, end{pointers}, out: ptr(R){more}{given}):"


def flat(name: str, root: Node, arrays: list[int], numbers: list[tuple[int, str]]) -> TextKernel:
    """Return the kernel over arrays that lie alike in memory; ``back`` is of `direction`."""
    loads = {i: f"x{i}[i]" for i in arrays} | {i: f"s{i}" for i, _ in numbers}
    body, result = lines(root, loads)
    text = "\n".join(
        [
            signature(name, arrays, numbers, ", back"),
            f"    for at in range(begin, end, {_BLOCK}):",
            f"        last = begin + end - at if back != 0 else min(end, at + {_BLOCK})",
            f"        first = max(begin, last - {_BLOCK}) if back != 0 else at",
            f"        for i in {_loop(root)}(first, last):",
            *(f"            {line}" for line in body),
            f"            out[i] = {result}",
        ]
    )
    return TextKernel(name, text, NAMES, loose=False, overlap=True)


def strided(
    name: str, root: Node, arrays: list[int], numbers: list[tuple[int, str]], inner: str, dims: int
) -> TextKernel:
    """Return the kernel over rows: outer dims with any strides, and an inner loop.

    Args:
        name: its name.
        root: the expression.
        arrays: the positions of the arguments that are arrays.
        numbers: the positions and types of those that are numbers.
        inner: a letter for each array and for the result: its step in the inner loop, 0, 1, or n
            for a number that is given.
        dims: how many dims there are, the inner one among them.
    """
    more = ", back" + "".join(f", d{k}" for k in range(1, dims))
    operands = [*(f"x{i}" for i in arrays), "out"]
    for operand, step in zip(operands, inner, strict=True):
        more += "".join(f", {operand}_{k}" for k in range(dims - 1))
        more += f", {operand}_n" if step == "n" else ""
    head, loads = [], {i: f"s{i}" for i, _ in numbers}
    for k in range(dims - 2, 0, -1):
        head += [f"q{k} = r % d{k}", f"r = r // d{k}"]
    head.append("q0 = r")
    for i, (operand, step) in enumerate(zip(operands, inner, strict=True)):
        offset = " + ".join(f"q{k} * {operand}_{k}" for k in range(dims - 1))
        head.append(f"{operand}_row = {operand} + ({offset})")
        place = f"{operand}_row[{'i' if step == '1' else f'i * {operand}_n'}]"
        if i == len(arrays):
            store = place
        elif step == "0":
            head.append(f"u{arrays[i]} = {operand}_row[0]")
            loads[arrays[i]] = f"u{arrays[i]}"
        else:
            loads[arrays[i]] = place
    body, result = lines(root, loads)
    text = "\n".join(
        [
            signature(name, arrays, numbers, more),
            "    for row in range(begin, end):",
            "        r = begin + end - 1 - row if back != 0 else row",
            *(f"        {line}" for line in head),
            f"        for i in {_loop(root)}(d{dims - 1}):",
            *(f"            {line}" for line in body),
            f"            {store} = {result}",
        ]
    )
    return TextKernel(name, text, NAMES, loose=False, overlap=True)


def tiled(
    name: str, root: Node, arrays: list[int], numbers: list[tuple[int, str]], inner: str, dims: int
) -> TextKernel:
    """Return the kernel over strips of rows, some of whose arrays lie turned: column after column.

    A step is STRIP rows. Of an array that lies turned a part of them is read by its columns, whole
    lines of memory, and put by rows where the formula finds it.

    Args:
        name: its name.
        root: the expression.
        arrays: the positions of the arguments that are arrays.
        numbers: the positions and types of those that are numbers.
        inner: as in :func:`strided`; t for an array whose step along the strip is 1.
        dims: how many dims there are; the last two are of the rows of a strip, and along a row.
    """
    more = "".join(f", d{k}" for k in range(dims)) + ", strips"
    operands = [*(f"x{i}" for i in arrays), "out"]
    for operand, step in zip(operands, inner, strict=True):
        more += "".join(f", {operand}_{k}" for k in range(dims - 1))
        more += f", {operand}_n" if step in "nt" else ""
    last = dims - 2
    kinds = {n.args[0]: kind(n.type) for n in symbolic.ordered(root) if n.op == "array"}
    turned = [i for i, step in zip(arrays, inner, strict=False) if step == "t" and i in kinds]
    head = [f"strip = step % strips * {STRIP}", "r = step // strips"]
    for k in range(last - 1, 0, -1):
        head += [f"q{k} = r % d{k}", f"r = r // d{k}"]
    head += ["q0 = r"] if last else []
    loads = {i: f"s{i}" for i, _ in numbers}
    rows: list[str] = []
    for operand, step in zip(operands, inner, strict=True):
        offset = " + ".join([*(f"q{k} * {operand}_{k}" for k in range(last)), "0"])
        head.append(f"{operand}_strip = {operand} + ({offset} + strip * {operand}_{last})")
        rows.append(f"{operand}_row = {operand}_strip + i * {operand}_{last}")
        place = {"0": "0", "1": "first + j"}.get(step, f"(first + j) * {operand}_n")
        if operand != "out":
            position = int(operand[1:])
            own = position in turned
            loads[position] = (
                f"block{position}[i * {_WIDE} + j]" if own else f"{operand}_row[{place}]"
            )
    body, result = lines(root, loads)
    turns: list[str] = []
    for i in turned:
        side = 64 // BY_NAME[kinds[i]].size
        turns += [f"columns = x{i}_strip + first * x{i}_n", "whole = 0"]
        if side <= STRIP:  # of bytes a square is larger
            turns += [
                f"if lanes(x{i}) == {side}:",  # it is computed as it lies
                f"    whole = width // {side} * {side} if many == {STRIP} else 0",
                f"    for j in range(0, whole, {side}):",
                f"        for i in range(0, {STRIP}, {side}):",
                f"            square = block{i} + (i * {_WIDE} + j)",
                f"            turn(square, {_WIDE}, columns + (j * x{i}_n + i), x{i}_n)",
            ]
        turns += [
            "for j in range(whole, width):",
            "    for i in range(many):",
            f"        block{i}[i * {_WIDE} + j] = columns[j * x{i}_n + i]",
        ]
    text = "\n".join(
        [
            signature(name, arrays, numbers, more),
            *(f"    block{i} = local({kinds[i]}, {STRIP * _WIDE})" for i in turned),
            "    for step in range(begin, end):",
            *(f"        {line}" for line in head),
            f"        many = min(d{last} - strip, {STRIP})",
            f"        for first in range(0, d{dims - 1}, {_WIDE}):",
            f"            width = min(d{dims - 1} - first, {_WIDE})",
            *(f"            {line}" for line in turns),
            "            for i in range(many):",
            *(f"                {line}" for line in rows),
            f"                for j in {_loop(root)}(width):",
            *(f"                    {line}" for line in body),
            f"                    out_row[first + j] = {result}",
        ]
    )
    return TextKernel(name, text, NAMES, loose=False, overlap=True)
