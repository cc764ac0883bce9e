"""Sampling an image at the points of a grid, and the grid of an affine map."""

from __future__ import annotations

from collections.abc import Sequence

from weft._core import catalogue, dtypes
from weft._core.errors import DTypeError, ShapeError, did_you_mean
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.creation import linspace, ones
from weft.ops.families.composite import composite
from weft.ops.joining import stack
from weft.ops.point_sampling import sampled_at, sampled_by_ops

_F = catalogue.FUNCTIONAL
_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")


def sampled(
    name: str, input: Tensor, grid: Tensor, mode: str, padding_mode: str, align_corners: bool
) -> Tensor:
    """Return the image at the grid's points, everything checked."""
    for setting, value, known in (
        ("mode", mode, _MODES),
        ("padding_mode", padding_mode, _PADDINGS),
    ):
        if value not in known:
            raise ValueError(
                f"{name}: {setting} must be one of {', '.join(known)}, got {value!r}"
                f"{did_you_mean(value, known)}"
            )
    count = input.ndim - 2
    if count not in (2, 3) or grid.ndim != input.ndim or grid.shape[-1] != count:
        raise ShapeError(
            f"{name}: expected input (N, C, H, W) and grid (N, h, w, 2), or (N, C, D, H, W) and "
            f"(N, d, h, w, 3); got {tuple(input.shape)} and {tuple(grid.shape)}"
        )
    if input.shape[0] != grid.shape[0]:
        raise ShapeError(
            f"{name}: input and grid must have the same batch, got {input.shape[0]} "
            f"(input.shape == {tuple(input.shape)}) and {grid.shape[0]} (grid.shape == "
            f"{tuple(grid.shape)})"
        )
    spatial = tuple(input.shape)[2:]
    if 0 in spatial:
        raise ShapeError(f"{name}: nothing to sample in input.shape == {tuple(input.shape)}")
    if mode == "bicubic" and count != 2:
        raise ValueError(f"{name}: mode 'bicubic' needs 4 dims, got {tuple(input.shape)}")
    own = input.dtype
    corners = bool(align_corners)
    if own.is_complex or grid.dtype.is_complex:
        return sampled_by_ops(input, grid, mode, padding_mode, corners).to(own)
    if own.itemsize < 4:
        input, grid = input.to(dtypes.float32), grid.to(dtypes.float32)
    out = sampled_at(input, grid, mode=mode, padding=padding_mode, corners=corners)
    return out.to(own)  # type: ignore[no-any-return]  # a tensor


_IMAGE, _GRID = array(2, 3, 4, 5), array(2, 3, 2, 2, low=-1.3, high=1.3)
_SOLID, _POINTS = array(1, 2, 3, 4, 3), array(1, 2, 2, 3, 3, low=-1.2, high=1.2)
_SAMPLES = (
    ("bilinear", "zeros", False),
    ("bilinear", "border", True),
    ("bilinear", "reflection", False),
    ("bilinear", "reflection", True),
    ("nearest", "zeros", True),
    ("nearest", "border", False),
    ("bicubic", "zeros", False),
    ("bicubic", "border", True),
    ("bicubic", "reflection", False),
)


