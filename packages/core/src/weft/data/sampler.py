"""Samplers: in which order a loader asks a data set for its samples, and in which batches."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import weft
from weft._core.generator import Generator

T_co = TypeVar("T_co", covariant=True)

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]


class Sampler(Generic[T_co]):
    """Indices in some order: a subclass defines ``__iter__``, and ``__len__`` if it knows it.

    A subclass that keeps a random state of its own across epochs should have ``state_dict()`` and
    ``load_state_dict(state)``: a loader saves what the first returns when an epoch begins, and so
    can go on in mid-epoch. One that draws from ``weft``, ``numpy.random`` or ``random`` needs
    neither: the loader seeds those for it.

    Example:
        >>> class Backwards(weft.data.Sampler):
        ...     def __init__(self, data):
        ...         self.data = data
        ...
        ...     def __len__(self):
        ...         return len(self.data)
        ...
        ...     def __iter__(self):
        ...         return iter(range(len(self.data) - 1, -1, -1))
        >>> list(weft.data.DataLoader(range(3), batch_size=None, sampler=Backwards(range(3))))
        [2, 1, 0]
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(
            f"{type(self).__name__} defines no __iter__; a Sampler returns an iterator of indices "
            f"there"
        )


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ...

    Args:
        data_source: what has the length.
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class _Drawing(Sampler[int]):
    """A sampler that draws from its generator, whose state is all that it must keep."""

    generator: Generator | None

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the sampler's own generator, if it has one."""
        return {} if self.generator is None else {"generator": self.generator.get_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state that ``state_dict`` returned."""
        if self.generator is not None and "generator" in state_dict:
            self.generator.set_state(state_dict["generator"])


class RandomSampler(_Drawing):
    """Indices at random: each once, or drawn with replacement.

    Args:
        data_source: what has the length n.
        replacement: whether an index may come more than once.
        num_samples: how many to draw; n if None. Without replacement, more than n are drawn as
            several permutations.
        generator: where to draw from; a seed from the default generator for each pass if None.

    Raises:
        TypeError: replacement is no bool.
        ValueError: num_samples is not a positive int.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        if not isinstance(replacement, bool):
            raise TypeError(f"RandomSampler: replacement must be a bool, got {replacement!r}")
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        _check_positive("RandomSampler", "num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many indices a pass draws."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n, count = len(self.data_source), self.num_samples
        generator = self.generator
        if generator is None:
            generator = Generator(seed=int(weft.empty((), dtype=weft.int64).random_().item()))
        if self.replacement:
            for start in range(0, count, 4096):
                size = (min(4096, count - start),)
                yield from weft.randint(n, size, generator=generator).tolist()
            return
        for start in range(0, count, n):
            yield from weft.randperm(n, generator=generator).tolist()[: count - start]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(_Drawing):
    """Given indices in random order, each once.

    Args:
        indices: a sequence of them.
        generator: where to draw from; the default generator if None.
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        order = weft.randperm(len(self.indices), generator=self.generator).tolist()
        return (self.indices[i] for i in order)

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(_Drawing):
    """Indices drawn with given weights.

    Args:
        weights: (n,); of any sum. Index i comes with probability ``weights[i] / weights.sum()``.
        num_samples: how many to draw.
        replacement: whether an index may come more than once.
        generator: where to draw from; the default generator if None.

    Raises:
        ValueError: weights are not 1-d, num_samples is not a positive int, replacement is no bool.
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        _check_positive("WeightedRandomSampler", "num_samples", num_samples)
        if not isinstance(replacement, bool):
            raise ValueError(
                f"WeightedRandomSampler: replacement must be a bool, got {replacement!r}"
            )
        self.weights = weft.as_tensor(weights, dtype=weft.float64)
        if self.weights.ndim != 1:
            raise ValueError(
                f"WeightedRandomSampler: weights must be 1-d, got shape {tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = weft.multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of the indices of another sampler.

    Args:
        sampler: any iterable of indices.
        batch_size: how many a list has.
        drop_last: whether to leave out a last list that is shorter.

    Raises:
        ValueError: batch_size is not a positive int, or drop_last is no bool.

    Example:
        >>> list(weft.data.BatchSampler(range(5), 2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self, sampler: Sampler[int] | Iterable[int], batch_size: int, drop_last: bool
    ) -> None:
        _check_positive("BatchSampler", "batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise ValueError(f"BatchSampler: drop_last must be a bool, got {drop_last!r}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield batch

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]  # has a length if this one is asked for it
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the inner sampler, if it has any."""
        inner = getattr(self.sampler, "state_dict", None)
        return {"sampler": inner()} if callable(inner) else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state that ``state_dict`` returned."""
        inner = getattr(self.sampler, "load_state_dict", None)
        if callable(inner) and "sampler" in state_dict:
            inner(state_dict["sampler"])


def _check_positive(who: str, name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{who}: {name} must be a positive int, got {value!r}")
