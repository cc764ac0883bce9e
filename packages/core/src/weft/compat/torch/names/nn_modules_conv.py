"""``torch.nn.modules.conv``: the base classes of convolutions."""

from weft.nn.conv import Convolution as _ConvNd
from weft.nn.conv_transpose import TransposedBase as _ConvTransposeNd
from weft.nn.lazy_convolutions import LazyConvolution as _LazyConvXdMixin

__all__ = ["_ConvNd", "_ConvTransposeMixin", "_ConvTransposeNd", "_LazyConvXdMixin"]

_ConvTransposeMixin = _ConvTransposeNd
