"""Tensors and other libraries: DLPack, NumPy's protocols, buffers, pickles and copies."""

from __future__ import annotations

import copy
import pickle
import sys

import numpy as np
import pytest

import weft

NUMPY_DTYPES = [
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16",
    "float32", "float64", "complex64", "complex128",
]  # fmt: skip


def made(dtype: str) -> weft.Tensor:
    return weft.arange(6).reshape(2, 3).to(getattr(weft, dtype))


# --- DLPack ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", NUMPY_DTYPES)
def test_dlpack_shares_memory_with_numpy_both_ways(dtype):
    x = made(dtype)
    array = np.from_dlpack(x)
    assert array.dtype == np.dtype(dtype)
    assert np.shares_memory(array, x.numpy())
    back = weft.from_dlpack(array)
    assert back.dtype is x.dtype
    back[1, 2] = 0
    assert x.tolist() == array.tolist() == back.tolist()
    assert not x[1, 2]


@pytest.mark.parametrize("dtype", [*NUMPY_DTYPES, "bfloat16", "float8_e4m3fn", "float8_e5m2"])
@pytest.mark.parametrize("versioned", [False, True])
def test_dlpack_goes_from_tensor_to_tensor(dtype, versioned):
    x = made(dtype).t()
    capsule = x.__dlpack__(max_version=(1, 0) if versioned else None)
    twin = weft.from_dlpack(capsule)
    assert twin.dtype is x.dtype
    assert twin.stride() == x.stride()
    twin[0, 0] = 1
    assert x.tolist() == twin.tolist()
    assert x.data_ptr() == twin.data_ptr()


def test_a_tensor_says_to_dlpack_that_it_is_on_the_cpu():
    assert weft.ones(2).__dlpack_device__() == (1, 0)


def test_a_dlpack_capsule_is_read_once():
    capsule = weft.to_dlpack(weft.ones(2))
    weft.from_dlpack(capsule)
    with pytest.raises(BufferError, match=r"used_dltensor.*once"):
        weft.from_dlpack(capsule)


def test_dlpack_keeps_memory_alive_when_the_giver_is_gone():
    array = np.arange(1000.0)
    x = weft.from_dlpack(array)
    twin = weft.from_dlpack(weft.to_dlpack(weft.arange(1000.0)))
    del array
    assert x.sum().item() == twin.sum().item() == 499500


def test_dlpack_copies_when_asked_and_only_then():
    x = weft.arange(3)
    assert not np.shares_memory(np.from_dlpack(x, copy=True), x.numpy())
    assert np.shares_memory(np.from_dlpack(x, copy=False), x.numpy())
    assert weft.from_dlpack(x, copy=True).data_ptr() != x.data_ptr()
    assert weft.from_dlpack(x, copy=False).data_ptr() == x.data_ptr()
    assert weft.from_dlpack(x, device="cpu").data_ptr() == x.data_ptr()
    assert weft.from_dlpack(x, device="meta").device.type == "meta"


