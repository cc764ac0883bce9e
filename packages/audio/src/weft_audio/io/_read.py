"""Reading sound files: what there is, the samples, and what is said when there are none."""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import soundfile

import weft
from weft_audio.io._errors import AudioDecodeError
from weft_audio.io._riff import missing_bytes

AudioSource = str | os.PathLike[str] | bytes | bytearray | memoryview

# libsndfile opens about 25 formats, some of them without any mark to tell them by.
FORMATS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3", "AIFF")

# What libsndfile calls a sample's coding, and what torchaudio calls it and its bits.
_ENCODINGS = {
    "PCM_S8": ("PCM_S", 8),
    "PCM_U8": ("PCM_U", 8),
    "PCM_16": ("PCM_S", 16),
    "PCM_24": ("PCM_S", 24),
    "PCM_32": ("PCM_S", 32),
    "FLOAT": ("PCM_F", 32),
    "DOUBLE": ("PCM_F", 64),
    "ULAW": ("ULAW", 8),
    "ALAW": ("ALAW", 8),
}


@dataclasses.dataclass(frozen=True)
class AudioInfo:
    """What a sound file says about itself.

    Attributes:
        sample_rate_hz: samples a second and channel.
        num_frames: samples a channel.
        num_channels: channels.
        bits_per_sample: of the file's own coding; 0 where it has no such number (Vorbis, MP3).
        encoding: "PCM_S" (signed), "PCM_U" (unsigned), "PCM_F" (floating), "ULAW", "ALAW", or
            libsndfile's name for another coding.
        format: "WAV", "FLAC", and so on.
    """

    sample_rate_hz: int
    num_frames: int
    num_channels: int
    bits_per_sample: int
    encoding: str
    format: str

    @property
    def duration_s(self) -> float:
        """How long the recording lasts."""
        return self.num_frames / self.sample_rate_hz


def info(uri: AudioSource) -> AudioInfo:
    """Rate, length, channels and coding of a sound file; no samples are read.

    Args:
        uri: a path, or the bytes of a file.

    Raises:
        FileNotFoundError: there is no file at the path.
        AudioDecodeError: the content is no sound that we read.
    """
    with _opened(uri) as (sound, _):
        encoding, bits = _ENCODINGS.get(sound.subtype, (sound.subtype, 0))
        return AudioInfo(
            sample_rate_hz=sound.samplerate,
            num_frames=sound.frames,
            num_channels=sound.channels,
            bits_per_sample=bits,
            encoding=encoding,
            format=sound.format,
        )


def load(
    uri: AudioSource,
    frame_offset: int = 0,
    num_frames: int = -1,
    channels_first: bool = True,
) -> tuple[weft.Tensor, int]:
    """Read a sound file.

    WAV (integer and floating samples) and FLAC are read, and what else libsndfile knows of OGG,
    MP3 and AIFF. A WAV or FLAC file that was cut short is refused, not read as far as it goes.

    Args:
        uri: a path, or the bytes of a file.
        frame_offset: the first frame to read, a frame being one sample of every channel.
        num_frames: how many to read at most; -1 for all.
        channels_first: return (channels, time), not (time, channels).

    Returns:
        The waveform, float32, (channels, time), integers scaled to [-1, 1); and the sample rate
        in Hz.

    Raises:
        FileNotFoundError: there is no file at the path.
        AudioDecodeError: the content is no sound that we read, or is damaged or truncated.
        ValueError: `frame_offset` is negative or beyond the end, or `num_frames` is below -1.

    Source: torchaudio's `load`.
    """
    if num_frames < -1:
        raise ValueError(f"load: num_frames must be at least -1 (all), got {num_frames}")
    with _opened(uri) as (sound, name):
        if not 0 <= frame_offset <= sound.frames:
            raise ValueError(
                f"load: frame_offset must be in 0..{sound.frames}, the length of {name}, "
                f"got {frame_offset}"
            )
        left = sound.frames - frame_offset
        wanted = left if num_frames == -1 else min(num_frames, left)
        sound.seek(frame_offset)
        samples = sound.read(wanted, dtype="float32", always_2d=True)  # (time, channels)
        if len(samples) < wanted:
            raise AudioDecodeError(
                f"{name} is truncated: its header promises {sound.frames} frames, but reading "
                f"stopped at {frame_offset + len(samples)}"
            )
        rate = sound.samplerate
    waveform = weft.from_numpy(samples)
    return (waveform.transpose(0, 1).contiguous() if channels_first else waveform), rate


@contextmanager
def _opened(source: AudioSource) -> Iterator[tuple[soundfile.SoundFile, str]]:
    """The open sound file and what to call it; libsndfile's errors inside become ours."""
    file, name = _file(source)
    with file:
        size = file.seek(0, 2)
        missing = missing_bytes(file)
        if missing:
            raise AudioDecodeError(
                f"{name} is truncated: {missing} bytes of samples are missing at its end "
                f"(it has {size} bytes)"
            )
        file.seek(0)
        start = file.read(24)
        file.seek(0)
        try:
            with soundfile.SoundFile(file) as sound:
                if sound.format not in FORMATS:
                    raise AudioDecodeError(
                        f"{name} is a {sound.format} file; read are {', '.join(FORMATS)}"
                    )
                yield sound, name
        except soundfile.SoundFileError as error:
            raise AudioDecodeError(_complaint(name, size, start, error)) from error


def _file(source: AudioSource) -> tuple[BinaryIO, str]:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return io.BytesIO(source), f"the sound given as {len(source)} bytes"
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        return path.open("rb"), str(path)
    raise TypeError(f"load: uri must be a path or bytes, got {type(source).__name__}")


def _complaint(name: str, size: int, start: bytes, error: Exception) -> str:
    """One sentence about a file that libsndfile refused."""
    reason = str(getattr(error, "error_string", error)).strip().rstrip(".")
    known = "WAV, FLAC, OGG, MP3 and AIFF are read"
    if size == 0:
        return f"{name} is empty, not a sound file; {known}"
    if start[:4] in (b"RIFF", b"RF64", b"fLaC", b"OggS", b"FORM") or start[:3] == b"ID3":
        return f"{name} is a damaged or truncated sound file ({size} bytes): {reason}"
    text = all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in start)
    looks = "it looks like text and " if text else ""
    return f"{name} is not a sound file: {looks}starts with {start!r}; {known}"
