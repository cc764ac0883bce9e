"""The annotated picture."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from weft_vision.draw import draw_predictions

PREDICTIONS = [
    {"label": "Egyptian cat", "index": 285, "probability": 0.75},
    {
        "label": "a class with a name that is far too long for the room beside its bar",
        "index": 1,
        "probability": 0.25,
    },
]


def test_the_picture_stands_unchanged_above_the_panel(noise):
    image = noise(3, 50, 400)
    drawn = draw_predictions(weft.from_numpy(image), PREDICTIONS)
    assert drawn.dtype == weft.uint8
    assert drawn.shape[0] == 3
    assert drawn.shape[2] == 400
    assert drawn.shape[1] > 50
    np.testing.assert_array_equal(drawn.numpy()[:, :50], image)


def test_a_longer_bar_means_a_higher_probability(noise):
    def red_pixels(probability: float) -> int:
        predictions = [{"label": "x", "probability": probability}]
        panel = draw_predictions(weft.zeros(3, 10, 400, dtype=weft.uint8), predictions)
        return int((panel.numpy()[:, 10:].transpose(1, 2, 0) == (186, 73, 41)).all(-1).sum())

    quarter, half, whole = (red_pixels(p) for p in (0.25, 0.5, 1.0))
    assert red_pixels(0.0) == 0
    assert half == pytest.approx(2 * quarter, rel=0.05)
    assert whole == pytest.approx(4 * quarter, rel=0.05)


def test_each_prediction_and_the_title_take_a_row():
    image = weft.zeros(3, 10, 400, dtype=weft.uint8)
    heights = [
        draw_predictions(image, PREDICTIONS[:1]).shape[1],
        draw_predictions(image, PREDICTIONS).shape[1],
        draw_predictions(image, PREDICTIONS, title="vision/mobilenet-v2").shape[1],
    ]
    assert heights[1] - heights[0] == heights[2] - heights[1] > 0


def test_a_narrow_grey_picture_is_centred_on_a_wider_panel(noise):
    image = noise(1, 30, 40)
    drawn = draw_predictions(weft.from_numpy(image), PREDICTIONS).numpy()
    assert drawn.shape[2] == 360
    np.testing.assert_array_equal(drawn[:, :30, 160:200], np.repeat(image, 3, axis=0))


def test_a_photo_can_be_given_as_a_path(media):
    assert tuple(draw_predictions(media / "chelsea.png", PREDICTIONS).shape)[::2] == (3, 451)


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        draw_predictions(weft.zeros(3, 5, 5, dtype=weft.uint8), [])


def test_an_impossible_probability_is_refused():
    with pytest.raises(ValueError, match=r"'x' must be in \[0, 1\], got 1.5"):
        draw_predictions(
            weft.zeros(3, 5, 5, dtype=weft.uint8), [{"label": "x", "probability": 1.5}]
        )