class Old:
    """A library from before ``max_version`` and ``copy``."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self):
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return (1, 0)


def test_dlpack_takes_libraries_that_know_no_settings():
    array = np.arange(3.0)
    shared = weft.from_dlpack(Old(array))
    shared[0] = 7
    assert array[0] == 7
    copied = weft.from_dlpack(Old(array), copy=True)
    copied[0] = 8
    assert array[0] == 7


def test_read_only_memory_stays_read_only():
    array = np.arange(3.0)
    array.flags.writeable = False
    x = weft.from_dlpack(array)
    with pytest.raises(ValueError, match="read-only"):
        x.add_(1)
    expanded = weft.ones(1).expand(3)
    assert not np.from_dlpack(expanded).flags.writeable
    with pytest.raises(BufferError, match=r"before 1\.0 cannot say so; pass copy=True"):
        expanded.__dlpack__()
    assert weft.from_dlpack(expanded.__dlpack__(copy=True)).tolist() == [1, 1, 1]


def test_negative_strides_are_taken_and_not_given():
    x = weft.from_dlpack(np.arange(3)[::-1])
    assert x.tolist() == [2, 1, 0]
    with pytest.raises(BufferError, match=r"strides \(-1,\) are negative.*copy=True"):
        x.__dlpack__()
    assert np.from_dlpack(x, copy=True).tolist() == [2, 1, 0]


def test_dlpack_refuses_what_it_cannot_say():
    with pytest.raises(BufferError, match=r"requires grad.*\.detach"):
        weft.ones(2, requires_grad=True).__dlpack__()
    with pytest.raises(BufferError, match="meta device"):
        weft.ones(2, device="meta").__dlpack__()
    with pytest.raises(BufferError, match="knows no device meta"):
        weft.ones(2, device="meta").__dlpack_device__()
    with pytest.raises(BufferError, match=r"\(2, 0\) was asked for"):
        weft.ones(2).__dlpack__(dl_device=(2, 0))
    with pytest.raises(ValueError, match=r"no streams.*got 1"):
        weft.ones(2).__dlpack__(stream=1)
    with pytest.raises(TypeError, match=r"expected an object with __dlpack__.*got list"):
        weft.from_dlpack([1])
    with pytest.raises(TypeError, match="not a capsule"):
        weft.from_dlpack(weft.to_dlpack(weft.ones(1)), copy=True)


class OnGPU(Old):
    def __dlpack__(self, *, max_version=None, dl_device=None, copy=None):
        assert dl_device == (1, 0)
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return (2, 0)


def test_memory_of_another_device_is_copied_by_its_owner_when_asked():
    with pytest.raises(BufferError, match=r"on DLPack device \(2, 0\).*device='cpu'"):
        weft.from_dlpack(OnGPU(np.ones(2)))
    assert weft.from_dlpack(OnGPU(np.ones(2)), device="cpu").tolist() == [1, 1]


def test_a_dtype_that_weft_has_not_is_named():
    with pytest.raises((weft.DTypeError, BufferError)):
        weft.from_dlpack(np.ones(2, dtype=np.longdouble))


# --- NumPy's protocols -------------------------------------------------------------------------


def test_asarray_shares_memory_and_array_copies():
    x = weft.ones(2, 3)
    assert np.shares_memory(np.asarray(x), x.numpy())
    assert not np.shares_memory(np.array(x), x.numpy())
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="copy"):
        np.asarray(x, dtype=np.float64, copy=False)
    with pytest.raises(weft.GradError, match=r"\.detach\(\)\.numpy\(\)"):
        np.asarray(weft.ones(2, requires_grad=True))


def test_operators_between_arrays_and_tensors_give_tensors_and_gradients():
    array = np.arange(3, dtype=np.float32)
    x = weft.ones(3, requires_grad=True)
    for out in (array + x, array - x, array * x, array / x, array @ x, array**x, array < x):
        assert isinstance(out, weft.Tensor)
    (array * x).sum().backward()
    assert x.grad.tolist() == [0, 1, 2]
    assert isinstance(np.float32(2) * weft.ones(2), weft.Tensor)
    assert (np.float64(2) * weft.ones(2)).dtype is weft.float32
    assert (weft.ones(2) * np.float64(2)).dtype is weft.float32


def test_ufuncs_of_tensors_give_tensors():
    x = weft.tensor([0.0, 1.0])
    assert np.exp(x).dtype is weft.float32
    assert np.allclose(np.exp(x), np.exp(x.numpy()))
    assert np.isnan(x).dtype is weft.bool
    quotient, rest = np.divmod(weft.tensor([7]), 2)
    assert (quotient.tolist(), rest.tolist()) == ([3], [1])
    total = np.add.reduce(x)
    assert isinstance(total, weft.Tensor)
    assert total.item() == 1
    with pytest.raises(weft.GradError):
        np.exp(weft.ones(2, requires_grad=True))


def test_other_functions_of_numpy_take_tensors():
    x = weft.arange(4.0)
    assert np.concatenate([x, x]).tolist() == [0, 1, 2, 3] * 2
    assert np.linalg.norm(x) == pytest.approx(14**0.5)
    assert np.shape(x) == (4,)
    assert np.size(x) == 4
    assert np.ndim(x) == 1
    assert np.median(x) == 1.5
    np.testing.assert_array_equal(np.stack([x, x]), [[0, 1, 2, 3]] * 2)


METHOD_CALLS = """
np.sum(x)
np.sum(x, axis=0, keepdims=True)
np.mean(x)
np.max(x)
np.min(x)
np.prod(x)
np.all(x)
np.argmax(x)
np.cumsum(x, 0)
np.reshape(x, (3, 2))
np.transpose(x)
np.squeeze(x)
np.clip(x, 0, 1)
np.round(x, 1)
"""


@pytest.mark.parametrize("call", METHOD_CALLS.split("\n")[1:-1])
def test_functions_of_numpy_that_call_a_method_give_its_tensor(call):
    x = weft.arange(6.0).reshape(2, 3)
    out = eval(call, {"np": np, "x": x})
    assert isinstance(out, weft.Tensor)
    np.testing.assert_allclose(out.numpy(), eval(call, {"np": np, "x": x.numpy()}), rtol=1e-6)


def test_reductions_of_numpy_record_gradients():
    x = weft.ones(2, 3, requires_grad=True)
    np.sum(x).backward()
    np.mean(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), np.full((2, 3), 7 / 6), rtol=1e-6)
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        np.std(x)  # it passes ddof=, which PyTorch's method has not either


def test_a_tensor_may_be_an_index_and_a_count():
    assert [1, 2, 3][weft.tensor(1)] == 2
    assert list(range(weft.tensor(2))) == [0, 1]
    assert np.arange(5)[weft.tensor([0, 2])].tolist() == [0, 2]


# --- buffers -----------------------------------------------------------------------------------


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python offers __buffer__ from 3.12 on")
def test_a_tensor_is_a_buffer():
    x = weft.arange(6, dtype=weft.int16).reshape(2, 3)
    view = memoryview(x)
    assert (view.format, view.shape) == ("h", (2, 3))
    view[0, 0] = 9
    assert x[0, 0].item() == 9
    with pytest.raises(BufferError, match="requires grad"):
        memoryview(weft.ones(2, requires_grad=True))
    with pytest.raises(BufferError, match=r"bfloat16.*uint8"):
        memoryview(weft.ones(2, dtype=weft.bfloat16))


def test_every_python_has_the_buffer_of_the_array():
    x = weft.arange(3, dtype=weft.uint8)
    memoryview(x.numpy())[1] = 200
    assert x.tolist() == [0, 200, 2]
    assert bytes(memoryview(x.numpy())) == b"\x00\xc8\x02"


# --- pickles and copies ------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("dtype", [*NUMPY_DTYPES, "bfloat16", "float8_e4m3fn"])
def test_a_pickle_keeps_dtype_elements_and_shape(dtype, protocol):
    x = made(dtype)
    for given in (x, x.t(), x[:0], x[1, 2], weft.zeros(0, 3, dtype=x.dtype)):
        twin = pickle.loads(pickle.dumps(given, protocol))
        assert twin.dtype is given.dtype
        assert twin.shape == given.shape
        assert twin.tolist() == given.tolist()


def pickled(value):
    return pickle.loads(pickle.dumps(value))


def test_views_that_are_copied_deeply_together_share_memory_again():
    x = weft.arange(12.0).reshape(3, 4)
    whole, row, turned = copy.deepcopy([x, x[1], x.t()])
    row.zero_()
    assert whole[1].tolist() == [0, 0, 0, 0]
    assert turned[:, 1].tolist() == [0, 0, 0, 0]
    assert x[1].tolist() == [4, 5, 6, 7]
    assert turned.stride() == (1, 4)


def test_views_of_the_whole_memory_share_it_again_after_a_pickle_and_parts_do_not():
    x = weft.arange(12.0).reshape(3, 4)
    whole, row, turned = pickled([x, x[1], x.t()])
    whole[0, 3] = 50
    assert turned[3, 0].item() == 50
    row.zero_()
    assert whole[1].tolist() == [4, 5, 6, 7]


@pytest.mark.parametrize("twin_of", [copy.deepcopy, pickled])
def test_twins_that_share_memory_share_its_version(twin_of):
    base = weft.ones(2, 2)
    x, y = twin_of([base, base.t()])
    w = weft.ones(2, 2, requires_grad=True)
    out = (w * x).sum()
    y.add_(1)
    with pytest.raises(weft.GradError, match="add_"):
        out.backward()


def test_memory_of_another_library_is_copied_as_it_lies():
    array = np.arange(12.0)[::-2]
    x = weft.from_numpy(array)
    y = x[1:]
    for twin_of in (copy.deepcopy, pickled):
        whole, part = twin_of([x, y])
        assert whole.tolist() == [11, 9, 7, 5, 3, 1]
        assert part.tolist() == [9, 7, 5, 3, 1]
    fortran = weft.from_numpy(np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    matrix, column = copy.deepcopy([fortran, fortran[:, 1]])
    column.zero_()
    assert matrix.tolist() == [[0, 0, 2], [3, 0, 5]]
    matrix, turned = pickled([fortran, fortran.t()])
    turned.zero_()
    assert matrix.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_views_by_strides_share_memory_again_after_a_deep_copy():
    x = weft.arange(6.0)
    whole, windows = copy.deepcopy([x, x.as_strided((4, 3), (1, 1))])
    windows[0, 1] = 50
    assert whole.tolist() == [0, 50, 2, 3, 4, 5]


def test_a_part_of_foreign_memory_is_copied_without_the_rest():
    x = weft.frombuffer(bytearray(1_000_000), dtype=weft.uint8)
    part, first = copy.deepcopy([x[:8], x[:4]])
    assert part.numpy().base is None or part.numpy().base.nbytes < 100
    assert (part.tolist(), first.tolist()) == ([0] * 8, [0] * 4)
    whole, row = copy.deepcopy([x, x.reshape(2, -1)])  # these two are all of it
    row[0, 0] = 1
    assert whole[0].item() == 1


def test_copy_gives_another_tensor_over_the_same_memory():
    x = weft.ones(2)
    twin = copy.copy(x)
    twin.add_(1)
    assert twin is not x
    assert x.tolist() == [2, 2]
    y = copy.copy(weft.ones(2, requires_grad=True) * 2)
    assert y.is_leaf
    assert y.requires_grad


def test_subclasses_keep_their_kind_and_their_attributes():
    x = Marked._make_subclass(weft.ones(2))
    x.mark = [1]
    for twin in (copy.copy(x), copy.deepcopy(x), pickled(x)):
        assert type(twin) is Marked
        assert twin.mark == [1]
    assert copy.copy(x).mark is x.mark
    assert copy.deepcopy(x).mark is not x.mark


class Marked(weft.Tensor):
    """A user's kind of tensor."""


