"""Every public op against torch's of the same name: values, dtypes, shapes and gradients."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch

import weft
from tests.core.drawing import Call, _filled, cast, floating, weights_for
from tests.parity.ops_table import (
    DIFFERENT_GRADIENT,
    DIFFERENT_VALUE,
    NO_GRADIENT_IN_TORCH,
    NOT_BY,
    NOT_IN_DTYPE,
    WIDER,
    reference,
)
from tests.parity.torch_side import assert_same, quietly, tensor_of, tensors_in, to_torch
from weft._core import catalogue
from weft._core.samples import Sample
from weft.ops import load_all

load_all()
ENTRIES = [e for e in catalogue.public.values() if reference(e) is not None]
SAMPLES = [
    pytest.param(entry, i, id=f"{entry.key}-{i}")
    for entry in ENTRIES
    for i in range(len(entry.samples))
    if f"{entry.key}-{i}" not in DIFFERENT_VALUE
]
EXACT = [p for p in SAMPLES if not p.values[0].random]
DIFFERENTIABLE = [
    p
    for p in EXACT
    if not p.values[0].not_differentiable
    and p.id not in DIFFERENT_GRADIENT
    and p.values[0].key not in NO_GRADIENT_IN_TORCH
]  # fmt: skip
#: What torch may raise where it has no kernel for a dtype or refuses it.
REFUSALS = (
    RuntimeError,
    TypeError,
    NotImplementedError,
    ValueError,
    AssertionError,
    KeyError,
)


def drawn(entry: catalogue.Public, sample: Sample, dtype: str) -> Call:
    """Draw a sample's arrays in a dtype: integers are the floats cut, booleans half of each."""
    wide = np.complex128 if dtype.startswith("complex") else np.float64
    call = Call(entry.function, sample, wide, entry.key)
    if dtype == "bool":
        call.variables = [
            v if v.dtype.kind == "c" else np.asarray(v > np.median(v) if v.size else v > 0)
            for v in call.variables
        ]
    else:
        call.variables = [cast(v, getattr(weft, dtype).numpy) for v in call.variables]
    return call


def run_torch(entry: catalogue.Public, call: Call, tensors: list[torch.Tensor]) -> Any:
    """Call torch's function with the arguments of a call."""
    args = [to_torch(_filled(a, tensors)) for a in call._args]
    kwargs = {k: to_torch(_filled(v, tensors)) for k, v in call._kwargs.items()}
    if entry.module.startswith("weft.ops.loss"):  # torch's have size_average and reduce in between
        kwargs = inspect.signature(entry.function).bind(*args, **kwargs).arguments
        args = []
    return quietly(reference(entry), *args, **kwargs)


def compare(entry: catalogue.Public, call: Call, dtype: str) -> None:
    expected = run_torch(entry, call, [tensor_of(v) for v in call.variables])
    got = call.run(call.tensors())
    within = WIDER.get((entry.key, dtype))
    assert_same(got, expected, f"{entry.key} in {dtype}, {call._args} {call._kwargs}", within)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("entry", "number"), EXACT)
def test_values_dtypes_and_shapes_are_torchs(entry, number, dtype):
    compare(entry, drawn(entry, entry.samples[number], dtype), dtype)


