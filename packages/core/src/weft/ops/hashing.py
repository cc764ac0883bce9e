"""A checksum of tensors: the exclusive or of their elements' bits."""

from __future__ import annotations

from typing import Any

from weft._core import dtypes
from weft._core.aval import Aval
from weft._core.errors import DTypeError
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import canonical_dims, without
from weft.ops.families.batching import shift_dims, with_params
from weft.ops.families.custom import custom

_BITS = not_differentiable("it reads bits")


def _canonical(input: Any, dim: Any, keepdim: bool, mode: int) -> dict[str, Any]:
    if input.dtype.is_complex:
        raise DTypeError(f"hash_tensor: expected a real tensor, got {input.dtype}")
    if mode != 0:
        raise ValueError(f"hash_tensor: mode must be 0, the exclusive or, got {mode!r}")
    dims = canonical_dims("hash_tensor", None if dim in ((), []) else dim, input.ndim)
    dims = dims if input.ndim else ()
    for d in dims:
        if not input.shape[d]:
            raise IndexError(
                f"hash_tensor: dim {d} of input has length 0 (input.shape == "
                f"{tuple(input.shape)}), and of nothing there is no hash; name dims with elements"
            )
    return {"dim": dims, "keepdim": keepdim, "mode": 0}


@custom(
    shape=lambda x, *, dim, keepdim, mode: Aval(
        without(x.shape, dim, keepdim), dtypes.uint64.numpy
    ),
    vjp=_BITS,
    jvp=_BITS,
    batch=with_params("hash_tensor", shift_dims("dim")),
    canonical=_canonical,
    keyword_only=("mode",),
    samples=(
        Sample(array(2, 3)),
        Sample(array(2, 3, 5), dim=1),
        Sample(array(2, 3, 5), dim=(0, -1), keepdim=True),
        Sample(integers(7)),
        Sample(array()),
        Sample(array(2, 0), dim=0),
    ),
    errors=(
        ErrorSample(array(0), error=IndexError, match="dim 0 of input has length 0"),
        ErrorSample(array(2), mode=1, error=ValueError, match="mode must be 0"),
        ErrorSample(array(2), dim=1, error=IndexError, match="dim 1 is out of range"),
    ),
)
def hash_tensor(xp: Any, x: Any, *, dim: Any = None, keepdim: bool = False, mode: int = 0) -> Any:
    """Exclusive or over dims of the elements' bits, as float64 or int64.

    Args:
        input: (...), real.
        dim: the dim or dims; all if None.
        keepdim: whether those dims stay, with length 1.
        mode: 0, the only one there is.

    Returns:
        Tensor: uint64, without those dims. It does not depend on the order of the elements.

    Raises:
        IndexError: a dim is out of range, or has no element.
        ValueError: there is no such mode.
        DTypeError: input is complex.
    """
    if x.dtype.kind in "biu":
        bits = x.astype("uint64")
    else:
        bits = xp.ascontiguousarray(x.astype("float64")).reshape(x.shape).view("uint64")
    shape = tuple(without(bits.shape, dim, keepdim))
    bits = xp.moveaxis(bits, dim, tuple(range(len(dim))))
    bits = bits.reshape((-1 if bits.size else 1, *without(x.shape, dim, False)))
    if not dim:
        return bits.reshape(shape)
    while bits.shape[0] > 1:  # fold the second half onto the first
        half = (bits.shape[0] + 1) // 2
        low, high = bits[:half].copy(), bits[half:]
        low[: high.shape[0]] = low[: high.shape[0]] ^ high
        bits = low
    return bits.reshape(shape)
