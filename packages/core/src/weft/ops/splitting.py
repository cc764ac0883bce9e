"""Taking a dim apart at given places, or into a given number of pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.indexing import getitem
from weft.ops.joining import pieces, split


@composite(
    samples=(Sample(array(5, 2), (2, 3)), Sample(array(2, 5), (0, 4, 1), dim=-1)),
    errors=(
        ErrorSample(array(5), (2, 2), error=ShapeError, match="add up to 4"),
        ErrorSample(array(5), 2, error=TypeError, match="a tuple or list of lengths"),
    ),
    aliases=("unsafe_split_with_sizes",),
)
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Take a dim apart into pieces of given lengths.

    Args:
        input: (...).
        split_sizes: the lengths, which add up to the dim's.
        dim: the dim.

    Returns:
        tuple of Tensor: views.

    Raises:
        ShapeError: the lengths do not add up to the dim's.
    """
    if not isinstance(split_sizes, (tuple, list)):
        raise TypeError(
            f"split_with_sizes: expected a tuple or list of lengths, got "
            f"{type(split_sizes).__name__}; split takes one length for all pieces"
        )
    return split(input, split_sizes, dim)


@composite(
    samples=(
        Sample(array(7), 3),
        Sample(array(2, 7), 3, dim=1),
        Sample(array(7), (1, -2, 9)),
        Sample(array(2), 3),
    ),
    errors=(
        ErrorSample(array(7), 0, error=ValueError, match="must be positive, got 0"),
        ErrorSample(array(), 2, error=ShapeError, match="at least one dim"),
        ErrorSample(array(3), 1.5, error=TypeError, match="float"),
    ),
)
def tensor_split(
    input: Tensor,
    indices_or_sections: Any = None,
    dim: int = 0,
    *,
    sections: Any = None,
    indices: Any = None,
    tensor_indices_or_sections: Any = None,
) -> tuple[Tensor, ...]:
    """Take a dim apart into a number of nearly equal pieces, or at given places.

    Args:
        input: (...).
        indices_or_sections: how many pieces: the first ones are longer by 1 where the length
            does not divide; or the places to cut at, as ints or an int64 tensor of one dim.
            Places count as in slices: negative ones from the end, ones beyond the end as the end.
        dim: the dim.
        sections: the same by PyTorch's other name, for a number of pieces.
        indices: the same by PyTorch's other name, for places.
        tensor_indices_or_sections: the same by PyTorch's other name, for a tensor.

    Returns:
        tuple of Tensor: views.

    Raises:
        ValueError: the number of pieces is not positive.
        ShapeError: input is 0-d.
    """
    given = _one_of(
        "tensor_split", indices_or_sections, sections, indices, tensor_indices_or_sections
    )
    return _split_at("tensor_split", input, given, dim)


def _one_of(name: str, *given: Any) -> Any:
    """Return the one argument that was given of several names for it."""
    held = [value for value in given if value is not None]
    if len(held) != 1:
        raise TypeError(f"{name}: expected a number of pieces or the places to cut at, once")
    return held[0]


def _split_at(name: str, x: Tensor, given: Any, dim: int) -> tuple[Tensor, ...]:
    if not x.ndim:
        raise ShapeError(f"{name}: expected a tensor of at least one dim, got a 0-d one")
    at = canonical_dim(name, dim, x.ndim)
    total = x.shape[at]
    if isinstance(given, Tensor):
        given = given.tolist()
    if isinstance(given, int):
        if given <= 0:
            raise ValueError(f"{name}: the number of pieces must be positive, got {given}")
        least, longer = divmod(total, given)
        lengths = (least + 1,) * longer + (least,) * (given - longer)
        out: tuple[Tensor, ...] = pieces(x, dim=at, lengths=lengths)
        return out
    if not isinstance(given, (tuple, list)):
        raise TypeError(
            f"{name}: expected a number of pieces or a sequence of places, got "
            f"{type(given).__name__} {given!r}"
        )
    lead = (slice(None),) * at
    bounds = zip((0, *given), (*given, total), strict=True)
    return tuple(getitem(x, (*lead, slice(start, end))) for start, end in bounds)


