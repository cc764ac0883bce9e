"""What distributions share; programs import it by PyTorch's name, ``distributions.utils``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

import weft
from weft import Size, Tensor

euler_constant = 0.57721566490153286060  # the constant of Euler and Mascheroni

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]

_Value = TypeVar("_Value")


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Return tensors of one shape of tensors and Python numbers.

    Args:
        values: tensors, or numbers, which take the dtype and device of the first tensor, or the
            default floating dtype where there is none.

    Raises:
        ValueError: a value is neither a tensor nor a number.
        ShapeError: the shapes do not broadcast.
    """
    first: Tensor | None = None
    for position, value in enumerate(values):
        if isinstance(value, Tensor):
            first = value if first is None else first
        elif not isinstance(value, (bool, int, float)):
            raise ValueError(
                f"broadcast_all: value {position} must be a weft.Tensor or a number, got "
                f"{type(value).__name__} {value!r:.60}"
            )
    dtype = weft.get_default_dtype() if first is None else first.dtype
    device = None if first is None else first.device
    made = tuple(
        v if isinstance(v, Tensor) else weft.tensor(v, dtype=dtype, device=device) for v in values
    )
    shape = made[0].shape
    if all(v.shape == shape for v in made):
        return made
    return tuple(weft.broadcast_tensors(*made))


def standard_normal(shape: Any, dtype: Any, device: Any) -> Tensor:
    """Return standard normal numbers."""
    return weft.randn(tuple(shape), dtype=dtype, device=device)


def uniform_inside(shape: Any, like: Tensor) -> Tensor:
    """Return uniform numbers in (0, 1), without either end, for logarithms and quantiles."""
    tiny = weft.finfo(like.dtype).tiny
    return weft.rand(tuple(shape), dtype=like.dtype, device=like.device).clamp(min=tiny)


def sum_rightmost(value: Tensor, count: int) -> Tensor:
    """Return the sum over the last ``count`` dims.

    Args:
        value: (..., *summed).
        count: how many dims; 0 returns the value itself.
    """
    if count < 2:
        return value.sum(-1) if count else value
    return value.reshape((*tuple(value.shape)[:-count], -1)).sum(-1)


def clamp_probs(probs: Tensor) -> Tensor:
    """Return probabilities moved off 0 and 1 by the dtype's rounding step, so that logs are finite.

    Args:
        probs: (...), floating.
    """
    eps = weft.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Return probabilities of logits.

    Args:
        logits: (...) log odds if binary; else (..., categories) unnormalised log probabilities.
        is_binary: whether each element is one event's.
    """
    return weft.sigmoid(logits) if is_binary else weft.softmax(logits, -1)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Return logits of probabilities, finite also at 0 and 1.

    Args:
        probs: (...) if binary; else (..., categories).
        is_binary: whether each element is one event's.
    """
    inside = clamp_probs(probs)
    return weft.log(inside) - weft.log1p(-inside) if is_binary else weft.log(inside)


class lazy_property(Generic[_Value]):
    """A property computed when first read, and then an ordinary attribute.

    It is computed with gradients recorded, even where it is first read under ``no_grad``.

    Args:
        wrapped: the method that computes it.
    """

    def __init__(self, wrapped: Callable[[Any], _Value]) -> None:
        self.wrapped = wrapped
        functools.update_wrapper(self, wrapped)  # type: ignore[arg-type]  # no function, as wide

    @overload
    def __get__(self, instance: None, owner: Any = None) -> property: ...

    @overload
    def __get__(self, instance: object, owner: Any = None) -> _Value: ...

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return property(self.wrapped)  # as what readers of the class know it
        with weft.enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """Return lower triangular matrices of their elements, row by row.

    Args:
        vec: (..., D * (D + 1) / 2) where diag is 0.
        diag: the last diagonal that is filled, at most 0.

    Returns:
        Tensor: (..., D, D).

    Raises:
        ShapeError: no matrix has so many elements there.
    """
    size = vec.shape[-1]
    n = (-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * size + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2
    if round(n) * (round(n) + 1 + 2 * diag) != 2 * size - diag * (diag + 1):
        raise weft.ShapeError(
            f"vec_to_tril_matrix: {size} elements do not fill the lower triangle of a square "
            f"matrix up to diagonal {diag}; vec.shape == {tuple(vec.shape)}"
        )
    n = round(n)
    rows, columns = weft.tril_indices(n, n, diag, device=vec.device)
    flat = vec.new_zeros((*tuple(vec.shape)[:-1], n * n))
    places = (rows * n + columns).expand(tuple(vec.shape))
    return flat.scatter(-1, places, vec).reshape((*tuple(vec.shape)[:-1], n, n))


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """Return the elements of lower triangles, row by row.

    Args:
        mat: (..., D, D).
        diag: the last diagonal that is read, from -D up to D - 1.

    Returns:
        Tensor: (..., D * (D + 1) / 2) where diag is 0.

    Raises:
        ValueError: there is no such diagonal.
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"tril_matrix_to_vec: diag must be in [{-n}, {n - 1}], got {diag}")
    rows, columns = weft.tril_indices(n, n, diag, device=mat.device)
    return mat.flatten(-2).index_select(-1, rows * n + columns)


def whole_shape(*shapes: Any) -> Size:
    """Return the shapes one after the other as one."""
    return Size(length for shape in shapes for length in tuple(shape))
