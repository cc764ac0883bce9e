"""The task as the hub runs it, on a model small enough to know the answer."""

from __future__ import annotations

import json
import tomllib

import pytest
from PIL import Image

import weft
from weft import nn
from weft_vision.io import ImageDecodeError
from weft_vision.tasks import image_classification


class Brightness(nn.Module):
    """Scores "dark" and "bright" by the mean of the normalised picture."""

    def __init__(self) -> None:
        super().__init__()
        self.preprocess = image_classification.preprocess(
            {"resize": 8, "crop": 8, "mean": [0.5] * 3, "std": [0.25] * 3}
        )
        self.labels = ("dark", "bright")

    def forward(self, x: weft.Tensor) -> weft.Tensor:
        """(batch, 3, 8, 8) to (batch, 2)."""
        assert tuple(x.shape) == (1, 3, 8, 8)
        level = x.mean(dim=(1, 2, 3))
        return weft.stack([-level, level], dim=1)


def test_the_likeliest_class_comes_first_with_its_softmax():
    white = weft.full((3, 9, 9), 255, dtype=weft.uint8)
    result = image_classification.run(Brightness(), white)
    assert result["task"] == "image-classification"
    first, second = result["predictions"]
    assert (first["label"], first["index"]) == ("bright", 1)
    # Scores are -2 and 2.
    assert first["probability"] == pytest.approx(0.98201379, abs=1e-6)
    assert first["probability"] + second["probability"] == pytest.approx(1)


def test_the_result_is_plain_json():
    result = image_classification.run(Brightness(), weft.zeros(3, 9, 9, dtype=weft.uint8))
    assert json.loads(json.dumps(result)) == result


def test_top_limits_the_predictions():
    picture = weft.zeros(3, 9, 9, dtype=weft.uint8)
    assert len(image_classification.run(Brightness(), picture, top=1)["predictions"]) == 1
    assert len(image_classification.run(Brightness(), picture, top=99)["predictions"]) == 2
    with pytest.raises(ValueError, match="top must be an integer >= 1, got 0"):
        image_classification.run(Brightness(), picture, top=0)


def test_no_tape_is_recorded():
    model = Brightness()
    seen = []
    plain = model.forward
    model.forward = lambda x: seen.append(weft.is_grad_enabled()) or plain(x)
    image_classification.run(model, weft.zeros(3, 9, 9, dtype=weft.uint8))
    assert seen == [False]
    assert weft.is_grad_enabled()


def test_text_is_a_line_a_class():
    result = {
        "task": "image-classification",
        "predictions": [
            {"label": "espresso", "index": 967, "probability": 0.992},
            {"label": "cup", "index": 968, "probability": 0.0049},
        ],
    }
    assert image_classification.text(result) == " 99.2 %  espresso\n  0.5 %  cup"


def test_labels_and_outputs_must_be_as_many():
    model = Brightness()
    model.labels = ("dark", "grey", "bright")
    with pytest.raises(ValueError, match="scores 2 classes but has 3 labels"):
        image_classification.run(model, weft.zeros(3, 9, 9, dtype=weft.uint8))


def test_a_text_file_given_as_a_photo_is_a_value_error_that_names_it(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("milk, bread, cheese and so on")
    with pytest.raises(ImageDecodeError, match=r"notes\.txt") as caught:
        image_classification.run(Brightness(), path)
    assert isinstance(caught.value, ValueError)


def test_the_label_set_is_known_by_name():
    assert image_classification.labels("imagenet-1k")[285] == "Egyptian cat"
    with pytest.raises(ValueError, match="'imagenet_1k'; did you mean 'imagenet-1k'"):
        image_classification.labels("imagenet_1k")


def test_the_files_that_are_taken_from_a_folder_are_those_that_are_read(tmp_path):
    for ending in image_classification.endings:
        path = tmp_path / f"picture{ending}"
        Image.new("1" if ending == ".pbm" else "L", (9, 9)).save(path)
        assert image_classification.preprocess({})(path).shape == (3, 224, 224)


def test_the_entry_point_leads_to_the_task(repository):
    project = tomllib.loads((repository / "packages/vision/pyproject.toml").read_text())
    points = project["project"]["entry-points"]["weft.tasks"]
    assert points == {"image-classification": "weft_vision.tasks:image_classification"}
    assert image_classification.name == "image-classification"
