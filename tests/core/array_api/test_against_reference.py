"""The namespace beside ``array_api_strict``, the standard's reference, over its dtypes."""

from __future__ import annotations

import itertools
import math
from typing import Any

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weft
import weft.array_api as xp

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
REAL = ["float32", "float64"]
COMPLEX = ["complex64", "complex128"]
FLOATING = [*REAL, *COMPLEX]
NUMERIC = [*INTEGERS, *FLOATING]
ANY = ["bool", *NUMERIC]
KINDS = {
    "any": ANY,
    "numeric": NUMERIC,
    "real": [*INTEGERS, *REAL],
    "floating": FLOATING,
    "real floating": REAL,
    "complex": COMPLEX,
    "integer": INTEGERS,
    "bits": ["bool", *INTEGERS],
    "bool": ["bool"],
}
RTOL = {"float32": 2e-5, "complex64": 2e-5, "float64": 1e-11, "complex128": 1e-11}


@pytest.fixture(autouse=True)
def newest_standard():
    strict.set_array_api_strict_flags(api_version="2025.12")
    yield
    strict.reset_array_api_strict_flags()


def drawn(dtype: str, shape: tuple[int, ...], seed: int, low: float = -4, high: float = 4) -> Any:
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if "int" in dtype:
        least = max(int(low), 0) if dtype.startswith("u") else int(low)
        return rng.integers(least, int(high) + 1, shape).astype(dtype)
    data = np.asarray(rng.uniform(low, high, shape))
    if dtype.startswith("complex"):
        data = data + 1j * rng.uniform(low, high, shape)
    return np.asarray(data.astype(dtype))


def mine(value: Any) -> Any:
    """The value with arrays as tensors."""
    if isinstance(value, np.ndarray):
        return weft.from_numpy(value.copy())
    if isinstance(value, (tuple, list)):
        return type(value)(mine(v) for v in value)
    return value


def reference(value: Any) -> Any:
    """The value with arrays as the reference's."""
    if isinstance(value, np.ndarray):
        return strict.asarray(value.copy())
    if isinstance(value, (tuple, list)):
        return type(value)(reference(v) for v in value)
    return value


def agree(got: Any, wanted: Any, loose: float = 1.0) -> None:
    if isinstance(wanted, tuple):
        assert isinstance(got, tuple)
        assert len(got) == len(wanted)
        if hasattr(wanted, "_fields"):
            assert got._fields == wanted._fields
        for one, other in zip(got, wanted, strict=True):
            agree(one, other, loose)
        return
    if isinstance(wanted, (int, bool)):
        assert got == wanted
        return
    expected = np.asarray(wanted)
    assert str(got.dtype) == f"weft.{expected.dtype}"
    assert tuple(got.shape) == expected.shape
    rtol = RTOL.get(str(expected.dtype), 0) * loose
    np.testing.assert_allclose(got.numpy(), expected, rtol=rtol, atol=rtol)


def compare(path: str, *args: Any, loose: float = 1.0, **kwargs: Any) -> None:
    ours: Any = xp
    theirs: Any = strict
    for part in path.split("."):
        ours, theirs = getattr(ours, part), getattr(theirs, part)
    wanted = theirs(*reference(args), **{k: reference(v) for k, v in kwargs.items()})
    agree(ours(*mine(args), **{k: mine(v) for k, v in kwargs.items()}), wanted, loose)


SHAPES = st.sampled_from([(), (1,), (4,), (0,), (2, 3), (3, 1), (0, 2), (2, 1, 3)])
SEEDS = st.integers(0, 2**32 - 1)
MANY = settings(max_examples=20, deadline=None, derandomize=True)

# --- Element-wise Functions --------------------------------------------------------------------

