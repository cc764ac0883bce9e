"""Products and combinations of elements, and their powers."""

from __future__ import annotations

from weft._core import dtypes
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.broadcasting import broadcast_to
from weft.ops.creation import arange, ones
from weft.ops.cumulative import cumprod, cumsum
from weft.ops.families.composite import composite
from weft.ops.gathering import index_select
from weft.ops.joining import cat, stack
from weft.ops.repeating import meshgrid, repeat_interleave


def _one_dim(name: str, x: Tensor) -> None:
    if x.ndim != 1:
        raise ShapeError(f"{name}: expected a 1-d tensor, got shape {tuple(x.shape)}")


@composite(
    samples=(
        Sample(array(2), array(3)),
        Sample(array(3)),
        Sample(integers(2), integers(2), integers(3)),
        Sample(array(2), array(0)),
    ),
    errors=(
        ErrorSample(error=ValueError, match="at least one tensor"),
        ErrorSample(array(2), array(), error=ShapeError, match="1-d"),
        ErrorSample(integers(2), array(2), error=DTypeError, match="of one dtype"),
    ),
    methods=(),
)
def cartesian_prod(*tensors: Tensor) -> Tensor:
    """Every way to take one element of each of several tensors.

    Args:
        tensors: 1-d, of one dtype.

    Returns:
        Tensor: (product of the lengths, number of tensors), the last element changing fastest; of
        one tensor itself.

    Raises:
        ValueError: there is no tensor.
        ShapeError: one is not 1-d.
        DTypeError: their dtypes differ.
    """
    if not tensors:
        raise ValueError("cartesian_prod: expected at least one tensor, got none")
    for one in tensors:
        if not isinstance(one, Tensor):
            raise TypeError(f"cartesian_prod: expected tensors, got {type(one).__name__} {one!r}")
        _one_dim("cartesian_prod", one)
    kinds = {one.dtype for one in tensors}
    if len(kinds) > 1:
        raise DTypeError(
            f"cartesian_prod: tensors must be of one dtype, got {', '.join(map(str, kinds))}"
        )
    if len(tensors) == 1:
        return tensors[0]
    grids = meshgrid(*tensors, indexing="ij")
    return stack(grids, -1).reshape((-1 if grids[0]._data.size else 0, len(tensors)))


@composite(
    samples=(
        Sample(array(4)),
        Sample(array(4), 3),
        Sample(array(3), 2, True),
        Sample(integers(4), 1),
        Sample(array(3), 4),
        Sample(array(3, fixed=True), 0),
        Sample(array(0, fixed=True)),
    ),
    errors=(
        ErrorSample(array(2, 2), error=ShapeError, match="1-d"),
        ErrorSample(array(2), -1, error=ValueError, match="r must not be negative"),
    ),
    methods=(),
)
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Every way to take r elements, in the order in which they stand.

    Args:
        input: (n,).
        r: how many.
        with_replacement: whether an element may be taken several times.

    Returns:
        Tensor: (number of ways, r); (0,) for r = 0.

    Raises:
        ShapeError: input is not 1-d.
        ValueError: r is negative.
    """
    _one_dim("combinations", input)
    if r < 0:
        raise ValueError(f"combinations: r must not be negative, got {r}")
    if not r:
        return input[:0]
    length = input.shape[0]
    # counted where input is; of a meta tensor, which has nothing to count with, on the CPU
    device = "cpu" if input.device.type == "meta" else input.device
    chosen = arange(length, device=device).reshape((length, 1))
    for _ in range(r - 1):
        # each choice so far goes on with every number behind its last
        first = chosen[:, -1] + (0 if with_replacement else 1)
        ways = length - first
        rows = repeat_interleave(arange(chosen.shape[0], device=device), ways)
        begins = cumsum(ways, 0) - ways
        following = arange(rows.shape[0], device=device) - begins[rows] + first[rows]
        chosen = cat([chosen[rows], following.reshape((-1, 1))], 1)
    flat = index_select(input, 0, chosen.reshape(-1).to(device=input.device))
    return flat.reshape(tuple(chosen.shape))


@composite(
    samples=(
        Sample(array(3)),
        Sample(array(3), 2),
        Sample(array(3), 4, True),
        Sample(array(3, fixed=True), 0),
        Sample(array(3, fixed=True), 1),
        Sample(array(0, fixed=True)),
        Sample(integers(3)),
    ),
    errors=(
        ErrorSample(array(2, 2), error=ShapeError, match="1-d"),
        ErrorSample(array(2), -1, error=ValueError, match="N must not be negative"),
    ),
    methods=(),
)
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Vandermonde matrix: the powers of elements.

    .. math:: out_{ij} = x_i^{N - 1 - j}

    Args:
        x: (n,).
        N: how many powers; n if None.
        increasing: whether the exponents rise from 0 rather than fall to it.

    Returns:
        Tensor: (n, N); int64 for integers and booleans.

    Raises:
        ShapeError: x is not 1-d.
        ValueError: N is negative.
    """
    _one_dim("vander", x)
    count = x.shape[0] if N is None else N
    if count < 0:
        raise ValueError(f"vander: N must not be negative, got {count}")
    own = dtypes.int64 if x.dtype.category < 2 else x.dtype
    length = x.shape[0]
    out = ones(length, min(count, 1), dtype=own, device=x.device)
    if count > 1:
        factors = broadcast_to(x.reshape((length, 1)), (length, count - 1))
        out = cat([out, cumprod(factors, 1)], 1)
    return out if increasing else out.flip((1,))
