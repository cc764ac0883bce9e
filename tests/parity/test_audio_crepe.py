"""CREPE against torchcrepe on PyTorch: activations, and the decoders bin for bin.

torchcrepe imports torchaudio to read files, which its wheel cannot do beside PyTorch's CPU build;
no file is read here, so an empty module takes its place while torchcrepe is imported.
"""

from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np
import pytest
import torch

import weft
from weft_audio.functional import bin_frequencies, decode_pitch, resample
from weft_audio.io import load
from weft_audio.tasks import pitch_tracking
from weft_hub import Hub

pytestmark = pytest.mark.network

RATE = 16_000


@pytest.fixture(scope="module")
def torchcrepe() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        if "torchaudio" not in sys.modules:
            patch.setitem(sys.modules, "torchaudio", types.ModuleType("torchaudio"))
        import torchcrepe

        # It draws noise onto each pitch; without it there is something to compare.
        patch.setattr(torchcrepe.convert, "dither", lambda cents: cents)
        yield torchcrepe


@pytest.fixture(scope="module")
def model(pretrained):
    return pretrained("audio/crepe-tiny")


def recordings(media) -> dict[str, np.ndarray]:
    """Speech, a glide, a tone with partials, noise and silence, at 16 kHz."""
    rng = np.random.default_rng(0)
    time = np.arange(RATE, dtype=np.float64) / RATE
    glide = 2 * np.pi * np.cumsum(110 * 2 ** (2 * time)) / RATE
    tone = sum(np.sin(2 * np.pi * 220 * k * time) / k for k in range(1, 6))
    found = {
        "speech": load(media / "sense-and-sensibility-1.wav")[0][0].numpy(),
        "glide": 0.5 * np.sin(glide),
        "tone": 0.2 * tone,
        "sine": 0.5 * np.sin(2 * np.pi * 220 * time),
        "noise": 0.1 * rng.standard_normal(RATE),
        "silence around a tone": np.concatenate([np.zeros(4_000), 0.2 * tone, np.zeros(4_000)]),
    }
    return {name: samples.astype(np.float32) for name, samples in found.items()}


NAMES = ("speech", "glide", "tone", "sine", "noise", "silence around a tone")


def theirs(torchcrepe: Any, samples: np.ndarray) -> torch.Tensor:
    """Return torchcrepe's activation, (1, 360, frames)."""
    with torch.no_grad():
        (frames,) = torchcrepe.preprocess(torch.from_numpy(samples.copy())[None], RATE)
        return torchcrepe.infer(frames, "tiny").T[None]


@pytest.mark.parametrize("name", NAMES)
def test_activations_agree(torchcrepe, model, media, name):
    samples = recordings(media)[name]
    with weft.no_grad():
        ours = model.activation(weft.from_numpy(samples.copy())).numpy()
    wanted = theirs(torchcrepe, samples)[0].T.numpy()
    assert ours.shape == wanted.shape
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("fmin", [50.0, 150.0])
@pytest.mark.parametrize("name", NAMES)
def test_the_best_path_is_the_same_bin_for_bin(torchcrepe, media, name, fmin):
    wanted_from = theirs(torchcrepe, recordings(media)[name])
    pitch, periodicity = torchcrepe.postprocess(
        wanted_from.clone(), fmin, 1000.0, torchcrepe.decode.viterbi, False, True
    )
    activation = weft.from_numpy(wanted_from[0].T.contiguous().numpy().copy())
    found = decode_pitch(activation, "viterbi", fmin_hz=fmin, fmax_hz=1000.0)
    frequencies = bin_frequencies()[found.bins].numpy()
    np.testing.assert_allclose(frequencies, pitch[0].numpy(), rtol=1e-6)
    np.testing.assert_allclose(found.confidence.numpy(), periodicity[0].numpy(), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_highest_bin_is_the_same(torchcrepe, media, name):
    wanted_from = theirs(torchcrepe, recordings(media)[name])
    pitch = torchcrepe.postprocess(wanted_from.clone(), 50.0, 2006.0, torchcrepe.decode.argmax)
    activation = weft.from_numpy(wanted_from[0].T.contiguous().numpy().copy())
    found = decode_pitch(activation, "argmax")
    np.testing.assert_allclose(found.frequency_hz.numpy(), pitch[0].numpy(), rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_weighted_mean_is_theirs_of_logits(torchcrepe, media, name):
    """Their function takes the sigmoid of what it gets, so it is given what the sigmoid was of."""
    activation = theirs(torchcrepe, recordings(media)[name]).double().clamp(1e-9, 1 - 1e-9)
    if hasattr(torchcrepe.decode.weighted_argmax, "weights"):
        del torchcrepe.decode.weighted_argmax.weights
    _, wanted = torchcrepe.decode.weighted_argmax(torch.logit(activation))
    ours = weft.from_numpy(activation[0].T.contiguous().numpy().copy())
    found = decode_pitch(ours, "weighted-argmax", fmin_hz=1.0, fmax_hz=3000.0)
    np.testing.assert_allclose(found.frequency_hz.numpy(), wanted[0].numpy(), rtol=1e-4)


@pytest.mark.parametrize("decoder", ["viterbi", "weighted-argmax"])
def test_a_sine_of_220_hz_is_heard_at_220_9(model, media, decoder):
    result = pitch_tracking.run(model, weft.from_numpy(recordings(media)["sine"]), decoder=decoder)
    assert pitch_tracking.figures(result)["median pitch in Hz"] == pytest.approx(220.9, abs=0.1)


def test_another_sample_rate_is_heard_alike(model, media):
    samples = weft.from_numpy(recordings(media)["tone"])
    higher = resample(samples, RATE, 44_100)
    result = pitch_tracking.run(model, (higher, 44_100))
    direct = pitch_tracking.run(model, samples)
    assert pitch_tracking.figures(result)["median pitch in Hz"] == pytest.approx(
        pitch_tracking.figures(direct)["median pitch in Hz"], rel=0.002
    )


def test_the_full_network_is_built_as_theirs_is(torchcrepe):
    from weft_audio.models import crepe

    wanted = {name: tuple(p.shape) for name, p in torchcrepe.Crepe("full").state_dict().items()}
    ours = {name: tuple(p.shape) for name, p in crepe(capacity="full").state_dict().items()}
    assert ours == wanted
    assert Hub().info("audio/crepe-tiny").build.settings["capacity"] == "tiny"
