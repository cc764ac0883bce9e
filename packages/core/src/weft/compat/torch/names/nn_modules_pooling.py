"""``torch.nn.modules.pooling``: the base classes of pooling."""

from weft.nn.lp_pooling import _LPPool as _LPPoolNd
from weft.nn.pooling import _AdaptiveMaxPool as _AdaptiveMaxPoolNd
from weft.nn.pooling import _AdaptivePool as _AdaptiveAvgPoolNd
from weft.nn.pooling import _AvgPool as _AvgPoolNd
from weft.nn.pooling import _MaxPool as _MaxPoolNd
from weft.nn.unpooling import _MaxUnpool as _MaxUnpoolNd

__all__ = [
    "_AdaptiveAvgPoolNd",
    "_AdaptiveMaxPoolNd",
    "_AvgPoolNd",
    "_LPPoolNd",
    "_MaxPoolNd",
    "_MaxUnpoolNd",
]
