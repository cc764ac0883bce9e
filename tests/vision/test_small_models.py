"""The small networks are those that the examples train, and are measured on labelled pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import weft
from weft_vision import data_sets, models
from weft_vision.presets import ImageClassification
from weft_vision.tasks import image_classification


@pytest.mark.parametrize(
    ("program", "make", "theirs", "shape"),
    [
        ("mnist_cnn", models.mnist_cnn, "network", (2, 1, 28, 28)),
        ("cifar_resnet20", models.cifar_resnet20, "ResNet", (2, 3, 32, 32)),
    ],
)
def test_the_network_is_that_of_the_example(program, make, theirs, shape, monkeypatch, repository):
    monkeypatch.syspath_prepend(str(repository / "examples"))
    monkeypatch.setattr("sys.argv", [program])
    trained = getattr(__import__(program), theirs)()
    weft.manual_seed(1)
    for value in trained.state_dict().values():
        if value.dtype.is_floating_point:
            value.copy_(weft.rand(value.shape) * 0.2 + 0.1)
    ours = make()
    ours.load_state_dict(trained.state_dict())
    x = weft.randn(*shape)
    with weft.no_grad():
        np.testing.assert_array_equal(ours(x).numpy(), trained.eval()(x).numpy())


def test_the_small_networks_have_the_parameters_that_their_cards_state():
    counts = [
        sum(p.numel() for p in make().parameters())
        for make in (models.mnist_cnn, models.cifar_resnet20)
    ]
    assert counts == [224_826, 272_474]


@pytest.mark.parametrize("setting", ["blocks", "width", "num_classes"])
def test_a_size_below_one_is_refused(setting):
    with pytest.raises(ValueError, match=f"{setting} must be at least 1, got 0"):
        models.cifar_resnet20(**{setting: 0})


# ------------------------------------------------------------------------------ grey pictures


def test_a_grey_preset_gives_one_channel(tmp_path: Path):
    prepare = ImageClassification(resize=28, crop=28, mode="gray", mean=[0.5], std=[0.25])
    Image.new("RGB", (28, 28), (255, 255, 255)).save(tmp_path / "white.png")
    assert tuple(prepare(tmp_path / "white.png").shape) == (1, 28, 28)
    np.testing.assert_allclose(prepare(tmp_path / "white.png").numpy(), 2.0)
    batch = prepare(weft.zeros(3, 1, 28, 28, dtype=weft.uint8))
    assert tuple(batch.shape) == (3, 1, 28, 28)
    np.testing.assert_allclose(batch.numpy(), -2.0)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"mode": "grey"}, "mode must be 'rgb' or 'gray', got 'grey'"),
        ({"mode": "gray"}, "mean must be a list of 1 number, got"),
        ({"mode": "gray", "mean": [0.1], "std": [0]}, "std must be a list of 1 positive number"),
        ({"mean": [0.1]}, r"mean must be 3 numbers, got \[0.1\]"),
    ],
)
def test_a_preset_that_does_not_fit_its_channels_is_refused(settings, says):
    with pytest.raises(ValueError, match=says):
        ImageClassification(**settings)


def test_a_grey_preset_refuses_a_tensor_of_colours():
    prepare = ImageClassification(mode="gray", mean=[0.5], std=[0.25])
    with pytest.raises(ValueError, match=r"takes grey pictures .* got \(3, 28, 28\)"):
        prepare(weft.zeros(3, 28, 28))


# ---------------------------------------------------------------------------------- data sets


@pytest.fixture
def digits(tmp_path: Path) -> dict[str, Path]:
    """Files like MNIST's: five digits, each as bright as its class says."""
    images = np.arange(5, dtype=np.uint8).repeat(28 * 28) * 20
    head = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (5, 28, 28))
    (tmp_path / "images").write_bytes(head + images.tobytes())
    labels = bytes([0, 0, 8, 1]) + (5).to_bytes(4, "big") + bytes(range(5))
    (tmp_path / "labels").write_bytes(labels)
    return {
        "t10k-images-idx3-ubyte": tmp_path / "images",
        "t10k-labels-idx1-ubyte": tmp_path / "labels",
    }


