"""Every public op against torch's of the same name: values, dtypes and shapes."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch

import weft
from tests.core.drawing import Call, _filled, cast
from tests.parity.ops_table import (
    DIFFERENT_VALUE,
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


@pytest.mark.parametrize(("entry", "number"), EXACT)
def test_results_share_memory_only_where_torchs_do(entry, number):
    """Whoever writes into a result writes into an argument, or into itself, only as in torch."""
    call = drawn(entry, entry.samples[number], "float32")
    if not all(v.flags.c_contiguous for v in call.variables):
        return  # torch has no negative strides
    theirs = [tensor_of(v) for v in call.variables]
    held = {t.untyped_storage().data_ptr() for t in theirs if t.numel()}
    ours = call.tensors()
    pairs = zip(
        tensors_in(call.run(ours), weft.Tensor),
        tensors_in(run_torch(entry, call, theirs), torch.Tensor),
        strict=True,
    )
    for a, b in pairs:
        if isinstance(b, torch.Tensor) and b.numel():
            shares = any(np.may_share_memory(a.detach().numpy(), x.numpy()) for x in ours)
            assert not shares or b.untyped_storage().data_ptr() in held
            assert 0 in b.stride() or all(
                step or n == 1 for step, n in zip(a.stride(), a.shape, strict=True)
            )


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


def test_every_function_that_users_are_offered_is_compared():
    """What has no reference is internal: canonical forms and transposes, seen through others."""
    offered = [e for e in catalogue.public.values() if e.namespaces or e.methods]
    assert [e.key for e in offered if reference(e) is None] == []


def test_every_named_difference_is_of_a_function_there_is():
    known = {f"{e.key}-{i}" for e in catalogue.public.values() for i in range(len(e.samples))}
    assert DIFFERENT_VALUE.keys() <= known
    assert {name for name, _ in (*NOT_IN_DTYPE, *WIDER)} <= set(catalogue.public)