#: name: kind, and the range its arguments are drawn from where it matters.
UNARY: dict[str, tuple[Any, ...]] = {
    "abs": ("numeric",), "acos": ("floating", -0.9, 0.9), "acosh": ("floating", 1.1, 4),
    "asin": ("floating", -0.9, 0.9), "asinh": ("floating",), "atan": ("floating", -0.9, 0.9),
    "atanh": ("floating", -0.9, 0.9), "bitwise_invert": ("bits",), "ceil": ("real",),
    "conj": ("numeric",), "cos": ("floating",), "cosh": ("floating",), "exp": ("floating",),
    "expm1": ("floating",), "floor": ("real",), "imag": ("complex",), "isfinite": ("numeric",),
    "isinf": ("numeric",), "isnan": ("numeric",), "log": ("floating", 0.1, 4),
    "log1p": ("floating", 0.1, 4), "log2": ("floating", 0.1, 4), "log10": ("floating", 0.1, 4),
    "logical_not": ("bool",), "negative": ("numeric",), "positive": ("numeric",),
    "real": ("numeric",), "reciprocal": ("floating", 0.5, 4), "round": ("numeric",),
    "sign": ("numeric",), "signbit": ("real floating",), "sin": ("floating",),
    "sinh": ("floating",), "sqrt": ("floating", 0, 4), "square": ("numeric",),
    "tan": ("floating", -1, 1), "tanh": ("floating", -1, 1), "trunc": ("real",),
}  # fmt: skip
BINARY: dict[str, tuple[Any, ...]] = {
    "add": ("numeric",), "atan2": ("real floating",), "bitwise_and": ("bits",),
    "bitwise_left_shift": ("integer", 0, 3), "bitwise_or": ("bits",),
    "bitwise_right_shift": ("integer", 0, 3), "bitwise_xor": ("bits",),
    "copysign": ("real floating",), "divide": ("floating", 0.5, 4), "equal": ("any",),
    "floor_divide": ("real", 1, 4), "greater": ("real",), "greater_equal": ("real",),
    "hypot": ("real floating",), "less": ("real",), "less_equal": ("real",),
    "logaddexp": ("real floating",), "logical_and": ("bool",), "logical_or": ("bool",),
    "logical_xor": ("bool",), "maximum": ("real",), "minimum": ("real",),
    "multiply": ("numeric",), "nextafter": ("real floating",), "not_equal": ("any",),
    "pow": ("numeric", 0, 3), "remainder": ("real", 1, 4), "subtract": ("numeric",),
}  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
@given(st.data())
@MANY
def test_a_function_of_one_array(name, data):
    kind, *bounds = UNARY[name]
    dtype = data.draw(st.sampled_from(KINDS[kind]))
    x = drawn(dtype, data.draw(SHAPES), data.draw(SEEDS), *bounds)
    compare(name, x, loose=10)


@pytest.mark.parametrize("name", UNARY)
def test_a_function_of_one_array_refuses_other_kinds(name):
    kind = UNARY[name][0]
    for dtype in ANY:
        if dtype not in KINDS[kind]:
            with pytest.raises(TypeError, match=rf"^{name}: expected .* dtype, got weft\.{dtype}"):
                getattr(xp, name)(mine(drawn(dtype, (2,), 0)))
    with pytest.raises(TypeError, match=f"^{name}: expected a weft.Tensor, got float"):
        getattr(xp, name)(1.5)


