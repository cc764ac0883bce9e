"""Draws by kernels: bit for bit what NumPy makes of the same words, with any number of threads."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import weft
from tests.core import needs
from weft._backend.cpu import switches
from weft.ops import draws

pytestmark = needs.codegen

COUNTS = (0, 1, 3, 511, 1024, 5001, 70_000)
FLOATS = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]


def both(draw):
    """Return what the kernels draw, and what NumPy does."""
    for _ in range(20):
        weft.rand(1)  # now even small draws are worth a kernel
    by_kernel = draw(weft.Generator(seed=11))
    switches.codegen = False
    try:
        return by_kernel, draw(weft.Generator(seed=11))
    finally:
        switches.codegen = True


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: np.dtype(d).name)
def test_uniform_numbers(dtype, count):
    out, wanted = both(lambda g: draws.uniform(g, count, np.dtype(dtype)))
    assert out.dtype == wanted.dtype
    np.testing.assert_array_equal(out, wanted)


@pytest.mark.parametrize("count", COUNTS)
def test_numbers_between_the_ends_and_normal_ones(count):
    np.testing.assert_array_equal(*both(lambda g: draws.between(g, count)))
    for dtype in FLOATS:
        np.testing.assert_array_equal(*both(lambda g, d=dtype: draws.normal(g, count, np.dtype(d))))


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(
    ("low", "span"),
    [
        (0, 1), (0, 2), (-1, 3), (0, 10), (5, 255), (0, 1 << 20), (0, (1 << 31) - 1),
        (0, 987_654_321_987), (7, (1 << 40) - 1), (0, 1 << 40), (0, (1 << 40) + 1), (0, 1 << 64),
        (-(1 << 63), 1000), ((1 << 63) - 1000, 1000), ((1 << 63) - 10, 1000),
    ],
)  # fmt: skip
def test_whole_numbers(low, span, count):
    out, wanted = both(lambda g: draws.integers(g, count, low, span))
    assert out.dtype == wanted.dtype
    np.testing.assert_array_equal(out, wanted)


def test_the_next_draw_goes_on_where_a_kernel_ended():
    def draw(generator):
        draws.integers(generator, 7, 0, 10)
        draws.uniform(generator, 3, np.dtype(np.float32))
        return draws.between(generator, 5)

    np.testing.assert_array_equal(*both(draw))


@pytest.mark.parametrize("count", [1, 10, 400])
def test_categories_without_replacement_are_the_first_that_come(count):
    weights = np.random.default_rng(0).uniform(0.1, 1, (8, 1000))
    weights[:, 0:500:7] = 0
    drawn = weft.multinomial(weft.tensor(weights), count, generator=weft.Generator(seed=3))
    waits = -np.log(draws.between(weft.Generator(seed=3), weights.size)).reshape(weights.shape)
    with np.errstate(divide="ignore"):
        order = np.argsort(waits / weights, axis=-1, kind="stable")
    np.testing.assert_array_equal(drawn.numpy(), order[:, :count])


def test_categories_of_weight_zero_come_last_in_their_order():
    weights = weft.zeros(100)
    weights[50] = 1.0
    drawn = weft.multinomial(weights, 3, generator=weft.Generator(seed=3))
    assert drawn.tolist() == [50, 0, 1]
