"""What a tensor holds after a write through another one that shares its memory.

An in-place op overwrites memory that several tensors may view. Each of them then has a new value:
its old one, overlaid with what was written where both meet. The write has already changed the
memory, so nothing is computed but the place of that value in the graph.
"""

from __future__ import annotations

import math
from typing import Any

from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.dispatch import make_node
from weft._core.errors import GradError
from weft._core.inplace import graft
from weft._core.layouts import strided_array
from weft._core.samples import Sample, array
from weft._core.storage import address_of
from weft._core.tensor import Tensor, wrap
from weft.ops.complex import view_as_complex, view_as_real
from weft.ops.families.batching import with_params
from weft.ops.families.custom import custom
from weft.ops.families.linear import linear

#: Where a tensor lies in memory: its lengths, its strides and its first element.
Region = tuple[tuple[int, ...], tuple[int, ...], int]


def _region(xp: Any, memory: Any, region: Region) -> Any:
    size, steps, first = region
    if 0 in size:
        return xp.empty(size, memory.dtype)
    return strided_array(xp, memory[first:], size, tuple(step * memory.itemsize for step in steps))


def _is_whole(region: Region, count: int) -> bool:
    """Whether a region is all of the memory, in its order."""
    size, steps, first = region
    expected = 1
    for n, step in zip(reversed(size), reversed(steps), strict=True):
        if n != 1 and step != expected:
            return False
        expected *= n
    return first == 0 and expected == count


def _may_repeat(region: Region) -> bool:
    """Whether two of a region's elements may be the same one of the memory."""
    size, steps, _ = region
    reach = 0
    for step, n in sorted((abs(step), n) for n, step in zip(size, steps, strict=True) if n > 1):
        if step <= reach:
            return True
        reach += (n - 1) * step
    return False


def _batched(length: int, params: dict[str, Any]) -> dict[str, Any]:
    """Return the settings for examples whose memories lie one behind the other."""
    count = params["count"]

    def moved(region: Region) -> Region:
        size, steps, first = region
        return (length, *size), (count, *steps), first

    return {
        "seen": moved(params["seen"]),
        "written": moved(params["written"]),
        "count": count * length,
    }


def _overlaid_batch(length: int, batched: Any, old: Any, new: Any, **params: Any) -> Any:
    both = [
        x if has else x.expand((length, *x.shape))
        for x, has in zip((old, new), batched, strict=True)
    ]
    return overlaid(*both, **_batched(length, params))


def _overlaid_vjp(needs: Any, g: Any, out: Any, old: Any, new: Any, **params: Any) -> Any:
    return (
        overlaid(g, g.new_zeros(tuple(new.shape)), **params) if needs[0] else None,
        reread(g, **params) if needs[1] else None,
    )


def _overlaid_jvp(tangents: Any, out: Any, old: Any, new: Any, **params: Any) -> Any:
    return overlaid(
        *(
            x.new_zeros(tuple(x.shape)) if t is None else t
            for t, x in zip(tangents, (old, new), strict=True)
        ),
        **params,
    )


_ROW = {"seen": ((2, 3), (3, 1), 0), "written": ((3,), (1,), 3), "count": 6}
_COLUMN_OF_A_TURNED_PART = {"seen": ((3, 2), (1, 4), 1), "written": ((3,), (4,), 2), "count": 12}


@custom(
    shape=lambda old, new, **params: Aval(old.shape, old.dtype),
    vjp=_overlaid_vjp,
    jvp=_overlaid_jvp,
    batch=_overlaid_batch,
    promote=False,
    widen=False,
    samples=(
        Sample(array(2, 3), array(3), **_ROW),
        Sample(array(3, 2), array(3), **_COLUMN_OF_A_TURNED_PART),
    ),
    namespaces=(),
    methods=(),
    out=False,
)
def overlaid(xp: Any, old: Any, new: Any, *, seen: Region, written: Region, count: int) -> Any:
    """Write two regions of a memory, one after the other, and read the first again.

    Args:
        old: what the first region holds.
        new: what is then written into the second.
        seen: the first region: lengths, strides in elements, first element.
        written: the second.
        count: the elements of the memory.

    Returns:
        Tensor: of old's shape.
    """
    if _is_whole(seen, count):
        memory = old.reshape(-1).copy()
    else:
        memory = xp.zeros(count, old.dtype)
        _region(xp, memory, seen)[...] = old
    _region(xp, memory, written)[...] = new
    return _region(xp, memory, seen).copy()


