"""Voice activity detection as the hub runs it: from a recording to segments of speech."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import weft
from weft_audio import functional
from weft_audio.tasks._recording import Recording, RecordingTask

_LABELS = {"speech": ("speech",)}


class _VoiceActivityTask(RecordingTask):
    """The task `voice-activity-detection`: its label set, preprocessing, run and report."""

    name = "voice-activity-detection"

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

    def figures(self, result: Mapping[str, Any]) -> dict[str, float]:
        """What an entry of the hub may state about a recording: "seconds of speech"."""
        return {"seconds of speech": sum(s["end_s"] - s["start_s"] for s in result["segments"])}

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
