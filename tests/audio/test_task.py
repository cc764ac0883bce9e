"""The task as the hub runs it, on a network small enough to know the answer."""

from __future__ import annotations

import json

import numpy as np
import pytest

import weft
from weft import nn
from weft_audio.functional import resample
from weft_audio.io import AudioDecodeError, save
from weft_audio.tasks import voice_activity_detection


class Loudness(nn.Module):
    """Calls a frame of 400 samples at 4 kHz speech if it is loud."""

    sample_rate_hz = 4_000
    frame_samples = 400

    def __init__(self) -> None:
        super().__init__()
        self.preprocess = voice_activity_detection.preprocess({"sample_rate_hz": 4_000})
        self.labels = voice_activity_detection.labels("speech")

    def speech_probabilities(self, waveform: weft.Tensor) -> weft.Tensor:
        """(time,) to (frames,)."""
        assert not weft.is_grad_enabled()
        return waveform.reshape(-1, 400).abs().amax(dim=1).clamp(0, 1)


def bursts(rate: int = 4_000) -> weft.Tensor:
    """Two seconds: silence, half a second of tone, silence, a quarter second, silence."""
    time = np.arange(2 * rate) / rate
    loud = ((time >= 0.4) & (time < 0.9)) | ((time >= 1.3) & (time < 1.6))
    return weft.from_numpy((np.sin(2 * np.pi * 200 * time) * loud).astype(np.float32))


def test_segments_and_probabilities_are_returned():
    result = voice_activity_detection.run(Loudness(), bursts(), pad_s=0.0)
    assert result["task"] == "voice-activity-detection"
    assert result["sample_rate_hz"] == 4_000
    assert result["frame_s"] == pytest.approx(0.1)
    assert result["duration_s"] == pytest.approx(2.0)
    assert len(result["probabilities"]) == 20
    times = [(s["start_s"], s["end_s"]) for s in result["segments"]]
    assert times == [
        (pytest.approx(0.4), pytest.approx(0.9)),
        (pytest.approx(1.3), pytest.approx(1.6)),
    ]


def test_the_result_is_plain_json():
    result = voice_activity_detection.run(Loudness(), bursts())
    assert json.loads(json.dumps(result)) == result


def test_options_reach_the_segments():
    run = voice_activity_detection.run
    assert len(run(Loudness(), bursts(), min_speech_s=0.35)["segments"]) == 1
    assert len(run(Loudness(), bursts(), min_silence_s=0.6)["segments"]) == 1
    assert run(Loudness(), bursts() * 0.4)["segments"] == []
    assert len(run(Loudness(), bursts() * 0.4, threshold=0.3)["segments"]) == 2


def test_a_stereo_file_at_another_rate_is_mixed_and_resampled(tmp_path):
    left = bursts(8_000)
    stereo = weft.stack([left, weft.zeros_like(left)])
    save(tmp_path / "stereo.wav", stereo, 8_000)
    prepared = Loudness().preprocess(tmp_path / "stereo.wav")
    expected = resample(left / 2, 8_000, 4_000)
    np.testing.assert_allclose(prepared.numpy(), expected.numpy(), atol=1e-6)


def test_path_bytes_pair_and_tensor_give_the_same(media):
    prepare = voice_activity_detection.preprocess({})
    path = media / "sense-and-sensibility-1.wav"
    expected = prepare(path)
    assert tuple(expected.shape) == (113_600,)
    for source in (str(path), path.read_bytes(), (expected, 16_000), expected.unsqueeze(0)):
        np.testing.assert_array_equal(prepare(source).numpy(), expected.numpy())


def test_text_is_a_line_a_segment_and_a_sum():
    result = {
        "duration_s": 7.1,
        "segments": [{"start_s": 0.25, "end_s": 2.0}, {"start_s": 3.0, "end_s": 4.5}],
    }
    assert voice_activity_detection.text(result) == (
        "speech     0.25 s to     2.00 s\n"
        "speech     3.00 s to     4.50 s\n"
        "3.25 s of speech in 7.10 s, 2 segments"
    )


def test_a_text_file_is_a_value_error_that_names_it(tmp_path):
    path = tmp_path / "notes.wav"
    path.write_text("milk, bread, cheese and so on")
    with pytest.raises(AudioDecodeError, match=r"notes\.wav") as caught:
        voice_activity_detection.run(Loudness(), path)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sample_rate": 16_000}, "'sample_rate'; did you mean 'sample_rate_hz'"),
        ({"sample_rate_hz": 0}, "integer >= 1, got 0"),
        ({"sample_rate_hz": "16000"}, "got '16000'"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        voice_activity_detection.preprocess(settings)


def test_an_unknown_label_set_suggests_the_nearest():
    assert voice_activity_detection.labels("speech") == ("speech",)
    with pytest.raises(ValueError, match="'speach'; did you mean 'speech'"):
        voice_activity_detection.labels("speach")


def test_a_waveform_of_three_axes_is_refused():
    with pytest.raises(ValueError, match=r"got \(1, 1, 5\)"):
        voice_activity_detection.preprocess({})(weft.zeros(1, 1, 5))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_sample_that_is_not_finite_is_named_with_its_place(value: float, tmp_path):
    samples = bursts()
    samples[7] = value
    with pytest.raises(ValueError, match=f"1 of 8000 samples .* first {value} at sample 7"):
        voice_activity_detection.run(Loudness(), samples)
    save(tmp_path / "bad.wav", samples.unsqueeze(0), 4_000, encoding="PCM_F", bits_per_sample=32)
    with pytest.raises(ValueError, match=r"bad\.wav: 1 of 8000 samples"):
        voice_activity_detection.run(Loudness(), tmp_path / "bad.wav")


@pytest.mark.parametrize(
    ("source", "got"),
    [
        (weft.zeros(400, dtype=weft.int16), "weft.int16"),
        ((np.zeros(400), 4_000), "ndarray"),
    ],
)
def test_a_waveform_of_integers_or_of_another_library_is_refused(source, got):
    with pytest.raises(TypeError, match=rf"floating weft\.Tensor .* got {got}"):
        voice_activity_detection.run(Loudness(), source)
