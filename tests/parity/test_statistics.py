"""Corners of reductions, sorting, searching, histograms and distances, beside torch's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import weft
from tests.parity.torch_side import assert_same, quietly, tensor_of

NAN, INF = math.nan, math.inf
MIXED = [2.0, -1.0, NAN, INF, 2.0, -INF, 0.0, NAN, -1.0]


class Data:
    """A tensor to make on either side: nested lists, and a dtype's name."""

    def __init__(self, values: Any, dtype: str = "float32") -> None:
        self.values, self.dtype = values, dtype

    def made(self, side: Any) -> Any:
        return side.tensor(self.values, dtype=getattr(side, self.dtype))

    def __repr__(self) -> str:
        return f"{self.values}:{self.dtype}"


def f32(values: Any) -> Data:
    return Data(values)


def i64(values: Any) -> Data:
    return Data(values, "int64")


class Case:
    """A call of a function by name; both sides make its tensors themselves."""

    def __init__(self, name: str, *args: Any, **kwargs: Any) -> None:
        self.name, self.args, self.kwargs = name, args, kwargs

    def run(self, side: Any) -> Any:
        def made(value: Any) -> Any:
            if isinstance(value, Data):
                return value.made(side)
            if isinstance(value, str) and value.startswith("dtype:"):
                return getattr(side, value.removeprefix("dtype:"))
            return type(value)(map(made, value)) if isinstance(value, (list, tuple)) else value

        args = [made(a) for a in self.args]
        kwargs = {k: made(v) for k, v in self.kwargs.items()}
        holder = side if hasattr(side, self.name) else side.Tensor
        return quietly(getattr(holder, self.name), *args, **kwargs)

    def __repr__(self) -> str:
        return f"{self.name}{self.args}{self.kwargs or ''}"


def flat(result: Any) -> Any:
    """Named tuples within tuples as one tuple."""
    return tuple(result) if isinstance(result, tuple) else result


def agree(case: Case) -> None:
    assert_same(flat(case.run(weft)), flat(case.run(torch)), repr(case))


# --- values ------------------------------------------------------------------------------------

EXTREMES = [
    Case("max", f32(MIXED)), Case("min", f32(MIXED)), Case("amax", f32(MIXED)),
    Case("max", f32(MIXED), 0), Case("min", f32(MIXED), 0), Case("max", i64([3, 7, 7, 1]), 0),
    Case("min", i64([[3, 1, 1], [2, 2, 5]]), 1, True), Case("max", Data([True, False], "bool"), 0),
    Case("max", f32([[], []]), 0), Case("max", f32(3.0), 0), Case("min", f32(3.0), -1, True),
    Case("argmax", f32(MIXED)), Case("argmin", f32(MIXED)), Case("argmax", i64([1, 3, 3])),
    Case("argmax", f32([[1, 5], [5, 2]]), keepdim=True), Case("argmin", f32([[1, 5], [1, 2]]), 0),
    Case("argmax", f32([[], []]), 0), Case("argmax", f32(2.0), 0, True),
    Case("aminmax", f32(MIXED)), Case("aminmax", i64([[3, 1], [0, 4]]), dim=0, keepdim=True),
    Case("aminmax", Data([True, False], "bool")), Case("aminmax", f32([[], []]), dim=0),
    Case("amax", Data([[1, 5], [7, 2]], "uint8"), (0, 1), True), Case("amin", f32([[1.0, NAN]]), 0),
]  # fmt: skip

SUMS = [
    Case("sum", Data([True, True], "bool"), dtype="dtype:bool"),
    Case("sum", Data([200, 100], "uint8"), dtype="dtype:uint8"),
    Case("sum", Data([200, 100], "uint8")), Case("sum", f32([1.5, 1.5]), dtype="dtype:int32"),
    Case("sum", f32([[1.0, 2.0]]), ()), Case("sum", f32([])), Case("sum", f32([[], []]), 1),
    Case("prod", Data([True, False], "bool")), Case("prod", Data([3, 100], "uint8")),
    Case("prod", Data([2, 100], "int8"), 0, dtype="dtype:int8"), Case("prod", f32([])),
    Case("nansum", f32([1.0, NAN])), Case("nansum", f32([NAN])),
    Case("nansum", f32([NAN, 1.5]), dtype="dtype:int32"), Case("nansum", i64([1, 2])),
    Case("nansum", Data([True, True], "bool")), Case("nansum", f32([[NAN, 1.0], [2.0, NAN]]), 1),
    Case("nansum", f32([INF, NAN, -INF])), Case("nansum", f32([NAN, 1.5]), dtype="dtype:float64"),
    Case("nanmean", f32([1.0, NAN])), Case("nanmean", f32([NAN])), Case("nanmean", f32([])),
    Case("nanmean", f32([[NAN, 1.0], [2.0, NAN]]), (0, 1), True),
    Case("mean", f32([])), Case("mean", Data([True, False], "bool"), dtype="dtype:complex64"),
    Case("mean", Data([6e4, 6e4], "float16")), Case("mean", i64([1, 2]), dtype="dtype:float16"),
    Case("sum_to_size", i64([[1, 2], [3, 4]]), 1, 2), Case("sum_to_size", f32([[1.0, 2.0]]), 2),
    Case("sum_to_size", Data([[1, 2]], "int32"), (1,)), Case("sum_to_size", f32([1.0]), (1,)),
]  # fmt: skip

