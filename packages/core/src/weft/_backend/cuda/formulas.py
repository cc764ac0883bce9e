"""An expression written as CUDA C++: a function of one element, and a kernel over flat memory.

It is the expression from which the processor's kernels are made (``weft._backend.symbolic``). The
device function is plain C++ but for ``__device__``: a compiler for the processor takes it too.
"""

from __future__ import annotations

from typing import Any

from weft._backend import np, symbolic
from weft._backend.symbolic import BOOL, F32, Node

_TYPES = {
    "float32": "float",
    "float64": "double",
    "float16": "__half",
    "bfloat16": "__nv_bfloat16",
    "bool": "bool",
    "int8": "signed char",
    "int16": "short",
    "int32": "int",
    "int64": "long long",
    "uint8": "unsigned char",
    "uint16": "unsigned short",
    "uint32": "unsigned int",
    "uint64": "unsigned long long",
}
_HEADERS = {"float16": "cuda_fp16.h", "bfloat16": "cuda_bf16.h"}
_OPERATORS = {
    "add": "+", "subtract": "-", "multiply": "*", "true_divide": "/", "less": "<",
    "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
    "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^",
}  # fmt: skip
_OF_TRUTHS = {
    "add": "||", "multiply": "&&", "maximum": "||", "minimum": "&&", "fmax": "||", "fmin": "&&",
    "bitwise_and": "&&", "bitwise_or": "||", "bitwise_xor": "!=",
}  # fmt: skip
_CALLS = {
    "power": "pow", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh",
    "arccosh": "acosh", "arctanh": "atanh", "arctan2": "atan2", "abs": "fabs",
    "gammaln": "lgamma", "ndtr": "normcdf", "i0": "cyl_bessel_i0", "i1": "cyl_bessel_i1",
}  # fmt: skip
#: What the processor's kernels have, and CUDA's mathematics has not.
_ABSENT = frozenset(
    {"digamma", "trigamma", "i0e", "i1e", "log_ndtr", "logaddexp2", "floor_divide"}
)  # fmt: skip


def type_name(dtype: Any) -> str:
    """Return what CUDA calls a dtype in memory.

    Raises:
        KeyError: it has no such.
    """
    return _TYPES[dtype.name]


def device_function(name: str, root: Node) -> str:
    """Return the function of one element.

    Args:
        name: its name.
        root: the expression.
            Its numbers come as doubles; half precision comes as float.

    Raises:
        symbolic.Unknown: it calls what CUDA's mathematics has not.
    """
    names: dict[int, str] = {}
    said = []
    for node in symbolic.ordered(root):
        names[id(node)] = own = f"v{len(names)}"
        said.append(f"    const {type_name(node.type)} {own} = {_said(node, names)};")
    parameters = ", ".join(
        f"{'double' if node.op == 'number' else type_name(node.type)} x{node.args[0]}"
        for node in inputs(root)
    )
    return "\n".join(
        [
            f"static __device__ __forceinline__ {type_name(root.type)} {name}({parameters}) {{",
            *said,
            f"    return {names[id(root)]};",
            "}",
        ]
    )


def inputs(root: Node) -> list[Node]:
    """Return the arrays and numbers that an expression reads, by position."""
    found = [n for n in symbolic.ordered(root) if n.op in ("array", "number")]
    return sorted(found, key=lambda n: n.args[0])


def kernel(name: str, root: Node, kinds: tuple[Any, ...], dtype: Any) -> str:
    """Return the whole source: headers, the function of one element, and the kernel.

    The kernel is ``name(n, arrays..., numbers..., out)`` over n elements that lie alike in memory,
    for any grid: each thread takes every element that is a whole number of grids away.

    Args:
        name: the kernel's name.
        root: the expression.
        kinds: for each argument an array's dtype, as the expression was made for.
        dtype: the result's dtype.
    """
    arrays = [n.args[0] for n in inputs(root) if n.op == "array"]
    stored = [kinds[i] for i in arrays]
    headers = sorted({_HEADERS[d.name] for d in (*stored, dtype) if d.name in _HEADERS})
    parameters = ["long long n"]
    for i, kind in zip(arrays, stored, strict=True):
        parameters.append(f"const {type_name(kind)}* x{i}")
    parameters += [f"double x{n.args[0]}" for n in inputs(root) if n.op == "number"]
    parameters.append(f"{type_name(dtype)}* out")
    given = ", ".join(
        f"static_cast<{type_name(node.type)}>(x{node.args[0]}[i])"
        if node.op == "array"
        else f"x{node.args[0]}"
        for node in inputs(root)
    )
    return "\n".join(
        [
            *(f"#include <{header}>" for header in headers),
            device_function(f"{name}_of_one", root),
            f'extern "C" __global__ void {name}({", ".join(parameters)}) {{',
            "    const long long all = (long long)gridDim.x * blockDim.x;",
            "    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;",
            f"    for (; i < n; i += all) out[i] = static_cast<{type_name(dtype)}>"
            f"({name}_of_one({given}));",
            "}",
            "",
        ]
    )


