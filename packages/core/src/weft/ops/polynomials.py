"""Orthogonal polynomials by their recurrences, with derivatives of every order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from weft._core import catalogue
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.families.elementwise import elementwise


class Recurrence(NamedTuple):
    """p_0 = 1, p_1 = slope x + offset, p_(k+1) = (a x + b) p_k - c p_(k-1).

    Attributes:
        slope: of p_1.
        offset: of p_1.
        step: ``step(k)``, the numbers a, b, c for k >= 1.
    """

    slope: float
    offset: float
    step: Callable[[int], tuple[float, float, float]]


def _chebyshev(k: int) -> tuple[float, float, float]:
    return 2.0, 0.0, 1.0


def _moved(plain: Recurrence) -> Recurrence:
    """Return the recurrence of p_n(2 x - 1)."""

    def step(k: int) -> tuple[float, float, float]:
        a, b, c = plain.step(k)
        return 2 * a, b - a, c

    return Recurrence(2 * plain.slope, plain.offset - plain.slope, step)


_CHEBYSHEV = {
    "chebyshev_t": Recurrence(1, 0, _chebyshev),
    "chebyshev_u": Recurrence(2, 0, _chebyshev),
    "chebyshev_v": Recurrence(2, -1, _chebyshev),
    "chebyshev_w": Recurrence(2, 1, _chebyshev),
}
RECURRENCES = {
    **_CHEBYSHEV,
    **{f"shifted_{kind}": _moved(plain) for kind, plain in _CHEBYSHEV.items()},
    "hermite_h": Recurrence(2, 0, lambda k: (2.0, 0.0, 2.0 * k)),
    "hermite_he": Recurrence(1, 0, lambda k: (1.0, 0.0, float(k))),
    "laguerre_l": Recurrence(-1, 1, lambda k: (-1 / (k + 1), (2 * k + 1) / (k + 1), k / (k + 1))),
    "legendre_p": Recurrence(1, 0, lambda k: ((2 * k + 1) / (k + 1), 0.0, k / (k + 1))),
}


@elementwise(
    partials=[
        lambda out, x, n, *, kind, order: orthogonal_polynomial(x, n, kind=kind, order=order + 1),
        None,
    ],
    saves=("x", "n"),
    dtype="float",
    real=True,
    namespaces=(),
    methods=(),
    samples=(
        Sample(array(2, 3), integers(2, 3, high=6), kind="legendre_p", order=0),
        Sample(array(3), integers(3, high=6), kind="laguerre_l", order=1),
        Sample(array(3), 7, kind="hermite_h", order=2),
    ),
)
def orthogonal_polynomial(xp: Any, x: Any, n: Any, *, kind: str, order: int) -> Any:
    """A derivative of the polynomial of degree n of a family.

    Args:
        input: (...), where to evaluate it.
        n: the degree, cut to a whole number; below 0 the polynomial is 0.
        kind: a key of ``RECURRENCES``.
        order: how often it is differentiated.

    Returns:
        Tensor: (...), computed in float64 by as many steps as the highest degree.
    """
    # The recurrence differentiated: p_(k+1)^(m) = (a x + b) p_k^(m) + m a p_k^(m-1) - c p_(k-1)^(m)
    # needs no division by 1 - x^2, as the usual formulas do.
    slope, offset, step = RECURRENCES[kind]
    dtype = xp.result_type(x, n)
    x, n = xp.asarray(x).astype(xp.float64), xp.trunc(xp.asarray(n).astype(xp.float64))
    one, zero = xp.ones_like(x), xp.zeros_like(x)
    before = [one, *[zero] * order]
    now = [slope * x + offset, slope * one, *[zero] * order][: order + 1]
    out = xp.where(n < 0, 0.0, xp.nan)
    out = xp.where(n == 0, before[order], xp.where(n == 1, now[order], out))
    top = xp.max(xp.where(xp.isfinite(n), n, 0.0)) if n.size else 0
    for k in range(1, int(top)):
        a, b, c = step(k)
        factor = a * x + b
        following = [factor * now[0] - c * before[0]]
        for m in range(1, order + 1):
            following.append(factor * now[m] + (m * a) * now[m - 1] - c * before[m])
        before, now = now, following
        out = xp.where(n == k + 1, now[order], out)
    return out.astype(dtype)


SAMPLES = (
    Sample(array(2, 3, low=-0.5, high=1.5), integers(2, 3, high=6)),
    Sample(array(2, 1, low=0.0), integers(3, high=9)),
    Sample(array(3, low=-1.0, high=0.5), 4),
    Sample(array(), integers(2, low=-2, high=2)),
)


ERRORS = (ErrorSample(0.5, 2, error=TypeError, match="one of input and n must be a tensor"),)


def polynomial(name: str, input: Any, n: Any, kind: str) -> Tensor:
    """Return the polynomial of degree n of a family for the public function ``name``."""
    if not isinstance(input, Tensor) and not isinstance(n, Tensor):
        raise TypeError(f"{name}: one of input and n must be a tensor, got {input!r} and {n!r}")
    out: Tensor = orthogonal_polynomial(input, n, kind=kind, order=0)
    return out


@composite(samples=SAMPLES, errors=ERRORS, namespaces=catalogue.SPECIAL, out=True)
def hermite_polynomial_h(input: Any, n: Any) -> Tensor:
    r"""Hermite polynomial, the physicists'.

    .. math:: H_n(x) = (-1)^n e^{x^2} \frac{d^n}{dx^n} e^{-x^2}

    Args:
        input: (...), real: a number or a tensor.
        n: (...), the degree, broadcasting with it: a number or a tensor, not both numbers. It is
            cut to a whole number.

    Returns:
        Tensor: (...); 0 where n is negative.

    Raises:
        TypeError: neither is a tensor.
    """
    return polynomial("hermite_polynomial_h", input, n, "hermite_h")


@composite(samples=SAMPLES, errors=ERRORS, namespaces=catalogue.SPECIAL, out=True)
def hermite_polynomial_he(input: Any, n: Any) -> Tensor:
    r"""Hermite polynomial, the probabilists'.

    .. math:: He_n(x) = (-1)^n e^{x^2 / 2} \frac{d^n}{dx^n} e^{-x^2 / 2}

    Args:
        input: (...), real: a number or a tensor.
        n: (...), the degree, broadcasting with it: a number or a tensor, not both numbers. It is
            cut to a whole number.

    Returns:
        Tensor: (...); 0 where n is negative.

    Raises:
        TypeError: neither is a tensor.
    """
    return polynomial("hermite_polynomial_he", input, n, "hermite_he")


@composite(samples=SAMPLES, errors=ERRORS, namespaces=catalogue.SPECIAL, out=True)
def laguerre_polynomial_l(input: Any, n: Any) -> Tensor:
    r"""Laguerre polynomial.

    .. math:: L_n(x) = \frac{e^x}{n!} \frac{d^n}{dx^n} (e^{-x} x^n)

    Args:
        input: (...), real: a number or a tensor.
        n: (...), the degree, broadcasting with it: a number or a tensor, not both numbers. It is
            cut to a whole number.

    Returns:
        Tensor: (...); 0 where n is negative.

    Raises:
        TypeError: neither is a tensor.
    """
    return polynomial("laguerre_polynomial_l", input, n, "laguerre_l")


@composite(samples=SAMPLES, errors=ERRORS, namespaces=catalogue.SPECIAL, out=True)
def legendre_polynomial_p(input: Any, n: Any) -> Tensor:
    r"""Legendre polynomial.

    .. math:: P_n(x) = \frac{1}{2^n n!} \frac{d^n}{dx^n} (x^2 - 1)^n

    Args:
        input: (...), real: a number or a tensor.
        n: (...), the degree, broadcasting with it: a number or a tensor, not both numbers. It is
            cut to a whole number.

    Returns:
        Tensor: (...); 0 where n is negative.

    Raises:
        TypeError: neither is a tensor.
    """
    return polynomial("legendre_polynomial_p", input, n, "legendre_p")
