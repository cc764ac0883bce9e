"""Reading and writing sound: the samples are right, and every bad file gets a clear refusal."""

from __future__ import annotations

import io
import math
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

import weft
from weft_audio.io import AudioDecodeError, info, load, save


def tone(channels: int = 2, frames: int = 1000) -> np.ndarray:
    """Quiet noise, (channels, time), in steps of 2**-15 so that 16 bits hold it exactly."""
    steps = np.random.default_rng(0).integers(-20_000, 20_000, (channels, frames))
    return (steps / 2**15).astype(np.float32)


def file_of(samples: np.ndarray, format: str, subtype: str, rate: int = 16_000) -> bytes:
    """The bytes of a sound file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples.T, rate, format=format, subtype=subtype)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("format", "subtype"),
    [
        ("WAV", "PCM_16"),
        ("WAV", "PCM_24"),
        ("WAV", "FLOAT"),
        ("FLAC", "PCM_16"),
        ("FLAC", "PCM_24"),
    ],
)
def test_lossless_files_come_back_sample_for_sample(format, subtype):
    samples = tone()
    waveform, rate = load(file_of(samples, format, subtype, rate=44_100))
    assert rate == 44_100
    assert waveform.dtype == weft.float32
    assert waveform.is_contiguous()
    np.testing.assert_array_equal(waveform.numpy(), samples)


def test_eight_bits_and_mu_law_are_decoded():
    samples = tone()
    for subtype, step in (("PCM_U8", 1 / 128), ("ULAW", 0.04)):
        waveform, _ = load(file_of(samples, "WAV", subtype))
        assert np.abs(waveform.numpy() - samples).max() <= step


def test_a_path_and_its_bytes_give_the_same_sound(media):
    path = media / "sense-and-sensibility-1.wav"
    waveform, rate = load(path)
    assert (tuple(waveform.shape), rate) == ((1, 113_600), 16_000)
    for source in (str(path), path.read_bytes(), bytearray(path.read_bytes())):
        again, _ = load(source)
        np.testing.assert_array_equal(again.numpy(), waveform.numpy())


def test_the_shipped_flac_is_read(media):
    waveform, rate = load(media / "sense-and-sensibility-2.flac")
    assert (tuple(waveform.shape), rate) == ((1, 84_800), 16_000)
    assert 0.05 < waveform.abs().amax().item() <= 1.0


def test_a_part_can_be_read():
    samples = tone()
    data = file_of(samples, "FLAC", "PCM_16")
    middle, _ = load(data, frame_offset=100, num_frames=50)
    np.testing.assert_array_equal(middle.numpy(), samples[:, 100:150])
    rest, _ = load(data, frame_offset=900, num_frames=500)
    np.testing.assert_array_equal(rest.numpy(), samples[:, 900:])
    nothing, _ = load(data, frame_offset=1000)
    assert tuple(nothing.shape) == (2, 0)


def test_time_can_come_first():
    samples = tone()
    waveform, _ = load(file_of(samples, "WAV", "PCM_16"), channels_first=False)
    np.testing.assert_array_equal(waveform.numpy(), samples.T)


def test_a_place_beyond_the_end_is_refused():
    data = file_of(tone(), "WAV", "PCM_16")
    with pytest.raises(ValueError, match=r"frame_offset must be in 0\.\.1000, .* got 1001"):
        load(data, frame_offset=1001)
    with pytest.raises(ValueError, match="num_frames must be at least -1"):
        load(data, num_frames=-2)


def test_info_reads_the_header(media):
    about = info(media / "sense-and-sensibility-2.flac")
    assert (about.format, about.encoding, about.bits_per_sample) == ("FLAC", "PCM_S", 16)
    assert (about.sample_rate_hz, about.num_channels, about.num_frames) == (16_000, 1, 84_800)
    assert about.duration_s == pytest.approx(5.3)
    about = info(file_of(tone(), "WAV", "FLOAT", rate=8_000))
    assert (about.format, about.encoding, about.bits_per_sample) == ("WAV", "PCM_F", 32)
    assert (about.sample_rate_hz, about.num_channels) == (8_000, 2)


def test_a_text_file_is_refused_in_one_sentence(tmp_path: Path):
    path = tmp_path / "speech.wav"
    path.write_text("no sound at all, only words")
    with pytest.raises(AudioDecodeError, match="looks like text") as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(AudioDecodeError, match="looks like text"):
        info(path)


def test_an_empty_file_is_refused(tmp_path: Path):
    path = tmp_path / "empty.flac"
    path.touch()
    with pytest.raises(AudioDecodeError, match="is empty"):
        load(path)


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"no-such\.wav"):
        load("no-such.wav")


@pytest.mark.parametrize("format", ["WAV", "FLAC"])
@pytest.mark.parametrize("kept", [0.999, 0.5, 0.02])
def test_a_truncated_file_is_refused(format, kept):
    data = file_of(tone(frames=20_000), format, "PCM_16")
    with pytest.raises(AudioDecodeError, match="truncated"):
        load(data[: int(len(data) * kept)])


def test_a_wav_from_a_pipe_has_no_size_and_is_read():
    data = bytearray(file_of(tone(1, 100), "WAV", "PCM_16"))
    place = data.index(b"data") + 4
    data[place : place + 4] = struct.pack("<I", 0xFFFFFFFF)
    data[4:8] = struct.pack("<I", 0xFFFFFFFF)
    waveform, _ = load(data)
    np.testing.assert_array_equal(waveform.numpy(), tone(1, 100))


def test_a_wav_with_chunks_around_its_samples_is_whole():
    data = file_of(tone(1, 101), "WAV", "PCM_U8")  # an odd number of bytes, so padded
    place = data.index(b"data")
    odd = b"junk" + struct.pack("<I", 3) + b"abc\0"
    longer = bytearray(data[:place] + odd + data[place:] + odd)
    longer[4:8] = struct.pack("<I", len(longer) - 8)
    assert load(bytes(longer))[0].shape[1] == 101


def test_any_damage_gives_samples_or_our_error():
    rng = np.random.default_rng(1)
    for format in ("WAV", "FLAC"):
        data = file_of(tone(1, 300), format, "PCM_16")
        for _ in range(60):
            damaged = bytearray(data)
            for place in rng.integers(0, min(len(data), 120), 3):
                damaged[place] = rng.integers(0, 256)
            try:
                load(damaged)
            except AudioDecodeError as error:
                assert "\n" not in str(error)


def test_a_source_of_another_type_is_refused():
    with pytest.raises(TypeError, match="must be a path or bytes, got int"):
        load(3)


def test_what_is_saved_is_what_is_loaded(tmp_path: Path):
    samples = tone()
    for name, settings, subtype in (
        ("a.wav", {}, ("PCM_F", 32)),
        ("b.wav", {"bits_per_sample": 16}, ("PCM_S", 16)),
        ("c.wav", {"encoding": "PCM_S"}, ("PCM_S", 16)),
        ("d.wav", {"encoding": "PCM_S", "bits_per_sample": 24}, ("PCM_S", 24)),
        ("e.flac", {}, ("PCM_S", 24)),
        ("f.flac", {"bits_per_sample": 16}, ("PCM_S", 16)),
        ("g", {"format": "wav"}, ("PCM_F", 32)),
    ):
        path = tmp_path / name
        save(path, weft.from_numpy(samples), 22_050, **settings)
        waveform, rate = load(path)
        assert rate == 22_050
        np.testing.assert_array_equal(waveform.numpy(), samples, err_msg=name)
        assert (info(path).encoding, info(path).bits_per_sample) == subtype


def test_time_first_tensors_are_saved_right(tmp_path: Path):
    samples = tone()
    save(tmp_path / "a.wav", weft.from_numpy(samples).transpose(0, 1), 8_000, channels_first=False)
    np.testing.assert_array_equal(load(tmp_path / "a.wav")[0].numpy(), samples)


def test_loud_samples_are_clipped_not_wrapped(tmp_path: Path):
    loud = weft.tensor([[1.5, -1.5, 0.0]])
    save(tmp_path / "loud.wav", loud, 8_000, bits_per_sample=16)
    first, second, third = load(tmp_path / "loud.wav")[0].tolist()[0]
    assert (first, second, third) == (pytest.approx(1, abs=1e-4), -1.0, 0.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"format": "mp3"}, "one of wav, flac, got 'mp3'"),
        ({"encoding": "PCM_F", "format": "flac"}, "FLAC takes"),
        ({"bits_per_sample": 12}, r"got \('PCM_F', 12\)"),
    ],
)
def test_a_coding_that_is_not_written_is_refused(settings, message, tmp_path: Path):
    with pytest.raises(ValueError, match=message):
        save(tmp_path / "a.wav", weft.zeros(1, 10), 8_000, **settings)
    assert not list(tmp_path.iterdir())


def test_what_is_no_waveform_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match=r"got \(10,\)"):
        save(tmp_path / "a.wav", weft.zeros(10), 8_000)
    with pytest.raises(TypeError, match="int64"):
        save(tmp_path / "a.wav", weft.zeros(1, 10, dtype=weft.int64), 8_000)
    with pytest.raises(ValueError, match="at least 1 Hz"):
        save(tmp_path / "a.wav", weft.zeros(1, 10), 0)


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path):
    (tmp_path / "taken.wav").mkdir()
    with pytest.raises(OSError):
        save(tmp_path / "taken.wav", weft.zeros(1, 10), 8_000)
    assert [path.name for path in tmp_path.iterdir()] == ["taken.wav"]


def test_the_gradient_does_not_stop_a_save(tmp_path: Path):
    samples = weft.full((1, 8), math.pi / 8, requires_grad=True)
    save(tmp_path / "a.wav", samples, 8_000)
    assert load(tmp_path / "a.wav")[0].tolist() == samples.detach().tolist()
