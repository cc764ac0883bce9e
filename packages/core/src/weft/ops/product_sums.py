"""Matrix products added to a tensor: the addmm family."""

from __future__ import annotations

import math

from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.families.promotion import promoted
from weft.ops.matmul import matmul


def _require(name: str, fits: bool, wanted: str, *tensors: Tensor) -> None:
    if not fits:
        shapes = " and ".join(str(tuple(t.shape)) for t in tensors)
        raise ShapeError(f"{name}: expected {wanted}, got shapes {shapes}")


def _summed(name: str, input: Tensor, product: Tensor, beta: float, alpha: float) -> Tensor:
    """Return beta input + alpha product, of the product's shape; a beta of 0 takes no input."""
    input, product = promoted(name, (input, product))
    for setting, factor in (("beta", beta), ("alpha", alpha)):
        if isinstance(factor, float) and input.dtype.category < 2 and factor % 1:
            raise DTypeError(
                f"{name}: {setting} must be a whole number for tensors of {input.dtype}, got "
                f"{factor}; convert them with .to(weft.float32)"
            )
    shape = tuple(product.shape)
    own = tuple(input.shape)
    lead = len(shape) - len(own)
    if lead < 0 or any(n not in (1, m) for n, m in zip(own, shape[lead:], strict=True)):
        raise ShapeError(
            f"{name}: input must be expandable to the product's shape {shape}, got input.shape == "
            f"{own}"
        )
    if input.dtype.category < 2:
        beta, alpha = _whole(beta), _whole(alpha)
    scaled = product if alpha == 1 else product * alpha
    if beta == 0:  # what input holds, NaN included, must not count
        return scaled
    return (input if beta == 1 else input * beta) + scaled


def _whole(factor: float) -> float:
    """Return a whole number as an int, so that integers stay what they are."""
    return int(factor) if math.isfinite(factor) else factor


_BATCHES = "two batches of matrices (b, n, k) and (b, k, m)"


def _pairs(x: Tensor, y: Tensor) -> bool:
    alike = x.ndim == y.ndim == 3
    return bool(alike and x.shape[0] == y.shape[0] and x.shape[2] == y.shape[1])


@composite(
    samples=(
        Sample(array(2, 4), array(2, 3), array(3, 4)),
        Sample(array(4), array(2, 3), array(3, 4), beta=0.5, alpha=2.0),
        Sample(array(2, 4), array(2, 3), array(3, 4), beta=2, alpha=3),
        Sample(integers(2, 2), integers(2, 3), integers(3, 2), alpha=3),
    ),
    errors=(
        ErrorSample(array(2, 2), array(2), array(2, 2), error=ShapeError, match="two matrices"),
        ErrorSample(array(3, 3), array(2, 3), array(3, 4), error=ShapeError, match="expandable"),
        ErrorSample(array(2, 4), array(2, 3), array(2, 4), error=ShapeError, match="two matrices"),
        ErrorSample(
            integers(2, 2), integers(2, 2), integers(2, 2), beta=0.5, error=DTypeError,
            match="beta must be a whole number",
        ),
    ),
    inplace=True,
    out=True,
)  # fmt: skip
def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """Matrix product plus a matrix: beta input + alpha mat1 mat2.

    Args:
        input: broadcasts to (n, m).
        mat1: (n, k).
        mat2: (k, m).
        beta: factor of input; with 0 nothing of input counts, NaN neither.
        alpha: factor of the product.

    Returns:
        Tensor: (n, m).

    Raises:
        ShapeError: the shapes do not fit.
        DTypeError: a factor of integers is no whole number.
    """
    fits = mat1.ndim == mat2.ndim == 2 and mat1.shape[1] == mat2.shape[0]
    _require("addmm", fits, "two matrices (n, k) and (k, m)", mat1, mat2)
    return _summed("addmm", input, matmul(mat1, mat2), beta, alpha)