SPREADS = [
    Case("var", f32([1.0])), Case("var", f32([])), Case("var", f32([1.0, 2.0]), correction=3),
    Case("var", f32([1.0]), correction=3), Case("var", f32([1.0, 2.0, 7.0]), correction=2.5),
    Case("std", f32([1.0, 4.0]), False), Case("var", Data([1j, 2], "complex64")),
    Case("std_mean", f32([1.0, 2.0, 4.0])),
    Case("std_mean", f32([[1.0, 2.0, 4.0]]), 1, False, True),
    Case("var_mean", Data([1j, 2], "complex64")), Case("var_mean", f32([[1.0, 2.0]]), (0, 1)),
    Case("var_mean", Data([250.0, 251.0, 255.0], "float16")), Case("std_mean", f32([2.0]), 0),
    Case("std", f32([[], []]), 1), Case("var", f32([NAN, 1.0])), Case("var", f32([INF, 1.0])),
]  # fmt: skip

TRUTHS = [
    Case("all", f32([[1.0, NAN], [0.0, 2.0]]), 1), Case("any", f32([[0.0, 0.0]]), (0, 1), True),
    Case("all", f32([[1.0, 0.0]]), ()), Case("any", f32([[1.0, 0.0]]), ()), Case("all", f32([])),
    Case("any", f32([])), Case("all", f32([[], []]), 1), Case("any", f32([[], []]), 0),
    Case("all", Data([0j, 1j], "complex64")), Case("any", i64(3), 0), Case("all", i64(0)),
    Case("count_nonzero", f32([NAN, 0.0, -0.0, 1.0])), Case("count_nonzero", i64([[1, 0]]), (0, 1)),
    Case("count_nonzero", i64([[1, 0], [1, 1]]), 0), Case("count_nonzero", i64([[1, 0]]), ()),
]  # fmt: skip

LOGSUMS = [
    Case("logsumexp", f32([1000.0, 1000.0]), 0), Case("logsumexp", f32([-INF, -INF]), 0),
    Case("logsumexp", f32([INF, 1.0]), 0), Case("logsumexp", f32([INF, NAN]), 0),
    Case("logsumexp", f32([[1.0, 2.0], [3.0, 4.0]]), (0, 1)), Case("logsumexp", i64([1, 2]), 0),
    Case("logsumexp", Data([1j, 2, -INF], "complex64"), 0), Case("logsumexp", f32([[], []]), 1),
    Case("logsumexp", Data([True, False], "bool"), 0), Case("logsumexp", f32(2.0), 0),
    Case("logcumsumexp", f32([1.0, -INF, INF, 3.0]), 0),
    Case("logcumsumexp", f32([1.0, NAN, 2]), 0),
    Case("logcumsumexp", f32([-INF, -INF, 1.0]), 0), Case("logcumsumexp", f32([800.0, 801.0]), 0),
    Case("logcumsumexp", f32([-900.0, 2.0, -900.0]), 0), Case("logcumsumexp", f32([[], []]), 1),
    Case("logcumsumexp", Data([1j, 2, 3j, -4], "complex64"), 0), Case("logcumsumexp", f32(2.0), -1),
]  # fmt: skip

RUNNING = [
    Case("cummax", f32([1.0, 1.0, NAN, 2.0, NAN, 3.0]), 0), Case("cummin", f32(MIXED), 0),
    Case("cummax", i64([[1, 3, 3], [2, 1, 2]]), 0), Case("cummin", i64([5, 5, 3, 4, 3]), -1),
    Case("cummax", Data([True, False, True], "bool"), 0), Case("cummax", f32([]), 0),
    Case("cummin", f32(3.0), 0), Case("cumprod", Data([2, 100], "int8"), 0),
    Case("cumprod", Data([True, False, True], "bool"), 0), Case("cumprod", f32(2.0), 0),
    Case("cumprod", f32([1.5, 2.0]), 0, dtype="dtype:int32"), Case("cumprod", f32([]), 0),
    Case("cumsum", f32([1.5, 1.5]), 0, dtype="dtype:int32"),
    Case("cumsum", Data([200, 100], "uint8"), 0, dtype="dtype:uint8"),
    Case("cumsum", Data([200, 100], "uint8"), 0), Case("cumsum", f32([INF, -INF, 1.0]), 0),
    Case("cumsum_", Data([2, 3], "int32"), 0), Case("cumprod_", Data([2, 3], "int32"), 0),
]  # fmt: skip

ORDERS = [
    Case("sort", f32(MIXED), stable=True), Case("sort", f32(MIXED), stable=True, descending=True),
    Case("argsort", f32(MIXED), stable=True), Case("sort", f32(3.0)), Case("sort", f32([[], []])),
    Case("argsort", f32(MIXED), dim=0, descending=True, stable=True),
    Case("msort", f32([[3.0, NAN], [1.0, 2.0]])),
    Case("sort", Data([True, False, True], "bool"), stable=True, descending=True),
    Case("sort", Data([-1.0, 2.0, -0.0, 0.0], "bfloat16"), stable=True), Case("msort", f32(1.0)),
    Case("topk", f32([1.0, NAN, 0.0, 3.0]), 2),
    Case("topk", f32([1.0, NAN, 0.0, 3.0]), 4, 0, False),
    Case("topk", f32(3.0), 1), Case("topk", f32(3.0), 0), Case("topk", f32([]), 0),
    Case("topk", i64([[5, 2, 9]]), 1, 1), Case("topk", i64([[5, 2, 9]]), 3, -1, False, False),
    Case("kthvalue", f32([3.0, NAN, 2.0]), 3), Case("kthvalue", f32([3.0, INF, -INF]), 1),
    Case("kthvalue", f32(3.0), 1), Case("kthvalue", i64([[3, 1], [2, 7]]), 2, 0, True),
    Case("kthvalue", f32([[], []]), 1, 0),
    Case("median", f32([3.0, NAN, 2.0])), Case("median", f32([3.0, NAN, 2.0]), 0),
    Case("median", f32([1.0, NAN, NAN]), 0), Case("median", f32([])), Case("median", f32(2.0), 0),
    Case("median", f32([4.0, 1.0, 3.0, 2.0]), 0, True), Case("median", i64([4, 1, 3, 2])),
    Case("median", f32([-INF, INF])), Case("median", f32([[], []]), 0),
    Case("nanmedian", f32([3.0, NAN, 2.0, 7.0])), Case("nanmedian", f32([NAN, 1.0, NAN, 3.0]), 0),
    Case("nanmedian", f32([NAN, NAN])), Case("nanmedian", f32([NAN, NAN]), 0),
    Case("nanmedian", i64([3, 1])), Case("nanmedian", f32([[NAN, 1.0], [5.0, 2.0]]), 1, True),
    Case("mode", i64([3, 3, 1, 1, 2])), Case("mode", i64([2, 1, 1])), Case("mode", f32(1.0)),
    Case("mode", i64([[1, 2, 2], [3, 3, 1]]), 0), Case("mode", f32([2.0, 2.0, -INF, INF])),
    Case("mode", Data([True, False, True], "bool")), Case("mode", i64([[1, 2, 2]]), 1, True),
]  # fmt: skip

