"""Pictures of a run, written to files: curves, and images side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Curve(NamedTuple):
    """One line of a plot."""

    label: str
    steps: Sequence[float]
    values: Sequence[float]


def _pyplot() -> Any:
    """Return matplotlib's pyplot, set up so that it needs no screen and repeats itself."""
    import matplotlib

    matplotlib.use("agg")
    # Ids of an SVG that do not differ from one writing to the next, and text that stays text.
    matplotlib.rcParams.update(
        {
            "svg.hashsalt": "weft",
            "svg.fonttype": "none",
            "font.family": "sans-serif",
            "font.size": 9,
        }
    )
    from matplotlib import pyplot

    return pyplot


def _write(figure: Any, path: Path) -> None:
    dated = {"metadata": {"Date": None}} if path.suffix == ".svg" else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, bbox_inches="tight", dpi=120, **dated)
    _pyplot().close(figure)


def curves(path: Path, plots: Mapping[str, Sequence[Curve]], *, title: str = "") -> None:
    """Plot curves over steps, one plot for each name, side by side.

    Args:
        path: the file; its suffix (``.svg``, ``.png``) says in which format.
        plots: the curves of each plot, by what their values are.
        title: written above.
    """
    figure, axes = _pyplot().subplots(1, len(plots), figsize=(4.2 * len(plots), 2.8), squeeze=False)
    for axis, (name, lines) in zip(axes[0], plots.items(), strict=True):
        for style, line in zip(("-", "--", ":", "-."), lines, strict=False):
            marker = "o" if len(line.steps) < 20 else None
            axis.plot(line.steps, line.values, style, label=line.label, marker=marker, ms=3)
        axis.set_xlabel("step")
        axis.set_ylabel(name.replace("_", " "))
        axis.grid(alpha=0.3)
        if len(lines) > 1:
            axis.legend()
    figure.suptitle(title)
    figure.tight_layout()
    _write(figure, path)


def pictures(path: Path, rows: Mapping[str, Any], *, title: str = "") -> None:
    """Show rows of grey images.

    Args:
        path: the file.
        rows: label of a row, and its images, (count, height, width), in [0, 1].
        title: written above.
    """
    joined = [np.concatenate(list(np.asarray(images)), axis=1) for images in rows.values()]
    height = joined[0].shape[0]
    figure, axis = _pyplot().subplots(
        figsize=(6, 6 * height * len(joined) / joined[0].shape[1] + 0.3)
    )
    axis.imshow(np.concatenate(joined), cmap="gray_r", vmin=0, vmax=1)
    axis.set_xticks([])
    axis.set_yticks([height * (i + 0.5) for i in range(len(joined))], list(rows))
    axis.tick_params(length=0)
    axis.set_title(title)
    _write(figure, path)


def matrix(path: Path, values: Any, labels: Sequence[str], *, title: str = "") -> None:
    """Draw a square matrix of numbers up to 1, each written into its field.

    Args:
        path: the file.
        values: (count, count).
        labels: one for each row, and so for each column.
        title: written above.
    """
    figure, axis = _pyplot().subplots(figsize=(0.7 * len(labels) + 1, 0.7 * len(labels)))
    axis.imshow(values, cmap="Blues", vmin=-0.2, vmax=1.2)
    for (row, column), value in np.ndenumerate(np.asarray(values)):
        color = "white" if value > 0.8 else "black"
        axis.text(column, row, f"{value:.2f}", ha="center", va="center", color=color)
    axis.set_yticks(range(len(labels)), labels)
    axis.set_xticks(range(len(labels)), [str(i + 1) for i in range(len(labels))])
    axis.set_title(title)
    _write(figure, path)
