"""Tensors on GPUs, the default device, and one device for each call; GPUs are the stand-in's."""

from __future__ import annotations

import copy
import threading

import numpy as np
import pytest

import weft
from tests.core.devices import fake_cupy
from weft import nn

pytestmark = pytest.mark.usefixtures("fake_gpus")


# --- moving ------------------------------------------------------------------------------------


def test_a_tensor_goes_to_a_gpu_and_back():
    x = weft.tensor([[1.0, 2.0], [3.0, 4.0]])
    there = x.to("cuda")
    assert there.device == weft.device("cuda:0")
    assert (there.is_cuda, there.is_cpu, there.get_device()) == (True, False, 0)
    assert type(there._data) is fake_cupy.ndarray
    assert there.cuda() is there
    assert there.to("cuda:1").device.index == 1
    assert x.cuda(1).device == weft.device("cuda", 1) == weft.device(1)
    back = there.cpu()
    assert back.device == weft.device("cpu")
    assert back.tolist() == x.tolist()
    assert x.cpu() is x


def test_dtype_and_device_change_together_and_after_another_tensor():
    x = weft.ones(2)
    assert (x.to("cuda", weft.float64).dtype, x.to("cuda").is_cuda) == (weft.float64, True)
    like = weft.zeros(1, dtype=weft.int32, device="cuda:1")
    assert (x.to(like).dtype, x.to(like).device.index) == (weft.int32, 1)


def test_the_gradient_comes_back_to_where_the_tensor_was():
    w = weft.tensor([1.0, 2.0], requires_grad=True)
    (w.cuda() * weft.tensor([3.0, 4.0], device="cuda")).sum().backward()
    assert w.grad.device.type == "cpu"
    assert w.grad.tolist() == [3.0, 4.0]


def test_forward_mode_and_vmap_go_through_a_move():
    x, t = weft.ones(3), weft.tensor([1.0, 2.0, 3.0])
    _, tangent = weft.func.jvp(lambda a: (a.cuda() * 2).cpu(), (x,), (t,))
    assert tangent.tolist() == [2.0, 4.0, 6.0]
    assert weft.func.vmap(lambda a: a.cuda() + 1)(weft.ones(2, 3)).device.type == "cuda"


def test_numbers_and_text_are_read_from_a_gpu():
    x = weft.tensor([1.5, -2.0], device="cuda:1")
    assert (x[0].item(), float(x[1]), x.tolist(), bool(x[0])) == (1.5, -2.0, [1.5, -2.0], True)
    assert repr(x) == "tensor([ 1.5000, -2.0000], device='cuda:1')"
    assert 1.5 in x
    assert weft.tensor([7], device="cuda").bfloat16().item() == 7.0


def test_numpy_of_a_gpu_tensor_says_what_to_do():
    x = weft.ones(2, device="cuda")
    for read in (x.numpy, lambda: np.asarray(x)):
        with pytest.raises(TypeError, match=r"on cuda:0, .* first with \.cpu\(\)\.numpy\(\)"):
            read()


def test_a_deep_copy_has_memory_of_its_own_on_the_same_device():
    x = weft.ones(2, device="cuda:1")
    y = copy.deepcopy(x)
    y[0] = 5.0
    assert (x.tolist(), y.tolist(), y.device.index) == ([1.0, 1.0], [5.0, 1.0], 1)


def test_an_array_on_a_gpu_is_shared_or_copied():
    with fake_cupy.Device(1):
        array = fake_cupy.modules()["cupy"].zeros(3, np.float32)
    shared, copied = weft.as_tensor(array), weft.tensor(array)
    assert shared.device == copied.device == weft.device("cuda:1")
    shared[0] = 5.0
    assert array.get().tolist() == [5.0, 0.0, 0.0]
    assert copied.tolist() == [0.0, 0.0, 0.0]
    assert weft.tensor(array, device="cpu").tolist() == [5.0, 0.0, 0.0]
    assert weft.as_tensor(array, dtype=weft.float64).dtype is weft.float64


# --- creation and draws ------------------------------------------------------------------------

MAKERS = {
    "tensor": lambda **k: weft.tensor([1.0, 2.0], **k),
    "zeros": lambda **k: weft.zeros(2, 3, **k),
    "full": lambda **k: weft.full((2,), 7, **k),
    "arange": lambda **k: weft.arange(5, **k),
    "linspace": lambda **k: weft.linspace(0, 1, 5, **k),
    "eye": lambda **k: weft.eye(3, **k),
    "as_tensor": lambda **k: weft.as_tensor([1, 2], **k),
    "asarray": lambda **k: weft.asarray([1, 2], **k),
    "rand": lambda **k: weft.rand(4, **k),
    "randn": lambda **k: weft.randn(4, **k),
    "randint": lambda **k: weft.randint(0, 9, (5,), **k),
    "randperm": lambda **k: weft.randperm(6, **k),
    "hann_window": lambda **k: weft.hann_window(6, **k),
    "tril_indices": lambda **k: weft.tril_indices(3, 3, **k),
    "new_ones": lambda **k: weft.zeros(1).new_ones(2, **k),
    "zeros_like": lambda **k: weft.zeros_like(weft.ones(3), **k),
    "randn_like": lambda **k: weft.randn_like(weft.ones(3), **k),
}