QUANTILES = [
    Case(name, f32(values), q, interpolation=way)
    for name in ("quantile", "nanquantile")
    for values in ([1.0, 2.0, 3.0, 7.0], [5.0], [1.0, NAN, 3.0], [NAN, NAN], [1.0, INF])
    for q in (0.0, 0.1, 0.5, 1 / 6, 0.7, 1.0)
    for way in ("linear", "lower", "higher", "midpoint", "nearest")
] + [
    Case("quantile", f32([[1.0, 2.0, 3.0], [4.0, 8.0, NAN]]), f32([0.25, 0.75]), 1, True),
    Case("quantile", f32([[1.0, 2.0, 3.0], [4.0, 8.0, NAN]]), f32([0.25, 0.75]), keepdim=True),
    Case("nanquantile", f32([[1.0, NAN, 3.0], [NAN, NAN, NAN]]), f32([0.25, 0.75]), 1),
    Case("quantile", f32([[1.0, 2.0], [4.0, 8.0]]), f32([]), 0), Case("quantile", f32(3.0), 0.3, 0),
    Case("quantile", f32([1.0, 2.0]), f32(0.3)), Case("quantile", f32(3.0), f32([0.3, 0.4])),
]  # fmt: skip

DISTINCT = [
    Case("unique", f32([NAN, 1.0, NAN, 2.0, 1.0])), Case("unique", f32([1.0, 0.0, -0.0])),
    Case("unique", i64([3, 1, 3]), True, True, True), Case("unique", f32([]), True, True, True),
    Case("unique", i64([[1, 2], [1, 2], [0, 3]]), True, True, True, 0), Case("unique", i64(3)),
    Case("unique", i64([[2, 1], [2, 0]]), return_inverse=True), Case("unique", i64(3), True, True),
    Case("unique", i64([[2, 1, 2], [2, 0, 2]]), dim=1, return_inverse=True, return_counts=True),
    Case("unique", f32([[NAN, 1.0], [NAN, 1.0]]), dim=0), Case("unique", f32([[], []]), dim=1),
    Case("unique", Data([True, False, True], "bool"), return_counts=True),
    Case("unique", Data([[True, False], [True, False]], "bool"), dim=0, return_counts=True),
    Case("unique_consecutive", i64([1, 1, 2, 1]), True, True),
    Case("unique_consecutive", i64([[1, 1], [2, 1]]), True, True),
    Case("unique_consecutive", i64([[1, 1], [1, 1]]), True, True, 0),
    Case("unique_consecutive", f32([NAN, NAN, 1.0])), Case("unique_consecutive", f32([])),
    Case("unique_consecutive", i64(3), True, True),
    Case("isin", f32([1.0, 2.0, NAN]), f32([2.0, NAN])), Case("isin", 1, i64([1])),
    Case("isin", f32([2.0, INF, NAN]), f32([NAN, NAN])), Case("isin", i64([1]), 1.5),
    Case("isin", i64([1, 2]), i64([]), invert=True), Case("isin", f32([1.0, 2.0]), i64([2])),
    Case("isin", f32([INF, -INF]), f32([NAN, -INF, 5.0])), Case("isin", i64([[1], [2]]), i64(2)),
    Case("isin", i64([[1, 2]]), i64([[2, 3]]), assume_unique=True, invert=True),
]  # fmt: skip

SORTED = f32([1.0, 3.0, 3.0, 5.0])
SEARCHES = [
    Case("searchsorted", SORTED, f32([3.0, NAN, 0.0, 9.0, INF, -INF])),
    Case("searchsorted", SORTED, f32([3.0, NAN, 0.0, 5.0]), right=True),
    Case("searchsorted", f32([1.0, 2.0, NAN]), f32([1.5, 2.0, 3.0, NAN])),
    Case("searchsorted", f32([1.0, 2.0, NAN, NAN, NAN]), f32([1.5, 2.0]), right=True),
    Case("searchsorted", SORTED, 3.0), Case("searchsorted", SORTED, f32(3.0), side="right"),
    Case("searchsorted", SORTED, i64([3])), Case("searchsorted", i64([1, 2]), 1.5),
    Case("searchsorted", f32([]), f32([2.0])), Case("searchsorted", SORTED, f32([[3.0, 5.0]])),
    Case("searchsorted", f32([[1.0, 2.0], [3.0, 4.0]]), f32([[1.0], [5.0]]), out_int32=True),
    Case("searchsorted", f32([5.0, 1.0, 3.0]), f32([2.0, 5.0]), sorter=i64([1, 2, 0])),
    Case("searchsorted", f32([[5.0, 1.0]]), f32([[2.0, 6.0]]), sorter=i64([[1, 0]])),
    Case("bucketize", f32([3.0, 1.0, NAN]), SORTED), Case("bucketize", 3, SORTED),
    Case("bucketize", f32([[3.0]]), SORTED, right=True, out_int32=True),
    Case("bucketize", f32([3.0, 1.0]), f32([])), Case("bucketize", f32(3.0), SORTED),
]  # fmt: skip

