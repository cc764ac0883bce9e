"""What captured calls become for inference: norms in weights, convolutions with their tail.

Three rewrites. Zeros that are put around images become the padding of the convolution after them.
A normalisation by constant moments that follows a convolution or a linear layer is an affine map of
each channel, so that it is folded into weight and bias. Then activations and a sum that follow a
convolution move into it; each result of a convolution is thereby written once.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.op import Op
from weft._core.tensor import Tensor
from weft.ops.exponential import rsqrt
from weft.ops.filled_like import zeros_like
from weft.ops.fused_convolution import ACTIVATIONS, activation
from weft.transforms.capture import Captured, Constant, Value

_CONVOLUTIONS = ("convolve", "convolve_bias")
_LINEAR = ("linear_map", "affine")
_BIASED = {"convolve": "convolve_bias", "linear_map": "affine"}
#: Ops whose results are memory of their own, whatever they are called with.
_NEW = frozenset(
    {*_CONVOLUTIONS, *_LINEAR, *ACTIVATIONS, "fixed_normalised"}
    | {"plus", "minus", "mul", "true_divide"}
)


@dataclasses.dataclass(eq=False)
class Step:
    """A call, and what follows it in the same pass.

    Attributes:
        op: the op.
        args: as a call's.
        params: as a call's.
        results: the numbers of what it gives in the end.
        after: for a convolution what follows: an op with its settings, or None for a sum.
        added: what the sum adds.
        overwrites: whether the result takes the memory of what is added.
    """

    op: Op
    args: tuple[Any, ...]
    params: dict[str, Any]
    results: tuple[int, ...]
    after: list[Any] = dataclasses.field(default_factory=list)
    added: Value | None = None
    overwrites: bool = False

    @property
    def reads(self) -> list[int]:
        """The numbers of what it reads."""
        operands = (*self.args, self.added)
        return [a.number for a in operands if isinstance(a, Value)]


def fused(captured: Captured) -> list[Step]:
    """Return what computes the same as captured calls, in fewer passes."""
    steps = [Step(*call) for call in captured.calls]
    last = [r.number for r in captured.results if isinstance(r, Value)]
    _drop_unread(steps, last)
    steps = _fold_norms(_fold_borders(steps, last), last)
    return _join_tails(steps, last, captured.avals)


def _drop_unread(steps: list[Step], last: Sequence[int]) -> None:
    read = set(last)
    for step in reversed(list(steps)):
        if read.isdisjoint(step.results):
            steps.remove(step)
        else:
            read.update(step.reads)


def _uses(steps: Sequence[Step], last: Sequence[int]) -> Counter[int]:
    count = Counter(last)
    for step in steps:
        count.update(step.reads)
    return count


# --- borders -----------------------------------------------------------------------------------


def _fold_borders(steps: list[Step], last: Sequence[int]) -> list[Step]:
    """Let convolutions pad with zeros where a step before them alone does that."""
    count = _uses(steps, last)
    borders = {
        step.results[0]: step
        for step in steps
        if step.op.name == "constant_pad" and _is_border(step) and count[step.results[0]] == 1
    }
    folded = set()
    for step in steps:
        first = step.args[0] if step.op.name in _CONVOLUTIONS else None
        border = borders.get(first.number) if isinstance(first, Value) else None
        if border is not None:
            pairs = zip(step.params["padding"], border.params["widths"][2:], strict=True)
            padding = tuple((a + c, b + d) for (a, b), (c, d) in pairs)
            step.args = (border.args[0], *step.args[1:])
            step.params = {**step.params, "padding": padding}
            folded.add(border)
    return [step for step in steps if step not in folded]


def _is_border(step: Step) -> bool:
    """Whether a step puts zeros around places alone."""
    widths = step.params["widths"]
    return (
        len(widths) > 2
        and not step.params["value"]
        and not any(map(any, widths[:2]))
        and min(map(min, widths)) >= 0
    )


# --- norms -------------------------------------------------------------------------------------


def fold(
    weight: Tensor, bias: Any, centre: Tensor, variance: Tensor, eps: float, scale: Any, shift: Any,
    dim: int = 0,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return weight and bias of a layer followed by the normalisation of its channels.

    Args:
        weight: its channels along ``dim``.
        bias: (channels,), or None.
        centre: (channels,), the means.
        variance: (channels,), the variances.
        eps: added to the variances.
        scale: (channels,), or None for ones.
        shift: (channels,), or None for zeros.
        dim: the dim of weight's output channels.
    """
    factor = rsqrt(variance + eps)
    factor = factor if scale is None else factor * scale
    shape = [1] * weight.ndim
    shape[dim] = -1
    own = zeros_like(centre) if bias is None else bias
    moved = (own - centre) * factor
    moved = moved if shift is None else moved + shift
    folded = weight * factor.reshape(shape).to(weight.dtype)
    return folded, moved.to(weight.dtype if bias is None else bias.dtype)


