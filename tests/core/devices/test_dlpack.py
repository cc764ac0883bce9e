"""DLPack with memory of a GPU: the array library of the GPU gives and takes the capsules."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

import weft
from weft._backend import libraries
from weft._core.tensor import wrap


class GPUArray:
    """An array of a GPU's library that notes how it is asked for its capsule."""

    def __init__(self, values, index=1):
        self.values, self.index = np.asarray(values), index
        self.shape, self.dtype, self.ndim = self.values.shape, self.values.dtype, self.values.ndim
        self.asked = []

    def __dlpack__(self, **settings):
        self.asked.append(settings)
        return "capsule"

    def __dlpack_device__(self):
        return (2, self.index)

    def copy(self):
        return GPUArray(self.values.copy(), self.index)


class Library:
    """As much of a GPU's library as DLPack needs."""

    name = "made up"
    array = GPUArray

    def __init__(self):
        self.xp = self
        self.used = []

    @contextlib.contextmanager
    def on(self, index):
        self.used.append(index)
        yield

    def where(self, array):
        return array.index

    def from_dlpack(self, other):
        return other


@pytest.fixture
def library(monkeypatch):
    made = Library()
    monkeypatch.setitem(libraries.loaders, "cuda", lambda: made)
    return libraries.library_for("cuda") and made


def test_the_library_of_the_gpu_makes_the_capsule(library):
    array = GPUArray([1.0, 2.0])
    x = wrap(array)
    assert x.__dlpack_device__() == (2, 1)
    assert x.__dlpack__(stream=7, max_version=(1, 0)) == "capsule"
    assert array.asked == [{"stream": 7, "max_version": (1, 0)}]


def test_memory_of_a_gpu_is_taken_where_it_is(library):
    array = GPUArray([1.0, 2.0])
    x = weft.from_dlpack(array)
    assert x._data is array
    assert library.used == [1]
    assert weft.from_dlpack(array, copy=True)._data is not array


def test_without_a_gpu_the_reason_is_given(monkeypatch):
    def load():
        raise libraries.Unavailable("no device was found")

    monkeypatch.setitem(libraries.loaders, "cuda", load)
    with pytest.raises(BufferError, match=r"\(2, 1\).*no device was found.*device='cpu'"):
        weft.from_dlpack(GPUArray([1.0]))


def test_memory_of_another_kind_of_device_is_named():
    class Elsewhere(GPUArray):
        def __dlpack_device__(self):
            return (8, 0)

    with pytest.raises(BufferError, match=r"on DLPack device \(8, 0\).*device='cpu'"):
        weft.from_dlpack(Elsewhere([1.0]))


def test_the_array_api_lists_the_gpus_that_can_be_used(fake_gpus):
    found = weft.ones(1).__array_namespace__().__array_namespace_info__().devices()
    assert [str(device) for device in found] == ["cpu", "cuda:0", "cuda:1"]
