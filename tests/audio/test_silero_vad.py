"""The VAD network without pretrained weights: shapes, memory, streaming, names, gradients."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest

import weft
from weft_audio import models
from weft_audio.models._silero_archive import _NAMES
from weft_audio.models._silero_vad import _BLOCK_FRAMES


@pytest.fixture
def model():
    return models.silero_vad()


def frame_by_frame(model, waveform: weft.Tensor) -> list[float]:
    """Probabilities through `forward`, one frame after another."""
    state, context = None, weft.zeros(1, 64)
    out = []
    with weft.no_grad():
        for i in range(0, waveform.shape[0], 512):
            frame = waveform[i : i + 512].unsqueeze(0)
            probability, state = model(weft.cat([context, frame], dim=1), state)
            context = frame[:, -64:]
            out.append(probability.item())
    return out


def test_the_parameters_are_those_of_the_published_file(model):
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert shapes == {
        "stft_conv.weight": (258, 1, 256),
        "conv1.weight": (128, 129, 3),
        "conv1.bias": (128,),
        "conv2.weight": (64, 128, 3),
        "conv2.bias": (64,),
        "conv3.weight": (64, 64, 3),
        "conv3.bias": (64,),
        "conv4.weight": (128, 64, 3),
        "conv4.bias": (128,),
        "lstm_cell.weight_ih": (512, 128),
        "lstm_cell.weight_hh": (512, 128),
        "lstm_cell.bias_ih": (512,),
        "lstm_cell.bias_hh": (512,),
        "final_conv.weight": (1, 128, 1),
        "final_conv.bias": (1,),
    }


def test_the_basis_is_the_windowed_fourier_transform(model):
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    signal = np.random.default_rng(0).standard_normal(256)
    spectrum = np.fft.rfft(signal * window)
    out = model.stft_conv.weight.detach().numpy()[:, 0] @ signal
    np.testing.assert_allclose(out[:129], spectrum.real, atol=1e-5)
    np.testing.assert_allclose(out[129:], spectrum.imag, atol=1e-5)


def test_a_frame_gives_a_probability_and_a_state(model):
    with weft.no_grad():
        probability, state = model(weft.randn(3, 576))
        again, _ = model(weft.randn(3, 576), state)
    assert tuple(probability.shape) == tuple(again.shape) == (3, 1)
    assert tuple(state.shape) == (2, 3, 128)
    assert ((probability > 0) & (probability < 1)).all().item()


def test_whole_recordings_equal_frame_by_frame(model):
    waveform = weft.randn(5 * 512) * 0.1
    with weft.no_grad():
        together = model.speech_probabilities(waveform).numpy()
    np.testing.assert_allclose(together, frame_by_frame(model, waveform), atol=1e-6)


def test_blocks_of_frames_join_without_a_seam(model):
    waveform = weft.randn((_BLOCK_FRAMES + 3) * 512) * 0.1
    with weft.no_grad():
        together = model.speech_probabilities(waveform).numpy()
    np.testing.assert_allclose(together, frame_by_frame(model, waveform), atol=1e-6)


def test_a_stream_equals_the_whole_and_can_begin_again(model):
    waveform = weft.randn(4 * 512) * 0.1
    with weft.no_grad():
        whole = model.speech_probabilities(waveform).tolist()
    stream = model.stream()
    buffer = weft.zeros(512)
    for _ in range(2):
        heard = []
        for i in range(0, 4 * 512, 512):
            with weft.no_grad():
                buffer.copy_(waveform[i : i + 512])  # a caller that reuses its buffer
            heard.append(stream(buffer))
        assert heard == pytest.approx(whole, abs=1e-6)
        stream.reset()


def test_recordings_of_a_batch_do_not_mix(model):
    batch = weft.randn(3, 1300) * 0.1
    with weft.no_grad():
        together = model.speech_probabilities(batch)
        alone = model.speech_probabilities(batch[1])
    assert tuple(together.shape) == (3, 3)
    np.testing.assert_allclose(together[1].numpy(), alone.numpy(), atol=1e-6)


def test_a_last_frame_is_filled_up_with_silence(model):
    waveform = weft.randn(700) * 0.1
    padded = weft.cat([waveform, weft.zeros(324)])
    with weft.no_grad():
        np.testing.assert_allclose(
            model.speech_probabilities(waveform).numpy(),
            model.speech_probabilities(padded).numpy(),
            atol=1e-7,
        )


def test_nothing_has_no_frames(model):
    assert tuple(model.speech_probabilities(weft.zeros(0)).shape) == (0,)
    assert tuple(model.speech_probabilities(weft.zeros(2, 0)).shape) == (2, 0)


def test_the_names_of_the_archive_are_taken(model):
    other = models.silero_vad()
    here = other.state_dict()
    archive = {there: here[name] for there, name in _NAMES.items()}
    archive["_model_8k.stft.forward_basis_buffer"] = weft.zeros(130, 1, 128)
    archive["_state"] = weft.zeros(0)
    archive["_context"] = weft.zeros(0)
    model.load_state_dict(archive)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), here[name].numpy(), err_msg=name)


def test_an_archive_without_a_tensor_is_refused_by_name(model):
    here = model.state_dict()
    archive = {there: here[name] for there, name in _NAMES.items() if name != "conv3.bias"}
    with pytest.raises(RuntimeError, match=r"conv3\.bias"):
        model.load_state_dict(archive)


def test_gradients_reach_all_that_is_learnt():
    model = models.SileroVAD()
    waveform = weft.randn(2, 3 * 512) * 0.1
    probabilities = model.speech_probabilities(waveform)
    (-probabilities.log()).mean().backward()
    for name, parameter in model.named_parameters():
        if name == "stft_conv.weight":
            assert parameter.grad is None
            continue
        assert parameter.grad is not None, name
        assert weft.isfinite(parameter.grad).all().item(), name
        assert parameter.grad.abs().sum().item() > 0, name


def test_silence_does_not_spoil_the_gradients():
    model = models.SileroVAD()
    (-model.speech_probabilities(weft.zeros(1024)).log()).mean().backward()
    assert all(weft.isfinite(p.grad).all().item() for p in model.parameters() if p.grad is not None)


def test_shapes_that_do_not_fit_are_refused_with_their_numbers(model):
    with pytest.raises(ValueError, match=r"shape \(batch, 576\).* got \(1, 512\)"):
        model(weft.zeros(1, 512))
    with pytest.raises(ValueError, match=r"state of shape \(2, 1, 128\).* got \(2, 3, 128\)"):
        model(weft.zeros(1, 576), weft.zeros(2, 3, 128))
    with pytest.raises(ValueError, match=r"got \(1, 1, 512\)"):
        model.speech_probabilities(weft.zeros(1, 1, 512))
    with pytest.raises(ValueError, match=r"shape \(512,\).* got \(256,\)"):
        model.stream()(weft.zeros(256))


def test_the_entry_points_lead_here(repository):
    project = tomllib.loads((repository / "packages/audio/pyproject.toml").read_text())
    points = project["project"]["entry-points"]
    assert points["weft.models"] == {
        "crepe": "weft_audio.models:crepe",
        "silero_vad": "weft_audio.models:silero_vad",
    }
    assert points["weft.tasks"] == {
        "pitch-tracking": "weft_audio.tasks:pitch_tracking",
        "voice-activity-detection": "weft_audio.tasks:voice_activity_detection",
    }
