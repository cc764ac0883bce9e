"""Resizing: equal to Pillow for bytes, exact on what is known in advance for floats."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import weft
from weft_vision.transforms import functional as F

PILLOW = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
SIZES = [(1, 1), (2, 9), (7, 3), (16, 16), (31, 50), (97, 64), (128, 40)]


def pillow(image: np.ndarray, size: tuple[int, int], mode: str) -> np.ndarray:
    """Pillow's result, the width first and then the height, as all releases compute an axis."""
    height, width = size
    picture = Image.fromarray(image).resize((width, image.shape[0]), PILLOW[mode])
    return np.asarray(picture.resize((width, height), PILLOW[mode]))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("old", SIZES)
@pytest.mark.parametrize("new", SIZES)
def test_bytes_equal_pillows_bit_for_bit(mode, old, new, noise):
    image = noise(*old, 3)
    if sum(old) % 2:
        image = (image > 127).astype(np.uint8) * 255  # hard edges: overshoot and clipping
    ours = F.resize(weft.from_numpy(image).permute(2, 0, 1), new, mode)
    assert ours.dtype == weft.uint8
    np.testing.assert_array_equal(ours.permute(1, 2, 0).numpy(), pillow(image, new, mode))


def test_a_photo_equals_pillows_bit_for_bit(media):
    photo = np.asarray(Image.open(media / "chelsea.png"))
    ours = F.resize(weft.from_numpy(photo.copy()).permute(2, 0, 1), 256)
    np.testing.assert_array_equal(
        ours.permute(1, 2, 0).numpy(), pillow(photo, (256, 384), "bilinear")
    )


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_bytes_and_floats_agree_to_a_rounding(mode, noise):
    image = noise(3, 60, 45) // 2 + 64  # away from the ends, where bytes are clipped
    as_bytes = F.resize(weft.from_numpy(image), (25, 80), mode).numpy()
    as_floats = F.resize(weft.from_numpy(image).to(weft.float64), (25, 80), mode).numpy()
    # Bytes are rounded twice, once after each pass, and the second pass weighs to one.
    limit = 1.0 if mode == "bilinear" else 1.3
    assert np.abs(as_bytes - as_floats).max() <= limit


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
@pytest.mark.parametrize("dtype", [weft.uint8, weft.float32, weft.float64])
def test_a_constant_image_stays_constant(mode, antialias, dtype):
    image = weft.full((2, 9, 14), 201, dtype=dtype)
    for size in ((3, 5), (20, 40), (9, 40), (1, 1)):
        resized = F.resize(image, size, mode, antialias=antialias).numpy()
        assert resized.shape == (2, *size)
        np.testing.assert_allclose(resized, 201, rtol=1e-6)


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_antialiasing_weighs_a_triangle_over_all_covered_pixels(factor):
    impulse = weft.zeros(1, 1, 21 * factor, dtype=weft.float64)
    middle = 10 * factor + factor // 2
    with weft.no_grad():
        impulse[0, 0, middle] = 1
    shrunk = F.resize(impulse, (1, 21)).numpy()[0, 0]
    # The whole impulse goes to some outputs: its weights over all outputs sum to 1 / factor.
    assert shrunk.sum() == pytest.approx(1 / factor)
    centres = (np.arange(21) + 0.5) * factor
    triangle = np.maximum(1 - np.abs(middle + 0.5 - centres) / factor, 0)
    np.testing.assert_allclose(shrunk, triangle / factor, atol=1e-12)


def test_without_antialiasing_most_pixels_are_skipped():
    stripes = weft.from_numpy(np.tile([0.0, 0.0, 0.0, 1.0], (1, 1, 8)))
    assert F.resize(stripes, (1, 8), antialias=True).numpy()[0, 0, 2:-2] == pytest.approx(
        0.25, abs=0.01
    )
    np.testing.assert_allclose(F.resize(stripes, (1, 8), antialias=False).numpy(), 0)


