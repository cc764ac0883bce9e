"""The Silero voice activity detector: how likely each 32 ms of a recording hold speech.

A frame of 512 samples at 16 kHz, with the 64 samples before it, goes through a Fourier transform
(a convolution with a fixed Hann-windowed basis, 256 samples wide, every 128), four convolutions,
one LSTM cell that remembers what came before, and a last linear layer. Only the LSTM looks back,
so everything before it runs for many frames at once.

The structure and the parameter names are those of the file `silero_vad_16k.safetensors` of the
package silero-vad 6.2.3 (MIT); `load_state_dict` takes the names of its `silero_vad.jit` as well.
"""

from __future__ import annotations

import math

import weft
from weft import nn
from weft_audio.models._silero_archive import accept_archive_names

SAMPLE_RATE_HZ = 16_000
FRAME_SAMPLES = 512
CONTEXT_SAMPLES = 64
_FFT_SAMPLES = 256
_HOP_SAMPLES = 128
_BINS = _FFT_SAMPLES // 2 + 1
_STATE = 128

# Frames whose features are computed together: 16 s of sound, some MB in the widest layer.
_BLOCK_FRAMES = 512


class SileroVAD(nn.Module):
    """Speech probability of frames of 512 samples at 16 kHz.

    The initial weights are random, except the Fourier basis, which is exact and not trained:
    magnitudes have no derivative at silence.

    Example:
        >>> import weft, weft_audio
        >>> model = weft_audio.models.silero_vad()
        >>> tuple(model.speech_probabilities(weft.zeros(16_000)).shape)
        (32,)
    """

    sample_rate_hz = SAMPLE_RATE_HZ
    frame_samples = FRAME_SAMPLES
    context_samples = CONTEXT_SAMPLES

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 2 * _BINS, _FFT_SAMPLES, stride=_HOP_SAMPLES, bias=False)
        self.conv1 = nn.Conv1d(_BINS, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, 128, 3, padding=1)
        self.lstm_cell = nn.LSTMCell(128, _STATE)
        self.final_conv = nn.Conv1d(_STATE, 1, 1)
        self.register_load_state_dict_pre_hook(accept_archive_names)
        self.stft_conv.weight.requires_grad_(False)
        with weft.no_grad():
            self.stft_conv.weight.copy_(_fourier_basis())

    def forward(
        self, x: weft.Tensor, state: weft.Tensor | None = None
    ) -> tuple[weft.Tensor, weft.Tensor]:
        """One frame of each of some recordings.

        Args:
            x: (batch, 576), amplitude in [-1, 1]: the frame's 512 samples after the 64 that came
                before them (zeros at the start of a recording).
            state: (2, batch, 128), what the last call returned; None at the start.

        Returns:
            The probabilities, (batch, 1), and the state for the next frame.

        Raises:
            ValueError: another shape of `x` or of `state`.
        """
        if x.ndim != 2 or x.shape[1] != CONTEXT_SAMPLES + FRAME_SAMPLES:
            raise ValueError(
                f"SileroVAD: expects x of shape (batch, {CONTEXT_SAMPLES + FRAME_SAMPLES}), "
                f"{CONTEXT_SAMPLES} samples of context and {FRAME_SAMPLES} of the frame at "
                f"{SAMPLE_RATE_HZ} Hz; got {tuple(x.shape)}"
            )
        if state is not None and tuple(state.shape) != (2, x.shape[0], _STATE):
            raise ValueError(
                f"SileroVAD: expects a state of shape (2, {x.shape[0]}, {_STATE}) for "
                f"x.shape == {tuple(x.shape)}, got {tuple(state.shape)}"
            )
        memory = None if state is None else (state[0], state[1])
        hidden, cell = self.lstm_cell(self._features(x), memory)
        return self._probability(hidden), weft.stack([hidden, cell])

    def speech_probabilities(self, waveform: weft.Tensor) -> weft.Tensor:
        """The speech probability of every frame of whole recordings.

        Args:
            waveform: (time,) or (batch, time) at 16 kHz, amplitude in [-1, 1]. A last frame that
                is not full is filled up with silence.

        Returns:
            (frames,) or (batch, frames), frames = ceil(time / 512), each in [0, 1].

        Raises:
            ValueError: another number of axes.
        """
        if waveform.ndim not in (1, 2):
            raise ValueError(
                "speech_probabilities: expects a waveform of shape (time,) or (batch, time), got "
                f"{tuple(waveform.shape)}; mix channels down with waveform.mean(dim=0)"
            )
        batch = waveform if waveform.ndim == 2 else waveform.unsqueeze(0)
        frames = -(-batch.shape[1] // FRAME_SAMPLES)
        missing = frames * FRAME_SAMPLES - batch.shape[1]
        padded = nn.functional.pad(batch, (CONTEXT_SAMPLES, missing))
        probabilities: list[weft.Tensor] = []
        memory = None
        for first in range(0, frames, _BLOCK_FRAMES):
            count = min(_BLOCK_FRAMES, frames - first)
            features = self._features(_windows(padded, first, count))
            features = features.reshape(batch.shape[0], count, -1)
            hidden_states = []
            for i in range(count):
                memory = self.lstm_cell(features[:, i], memory)
                hidden_states.append(memory[0])
            hidden = weft.stack(hidden_states, dim=1).reshape(-1, _STATE)
            probabilities.append(self._probability(hidden).reshape(batch.shape[0], count))
        if not probabilities:
            return waveform.new_zeros((*waveform.shape[:-1], 0))
        result = weft.cat(probabilities, dim=1)
        return result if waveform.ndim == 2 else result[0]

    def stream(self) -> SpeechStream:
        """A listener that takes a recording frame by frame, as it comes."""
        return SpeechStream(self)

    def _features(self, x: weft.Tensor) -> weft.Tensor:
        """(n, 576) samples to (n, 128) features."""
        # The network was trained with the end mirrored and the start bare.
        padded = nn.functional.pad(x.unsqueeze(1), (0, _FFT_SAMPLES // 4), mode="reflect")
        spectrum = self.stft_conv(padded)  # (n, 258, 4), real parts above imaginary ones
        real, imaginary = spectrum[:, :_BINS], spectrum[:, _BINS:]
        magnitude = (real * real + imaginary * imaginary).sqrt()
        y = nn.functional.relu(self.conv1(magnitude))  # (n, 128, 4)
        y = nn.functional.relu(self.conv2(y))  # (n, 64, 2)
        y = nn.functional.relu(self.conv3(y))  # (n, 64, 1)
        y = nn.functional.relu(self.conv4(y))  # (n, 128, 1)
        return y.squeeze(-1)

    def _probability(self, hidden: weft.Tensor) -> weft.Tensor:
        """(n, 128) hidden states to (n, 1) probabilities."""
        scores = self.final_conv(nn.functional.relu(hidden).unsqueeze(-1))
        return scores.sigmoid().squeeze(-1)


class SpeechStream:
    """A recording that comes in frame by frame: keeps the network's state and the last samples.

    Args:
        model: the network, in evaluation mode.

    Example:
        >>> import weft, weft_audio
        >>> stream = weft_audio.models.silero_vad().stream()
        >>> 0.0 <= stream(weft.zeros(512)) <= 1.0
        True
    """

    def __init__(self, model: SileroVAD) -> None:
        self.model = model
        self.reset()

    def reset(self) -> None:
        """Forget everything heard, for the next recording."""
        self._state: weft.Tensor | None = None
        self._context: weft.Tensor | None = None

    def __call__(self, frame: weft.Tensor) -> float:
        """The speech probability of the next frame.

        Args:
            frame: (512,) at 16 kHz, amplitude in [-1, 1].

        Raises:
            ValueError: another shape.
        """
        if tuple(frame.shape) != (FRAME_SAMPLES,):
            raise ValueError(
                f"SpeechStream: expects a frame of shape ({FRAME_SAMPLES},), that is "
                f"{1000 * FRAME_SAMPLES // SAMPLE_RATE_HZ} ms at {SAMPLE_RATE_HZ} Hz; got "
                f"{tuple(frame.shape)}"
            )
        with weft.no_grad():
            # Before the recording there is silence.
            before = frame.new_zeros(CONTEXT_SAMPLES) if self._context is None else self._context
            window = weft.cat([before, frame])
            probability, self._state = self.model(window.unsqueeze(0), self._state)
            # A copy: the caller may fill the same buffer with the next frame.
            self._context = frame[-CONTEXT_SAMPLES:].clone()
        return float(probability.item())


def silero_vad() -> SileroVAD:
    """A fresh Silero voice activity detector in evaluation mode, without pretrained weights.

    Pretrained: `weft_hub.load("audio/silero-vad")`.
    """
    return SileroVAD().eval()


def _windows(padded: weft.Tensor, first: int, count: int) -> weft.Tensor:
    """Frames with their context: (batch, 64 + time) to (batch · count, 576)."""
    start = first * FRAME_SAMPLES
    frames = padded[:, start + CONTEXT_SAMPLES : start + CONTEXT_SAMPLES + count * FRAME_SAMPLES]
    frames = frames.reshape(padded.shape[0], count, FRAME_SAMPLES)
    before = padded[:, start : start + count * FRAME_SAMPLES]
    context = before.reshape(padded.shape[0], count, FRAME_SAMPLES)[:, :, :CONTEXT_SAMPLES]
    return weft.cat([context, frames], dim=2).reshape(-1, CONTEXT_SAMPLES + FRAME_SAMPLES)


def _fourier_basis() -> weft.Tensor:
    """The Hann-windowed Fourier basis, (258, 1, 256): cosines, then negative sines."""
    n = weft.arange(_FFT_SAMPLES, dtype=weft.float64)
    window = 0.5 - 0.5 * (n * (2 * math.pi / _FFT_SAMPLES)).cos()
    k = weft.arange(_BINS, dtype=weft.float64).unsqueeze(1)
    angle = k * n * (2 * math.pi / _FFT_SAMPLES)
    basis = weft.cat([angle.cos() * window, -angle.sin() * window])
    return basis.unsqueeze(1).to(weft.float32)