HISTOGRAMS = [
    Case("bincount", i64([1, 2, 1])), Case("bincount", i64([]), minlength=2),
    Case("bincount", i64([1, 2]), f32([0.5, 1.0])), Case("bincount", i64([1, 2]), i64([1, 2])),
    Case("bincount", Data([1, 3], "uint8"), minlength=9), Case("bincount", i64([])),
    Case("bincount", i64([1, 2]), Data([True, True], "bool")),
    Case("histc", f32([1.0, 2.0, 1.0]), 4, 0, 3), Case("histc", f32([1.0, 2.0, 1.0]), 4),
    Case("histc", f32([1.0, 1.0]), 4), Case("histc", f32([1.0, NAN, 5.0, -1.0]), 4, 0, 2),
    Case("histc", f32([]), 4), Case("histc", Data([1.0, 2.0], "float64"), 2),
    Case("histc", f32(1.0), 2, 0, 4), Case("histc", f32([[1.0, 2.0], [3.0, 3.0]]), 3, 1, 3),
    Case("histogram", f32([1.0, 2.0, 1.0]), 4, range=(0.0, 3.0)), Case("histogram", f32([1.0]), 4),
    Case("histogram", f32([1.0, 2.0, 1.0]), f32([0.0, 1.0, 2.0])), Case("histogram", f32([]), 3),
    Case("histogram", f32([1.0, 2.0, 1.0]), 3, weight=f32([1.0, 2.0, 3.0]), density=True),
    Case("histogram", f32([1.0, NAN, 7.0]), 3, range=(0.0, 2.0)),
    Case("histogram", f32([1.0, 5.0]), f32([0.0, 1.0, 4.0]), density=True),
    Case("histogram", f32([9.0]), 2, range=(0.0, 1.0), density=True),
    Case("histogramdd", f32([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]]), [3, 2]),
    Case("histogramdd", f32([[0.0, 1.0], [1.0, 0.0]]), 3, density=True),
    Case("histogramdd", f32([[0.0, 1.0], [NAN, 0.0]]), [2, 2], range=[0.0, 1.0, 0.0, 1.0]),
    Case("histogramdd", f32([[0.0, 1.0], [1.0, 0.0]]), [f32([0.0, 1.0, 2.0]), f32([0.0, 2.0])],
         weight=f32([1.0, 2.0])),
]  # fmt: skip

ROWS = f32([[0.0, 1.0, 2.0], [2.0, 1.0, 0.5]])
STATISTICS = [
    Case("cov", i64([[0, 1, 2], [2, 1, 0]])), Case("cov", f32([1.0, 2.0, 4.0])),
    Case("cov", f32(1)),
    Case("cov", ROWS, correction=0, fweights=i64([1, 2, 3])), Case("cov", f32([[], []])),
    Case("cov", ROWS, aweights=f32([0.1, 0.2, 0.3])), Case("cov", f32([[0.0, 1.0]]), correction=5),
    Case("cov", ROWS, fweights=i64([1, 2, 3]), aweights=f32([0.1, 0.2, 0.3])),
    Case("cov", ROWS, correction=2, fweights=i64([1, 0, 1])),
    Case("cov", Data([[1j, 2], [3, 4j]], "complex64")),
    Case("corrcoef", i64([[0, 1, 2], [2, 1, 0]])),
    Case("corrcoef", f32([[1.0, 1.0], [1.0, 2.0]])), Case("corrcoef", f32([1.0, 2.0])),
    Case("corrcoef", f32(3.0)), Case("corrcoef", Data([[1j, 2], [3, 4j]], "complex64")),
]  # fmt: skip

DIFFERENCES = [
    Case("diff", Data([True, False, False], "bool")), Case("diff", Data([2, 1], "uint8")),
    Case("diff", i64([1, 2]), prepend=i64([0]), append=f32([9.0])), Case("diff", i64([1, 2, 4]), 9),
    Case("diff", i64([1, 2, 5]), 0, prepend=i64([0])), Case("diff", f32([])),
    Case("gradient", i64([1, 2, 4, 8])), Case("gradient", i64([1, 2, 4, 9]), spacing=2),
    Case("gradient", f32([1.0, 2.0, 4.0, 8.0]), spacing=(f32([0.0, 1.0, 3.0, 4.0]),), edge_order=2),
    Case("gradient", f32([1.0, 2.0, 4.0]), edge_order=2), Case("gradient", f32([1.0, 2.0])),
    Case("gradient", f32([[0.0, 1.0, 5.0], [3.0, 4.0, 4.0]]), spacing=[2.0, 3.0]),
    Case("gradient", f32([[0.0, 1.0, 5.0], [3.0, 4.0, 4.0]]), dim=(1, 0)), Case("gradient", f32(1)),
    Case("gradient", f32([[0.0, 1.0, 5.0], [3.0, 4.0, 4.0]]), dim=1, spacing=(i64([0, 1, 5]),)),
    Case("gradient", Data([1, 2j, 4, 9], "complex64")),
    Case("trapezoid", i64([1, 2, 4])), Case("trapezoid", i64([1, 2, 4]), dx=0.5),
    Case("trapezoid", i64([1, 2, 4]), i64([1, 2, 4])), Case("trapezoid", f32([1.0, 2.0]), f32(1.0)),
    Case("trapezoid", f32([])), Case("trapezoid", f32([1.0])), Case("trapz", f32([1.0, 2.0]), dx=2),
    Case("trapezoid", f32([[1.0, 2.0], [4.0, 5.0]]), f32([1.0, 3.0]), dim=0),
    Case("cumulative_trapezoid", i64([1, 2, 4])), Case("cumulative_trapezoid", f32([])),
    Case("cumulative_trapezoid", f32([[1.0, 2.0], [4.0, 5.0]]), f32([1.0, 3.0]), dim=0),
]  # fmt: skip