PAIRS = st.sampled_from(
    [((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (4,)), ((2,), ()), ((), ()),
     ((0, 3), (1, 3)), ((1,), (0,))]
)  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
@given(st.data())
@MANY
def test_a_function_of_two_arrays(name, data):
    kind, *bounds = BINARY[name]
    first = data.draw(st.sampled_from(KINDS[kind]))
    second = data.draw(st.sampled_from([d for d in KINDS[kind] if promotes(first, d)]))
    shapes = data.draw(PAIRS)
    x, y = (
        drawn(d, shape, data.draw(SEEDS), *bounds)
        for d, shape in zip((first, second), shapes, strict=True)
    )
    compare(name, x, y, loose=10)


def promotes(first: str, second: str) -> bool:
    try:
        strict.result_type(getattr(strict, first), getattr(strict, second))
    except TypeError:
        return False
    return True


@pytest.mark.parametrize("name", BINARY)
def test_a_function_of_two_arrays_refuses_mixed_kinds(name):
    kind = KINDS[BINARY[name][0]]
    refused = 0
    for first, second in itertools.product(ANY, ANY):
        if first in kind and second in kind and promotes(first, second):
            continue
        with pytest.raises((TypeError, ValueError)):
            getattr(xp, name)(mine(drawn(first, (2,), 0, 1)), mine(drawn(second, (2,), 1, 1)))
        refused += 1
    assert refused


SCALARS = {"bool": [True], "integer": [3], "real": [2, 2.5], "complex": [2, 2.5, 1 + 2j]}


@pytest.mark.parametrize("name", BINARY)
def test_a_python_scalar_takes_the_arrays_dtype(name):
    for dtype in KINDS[BINARY[name][0]]:
        kind = (
            "bool" if dtype == "bool" else "integer" if "int" in dtype
            else "real" if dtype in REAL else "complex"
        )  # fmt: skip
        x = drawn(dtype, (3,), 5, 1, 3)
        for scalar in SCALARS[kind]:
            compare(name, x, scalar, loose=20)
            compare(name, scalar, x, loose=20)
        if kind != "complex":
            with pytest.raises(TypeError, match="does not go with an array of"):
                getattr(xp, name)(mine(x), 2j)
    with pytest.raises(TypeError, match=f"{name}: at least one argument must be a weft.Tensor"):
        getattr(xp, name)(1, 2)


@given(st.data())
@MANY
def test_clip(data):
    dtype = data.draw(st.sampled_from(KINDS["real"]))
    x = drawn(dtype, (2, 3), data.draw(SEEDS))
    low, high = data.draw(st.sampled_from([(None, None), (1, None), (None, 2), (1, 3), (0, 0)]))
    compare("clip", x, low, high)
    compare("clip", x, min=np.asarray(1, dtype), max=np.full(3, 2, dtype))


# --- Data Type Functions -----------------------------------------------------------------------


def test_result_type_of_every_pair():
    for first, second in itertools.product(ANY, ANY):
        if promotes(first, second):
            wanted = strict.result_type(getattr(strict, first), getattr(strict, second))
            got = xp.result_type(getattr(xp, first), mine(drawn(second, (2,), 0)))
            assert str(got) == f"weft.{wanted._np_dtype}"
        else:
            with pytest.raises(TypeError):
                xp.result_type(getattr(xp, first), getattr(xp, second))
        can = strict.can_cast(getattr(strict, first), getattr(strict, second))
        assert xp.can_cast(getattr(xp, first), getattr(xp, second)) is can
    assert xp.result_type(xp.float32, 1, 2.5) is xp.float32
    with pytest.raises(TypeError, match=r"the float 2\.5 does not go"):
        xp.result_type(xp.int8, 2.5)
    with pytest.raises(ValueError, match="at least one array or dtype"):
        xp.result_type(1, 2)


def test_a_0d_array_promotes_as_every_array_does():
    assert xp.add(xp.ones(3, dtype=xp.float32), xp.ones((), dtype=xp.float64)).dtype is xp.float64


def test_isdtype_of_every_kind():
    kinds = ["bool", "signed integer", "unsigned integer", "integral", "real floating",
             "complex floating", "numeric"]  # fmt: skip
    for dtype, kind in itertools.product(ANY, kinds):
        wanted = strict.isdtype(getattr(strict, dtype), kind)
        assert xp.isdtype(getattr(xp, dtype), kind) is wanted
    assert xp.isdtype(xp.int8, (xp.int16, "bool")) is False
    assert xp.isdtype(xp.int8, (xp.int8, "bool")) is True
    assert xp.isdtype(weft.bfloat16, "real floating")
    with pytest.raises(ValueError, match="no kind is called 'integer'"):
        xp.isdtype(xp.int8, "integer")
    with pytest.raises(TypeError):
        xp.isdtype("int8", "integral")


@pytest.mark.parametrize("dtype", NUMERIC)
def test_limits(dtype):
    name = "iinfo" if "int" in dtype else "finfo"
    wanted = getattr(strict, name)(getattr(strict, dtype))
    for asked in (getattr(xp, dtype), mine(drawn(dtype, (1,), 0))):
        got = getattr(xp, name)(asked)
        for field in ("bits", "max", "min", *(("eps", "smallest_normal") * (name == "finfo"))):
            assert getattr(got, field) == pytest.approx(getattr(wanted, field), rel=1e-7), field
        assert str(got.dtype) == f"weft.{wanted.dtype._np_dtype}"


def test_astype():
    for first, second in itertools.product(ANY, ANY):
        x = drawn(first, (2, 2), 0, 0)
        if first in COMPLEX and second not in COMPLEX:
            with pytest.raises(TypeError, match=r"take real\(x\) or imag\(x\)"):
                xp.astype(mine(x), getattr(xp, second))
            continue
        agree(
            xp.astype(mine(x), getattr(xp, second)),
            strict.astype(reference(x), getattr(strict, second)),
        )
    x = xp.ones(2)
    assert xp.astype(x, x.dtype, copy=False) is x
    assert xp.astype(x, x.dtype) is not x


# --- Creation Functions ------------------------------------------------------------------------


def dtyped(dtype: str | None) -> list[dict[str, Any]]:
    return [{"dtype": None if dtype is None else getattr(m, dtype)} for m in (xp, strict)]


@pytest.mark.parametrize("dtype", NUMERIC)
def test_creation(dtype):
    ours, theirs = dtyped(dtype)
    for call in (
        lambda m, d: m.zeros((2, 3), **d),
        lambda m, d: m.ones(3, **d),
        lambda m, d: m.full((2,), 3, **d),
        lambda m, d: m.eye(3, **d),
        lambda m, d: m.eye(2, 4, k=1, **d),
        lambda m, d: m.eye(4, 2, k=-2, **d),
        lambda m, d: m.eye(0, 2, **d),
        lambda m, d: m.asarray([[1, 2], [3, 4]], **d),
        lambda m, d: m.zeros_like(m.ones((2, 1), **d)),
        lambda m, d: m.ones_like(m.zeros(2), **d),
        lambda m, d: m.full_like(m.ones((2, 1), **d), 2),
    ):
        agree(call(xp, ours), call(strict, theirs))
    assert xp.empty((2, 3), **ours).shape == (2, 3)
    assert xp.empty_like(xp.ones(4, **ours)).dtype is ours["dtype"]


@pytest.mark.parametrize("dtype", [*INTEGERS, *REAL])
def test_arange(dtype):
    ours, theirs = dtyped(dtype)
    for args in ((5,), (1, 4), (0, 10, 3), (5, 1), (5, 5), (0,), (3, 0, 1)):
        agree(xp.arange(*args, **ours), strict.arange(*args, **theirs))
    if not dtype.startswith("u"):
        agree(xp.arange(5, -5, -2, **ours), strict.arange(5, -5, -2, **theirs))
    assert xp.arange(3).dtype is xp.int64
    assert xp.arange(3.0).dtype is weft.get_default_dtype()
    with pytest.raises(ValueError, match="step must not be 0"):
        xp.arange(1, 2, 0)


@pytest.mark.parametrize("dtype", FLOATING)
def test_linspace(dtype):
    ours, theirs = dtyped(dtype)
    for args in ((0, 1, 5), (2.5, -3, 4), (1, 1, 3), (0, 1, 1), (0, 1, 0)):
        for endpoint in (True, False):
            agree(
                xp.linspace(*args, endpoint=endpoint, **ours),
                strict.linspace(*args, endpoint=endpoint, **theirs),
            )
    if dtype in COMPLEX:
        agree(xp.linspace(1j, 2, 4, **ours), strict.linspace(1j, 2, 4, **theirs))
    assert xp.linspace(0, 1j, 3).dtype is xp.complex64


def test_default_dtypes_are_the_ones_that_the_namespace_names():
    defaults = xp.__array_namespace_info__().default_dtypes()
    assert xp.zeros(1).dtype is xp.asarray([1.5]).dtype is defaults["real floating"]
    assert xp.asarray(2j).dtype is xp.full(1, 1j).dtype is defaults["complex floating"]
    assert xp.asarray([1, 2]).dtype is xp.full(1, 1).dtype is defaults["integral"]
    assert xp.asarray(True).dtype is xp.full(1, False).dtype is xp.bool
    assert xp.argmax(xp.ones(2)).dtype is defaults["indexing"]


def test_asarray_shares_and_copies_as_it_is_told():
    x = xp.ones(3)
    assert xp.asarray(x) is x
    assert xp.asarray(x, copy=True).data_ptr() != x.data_ptr()
    with pytest.raises(ValueError, match="copy=False"):
        xp.asarray(x, dtype=xp.float64, copy=False)
    with pytest.raises(ValueError, match="a list has no memory"):
        xp.asarray([1], copy=False)
    import array

    buffer = array.array("d", [1.0, 2.0])
    shared = xp.asarray(buffer)
    assert shared.dtype is xp.float64
    buffer[0] = 5
    assert shared[0].item() == 5
    with pytest.raises(TypeError, match="got object"):
        xp.asarray(object())
    with pytest.raises(TypeError, match="expected a dtype such as float32"):
        xp.asarray([1], dtype="float32")
    with pytest.raises(OverflowError):
        xp.asarray(2**70)
    with pytest.raises(TypeError, match="joined by stack"):
        xp.asarray([[1, 2], [3, xp.asarray(4)]])


def test_meshgrid():
    x, y, z = drawn("int64", (3,), 0), drawn("int64", (2,), 1), drawn("int64", (1,), 2)
    for indexing in ("xy", "ij"):
        for arrays in ((x,), (x, y), (x, y, z), ()):
            compare("meshgrid", *arrays, indexing=indexing)
    with pytest.raises(ValueError, match="all arrays must have one dtype"):
        xp.meshgrid(xp.ones(2), xp.ones(2, dtype=xp.int64))


def test_triangles():
    x = drawn("float64", (2, 3, 4), 0)
    for name, k in itertools.product(("tril", "triu"), (-2, 0, 1, 5)):
        compare(name, x, k=k)


def test_from_dlpack_takes_the_references_arrays():
    theirs = strict.arange(3, dtype=strict.float32)
    agree(xp.from_dlpack(theirs), theirs)
    agree(xp.arange(3, dtype=xp.float32), strict.from_dlpack(xp.arange(3, dtype=xp.float32)))


# --- Manipulation Functions --------------------------------------------------------------------


def test_manipulation():
    x = drawn("float32", (2, 3, 4), 0)
    one = drawn("float32", (2, 1, 4), 1)
    whole = drawn("int16", (2, 3, 4), 2)
    tiny = drawn("int8", (2, 3, 4), 3)
    compare("broadcast_arrays", x, one, drawn("int8", (), 0))
    compare("broadcast_to", one, (5, 2, 3, 4))
    for axis in (0, 1, -1, None):
        compare("concat", [whole, tiny], axis=axis)
        compare("flip", x, axis=axis)
        compare("roll", x, 2, axis=axis)
        compare("repeat", x, 2, axis=axis)
    compare("concat", (x, one), axis=1)
    compare("flip", x, axis=(0, -1))
    compare("roll", x, (1, -2), axis=(0, 2))
    compare("roll", x, 1, axis=(0, 2))
    compare("repeat", x, np.array([2, 0, 1]), axis=1)
    compare("repeat", x, np.array([3]), axis=0)
    for axis in (0, 2, 3, -1, -4):
        compare("expand_dims", x, axis)
        compare("stack", [whole, tiny], axis=axis)
    compare("moveaxis", x, 0, -1)
    compare("moveaxis", x, (0, 1), (-1, 0))
    compare("moveaxis", x, (2, 0), (0, 2))
    compare("permute_dims", x, (2, 0, 1))
    compare("reshape", x, (4, 6))
    compare("reshape", x, (-1, 2))
    compare("reshape", x, (24,), copy=True)
    compare("squeeze", one, 1)
    compare("squeeze", one, (-2,))
    compare("tile", x, (2, 1, 3))
    compare("tile", x, (2, 1, 1, 3))
    compare("tile", x, (2,))
    for axis in (0, 1, -1):
        compare("unstack", x, axis=axis)


def test_manipulation_of_the_newest_standard():
    x = xp.ones((2, 3))
    assert xp.expand_dims(x, (0, -1)).shape == (1, 2, 3, 1)
    assert xp.expand_dims(x, (1, 2)).shape == (2, 1, 1, 3)
    assert xp.permute_dims(x, (-1, 0)).shape == (3, 2)
    assert xp.broadcast_shapes() == ()
    assert xp.broadcast_shapes((2, 1), (3,), ()) == (2, 3)
    assert xp.broadcast_shapes((0, 1), (1, 4)) == (0, 4)
    assert isinstance(xp.broadcast_arrays(x, x), tuple)
    assert isinstance(xp.meshgrid(xp.ones(2)), tuple)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda x: xp.expand_dims(x, 4), IndexError),
        (lambda x: xp.expand_dims(x, (0, 0)), ValueError),
        (lambda x: xp.squeeze(x, 0), ValueError),
        (lambda x: xp.squeeze(x, 3), IndexError),
        (lambda x: xp.concat([x, x], axis=2), IndexError),
        (lambda x: xp.concat([x, xp.ones((2, 4))]), ValueError),
        (lambda x: xp.concat([x, xp.ones((2, 3), dtype=xp.int8)]), TypeError),
        (lambda x: xp.concat([]), ValueError),
        (lambda x: xp.concat(x), TypeError),
        (lambda x: xp.stack([x, xp.ones(3)]), ValueError),
        (lambda x: xp.stack([x, x], axis=3), IndexError),
        (lambda x: xp.broadcast_to(x, (3, 2)), ValueError),
        (lambda x: xp.broadcast_to(x, (3,)), ValueError),
        (lambda x: xp.broadcast_shapes((2,), (3,)), ValueError),
        (lambda x: xp.permute_dims(x, (0, 0)), ValueError),
        (lambda x: xp.permute_dims(x, (0,)), ValueError),
        (lambda x: xp.moveaxis(x, 0, 2), IndexError),
        (lambda x: xp.reshape(x, (5,)), ValueError),
        (lambda x: xp.reshape(x.T, (6,), copy=False), ValueError),
        (lambda x: xp.tile(x, 2), TypeError),
        (lambda x: xp.flip(x, axis=2), IndexError),
        (lambda x: xp.unstack(x, axis=2), IndexError),
        (lambda x: xp.roll(x, (1, 2), axis=(0,)), ValueError),
        (lambda x: xp.repeat(x, xp.ones(3), axis=1), TypeError),
        (lambda x: xp.take(x, xp.asarray([0])), ValueError),
        (lambda x: xp.take(x, xp.asarray([5]), axis=0), IndexError),
        (lambda x: xp.take(x, xp.ones(1), axis=0), TypeError),
        (lambda x: xp.nonzero(xp.sum(x)), ValueError),
        (lambda x: xp.where(x, x, x), TypeError),
        (lambda x: xp.cumulative_sum(x), ValueError),
        (lambda x: xp.searchsorted(x, x), ValueError),
        (lambda x: xp.vecdot(x, x, axis=0), ValueError),
        (lambda x: xp.vecdot(x, xp.ones((2, 1))), ValueError),
        (lambda x: xp.matrix_transpose(xp.ones(2)), ValueError),
        (lambda x: xp.matmul(x, x), ValueError),
        (lambda x: xp.diff(x, n=-1), ValueError),
        (lambda x: xp.max(xp.ones((0, 2)), axis=0), (ValueError, IndexError)),
    ],
)
def test_what_the_standard_calls_an_error_is_one(call, error):
    with pytest.raises(error):
        call(xp.ones((2, 3)))


