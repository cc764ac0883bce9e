"""Modified Bessel functions of order 0 and 1, plain and scaled by an exponential."""

from __future__ import annotations

from typing import Any

from weft._core import catalogue
from weft._core.samples import uniform
from weft.ops.bessel import over
from weft.ops.families.elementwise import elementwise
from weft.ops.signs import sign


@elementwise(
    partials=[lambda out, x: i1(x)],
    saves=("x",),
    dtype="float",
    real=True,
    aliases=("special.i0", "special.modified_bessel_i0"),
    methods=("i0",),
    samples=uniform(-4, 4),
)
def i0(xp: Any, x: Any) -> Any:
    """Modified Bessel function of the first kind of order 0.

    Args:
        input: (...), real; integers become the default floating dtype.

    Returns:
        Tensor: (...), at least 1; inf beyond about 713 (91 in float32). NaN at infinity,
        as in PyTorch.
    """
    return xp.scipy.special.i0(x)  # NumPy has an i0 too, slower and in float64 alone


@elementwise(
    partials=[lambda out, x: i0(x) - over(out, x, 0.5)],
    saves=("x", "out"),
    dtype="float",
    real=True,
    namespaces=catalogue.SPECIAL,
    aliases=("special.modified_bessel_i1",),
    samples=uniform(-4, 4),
)
def i1(xp: Any, x: Any) -> Any:
    """Modified Bessel function of the first kind of order 1.

    Args:
        input: (...), real; integers become the default floating dtype.

    Returns:
        Tensor: (...), of the sign of x; infinite beyond about 713 (91 in float32). NaN at infinity,
        as in PyTorch.
    """
    return xp.i1(x)


@elementwise(
    partials=[lambda out, x: i1e(x) - sign(x) * out],
    saves=("x", "out"),
    dtype="float",
    real=True,
    namespaces=catalogue.SPECIAL,
    samples=uniform(-4, 4),
)
def i0e(xp: Any, x: Any) -> Any:
    """Modified Bessel function of the first kind of order 0, times exp(-abs(x)).

    Args:
        input: (...), real; integers become the default floating dtype.

    Returns:
        Tensor: (...), in (0, 1]. The gradient at the kink 0 is 0.
    """
    return xp.i0e(x)


@elementwise(
    partials=[lambda out, x: i0e(x) - sign(x) * out - over(out, x, 0.5)],
    saves=("x", "out"),
    dtype="float",
    real=True,
    namespaces=catalogue.SPECIAL,
    samples=uniform(-4, 4),
)
def i1e(xp: Any, x: Any) -> Any:
    """Modified Bessel function of the first kind of order 1, times exp(-abs(x)).

    Args:
        input: (...), real; integers become the default floating dtype.

    Returns:
        Tensor: (...), in (-1, 1).
    """
    return xp.i1e(x)


@elementwise(
    partials=[lambda out, x: -modified_bessel_k1(x)],
    saves=("x",),
    dtype="float",
    real=True,
    namespaces=catalogue.SPECIAL,
    samples=uniform(0.3, 4),
)
def modified_bessel_k0(xp: Any, x: Any) -> Any:
    """Modified Bessel function of the second kind of order 0.

    Args:
        input: (...), at least 0; integers become the default floating dtype.

    Returns:
        Tensor: (...), above 0; inf at 0, NaN below.
    """
    return xp.k0(x)


@elementwise(
    partials=[lambda out, x: -modified_bessel_k0(x) - out / x],
    saves=("x", "out"),
    dtype="float",
    real=True,
    namespaces=catalogue.SPECIAL,
    samples=uniform(0.3, 4),
)
def modified_bessel_k1(xp: Any, x: Any) -> Any:
    """Modified Bessel function of the second kind of order 1.

    Args:
        input: (...), at least 0; integers become the default floating dtype.

    Returns:
        Tensor: (...), above 0; inf at 0, NaN below.
    """
    return xp.k1(x)


@elementwise(
    partials=[lambda out, x: out - scaled_modified_bessel_k1(x)],
    saves=("x", "out"),
    dtype="float",
    real=True,
    namespaces=catalogue.SPECIAL,
    samples=uniform(0.3, 4),
)
def scaled_modified_bessel_k0(xp: Any, x: Any) -> Any:
    """Modified Bessel function of the second kind of order 0, times exp(x).

    Args:
        input: (...), at least 0; integers become the default floating dtype.

    Returns:
        Tensor: (...), above 0; inf at 0, NaN below.
    """
    return xp.k0e(x)


@elementwise(
    partials=[lambda out, x: out - scaled_modified_bessel_k0(x) - out / x],
    saves=("x", "out"),
    dtype="float",
    real=True,
    namespaces=catalogue.SPECIAL,
    samples=uniform(0.3, 4),
)
def scaled_modified_bessel_k1(xp: Any, x: Any) -> Any:
    """Modified Bessel function of the second kind of order 1, times exp(x).

    Args:
        input: (...), at least 0; integers become the default floating dtype.

    Returns:
        Tensor: (...), above 0; inf at 0, NaN below.
    """
    return xp.k1e(x)
