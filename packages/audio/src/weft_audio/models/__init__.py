"""Audio models."""

from weft_audio.models._silero_vad import SileroVAD, SpeechStream, silero_vad

__all__ = ["SileroVAD", "SpeechStream", "silero_vad"]