def _fold_norms(steps: list[Step], last: Sequence[int]) -> list[Step]:
    count = _uses(steps, last)
    makers = {number: step for step in steps for number in step.results}
    kept: list[Step] = []
    for step in steps:
        layer = _layer_before(step, makers, count)
        if layer is None:
            kept.append(step)
            continue
        x, weight, *bias = layer.args
        norm = [a.tensor if isinstance(a, Constant) else None for a in step.args[1:]]
        norm += [None] * (4 - len(norm))
        centre, variance, scale, shift = norm
        assert centre is not None and variance is not None
        found = fold(
            weight.tensor, bias[0].tensor if bias else None, centre, variance,
            step.params["eps"], scale, shift,
        )  # fmt: skip
        layer.args = (x, *map(Constant, found))
        layer.op = catalogue.ops[_BIASED.get(layer.op.name, layer.op.name)]
        del makers[layer.results[0]]
        layer.results = step.results
        makers[step.results[0]] = layer
    return kept


def _layer_before(step: Step, makers: dict[int, Step], count: Counter[int]) -> Step | None:
    """Return the layer whose result a step normalises, if nobody else reads that."""
    if step.op.name != "fixed_normalised" or not isinstance(step.args[0], Value):
        return None
    if any(isinstance(a, Value) for a in step.args[1:]) or count[step.args[0].number] != 1:
        return None
    layer = makers.get(step.args[0].number)
    if layer is None or layer.op.name not in _CONVOLUTIONS + _LINEAR:
        return None
    if any(not isinstance(a, Constant) for a in layer.args[1:]):
        return None
    weight = layer.args[1].tensor
    channels = step.args[1].tensor.shape[0]
    floating = weight.dtype.is_floating_point
    return layer if floating and weight.shape[0] == channels else None


# --- tails -------------------------------------------------------------------------------------


def _join_tails(steps: list[Step], last: Sequence[int], avals: list[Aval]) -> list[Step]:
    for step in list(steps):
        if step.op.name in _CONVOLUTIONS and all(isinstance(a, Constant) for a in step.args[1:]):
            while _joined(step, steps, last, avals):
                pass
    return steps


def _joined(step: Step, steps: list[Step], last: Sequence[int], avals: list[Aval]) -> bool:
    """Move the one reader of a convolution's result into it, if that can be; say whether."""
    number = step.results[0]
    if number in last:
        return False
    readers = [other for other in steps if number in other.reads]
    if len(readers) != 1 or readers[0].reads.count(number) != 1:
        return False
    (reader,) = readers
    start, end = steps.index(step), steps.index(reader)
    between = (s.added for s in steps[start + 1 : end] if s.overwrites)
    overwritten = {added.number for added in between if added is not None}
    if overwritten & set(step.reads):
        return False  # what it reads is gone when the reader runs
    if len(reader.args) == 1 and activation(reader.op, reader.params) is not None:
        step.after.append((reader.op, reader.params))
    elif reader.op.name == "plus" and step.added is None:
        other = next((a for a in reader.args if a != Value(number)), None)
        if not isinstance(other, Value) or avals[other.number] != avals[number]:
            return False
        if not _is_over(other.number, reader, steps, last, avals):
            return False
        step.after.append(None)
        step.added, step.overwrites = other, True
    else:
        return False
    step.results = reader.results
    steps[end] = step  # when all is there that it reads
    del steps[start]
    return True


def _is_over(
    number: int, reader: Step, steps: list[Step], last: Sequence[int], avals: list[Aval]
) -> bool:
    """Whether a value's memory is its own, and nobody reads it after a step."""
    if number in last:
        return False
    maker = next((s for s in steps if number in s.results), None)
    if maker is None or not _is_new(maker, avals):
        return False
    end = steps.index(reader)
    # another reader's result might be a view of it
    return all(
        s is reader or (_is_new(s, avals) and steps.index(s) < end)
        for s in steps
        if number in s.reads
    )


def _is_new(step: Step, avals: list[Aval]) -> bool:
    """Whether a step's results are memory of their own."""
    if step.op.name in _NEW:
        return True
    if step.op.name not in ("window_max", "window_mean", "sum"):
        return False
    sizes = [math.prod(avals[n].shape) for n in (*step.reads, *step.results)]
    return sizes[0] != sizes[1]  # else it may be what it reads
