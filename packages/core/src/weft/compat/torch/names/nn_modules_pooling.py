"""``torch.nn.modules.pooling``: the base classes of pooling."""

from weft.nn.pooling import _AdaptivePool as _AdaptiveAvgPoolNd
from weft.nn.pooling import _AvgPool as _AvgPoolNd
from weft.nn.pooling import _MaxPool as _MaxPoolNd

__all__ = ["_AdaptiveAvgPoolNd", "_AvgPoolNd", "_MaxPoolNd"]
