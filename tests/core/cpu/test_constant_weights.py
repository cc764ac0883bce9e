"""A weight kept in oneDNN's order is never stale, however its memory is written."""

from __future__ import annotations

import copy
import gc
import pickle
import threading

import numpy as np
import pytest

import weft
from tests.core import needs
from weft._backend.cpu import onednn_convolution
from weft._core.made import made_of
from weft.nn import functional as F

pytestmark = needs.onednn


@pytest.fixture
def layer():
    weft.manual_seed(0)
    layer = weft.nn.Conv2d(48, 32, 3, padding=1)
    layer.x = weft.randn(2, 48, 9, 9)
    with weft.no_grad():
        layer(layer.x)
    return layer


def kept(weight):
    """Return how many layouts of a weight are kept."""
    made = made_of(weight)
    return -1 if made is None else len(made)


def assert_fresh(layer):
    """The layer computes with its weight as it is: so does a copy of which nothing is kept."""
    with weft.no_grad():
        got = layer(layer.x)
        wanted = F.conv2d(layer.x, weft.tensor(layer.weight.tolist()), layer.bias, padding=1)
    weft.testing.assert_close(got, wanted, rtol=0, atol=0)


def test_a_weight_is_kept_where_nothing_is_recorded(layer):
    assert kept(layer.weight) == 1
    (_, before), *_ = made_of(layer.weight)
    with weft.inference_mode():
        layer(layer.x)
    (_, after), *_ = made_of(layer.weight)
    assert after is before
    assert_fresh(layer)


def test_other_sizes_of_input_are_right_with_what_was_kept(layer):
    for size in (3, 9, 14, 33):
        layer.x = weft.randn(1, 48, size, size)
        assert_fresh(layer)


def test_a_weight_being_trained_is_not_kept(layer):
    layer(layer.x).sum().backward()
    assert layer.weight._extra.made is None


WRITES = {
    "in place": lambda w: w.mul_(3),
    "copy_": lambda w: w.copy_(weft.randn(w.shape)),
    "one element": lambda w: w.__setitem__((5, 7, 1, 1), 4.0),
    "a view": lambda w: w[3].add_(1),
    "a view of a view": lambda w: w.view(-1)[10:20].zero_(),
    "out=": lambda w: weft.add(w, 1, out=w),
    "detached": lambda w: w.detach()[4, 4].fill_(9),
    "data": lambda w: w.data.view(-1)[1234:1235].fill_(9),
    "data set": lambda w: setattr(w, "data", weft.randn(w.shape)),
    "numpy": lambda w: w.numpy().__setitem__((5, 7, 1, 1), 4.0),
    "numpy's view": lambda w: w.numpy()[5, 7].__setitem__((1, 1), 4.0),
    "numpy of detached": lambda w: w.detach().numpy().__setitem__((5, 7, 1, 1), 4.0),
    "numpy of a view": lambda w: w[5].numpy().__setitem__((7, 1, 1), 4.0),
    "np.asarray": lambda w: np.asarray(w).__setitem__((5, 7, 1, 1), 4.0),
    "dlpack": lambda w: np.from_dlpack(w.detach()).__setitem__((5, 7, 1, 1), 4.0),
    "a ufunc": lambda w: np.add(w.numpy(), 1, out=w.numpy()),
    "foreach": lambda w: weft._foreach_add_([w], 1.0),
    "shared parameter": lambda w: weft.nn.Parameter(w.detach()).zero_(),
    "storage": lambda w: weft.as_strided(w, (1,), (1,), 99).fill_(7),
    "load_state_dict": lambda w: w.copy_(weft.ones(w.shape)),
    "set_": lambda w: w.requires_grad_(False).set_(weft.randn(w.shape)),
}


@pytest.mark.parametrize("how", WRITES)
def test_a_weight_written_somehow_is_read_anew(layer, how):
    assert kept(layer.weight) == 1
    with weft.no_grad():
        WRITES[how](layer.weight)
    assert_fresh(layer)


HOLDERS = {
    "numpy": lambda w: w.detach().numpy(),
    "numpy's view": lambda w: w.detach().numpy()[5:6],
    "detached": lambda w: w.detach().numpy(),
    "memoryview": lambda w: memoryview(w.detach().numpy()),
    "dlpack": lambda w: np.from_dlpack(w.detach()),
    "data": lambda w: w.data.numpy(),
    "view": lambda w: w.detach()[5:6].numpy(),
    "transposed": lambda w: w.detach().numpy().T.T,
}


