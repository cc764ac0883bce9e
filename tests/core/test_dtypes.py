"""Dtypes: promotion's laws, weak scalars, names, pickles, the default."""

from __future__ import annotations

import copy
import itertools
import pickle

import numpy as np
import pytest

import weft
from weft._core import dtypes

ALL = dtypes.ALL
ORDERED = [d for d in ALL if d is not weft.uint64]


def promote(a: weft.dtype, b: weft.dtype) -> weft.dtype | None:
    try:
        return weft.promote_types(a, b)
    except weft.DTypeError:
        return None


def test_promotion_is_commutative_and_idempotent():
    for a, b in itertools.product(ALL, ALL):
        assert promote(a, b) is promote(b, a)
    for a in ALL:
        assert promote(a, a) is a


def test_promotion_is_associative_but_for_the_two_halves_and_uint64():
    exempt = {weft.float16, weft.bfloat16}
    for a, b, c in itertools.product(ORDERED, ORDERED, ORDERED):
        if exempt <= {a, b, c}:
            continue
        assert promote(promote(a, b), c) is promote(a, promote(b, c)), (a, b, c)


def test_promotion_never_lowers_the_category_and_holds_both_of_one_category():
    for a, b in itertools.product(ORDERED, ORDERED):
        out = promote(a, b)
        assert out.category == max(a.category, b.category)
        if a.category == b.category and a.category != 1:
            assert out.itemsize >= max(a.itemsize, b.itemsize)


def test_only_uint64_with_signed_integers_has_no_common_dtype():
    missing = {frozenset((a.name, b.name)) for a in ALL for b in ALL if promote(a, b) is None}
    assert missing == {frozenset(("uint64", f"int{n}")) for n in (8, 16, 32, 64)}
    with pytest.raises(
        weft.DTypeError, match=r"weft\.uint64 and weft\.int8 have no common integer"
    ):
        weft.promote_types(weft.uint64, weft.int8)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("uint8", "int8", "int16"),
        ("uint32", "int32", "int64"),
        ("int64", "float16", "float16"),
        ("float16", "bfloat16", "float32"),
        ("float32", "complex64", "complex64"),
        ("float64", "complex64", "complex128"),
        ("bool", "bfloat16", "bfloat16"),
    ],
)
def test_known_promotions(a, b, expected):
    assert weft.promote_types(getattr(weft, a), getattr(weft, b)).name == expected


def test_python_scalars_are_weak():
    for d in ALL:
        x = weft.ones(2).to(d)
        assert (x + True).dtype is d
        assert (x + 1).dtype is (weft.int64 if d is weft.bool else d)
        floating = d.is_floating_point or d.is_complex
        assert (x + 1.5).dtype is (d if floating else weft.float32)
        if d is weft.float64:
            assert (x + 1j).dtype is weft.complex128
        elif not d.is_complex:
            assert (x + 1j).dtype is weft.complex64


def test_numpy_scalars_count_as_the_python_numbers_they_are():
    assert (weft.ones(2) * np.float64(2.0)).dtype is weft.float32
    assert (weft.ones(2, dtype=weft.int8) * np.int64(2)).dtype is weft.int8


def test_a_0d_tensor_changes_the_dtype_only_by_category():
    for d in ALL:
        for zero_d in ALL:
            out = weft.result_type(weft.ones(2).to(d), weft.ones(()).to(zero_d))
            if zero_d.category <= d.category:
                assert out is d
            elif zero_d.is_complex:
                assert out.is_complex
            else:
                assert out is zero_d


def test_two_0d_tensors_promote_like_any_two():
    out = weft.tensor(1, dtype=weft.int8) + weft.tensor(1, dtype=weft.int32)
    assert out.dtype is weft.int32
    assert out.shape == ()


def test_result_type_needs_an_operand():
    with pytest.raises(weft.DTypeError, match="at least one operand"):
        weft.result_type()


def test_arithmetic_follows_promote_types():
    for a, b in itertools.product(ALL, ALL):
        expected = promote(a, b)
        if expected is None:
            with pytest.raises(weft.DTypeError):
                weft.ones(1).to(a) + weft.ones(1).to(b)
        else:
            assert (weft.ones(1).to(a) + weft.ones(1).to(b)).dtype is expected


def test_division_of_integers_gives_the_default_dtype():
    assert (weft.tensor([3]) / 2).tolist() == [1.5]
    assert (weft.tensor([3]) / weft.tensor([2])).dtype is weft.float32
    assert (weft.tensor([7]) // 2).tolist() == [3]
    assert (weft.tensor([-7]) // 2).tolist() == [-4]
    assert (weft.tensor([-7]) % 4).tolist() == [1]


# --- names -------------------------------------------------------------------------------------


def test_a_dtype_is_found_by_its_name_and_numpys_and_pythons():
    for d in ALL:
        for spelling in (d, d.name, f"weft.{d.name}", d.numpy, d.numpy.type):
            assert weft.zeros(1, dtype=spelling).dtype is d
    for python, d in {bool: "bool", int: "int64", float: "float32", complex: "complex64"}.items():
        assert weft.zeros(1, dtype=python).dtype.name == d


def test_a_misspelt_dtype_suggests_the_nearest():
    with pytest.raises(weft.DTypeError, match="'flaot32'; did you mean 'float32'"):
        weft.zeros(1, dtype="flaot32")
    with pytest.raises(weft.DTypeError, match=r"arrays of datetime64.* have no weft dtype"):
        weft.zeros(1, dtype=np.dtype("datetime64[s]"))
    with pytest.raises(weft.DTypeError, match=r"expected a dtype such as weft\.float32, got 3"):
        weft.zeros(1, dtype=3)


def test_dtypes_are_single_objects_even_after_pickling_and_copying():
    for d in ALL:
        assert pickle.loads(pickle.dumps(d)) is d
        assert copy.deepcopy(d) is copy.copy(d) is d


def test_a_dtype_tells_what_it_is():
    assert weft.bfloat16.itemsize == 2
    assert weft.bfloat16.is_floating_point
    assert weft.complex64.is_complex
    assert not weft.uint8.is_signed
    assert weft.half is weft.float16
    assert weft.double is weft.float64
    assert weft.long is weft.int64


# --- the default -------------------------------------------------------------------------------


def test_the_default_dtype_is_used_by_data_factories_and_scalars():
    weft.set_default_dtype(weft.float64)
    try:
        assert weft.tensor([1.0]).dtype is weft.float64
        assert weft.zeros(1).dtype is weft.float64
        assert (weft.tensor([1]) / 2).dtype is weft.float64
        assert weft.tensor(1j).dtype is weft.complex128
        assert weft.rand(1).dtype is weft.float64
    finally:
        weft.set_default_dtype(weft.float32)
    assert weft.tensor([1.0]).dtype is weft.get_default_dtype() is weft.float32


@pytest.mark.parametrize("wrong", [weft.int64, weft.complex64, "float32", float])
def test_the_default_dtype_must_be_floating(wrong):
    with pytest.raises(weft.DTypeError, match="set_default_dtype: expected a floating dtype"):
        weft.set_default_dtype(wrong)


def test_to_takes_non_blocking_as_pytorchs_callers_pass_it():
    x = weft.ones(2)
    assert x.to("cpu", non_blocking=True) is x
    assert x.to("cpu", weft.float64, non_blocking=True).dtype is weft.float64
