"""make_tensor draws within bounds, dtypes and layouts as asked."""

from __future__ import annotations

import math

import pytest

import weft
from weft.testing import make_tensor

INTEGERS = ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]
FLOATS = ["float16", "bfloat16", "float32", "float64"]
FLOATS_8 = ["float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"]
COMPLEX = ["complex64", "complex128"]
EVERY = ["bool", *INTEGERS, *FLOATS, *FLOATS_8, *COMPLEX]


def numbers(x: weft.Tensor) -> list[float]:
    """Return all values as Python's, of complex ones both parts."""
    if x.dtype.is_complex:
        return numbers(x.real) + numbers(x.imag)
    if x.dtype.itemsize == 1 and x.dtype.is_floating_point:
        x = x.to(weft.float32)
    return x.detach().reshape(-1).tolist()


@pytest.fixture(autouse=True)
def seed():
    weft.manual_seed(11)


@pytest.mark.parametrize("name", EVERY)
def test_defaults_are_in_the_range_of_the_dtype_and_spread_over_it(name):
    dtype = getattr(weft, name)
    x = make_tensor(20, 50, dtype=dtype)
    assert x.dtype is dtype and x.shape == (20, 50) and x.device == weft.device("cpu")
    drawn = set(numbers(x))
    if name == "bool":
        assert drawn == {False, True}
    elif name in INTEGERS:
        assert drawn == set(range(0 if name.startswith("u") else -9, 10))
    else:
        assert -9 <= min(drawn) <= -8 and 8 <= max(drawn) <= 9
        # 9 itself comes from rounding alone
        assert 9.0 not in drawn or dtype.itemsize <= 2


@pytest.mark.parametrize("name", EVERY)
def test_the_shape_is_ints_or_a_sequence(name):
    dtype = getattr(weft, name)
    for shape in ((), (0, 3), (4,), (2, 3)):
        assert make_tensor(*shape, dtype=dtype).shape == shape
        assert make_tensor(shape, dtype=dtype).shape == shape
        assert make_tensor(list(shape), dtype=dtype, device="cpu").shape == shape
        assert make_tensor(weft.Size(shape), dtype=dtype, device="meta").device.type == "meta"


@pytest.mark.parametrize("name", [*INTEGERS, *FLOATS, *FLOATS_8, *COMPLEX])
def test_bounds_are_kept(name):
    x = make_tensor(500, dtype=getattr(weft, name), low=2, high=5)
    assert min(numbers(x)) >= 2
    assert max(numbers(x)) <= (4 if name in INTEGERS else 5)


def test_bounds_of_integers_are_rounded_up():
    assert set(numbers(make_tensor(99, dtype=weft.int64, low=0.5, high=2.5))) == {1, 2}


@pytest.mark.parametrize("name", [*INTEGERS, *FLOATS, *FLOATS_8, *COMPLEX])
def test_bounds_beyond_the_dtype_are_its_own(name):
    dtype = getattr(weft, name)
    x = make_tensor(2000, dtype=dtype, low=-math.inf, high=math.inf)
    drawn = numbers(x)
    limits = weft.iinfo(dtype) if name in INTEGERS else weft.finfo(dtype)
    assert all(math.isfinite(value) for value in drawn)
    assert max(drawn) > 0.9 * limits.max
    assert min(drawn) <= 0.9 * limits.min + 0.1 * limits.max


def test_the_whole_range_of_a_small_integer_is_drawn():
    drawn = set(numbers(make_tensor(5000, dtype=weft.int8, low=-1000, high=1000)))
    assert drawn == set(range(-128, 128))


@pytest.mark.parametrize("name", EVERY)
def test_zeros_can_be_excluded(name):
    dtype = getattr(weft, name)
    settings = {} if name in ("bool", *INTEGERS) else {"low": 0.0, "high": 1e-300}
    x = make_tensor(200, dtype=dtype, exclude_zero=True, **settings)
    wide = x.to(weft.float32) if name in FLOATS_8 else x
    assert not (wide == 0).any()
    assert (make_tensor(200, dtype=weft.float32, low=0.0, high=1e-300) == 0).all()
    if settings and name not in ("float64", "complex128"):
        least = weft.finfo(dtype).tiny
        assert set(wide.tolist()) == {complex(least) if dtype.is_complex else least}
    elif not settings:
        assert 1 in numbers(x)


@pytest.mark.parametrize("name", EVERY)
def test_memory_can_have_gaps(name):
    dtype = getattr(weft, name)
    x = make_tensor(3, 4, dtype=dtype, noncontiguous=True)
    assert x.shape == (3, 4) and x.stride() == (8, 2) and x.storage_offset() == 1
    assert not x.is_contiguous()
    for shape in ((), (1, 1), (0, 3)):
        small = make_tensor(shape, dtype=dtype, noncontiguous=True)
        assert small.shape == shape and small.is_contiguous()


def test_memory_can_have_a_format():
    x = make_tensor(2, 3, 4, 5, dtype=weft.float32, memory_format=weft.channels_last)
    assert x.is_contiguous(memory_format=weft.channels_last) and not x.is_contiguous()
    with pytest.raises(ValueError, match="exclude each other"):
        make_tensor(2, 3, 4, 5, dtype=weft.float32, memory_format=weft.channels_last,
                    noncontiguous=True)  # fmt: skip


@pytest.mark.parametrize("settings", [{}, {"noncontiguous": True}, {"exclude_zero": True}])
@pytest.mark.parametrize("name", [*FLOATS, *COMPLEX])
def test_what_requires_grad_is_a_leaf(name, settings):
    x = make_tensor(3, 4, dtype=getattr(weft, name), requires_grad=True, **settings)
    assert x.requires_grad and x.is_leaf
    assert not make_tensor(3, dtype=getattr(weft, name)).requires_grad


@pytest.mark.parametrize("name", ["bool", *INTEGERS])
def test_integers_cannot_require_grad(name):
    with pytest.raises(ValueError, match="needs a floating dtype"):
        make_tensor(3, dtype=getattr(weft, name), requires_grad=True)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"low": 3, "high": 3}, "low must be less than high, got low=3 and high=3"),
        ({"low": 3, "high": 2}, "low must be less than high"),
        ({"low": math.nan}, "cannot be NaN"),
        ({"high": math.nan}, "cannot be NaN"),
        ({"low": 1e300, "high": 1e301}, "only holds numbers in"),
        ({"low": -1e301, "high": -1e300}, "only holds numbers in"),
    ],
)
@pytest.mark.parametrize("name", ["int8", "float32", "complex64", "float8_e5m2"])
def test_bounds_that_make_no_sense_are_refused(name, settings, says):
    with pytest.raises(ValueError, match=says):
        make_tensor(3, dtype=getattr(weft, name), **settings)


def test_a_dtype_without_zero_is_refused():
    with pytest.raises(TypeError, match="float8_e8m0fnu"):
        make_tensor(3, dtype=weft.float8_e8m0fnu)


def test_a_seed_repeats_the_values():
    first = make_tensor(9, dtype=weft.complex64)
    second = make_tensor(9, dtype=weft.complex64)
    assert not first.equal(second)
    weft.manual_seed(11)
    assert make_tensor(9, dtype=weft.complex64).equal(first)
