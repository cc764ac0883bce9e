"""``torch.nn.modules.conv``: the base classes of convolutions."""

from weft.nn.conv import Convolution as _ConvNd
from weft.nn.conv_transpose import TransposedConvolution as _ConvTransposeNd

__all__ = ["_ConvNd", "_ConvTransposeMixin", "_ConvTransposeNd"]

_ConvTransposeMixin = _ConvTransposeNd