@composite(
    samples=(
        *(Sample(_IMAGE, _GRID, *settings) for settings in _SAMPLES),
        Sample(_SOLID, _POINTS, align_corners=False),
        Sample(_SOLID, _POINTS, "bilinear", "reflection", True),
        Sample(_SOLID, _POINTS, "nearest", align_corners=True),
    ),
    errors=(
        ErrorSample(array(1, 1, 2, 2), array(2, 3, 3, 2), error=ShapeError, match="same batch"),
        ErrorSample(array(1, 1, 2, 2), array(1, 3, 3, 3), error=ShapeError, match="grid"),
        ErrorSample(_IMAGE, _GRID, "cubic", error=ValueError, match="'bicubic'"),
        ErrorSample(_IMAGE, _GRID, "nearest", "zero", error=ValueError, match="'zeros'"),
        ErrorSample(_SOLID, _POINTS, "bicubic", error=ValueError, match="4 dims"),
    ),
    namespaces=_F,
)
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Sample an image at points.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W), the images.
        grid: (N, h, w, 2) or (N, d, h, w, 3), points: x from -1 (left) to 1 (right), then y, then
            z.
        mode: ``"bilinear"`` (between the neighbours, in three dims too), ``"nearest"``, or
            ``"bicubic"`` (two dims only).
        padding_mode: what lies beyond the border: ``"zeros"``, the ``"border"`` itself, or the
            image's ``"reflection"``.
        align_corners: whether -1 and 1 are the middles of the outermost elements rather than
            their outer edges; False if None.

    Returns:
        Tensor: (N, C, h, w) or (N, C, d, h, w). Nearest has a gradient of zeros by the grid. A
        coordinate that is NaN counts as the first element where the padding is border or
        reflection, but for bicubic.

    Raises:
        ShapeError: the shapes do not fit.
        ValueError: a mode is unknown.

    Source: Jaderberg et al., arXiv:1506.02025; settings as in PyTorch, which warns where
    align_corners is None.
    """
    return sampled("grid_sample", input, grid, mode, padding_mode, bool(align_corners))


def _named(name: str, kind: str, number: int, known: Sequence[str]) -> str:
    if isinstance(number, bool) or number not in range(len(known)):
        choices = ", ".join(f"{i} ({k})" for i, k in enumerate(known))
        raise ValueError(f"{name}: {kind} must be one of {choices}, got {number!r}")
    return known[number]


_NUMBERED = (Sample(_IMAGE, _GRID, 0, 0, False), Sample(_IMAGE, _GRID, 2, 1, True))
_NUMBER_ERRORS = (ErrorSample(_IMAGE, _GRID, 3, 0, False, error=ValueError, match="bicubic"),)


@composite(samples=_NUMBERED, errors=_NUMBER_ERRORS, methods=())
def grid_sampler(
    input: Tensor,
    grid: Tensor,
    interpolation_mode: int,
    padding_mode: int,
    align_corners: bool,
) -> Tensor:
    """Sample an image at points: ``nn.functional.grid_sample`` with modes by number.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W).
        grid: (N, h, w, 2) or (N, d, h, w, 3).
        interpolation_mode: 0 bilinear, 1 nearest, 2 bicubic.
        padding_mode: 0 zeros, 1 border, 2 reflection.
        align_corners: whether -1 and 1 are the middles of the outermost elements.

    Returns:
        Tensor: (N, C, h, w) or (N, C, d, h, w).

    Raises:
        ValueError: a number is unknown.
        ShapeError: the shapes do not fit.
    """
    mode = _named("grid_sampler", "interpolation_mode", interpolation_mode, _MODES)
    padding = _named("grid_sampler", "padding_mode", padding_mode, _PADDINGS)
    return sampled("grid_sampler", input, grid, mode, padding, align_corners)


@composite(samples=_NUMBERED, errors=_NUMBER_ERRORS, methods=())
def grid_sampler_2d(
    input: Tensor,
    grid: Tensor,
    interpolation_mode: int,
    padding_mode: int,
    align_corners: bool,
) -> Tensor:
    """Sample an image of two dims at points: :func:`grid_sampler` of that shape only.

    Args:
        input: (N, C, H, W).
        grid: (N, h, w, 2).
        interpolation_mode: 0 bilinear, 1 nearest, 2 bicubic.
        padding_mode: 0 zeros, 1 border, 2 reflection.
        align_corners: whether -1 and 1 are the middles of the outermost elements.

    Returns:
        Tensor: (N, C, h, w).

    Raises:
        ValueError: a number is unknown.
        ShapeError: the shapes do not fit.
    """
    if input.ndim != 4:
        raise ShapeError(f"grid_sampler_2d: input must have 4 dims, got {tuple(input.shape)}")
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


@composite(
    samples=(Sample(_SOLID, _POINTS, 0, 1, False), Sample(_SOLID, _POINTS, 1, 0, True)),
    errors=(ErrorSample(_IMAGE, _GRID, 0, 0, False, error=ShapeError, match="5 dims"),),
    methods=(),
)
def grid_sampler_3d(
    input: Tensor,
    grid: Tensor,
    interpolation_mode: int,
    padding_mode: int,
    align_corners: bool,
) -> Tensor:
    """Sample a volume at points: :func:`grid_sampler` of that shape only.

    Args:
        input: (N, C, D, H, W).
        grid: (N, d, h, w, 3).
        interpolation_mode: 0 bilinear, 1 nearest.
        padding_mode: 0 zeros, 1 border, 2 reflection.
        align_corners: whether -1 and 1 are the middles of the outermost elements.

    Returns:
        Tensor: (N, C, d, h, w).

    Raises:
        ValueError: a number is unknown.
        ShapeError: the shapes do not fit.
    """
    if input.ndim != 5:
        raise ShapeError(f"grid_sampler_3d: input must have 5 dims, got {tuple(input.shape)}")
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


def _affine(name: str, theta: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    if not theta.dtype.is_floating_point:
        raise DTypeError(f"{name}: theta must be floating, got {theta.dtype}")
    count = len(size) - 2
    if count not in (2, 3) or tuple(theta.shape) != (size[0], count, count + 1):
        raise ShapeError(
            f"{name}: expected theta (N, 2, 3) for size (N, C, H, W), or (N, 3, 4) for "
            f"(N, C, D, H, W); got theta.shape == {tuple(theta.shape)} and size {tuple(size)}"
        )
    if min(size) < 1:
        raise ShapeError(f"{name}: size must be positive, got {tuple(size)}")
    lengths = tuple(size)[2:]
    columns = []
    for dim in reversed(range(count)):
        length = lengths[dim]
        line = (
            linspace(-1.0, 1.0, length, dtype=theta.dtype, device=theta.device)
            if length > 1
            else ones(1, dtype=theta.dtype, device=theta.device) * 0
        )
        if not align_corners:
            line = line * ((length - 1) / length)
        across = [1] * count
        across[dim] = length
        columns.append(line.reshape(tuple(across)).expand(lengths))
    columns.append(ones(lengths, dtype=theta.dtype, device=theta.device))
    base = stack(columns, -1).reshape((1, -1, count + 1))
    points = base @ theta.transpose(1, 2)
    return points.reshape((size[0], *lengths, count))


_AFFINE = (
    Sample(array(2, 2, 3), (2, 3, 4, 5), False),
    Sample(array(1, 2, 3), (1, 1, 2, 1), True),
    Sample(array(2, 3, 4), (2, 1, 2, 3, 2), True),
    Sample(array(1, 3, 4), (1, 1, 2, 3, 1), False),
)
_AFFINE_ERRORS = (
    ErrorSample(array(1, 2, 3), (2, 1, 2, 2), False, error=ShapeError, match="expected theta"),
    ErrorSample(array(1, 2, 3), (1, 1, 0, 2), False, error=ShapeError, match="positive"),
    ErrorSample(integers(1, 2, 3), (1, 1, 2, 2), False, error=DTypeError, match="floating"),
)


@composite(samples=_AFFINE, errors=_AFFINE_ERRORS, namespaces=_F)
def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The points at which :func:`grid_sample` samples to apply an affine map.

    Args:
        theta: (N, 2, 3) or (N, 3, 4), the maps: of (x, y, 1) or (x, y, z, 1).
        size: (N, C, H, W) or (N, C, D, H, W), of the result of sampling.
        align_corners: as for grid_sample; False if None.

    Returns:
        Tensor: (N, H, W, 2) or (N, D, H, W, 3).

    Raises:
        ShapeError: theta and size do not fit.
        DTypeError: theta is not floating.
    """
    return _affine("affine_grid", theta, size, bool(align_corners))


@composite(samples=_AFFINE, errors=_AFFINE_ERRORS, methods=())
def affine_grid_generator(theta: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """The points of an affine map: ``nn.functional.affine_grid``.

    Args:
        theta: (N, 2, 3) or (N, 3, 4).
        size: (N, C, H, W) or (N, C, D, H, W).
        align_corners: as for grid_sampler.

    Returns:
        Tensor: (N, H, W, 2) or (N, D, H, W, 3).

    Raises:
        ShapeError: theta and size do not fit.
        DTypeError: theta is not floating.
    """
    return _affine("affine_grid_generator", theta, size, align_corners)
