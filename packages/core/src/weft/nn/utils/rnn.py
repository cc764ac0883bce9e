"""Sequences of several lengths as one batch: padded, or packed step by step without padding."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import weft
from weft import Tensor
from weft._core.errors import ShapeError

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]

Self = TypeVar("Self", bound="PackedSequence")


class PackedSequence_(NamedTuple):
    """The fields of a `PackedSequence`."""

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(PackedSequence_):
    """Sequences of several lengths, sorted by length, with their first steps together, and so on.

    `RNN`, `LSTM` and `GRU` take and return them. They are made by `pack_padded_sequence` and
    `pack_sequence`.

    Args:
        data: (sum of lengths, ...), the steps of all sequences.
        batch_sizes: (longest length,), int64 on the CPU: how many sequences have each step.
        sorted_indices: (batch,), where each of the sorted sequences was; None if they were sorted.
        unsorted_indices: (batch,), where each went; found from `sorted_indices` when None.

    Raises:
        ValueError: `batch_sizes` does not lie on the CPU.
        TypeError: there are no `batch_sizes`.

    Source: PyTorch's `torch.nn.utils.rnn.PackedSequence`.
    """

    def __new__(
        cls: type[Self],
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        if batch_sizes is None:
            if not isinstance(data, (tuple, list)) or len(data) != 2:
                raise TypeError(
                    f"PackedSequence expects data and batch_sizes, or a pair of them as the only "
                    f"argument; got {type(data).__name__} alone"
                )
            data, batch_sizes = data
        if batch_sizes.device.type not in ("cpu", "meta"):
            raise ValueError(
                f"PackedSequence: batch_sizes must lie on the CPU, got {batch_sizes.device}; the "
                f"data may lie elsewhere"
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def pin_memory(self: Self) -> Self:
        """Itself: weft pins no memory."""
        return self

    def to(self: Self, *args: Any, **kwargs: Any) -> Self:
        """The data in another dtype, on another device or both, as `Tensor.to` has it.

        The indices follow the device; `batch_sizes` stays. Itself if nothing changes.
        """
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        indices = (
            None if x is None else x.to(data.device)
            for x in (self.sorted_indices, self.unsorted_indices)
        )
        return type(self)(data, self.batch_sizes, *indices)

    def cuda(self: Self, *args: Any, **kwargs: Any) -> Self:
        """On the GPU."""
        return self.to(weft.zeros(0, dtype=self.data.dtype).cuda(*args, **kwargs).device)

    def cpu(self: Self) -> Self:
        """On the CPU."""
        return self.to("cpu")

    def double(self: Self) -> Self:
        """In float64."""
        return self.to(weft.float64)

    def float(self: Self) -> Self:
        """In float32."""
        return self.to(weft.float32)

    def half(self: Self) -> Self:
        """In float16."""
        return self.to(weft.float16)

    def long(self: Self) -> Self:
        """In int64."""
        return self.to(weft.int64)

    def int(self: Self) -> Self:
        """In int32."""
        return self.to(weft.int32)

    def short(self: Self) -> Self:
        """In int16."""
        return self.to(weft.int16)

    def char(self: Self) -> Self:
        """In int8."""
        return self.to(weft.int8)

    def byte(self: Self) -> Self:
        """In uint8."""
        return self.to(weft.uint8)

    @property
    def is_cuda(self) -> bool:
        """Whether the data lies on a GPU."""
        return self.data.device.type == "cuda"

    def is_pinned(self) -> bool:
        """Whether the data lies in pinned memory."""
        return self.data.is_pinned()


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes one; None for None.

    Args:
        permutation: (n,), int64, each of 0 to n - 1 once.
    """
    if permutation is None:
        return None
    places = weft.arange(permutation.numel(), device=permutation.device)
    return weft.empty_like(permutation).scatter_(0, permutation, places)


