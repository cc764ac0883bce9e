"""Derivatives of every sample beside torch's: one cotangent through both, again, and forward."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
import torch
import torch.autograd.forward_ad as dual_numbers

import weft
from tests.core.drawing import Call, hermitian
from tests.parity.gradients_table import (
    DIFFERENT_FORWARD,
    DIFFERENT_GRADIENT,
    DIFFERENT_SECOND,
    NO_GRADIENT_IN_TORCH,
    NO_SECOND_IN_TORCH,
    NOT_BY,
    OTHER_RESULTS,
    TOLERANCE,
    UP_TO_PHASES,
    WIDER,
)
from tests.parity.ops_table import DIFFERENT_VALUE, NOT_IN_DTYPE, reference
from tests.parity.test_ops import REFUSALS, drawn, run_torch
from tests.parity.torch_side import assert_same, quietly, tensor_of, tensors_in
from weft._core import catalogue
from weft.ops import load_all

load_all()
SAMPLES = [
    pytest.param(entry, i, id=f"{entry.key}-{i}")
    for entry in catalogue.public.values()
    if reference(entry) is not None and not entry.not_differentiable and not entry.random
    for i in range(len(entry.samples))
    if f"{entry.key}-{i}" not in DIFFERENT_VALUE or entry.key in UP_TO_PHASES
]
DIFFERENTIABLE = [
    p
    for p in SAMPLES
    if p.values[0].key not in NO_GRADIENT_IN_TORCH and p.id not in DIFFERENT_GRADIENT
]


def noise(shape: tuple[int, ...], dtype: str, name: str) -> np.ndarray:
    """Draw an array of a shape, complex for a complex dtype, the same whenever it is asked for."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    data = rng.standard_normal(shape)
    if dtype.startswith("complex"):
        data = data + 1j * rng.standard_normal(shape)
    return np.asarray(data).astype(dtype)


def name_of(tensor: Any) -> str:
    """Return the name of the dtype of a tensor of either library."""
    return str(tensor.dtype).partition(".")[2]


def slopes_of(results: Any, kind: type, key: str) -> list[Any]:
    """Return what may have a derivative in a result, free of choices of phases."""
    flat = [t for t in tensors_in(results, kind) if isinstance(t, kind)]
    kept = [t for t in flat if t.is_floating_point() or t.is_complex()]
    return [t.abs().square() for t in kept] if key in UP_TO_PHASES else kept


class NoKernel(Exception):
    """Torch does not compute a function in a dtype, or not with gradients."""


class Pair:
    """One sample run on weft and on torch: their inputs, and the results that need a gradient."""

    def __init__(self, entry: catalogue.Public, number: int, dtype: str) -> None:
        self.name = f"{entry.key}-{number}"
        self.key, self.dtype = entry.key, dtype
        call = drawn(entry, entry.samples[number], dtype)
        ours, theirs = call.tensors(), [tensor_of(v) for v in call.variables]
        chosen = [i for i in range(len(ours)) if i not in NOT_BY.get(self.name, ())]
        self.ours = [ours[i].requires_grad_() for i in chosen]
        self.theirs = [theirs[i].requires_grad_() for i in chosen]
        try:
            results = run_torch(entry, call, theirs)
        except REFUSALS as error:
            raise NoKernel from error
        expected = slopes_of(results, torch.Tensor, entry.key)
        got = slopes_of(call.run(ours), weft.Tensor, entry.key)
        needs = [t.requires_grad for t in expected]
        if entry.key not in OTHER_RESULTS:
            assert [t.requires_grad for t in got] == needs, f"{self.name}: what needs a gradient"
        both = [
            (a, b) for a, b in zip(got, expected, strict=True) if a.requires_grad & b.requires_grad
        ]
        self.outs = [a for a, _ in both]
        self.torch_outs = [b for _, b in both]

    def seeds(self) -> tuple[list[Any], list[Any]]:
        """Return the same cotangents of the results for both, which need gradients themselves."""
        arrays = [
            noise(tuple(t.shape), name_of(t), f"{self.name} {i}")
            for i, t in enumerate(self.torch_outs)
        ]
        return (
            [weft.from_numpy(a.copy()).requires_grad_() for a in arrays],
            [tensor_of(a).requires_grad_() for a in arrays],
        )

    def compare(self, got: Any, expected: Any, where: str) -> None:
        for g, e in zip(got, expected, strict=True):
            if e is not None and g is not None:
                assert_near(g, e, f"{where} of {self.name}", self.key)


