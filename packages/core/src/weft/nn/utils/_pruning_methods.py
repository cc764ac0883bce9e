"""How pruning chooses: a class for each way, which makes a mask of ones and zeros for a tensor."""

from __future__ import annotations

import numbers
from typing import Any

import weft
from weft import Tensor
from weft._core.errors import ShapeError
from weft.nn.utils._pruning import BasePruningMethod, dim_of


class Identity(BasePruningMethod):
    """Leaves everything in: the mask is all ones."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask so far."""
        return default_mask


class _ByAmount(BasePruningMethod):
    """A way that leaves out a number or a share of what there is.

    Args:
        amount: an int, how many; or a float in [0, 1], which share.
    """

    def __init__(self, amount: float) -> None:
        _check_amount(type(self).__name__, amount)
        self.amount = amount

    def _left_out(self, size: int) -> int:
        """How many of `size` are left out."""
        if isinstance(self.amount, numbers.Integral):
            if self.amount > size:
                raise ValueError(
                    f"{type(self).__name__}: amount must be at most the {size} that there are to "
                    f"choose from, got {self.amount}"
                )
            return int(self.amount)
        return round(self.amount * size)


class _OfElements(_ByAmount):
    """Leaves out the elements whose rank is least."""

    PRUNING_TYPE = "unstructured"

    def _rank(self, t: Tensor) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask with zeros for the elements that are chosen, besides those it has."""
        count = self._left_out(t.numel())
        mask = default_mask.clone().contiguous()
        if count:
            least = weft.topk(self._rank(t).reshape(-1), count, largest=False).indices
            mask.view(-1)[least] = 0
        return mask


class RandomUnstructured(_OfElements):
    """Leaves out elements at random.

    Args:
        amount: an int, how many; or a float in [0, 1], which share.

    Raises:
        ValueError: it is negative, or more than there is.
        TypeError: it is no number.
    """

    def _rank(self, t: Tensor) -> Tensor:
        return weft.rand(t.shape, device=t.device)


class L1Unstructured(_OfElements):
    """Leaves out the elements of least magnitude.

    Args:
        amount: an int, how many; or a float in [0, 1], which share.

    Raises:
        ValueError: it is negative, or more than there is.
        TypeError: it is no number.
    """

    def _rank(self, t: Tensor) -> Tensor:
        return t.abs()


class _OfChannels(_ByAmount):
    """Leaves out the channels of a dim whose rank is least."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def _rank(self, t: Tensor, dim: int) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask with zeros for the channels that are chosen, besides those it has."""
        if t.ndim < 2:
            raise ValueError(
                f"{type(self).__name__}: channels need a tensor of two dims or more, got shape "
                f"{tuple(t.shape)}"
            )
        dim = dim_of(self, t)
        size = t.shape[dim]
        count = self._left_out(size)
        if not count:
            return default_mask
        least = weft.topk(self._rank(t, dim), count, largest=False).indices
        keeps = t.new_ones(size)
        keeps[least] = 0
        keeps = keeps.reshape([size if d == dim else 1 for d in range(t.ndim)])
        return default_mask * keeps.to(default_mask.dtype)


class RandomStructured(_OfChannels):
    """Leaves out whole channels at random.

    Args:
        amount: an int, how many; or a float in [0, 1], which share.
        dim: the dim of the channels.

    Raises:
        ValueError: the amount is negative, or more than there is; or the tensor has one dim.
        TypeError: the amount is no number.
        IndexError: the dim is out of range.
    """

    def _rank(self, t: Tensor, dim: int) -> Tensor:
        return weft.rand(t.shape[dim], device=t.device)


class LnStructured(_OfChannels):
    """Leaves out the channels of least norm.

    Args:
        amount: an int, how many; or a float in [0, 1], which share.
        n: the order of the norm: a number, or "fro" or "nuc" for matrices.
        dim: the dim of the channels.

    Raises:
        ValueError: the amount is negative, or more than there is; or the tensor has one dim.
        TypeError: the amount is no number.
        IndexError: the dim is out of range.
    """

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _rank(self, t: Tensor, dim: int) -> Tensor:
        others = [d for d in range(t.ndim) if d != dim]
        return weft.norm(t, p=self.n, dim=others)


class CustomFromMask(BasePruningMethod):
    """Leaves out what a given mask leaves out.

    Args:
        mask: ones and zeros, or bool, of the parameter's shape.
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask so far, with the given one's zeros too."""
        if tuple(self.mask.shape) != tuple(default_mask.shape):
            raise ShapeError(
                f"CustomFromMask: the mask must have the tensor's shape "
                f"{tuple(default_mask.shape)}, got {tuple(self.mask.shape)}"
            )
        return default_mask * self.mask.to(default_mask.dtype)


def _check_amount(who: str, amount: Any) -> None:
    whole = isinstance(amount, numbers.Integral)
    if isinstance(amount, bool) or not (whole or isinstance(amount, numbers.Real)):
        raise TypeError(f"{who}: amount must be an int or a float, got {amount!r}")
    if amount < 0 or (not whole and amount > 1):
        raise ValueError(
            f"{who}: amount must be a non-negative int, or a float in [0, 1], got {amount}"
        )
