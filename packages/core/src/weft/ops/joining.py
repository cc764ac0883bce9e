"""Joining tensors into one, and taking one apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._backend.cpu.launching import Launcher
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.errors import ShapeError
from weft._core.kernels import prefer
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.creation import zeros
from weft.ops.families.batching import all_batched
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.families.linear import linear
from weft.ops.families.promotion import promoted


def _cat_shape(*avals: Any, dim: int) -> Any:
    first = avals[0]
    total = 0
    for i, a in enumerate(avals):
        other = tuple(n for d, n in enumerate(a.shape) if d != dim)
        wanted = tuple(n for d, n in enumerate(first.shape) if d != dim)
        if a.ndim != first.ndim or other != wanted:
            raise ShapeError(
                f"cat: tensor {i} of shape {a.shape} does not fit tensor 0 of shape "
                f"{first.shape}: all dims but dim {dim} must be equal"
            )
        total += a.shape[dim]
    return first.like(shape=(*first.shape[:dim], total, *first.shape[dim + 1 :]))


def _cat_back(g: Any, *avals: Any, dim: int) -> tuple[Any, ...]:
    out: tuple[Any, ...] = pieces(g, dim=dim, lengths=tuple(a.shape[dim] for a in avals))
    return out


def _cat_batch(size: int, batched: Sequence[bool], *tensors: Any, dim: int) -> Any:
    return joined(all_batched(size, batched, tensors), dim=dim + 1)


@linear(
    shape=_cat_shape,
    transpose=_cat_back,
    batch=_cat_batch,
    namespaces=(),
    methods=(),
    samples=(Sample((array(2, 3), array(1, 3)), dim=0),),
)
def joined(xp: Any, *xs: Any, dim: int) -> Any:
    """Join tensors of one dtype along an existing dim.

    Args:
        tensors: all of one shape but for the dim.
        dim: the dim.

    Returns:
        Tensor: with the lengths of that dim added up.
    """
    return xp.concatenate(xs, axis=dim)


_copying = Launcher("copying")


def _joined_fast(*xs: Any, dim: int) -> Any:
    # few columns before many would be a pass of their own
    if xs[0].size < 32768 and (dim or xs[-1].size < 32768):
        return None
    if sum(x.size for x in xs) < 262144:
        return None
    return _copying.joined(*xs, dim=dim)


prefer(catalogue.ops["joined"], _joined_fast)


def _tensors(name: str, tensors: Any) -> tuple[Tensor, ...]:
    if isinstance(tensors, Tensor) or not isinstance(tensors, (tuple, list)):
        raise TypeError(
            f"{name}: expected a list or tuple of tensors, got {type(tensors).__name__}"
        )
    if not tensors:
        raise ValueError(f"{name}: expected at least one tensor, got an empty sequence")
    for i, x in enumerate(tensors):
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}: item {i} is a {type(x).__name__}, not a weft.Tensor")
    return promoted(name, tuple(tensors))


@composite(
    samples=(
        Sample((array(2, 3), array(1, 3))),
        Sample((array(2, 3), array(2, 1)), dim=-1),
        Sample((array(0), array(2))),
        Sample((array(0), array(2, 3))),
    ),
    errors=(
        ErrorSample((array(2, 3), array(2, 2)), error=ShapeError, match="must be equal"),
        ErrorSample((), error=ValueError, match="at least one tensor"),
        ErrorSample(array(2), error=TypeError, match="list or tuple"),
    ),
    methods=(),
    aliases=("concat", "concatenate"),
    out=True,
)
def cat(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Join tensors along an existing dim.

    Args:
        tensors: all of one shape but for the dim; dtypes are promoted. Those of shape (0,) are
            left out, whatever the others' shape.
        dim: the dim.
        axis: NumPy's name for dim.

    Returns:
        Tensor: with the lengths of that dim added up.

    Raises:
        ShapeError: another dim differs.
        ValueError: there is no tensor.
    """
    given = _tensors("cat", tensors)
    # PyTorch's: code that grows a list often starts it with an empty 1-d tensor
    given = tuple(x for x in given if tuple(x.shape) != (0,)) or given[:1]
    at = canonical_dim("cat", dim if axis is None else axis, given[0].ndim)
    return joined(given, dim=at)


