"""Stacking tensors side by side, along one of the first three dims, or on the diagonal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import broadcast_shapes as _common_shape
from weft._core.shapes import shape_tuple
from weft._core.tensor import Size, Tensor
from weft.ops.creation import zeros
from weft.ops.families.composite import composite
from weft.ops.families.promotion import promoted
from weft.ops.joining import cat
from weft.ops.padding import constant_pad


def _raised(name: str, given: tuple[Any, ...], raise_one: Callable[[Tensor], Tensor]) -> Any:
    """Apply to one tensor, or to each of several or of one sequence."""
    several = given[0] if len(given) == 1 and isinstance(given[0], (tuple, list)) else given
    for i, x in enumerate(several):
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}: argument {i + 1} is a {type(x).__name__}, not a weft.Tensor")
    if len(given) == 1 and several is given:
        return raise_one(given[0])
    return tuple(map(raise_one, several))


_NOT_A_TENSOR = (ErrorSample(array(2), 3, error=TypeError, match="argument 2 is a int"),)


@composite(
    samples=(
        Sample(array()),
        Sample(array(2, 3)),
        Sample(array(), array(2)),
        Sample((array(), array(2))),
    ),
    errors=_NOT_A_TENSOR,
    methods=(),
)
def atleast_1d(*tensors: Any) -> Any:
    """View 0-d tensors as tensors of one dim; others stay.

    Args:
        tensors: one tensor, several, or one sequence of them.

    Returns:
        Tensor: (1,) of a 0-d tensor, else the tensor; a tuple of them if several were given.
    """
    return _raised("atleast_1d", tensors, lambda x: x if x.ndim else x.reshape((1,)))


@composite(
    samples=(
        Sample(array()),
        Sample(array(3)),
        Sample(array(2, 3)),
        Sample(array(), array(2)),
        Sample((array(), array(2))),
    ),
    errors=_NOT_A_TENSOR,
    methods=(),
)
def atleast_2d(*tensors: Any) -> Any:
    """View tensors of fewer than two dims as tensors of two; others stay.

    Args:
        tensors: one tensor, several, or one sequence of them.

    Returns:
        Tensor: (1, 1) of a 0-d tensor, (1, n) of one of shape (n,), else the tensor; a tuple of
        them if several were given.
    """
    return _raised("atleast_2d", tensors, _to_2d)


def _to_2d(x: Tensor) -> Tensor:
    return x if x.ndim > 1 else x.reshape((1, *x.shape) if x.ndim else (1, 1))


@composite(
    samples=(
        Sample(array()),
        Sample(array(3)),
        Sample(array(2, 3)),
        Sample(array(1, 2, 3)),
        Sample((array(), array(2))),
    ),
    errors=_NOT_A_TENSOR,
    methods=(),
)
def atleast_3d(*tensors: Any) -> Any:
    """View tensors of fewer than three dims as tensors of three; others stay.

    Args:
        tensors: one tensor, several, or one sequence of them.

    Returns:
        Tensor: (1, 1, 1) of a 0-d tensor, (1, n, 1) of one of shape (n,), (n, m, 1) of one of
        shape (n, m), else the tensor; a tuple of them if several were given.
    """
    return _raised("atleast_3d", tensors, _to_3d)


def _to_3d(x: Tensor) -> Tensor:
    if x.ndim > 2:
        return x
    return _to_2d(x).unsqueeze(-1)


def _given(name: str, tensors: Any) -> Sequence[Tensor]:
    if isinstance(tensors, Tensor) or not isinstance(tensors, (tuple, list)):
        raise TypeError(
            f"{name}: expected a list or tuple of tensors, got {type(tensors).__name__}"
        )
    if not tensors:
        raise ValueError(f"{name}: expected at least one tensor, got an empty sequence")
    return tensors


_NO_SEQUENCE = (
    ErrorSample(array(2), error=TypeError, match="list or tuple"),
    ErrorSample((), error=ValueError, match="at least one tensor"),
)


@composite(
    samples=(
        Sample((array(2), array(3))),
        Sample((array(2, 3), array(2, 1))),
        Sample((array(), array())),
    ),
    errors=(
        *_NO_SEQUENCE,
        ErrorSample((array(2, 2), array(3, 2)), error=ShapeError, match="must be equal"),
    ),
    methods=(),
    out=True,
)
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along their second dim, those of one dim along their first.

    Args:
        tensors: all of one shape but for that dim; 0-d ones count as of shape (1,).

    Returns:
        Tensor: with the lengths of that dim added up.

    Raises:
        ShapeError: another dim differs.
    """
    raised = atleast_1d(tuple(_given("hstack", tensors)))
    return cat(raised, 0 if raised[0].ndim == 1 else 1)


