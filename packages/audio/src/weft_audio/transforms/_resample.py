"""Resampling as a module."""

from __future__ import annotations

import weft
from weft import nn
from weft_audio import functional


class Resample(nn.Module):
    """Change the sample rate of a waveform; see `functional.resample` for the arguments."""

    def __init__(
        self,
        orig_freq: int = 16_000,
        new_freq: int = 16_000,
        resampling_method: str = "sinc_interp_hann",
        lowpass_filter_width: int = 6,
        rolloff: float = 0.99,
        beta: float | None = None,
    ) -> None:
        super().__init__()
        self.orig_freq = orig_freq
        self.new_freq = new_freq
        self.resampling_method = resampling_method
        self.lowpass_filter_width = lowpass_filter_width
        self.rolloff = rolloff
        self.beta = beta

    def forward(self, waveform: weft.Tensor) -> weft.Tensor:
        """(..., time) to (..., ceil(time · new_freq / orig_freq))."""
        return functional.resample(
            waveform,
            self.orig_freq,
            self.new_freq,
            self.lowpass_filter_width,
            self.rolloff,
            self.resampling_method,
            self.beta,
        )

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.orig_freq} Hz to {self.new_freq} Hz, {self.resampling_method!r}, "
            f"lowpass_filter_width={self.lowpass_filter_width}, rolloff={self.rolloff}"
        )
