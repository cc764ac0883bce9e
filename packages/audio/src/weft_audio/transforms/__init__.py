"""Operations on waveforms as modules that remember their settings."""

from weft_audio.transforms._resample import Resample

__all__ = ["Resample"]
