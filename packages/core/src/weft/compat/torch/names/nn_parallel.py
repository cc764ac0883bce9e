"""``torch.nn.parallel``: the wrappers of models, in one process."""

from weft.compat.torch.names.nn import DataParallel

__all__ = ["DataParallel", "DistributedDataParallel"]

DistributedDataParallel = DataParallel
