"""Complex numbers: their parts, made of parts, conjugated."""

from __future__ import annotations

from typing import Any

from weft._core import dtypes
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import Draw, ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.families.batching import with_params
from weft.ops.families.composite import composite
from weft.ops.families.linear import linear
from weft.ops.memory import copied

_REAL = {
    dtypes.complex64.numpy: dtypes.float32.numpy,
    dtypes.complex128.numpy: dtypes.float64.numpy,
}
_COMPLEX = {real: complex_ for complex_, real in _REAL.items()}


def _numbers(*shape: int) -> Draw:
    return array(*shape, low=0.3, high=2.0, kind="complex")


def _only_complex(name: str) -> Any:
    def check(input: Any) -> dict[str, Any]:
        if isinstance(input, Tensor) and not input.dtype.is_complex:
            raise DTypeError(f"{name}: expected a complex tensor, got {input.dtype}")
        return {}

    return check


# --- parts -------------------------------------------------------------------------------------


@linear(
    shape=lambda x: x.like(dtype=_REAL[x.dtype]),
    transpose=lambda g, x: g.to(dtypes.of(x.dtype)),
    batch=with_params("real_part"),
    is_view=True,
    samples=(Sample(_numbers(2, 3)), Sample(_numbers())),
    namespaces=(),
    methods=(),
)
def real_part(xp: Any, x: Any) -> Any:
    """Real parts of complex numbers, as a view of their memory.

    Args:
        input: (...), complex.

    Returns:
        Tensor: (...), real.
    """
    return x.real


@linear(
    shape=lambda x: x.like(dtype=_REAL[x.dtype]),
    transpose=lambda g, x: g.to(dtypes.of(x.dtype)) * 1j,
    batch=with_params("imaginary_part"),
    is_view=True,
    samples=(Sample(_numbers(2, 3)), Sample(_numbers())),
    namespaces=(),
    methods=(),
)
def imaginary_part(xp: Any, x: Any) -> Any:
    """Imaginary parts of complex numbers, as a view of their memory.

    Args:
        input: (...), complex.

    Returns:
        Tensor: (...), real.
    """
    return x.imag


@composite(samples=(Sample(array(2, 3)), Sample(_numbers(2, 3))), methods=())
def real(input: Tensor) -> Tensor:
    """Real part; a real tensor stays as it is.

    Args:
        input: (...).

    Returns:
        Tensor: (...), real, a view of input's memory.
    """
    out: Tensor = real_part(input) if input.dtype.is_complex else input
    return out


@composite(
    samples=(Sample(_numbers(2, 3)),),
    errors=(ErrorSample(array(2), error=DTypeError, match="imag: expected a complex tensor"),),
    methods=(),
)
def imag(input: Tensor) -> Tensor:
    """Imaginary part.

    Args:
        input: (...), complex.

    Returns:
        Tensor: (...), real, a view of input's memory.

    Raises:
        DTypeError: input is not complex.
    """
    _only_complex("imag")(input)
    out: Tensor = imaginary_part(input)
    return out


@linear(
    shape=lambda x: x.like((*x.shape, 2), _REAL[x.dtype]),
    transpose=lambda g, x: view_as_complex(copied(g)),
    batch=with_params("view_as_real"),
    canonical=_only_complex("view_as_real"),
    is_view=True,
    samples=(Sample(_numbers(2, 3)), Sample(_numbers()), Sample(_numbers(0, 2))),
    errors=(ErrorSample(array(2), error=DTypeError, match="expected a complex tensor"),),
    methods=(),
)
def view_as_real(xp: Any, x: Any) -> Any:
    """View complex numbers as pairs of a real and an imaginary part.

    Args:
        input: (...), complex.

    Returns:
        Tensor: (..., 2), real, a view of input's memory.

    Raises:
        DTypeError: input is not complex.
    """
    parts = x.real
    strides = (*parts.strides, parts.itemsize)
    return xp.lib.stride_tricks.as_strided(parts, (*parts.shape, 2), strides)


def _pairs(input: Any) -> dict[str, Any]:
    if isinstance(input, Tensor):
        if input._data.dtype not in _COMPLEX:
            raise DTypeError(
                f"view_as_complex: expected a float32 or float64 tensor, got {input.dtype}"
            )
        if input.ndim == 0 or input.shape[-1] != 2:
            raise ShapeError(
                f"view_as_complex: expected a last dim of length 2 (real, imaginary), got shape "
                f"{tuple(input.shape)}"
            )
    return {}


@linear(
    shape=lambda x: x.like(x.shape[:-1], _COMPLEX[x.dtype]),
    transpose=lambda g, x: view_as_real(g),
    batch=with_params("view_as_complex"),
    canonical=_pairs,
    is_view=True,
    samples=(Sample(array(3, 2)), Sample(array(2)), Sample(array(2, 3, 2))),
    errors=(
        ErrorSample(array(3), error=ShapeError, match="last dim of length 2"),
        ErrorSample(integers(2), error=DTypeError, match="float32 or float64"),
        ErrorSample(array(2, 3, step="transposed"), error=ShapeError, match="of length 2"),
    ),
    methods=(),
)
def view_as_complex(xp: Any, x: Any) -> Any:
    """View pairs of a real and an imaginary part as complex numbers.

    Args:
        input: (..., 2), float32 or float64, the two parts next to each other in memory.

    Returns:
        Tensor: (...), complex, a view of input's memory.

    Raises:
        DTypeError: input is of another dtype.
        ShapeError: its last dim is not 2 long.
        ValueError: the parts do not lie next to each other in memory.
    """
    if x.size == 0:  # strides say nothing there
        return xp.zeros(x.shape[:-1], _COMPLEX[x.dtype])
    if x.strides[-1] != x.itemsize:
        raise ValueError(
            f"view_as_complex: expected a last dim of stride 1, got strides "
            f"{tuple(s // x.itemsize for s in x.strides)}; call .contiguous() first"
        )
    return x.view(_COMPLEX[x.dtype])[..., 0]