def _evenly(name: str, x: Tensor, given: Any, dim: int, least: int) -> tuple[Tensor, ...]:
    if x.ndim < least:
        raise ShapeError(
            f"{name}: expected a tensor of at least {least} dims, got shape {tuple(x.shape)}"
        )
    if isinstance(given, int) and given > 0 and x.shape[dim] % given:
        raise ShapeError(
            f"{name}: dim {dim} of length {x.shape[dim]} does not divide into {given} equal "
            f"pieces; tensor_split takes unequal ones"
        )
    return _split_at(name, x, given, dim)


@composite(
    samples=(Sample(array(6), 3), Sample(array(2, 4), 2), Sample(array(2, 4), (1, 3))),
    errors=(
        ErrorSample(array(6), 4, error=ShapeError, match="dim 0 of length 6 does not divide"),
        ErrorSample(array(), 1, error=ShapeError, match="at least 1 dims"),
    ),
)
def hsplit(
    input: Tensor, indices_or_sections: Any = None, *, sections: Any = None, indices: Any = None
) -> tuple[Tensor, ...]:
    """Take the second dim apart, of a tensor of one dim the first.

    Args:
        input: (...), of at least one dim.
        indices_or_sections: how many equal pieces, or the places to cut at.
        sections: the same by PyTorch's other name, for a number of pieces.
        indices: the same by PyTorch's other name, for places.

    Returns:
        tuple of Tensor: views.

    Raises:
        ShapeError: the length does not divide, or input is 0-d.
    """
    given = _one_of("hsplit", indices_or_sections, sections, indices)
    return _evenly("hsplit", input, given, 0 if input.ndim == 1 else 1, 1)


@composite(
    samples=(Sample(array(4, 2), 2), Sample(array(4, 2), (1,))),
    errors=(
        ErrorSample(array(6), 3, error=ShapeError, match="at least 2 dims"),
        ErrorSample(array(3, 2), 2, error=ShapeError, match="dim 0 of length 3 does not divide"),
    ),
)
def vsplit(
    input: Tensor, indices_or_sections: Any = None, *, sections: Any = None, indices: Any = None
) -> tuple[Tensor, ...]:
    """Take the first dim apart.

    Args:
        input: (...), of at least two dims.
        indices_or_sections: how many equal pieces, or the places to cut at.
        sections: the same by PyTorch's other name, for a number of pieces.
        indices: the same by PyTorch's other name, for places.

    Returns:
        tuple of Tensor: views.

    Raises:
        ShapeError: the length does not divide, or input has fewer than two dims.
    """
    given = _one_of("vsplit", indices_or_sections, sections, indices)
    return _evenly("vsplit", input, given, 0, 2)


@composite(
    samples=(Sample(array(2, 1, 4), 2), Sample(array(1, 2, 4), (1, 3))),
    errors=(
        ErrorSample(array(2, 3), 3, error=ShapeError, match="at least 3 dims"),
        ErrorSample(array(1, 1, 3), 2, error=ShapeError, match="dim 2 of length 3 does not divide"),
    ),
)
def dsplit(
    input: Tensor, indices_or_sections: Any = None, *, sections: Any = None, indices: Any = None
) -> tuple[Tensor, ...]:
    """Take the third dim apart.

    Args:
        input: (...), of at least three dims.
        indices_or_sections: how many equal pieces, or the places to cut at.
        sections: the same by PyTorch's other name, for a number of pieces.
        indices: the same by PyTorch's other name, for places.

    Returns:
        tuple of Tensor: views.

    Raises:
        ShapeError: the length does not divide, or input has fewer than three dims.
    """
    given = _one_of("dsplit", indices_or_sections, sections, indices)
    return _evenly("dsplit", input, given, 2, 3)
