"""The special cases of the standard's pages, each computed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import weft
import weft.array_api as xp
from tests.core.array_api import special_cases as tables

nan, inf = float("nan"), float("inf")
POOL = [
    nan, -nan, inf, -inf, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.0, -2.0, 2.5, -2.5, 3.0, -3.0,
    4.0, 100.25, -1e-3, 1e-3,
]  # fmt: skip


def sign(v: float) -> float:
    return math.copysign(1.0, v)


def odd(v: float) -> bool:
    return math.isfinite(v) and v == math.floor(v) and v % 2 == 1


#: What a condition of the tables holds for.
CONDITIONS: dict[str, Callable[[float], bool]] = {
    "any": lambda v: True,
    "nan": math.isnan,
    "+nan": lambda v: math.isnan(v) and sign(v) > 0,
    "-nan": lambda v: math.isnan(v) and sign(v) < 0,
    "notnan": lambda v: not math.isnan(v),
    "finite": math.isfinite,
    "nonzero": lambda v: math.isfinite(v) and v != 0,
    "+finite": lambda v: math.isfinite(v) and v > 0,
    "-finite": lambda v: math.isfinite(v) and v < 0,
    "inf": math.isinf,
    "+inf": lambda v: v == inf,
    "-inf": lambda v: v == -inf,
    "0": lambda v: v == 0,
    "+0": lambda v: v == 0 and sign(v) > 0,
    "-0": lambda v: v == 0 and sign(v) < 0,
    "integral": lambda v: math.isfinite(v) and v == math.floor(v),
    "fraction": lambda v: math.isfinite(v) and v != math.floor(v),
    ">0": lambda v: v > 0,
    "<0": lambda v: v < 0,
    ">1": lambda v: v > 1,
    "<1": lambda v: v < 1,
    "<-1": lambda v: v < -1,
    "not0": lambda v: v != 0,
    "not1": lambda v: v != 1,
    "|>1|": lambda v: abs(v) > 1,
    "|<1|": lambda v: abs(v) < 1,
    "|1|": lambda v: abs(v) == 1,
    "odd>0": lambda v: v > 0 and odd(v),
    "odd<0": lambda v: v < 0 and odd(v),
    "notodd>0": lambda v: v > 0 and not odd(v),
    "notodd<0": lambda v: v < 0 and not odd(v),
}
_ANGLES = {"pi": 1.0, "pi/2": 0.5, "pi/4": 0.25, "3pi/4": 0.75}


def holds(condition: str, value: float) -> bool:
    if condition in CONDITIONS:
        return CONDITIONS[condition](value)
    return value == float(condition)


def matches(expected: str, got: Any, arguments: tuple[float, ...], tolerance: float) -> bool:
    """Whether a number is what the table says, for these arguments."""
    if "|" in expected:
        return any(matches(one, got, arguments, tolerance) for one in expected.split("|"))
    if expected in ("True", "False"):
        return got is (expected == "True")
    first, last = arguments[0], arguments[-1]
    named = {"same": first, "first": first, "second": last}
    named |= {"size": abs(first), "-size": -abs(first), "second_size": abs(last)}
    if expected in named:
        return close(named[expected], got, tolerance)
    if expected in ("inf*cos", "inf*sin", "0*cos", "0*sin"):  # of the imaginary part
        turn = math.cos(last) if expected.endswith("cos") else math.sin(last)
        size = inf if expected.startswith("inf") else 0.0
        return close(math.copysign(size, turn), got, tolerance)
    if expected == "+-pi/2":
        return close(math.pi / 2, abs(got), tolerance)
    if expected.lstrip("-") in _ANGLES:
        angle = math.pi * _ANGLES[expected.lstrip("-")]
        return close(-angle if expected.startswith("-") else angle, got, tolerance)
    if expected in ("0", "inf"):  # of either sign
        return abs(got) == float(expected)
    return close(float(expected), got, tolerance)


def close(wanted: float, got: float, tolerance: float) -> bool:
    if math.isnan(wanted) or math.isnan(got):
        return math.isnan(wanted) and math.isnan(got)
    if wanted == 0 or got == 0 or math.isinf(wanted):
        return wanted == got and sign(wanted) == sign(got)
    return abs(wanted - got) <= tolerance * abs(wanted)


def cases(table: dict[str, str]) -> list[Any]:
    out = []
    for name, lines in table.items():
        for line in lines.replace("\n", ";").split(";"):
            if line.strip():
                conditions, _, result = (part.strip() for part in line.partition("->"))
                what = f"{name}: {conditions} -> {result}"
                out.append(pytest.param(name, conditions, result, id=what))
    return out


def drawn(conditions: str) -> list[tuple[float, ...]]:
    """Return every combination from the pool for which the conditions hold."""
    out: list[tuple[float, ...]] = [()]
    for condition in conditions.split(","):
        values = [v for v in POOL if holds(condition.strip(), v)]
        assert values, f"no value of the pool is {condition}"
        out = [(*row, v) for row in out for v in values]
    return out


DTYPES = [("float32", 1e-6), ("float64", 1e-14)]


@pytest.mark.parametrize(("name", "conditions", "result"), cases(tables.REAL_UNARY))
def test_a_real_special_case_is_the_standards(name, conditions, result):
    for dtype, tolerance in DTYPES:
        rows = drawn(conditions)
        got = getattr(xp, name)(column(rows, 0, dtype)).tolist()
        for row, one in zip(rows, got, strict=True):
            assert matches(result, one, row, tolerance), f"{name}{row} gave {one} in {dtype}"


@pytest.mark.parametrize(("name", "conditions", "result"), cases(tables.REAL_BINARY))
def test_a_special_case_of_two_numbers_is_the_standards(name, conditions, result):
    for dtype, tolerance in DTYPES:
        rows = drawn(conditions)
        first, second = column(rows, 0, dtype), column(rows, 1, dtype)
        got = getattr(xp, name)(first, second)
        signs = np.signbit(got.numpy()).tolist() if result in ("+nan", "-nan") else []
        for place, (row, one) in enumerate(zip(rows, got.tolist(), strict=True)):
            if result in ("+nan", "-nan"):
                assert math.isnan(one) and signs[place] == (result == "-nan"), (row, one)
            else:
                assert matches(result, one, row, tolerance), f"{name}{row} gave {one} in {dtype}"


def column(rows: list[tuple[float, ...]], place: int, dtype: str) -> weft.Tensor:
    return weft.from_numpy(np.array([row[place] for row in rows], dtype=dtype))


def complex_column(rows: list[tuple[float, float]], dtype: str) -> weft.Tensor:
    data = np.empty(len(rows), dtype={"float32": "complex64", "float64": "complex128"}[dtype])
    data.real = [a for a, _ in rows]
    data.imag = [b for _, b in rows]
    return weft.from_numpy(data)


@pytest.mark.parametrize(("name", "conditions", "result"), cases(tables.COMPLEX_UNARY))
@pytest.mark.parametrize("mirrored", [False, True], ids=["", "conjugate"])
def test_a_complex_special_case_is_the_standards(name, conditions, result, mirrored):
    if mirrored and name not in tables.CONJUGATE:
        return  # the standard asks for no symmetry of this one
    real, imaginary = (part.strip() for part in result.split(","))
    for dtype, tolerance in DTYPES:
        rows = drawn(conditions)
        given = [(a, -b) for a, b in rows] if mirrored else rows
        out = getattr(xp, name)(complex_column(given, dtype)).numpy()
        for row, one in zip(rows, out, strict=True):
            upright = -one.imag if mirrored else one.imag
            what = f"{name}{row} gave {one} in {dtype}"
            assert matches(real, float(one.real), row, tolerance), what
            assert matches(imaginary, float(upright), row, tolerance), what


@pytest.mark.parametrize("name", sorted(tables.BY_OTHERS))
def test_complex_functions_defined_by_others_are_the_others_turned(name):
    other, turn = tables.BY_OTHERS[name]
    rows = [(a, b) for a in POOL for b in POOL]
    for dtype, tolerance in DTYPES:
        turned = [(-b, a) for a, b in rows]  # times 1j
        expected = getattr(xp, other)(complex_column(turned, dtype)).numpy()
        got = getattr(xp, name)(complex_column(rows, dtype)).numpy()
        for row, wanted, one in zip(rows, expected, got, strict=True):
            pair = (wanted.imag, -wanted.real) if turn == "-j" else (wanted.real, wanted.imag)
            lost = any(math.isnan(part) for part in pair)
            for part, have in zip(pair, (one.real, one.imag), strict=True):
                # A zero's sign may be lost by a detour, and beside NaN the standard leaves that
                # of an infinite part open too.
                fits = part == have or (lost and abs(part) == abs(have))
                fits = fits or close(float(part), float(have), 100 * tolerance)
                assert fits, f"{name}{row} gave {one}, the other way {pair}, in {dtype}"


@pytest.mark.parametrize("name", ["log2", "log10"])
def test_complex_logarithms_are_the_natural_one_over_a_number(name):
    rows = [(a, b) for a in POOL for b in POOL]
    base = math.log(2) if name == "log2" else math.log(10)
    natural = xp.log(complex_column(rows, "float64")).numpy()
    got = getattr(xp, name)(complex_column(rows, "float64")).numpy()
    for row, wanted, one in zip(rows, natural, got, strict=True):
        for part, have in ((wanted.real, one.real), (wanted.imag, one.imag)):
            fits = part == have == 0 or close(float(part) / base, float(have), 1e-12)
            assert fits, f"{name}{row} gave {one}, log gave {wanted}"


@pytest.mark.parametrize(("name", "conditions", "result"), cases(tables.COMPLEX_TESTS))
def test_a_test_of_complex_numbers_is_the_standards(name, conditions, result):
    for dtype, _ in DTYPES:
        rows = drawn(conditions)
        got = getattr(xp, name)(complex_column(rows, dtype)).tolist()
        assert got == [result == "True"] * len(rows)


@pytest.mark.parametrize(("name", "conditions", "result"), cases({"abs": tables.COMPLEX_ABS}))
def test_the_magnitude_of_a_complex_number_is_the_standards(name, conditions, result):
    for dtype, tolerance in DTYPES:
        rows = drawn(conditions)
        got = xp.abs(complex_column(rows, dtype)).tolist()
        for row, one in zip(rows, got, strict=True):
            assert matches(result, one, row, tolerance), f"abs{row} gave {one} in {dtype}"


def test_complex_sums_and_products_follow_the_real_ones_part_by_part():
    x, y = complex_column([(-0.0, 0.0)], "float64"), complex_column([(-0.0, -0.0)], "float64")
    total = xp.add(x, y).numpy()[0]
    assert (sign(total.real), sign(total.imag)) == (-1, 1)
    lost = complex_column([(nan, nan)], "float64")
    for compute in (xp.multiply, xp.divide):
        out = compute(lost, lost).numpy()[0]
        assert math.isnan(out.real) and math.isnan(out.imag)


def test_clip_gives_nan_for_nan_in_any_argument():
    x = weft.tensor([nan, 1.0, 1.0, 5.0])
    low, high = weft.tensor([0.0, nan, 0.0, 0.0]), weft.tensor([2.0, 2.0, nan, 2.0])
    got = xp.clip(x, low, high).tolist()
    assert [math.isnan(v) for v in got] == [True, True, True, False]
    assert got[3] == 2


# --- Statistical Functions ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["max", "min", "mean", "std", "var"])
def test_statistics_of_nan_are_nan(name):
    assert math.isnan(float(getattr(xp, name)(weft.tensor([1.0, nan, 3.0]))))


def test_statistics_of_nothing():
    empty = weft.zeros(0, dtype=weft.float64)
    assert float(xp.sum(empty)) == 0
    assert float(xp.prod(empty)) == 1
    for name in ("mean", "std", "var"):
        assert math.isnan(float(getattr(xp, name)(empty)))
    assert np.isnan(xp.mean(weft.zeros(0, dtype=weft.complex64)).numpy())


@pytest.mark.parametrize("correction", [3, 3.5, 4])
def test_a_variance_with_nothing_to_divide_by_is_nan(correction):
    x = weft.tensor([1.0, 2.0, 4.0])
    assert math.isnan(float(xp.var(x, correction=correction)))
    assert math.isnan(float(xp.std(x, correction=correction)))
    assert float(xp.var(x, correction=2.5)) == pytest.approx(14 / 3 / 0.5)
