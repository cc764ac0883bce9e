"""Writing image files: what was written is what is read, and nothing is written by half."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import weft
from weft_vision.io import decode_image, encode_jpeg, encode_png, write_jpeg, write_png


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_keeps_every_pixel(channels, noise, tmp_path: Path):
    image = weft.from_numpy(noise(channels, 6, 5))
    path = tmp_path / "image.png"
    write_png(image, path)
    np.testing.assert_array_equal(decode_image(path).numpy(), image.numpy())


def test_a_transposed_tensor_is_written_as_it_looks(noise):
    image = weft.from_numpy(noise(3, 4, 6)).transpose(1, 2)
    np.testing.assert_array_equal(decode_image(encode_png(image)).numpy(), image.numpy())


def test_a_jpeg_keeps_a_smooth_picture_nearly(tmp_path: Path):
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (3, 64, 1))
    path = tmp_path / "image.jpg"
    write_jpeg(weft.from_numpy(ramp), path, quality=95)
    difference = decode_image(path).numpy().astype(int) - ramp
    assert np.abs(difference).max() <= 4


def test_alpha_does_not_go_into_a_jpeg():
    with pytest.raises(ValueError, match="JPEG has no alpha, got 4 channels"):
        encode_jpeg(weft.zeros(4, 2, 2, dtype=weft.uint8))


def test_floats_are_refused_with_the_way_out():
    with pytest.raises(TypeError, match="to_dtype"):
        encode_png(weft.zeros(3, 2, 2))


@pytest.mark.parametrize("shape", [(5, 2, 2), (3, 0, 2), (1, 3, 2, 2)])
def test_another_shape_is_refused_with_its_numbers(shape):
    with pytest.raises(ValueError, match=r"got \(" + ", ".join(map(str, shape))):
        encode_png(weft.zeros(*shape, dtype=weft.uint8))


def test_settings_out_of_range_are_refused():
    image = weft.zeros(3, 2, 2, dtype=weft.uint8)
    with pytest.raises(ValueError, match=r"compression_level must be in 0\.\.9, got 10"):
        encode_png(image, compression_level=10)
    with pytest.raises(ValueError, match=r"quality must be in 1\.\.100, got 0"):
        encode_jpeg(image, quality=0)


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError):
        write_png(weft.zeros(3, 2, 2, dtype=weft.uint8), tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
