"""``torch.nn.modules.linear``: a linear layer that is not to be quantised, as any here."""

from weft.nn import Linear as NonDynamicallyQuantizableLinear

__all__ = ["NonDynamicallyQuantizableLinear"]
