"""Operations on waveforms and on what models say about them."""

from weft_audio.functional._pitch import PITCH_BINS, Pitch, bin_frequencies, decode_pitch
from weft_audio.functional._resample import resample
from weft_audio.functional._speech_segments import SpeechSegment, speech_segments

__all__ = [
    "PITCH_BINS",
    "Pitch",
    "SpeechSegment",
    "bin_frequencies",
    "decode_pitch",
    "resample",
    "speech_segments",
]
