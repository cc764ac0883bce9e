"""What settings of optimizers may be."""

from __future__ import annotations

from typing import Any

from weft import Tensor


def at_least_zero(who: str, **settings: Any) -> None:
    """Raise ValueError for a setting below 0, or NaN."""
    for name, value in settings.items():
        if not value >= 0:
            raise ValueError(f"{who}: {name} must be at least 0, got {value}")


def learning_rate(
    who: str, lr: Any, *, foreach: bool | None = None, capturable: bool = False
) -> None:
    """Raise ValueError for a learning rate below 0, or a tensor where none can be."""
    _one_element(who, "lr", lr, foreach=foreach, capturable=capturable)
    at_least_zero(who, lr=lr)


def beta_pair(
    who: str, betas: Any, *, foreach: bool | None = None, capturable: bool = False
) -> tuple[Any, Any]:
    """Return the two coefficients of running means, tensors among them as 0-d ones.

    Raises:
        ValueError: one is not in [0, 1), or one alone is a tensor.
    """
    for i, beta in enumerate(betas):
        _one_element(who, f"betas[{i}]", beta, foreach=foreach, capturable=capturable)
        if not 0 <= beta < 1:
            raise ValueError(f"{who}: betas[{i}] must be in [0, 1), got {beta}")
    first, second = betas
    if isinstance(first, Tensor) is not isinstance(second, Tensor):
        raise ValueError(f"{who}: betas must be both numbers or both tensors, got {betas}")
    return _zero_d(first), _zero_d(second)


def _one_element(
    who: str, name: str, value: Any, *, foreach: bool | None, capturable: bool
) -> None:
    if not isinstance(value, Tensor):
        return
    if foreach and not capturable:
        raise ValueError(
            f"{who}: {name} cannot be a tensor where foreach=True; leave foreach out, or pass "
            f"{name}.item()"
        )
    if value.numel() != 1:
        raise ValueError(
            f"{who}: {name} must have one element, got a tensor of shape {tuple(value.shape)}"
        )


def _zero_d(value: Any) -> Any:
    return value.reshape(()) if isinstance(value, Tensor) and value.ndim else value