CHOICES = [
    Case("cartesian_prod", i64([1, 2]), i64([])), Case("cartesian_prod", i64([1, 2])),
    Case("combinations", i64([1, 2, 3, 4]), 3), Case("combinations", i64([1, 2]), 3, True),
    Case("combinations", f32([]), 2), Case("combinations", i64([1, 2, 3]), 0),
    Case("combinations", i64([1]), 2), Case("vander", Data([True, False], "bool")),
    Case("vander", Data([1, 2], "int8")), Case("vander", f32([0.0, 2.0]), 3, True),
    Case("is_same_size", f32([1.0]), i64([2])), Case("is_same_size", f32(1.0), f32([1.0])),
    Case("is_nonzero", f32([[NAN]])), Case("is_nonzero", i64(0)),
    Case("hash_tensor", f32([1.0, 2.0, NAN])), Case("hash_tensor", i64([[1, 2, 4], [7, 7, 7]]), 1),
    Case("hash_tensor", Data([-1, 3], "int8"), 0, keepdim=True), Case("hash_tensor", f32(1.5)),
    Case("hash_tensor", Data([True, True, True], "bool")), Case("hash_tensor", f32([[], []]), 0),
    Case("hash_tensor", Data([1.5, -0.0], "bfloat16")), Case("hash_tensor", f32([[1, 2]]), (0, 1)),
]  # fmt: skip

POINTS = f32([[0.0, 0.0], [1.0, 1.0], [3.0, 5.0], [0.0, 0.0]])
DISTANCES = [
    *(Case(name, *args, float(p)) for p in (0, 0.5, 1, 1.5, 2, 3, INF)
      for name, args in (("cdist", (POINTS, ROWS)), ("pdist", (POINTS,)))
      if name == "pdist"),
    *(Case("cdist", POINTS, f32([[0.0, 0.0], [3.0, 4.0]]), float(p))
      for p in (0, 0.5, 1, 1.5, 2, 3, INF)),
    Case("cdist", f32([[NAN, 1.0]]), POINTS), Case("cdist", f32([[INF, 1.0]]), POINTS, 1.0),
    Case("dist", f32([1.0, 2.0]), f32(1.0), 0), Case("dist", f32([1.0, 2.0]), f32([1.0, 5.0]), INF),
    Case("dist", f32([1.0, 2.0]), f32([1.0, 5.0]), -INF), Case("dist", f32([]), f32([])),
    Case("dist", Data([1j, 2], "complex64"), f32([1.0, 5.0])),
    Case("renorm", f32([[1.0, 1.0], [3.0, 4.0]]), 2, 0, 2.0), Case("renorm", POINTS, 1, 1, 0.0),
    Case("renorm", f32([[1.0, 1.0], [3.0, 4.0]]), INF, 1, 2.0),
    Case("renorm", Data([[1j, 1], [3, 4]], "complex64"), 2, 0, 1),
    Case("renorm", Data([[1.0, 1.0], [3.0, 4.0]], "float16"), 2, -1, 2.0),
    Case("renorm_", f32([[1.0, 1.0], [3.0, 4.0]]), 2, 0, 2.0),
    Case("allclose", f32([NAN]), f32([NAN])),
    Case("allclose", f32([NAN]), f32([NAN]), equal_nan=True),
    Case("allclose", f32([INF, 1.0]), f32([INF, 1.0 + 1e-9])), Case("allclose", f32([]), f32([])),
]  # fmt: skip

SEGMENTS = [
    Case("segment_reduce", data, way, initial=initial, **segments)
    for way in ("sum", "mean", "max", "min", "prod")
    for initial in (None, 2.0)
    for data, segments in (
        (f32([1.0, 2.0, 2.0, 5.0, NAN]), {"lengths": i64([2, 0, 3])}),
        (f32([1.0, 2.0, 3.0, 4.0, 5.0]), {"offsets": i64([1, 2, 2, 4])}),
        (f32([1.0, 2.0, 3.0]), {"lengths": i64([1, 1]), "unsafe": True}),
        (f32([[1.0, 2.0], [3.0, 4.0], [0.0, -1.0]]), {"lengths": Data([1, 2], "int32")}),
        (f32([[1.0, 2.0, 0.0], [3.0, 4.0, 7.0]]), {"lengths": i64([[1, 2], [3, 0]]), "axis": 1}),
        (f32([]), {"lengths": i64([0, 0])}),
    )
]

