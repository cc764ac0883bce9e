"""Operations on waveforms and on what models say about them."""

from weft_audio.functional._resample import resample
from weft_audio.functional._speech_segments import SpeechSegment, speech_segments

__all__ = ["SpeechSegment", "resample", "speech_segments"]
