"""CREPE without pretrained weights, and its task on a network that is small enough to know."""

from __future__ import annotations

import json

import numpy as np
import pytest

import weft
from weft import nn
from weft_audio import models
from weft_audio.models import _crepe
from weft_audio.tasks import pitch_tracking


def test_the_tiny_network_has_the_parameters_of_the_published_one():
    model = models.crepe()
    state = model.state_dict()
    assert not model.training
    assert sum(p.numel() for p in model.parameters()) == 486_552
    assert tuple(state["conv1.weight"].shape) == (128, 1, 512, 1)
    assert tuple(state["conv6.weight"].shape) == (64, 32, 64, 1)
    assert tuple(state["classifier.weight"].shape) == (360, 256)
    assert "conv3_BN.running_var" in state
    assert model.conv1_BN.eps == pytest.approx(1e-3)


def test_frames_have_mean_zero_and_deviation_one_whatever_the_loudness():
    model = models.crepe()
    wave = weft.randn(3_200)
    frames = model.frames(wave)
    assert tuple(frames.shape) == (21, 1024)
    np.testing.assert_allclose(frames.mean(dim=1).numpy(), 0, atol=1e-5)
    np.testing.assert_allclose(frames.std(dim=1).numpy(), 1, atol=1e-4)
    np.testing.assert_allclose(model.frames(100 * wave + 0).numpy(), frames.numpy(), atol=1e-4)


def test_frame_i_has_its_middle_at_sample_160_i():
    click = weft.zeros(3_200)
    click[1_600] = 1.0
    frames = models.crepe().frames(click)
    assert frames[10].argmax().item() == 512
    assert frames[11].argmax().item() == 512 - 160


def test_silence_and_an_empty_recording_give_numbers():
    model = models.crepe()
    with weft.no_grad():
        assert np.isfinite(model.activation(weft.zeros(800)).numpy()).all()
        assert tuple(model.activation(weft.zeros(0)).shape) == (1, 360)


def test_a_long_recording_is_computed_in_blocks_and_gives_the_same(monkeypatch):
    model = models.crepe()
    wave = weft.randn(160 * 9 + 77)
    with weft.no_grad():
        whole = model.activation(wave).numpy()
        monkeypatch.setattr(_crepe, "_BLOCK_FRAMES", 4)
        parts = model.activation(wave).numpy()
    assert whole.shape == (10, 360)
    np.testing.assert_allclose(parts, whole, atol=1e-6)
    assert ((whole >= 0) & (whole <= 1)).all()


def test_a_wrong_shape_or_capacity_is_refused():
    model = models.crepe()
    with pytest.raises(ValueError, match=r"shape \(n, 1024\) .* got \(3, 1000\)"):
        model(weft.zeros(3, 1000))
    with pytest.raises(ValueError, match=r"shape \(time,\), got \(2, 100\)"):
        model.activation(weft.zeros(2, 100))
    with pytest.raises(ValueError, match="'tinny'; did you mean 'tiny'"):
        models.crepe(capacity="tinny")


class Counter(nn.Module):
    """Hears one pitch for a second, then nothing: bin 100 while samples are not zero."""

    sample_rate_hz = 16_000
    hop_samples = 160

    def __init__(self) -> None:
        super().__init__()
        self.preprocess = pitch_tracking.preprocess({"sample_rate_hz": 16_000})

    def activation(self, waveform: weft.Tensor) -> weft.Tensor:
        """(time,) to (1 + time // 160, 360)."""
        assert not weft.is_grad_enabled()
        loud = nn.functional.pad(waveform, (0, 160))[:: self.hop_samples] != 0
        found = weft.zeros(1 + len(waveform) // 160, 360)
        found[:, 100] = loud[: len(found)].to(weft.float32) * 0.8
        return found


def test_the_task_tells_pitches_and_stretches():
    wave = weft.cat([weft.ones(16_000), weft.zeros(8_000)])
    result = pitch_tracking.run(Counter(), wave)
    assert json.loads(json.dumps(result)) == result
    assert result["task"] == "pitch-tracking"
    assert (result["hop_s"], result["duration_s"]) == (0.01, 1.5)
    assert len(result["frequency_hz"]) == len(result["confidence"]) == 151
    figures = pitch_tracking.figures(result)
    assert figures["seconds with pitch"] == pytest.approx(1.0)
    assert figures["median pitch in Hz"] == pytest.approx(100.65, abs=0.02)
    lines = pitch_tracking.text(result).splitlines()
    assert lines[0].startswith("pitch     0.00 s to     1.00 s    100.6 Hz")
    assert lines[-1] == "1.00 s with a pitch in 1.50 s, median 100.6 Hz"


def test_a_recording_without_a_pitch_has_no_median():
    result = pitch_tracking.run(Counter(), weft.zeros(1_600))
    assert pitch_tracking.figures(result) == {"seconds with pitch": 0}
    assert pitch_tracking.text(result) == "0.00 s with a pitch in 0.10 s, no pitch"


def test_settings_and_data_sets_are_checked():
    with pytest.raises(ValueError, match=r"pitch-tracking: .*'sample_rate'; did you mean"):
        pitch_tracking.preprocess({"sample_rate": 8_000})
    with pytest.raises(ValueError, match="pitch-tracking: no label set"):
        pitch_tracking.labels("notes")
    with pytest.raises(ValueError, match="no data set is named 'songs'"):
        pitch_tracking.measure(Counter(), "songs", {})
    with pytest.raises(ValueError, match="limit must be at least 1, got 0"):
        pitch_tracking.measure(Counter(), "harmonic-tones", {}, limit=0)


def test_the_measure_is_the_share_of_frames_that_are_near():
    found = pitch_tracking.measure(Counter(), "harmonic-tones", {}, limit=12)
    assert pitch_tracking.data_sets() == {"harmonic-tones": ()}
    assert found["samples"] == 12
    # Of C2 to B2, 65 Hz to 123 Hz, only G2 (98 Hz) lies within 50 cents of the 100.65 Hz it says.
    assert found["figures"]["raw pitch accuracy"] == pytest.approx(1 / 12, abs=0.01)
    assert found["figures"]["mean error in cents"] > 100
