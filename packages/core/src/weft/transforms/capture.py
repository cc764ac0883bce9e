"""A function's calls of ops, noted while it runs on stand-ins: what it does, without its Python.

Stand-ins carry shapes and dtypes alone. A function that looks at numbers, writes where others see
it, or draws at random is thereby found out and refused: its calls would not be the same next time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from weft._backend import np
from weft._core.aval import Aval
from weft._core.boxed import Boxed, new_level
from weft._core.errors import CaptureError
from weft._core.generator import get_rng_state
from weft._core.modes import no_grad
from weft._core.op import Op
from weft._core.tensor import Tensor, wrap
from weft._core.tree import flatten


class Value(NamedTuple):
    """What the function was given or computed, by number: its arguments come first."""

    number: int


class Constant(NamedTuple):
    """A tensor that is the same whenever the function is called."""

    tensor: Tensor


class Call(NamedTuple):
    """One call of an op.

    Attributes:
        op: the op.
        args: a :class:`Value`, a :class:`Constant`, a number or None each.
        params: its settings.
        results: the numbers of what it gives.
    """

    op: Op
    args: tuple[Any, ...]
    params: dict[str, Any]
    results: tuple[int, ...]


class Captured(NamedTuple):
    """What a function does.

    Attributes:
        calls: its calls of ops, in order.
        avals: shape and dtype of each value, by number.
        results: for each leaf of what it returns a :class:`Value`, a :class:`Constant` or, where it
            is no tensor, the leaf.
        rebuild: nests leaves as the function did.
    """

    calls: list[Call]
    avals: list[Aval]
    results: list[Any]
    rebuild: Callable[[list[Any]], Any]


def capture(function: Callable[..., Any], inputs: Sequence[Any]) -> Captured:
    """Return what a function of tensors does.

    Args:
        function: called once with a stand-in for each input.
        inputs: arrays or avals.

    Raises:
        CaptureError: the function reads numbers, writes into what is not its own, or draws at
            random.
    """
    before = get_rng_state().tolist()
    with no_grad(), new_level("capture") as level:
        trace = _Trace(level)
        returned = function(*[wrap(trace.stand_in(x, given=True)) for x in inputs])
        leaves, rebuild = flatten(returned)
        results = [trace.operand(leaf) for leaf in leaves]
    if get_rng_state().tolist() != before:
        raise CaptureError("it draws random numbers, which are others at each call")
    return Captured(trace.calls, trace.avals, results, rebuild)


class _Trace:
    """What is noted while a function runs."""

    def __init__(self, level: int) -> None:
        self.level = level
        self.calls: list[Call] = []
        self.avals: list[Aval] = []

    def stand_in(self, like: Any, given: bool = False) -> _StandIn:
        self.avals.append(Aval(tuple(like.shape), like.dtype))
        return _StandIn(self, len(self.avals) - 1, given)

    def operand(self, a: Any) -> Any:
        """Return what stands for an argument or a result."""
        if not isinstance(a, Tensor):
            return a
        return Value(a._data.number) if isinstance(a._data, _StandIn) else Constant(a)

    def call(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        avals = [Aval(a.shape, a._data.dtype) if isinstance(a, Tensor) else a for a in args]
        promised = op.shape(*avals, **params)
        several = isinstance(promised, (tuple, list))
        outs = tuple(map(self.stand_in, promised if several else (promised,)))
        numbers = tuple(out.number for out in outs)
        self.calls.append(Call(op, tuple(map(self.operand, args)), params, numbers))
        return outs if several else outs[0]


class _StandIn(Boxed):
    """Stands for an array of which nobody may ask more than shape and dtype."""

    __slots__ = ("given", "inner", "number", "trace")

    transform = "capture"
    label = "stand-in"
    stands_for_array = True

    def __init__(self, trace: _Trace, number: int, given: bool) -> None:
        self.level, self.trace, self.number, self.given = trace.level, trace, number, given
        aval = trace.avals[number]
        self.inner = wrap(np.broadcast_to(np.zeros((), aval.dtype), aval.shape))

    def detached(self) -> _StandIn:
        """Return the same: nothing is recorded meanwhile."""
        return self

    def mapped(self, function: Callable[[Any], Any]) -> _StandIn:
        """Return another that stands for the same."""
        return _StandIn(self.trace, self.number, given=False)

    def spread(self, plain: Any) -> Any:
        """Return a new tensor as it is: it is a constant."""
        return plain

    def read(self, asked: str) -> Any:
        """Refuse."""
        raise CaptureError(f"{asked} reads numbers out of a tensor, which differ from call to call")

    @staticmethod
    def process(level: int, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Note the call."""
        boxes = (a._data for a in args if isinstance(a, Tensor))
        trace = next(data.trace for data in boxes if isinstance(data, _StandIn))
        return trace.call(op, args, params)

    @classmethod
    def store(cls, level: int, target: Any, value: Any, others: list[Any], writer: str) -> None:
        """Let the target stand for what is written, if nobody else sees its memory."""
        held, data = target._data, value._data
        alone = all(other is target for other in others)
        if not isinstance(held, _StandIn) or held.given or not alone:
            raise CaptureError(f"{writer} writes into a tensor that is not the function's alone")
        if not isinstance(data, _StandIn):
            raise CaptureError(f"{writer} writes a constant into a tensor")
        target._data = _StandIn(data.trace, data.number, given=False)
