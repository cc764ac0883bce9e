"""Derivative rules lowered to kernels: what a rule does to arrays, without its tensors.

A rule is written once, over tensors, so that it can be differentiated and batched again. A plain
backward pass needs none of that. When a rule meets arguments of the same shapes and dtypes a second
time, it is run on stand-ins that note which ops it calls; from then on the kernels of these ops are
called one after the other on the arrays themselves. A rule that looks at data, at Python objects of
the user's or at other kinds of arrays is not lowered: it runs as it is written.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from weft._backend import ndarray, np, xp
from weft._backend.numpy_ import NARROW
from weft._core import catalogue, dtypes
from weft._core.aval import Aval, Unsaved
from weft._core.boxed import Boxed, new_level
from weft._core.kernels import as_array, bare, for_arrays
from weft._core.node import Node
from weft._core.op import Op
from weft._core.tensor import Tensor, wrap

#: ``program(*arrays)`` returns a cotangent for each argument, or None, and for each whether its
#: memory is new, so that it may be written to.
Program = Callable[..., tuple[Sequence[Any], Sequence[bool]]]

#: For each op of weft's own the programs by what they were made for; False once seen, None for a
#: rule that cannot be lowered.
_programs: dict[Op, dict[Any, Program | bool | None]] = {}
#: Called when all programs are forgotten.
when_forgotten: list[Callable[[], None]] = []
_made_under: Any = None  # the default dtype that rules may have made constants of
#: Programs of one op; more have met shapes that will hardly come again.
_MOST = 512
#: What settings a program may be kept by.
_SETTINGS = (int, float, complex, str, slice, type, np.dtype, dtypes.dtype, type(Ellipsis))
#: Bytes of a constant that a program may hold.
_SMALL = 4096
#: Bytes from which on an array is let go as soon as it was read.
_LARGE = 1 << 16
_PLAIN = frozenset({int, float, bool, complex, type(None)})


def begin() -> None:
    """Forget what no longer holds; called before each backward pass."""
    global _made_under
    default = dtypes.get_default_dtype()
    if default is not _made_under:
        forget()
        _made_under = default


def forget() -> None:
    """Forget all programs, as when a rule or a kernel was exchanged, and what was made of them."""
    _programs.clear()
    for listener in when_forgotten:
        listener()


def lowered(node: Node, g: Any, wanted: Sequence[bool]) -> tuple[Program, Sequence[Any]] | None:
    """Return a node's program and the arrays it takes, or None if it has none.

    Args:
        node: a node of the tape.
        g: the cotangent of its result, an array; of several results, a dict by position.
        wanted: for which arguments a cotangent is wanted.
    """
    op: Op = node.op
    known = _programs.get(op)
    if known is None:
        if catalogue.ops.get(op.name) is not op or not op.kernel.__module__.startswith("weft."):
            return None
        known = _programs[op] = {}
    args: Any = node.args  # the tape has checked that they are there
    if type(g) is ndarray and node.out is None and not node.params and len(args) == 1:
        (a,) = args  # as below, for the many ops that have no more
        data = a if type(a) is Unsaved else a._data
        if data is a:
            arrays = [g]
        elif type(data) is ndarray:
            arrays = [g, data]
        else:
            return None
        place: Any = (g.shape, g.dtype, data.shape, data.dtype)
    else:
        arrays = []
        key: list[Any] = [wanted]
        if op.outputs != 1:
            if not _read_several(node, g, key, arrays):
                return None
        elif type(g) is not ndarray:
            return None
        else:
            key += (g.shape, g.dtype)
            arrays.append(g)
            if node.out is not None:
                if type(node.out) is not ndarray:
                    return None
                arrays.append(node.out)
                key.append(True)  # what is saved depends on whose cotangents anybody may want
        for a in args:
            if type(a) is Unsaved:
                key += (None, a.shape, a.dtype)
            elif isinstance(a, Tensor):
                data = a._data
                if type(data) is not ndarray:
                    return None
                key += (data.shape, data.dtype)
                arrays.append(data)
            elif type(a) in _PLAIN:
                key += (type(a), a)
            else:
                return None
        if node.params:
            key.extend(node.params.items())
        place = tuple(key)
    try:
        program = known.get(place, True)
    except TypeError:  # a setting that is not hashable
        return None
    if program is None:
        return None
    if program is True and not all(map(_is_plain, node.params.values())):
        return None  # the key would keep what it holds from being freed
    if program is False or program is True:
        if len(known) > _MOST:
            known.clear()
        program = known[place] = False if program else _made(node, g, wanted)
        if not program:
            return None
    return program, arrays  # type: ignore[return-value]  # no longer True or False


def is_large(a: Any) -> bool:
    """Whether an array, tensor or stand-in for one takes memory that is worth freeing early."""
    a = a._data if isinstance(a, Tensor) else a
    return hasattr(a, "dtype") and math.prod(a.shape) * a.dtype.itemsize >= _LARGE


def _is_plain(setting: Any) -> bool:
    if type(setting) is tuple:
        return all(map(_is_plain, setting))
    return setting is None or isinstance(setting, _SETTINGS)


def _read_several(node: Node, gs: dict[int, Any], key: list[Any], arrays: list[Any]) -> bool:
    """Note the cotangents and saved results of a node with several; whether all are arrays."""
    for i, out in enumerate(node.out):
        g = gs.get(i)
        key.append(None if g is None else (g.shape, g.dtype))
        if g is not None:
            arrays.append(g)
        key += (out.shape, out.dtype)
        if type(out) is not Aval:
            arrays.append(out)
    return all(type(a) is ndarray for a in arrays)


class Traced(Boxed):
    """Stands for an array while a rule is lowered: its name in the program."""

    __slots__ = ("inner", "name", "trace")

    transform = "the lowering of a rule"
    stands_for_array = True

    def __init__(self, trace: _Trace, name: str, shape: tuple[int, ...], dtype: Any) -> None:
        self.level = trace.level
        self.trace, self.name = trace, name
        self.inner = wrap(np.broadcast_to(np.zeros((), dtype), shape))

    def detached(self) -> Traced:
        """Return the same: nothing is recorded meanwhile."""
        return self

    def spread(self, plain: Any) -> Any:
        """Return a new tensor as it is: it is a constant of the program."""
        return plain

    @staticmethod
    def process(level: int, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Note the call in the program."""
        boxes = (a._data for a in args if isinstance(a, Tensor))
        trace = next(data.trace for data in boxes if isinstance(data, Traced))
        return trace.call(op, args, params)


