"""The VAD against its own package: ONNX in onnxruntime, the TorchScript archive, a PyTorch forward.

silero-vad is the package whose weights the hub's entry names; here it is installed, so that its
ONNX model runs beside ours and its segmentation rule is called.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from silero_vad.utils_vad import get_speech_timestamps_from_probs
from torch import nn
from torch.nn import functional as F

import weft
from weft_audio.functional import speech_segments
from weft_audio.io import load
from weft_hub import Hub

pytestmark = pytest.mark.network

PROBABILITIES = 1e-4
RATE = 16_000


def recordings(media) -> dict[str, np.ndarray]:
    """Speech, noise, a tone, and speech drowned in noise, at 16 kHz."""
    rng = np.random.default_rng(0)
    speech = load(media / "sense-and-sensibility-1.wav")[0][0].numpy()
    more = load(media / "sense-and-sensibility-2.flac")[0][0].numpy()
    time = np.arange(2 * RATE, dtype=np.float32) / RATE
    return {
        "speech": speech,
        "more speech, in stretches of silence": np.concatenate(
            [np.zeros(7777), more, np.zeros(9999)]
        ),
        "noise": 0.05 * rng.standard_normal(2 * RATE),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * time),
        "speech in noise": speech + 0.1 * rng.standard_normal(len(speech)),
    }


def framed(samples: np.ndarray) -> np.ndarray:
    """Frames of 512 with the 64 samples before each: (frames, 576)."""
    samples = np.pad(samples.astype(np.float32), (64, -len(samples) % 512))
    return np.stack([samples[i : i + 576] for i in range(0, len(samples) - 64, 512)])


def package_file(name: str) -> str:
    return str(resources.files("silero_vad") / "data" / name)


def by_onnx(samples: np.ndarray, name: str = "silero_vad.onnx") -> np.ndarray:
    """Probabilities by the package's ONNX model."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(package_file(name), options)
    state = np.zeros((2, 1, 128), dtype=np.float32)
    out = []
    for frame in framed(samples):
        feeds = {"input": frame[None], "state": state, "sr": np.array(RATE)}
        probability, state = session.run(None, feeds)
        out.append(probability.item())
    return np.array(out)


class TorchVAD(nn.Module):
    """The network in PyTorch, written from its description."""

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 258, 256, stride=128, bias=False)
        self.conv1 = nn.Conv1d(129, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, 128, 3, padding=1)
        self.lstm_cell = nn.LSTMCell(128, 128)
        self.final_conv = nn.Conv1d(128, 1, 1)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """(frames, 576) to (frames,) logits of consecutive frames."""
        z = self.stft_conv(F.pad(frames[:, None], (0, 64), mode="reflect"))
        y = torch.sqrt(z[:, :129] ** 2 + z[:, 129:] ** 2)
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            y = F.relu(conv(y))
        memory, logits = None, []
        for x in y.transpose(1, 2):
            memory = self.lstm_cell(x, memory)
            logits.append(self.final_conv(F.relu(memory[0])[..., None]).flatten())
        return torch.cat(logits)


@pytest.fixture(scope="module")
def vad(request: pytest.FixtureRequest) -> Any:
    """The hub's model."""
    cache = request.config.cache
    assert cache is not None
    return Hub(cache=cache.mkdir("weft-hub")).load("audio/silero-vad", progress=False)


def ours(vad: Any, samples: np.ndarray) -> np.ndarray:
    with weft.no_grad():
        return vad.speech_probabilities(weft.from_numpy(samples.astype(np.float32))).numpy()


