"""``torch.nn.modules.batchnorm``: the base classes of batch norms."""

from weft.nn.batchnorm import BatchNormalization as _BatchNorm

__all__ = ["_BatchNorm", "_NormBase"]

_NormBase = _BatchNorm
