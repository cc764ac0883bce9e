"""Activation functions."""

from __future__ import annotations

import math
from typing import Any

from weft._core import catalogue
from weft._core.errors import DTypeError
from weft._core.samples import ErrorSample, Sample, array, uniform
from weft._core.tensor import Tensor
from weft.ops.comparison import where
from weft.ops.exponential import exp
from weft.ops.families.composite import composite
from weft.ops.families.elementwise import elementwise

#: On both sides of the kinks at 0, and far from them.
_BOTH = (
    Sample(array(2, 3, low=0.2, high=3.0)),
    Sample(array(2, 3, low=-3.0, high=-0.2)),
    Sample(array(0)),
    Sample(array()),
)
_F = catalogue.FUNCTIONAL


@elementwise(
    partials=[lambda g, out, x: where(out > 0, g, 0)],
    saves=("out",),
    samples=_BOTH[:3],
    errors=(ErrorSample(array(2, kind="complex"), error=DTypeError, match="expected real"),),
    namespaces=catalogue.BOTH,
    real=True,
)
def relu(xp: Any, x: Any) -> Any:
    """The element if positive, else 0.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...). The gradient at 0 is 0.
    """
    return xp.maximum(x, 0)


@elementwise(
    partials=[lambda out, x: out * (1 - out)],
    saves=("out",),
    dtype="float",
    samples=uniform(-4, 4),
    namespaces=catalogue.BOTH,
    aliases=("special.expit",),
)
def sigmoid(xp: Any, x: Any) -> Any:
    """Logistic function: 1 / (1 + exp(-x)).

    Args:
        input: (...).

    Returns:
        Tensor: (...), in [0, 1].
    """
    # exp of a negative number only, which cannot overflow
    e = xp.exp(-xp.abs(x)) if x.dtype.kind != "c" else xp.exp(x)
    if x.dtype.kind == "c":
        return e / (1 + e)
    return xp.where(x >= 0, 1, e) / (1 + e)


@elementwise(
    partials=[lambda out, x: sigmoid(-x)],
    saves=("x",),
    dtype="float",
    samples=uniform(-4, 4),
    namespaces=_F,
    inplace=False,
    out=True,
    real=True,
)
def logsigmoid(xp: Any, x: Any) -> Any:
    """Logarithm of the logistic function.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...), at most 0.
    """
    return xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.abs(x)))


def _gelu_slope(out: Any, x: Any, *, approximate: str) -> Any:
    from weft.ops.error_functions import erf
    from weft.ops.trigonometric import tanh

    if approximate == "tanh":
        c = math.sqrt(2 / math.pi)
        th = tanh(c * (x + 0.044715 * (x * x * x)))
        return 0.5 * (1 + th) + 0.5 * x * (1 - th * th) * (c * (1 + 3 * 0.044715 * (x * x)))
    density = exp(-0.5 * (x * x)) * (1 / math.sqrt(2 * math.pi))
    return 0.5 * (1 + erf(x * math.sqrt(0.5))) + x * density


def _gelu_canonical(input: Any, approximate: str) -> dict[str, Any]:
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    return {"approximate": approximate}


@elementwise(
    partials=[_gelu_slope],
    saves=("x",),
    dtype="float",
    samples=(Sample(array(2, 3, low=-3.0, high=3.0)), Sample(array(3), approximate="tanh")),
    canonical=_gelu_canonical,
    namespaces=_F,
    inplace=False,
    out=True,
    real=True,
)
def gelu(xp: Any, x: Any, *, approximate: str = "none") -> Any:
    """Gaussian error linear unit: x times the normal distribution function at x.

    Args:
        input: (...), real.
        approximate: ``"none"`` or ``"tanh"``.

    Returns:
        Tensor: (...).

    Raises:
        ValueError: another approximation.

    Source: Hendrycks and Gimpel, arXiv:1606.08415, equation 2 for the approximation.
    """
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))
        return 0.5 * x * (1 + xp.tanh(inner))
    return x * (0.5 * (1 + xp.erf(x * math.sqrt(0.5))))


def _silu_slope(out: Any, x: Any) -> Any:
    s = sigmoid(x)
    return s * (1 + x * (1 - s))


