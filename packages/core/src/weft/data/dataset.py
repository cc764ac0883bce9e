"""What a data set is: samples by index, or a stream of samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from weft.data.combined import ChainDataset, ConcatDataset

T_co = TypeVar("T_co", covariant=True)

__all__ = ["Dataset", "IterableDataset"]


class Dataset(Generic[T_co]):
    """Samples by index: a subclass defines ``__getitem__``, and ``__len__`` to be sampled from.

    A subclass may also define ``__getitems__(indices)``, which returns the list of several samples
    at once; a :class:`DataLoader` that makes batches then calls that.

    Example:
        >>> class Squares(weft.data.Dataset):
        ...     def __len__(self):
        ...         return 10
        ...
        ...     def __getitem__(self, index):
        ...         return index * index
        >>> len(Squares() + Squares())
        20
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(
            f"{type(self).__name__} defines no __getitem__; a Dataset returns its sample of an "
            f"index there, and an IterableDataset defines __iter__ instead"
        )

    def __add__(self, other: Dataset[Any]) -> ConcatDataset[Any]:
        from weft.data.combined import ConcatDataset

        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """A stream of samples: a subclass defines ``__iter__``.

    Each worker of a :class:`DataLoader` iterates over a copy of its own, and yields all of it
    unless ``__iter__`` asks :func:`get_worker_info` which part is its.

    Where the data set, or the iterator that ``__iter__`` returns, has ``state_dict()`` and
    ``load_state_dict(state)``, a loader that goes on in mid-epoch uses them; otherwise it skips the
    samples that were already seen.

    Example:
        >>> class Count(weft.data.IterableDataset):
        ...     def __iter__(self):
        ...         info = weft.data.get_worker_info()
        ...         return iter(range(6) if info is None else range(info.id, 6, info.num_workers))
        >>> list(weft.data.DataLoader(Count(), batch_size=None))
        [0, 1, 2, 3, 4, 5]
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(
            f"{type(self).__name__} defines no __iter__; an IterableDataset returns an iterator "
            f"of its samples there"
        )

    def __add__(self, other: Dataset[Any]) -> ChainDataset:  # type: ignore[override]  # as PyTorch's: streams are chained, not indexed
        from weft.data.combined import ChainDataset

        return ChainDataset([self, other])