def assert_near(got: Any, expected: Any, where: str, key: str) -> None:
    """Assert that two derivatives have one dtype and shape, and values near to each other."""
    rtol, atol = TOLERANCE[name_of(expected)]
    wider = WIDER.get(key, (0.0, 0.0))
    size = float(expected.detach().abs().nan_to_num(0, 0).max()) if expected.numel() else 0.0
    within = max(rtol, wider[0]), max(atol, wider[1]) * max(1.0, size)
    assert_same(got, expected, where, within)


def is_zero(tensor: Any) -> bool:
    return tensor is None or not bool((tensor.detach().abs() > 1e-12).any())


def pair_of(entry: catalogue.Public, number: int, dtype: str) -> Pair | None:
    """Return a pair, or None where torch has nothing to compare with."""
    if (entry.key, dtype.replace("128", "64")) in NOT_IN_DTYPE:
        return None
    try:
        pair = Pair(entry, number, dtype)
    except NoKernel:
        return None
    return pair if pair.outs else None


def compare_gradients(entry: catalogue.Public, number: int, dtype: str) -> None:
    pair = pair_of(entry, number, dtype)
    if pair is None:
        return
    seeds, torch_seeds = pair.seeds()
    expected = quietly(
        torch.autograd.grad, pair.torch_outs, pair.theirs, torch_seeds, allow_unused=True
    )
    got = weft.autograd.grad(pair.outs, pair.ours, seeds, allow_unused=True)
    assert [g is not None for g in got] == [e is not None for e in expected]
    pair.compare(got, expected, "gradient")


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize(("entry", "number"), DIFFERENTIABLE)
def test_gradients_are_torchs(entry, number, dtype):
    compare_gradients(entry, number, dtype)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize(
    ("entry", "number"), [p for p in DIFFERENTIABLE if p.id not in DIFFERENT_SECOND]
)
def test_second_derivatives_are_torchs(entry, number, dtype):
    """By the arguments and by the cotangents, of the gradients projected on random directions.

    Where the second derivative is zero, one library may have zeros where the other has None: it
    follows from how formulas are written, and PyTorch's own are of both kinds.
    """
    pair = pair_of(entry, number, dtype)
    if pair is None:
        return
    seeds, torch_seeds = pair.seeds()
    expected = quietly(
        torch.autograd.grad, pair.torch_outs, pair.theirs, torch_seeds,
        allow_unused=True, create_graph=True,
    )  # fmt: skip
    got = weft.autograd.grad(pair.outs, pair.ours, seeds, allow_unused=True, create_graph=True)
    along = [
        None if e is None else noise(tuple(e.shape), name_of(e), f"{pair.name} along {i}")
        for i, e in enumerate(expected)
    ]
    firsts = [
        (g, e, a)
        for g, e, a in zip(got, expected, along, strict=True)
        if e is not None and e.requires_grad and g.requires_grad
    ]
    for g, e in zip(got, expected, strict=True):
        if e is not None:
            assert g.requires_grad or not e.requires_grad, "weft's graph ends too soon"
    if not firsts:
        return
    try:
        wanted = quietly(
            torch.autograd.grad,
            [e for _, e, _ in firsts],
            [*pair.theirs, *torch_seeds],
            [tensor_of(a) for _, _, a in firsts],
            allow_unused=True,
        )
    except RuntimeError as error:  # NotImplementedError is one
        assert "is not implemented" in str(error)
        assert entry.key in NO_SECOND_IN_TORCH
        return
    again = weft.autograd.grad(
        [g for g, _, _ in firsts],
        [*pair.ours, *seeds],
        [weft.from_numpy(a) for _, _, a in firsts],
        allow_unused=True,
    )
    for g, e in zip(again, wanted, strict=True):
        assert g is not None or is_zero(e)
        assert e is not None or is_zero(g)
    pair.compare(again, wanted, "second derivative")