@elementwise(
    partials=[_silu_slope],
    saves=("x",),
    dtype="float",
    samples=uniform(-3, 3),
    namespaces=_F,
    inplace=False,
    out=False,
)
def silu(xp: Any, x: Any) -> Any:
    """Sigmoid linear unit: x times its logistic function, also called swish.

    Args:
        input: (...).

    Returns:
        Tensor: (...).
    """
    if x.dtype.kind == "c":
        e = xp.exp(x)
        return x * (e / (1 + e))
    e = xp.exp(-xp.abs(x))  # of a negative number only, which cannot overflow
    return x * (xp.where(x >= 0, 1, e) / (1 + e))


def _inside(low: str, high: str) -> Any:
    return lambda g, out, x, **s: where((x > s[low]) & (x < s[high]), g, 0)


def _hardtanh_canonical(input: Any, min_val: float, max_val: float) -> dict[str, Any]:
    if input.dtype.category == 1:  # as in PyTorch, the result's dtype is the input's
        min_val, max_val = int(min_val), int(max_val)
        if min_val < 0 and not input.dtype.is_signed:
            raise DTypeError(
                f"hardtanh: {input.dtype} holds no negative numbers, but min_val is {min_val}"
            )
    return {"min_val": min_val, "max_val": max_val}


@elementwise(
    partials=[_inside("min_val", "max_val")],
    canonical=_hardtanh_canonical,
    saves=("x",),
    samples=(
        Sample(array(2, 3, low=-0.9, high=0.9)),
        Sample(array(4, low=1.1, high=3.0)),
        Sample(array(4, low=-3.0, high=3.0), 0.05, 2.05),
    ),
    namespaces=_F,
    real=True,
)
def hardtanh(xp: Any, x: Any, *, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """Limit to an interval, without gradient at its ends.

    Args:
        input: (...), real.
        min_val: the least value.
        max_val: the largest.

    Returns:
        Tensor: (...). The gradient is 0 at the ends and beyond.
    """
    return xp.minimum(xp.maximum(x, min_val), max_val)


@composite(
    samples=(Sample(array(2, 3, low=0.1, high=5.0)), Sample(array(3, low=6.5, high=9.0))),
    namespaces=_F,
)
def relu6(input: Tensor) -> Tensor:
    """Limit to [0, 6].

    Args:
        input: (...), real.

    Returns:
        Tensor: (...). The gradient at 0 and 6 is 0.
    """
    return hardtanh(input, 0.0, 6.0)


@elementwise(
    partials=[lambda g, out, x, *, negative_slope: where(x > 0, g, g * negative_slope)],
    saves=("x",),
    samples=(*_BOTH[:3], Sample(array(3, low=-3.0, high=-0.1), 0.3)),
    namespaces=_F,
    real=True,
)
def leaky_relu(xp: Any, x: Any, *, negative_slope: float = 0.01) -> Any:
    """The element if positive, else a fraction of it.

    Args:
        input: (...), real.
        negative_slope: the fraction.

    Returns:
        Tensor: (...). The gradient at 0 is the fraction.
    """
    return xp.where(x > 0, x, x * negative_slope)


@elementwise(
    partials=[lambda g, out, x, *, alpha: where(x > 0, g, g * (alpha * exp(where(x > 0, 0.0, x))))],
    saves=("x",),
    samples=(*_BOTH[:3], Sample(array(3, low=-3.0, high=-0.1), 0.5)),
    namespaces=_F,
    real=True,
)
def elu(xp: Any, x: Any, *, alpha: float = 1.0) -> Any:
    """Exponential linear unit: the element if positive, else alpha (exp(x) - 1).

    Args:
        input: (...), real.
        alpha: what it tends to, negated.

    Returns:
        Tensor: (...).
    """
    return xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0)))


_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946
_SELU_LEFT = _SELU_ALPHA * _SELU_SCALE


@elementwise(
    partials=[
        lambda g, out, x: g * where(x > 0, _SELU_SCALE, _SELU_LEFT * exp(where(x > 0, 0.0, x)))
    ],
    saves=("x",),
    samples=_BOTH[:3],
    namespaces=catalogue.BOTH,
    methods=(),
    inplace=True,
    real=True,
)
def selu(xp: Any, x: Any) -> Any:
    """Scaled exponential linear unit, whose fixed point has mean 0 and variance 1.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...).

    Source: Klambauer et al., arXiv:1706.02515.
    """
    return xp.where(x > 0, _SELU_SCALE * x, _SELU_LEFT * xp.expm1(xp.minimum(x, 0)))


