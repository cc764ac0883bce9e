"""assert_close accepts what agrees and says of the rest what differs, where and by how much."""

from __future__ import annotations

import collections
import re

import numpy as np
import pytest

import weft
from weft.testing import assert_close


def refused(actual, expected, error=AssertionError, **settings) -> str:
    with pytest.raises(error) as caught:
        assert_close(actual, expected, **settings)
    return str(caught.value)


def test_equal_tensors_agree():
    x = weft.arange(6.0).reshape(2, 3)
    assert_close(x, x.clone())
    assert_close(x.requires_grad_(), x.detach().clone())
    assert_close(weft.zeros(0, 3), weft.zeros(0, 3))


@pytest.mark.parametrize(
    ("dtype", "inside", "outside"),
    [
        ("float16", 0.9e-3, 3e-3),
        ("bfloat16", 1.2e-2, 3e-2),
        ("float32", 1e-5, 2e-5),
        ("float64", 1.9e-7, 3e-7),
        ("complex64", 1e-5, 2e-5),
        ("complex128", 1.9e-7, 3e-7),
    ],
)
def test_tolerances_follow_the_dtype(dtype, inside, outside):
    dtype = getattr(weft, dtype)
    one = weft.ones(2, dtype=dtype)
    assert_close(one + inside, one)
    assert "not close to" in refused(one + outside, one)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "uint64", "bool"])
def test_integers_must_be_equal(dtype):
    x = weft.ones(2, dtype=getattr(weft, dtype))
    assert_close(x, x.clone())
    assert "are not equal to what was expected" in refused(x, weft.zeros_like(x))


def test_a_looser_dtype_decides_where_dtypes_differ():
    half, double = weft.ones(1, dtype=weft.float16), weft.ones(1, dtype=weft.float64) + 9e-4
    assert_close(half, double, check_dtype=False)


def test_the_relative_tolerance_is_of_the_expected():
    assert_close(weft.tensor([90.0]), weft.tensor([100.0]), rtol=0.1, atol=0)
    refused(weft.tensor([100.0]), weft.tensor([90.0]), rtol=0.1, atol=0)


def test_the_message_counts_and_places_the_differences():
    actual = weft.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    expected = weft.tensor([[1.0, 1.0, 3.0], [4.0, 5.0, 8.0]])
    assert refused(actual, expected) == (
        "assert_close: 2 of 6 elements (33.3%) are not close to what was expected\n"
        "  largest absolute difference 2.0 at (1, 2): 6.0 instead of 8.0 (atol=1e-05)\n"
        "  largest relative difference 1.0 at (0, 1): 2.0 instead of 1.0 (rtol=1.3e-06)"
    )


def test_differences_of_integers_do_not_overflow():
    low, high = weft.tensor([0, -128], dtype=weft.int8), weft.tensor([0, 127], dtype=weft.int8)
    assert "largest absolute difference 255 at (1,): -128 instead of 127" in refused(low, high)
    small, large = (weft.tensor([n], dtype=weft.uint64) for n in (1, 2**64 - 1))
    assert "largest absolute difference 1.8446744073709552e+19" in refused(small, large)


def test_zero_dims_are_told_of_as_scalars():
    assert refused(weft.tensor(1.0), weft.tensor(2.0)) == (
        "assert_close: 1.0 is not close to 2.0\n"
        "  apart by 1.0 (atol=1e-05)\n"
        "  relative to 2.0 by 0.5 (rtol=1.3e-06)"
    )


def test_infinities_agree_with_themselves_and_nan_only_if_asked():
    inf, nan = weft.tensor([np.inf, -np.inf]), weft.tensor([np.nan, 1.0])
    assert_close(inf, inf.clone())
    refused(inf, -inf)
    refused(nan, nan.clone())
    assert_close(nan, nan.clone(), equal_nan=True)
    refused(nan, weft.ones(2), equal_nan=True)
    refused(float("nan"), float("nan"))
    assert_close(float("nan"), float("nan"), equal_nan=True)
    refused(float("inf"), 1.0)
    assert_close(float("inf"), float("inf"))


# --- attributes --------------------------------------------------------------------------------


def test_shapes_must_agree():
    text = refused(weft.ones(2, 1), weft.ones(2))
    assert text.startswith("assert_close: the tensors differ in shape: actual has (2, 1),")


def test_dtypes_must_agree_unless_unchecked():
    a, b = weft.ones(2), weft.ones(2, dtype=weft.int64)
    assert re.search(
        r"in dtype: .*float32, expected has weft.int64; pass check_dtype", refused(a, b)
    )
    assert_close(a, b, check_dtype=False)
    assert_close(weft.ones(2, dtype=weft.uint64), weft.ones(2, dtype=weft.int8), check_dtype=False)
    refused(a * 2, b, check_dtype=False)


def test_devices_must_agree_unless_unchecked():
    a, b = weft.ones(2), weft.ones(2, device="meta")
    assert "differ in device" in refused(a, b)
    assert_close(a, b, check_device=False)


