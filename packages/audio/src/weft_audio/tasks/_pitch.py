"""Pitch tracking as the hub runs it: from a recording to a pitch every hundredth of a second."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import weft
from weft_audio import functional
from weft_audio.tasks._recording import Recording, RecordingTask

# Below this confidence a frame counts as having no pitch, in summaries and figures.
_VOICED = 0.5
# What a singer and a listener call the same note, and what the field's measure allows.
_NEAR_CENTS = 50.0
_TONES = "harmonic-tones"


class _PitchTrackingTask(RecordingTask):
    """The task `pitch-tracking`: its preprocessing, run, report and measure."""

    name = "pitch-tracking"

    def labels(self, name: str) -> tuple[str, ...]:
        """Pitches have frequencies, and no names.

        Raises:
            ValueError: always; an entry for this task states no label set.
        """
        raise ValueError(f"{self.name}: no label set is named {name!r}; the task has none")

    def run(
        self,
        model: Any,
        source: Recording,
        *,
        decoder: str = "viterbi",
        fmin_hz: float = 50.0,
        fmax_hz: float = 2006.0,
    ) -> dict[str, Any]:
        """Track the pitch of one recording.

        Args:
            model: a network with `activation`, `sample_rate_hz` and `hop_samples` that carries
                `preprocess`, as `weft_hub.load` returns it.
            source: a path, bytes, (waveform, rate in Hz), or a waveform at the model's rate.
            decoder, fmin_hz, fmax_hz: as `functional.decode_pitch`.

        Returns:
            `{"task": "pitch-tracking", "sample_rate_hz", "hop_s", "duration_s", "decoder",
            "frequency_hz": [one a frame], "confidence": [one a frame]}`; frame i has its middle at
            i · hop_s.

        Raises:
            AudioDecodeError, FileNotFoundError: see `io.load`.
            ValueError: see `functional.decode_pitch`.
        """
        waveform = model.preprocess(source)
        with weft.no_grad():
            activation = model.activation(waveform)
        pitch = functional.decode_pitch(activation, decoder, fmin_hz=fmin_hz, fmax_hz=fmax_hz)
        return {
            "task": self.name,
            "sample_rate_hz": model.sample_rate_hz,
            "hop_s": model.hop_samples / model.sample_rate_hz,
            "duration_s": waveform.shape[-1] / model.sample_rate_hz,
            "decoder": decoder,
            "frequency_hz": pitch.frequency_hz.tolist(),
            "confidence": pitch.confidence.tolist(),
        }

    def figures(self, result: Mapping[str, Any]) -> dict[str, float]:
        """What an entry of the hub may state about a recording.

        "median pitch in Hz" is that of the frames whose confidence is at least 0.5, and "seconds
        with pitch" is how long these are together.
        """
        voiced = _voiced(result)
        found = {"seconds with pitch": len(voiced) * result["hop_s"]}
        if voiced:
            found["median pitch in Hz"] = statistics.median(voiced)
        return found

    def text(self, result: Mapping[str, Any]) -> str:
        """The result as lines for a person: each stretch with a pitch, then all of them."""
        lines = []
        for start, end in _stretches(result["confidence"]):
            pitches = result["frequency_hz"][start:end]
            low, middle, high = min(pitches), statistics.median(pitches), max(pitches)
            lines.append(
                f"pitch {start * result['hop_s']:8.2f} s to {end * result['hop_s']:8.2f} s "
                f"{middle:8.1f} Hz ({low:.1f} to {high:.1f})"
            )
        figures = self.figures(result)
        median = figures.get("median pitch in Hz")
        said = "no pitch" if median is None else f"median {median:.1f} Hz"
        lines.append(
            f"{figures['seconds with pitch']:.2f} s with a pitch in {result['duration_s']:.2f} s, "
            f"{said}"
        )
        return "\n".join(lines)

    def data_sets(self) -> dict[str, tuple[dict[str, Any], ...]]:
        """What `measure` knows: "harmonic-tones", which are made and not fetched."""
        return {_TONES: ()}

    def measure(
        self,
        model: Any,
        data_set: str,
        files: Mapping[str, Path],
        *,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """How many frames of tones of known pitch a model hears within 50 cents.

        The tones are 48, from 65.4 Hz (C2) upwards by semitones, half a second each, of eight
        partials whose strength falls as 1/k.

        Args:
            model: as for `run`.
            data_set: "harmonic-tones".
            files: none.
            limit: use so many tones only.

        Returns:
            `{"samples": tones, "figures": {"raw pitch accuracy": share of frames within 50 cents,
            "mean error in cents": …}}`.

        Raises:
            ValueError: another data set, or a limit below 1.
        """
        if data_set != _TONES:
            raise ValueError(f"{self.name}: no data set is named {data_set!r}; known is {_TONES}")
        if limit is not None and limit < 1:
            raise ValueError(f"{self.name}: limit must be at least 1, got {limit}")
        pitches = [440.0 * 2 ** ((note - 69) / 12) for note in range(36, 84)][:limit]
        near = frames = 0
        away = 0.0
        for pitch_hz in pitches:
            result = self.run(model, _tone(pitch_hz, model.sample_rate_hz), decoder="argmax")
            # The frames at the ends are half silence.
            heard = result["frequency_hz"][4:-4]
            cents = [1200 * abs(math.log2(hz / pitch_hz)) for hz in heard]
            near += sum(c <= _NEAR_CENTS for c in cents)
            away += sum(cents)
            frames += len(cents)
        return {
            "samples": len(pitches),
            "figures": {"raw pitch accuracy": near / frames, "mean error in cents": away / frames},
        }


pitch_tracking = _PitchTrackingTask()


def _tone(pitch_hz: float, rate_hz: int) -> weft.Tensor:
    time = weft.arange(rate_hz // 2, dtype=weft.float64) / rate_hz
    partials = [(2 * math.pi * k * pitch_hz * time).sin() / k for k in range(1, 9)]
    return (0.2 * weft.stack(partials).sum(dim=0)).to(weft.float32)


def _voiced(result: Mapping[str, Any]) -> list[float]:
    pairs = zip(result["frequency_hz"], result["confidence"], strict=True)
    return [hz for hz, confidence in pairs if confidence >= _VOICED]


def _stretches(confidence: list[float]) -> list[tuple[int, int]]:
    """Runs of frames that have a pitch, each from its first to the one after its last."""
    found: list[tuple[int, int]] = []
    start: int | None = None
    for i, value in enumerate([*confidence, 0.0]):
        if value >= _VOICED and start is None:
            start = i
        elif value < _VOICED and start is not None:
            found.append((start, i))
            start = None
    return found
