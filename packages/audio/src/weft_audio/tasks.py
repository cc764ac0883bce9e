"""Voice activity detection as the hub runs it: from a recording to segments of speech."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from typing import Any

import weft
from weft_audio import functional, io

__all__ = ["voice_activity_detection"]

# A file, its bytes, a waveform with its rate, or a waveform at the model's rate.
Recording = str | os.PathLike[str] | bytes | tuple[weft.Tensor, int] | weft.Tensor

_LABELS = {"speech": ("speech",)}
_SETTINGS = ("sample_rate_hz",)


class _VoiceActivityTask:
    """The task `voice-activity-detection`: its label set, preprocessing, run and report."""

    name = "voice-activity-detection"
    # What the hub takes from a folder: the usual endings of the formats that `io` reads.
    endings = (".wav", ".flac", ".ogg", ".oga", ".mp3", ".aif", ".aiff", ".rf64")

    def labels(self, name: str) -> tuple[str, ...]:
        """A named label set; the one output is the probability of "speech".

        Raises:
            ValueError: there is no such set; the nearest name is suggested.
        """
        if name not in _LABELS:
            near = difflib.get_close_matches(name, _LABELS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_LABELS)}"
            raise ValueError(f"{self.name}: no label set is named {name!r}; {hint}")
        return _LABELS[name]

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
            return _mono(source, rate)

        return prepare

    def run(
        self,
        model: Any,
        source: Recording,
        *,
        threshold: float = 0.5,
        min_speech_s: float = 0.25,
        min_silence_s: float = 0.1,
        pad_s: float = 0.03,
    ) -> dict[str, Any]:
        """Find the speech in one recording.

        Args:
            model: a network with `speech_probabilities`, `sample_rate_hz` and `frame_samples`
                that carries `preprocess`, as `weft_hub.load` returns it.
            source: a path, bytes, (waveform, rate in Hz), or a waveform at the model's rate.
            threshold, min_speech_s, min_silence_s, pad_s: as `functional.speech_segments`.

        Returns:
            `{"task": "voice-activity-detection", "sample_rate_hz", "frame_s", "duration_s",
            "probabilities": [one a frame], "segments": [{"start_s", "end_s"}, …]}`.

        Raises:
            AudioDecodeError, FileNotFoundError: see `io.load`.
            ValueError: see `functional.speech_segments`.
        """
        waveform = model.preprocess(source)
        with weft.no_grad():
            probabilities = model.speech_probabilities(waveform).tolist()
        frame_s = model.frame_samples / model.sample_rate_hz
        duration_s = waveform.shape[-1] / model.sample_rate_hz
        segments = functional.speech_segments(
            probabilities,
            frame_s,
            threshold=threshold,
            min_speech_s=min_speech_s,
            min_silence_s=min_silence_s,
            pad_s=pad_s,
            duration_s=duration_s,
        )
        return {
            "task": self.name,
            "sample_rate_hz": model.sample_rate_hz,
            "frame_s": frame_s,
            "duration_s": duration_s,
            "probabilities": probabilities,
            "segments": [segment._asdict() for segment in segments],
        }

    def text(self, result: Mapping[str, Any]) -> str:
        """The result as lines for a person: each segment, then how much speech there is."""
        segments = result["segments"]
        lines = [f"speech {s['start_s']:8.2f} s to {s['end_s']:8.2f} s" for s in segments]
        spoken_s = sum(s["end_s"] - s["start_s"] for s in segments)
        total_s = result["duration_s"]
        count = "1 segment" if len(segments) == 1 else f"{len(segments)} segments"
        lines.append(f"{spoken_s:.2f} s of speech in {total_s:.2f} s, {count}")
        return "\n".join(lines)


voice_activity_detection = _VoiceActivityTask()


def _mono(source: Recording, rate: int) -> weft.Tensor:
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
            "voice-activity-detection: expects a waveform as a floating weft.Tensor with amplitude "
            f"in [-1, 1], got {kind}; weft.from_numpy takes arrays, and 16-bit integers are "
            "divided by 32768"
        )
    if waveform.ndim == 2:
        waveform = waveform.mean(dim=0)
    if waveform.ndim != 1:
        raise ValueError(
            "voice-activity-detection: expects a waveform of shape (time,) or (channels, time), "
            f"got {tuple(waveform.shape)}"
        )
    waveform = waveform.to(weft.float32)
    unfit = weft.nonzero(~weft.isfinite(waveform))
    if len(unfit):
        # One of them would spread through the filter and the network's state to every later frame.
        named = "" if isinstance(source, (weft.Tensor, tuple, bytes)) else f"{os.fspath(source)}: "
        first = int(unfit[0].item())
        raise ValueError(
            f"voice-activity-detection: {named}{len(unfit)} of {len(waveform)} samples are not "
            f"finite, the first {waveform[first].item()} at sample {first}; finite samples in "
            "[-1, 1] are required"
        )
    return functional.resample(waveform, source_rate, rate)
