"""Windows of other curves than sums of cosines."""

from __future__ import annotations

import math
from typing import Any

from weft._core import catalogue
from weft._core.samples import ErrorSample, Sample
from weft._core.tensor import Tensor
from weft.ops.exponential import exp
from weft.ops.families.composite import composite
from weft.ops.trigonometric import sin
from weft.ops.window_curves import (
    ERRORS,
    MADE,
    SAMPLES,
    checked,
    finished,
    kaiser_curve,
    places,
    steps,
    trivial,
)


@composite(
    samples=SAMPLES,
    errors=ERRORS,
    namespaces=catalogue.WINDOWS,
    not_differentiable=MADE,
)
def cosine(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    r"""Half a sine.

    .. math:: w_k = \sin\left(\frac{\pi (k + 1/2)}{N}\right),
        \quad N = M \text{ if symmetric, else } M + 1

    Args:
        M: the window's length.
        sym: whether it is symmetric, as filters need it; if not, it is one period of a symmetric
            window of M + 1 elements, as spectra need it.
        dtype: a floating dtype; the default one if None.
        layout: ``weft.strided``.
        device: where to make it.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (M,).

    Raises:
        ValueError: M is negative.
        DTypeError: dtype is not floating.
    """
    count, own = checked("cosine", M, dtype, layout)
    if count <= 1:
        return trivial(count, own, device, requires_grad)
    angle = (places(count, device) + 0.5) * (math.pi / (steps(count, sym) + 1))
    return finished(sin(angle), own, requires_grad)


@composite(
    samples=SAMPLES,
    errors=ERRORS,
    namespaces=catalogue.WINDOWS,
    not_differentiable=MADE,
)
def bartlett(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    r"""Bartlett window: a triangle that starts at 0.

    .. math:: w_k = 1 - \left| \frac{2 k}{N} - 1 \right|,
        \quad N = M - 1 \text{ if symmetric, else } M

    Args:
        M: the window's length.
        sym: whether it is symmetric, as filters need it; if not, it is one period of a symmetric
            window of M + 1 elements, as spectra need it.
        dtype: a floating dtype; the default one if None.
        layout: ``weft.strided``.
        device: where to make it.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (M,).

    Raises:
        ValueError: M is negative.
        DTypeError: dtype is not floating.
    """
    count, own = checked("bartlett", M, dtype, layout)
    if count <= 1:
        return trivial(count, own, device, requires_grad)
    values = 1 - (places(count, device) * (2 / steps(count, sym)) - 1).abs()
    return finished(values, own, requires_grad)


@composite(
    samples=(*SAMPLES, Sample(6, std=2.5)),
    errors=(*ERRORS, ErrorSample(4, std=0.0, error=ValueError, match="above 0, got 0.0")),
    namespaces=catalogue.WINDOWS,
    not_differentiable=MADE,
)
def gaussian(
    M: int,
    *,
    std: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    r"""Bell curve.

    .. math:: w_k = \exp\left(-\frac{(k - N / 2)^2}{2 \sigma^2}\right),
        \quad N = M - 1 \text{ if symmetric, else } M

    Args:
        M: the window's length.
        std: the standard deviation, in elements.
        sym: whether it is symmetric, as filters need it; if not, it is one period of a symmetric
            window of M + 1 elements, as spectra need it.
        dtype: a floating dtype; the default one if None.
        layout: ``weft.strided``.
        device: where to make it.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (M,).

    Raises:
        ValueError: M is negative, or std is not above 0.
        DTypeError: dtype is not floating.
    """
    count, own = checked("gaussian", M, dtype, layout)
    if std <= 0:
        raise ValueError(f"gaussian: the standard deviation std must be above 0, got {std}")
    if count <= 1:
        return trivial(count, own, device, requires_grad)
    offset = (places(count, device) - steps(count, sym) / 2) * (1 / std)
    return finished(exp(offset * offset * -0.5), own, requires_grad)


@composite(
    samples=(*SAMPLES, Sample(6, tau=2.5), Sample(6, center=1.0, sym=False)),
    errors=(
        *ERRORS,
        ErrorSample(4, tau=0.0, error=ValueError, match="above 0, got 0.0"),
        ErrorSample(4, center=1.0, error=ValueError, match="pass sym=False"),
    ),
    namespaces=catalogue.WINDOWS,
    not_differentiable=MADE,
)
def exponential(
    M: int,
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    r"""Exponential decay to both sides of a centre.

    .. math:: w_k = \exp\left(-\frac{|k - c|}{\tau}\right)

    Args:
        M: the window's length.
        center: the place c of the peak, counted from 0; the middle if None, and always for a
            symmetric window.
        tau: after how many elements it has fallen to 1 / e.
        sym: whether it is symmetric, as filters need it; if not, it is one period of a symmetric
            window of M + 1 elements, as spectra need it.
        dtype: a floating dtype; the default one if None.
        layout: ``weft.strided``.
        device: where to make it.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (M,).

    Raises:
        ValueError: M is negative, tau is not above 0, or a symmetric window is given a center.
        DTypeError: dtype is not floating.
    """
    count, own = checked("exponential", M, dtype, layout)
    if tau <= 0:
        raise ValueError(f"exponential: the decay tau must be above 0, got {tau}")
    if sym and center is not None:
        raise ValueError(
            f"exponential: a symmetric window is centred in its middle; got center {center}, so "
            f"pass sym=False or leave it out"
        )
    if count == 0:
        return trivial(count, own, device, requires_grad)
    middle = steps(count, sym or count == 1) / 2 if center is None else center
    values = exp((places(count, device) - middle).abs() * (-1 / tau))
    return finished(values, own, requires_grad)


@composite(
    samples=(*SAMPLES, Sample(6, beta=2.5), Sample(6, beta=0.0)),
    errors=(*ERRORS, ErrorSample(4, beta=-1.0, error=ValueError, match="at least 0, got -1.0")),
    namespaces=catalogue.WINDOWS,
    not_differentiable=MADE,
)
def kaiser(
    M: int,
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    r"""Kaiser window: the most energy in the main lobe, of a width to be chosen.

    .. math:: w_k = \frac{I_0\left(\beta \sqrt{1 - (2 k / N - 1)^2}\right)}{I_0(\beta)},
        \quad N = M - 1 \text{ if symmetric, else } M

    Args:
        M: the window's length.
        beta: the width of the main lobe, and how low the side lobes are; at least 0.
        sym: whether it is symmetric, as filters need it; if not, it is one period of a symmetric
            window of M + 1 elements, as spectra need it.
        dtype: a floating dtype; the default one if None.
        layout: ``weft.strided``.
        device: where to make it.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (M,).

    Raises:
        ValueError: M is negative, or beta is.
        DTypeError: dtype is not floating.
    """
    count, own = checked("kaiser", M, dtype, layout)
    if beta < 0:
        raise ValueError(f"kaiser: beta must be at least 0, got {beta}")
    return kaiser_curve(count, beta, steps(count, sym), own, device, requires_grad)
