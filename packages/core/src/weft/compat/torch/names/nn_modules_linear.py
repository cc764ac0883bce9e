"""``torch.nn.modules.linear``: a linear layer that is not to be quantised."""

from weft.nn.linear import NonDynamicallyQuantizableLinear

__all__ = ["NonDynamicallyQuantizableLinear"]