# --- Searching, Sorting, Set, Indexing, Utility ------------------------------------------------


@pytest.mark.parametrize("dtype", KINDS["real"])
def test_searching_and_sorting(dtype):
    x = drawn(dtype, (3, 4), 1)
    for axis in (None, 0, -1):
        for keepdims in (False, True):
            compare("argmax", x, axis=axis, keepdims=keepdims)
            compare("argmin", x, axis=axis, keepdims=keepdims)
    for axis, descending in itertools.product((0, 1, -1), (False, True)):
        compare("sort", x, axis=axis, descending=descending)
        compare("argsort", x, axis=axis, descending=descending)
    row = np.sort(x.reshape(-1))
    for side in ("left", "right"):
        compare("searchsorted", row, x, side=side)
        compare("searchsorted", x[0], x, side=side, sorter=np.argsort(x[0]))
        assert xp.searchsorted(mine(row), 1, side=side).shape == ()


@pytest.mark.parametrize("dtype", ANY)
def test_searching_in_any_dtype(dtype):
    x, y = drawn(dtype, (3, 4), 1), drawn(dtype, (4,), 2)
    for axis, keepdims in itertools.product((None, 0, (0, 1), ()), (False, True)):
        compare("count_nonzero", x, axis=axis, keepdims=keepdims)
        compare("all", x, axis=axis, keepdims=keepdims)
        compare("any", x, axis=axis, keepdims=keepdims)
    compare("nonzero", x)
    compare("where", x != 0, x, y)
    compare("take", x, np.array([2, 0, -1]), axis=1)
    compare("take", y, np.array([1, 1]))
    compare("take_along_axis", x, np.array([[0, 3], [1, -1], [2, 2]]), axis=1)
    compare("take_along_axis", x, np.array([[2, 0, 1, -3]]), axis=0)


