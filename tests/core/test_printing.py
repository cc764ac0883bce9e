"""Printing: golden strings, which are PyTorch's own where both have the tensor."""

from __future__ import annotations

import numpy as np
import pytest

import weft

GOLDEN = [
    (lambda: weft.tensor(1.5), "tensor(1.5000)"),
    (lambda: weft.tensor(3), "tensor(3)"),
    (lambda: weft.tensor(True), "tensor(True)"),
    (lambda: weft.tensor(float("nan")), "tensor(nan)"),
    (lambda: weft.tensor([1.0, 2.0, 3.0]), "tensor([1., 2., 3.])"),
    (lambda: weft.tensor([1.0, -20.0]), "tensor([  1., -20.])"),
    (lambda: weft.tensor([1.5, 2.25, 1000.123]), "tensor([   1.5000,    2.2500, 1000.1230])"),
    (lambda: weft.tensor([1e-8, 1.0]), "tensor([1.0000e-08, 1.0000e+00])"),
    (lambda: weft.tensor([1.0, 10000.0]), "tensor([1.0000e+00, 1.0000e+04])"),
    (lambda: weft.tensor([1e8]), "tensor([100000000.])"),
    (lambda: weft.tensor([1.5, float("nan"), float("inf")]), "tensor([1.5000,    nan,    inf])"),
    (
        lambda: weft.tensor([1.0, float("nan"), float("inf"), -float("inf")]),
        "tensor([1., nan, inf, -inf])",
    ),
    (lambda: weft.tensor([-0.0, 0.5]), "tensor([-0.0000, 0.5000])"),
    (lambda: weft.tensor([]), "tensor([])"),
    (lambda: weft.zeros(0, 3), "tensor([], size=(0, 3))"),
    (lambda: weft.tensor([], dtype=weft.int64), "tensor([], dtype=weft.int64)"),
    (lambda: weft.tensor([True, False]), "tensor([ True, False])"),
    (lambda: weft.tensor([1, -20, 300]), "tensor([  1, -20, 300])"),
    (lambda: weft.tensor([1, 2], dtype=weft.int8), "tensor([1, 2], dtype=weft.int8)"),
    (
        lambda: weft.tensor([1.0, 2.5], dtype=weft.bfloat16),
        "tensor([1.0000, 2.5000], dtype=weft.bfloat16)",
    ),
    (lambda: weft.tensor([65504.0], dtype=weft.float16), "tensor([65504.], dtype=weft.float16)"),
    (lambda: weft.tensor([3.4e38, 1e-38]), "tensor([3.4000e+38, 1.0000e-38])"),
    (lambda: weft.tensor([1 + 2j, 3.5 - 1j]), "tensor([1.0000+2.j, 3.5000-1.j])"),
    (lambda: weft.tensor(1 + 0j), "tensor(1.+0.j)"),
    (
        lambda: weft.tensor([[1.5, 2.0], [3.0, -4.0]]),
        "tensor([[ 1.5000,  2.0000],\n        [ 3.0000, -4.0000]])",
    ),
    (
        lambda: weft.zeros(2, 2, 2),
        "tensor([[[0., 0.],\n         [0., 0.]],\n\n        [[0., 0.],\n         [0., 0.]]])",
    ),
    (lambda: weft.arange(2000), "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])"),
    (
        lambda: weft.arange(20) * 1000,
        "tensor([    0,  1000,  2000,  3000,  4000,  5000,  6000,  7000,  8000,  9000,\n"
        "        10000, 11000, 12000, 13000, 14000, 15000, 16000, 17000, 18000, 19000])",
    ),
    (lambda: weft.ones(2, requires_grad=True), "tensor([1., 1.], requires_grad=True)"),
    (lambda: weft.ones(2, requires_grad=True) * 2, "tensor([2., 2.], grad_fn=<MulBackward0>)"),
    (lambda: weft.empty(2, 3, device="meta"), "tensor(..., device='meta', size=(2, 3))"),
    (lambda: weft.ones(2, 3).shape, "weft.Size([2, 3])"),
    (lambda: weft.float32, "weft.float32"),
    (lambda: weft.device("cuda", 1), "device(type='cuda', index=1)"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "expected"), GOLDEN, ids=[e for _, e in GOLDEN])
def test_repr_is_the_golden_string(make, expected):
    made = make()
    assert repr(made) == expected
    if isinstance(made, weft.Tensor):
        assert str(made) == expected


def test_long_matrices_show_their_ends():
    lines = repr(weft.ones(7, 200)).splitlines()
    assert lines == [
        "tensor([[1., 1., 1.,  ..., 1., 1., 1.],",
        *["        [1., 1., 1.,  ..., 1., 1., 1.],"] * 2,
        "        ...,",
        *["        [1., 1., 1.,  ..., 1., 1., 1.],"] * 2,
        "        [1., 1., 1.,  ..., 1., 1., 1.]])",
    ]


def test_no_line_grows_over_80_columns():
    for x in (
        weft.arange(100.0),
        weft.rand(50),
        weft.rand(9, 31),
        weft.ones(33, requires_grad=True),
    ):
        assert max(map(len, repr(x).splitlines())) <= 80


def test_the_default_dtype_is_not_shown_and_another_is():
    weft.set_default_dtype(weft.float64)
    try:
        assert repr(weft.tensor([1.0])) == "tensor([1.])"
        assert repr(weft.ones(1, dtype=weft.float32)) == "tensor([1.], dtype=weft.float32)"
    finally:
        weft.set_default_dtype(weft.float32)


def test_printing_needs_no_warning_for_extreme_values():
    with np.errstate(all="raise"):
        repr(weft.tensor([1e300, -1e-300, 0.0], dtype=weft.float64))
        repr(weft.tensor([3e38, float("inf"), float("nan")]))


def test_a_tensor_inside_a_transform_tells_its_kind_and_shape():
    seen = []
    weft.func.vmap(lambda x: seen.append(repr(x)) or x)(weft.ones(2, 3))
    weft.func.jvp(lambda x: seen.append(repr(x)) or x, (weft.ones(4),), (weft.ones(4),))
    assert seen == ["tensor(batched, size=(3,))", "tensor(dual, size=(4,))"]


def test_a_number_formats_as_a_number():
    assert f"{weft.tensor(3.14159):.2f}" == "3.14"
    assert f"{weft.tensor(7):>3d}" == "  7"
    assert f"{weft.tensor([1.0])}" == "tensor([1.])"
    assert f"{weft.tensor(1.5)}" == "1.5"  # a number, as training logs want it
