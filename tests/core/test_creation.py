"""Making tensors from settings and from data."""

from __future__ import annotations

import array
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weft

DRAWN = settings(derandomize=True, max_examples=100, deadline=None, database=None)


# --- from settings -----------------------------------------------------------------------------


@DRAWN
@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(-5, 5).filter(bool))
def test_arange_of_ints_is_pythons_range(start, end, step):
    if (end - start) * step < 0:
        with pytest.raises(ValueError, match="does not lead"):
            weft.arange(start, end, step)
        return
    made = weft.arange(start, end, step)
    assert made.tolist() == list(range(start, end, step))
    assert made.dtype is weft.int64


@DRAWN
@given(st.floats(-10, 10), st.floats(0, 10), st.floats(0.01, 3))
def test_arange_of_floats_has_the_promised_length_and_steps(start, span, step):
    made = weft.arange(start, start + span, step, dtype=weft.float64)
    assert made.shape == (math.ceil((start + span - start) / step),)
    np.testing.assert_allclose(made.numpy(), start + step * np.arange(made.numel()))


@DRAWN
@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.integers(0, 30))
def test_linspace_starts_and_ends_exactly(start, end, steps):
    made = weft.linspace(start, end, steps, dtype=weft.float64)
    assert made.shape == (steps,)
    if steps:
        assert made[0].item() == start
    if steps > 1:
        assert made[-1].item() == end


@pytest.mark.parametrize("make", [weft.zeros, weft.ones, weft.empty, weft.rand])
def test_a_shape_comes_as_ints_or_one_sequence(make):
    for shape in ((2, 3), [2, 3], weft.Size([2, 3])):
        assert make(shape).shape == make(2, 3).shape == (2, 3)
    assert make(()).shape == ()
    assert make(0).shape == (0,)
    assert make(weft.tensor(2), 3).shape == (2, 3)


@pytest.mark.parametrize("make", [weft.zeros, weft.ones, weft.empty])
def test_a_wrong_shape_is_told(make):
    with pytest.raises(weft.ShapeError, match=r"a length cannot be negative, got \(2, -1\)"):
        make(2, -1)
    with pytest.raises(TypeError, match=r"a shape must be ints, got \(2\.5,\)"):
        make(2.5)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(3, weft.int64), (3.0, weft.float32), (True, weft.bool), (1j, weft.complex64)],
)
def test_full_takes_the_dtype_of_its_number(value, dtype):
    assert weft.full((2,), value).dtype is dtype
    assert weft.full((), value).item() == value
    assert weft.full_like(weft.ones(2, dtype=weft.float16), 2).dtype is weft.float16


def test_likes_take_shape_dtype_and_device():
    x = weft.ones(2, 3, dtype=weft.int8)
    for make in (weft.zeros_like, weft.ones_like, weft.empty_like):
        assert (make(x).shape, make(x).dtype) == ((2, 3), weft.int8)
        assert make(x, dtype=weft.float64).dtype is weft.float64
        assert make(x.to("meta")).device.type == "meta"
    assert weft.ones_like(x, dtype=weft.float32, requires_grad=True).requires_grad


def test_new_makers_keep_the_tensors_dtype():
    x = weft.ones(1, dtype=weft.float16)
    assert x.new_zeros(2, 3).dtype is weft.float16
    assert x.new_full((2,), 7).tolist() == [7, 7]
    assert x.new_tensor([1, 2]).dtype is weft.float16
    assert x.new_ones((2,), dtype=weft.int32).dtype is weft.int32


def test_eye_has_ones_on_its_diagonal():
    assert weft.eye(2, 3).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert weft.eye(0).shape == (0, 0)


# --- from data ---------------------------------------------------------------------------------


def test_numbers_take_default_dtypes():
    for data, dtype in [
        (1, weft.int64), (1.0, weft.float32), (True, weft.bool), (1j, weft.complex64),
        ([1, 2.5], weft.float32), ([True, 2], weft.int64), ([], weft.float32),
        (range(3), weft.int64), ((1, 2), weft.int64), ([1, 1j], weft.complex64),
    ]:  # fmt: skip
        assert weft.tensor(data).dtype is dtype, data