@pytest.mark.parametrize("name", ["silero_vad.onnx", "silero_vad_16k_op15.onnx"])
def test_probabilities_are_those_of_the_packages_onnx_model(vad, media, name):
    for what, samples in recordings(media).items():
        expected = by_onnx(samples, name)
        assert expected.shape == (-(-len(samples) // 512),)
        np.testing.assert_allclose(
            ours(vad, samples), expected, atol=PROBABILITIES, rtol=0, err_msg=what
        )


def test_a_stream_gives_the_onnx_models_probabilities_too(vad, media):
    samples = recordings(media)["speech"][: 60 * 512]
    stream = vad.stream()
    heard = [stream(weft.from_numpy(samples[i : i + 512])) for i in range(0, len(samples), 512)]
    np.testing.assert_allclose(heard, by_onnx(samples), atol=PROBABILITIES, rtol=0)


# PyTorch asks to move to torch.export; the archive is what the package publishes.
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_probabilities_are_those_of_the_archive_run_by_torch(vad, media):
    archive = torch.jit.load(package_file("silero_vad.jit"))
    for what, samples in recordings(media).items():
        expected = archive.audio_forward(torch.from_numpy(samples).float(), RATE)[0].numpy()
        np.testing.assert_allclose(
            ours(vad, samples), expected, atol=PROBABILITIES, rtol=0, err_msg=what
        )


def test_logits_are_those_of_a_pytorch_forward(vad, media):
    oracle = TorchVAD()
    state = {k: torch.from_numpy(v.detach().numpy().copy()) for k, v in vad.state_dict().items()}
    oracle.load_state_dict(state)
    for what, samples in recordings(media).items():
        with torch.no_grad():
            expected = oracle(torch.from_numpy(framed(samples))).numpy().astype(np.float64)
        probability = ours(vad, samples).astype(np.float64)
        logits = np.log(probability) - np.log1p(-probability)
        # The logit of a float32 near one cannot be known better than 1e-3: leave those out here.
        known = np.abs(expected) < 7
        assert known.any(), what
        np.testing.assert_allclose(logits[known], expected[known], atol=1e-3, rtol=0, err_msg=what)


def test_gradients_are_those_of_pytorch(vad, media):
    from weft_audio.models import SileroVAD

    model, oracle = SileroVAD(), TorchVAD()
    model.load_state_dict(vad.state_dict())
    state = {k: torch.from_numpy(v.detach().numpy().copy()) for k, v in vad.state_dict().items()}
    oracle.load_state_dict(state)
    samples = recordings(media)["speech"][4000 : 4000 + 20 * 512]
    model.speech_probabilities(weft.from_numpy(samples.copy())).mean().backward()
    oracle(torch.from_numpy(framed(samples))).sigmoid().mean().backward()
    expected = dict(oracle.named_parameters())
    for name, parameter in model.named_parameters():
        if name == "stft_conv.weight":
            continue
        gradient = expected[name].grad.numpy()
        scale = max(np.abs(gradient).max(), 1e-9)
        np.testing.assert_allclose(
            parameter.grad.numpy() / scale, gradient / scale, atol=1e-3, err_msg=name
        )


@pytest.mark.parametrize("seed", range(40))
def test_segments_are_those_of_the_packages_rule(seed):
    rng = np.random.default_rng(seed)
    # Probabilities that wander, so that there are runs of all lengths around the thresholds.
    steps = rng.standard_normal(400) * rng.uniform(0.2, 2)
    walk = np.convolve(steps, np.ones(rng.integers(1, 12)), mode="same")
    probabilities = (1 / (1 + np.exp(-walk))).tolist()
    samples = 400 * 512 - int(rng.integers(0, 512))
    settings = {
        "threshold": float(rng.uniform(0.2, 0.9)),
        "min_speech": int(rng.integers(0, 500)),
        "min_silence": int(rng.integers(0, 500)),
        "pad": int(rng.integers(0, 200)),
    }
    expected = get_speech_timestamps_from_probs(
        probabilities,
        threshold=settings["threshold"],
        min_speech_duration_ms=settings["min_speech"],
        min_silence_duration_ms=settings["min_silence"],
        speech_pad_ms=settings["pad"],
        audio_length_samples=samples,
    )
    found = speech_segments(
        probabilities,
        512 / RATE,
        threshold=settings["threshold"],
        min_speech_s=settings["min_speech"] / 1000,
        min_silence_s=settings["min_silence"] / 1000,
        pad_s=settings["pad"] / 1000,
        duration_s=samples / RATE,
    )
    assert len(found) == len(expected)
    for segment, theirs in zip(found, expected, strict=True):
        assert abs(segment.start_s * RATE - theirs["start"]) <= 1.001
        assert abs(segment.end_s * RATE - theirs["end"]) <= 1.001
