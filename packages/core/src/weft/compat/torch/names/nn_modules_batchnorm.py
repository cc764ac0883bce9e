"""``torch.nn.modules.batchnorm`` and ``instancenorm``: the base classes of their norms."""

from weft.nn.batchnorm import BatchNormalization as _BatchNorm
from weft.nn.batchnorm import ChannelNormalization as _NormBase
from weft.nn.instancenorm import InstanceNormalization as _InstanceNorm
from weft.nn.lazy_layers import LazyNormalization as _LazyNormBase

__all__ = ["_BatchNorm", "_InstanceNorm", "_LazyNormBase", "_NormBase"]