@pytest.mark.parametrize("dtype", ANY)
def test_sets(dtype):
    x = drawn(dtype, (3, 5), 3, -2, 2)
    if dtype in FLOATING:
        x = np.round(x)
    for name in ("unique_all", "unique_counts", "unique_inverse", "unique_values"):
        compare(name, x)
        compare(name, x[:0])
    y = x.reshape(-1)[:3]
    # The reference takes integers alone, as the standard asks; other dtypes go by NumPy.
    wanted = np.isin(x, y)
    assert xp.isin(mine(x), mine(y)).tolist() == wanted.tolist()
    assert xp.isin(mine(x), mine(y), invert=True).tolist() == (~wanted).tolist()
    if dtype in INTEGERS:
        agree(xp.isin(mine(x), mine(y)), strict.isin(reference(x), reference(y)))
        agree(xp.isin(mine(x), 1), strict.isin(reference(x), 1))


def test_every_nan_is_a_value_of_its_own():
    x = xp.asarray([1.0, math.nan, 1.0, math.nan])
    values, indices, inverse, counts = xp.unique_all(x)
    assert counts.tolist() == [2, 1, 1]
    assert values[0].item() == 1
    assert indices[0].item() == 0
    assert sorted(inverse.tolist()) == [0, 0, 1, 2]


