"""Dropout as a linear op: its mask is a function of a key, so that nobody has to keep it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._core import catalogue, philox
from weft._core.kernels import prefer_compiled
from weft._core.samples import Sample, array, integers
from weft.ops.families.custom import custom

_MASK = 0xFFFFFFFFFFFFFFFF


def _batch(size: int, batched: Sequence[bool], x: Any, key: Any, *, p: float) -> Any:
    if not batched[1]:  # one mask for all examples
        return x * dropped(x.new_ones(tuple(x.shape)[1:]), key, p=p)
    from weft.ops.joining import stack

    return stack([dropped(x[i] if batched[0] else x, key[i], p=p) for i in range(size)], 0)


@custom(
    shape=lambda x, key, *, p: x,
    vjp=lambda needs, g, out, x, key, *, p: (dropped(g, key, p=p), None),
    jvp=lambda tangents, out, x, key, *, p: dropped(tangents[0], key, p=p),
    batch=_batch,
    saves=("key",),
    widen=False,
    promote=False,
    samples=(
        Sample(array(3, 4), integers(3, high=100), p=0.4),
        Sample(array(5), integers(3, high=100), p=0.9),
    ),
    keyword_only=("p",),
    namespaces=(),
    methods=(),
    out=False,
)
def dropped(xp: Any, x: Any, key: Any, *, p: float) -> Any:
    """Zero the elements whose random number is below p, and scale the others by 1 / (1 - p).

    Args:
        input: (...), floating.
        key: (3,) of 64 bits, where the numbers come from: seed, stream and offset.
        p: in [0, 1).

    Returns:
        Tensor: (...).
    """
    seed, stream, offset = (int(part) & _MASK for part in key)
    words = philox.words(xp, seed, offset, x.size, stream)
    numbers = (words >> 8).astype(xp.float32) * xp.float32(2.0**-24)
    kept = (numbers >= xp.float32(p)).reshape(x.shape)
    own = x.real.dtype if x.dtype.kind == "c" else x.dtype
    wide = xp.float64 if own.itemsize == 8 else xp.float32
    return x * (kept.astype(wide) / wide(1 - p)).astype(own)  # rounded as what it multiplies is


DROPPED = catalogue.ops["dropped"]
prefer_compiled(DROPPED, "dropout", "dropped")
