"""``torch.nn.modules.loss``: the base classes of losses."""

from weft.nn.loss import _Loss, _WeightedLoss

__all__ = ["_Loss", "_WeightedLoss"]
