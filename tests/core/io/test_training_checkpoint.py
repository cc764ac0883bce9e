"""Checkpoints of training: what they carry, which stay, and what is refused."""

from __future__ import annotations

import errno
import os
import random

import numpy as np
import pytest

import weft
from weft import nn

SCHEDULERS = weft.optim.lr_scheduler


class Training:
    """A run in which everything has a state: its parts, and a step that draws random numbers."""

    def __init__(self, schedule=lambda o: SCHEDULERS.StepLR(o, 3), dtype=weft.float32):
        self.model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.3))
        self.model.to(dtype)
        self.optimizer = weft.optim.AdamW(self.model.parameters(), lr=0.05, amsgrad=True)
        self.scheduler = schedule(self.optimizer)
        self.scaler = weft.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
        self.own = weft.Generator(7)
        self.numpys = np.random.default_rng(8)
        self.old = np.random.RandomState(9)
        self.pythons = random.Random(10)
        self.dtype = dtype

    @property
    def parts(self):
        return {k: v for k, v in vars(self).items() if k != "dtype"}

    def run(self, steps):
        """Train; return what each step computed and drew."""
        seen = []
        for _ in range(steps):
            x = weft.randn(8, 3).to(self.dtype) * random.random() + float(np.random.random())
            drawn = [weft.rand(1, generator=self.own).item(), self.numpys.standard_normal()]
            drawn += [self.old.standard_normal(), self.pythons.random(), random.gauss(0, 1)]
            self.optimizer.zero_grad()
            loss = (self.model(x) ** 2).mean()
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimizer)
            self.scaler.update()
            self.scheduler.step(
                *([drawn[0]] if type(self.scheduler).__name__ == "ReduceLROnPlateau" else [])
            )
            rate = self.optimizer.param_groups[0]["lr"]
            seen.append([loss.item(), rate, self.scaler.get_scale(), *drawn])
        return seen

    def bits(self):
        state = dict(self.model.state_dict())
        for place, kept in self.optimizer.state_dict()["state"].items():
            state |= {f"{place}.{k}": v for k, v in kept.items()}
        return {k: v.contiguous().reshape(-1).view(weft.uint8).tolist() for k, v in state.items()}


SCHEDULES = {
    "steps": lambda o: SCHEDULERS.StepLR(o, 3),
    "milestones": lambda o: SCHEDULERS.MultiStepLR(o, [2, 6, 6]),
    "plateau": lambda o: SCHEDULERS.ReduceLROnPlateau(o, patience=1),
    "one cycle": lambda o: SCHEDULERS.OneCycleLR(o, 0.1, total_steps=20),
    "sequence": lambda o: SCHEDULERS.SequentialLR(
        o, [SCHEDULERS.LinearLR(o, 0.2), SCHEDULERS.CosineAnnealingLR(o, 9)], [4]
    ),
    "function": lambda o: SCHEDULERS.LambdaLR(o, lambda e: 0.9**e),
}


@pytest.mark.parametrize("dtype", [weft.float32, weft.float64, weft.bfloat16], ids=str)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_run_goes_on_bit_for_bit(schedule, dtype, tmp_path):
    training = Training(SCHEDULES[schedule], dtype)
    training.run(5)
    path = weft.io.save_checkpoint(tmp_path, 5, extra={"best": [0.5, None]}, **training.parts)
    saved = training.bits()
    expected = training.run(6)
    other = Training(SCHEDULES[schedule], dtype)
    other.run(3)  # another place in everything
    found = weft.io.load_checkpoint(tmp_path, **other.parts)
    assert (found.step, found.extra, found.path) == (5, {"best": [0.5, None]}, path)
    assert set(found.parts) == set(training.parts)
    assert other.bits() == saved
    assert other.run(6) == expected
    assert other.bits() == training.bits()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_last_ones_stay(tmp_path):
    folder = tmp_path / "runs" / "first"  # is made
    for step in (5, 10, 100, 1000, 10_000_000_000):
        weft.io.save_checkpoint(folder, step, keep=2)
    assert names(folder) == ["step-0000001000.safetensors", "step-10000000000.safetensors"]
    assert [p.name for p in weft.io.list_checkpoints(folder)] == names(folder)
    assert weft.io.load_checkpoint(folder).step == 10_000_000_000
    weft.io.save_checkpoint(folder, 20_000_000_000, keep=None)
    assert len(names(folder)) == 3


def test_a_step_may_be_saved_again_but_none_before_the_last(tmp_path):
    weft.io.save_checkpoint(tmp_path, 7, extra="first")
    weft.io.save_checkpoint(tmp_path, 7, extra="second")
    assert weft.io.load_checkpoint(tmp_path).extra == "second"
    with pytest.raises(ValueError, match="of step 7, which is later than step 6; save to another"):
        weft.io.save_checkpoint(tmp_path, 6)


def test_a_chosen_file_is_loaded(tmp_path):
    first = weft.io.save_checkpoint(tmp_path, 1, extra="first")
    weft.io.save_checkpoint(tmp_path, 2, extra="second")
    assert weft.io.load_checkpoint(first).extra == "first"
    assert weft.io.load_checkpoint(str(tmp_path)).extra == "second"