CASES = [
    *EXTREMES, *SUMS, *SPREADS, *TRUTHS, *LOGSUMS, *RUNNING, *ORDERS, *QUANTILES, *DISTINCT,
    *SEARCHES, *HISTOGRAMS, *STATISTICS, *DIFFERENCES, *CHOICES, *DISTANCES, *SEGMENTS,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_corners_are_torchs(case):
    agree(case)


# --- errors ------------------------------------------------------------------------------------

WRONG = [
    Case("max", f32([])), Case("max", f32([[], []]), 1), Case("amax", f32([])),
    Case("argmin", f32([])), Case("argmax", f32([1.0]), 1), Case("max", Data([1j], "complex64")),
    Case("argmax", Data([1j], "complex64")), Case("amin", Data([1j], "complex64")),
    Case("aminmax", f32([])), Case("aminmax", f32([[], []]), dim=1), Case("mean", i64([1])),
    Case("nanmean", i64([1])), Case("var", i64([1])), Case("var_mean", i64([1])),
    Case("mean", f32([1.0]), dtype="dtype:int32"), Case("sum", f32([1.0]), (0, 0)),
    Case("sum", f32([1.0]), 3), Case("sum_to_size", f32([[1.0, 2.0]]), 3),
    Case("logsumexp", f32([1.0]), 1), Case("cumsum", f32([1.0]), 1), Case("cummax", f32([1.0]), -2),
    Case("cumprod_", f32([1.0]), 1), Case("sort", Data([1j], "complex64")),
    Case("sort", f32([1.0]), 1), Case("topk", f32([1.0]), 2), Case("topk", f32([1.0]), -1),
    Case("kthvalue", i64([1, 2]), 0), Case("kthvalue", i64([1, 2]), 3),
    Case("kthvalue", f32([[], []]), 1), Case("median", f32([[], []]), 1),
    Case("nanmedian", f32([1.0]), 1), Case("mode", f32([])), Case("mode", f32([[], []]), 1),
    Case("quantile", i64([1]), 0.5), Case("quantile", f32([1.0]), 1.5),
    Case("quantile", f32([]), 0.5),
    Case("quantile", f32([1.0]), Data([0.5], "float64")),
    Case("quantile", f32([1.0]), f32([[0.5]])),
    Case("quantile", f32([1.0]), f32([0.5, 1.5])), Case("nanquantile", f32([1.0]), -0.1),
    Case("quantile", f32([1.0]), 0.5, interpolation="cubic"), Case("unique", i64([1]), dim=3),
    Case("unique", i64(1), dim=0), Case("unique", f32([[], []]), dim=0),
    Case("unique", Data([1j], "complex64")), Case("searchsorted", f32([1.0]), f32([1.0]), side="x"),
    Case("searchsorted", f32([1.0]), f32([1.0]), side="left", right=True),
    Case("searchsorted", f32([[1.0], [2.0]]), f32([1.0])),
    Case("searchsorted", f32(1.0), f32([1.0])),
    Case("searchsorted", f32([1.0]), f32([1.0]), sorter=i64([0, 0])),
    Case("searchsorted", f32([1.0]), f32([1.0]), sorter=i64([4])),
    Case("bucketize", f32([1.0]), f32([[1.0]])), Case("isin", 1, 1),
    Case("isin", Data([1j], "complex64"), i64([1])), Case("bincount", i64([-1])),
    Case("bincount", f32([1.0])), Case("bincount", i64([[1]])),
    Case("bincount", i64([1]), minlength=-1),
    Case("bincount", i64([1, 2]), f32([1.0])), Case("histc", i64([1])),
    Case("histc", f32([1.0]), 0),
    Case("histc", f32([1.0]), 3, 2, 1), Case("histc", f32([1.0, NAN]), 3),
    Case("histc", f32([1.0, INF]), 3), Case("histc", f32([1.0]), 2, 0, INF),
    Case("histogram", i64([1]), 3), Case("histogram", f32([1.0]), 0),
    Case("histogram", f32([NAN]), 2),
    Case("histogram", f32([1.0]), 2, range=(3.0, 1.0)),
    Case("histogram", f32([1.0]), 2, weight=f32([1.0, 2.0])),
    Case("histogramdd", f32([1.0]), [1]), Case("histogramdd", f32([[1.0, 2.0]]), [1]),
    Case("histogramdd", f32([[1.0, 2.0]]), [1, 1], range=[0.0, 1.0]),
    Case("cov", f32([[[1.0]]])), Case("cov", Data([True], "bool")),
    Case("corrcoef", f32([[[1.0]]])),
    Case("cov", ROWS, fweights=f32([1.0, 2.0, 3.0])), Case("cov", ROWS, fweights=i64([1, 2])),
    Case("cov", ROWS, fweights=i64([1, 2, -3])), Case("cov", ROWS, aweights=i64([1, 2, 3])),
    Case("cov", ROWS, aweights=f32([0.0, 0.0, 0.0])), Case("diff", f32(1.0)),
    Case("diff", f32([1.0]), -1), Case("diff", f32([[1.0]]), prepend=f32([1.0])),
    Case("gradient", f32([1.0])), Case("gradient", f32([1.0, 2.0]), edge_order=2),
    Case("gradient", f32([1.0, 2.0]), edge_order=3), Case("gradient", Data([1, 2], "uint8")),
    Case("gradient", f32([1.0, 2.0]), dim=(0, 0)), Case("gradient", f32([1.0, 2.0]), dim=2),
    Case("gradient", f32([[1.0, 2.0], [3.0, 4.0]]), spacing=[2.0]),
    Case("trapezoid", f32(3.0)), Case("trapezoid", f32([1.0, 2.0]), f32([1.0])),
    Case("trapezoid", Data([True, True], "bool")), Case("trapezoid", f32([1.0]), f32([1.0]), dx=2),
    Case("cumulative_trapezoid", f32(3.0)), Case("cartesian_prod"),
    Case("cartesian_prod", i64([1]), f32([1.0])), Case("cartesian_prod", i64([1]), i64(1)),
    Case("combinations", i64([[1]])), Case("combinations", i64([1]), -1),
    Case("vander", f32([[1.0]])), Case("vander", f32([1.0]), -1),
    Case("cdist", POINTS, f32([[1.0]])),
    Case("cdist", POINTS, POINTS, -1.0), Case("cdist", f32([1.0]), POINTS),
    Case("cdist", i64([[1]]), i64([[1]])), Case("cdist", POINTS, POINTS, 2.0, "mm"),
    Case("pdist", f32([1.0])), Case("pdist", POINTS, -1.0), Case("pdist", i64([[1]])),
    Case("dist", i64([1]), i64([1])), Case("renorm", f32([1.0]), 2, 0, 1.0),
    Case("renorm", POINTS, 0, 0, 1.0), Case("renorm", POINTS, 2, 0, -1.0),
    Case("renorm", i64([[1]]), 2, 0, 1.0), Case("renorm", POINTS, 2, 5, 1.0),
    Case("hash_tensor", f32([])), Case("hash_tensor", f32([[], []]), 1),
    Case("hash_tensor", f32([1.0]), mode=1), Case("hash_tensor", Data([1j], "complex64")),
    Case("segment_reduce", f32([1.0, 2.0]), "sum", lengths=i64([1])),
    Case("segment_reduce", f32([1.0, 2.0]), "sum", lengths=i64([-1, 3])),
    Case("segment_reduce", f32([1.0, 2.0]), "sum"), Case("segment_reduce", f32([1.0, 2.0]), "x"),
    Case("segment_reduce", i64([1]), "sum", lengths=i64([1])),
    Case("segment_reduce", f32([1.0]), "sum", indices=i64([0])),
    Case("segment_reduce", f32([1.0]), "sum", lengths=i64([1]), axis=1),
    Case("segment_reduce", f32([1.0]), "sum", lengths=f32([1.0])),
    Case("segment_reduce", f32([[1.0, 2.0]]), "sum", lengths=i64([[2]]), axis=0),
]  # fmt: skip


@pytest.mark.parametrize("case", WRONG, ids=repr)
def test_what_torch_refuses_weft_refuses_by_name(case):
    with pytest.raises((RuntimeError, TypeError, IndexError, ValueError, NotImplementedError)):
        case.run(torch)
    with pytest.raises((RuntimeError, TypeError, IndexError, ValueError)) as caught:
        case.run(weft)
    asked = case.name.rstrip("_")
    assert str(caught.value).startswith(f"{asked}: "), f"{caught.value!r} does not say who asked"


def test_named_tuples_have_torchs_field_names():
    for case in (
        Case("max", ROWS, 1), Case("min", ROWS, 1), Case("median", ROWS, 1), Case("mode", ROWS),
        Case("nanmedian", ROWS, 1), Case("kthvalue", ROWS, 1), Case("sort", ROWS),
        Case("topk", ROWS, 1), Case("cummax", ROWS, 0), Case("cummin", ROWS, 0),
        Case("aminmax", ROWS), Case("histogram", ROWS, 2), Case("histogramdd", ROWS, 2),
    ):  # fmt: skip
        expected = [f for f in dir(case.run(torch)) if not f.startswith("_")]
        names = [f for f in expected if f not in ("count", "index", "n_fields", "n_sequence_fields",
                                                  "n_unnamed_fields")]  # fmt: skip
        got = case.run(weft)
        assert sorted(got._fields) == sorted(names), case


# --- gradients ---------------------------------------------------------------------------------


def gradients(call: Callable[..., Any], *arrays: Any) -> None:
    """Assert that the gradients of a sum of the first result agree."""
    ours = [weft.tensor(a, dtype=weft.float64, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]
    found = []
    for side, leaves in ((weft, ours), (torch, theirs)):
        result = quietly(call, side, *leaves)
        result = result if isinstance(result, side.Tensor) else result[0]
        weights = side.arange(1.0, 1.0 + result.numel(), dtype=side.float64)
        (result.reshape(-1) * weights).sum().backward()
        found.append([leaf.grad for leaf in leaves])
    for mine, other in zip(*found, strict=True):
        assert_same(mine, other)


TIES = [[1.0, 1.0, 2.0, 1.0], [2.0, 2.0, 2.0, -1.0]]


@pytest.mark.parametrize(
    "call",
    [
        lambda lib, x: x.max(), lambda lib, x: x.min(), lambda lib, x: x.amax(1),
        lambda lib, x: x.amin((0, 1)), lambda lib, x: x.max(1), lambda lib, x: x.min(0),
        lambda lib, x: x.aminmax(), lambda lib, x: x.aminmax(dim=1), lambda lib, x: x.median(),
        lambda lib, x: x.nanmedian(), lambda lib, x: x.cummax(1), lambda lib, x: x.cummin(0),
        lambda lib, x: x.mode(1), lambda lib, x: x.std(1), lambda lib, x: (x - x).std(),
        lambda lib, x: x.cumprod(1), lambda lib, x: (x - 2).cumprod(1), lambda lib, x: x.prod(1),
        lambda lib, x: (x - 2).prod(), lambda lib, x: x.renorm(2, 0, 2.0), lambda lib, x: x.diff(),
        lambda lib, x: x.logsumexp((0, 1)), lambda lib, x: x.logcumsumexp(1),
        lambda lib, x: x.cov(),
        lambda lib, x: lib.quantile(x, 0.3, dim=1), lambda lib, x: lib.nanquantile(x, 0.3),
        lambda lib, x: x.sort(dim=1, stable=True), lambda lib, x: lib.trapz(x),
    ],
)  # fmt: skip
def test_gradients_at_ties_and_zeros_are_torchs(call):
    gradients(call, TIES)


def test_gradients_at_nan_are_torchs():
    data = [[1.0, NAN, 3.0], [2.0, 5.0, NAN]]
    gradients(lambda lib, x: x.amax(1), data)
    gradients(lambda lib, x: x.nansum(1), data)
    gradients(lambda lib, x: x.nanmean(), data)
    gradients(lambda lib, x: x.nanmedian(), data)
    gradients(lambda lib, x: x.median(1), data)
    gradients(lambda lib, x: lib.nanquantile(x, 0.3, dim=1), data)


@pytest.mark.parametrize("p", [0.5, 1.0, 1.5, 2.0, 3.0, INF])
def test_distances_have_torchs_gradient_where_rows_agree(p):
    points = [[0.0, 1.0], [0.0, 1.0], [2.0, 2.0], [0.0, 3.0]]
    gradients(lambda lib, x: lib.pdist(x, p), points)
    gradients(lambda lib, x, y: lib.cdist(x, y, p), points, [[0.0, 1.0], [1.0, 0.0]])
    gradients(lambda lib, x, y: lib.dist(x, y), points[0], points[1])


@pytest.mark.parametrize("way", ["sum", "mean", "max", "min", "prod"])
@pytest.mark.parametrize("initial", [None, 2.0])
def test_segments_have_torchs_gradient_at_ties_and_zeros(way, initial):
    def call(lib: Any, x: Any) -> Any:
        return lib.segment_reduce(x, way, lengths=lib.tensor([2, 0, 3, 1]), initial=initial)

    gradients(call, [2.0, 2.0, 0.0, 3.0, 3.0, -1.0])


@pytest.mark.parametrize("shape", [(0,), (1,), (3, 0), (1, 4)])
def test_gradients_of_too_few_elements_are_torchs(shape):
    data = np.ones(shape).tolist()
    for name in ("var", "std", "mean", "median", "nanmean", "cov", "corrcoef"):
        gradients(lambda lib, x, name=name: getattr(lib, name)(x), data)


def test_the_gradient_by_q_is_torchs():
    gradients(lambda lib, x, q: lib.quantile(x, q), [1.0, 2.0, 4.0, 9.0], [0.1, 0.4])


@pytest.mark.parametrize("zeros", [(), (1,), (0, 3), (2, 3), (0, 1, 2, 3, 4)])
def test_running_products_have_torchs_gradient_at_zeros(zeros):
    data = np.random.default_rng(0).uniform(0.5, 1.5, (2, 5))
    data[0, list(zeros)] = 0
    gradients(lambda lib, x: x.cumprod(1), data.tolist())


def test_running_log_sums_have_torchs_gradient_over_a_wide_range():
    data = [700.0, -700.0, 3.0, 701.0, 2.0, 1000.0, -1000.0, 1000.0]
    gradients(lambda lib, x: x.logcumsumexp(0), data)


def test_many_rows_take_their_distances_from_a_product_as_torchs_do():
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((2, 40, 7)), rng.standard_normal((1, 30, 7))
    expected = torch.cdist(torch.from_numpy(a), torch.from_numpy(b))
    assert_same(weft.cdist(weft.from_numpy(a), weft.from_numpy(b)), expected, within=(1e-9, 1e-9))


# --- large random data -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bfloat16"])
@pytest.mark.parametrize("seed", range(3))
def test_orders_of_random_data_with_many_ties_are_torchs(dtype, seed):
    rng = np.random.default_rng(seed)
    data = rng.integers(0, 9, (13, 57)).astype(getattr(weft, dtype).numpy)
    ours, theirs = weft.from_numpy(data.copy()), tensor_of(data)
    same: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
        ("sort", (), {"dim": 0, "stable": True}),
        ("sort", (), {"dim": 1, "stable": True, "descending": True}),
        ("cummax", (1,), {}), ("cummin", (0,), {}),
        ("unique", (True, True, True), {}), ("unique", (), {"dim": 1, "return_counts": True}),
        ("unique_consecutive", (True, True), {}), ("max", (1,), {}), ("min", (0,), {}),
    ]  # fmt: skip
    for name, args, kwargs in same:
        got = getattr(ours, name)(*args, **kwargs)
        assert_same(flat(got), flat(getattr(theirs, name)(*args, **kwargs)), f"{name} {dtype}")
    for name, args in (("median", (1,)), ("kthvalue", (20, 1)), ("topk", (5, 0)), ("mode", (1,))):
        got, expected = getattr(ours, name)(*args)[0], getattr(theirs, name)(*args)[0]
        assert_same(got, expected, f"{name} {dtype}")


@pytest.mark.parametrize("seed", range(3))
def test_histograms_of_random_data_are_torchs(seed):
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((400, 2)).astype(np.float32)
    ours, theirs = weft.from_numpy(data.copy()), torch.from_numpy(data)
    assert_same(weft.histc(ours, 17, -2, 1.5), torch.histc(theirs, 17, -2, 1.5))
    assert_same(flat(weft.histogram(ours, 23)), flat(torch.histogram(theirs, 23)))
    assert_same(flat(weft.histogramdd(ours, (5, 7))), flat(torch.histogramdd(theirs, [5, 7])))


def test_every_case_is_of_a_function_that_torch_has():
    for case in (*CASES, *WRONG):
        assert hasattr(torch, case.name) or hasattr(torch.Tensor, case.name), case
