"""Windows that are sums of cosines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from weft._core import catalogue
from weft._core.samples import ErrorSample, Sample
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.window_curves import ERRORS, MADE, SAMPLES, checked, cosine_sum, steps


@composite(
    samples=(
        Sample(7, a=[0.46, 0.23, 0.31]),
        Sample(8, a=(0.5, 0.5), sym=False),
        Sample(1, a=[0.3]),
        Sample(0, a=[0.3]),
    ),
    errors=(
        ErrorSample(-1, a=[1.0], error=ValueError, match="at least 0, got -1"),
        ErrorSample(4, a=[], error=ValueError, match="at least one weight"),
    ),
    namespaces=catalogue.WINDOWS,
    not_differentiable=MADE,
)
def general_cosine(
    M: int,
    *,
    a: Iterable[float],
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    r"""Sum of cosines with given weights.

    .. math:: w_k = \sum_i (-1)^i a_i \cos\left(\frac{2 \pi i k}{N}\right), \quad
        N = M - 1 \text{ if symmetric, else } M

    Args:
        M: the window's length.
        a: the weights a_0, a_1, ..., at least one.
        sym: whether it is symmetric, as filters need it; if not, it is one period of a symmetric
            window of M + 1 elements, as spectra need it.
        dtype: a floating dtype; the default one if None.
        layout: ``weft.strided``.
        device: where to make it.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (M,).

    Raises:
        ValueError: M is negative, or a holds no weight.
        DTypeError: dtype is not floating.
    """
    weights = list(a) if isinstance(a, Iterable) else None
    if not weights:
        raise ValueError(f"general_cosine: a must be a list of at least one weight, got {a!r}")
    count, own = checked("general_cosine", M, dtype, layout)
    return cosine_sum(count, weights, steps(count, sym), own, device, requires_grad)


@composite(
    samples=(*SAMPLES, Sample(6, alpha=0.7)),
    errors=ERRORS,
    namespaces=catalogue.WINDOWS,
    not_differentiable=MADE,
)
def general_hamming(
    M: int,
    *,
    alpha: float = 0.54,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    r"""Raised cosine on a pedestal of a given height.

    .. math:: w_k = \alpha - (1 - \alpha) \cos\left(\frac{2 \pi k}{N}\right), \quad
        N = M - 1 \text{ if symmetric, else } M

    Args:
        M: the window's length.
        alpha: the mean of the window.
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
    count, own = checked("general_hamming", M, dtype, layout)
    return cosine_sum(count, (alpha, 1 - alpha), steps(count, sym), own, device, requires_grad)


@composite(
    samples=SAMPLES,
    errors=ERRORS,
    namespaces=catalogue.WINDOWS,
    not_differentiable=MADE,
)
def hamming(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    r"""Hamming window: a raised cosine that cancels the first side lobe.

    .. math:: w_k = 0.54 - 0.46 \cos\left(\frac{2 \pi k}{N}\right),
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
    count, own = checked("hamming", M, dtype, layout)
    return cosine_sum(count, (0.54, 0.46), steps(count, sym), own, device, requires_grad)


@composite(
    samples=SAMPLES,
    errors=ERRORS,
    namespaces=catalogue.WINDOWS,
    not_differentiable=MADE,
)
def hann(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    r"""Hann window: a raised cosine that starts at 0.

    .. math:: w_k = \sin^2\left(\frac{\pi k}{N}\right),
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
    count, own = checked("hann", M, dtype, layout)
    return cosine_sum(count, (0.5, 0.5), steps(count, sym), own, device, requires_grad)


@composite(
    samples=SAMPLES,
    errors=ERRORS,
    namespaces=catalogue.WINDOWS,
    not_differentiable=MADE,
)
def blackman(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    r"""Blackman window: three cosines with low side lobes.

    .. math:: w_k = 0.42 - 0.5 \cos\left(\frac{2 \pi k}{N}\right)
        + 0.08 \cos\left(\frac{4 \pi k}{N}\right),
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
    count, own = checked("blackman", M, dtype, layout)
    return cosine_sum(count, (0.42, 0.5, 0.08), steps(count, sym), own, device, requires_grad)


@composite(
    samples=SAMPLES,
    errors=ERRORS,
    namespaces=catalogue.WINDOWS,
    not_differentiable=MADE,
)
def nuttall(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    r"""Nuttall window: four cosines with the least greatest side lobe.

    .. math:: w_k = 0.3635819 - 0.4891775 \cos(z_k) + 0.1365995 \cos(2 z_k)
        - 0.0106411 \cos(3 z_k),
        \quad z_k = 2 \pi k / N,
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
    count, own = checked("nuttall", M, dtype, layout)
    return cosine_sum(
        count,
        (0.3635819, 0.4891775, 0.1365995, 0.0106411),
        steps(count, sym),
        own,
        device,
        requires_grad,
    )
