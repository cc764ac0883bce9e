"""``torch.nn.modules.conv``: the base class of convolutions."""

from weft.nn.conv import Convolution as _ConvNd

__all__ = ["_ConvNd"]
