"""Initial values for parameters, written in place: PyTorch's `torch.nn.init`.

Every function fills the tensor that it is given, records no gradient, and returns the tensor.
Random ones take a `generator`; without one they draw from the default stream that
`weft.manual_seed` seeds.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import weft
from weft import Tensor
from weft._core.errors import did_you_mean

_LINEAR = (
    "linear", "conv1d", "conv2d", "conv3d",
    "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
)  # fmt: skip


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a nonlinearity's weights should grow to keep the variance.

    1 for linear layers, convolutions and sigmoid, 5/3 for tanh, √2 for relu,
    √(2 / (1 + slope²)) for leaky_relu, 3/4 for selu.

    Args:
        nonlinearity: the functional name.
        param: for leaky_relu its negative slope, .01 when None.

    Raises:
        ValueError: an unknown name, or a slope that is no number.
    """
    if nonlinearity in _LINEAR or nonlinearity == "sigmoid":
        return 1.0
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"calculate_gain: the negative slope must be a number, got {param!r}")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    known = (*_LINEAR, "sigmoid", "tanh", "relu", "leaky_relu", "selu")
    raise ValueError(
        f"calculate_gain: unknown nonlinearity {nonlinearity!r}{did_you_mean(nonlinearity, known)}"
    )


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs an output sees, and how many outputs an input reaches.

    Raises:
        ValueError: the tensor has fewer than two axes.
    """
    if tensor.ndim < 2:
        raise ValueError(
            "fan in and fan out need a weight of two or more axes (out, in, *kernel), got shape "
            f"{tuple(tensor.shape)}"
        )
    outputs, inputs, *kernel = tensor.shape
    receptive = math.prod(kernel)
    return inputs * receptive, outputs * receptive


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode must be 'fan_in' or 'fan_out', got {mode!r}")
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return fan_in if mode == "fan_in" else fan_out


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with numbers uniform in [a, b)."""
    with weft.no_grad():
        drawn = weft.rand(tensor.shape, generator=generator, **_drawn(tensor))
        return tensor.copy_(drawn * (b - a) + a)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with normally distributed numbers."""
    with weft.no_grad():
        drawn = weft.randn(tensor.shape, generator=generator, **_drawn(tensor))
        return tensor.copy_(drawn * std + mean)


def _drawn(tensor: Tensor) -> dict[str, Any]:
    # Half precision is drawn in float32 and rounded once at the end.
    dtype = tensor.dtype if tensor.dtype.itemsize >= 4 else weft.float32
    return {"dtype": dtype, "device": tensor.device}


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    """Fill with normally distributed numbers that lie within [a, b].

    `mean + std · Φ⁻¹(u)`, u uniform between Φ((a − mean) / std) and Φ((b − mean) / std).

    Args:
        tensor: what is filled.
        mean: the mean before the truncation.
        std: the deviation before the truncation.
        a: the lower limit.
        b: the upper limit.
        generator: where the numbers come from.

    Raises:
        ValueError: the limits hold no part of the distribution that numbers can be drawn from.
    """
    low, high = (math.erf((limit - mean) / (std * math.sqrt(2))) for limit in (a, b))
    if not low < high:
        raise ValueError(
            f"trunc_normal_: [{a}, {b}] holds none of a normal distribution of mean {mean} and "
            f"deviation {std}"
        )
    with weft.no_grad():
        # float64 whatever the tensor's dtype: the tails are where erfinv is steep.
        place = tensor.device
        drawn = weft.rand(tensor.shape, generator=generator, dtype=weft.float64, device=place)
        normal = weft.erfinv(drawn * (high - low) + low) * (std * math.sqrt(2)) + mean
        return tensor.copy_(normal.clamp(a, b))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value."""
    with weft.no_grad():
        return tensor.copy_(weft.full(tensor.shape, val, dtype=tensor.dtype, device=tensor.device))


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with ones on the diagonal and zeros elsewhere.

    Raises:
        ValueError: the tensor is no matrix.
    """
    if tensor.ndim != 2:
        raise ValueError(f"eye_ needs a matrix, got shape {tuple(tensor.shape)}")
    with weft.no_grad():
        return tensor.copy_(weft.eye(*tensor.shape, dtype=tensor.dtype, device=tensor.device))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weight so that it passes its input on unchanged.

    Args:
        tensor: (out, in / groups, *kernel) with one, two or three kernel axes.
        groups: the convolution's groups; each passes on as many channels as it can.

    Raises:
        ValueError: another number of axes, or `out` not divisible by `groups`.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError(
            f"dirac_ needs a weight of 3, 4 or 5 axes, got shape {tuple(tensor.shape)}"
        )
    outputs, inputs, *kernel = tensor.shape
    if outputs % groups:
        raise ValueError(f"dirac_: {outputs} outputs are not divisible by groups={groups}")
    per_group = outputs // groups
    centre = tuple(length // 2 for length in kernel)
    with weft.no_grad():
        filled = weft.zeros(tensor.shape, dtype=tensor.dtype, device=tensor.device)
        for group in range(groups):
            for channel in range(min(per_group, inputs)):
                filled[(group * per_group + channel, channel, *centre)] = 1
        return tensor.copy_(filled)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with numbers uniform in ±gain·√(6 / (fan_in + fan_out)).

    Source: Glorot and Bengio 2010, equation 16.
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with normally distributed numbers of deviation gain·√(2 / (fan_in + fan_out)).

    Source: Glorot and Bengio 2010.
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Fill with numbers uniform in ±gain·√(3 / fan).

    Args:
        tensor: the weight.
        a: the negative slope of leaky_relu.
        mode: "fan_in" keeps the forward variance, "fan_out" the backward one.
        nonlinearity: what follows, for the gain.
        generator: where the numbers come from.

    Source: He et al. 2015, equation 10.
    """
    if _is_empty(tensor):
        return tensor
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3.0 / _calculate_correct_fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Fill with normally distributed numbers of deviation gain / √fan.

    Arguments as for `kaiming_uniform_`.

    Source: He et al. 2015, equation 10.
    """
    if _is_empty(tensor):
        return tensor
    std = calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))
    return normal_(tensor, 0.0, std, generator)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with an orthogonal matrix times ``gain``: the rows, or the columns if they are fewer.

    Axes after the first are taken as one. Drawn evenly among the orthogonal matrices: a QR
    decomposition of normal numbers, with the signs that make R's diagonal positive.

    Args:
        tensor: (rows, *), at least two axes.
        gain: what all is multiplied by.
        generator: where the random numbers come from.

    Raises:
        ValueError: the tensor has fewer than two axes.

    Source: Saxe, McClelland and Ganguli 2013; Mezzadri 2007 for the signs.
    """
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_ needs at least two axes, got shape {tuple(tensor.shape)}")
    if not tensor.numel():
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    with weft.no_grad():
        drawn = weft.empty(max(rows, columns), min(rows, columns), **_drawn(tensor))
        q, r = weft.linalg.qr(normal_(drawn, generator=generator))
        q = q * r.diagonal().sign() * gain
        return tensor.copy_((q.t() if rows < columns else q).reshape(tensor.shape))