class _Trace:
    """The program that a rule's calls make."""

    def __init__(self, level: int) -> None:
        self.level = level
        self.inputs: list[str] = []
        self.lines: list[str] = []
        self.names: dict[str, Any] = {"as_array": as_array}
        self.new: dict[str, bool] = {}  # results that are no views; True: by what made them
        self.seen: set[str] = set()  # what a later result may be a view of
        self.read: list[list[str]] = []  # for each line what it reads
        self.large: set[str] = set()  # results whose memory is worth freeing early

    def input(self, array: Any) -> Tensor:
        name = f"a{len(self.inputs)}"
        self.inputs.append(name)
        return wrap(Traced(self, name, array.shape, array.dtype))

    def argument(self, a: Any) -> str:
        """Return how the program writes an argument of a call."""
        if isinstance(a, Tensor):
            if isinstance(a._data, Traced):
                return a._data.name
            if type(a._data) is not ndarray or a._data.nbytes > _SMALL:
                raise NotImplementedError("a constant that is no small array")
            a = a._data
        name = f"c{len(self.names)}"
        self.names[name] = a
        return name

    def call(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        avals = [Aval(a.shape, a._data.dtype) if isinstance(a, Tensor) else a for a in args]
        promised = op.shape(*avals, **params)
        several = isinstance(promised, (tuple, list))
        outs = promised if several else (promised,)
        kernel, allocates = _kernel(op, avals, params, len(args))
        number = len(self.lines)
        self.names[f"k{number}"] = kernel
        written = [self.argument(a) for a in args]
        if not allocates:
            self.seen.update(written)
        self.read.append(written)
        call = f"k{number}({', '.join(written)})"
        if any(not out.shape for out in outs):
            call = f"as_array({call})"
        found = [f"t{number}_{i}" for i in range(len(outs))]
        self.large.update(name for name, out in zip(found, outs, strict=True) if is_large(out))
        self.lines.append(f"    {', '.join(found)}{',' if several else ''} = {call}")
        if not op.is_view:
            self.new.update(dict.fromkeys(found, allocates and not several))
        if not several:
            return Traced(self, found[0], tuple(promised.shape), promised.dtype)
        return tuple(
            Traced(self, name, tuple(out.shape), out.dtype)
            for name, out in zip(found, outs, strict=True)
        )

    def finished(self, results: Sequence[Any]) -> Program:
        """Return the program that gives these results of the rule."""
        given = [None if r is None else self.argument(r) for r in results]
        lines = self._freeing(set(given))
        fresh = [
            "False"
            if name is None or name in self.seen or given.count(name) > 1
            else self._freshness(name)
            for name in given
        ]
        source = "\n".join(
            [
                f"def program({', '.join(self.inputs)}):",
                *lines,
                f"    return ({' '.join(f'{name},' for name in given)}), "
                f"({' '.join(f'{test},' for test in fresh)})",
            ]
        )
        scope = dict(self.names)
        exec(source, scope)  # of names that are made here alone
        program: Any = scope["program"]
        program.gives_none = tuple(name is None for name in given)
        return program  # type: ignore[no-any-return]  # a Program with an attribute

    def _freeing(self, kept: set[str | None]) -> list[str]:
        """Return the lines, with each large result let go where it was last read."""
        lines = list(self.lines)
        for name in self.large - kept:
            made = int(name[1:].partition("_")[0])
            last = max(n for n, read in enumerate(self.read) if name in read or n == made)
            lines[last] += f"; del {name}"
            self.new.pop(name, None)  # a later result that is the same array is nobody else's
        return lines

    def _freshness(self, name: str) -> str:
        allocates = self.new.get(name)
        if allocates is not False:
            return str(bool(allocates))
        others = [*self.inputs, *(other for other in self.new if other != name)]
        return " and ".join([f"{name}.base is None", *(f"{name} is not {o}" for o in others)])


def _kernel(op: Op, avals: list[Any], params: dict[str, Any], arity: int) -> tuple[Any, bool]:
    """Return an op's kernel on these arguments, and whether it always allocates its result."""
    bound = for_arrays(op, [math.prod(a.shape) for a in avals if isinstance(a, Aval)])
    narrow = any(isinstance(a, Aval) and a.dtype in NARROW for a in avals)
    if narrow or not hasattr(bound, "of_any_array"):  # it has a way of its own on NumPy
        return functools.partial(bound, **params) if params else bound, False
    if params:
        return functools.partial(op.kernel, xp, **params), False
    kernel = bare(op.kernel, arity, None)
    return kernel, isinstance(kernel, np.ufunc)


def _made(node: Node, g: Any, wanted: Sequence[bool]) -> Program | None:
    """Run a node's rule on stand-ins; return its program, or None if that is not possible."""
    with new_level("the lowering of a rule") as level:
        try:
            return _traced(_Trace(level), node, g, wanted)
        except Exception:  # whatever it is, the rule itself says it better
            return None


def _traced(trace: _Trace, node: Node, g: Any, wanted: Sequence[bool]) -> Program:
    out: Any = None
    if node.op.outputs == 1:
        given: Any = trace.input(g)
        out = None if node.out is None else trace.input(node.out)
    else:
        inputs = []
        outs = []
        for i, one in enumerate(node.out):
            inputs.append(trace.input(g[i]) if i in g else None)
            outs.append(one if type(one) is Aval else trace.input(one))
        given, out = tuple(inputs), tuple(outs)
    args = [trace.input(a._data) if isinstance(a, Tensor) else a for a in node.args or ()]
    rule: Any = node.op.vjp
    return trace.finished(rule(wanted, given, out, *args, **node.params))
