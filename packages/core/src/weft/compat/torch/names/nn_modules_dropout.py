"""``torch.nn.modules.dropout``: the base class of dropouts."""

from weft.nn.dropout import _Dropout as _DropoutNd

__all__ = ["_DropoutNd"]
