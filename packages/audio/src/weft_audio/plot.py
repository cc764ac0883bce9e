"""A recording as a picture: its waveform, and above it how likely each moment holds speech."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import weft

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_speech", "speech_figure"]

# More points than any screen has columns only cost time; each column shows its extremes.
_COLUMNS = 2000


def speech_figure(
    waveform: weft.Tensor,
    sample_rate_hz: int,
    probabilities: Sequence[float],
    frame_s: float,
    segments: Iterable[tuple[float, float]] = (),
    *,
    title: str | None = None,
) -> Figure:
    """A matplotlib figure of speech probability over the waveform.

    Args:
        waveform: (time,) or (channels, time), of which the first channel is drawn.
        sample_rate_hz: its rate.
        probabilities: one a frame, in [0, 1].
        frame_s: the length of a frame in seconds.
        segments: (start, end) in seconds, shaded.
        title: a line above the picture.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: no samples, no probabilities, or a waveform of more than two axes.
    """
    figure_class, canvas_class = _matplotlib()
    if waveform.ndim not in (1, 2) or waveform.numel() == 0:
        raise ValueError(
            "speech_figure: expects a waveform of shape (time,) or (channels, time) that holds "
            f"samples, got {tuple(waveform.shape)}"
        )
    if len(probabilities) == 0:
        raise ValueError("speech_figure: needs the probability of at least one frame, got none")
    samples = waveform if waveform.ndim == 1 else waveform[0]
    times, low, high = _envelope(samples, sample_rate_hz)
    figure: Figure = figure_class(figsize=(10, 4.2), layout="constrained")
    canvas_class(figure)  # the figure keeps it; nothing global is touched
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2, 3))
    edges = [i * frame_s for i in range(len(probabilities) + 1)]
    top.stairs(probabilities, edges, color="#ba4929", linewidth=1.2, fill=False)
    top.set_ylim(0, 1.02)
    top.set_ylabel("speech probability")
    bottom.fill_between(times, low, high, color="#5b6b80", linewidth=0.4)
    bottom.set_ylabel("amplitude")
    bottom.set_xlabel("time (s)")
    bottom.set_xlim(0, max(edges[-1], samples.shape[0] / sample_rate_hz))
    for start, end in segments:
        for axes in (top, bottom):
            axes.axvspan(start, end, color="#faecd2", linewidth=0, zorder=0)
    for axes in (top, bottom):
        axes.spines[["top", "right"]].set_visible(False)
    if title is not None:
        figure.suptitle(title)
    return figure


def plot_speech(
    filename: str | os.PathLike[str],
    waveform: weft.Tensor,
    sample_rate_hz: int,
    probabilities: Sequence[float],
    frame_s: float,
    segments: Iterable[tuple[float, float]] = (),
    *,
    title: str | None = None,
) -> None:
    """Write the figure of `speech_figure` to a file, whole or not at all.

    Args:
        filename: its suffix (.png, .svg, .pdf) chooses the format.
        waveform, sample_rate_hz, probabilities, frame_s, segments, title: as `speech_figure`.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: as `speech_figure`, or a suffix that matplotlib does not write.
    """
    path = Path(filename)
    figure = speech_figure(waveform, sample_rate_hz, probabilities, frame_s, segments, title=title)
    kind = path.suffix.removeprefix(".")
    known = figure.canvas.get_supported_filetypes()
    if kind not in known:
        raise ValueError(f"plot_speech: the suffix of {str(path)!r} must be one of {sorted(known)}")
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        figure.savefig(part, format=kind, dpi=120)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _matplotlib() -> tuple[type, type]:
    """matplotlib's figure and a canvas that needs no screen, loaded on first use."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "speech_figure: matplotlib draws the plot and is not installed; "
            "run: pip install 'weft-audio[plot]'"
        ) from error
    return Figure, FigureCanvasAgg


def _envelope(
    samples: weft.Tensor, sample_rate_hz: int
) -> tuple[list[float], list[float], list[float]]:
    """Times and the least and greatest sample around each, at most `_COLUMNS` of them."""
    length = samples.shape[0]
    step = -(-length // _COLUMNS)
    # The last column repeats the last sample where it is not full.
    missing = -length % step
    if missing:
        samples = weft.cat([samples, samples[-1:].expand(missing)])
    columns = samples.detach().reshape(-1, step)
    times = [(i + 0.5) * step / sample_rate_hz for i in range(columns.shape[0])]
    return times, columns.amin(dim=1).tolist(), columns.amax(dim=1).tolist()
