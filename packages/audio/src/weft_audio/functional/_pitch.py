"""From an activation a frame to one pitch a frame: the highest, a weighted mean, the best path."""

from __future__ import annotations

import difflib
import math
from typing import NamedTuple

import weft
from weft import nn

PITCH_BINS = 360
CENTS_PER_BIN = 20.0
# Cents are counted from 10 Hz; the lowest of the bins is 31.7 Hz.
_LOWEST_CENTS = 1997.3794084376191
_REFERENCE_HZ = 10.0

# Bins on each side of the middle that a weighted mean is taken over.
_REACH = 4
# How far the pitch may move between two frames: by fewer bins than this, near ones more likely.
_LEAP = 12
_DECODERS = ("argmax", "weighted-argmax", "viterbi")
_TINY = 1.1754943508222875e-38  # the smallest normal float32: what a forbidden move costs


class Pitch(NamedTuple):
    """One pitch a frame.

    Attributes:
        frequency_hz: (frames,) float32.
        confidence: (frames,) float32 in [0, 1]: the activation at the pitch's bin. It is low where
            nothing has a pitch.
        bins: (frames,) int64 in 0..359: the bin that was chosen.
    """

    frequency_hz: weft.Tensor
    confidence: weft.Tensor
    bins: weft.Tensor


def bin_frequencies() -> weft.Tensor:
    """The frequency in Hz of each of the 360 pitch bins, (360,) float64: 31.7 Hz to 2005.5 Hz.

    Bin b stands at 10 · 2^((1997.379… + 20 b) / 1200) Hz.

    Example:
        >>> from weft_audio.functional import bin_frequencies
        >>> round(bin_frequencies()[168].item(), 1)
        220.8
    """
    return _frequencies(_cents())


def decode_pitch(
    activation: weft.Tensor,
    decoder: str = "viterbi",
    *,
    fmin_hz: float = 50.0,
    fmax_hz: float = 2006.0,
) -> Pitch:
    """One pitch for each frame of an activation.

    "argmax" takes the middle of the highest bin. "weighted-argmax" takes the mean of the cents of
    the nine bins around it, weighted by their activations, and so tells pitches apart that lie
    between two bins. "viterbi" first finds the likeliest path through the bins, on which the pitch
    moves by fewer than 12 bins (a fifth of a semitone each) between two frames, near moves being
    likelier than wide ones; then it takes the weighted mean around the path. It does not jump to
    the octave for a frame or two.

    Args:
        activation: (frames, 360), in [0, 1], as `models.Crepe` gives it.
        decoder: "argmax", "weighted-argmax" or "viterbi".
        fmin_hz: no lower pitch is found.
        fmax_hz: no higher pitch is found.

    Returns:
        Frequencies in Hz, confidences and bins, each (frames,).

    Raises:
        ValueError: another shape, an unknown decoder, or no bin between the two frequencies.

    Source: CREPE's weighted mean over activations, and torchcrepe's path (its states, moves and
    emissions, by librosa's algorithm), whose bins are the same. torchcrepe draws noise of up to 20
    cents onto each pitch and takes the sigmoid of its activations a second time before it weighs
    them; neither is done here. Near the ends of the scale its moves are likelier, which draws its
    path to the highest pitch of all where there is none; here moves are alike everywhere.

    Example:
        >>> import weft
        >>> from weft_audio.functional import decode_pitch
        >>> activation = weft.zeros(1, 360)
        >>> activation[0, 168] = 1.0
        >>> [round(hz, 1) for hz in decode_pitch(activation).frequency_hz.tolist()]
        [220.8]
    """
    if activation.ndim != 2 or activation.shape[1] != PITCH_BINS:
        raise ValueError(
            f"decode_pitch: expects an activation of shape (frames, {PITCH_BINS}), got "
            f"{tuple(activation.shape)}"
        )
    if decoder not in _DECODERS:
        near = difflib.get_close_matches(decoder, _DECODERS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_DECODERS)}"
        raise ValueError(f"decode_pitch: no decoder is called {decoder!r}; {hint}")
    low, high = _range(fmin_hz, fmax_hz)
    with weft.no_grad():
        inside = weft.arange(PITCH_BINS)
        allowed = (inside >= low) & (inside < high)
        activation = activation.detach().to(weft.float64)
        if decoder == "viterbi":
            bins = _best_path(activation, allowed)
        else:
            bins = weft.where(allowed, activation, -math.inf).argmax(dim=1)
        confidence = activation.gather(1, bins.unsqueeze(1)).squeeze(1)
        if decoder == "argmax":
            frequency = bin_frequencies()[bins]
        else:
            frequency = _frequencies(_local_mean(activation * allowed, bins))
    return Pitch(frequency.to(weft.float32), confidence.to(weft.float32), bins)


