"""One run of a module, recorded: each call of a function of the list, what it took and gave."""

from __future__ import annotations

import dataclasses
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

from weft import Tensor
from weft._core.callsite import Site, is_ours, site_of
from weft._core.op import Op
from weft._core.tensor import version_of, wrap
from weft.graph._allowed import FUNCTIONS
from weft.graph._kinds import read_setting, write_setting
from weft.graph._program import call_of
from weft.graph._trace.lengths import Expression, Length, Read, has_length, plain
from weft.graph._trace.values import Traced, traced
from weft.graph.errors import GraphError

__all__ = ["Call", "Constant", "Recorder", "Translation", "Value", "asker", "here", "touches"]


class _Here(threading.local):
    """The recorder of this thread, if one is at work."""

    recorder: Recorder | None = None


here = _Here()


@dataclasses.dataclass(frozen=True, slots=True)
class Value:
    """A value, by its number."""

    number: int


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """What is the same at each call: a tensor that was made outside or from settings."""

    tensor: Tensor
    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Attributes:
        function: a name of the allow-list.
        operands: a :class:`Value`, a number, a length or None each.
        settings: its settings; ints among them may be lengths.
        results: the numbers of what it gives.
        where: the module and the line that it comes from, for messages.
    """

    function: str
    operands: tuple[Any, ...]
    settings: Mapping[str, Any]
    results: tuple[int, ...]
    where: str


class Recorder:
    """What is noted while a module runs.

    Args:
        level: of the run among function transforms.
        attributes: the names of tensors that modules hold beside their state, by `id`.

    Attributes:
        calls: the calls in order.
        tensors: the tensor of each value, by number.
        constants: which values are constants, by number.
        decisions: which lengths the model's code compared by size, and where.
        inputs: what the module was given; the first says on which device new tensors are.
    """

    def __init__(self, level: int, attributes: Mapping[int, str]) -> None:
        self.level = level
        self.calls: list[Call] = []
        self.tensors: list[Tensor] = []
        self.constants: dict[int, Constant] = {}
        self.inputs: list[Tensor] = []
        self.modules: list[str] = []
        self.decisions: list[tuple[Expression, Expression, str]] = []
        self._attributes = attributes
        self._numbers: dict[tuple[int, int], int] = {}
        self._held: list[Tensor] = []  # so that no `id` is given twice

    # --- values ----------------------------------------------------------------------------

    def new(self, inner: Tensor, origin: str = "") -> Tensor:
        """Return a tensor that stands for a new value."""
        self.tensors.append(inner)
        return wrap(Traced(self, len(self.tensors) - 1, inner, origin))

    def constant(self, x: Tensor) -> int:
        """Return the number of a tensor that is no value of the run."""
        key = id(x), 0 if x._version is None else x._version.writes.count
        if key not in self._numbers:
            self._held.append(x)
            self._numbers[key] = len(self.tensors)
            self.tensors.append(x.detach().clone())
            name = self._attributes.get(id(x), "")
            self.constants[self._numbers[key]] = Constant(self.tensors[-1], name)
        return self._numbers[key]

    def lengths(self, box: Traced) -> tuple[int, ...]:
        """Return a value's lengths, each of which remembers what it is."""
        sizes = tuple(box.inner._data.shape)
        return tuple(Length.of(n, Read(box.number, dim)) for dim, n in enumerate(sizes))

    def operand(self, x: Any) -> Any:
        """Return what stands for an operand in a call."""
        if isinstance(x, Tensor):
            box = traced(x)
            return Value(self.constant(x) if box is None else box.number)
        return x

    # --- calls -----------------------------------------------------------------------------

    def emit(self, function: str, *operands: Any, **settings: Any) -> Any:
        """Run a function of the list on values, note the call, and return what stands for it.

        Args:
            function: its name.
            operands: tensors, numbers or None, in the order of its line; a tuple if it takes any
                number.
            settings: its settings.
        """
        entry = FUNCTIONS[function]
        given = list(operands[0]) if entry.variadic else list(operands)
        while not entry.variadic and given and given[-1] is None:
            given.pop()
        inner = [_inner(x) for x in given]
        used = {name: plain(value) for name, value in settings.items()}
        got = call_of(function, used)(inner, None)
        several = not isinstance(got, Tensor)
        results = tuple(got) if several else (got,)
        for x, one in zip(given, inner, strict=True):
            if not several and isinstance(x, Tensor) and got is one:
                return x  # nothing was to be done
        out = [self.new(one) for one in results]
        for x, one in zip(given, inner, strict=True):
            for made, result in zip(out, results, strict=True):
                _link(made, result, x, one)
        numbers = tuple(one._data.number for one in out)
        self.calls.append(
            Call(function, tuple(map(self.operand, given)), settings, numbers, self.where())
        )
        return tuple(out) if several else out[0]

    def fits(self, function: str, operands: Sequence[Any], settings: Mapping[str, Any]) -> bool:
        """Whether a node can say a call: operands of the kinds that its line has, and settings."""
        entry = FUNCTIONS[function]
        if entry.variadic:
            return bool(operands) and all(isinstance(x, Tensor) for x in operands)
        for (_, mark), x in zip(entry.operands, operands, strict=True):
            number = type(x) in (int, float, Length)
            if not (
                isinstance(x, Tensor) or (x is None and mark == "?") or (number and mark == "~")
            ):
                return False
        try:
            for name, value in settings.items():
                read_setting(entry.settings[name].kind, write_setting(plain(value)))
        except (KeyError, ValueError):
            return False
        return True

    def op_called(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Note a call of an op that no function of the list made."""
        from weft.graph._trace.ops import translated

        out = translated(self, op, args, params)
        if out is None:
            asked = asker() or op.called
            name = asked if asked == op.called else f"{asked} (by the op {op.called})"
            raise self.refusal(
                f"{name} has no function among weft.graph.functions() that stands for it, "
                f"called with {_described(args, params)}; use functions that are there"
            )
        return out

    def decided(self, left: Expression, right: Expression) -> None:
        """Note that two lengths were compared, if the model's own code did that."""
        frame = sys._getframe(2)  # whose comparison the method of a length is
        if _is_model(frame):
            self.decisions.append((left, right, self.where()))

    # --- messages --------------------------------------------------------------------------

    def where(self) -> str:
        """Return the module and the line of its code that runs now."""
        return _place(self.modules[-1] if self.modules else "", _site())

    def refusal(self, text: str) -> GraphError:
        """Return the error for what a graph cannot say, with its place."""
        return GraphError(f"weft.graph.trace: {text} (in {self.where()})")


def asker() -> str:
    """Return which function of weft's the model's code called; "" where that has no plain name."""
    frame: FrameType | None = sys._getframe(1)
    name = ""
    while frame is not None and not _is_model(frame):
        if str(frame.f_globals.get("__name__", "")).startswith(_FUNCTIONS) or _is_made(frame):
            name = frame.f_code.co_name
        frame = frame.f_back
    name = name.strip("_")
    return "" if not name.isidentifier() or name in ("forward", "call", "method") else name


#: Where the functions are that models call; what is between is nobody's name for a call.
_FUNCTIONS = ("weft.ops", "weft._tensor", "weft.random", "weft.nn.functional", "weft.nn._")


def _is_made(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith("<weft public")


def _is_model(frame: FrameType) -> bool:
    """Whether a frame runs the code of a model: a user's, or one of those that weft has itself."""
    return not is_ours(frame) or str(frame.f_globals.get("__name__", "")).startswith("weft.text")


def _site() -> Site | None:
    """Return the line of the model that runs now."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not _is_model(frame):
        frame = frame.f_back
    return None if frame is None else site_of(frame)


def _place(module: str, site: Site | None) -> str:
    named = f"the module {module!r}" if module else "the module itself"
    return named if site is None else f"{named}, {site}"


def _inner(x: Any) -> Any:
    box = traced(x)
    return plain(x) if box is None else box.inner


def _link(made: Tensor, result: Tensor, given: Any, inner: Any) -> None:
    """Let a tensor be a view of another where what they stand for is."""
    if not isinstance(given, Tensor) or traced(given) is None or result._version is None:
        return
    if result._version is inner._version:
        made._version = version_of(given)
        if made._version.base is None:
            made._version.base = weakref.ref(given)


def _described(args: Sequence[Any], params: Mapping[str, Any]) -> str:
    shapes = [f"{x.dtype.name}{list(x.shape)}" if isinstance(x, Tensor) else repr(x) for x in args]
    given = [f"{name}={value!r}" for name, value in params.items()]
    return ", ".join([*shapes, *given])[:200]


def touches(values: Any) -> bool:
    """Whether a value of a recorded run, or a length, is among arguments."""
    for value in values:
        if traced(value) is not None or has_length(value):
            return True
        if type(value) in (list, tuple) and touches(value):
            return True
    return False


#: What is emitted for a call, by its arguments; None for nothing.
Translation = Callable[[Recorder, dict[str, Any]], Any]
