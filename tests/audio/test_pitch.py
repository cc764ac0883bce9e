"""From activations to pitches: bins, the weighted mean, the path, and what is refused."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import weft
from weft_audio.functional import PITCH_BINS, bin_frequencies, decode_pitch
from weft_audio.functional._pitch import _best_path, _moves


def bump(centre: float, width: float = 1.5, height: float = 0.9) -> np.ndarray:
    """Return the activation of a frame whose pitch lies at a bin, or between two."""
    bins = np.arange(PITCH_BINS)
    return height * np.exp(-((bins - centre) ** 2) / (2 * width**2))


def activation(*centres: float) -> weft.Tensor:
    return weft.from_numpy(np.stack([bump(one) for one in centres]).astype(np.float32))


def hz(bin_: float) -> float:
    return 10 * 2 ** ((1997.3794084376191 + 20 * bin_) / 1200)


def test_bins_are_twenty_cents_apart_from_c1_on():
    frequencies = bin_frequencies().numpy()
    assert frequencies[0] == pytest.approx(31.70, abs=0.005)
    assert frequencies[-1] == pytest.approx(2005.5, abs=0.05)
    np.testing.assert_allclose(1200 * np.diff(np.log2(frequencies)), 20)


@pytest.mark.parametrize("decoder", ["argmax", "weighted-argmax", "viterbi"])
def test_a_pitch_at_a_bin_is_that_of_the_bin(decoder):
    pitch = decode_pitch(activation(100, 101, 102), decoder)
    assert pitch.bins.tolist() == [100, 101, 102]
    np.testing.assert_allclose(pitch.frequency_hz.numpy(), [hz(100), hz(101), hz(102)], rtol=1e-6)
    np.testing.assert_allclose(pitch.confidence.numpy(), 0.9, rtol=1e-6)
    assert pitch.frequency_hz.dtype == pitch.confidence.dtype == weft.float32


@pytest.mark.parametrize("decoder", ["weighted-argmax", "viterbi"])
def test_a_pitch_between_two_bins_is_told_within_a_cent(decoder):
    (found,) = decode_pitch(activation(100.3), decoder).frequency_hz.tolist()
    assert abs(1200 * math.log2(found / hz(100.3))) < 1


def test_the_path_does_not_follow_a_jump_to_the_octave():
    rows = activation(*[100] * 10).numpy()
    rows[5] = 0.6 * rows[5] + bump(160)  # for one frame the octave is louder
    both = weft.from_numpy(rows)
    assert decode_pitch(both, "argmax").bins.tolist() == [*[100] * 5, 160, *[100] * 4]
    path = decode_pitch(both, "viterbi")
    assert path.bins.tolist() == [100] * 10
    assert path.confidence[5].item() == pytest.approx(0.6 * 0.9, rel=1e-4)


def test_no_pitch_outside_of_the_range_is_found():
    rows = activation(300).numpy() + 0.5 * activation(200).numpy()
    for decoder in ("argmax", "weighted-argmax", "viterbi"):
        pitch = decode_pitch(weft.from_numpy(rows), decoder, fmax_hz=600)
        assert pitch.bins.tolist() == [200]
        assert pitch.frequency_hz.tolist() == [pytest.approx(hz(200), rel=1e-4)]
        assert decode_pitch(weft.from_numpy(rows), decoder, fmin_hz=600).bins.tolist() == [300]


def test_at_the_edge_the_mean_is_over_the_bins_there_are():
    for centre in (0, 359):
        (found,) = decode_pitch(activation(centre), "weighted-argmax", fmin_hz=1).frequency_hz
        assert abs(1200 * math.log2(found.item() / hz(centre))) < 30


def test_an_activation_of_nothing_gives_no_nan():
    for decoder in ("argmax", "weighted-argmax", "viterbi"):
        pitch = decode_pitch(weft.zeros(3, PITCH_BINS), decoder)
        assert np.isfinite(pitch.frequency_hz.numpy()).all()
        assert pitch.confidence.tolist() == [0, 0, 0]


def test_the_path_is_the_best_of_all_paths(monkeypatch):
    """On few bins every path is tried."""
    from weft_audio.functional import _pitch

    monkeypatch.setattr(_pitch, "PITCH_BINS", 5)
    monkeypatch.setattr(_pitch, "_LEAP", 2)
    rng = np.random.default_rng(0)
    for _ in range(10):
        rows = rng.random((4, 5)) * 8
        emission = np.log(np.exp(rows) / np.exp(rows).sum(axis=1, keepdims=True))
        likely = np.maximum(2 - abs(np.subtract.outer(np.arange(5), np.arange(5))), 0)
        move = np.log(likely / 4 + 1.1754943508222875e-38)
        paths = list(itertools.product(range(5), repeat=4))
        scores = [
            sum(emission[i, b] for i, b in enumerate(path))
            + sum(move[a, b] for a, b in itertools.pairwise(path))
            for path in paths
        ]
        found = _best_path(weft.from_numpy(rows), weft.ones(5, dtype=weft.bool))
        assert tuple(found.tolist()) == paths[int(np.argmax(scores))]


def test_moves_from_a_bin_sum_to_one_but_for_the_ends():
    moves = _moves().exp().numpy()  # (to, offset of from)
    total = np.zeros(PITCH_BINS)
    for to in range(PITCH_BINS):
        for k in range(23):
            if 0 <= to - 11 + k < PITCH_BINS:
                total[to - 11 + k] += moves[to, k]
    np.testing.assert_allclose(total[11:-11], 1)
    assert (total[:11] < 1).all() and (total[-11:] < 1).all()


@pytest.mark.parametrize(
    ("arguments", "settings", "says"),
    [
        ((weft.zeros(3, 359),), {}, r"\(frames, 360\), got \(3, 359\)"),
        ((weft.zeros(360),), {}, r"got \(360,\)"),
        ((weft.zeros(1, 360), "viterby"), {}, "'viterby'; did you mean 'viterbi'"),
        ((weft.zeros(1, 360),), {"fmin_hz": 0}, "fmin_hz=0"),
        ((weft.zeros(1, 360),), {"fmin_hz": 300, "fmax_hz": 200}, "fmin_hz=300, fmax_hz=200"),
        ((weft.zeros(1, 360),), {"fmin_hz": 3000, "fmax_hz": 4000}, "no pitch bin lies between"),
    ],
)
def test_what_cannot_be_decoded_is_refused(arguments, settings, says):
    with pytest.raises(ValueError, match=says):
        decode_pitch(*arguments, **settings)


def test_silence_does_not_draw_the_path_to_an_end_of_the_scale():
    rows = activation(*[100] * 100).numpy()
    rows[50:] = 0  # half a second of nothing after half a second of a note
    assert decode_pitch(weft.from_numpy(rows)).bins.tolist() == [100] * 100