@pytest.mark.parametrize("dtype", NUMERIC)
def test_diff(dtype):
    x = drawn(dtype, (3, 4), 1)
    for axis, n in itertools.product((0, -1), (0, 1, 2, 5)):
        compare("diff", x, axis=axis, n=n)
    compare("diff", x, prepend=x[:, :1], append=x[:, 1:])


# --- Statistical Functions ---------------------------------------------------------------------

AXES = [None, 0, -1, (0, 2), (), (0, 1, 2)]


@pytest.mark.parametrize("dtype", NUMERIC)
def test_sums_and_products(dtype):
    x = drawn(dtype, (2, 3, 2), 1, 1, 2)
    for axis, keepdims in itertools.product(AXES, (False, True)):
        for name in ("sum", "prod"):
            compare(name, x, axis=axis, keepdims=keepdims)
    for name in ("sum", "prod"):
        compare(name, x[:0], axis=0)
        compare(name, np.asarray(x[0, 0, 0]))
        ours, theirs = (getattr(m, name)(a, dtype=m.complex128) for m, a in
                        ((xp, mine(x)), (strict, reference(x))))  # fmt: skip
        agree(ours, theirs)
    for name, axis in itertools.product(("cumulative_sum", "cumulative_prod"), (0, 1, -1)):
        # The reference leaves uint8 and its kin to NumPy, whose platform integer is 64 bits.
        compare(name, x, axis=axis)
        compare(name, x, axis=axis, include_initial=True)
    compare("cumulative_sum", x[0, 0])


