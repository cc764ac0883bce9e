"""What the page of examples says was measured is what the committed results say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def page(repository: Path) -> str:
    text = (repository / "docs" / "guide" / "examples.md").read_text(encoding="utf-8")
    return " ".join(text.split())


def result(repository: Path, name: str) -> Any:
    path = repository / "examples" / "results" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("example", ["mnist_cnn", "cifar_resnet20"])
def test_the_row_of_each_library_is_what_was_measured(
    repository: Path, page: str, example: str
) -> None:
    found = result(repository, example)
    for name, said in (("weft", "weft"), ("torch", "PyTorch 2.13")):
        one = found[name]
        accuracy = one["epochs"][-1]["test_accuracy"]
        wall, processor = one["median_step_ms"], one["median_step_processor_ms"]
        assert f"| {said} | {accuracy:.2%} |".replace("%", " %") in page
        assert f"| {wall:.1f} ms | {processor:.1f} ms |" in page


def test_digits_reach_99_percent_within_three_epochs(repository: Path) -> None:
    for one in result(repository, "mnist_cnn").values():
        assert len(one["epochs"]) <= 3
        assert one["epochs"][-1]["test_accuracy"] >= 0.99


@pytest.mark.parametrize(
    ("example", "first", "later"), [("mnist_cnn", 1e-3, 0.1), ("cifar_resnet20", 0.02, 0.05)]
)
def test_both_libraries_have_the_same_losses(
    repository: Path, example: str, first: float, later: float
) -> None:
    found = result(repository, example)
    ours, theirs = (found[name]["loss"]["mean"] for name in ("weft", "torch"))
    apart = [abs(a - b) for a, b in zip(ours, theirs, strict=True)]
    assert max(apart[:5]) < first
    assert max(apart) < later  # rounding parts them: no further than two seeds
    assert sum(ours[-20:]) == pytest.approx(sum(theirs[-20:]), rel=0.1)


def test_the_accuracy_of_the_reader_of_rows_is_what_was_measured(
    repository: Path, page: str
) -> None:
    last = result(repository, "mnist_rows")["epochs"][-1]
    assert last["epoch"] == 6
    assert f"{last['test_accuracy']:.2%} of the 10,000".replace("%", " %") in page


def test_the_loss_of_the_autoencoder_is_what_was_measured(repository: Path, page: str) -> None:
    last = result(repository, "vae")["epochs"][-1]
    assert f"After ten epochs a digit that it never saw costs {last['test_loss']:.1f} nats" in page
    assert last["epoch"] == 10


def test_what_the_language_model_reached_is_what_was_measured(repository: Path, page: str) -> None:
    found = result(repository, "char_gpt")
    assert found["steps"] == 502
    assert f"to {found['epochs'][0]['bits_per_character']:.2f}; it has learned" in page


def test_what_fine_tuning_gave_is_what_was_measured(repository: Path, page: str) -> None:
    found = result(repository, "finetune")
    alone, after = found["last_layer_alone"], found["epochs"][-1]["test_accuracy"]
    assert f"alone labels {alone:.1%} right; after two".replace("%", " %") in page
    assert f"all weights it is {after:.1%}.".replace("%", " %") in page


def test_the_poles_stand_in_the_end(repository: Path) -> None:
    epochs = result(repository, "a2c")["epochs"]
    assert all(one["mean_length"] == 500 for one in epochs[19:])


def test_each_result_says_what_it_was_measured_on(repository: Path) -> None:
    files = sorted((repository / "examples" / "results").glob("*.json"))
    assert files
    for path in files:
        found = json.loads(path.read_text(encoding="utf-8"))
        for one in [found] if "machine" in found else found.values():
            assert {"processor", "cores", "threads", "python"} < one["machine"].keys()
            assert one["library"] in one["machine"]


def test_the_residual_network_reaches_80_percent_on_either_library(repository: Path) -> None:
    for one in result(repository, "cifar_resnet20").values():
        accuracies = [epoch["test_accuracy"] for epoch in one["epochs"]]
        assert len(accuracies) == 6
        assert accuracies[-1] >= 0.8
