"""Ops that see a tensor's dims in another order."""

from __future__ import annotations

from typing import Any

from weft._backend import ndarray
from weft._core import catalogue
from weft._core.dispatch import apply_one, not_a_tensor, viewed
from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import canonical_dim, canonical_dims, shape_tuple
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.families.linear import linear


def _permute_canonical(input: Any, dims: Any) -> dict[str, Any]:
    numbers = canonical_dims("permute", tuple(dims), input.ndim)
    if len(numbers) != input.ndim:
        raise ValueError(
            f"permute: dims {tuple(dims)} must name each of the {input.ndim} dimensions once"
        )
    return {"dims": numbers}


def _inverse(dims: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(dims)), key=dims.__getitem__))


@linear(
    shape=lambda x, *, dims: x.like(shape=tuple(x.shape[d] for d in dims)),
    transpose=lambda g, x, *, dims: transposed(g, _inverse(dims)),
    batch=lambda size, batched, x, *, dims: transposed(x, (0, *(d + 1 for d in dims))),
    canonical=_permute_canonical,
    is_view=True,
    namespaces=(),
    methods=(),
    samples=(Sample(array(2, 3, 4), (2, 0, 1)),),
)
def transposed(xp: Any, x: Any, *, dims: tuple[int, ...]) -> Any:
    """Reorder dims, given all of them as one tuple.

    Args:
        input: a tensor.
        dims: which of input's dims each dim is.

    Returns:
        Tensor: a view.
    """
    return x.transpose(dims)


_TRANSPOSED = catalogue.ops["transposed"]
#: What the two dims of a matrix are called, and its transposition's setting; never written to.
_BOTH_DIMS = ({0, 1}, {-1, -2}, {0, -1}, {1, -2})
_SWAPPED = {"dims": (1, 0)}


@composite(
    samples=(Sample(array(2, 3, 4), (2, 0, 1)), Sample(array(2, 3), -1, 0), Sample(array(), ())),
    errors=(
        ErrorSample(array(2, 3), (0,), error=ValueError, match="each of the 2 dimensions"),
        ErrorSample(array(2, 3), (0, 2), error=IndexError, match="out of range"),
    ),
)
def permute(input: Tensor, *dims: Any) -> Tensor:
    """Reorder dims.

    Args:
        input: a tensor.
        dims: which of input's dims each dim is, as ints or one tuple.

    Returns:
        Tensor: a view.

    Raises:
        ValueError: a dim is missing or named twice.
    """
    return transposed(input, shape_tuple("permute", dims[0] if len(dims) == 1 else dims))


@composite(
    samples=(Sample(array(2, 3, 4), 0, 2), Sample(array(2, 3), -1, -2), Sample(array(), 0, 0)),
    errors=(ErrorSample(array(2, 3), 0, 2, error=IndexError, match="dim 2 is out of range"),),
    aliases=("swapdims",),
)
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Swap two dims.

    Args:
        input: a tensor.
        dim0: a dim.
        dim1: the dim to swap it with.

    Returns:
        Tensor: a view.

    Raises:
        IndexError: a dim is out of range.
    """
    x = input._data
    ndim = len(x.shape)
    if ndim == 2 and type(x) is ndarray and {dim0, dim1} in _BOTH_DIMS:
        return viewed(_TRANSPOSED, input, x.T, _SWAPPED)
    a, b = canonical_dim("transpose", dim0, ndim), canonical_dim("transpose", dim1, ndim)
    order = list(range(ndim))
    if ndim:
        order[a], order[b] = b, a
    return apply_one(_TRANSPOSED, input, {"dims": tuple(order)})


@composite(
    samples=(Sample(array(2, 3)), Sample(array(3))),
    errors=(ErrorSample(array(2, 3, 4), error=ShapeError, match="at most 2 dimensions"),),
    guard=False,
)
def t(input: Tensor) -> Tensor:
    """Transpose a matrix.

    Args:
        input: (n, m), or (n,), which stays as it is.

    Returns:
        Tensor: (m, n), a view.

    Raises:
        ShapeError: it has more than two dims.
    """
    try:
        x = input._data
    except AttributeError:
        raise not_a_tensor("t", 0, input) from None
    ndim = x.ndim
    if ndim == 2 and type(x) is ndarray:
        return viewed(_TRANSPOSED, input, x.T, _SWAPPED)
    if ndim > 2:
        raise ShapeError(
            f"t: expected at most 2 dimensions, got {input.ndim} (input.shape == "
            f"{tuple(input.shape)}); use transpose or .mT"
        )
    return transpose(input, 0, -1) if ndim == 2 else transposed(input, range(ndim))


@composite(
    samples=(Sample(array(2, 3, 4), 0, -1), Sample(array(2, 3, 4), (0, 1), (2, 0))),
    errors=(ErrorSample(array(2, 3), (0, 1), 0, error=ValueError, match="as many dims"),),
    aliases=("moveaxis",),
)
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Move dims to other places; the rest keep their order.

    Args:
        input: a tensor.
        source: the dim or dims to move.
        destination: where they go, as many.

    Returns:
        Tensor: a view.

    Raises:
        ValueError: the numbers of dims differ.
    """
    ndim = input.ndim
    start, end = (canonical_dims("movedim", d, ndim) for d in (source, destination))
    if len(start) != len(end):
        raise ValueError(f"movedim: {source} and {destination} must be as many dims")
    order = [d for d in range(ndim) if d not in start]
    for to, moved in sorted(zip(end, start, strict=True)):
        order.insert(to, moved)
    return transposed(input, tuple(order))
