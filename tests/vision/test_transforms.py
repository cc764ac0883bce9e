"""Cropping, dtypes, normalising, and the classes that remember the settings."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from weft_vision import transforms as T
from weft_vision.transforms import functional as F


def test_the_middle_is_kept():
    image = weft.arange(5 * 7).reshape(1, 5, 7)
    assert F.center_crop(image, (3, 3)).tolist() == [[[9, 10, 11], [16, 17, 18], [23, 24, 25]]]


def test_odd_margins_round_to_even():
    row = weft.arange(7).reshape(1, 1, 7)
    assert F.center_crop(row, (1, 4)).tolist() == [[[2, 3, 4, 5]]]  # margin 1.5 goes to 2
    row = weft.arange(9).reshape(1, 1, 9)
    assert F.center_crop(row, (1, 4)).tolist() == [[[2, 3, 4, 5]]]  # margin 2.5 goes to 2


def test_a_small_image_is_padded_with_zeros():
    image = weft.ones(1, 1, 2)
    assert F.center_crop(image, (2, 5)).tolist() == [[[0, 1, 1, 0, 0], [0, 0, 0, 0, 0]]]


def test_a_narrow_but_high_image_is_padded_and_cropped():
    image = weft.arange(1, 6, dtype=weft.float32).reshape(1, 5, 1)
    assert F.center_crop(image, 3).tolist() == [[[0, 2, 0], [0, 3, 0], [0, 4, 0]]]


def test_a_crop_of_nothing_is_refused():
    with pytest.raises(ValueError, match="output_size"):
        F.center_crop(weft.zeros(1, 2, 2), 0)


def test_normalising_is_channel_by_channel():
    image = weft.ones(2, 3, 1, 1)
    out = F.normalize(image, [0.0, 0.5, 1.0], [1.0, 0.25, 2.0])
    np.testing.assert_allclose(out.numpy()[1, :, 0, 0], [1.0, 2.0, 0.0])


def test_normalising_bytes_is_refused_with_the_way_out():
    with pytest.raises(TypeError, match="scale=True"):
        F.normalize(weft.zeros(3, 2, 2, dtype=weft.uint8), [0] * 3, [1] * 3)


def test_means_must_fit_the_channels():
    with pytest.raises(ValueError, match="mean has 2 values, but the image has 3 channels"):
        F.normalize(weft.zeros(3, 2, 2), [0, 0], [1, 1, 1])


def test_a_deviation_of_zero_is_refused():
    with pytest.raises(ValueError, match="std must not hold a zero"):
        F.normalize(weft.zeros(3, 2, 2), [0, 0, 0], [1, 0, 1])


def test_bytes_scale_to_the_unit_interval_and_back_without_loss():
    every = weft.arange(256, dtype=weft.int64).to(weft.uint8).reshape(1, 16, 16)
    unit = F.to_dtype(every, weft.float32, scale=True)
    assert unit.amin().item() == 0.0
    assert unit.amax().item() == 1.0
    assert F.to_dtype(unit, weft.uint8, scale=True).tolist() == every.tolist()


def test_floats_share_the_integers_evenly():
    ramp = weft.linspace(0, 1, 256_001, dtype=weft.float64)
    counts = np.bincount(F.to_dtype(ramp, weft.uint8, scale=True).numpy(), minlength=256)
    assert counts.min() >= 999
    assert counts.max() <= 1002


def test_integers_scale_by_shifting_bits():
    assert F.to_dtype(
        weft.tensor([0, 1, 255], dtype=weft.uint8), weft.uint16, scale=True
    ).tolist() == [0, 256, 65280]
    assert F.to_dtype(
        weft.tensor([0, 256, 65535], dtype=weft.uint16), weft.uint8, scale=True
    ).tolist() == [0, 1, 255]


def test_without_scaling_the_numbers_stay():
    assert F.to_dtype(weft.tensor([0, 255], dtype=weft.uint8), weft.float32).tolist() == [
        0.0,
        255.0,
    ]


def test_a_dtype_without_a_range_is_refused():
    with pytest.raises(TypeError, match="no range"):
        F.to_dtype(weft.zeros(2, dtype=weft.bool), weft.float32, scale=True)


def test_composed_transforms_equal_the_functions_in_order(noise):
    image = weft.from_numpy(noise(3, 50, 70))
    composed = T.Compose(
        [
            T.Resize(32),
            T.CenterCrop(24),
            T.ToDtype(weft.float32, scale=True),
            T.Normalize([0.5] * 3, [0.25] * 3),
        ]
    )
    by_hand = F.resize(image, 32)
    by_hand = F.center_crop(by_hand, 24)
    by_hand = F.to_dtype(by_hand, weft.float32, scale=True)
    by_hand = F.normalize(by_hand, [0.5] * 3, [0.25] * 3)
    assert composed(image).tolist() == by_hand.tolist()


def test_transforms_print_their_settings():
    text = repr(T.Compose([T.Resize(32, "bicubic"), T.CenterCrop(24)]))
    assert "Resize(size=32, interpolation='bicubic', max_size=None, antialias=True)" in text
    assert "CenterCrop(size=24)" in text


def test_a_transform_with_a_wrong_setting_fails_when_made():
    with pytest.raises(ValueError, match="did you mean 'bicubic'"):
        T.Resize(32, "bicubik")