@composite(
    samples=(
        Sample((array(3), array(3))),
        Sample((array(2, 3), array(1, 3))),
        Sample((array(), array())),
    ),
    errors=(
        *_NO_SEQUENCE,
        ErrorSample((array(2, 2), array(2, 3)), error=ShapeError, match="must be equal"),
    ),
    methods=(),
    aliases=("row_stack",),
    out=True,
)
def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along their first dim; those of one dim are rows.

    Args:
        tensors: all of one shape but for that dim, after :func:`weft.atleast_2d`.

    Returns:
        Tensor: with the lengths of that dim added up.

    Raises:
        ShapeError: another dim differs.
    """
    return cat(atleast_2d(tuple(_given("vstack", tensors))), 0)


@composite(
    samples=(
        Sample((array(3), array(3))),
        Sample((array(2, 3), array(2, 3))),
        Sample((array(2, 3, 1), array(2, 3, 2))),
    ),
    errors=_NO_SEQUENCE,
    methods=(),
    out=True,
)
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along their third dim.

    Args:
        tensors: all of one shape but for that dim, after :func:`weft.atleast_3d`.

    Returns:
        Tensor: with the lengths of that dim added up.

    Raises:
        ShapeError: another dim differs.
    """
    return cat(atleast_3d(tuple(_given("dstack", tensors))), 2)


@composite(
    samples=(
        Sample((array(3), array(3, 2))),
        Sample((array(), array())),
        Sample((array(2, 1), array(2))),
    ),
    errors=_NO_SEQUENCE,
    methods=(),
    out=True,
)
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along their second dim; those of one dim are columns.

    Args:
        tensors: (n,) or (n, m), 0-d ones count as of shape (1, 1); more dims as in ``hstack``.

    Returns:
        Tensor: (n, number of columns).

    Raises:
        ShapeError: another dim differs.
    """
    given = _given("column_stack", tensors)
    return cat(tuple(x if x.ndim > 1 else x.reshape((-1, 1)) for x in given), 1)


@composite(
    samples=(
        Sample(array(2), array(), array(2, 3)),
        Sample(array(2, 0), array(1, 2)),
        Sample(),
    ),
    errors=(
        ErrorSample(array(2), array(2, 2, 2), error=ShapeError, match="at most 2 dims"),
        ErrorSample(array(2), 3, error=TypeError, match="argument 2 is a int"),
    ),
    methods=(),
)
def block_diag(*tensors: Any) -> Tensor:
    """Put matrices on the diagonal of a larger one, with zeros elsewhere.

    Args:
        tensors: (n, m) each; (m,) counts as (1, m) and a 0-d tensor as (1, 1). Dtypes are promoted.

    Returns:
        Tensor: (sum of n, sum of m); (1, 0) of no tensor.

    Raises:
        ShapeError: one has more than two dims.
    """
    if not tensors:
        return zeros((1, 0))
    for i, x in enumerate(tensors):
        if isinstance(x, Tensor) and x.ndim > 2:
            raise ShapeError(
                f"block_diag: expected tensors of at most 2 dims, argument {i + 1} has shape "
                f"{tuple(x.shape)}"
            )
    blocks = promoted("block_diag", atleast_2d(tuple(tensors)))
    width = sum(x.shape[1] for x in blocks)
    rows = []
    left = 0
    for x in blocks:
        right = width - left - x.shape[1]
        rows.append(constant_pad(x, widths=((0, 0), (left, right)), value=0))
        left += x.shape[1]
    return cat(rows, 0)


@composite(
    samples=(Sample((2, 1), (3,)), Sample((2, 1), 3), Sample(())),
    errors=(ErrorSample((2,), (3,), error=ShapeError, match="do not broadcast"),),
    methods=(),
    not_differentiable="it takes and returns shapes",
)
def broadcast_shapes(*shapes: Any) -> Size:
    """The shape to which several shapes broadcast.

    Args:
        shapes: tuples of ints; an int counts as one of one dim.

    Returns:
        Size: the common shape.

    Raises:
        ShapeError: two lengths of one dim differ and neither is 1.
    """
    given = (shape_tuple("broadcast_shapes", s if isinstance(s, tuple) else (s,)) for s in shapes)
    return Size(_common_shape("broadcast_shapes", *given))
