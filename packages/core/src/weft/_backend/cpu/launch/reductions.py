"""Runs reductions as machine code: over rows that lie side by side, or down columns.

Sums of floats are kept in float64, in blocks whose sums are then added up with what rounding lost.
How the work is cut depends on shapes alone, so that the number of threads changes no bit.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from weft._backend import np, symbolic
from weft._backend.cpu import switches
from weft._backend.cpu.language import TextKernel, function, usable
from weft._backend.cpu.language.types import type_of
from weft._backend.cpu.launch.direction import LARGE, against
from weft._backend.cpu.launch.formulas import NAMES, kind, lines
from weft._backend.numpy_ import restore, silence

_F32, _F64, _I64, _BOOL = (np.dtype(d) for d in (np.float32, np.float64, np.int64, np.bool_))
#: Elements that a thread has to itself at least.
_GRAIN = 32768
#: Columns that are added up side by side, and rows of which each part of a column has.
_WIDE, _TALL = 256, 1024
#: Elements of a part of a row, where there are few rows.
_LONG = 16384
#: Up to how many elements NumPy finds the largest of a row sooner.
_QUICK_EXTREMES = 1 << 17
#: Which part is next: each by itself, so that the way changes no bit.
_STEP = "step = begin + end - 1 - one if back != 0 else one"
_PLANS: dict[Any, Any] = {}
_COMBINING = {
    "sum": "{a} + {v}",
    "prod": "{a} * {v}",
    "max": "max({a}, {v})",
    "min": "min({a}, {v})",
    "any": "{a} | {v}",
    "all": "{a} & {v}",
}
_NUMPYS = {
    "sum": np.add,
    "prod": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
    "any": np.bitwise_or,
    "all": np.bitwise_and,
}


@function
def two_sum(x, y):
    """x + y as what it rounds to and the rest."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


_NAMES = NAMES.also(two_sum=two_sum)


class Plan(NamedTuple):
    """How one reduction of one shape is run."""

    function: Callable[..., Any]
    order: tuple[int, ...] | None  # of memory's dims, where it is not the array's own
    steps: int
    grain: int
    numbers: tuple[int, ...]
    made: tuple[int, ...]  # the shape that the kernel gives
    kind: Any  # its dtype
    rest: tuple[int, ...]  # the dims of that which are still to be combined
    joining: Callable[..., Any] | None  # the function that does so along the last; NumPy if None
    shape: tuple[int, ...]  # of the result, in memory's order
    back: tuple[int, ...] | None  # the dims of the result in the array's order


def reduced(
    combine: str,
    formula: Callable[..., Any],
    x: Any,
    dims: tuple[int, ...],
    keepdim: bool,
    dtype: Any,
) -> Any:
    """Return a reduction; None where NumPy is to run it.

    Args:
        combine: what joins two elements.
        formula: what each element is before, ``formula(xp, x)``.
        x: the array.
        dims: the dims that go, at least one.
        keepdim: whether they stay, with length 1.
        dtype: the result's.
    """
    if not switches.codegen:
        return None
    key = (combine, formula, x.dtype, x.shape, x.strides, dims, keepdim)
    plan = _PLANS.get(key, key)
    if plan is key:
        if len(_PLANS) > 4096:
            _PLANS.clear()
        plan = _PLANS[key] = _planned(combine, formula, x, dims, keepdim, dtype)
    if plan is None:
        return None
    if plan.order is not None:
        x = x.transpose(plan.order)
    out = np.empty(plan.made, plan.kind)
    back = against() if x.size >= LARGE else 0
    plan.function(plan.steps, plan.grain, x, out, back, *plan.numbers)
    if plan.joining is not None:
        parts, out = out, np.empty(plan.made[:-1], dtype)
        plan.joining(out.size, _GRAIN, parts, out, 0, plan.made[-1], plan.made[-1], 1)
    elif plan.rest:
        before = silence()
        try:
            out = np.asarray(_NUMPYS[combine].reduce(out, axis=plan.rest)).astype(dtype, copy=False)
        finally:
            restore(before)
    out = out.reshape(plan.shape)
    return out if plan.back is None else out.transpose(plan.back)


