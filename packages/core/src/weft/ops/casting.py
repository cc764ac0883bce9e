"""Another dtype, another name for the same memory, a cut from the graph."""

from __future__ import annotations

from typing import Any

from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.errors import ShapeError
from weft._core.float8 import cast
from weft._core.kernels import prefer
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor, wrap
from weft.ops.families.batching import with_params
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.families.linear import linear


def _canonical(input: Any, dtype: Any) -> dict[str, Any]:
    return {"dtype": dtypes.canonical(dtype)}


def _back(g: Any, x: Any, *, dtype: Any) -> Any:
    return convert(g, dtype=x.dtype)


@linear(
    shape=lambda x, *, dtype: x.like(dtype=dtype),
    transpose=_back,
    batch=with_params("convert"),
    canonical=_canonical,
    methods=(),
    samples=(
        Sample(array(2, 3), dtype=dtypes.float64),
        Sample(array(2, 3), dtype=dtypes.int32),
        Sample(array(), dtype=dtypes.float64),
    ),
    keyword_only=(),
)
def convert(xp: Any, x: Any, *, dtype: Any) -> Any:
    """Convert to a dtype, always into new memory.

    Args:
        input: (...).
        dtype: the dtype wanted. Complex to real drops the imaginary part; floating to integer
            rounds towards zero. To float8_e4m3fn, what exceeds 448 becomes 448.

    Returns:
        Tensor: (...), of that dtype.
    """
    return cast(xp, x, dtype)


def _converted_fast(x: Any, *, dtype: Any) -> Any:
    """Convert larger arrays by machine code; None for what that does not take."""
    if x.size < 1024:
        return None
    from weft._backend.cpu.launch.conversions import converted

    return converted(x, dtype)


prefer(catalogue.ops["convert"], _converted_fast)


def _reinterpreted_shape(x: Any, *, dtype: Any) -> Aval:
    own, wanted = x.dtype.itemsize, dtype.itemsize
    if own == wanted:
        return Aval(x.shape, dtype)
    bytes_ = (x.shape[-1] if x.shape else 0) * own
    if not x.shape or bytes_ % wanted:
        raise ShapeError(
            f"view: a last dim of {own}-byte elements of a tensor of shape {tuple(x.shape)} is no "
            f"whole number of {wanted}-byte ones"
        )
    return Aval((*x.shape[:-1], bytes_ // wanted), dtype)


@custom(
    shape=_reinterpreted_shape,
    vjp=not_differentiable("it reads bytes as another kind of number"),
    jvp=not_differentiable("it reads bytes as another kind of number"),
    batch=with_params("reinterpreted"),
    canonical=_canonical,
    is_view=True,
    promote=False,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(
        Sample(integers(2, 4), dtype=dtypes.float64),
        Sample(integers(2, 4), dtype=dtypes.int32),
    ),
    errors=(
        ErrorSample(integers(high=3), dtype=dtypes.int8, error=ShapeError, match="no whole number"),
    ),
)
def reinterpreted(xp: Any, x: Any, *, dtype: Any) -> Any:
    """Read the same bytes as another dtype.

    Args:
        input: (..., n).
        dtype: the dtype; of another size it divides or multiplies the last dim.

    Returns:
        Tensor: a view.
    """
    _reinterpreted_shape(x, dtype=dtype)
    if x.dtype.itemsize != dtype.itemsize and x.strides[-1] != x.dtype.itemsize:
        raise ShapeError(
            f"view: reading elements of another size needs a contiguous last dim, got strides "
            f"{tuple(step // x.dtype.itemsize for step in x.strides)}"
        )
    return x.view(dtype)


@linear(
    shape=lambda x: x,
    transpose=lambda g, x: g,
    batch=with_params("alias"),
    is_view=True,
    methods=("view_as_self",),
    samples=(Sample(array(2, 3)),),
)
def alias(xp: Any, x: Any) -> Any:
    """Return a view of the whole tensor: the same memory, a node of its own.

    Args:
        input: (...).

    Returns:
        Tensor: (...).
    """
    return x[...]


@composite(
    samples=(Sample(array(2, 3)),),
    namespaces=("weft",),
    methods=("detach",),
    not_differentiable="it is what cuts a tensor from its graph",
)
def detach(input: Tensor) -> Tensor:
    """Return the same memory without the graph: no gradient flows through.

    Args:
        input: (...).

    Returns:
        Tensor: (...), sharing memory with input. Its tangent in forward mode is zero too.
    """
    from weft._core.moving import share_between
    from weft._core.tensor import detached_version

    data = input._data
    out = wrap(data.detached() if isinstance(data, Boxed) else data)
    out._version = detached_version(input)
    share_between(input, out)
    return out
