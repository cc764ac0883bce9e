"""Audio models."""

from weft_audio.models._crepe import Crepe, crepe
from weft_audio.models._silero_vad import SileroVAD, SpeechStream, silero_vad

__all__ = ["Crepe", "SileroVAD", "SpeechStream", "crepe", "silero_vad"]