def test_a_ramp_stays_a_ramp_inside():
    ramp = weft.arange(30, dtype=weft.float64).reshape(1, 1, 30)
    for mode in ("bilinear", "bicubic"):
        grown = F.resize(ramp, (1, 60), mode).numpy()[0, 0]
        expected = (np.arange(60) + 0.5) / 2 - 0.5
        np.testing.assert_allclose(grown[8:-8], expected[8:-8], atol=1e-9)


def test_nearest_takes_the_pixel_at_or_under_each_place():
    row = weft.arange(10, dtype=weft.int64).reshape(1, 1, 10)
    assert F.resize(row, (1, 4), "nearest").tolist() == [[[0, 2, 5, 7]]]
    assert F.resize(row, (1, 4), "nearest-exact").tolist() == [[[1, 3, 6, 8]]]


def test_one_number_is_the_shorter_side():
    assert tuple(F.resize(weft.zeros(3, 300, 451), 256).shape) == (3, 256, 384)
    assert tuple(F.resize(weft.zeros(3, 451, 300), 256).shape) == (3, 384, 256)
    assert tuple(F.resize(weft.zeros(3, 451, 300), [256]).shape) == (3, 384, 256)


def test_max_size_bounds_the_longer_side():
    assert tuple(F.resize(weft.zeros(1, 100, 400), 50, max_size=120).shape) == (1, 30, 120)
    assert tuple(F.resize(weft.zeros(1, 100, 400), 20, max_size=120).shape) == (1, 20, 80)


def test_batches_and_single_planes_are_resized_alike(noise):
    batch = weft.from_numpy(noise(2, 3, 11, 13).astype(np.float32))
    whole = F.resize(batch, (6, 20))
    one = F.resize(batch[1, 2], (6, 20))
    np.testing.assert_allclose(whole[1, 2].numpy(), one.numpy(), rtol=1e-6)


def test_the_same_size_is_the_same_image():
    image = weft.zeros(3, 4, 5)
    assert F.resize(image, (4, 5)) is image


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("antialias", [True, False])
def test_the_gradient_is_the_transpose(mode, antialias):
    image = weft.randn(2, 7, 9, dtype=weft.float64, requires_grad=True)
    weights = weft.randn(2, 4, 12, dtype=weft.float64)
    out = F.resize(image, (4, 12), mode, antialias=antialias)
    (out * weights).sum().backward()
    # Resizing is linear: <resize(x), w> == <x, gradient>, for any x.
    other = weft.randn(2, 7, 9, dtype=weft.float64)
    left = (F.resize(other, (4, 12), mode, antialias=antialias) * weights).sum().item()
    right = (other * image.grad).sum().item()
    assert left == pytest.approx(right, rel=1e-12)


def test_integers_other_than_bytes_are_refused_where_they_would_be_averaged():
    with pytest.raises(TypeError, match="int64"):
        F.resize(weft.zeros(1, 4, 4, dtype=weft.int64), (2, 2))


@pytest.mark.parametrize("size", [0, (0, 3), (3, -1), (1, 2, 3), ()])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(ValueError, match="size"):
        F.resize(weft.zeros(3, 4, 4), size)


def test_an_empty_image_is_refused():
    with pytest.raises(ValueError, match=r"got \(3, 0, 4\)"):
        F.resize(weft.zeros(3, 0, 4), 2)


def test_a_misspelt_interpolation_suggests_the_nearest():
    with pytest.raises(ValueError, match="'bilinar'; did you mean 'bilinear'"):
        F.resize(weft.zeros(3, 4, 4), 2, "bilinar")


def test_max_size_must_leave_room():
    with pytest.raises(ValueError, match="max_size=50 and size=50"):
        F.resize(weft.zeros(3, 4, 4), 50, max_size=50)
    with pytest.raises(ValueError, match="goes with one number"):
        F.resize(weft.zeros(3, 4, 4), (2, 2), max_size=50)