def test_without_data_the_rest_is_compared():
    a = weft.ones(2, device="meta")
    assert_close(a, a.clone())
    refused(a, a.to(weft.float64))
    refused(a, weft.ones(3, device="meta"))


def test_strides_are_compared_if_asked():
    a = weft.arange(4.0).reshape(2, 2)
    b = a.t().contiguous().t()
    assert_close(a, b)
    assert "differ in stride(): actual has (2, 1)" in refused(a, b, check_stride=True)


def test_subclasses_are_refused_if_asked():
    plain = weft.ones(2)
    parameter = weft.nn.Parameter(weft.ones(2))
    assert_close(parameter, plain)
    assert_close(plain, parameter)
    assert "cannot be compared" in refused(parameter, plain, TypeError, allow_subclasses=False)
    assert_close(parameter, parameter, allow_subclasses=False)


# --- what is no tensor -------------------------------------------------------------------------


def test_numbers_agree_within_the_tolerances_of_double_precision():
    assert_close(1.0, 1.0 + 1e-7)
    assert_close(3, 3)
    assert_close(1j, 1j)
    assert "3 is not equal to 4" in refused(3, 4)
    assert "relative to 0.0 by inf" in refused(1.0, 0.0)


def test_types_of_numbers_must_agree_unless_unchecked():
    assert "actual is float 1.0, expected is int 1" in refused(1.0, 1)
    assert_close(1.0, 1, check_dtype=False)
    assert_close(np.float64(1), 1.0)
    assert_close(np.int8(1), 1)


def test_bools_and_none_agree_with_themselves():
    assert_close(True, True)
    assert_close(np.bool_(True), True)
    assert "got True where False was expected" in refused(True, False)
    assert_close(None, None)
    assert "got None where" in refused(None, weft.ones(1))
    assert "got 0.0 where None was expected" in refused(0.0, None)
    refused(True, 1)


def test_arrays_are_compared_with_arrays_only():
    a = np.array([1.0, 2.0])
    assert_close(a, a.copy())
    refused(a, a + 1)
    assert "numpy.ndarray cannot be compared with a weft" in refused(a, weft.tensor(a), TypeError)
    refused(weft.tensor(1.0), 1.0, TypeError)
    refused("a", "a", TypeError)
    refused({1}, {1}, TypeError)


# --- nested results ----------------------------------------------------------------------------


def test_nested_results_agree_item_by_item():
    x = weft.arange(3.0)
    state = collections.OrderedDict(weights=[x, (x, 1.5)], step=3, best=None)
    assert_close(state, {"best": None, "step": 3, "weights": (x, [x, 1.5])})
    Point = collections.namedtuple("Point", "a b")
    assert_close(Point(x, 1), (x, 1))


def test_the_message_names_the_items_that_differ():
    x = weft.ones(2)
    text = refused({"a": [x, x], "b": x, "c": x}, {"a": [x, x + 1], "b": x + 1, "c": x})
    assert "in item ['a'][1]" in text
    assert text.endswith("Other items that differ: ['b']")
    many = refused([0] * 9, [1] * 9)
    assert many.endswith("Other items that differ: [1], [2], [3], [4], [5] and 3 more")


def test_lengths_and_keys_must_agree():
    assert "a sequence of 1 items, expected one of 2" in refused([1], [1, 2])
    text = refused({"x": [{"a": 1, "b": 2}]}, {"x": [{"b": 2, "c": 3}]})
    assert "actual lacks ['c'] and has ['a']" in text
    assert "item ['x'][0]" in text


def test_what_cannot_be_compared_is_told_of_before_values():
    assert "item [1]" in refused([1.0, "a"], [2.0, "a"], TypeError)


# --- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [{"rtol": 0.1}, {"atol": 0.1}])
def test_tolerances_come_together(given):
    for pair in ((1.0, 1.0), (weft.ones(1), weft.ones(1))):
        text = refused(*pair, ValueError, **given)
        assert "must be given together" in text
        assert f"got {next(iter(given))}=0.1" in text
    assert_close(None, None, **given)  # to which no tolerance applies


def test_a_message_replaces_the_text_or_wraps_it():
    assert refused(1, 2, msg="Argh!") == "Argh!"
    wrapped = refused([1], [2], msg=lambda text: f"before\n{text}\nafter")
    assert wrapped.startswith("before\nassert_close: 1 is not equal to 2")
    assert wrapped.endswith("item [0]\nafter")
    assert_close(1, 1, msg="never seen")


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
def test_8_bit_floats_are_compared_bit_by_bit(dtype):
    dtype = getattr(weft, dtype)
    x = weft.tensor([1.0, 2.0]).to(dtype)
    assert_close(x, x.clone())
    text = refused(x, weft.tensor([1.0, 4.0]).to(dtype))
    assert "not equal" in text and "(1,): 2.0 instead of 4.0" in text
    assert "takes rtol=0 and atol=0" in refused(x, x, rtol=0.1, atol=0.1)


def test_the_traceback_ends_where_assert_close_was_called():
    with pytest.raises(AssertionError) as caught:
        assert_close(1, 2)
    assert caught.traceback[-1].locals["__tracebackhide__"]
    assert caught.value.__cause__ is None
