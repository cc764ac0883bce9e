"""``torch.nn.modules.adaptive``: what the adaptive softmax returns."""

from weft.nn.adaptive import AdaptiveLogSoftmaxOutput as _ASMoutput

__all__ = ["_ASMoutput"]