@pytest.mark.parametrize(("entry", "number"), EXACT)
def test_results_are_contiguous_where_torchs_are(entry, number):
    """Whoever asks for a view of a result gets one where torch gives one.

    The other way round weft's may be contiguous where torch's are not: LAPACK's matrices, say.
    """
    call = drawn(entry, entry.samples[number], "float32")
    if not all(v.flags.c_contiguous for v in call.variables):
        return  # torch has no negative strides
    expected = run_torch(entry, call, [tensor_of(v) for v in call.variables])
    got = call.run(call.tensors())
    pairs = zip(tensors_in(got, weft.Tensor), tensors_in(expected, torch.Tensor), strict=True)
    for a, b in pairs:
        if isinstance(b, torch.Tensor):
            assert a.is_contiguous() or not b.is_contiguous()


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int32", "int64", "float16", "bfloat16", "complex64"]
)
@pytest.mark.parametrize("entry", [e for e in ENTRIES if not e.random], ids=lambda e: e.key)
def test_what_torch_computes_in_a_dtype_weft_computes_alike(entry, dtype):
    if (entry.key, dtype) in NOT_IN_DTYPE:
        return
    for number, sample in enumerate(entry.samples):
        if f"{entry.key}-{number}" in DIFFERENT_VALUE:
            continue
        call = drawn(entry, sample, dtype)
        try:
            run_torch(entry, call, [tensor_of(v) for v in call.variables])
        except REFUSALS:
            continue  # torch has no such kernel; weft may have one
        compare(entry, call, dtype)


@pytest.mark.parametrize(("entry", "number"), DIFFERENTIABLE)
def test_gradients_are_torchs(entry, number):
    call = drawn(entry, entry.samples[number], "float64")
    left_out = NOT_BY.get(f"{entry.key}-{number}", set())
    chosen = [i for i in range(len(call.variables)) if i not in left_out]
    ours, theirs = call.tensors(), [tensor_of(v) for v in call.variables]
    for i in chosen:
        ours[i].requires_grad_()
        theirs[i].requires_grad_()
    total, expected_total = None, None
    results = floating(call.run(ours))
    expected_results = [
        t
        for t in tensors_in(run_torch(entry, call, theirs), torch.Tensor)
        if t.dtype.is_floating_point or t.dtype.is_complex
    ]
    for i, (mine, other) in enumerate(zip(results, expected_results, strict=True)):
        weights = weights_for(mine, i)
        term = weft.real((mine * weft.from_numpy(weights).to(mine.dtype)).sum())
        expected_term = (other * torch.from_numpy(weights).to(other.dtype)).sum().real
        total = term if total is None else total + term
        expected_total = expected_term if expected_total is None else expected_total + expected_term
    if expected_total is None or not expected_total.requires_grad:
        assert total is None or not total.requires_grad
        return
    got = weft.autograd.grad(total, [ours[i] for i in chosen], allow_unused=True)
    expected = torch.autograd.grad(expected_total, [theirs[i] for i in chosen], allow_unused=True)
    for g, e in zip(got, expected, strict=True):
        if e is None or g is None:  # each may know better that there is no path
            for one in (g, e):
                assert one is None or not one.count_nonzero().item()
            continue
        assert_same(g, e, f"gradient of {entry.key}", WIDER.get((entry.key, "gradient")))


@pytest.mark.parametrize(("entry", "number"), [p for p in SAMPLES if p.values[0].random])
def test_random_functions_give_torchs_shapes_and_dtypes(entry, number):
    for dtype in ("float32", "float64", "float16", "bfloat16"):
        call = drawn(entry, entry.samples[number], dtype)
        try:
            expected = run_torch(entry, call, [tensor_of(v) for v in call.variables])
        except REFUSALS:
            assert dtype in ("float16", "bfloat16"), f"torch refuses {entry.key} in {dtype}"
            continue  # torch has no such kernel; weft has one
        got = tensors_in(call.run(call.tensors()), weft.Tensor)
        assert [(tuple(t.shape), f"torch.{t.dtype.name}") for t in got] == [
            (tuple(t.shape), str(t.dtype)) for t in tensors_in(expected, torch.Tensor)
        ]


def test_every_named_difference_is_of_a_function_there_is():
    names = {name for table in (DIFFERENT_VALUE, DIFFERENT_GRADIENT) for name in table}
    known = {f"{e.key}-{i}" for e in catalogue.public.values() for i in range(len(e.samples))}
    assert names <= known
    assert {name for name, _ in (*NOT_IN_DTYPE, *WIDER)} <= set(catalogue.public)