@composite(
    samples=(
        Sample((array(2, 3), array(2, 3))),
        Sample((array(2), array(2), array(2)), dim=-1),
    ),
    errors=(ErrorSample((array(2), array(3)), error=ShapeError, match="same shape"),),
    methods=(),
    out=True,
)
def stack(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Join tensors along a new dim.

    Args:
        tensors: all of one shape; dtypes are promoted.
        dim: where the new dim is to be in the result.
        axis: NumPy's name for dim.

    Returns:
        Tensor: with one dim more.

    Raises:
        ShapeError: the shapes differ.
    """
    given = _tensors("stack", tensors)
    shape = tuple(given[0].shape)
    for i, x in enumerate(given):
        if tuple(x.shape) != shape:
            raise ShapeError(
                f"stack: all tensors must have the same shape; tensor 0 has {shape}, tensor {i} "
                f"has {tuple(x.shape)}"
            )
    at = canonical_dim("stack", dim if axis is None else axis, len(shape) + 1)
    return joined([x.unsqueeze(at) for x in given], dim=at)


# --- taking apart ------------------------------------------------------------------------------


def _piece_shape(x: Any, *, dim: int, start: int, length: int) -> Any:
    return Aval((*x.shape[:dim], length, *x.shape[dim + 1 :]), x.dtype)


def _piece_batch(size: int, batched: Any, x: Any, *, dim: int, start: int, length: int) -> Any:
    return piece(x, dim=dim + 1, start=start, length=length)


@linear(
    shape=_piece_shape,
    transpose=lambda g, x, *, dim, start, length: spaced(
        g, dim=dim, start=start, total=x.shape[dim]
    ),
    batch=_piece_batch,
    is_view=True,
    namespaces=(),
    methods=(),
    samples=(Sample(array(2, 4), dim=1, start=1, length=2),),
)
def piece(xp: Any, x: Any, *, dim: int, start: int, length: int) -> Any:
    """View a stretch of a dim, within its bounds.

    Args:
        input: (...).
        dim: the dim.
        start: its first element.
        length: how many.

    Returns:
        Tensor: a view.
    """
    return x[(slice(None),) * dim + (slice(start, start + length),)]


def _spaced_shape(x: Any, *, dim: int, start: int, total: int) -> Any:
    return Aval((*x.shape[:dim], total, *x.shape[dim + 1 :]), x.dtype)


@linear(
    shape=_spaced_shape,
    transpose=lambda g, x, *, dim, start, total: piece(
        g, dim=dim, start=start, length=x.shape[dim]
    ),
    batch=lambda size, batched, x, *, dim, start, total: spaced(
        x, dim=dim + 1, start=start, total=total
    ),
    namespaces=(),
    methods=(),
    samples=(Sample(array(2, 3), dim=1, start=1, total=5),),
)
def spaced(xp: Any, x: Any, *, dim: int, start: int, total: int) -> Any:
    """Put a tensor into zeros along a dim: the transpose of ``piece``.

    Args:
        input: (...).
        dim: the dim.
        start: where its first element goes.
        total: the dim's length in the result.

    Returns:
        Tensor: with that length.
    """
    out = xp.zeros((*x.shape[:dim], total, *x.shape[dim + 1 :]), x.dtype)
    out[(slice(None),) * dim + (slice(start, start + x.shape[dim]),)] = x
    return out


def _pieces_shape(x: Any, *, dim: int, lengths: tuple[int, ...]) -> tuple[Any, ...]:
    return tuple(x.like(shape=(*x.shape[:dim], n, *x.shape[dim + 1 :])) for n in lengths)


def _pieces_vjp(needs: Any, g: Any, out: Any, x: Any, *, dim: int, lengths: Any) -> Any:
    """Join the pieces' cotangents: one pass, however many pieces there are."""
    held = next(part for part in g if part is not None)
    whole = []
    for part, n in zip(g, lengths, strict=True):
        if part is None:
            shape = (*x.shape[:dim], n, *x.shape[dim + 1 :])
            part = zeros(shape, dtype=held.dtype, device=held.device)
        whole.append(part)
    return (joined(whole, dim=dim),)


@custom(
    shape=_pieces_shape,
    vjp=_pieces_vjp,
    jvp=lambda tangents, out, x, *, dim, lengths: pieces(tangents[0], dim=dim, lengths=lengths),
    batch=lambda size, batched, x, *, dim, lengths: pieces(x, dim=dim + 1, lengths=lengths),
    outputs=0,
    is_view=True,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(2, 4), dim=1, lengths=(1, 0, 3)),),
)
def pieces(xp: Any, x: Any, *, dim: int, lengths: tuple[int, ...]) -> Any:
    """View a dim as consecutive stretches that together are all of it.

    Args:
        input: (...).
        dim: the dim.
        lengths: the stretches' lengths.

    Returns:
        tuple of Tensor: views.
    """
    views = []
    start = 0
    for n in lengths:
        views.append(x[(slice(None),) * dim + (slice(start, start + n),)])
        start += n
    return tuple(views)


