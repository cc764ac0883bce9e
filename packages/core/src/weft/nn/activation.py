"""Activation functions as modules. With `inplace` the result is written into the input."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.nn import functional as F
from weft.nn.module import Module
from weft.nn.parameter import Parameter


class _Inplace(Module):
    """An activation without settings of its own but `inplace`."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class ReLU(_Inplace):
    """`max(x, 0)`, element by element.

    Args:
        inplace: write the result into the input.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, self.inplace)


class SiLU(_Inplace):
    """`x · sigmoid(x)`, also called swish.

    Args:
        inplace: write the result into the input.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, self.inplace)


class Mish(_Inplace):
    """`x · tanh(softplus(x))`. Source: Misra 2019.

    Args:
        inplace: write the result into the input.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, self.inplace)


class SELU(_Inplace):
    """`scale · (max(0, x) + min(0, alpha · (eˣ − 1)))`. Source: Klambauer et al. 2017.

    Args:
        inplace: write the result into the input.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, self.inplace)


class Hardswish(_Inplace):
    """`x · relu6(x + 3) / 6`. Source: Howard et al. 2019.

    Args:
        inplace: write the result into the input.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input, self.inplace)


class Hardsigmoid(_Inplace):
    """`relu6(x + 3) / 6`, element by element.

    Args:
        inplace: write the result into the input.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input, self.inplace)


class LeakyReLU(Module):
    """`x` where positive, `negative_slope · x` elsewhere.

    Args:
        negative_slope: the slope below zero.
        inplace: write the result into the input.
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class ELU(Module):
    """`x` where positive, `alpha · (eˣ − 1)` elsewhere. Source: Clevert et al. 2015.

    Args:
        alpha: the negative of the limit at −∞.
        inplace: write the result into the input.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class CELU(Module):
    """`max(0, x) + min(0, alpha · (exp(x / alpha) − 1))`. Source: Barron 2017.

    Args:
        alpha: the negative of the limit at −∞.
        inplace: write the result into the input.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class Hardtanh(Module):
    """`min(max(x, min_val), max_val)`, element by element.

    Args:
        min_val: the lower limit.
        max_val: the upper limit.
        inplace: write the result into the input.

    Raises:
        ValueError: `max_val` does not lie above `min_val`.
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        if max_val <= min_val:
            raise ValueError(f"Hardtanh: max_val must exceed min_val, got {max_val} and {min_val}")
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        text = f"min_val={self.min_val}, max_val={self.max_val}"
        return text + (", inplace=True" if self.inplace else "")


class ReLU6(Hardtanh):
    """`min(max(x, 0), 6)`, element by element.

    Args:
        inplace: write the result into the input.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def forward(self, input: Tensor) -> Tensor:
        return F.relu6(input, self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Threshold(Module):
    """`x` where above the threshold, a constant elsewhere.

    Args:
        threshold: the threshold.
        value: the constant.
        inplace: write the result into the input.
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        text = f"threshold={self.threshold}, value={self.value}"
        return text + (", inplace=True" if self.inplace else "")


class GELU(Module):
    """`x · Φ(x)` with the normal distribution function Φ. Source: Hendrycks and Gimpel 2016.

    Args:
        approximate: "none" for the error function, "tanh" for the usual approximation.
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """`log(1 + exp(beta · x)) / beta`, and `x` itself where `beta · x` exceeds the threshold.

    Args:
        beta: how sharp the bend is.
        threshold: from where on the function is linear.
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Sigmoid(Module):
    """`1 / (1 + e⁻ˣ)`, element by element."""

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class LogSigmoid(Module):
    """`log(1 / (1 + e⁻ˣ))`, without overflow."""

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent of each element."""

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class Tanhshrink(Module):
    """`x − tanh(x)`, element by element."""

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class Softsign(Module):
    """`x / (1 + |x|)`, element by element."""

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class _Shrink(Module):
    """A function that is 0 between −lambd and lambd."""

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        return str(self.lambd)


class Softshrink(_Shrink):
    """`x − lambd` above lambd, `x + lambd` below −lambd, 0 between.

    Args:
        lambd: half the width of the flat part, not negative.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)


class Hardshrink(_Shrink):
    """`x` where |x| exceeds lambd, 0 elsewhere.

    Args:
        lambd: half the width of the flat part.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)


class GLU(Module):
    """`a · sigmoid(b)`, where a and b are the halves of the input along an axis.

    Args:
        dim: the axis, of even length.

    Source: Dauphin et al. 2016.
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class PReLU(Module):
    """`x` where positive, a learned slope times `x` elsewhere. Source: He et al. 2015.

    Args:
        num_parameters: 1, or the channels (axis 1) for a slope each.
        init: the slopes at first.
        device: where the parameter lies.
        dtype: the parameter's dtype.

    Attributes:
        weight: (num_parameters,).
    """

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        slopes = weft.full((num_parameters,), float(init), device=device, dtype=dtype)
        self.weight = Parameter(slopes)

    def reset_parameters(self) -> None:
        """Set the slopes as they were at first."""
        with weft.no_grad():
            self.weight.copy_(weft.full_like(self.weight, self.init))

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class RReLU(Module):
    """`x` where it is positive, else `a · x`: in training with a drawn slope for each element.

    Args:
        lower: the slope is uniform from here
        upper: to here; in evaluation it is the mean of both.
        inplace: write the result into the input.

    Source: Xu et al. 2015.
    """

    def __init__(
        self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False
    ) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        text = f"lower={self.lower}, upper={self.upper}"
        return text + ", inplace=True" if self.inplace else text
