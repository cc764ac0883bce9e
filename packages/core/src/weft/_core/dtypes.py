"""The dtypes, their order of promotion, and how Python scalars and 0-d tensors take part in it."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._backend.numpy_ import ml_dtypes
from weft._core.errors import DTypeError, did_you_mean

_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


class dtype:
    """An element type, such as ``weft.float32``. There is one instance of each.

    Attributes:
        name: its name without the module.
        numpy: the array library's dtype object.
        itemsize: bytes of one element.
        category: 0 for bool, 1 for integers, 2 for floating and 3 for complex numbers.
        is_complex: whether it is complex.
        is_float8: whether it is one of the 8-bit floats, which are for storage and casts.
        is_floating_point: whether it is floating.
        is_signed: whether it has negative numbers.
    """

    __slots__ = (
        "category",
        "is_complex",
        "is_float8",
        "is_floating_point",
        "is_signed",
        "itemsize",
        "name",
        "numpy",
    )

    def __init__(self, name: str, scalar: Any, kind: str, *, signed: bool = True) -> None:
        self.name = name
        self.numpy = np.dtype(scalar)
        self.itemsize = self.numpy.itemsize
        self.category = _CATEGORY[kind]
        self.is_floating_point = kind == "f"
        self.is_complex = kind == "c"
        self.is_float8 = kind == "f" and self.itemsize == 1
        self.is_signed = kind in "ifc" and signed

    def to_complex(self) -> dtype:
        """Return the complex dtype of this precision; complex64 for what is narrower."""
        if self.is_complex:
            return self
        return complex128 if self is float64 else complex64

    def to_real(self) -> dtype:
        """Return the floating dtype of a complex one's parts; of any other, itself."""
        if not self.is_complex:
            return self
        return float64 if self is complex128 else float32

    def __repr__(self) -> str:
        return f"weft.{self.name}"

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return by_name, (self.name,)


bool_ = dtype("bool", np.bool_, "b")
uint8 = dtype("uint8", np.uint8, "u")
uint16 = dtype("uint16", np.uint16, "u")
uint32 = dtype("uint32", np.uint32, "u")
uint64 = dtype("uint64", np.uint64, "u")
int8 = dtype("int8", np.int8, "i")
int16 = dtype("int16", np.int16, "i")
int32 = dtype("int32", np.int32, "i")
int64 = dtype("int64", np.int64, "i")
float16 = dtype("float16", np.float16, "f")
bfloat16 = dtype("bfloat16", ml_dtypes.bfloat16, "f")
float32 = dtype("float32", np.float32, "f")
float64 = dtype("float64", np.float64, "f")
complex64 = dtype("complex64", np.complex64, "c")
complex128 = dtype("complex128", np.complex128, "c")
float8_e4m3fn = dtype("float8_e4m3fn", ml_dtypes.float8_e4m3fn, "f")
float8_e5m2 = dtype("float8_e5m2", ml_dtypes.float8_e5m2, "f")
float8_e4m3fnuz = dtype("float8_e4m3fnuz", ml_dtypes.float8_e4m3fnuz, "f")
float8_e5m2fnuz = dtype("float8_e5m2fnuz", ml_dtypes.float8_e5m2fnuz, "f")
float8_e8m0fnu = dtype("float8_e8m0fnu", ml_dtypes.float8_e8m0fnu, "f", signed=False)

ALL: tuple[dtype, ...] = (
    bool_, uint8, uint16, uint32, uint64, int8, int16, int32, int64,
    float16, bfloat16, float32, float64, complex64, complex128,
)  # fmt: skip
#: For storage and casts only: no op computes in them, none is the result of promotion.
FLOAT8: tuple[dtype, ...] = (
    float8_e4m3fn, float8_e5m2, float8_e4m3fnuz, float8_e5m2fnuz, float8_e8m0fnu,
)  # fmt: skip
_BY_NUMPY = {d.numpy: d for d in (*ALL, *FLOAT8)}
_BY_NAME = {d.name: d for d in (*ALL, *FLOAT8)}
#: PyTorch's dtypes that weft has not, each with the reason.
ABSENT = {
    "complex32": "neither NumPy nor CuPy has arrays of half-precision complex numbers; use "
    "complex64",
    "chalf": "neither NumPy nor CuPy has arrays of half-precision complex numbers; use complex64",
}
_ALIASES = {
    "float": float32, "double": float64, "half": float16, "long": int64, "int": int32,
    "short": int16, "cfloat": complex64, "cdouble": complex128,
}  # fmt: skip
_default = float32


def by_name(name: str) -> dtype:
    """Return the dtype called ``name``, with or without ``weft.`` before it."""
    short = name.removeprefix("weft.")
    found = _BY_NAME.get(short) or _ALIASES.get(short)
    if short in ABSENT:
        raise DTypeError(f"dtype: weft has no {short}: {ABSENT[short]}")
    if found is None:
        raise DTypeError(f"dtype: no dtype is called {name!r}{did_you_mean(short, _BY_NAME)}")
    return found


