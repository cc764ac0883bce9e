"""``torch.optim.lr_scheduler``: the older name of the base class."""

from weft.optim.lr_scheduler import LRScheduler as _LRScheduler

__all__ = ["_LRScheduler"]