@pytest.mark.parametrize("dtype", KINDS["real"])
def test_extremes(dtype):
    x = drawn(dtype, (2, 3, 2), 1)
    for axis, keepdims in itertools.product(AXES, (False, True)):
        compare("max", x, axis=axis, keepdims=keepdims)
        compare("min", x, axis=axis, keepdims=keepdims)


@pytest.mark.parametrize("dtype", FLOATING)
def test_means(dtype):
    x = drawn(dtype, (2, 3, 2), 1)
    for axis, keepdims in itertools.product(AXES, (False, True)):
        compare("mean", x, axis=axis, keepdims=keepdims)
        if dtype in REAL and axis != ():
            for correction in (0, 1, 0.5):
                compare("std", x, axis=axis, keepdims=keepdims, correction=correction)
                compare("var", x, axis=axis, keepdims=keepdims, correction=correction)


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        ("sum prod cumulative_sum cumulative_prod diff", "numeric"),
        ("max min argmax argmin sort argsort clip", "real"),
        ("mean", "floating"),
        ("std var", "real floating"),
    ],
)
def test_functions_along_axes_refuse_other_kinds(names, kind):
    for name, dtype in itertools.product(names.split(), ANY):
        if dtype not in KINDS[kind]:
            with pytest.raises(TypeError, match=rf"^{name}: expected .* dtype, got weft\.{dtype}"):
                getattr(xp, name)(mine(drawn(dtype, (2,), 0)))


