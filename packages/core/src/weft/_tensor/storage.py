"""The memory under a tensor: where it starts, how much there is, who shares it."""

from __future__ import annotations

from typing import Any

from weft._backend import ndarray, np
from weft._core import dtypes
from weft._core.moving import share
from weft._core.tensor import Tensor, wrap
from weft._tensor.access import array_of
from weft._tensor.layout import stride
from weft.ops.memory import is_contiguous


class UntypedStorage:
    """The bytes that a tensor and its views share, as PyTorch's class of that name shows them.

    It can be asked for address and length, and read; tensors are written through their own methods.
    """

    __slots__ = ("_memory",)

    def __init__(self, memory: Any) -> None:
        self._memory = memory

    def data_ptr(self) -> int:
        """Return the address of the first byte."""
        return int(self._memory.ctypes.data)

    def nbytes(self) -> int:
        """Return the number of bytes."""
        return int(self._memory.nbytes)

    size = nbytes
    __len__ = nbytes

    def tolist(self) -> list[int]:
        """Return the bytes as numbers."""
        return list(self._memory.tobytes("A"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and self.data_ptr() == other.data_ptr()

    def __hash__(self) -> int:
        return hash(self.data_ptr())

    def __repr__(self) -> str:
        return f"<storage of {self.nbytes()} bytes at {self.data_ptr():#x}>"


def _owner(data: Any) -> Any:
    """Return the array whose memory another array views."""
    while type(data.base) is ndarray:
        data = data.base
    return data


def untyped_storage(self: Tensor) -> UntypedStorage:
    """Return the memory that this tensor shares with its views.

    Raises:
        RuntimeError: the tensor has no data (meta device, or inside a transform).
    """
    share(self)
    return UntypedStorage(_owner(array_of(self, "untyped_storage")))


def dim_order(self: Tensor, *, ambiguity_check: Any = False) -> tuple[int, ...]:
    """Return the dims from the outermost in memory to the innermost.

    Args:
        ambiguity_check: True, or a list of memory formats: raise where several orders fit, or
            several of those formats. Dims of length 1 fit anywhere.

    Raises:
        RuntimeError: several fit.
        TypeError: ambiguity_check is something else.
    """
    steps = stride(self)
    if ambiguity_check:
        _check_order(self, steps, ambiguity_check)
    return tuple(sorted(range(len(steps)), key=lambda d: -steps[d]))


def _check_order(self: Tensor, steps: tuple[int, ...], wanted: Any) -> None:
    if isinstance(wanted, (list, tuple)):
        fitting = [f for f in wanted if is_contiguous(self, f)]
        if len(fitting) > 1:
            raise RuntimeError(
                f"dim_order: the memory of shape {tuple(self.shape)} fits several formats: "
                f"{', '.join(map(repr, fitting))}"
            )
    elif wanted is not True:
        raise TypeError(
            f"dim_order: ambiguity_check must be a bool or a list of memory formats, got {wanted!r}"
        )
    elif len(set(steps)) < len(steps) or 1 in tuple(self.shape):
        raise RuntimeError(
            f"dim_order: shape {tuple(self.shape)} with strides {steps} fits several orders of dims"
        )


def from_file(
    filename: str, shared: bool | None = None, size: int = 0, *, dtype: Any = None
) -> Tensor:
    """Return a 1-d tensor over a file mapped into memory.

    Args:
        filename: the file.
        shared: whether writes go to the file, which is made or lengthened as needed; otherwise they
            stay in this process.
        size: the number of elements.
        dtype: their dtype; the default floating dtype if None.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it holds fewer elements than asked for, and is not shared.
    """
    own = dtypes.get_default_dtype().numpy if dtype is None else dtypes.canonical(dtype)
    from pathlib import Path  # a few ms, of which `import weft` has few

    path = Path(filename)
    if not shared:
        held = path.stat().st_size
        if held < size * own.itemsize:
            raise ValueError(
                f"from_file: {size} elements of {dtypes.of(own)} need {size * own.itemsize} bytes, "
                f"but {filename} holds {held}"
            )
    elif not path.exists() or path.stat().st_size < size * own.itemsize:
        with path.open("ab") as file:
            file.truncate(size * own.itemsize)
    mode: Any = "r+" if shared else "c"
    return wrap(np.asarray(np.memmap(filename, own, mode, shape=(size,))))


METHODS: dict[str, Any] = {
    "dim_order": dim_order,
    "untyped_storage": untyped_storage,
}
