"""What the matrix functions share: checks of their arguments, transposes, batching, singularity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft._core import catalogue, dtypes
from weft._core.dispatch import apply
from weft._core.errors import DTypeError, GradError, LinAlgError, ShapeError
from weft._core.samples import Sample, array
from weft._core.tensor import Tensor
from weft.ops.families.batching import with_params
from weft.ops.families.linear import linear

_HALF = (dtypes.float16, dtypes.bfloat16)


def require_matrices(name: str, x: Tensor, argument: str, *, half: bool = False) -> None:
    """Check that an argument is one matrix or a batch of them, of a dtype LAPACK computes in.

    Raises:
        ShapeError: it has fewer than two dims.
        DTypeError: it is of integers, booleans or (unless ``half``) half precision.
    """
    if x.ndim < 2:
        raise ShapeError(
            f"{name}: {argument} must be a matrix or a batch of matrices, (..., n, m), got "
            f"{argument}.shape == {tuple(x.shape)}"
        )
    require_floats(name, x, argument, half=half)


def require_square(name: str, x: Tensor, argument: str, *, half: bool = False) -> None:
    """Check that an argument is a square matrix or a batch of them.

    Raises:
        ShapeError: it is not square.
        DTypeError: as :func:`require_matrices` does.
    """
    require_matrices(name, x, argument, half=half)
    if x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"{name}: {argument} must be square, (..., n, n), got {argument}.shape == "
            f"{tuple(x.shape)}"
        )


def require_floats(name: str, x: Tensor, argument: str, *, half: bool = False) -> None:
    """Check that an argument is floating or complex.

    Raises:
        DTypeError: it is of integers, booleans or (unless ``half``) half precision.
    """
    if x.dtype.category < 2:
        raise DTypeError(
            f"{name}: {argument} must be floating or complex, got {x.dtype}; convert it with "
            f".to(weft.float32)"
        )
    if not half and x.dtype in _HALF:
        raise DTypeError(
            f"{name}: {argument} must not be of half precision, got {x.dtype}; convert it with "
            f".to(weft.float32)"
        )


def mT(x: Any) -> Any:
    """Return matrices transposed."""
    return x.transpose(-2, -1)


def mH(x: Any) -> Any:
    """Return matrices transposed and conjugated."""
    flipped = x.transpose(-2, -1)
    return flipped.conj() if x.dtype.is_complex else flipped


def diagonal_of(x: Any) -> Any:
    """Return the main diagonals of matrices, (..., k)."""
    from weft.ops.diagonals import diagonal

    return diagonal(x, 0, -2, -1)


def on_diagonal(x: Any) -> Any:
    """Return square matrices with the given diagonals, (..., k) -> (..., k, k), and zeros."""
    from weft.ops.comparison import where

    return where(identity_mask(x), x.unsqueeze(-2), 0.0)


def identity_mask(like: Any) -> Any:
    """Return an (n, n) tensor of booleans, true on the diagonal, n being a tensor's last length."""
    from weft.ops.creation import arange

    places = arange(like.shape[-1], device=like.device)
    return places.unsqueeze(-1) == places


def half_diagonal(x: Any) -> Any:
    """Return the lower triangles with their diagonals halved."""
    from weft.ops.comparison import where
    from weft.ops.triangles import tril

    return where(identity_mask(x), x * 0.5, tril(x, -1))


def real_part(x: Any) -> Any:
    """Return the real part of a complex tensor, else the tensor."""
    return x.real if x.dtype.is_complex else x


def real_dtype(own: Any) -> Any:
    """Return the dtype (as arrays carry it) of the parts of a complex dtype; a real one itself."""
    if own == dtypes.complex64.numpy:
        return dtypes.float32.numpy
    return dtypes.float64.numpy if own == dtypes.complex128.numpy else own


def complex_dtype(own: Any) -> Any:
    """Return the complex dtype (as arrays carry it) of a precision."""
    wide = own in (dtypes.float64.numpy, dtypes.complex128.numpy)
    return (dtypes.complex128 if wide else dtypes.complex64).numpy


def column_phases(name: str, x: Any) -> Any:
    """Return x after checking that a loss does not depend on the phases of singular vectors.

    Args:
        name: the function whose vectors they are.
        x: V^H g, (..., k, k), for vectors V and their cotangent g; real ones have no phase.
    """
    return phase_free(x, name=name) if x.dtype.is_complex else x


@linear(
    shape=lambda x, *, name: x,
    transpose=lambda g, x, *, name: g,
    batch=with_params("phase_free"),
    namespaces=(),
    methods=(),
    samples=(Sample(array(2, 2), name="linalg.eigh"),),
)
def phase_free(xp: Any, x: Any, *, name: str) -> Any:
    """The argument itself, if its diagonal is real.

    Args:
        input: (..., k, k).
        name: the function to name in the error.

    Returns:
        Tensor: input.

    Raises:
        GradError: the diagonal has an imaginary part, so a loss depends on what is arbitrary.
    """
    turn = xp.abs(xp.diagonal(x, axis1=-2, axis2=-1).imag)
    largest = xp.max(xp.abs(x)) if x.size else 0
    if xp.any(turn > 1e-2 * (1 + largest)):
        raise GradError(
            f"{name}: complex vectors are determined only up to a factor exp(i phi) each, and this "
            f"loss depends on it (by {float(xp.max(turn)):.3g}), so it has no gradient; use only "
            f"what does not, such as moduli or projections v v^H"
        )
    return x


def like_input(g: Any, x: Any) -> Any:
    """Return a cotangent in the domain of its argument: real for a real one."""
    return real_part(g) if x.dtype.kind != "c" else g


def leading(name: str, *cores: int) -> Callable[..., Any]:
    """Return the batching rule of an op that works over any leading dims, which broadcast.

    Args:
        name: the op.
        cores: of each argument, how many last dims belong to one matrix or vector.
    """

    def batch(size: int, batched: Sequence[bool], /, *args: Any, **params: Any) -> Any:
        own = [a.ndim - b - c for a, b, c in zip(args, batched, cores, strict=True)]
        rank = max(own)
        aligned = tuple(
            a.reshape((size, *(1,) * (rank - n), *tuple(a.shape)[1:])) if b and n < rank else a
            for a, b, n in zip(args, batched, own, strict=True)
        )
        return apply(catalogue.ops[name], aligned, params)

    return batch


def refuse(xp: Any, name: str, info: Any, problem: str) -> None:
    """Raise for the first matrix whose ``info`` is not 0.

    Args:
        xp: the array namespace.
        name: the function the user called; an empty string asks for no check.
        info: an integer for each matrix.
        problem: what it means; ``{info}`` in it is the number.
    """
    if not name or not xp.any(info != 0):
        return
    first = tuple(int(i) for i in xp.argwhere(info != 0)[0])
    which = f"matrix {first[0] if len(first) == 1 else first} of the batch" if first else "input"
    raise LinAlgError(f"{name}: {which} {problem.format(info=int(info[first]))}")
