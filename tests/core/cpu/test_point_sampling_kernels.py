"""grid_sample: the kernels give what the references give, forward and for both cotangents."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import weft
from tests.core import needs
from tests.core.cpu.beside import compare
from weft._backend.cpu.launch import point_sampling
from weft.ops.point_sampling import sampled_by_ops

pytestmark = needs.codegen

F = weft.nn.functional
random = np.random.default_rng(0)
CASES = [
    (2, *c)
    for c in itertools.product(
        ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (False, True)
    )
] + [
    (3, *c)
    for c in itertools.product(
        ("bilinear", "nearest"), ("zeros", "border", "reflection"), (False, True)
    )
]
SIZES = {2: [((2, 5, 7, 4), (13, 21)), ((3, 1, 1, 6), (2, 1))], 3: [((2, 3, 4, 1, 5), (3, 7, 9))]}


def drawn(shape, points, dtype):
    image = random.standard_normal(shape).astype(dtype)
    grid = random.uniform(-1.8, 1.8, (shape[0], *points, len(points))).astype(dtype)
    return image, grid, random.standard_normal((*shape[:2], *points)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("dims", "mode", "padding", "corners"), CASES)
def test_kernels_agree_with_the_references(dims, mode, padding, corners, dtype):
    settings = {"mode": mode, "padding": padding, "corners": corners}
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    for shape, points in SIZES[dims]:
        image, grid, g = drawn(shape, points, dtype)
        for own in (image, image[:, ::-1], np.asfortranarray(image)):
            assert compare("sampled_at", point_sampling.sample, (own, grid), settings, tolerance)
        for asked in ((True, True), (True, False), (False, True)):
            both = {**settings, "to_image": asked[0], "to_grid": asked[1]}
            assert compare("point_slopes", point_sampling.slopes, (g, image, grid), both, tolerance)


@pytest.mark.parametrize(("dims", "mode", "padding", "corners"), CASES)
def test_public_ops_give_the_same(dims, mode, padding, corners):
    (shape, points), *_ = SIZES[dims]
    image, grid, _ = (weft.from_numpy(a) for a in drawn(shape, points, "float64"))
    by_ops = sampled_by_ops(image, grid, mode, padding, corners)
    out = F.grid_sample(image, grid, mode, padding, corners)
    np.testing.assert_allclose(out.numpy(), by_ops.numpy(), rtol=1e-12, atol=1e-12)


def test_complex_images_are_sampled_part_by_part():
    image, grid, _ = (weft.from_numpy(a) for a in drawn((1, 2, 4, 5), (3, 3), "float32"))
    both = F.grid_sample(weft.complex(image, 2 * image), grid)
    one = F.grid_sample(image, grid)
    np.testing.assert_allclose(both.real.numpy(), one.numpy(), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(both.imag.numpy(), 2 * one.numpy(), rtol=1e-6, atol=1e-6)


def test_what_is_outside_counts_as_nothing_even_beside_infinity():
    image = weft.full((1, 1, 2, 2), float("inf"))
    far = weft.full((1, 1, 1, 2), 9.0)
    assert F.grid_sample(image, far).tolist() == [[[[0.0]]]]


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("padding", ["border", "reflection"])
def test_a_point_that_is_nan_is_the_first_element(mode, padding):
    image = weft.arange(6.0).reshape(1, 1, 2, 3) + 1
    point = weft.full((1, 1, 1, 2), float("nan"))
    assert F.grid_sample(image, point, mode, padding).item() == 1


def test_a_batch_of_images_is_mapped_and_differentiated_twice():
    image, grid, _ = (weft.from_numpy(a) for a in drawn((2, 3, 4, 5), (3, 2), "float64"))
    mapped = weft.func.vmap(lambda x, p: F.grid_sample(x, p, "bicubic"))(
        image.unsqueeze(1), grid.unsqueeze(1)
    )
    np.testing.assert_array_equal(
        mapped.squeeze(1).numpy(), F.grid_sample(image, grid, "bicubic").numpy()
    )
    image.requires_grad_()
    inner = grid * 0.5
    inner.requires_grad_()
    assert weft.autograd.gradcheck(lambda x, p: F.grid_sample(x, p, "bicubic"), (image, inner))
    assert weft.autograd.gradgradcheck(lambda x, p: F.grid_sample(x, p, "bicubic"), (image, inner))
