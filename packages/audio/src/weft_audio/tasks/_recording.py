"""A recording, however it is given, as one channel at the rate that a model wants."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from typing import Any

import weft
from weft_audio import functional, io

# A file, its bytes, a waveform with its rate, or a waveform at the model's rate.
Recording = str | os.PathLike[str] | bytes | tuple[weft.Tensor, int] | weft.Tensor

# What the hub takes from a folder: the usual endings of the formats that `io` reads.
ENDINGS = (".wav", ".flac", ".ogg", ".oga", ".mp3", ".aif", ".aiff", ".rf64")

_SETTINGS = ("sample_rate_hz",)


class RecordingTask:
    """What the tasks on recordings share: which files they take, and their preprocessing."""

    name: str
    endings = ENDINGS

    def preprocess(self, settings: Mapping[str, Any]) -> Callable[[Recording], weft.Tensor]:
        """What turns a recording into a mono waveform (time,) at the model's rate.

        Args:
            settings: `{"sample_rate_hz": 16000}`; 16000 if left out.

        Raises:
            ValueError: a setting is unknown (the nearest name is suggested) or no positive rate.
        """
        for name in settings:
            if name not in _SETTINGS:
                near = difflib.get_close_matches(name, _SETTINGS, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_SETTINGS)}"
                raise ValueError(f"{self.name}: no preprocess setting {name!r}; {hint}")
        rate = settings.get("sample_rate_hz", 16_000)
        if isinstance(rate, bool) or not isinstance(rate, int) or rate < 1:
            raise ValueError(f"{self.name}: sample_rate_hz must be an integer >= 1, got {rate!r}")

        def prepare(source: Recording) -> weft.Tensor:
            return mono(self.name, source, rate)

        return prepare


def mono(task: str, source: Recording, rate: int) -> weft.Tensor:
    """Any recording as one channel at the rate."""
    if isinstance(source, weft.Tensor):
        waveform, source_rate = source, rate
    elif isinstance(source, tuple):
        waveform, source_rate = source
    else:
        waveform, source_rate = io.load(source)
    if not isinstance(waveform, weft.Tensor) or not waveform.dtype.is_floating_point:
        # Integer samples would count as amplitudes of thousands, and silence as speech.
        kind = waveform.dtype if isinstance(waveform, weft.Tensor) else type(waveform).__name__
        raise TypeError(
            f"{task}: expects a waveform as a floating weft.Tensor with amplitude "
            f"in [-1, 1], got {kind}; weft.from_numpy takes arrays, and 16-bit integers are "
            "divided by 32768"
        )
    if waveform.ndim == 2:
        waveform = waveform.mean(dim=0)
    if waveform.ndim != 1:
        raise ValueError(
            f"{task}: expects a waveform of shape (time,) or (channels, time), "
            f"got {tuple(waveform.shape)}"
        )
    waveform = waveform.to(weft.float32)
    unfit = weft.nonzero(~weft.isfinite(waveform))
    if len(unfit):
        # One of them would spread through the filter and the network's state to every later frame.
        named = "" if isinstance(source, (weft.Tensor, tuple, bytes)) else f"{os.fspath(source)}: "
        first = int(unfit[0].item())
        raise ValueError(
            f"{task}: {named}{len(unfit)} of {len(waveform)} samples are not "
            f"finite, the first {waveform[first].item()} at sample {first}; finite samples in "
            "[-1, 1] are required"
        )
    return functional.resample(waveform, source_rate, rate)