def _range(fmin_hz: float, fmax_hz: float) -> tuple[int, int]:
    """The first bin that is allowed, and the first above that is not."""
    if not 0 < fmin_hz < fmax_hz:
        raise ValueError(
            f"decode_pitch: needs 0 < fmin_hz < fmax_hz, got fmin_hz={fmin_hz}, fmax_hz={fmax_hz}"
        )
    place = [
        (1200 * math.log2(hz / _REFERENCE_HZ) - _LOWEST_CENTS) / CENTS_PER_BIN
        for hz in (fmin_hz, fmax_hz)
    ]
    low, high = max(math.floor(place[0]), 0), min(math.ceil(place[1]), PITCH_BINS)
    if low >= high:
        raise ValueError(
            f"decode_pitch: no pitch bin lies between fmin_hz={fmin_hz} and fmax_hz={fmax_hz}; "
            "the bins go from 31.7 Hz to 2005.5 Hz"
        )
    return low, high


def _cents() -> weft.Tensor:
    return weft.arange(PITCH_BINS, dtype=weft.float64) * CENTS_PER_BIN + _LOWEST_CENTS


def _frequencies(cents: weft.Tensor) -> weft.Tensor:
    return _REFERENCE_HZ * (cents / 1200).exp2()


def _local_mean(weights: weft.Tensor, bins: weft.Tensor) -> weft.Tensor:
    """The mean of the cents around a bin a frame, (frames,), weighted by (frames, 360)."""
    near = bins.unsqueeze(1) + weft.arange(-_REACH, _REACH + 1)  # (frames, 9)
    is_bin = (near >= 0) & (near < PITCH_BINS)
    near = near.clamp(0, PITCH_BINS - 1)
    taken = weights.gather(1, near) * is_bin
    total = taken.sum(dim=1)
    mean = (_cents()[near] * taken).sum(dim=1) / weft.where(total > 0, total, 1.0)
    # Where all activations are exactly zero there is nothing to weigh.
    return weft.where(total > 0, mean, _cents()[bins])


def _best_path(activation: weft.Tensor, allowed: weft.Tensor) -> weft.Tensor:
    """The likeliest sequence of bins, (frames,), by Viterbi's algorithm in logarithms."""
    masked = weft.where(allowed, activation, -math.inf)
    emission = (masked.softmax(dim=1) + _TINY).log()
    moves, forbidden = _moves(), math.log(_TINY)
    score = emission[0] - math.log(PITCH_BINS)
    came_from = []
    for i in range(1, len(emission)):
        # Row j holds what each bin j - 11 .. j + 11 scored, and what moving to j costs.
        around = nn.functional.pad(score, (_LEAP - 1, _LEAP - 1), value=-math.inf)
        near, step = (around.unfold(0, 2 * _LEAP - 1, 1) + moves).max(dim=1)
        origin = step + weft.arange(1 - _LEAP, PITCH_BINS + 1 - _LEAP)
        # A move that is wider than any allowed one is not impossible, only as good as.
        best, best_bin = score.max(dim=0)
        leaps = best + forbidden > near
        came_from.append(weft.where(leaps, best_bin, origin).numpy())
        score = weft.where(leaps, best + forbidden, near) + emission[i]
    path = [int(score.argmax().item())]
    for origins in reversed(came_from):
        path.append(int(origins[path[-1]]))
    return weft.tensor(path[::-1], dtype=weft.int64)


def _moves() -> weft.Tensor:
    """The logarithm of the share of moves from bin j - 11 + k to bin j, (360, 23)."""
    bins = weft.arange(PITCH_BINS, dtype=weft.float64)
    likely = (_LEAP - (bins.unsqueeze(1) - bins).abs()).clamp(min=0)  # (from, to)
    shares = likely / _LEAP**2  # what they sum to, but for the ends of the scale
    origin = weft.arange(PITCH_BINS).unsqueeze(1) + weft.arange(1 - _LEAP, _LEAP)
    is_bin = (origin >= 0) & (origin < PITCH_BINS)
    target = weft.arange(PITCH_BINS).unsqueeze(1).expand(PITCH_BINS, 2 * _LEAP - 1)
    found = shares[origin.clamp(0, PITCH_BINS - 1), target]
    return weft.where(is_bin, found + _TINY, 1.0).log()  # the padding scores -inf already
