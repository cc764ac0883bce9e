"""From a speech probability a frame to segments of speech: two thresholds and two durations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class SpeechSegment(NamedTuple):
    """A stretch of speech, in seconds from the start of the recording."""

    start_s: float
    end_s: float


def speech_segments(
    probabilities: Sequence[float],
    frame_s: float,
    *,
    threshold: float = 0.5,
    exit_threshold: float | None = None,
    min_speech_s: float = 0.25,
    min_silence_s: float = 0.1,
    pad_s: float = 0.03,
    duration_s: float | None = None,
) -> list[SpeechSegment]:
    """Where there is speech.

    Speech begins with a frame at or above `threshold`. It ends where the probability falls below
    `exit_threshold` and then stays below `threshold` until a frame below `exit_threshold` comes
    that is at least `min_silence_s` later. Frames between the two thresholds neither begin nor end
    anything. Segments of `min_speech_s` or less are dropped; what remains is widened by `pad_s` on
    both sides, and where two would then overlap they meet in the middle of the pause.

    Args:
        probabilities: one a frame, in [0, 1].
        frame_s: the length of a frame in seconds.
        threshold: where speech begins.
        exit_threshold: below which it may end; threshold - 0.15, but at least 0.01, if not given.
        min_speech_s: segments not longer than this are dropped.
        min_silence_s: pauses shorter than this do not end a segment.
        pad_s: added before and after each segment.
        duration_s: the length of the recording; all frames if not given. No segment ends later.

    Returns:
        The segments in order, disjoint.

    Raises:
        ValueError: a threshold outside [0, 1], the exit above the entry, a negative duration, or a
            probability that is no number in [0, 1].

    Source: the rule of silero-vad 6.2.3 (`get_speech_timestamps`) without its limit on the length
    of a segment. That package rounds to whole samples; the results agree to a sample.

    Example:
        >>> from weft_audio.functional import speech_segments
        >>> speech_segments([0.1, 0.9, 0.9, 0.2, 0.1, 0.1], 0.25, pad_s=0)
        [SpeechSegment(start_s=0.25, end_s=0.75)]
    """
    leave = max(threshold - 0.15, 0.01) if exit_threshold is None else exit_threshold
    _require(probabilities, frame_s, threshold, leave, min_speech_s, min_silence_s, pad_s)
    total_s = len(probabilities) * frame_s if duration_s is None else duration_s
    found = _raw_segments(probabilities, frame_s, threshold, leave, min_silence_s, total_s)
    kept = [(start, end) for start, end in found if end - start > min_speech_s]
    return _padded(kept, pad_s, total_s)


def _raw_segments(
    probabilities: Sequence[float],
    frame_s: float,
    enter: float,
    leave: float,
    min_silence_s: float,
    total_s: float,
) -> list[tuple[float, float]]:
    """The segments before the short ones are dropped and all are padded."""
    found: list[tuple[float, float]] = []
    start: int | None = None  # the frame in which the open segment began
    quiet: int | None = None  # the first quiet frame since speech was last certain
    for i, probability in enumerate(probabilities):
        if probability >= enter:
            quiet = None
            if start is None:
                start = i
        elif probability < leave and start is not None:
            quiet = i if quiet is None else quiet
            # A part in a billion of slack: 3 · 0.1 must count as 0.3.
            if (i - quiet) * frame_s >= min_silence_s * (1 - 1e-9):
                found.append((start * frame_s, quiet * frame_s))
                start = quiet = None
    if start is not None:
        found.append((start * frame_s, total_s))
    return found


def _padded(
    segments: list[tuple[float, float]], pad_s: float, total_s: float
) -> list[SpeechSegment]:
    """Each segment widened on both sides, sharing pauses that are too short for both."""
    result = []
    for i, (start, end) in enumerate(segments):
        before = segments[i - 1][1] if i > 0 else None
        after = segments[i + 1][0] if i + 1 < len(segments) else None
        room_before = pad_s if before is None else min(pad_s, (start - before) / 2)
        room_after = pad_s if after is None else min(pad_s, (after - end) / 2)
        result.append(SpeechSegment(max(start - room_before, 0.0), min(end + room_after, total_s)))
    return result


def _require(
    probabilities: Sequence[float],
    frame_s: float,
    enter: float,
    leave: float,
    min_speech_s: float,
    min_silence_s: float,
    pad_s: float,
) -> None:
    if not 0 <= leave <= enter <= 1:
        raise ValueError(
            "speech_segments: needs 0 <= exit_threshold <= threshold <= 1, got "
            f"exit_threshold={leave} and threshold={enter}"
        )
    if frame_s <= 0:
        raise ValueError(f"speech_segments: frame_s must be positive, got {frame_s}")
    for name, value in (
        ("min_speech_s", min_speech_s),
        ("min_silence_s", min_silence_s),
        ("pad_s", pad_s),
    ):
        if not value >= 0:
            raise ValueError(f"speech_segments: {name} must not be negative, got {value}")
    for i, probability in enumerate(probabilities):
        if not 0 <= probability <= 1:
            raise ValueError(
                f"speech_segments: probabilities must be in [0, 1], got {probability} at frame {i}"
            )