def test_a_meta_tensor_copies_deeply_and_does_not_pickle():
    x = weft.ones(2, device="meta")
    assert copy.deepcopy(x).shape == (2,)
    with pytest.raises(RuntimeError, match="pickle: a tensor on the meta device"):
        pickle.dumps(x)


# --- numbers -----------------------------------------------------------------------------------


def test_round_and_format():
    x = weft.tensor([1.25, -2.678])
    assert round(x).tolist() == [1, -3]
    assert round(x, 1).tolist() == pytest.approx([1.2, -2.7])
    assert f"{weft.tensor(2.5, requires_grad=True):.1f}" == "2.5"
    with pytest.raises(TypeError, match=r"'\.2f' is for one number.*shape \(2,\)"):
        f"{x:.2f}"


def test_dir_lists_methods_and_own_attributes():
    x = Marked._make_subclass(weft.ones(2))
    x.mark = 1
    assert {"mark", "reshape", "add_", "shape", "__dlpack__"} <= set(dir(x))


def test_size_does_not_go_into_pickles():
    assert type(pickled(weft.ones(2, 3).size)) is int
    with pytest.raises(IndexError, match="dim 2 is out of range for a tensor of 2 dims"):
        weft.ones(2, 3).size(2)
    with pytest.raises(AttributeError, match="follows from the shape"):
        weft.ones(2).size = 3


def test_numpy_by_force_detaches():
    x = weft.ones(2, requires_grad=True)
    with pytest.raises(weft.GradError, match=r"\.detach\(\)"):
        x.numpy()
    assert (x * 2).numpy(force=True).tolist() == [2.0, 2.0]
