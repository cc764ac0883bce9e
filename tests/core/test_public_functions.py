"""The functions that a template builds: signatures, PyTorch's and NumPy's keywords, tracebacks."""

from __future__ import annotations

import inspect
import pickle
import traceback

import numpy as np
import pytest

import weft
import weft.nn.functional as F
from weft._core import catalogue
from weft.ops import load_all

load_all()

BUILT = [
    entry
    for entry in catalogue.public.values()
    if entry.op is not None and set(entry.namespaces) & {"weft", "weft.nn.functional"}
]


@pytest.mark.parametrize("entry", BUILT, ids=lambda e: e.key)
def test_a_function_says_its_name_module_and_arguments(entry):
    function = entry.function
    assert function.__name__ == function.__qualname__ == entry.name
    assert function.__module__.startswith("weft.ops.")
    names = list(inspect.signature(function).parameters)
    assert not {"x", "y", "xs", "xp"} & set(names), "kernels' short names are not the users'"


@pytest.mark.parametrize("entry", BUILT, ids=lambda e: e.key)
def test_a_public_function_pickles_by_its_name(entry):
    assert pickle.loads(pickle.dumps(entry.function)) is entry.function


def test_arrays_are_called_input_and_other():
    assert list(inspect.signature(weft.mul).parameters) == ["input", "other", "out"]
    a, b = weft.tensor([2.0]), weft.tensor([3.0])
    assert weft.mul(input=a, other=b).tolist() == [6]
    assert weft.sin(input=a).tolist() == weft.sin(a).tolist()
    assert weft.add(a, b, alpha=2).tolist() == [8]


def test_numpys_spellings_are_taken_beside_pytorchs():
    x = weft.arange(6.0).reshape(2, 3)
    for call in (x.sum, x.mean, x.amax, x.prod, x.logsumexp):
        expected = call(dim=1, keepdim=True)
        assert call(axis=1, keepdims=True).tolist() == expected.tolist()
        assert call(1, True).tolist() == expected.tolist()
        assert expected.shape == (2, 1)
    assert x.argmax(axis=0).tolist() == x.argmax(dim=0).tolist() == [1, 1, 1]
    assert weft.all(x >= 0, axis=0).tolist() == [True] * 3


@pytest.mark.parametrize("number", [np.float64, np.float32, np.float16])
def test_a_number_of_numpys_is_no_dtype_for_the_result(number):
    x = weft.tensor([-1.0, 2.0])
    half = number(0.5)
    for call in (F.leaky_relu, F.elu, F.hardtanh, F.threshold, weft.clamp, weft.logit):
        given = (
            (half, half + number(1)) if call in (F.hardtanh, F.threshold, weft.clamp) else (half,)
        )
        got = call(x, *given)
        assert got.dtype is weft.float32
        expected = call(x, *map(float, given))
        np.testing.assert_array_equal(got.numpy(), expected.numpy())


@pytest.mark.parametrize("whole", [np.int64, np.int32, np.uint8, lambda n: weft.tensor(n)])
def test_whole_numbers_of_numpys_and_tensors_of_one_are_sizes(whole):
    x = weft.arange(32.0).reshape(1, 2, 4, 4)
    assert F.max_pool2d(x, whole(2)).tolist() == F.max_pool2d(x, 2).tolist()
    assert F.avg_pool2d(x, (whole(2), 1), whole(2)).tolist() == F.avg_pool2d(x, (2, 1), 2).tolist()
    assert F.interpolate(x, (whole(2), whole(8))).shape == (1, 2, 2, 8)
    assert weft.nn.Conv2d(2, 3, 3, stride=whole(2))(x).shape == (1, 3, 1, 1)
    assert weft.nn.LayerNorm(whole(4))(x).shape == x.shape
    assert x.sum(whole(1)).tolist() == x.sum(1).tolist()
    assert weft.manual_seed(whole(3)).initial_seed() == 3


def test_what_is_no_number_is_refused_where_one_is_wanted():
    x = weft.zeros(1, 1, 4, 4)
    for bad in (2.0, "2", np.float64(2), np.ones(2), None):
        with pytest.raises(ValueError, match="kernel_size must be an int or 2 ints"):
            F.max_pool2d(x, bad)
    with pytest.raises(ValueError, match="size must be positive"):
        F.interpolate(x, (2.5, 2))
    with pytest.raises(TypeError, match="manual_seed: expected an int, got float64"):
        weft.manual_seed(np.float64(1.5))


def test_arithmetic_takes_numbers_alone():
    assert weft.add(2, 3).dtype is weft.int64
    assert weft.add(2, 3, alpha=2).item() == 8
    assert weft.mul(2.5, np.float64(2)).dtype is weft.float32
    assert weft.div(7, 2, rounding_mode="floor").item() == 3
    for function in (weft.pow, weft.maximum, weft.atan2):
        with pytest.raises(TypeError, match="at least one must be a tensor"):
            function(2, 3)
    with pytest.raises(TypeError, match="got str 'a'; make one with"):
        weft.add("a", 3)


def test_an_explicit_none_for_axis_reduces_everything():
    x = weft.ones(2, 3)
    assert x.sum(axis=None).item() == 6
    assert x.sum(dim=None).item() == 6
    assert x.sum(dim=()).item() == 6


def test_a_required_dim_that_is_missing_is_named():
    with pytest.raises(TypeError, match=r"logsumexp\(\) needs the argument dim"):
        weft.ones(2).logsumexp()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: weft.sin(), r"sin\(\) missing 1 required positional argument: 'input'"),
        (lambda: weft.sum(weft.ones(1), dims=0), r"sum\(\) got an unexpected keyword argument"),
        (lambda: weft.mul(weft.ones(1)), r"missing 1 required positional argument: 'other'"),
    ],
)
def test_a_wrong_call_is_refused_by_its_signature(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_a_traceback_shows_the_source_of_a_built_function():
    try:
        weft.sum(weft.ones(2), dim=5)
    except IndexError as error:
        shown = "".join(traceback.format_exception(error))
    assert "in sum\n" in shown
    assert "return _run(" in shown


def test_methods_are_the_functions():
    x = weft.tensor([[1.0, -2.0]])
    for name in ("abs", "exp", "sum", "argmax", "relu", "transpose", "cumsum"):
        assert getattr(weft.Tensor, name) is getattr(weft, name, getattr(weft.Tensor, name))
    assert x.abs().tolist() == weft.abs(x).tolist()


def test_named_results_unpack_and_have_names():
    values, indices = weft.tensor([3.0, 1.0, 2.0]).sort()
    assert values.tolist() == [1, 2, 3]
    assert indices.tolist() == [1, 2, 0]
    found = weft.tensor([[3.0, 1.0]]).max(dim=1)
    assert (found.values.tolist(), found.indices.tolist()) == ([3], [0])


def test_every_public_name_exists_and_is_listed():
    for name in weft.__all__:
        assert hasattr(weft, name), name
        assert name in dir(weft) or name.startswith("__")
    for entry in catalogue.public.values():
        for method in entry.methods:
            assert hasattr(weft.Tensor, method), method