@pytest.fixture
def photos(tmp_path: Path) -> dict[str, Path]:
    """Files like CIFAR-10's: three photos, red by class."""
    rows = np.zeros((3, 1024, 3), np.uint8)
    rows[:, :, 0] = np.arange(3)[:, None] * 40
    rows[2, 33] = (7, 8, 9)
    Image.fromarray(rows).save(tmp_path / "test.png")
    (tmp_path / "labels.json").write_text(json.dumps([0, 1, 2]))
    return {"test_batch.png": tmp_path / "test.png", "test_labels.json": tmp_path / "labels.json"}


def test_digits_are_read(digits):
    images, classes = data_sets.read("mnist-test", digits)
    assert tuple(images.shape) == (5, 1, 28, 28) and images.dtype == weft.uint8
    assert images[:, 0, 14, 14].tolist() == [0, 20, 40, 60, 80]
    assert classes.tolist() == [0, 1, 2, 3, 4]


def test_photos_are_read_row_by_row(photos):
    images, classes = data_sets.read("cifar10-test", photos)
    assert tuple(images.shape) == (3, 3, 32, 32) and images.dtype == weft.uint8
    assert images[:, 0, 31, 31].tolist() == [0, 40, 80]
    assert images[2, :, 1, 1].tolist() == [7, 8, 9]
    assert classes.tolist() == [0, 1, 2]


def test_damaged_files_are_refused(digits, photos):
    whole = digits["t10k-images-idx3-ubyte"].read_bytes()
    digits["t10k-images-idx3-ubyte"].write_bytes(whole[:-1])
    with pytest.raises(ValueError, match=r"sizes \[5, 28, 28\] do not fit 3919 bytes"):
        data_sets.read("mnist-test", digits)
    digits["t10k-images-idx3-ubyte"].write_bytes(b"\x89PNG")
    with pytest.raises(ValueError, match="begins 00 00 08, not"):
        data_sets.read("mnist-test", digits)
    photos["test_labels.json"].write_text("[0, 1]")
    with pytest.raises(ValueError, match="there are 2 for 3"):
        data_sets.read("cifar10-test", photos)
    Image.new("RGB", (1000, 3)).save(photos["test_batch.png"])
    with pytest.raises(ValueError, match="rows of 1024 pixels are required, but they have 1000"):
        data_sets.read("cifar10-test", photos)


class Brightness(weft.nn.Module):
    """Says class i for a digit of brightness 20 · i, but mistakes 3 for 2."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.classes = classes
        self.preprocess = ImageClassification(
            resize=28, crop=28, mode="gray", mean=[0.0], std=[20 / 255]
        )

    def forward(self, x: weft.Tensor) -> weft.Tensor:
        """(batch, 1, 28, 28) to (batch, classes)."""
        assert not weft.is_grad_enabled()
        level = x.mean((1, 2, 3)).round()
        level = weft.where(level == 3, 2.0, level)
        return -(level.unsqueeze(1) - weft.arange(self.classes)).abs()


def test_accuracy_is_the_share_that_is_right(digits):
    found = image_classification.measure(Brightness(), "mnist-test", digits)
    assert found == {"samples": 5, "figures": {"test accuracy": 0.8}}
    found = image_classification.measure(Brightness(), "mnist-test", digits, limit=3)
    assert found == {"samples": 3, "figures": {"test accuracy": 1.0}}


def test_what_cannot_be_measured_is_refused(digits):
    with pytest.raises(ValueError, match="limit must be at least 1, got 0"):
        image_classification.measure(Brightness(), "mnist-test", digits, limit=0)
    with pytest.raises(ValueError, match="mnist-test has 5 classes, but the model scores 4"):
        image_classification.measure(Brightness(4), "mnist-test", digits)


def test_each_file_of_a_data_set_is_pinned():
    assert sorted(image_classification.data_sets()) == data_sets.names()
    for files in image_classification.data_sets().values():
        for file in files:
            assert set(file) == {"name", "size", "sha256", "sources"}
            assert len(file["sha256"]) == 64 and file["size"] > 0
            assert all(source.startswith("npm:") for source in file["sources"])


def test_figures_of_a_run_are_named_by_label():
    result = {"predictions": [{"label": "cat", "index": 3, "probability": 0.75}]}
    assert image_classification.figures(result) == {"probability of cat": 0.75}