@pytest.mark.parametrize("how", HOLDERS)
def test_nothing_is_kept_while_another_holds_the_memory_and_nothing_old_after_it(layer, how):
    holder = HOLDERS[how](layer.weight)
    for value in (1.0, 2.0, 3.0):
        np.asarray(holder).reshape(-1)[7] = value
        assert_fresh(layer)
        assert kept(layer.weight) == -1
    np.asarray(holder).reshape(-1)[7] = 4.0
    del holder
    assert_fresh(layer)
    assert kept(layer.weight) == 1


def test_memory_whose_address_was_asked_is_never_kept(layer):
    layer.weight.data_ptr()
    assert kept(layer.weight) == -1
    assert_fresh(layer)


def test_an_array_that_the_user_holds_is_never_kept():
    x, array = weft.randn(1, 48, 9, 9), np.ones((32, 48, 3, 3), np.float32)
    weight = weft.from_numpy(array)
    first = F.conv2d(x, weight)
    array[:, 0, 0, 0] = 5
    second = F.conv2d(x, weight)
    assert (first != second).any()
    assert kept(weight) == -1
    del array
    F.conv2d(x, weight)
    assert kept(weight) == 1  # now the tensor alone has it


def test_a_view_of_a_larger_array_is_not_kept():
    x, array = weft.randn(1, 48, 9, 9), np.ones((2, 32, 48, 3, 3), np.float32)
    weight = weft.from_numpy(array[1])
    F.conv2d(x, weight)
    assert kept(weight) == -1


def test_bulk_writes_that_nobody_counted_are_seen_by_the_sample(layer):
    """A kernel that forgets to count its write, as an optimizer's might."""
    layer.weight._data *= 0.999
    assert_fresh(layer)


def test_steps_of_training_between_evaluations(layer):
    for _ in range(3):
        layer.zero_grad()
        layer(layer.x).square().sum().backward()
        with weft.no_grad():
            layer.weight.sub_(layer.weight.grad, alpha=0.01)
        assert_fresh(layer)
        assert kept(layer.weight) == 1


def test_copies_keep_nothing_of_what_was_made(layer):
    for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        with weft.no_grad():
            again.weight.zero_()
        assert_fresh(again)
    assert_fresh(layer)


def test_memory_used_again_for_another_weight_is_not_mistaken():
    x = weft.randn(1, 48, 9, 9)
    for i in range(5):
        weight = weft.full((32, 48, 3, 3), float(i))
        out = F.conv2d(x, weight)
        wanted = x.double().sum(1, keepdim=True)
        box = F.conv2d(wanted, weft.ones(1, 1, 3, 3).double()) * i
        weft.testing.assert_close(
            out[:, :1].double(), box, rtol=1e-3, atol=1e-3 * max(i, 1), check_stride=False
        )
        del weight
        gc.collect()


def test_a_weight_that_lies_channels_last_is_kept_too(layer):
    with weft.no_grad():
        layer.weight.data = layer.weight.data.contiguous(memory_format=weft.channels_last)
        layer(layer.x)
    assert kept(layer.weight) == 1
    with weft.no_grad():
        layer.weight.numpy()[5, 7, 1, 1] = 4.0
    assert_fresh(layer)
    with weft.no_grad():
        layer.weight[5, 7].mul_(2)
    assert_fresh(layer)


def test_transposed_convolutions_keep_theirs_too():
    x, weight = weft.randn(1, 32, 9, 9), weft.randn(32, 16, 3, 3)
    first = F.conv_transpose2d(x, weight)
    assert kept(weight) == 1
    weight[0, 0, 0, 0] += 10
    assert (F.conv_transpose2d(x, weight) != first).any()


def test_threads_that_share_a_layer(layer):
    with weft.no_grad():
        wanted = layer(layer.x)
    wrong = []

    def work():
        with weft.no_grad():
            wrong.extend(1 for _ in range(50) if not weft.equal(layer(layer.x), wanted))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_nothing_stays_offered_after_a_call(layer):
    with weft.no_grad():
        layer(layer.x)
        with pytest.raises(weft.ShapeError):
            layer(layer.x[:, :3])
    assert onednn_convolution.here().made is None


def test_an_optimizer_of_data_leaves_nothing_old(layer):
    held = layer.weight.data
    held.grad = weft.zeros_like(held)
    held.grad[0, 0, 0, 1] = 1.0  # one element, which no sample of the values need hold
    optimizer = weft.optim.SGD([held], lr=0.1)
    optimizer.step()
    del held, optimizer
    assert_fresh(layer)
    assert_fresh(layer)
