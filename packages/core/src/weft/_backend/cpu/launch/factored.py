"""Running Adafactor's kernels: one matrix, or one batch of matrices, at a time."""

from __future__ import annotations

import math
from typing import Any

from weft._backend import ndarray, np
from weft._backend.cpu import language
from weft._backend.cpu.kernels import factored as kernels
from weft._backend.cpu.language import type_of
from weft._backend.cpu.launch.optimizers import GRAIN

#: Columns that are summed side by side.
COLUMNS = 64


def is_taken(param: Any, grad: Any, rows: Any, columns: Any) -> bool:
    """Whether kernels take a parameter, its gradient, and the means of its rows and columns."""
    if type(param) is not ndarray or not language.usable():
        return False
    *batch, height, width = param.shape
    shapes = [param.shape, (*batch, height, 1), (*batch, 1, width)]
    if [a.shape for a in (grad, rows, columns)] != shapes:
        return False
    return all(
        type(a) is ndarray
        and a.dtype == param.dtype
        and a.flags.c_contiguous
        and a.flags.writeable
        and (kind := type_of(a.dtype)) is not None
        and kind.kind == "f"
        for a in (param, grad, rows, columns)
    )


def step(
    param: Any,
    grad: Any,
    rows: Any,
    columns: Any,
    share: float,
    size: float,
    keep: float,
    least: float,
    least_scale: float,
    d: float,
) -> None:
    """Do one step in place.

    Args:
        param: (..., r, c), and grad likewise.
        grad: the gradient.
        rows: (..., r, 1), the running mean of squares of each row.
        columns: (..., 1, c), of each column.
        share: how much the newest counts in the means.
        size: the relative size of the step.
        keep: what the parameter is multiplied by first.
        least: what the root of the estimate is at least.
        least_scale: what the parameter's root mean square counts at least.
        d: where the clipping of the update begins.
    """
    kind = type_of(param.dtype)
    height, width = param.shape[-2:]
    count = param.size // width
    batch = count // height
    grain = max(1, GRAIN // width)
    sums = np.empty(count)
    kernels.row_means.at(T=kind)(count, grain, grad, param, rows, sums, width, share)
    blocks = -(-width // COLUMNS)
    kernels.column_means.at(T=kind, COLUMNS=COLUMNS)(
        batch * blocks, max(1, GRAIN // (COLUMNS * height)), grad, columns, height, width, share
    )
    scale = max(least_scale, math.sqrt(float(sums.sum()) / param.size))
    means = rows.reshape(batch, height).astype(np.float64).mean(1)
    inverse = 1 / np.maximum(means, least)
    kernels.update_squares.at(T=kind)(
        count, grain, grad, rows, columns, inverse, sums, height, width, least * least
    )
    clipped = max(1.0, math.sqrt(float(sums.sum()) / param.size) / d)
    kernels.update.at(T=kind)(
        count,
        grain,
        param,
        grad,
        rows,
        columns,
        inverse,
        height,
        width,
        least * least,
        keep,
        scale * size / clipped,
    )