@pytest.mark.parametrize("axis", [2, -3, (0, 5)])
@pytest.mark.parametrize(
    "name", "sum prod max min mean std var all any count_nonzero argmax sort cumulative_sum".split()
)
def test_an_axis_out_of_range_is_named(name, axis):
    if isinstance(axis, tuple) and name in ("argmax", "sort", "cumulative_sum"):
        axis = axis[1]
    with pytest.raises(IndexError, match=rf"^{name}: axis .* is out of range for an array of 2"):
        getattr(xp, name)(xp.ones((2, 2)), axis=axis)


# --- Linear Algebra Functions ------------------------------------------------------------------


@pytest.mark.parametrize("dtype", NUMERIC)
def test_products_of_arrays(dtype):
    square, wide = drawn(dtype, (2, 3, 3), 1), drawn(dtype, (3, 4), 2)
    row = drawn(dtype, (3,), 3)
    for prefix in ("", "linalg."):
        compare(f"{prefix}matmul", square, wide)
        compare(f"{prefix}matmul", row, wide)
        compare(f"{prefix}matmul", row, row)
        compare(f"{prefix}tensordot", square, wide, axes=1)
        compare(f"{prefix}tensordot", square, wide, axes=((2,), (0,)))
        compare(f"{prefix}tensordot", row, row, axes=0)
        compare(f"{prefix}vecdot", square, row)
        compare(f"{prefix}vecdot", square, square, axis=-2)
        compare(f"{prefix}matrix_transpose", square)


# --- the namespace -----------------------------------------------------------------------------


def test_inspection():
    info = xp.__array_namespace_info__()
    assert info.capabilities() == {
        "boolean indexing": True,
        "data-dependent shapes": True,
        "max dimensions": 64,
    }
    assert info.default_device() == weft.device("cpu")
    assert info.devices()[0] == weft.device("cpu")
    assert set(info.dtypes()) == set(ANY)
    theirs = strict.__array_namespace_info__()
    for kind in ("bool", "integral", "real floating", ("complex floating", "signed integer")):
        assert set(info.dtypes(kind=kind)) == set(theirs.dtypes(kind=kind))
    for device in info.devices():
        assert xp.ones(2, device=device).device == device


def test_gradients_and_transforms_go_through_the_namespace():
    x = weft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    xp.sum(xp.multiply(xp.exp(x), 2.0)).backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.exp([1, 2, 3]), rtol=1e-6)
    mapped = weft.func.vmap(lambda row: xp.std(row))(weft.arange(6.0).reshape(2, 3))
    np.testing.assert_allclose(mapped.numpy(), [math.sqrt(2 / 3)] * 2, rtol=1e-6)
    assert xp.mean(xp.ones((2, 3), device="meta"), axis=0).shape == (3,)