def test_arrays_and_tensors_keep_their_dtypes():
    for data in (np.float64(2.0), np.arange(3, dtype=np.int16), weft.ones(2, dtype=weft.bfloat16)):
        assert weft.tensor(data).dtype.numpy == getattr(data.dtype, "numpy", data.dtype)


def test_a_list_of_tensors_is_stacked():
    assert weft.tensor([weft.tensor(1.0), weft.tensor(2.0)]).tolist() == [1, 2]
    assert weft.tensor([[weft.tensor(1), 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]


def test_nested_data_gives_its_shape():
    assert weft.tensor([[[]]]).shape == (1, 1, 0)
    assert weft.tensor([[1, 2], [3, 4], [5, 6]]).shape == (3, 2)
    assert weft.tensor(5).shape == ()


def test_tensor_always_copies_and_cuts_the_graph():
    x = weft.ones(2, requires_grad=True)
    made = weft.tensor(x * 2)
    assert not made.requires_grad
    a = np.ones(2)
    weft.tensor(a)[0] = 5
    assert a[0] == 1


def test_arrays_in_foreign_byte_order_are_converted_when_copied():
    big = np.arange(3, dtype=">f4")
    assert weft.tensor(big).tolist() == [0, 1, 2]
    assert weft.tensor(big).dtype is weft.float32


def test_negative_strides_are_taken_as_they_are():
    assert weft.from_numpy(np.arange(4)[::-1]).tolist() == [3, 2, 1, 0]


def test_asarray_shares_unless_it_cannot():
    x = weft.ones(2)
    assert weft.asarray(x) is x
    assert weft.asarray(x, dtype=weft.float64).dtype is weft.float64
    with pytest.raises(ValueError, match="copy=False, but list cannot be shared"):
        weft.asarray([1.0], copy=False)
    assert weft.as_tensor([1, 2]).tolist() == [1, 2]


def test_from_numpy_refuses_what_it_cannot_share():
    with pytest.raises(TypeError, match=r"expected a numpy.ndarray, got list; use weft\.tensor"):
        weft.from_numpy([1.0])
    with pytest.raises(TypeError, match="have no weft dtype"):
        weft.from_numpy(np.array(["a"]))


def test_frombuffer_reads_any_buffer_from_an_offset():
    memory = array.array("h", [1, 2, 3, 4])
    assert weft.frombuffer(memory, dtype=weft.int16, count=2, offset=2).tolist() == [2, 3]
    assert weft.frombuffer(memoryview(memory), dtype=weft.int16).tolist() == [1, 2, 3, 4]
    with pytest.raises(ValueError, match=r"buffer of 3 bytes"):
        weft.frombuffer(b"abc", dtype=weft.int16)
    with pytest.raises(ValueError, match="count=9"):
        weft.frombuffer(memory, dtype=weft.int16, count=9)


def test_the_meta_device_holds_a_shape_and_no_memory():
    huge = weft.empty(10**6, 10**6, device="meta")
    assert huge.numel() == 10**12
    assert (huge @ huge).shape == (10**6, 10**6)
    assert str(huge.device) == "meta"


def test_the_class_itself_makes_tensors_as_pytorchs_does():
    assert weft.Tensor([1, 2]).dtype is weft.float32
    assert weft.Tensor(2, 3).shape == (2, 3)
    assert weft.Tensor().shape == (0,)
    x = weft.ones(2)
    shared = weft.Tensor(x)
    shared[0] = 5
    assert x.tolist() == [5, 1]

    class Mine(weft.Tensor):
        pass

    assert type(Mine([1.0])) is Mine


def test_numpys_numbers_keep_their_dtype():
    import numpy

    assert weft.tensor([numpy.float64(2)]).dtype is weft.float64
    assert weft.tensor([[numpy.int32(2)]]).dtype is weft.int32
    assert weft.tensor([2.0]).dtype is weft.float32


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "bfloat16", "int16", "uint8", "bool", "complex64"]
)
def test_large_arrays_are_filled_as_small_ones_are(dtype):
    kind = getattr(weft, dtype)
    number = True if dtype == "bool" else 2.5 if kind.is_floating_point else 3
    for make in (
        lambda *size: weft.full(size, number, dtype=kind),
        lambda *size: weft.ones(size, dtype=kind),
    ):
        large = make(301, 307)
        assert large.dtype is kind
        assert large.is_contiguous()
        assert (large == make(1)).all()