def _planned(
    combine: str, formula: Any, x: Any, dims: tuple[int, ...], keepdim: bool, dtype: Any
) -> Plan | None:
    if not usable() or type_of(x.dtype) is None or not x.size:
        return None
    order = None
    if not x.flags.c_contiguous:
        order = tuple(sorted(range(x.ndim), key=lambda d: -x.strides[d]))
        if not x.transpose(order).flags.c_contiguous:
            return None
    made = _kernels(combine, formula, x.dtype, dtype)
    if made is None:
        return None
    ordered = order or tuple(range(x.ndim))
    groups = _groups([(x.shape[d], d in dims) for d in ordered])
    if not any(goes for _, goes in groups):
        return None  # dims of length 1 alone
    last_goes = groups[-1][1]
    if combine in ("max", "min") and last_goes and x.size < _QUICK_EXTREMES:
        return None
    n = groups[-1][0] if last_goes else groups[-2][0]
    inner = 1 if last_goes else groups[-1][0]
    before = groups[: -1 if last_goes else -2]
    outer = math.prod(size for size, _ in before)
    if not last_goes and inner < 8:
        return None  # columns too narrow for vectors
    apart = any(goes for _, goes in before)  # dims before that go too
    numbers: tuple[int, ...]
    if last_goes:
        parts = 1 if n <= 2 * _LONG or outer >= 16 else -(-n // _LONG)
        length = n if parts == 1 else _LONG
        steps, each, numbers = outer * parts, length, (n, length, parts)
    else:
        parts = 1 if n <= 2 * _TALL else -(-n // _TALL)
        length = n if parts == 1 else _TALL
        blocks = -(-inner // _WIDE)
        steps, each = outer * parts * blocks, length * min(inner, _WIDE)
        numbers = (n, inner, length, parts, blocks)
    partial = apart or parts > 1
    shape = [size for size, _ in before] + ([parts] if parts > 1 else [])
    rest = [i for i, (_, goes) in enumerate(before) if goes]
    rest += [len(before)] if parts > 1 else []
    shape += [] if last_goes else [inner]
    kept = tuple(1 if d in dims else x.shape[d] for d in ordered if keepdim or d not in dims)
    back = None
    if order is not None:
        there = [d for d in order if keepdim or d not in dims]
        back = tuple(there.index(d) for d in sorted(there))
    joining = None
    if last_goes and rest == [len(before)]:
        held = _held(combine, x.dtype, dtype)
        joins = _kernels(combine, itself, held, dtype)
        joining = joins and joins(False, True)
    return Plan(
        made(partial, last_goes),
        order,
        steps,
        max(1, _GRAIN // max(each, 1)),
        numbers,
        tuple(shape),
        _held(combine, x.dtype, dtype) if partial else dtype,
        tuple(rest),
        joining,
        kept,
        back,
    )


def itself(xp: Any, x: Any) -> Any:
    return x


def _groups(dims: list[tuple[int, bool]]) -> list[tuple[int, bool]]:
    """Join neighbours of which both go, or both stay."""
    out: list[tuple[int, bool]] = []
    for size, goes in dims:
        if size == 1 and out:
            continue
        if out and (out[-1][1] is goes or out[-1][0] == 1):
            out[-1] = (out[-1][0] * size, goes)
        else:
            out.append((size, goes))
    if out[-1] == (1, False):
        out[-1] = (1, True)
    return out


def _held(combine: str, own: Any, dtype: Any) -> Any:
    """Return the dtype in which partial results are kept."""
    if combine in ("sum", "prod"):
        return _F64 if dtype.kind not in "iu" else _I64
    return _BOOL if combine in ("any", "all") else own


@functools.cache
def _kernels(combine: str, formula: Any, own: Any, dtype: Any) -> Any:
    """Return ``made(partial, rows)``, which gives the kernels of a reduction; None for none."""
    held = _held(combine, own, dtype)
    if type_of(held) is None or type_of(dtype) is None:
        return None
    if combine in ("any", "all") and (own is not _BOOL or dtype is not _BOOL):
        return None
    if own is _BOOL and combine in ("max", "min"):
        return None
    if combine in ("sum", "prod") and dtype.kind in "iu" and dtype != _I64:
        return None
    try:
        root, _ = symbolic.run(formula, (own,), {})
    except symbolic.Unknown:
        return None
    if combine in ("max", "min") and symbolic.ordered(root)[-1].op != "array":
        return None

    @functools.cache
    def made(partial: bool, rows: bool) -> Callable[..., Any]:
        name = f"{combine}_of_{formula.__name__}_{'rows' if rows else 'columns'}"
        text = (_rows if rows else _columns)(name, combine, root, held)
        kernel = TextKernel(name, text, _NAMES, loose=True)
        result = held if partial else dtype
        return kernel.at(A0=type_of(own), R=type_of(result))

    return made


def _compute(held: Any) -> str:
    """Return the language's name of what numbers of a dtype are computed as."""
    found = type_of(held)
    assert found is not None
    return found.compute.name


def _start(combine: str, held: Any, first: str) -> str:
    """Return what a combination begins with."""
    if combine in ("sum", "prod"):
        return f"{kind(held)}({'0' if combine == 'sum' else '1'})"
    if combine in ("any", "all"):
        return f"boolean({combine == 'all'})"
    if held.kind in "iu":
        return first
    return f"{_compute(held)}({'-INF' if combine == 'max' else 'INF'})"


def _rows(name: str, combine: str, root: symbolic.Node, held: Any) -> str:
    body, result = lines(root, {0: "row[i]"})
    taken = f"{_compute(held)}({result})"
    joined = _COMBINING[combine].format(a="total", v=taken)
    head = [
        f"def {name}(begin, end, x0: ptr(A0), out: ptr(R), back, n, chunk, chunks):",
        "    for one in range(begin, end):",
        f"        {_STEP}",
        "        at = step % chunks * chunk",
        "        row = x0 + (step // chunks * n + at)",
        "        m = min(chunk, n - at)",
        f"        total = {_start(combine, held, 'row[0]')}",
    ]
    if combine == "sum" and root.type == _F32 and held == _F64:
        return "\n".join(  # sums of so few are as good in float32 as NumPy's
            [
                *head,
                "        for first in range(0, m, 1024):",
                "            part = f32(0)",
                "            for i in range(first, min(first + 1024, m)):",
                *(f"                {line}" for line in body),
                f"                part = part + {result}",
                "            total = total + f64(part)",
                "        out[step] = total",
            ]
        )
    if combine == "sum" and root.type == _F64:
        return "\n".join(
            [
                *head,
                "        lost = f64(0)",
                "        for first in range(0, m, 1024):",
                "            part = f64(0)",
                "            for i in range(first, min(first + 1024, m)):",
                *(f"                {line}" for line in body),
                f"                part = part + {result}",
                "            total, rest = two_sum(total, part)",
                "            lost = lost + rest",
                "        out[step] = total + (lost if abs(total) < INF else f64(0))",
            ]
        )
    return "\n".join(
        [
            *head,
            "        for i in range(m):",
            *(f"            {line}" for line in body),
            f"            total = {joined}",
            "        out[step] = total",
        ]
    )


def _columns(name: str, combine: str, root: symbolic.Node, held: Any) -> str:
    compute = _compute(held)

    def step(indent: str, rows: int) -> list[str]:
        said: list[str] = []
        parts: list[str] = []
        for k in range(rows):
            body, result = lines(root, {0: f"row[j + {k} * inner]" if k else "row[j]"})
            said += [f"{indent}{line}" for line in body]
            said.append(f"{indent}e{k} = {compute}({result})")
            parts.append(f"e{k}")
        while len(parts) > 1:
            parts = [
                f"({_COMBINING[combine].format(a=a, v=b)})" if combine not in ("max", "min")
                else _COMBINING[combine].format(a=a, v=b)
                for a, b in zip(parts[::2], parts[1::2], strict=True)
            ]  # fmt: skip
        said.append(f"{indent}acc[j] = {_COMBINING[combine].format(a='acc[j]', v=parts[0])}")
        return said

    return "\n".join(
        [
            f"def {name}(begin, end, x0: ptr(A0), out: ptr(R), back, n, inner, chunk, chunks, "
            "blocks):",
            f"    acc = local({compute}, {_WIDE})",
            "    for one in range(begin, end):",
            f"        {_STEP}",
            "        o = step // (chunks * blocks)",
            "        rest = step % (chunks * blocks)",
            "        c = rest // blocks",
            f"        left = rest % blocks * {_WIDE}",
            "        first = c * chunk",
            "        last = min(first + chunk, n)",
            f"        width = min({_WIDE}, inner - left)",
            "        base = x0 + (o * n * inner + left)",
            "        for j in range(width):",
            f"            acc[j] = {_start(combine, held, 'base[first * inner + j]')}",
            "        middle = first + (last - first) // 4 * 4",
            "        for k in range(first, middle, 4):",
            "            row = base + k * inner",
            "            for j in simd(width):",
            *step(" " * 16, 4),
            "        for k in range(middle, last):",
            "            row = base + k * inner",
            "            for j in simd(width):",
            *step(" " * 16, 1),
            "        target = out + ((o * chunks + c) * inner + left)",
            "        for j in range(width):",
            "            target[j] = acc[j]",
        ]
    )