@linear(
    shape=lambda x, *, seen, written, count: Aval(written[0], x.dtype),
    transpose=lambda g, x, **params: overlaid(g.new_zeros(tuple(x.shape)), g, **params),
    batch=with_params("reread", _batched),
    samples=(
        Sample(array(2, 3), **_ROW),
        Sample(array(3, 2), **_COLUMN_OF_A_TURNED_PART),
        Sample(array(3, 2), seen=((3, 2), (0, 1), 0), written=((2,), (1,), 0), count=2),
    ),
    namespaces=(),
    methods=(),
    out=False,
)
def reread(xp: Any, x: Any, *, seen: Region, written: Region, count: int) -> Any:
    """Add the elements of one region into a memory of zeros, and read another: overlaid's vjp.

    Args:
        input: what the first region holds.
        seen: the first region: lengths, strides in elements, first element.
        written: the second.
        count: the elements of the memory.

    Returns:
        Tensor: of the second region's lengths.
    """
    if _is_whole(seen, count):
        memory = xp.ascontiguousarray(x).reshape(-1)
    else:
        memory = xp.zeros(count, x.dtype)
        if _may_repeat(seen):
            xp.add.at(memory, _region(xp, xp.arange(count), seen), x)
        else:
            _region(xp, memory, seen)[...] = x
    return _region(xp, memory, written).copy()


def follow(other: Tensor, target: Tensor, value: Tensor) -> None:
    """Give ``other`` its new place in the graph, after a write to a tensor it shares memory with.

    Args:
        other: the tensor that sees the write; it may be target itself.
        target: the tensor that was written to.
        value: what was written, of target's shape and dtype.

    Raises:
        GradError: the two do not lie in memory a whole number of elements apart.
    """
    if other._node is None and value._node is None:
        return
    seen, written, new = _of_one_dtype(other, target, value)
    if seen.dtype is not written.dtype:
        return  # the same bits, read as numbers of another kind, have no gradient
    places = places_of(seen, written)
    if other._node is not None and not _meet(places):
        return
    result = wrap(seen._data)
    result._node = make_node(catalogue.ops["overlaid"], (seen, new), places)
    graft(other, (view_as_complex(result) if seen is not other else result)._node)


def overlay(other: Tensor, target: Tensor, old: Tensor, new: Tensor) -> Tensor:
    """Return what ``other`` holds of a value that moves with its memory, such as a tangent.

    Args:
        other: the tensor that sees a write; it may be target itself.
        target: the tensor that was written to.
        old: other's value before, of its shape and dtype.
        new: the value that came with what was written, of target's shape and dtype.
    """
    seen, written, new = _of_one_dtype(other, target, new)
    if seen is not other:
        old = view_as_real(old)
    out: Tensor = overlaid(old, new, **places_of(seen, written))
    return view_as_complex(out) if seen is not other else out


def _of_one_dtype(other: Tensor, target: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the three with complex numbers as pairs where only other or only target has them."""
    if other.is_complex() and not target.is_complex():
        return view_as_real(other), target, value
    if target.is_complex() and not other.is_complex():
        return other, view_as_real(target), view_as_real(value)
    return other, target, value


def places_of(seen: Tensor, written: Tensor) -> dict[str, Any]:
    """Return where two tensors of one dtype lie in the memory they share: overlaid's settings."""
    width = seen.dtype.itemsize
    found = [_layout(x._data, width) for x in (seen, written)]
    start = min(address + _reach(region)[0] * width for address, region in found)
    if any((address - start) % width for address, _ in found):
        raise GradError(
            "these two tensors share memory, but not from a whole number of elements on: a write "
            "to one cannot be recorded for the other; clone it first"
        )
    regions = [(size, steps, (address - start) // width) for address, (size, steps, _) in found]
    count = max(first + _reach((size, steps, first))[1] for size, steps, first in regions) + 1
    return {"seen": regions[0], "written": regions[1], "count": count}


def _layout(data: Any, width: int) -> tuple[int, Region]:
    """Return an array's address, and its region in elements of ``width`` bytes from there."""
    if isinstance(data, Boxed):
        address, (size, steps, first) = _layout(data.inner._data, width)
        hidden = len(size) - len(data.shape)  # the axes of batches come first
        return address, (size[hidden:], steps[hidden:], first)
    size = tuple(data.shape)
    if not isinstance(data, Aval):
        return address_of(data), (size, tuple(step // width for step in data.strides), 0)
    # without memory any place will do: only shapes are told
    return 0, (size, tuple(math.prod(size[d + 1 :]) for d in range(len(size))), 0)


def _reach(region: Region) -> tuple[int, int]:
    """Return how far a region's elements lie before and after its first."""
    size, steps, _ = region
    if 0 in size:
        return 0, 0
    ends = [(n - 1) * step for n, step in zip(size, steps, strict=True)]
    return sum(end for end in ends if end < 0), sum(end for end in ends if end > 0)


def _meet(places: dict[str, Any]) -> bool:
    """Whether the spans of two regions overlap; two columns' do, though they share nothing."""
    spans = []
    for region in (places["seen"], places["written"]):
        before, after = _reach(region)
        spans.append((region[2] + before, region[2] + after))
    (low, high), (lowest, highest) = spans
    return bool(low <= highest and lowest <= high)
