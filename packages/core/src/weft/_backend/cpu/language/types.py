"""The numbers of the kernel language: how each lies in memory and what it is computed as."""

from __future__ import annotations

import functools
from typing import Any

from weft._backend.numpy_ import ml_dtypes, np


class Type:
    """A kind of number; there is one object of each.

    Attributes:
        name: as kernels write it.
        kind: ``"f"`` float, ``"i"`` signed, ``"u"`` unsigned, ``"b"`` truth.
        bits: its size; of a truth in registers 1, in memory 8.
        llvm: as LLVM calls it in registers.
        memory: as LLVM calls it in memory.
        lanes: how many numbers it is, if it is several side by side.
        element: the type of each of them.
    """

    # no dataclass: making two of them takes longer than a kernel takes from disk
    __slots__ = ("bits", "element", "kind", "lanes", "llvm", "memory", "name")

    def __init__(
        self, name: str, kind: str, bits: int, llvm: str, memory: str,
        lanes: int = 1, element: Any = None,
    ) -> None:  # fmt: skip
        self.name, self.kind, self.bits = name, kind, bits
        self.llvm, self.memory = llvm, memory
        self.lanes, self.element = lanes, element

    @property
    def compute(self) -> Type:
        """What loads of it give: half precision is computed in float32."""
        return f32 if self.name in ("f16", "bf16") else self

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return max(self.bits, 8) // 8

    def __repr__(self) -> str:
        return self.name


class Pointer:
    """The address of numbers of one type that lie side by side."""

    __slots__ = ("to",)
    llvm = "ptr"

    def __init__(self, to: Type) -> None:
        self.to = to

    def __eq__(self, other: object) -> bool:
        return type(other) is Pointer and other.to is self.to

    def __hash__(self) -> int:
        return hash((Pointer, self.to))

    def __repr__(self) -> str:
        return f"ptr({self.to})"


@functools.cache
def several(kind: Type) -> Type:
    """Return the type of as many numbers side by side as make up 64 bytes."""
    count = 64 // kind.size
    llvm = f"<{count} x {kind.llvm}>"
    return Type(f"{kind.name}x{count}", kind.kind, kind.bits, llvm, llvm, count, kind)


def _integer(name: str, kind: str, bits: int) -> Type:
    return Type(name, kind, bits, f"i{bits}", f"i{bits}")


f32 = Type("f32", "f", 32, "float", "float")
f64 = Type("f64", "f", 64, "double", "double")
f16 = Type("f16", "f", 16, "half", "half")
bf16 = Type("bf16", "f", 16, "bfloat", "i16")
boolean = Type("boolean", "b", 1, "i1", "i8")
i8, i16, i32, i64 = (_integer(f"i{n}", "i", n) for n in (8, 16, 32, 64))
u8, u16, u32, u64 = (_integer(f"u{n}", "u", n) for n in (8, 16, 32, 64))

ALL = (f32, f64, f16, bf16, boolean, i8, i16, i32, i64, u8, u16, u32, u64)
BY_NAME = {t.name: t for t in ALL}
#: By NumPy's dtype.
_BY_DTYPE: dict[np.dtype[Any], Type] = {
    np.dtype(dtype): kind
    for dtype, kind in {
        np.float32: f32,
        np.float64: f64,
        np.float16: f16,
        ml_dtypes.bfloat16: bf16,
        np.bool_: boolean,
        np.int8: i8,
        np.int16: i16,
        np.int32: i32,
        np.int64: i64,
        np.uint8: u8,
        np.uint16: u16,
        np.uint32: u32,
        np.uint64: u64,
    }.items()
}


def ptr(to: Type) -> Pointer:
    """Return the type of addresses of such numbers."""
    return Pointer(to)


def type_of(dtype: Any) -> Type | None:
    """Return the type of an array's numbers by its NumPy dtype; None if kernels know no such."""
    return _BY_DTYPE.get(dtype)
