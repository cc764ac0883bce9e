"""What may be asked of a tensor, its memory's order and owner, settings of the process."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

import weft


def test_channels_last_is_an_order_of_memory_and_not_of_dims():
    x = weft.arange(24.0).reshape(1, 2, 3, 4)
    y = x.to(memory_format=weft.channels_last)
    assert y.shape == x.shape
    assert y.tolist() == x.tolist()
    assert y.stride() == (24, 1, 8, 2)
    assert y.is_contiguous(memory_format=weft.channels_last)
    assert not y.is_contiguous()
    assert y.dim_order() == (0, 2, 3, 1)
    assert y.contiguous(memory_format=weft.channels_last) is y


def test_clone_keeps_the_order_of_dense_memory_alone():
    x = weft.arange(6.0).reshape(2, 3)
    assert x.t().clone().stride() == (1, 3)
    assert x.t().clone(memory_format=weft.contiguous_format).stride() == (2, 1)
    assert x[:, ::2].t().clone().is_contiguous()
    assert x[:, :1].expand(2, 3).clone().stride() == (3, 1)


def test_a_gradient_flows_through_a_change_of_order():
    x = weft.ones(1, 2, 2, 2, requires_grad=True)
    (x.contiguous(memory_format=weft.channels_last) * 3).sum().backward()
    assert x.grad.tolist() == weft.full((1, 2, 2, 2), 3.0).tolist()


def test_a_format_for_another_number_of_dims_is_refused():
    with pytest.raises(ValueError, match="needs a tensor of 4 dims, got 2"):
        weft.ones(2, 2).contiguous(memory_format=weft.channels_last)
    with pytest.raises(TypeError, match="memory_format must be one such"):
        weft.ones(2).clone(memory_format="channels_last")


def test_views_share_a_storage_and_know_their_place():
    x = weft.arange(12.0).reshape(3, 4)
    v = x[1:, 2:]
    assert v.storage_offset() == 6
    assert v.untyped_storage() == x.untyped_storage()
    assert x.clone().untyped_storage() != x.untyped_storage()
    assert x.untyped_storage().nbytes() == len(x.untyped_storage()) == 48
    assert v.storage() == x.storage() and v.storage().data_ptr() == x.data_ptr()
    assert len(x.storage()) == x.storage().size() == 48 // x.element_size()
    assert x.view(3, 4).is_set_to(x)
    assert not x.view(4, 3).is_set_to(x)


def test_attributes_tell_where_and_what_a_tensor_is():
    x = weft.ones(2)
    m = weft.ones(2, device="meta")
    assert (x.is_cpu, x.is_cuda, x.is_meta, m.is_meta) == (True, False, False, True)
    assert (x.get_device(), weft.get_device(x)) == (-1, -1)
    assert x.layout is weft.strided
    assert (x.is_sparse, x.is_quantized, x.is_nested, x.is_pinned()) == (False,) * 4
    assert (x.ndimension(), x.output_nr) == (1, 0)
    assert weft.tensor([3.0, 1.0], requires_grad=True).sort().values.output_nr == 0


def test_predicates_come_as_functions_and_methods():
    z = weft.tensor([1 + 2j])
    assert weft.is_complex(z)
    assert not weft.is_floating_point(z)
    assert weft.is_signed(z)
    assert not weft.zeros(1, dtype=weft.uint8).is_signed()
    assert weft.is_nonzero(weft.tensor(2))
    assert not weft.tensor([0.0]).is_nonzero()
    with pytest.raises(ValueError, match="one element"):
        weft.is_nonzero(weft.ones(2))


def test_type_names_a_tensor_and_converts_it():
    x = weft.ones(1)
    assert x.type() == weft.typename(x) == "weft.FloatTensor"
    assert x.type(weft.int64).dtype is weft.int64
    assert weft.typename(3) == "int"
    assert x.cdouble().dtype is weft.complex128


def test_adjoints_conjugate_and_transpose():
    z = weft.tensor([[1 + 2j, 3 - 1j]])
    assert z.H.tolist() == z.mH.tolist() == [[1 - 2j], [3 + 1j]]
    with pytest.raises(weft.ShapeError, match=r"use \.mH"):
        _ = weft.ones(2, 2, 2).H


def test_python_functions_change_elements_in_place():
    x = weft.tensor([1.0, 2.0])
    assert x.apply_(lambda v: v + 1) is x
    assert x.tolist() == [2, 3]
    assert x.map_(weft.tensor(10.0), lambda a, b: a * b).tolist() == [20, 30]
    assert x.map2_(weft.ones(2), weft.ones(2), lambda a, b, c: a + b + c).tolist() == [22, 32]
    with pytest.raises(weft.GradError, match="apply_: has no gradient"):
        weft.ones(2, requires_grad=True).apply_(abs)


def test_a_subclass_sees_the_same_memory_and_graph():
    class Mine(weft.Tensor):
        pass

    x = weft.ones(2, requires_grad=True) * 2
    y = x.as_subclass(Mine)
    assert type(y) is Mine
    assert y.requires_grad
    assert y.data_ptr() == x.data_ptr()
    with pytest.raises(TypeError, match=r"a subclass of weft\.Tensor"):
        x.as_subclass(int)


def test_a_file_is_mapped_into_memory(tmp_path):
    path = tmp_path / "numbers"
    np.arange(4, dtype=np.float32).tofile(path)
    own = weft.from_file(str(path), size=4)
    own.add_(1)
    assert own.tolist() == [1, 2, 3, 4]
    shared = weft.from_file(str(path), shared=True, size=4)
    assert shared.tolist() == [0, 1, 2, 3]
    shared.add_(5)
    assert np.fromfile(path, np.float32).tolist() == [5, 6, 7, 8]
    with pytest.raises(ValueError, match="need 32 bytes, but"):
        weft.from_file(str(path), size=8)


def test_settings_are_kept_and_wrong_ones_refused():
    weft.use_deterministic_algorithms(True, warn_only=True)
    assert weft.is_deterministic_algorithms_warn_only_enabled()
    assert weft.get_deterministic_debug_mode() == 1
    weft.use_deterministic_algorithms(False)
    assert not weft.are_deterministic_algorithms_enabled()
    weft.set_float32_matmul_precision("high")
    assert weft.get_float32_matmul_precision() == "high"
    weft.set_float32_matmul_precision("highest")
    with pytest.raises(ValueError, match="expected one of highest"):
        weft.set_float32_matmul_precision("fast")
    assert weft.set_flush_denormal(True) is False


def test_the_number_of_threads_is_set_and_read():
    before = weft.get_num_threads()
    try:
        weft.set_num_threads(1)
        assert weft.get_num_threads() == 1
    finally:
        weft.set_num_threads(before)
    with pytest.raises(ValueError, match="a positive int"):
        weft.set_num_threads(0)
    assert weft.get_num_interop_threads() == 1


def test_memory_formats_survive_pickling():
    assert pickle.loads(pickle.dumps(weft.channels_last)) is weft.channels_last


def test_the_order_of_dims_may_be_asked_to_be_the_only_one():
    assert weft.ones(2, 3).dim_order(ambiguity_check=True) == (0, 1)
    with pytest.raises(RuntimeError, match="fits several orders"):
        weft.ones(1, 2, 3, 4).dim_order(ambiguity_check=True)
    with pytest.raises(RuntimeError, match="several formats"):
        formats = [weft.contiguous_format, weft.channels_last]
        weft.ones(2, 1, 3, 4).dim_order(ambiguity_check=formats)


def test_repeats_on_the_meta_device_need_the_length_they_give():
    x, counts = weft.ones(3, device="meta"), weft.ones(3, dtype=weft.int64, device="meta")
    assert weft.repeat_interleave(x, counts, output_size=7).shape == (7,)
    with pytest.raises(RuntimeError, match="pass output_size="):
        weft.repeat_interleave(x, counts)


def test_a_subclass_may_take_arguments_of_its_own_in_new():
    class Boxes(weft.Tensor):
        def __new__(cls, data, *, format):
            boxes = weft.as_tensor(data).as_subclass(cls)
            boxes.format = format
            return boxes

    boxes = Boxes([[1.0, 2.0]], format="XY")
    assert boxes.tolist() == [[1.0, 2.0]]
    assert boxes.format == "XY"
    with pytest.raises(TypeError, match="unexpected argument 'format'"):
        weft.Tensor([1.0], format="XY")


def test_memory_is_not_pinned():
    x = weft.ones(2)
    assert x.pin_memory() is x
    assert not x.is_pinned()


def test_memory_that_is_shared_keeps_values_and_is_read_by_forked_processes():
    x = weft.arange(6.0).reshape(2, 3).T
    assert not x.is_shared()
    assert x.share_memory_() is x and x.is_shared() and x.tolist() == [[0, 3], [1, 4], [2, 5]]
    address = x.data_ptr()
    assert x.share_memory_().data_ptr() == address
    child = os.fork()
    if not child:
        x[0, 0] = 7.0
        os._exit(0)
    os.waitpid(child, 0)
    assert x[0, 0].item() == 7.0
