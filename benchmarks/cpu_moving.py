"""Pooling, lookups, scattering, sorting, cumulative sums, resizing, sampling and copies."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from benchmarks.measure import Row, main
from benchmarks.rivals import turns
from benchmarks.rivals.case import Case, alike
from benchmarks.rivals.inputs import integers, normal, uniform
from benchmarks.rivals.programs import Call, images, matrix, pair


def cases() -> Iterator[Case]:
    """Yield pooling, lookups, scattering, sorting, cumulative sums and resizing."""
    large = functools.partial(images, 64, 112)
    yield from pair(
        "max_pool2d 3x3 stride 2, 8x64x112x112",
        lambda lib, x: lib.nn.functional.max_pool2d(x, 3, 2, 1),
        large,
    )
    yield from pair(
        "avg_pool2d 2x2, 8x64x112x112", lambda lib, x: lib.nn.functional.avg_pool2d(x, 2), large
    )
    yield from pair(
        "adaptive_avg_pool2d to 1x1, 8x512x7x7",
        lambda lib, x: lib.nn.functional.adaptive_avg_pool2d(x, 1),
        functools.partial(images, 512, 7),
    )
    yield from pair(
        "embedding, 16x512 of 50257x768",
        lambda lib, weight, index: lib.nn.functional.embedding(index, weight),
        lambda lib: [normal(lib, 50257, 768), integers(lib, 50257, 16, 512)],
    )
    yield from pair(
        "index_select of 8192 rows from 50257x256",
        lambda lib, x, index: lib.index_select(x, 0, index),
        lambda lib: [normal(lib, 50257, 256), integers(lib, 50257, 8192)],
    )
    yield alike("scatter_add of 8192x256 into 1000x256", _scatter_add)
    yield alike("index_add of 8192x256 into 1000x256", _index_add)
    yield from pair(
        "gather along the last dim, 4096x256 of 4096x1024",
        lambda lib, x, index: lib.gather(x, 1, index),
        lambda lib: [normal(lib, 4096, 1024), integers(lib, 1024, 4096, 256)],
    )
    yield from pair(
        "cumsum along the last dim, 1024x1024",
        lambda lib, x: lib.cumsum(x, 1),
        functools.partial(matrix, 1024, 1024),
    )
    yield alike("cumsum along the first dim, 1024x1024", _cumsum_of_columns)
    yield alike("cumprod along the last dim, 1024x1024", functools.partial(_running, "cumprod"))
    yield alike(
        "logcumsumexp along the last dim, 1024x1024", functools.partial(_running, "logcumsumexp")
    )
    yield alike("cummax along the last dim, 1024x1024", functools.partial(_running, "cummax"))
    yield alike("sort, 1e6 elements", functools.partial(_sorted, shape=(1_000_000,)))
    yield alike("sort of each row, 1024x1024", functools.partial(_sorted, shape=(1024, 1024)))
    yield alike("topk, 50 of each row, 64x50257", functools.partial(_top, 50))
    yield alike("argmax of each row, 64x50257", _argmax)
    for mode in ("bilinear", "nearest", "bicubic"):
        yield from pair(
            f"interpolate, {mode}, 8x64x56x56 to twice the size",
            functools.partial(_interpolated, mode=mode),
            functools.partial(images, 64, 56),
        )
    for mode in ("bilinear", "bicubic"):
        yield from pair(
            f"interpolate, {mode}, antialias, 1x3x500x500 to 224x224",
            functools.partial(_shrunk, mode=mode),
            lambda lib: [normal(lib, 1, 3, 500, 500)],
        )
    for mode in ("bilinear", "nearest", "bicubic"):
        yield from pair(
            f"grid_sample, {mode}, 8x16x64x64",
            functools.partial(_sampled, mode=mode),
            lambda lib: [
                normal(lib, 8, 16, 64, 64),
                uniform(lib, 8, 64, 64, 2, low=-1.1, high=1.1),
            ],
            leaves=1 if mode == "nearest" else 2,
        )
    yield from pair(
        "grid_sample, trilinear, 2x4x16x32x32",
        functools.partial(_sampled, mode="bilinear"),
        lambda lib: [normal(lib, 2, 4, 16, 32, 32), uniform(lib, 2, 16, 32, 32, 3, low=-1.1)],
        leaves=2,
    )
    yield alike("cat of four 256x1024x16 along the last dim", _concatenated)
    yield alike("a transposed copy, 4096x1024", _transposed_copy)


def _scatter_add(lib: Any) -> Call:
    start, values = lib.zeros(1000, 256), normal(lib, 8192, 256)
    index = integers(lib, 1000, 8192, 256)
    return lambda: lib.scatter_add(start, 0, index, values)


def _index_add(lib: Any) -> Call:
    start, values = lib.zeros(1000, 256), normal(lib, 8192, 256)
    index = integers(lib, 1000, 8192)
    return lambda: lib.index_add(start, 0, index, values)


def _cumsum_of_columns(lib: Any) -> Call:
    x = normal(lib, 1024, 1024)
    return lambda: lib.cumsum(x, 0)


def _running(name: str, lib: Any) -> Call:
    x = uniform(lib, 1024, 1024, low=0.9, high=1.1)
    run = getattr(lib, name)
    return lambda: run(x, 1)


def _sorted(lib: Any, shape: tuple[int, ...]) -> Call:
    x = normal(lib, *shape)
    return lambda: lib.sort(x)[0]


def _top(count: int, lib: Any) -> Call:
    x = normal(lib, 64, 50257)
    return lambda: lib.topk(x, count)[0]


def _argmax(lib: Any) -> Call:
    x = normal(lib, 64, 50257)
    return lambda: lib.argmax(x, 1)


def _interpolated(lib: Any, x: Any, mode: str) -> Any:
    return lib.nn.functional.interpolate(x, scale_factor=2, mode=mode)


def _shrunk(lib: Any, x: Any, mode: str) -> Any:
    return lib.nn.functional.interpolate(x, size=(224, 224), mode=mode, antialias=True)


def _image_and_points(lib: Any) -> list[Any]:
    return [normal(lib, 8, 16, 64, 64), uniform(lib, 8, 64, 64, 2, low=-1.1, high=1.1)]


def _sampled(lib: Any, x: Any, grid: Any, mode: str) -> Any:
    return lib.nn.functional.grid_sample(x, grid, mode, align_corners=False)


def _concatenated(lib: Any) -> Call:
    parts = [normal(lib, 256, 1024, 16, seed=seed) for seed in range(4)]
    return lambda: lib.cat(parts, 2)


def _transposed_copy(lib: Any) -> Call:
    x = normal(lib, 4096, 1024).t()
    return lambda: x.contiguous()


def rows() -> Iterator[Row]:
    """Measure the cases."""
    yield from turns.measured_as_asked(__spec__.name)


if __name__ == "__main__":
    main(rows)
