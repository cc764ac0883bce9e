"""Functions of creation beside torch's: dtypes, strides, settings, edges, refusals."""

from __future__ import annotations

import pytest
import torch

import weft
from tests.parity.torch_side import assert_same, name_of, quietly, to_torch

CASES = [
    "zeros(2, 3)", "zeros((2, 0))", "ones(())", "full((2,), 3)", "full((2,), 2.5)",
    "full((2,), True)", "full((2,), 1j)", "full((2,), 3.7, dtype=m.int64)",
    "full((2,), -1, dtype=m.uint8)", "full((), m.tensor(3))", "full((2,), 2, dtype=m.bool)",
    "full_like(m.ones(2, dtype=m.int64), 2.5)", "scalar_tensor(3)",
    "scalar_tensor(True, dtype=m.bool)",
    "arange(5)", "arange(2, 5)", "arange(5, 2, -1)", "arange(0.5, 3)", "arange(0, 1, 0.3)",
    "arange(3, dtype=m.float16)", "arange(m.tensor(3))", "arange(300, dtype=m.uint8)",
    "arange(0)", "arange(5, dtype=m.float32)", "arange(1, 2, 0.25, dtype=m.int32)",
    "range(1, 4)", "range(1, 4, 0.5)", "range(4, 1, -1)",
    "linspace(0, 1, 5)", "linspace(3, -3, 4)", "linspace(2, 7, 1)", "linspace(2, 7, 0)",
    "linspace(0, 10, 4, dtype=m.int64)", "linspace(-10, 0, 5, dtype=m.int64)",
    "linspace(0.9, 10.9, 4, dtype=m.int64)", "linspace(0, 1j, 3)",
    "linspace(m.tensor(0), m.tensor(3.0), 4)", "linspace(0, 1, 7, dtype=m.float16)",
    "linspace(0, 100, 50, dtype=m.float64)", "linspace(-5, 255, 7, dtype=m.int16)",
    "logspace(0, 3, 4)", "logspace(-2, 2, 3, 2.0)", "logspace(0, 5, 6, base=2, dtype=m.int64)",
    "logspace(2, 7, 1)", "logspace(m.tensor(0.0), 3, 2)", "logspace(0, 1, 0)",
    "eye(3)", "eye(2, 3)", "eye(3, 2, dtype=m.int64)", "eye(0)",
    "tril_indices(3, 4)", "tril_indices(3, 4, -1)", "triu_indices(3, 4, 1)",
    "triu_indices(2, 2, dtype=m.int32)", "tril_indices(0, 3)", "tril_indices(4, 2, 5)",
    "tensor([1, 2], dtype=m.float16)", "tensor([[True], [False]])", "tensor(3.0)",
    "block_diag(m.tensor([1, 2]), m.tensor(3.0))", "block_diag()",
    "unravel_index(m.tensor([1, 5]), (2, 3))", "unravel_index(m.tensor([7]), (2, 3))",
    "unravel_index(m.tensor(4), 6)",
    "zeros(2, layout=m.strided, pin_memory=False, device='cpu')",
    "ones(2, 2).new_full((3,), 7)", "ones(2).new_ones(3, dtype=m.int64)",
    "ones(2).new_tensor([1, 2])", "ones(2, dtype=m.int64).new_zeros((2, 2))",
    "meshgrid(m.arange(2), m.arange(3), indexing='ij')",
    "meshgrid(m.arange(2), m.arange(3), m.arange(2), indexing='xy')",
    "meshgrid(m.tensor(1), m.arange(3), indexing='xy')",
    "vander(m.tensor([1, 2, 3]))",
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_made_is_torchs(case):
    ours = eval(f"m.{case}", {"m": weft})
    theirs = quietly(eval, f"m.{case}", {"m": torch})
    assert_same(ours, theirs, case)


STRIDES = [
    "empty_strided((2, 3), (1, 2))", "empty_strided((2, 3), (0, 1))",
    "empty_permuted((2, 3, 4), (0, 2, 1))", "empty_permuted((), ())",
    "empty(2, 3, 4, 5, memory_format=m.channels_last)",
    "empty_like(m.ones(2, 3).t())", "zeros_like(m.ones(4, 6)[::2, ::2])",
    "ones_like(m.ones(1, 3).expand(2, 3))", "ones_like(m.ones(2, 1).expand(2, 3))",
    "full_like(m.ones(2, 3).t(), 2, memory_format=m.contiguous_format)",
    "rand_like(m.ones(2, 3).t())", "randn_like(m.ones(2, 3, 4).permute(2, 0, 1))",
    "empty_like(m.ones(2, 3, 4, 5), memory_format=m.channels_last)",
    "ones(2, 3).t().clone()", "ones(2, 3, 4).permute(2, 0, 1).clone()",
    "ones(2, 3).t().contiguous()", "ones(1, 3).expand(2, 3).clone()",
    "ones(2, 3).t().clone(memory_format=m.contiguous_format)",
    "ones(2, 3).t().double()", "ones(2, 3, 4, 5).to(memory_format=m.channels_last)",
    "ones(2, 3, 4, 5).contiguous(memory_format=m.channels_last)",
    "ones(2, 3, 4, 5, 6).contiguous(memory_format=m.channels_last_3d)",
    "eye(3).diagonal()", "ones(2, 3, 4).diagonal(1, 2, 0)", "ones(7).unfold(0, 3, 2)",
    "ones(2, 3).t_()", "ones(2, 3).unsqueeze_(1)", "ones(2, 3).resize_(3, 1)",
    "permute_copy(m.ones(2, 3), (1, 0))", "t_copy(m.ones(2, 3))",
    "ones(4, 6)[1:, 2:].as_strided((2, 2), (1, 2))",
    "ones(2, 3).new_empty_strided((2, 2), (1, 2))",
    "adjoint(m.ones(2, 3))", "rot90(m.ones(2, 3))",
    "tensor_split(m.ones(4, 6), 3, 1)[1]", "hsplit(m.ones(4, 6), 3)[1]",
]  # fmt: skip


@pytest.mark.parametrize("case", STRIDES)
def test_memory_is_laid_out_as_torchs(case):
    ours = eval(f"m.{case}", {"m": weft})
    theirs = quietly(eval, f"m.{case}", {"m": torch})
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert ours.dtype.name == name_of(theirs.dtype)
    assert ours.stride() == theirs.stride()
    assert ours.storage_offset() == theirs.storage_offset()


REFUSED = [
    "zeros(-1)", "zeros(2, layout='sparse')", "arange(1, 3, -1)", "arange(1, 3, 0)",
    "linspace(0, 1, -1)", "logspace(0, 1, -1)", "eye(-1)", "full((2,), 300, dtype=m.uint8)",
    "full((1,), 10**10, dtype=m.int32)", "full((2,), 1j, dtype=m.float32)",
    "empty_strided((2,), (1, 1))", "empty_strided((2, 3), (-1, 1))", "empty_permuted((2,), (1,))",
    "tril_indices(-1, 2)", "unravel_index(m.tensor([1.0]), 6)",
    "ones(2, 3).contiguous(memory_format=m.channels_last)",
    "ones(2, 3).t().contiguous(memory_format=m.preserve_format)", "range(1, 3, 0)",
    "fliplr(m.ones(2))", "flipud(m.tensor(1))", "rot90(m.ones(2, 3), 1, (0, 0))",
    "dsplit(m.ones(2, 3), 3)", "hsplit(m.ones(6), 4)", "vsplit(m.ones(6), 3)",
    "tensor_split(m.ones(6), 0)", "ones(2).adjoint()", "ones(2).H",
    "diag_embed(m.ones(2), 0, 1, 1)",
    "broadcast_shapes((2,), (3,))", "ones(2, 3).narrow(1, m.tensor([1]), 1)",
    "zeros(2).index_fill(0, m.tensor([0]), m.ones(2))", "zeros(2).masked_fill(m.ones(2), 1)",
    "ones(2).squeeze_(1)", "randint(3, 3, (2,))", "randperm(-1)", "multinomial(m.ones(3), 4)",
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_torch_refuses_weft_refuses_too(case):
    with pytest.raises((RuntimeError, TypeError, ValueError, IndexError, NotImplementedError)):
        quietly(eval, f"m.{case}", {"m": torch})
    with pytest.raises((RuntimeError, TypeError, ValueError, IndexError, OverflowError)) as raised:
        eval(f"m.{case}", {"m": weft})
    assert len(str(raised.value)) > 20


def test_requires_grad_and_the_meta_device_are_taken_everywhere():
    for make in (
        lambda **kw: weft.zeros(2, **kw),
        lambda **kw: weft.full((2,), 1.0, **kw),
        lambda **kw: weft.arange(2.0, **kw),
        lambda **kw: weft.linspace(0, 1, 2, **kw),
        lambda **kw: weft.logspace(0, 1, 2, **kw),
        lambda **kw: weft.eye(2, **kw),
        lambda **kw: weft.empty_strided((2,), (1,), **kw),
        lambda **kw: weft.rand(2, **kw),
        lambda **kw: weft.randint(3, (2,), **kw, dtype=weft.float32),
        lambda **kw: weft.randn_like(weft.ones(2), **kw),
        lambda **kw: weft.normal(0.0, 1.0, (2,), **kw),
        lambda **kw: weft.zeros_like(weft.ones(2), **kw),
        lambda **kw: weft.scalar_tensor(2, **kw),
    ):
        assert make(requires_grad=True).requires_grad
        assert not make().requires_grad
        assert str(make(device="meta").device) == "meta"


def test_out_is_written_and_given_the_shape():
    for make in (
        "zeros(3, out=out)",
        "arange(3, out=out)",
        "linspace(0, 1, 3, out=out)",
        "full((3,), 2.0, out=out)",
        "hstack((m.ones(1), m.ones(2)), out=out)",
    ):
        ours, theirs = weft.empty(0), torch.empty(0)
        assert eval(f"m.{make}", {"m": weft, "out": ours}) is ours
        eval(f"m.{make}", {"m": torch, "out": theirs})
        assert_same(ours, theirs, make)
    assert to_torch(weft.ones(1)).shape == (1,)


@pytest.mark.parametrize(
    "case",
    [
        "zeros(size=(2, 3))", "ones(size=(2,))", "permute(m.ones(2, 3), dims=(1, 0))",
        "reshape(m.ones(2, 3), shape=(3, 2))", "ones(2, 3).view(size=(6,))",
        "ones(2, 1).expand(size=(2, 3))", "ones(2).repeat(repeats=(2, 1))",
        "tile(m.ones(2), dims=(2,))", "ones(2).new_zeros(size=(2,))",
        "split(tensor=m.ones(4), split_size_or_sections=2)", "ones(4).split(split_size=2)",
        "tensor_split(m.ones(4), sections=3)", "hsplit(m.ones(4), indices=(1, 2))",
        "tensor_split(m.ones(4), tensor_indices_or_sections=m.tensor([1]))",
        "swapaxes(m.ones(2, 3), axis0=0, axis1=1)", "swapdims(m.ones(2, 3), dim0=0, dim1=1)",
        "ones(2, 4).view(m.int32)", "ones(2, 4).view(dtype=m.float64)",
        "ones(2, 4, dtype=m.float64).view(m.uint8)", "ones(3, dtype=m.complex64).view(m.float32)",
        "tensor(1.0).view(m.int32)", "ones(2, 3).t().view(m.int32)",
    ],
)  # fmt: skip
def test_arguments_have_pytorchs_names(case):
    assert_same(eval(f"m.{case}", {"m": weft}), eval(f"m.{case}", {"m": torch}), case)


def test_a_view_of_another_dtype_shares_its_memory():
    x = weft.ones(2)
    bits = x.view(weft.int32)
    bits[0] = 0
    assert x.tolist() == [0.0, 1.0]
    with pytest.raises(weft.ShapeError, match="no whole number of 8-byte ones"):
        weft.ones(3).view(weft.float64)
    with pytest.raises(weft.ShapeError, match=r"contiguous last dim, got strides \(1, 2\)"):
        weft.ones(4, 2).t().view(weft.uint8)


def test_what_shares_memory_takes_requires_grad():
    assert weft.asarray([1.0], requires_grad=True).requires_grad
    assert weft.frombuffer(bytearray(8), dtype=weft.float32, requires_grad=True).requires_grad