@pytest.mark.parametrize("name", MAKERS)
def test_creation_on_a_device_gives_what_the_cpu_gives(name):
    make = MAKERS[name]
    weft.manual_seed(3)
    expected = make()
    weft.manual_seed(3)
    there = make(device="cuda:1")
    assert there.device == weft.device("cuda:1")
    assert there.dtype is expected.dtype
    assert there.cpu().tolist() == expected.tolist()
    abstract = make(device="meta")
    assert (abstract.device.type, abstract.shape, abstract.dtype) == (
        "meta",
        expected.shape,
        expected.dtype,
    )


@pytest.mark.parametrize("name", sorted(MAKERS.keys() - {"new_ones", "zeros_like", "randn_like"}))
def test_the_default_device_is_where_tensors_are_made(name):
    with weft.device("meta"):
        assert MAKERS[name]().device.type == "meta"
        with weft.device("cuda:1"):
            assert MAKERS[name]().device == weft.device("cuda:1")
        assert MAKERS[name](device="cpu").device.type == "cpu"
    assert MAKERS[name]().device.type == "cpu"


def test_a_new_tensor_like_another_ignores_the_default_device():
    x = weft.ones(2)
    with weft.device("meta"):
        assert weft.zeros_like(x).device.type == "cpu"
        assert x.new_zeros(3).device.type == "cpu"
        assert (x + 1).device.type == "cpu"
        x[0] = 5
    assert x.tolist() == [5.0, 1.0]


def test_set_default_device_holds_in_its_thread_until_it_is_set_again():
    seen = []
    weft.set_default_device("cuda:1")
    try:
        assert weft.get_default_device() == weft.zeros(1).device == weft.device("cuda:1")
        other = threading.Thread(target=lambda: seen.append(weft.get_default_device()))
        other.start()
        other.join()
        with weft.device("cpu"):
            assert weft.zeros(1).device.type == "cpu"
    finally:
        weft.set_default_device(None)
    assert weft.get_default_device() == weft.device("cpu")
    assert seen == [weft.device("cpu")]


def test_the_default_device_ends_with_its_block_when_that_raises():
    with pytest.raises(ZeroDivisionError), weft.device("meta"):
        raise ZeroDivisionError
    assert weft.zeros(1).device.type == "cpu"


def test_modules_are_made_and_moved():
    with weft.device("meta"):
        layer = nn.Linear(3, 2)
    assert layer.weight.device.type == "meta"
    weft.manual_seed(0)
    expected = nn.Linear(3, 2)
    weft.manual_seed(0)
    there = nn.Linear(3, 2, device="cuda")
    assert there.weight.device.type == "cuda"
    assert there.weight.tolist() == expected.weight.tolist()
    x = weft.randn(4, 3)
    np.testing.assert_allclose(there(x.cuda()).tolist(), expected(x).tolist(), rtol=1e-6)
    assert expected.to("cuda:1").bias.device.index == 1


# --- one device for each call ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "places"),
    [
        (lambda a, b, c: a + b, "cpu and cuda:0"),
        (lambda a, b, c: b @ a, "cpu and cuda:0"),
        (lambda a, b, c: b * c, "cuda:0 and cuda:1"),
        (lambda a, b, c: weft.cat([b, c]), "cuda:0 and cuda:1"),
        (lambda a, b, c: a.add_(b), "cpu and cuda:0"),
        (lambda a, b, c: weft.add(a, a, out=b), "cuda:0 and cpu"),
    ],
)
def test_tensors_of_two_devices_raise_an_error_that_names_both(run, places):
    a, b, c = weft.ones(2), weft.ones(2, device="cuda"), weft.ones(2, device="cuda:1")
    with pytest.raises(RuntimeError, match=f"expected all tensors on one device, got .* {places}"):
        run(a, b, c)


def test_a_0d_cpu_tensor_goes_with_any_device_and_gets_its_gradient():
    s = weft.tensor([2.0, 1.0], requires_grad=True)
    x = weft.tensor([1.0, 3.0], device="cuda:1")
    y = (s * s).sum() * x
    assert y.device.index == 1
    y.sum().backward()
    assert s.grad.device.type == "cpu"
    assert s.grad.tolist() == [16.0, 8.0]
    assert (weft.arange(3, device="cuda") + 1).tolist() == [1, 2, 3]


