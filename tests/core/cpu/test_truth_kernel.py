"""Where elements are not zero: the kernel against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import weft

DTYPES = ["bool", "uint8", "int16", "int64", "float32", "float64", "float16", "bfloat16"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(5000,), (60, 70), (7, 1, 9, 80), (3000, 1), (2, 3, 4, 5, 6, 7)])
def test_places_are_those_of_numpy(shape, dtype):
    values = np.random.default_rng(0).integers(0, 3, shape)
    x = weft.tensor(values).to(getattr(weft, dtype))
    wanted = np.nonzero(values)
    assert np.array_equal(weft.nonzero(x).numpy(), np.stack(wanted, -1))
    for ours, theirs in zip(weft.nonzero(x, as_tuple=True), wanted, strict=True):
        assert np.array_equal(ours.numpy(), theirs)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 1.0])
def test_selecting_by_masks(share):
    random = np.random.default_rng(1)
    x, mask = random.standard_normal((70, 80)), random.random((70, 80)) < share
    ours, chosen = weft.tensor(x), weft.tensor(mask)
    assert np.array_equal(ours[chosen].numpy(), x[mask])
    assert np.array_equal(weft.masked_select(ours, chosen).numpy(), x[mask])
    assert np.array_equal(ours[chosen.T.contiguous().T].numpy(), x[mask])
    written = ours.clone()
    written[chosen] = 2.0
    assert np.array_equal(written.numpy(), np.where(mask, 2.0, x))


def test_nan_is_not_zero_and_negative_zero_is():
    x = np.zeros((50, 60), np.float32)
    x[3, 4], x[10, 59], x[49, 59], x[20, 0] = np.nan, -np.inf, 1e-45, -0.0
    assert weft.nonzero(weft.tensor(x)).tolist() == [[3, 4], [10, 59], [49, 59]]
    strided = weft.tensor(np.concatenate([x, x + 1], 1))[:, ::2]
    assert np.array_equal(weft.nonzero(strided).numpy(), np.stack(np.nonzero(strided.numpy()), -1))
