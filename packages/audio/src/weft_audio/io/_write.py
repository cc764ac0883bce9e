"""Writing sound files; a file appears whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import soundfile

import weft

# libsndfile's subtype for (encoding, bits), and what each format takes.
_SUBTYPES = {
    ("PCM_S", 16): "PCM_16",
    ("PCM_S", 24): "PCM_24",
    ("PCM_S", 32): "PCM_32",
    ("PCM_F", 32): "FLOAT",
    ("PCM_F", 64): "DOUBLE",
}
_DEFAULTS = {"WAV": ("PCM_F", 32), "FLAC": ("PCM_S", 24)}
_TAKES = {
    "WAV": tuple(_SUBTYPES),
    "FLAC": (("PCM_S", 16), ("PCM_S", 24)),
}


def save(
    uri: str | os.PathLike[str],
    src: weft.Tensor,
    sample_rate: int,
    channels_first: bool = True,
    format: str | None = None,
    encoding: str | None = None,
    bits_per_sample: int | None = None,
) -> None:
    """Write a waveform to a WAV or FLAC file.

    Args:
        uri: the path.
        src: (channels, time), floating, amplitude in [-1, 1]; values beyond are clipped where the
            file holds integers.
        sample_rate: in Hz.
        channels_first: `src` is (channels, time), not (time, channels).
        format: "wav" or "flac"; the path's suffix if not given.
        encoding: "PCM_S" (signed integers) or "PCM_F" (floating); if not given, floating for WAV
            (unless `bits_per_sample` is 16 or 24) and integers for FLAC.
        bits_per_sample: 16, 24, 32 or 64; if not given, 32 for WAV and 24 for FLAC, and 16 for
            WAV with encoding "PCM_S".

    Raises:
        ValueError: another shape, a format or coding that is not written, a rate below 1.
        TypeError: `src` is not floating.

    Source: torchaudio's `save`.
    """
    path = Path(uri)
    if src.ndim != 2 or src.numel() == 0:
        raise ValueError(
            "save: src must have shape (channels, time) or, with channels_first=False, (time, "
            f"channels), and hold samples; got {tuple(src.shape)}"
        )
    if not src.dtype.is_floating_point:
        raise TypeError(f"save: src must be floating, amplitude in [-1, 1]; got {src.dtype}")
    if sample_rate < 1:
        raise ValueError(f"save: sample_rate must be at least 1 Hz, got {sample_rate}")
    kind = _format(path, format)
    subtype = _subtype(kind, encoding, bits_per_sample)
    frames = src.detach().transpose(0, 1) if channels_first else src.detach()
    dtype = weft.float64 if subtype == "DOUBLE" else weft.float32
    samples = frames.to(dtype).contiguous().numpy()  # (time, channels)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            soundfile.write(file, samples, sample_rate, format=kind, subtype=subtype)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _format(path: Path, format: str | None) -> str:
    kind = (path.suffix.removeprefix(".") if format is None else format).upper()
    if kind not in _DEFAULTS:
        where = "the path's suffix" if format is None else "format"
        raise ValueError(
            f"save: {where} must be one of wav, flac, got {(format or path.suffix)!r} "
            f"for {str(path)!r}"
        )
    return kind


def _subtype(kind: str, encoding: str | None, bits: int | None) -> str:
    default_encoding, default_bits = _DEFAULTS[kind]
    if encoding is None:
        encoding = "PCM_S" if bits in (16, 24) else default_encoding
    if bits is None:
        bits = default_bits if encoding == default_encoding else 16
    if (encoding, bits) not in _TAKES[kind]:
        raise ValueError(
            f"save: {kind} takes (encoding, bits_per_sample) of {list(_TAKES[kind])}, "
            f"got {(encoding, bits)}"
        )
    return _SUBTYPES[encoding, bits]