@pytest.mark.parametrize("name", DIFFERENT_SECOND)
def test_a_named_difference_of_second_derivatives_is_still_one(name):
    key, _, number = name.rpartition("-")
    with pytest.raises((AssertionError, RuntimeError)):
        test_second_derivatives_are_torchs(catalogue.public[key], int(number), "float64")


def directions(call: Call, name: str) -> list[np.ndarray]:
    """Draw a direction for each variable; functions of Hermitian matrices move along such."""
    drawn_ = [
        np.zeros_like(v)
        if i in NOT_BY.get(name, ())
        else noise(v.shape, v.dtype.name, f"{name}{i}")
        for i, v in enumerate(call.variables)
    ]
    pairs = zip(drawn_, call.forms, strict=True)
    return [hermitian(d) if form == "positive" else d for d, form in pairs]


def torch_slopes(entry: catalogue.Public, call: Call, along: list[np.ndarray]) -> Any:
    """Return torch's derivatives along a direction, or None where it has no forward mode."""
    inputs = [tensor_of(v) for v in call.variables]
    with dual_numbers.dual_level():
        pairs = zip(inputs, along, strict=True)
        duals = [dual_numbers.make_dual(x, tensor_of(a)) for x, a in pairs]
        try:
            results = slopes_of(run_torch(entry, call, duals), torch.Tensor, entry.key)
        except REFUSALS:
            return None
        slopes = [dual_numbers.unpack_dual(t).tangent for t in results]
    return [torch.zeros_like(r) if s is None else s for r, s in zip(results, slopes, strict=True)]


def compare_forward(entry: catalogue.Public, number: int, dtype: str) -> None:
    if (entry.key, dtype.replace("128", "64")) in NOT_IN_DTYPE:
        return
    call = drawn(entry, entry.samples[number], dtype)
    along = directions(call, f"{entry.key}-{number}")
    expected = torch_slopes(entry, call, along)
    if not (along and expected):  # nothing varies, or torch has no forward mode here
        return

    def function(*inputs: weft.Tensor) -> tuple[weft.Tensor, ...]:
        return tuple(slopes_of(call.run(list(inputs)), weft.Tensor, entry.key))

    tangents = tuple(weft.from_numpy(a) for a in along)
    _, slopes = weft.func.jvp(function, tuple(call.tensors()), tangents)
    for slope, e in zip(slopes, expected, strict=True):
        if entry.key in OTHER_RESULTS and is_zero(e):
            continue
        assert_near(slope, e, f"forward derivative of {entry.key}-{number}", entry.key)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize(
    ("entry", "number"), [p for p in SAMPLES if p.values[0].key not in NO_GRADIENT_IN_TORCH]
)
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # torch's forward mode scripts
def test_forward_derivatives_are_torchs(entry, number, dtype):
    if DIFFERENT_FORWARD.keys().isdisjoint(
        {entry.key, f"{entry.key}-{number}", (entry.key, dtype)}
    ):
        compare_forward(entry, number, dtype)


@pytest.mark.parametrize("name", DIFFERENT_GRADIENT)
def test_a_named_difference_of_gradients_is_still_one(name):
    key, _, number = name.rpartition("-")
    with pytest.raises((AssertionError, RuntimeError, IndexError)):
        compare_gradients(catalogue.public[key], int(number), "float64")
        compare_gradients(catalogue.public[key], int(number), "complex128")


@pytest.mark.parametrize("name", DIFFERENT_FORWARD, ids=str)
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # torch's forward mode scripts
def test_a_named_difference_of_forward_derivatives_is_still_one(name):
    key, dtype = name if isinstance(name, tuple) else (name, "float64")
    whole = key in catalogue.public
    key, number = (key, "0") if whole else key.rsplit("-", 1)
    with pytest.raises((AssertionError, IndexError)):
        compare_forward(catalogue.public[key], int(number), dtype)


@pytest.mark.parametrize("key", sorted(NO_GRADIENT_IN_TORCH))
def test_what_is_said_to_have_no_gradient_in_torch_has_none(key):
    entry = catalogue.public[key]
    call = drawn(entry, entry.samples[0], "float64")
    inputs = [tensor_of(v).requires_grad_() for v in call.variables]
    try:
        assert not run_torch(entry, call, inputs).requires_grad
    except REFUSALS as error:
        assert "not implemented" in str(error)