def of(numpy_dtype: Any) -> dtype:
    """Return weft's dtype of an array's dtype object."""
    found = _BY_NUMPY.get(numpy_dtype)
    if found is None:
        raise DTypeError(
            f"dtype: arrays of {numpy_dtype} have no weft dtype; convert them first to one of "
            f"{', '.join(_BY_NAME)}"
        )
    return found


def canonical(wanted: Any) -> Any:
    """Return the array library's dtype object for anything that names a dtype.

    Args:
        wanted: a ``weft.dtype``, a NumPy dtype or scalar type, a name, or ``bool``, ``int``,
            ``float``, ``complex`` (int64, and the default floating and complex dtypes).
    """
    if isinstance(wanted, dtype):
        return wanted.numpy
    if isinstance(wanted, str):
        return by_name(wanted).numpy
    if isinstance(wanted, type) and wanted in (bool, int, float, complex):
        return scalar_dtype(wanted()).numpy
    try:
        return of(np.dtype(wanted)).numpy
    except TypeError as error:
        if isinstance(error, DTypeError):
            raise
        raise DTypeError(f"dtype: expected a dtype such as weft.float32, got {wanted!r}") from error


def get_default_dtype() -> dtype:
    """Return the floating dtype that ``weft.tensor([1.0])`` and factories use."""
    return _default


def set_default_dtype(wanted: dtype) -> None:
    """Set the floating dtype that ``weft.tensor([1.0])`` and factories use.

    Args:
        wanted: a floating dtype.

    Raises:
        DTypeError: it is not a floating dtype.
    """
    global _default
    if not (isinstance(wanted, dtype) and wanted.is_floating_point):
        raise DTypeError(f"set_default_dtype: expected a floating dtype, got {wanted!r}")
    _default = wanted


def default_complex() -> dtype:
    """Return the complex dtype whose parts are of the default floating dtype."""
    return complex128 if _default is float64 else complex64


def scalar_dtype(value: Any) -> dtype:
    """Return the dtype that a Python scalar would have as a tensor."""
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64
    if isinstance(value, float):
        return _default
    return default_complex()


def promote_types(first: dtype, second: dtype) -> dtype:
    """Return the smallest dtype to which both can be promoted, by PyTorch's rules.

    Args:
        first: a dtype.
        second: a dtype.

    Raises:
        DTypeError: one is uint64 and the other a signed integer, which nothing holds; or one is an
            8-bit float, which no op computes in.
    """
    if first is second:
        return first
    if first.is_float8 or second.is_float8:
        raise DTypeError(
            f"promote_types: {first} and {second} have no common dtype: 8-bit floats are for "
            f"storage; convert with .to(weft.float32) first"
        )
    low, high = sorted((first, second), key=lambda d: d.category)
    if low.category == 0:
        return high
    if low.category != high.category:
        if high.is_complex and low.is_floating_point and low is float64:
            return complex128
        return high
    if {low.name, high.name} == {"float16", "bfloat16"}:
        return float32
    if low.category == 1 and uint64 in (low, high) and low.is_signed != high.is_signed:
        raise DTypeError(
            f"promote_types: {first} and {second} have no common integer dtype; convert one"
        )
    return of(np.promote_types(low.numpy, high.numpy))


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether results of a dtype may be written into a tensor of another, by PyTorch's rule.

    A value may become one of a higher category (bool < integer < floating < complex) or of its
    own, whatever the precision.

    Args:
        from_: the dtype of the values.
        to: the dtype they are to have.
    """
    return from_.category <= to.category


def result_type(*operands: Any) -> dtype:
    """Return the dtype of an elementwise op over ``operands``.

    Tensors with dimensions come first, then 0-d tensors, then Python scalars: a lower rank changes
    the dtype only by a higher category (bool < integer < floating < complex).

    Args:
        operands: anything with ``dtype`` and ``ndim`` attributes, and Python scalars.
    """
    ranks: list[dtype | None] = [None, None, None]
    for operand in operands:
        rank, own = _rank(operand)
        held = ranks[rank]
        ranks[rank] = own if held is None else promote_types(held, own)
    result: dtype | None = None
    for own_or_none in ranks:
        if own_or_none is None:
            continue
        if result is None:
            result = own_or_none
        elif own_or_none.category > result.category:
            result = _raise_category(result, own_or_none)
    if result is None:
        raise DTypeError("result_type: at least one operand is needed")
    return result


def _raise_category(kept: dtype, higher: dtype) -> dtype:
    """Return ``higher``; of a floating ``kept``, the complex dtype of its precision."""
    if kept.category < 2:
        return higher
    if kept.is_float8:
        promote_types(kept, higher)  # raises
    return kept.to_complex()


def _rank(operand: Any) -> tuple[int, dtype]:
    if isinstance(operand, dtype):
        return 0, operand
    own = getattr(operand, "dtype", None)
    if own is None:
        return 2, scalar_dtype(operand)
    return (0 if operand.ndim else 1), own if isinstance(own, dtype) else of(own)
