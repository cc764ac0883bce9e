"""Convolutions of one place as matrix products, of arrays in the order of their indices.

An image (C, places) is a transposed matrix (places, C), which a product reads where it lies. So
nothing is copied into another order, and the result lies channels last as every convolution's does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft._backend.cpu import onednn
from weft._backend.cpu.addresses import address_of
from weft._backend.cpu.onednn import BIAS, DST, SRC, WEIGHTS
from weft._backend.cpu.onednn_layouts import empty_last
from weft._backend.cpu.onednn_primitives import (
    NUMBERS,
    Attributes,
    Descriptor,
    Primitive,
    plan,
    strided,
)
from weft._backend.numpy_ import np

Array = Any

_F32 = np.dtype(np.float32)
#: Places of an image below which several images are quicker copied, then computed together.
_LEAST_PLACES = 128
#: Multiplications from which products are oneDNN's.
_LEAST = 1 << 18


def is_product(settings: Any, w: Sequence[int], *arrays: Array) -> bool:
    """Whether a convolution of one place is to be computed as a product.

    Args:
        settings: stride, padding, dilation and groups.
        w: the weight's shape.
        arrays: what is read besides the weight.
    """
    stride, padding, _, groups = settings
    if groups != 1 or math.prod(w[2:]) != 1 or max(stride) > 1 or any(map(any, padding)):
        return False
    n, _, *spatial = arrays[0].shape
    places = math.prod(spatial)
    if places < _LEAST_PLACES and (n > 1 or places == 1):
        return False
    if n * places * w[0] * w[1] < _LEAST or w[0] == 1 or w[1] == 1:
        return False
    return all(a.dtype == _F32 and a.flags.c_contiguous for a in arrays)


def _turned(lib: Any, n: int, channels: int, places: int) -> Descriptor:
    """Return how images in the order of their indices are read as (n, places, channels)."""
    steps = (channels * places, 1, places)
    return strided(lib, (n, places, channels), NUMBERS[_F32], steps)


def _dense(lib: Any, *shape: int) -> Descriptor:
    steps = [math.prod(shape[d + 1 :]) for d in range(len(shape))]
    return strided(lib, shape, NUMBERS[_F32], steps)


def _product(
    lib: Any,
    left: Descriptor,
    right: Descriptor,
    out: Descriptor,
    bias: Any = None,
    after: Any = (),
) -> Primitive:
    attributes = Attributes(lib, after)
    made = plan(
        "matmul", lib.engine, left.handle, right.handle, None if bias is None else bias.handle,
        out.handle, attributes.handle,
    )  # fmt: skip
    if made.implementation.startswith("ref"):
        raise onednn.OneDNNError("oneDNN: it has only its slow way for this product")
    arguments = [(SRC, left), (WEIGHTS, right), (DST, out)]
    return Primitive(made, arguments if bias is None else [*arguments, (BIAS, bias)])


class Forward:
    """How convolutions of one kind run, from the input or, with the weight turned, back to it."""

    __slots__ = ("_run", "_shape")

    def __init__(
        self, x: Array, w: Array, out: Sequence[int], bias: bool, after: Any, turned: bool = False
    ) -> None:
        lib = onednn.loaded()
        self._shape = tuple(out)
        n, channels, *spatial = x.shape
        places, wide = math.prod(spatial), out[1]
        steps = (channels * wide, wide, 1) if turned else (channels * wide, 1, channels)
        self._run = _product(
            lib,
            _turned(lib, n, channels, places),
            strided(lib, (1, channels, wide), NUMBERS[_F32], steps),
            _dense(lib, n, places, wide),
            _dense(lib, 1, 1, wide) if bias else None,
            after,
        )

    def writes_to(self, out: Array) -> bool:
        """Never: an array that is added is read where a convolution lies channels last."""
        return False

    def __call__(self, x: Array, w: Array, bias: Any = None, held: Any = None) -> Array:
        out = empty_last(self._shape, _F32)
        if bias is None:
            self._run(address_of(x), address_of(w), address_of(out))
        else:
            self._run(address_of(x), address_of(w), address_of(out), address_of(bias))
        return out


class ToWeight:
    """How the cotangents of weights of one kind are computed: image by image, then summed."""

    __slots__ = ("_each", "_run", "_shape")

    def __init__(self, x: Array, g: Array, shape: Sequence[int]) -> None:
        lib = onednn.loaded()
        n, channels, *spatial = x.shape
        places, wide = math.prod(spatial), g.shape[1]
        self._shape, self._each = tuple(shape), (n, wide, channels)
        self._run = _product(
            lib,
            _dense(lib, n, wide, places),
            _turned(lib, n, channels, places),
            _dense(lib, n, wide, channels),
        )

    def __call__(self, x: Array, g: Array) -> Array:
        each = np.empty(self._each, _F32)
        self._run(address_of(g), address_of(x), address_of(each))
        whole = each[0] if len(each) == 1 else np.add.reduce(each)
        return whole.reshape(self._shape)
