"""Activations in pieces: shrinkage, thresholds, learned and random slopes, and the gated unit."""

from __future__ import annotations

from typing import Any

from weft._core import catalogue
from weft._core.generator import Generator
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops.activation import sigmoid
from weft.ops.comparison import where
from weft.ops.families.composite import composite
from weft.ops.families.elementwise import elementwise
from weft.ops.random import rand


@composite(samples=(Sample(array(2, 3, low=-3.0, high=3.0)),), namespaces=catalogue.FUNCTIONAL)
def tanhshrink(input: Tensor) -> Tensor:
    """x less its hyperbolic tangent.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...).
    """
    return input - input.tanh()


def _softshrink_canonical(input: Any, lambd: float) -> dict[str, Any]:
    if lambd < 0:
        raise ValueError(f"softshrink: lambd must not be negative, got {lambd}")
    return {"lambd": lambd}


_SHRUNK = (Sample(array(4, low=0.7, high=2.0)), Sample(array(4, low=-0.4, high=0.4)))


@elementwise(
    partials=[lambda g, out, x, *, lambd: where(x.abs() <= lambd, 0, g)],
    canonical=_softshrink_canonical,
    saves=("x",),
    samples=_SHRUNK,
    errors=(ErrorSample(array(2), -1.0, error=ValueError, match="must not be negative, got -1"),),
    namespaces=catalogue.FUNCTIONAL,
    out=True,
    real=True,
)
def softshrink(xp: Any, x: Any, *, lambd: float = 0.5) -> Any:
    """Move towards 0 by a distance, at most to it.

    Args:
        input: (...), real.
        lambd: the distance, not negative.

    Returns:
        Tensor: (...). The gradient is 0 up to the distance, and there.

    Raises:
        ValueError: the distance is negative.
    """
    return xp.where(xp.abs(x) <= lambd, 0, x - lambd * xp.sign(x))


@elementwise(
    partials=[lambda g, out, x, *, lambd: where(x.abs() <= lambd, 0, g)],
    saves=("x",),
    samples=_SHRUNK,
    namespaces=catalogue.BOTH,
    out=True,
    real=True,
)
def hardshrink(xp: Any, x: Any, *, lambd: float = 0.5) -> Any:
    """0 within a distance of 0, the element beyond.

    Args:
        input: (...), real.
        lambd: the distance.

    Returns:
        Tensor: (...). The gradient is 0 up to the distance, and there.
    """
    return xp.where(xp.abs(x) <= lambd, 0, x)


def _threshold_canonical(input: Any, threshold: float, value: float) -> dict[str, Any]:
    if input.dtype.category < 2:  # as in PyTorch, the result's dtype is the input's
        threshold, value = int(threshold), int(value)
    return {"threshold": threshold, "value": value}


@elementwise(
    partials=[lambda g, out, x, *, threshold, value: where(x <= threshold, 0, g)],
    canonical=_threshold_canonical,
    saves=("x",),
    samples=(Sample(array(2, 3, low=0.5, high=2.0), 1.1, 9.0),),
    namespaces=catalogue.BOTH,
    methods=(),
    inplace=True,
    out=True,
    real=True,
)
def threshold(xp: Any, x: Any, *, threshold: float, value: float) -> Any:
    """The element if above a threshold, or not a number; else a value.

    Args:
        input: (...), real.
        threshold: the threshold.
        value: the value.

    Returns:
        Tensor: (...). The gradient is 0 at the threshold and below.
    """
    return xp.where(x <= threshold, value, x)


@composite(
    samples=(Sample(array(2, 4)), Sample(array(4, 2), dim=0)), namespaces=catalogue.FUNCTIONAL
)
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Gated linear unit: one half of a dim times the logistic function of the other.

    Args:
        input: (..., 2 n, ...).
        dim: the dim to halve.

    Returns:
        Tensor: (..., n, ...).

    Raises:
        ValueError: the dim's length is odd.
    """
    if input.shape[dim] % 2:
        raise ValueError(f"glu: dim {dim} has odd length {input.shape[dim]}")
    value, gate = input.chunk(2, dim)
    return value * sigmoid(gate)


@elementwise(
    partials=[
        lambda g, out, x, fraction: where(x > 0, g, fraction * g),
        lambda g, out, x, fraction: where(x > 0, 0, x * g),
    ],
    saves=("x", "fraction"),
    dtype="float",
    samples=(
        Sample(array(2, 3, low=-3.0, high=-0.2), array(3)),
        Sample(array(2, 3, low=0.2, high=3.0), array(2, 1)),
    ),
    namespaces=(),
    methods=(),
    real=True,
    called="prelu",
)
def leaning(xp: Any, x: Any, fraction: Any) -> Any:
    """x above 0, below a fraction of it. Internal: in one pass.

    Args:
        input: (...), real.
        other: the fraction; broadcasts with it.

    Returns:
        Tensor: (...).
    """
    return xp.where(x > 0, x, fraction * x)


@composite(
    samples=(
        Sample(array(2, 3, low=-3.0, high=-0.2), array(1)),
        Sample(array(2, 3, 2, low=-3.0, high=-0.2), array(3)),
    ),
    namespaces=catalogue.BOTH,
)
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """The element if positive, else a learned fraction of it.

    Args:
        input: (N, C, ...).
        weight: (1,) or (C,), the fractions.

    Returns:
        Tensor: of input's shape.

    Raises:
        ValueError: weight has neither 1 nor C elements.
    """
    if weight.numel() not in (1, input.shape[1] if input.ndim > 1 else 1):
        raise ValueError(
            f"prelu: weight must have 1 or {input.shape[1]} elements, got {weight.numel()}"
        )
    if weight.numel() > 1:
        weight = weight.reshape((1, -1, *(1,) * (input.ndim - 2)))
    out: Tensor = leaning(input, weight)
    return out


@composite(
    samples=(
        Sample(array(2, 3, low=-3.0, high=-0.2)),
        Sample(array(4, low=0.2), 0.2, 0.2, True),
        Sample(array(3, low=-2.0, high=-0.2), 0.1, 0.5, True),
    ),
    errors=(
        ErrorSample(array(2), 0.4, 0.3, error=ValueError, match="lower must not exceed upper"),
    ),
    namespaces=catalogue.BOTH,
    methods=(),
    inplace=True,
    random=True,
)
def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """The element if positive, else a fraction of it: random in training, the mean one if not.

    Args:
        input: (...), floating.
        lower: the least fraction.
        upper: the largest.
        training: whether each negative element draws a fraction of its own.
        generator: where to draw from; the default generator if None.

    Returns:
        Tensor: (...).

    Raises:
        ValueError: lower exceeds upper.

    Source: Xu et al., arXiv:1505.00853.
    """
    if lower > upper:
        raise ValueError(f"rrelu: lower must not exceed upper, got {lower} and {upper}")
    slope: float | Tensor = (lower + upper) / 2
    if training:
        drawn = rand(
            tuple(input.shape), generator=generator, dtype=input.dtype, device=input.device
        )
        slope = drawn * (upper - lower) + lower
    return where(input > 0, input, input * slope)
