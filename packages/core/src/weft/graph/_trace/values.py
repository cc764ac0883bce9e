"""The tensors of a run that is recorded: each holds what it is, and the number it is known by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weft import Tensor
from weft._core.boxed import Boxed
from weft._core.op import Op

if TYPE_CHECKING:
    from weft.graph._trace.recording import Recorder

__all__ = ["Traced", "traced"]


class Traced(Boxed):
    """A value of a recorded run.

    Args:
        recorder: whose run it is.
        number: what the value is known by.
        inner: the tensor that it is in this run.
        origin: what it is called if the module was given it, else "".
    """

    __slots__ = ("inner", "number", "origin", "recorder")

    transform = "weft.graph.trace"
    label = "traced"
    stands_for_array = True

    def __init__(self, recorder: Recorder, number: int, inner: Tensor, origin: str = "") -> None:
        self.level, self.recorder, self.number = recorder.level, recorder, number
        self.inner, self.origin = inner, origin

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of its dims, which remember that they are."""
        return self.recorder.lengths(self)

    def detached(self) -> Traced:
        """Return the same: nothing is differentiated meanwhile."""
        return self

    def mapped(self, function: Callable[[Any], Any]) -> Traced:
        """Return another that stands for the same."""
        return Traced(self.recorder, self.number, self.inner, self.origin)

    def spread(self, plain: Any) -> Any:
        """Return a new tensor as it is: it is a constant."""
        return plain

    def read(self, asked: str) -> Any:
        """Refuse: a graph has no Python that could read a number."""
        from weft.graph._trace.recording import asker

        name = asker()
        who = asked if not name or name in asked else name
        raise self.recorder.refusal(
            f"{who} reads numbers out of a tensor, which Python computes or decides with; a "
            "graph has only functions of tensors, so choose with weft.where"
        )

    @staticmethod
    def process(level: int, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Record a call that came to an op by no function of the list."""
        recorder = next(box.recorder for box in map(traced, args) if box is not None)
        out = recorder.op_called(op, args, params)
        return out._data if isinstance(out, Tensor) else tuple(one._data for one in out)

    @classmethod
    def store(cls, level: int, target: Any, value: Any, others: list[Any], writer: str) -> None:
        """Let the target stand for what is written, if nobody else sees its memory."""
        held, new = traced(target), traced(value)
        recorder = (held or new).recorder  # type: ignore[union-attr]  # one of them is at the level
        if held is None:
            raise recorder.refusal(
                f"{writer} writes into a tensor of shape {tuple(target.shape)} that was made "
                "outside, or from settings alone; join results with weft.cat or weft.stack, or "
                "choose with weft.where"
            )
        if held.origin:
            raise recorder.refusal(
                f"{writer} writes into {held.origin}; a graph leaves its inputs and weights as "
                "they are, so use the function that makes a new tensor"
            )
        if any(other is not target for other in others):
            raise recorder.refusal(
                f"{writer} writes into a view, or a tensor that has views (shape "
                f"{tuple(target.shape)}); join results with weft.cat or weft.stack, or choose "
                "with weft.where"
            )
        number = recorder.constant(value) if new is None else new.number
        inner = value if new is None else new.inner
        target._data = Traced(recorder, number, inner)


def traced(x: Any) -> Traced | None:
    """Return what a tensor of a recorded run holds; None for anything else."""
    return x._data if isinstance(x, Tensor) and isinstance(x._data, Traced) else None
