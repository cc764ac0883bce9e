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


class TypedStorage:
    """The same memory in elements of the tensor's dtype: what older code gets by `storage()`."""

    __slots__ = ("_memory", "dtype")

    def __init__(self, memory: Any, dtype: Any) -> None:
        self._memory = memory
        self.dtype = dtype

    def untyped(self) -> UntypedStorage:
        """Return it as bytes."""
        return UntypedStorage(self._memory)

    def data_ptr(self) -> int:
        """Return the address of the first element."""
        return self.untyped().data_ptr()

    def nbytes(self) -> int:
        """Return the number of bytes."""
        return self.untyped().nbytes()

    def element_size(self) -> int:
        """Return the bytes of an element."""
        size: int = self.dtype.itemsize
        return size

    def size(self) -> int:
        """Return the number of elements."""
        return self.nbytes() // self.element_size()

    __len__ = size

    def tolist(self) -> list[Any]:
        """Return the elements as numbers."""
        flat = np.frombuffer(self._memory.tobytes("A"), self.dtype.numpy, self.size())
        found: list[Any] = flat.tolist()
        return found

    def __getitem__(self, index: Any) -> Any:
        return self.tolist()[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypedStorage) and self.data_ptr() == other.data_ptr()

    def __hash__(self) -> int:
        return hash(self.data_ptr())

    def __repr__(self) -> str:
        return f"<storage of {self.size()} {self.dtype} at {self.data_ptr():#x}>"


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


def storage(self: Tensor) -> TypedStorage:
    """Return the memory that this tensor shares with its views, in elements of its dtype.

    Raises:
        RuntimeError: the tensor has no data (meta device, or inside a transform).
    """
    share(self)
    return TypedStorage(_owner(array_of(self, "storage")), self.dtype)


def share_memory_(self: Tensor) -> Tensor:
    """Move to memory that processes forked from this one share, in place; return the tensor.

    What one of them then writes to it, all others read. Views that were made before keep the old
    memory. A tensor that is pickled, as for a process that is spawned, is copied.

    Raises:
        RuntimeError: the tensor has no data, or does not lie on the CPU.
    """
    array = array_of(self, "share_memory_")
    if not isinstance(array, ndarray):
        raise RuntimeError(f"share_memory_: the tensor must lie on the CPU, not on {self.device}")
    if array.size and not is_shared(self):
        from mmap import mmap

        memory = mmap(-1, array.nbytes)
        shared = np.frombuffer(memory, array.dtype).reshape(array.shape)
        shared[...] = array
        self._data = shared
        self._version = None
    return self


def is_shared(self: Tensor) -> bool:
    """Return whether the memory is one that forked processes share."""
    from mmap import mmap  # here, so that `import weft` loads no more than it needs

    above = array_of(self, "is_shared")
    while above is not None and not isinstance(above, mmap):
        above = above.obj if isinstance(above, memoryview) else getattr(above, "base", None)
    return above is not None


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
    "is_shared": is_shared,
    "share_memory_": share_memory_,
    "storage": storage,
    "untyped_storage": untyped_storage,
}
