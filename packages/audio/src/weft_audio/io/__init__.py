"""Sound files to tensors and back, by libsndfile through soundfile; no ffmpeg."""

from weft_audio.io._errors import AudioDecodeError
from weft_audio.io._read import AudioInfo, info, load
from weft_audio.io._write import save

__all__ = ["AudioDecodeError", "AudioInfo", "info", "load", "save"]
