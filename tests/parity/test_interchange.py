"""Memory shared with torch, both ways; copies, pickles and formats as torch's."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from torch.utils import dlpack

import weft

DTYPES = [
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16",
    "bfloat16", "float32", "float64", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2",
]  # fmt: skip


def made(module, dtype):
    return module.arange(12).reshape(3, 4).to(getattr(module, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_torch_takes_a_tensors_memory(dtype):
    x = made(weft, dtype)
    for theirs in (torch.from_dlpack(x), dlpack.from_dlpack(weft.to_dlpack(x))):
        assert theirs.dtype is getattr(torch, dtype)
        assert theirs.data_ptr() == x.data_ptr()
        theirs[2, 3] = 0
        assert not x[2, 3]
        x[2, 3] = 1
        assert theirs.tolist() == x.tolist()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_tensor_takes_torchs_memory(dtype):
    theirs = made(torch, dtype)
    for x in (weft.from_dlpack(theirs), weft.from_dlpack(dlpack.to_dlpack(theirs))):
        assert x.dtype is getattr(weft, dtype)
        assert theirs.data_ptr() == x.data_ptr()
        x[2, 3] = 0
        assert not theirs[2, 3]
        theirs[2, 3] = 1
        assert theirs.tolist() == x.tolist()


@pytest.mark.parametrize("dtype", ["bool", "bfloat16", "float32", "complex64"])
@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.t(),
        lambda x: x[::2, 1:],
        lambda x: x[:0],
        lambda x: x[1, 1],
        lambda x: x[:, :, None],
    ],
)
def test_views_go_over_with_their_strides(dtype, view):
    x, theirs = view(made(weft, dtype)), view(made(torch, dtype))
    there, here = torch.from_dlpack(x), weft.from_dlpack(theirs)
    assert tuple(there.shape) == tuple(here.shape) == tuple(theirs.shape)
    assert there.tolist() == here.tolist() == theirs.tolist()
    if theirs.numel():
        assert there.data_ptr() == x.data_ptr()
        assert here.data_ptr() == theirs.data_ptr()
        steps = [s for s, n in zip(theirs.stride(), theirs.shape, strict=True) if n > 1]
        for out in (there, here):  # where a dim has one element its stride means nothing
            assert [s for s, n in zip(out.stride(), out.shape, strict=True) if n > 1] == steps


def test_a_chain_of_three_libraries_is_one_memory():
    array = np.zeros(3, np.float32)
    x = weft.from_dlpack(torch.from_dlpack(weft.from_dlpack(array)))
    x[1] = 5
    assert array.tolist() == [0, 5, 0]
    assert torch.from_numpy(weft.from_dlpack(torch.from_dlpack(x)).numpy())[1] == 5


def test_torch_copies_when_asked():
    x = weft.arange(3)
    assert torch.from_dlpack(x, copy=True).data_ptr() != x.data_ptr()
    theirs = torch.arange(3)
    assert weft.from_dlpack(theirs, copy=True).data_ptr() != theirs.data_ptr()
    with pytest.raises(BufferError):
        torch.from_dlpack(weft.arange(3)[::-1])


def test_what_requires_grad_goes_over_in_neither_direction():
    with pytest.raises(BufferError):
        torch.from_dlpack(weft.ones(2, requires_grad=True))
    with pytest.raises(BufferError):
        weft.from_dlpack(torch.ones(2, requires_grad=True))


def test_arrays_of_each_other_read_as_data():
    theirs, x = torch.arange(3.0), weft.arange(3.0)
    assert weft.asarray(theirs).tolist() == weft.tensor(theirs).tolist() == [0, 1, 2]
    assert torch.asarray(x).data_ptr() == x.data_ptr()
    assert torch.tensor(x.numpy()).tolist() == [0, 1, 2]


def test_views_share_memory_after_a_deep_copy_as_torchs_do():
    out = []
    for module in (torch, weft):
        x = module.arange(6.0).reshape(2, 3)
        whole, row = copy.deepcopy([x, x[1]])
        row += 10
        out.append((whole.tolist(), x.tolist()))
    assert out[0] == out[1]


@pytest.mark.parametrize("way", [copy.copy, lambda v: pickle.loads(pickle.dumps(v))])
def test_the_copy_of_a_result_is_a_leaf_as_torchs_is(way):
    for module in (torch, weft):
        y = way(module.ones(2, requires_grad=True) * 2)
        assert (y.is_leaf, y.requires_grad, y.tolist()) == (True, True, [2, 2])


def test_what_numpys_ufuncs_give_is_what_they_give_for_torch():
    for expression in ("np.sin(x)", "np.maximum(x, 1)", "np.add(np.ones(3), x)", "np.divmod(x, 2)"):
        got = eval(expression, {"np": np, "x": weft.arange(3.0)})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's __array_wrap__ has NumPy 1's signature
            theirs = eval(expression, {"np": np, "x": torch.arange(3.0)})
        for mine, other in zip(
            got if isinstance(got, tuple) else (got,),
            theirs if isinstance(theirs, tuple) else (theirs,),
            strict=True,
        ):
            assert isinstance(mine, weft.Tensor)
            assert str(mine.dtype).partition(".")[2] == str(other.dtype).partition(".")[2]
            assert mine.tolist() == other.tolist()