@elementwise(
    partials=[lambda g, out, x, *, alpha: g * exp(where(x > 0, 0.0, x / alpha))],
    saves=("x",),
    samples=(*_BOTH[:3], Sample(array(3, low=-3.0, high=-0.1), 0.5)),
    namespaces=catalogue.BOTH,
    methods=(),
    inplace=True,
    real=True,
)
def celu(xp: Any, x: Any, *, alpha: float = 1.0) -> Any:
    """The element if positive, else alpha (exp(x / alpha) - 1): differentiable at 0 for any alpha.

    Args:
        input: (...), real.
        alpha: what it tends to, negated.

    Returns:
        Tensor: (...).

    Source: Barron, arXiv:1704.07483.
    """
    return xp.where(x > 0, x, alpha * xp.expm1(xp.where(x > 0, 0, x) / alpha))


@elementwise(
    partials=[
        lambda out, x, *, beta, threshold: where(x * beta > threshold, 1.0, sigmoid(x * beta))
    ],
    saves=("x",),
    dtype="float",
    samples=(Sample(array(2, 3, low=-3.0, high=3.0)), Sample(array(4), 2.0, 1.0)),
    namespaces=_F,
    inplace=False,
    out=True,
    real=True,
)
def softplus(xp: Any, x: Any, *, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """Smooth positive part: log(1 + exp(beta x)) / beta.

    Args:
        input: (...), real.
        beta: sharpness.
        threshold: above it, beta x counts as its own softplus.

    Returns:
        Tensor: (...).
    """
    scaled = x * beta
    smooth = (xp.maximum(scaled, 0) + xp.log1p(xp.exp(-xp.abs(scaled)))) / beta
    return xp.where(scaled > threshold, x, smooth)


@elementwise(
    partials=[lambda g, out, x: where((x > -3) & (x < 3), g / 6, 0)],
    saves=("x",),
    dtype="float",
    samples=(Sample(array(2, 3, low=-2.9, high=2.9)), Sample(array(4, low=3.1, high=5.0))),
    namespaces=_F,
    inplace=False,
    out=False,
    real=True,
)
def hardsigmoid(xp: Any, x: Any) -> Any:
    """Piecewise linear logistic function: limited to [0, 1] from (x + 3) / 6.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...).
    """
    return xp.minimum(xp.maximum(x + 3, 0), 6) / 6


def _hardswish_slope(out: Any, x: Any) -> Any:
    return where((x > -3) & (x < 3), (2 * x + 3) / 6, where(x >= 3, 1.0, 0.0 * x))


@elementwise(
    partials=[_hardswish_slope],
    saves=("x",),
    dtype="float",
    samples=(Sample(array(2, 3, low=-2.9, high=2.9)), Sample(array(4, low=3.1, high=5.0))),
    namespaces=_F,
    inplace=False,
    out=False,
    real=True,
)
def hardswish(xp: Any, x: Any) -> Any:
    """x times its piecewise linear logistic function.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...).

    Source: Howard et al., arXiv:1905.02244.
    """
    return x * (xp.minimum(xp.maximum(x + 3, 0), 6) / 6)


def _mish_slope(out: Any, x: Any) -> Any:
    from weft.ops.trigonometric import tanh

    t = tanh(softplus(x))
    return t + x * sigmoid(x) * (1 - t * t)


@elementwise(
    partials=[_mish_slope],
    saves=("x",),
    dtype="float",
    samples=(Sample(array(2, 3, low=-2.9, high=2.9)), Sample(array(4, low=3.1, high=5.0))),
    namespaces=_F,
    inplace=False,
    out=False,
    real=True,
)
def mish(xp: Any, x: Any) -> Any:
    """x times the hyperbolic tangent of its softplus.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...).

    Source: Misra, arXiv:1908.08681.
    """
    soft = xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))
    return x * xp.tanh(soft)


@composite(samples=_BOTH[:3], namespaces=_F)
def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|).

    Args:
        input: (...), real.

    Returns:
        Tensor: (...), in (-1, 1).
    """
    return input / (1 + input.abs())