def test_where_there_is_none_a_run_begins(tmp_path):
    assert weft.io.load_checkpoint(tmp_path) is None
    assert weft.io.load_checkpoint(tmp_path / "absent", model=nn.Linear(1, 1)) is None
    assert weft.io.list_checkpoints(tmp_path / "absent") == []
    with pytest.raises(FileNotFoundError):
        weft.io.load_checkpoint(tmp_path / "step-0000000007.safetensors")


def test_parts_must_be_those_that_were_saved(tmp_path):
    model, optimizer = nn.Linear(2, 1), weft.optim.SGD([weft.ones(1)], lr=0.5)
    weft.io.save_checkpoint(tmp_path, 1, model=model, optimizer=optimizer)
    with pytest.raises(KeyError, match="holds the parts model, optimizer, asked for were model; p"):
        weft.io.load_checkpoint(tmp_path, model=model)
    with pytest.raises(KeyError, match="asked for were model, optimizer, scaler"):
        weft.io.load_checkpoint(tmp_path, model=model, optimizer=optimizer, scaler=model)


def test_a_part_alone_leaves_random_numbers_as_they_are(tmp_path):
    model = nn.Linear(2, 1)
    weft.io.save_checkpoint(tmp_path, 1, model=model, other=weft.Generator(3))
    other = nn.Linear(2, 1)
    weft.manual_seed(5)
    before = weft.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()
    assert weft.io.load_checkpoint(tmp_path, partial=True, model=other).parts == ("model", "other")
    assert (other.weight == model.weight).all()
    after = weft.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()
    assert after == before


def test_what_has_no_state_is_no_part(tmp_path):
    with pytest.raises(TypeError, match="but rate is float; plain values go into extra="):
        weft.io.save_checkpoint(tmp_path, 1, rate=0.5)
    weft.io.save_checkpoint(tmp_path, 1, model=nn.Linear(1, 1))
    with pytest.raises(TypeError, match="but model is float"):
        weft.io.load_checkpoint(tmp_path, model=0.5)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"step": -1}, "step must be a whole number from 0, got -1"),
        ({"step": 1.0}, "got 1.0"),
        ({"step": 1, "keep": 0}, "keep must be a whole number from 1, got 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        weft.io.save_checkpoint(tmp_path, **settings)
    assert names(tmp_path) == []


def test_a_part_that_does_not_fit_is_named(tmp_path):
    weft.io.save_checkpoint(tmp_path, 1, net=nn.Linear(2, 1))
    with pytest.raises(Exception, match="weight") as caught:
        weft.io.load_checkpoint(tmp_path, net=nn.Linear(3, 1))
    assert any("the part 'net'" in note for note in caught.value.__notes__)


def test_files_that_are_no_checkpoint_or_a_newer_one_are_refused(tmp_path):
    path = tmp_path / "step-0000000001.safetensors"
    weft.io.save_safetensors({"x": weft.ones(2)}, path)
    with pytest.raises(weft.io.FormatError, match="holds no checkpoint of training"):
        weft.io.load_checkpoint(tmp_path)
    weft.save({"version": 2, "step": 1}, path)
    with pytest.raises(weft.io.FormatError, match="of version 2, this weft reads version 1"):
        weft.io.load_checkpoint(tmp_path)
    weft.save({"version": 1, "step": 1}, path)
    with pytest.raises(weft.io.FormatError, match="holds step, version, a checkpoint of training"):
        weft.io.load_checkpoint(tmp_path)
    whole = weft.io.save_checkpoint(tmp_path, 2, model=nn.Linear(2, 1)).read_bytes()
    (tmp_path / "step-0000000003.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(weft.io.FormatError, match="step-0000000003"):
        weft.io.load_checkpoint(tmp_path, model=nn.Linear(2, 1))


def test_a_full_disk_leaves_the_checkpoints_from_before(tmp_path, monkeypatch):
    model = nn.Linear(2, 1)
    weft.io.save_checkpoint(tmp_path, 1, keep=1, model=model)
    before = names(tmp_path)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            weft.io.save_checkpoint(tmp_path, 2, keep=1, model=model)
    assert names(tmp_path) == before
    assert weft.io.load_checkpoint(tmp_path, model=model).step == 1


def test_loaded_state_is_apart_from_the_file(tmp_path):
    model = nn.Linear(2, 1)
    optimizer = weft.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    for p in model.parameters():
        p.grad = weft.ones_like(p)
    optimizer.step()
    path = weft.io.save_checkpoint(tmp_path, 1, model=model, optimizer=optimizer)
    bytes_before = path.read_bytes()
    weft.io.load_checkpoint(path, model=model, optimizer=optimizer)
    optimizer.step()
    assert path.read_bytes() == bytes_before
    path.write_bytes(b"")  # in place: who had it mapped would fall
    optimizer.step()
    assert weft.isfinite(model.weight).all()
