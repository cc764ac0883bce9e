"""The published VAD weights on real speech, fetched, verified and cached by the hub."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from weft_audio.io import load
from weft_audio.tasks import voice_activity_detection

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def vad(pretrained):
    return pretrained("audio/silero-vad")


@pytest.mark.parametrize("name", ["sense-and-sensibility-1.wav", "sense-and-sensibility-2.flac"])
def test_read_speech_is_found(vad, media, name):
    result = voice_activity_detection.run(vad, media / name)
    spoken = sum(s["end_s"] - s["start_s"] for s in result["segments"])
    assert 0.6 * result["duration_s"] < spoken <= result["duration_s"]
    assert max(result["probabilities"]) > 0.99


def test_speech_begins_where_the_recording_becomes_loud(vad, media):
    result = voice_activity_detection.run(vad, media / "sense-and-sensibility-1.wav")
    assert result["probabilities"][0] < 0.2
    assert result["segments"][0]["start_s"] == pytest.approx(0.25, abs=0.1)
    assert result["segments"][-1]["end_s"] == pytest.approx(6.85, abs=0.15)


def test_silence_noise_and_a_tone_are_no_speech(vad):
    rng = np.random.default_rng(0)
    time = np.arange(16_000) / 16_000
    for samples in (
        np.zeros(16_000),
        0.01 * rng.standard_normal(16_000),
        0.3 * np.sin(2 * np.pi * 440 * time),
    ):
        result = voice_activity_detection.run(vad, weft.from_numpy(samples.astype(np.float32)))
        assert result["segments"] == []


def test_speech_after_silence_is_found_where_it_is(vad, media):
    speech, rate = load(media / "sense-and-sensibility-2.flac")
    silence = weft.zeros(1, 3 * rate)
    result = voice_activity_detection.run(vad, (weft.cat([silence, speech], dim=1), rate))
    assert result["segments"][0]["start_s"] > 2.9


def test_another_sample_rate_changes_little(vad, media):
    from weft_audio.functional import resample

    speech, rate = load(media / "sense-and-sensibility-1.wav")
    higher = resample(speech, rate, 44_100)
    direct = voice_activity_detection.run(vad, (speech, rate))["probabilities"]
    there_and_back = voice_activity_detection.run(vad, (higher, 44_100))["probabilities"]
    assert np.abs(np.array(direct) - np.array(there_and_back)).mean() < 0.02
