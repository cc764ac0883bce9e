"""Windows as PyTorch has them at its top level: periodic unless asked otherwise."""

from __future__ import annotations

from typing import Any

from weft._core import dtypes
from weft._core.errors import DTypeError
from weft._core.samples import ErrorSample, Sample
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.window_curves import (
    MADE,
    checked,
    cosine_sum,
    finished,
    kaiser_curve,
    places,
    steps,
    trivial,
)

_SAMPLES = (
    Sample(7),
    Sample(8, False),
    Sample(0),
    Sample(1),
    Sample(1, periodic=False),
    Sample(5, dtype=dtypes.float64),
    Sample(6, dtype=dtypes.float16),
)
_ERRORS = (
    ErrorSample(-1, error=ValueError, match="at least 0, got -1"),
    ErrorSample(4, layout="sparse", error=ValueError, match=r"must be weft\.strided"),
    ErrorSample(4, dtype=dtypes.int64, error=DTypeError, match="floating dtype, got weft.int64"),
)


@composite(
    samples=_SAMPLES,
    errors=_ERRORS,
    methods=(),
    not_differentiable=MADE,
)
def hann_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    r"""Hann window: a raised cosine that starts at 0.

    .. math:: w_k = \sin^2\left(\frac{\pi k}{N}\right), \quad
        N = \text{window length if periodic, else one less}

    Args:
        window_length: the window's length.
        periodic: whether it is one period of a symmetric window of one element more, as spectra
            need it; if not, it is symmetric itself.
        dtype: a floating dtype; the default one if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (window_length,); a window of one element is 1.

    Raises:
        ValueError: the length is negative.
        DTypeError: dtype is not floating.
    """
    count, own = checked("hann_window", window_length, dtype, layout)
    span = steps(count, not periodic)
    return cosine_sum(count, (0.5, 0.5), span, own, device, requires_grad)


@composite(
    samples=(*_SAMPLES, Sample(5, True, 0.6), Sample(5, False, 0.6, 0.3)),
    errors=_ERRORS,
    methods=(),
    not_differentiable=MADE,
)
def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    r"""Hamming window: a raised cosine on a pedestal.

    .. math:: w_k = \alpha - \beta \cos\left(\frac{2 \pi k}{N}\right), \quad
        N = \text{window length if periodic, else one less}

    Args:
        window_length: the window's length.
        periodic: whether it is one period of a symmetric window of one element more, as spectra
            need it; if not, it is symmetric itself.
        alpha: the mean.
        beta: the height of the cosine.
        dtype: a floating dtype; the default one if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (window_length,); a window of one element is 1.

    Raises:
        ValueError: the length is negative.
        DTypeError: dtype is not floating.
    """
    count, own = checked("hamming_window", window_length, dtype, layout)
    span = steps(count, not periodic)
    return cosine_sum(count, (alpha, beta), span, own, device, requires_grad)


@composite(
    samples=_SAMPLES,
    errors=_ERRORS,
    methods=(),
    not_differentiable=MADE,
)
def blackman_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    r"""Blackman window: three cosines with low side lobes.

    .. math:: w_k = 0.42 - 0.5 \cos\left(\frac{2 \pi k}{N}\right)
        + 0.08 \cos\left(\frac{4 \pi k}{N}\right), \quad
        N = \text{window length if periodic, else one less}

    Args:
        window_length: the window's length.
        periodic: whether it is one period of a symmetric window of one element more, as spectra
            need it; if not, it is symmetric itself.
        dtype: a floating dtype; the default one if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (window_length,); a window of one element is 1.

    Raises:
        ValueError: the length is negative.
        DTypeError: dtype is not floating.
    """
    count, own = checked("blackman_window", window_length, dtype, layout)
    span = steps(count, not periodic)
    return cosine_sum(count, (0.42, 0.5, 0.08), span, own, device, requires_grad)


@composite(
    samples=_SAMPLES,
    errors=_ERRORS,
    methods=(),
    not_differentiable=MADE,
)
def bartlett_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    r"""Bartlett window: a triangle that starts at 0.

    .. math:: w_k = 1 - \left| \frac{2 k}{N} - 1 \right|, \quad
        N = \text{window length if periodic, else one less}

    Args:
        window_length: the window's length.
        periodic: whether it is one period of a symmetric window of one element more, as spectra
            need it; if not, it is symmetric itself.
        dtype: a floating dtype; the default one if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (window_length,); a window of one element is 1.

    Raises:
        ValueError: the length is negative.
        DTypeError: dtype is not floating.
    """
    count, own = checked("bartlett_window", window_length, dtype, layout)
    span = steps(count, not periodic)
    if count <= 1:
        return trivial(count, own, device, requires_grad)
    values = 1 - (places(count, device) * (2 / span) - 1).abs()
    return finished(values, own, requires_grad)


@composite(
    samples=(*_SAMPLES, Sample(6, True, 2.5)),
    errors=_ERRORS,
    methods=(),
    not_differentiable=MADE,
)
def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    r"""Kaiser window: the most energy in the main lobe, of a width to be chosen.

    .. math:: w_k = \frac{I_0\left(\beta \sqrt{1 - (2 k / N - 1)^2}\right)}{I_0(\beta)}, \quad
        N = \text{window length if periodic, else one less}

    Args:
        window_length: the window's length.
        periodic: whether it is one period of a symmetric window of one element more, as spectra
            need it; if not, it is symmetric itself.
        beta: the width of the main lobe, and how low the side lobes are.
        dtype: a floating dtype; the default one if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (window_length,); a window of one element is 1.

    Raises:
        ValueError: the length is negative.
        DTypeError: dtype is not floating.
    """
    count, own = checked("kaiser_window", window_length, dtype, layout)
    span = steps(count, not periodic)
    return kaiser_curve(count, beta, span, own, device, requires_grad)
