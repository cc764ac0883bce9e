"""An array namespace whose numbers are symbols: a formula run with it yields its expression.

The expression is a graph in which equal parts are one node, each with the dtype that NumPy would
give it. From it a kernel's text is written, for the processor and for CUDA.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from weft._backend.numpy_ import HALF

BOOL, INT64, F32, F64 = (np.dtype(d) for d in (np.bool_, np.int64, np.float32, np.float64))
_KNOWN = (bool, int, float)


class Unknown(TypeError):
    """A formula does what expressions have no words for; NumPy runs it."""


class Node:
    """One part of an expression.

    Attributes:
        op: what gives it: ``"array"``, ``"number"`` and ``"constant"`` stand for themselves.
        args: what it is given: nodes, or the position or value of what stands for itself.
        type: its dtype.
        weak: whether it is a Python number, which takes the dtype of the array beside it.
    """

    __slots__ = ("args", "graph", "op", "type", "weak")

    def __init__(self, graph: Graph, op: str, args: tuple[Any, ...], type: Any, weak: bool) -> None:
        self.graph, self.op, self.args, self.type, self.weak = graph, op, args, type, weak

    def __bool__(self) -> bool:
        raise Unknown("a formula that branches on the numbers themselves")

    __hash__ = object.__hash__

    def __add__(self, other: Any) -> Any:
        return self.graph.binary("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return self.graph.binary("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return self.graph.binary("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.graph.binary("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return self.graph.binary("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.graph.binary("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self.graph.binary("true_divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.graph.binary("true_divide", other, self)

    def __pow__(self, other: Any) -> Any:
        return self.graph.power(self, other)

    def __rpow__(self, other: Any) -> Any:
        return self.graph.power(other, self)

    def __and__(self, other: Any) -> Any:
        return self.graph.binary("bitwise_and", self, other)

    def __or__(self, other: Any) -> Any:
        return self.graph.binary("bitwise_or", self, other)

    def __xor__(self, other: Any) -> Any:
        return self.graph.binary("bitwise_xor", self, other)

    def __neg__(self) -> Any:
        return self.graph.unary("negative", self)

    def __invert__(self) -> Any:
        return self.graph.unary("invert", self)

    def __lt__(self, other: Any) -> Any:
        return self.graph.compare("less", self, other)

    def __le__(self, other: Any) -> Any:
        return self.graph.compare("less_equal", self, other)

    def __gt__(self, other: Any) -> Any:
        return self.graph.compare("greater", self, other)

    def __ge__(self, other: Any) -> Any:
        return self.graph.compare("greater_equal", self, other)

    def __eq__(self, other: object) -> Any:
        return self.graph.compare("equal", self, other)

    def __ne__(self, other: object) -> Any:
        return self.graph.compare("not_equal", self, other)


class ArrayNode(Node):
    """A part that stands for an array: it has a dtype, as formulas ask for it."""

    __slots__ = ()

    @property
    def dtype(self) -> Any:
        return self.type

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        return self.graph.cast(self, np.dtype(dtype))


#: Functions of one float, as kernels have them; of whole numbers NumPy gives floats of its choice.
_OF_FLOAT = {
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "sinh", "cosh",
    "tanh", "sqrt", "erf", "erfc", "floor", "ceil", "trunc", "rint", "arcsin", "arccos", "arctan",
    "arcsinh", "arccosh", "arctanh", "erfinv", "erfcx", "ndtr", "log_ndtr", "gammaln", "digamma",
    "i0", "i0e", "i1", "i1e",
}  # fmt: skip
#: Of which float64 is right up to a bound alone, or not there.
_SINGLE = {
    "sin", "cos", "tan", "erfinv", "ndtr", "log_ndtr", "i0", "i0e", "i1", "i1e",
}  # fmt: skip
_OF_TWO_FLOATS = {
    "arctan2", "copysign", "floor_divide", "fmod", "hypot", "logaddexp", "logaddexp2", "nextafter",
    "power", "remainder",
}  # fmt: skip
_ARITHMETIC = {"add", "subtract", "multiply", "maximum", "minimum", "fmax", "fmin"}
_COMPARISONS = {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal"}
_LOGICAL = {"logical_and", "logical_or", "logical_xor"}
_BITWISE = {"bitwise_and", "bitwise_or", "bitwise_xor"}
_TESTS = {"isnan", "isinf", "isfinite", "signbit"}


class Graph:
    """The namespace, and the nodes that a formula made with it; equal ones are one."""

    name = "symbolic"
    inf, nan, pi = math.inf, math.nan, math.pi
    float32, float64, int64, bool_ = np.float32, np.float64, np.int64, np.bool_

    def __init__(self) -> None:
        self._nodes: dict[Any, Node] = {}
        self._narrowed = False  # whether an array is of half precision, computed in float32

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in _OF_FLOAT or name in _TESTS or name in {"abs", "sign", "negative", "invert"}:
            return lambda x: self.unary(name, x)
        if name in _ARITHMETIC or name in _OF_TWO_FLOATS or name in _BITWISE:
            return lambda x, y: self.binary(name, x, y)
        if name == "true_divide":
            return lambda x, y: self.binary(name, x, y)
        if name in _COMPARISONS or name in _LOGICAL:
            return lambda x, y: self.compare(name, x, y)
        raise Unknown(f"a formula that calls {name}")

    # --- what the parts are

    def node(self, op: str, args: tuple[Any, ...], type: Any, weak: bool = False) -> Node:
        """Return the node of an operation."""
        told = tuple(id(a) if isinstance(a, Node) else (repr(a), a.__class__) for a in args)
        key = (op, told, type, weak)
        found = self._nodes.get(key)
        if found is None:
            made = Node if weak else ArrayNode
            found = self._nodes[key] = made(self, op, args, type, weak)
        return found

    def array(self, position: int, dtype: Any) -> Node:
        """Return the symbol of an array argument; half precision is computed in float32."""
        half = dtype in HALF
        self._narrowed = self._narrowed or half
        return self.node("array", (position,), F32 if half else dtype)

    def number(self, position: int, kind: type) -> Node:
        """Return the symbol of a Python number that is known only when the kernel runs."""
        return self.node("number", (position,), F64 if kind is float else INT64, weak=True)

    def constant(self, value: Any, dtype: Any) -> Node:
        """Return a number that is known."""
        return self.node("constant", (value,), dtype)

    def of(self, x: Any, dtype: Any) -> Node:
        """Return a node or a number as one of a dtype."""
        if isinstance(x, Node):
            return x if x.type == dtype and not x.weak else self.node("cast", (x,), dtype)
        if isinstance(x, (np.generic, np.ndarray)) and x.ndim == 0:
            x = x.item()
        if not isinstance(x, _KNOWN):
            raise Unknown(f"a formula with {x.__class__.__name__} in it")
        if dtype.kind in "iu" and not np.iinfo(dtype).min <= x <= np.iinfo(dtype).max:
            raise Unknown("a number beyond what its dtype holds")
        return self.constant(x, dtype)

    def common(self, *parts: Any) -> Any:
        """Return the dtype in which NumPy would compute with these; None if all are numbers."""
        kinds: list[Any] = []
        numbers: list[Any] = []
        for part in parts:
            if isinstance(part, Node):
                if part.weak:
                    numbers.append(0.0 if part.type is F64 else 0)
                else:
                    kinds.append(part.type)
            elif isinstance(part, (np.generic, np.ndarray)):
                kinds.append(part.dtype)
            else:
                numbers.append(part)
        if not kinds:
            return None
        return np.result_type(*kinds, *numbers)

    # --- operations

    def unary(self, op: str, x: Any) -> Any:
        """Return an operation on one."""
        if not isinstance(x, Node):
            return getattr(np, op)(x)
        kind, weak = x.type, x.weak
        if weak and op not in {"negative", "abs"}:
            raise Unknown(f"{op} of a number")
        if op in _TESTS:
            if kind.kind != "f":
                raise Unknown(f"{op} of whole numbers")
            return self.node(op, (x,), BOOL)
        if op in _OF_FLOAT:
            if kind.kind != "f":
                raise Unknown(f"{op} of whole numbers")
            if op in _SINGLE and kind is not F32:
                raise Unknown(f"{op} of float64, which kernels have not or up to a bound")
        elif op == "invert":
            if kind.kind not in "biu":
                raise Unknown("invert of floats")
        elif kind.kind == "b" and op in {"negative", "sign"}:
            raise Unknown(f"{op} of truths")
        elif op == "abs" and kind.kind in "bu":
            return x
        return self.node(op, (x,), kind, weak)

    def binary(self, op: str, x: Any, y: Any) -> Any:
        """Return an operation on two in their common dtype."""
        kind = self.common(x, y)
        if kind is None:
            if not isinstance(x, Node) and not isinstance(y, Node):
                return getattr(np, op)(x, y)
            if op not in {"add", "subtract", "multiply", "true_divide"}:
                raise Unknown(f"{op} of numbers")
            parts = (self._weak(x), self._weak(y))
            return self.node(op, parts, F64, weak=True)
        if op in _BITWISE and kind.kind not in "biu":
            raise Unknown(f"{op} of floats")
        if op in _OF_TWO_FLOATS and kind.kind != "f":
            raise Unknown(f"{op} of whole numbers")
        if op == "true_divide" and kind.kind != "f":
            raise Unknown("a quotient of whole numbers")
        if op == "subtract" and kind.kind == "b":
            raise Unknown("a difference of truths")
        if kind.kind == "c":
            raise Unknown("complex numbers")
        return self.node(op, (self.of(x, kind), self.of(y, kind)), kind)

    def _weak(self, x: Any) -> Node:
        if isinstance(x, Node):
            return x if x.type is F64 else self.node("cast", (x,), F64, weak=True)
        return self.node("constant", (float(x),), F64, weak=True)

    def compare(self, op: str, x: Any, y: Any) -> Any:
        """Return a truth of two."""
        kind = self.common(x, y)
        if kind is None:  # numbers, of which one is known only when the kernel runs
            if not isinstance(x, Node) and not isinstance(y, Node):
                return getattr(np, op)(x, y)
            return self.node(op, (self._weak(x), self._weak(y)), BOOL)
        if kind.kind == "c":
            raise Unknown("complex numbers")
        return self.node(op, (self.of(x, kind), self.of(y, kind)), BOOL)

    def power(self, x: Any, y: Any) -> Any:
        """Return x ** y; whole powers that are known, by products."""
        kind = self.common(x, y)
        if kind is None or kind.kind != "f":
            raise Unknown("a power of whole numbers")
        if not isinstance(y, Node) and isinstance(x, Node):
            base = self.of(x, kind)
            if y == 2:
                return base * base
            if y == 3:
                return base * base * base
            if y == -1:
                return 1 / base
            if y == 0.5:  # of -inf it is inf, of -0 it is 0, unlike the root
                root = self.unary("sqrt", base) + 0.0
                return self.where(base == -math.inf, math.inf, root)
        return self.node("power", (self.of(x, kind), self.of(y, kind)), kind)

    def cast(self, x: Any, dtype: Any) -> Any:
        """Return x in a dtype."""
        if dtype.kind not in "biuf" or (dtype.itemsize < 4 and dtype.kind == "f"):
            raise Unknown(f"a formula that makes {dtype}")
        if isinstance(x, Node) and x.type.kind == "f" and dtype.kind in "iu":
            raise Unknown("floats made whole, of which what is out of range differs by system")
        return self.of(x, dtype)

    # --- functions of NumPy's that are more than one operation

    def where(self, test: Any, x: Any, y: Any) -> Any:
        kind = self.common(x, y)
        if kind is None:  # two numbers: NumPy's default dtypes
            kind = np.result_type(*(_default(v) for v in (x, y)))
        if kind.kind == "c":
            raise Unknown("complex numbers")
        if isinstance(test, (bool, np.bool_)):
            return self.of(x if test else y, kind)
        if not isinstance(test, Node):
            raise Unknown("a choice by what is known")
        return self.node("where", (self.of(test, BOOL), self.of(x, kind), self.of(y, kind)), kind)

    def square(self, x: Any) -> Any:
        return x * x

    def reciprocal(self, x: Any) -> Any:
        return 1 / x

    def logical_not(self, x: Any) -> Any:
        return self.node("invert", (self.of(x, BOOL),), BOOL)

    def clip(self, x: Any, least: Any, most: Any) -> Any:
        return self.minimum(self.maximum(x, least), most)

    def entr(self, x: Any) -> Any:
        below = self.where(x < 0, -math.inf, self.where(x == 0, 0.0, x))
        return self.where(x > 0, -x * self.log(x), below)

    def xlog1py(self, x: Any, y: Any) -> Any:
        kind = self.common(x, y)
        if kind is None or kind.kind != "f":
            raise Unknown("xlog1py of whole numbers")
        x, y = self.of(x, kind), self.of(y, kind)
        return self.where((x == 0) & (y == y), 0.0, x * self.log1p(y))

    def nextafter(self, x: Any, y: Any) -> Any:
        if self._narrowed:
            raise Unknown("neighbours in half precision, which is not computed in itself")
        return self.binary("nextafter", x, y)

    def zeta(self, x: Any, y: Any) -> Any:
        if x != 2 or not isinstance(y, Node) or y.type is not F64 or y.weak:
            raise Unknown("zeta but of 2, the derivative of digamma")
        return self.node("trigamma", (y,), F64)

    @property
    def scipy(self) -> Any:
        return _Scipys(self)

    def round(self, x: Any, decimals: int = 0) -> Any:
        if decimals:
            raise Unknown("rounding to decimals")
        return x if x.type.kind in "iu" else self.unary("rint", x)

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        return x if dtype is None else self.cast(x, np.dtype(dtype))

    def zeros_like(self, x: Any) -> Any:
        return self.constant(0, x.type)

    def ones_like(self, x: Any) -> Any:
        return self.constant(1, x.type)

    def iscomplexobj(self, x: Any) -> bool:
        return False

    def result_type(self, *parts: Any) -> Any:
        return self.common(*parts)


class _Scipys:
    """What a formula finds as ``xp.scipy.special``: the namespace itself."""

    def __init__(self, graph: Graph) -> None:
        self.special = graph


for _name in ("logical_and", "logical_or", "logical_xor"):

    def _logical(self: Graph, x: Any, y: Any, op: str = _name.replace("logical", "bitwise")) -> Any:
        return self.node(op, (self.of(x, BOOL), self.of(y, BOOL)), BOOL)

    setattr(Graph, _name, _logical)


def _default(x: Any) -> Any:
    if isinstance(x, Node):
        return x.type
    return BOOL if isinstance(x, bool) else INT64 if isinstance(x, int) else F64


def run(
    formula: Callable[..., Any],
    kinds: tuple[Any, ...],
    settings: Mapping[str, Any],
) -> tuple[Node, list[str]]:
    """Return a formula's expression, and the names of the settings that stay open in it.

    Args:
        formula: ``formula(xp, *arrays, **settings)``.
        kinds: for each argument the dtype of an array, or the Python type of a number, or a
            number that is part of the expression.
        settings: floats stay open where the formula does not branch on them.

    Raises:
        Unknown: it has no expression.
    """
    floats = [name for name, value in settings.items() if type(value) is float]
    for opened in (floats, []) if floats else ([],):
        graph = Graph()
        args: list[Any] = []
        for position, kind in enumerate(kinds):
            if isinstance(kind, np.dtype):
                args.append(graph.array(position, kind))
            elif isinstance(kind, type):
                args.append(graph.number(position, kind))
            else:
                args.append(kind)
        given = dict(settings)
        for i, name in enumerate(opened):
            given[name] = graph.number(len(kinds) + i, float)
        try:
            out = formula(graph, *args, **given)
        except Unknown:
            if opened:
                continue
            raise
        except (AttributeError, TypeError, ValueError) as error:
            if opened:
                continue
            raise Unknown(f"a formula that asks for more than numbers: {error}") from None
        if not isinstance(out, Node) or out.weak:
            raise Unknown("a formula whose result is no array")
        return out, opened
    raise AssertionError("not reached")


def ordered(root: Node) -> list[Node]:
    """Return the nodes of an expression, each after those that it needs."""
    found: dict[int, Node] = {}
    todo: list[tuple[Node, bool]] = [(root, False)]
    while todo:
        node, ready = todo.pop()
        if id(node) in found:
            continue
        if ready:
            found[id(node)] = node
            continue
        todo.append((node, True))
        todo += [(a, False) for a in reversed(node.args) if isinstance(a, Node)]
    return list(found.values())
