"""Reading and writing by position, held to NumPy on keys that hypothesis draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weft

SHAPE = (4, 3, 5)
DRAWN = settings(derandomize=True, max_examples=150, deadline=None, database=None)


def array() -> np.ndarray:
    return np.arange(np.prod(SHAPE), dtype=np.float64).reshape(SHAPE) * 1.5


def slices(length: int) -> st.SearchStrategy[slice]:
    """Return slices with any signs, beyond the ends too."""
    ends = st.none() | st.integers(-length - 2, length + 2)
    return st.builds(slice, ends, ends, st.none() | st.integers(-3, 3).filter(bool))


def integer_arrays(length: int) -> st.SearchStrategy[np.ndarray]:
    values = st.integers(-length, length - 1)
    return st.sampled_from([(2,), (1,), (2, 2), (2, 1)]).flatmap(
        lambda shape: st.lists(
            values, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))
        ).map(lambda flat: np.array(flat, np.int64).reshape(shape))
    )


@st.composite
def basic_keys(draw: st.DrawFn) -> tuple:
    """Return ints, slices, None and one Ellipsis."""
    key: list = []
    used = draw(st.integers(0, 3))
    for dim in range(used):
        key.append(
            draw(st.integers(-SHAPE[dim], SHAPE[dim] - 1))
            if draw(st.booleans())
            else draw(slices(SHAPE[dim]))
        )
    if draw(st.booleans()):
        key.append(Ellipsis)
    for _ in range(draw(st.integers(0, 2))):
        key.insert(draw(st.integers(0, len(key))), None)
    return tuple(key)


@st.composite
def mixed_keys(draw: st.DrawFn) -> tuple:
    """Return keys with at least one index array or mask among the rest."""
    if draw(st.integers(0, 4)) == 0:
        ndim = draw(st.integers(1, 3))
        seed = draw(st.integers(0, 1000))
        mask = np.random.default_rng(seed).random(SHAPE[:ndim]) < 0.5
        rest = [draw(slices(SHAPE[d])) for d in range(ndim, 3)]
        return (mask, *rest)
    arrays = draw(st.integers(0, 2))
    key: list = []
    for dim in range(3):
        if dim == arrays:
            key.append(draw(integer_arrays(SHAPE[dim])))
            continue
        part = draw(
            st.one_of(
                integer_arrays(SHAPE[dim]),
                slices(SHAPE[dim]),
                st.integers(-SHAPE[dim], SHAPE[dim] - 1),
            )
        )
        key.append(part)
    if draw(st.booleans()):
        key.insert(draw(st.integers(0, len(key))), None)
    return tuple(key)


def as_tensors(key: tuple) -> tuple:
    return tuple(weft.from_numpy(k) if isinstance(k, np.ndarray) else k for k in key)


def any_mask(key: tuple) -> bool:
    return any(isinstance(k, np.ndarray) and k.dtype == bool for k in key)


def numpy_reads(data: np.ndarray, key: tuple) -> np.ndarray | None:
    """Return what NumPy reads, or None where its arrays do not broadcast.

    As in PyTorch, ints come first: to NumPy an int beside arrays is an array of one number, which
    may move the arrays' dim to the front. The masks drawn here come without ints.
    """
    if any(isinstance(k, np.ndarray) for k in key) and not any_mask(key):
        dims = [k for k in key if k is not None]
        data = data[tuple(k if isinstance(k, int) else slice(None) for k in dims)]
        key = tuple(k for k in key if not isinstance(k, int))
    try:
        return np.asarray(data[key])
    except IndexError:
        return None


# --- reading -----------------------------------------------------------------------------------


@DRAWN
@given(basic_keys())
def test_basic_keys_read_as_numpy_and_share_memory(key):
    data = array()
    got = weft.from_numpy(data)[key]
    np.testing.assert_array_equal(got.numpy(), data[key])
    assert tuple(got.shape) == data[key].shape
    if got.numel():
        assert np.shares_memory(got.numpy(), data)


@DRAWN
@given(mixed_keys())
def test_mixed_keys_read_as_numpy_and_copy(key):
    data = array()
    expected = numpy_reads(data, key)
    if expected is None:
        with pytest.raises(IndexError):
            weft.from_numpy(data)[as_tensors(key)]
        return
    got = weft.from_numpy(data)[as_tensors(key)]
    np.testing.assert_array_equal(got.numpy(), expected)
    assert tuple(got.shape) == expected.shape
    assert not np.shares_memory(got.numpy(), data)


@DRAWN
@given(mixed_keys())
def test_the_gradient_of_a_mixed_read_counts_how_often_each_element_was_read(key):
    data = array()
    if numpy_reads(data, key) is None:
        return
    x = weft.from_numpy(data).requires_grad_()
    x[as_tensors(key)].sum().backward()
    places = numpy_reads(np.arange(data.size).reshape(SHAPE), key)
    counts = np.bincount(places.ravel(), minlength=data.size).reshape(SHAPE)
    np.testing.assert_array_equal(x.grad.numpy(), counts)


def test_lists_numpy_arrays_and_tensors_index_alike():
    x = weft.from_numpy(array())
    expected = array()[[0, 2]]
    for index in (
        [0, 2],
        np.array([0, 2]),
        weft.tensor([0, 2]),
        weft.tensor([0, 2], dtype=weft.int32),
    ):
        np.testing.assert_array_equal(x[index].numpy(), expected)


def test_lists_of_booleans_are_masks():
    x = weft.tensor([1.0, 2.0, 3.0])
    assert x[[True, False, True]].tolist() == [1, 3]


def test_a_0d_integer_tensor_is_an_int_that_copies_nothing_else():
    x = weft.from_numpy(array())
    np.testing.assert_array_equal(x[weft.tensor(1)].numpy(), array()[1])
    np.testing.assert_array_equal(x[:, weft.tensor(-1), 0].numpy(), array()[:, -1, 0])


def test_a_plain_boolean_adds_a_dim():
    x = weft.tensor([1.0, 2.0])
    assert x[True].tolist() == [[1, 2]]
    assert x[False].shape == (0, 2)
    assert weft.tensor(3.0)[True].tolist() == [3]


def test_empty_indices_read_nothing():
    x = weft.from_numpy(array())
    assert x[[]].shape == (0, 3, 5)
    assert x[weft.tensor([], dtype=weft.int64)].shape == (0, 3, 5)
    assert x[x < 0].shape == (0,)


def test_iteration_gives_views_of_the_rows():
    x = weft.zeros(3, 2)
    for i, row in enumerate(x):
        row += i
    assert x.tolist() == [[0, 0], [1, 1], [2, 2]]


# --- writing -----------------------------------------------------------------------------------


@DRAWN
@given(basic_keys() | mixed_keys(), st.sampled_from(["number", "broadcast", "full"]))
def test_writing_is_numpys(key, kind):
    data = array()
    region = numpy_reads(data, key)
    if region is None:
        return
    value = {
        "number": np.float64(-7.0),
        "broadcast": -np.ones(region.shape[-1:]),
        # one value for each place: which of several stays is not defined
        "full": np.full(region.shape, -3.0),
    }[kind]
    x = weft.from_numpy(data.copy())
    before = weft.from_numpy(data.copy())
    expected = data.copy()
    places = numpy_reads(np.arange(data.size).reshape(SHAPE), key)
    expected.ravel()[places] = value
    x[as_tensors(key)] = float(value) if kind == "number" else weft.from_numpy(value)
    np.testing.assert_array_equal(x.numpy(), expected)
    # the recorded way gives the same values
    leaf = weft.from_numpy(np.asarray(value)).requires_grad_()
    before[as_tensors(key)] = leaf
    np.testing.assert_array_equal(before.detach().numpy(), expected)


@DRAWN
@given(basic_keys())
def test_a_recorded_write_takes_the_gradient_from_what_was_overwritten(key):
    x = weft.from_numpy(array()).requires_grad_()
    y = x * 1
    v = weft.tensor(2.0, dtype=weft.float64, requires_grad=True)
    y[key] = v
    y.sum().backward()
    kept = np.ones(SHAPE)
    kept[key] = 0
    np.testing.assert_array_equal(x.grad.numpy(), kept)
    assert v.grad.item() == kept.size - kept.sum()


def test_a_value_is_converted_to_the_tensors_dtype():
    x = weft.zeros(3, dtype=weft.int64)
    x[0] = 2.9
    x[1] = weft.tensor(True)
    assert x.tolist() == [2, 1, 0]
    assert x.dtype is weft.int64


def test_a_write_reads_its_own_memory_first():
    x = weft.arange(5)
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2, 3]


def test_augmented_item_assignment_writes_once():
    x = weft.zeros(3)
    x[1:] += 2
    x[weft.tensor([0, 0])] += 1
    assert x.tolist() == [1, 2, 2]


def test_each_write_counts_one_version_shared_with_every_view():
    x = weft.zeros(4)
    view = x[1:]
    start = x._version.writes.count
    x[0] = 1
    view[0] = 2
    assert x._version is view._version
    assert x._version.writes.count == start + 2


# --- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (4, IndexError, r"index 4 is out of range for dim 0 of length 4 .*\(4, 3, 5\)"),
        (-5, IndexError, "index -5 is out of range for dim 0 of length 4"),
        ((0, 0, 0, 0), IndexError, r"4 indices .* 3 dimensions \(shape \(4, 3, 5\)\)"),
        (([0], 0, 0, 0), IndexError, r"4 indices .* 3 dimensions \(shape \(4, 3, 5\)\)"),
        ((..., ...), IndexError, "one Ellipsis, got 2"),
        ((..., [0], ...), IndexError, "one Ellipsis, got 2"),
        (weft.tensor([4]), IndexError, "index 4 is out of range for dim 0 of length 4"),
        ((0, slice(None), [1, 7]), IndexError, "index 7 is out of range for dim 1 of length 5"),
        (weft.tensor([0.5]), TypeError, "integer or boolean, got weft.float32"),
        (1.5, TypeError, "an index must be an int, slice, .* got float 1.5"),
        ("name", TypeError, "got str 'name'"),
        (slice("a", None), TypeError, "a slice runs between ints, got str 'a'"),
        (weft.ones(3, dtype=weft.bool), IndexError, r"mask.*\(3,\).*\(4, 3, 5\)"),
        ((weft.tensor([0, 1]), weft.tensor([0, 1, 2])), IndexError, "broadcast"),
    ],
)
def test_a_wrong_key_says_why(key, error, message):
    x = weft.zeros(SHAPE)
    with pytest.raises(error, match=message):
        x[key]
    with pytest.raises(error, match=message):
        x[key] = 0


def test_a_0d_tensor_takes_no_index():
    with pytest.raises(IndexError, match="1 indices for a tensor of 0 dimensions"):
        weft.tensor(1.0)[0]


def test_a_value_that_does_not_fit_its_region_is_told_both_shapes():
    x = weft.zeros(SHAPE)
    with pytest.raises(
        weft.ShapeError, match=r"value of shape \(2,\) .* region of shape \(4, 3, 5\)"
    ):
        x[:] = weft.ones(2)


def test_a_step_of_zero_is_refused():
    with pytest.raises(ValueError, match="slice step"):
        weft.zeros(3)[::0]


def test_a_meta_tensor_is_indexed_by_shape():
    x = weft.empty(4, 3, 5, device="meta")
    assert x[1:, None, ..., 0].shape == (3, 1, 3)
    assert x[weft.tensor([0, 1])].shape == (2, 3, 5)