def _is_empty(tensor: Tensor) -> bool:
    if 0 not in tensor.shape:
        return False
    warnings.warn(
        f"initialising a weight without elements does nothing (shape {tuple(tensor.shape)})",
        stacklevel=3,
    )
    return True


def fan_in_uniform_(bias: Tensor | None, weight: Tensor, generator: Any = None) -> None:
    """Fill a bias with numbers uniform in ±1/√fan_in of its weight; None is left alone.

    It is what linear layers and convolutions do with their bias; PyTorch repeats it in each.
    """
    if bias is None:
        return
    fan_in, _ = _calculate_fan_in_and_fan_out(weight)
    if fan_in > 0:
        bound = 1 / math.sqrt(fan_in)
        uniform_(bias, -bound, bound, generator)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Fill a matrix with normally distributed numbers, a share of each column with zeros.

    Args:
        tensor: a matrix.
        sparsity: the share of each column that becomes zero, rounded up.
        std: the deviation of the others.
        generator: where the numbers come from.

    Raises:
        ValueError: the tensor is no matrix.

    Source: Martens 2010.
    """
    if tensor.ndim != 2:
        raise ValueError(f"sparse_ needs a matrix, got shape {tuple(tensor.shape)}")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with weft.no_grad():
        filled = weft.randn(tensor.shape, generator=generator, device=tensor.device) * std
        for column in range(columns):
            for row in weft.randperm(rows, generator=generator)[:zeros].tolist():
                filled[row, column] = 0
        return tensor.copy_(filled)
