"""``NAME_copy`` for each view ``NAME``: the same elements in memory of their own."""
# ruff: noqa: D103 - the documentation is the view's, and `_of` puts it there

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from weft._core.samples import Sample, array
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops import (
    broadcasting,
    casting,
    diagonals,
    gathering,
    indexing,
    joining,
    permuting,
    shape,
    strides,
)
from weft.ops.complex import view_as_complex, view_as_real
from weft.ops.families.composite import composite
from weft.ops.memory import copied
from weft.ops.splitting import split_with_sizes


def clone(view: Tensor) -> Tensor:
    """Copy what a view shows into contiguous memory."""
    copy: Tensor = copied(view)
    return copy


_F = TypeVar("_F", bound=Callable[..., Any])


def _of(view: Callable[..., Any]) -> Callable[[_F], _F]:
    """Give a copying form the view's documentation: the parameters are the same."""

    def decorate(copy: _F) -> _F:
        doc = (view.__doc__ or "").partition("\n")[2]
        copy.__doc__ = f"As :func:`weft.{view.__name__}`, with memory of its own.\n{doc}"
        return copy

    return decorate


@composite(samples=(Sample(array(2, 3)),), methods=(), out=True)
@_of(casting.alias)
def alias_copy(input: Tensor) -> Tensor:
    return clone(casting.alias(input))


@composite(
    samples=(
        Sample(array(6), (2, 2), (3, 1), 1),
        Sample(array(2, 3), (2, 2), (1, 1)),
    ),
    methods=(),
    out=True,
)
@_of(strides.as_strided)
def as_strided_copy(
    input: Tensor, size: Any, stride: Any, storage_offset: int | None = None
) -> Tensor:
    return clone(strides.as_strided(input, size, stride, storage_offset))


@composite(samples=(Sample(array(3, 4), 1),), methods=(), out=True)
@_of(diagonals.diagonal)
def diagonal_copy(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    return clone(diagonals.diagonal(input, offset, dim1, dim2))


@composite(samples=(Sample(array(2, 1), (2, 3)),), methods=(), out=True)
def expand_copy(input: Tensor, size: Any, *, implicit: bool = False) -> Tensor:
    """As :func:`weft.broadcast_to`, with memory of its own.

    Args:
        input: a tensor whose lengths equal size's, counted from the right, or are 1.
        size: the shape wanted; -1 keeps a length.
        implicit: taken for PyTorch's callers.

    Returns:
        Tensor: (*size).
    """
    return clone(broadcasting.expand(input, size))


@composite(samples=(Sample(array(2, 4), 1, 1, 2),), out=True)
@_of(joining.narrow)
def narrow_copy(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    return clone(joining.narrow(input, dim, start, length))


@composite(samples=(Sample(array(2, 3, 4), (2, 0, 1)),), methods=(), out=True)
@_of(permuting.permute)
def permute_copy(input: Tensor, dims: Any) -> Tensor:
    return clone(permuting.permute(input, dims))


@composite(samples=(Sample(array(3, 4), 1, 2),), methods=(), out=True)
@_of(gathering.select)
def select_copy(input: Tensor, dim: int, index: int) -> Tensor:
    return clone(gathering.select(input, dim, index))


@composite(
    samples=(
        Sample(array(2, 1, 3), 1),
        Sample(array(1, 2, 1)),
    ),
    methods=(),
    out=True,
)
@_of(shape.squeeze)
def squeeze_copy(input: Tensor, dim: Any = None) -> Tensor:
    return clone(shape.squeeze(input, dim))


@composite(samples=(Sample(array(2, 3)),), methods=(), out=True)
@_of(permuting.t)
def t_copy(input: Tensor) -> Tensor:
    return clone(permuting.t(input))


@composite(samples=(Sample(array(2, 3, 4), 0, 2),), methods=(), out=True)
@_of(permuting.transpose)
def transpose_copy(input: Tensor, dim0: int, dim1: int) -> Tensor:
    return clone(permuting.transpose(input, dim0, dim1))


@composite(samples=(Sample(array(7), 0, 3, 2),), methods=(), out=True)
@_of(strides.unfold)
def unfold_copy(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    return clone(strides.unfold(input, dimension, size, step))


@composite(samples=(Sample(array(2, 3), -1),), methods=(), out=True)
@_of(shape.unsqueeze)
def unsqueeze_copy(input: Tensor, dim: int) -> Tensor:
    return clone(shape.unsqueeze(input, dim))


@composite(samples=(Sample(array(2, 3), (3, 2)),), methods=(), out=True)
def view_copy(input: Tensor, size: Any) -> Tensor:
    """As :meth:`weft.Tensor.view`, with memory of its own.

    Args:
        input: (...), contiguous.
        size: the shape wanted; one length may be -1.

    Returns:
        Tensor: (*size).
    """
    return clone(shape.reshape(input, size))


@composite(samples=(Sample(array(5, 2), 2),), methods=(), out=True)
def split_copy(input: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """As :func:`weft.split`, with memory of its own.

    Args:
        input: (...).
        split_size: the length of each piece, the last may be shorter.
        dim: the dim.

    Returns:
        tuple of Tensor: copies.
    """
    return tuple(map(clone, joining.split(input, split_size, dim)))


@composite(samples=(Sample(array(5, 2), (2, 3)),), methods=(), out=True)
@_of(split_with_sizes)
def split_with_sizes_copy(
    input: Tensor, split_sizes: Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    return tuple(map(clone, split_with_sizes(input, split_sizes, dim)))


@composite(samples=(Sample(array(2, 3), 1),), methods=(), out=True)
@_of(joining.unbind)
def unbind_copy(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    return tuple(map(clone, joining.unbind(input, dim)))


@composite(
    samples=(Sample(array(2, 3)),), methods=(), out=True, not_differentiable="it cuts the graph"
)
@_of(casting.detach)
def detach_copy(input: Tensor) -> Tensor:
    return clone(casting.detach(input))


@composite(samples=(Sample(array(4, 3), 0, 1, 4, 2), Sample(array(3))), methods=(), out=True)
def slice_copy(
    input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """Copy a slice of a dim.

    Args:
        input: (...).
        dim: the dim.
        start: where the slice starts; the dim's start if None.
        end: where it ends; the dim's end if None.
        step: its step.

    Returns:
        Tensor: with as many entries in dim as the slice has.
    """
    at = canonical_dim("slice_copy", dim, input.ndim)
    return clone(indexing.getitem(input, (slice(None),) * at + (slice(start, end, step),)))


@composite(samples=(Sample(array(2, 3, kind="complex")),), methods=(), out=True)
@_of(view_as_real)
def view_as_real_copy(input: Tensor) -> Tensor:
    return clone(view_as_real(input))


@composite(samples=(Sample(array(3, 2)),), methods=(), out=True)
@_of(view_as_complex)
def view_as_complex_copy(input: Tensor) -> Tensor:
    return clone(view_as_complex(input))
