"""Data sets, samplers, and the loader that makes batches of them, by PyTorch's names."""

from typing import Any

from weft.data.collate import default_collate, default_collate_fn_map, default_convert
from weft.data.combined import (
    ChainDataset,
    ConcatDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from weft.data.dataloader import DataLoader
from weft.data.dataset import Dataset, IterableDataset
from weft.data.distributed import DistributedSampler
from weft.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from weft.data.worker import WorkerInfo, get_worker_info

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "WorkerInfo",
    "default_collate",
    "default_collate_fn_map",
    "default_convert",
    "get_worker_info",
    "random_split",
]


def __getattr__(name: str) -> Any:
    """Say of an absent name which one is near."""
    from weft._core.errors import did_you_mean

    raise AttributeError(
        f"module 'weft.data' has no attribute {name!r}{did_you_mean(name, __all__)}"
    )
