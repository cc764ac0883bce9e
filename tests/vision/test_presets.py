"""The preset for classification: what it does, to what, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import weft
from weft_vision import io
from weft_vision.presets import ImageClassification
from weft_vision.transforms import functional as F


def test_the_preset_is_resize_crop_scale_normalise(media):
    image = io.decode_image(media / "chelsea.png")
    by_hand = F.center_crop(F.resize(image, 256), 224)
    by_hand = F.normalize(
        F.to_dtype(by_hand, weft.float32, scale=True),
        [0.485, 0.456, 0.406],
        [0.229, 0.224, 0.225],
    )
    prepared = ImageClassification()(image)
    assert prepared.dtype == weft.float32
    np.testing.assert_array_equal(prepared.numpy(), by_hand.numpy())


def test_a_path_bytes_pillow_and_a_tensor_give_the_same(media):
    path = media / "chelsea.png"
    prepare = ImageClassification(resize=64, crop=48)
    expected = prepare(path).numpy()
    for source in (str(path), path.read_bytes(), Image.open(path), io.decode_image(path)):
        np.testing.assert_array_equal(prepare(source).numpy(), expected)


def test_a_photo_is_turned_upright(noise, encoded):
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(noise(20, 30, 3))
    prepare = ImageClassification(resize=16, crop=16)
    turned = prepare(encoded(stored, "PNG", exif=exif))
    expected = prepare(stored.transpose(Image.Transpose.ROTATE_270))
    np.testing.assert_array_equal(turned.numpy(), expected.numpy())


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_alpha_become_three_channels(channels, noise):
    image = noise(channels, 20, 20)
    rgb = np.concatenate([image] * 3) if channels == 1 else image[:3]
    prepare = ImageClassification(resize=10, crop=8)
    np.testing.assert_array_equal(
        prepare(weft.from_numpy(image)).numpy(),
        prepare(weft.from_numpy(np.ascontiguousarray(rgb))).numpy(),
    )


def test_a_batch_stays_a_batch(noise):
    batch = weft.from_numpy(noise(2, 3, 40, 30))
    prepare = ImageClassification(resize=20, crop=16)
    together = prepare(batch)
    assert tuple(together.shape) == (2, 3, 16, 16)
    np.testing.assert_array_equal(together[1].numpy(), prepare(batch[1]).numpy())


def test_settings_come_from_a_mapping():
    settings = {
        "resize": 64,
        "crop": 32,
        "interpolation": "bicubic",
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
    }
    preset = ImageClassification.from_settings(settings)
    assert preset.interpolation == "bicubic"
    assert preset.antialias is True


def test_an_unknown_setting_suggests_the_nearest():
    with pytest.raises(ValueError, match="no preprocess setting 'resise'; did you mean 'resize'"):
        ImageClassification.from_settings({"resise": 256})


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("resize", 0),
        ("resize", "256"),
        ("crop", 224.0),
        ("crop", True),
        ("mean", [0.5, 0.5]),
        ("mean", 0.5),
        ("std", [0.5, 0.0, 0.5]),
        ("antialias", "yes"),
        ("interpolation", "lanczos"),
    ],
)
def test_a_wrong_value_is_refused_when_the_preset_is_made(setting, value):
    with pytest.raises(ValueError, match=setting):
        ImageClassification.from_settings({setting: value})


def test_a_tensor_of_two_channels_is_refused():
    with pytest.raises(ValueError, match=r"got \(2, 5, 5\)"):
        ImageClassification()(weft.zeros(2, 5, 5))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_not_finite_is_refused_with_its_place(value):
    image = weft.zeros(3, 5, 6)
    image[1, 2, 4] = value
    with pytest.raises(ValueError, match=rf"1 of 90 values .* the first {value} at \(1, 2, 4\)"):
        ImageClassification()(image)


def test_a_picture_file_with_a_value_that_is_not_finite_is_refused(tmp_path):
    pixels = np.zeros((8, 8), np.float32)
    pixels[3, 4] = np.nan
    Image.fromarray(pixels).save(tmp_path / "nan.tiff")
    with pytest.raises(io.ImageDecodeError, match=r"nan\.tiff cannot be decoded: .*32-bit"):
        ImageClassification()(tmp_path / "nan.tiff")


def test_an_odd_pixel_is_cut_off_where_the_preset_says() -> None:
    rows = weft.arange(7, dtype=weft.float32).view(1, 7, 1).expand(3, 7, 7) / 10
    settings = {"resize": 7, "crop": 4, "mean": [0.0] * 3, "std": [1.0] * 3}
    first = {
        middle: round(ImageClassification(**settings, middle=middle)(rows)[0, 0, 0].item() * 10)
        for middle in ("round", "floor")
    }
    assert first == {"round": 2, "floor": 1}  # of 1.5, the even neighbour and the lower one
    with pytest.raises(ValueError, match="middle must be 'round' or 'floor', got 'up'"):
        ImageClassification(middle="up")


def test_a_pair_of_sides_leaves_the_proportions() -> None:
    prepare = ImageClassification(resize=(6, 9), crop=4)
    assert tuple(prepare(weft.zeros(3, 20, 20)).shape) == (3, 4, 4)
    wide = ImageClassification(resize=(4, 8), crop=8, mean=[0.0] * 3, std=[1.0] * 3)
    assert wide(weft.ones(3, 20, 20))[0, :, 4].tolist() == [0, 0, 1, 1, 1, 1, 0, 0]
    for wrong in ((6, 0), (6, 9, 3), [True, 2]):
        with pytest.raises(ValueError, match="resize must be a size >= 1"):
            ImageClassification(resize=wrong)