# --- made of parts -----------------------------------------------------------------------------


def _same_floats(name: str, first: Tensor, second: Tensor) -> None:
    for t in (first, second):
        if not t.dtype.is_floating_point:
            raise DTypeError(f"{name}: expected floating tensors, got {t.dtype}")
    if first.dtype is not second.dtype:
        raise DTypeError(
            f"{name}: expected two tensors of one dtype, got {first.dtype} and {second.dtype}; "
            f"convert one with .to()"
        )


@composite(
    samples=(Sample(array(2, 3), array(2, 3)), Sample(array(3), array(2, 1))),
    errors=(
        ErrorSample(array(2), integers(2), error=DTypeError, match="expected floating tensors"),
    ),
    methods=(),
    out=True,
)
def complex(real: Tensor, imag: Tensor) -> Tensor:
    """Make complex numbers of their real and imaginary parts.

    Args:
        real: (...), floating.
        imag: of the same dtype; broadcasts with it.

    Returns:
        Tensor: (...), complex128 of float64, else complex64: there is no smaller complex dtype.

    Raises:
        DTypeError: the parts are not floating, or of two dtypes.
    """
    from weft.ops.broadcasting import broadcast_tensors
    from weft.ops.joining import stack

    _same_floats("complex", real, imag)
    if real.dtype.itemsize == 2:
        real, imag = real.to(dtypes.float32), imag.to(dtypes.float32)
    out: Tensor = view_as_complex(stack(broadcast_tensors(real, imag), -1))
    return out


@composite(
    samples=(
        Sample(array(2, 3, low=0.2), array(2, 3, low=-3.0, high=3.0)),
        Sample(array(3, low=0.2), array(2, 1)),
    ),
    errors=(
        ErrorSample(array(2), integers(2), error=DTypeError, match="expected floating tensors"),
    ),
    methods=(),
    out=True,
)
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """Make complex numbers of their absolute values and angles.

    .. math:: abs \\cdot \\cos(angle) + i \\cdot abs \\cdot \\sin(angle)

    Args:
        abs: (...), floating.
        angle: in radians, of the same dtype; broadcasts with it.

    Returns:
        Tensor: (...), complex128 of float64, else complex64: there is no smaller complex dtype.

    Raises:
        DTypeError: they are not floating, or of two dtypes.
    """
    from weft.ops.trigonometric import cos, sin

    _same_floats("polar", abs, angle)
    return complex(abs * cos(angle), abs * sin(angle))


# --- conjugates --------------------------------------------------------------------------------


@linear(
    shape=lambda x: x,
    transpose=lambda g, x: g.conj(),
    batch=with_params("conj_physical"),
    samples=(Sample(array(2, 3)), Sample(_numbers(2, 3))),
    inplace=True,
)
def conj_physical(xp: Any, x: Any) -> Any:
    """Complex conjugate, in new memory.

    Args:
        input: (...).

    Returns:
        Tensor: (...); a copy of a real tensor.
    """
    return xp.conjugate(x) if x.dtype.kind == "c" else xp.array(x, copy=True)


@composite(samples=(Sample(array(2, 3)), Sample(_numbers(2, 3))))
def conj(input: Tensor) -> Tensor:
    """Complex conjugate; a real tensor stays as it is.

    Args:
        input: (...).

    Returns:
        Tensor: (...). The conjugate of a complex tensor is in new memory, where PyTorch returns a
        view that is marked and conjugated when read: ``is_conj`` is always false here.
    """
    out: Tensor = conj_physical(input) if input.dtype.is_complex else input
    return out


@composite(samples=(Sample(array(2)), Sample(_numbers(2))))
def resolve_conj(input: Tensor) -> Tensor:
    """Return the tensor itself: weft's tensors are never conjugated only when read.

    Args:
        input: (...).

    Returns:
        Tensor: input.
    """
    return input


@composite(samples=(Sample(array(2)), Sample(_numbers(2))))
def resolve_neg(input: Tensor) -> Tensor:
    """Return the tensor itself: weft's tensors are never negated only when read.

    Args:
        input: (...).

    Returns:
        Tensor: input.
    """
    return input


@composite(samples=(Sample(array(2)),), not_differentiable="its result is true or false")
def is_conj(input: Tensor) -> bool:
    """Whether the tensor is a view that is conjugated when read: never in weft.

    Args:
        input: a tensor.

    Returns:
        bool: False.
    """
    return False


@composite(samples=(Sample(array(2)),), not_differentiable="its result is true or false")
def is_neg(input: Tensor) -> bool:
    """Whether the tensor is a view that is negated when read: never in weft.

    Args:
        input: a tensor.

    Returns:
        bool: False.
    """
    return False


@composite(
    samples=(Sample(array(2)), Sample(_numbers(2)), Sample(integers(2))),
    not_differentiable="its result is true or false",
)
def isreal(input: Tensor) -> Tensor:
    """Whether elements have no imaginary part.

    Args:
        input: (...).

    Returns:
        Tensor: (...), bool; true for real tensors.
    """
    from weft.ops.creation import ones_like

    if not input.dtype.is_complex:
        return ones_like(input, dtype=dtypes.bool_)
    return imaginary_part(input) == 0