def _said(node: Node, names: dict[int, str]) -> str:
    op, to = node.op, type_name(node.type)
    if op in ("array", "number"):
        return f"x{node.args[0]}"
    if op == "constant":
        return _number(node.args[0], node.type)
    args = [names[id(a)] for a in node.args]
    of = node.args[0].type
    if op == "cast":
        return f"{args[0]} != 0" if node.type == BOOL else f"({to}){args[0]}"
    if len(args) == 2 and of == BOOL and op in _OF_TRUTHS:
        return f"{args[0]} {_OF_TRUTHS[op]} {args[1]}"
    if op in _OPERATORS:
        return f"({to})({args[0]} {_OPERATORS[op]} {args[1]})"
    return _called(node, op, of, args)


def _called(node: Node, op: str, of: Any, args: list[str]) -> str:
    (x, *rest) = args
    floats = of.kind == "f"
    if op in ("maximum", "minimum"):
        sign = ">=" if op == "maximum" else "<="
        either = f" || {x} != {x}" if floats else ""
        return f"({x} {sign} {rest[0]}{either}) ? {x} : {rest[0]}"
    if op in ("fmax", "fmin") and not floats:
        return f"({x} {'>' if op == 'fmax' else '<'} {rest[0]}) ? {x} : {rest[0]}"
    if op == "where":
        return f"{x} ? {rest[0]} : {rest[1]}"
    if op == "negative":
        return f"({type_name(of)})(-{x})"
    if op == "invert":
        return f"!{x}" if of == BOOL else f"({type_name(of)})(~{x})"
    if op == "sign":
        test = f"({type_name(of)})(({x} > 0) - ({x} < 0))"
        return f"({x} != {x}) ? {x} : {test}" if floats else test
    if op == "isnan":
        return f"{x} != {x}"
    infinite = _number(float("inf"), of) if floats else ""
    if op == "isinf":
        return f"({x} == {infinite} || {x} == -{infinite})"
    if op == "isfinite":
        return f"({x} < {infinite} && {x} > -{infinite})"
    if op == "signbit":
        return f"copysign{'f' if of == F32 else ''}({_number(1.0, of)}, {x}) < 0"
    if op == "abs" and not floats:
        return f"({x} < 0) ? ({type_name(of)})(-{x}) : {x}"
    if op == "logaddexp":
        return _logaddexp(x, rest[0], of)
    if op == "remainder":  # CUDA's own is of the nearest whole quotient
        return _remainder(x, rest[0], of)
    if op in _ABSENT:
        raise symbolic.Unknown(f"{op}, which CUDA has not")
    return f"{_CALLS.get(op, op)}{'f' if of == F32 else ''}({', '.join(args)})"


def _logaddexp(x: str, y: str, of: Any) -> str:
    f = "f" if of == F32 else ""
    most = f"fmax{f}({x}, {y})"
    apart = f"log1p{f}(exp{f}(-fabs{f}({x} - {y})))"
    return (
        f"({x} == {y}) ? {x} + {_number(0.6931471805599453, of)} : ({x} + {y} != {x} + {y} ? "
        f"{x} + {y} : {most} + {apart})"
    )


def _remainder(x: str, y: str, of: Any) -> str:
    f = "f" if of == F32 else ""
    left = f"fmod{f}({x}, {y})"
    return (
        f"({left} == 0) ? copysign{f}({_number(0.0, of)}, {y}) : "
        f"((({left} < 0) != ({y} < 0)) ? {left} + {y} : {left})"
    )


def _number(value: Any, dtype: Any) -> str:
    if dtype == BOOL:
        return "true" if value else "false"
    if dtype.kind in "iu":
        if int(value) == np.iinfo(np.int64).min:
            return "(-9223372036854775807LL - 1)"
        return f"({type_name(dtype)}){int(value)}{'ULL' if dtype.kind == 'u' else 'LL'}"
    value = float(value)
    name = type_name(dtype)
    if value != value or value in (float("inf"), float("-inf")):  # no header is needed for these
        digits = {"float": "1e30f * 1e30f", "double": "1e300 * 1e300"}[name]
        infinite = f"({digits})"
        if value != value:
            return f"({infinite} - {infinite})"
        return infinite if value > 0 else f"(-{infinite})"
    return f"({name}){value.hex()}"
