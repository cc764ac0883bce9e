"""From probabilities to segments: thresholds, durations and padding, each on its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft_audio.functional import SpeechSegment, speech_segments

FRAME = 0.1


def segments(probabilities, **settings):
    """Segments as rounded pairs, by default without padding or limits on durations."""
    settings = {"min_speech_s": 0.0, "min_silence_s": 0.0, "pad_s": 0.0} | settings
    found = speech_segments(probabilities, FRAME, **settings)
    return [(round(s.start_s, 6), round(s.end_s, 6)) for s in found]


def test_speech_runs_from_the_first_high_frame_to_the_first_low_one():
    assert segments([0.1, 0.9, 0.8, 0.1, 0.0]) == [(0.1, 0.3)]


def test_speech_at_the_end_ends_with_the_recording():
    assert segments([0.1, 0.9, 0.9]) == [(0.1, 0.3)]
    assert segments([0.1, 0.9, 0.9], duration_s=0.25) == [(0.1, 0.25)]


def test_a_frame_at_the_threshold_is_speech():
    assert segments([0.5, 0.0]) == [(0.0, 0.1)]
    assert segments([0.4999, 0.0]) == []


def test_between_the_thresholds_speech_goes_on_but_does_not_begin():
    assert segments([0.4, 0.4, 0.9, 0.4, 0.4, 0.1]) == [(0.2, 0.5)]
    assert segments([0.4, 0.9, 0.4, 0.9, 0.1], exit_threshold=0.45) == [(0.1, 0.2), (0.3, 0.4)]


def test_short_pauses_do_not_end_a_segment():
    speech = [0.9, 0.1, 0.1, 0.9, 0.1, 0.1, 0.1, 0.1]
    assert segments(speech, min_silence_s=0.3) == [(0.0, 0.4)]
    assert segments(speech, min_silence_s=0.1) == [(0.0, 0.1), (0.3, 0.4)]


def test_short_segments_are_dropped():
    speech = [0.9, 0.1, 0.9, 0.9, 0.9, 0.1]
    assert segments(speech, min_speech_s=0.1) == [(0.2, 0.5)]
    assert segments(speech, min_speech_s=0.05) == [(0.0, 0.1), (0.2, 0.5)]


def test_padding_stays_inside_the_recording():
    assert segments([0.9, 0.9, 0.1], pad_s=0.05) == [(0.0, 0.25)]
    assert segments([0.1, 0.9, 0.9], pad_s=0.05) == [(0.05, 0.3)]


def test_neighbours_share_a_pause_that_is_too_short_for_both_paddings():
    speech = [0.9, 0.1, 0.1, 0.9, 0.1]
    assert segments(speech, pad_s=0.06) == [(0.0, 0.16), (0.24, 0.46)]
    assert segments(speech, pad_s=5.0) == [(0.0, 0.2), (0.2, 0.5)]


def test_silence_and_nothing_have_no_segments():
    assert segments([0.0] * 10) == []
    assert segments([]) == []


def test_segments_have_named_times():
    (segment,) = speech_segments([0.9] * 4, FRAME)
    assert isinstance(segment, SpeechSegment)
    assert segment._asdict() == {"start_s": 0.0, "end_s": pytest.approx(0.4)}


@given(
    st.lists(st.floats(0, 1), max_size=60),
    st.floats(0, 1),
    st.floats(0, 0.5),
    st.floats(0, 0.5),
    st.floats(0, 0.3),
)
def test_segments_are_ordered_disjoint_and_inside(
    probabilities, threshold, min_speech, min_silence, pad
):
    found = speech_segments(
        probabilities,
        FRAME,
        threshold=threshold,
        exit_threshold=threshold / 2,
        min_speech_s=min_speech,
        min_silence_s=min_silence,
        pad_s=pad,
    )
    times = [time for segment in found for time in segment]
    assert times == sorted(times)
    assert all(-1e-9 <= time <= len(probabilities) * FRAME + 1e-9 for time in times)
    assert all(end - start > min_speech - 1e-9 for start, end in found)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 1.5}, "threshold=1.5"),
        ({"threshold": 0.3, "exit_threshold": 0.4}, "exit_threshold=0.4 and threshold=0.3"),
        ({"min_speech_s": -1.0}, "min_speech_s must not be negative"),
        ({"pad_s": float("nan")}, "pad_s"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        speech_segments([0.5], FRAME, **settings)


def test_what_is_no_probability_is_refused_with_its_frame():
    with pytest.raises(ValueError, match="got nan at frame 1"):
        speech_segments([0.5, float("nan")], FRAME)
    with pytest.raises(ValueError, match="frame_s must be positive"):
        speech_segments([0.5], 0.0)
