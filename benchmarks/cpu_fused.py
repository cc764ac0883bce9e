"""Softmax, norms, losses, dropout, attention and recurrent cells: kernels that read inputs once."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from benchmarks.measure import Row, main
from benchmarks.rivals import turns
from benchmarks.rivals.case import Case, alike
from benchmarks.rivals.inputs import integers, normal, uniform, wanting
from benchmarks.rivals.programs import Call, matrix, pair, step


def normalising() -> Iterator[Case]:
    """Yield softmax and the norms."""
    for name in ("softmax", "log_softmax"):
        for rows_, columns in ((4096, 1024), (64, 50257)):
            yield from pair(
                f"{name}, {rows_}x{columns}",
                functools.partial(_softmax, name=name),
                functools.partial(matrix, rows_, columns),
            )
    yield from pair("layer_norm, 4096x768", _layer_norm, _norm_inputs, leaves=3)
    yield from pair("rms_norm, 4096x768", _rms_norm, _norm_inputs, leaves=2)
    yield from pair("group_norm, 32 groups, 8x64x56x56", _group_norm, _image_inputs, leaves=3)
    yield from pair("batch_norm in training, 8x64x56x56", _batch_norm, _image_inputs, leaves=3)
    yield alike("batch_norm in inference, 8x64x56x56", _batch_norm_inference)


def _softmax(lib: Any, x: Any, name: str) -> Any:
    return getattr(lib, name)(x, -1)


def _norm_inputs(lib: Any) -> list[Any]:
    return [normal(lib, 4096, 768), uniform(lib, 768, seed=1), normal(lib, 768, seed=2)]


def _layer_norm(lib: Any, x: Any, weight: Any, bias: Any) -> Any:
    return lib.nn.functional.layer_norm(x, (768,), weight, bias)


def _rms_norm(lib: Any, x: Any, weight: Any, _: Any) -> Any:
    return lib.nn.functional.rms_norm(x, (768,), weight, 1e-6)


def _image_inputs(lib: Any) -> list[Any]:
    return [normal(lib, 8, 64, 56, 56), uniform(lib, 64, seed=1), normal(lib, 64, seed=2)]


def _group_norm(lib: Any, x: Any, weight: Any, bias: Any) -> Any:
    return lib.nn.functional.group_norm(x, 32, weight, bias)


def _batch_norm(lib: Any, x: Any, weight: Any, bias: Any) -> Any:
    return lib.nn.functional.batch_norm(x, None, None, weight, bias, True)


def _batch_norm_inference(lib: Any) -> Call:
    x, weight, bias = _image_inputs(lib)
    mean, var = normal(lib, 64, seed=3), uniform(lib, 64, low=0.5, high=1.5, seed=4)
    return lambda: lib.nn.functional.batch_norm(x, mean, var, weight, bias)


def losses() -> Iterator[Case]:
    """Yield losses, each forward and backward in one call."""
    for rows_, classes in ((2048, 1000), (256, 50257)):
        yield alike(
            f"cross_entropy, {rows_}x{classes}, forward and backward",
            step(_cross_entropy, functools.partial(_classified, rows_, classes)),
        )
    yield alike(
        "nll_loss, 2048x1000, forward and backward",
        step(
            lambda lib, x, labels: lib.nn.functional.nll_loss(x, labels),
            functools.partial(_classified, 2048, 1000),
        ),
    )
    yield alike("ctc_loss of 20 labels, 50x16x40, forward and backward", step(_ctc_loss, _timed))
    yield alike(
        "mse_loss, 1e6 elements, forward and backward",
        step(
            lambda lib, x, y: lib.nn.functional.mse_loss(x, y),
            lambda lib: [normal(lib, 1_000_000), normal(lib, 1_000_000, seed=1)],
        ),
    )


def _classified(rows_: int, classes: int, lib: Any) -> list[Any]:
    return [normal(lib, rows_, classes), integers(lib, classes, rows_)]


def _timed(lib: Any) -> list[Any]:
    scores = normal(lib, 50, 16, 40)
    return [scores, integers(lib, 39, 16, 20) + 1, *(lib.full((16,), n) for n in (50, 20))]


def _ctc_loss(lib: Any, x: Any, labels: Any, lengths: Any, counts: Any) -> Any:
    logarithms = lib.nn.functional.log_softmax(x, 2)
    return lib.nn.functional.ctc_loss(logarithms, labels, lengths, counts)


def _cross_entropy(lib: Any, x: Any, labels: Any) -> Any:
    return lib.nn.functional.cross_entropy(x, labels)


def layers() -> Iterator[Case]:
    """Yield dropout, attention and the steps of recurrent cells."""
    # Which elements are dropped differs from library to library; how many do not.
    yield from pair(
        "dropout, 512x3072",
        lambda lib, x: lib.nn.functional.dropout(x, 0.1, True),
        functools.partial(matrix, 512, 3072),
        tolerance=0.01,
        compared=_mean_magnitude,
    )
    for batch, heads, length, width in ((4, 12, 256, 64), (8, 6, 197, 64), (1, 8, 2048, 64)):
        for causal in (False, True):
            yield from pair(
                f"attention{', causal' if causal else ''}, {batch}x{heads}x{length}x{width}",
                functools.partial(_attention, causal=causal),
                functools.partial(_queries, batch, heads, length, width),
                leaves=3,
            )
    for name in ("lstm_cell", "gru_cell"):
        for batch, width in ((32, 256), (8, 64)):
            yield alike(
                f"{name}, batch {batch}, width {width}, forward",
                functools.partial(_cell, name, batch, width),
            )
            yield alike(
                f"{name}, batch {batch}, width {width}, forward and backward",
                functools.partial(_cell_step, name, batch, width),
            )


def _mean_magnitude(result: Any) -> Any:
    while isinstance(result, (tuple, list)):
        (result,) = result
    return result.abs().mean()


def _attention(lib: Any, q: Any, k: Any, v: Any, causal: bool) -> Any:
    return lib.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)


def _queries(batch: int, heads: int, length: int, width: int, lib: Any) -> list[Any]:
    return [normal(lib, batch, heads, length, width, seed=seed) for seed in range(3)]


def _cell_inputs(lib: Any, name: str, batch: int, width: int) -> tuple[Any, Any, list[Any]]:
    gates = 4 if name == "lstm_cell" else 3
    scale = width**-0.5
    weights = [
        normal(lib, gates * width, width, seed=1, scale=scale),
        normal(lib, gates * width, width, seed=2, scale=scale),
        normal(lib, gates * width, seed=3, scale=scale),
        normal(lib, gates * width, seed=4, scale=scale),
    ]
    state = normal(lib, batch, width, seed=5)
    both = (state, normal(lib, batch, width, seed=6)) if name == "lstm_cell" else state
    return normal(lib, batch, width), both, weights


def _cell(name: str, batch: int, width: int, lib: Any) -> Call:
    x, state, weights = _cell_inputs(lib, name, batch, width)
    return functools.partial(getattr(lib, name), x, state, *weights)


def _cell_step(name: str, batch: int, width: int, lib: Any) -> Call:
    x, state, weights = _cell_inputs(lib, name, batch, width)
    leaves = wanting(x, *weights)
    run = getattr(lib, name)

    def call() -> Any:
        out = run(x, state, *weights)
        first = out[0] if isinstance(out, tuple) else out
        return lib.autograd.grad(first.sum(), leaves)

    return call


def cases() -> Iterator[Case]:
    """Yield every part's cases."""
    for part in (normalising, losses, layers):
        yield from part()


def rows() -> Iterator[Row]:
    """Measure the cases."""
    yield from turns.measured_as_asked(__spec__.name)


if __name__ == "__main__":
    main(rows)