@composite(
    samples=(
        Sample(array(2), array(2, 3), array(3)),
        Sample(array(), array(2, 3), array(3), beta=0.5, alpha=2.0),
    ),
    errors=(
        ErrorSample(array(2), array(2, 3), array(2), error=ShapeError, match="a matrix .* and a v"),
    ),
    inplace=True,
    out=True,
)
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Product of a matrix and a vector plus a vector: beta input + alpha mat vec.

    Args:
        input: broadcasts to (n,).
        mat: (n, k).
        vec: (k,).
        beta: factor of input; with 0 nothing of input counts, NaN neither.
        alpha: factor of the product.

    Returns:
        Tensor: (n,).

    Raises:
        ShapeError: the shapes do not fit.
        DTypeError: a factor of integers is no whole number.
    """
    fits = mat.ndim == 2 and vec.ndim == 1 and mat.shape[1] == vec.shape[0]
    _require("addmv", fits, "a matrix (n, k) and a vector (k,)", mat, vec)
    return _summed("addmv", input, matmul(mat, vec), beta, alpha)


@composite(
    samples=(
        Sample(array(2, 3), array(2), array(3)),
        Sample(array(3), array(2), array(3), beta=0.5, alpha=2.0),
    ),
    errors=(
        ErrorSample(array(2, 2), array(2, 2), array(2), error=ShapeError, match="two vectors"),
    ),
    inplace=True,
    out=True,
)
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Outer product plus a matrix: beta input + alpha vec1 vec2^T.

    Args:
        input: broadcasts to (n, m).
        vec1: (n,).
        vec2: (m,).
        beta: factor of input; with 0 nothing of input counts, NaN neither.
        alpha: factor of the product.

    Returns:
        Tensor: (n, m). Of booleans it is (input and beta) or (vec1 and vec2 and alpha).

    Raises:
        ShapeError: the shapes do not fit.
        DTypeError: a factor of integers is no whole number.
    """
    _require("addr", vec1.ndim == vec2.ndim == 1, "two vectors (n,) and (m,)", vec1, vec2)
    product = vec1.unsqueeze(-1) * vec2
    if input.dtype.name == product.dtype.name == "bool":
        own = product & bool(alpha)
        return (input & bool(beta)) | own
    return _summed("addr", input, product, beta, alpha)


@composite(
    samples=(
        Sample(array(2, 2, 4), array(2, 2, 3), array(2, 3, 4)),
        Sample(array(2, 1, 4), array(2, 2, 3), array(2, 3, 4), beta=0.5, alpha=2.0),
    ),
    errors=(
        ErrorSample(array(2), array(2, 3), array(3, 2), error=ShapeError, match="batches of mat"),
    ),
    inplace=True,
    out=True,
)
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """Products of matrices in pairs plus a tensor: beta input + alpha batch1 batch2.

    Args:
        input: broadcasts to (b, n, m).
        batch1: (b, n, k).
        batch2: (b, k, m).
        beta: factor of input; with 0 nothing of input counts, NaN neither.
        alpha: factor of the products.

    Returns:
        Tensor: (b, n, m).

    Raises:
        ShapeError: the shapes do not fit.
        DTypeError: a factor of integers is no whole number.
    """
    _require("baddbmm", _pairs(batch1, batch2), _BATCHES, batch1, batch2)
    return _summed("baddbmm", input, matmul(batch1, batch2), beta, alpha)


@composite(
    samples=(
        Sample(array(2, 4), array(3, 2, 3), array(3, 3, 4)),
        Sample(array(4), array(3, 2, 3), array(3, 3, 4), beta=0.5, alpha=2.0),
    ),
    errors=(
        ErrorSample(array(2), array(2, 3), array(3, 2), error=ShapeError, match="batches of mat"),
    ),
    inplace=True,
    out=True,
)
def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """Sum of the products of matrices in pairs plus a matrix.

    Args:
        input: broadcasts to (n, m).
        batch1: (b, n, k).
        batch2: (b, k, m).
        beta: factor of input; with 0 nothing of input counts, NaN neither.
        alpha: factor of the sum.

    Returns:
        Tensor: (n, m).

    Raises:
        ShapeError: the shapes do not fit.
        DTypeError: a factor of integers is no whole number.
    """
    _require("addbmm", _pairs(batch1, batch2), _BATCHES, batch1, batch2)
    count, rows, inner = batch1.shape
    # the sum of products is one product of all matrices side by side
    beside = batch1.transpose(0, 1).reshape((rows, count * inner))
    total = matmul(beside, batch2.reshape((count * inner, batch2.shape[2])))
    return _summed("addbmm", input, total, beta, alpha)