def pack_padded_sequence(
    input: Tensor,
    lengths: Tensor | Sequence[Any],
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """Pack a batch of padded sequences: what lies behind each one's length is left out.

    Args:
        input: (time, batch, ...), or (batch, time, ...) with `batch_first`.
        lengths: (batch,), how long each sequence is; a tensor on the CPU or a list.
        batch_first: how `input` is laid out.
        enforce_sorted: whether the sequences must come longest first; else they are sorted, and
            `pad_packed_sequence` undoes that.

    Returns:
        The packed sequences; gradients reach `input` through them.

    Raises:
        weft.ShapeError: as many lengths are needed as sequences; a length is not positive, or
            longer than `input`; or they are not sorted and `enforce_sorted` is set.

    Source: PyTorch's `torch.nn.utils.rnn.pack_padded_sequence`; lengths beyond the input's are
    refused.

    Example:
        >>> x = weft.tensor([[1, 2, 0], [3, 0, 0], [4, 5, 6]])
        >>> packed = weft.nn.utils.rnn.pack_padded_sequence(x, [2, 1, 3], True, False)
        >>> packed.data.tolist(), packed.batch_sizes.tolist()
        ([4, 1, 3, 5, 2, 6], [3, 2, 1])
    """
    who = "pack_padded_sequence"
    if input.ndim < 2:
        raise ShapeError(f"{who}: input must have time and batch dims, got {tuple(input.shape)}")
    given = lengths if isinstance(lengths, Tensor) else weft.tensor(list(lengths))
    given = given.to(weft.int64)
    batch, longest = input.shape[0 if batch_first else 1], input.shape[1 if batch_first else 0]
    if given.ndim != 1 or given.shape[0] != batch:
        raise ShapeError(
            f"{who}: expected a length for each of the {batch} sequences, got lengths of shape "
            f"{tuple(given.shape)}"
        )
    if not batch:
        raise ShapeError(f"{who}: expected at least one sequence, got {tuple(input.shape)}")
    numbers = given.tolist()
    if min(numbers) <= 0 or max(numbers) > longest:
        raise ShapeError(
            f"{who}: each length must be positive and at most the input's {longest}, got {numbers}"
        )
    order = None
    if not enforce_sorted:
        given, order = weft.sort(given, descending=True, stable=True)
    elif any(a < b for a, b in itertools.pairwise(numbers)):
        raise ShapeError(
            f"{who}: enforce_sorted=True needs the longest sequence first, got lengths "
            f"{numbers}; pass enforce_sorted=False to have them sorted"
        )
    steps = max(numbers)
    places = weft.arange(batch) if order is None else order
    times = weft.arange(steps).unsqueeze(1)
    rows = places * longest + times if batch_first else places + times * batch  # (steps, batch)
    alive = given > times
    flat = input.reshape((batch * longest, *tuple(input.shape)[2:]))
    if order is None and not batch_first and min(numbers) == steps:
        data = flat if steps == longest else flat[: steps * batch]
    else:
        data = flat.index_select(0, rows[alive].to(input.device))
    device = input.device
    return PackedSequence(data, alive.sum(1), None if order is None else order.to(device), None)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Undo `pack_padded_sequence`: a batch of padded sequences, in the order that they had.

    Args:
        sequence: the packed sequences.
        batch_first: how the result is laid out.
        padding_value: what lies behind each sequence's end.
        total_length: pad to this length; to the longest sequence's when None.

    Returns:
        (time, batch, ...), or (batch, time, ...) with `batch_first`; and (batch,) lengths, int64.

    Raises:
        ValueError: `total_length` is less than the longest sequence's.

    Source: PyTorch's `torch.nn.utils.rnn.pad_packed_sequence`.
    """
    data, batch_sizes, sorted_indices, unsorted_indices = sequence
    steps, batch = batch_sizes.shape[0], int(batch_sizes[0])
    if total_length is not None and total_length < steps:
        raise ValueError(
            f"pad_packed_sequence: total_length must be at least the longest sequence's {steps}, "
            f"got {total_length}"
        )
    total = steps if total_length is None else total_length
    places = weft.arange(batch) if sorted_indices is None else sorted_indices.to("cpu")
    times = weft.arange(steps).unsqueeze(1)
    rows = places * total + times if batch_first else places + times * batch
    alive = weft.arange(batch) < batch_sizes.unsqueeze(1)  # (steps, batch)
    padded = data.new_full((batch * total, *tuple(data.shape)[1:]), padding_value)
    padded = padded.index_copy(0, rows[alive].to(data.device), data)
    lengths = alive.sum(0)
    if unsorted_indices is not None:
        lengths = lengths[unsorted_indices.to("cpu")]
    leading = (batch, total) if batch_first else (total, batch)
    return padded.reshape((*leading, *tuple(data.shape)[1:])), lengths


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stack sequences of several lengths, padded to the longest.

    Args:
        sequences: each (its length, ...), with the same dims after the first.
        batch_first: how the result is laid out.
        padding_value: what fills the rest.
        padding_side: "right" or "left" of each sequence.

    Returns:
        (longest, batch, ...), or (batch, longest, ...) with `batch_first`, of the first one's
        dtype.

    Raises:
        ValueError: another `padding_side`.
        weft.ShapeError: there are none, one has no dims, or their other dims differ.

    Source: PyTorch's `torch.nn.utils.rnn.pad_sequence`.

    Example:
        >>> weft.nn.utils.rnn.pad_sequence([weft.ones(3), weft.ones(2)], batch_first=True)
        tensor([[1., 1., 1.],
                [1., 1., 0.]])
    """
    who = "pad_sequence"
    each = list(sequences.unbind(0)) if isinstance(sequences, Tensor) else list(sequences)
    if padding_side not in ("left", "right"):
        raise ValueError(f'{who}: padding_side must be "left" or "right", got {padding_side!r}')
    if not each:
        raise ShapeError(f"{who}: expected at least one sequence, got none")
    trailing = tuple(each[0].shape)[1:]
    for i, x in enumerate(each):
        if not x.ndim or tuple(x.shape)[1:] != trailing:
            raise ShapeError(
                f"{who}: the sequences must have one dim or more and agree after the first, got "
                f"{tuple(each[0].shape)} at 0 and {tuple(x.shape)} at {i}"
            )
    lengths = [x.shape[0] for x in each]
    longest, batch, dtype = max(lengths), len(each), each[0].dtype
    if min(lengths) == longest:
        return weft.stack([x.to(dtype) for x in each], 0 if batch_first else 1)
    positions = []
    for i, length in enumerate(lengths):
        start = longest - length if padding_side == "left" else 0
        times = weft.arange(start, start + length, device=each[0].device)
        positions.append(times + i * longest if batch_first else times * batch + i)
    padded = each[0].new_full((batch * longest, *trailing), padding_value)
    padded = padded.index_copy(0, weft.cat(positions), weft.cat([x.to(dtype) for x in each]))
    return padded.reshape((*((batch, longest) if batch_first else (longest, batch)), *trailing))


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """Undo `pad_sequence`.

    Args:
        padded_sequences: (longest, batch, ...), or (batch, longest, ...) with `batch_first`.
        lengths: (batch,), how long each sequence is.
        batch_first: how `padded_sequences` is laid out.

    Returns:
        The sequences, each (its length, ...), in memory of their own.

    Source: PyTorch's `torch.nn.utils.rnn.unpad_sequence`.
    """
    each = padded_sequences.unbind(0 if batch_first else 1)
    if len(each) != len(lengths):
        raise ShapeError(
            f"unpad_sequence: expected a length for each of the {len(each)} sequences, got "
            f"{len(lengths)}"
        )
    numbers = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    return [x[:length].clone() for x, length in zip(each, numbers, strict=True)]


def pack_sequence(sequences: Iterable[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences of several lengths.

    Args:
        sequences: each (its length, ...).
        enforce_sorted: whether they must come longest first; else they are sorted.

    Raises:
        weft.ShapeError: as `pad_sequence` and `pack_padded_sequence`.

    Source: PyTorch's `torch.nn.utils.rnn.pack_sequence`.

    Example:
        >>> rnn = weft.nn.utils.rnn
        >>> rnn.pack_sequence([weft.tensor([1, 2, 3]), weft.tensor([4, 5])]).data.tolist()
        [1, 4, 2, 5, 3]
    """
    each = list(sequences)
    padded = pad_sequence(each)
    return pack_padded_sequence(padded, [x.shape[0] for x in each], enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Undo `pack_sequence`: the sequences, each (its length, ...), in the order that they had.

    Source: PyTorch's `torch.nn.utils.rnn.unpack_sequence`.
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