@composite(
    samples=(
        Sample(array(2, 4), 1, 1, 2),
        Sample(array(4), 0, -2, 2),
    ),
    errors=(
        ErrorSample(array(4), 0, 3, 2, error=IndexError, match="start 3 and length 2"),
        ErrorSample(array(4), 0, array(), 2, error=TypeError, match="0-d integer tensor"),
        ErrorSample(array(), 0, 0, 1, error=ShapeError, match="0-d"),
    ),
)
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """View a stretch of a dim.

    Args:
        input: (...).
        dim: the dim.
        start: its first element, an int or a 0-d integer tensor; negative counts from the end.
        length: how many.

    Returns:
        Tensor: a view.

    Raises:
        IndexError: the stretch leaves the dim.
    """
    if not input.ndim:
        raise ShapeError("narrow: a 0-d tensor has no dim to narrow")
    at = canonical_dim("narrow", dim, input.ndim)
    if isinstance(start, Tensor):
        if start.ndim or start.dtype.category != 1:
            raise TypeError(
                f"narrow: start must be an int or a 0-d integer tensor, got {start.dtype} of shape "
                f"{tuple(start.shape)}"
            )
        start = int(start)
    total = input.shape[at]
    first = start + total if start < 0 else start
    if length < 0 or not 0 <= first <= total - length:
        raise IndexError(
            f"narrow: start {start} and length {length} leave dim {at} of length {total}"
        )
    return piece(input, dim=at, start=first, length=length)


@composite(
    samples=(
        Sample(array(5, 2), 2),
        Sample(array(2, 5), (2, 3), dim=1),
    ),
    errors=(
        ErrorSample(array(5), (2, 2), error=ShapeError, match="add up to 4"),
        ErrorSample(array(5), 0, error=ValueError, match="must be positive"),
    ),
    aliases=("unsafe_split",),
)
def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Take a dim apart into pieces.

    Args:
        tensor: (...).
        split_size_or_sections: the length of each piece, the last may be shorter; or all lengths.
        dim: the dim.

    Returns:
        tuple of Tensor: views.

    Raises:
        ShapeError: the lengths do not add up to the dim's.
    """
    at = canonical_dim("split", dim, tensor.ndim)
    split_size = split_size_or_sections
    total = tensor.shape[at]
    if isinstance(split_size, (tuple, list)):
        lengths = list(split_size)
        added = 0
        for length in lengths:
            added += length
        if added != total or min(lengths, default=0) < 0:
            raise ShapeError(f"split: lengths {lengths} add up to {added}, dim {at} has {total}")
    else:
        if split_size <= 0:
            raise ValueError(f"split: the length of a piece must be positive, got {split_size}")
        lengths = [min(split_size, total - s) for s in range(0, max(total, 1), split_size)]
    out: tuple[Tensor, ...] = pieces(tensor, dim=at, lengths=tuple(lengths))
    return out


@composite(
    samples=(Sample(array(5, 2), 3), Sample(array(2, 4), 2, dim=1)), aliases=("unsafe_chunk",)
)
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Take a dim apart into a number of pieces of equal length, the last perhaps shorter.

    Args:
        input: (...).
        chunks: how many at most.
        dim: the dim.

    Returns:
        tuple of Tensor: views.

    Raises:
        ValueError: chunks is not positive.
    """
    if chunks <= 0:
        raise ValueError(f"chunk: the number of pieces must be positive, got {chunks}")
    at = canonical_dim("chunk", dim, input.ndim)
    return split(input, max(1, -(-input.shape[at] // chunks)), at)


@composite(samples=(Sample(array(2, 3)), Sample(array(2, 3), 1)))
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Take a dim apart into its elements.

    Args:
        input: (...).
        dim: the dim, which goes away.

    Returns:
        tuple of Tensor: views.
    """
    at = canonical_dim("unbind", dim, input.ndim)
    parts = pieces(input, dim=at, lengths=(1,) * input.shape[at])
    return tuple(part.squeeze(at) for part in parts)