# --- writing, indexing, autograd ---------------------------------------------------------------


def test_writes_and_indices_work_in_place_on_a_gpu():
    x = weft.zeros(3, 2, device="cuda")
    view = x[1]
    view.fill_(4)
    x[0, 1] = 7
    x[weft.tensor([2])] = weft.tensor([5.0, 6.0], device="cuda")
    x[x > 5.5] += 1
    x[2, 0] = weft.tensor(9.0)  # a number on the CPU
    assert x.tolist() == [[0.0, 8.0], [4.0, 4.0], [9.0, 7.0]]
    assert x[[0, 2]].tolist() == [[0.0, 8.0], [9.0, 7.0]]
    assert x[x == 4].device.type == "cuda"
    assert x[weft.tensor(1, device="cuda")].tolist() == [4.0, 4.0]
    x.copy_(weft.ones(2))  # from the CPU, broadcast
    assert x.tolist() == [[1.0, 1.0]] * 3
    weft.add(x, x, out=x)
    assert x.sum().item() == 12.0
    with pytest.raises(IndexError, match="out of range"):
        x[5]
    with pytest.raises(IndexError, match="index 9 is out of range"):
        weft.gather(x, 0, weft.tensor([[9]], device="cuda"))


def test_draws_in_place_are_the_cpus():
    weft.manual_seed(1)
    expected = weft.empty(5).normal_().tolist()
    weft.manual_seed(1)
    assert weft.empty(5, device="cuda").normal_().tolist() == expected


def test_gradients_add_up_on_the_gpu_into_the_same_memory():
    w = weft.tensor([1.0, 2.0], device="cuda", requires_grad=True)
    (w * w).sum().backward()
    held = w.grad
    (w * w).sum().backward()
    assert w.grad is held
    assert held.tolist() == [4.0, 8.0]
    second = weft.autograd.grad((w**3).sum(), w, create_graph=True)[0]
    assert weft.autograd.grad(second.sum(), w)[0].tolist() == [6.0, 12.0]


def test_a_saved_tensor_overwritten_on_the_gpu_raises():
    w = weft.ones(2, device="cuda", requires_grad=True)
    x = weft.ones(2, device="cuda")
    y = (w * x).sum()
    x.add_(1)
    with pytest.raises(weft.GradError, match="overwritten in place by add_"):
        y.backward()


def test_a_function_that_cupy_lacks_says_so(monkeypatch):
    from weft._backend import libraries

    library = libraries.library_for("cuda")
    with pytest.raises(
        NotImplementedError, match=r"CuPy 14\.2\.0 has no spence, so this op has no"
    ):
        _ = library.xp.spence


# --- weft.cuda ---------------------------------------------------------------------------------


def test_cuda_tells_of_the_gpus():
    assert weft.cuda.is_available()
    assert weft.cuda.device_count() == 2
    assert weft.cuda.get_device_name(1) == "Fake GPU 1"
    assert weft.cuda.get_device_capability("cuda:0") == (9, 0)
    assert weft.cuda.get_device_properties().total_memory == 1 << 30
    assert weft.cuda.memory_allocated() == 512
    assert weft.cuda.memory_reserved() == 1024
    assert weft.cuda.mem_get_info() == (1 << 29, 1 << 30)
    weft.cuda.synchronize()
    weft.cuda.empty_cache()
    with pytest.raises(weft.DeviceError, match="out of range"):
        weft.cuda.get_device_name(2)
    with pytest.raises(ValueError, match="expected a GPU, got device cpu"):
        weft.cuda.synchronize("cpu")


def test_the_current_gpu_is_what_cuda_means():
    assert weft.cuda.current_device() == 0
    with weft.cuda.device(1):
        assert weft.cuda.current_device() == 1
        assert weft.zeros(1, device="cuda").device.index == 1
        with weft.cuda.device(None):
            assert weft.cuda.current_device() == 1
    assert weft.cuda.current_device() == 0
    weft.cuda.set_device(1)
    assert weft.ones(1).cuda().device.index == 1


def test_cuda_seeds_the_one_generator():
    weft.cuda.manual_seed_all(5)
    first = weft.randn(3, device="cuda").tolist()
    weft.manual_seed(5)
    assert weft.randn(3).tolist() == first
    state = weft.cuda.get_rng_state()
    assert weft.cuda.initial_seed() == 5
    drawn = weft.rand(2).tolist()
    weft.cuda.set_rng_state(state)
    assert weft.rand(2, device="cuda:1").tolist() == drawn
