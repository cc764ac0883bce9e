"""Dropout in one op, whose mask is a function of a key, and its derivative in another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft._backend import np
from weft._core import catalogue, philox
from weft._core.aval import Aval
from weft._core.kernels import prefer_compiled
from weft._core.samples import Sample, array, integers
from weft.ops.families.custom import custom

_MASK = 0xFFFFFFFFFFFFFFFF


def kept_of(xp: Any, shape: Any, key: Any, p: float) -> Any:
    """Return which elements of an array are kept: those whose random number is not below p."""
    seed, stream, offset = (int(part) & _MASK for part in key)
    words = philox.words(xp, seed, offset, math.prod(shape), stream)
    numbers = (words >> 8).astype(xp.float32) * xp.float32(2.0**-24)
    return (numbers >= xp.float32(p)).reshape(shape)


def scaled(xp: Any, x: Any, kept: Any, p: float) -> Any:
    """Return what is kept of an array, times 1 / (1 - p)."""
    own = x.real.dtype if x.dtype.kind == "c" else x.dtype
    wide = xp.float64 if own.itemsize == 8 else xp.float32
    return x * (kept.astype(wide) / wide(1 - p)).astype(own)  # rounded as what it multiplies is


def _masked_batch(size: int, batched: Sequence[bool], x: Any, kept: Any, *, p: float) -> Any:
    x, kept = (
        one if has else one.expand((size, *tuple(one.shape)))
        for one, has in zip((x, kept), batched, strict=True)
    )
    return masked(x, kept, p=p)


@custom(
    shape=lambda x, kept, *, p: x,
    vjp=lambda needs, g, out, x, kept, *, p: (masked(g, kept, p=p), None),
    jvp=lambda tangents, out, x, kept, *, p: masked(tangents[0], kept, p=p),
    batch=_masked_batch,
    saves=("kept",),
    promote=False,
    widen=False,
    samples=(
        Sample(array(3, 4), array(3, 4, kind="bool"), p=0.4),
        Sample(array(5), array(5, kind="bool"), p=0.9),
    ),
    keyword_only=("p",),
    namespaces=(),
    methods=(),
    out=False,
)
def masked(xp: Any, x: Any, kept: Any, *, p: float) -> Any:
    """Zero what is not kept, and scale the rest by 1 / (1 - p).

    Args:
        input: (...), floating.
        kept: (...), bool.
        p: in [0, 1).

    Returns:
        Tensor: (...).
    """
    return scaled(xp, x, kept, p)


def _shape(x: Any, key: Any, *, p: float) -> Any:
    return x, Aval(x.shape, np.dtype(np.bool_))


def _batch(size: int, batched: Sequence[bool], x: Any, key: Any, *, p: float) -> Any:
    if not batched[1]:  # one mask for all examples
        _, kept = dropped(x.new_ones(tuple(x.shape)[1:]), key, p=p)
        kept = kept.expand(tuple(x.shape))
        return masked(x, kept, p=p), kept
    from weft.ops.joining import stack

    outs = [dropped(x[i] if batched[0] else x, key[i], p=p) for i in range(size)]
    return tuple(stack(list(each), 0) for each in zip(*outs, strict=True))


@custom(
    shape=_shape,
    vjp=lambda needs, gs, outs, x, key, *, p: (masked(gs[0], outs[1], p=p), None),
    jvp=lambda tangents, outs, x, key, *, p: (masked(tangents[0], outs[1], p=p), None),
    batch=_batch,
    saves=("out1",),
    outputs=2,
    promote=False,
    widen=False,
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
        tuple: (...); and which were kept, (...) bool.
    """
    kept = kept_of(xp, x.shape, key, p)
    return scaled(xp, x, kept, p), kept


DROPPED = catalogue.ops["dropped"]
prefer_compiled(DROPPED, "dropout", "dropped")
prefer_compiled(catalogue.ops["masked"], "dropout", "masked")
