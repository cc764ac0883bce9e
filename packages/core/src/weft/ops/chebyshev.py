"""Chebyshev polynomials of the four kinds, plain and moved to [0, 1]."""

from __future__ import annotations

from typing import Any

from weft._core import catalogue
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.polynomials import ERRORS, SAMPLES, polynomial


@composite(samples=SAMPLES, errors=ERRORS, namespaces=catalogue.SPECIAL, out=True)
def chebyshev_polynomial_t(input: Any, n: Any) -> Tensor:
    r"""Chebyshev polynomial of the first kind.

    .. math:: T_n(\cos t) = \cos(n t)

    Args:
        input: (...), real: a number or a tensor.
        n: (...), the degree, broadcasting with it: a number or a tensor, not both numbers. It is
            cut to a whole number.

    Returns:
        Tensor: (...); 0 where n is negative.

    Raises:
        TypeError: neither is a tensor.
    """
    return polynomial("chebyshev_polynomial_t", input, n, "chebyshev_t")


@composite(samples=SAMPLES, errors=ERRORS, namespaces=catalogue.SPECIAL, out=True)
def chebyshev_polynomial_u(input: Any, n: Any) -> Tensor:
    r"""Chebyshev polynomial of the second kind.

    .. math:: U_n(\cos t) \sin t = \sin((n + 1) t)

    Args:
        input: (...), real: a number or a tensor.
        n: (...), the degree, broadcasting with it: a number or a tensor, not both numbers. It is
            cut to a whole number.

    Returns:
        Tensor: (...); 0 where n is negative.

    Raises:
        TypeError: neither is a tensor.
    """
    return polynomial("chebyshev_polynomial_u", input, n, "chebyshev_u")


@composite(samples=SAMPLES, errors=ERRORS, namespaces=catalogue.SPECIAL, out=True)
def chebyshev_polynomial_v(input: Any, n: Any) -> Tensor:
    r"""Chebyshev polynomial of the third kind.

    .. math:: V_n(\cos t) \cos(t / 2) = \cos((n + 1/2) t)

    Args:
        input: (...), real: a number or a tensor.
        n: (...), the degree, broadcasting with it: a number or a tensor, not both numbers. It is
            cut to a whole number.

    Returns:
        Tensor: (...); 0 where n is negative.

    Raises:
        TypeError: neither is a tensor.
    """
    return polynomial("chebyshev_polynomial_v", input, n, "chebyshev_v")


@composite(samples=SAMPLES, errors=ERRORS, namespaces=catalogue.SPECIAL, out=True)
def chebyshev_polynomial_w(input: Any, n: Any) -> Tensor:
    r"""Chebyshev polynomial of the fourth kind.

    .. math:: W_n(\cos t) \sin(t / 2) = \sin((n + 1/2) t)

    Args:
        input: (...), real: a number or a tensor.
        n: (...), the degree, broadcasting with it: a number or a tensor, not both numbers. It is
            cut to a whole number.

    Returns:
        Tensor: (...); 0 where n is negative.

    Raises:
        TypeError: neither is a tensor.
    """
    return polynomial("chebyshev_polynomial_w", input, n, "chebyshev_w")


@composite(samples=SAMPLES, errors=ERRORS, namespaces=catalogue.SPECIAL, out=True)
def shifted_chebyshev_polynomial_t(input: Any, n: Any) -> Tensor:
    r"""Chebyshev polynomial of the first kind, moved to the interval [0, 1].

    .. math:: T^*_n(x) = T_n(2 x - 1)

    Args:
        input: (...), real: a number or a tensor.
        n: (...), the degree, broadcasting with it: a number or a tensor, not both numbers. It is
            cut to a whole number.

    Returns:
        Tensor: (...); 0 where n is negative.

    Raises:
        TypeError: neither is a tensor.
    """
    return polynomial("shifted_chebyshev_polynomial_t", input, n, "shifted_chebyshev_t")


@composite(samples=SAMPLES, errors=ERRORS, namespaces=catalogue.SPECIAL, out=True)
def shifted_chebyshev_polynomial_u(input: Any, n: Any) -> Tensor:
    r"""Chebyshev polynomial of the second kind, moved to the interval [0, 1].

    .. math:: U^*_n(x) = U_n(2 x - 1)

    Args:
        input: (...), real: a number or a tensor.
        n: (...), the degree, broadcasting with it: a number or a tensor, not both numbers. It is
            cut to a whole number.

    Returns:
        Tensor: (...); 0 where n is negative.

    Raises:
        TypeError: neither is a tensor.
    """
    return polynomial("shifted_chebyshev_polynomial_u", input, n, "shifted_chebyshev_u")


@composite(samples=SAMPLES, errors=ERRORS, namespaces=catalogue.SPECIAL, out=True)
def shifted_chebyshev_polynomial_v(input: Any, n: Any) -> Tensor:
    r"""Chebyshev polynomial of the third kind, moved to the interval [0, 1].

    .. math:: V^*_n(x) = V_n(2 x - 1)

    Args:
        input: (...), real: a number or a tensor.
        n: (...), the degree, broadcasting with it: a number or a tensor, not both numbers. It is
            cut to a whole number.

    Returns:
        Tensor: (...); 0 where n is negative.

    Raises:
        TypeError: neither is a tensor.
    """
    return polynomial("shifted_chebyshev_polynomial_v", input, n, "shifted_chebyshev_v")


@composite(samples=SAMPLES, errors=ERRORS, namespaces=catalogue.SPECIAL, out=True)
def shifted_chebyshev_polynomial_w(input: Any, n: Any) -> Tensor:
    r"""Chebyshev polynomial of the fourth kind, moved to the interval [0, 1].

    .. math:: W^*_n(x) = W_n(2 x - 1)

    Args:
        input: (...), real: a number or a tensor.
        n: (...), the degree, broadcasting with it: a number or a tensor, not both numbers. It is
            cut to a whole number.

    Returns:
        Tensor: (...); 0 where n is negative.

    Raises:
        TypeError: neither is a tensor.
    """
    return polynomial("shifted_chebyshev_polynomial_w", input, n, "shifted_chebyshev_w")
