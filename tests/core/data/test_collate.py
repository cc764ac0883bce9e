"""Batches: what becomes of samples of each kind."""

from __future__ import annotations

import collections

import numpy as np
import pytest

import weft
from weft.data import default_collate, default_collate_fn_map, default_convert
from weft.data.collate import collate

Point = collections.namedtuple("Point", "x y")


def test_tensors_are_stacked_in_their_dtype():
    for dtype in (weft.float32, weft.bfloat16, weft.bool, weft.int8, weft.complex64):
        batch = default_collate([weft.ones(2, 3, dtype=dtype), weft.zeros(2, 3, dtype=dtype)])
        assert batch.shape == (2, 2, 3)
        assert batch.dtype == dtype
        assert batch.float().sum().item() == 6 if dtype != weft.complex64 else True


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (2, 0)])
def test_numbers_and_empty_tensors_are_stacked(shape):
    assert default_collate([weft.zeros(shape), weft.zeros(shape)]).shape == (2, *shape)


def test_large_tensors_are_stacked_as_small_ones_are():
    x = weft.randn(4, 300, 500)
    assert weft.equal(default_collate(list(x)), x)
    assert weft.equal(default_collate([part.T for part in x]), x.permute(0, 2, 1))


@pytest.mark.parametrize("shape", [(40, 30), (3, 300, 500)])
def test_one_of_another_kind_among_large_tensors_is_noticed(shape):
    x = weft.randn(2, *shape)
    batch = default_collate([x[0], x[1].double()])
    assert batch.dtype == weft.float64
    assert weft.equal(batch, x.double())
    with pytest.raises(weft.ShapeError, match="same shape"):
        default_collate([x[0], x[1][1:]])
    with pytest.raises(weft.DeviceError, match="cpu and meta"):
        default_collate([x[0], x[1].to("meta")])


def test_gradients_go_through_a_batch():
    x = weft.ones(3, requires_grad=True)
    default_collate([x * 2, x * 3]).sum().backward()
    assert x.grad.tolist() == [5, 5, 5]


def test_tensors_of_several_shapes_are_refused():
    with pytest.raises(weft.ShapeError, match=r"tensor 0 has \(2,\), tensor 1 has \(3,\)"):
        default_collate([weft.zeros(2), weft.zeros(3)])
    for shapes in [((2, 3), (2, 4)), ((2,), ()), ((), (2,)), ((2, 3), (2,)), ((1, 4), (3, 4))]:
        with pytest.raises(weft.ShapeError):
            default_collate([weft.zeros(shape) for shape in shapes])
        with pytest.raises(weft.ShapeError):
            default_collate([np.zeros(shape) for shape in shapes])


def test_tensors_of_several_dtypes_are_promoted():
    mixed = [weft.zeros(2), weft.ones(2, dtype=weft.float64)]
    assert default_collate(mixed).dtype == weft.float64
    assert default_collate([x[0] for x in mixed]).dtype == weft.float64
    assert default_collate([x.numpy() for x in mixed]).tolist() == [[0, 0], [1, 1]]


def test_numbers_become_tensors():
    assert default_collate([1, 2]).dtype == weft.int64
    assert default_collate([True, False]).dtype == weft.bool
    assert default_collate([1.5, 2.5]).dtype == weft.float64
    assert default_collate([np.float32(1), np.float32(2)]).dtype == weft.float32
    assert default_collate([np.bool_(True)]).dtype == weft.bool


def test_arrays_become_tensors():
    batch = default_collate([np.ones(2, np.int16), np.zeros(2, np.int16)])
    assert batch.dtype == weft.int16
    assert batch.tolist() == [[1, 1], [0, 0]]
    with pytest.raises(TypeError, match="found <U2"):
        default_collate([np.array(["ab"])])


def test_structures_keep_their_kind():
    batch = default_collate([{"a": (1, "x"), "b": Point(1.0, [2])}] * 2)
    assert isinstance(batch["a"], list)
    assert batch["a"][0].tolist() == [1, 1]
    assert batch["a"][1] == ("x", "x")
    assert isinstance(batch["b"], Point)
    assert batch["b"].y[0].tolist() == [2, 2]
    ordered = collections.OrderedDict(z=1, a=2)
    assert list(default_collate([ordered, ordered])) == ["z", "a"]
    assert type(default_collate([ordered, ordered])) is collections.OrderedDict


def test_an_attribute_of_a_mapping_stays():
    class Named(dict):
        name = ""

    sample = Named(a=1)
    sample.name = "first"
    assert default_collate([sample, sample]).name == "first"


def test_sequences_of_several_lengths_are_refused():
    with pytest.raises(
        weft.ShapeError, match=r"lists of a batch must have one length, got \[1, 2\]"
    ):
        default_collate([[1], [1, 2]])


def test_what_is_no_structure_is_refused():
    with pytest.raises(TypeError, match="numbers, dicts or lists; found <class 'object'>"):
        default_collate([object()])


def test_a_type_may_be_entered(monkeypatch):
    class Token(str):
        pass

    monkeypatch.setitem(
        default_collate_fn_map, Token, lambda batch, *, collate_fn_map=None: len(batch)
    )
    assert default_collate([Token("a"), Token("b")]) == 2
    assert default_collate([("a", Token("b"))]) == [("a",), 1]
    assert collate([1, 2], collate_fn_map={int: lambda batch, *, collate_fn_map: sum(batch)}) == 3
    with pytest.raises(TypeError, match="found <class 'int'>"):
        collate([1, 2])


def test_conversion_leaves_all_but_arrays():
    x = weft.zeros(2)
    assert default_convert(x) is x
    assert default_convert("text") == "text"
    assert default_convert(3) == 3
    assert default_convert({"a": np.zeros(2)})["a"].dtype == weft.float64
    assert default_convert(np.float32(2)).item() == 2
    assert isinstance(default_convert((np.zeros(1), 2)), list)
    assert default_convert(Point(np.int32(1), 2)) == Point(weft.tensor(1), 2)
    assert default_convert(np.array(["a"])).tolist() == ["a"]
    assert default_convert(range(3)) == [0, 1, 2]
