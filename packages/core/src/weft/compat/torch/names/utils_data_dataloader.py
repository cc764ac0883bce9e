"""``torch.utils.data.dataloader``: the iterators by their private names."""

from weft.data._iteration import LoaderIterator as _BaseDataLoaderIter
from weft.data._iteration import ParallelIterator as _MultiProcessingDataLoaderIter
from weft.data._iteration import SerialIterator as _SingleProcessDataLoaderIter

__all__ = ["_BaseDataLoaderIter", "_MultiProcessingDataLoaderIter", "_SingleProcessDataLoaderIter"]
