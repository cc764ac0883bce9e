"""The published weights on real photos, fetched, verified and cached by the hub."""

from __future__ import annotations

import pytest

from weft_vision.tasks import image_classification

pytestmark = pytest.mark.network


def best(model, source) -> tuple[str, float]:
    """The likeliest class and its probability."""
    first = image_classification.run(model, source)["predictions"][0]
    return first["label"], first["probability"]


def test_mobilenet_v2_says_egyptian_cat(pretrained, media):
    label, probability = best(pretrained("vision/mobilenet-v2"), media / "chelsea.png")
    assert label == "Egyptian cat"
    assert probability == pytest.approx(0.717, abs=0.005)


def test_mobilenet_v2_says_espresso(pretrained, media):
    label, probability = best(pretrained("vision/mobilenet-v2"), media / "coffee.jpg")
    assert label == "espresso"
    assert probability == pytest.approx(0.99, abs=0.005)


def test_efficientnet_lite0_says_espresso(pretrained, media):
    label, probability = best(pretrained("vision/efficientnet-lite0"), media / "coffee.jpg")
    assert label == "espresso"
    assert probability > 0.9


def test_efficientnet_lite0_sees_a_cat(pretrained, media):
    result = image_classification.run(
        pretrained("vision/efficientnet-lite0"), media / "chelsea.png", top=3
    )
    labels = {p["label"] for p in result["predictions"]}
    assert labels == {"tiger cat", "Egyptian cat", "tabby"}


def test_every_kind_of_picture_is_classified(pretrained, media, encoded, tmp_path):
    from PIL import Image

    photo = Image.open(media / "chelsea.png")
    kinds = {
        "photo.jpg": photo,
        "alpha.png": photo.convert("RGBA"),
        "palette.png": photo.convert("P", palette=Image.Palette.ADAPTIVE),
        "grey.png": photo.convert("L"),
    }
    for name, image in kinds.items():
        image.save(tmp_path / name)
        label, _ = best(pretrained("vision/mobilenet-v2"), tmp_path / name)
        assert label in {"Egyptian cat", "tabby", "tiger cat"}, name
