"""The cotangent of an elementwise op in one pass: its derivative times the cotangent, compiled.

The rule is written once, over public ops, and runs as it is wherever it is recorded, mapped or
small. On larger plain arrays it is first run on symbols: if all that it calls is elementwise, it
has an expression, which is compiled as the formulas of ops are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from weft._backend import ndarray, np, symbolic
from weft._backend.cpu import switches
from weft._core.aval import Aval
from weft._core.boxed import Boxed, new_level
from weft._core.dispatch import apply
from weft._core.op import NotBatchable, NotDifferentiable, Op
from weft._core.shapes import broadcast_shapes
from weft._core.tensor import Tensor, wrap
from weft.ops.families.recording import unrecorded

#: From how many elements on a rule is worth a look.
_LEAST = 1024
_NO = "one pass over plain arrays; the rule itself is differentiated and mapped"
_ASIDE = frozenset({"array", "number", "constant", "cast"})


class Symbol(Boxed):
    """Stands for an array while a rule is run symbolically."""

    __slots__ = ("inner", "node")

    transform = "the symbolic run of a rule"
    stands_for_array = True

    def __init__(self, level: int, node: Any, shape: tuple[int, ...], dtype: Any) -> None:
        self.level, self.node = level, node
        self.inner = wrap(np.broadcast_to(np.zeros((), dtype), shape))

    def detached(self) -> Symbol:
        """Return the same: nothing is recorded meanwhile."""
        return self

    @staticmethod
    def process(level: int, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Run an op's formula on the nodes."""
        graph = next(
            a._data.node.graph for a in args if isinstance(a, Tensor) and _is_symbol(a._data)
        )
        nodes = [_node(a) for a in args]
        avals = [Aval(a.shape, a._data.dtype) if isinstance(a, Tensor) else a for a in args]
        promised = op.shape(*avals, **params)
        if op.family == "elementwise":
            node = op.kernel(graph, *nodes, **params)
        elif op.name == "convert":
            node = graph.cast(nodes[0], np.dtype(params["dtype"]))
        else:
            raise symbolic.Unknown(f"a rule that calls {op.name}")
        return Symbol(level, node, tuple(promised.shape), promised.dtype)


def _is_symbol(data: Any) -> bool:
    return isinstance(data, Symbol)


def _node(a: Any) -> Any:
    if not isinstance(a, Tensor):
        return a
    if isinstance(a._data, Symbol):
        return a._data.node
    if type(a._data) is ndarray and not a._data.ndim:
        return a._data
    raise symbolic.Unknown("a rule with an array of its own")


def expression(
    scale: Callable[..., Any], kinds: Sequence[Any], settings: dict[str, Any]
) -> symbolic.Node | None:
    """Return the expression of ``scale(g, out, *args, **settings)``; None if it has none.

    Args:
        scale: a rule.
        kinds: the dtypes of g, the result and the arguments; None for what is not there.
        settings: the settings.
    """
    graph = symbolic.Graph()
    with new_level("the symbolic run of a rule") as level:
        given = [
            None if k is None else wrap(Symbol(level, graph.array(i, k), (2,), k))
            for i, k in enumerate(kinds)
        ]
        try:
            out = scale(*given, **settings)._data
        except Exception:  # it asks for more than numbers: whatever it is, the rule itself runs
            return None
        return out.node if isinstance(out, Symbol) and isinstance(out.node, symbolic.Node) else None


class Slope:
    """A rule ``scale(g, out, *args, **settings)`` as an internal op of one pass."""

    def __init__(self, name: str, scale: Callable[..., Any]) -> None:
        self.scale = scale
        self.kept: dict[Any, Any] = {}
        self.name = f"{name}_slope"
        kernels = {ndarray: self._run, Aval: self._shape}
        self.op = Op(
            self.name,
            "custom",
            kernel=self._composed,
            shape=self._shape,
            vjp=NotDifferentiable(_NO),
            jvp=NotDifferentiable(_NO),
            batch=NotBatchable(_NO),
            takes_scalars=True,
            kernels=kernels,
        )

    def __call__(self, g: Any, out: Any, args: Sequence[Any], settings: dict[str, Any]) -> Any:
        """Return the cotangent; None where the rule itself is to run."""
        if not switches.codegen or math.prod(g.shape) < _LEAST:
            return None
        given = [g, out, *args]
        tensors: list[Any] = []
        for a in given:
            if isinstance(a, Tensor):
                if type(a._data) is not ndarray and not isinstance(a._data, Boxed):
                    return None
                tensors.append(a)
            elif a is None or hasattr(a, "shape"):
                tensors.append(None)
            else:
                return None  # beside a number the rule is one operation, mostly
        if not unrecorded(*tensors):
            return None
        kinds = tuple(None if a is None else a._data.dtype for a in tensors)
        formula = self._formula(kinds, settings)
        if formula is None or math.prod(g.shape) < formula.least:
            return None
        return apply(self.op, tuple(tensors), settings)

    def _formula(self, kinds: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        key = (*kinds, *settings.values())
        try:
            return self.kept[key]
        except KeyError:
            pass
        except TypeError:
            return None
        from weft._backend.cpu.launch.elementwise import Formula, can_hold

        found = None
        if can_hold(kinds):
            root = expression(self.scale, kinds, settings)
            if root is not None:
                done = [n for n in symbolic.ordered(root) if n.op not in _ASIDE]
                if len(done) > 1 and root.type.kind == "f":
                    found = Formula(self.name, root, [], kinds, kinds[0])
        self.kept[key] = found
        return found

    def _shape(self, *args: Any, **settings: Any) -> Aval:
        given = [a for a in args if a is not None]
        return Aval(broadcast_shapes(self.name, *(a.shape for a in given)), given[0].dtype)

    def _run(self, *args: Any, **settings: Any) -> Any:
        formula = self._formula(tuple(None if a is None else a.dtype for a in args), settings)
        out = None if formula is None else formula.run(args, settings)
        return self._composed(np, *args, **settings) if out is None else out

    def _composed(self, xp: Any, *args: Any, **settings: Any) -> Any:
        """The rule over tensors, for memory that no kernel takes."""
        tensors = [None if a is None else wrap(a) for a in args]
        return self.scale(*tensors, **settings)._data
