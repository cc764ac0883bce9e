"""The picture of a recording and its speech probability."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot

import weft
from weft_audio.plot import _COLUMNS, _envelope, plot_speech, speech_figure


def test_the_figure_holds_the_probabilities_and_the_segments():
    figure = speech_figure(
        weft.randn(1, 16_000), 16_000, [0.1, 0.9, 0.9, 0.2], 0.25, [(0.25, 0.75)], title="words"
    )
    top, bottom = figure.axes
    (stairs,) = top.patches[:1]
    np.testing.assert_allclose(stairs.get_data().values, [0.1, 0.9, 0.9, 0.2])
    np.testing.assert_allclose(stairs.get_data().edges, [0, 0.25, 0.5, 0.75, 1])
    assert bottom.get_xlim() == (0, 1)
    assert bottom.get_xlabel() == "time (s)"
    (shade,) = bottom.patches
    assert shade.get_x() == pytest.approx(0.25)
    assert shade.get_width() == pytest.approx(0.5)
    assert figure.get_suptitle() == "words"


def test_no_global_figure_is_left_open():
    speech_figure(weft.randn(100), 100, [0.5], 1.0)
    assert pyplot.get_fignums() == []


def test_a_long_recording_is_drawn_by_its_extremes():
    samples = weft.randn(10 * _COLUMNS + 7)
    with weft.no_grad():
        samples[1234] = 99.0
    times, low, high = _envelope(samples, 16_000)
    assert len(times) == len(low) == len(high) <= _COLUMNS
    assert max(high) == 99.0
    assert min(low) == pytest.approx(samples.amin().item())
    assert times == sorted(times)


@pytest.mark.parametrize(("suffix", "mark"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_the_file_is_of_the_kind_its_suffix_says(suffix, mark, tmp_path: Path):
    path = tmp_path / f"plot{suffix}"
    plot_speech(path, weft.randn(800), 8_000, [0.5] * 4, 0.032, [(0.0, 0.1)])
    assert path.read_bytes().startswith(mark)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_an_unknown_suffix_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match=r"plot\.xyz.*must be one of"):
        plot_speech(tmp_path / "plot.xyz", weft.randn(800), 8_000, [0.5], 0.1)
    assert not list(tmp_path.iterdir())


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match=r"got \(0,\)"):
        speech_figure(weft.zeros(0), 8_000, [0.5], 0.1)
    with pytest.raises(ValueError, match="at least one frame"):
        speech_figure(weft.zeros(10), 8_000, [], 0.1)


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    plain = builtins.__import__

    def without(name, *rest):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return plain(name, *rest)

    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'weft-audio\[plot\]'"):
        speech_figure(weft.zeros(10), 8_000, [0.5], 0.1)
