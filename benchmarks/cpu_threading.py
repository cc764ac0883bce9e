"""One pool of threads: matrix products and kernels of our own in one step, at two counts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.measure import Row, main
from benchmarks.models.running import training
from benchmarks.models.small import mlp
from benchmarks.models.weights import fill
from benchmarks.rivals import turns
from benchmarks.rivals.case import Case, alike
from benchmarks.rivals.inputs import integers, normal


def _step(lib: Any, threads: int) -> Callable[[], Any]:
    """Make a step of training of 784-1024-10 at batch 512."""
    call = training(
        lib, fill(lib, mlp(lib, 784, 1024, 10)), _cross_entropy, normal(lib, 512, 784)
    )  # fmt: skip
    return with_threads(lib, threads, call)


def _cross_entropy(lib: Any, scores: Any) -> Any:
    return lib.nn.functional.cross_entropy(scores, integers(lib, 10, 512))


def _alternating(lib: Any, threads: int) -> Callable[[], Any]:
    """Run matrix products and elementwise kernels in turns, each on all threads."""
    a, b = normal(lib, 512, 512, scale=512**-0.5), normal(lib, 512, 512, seed=1)

    def call() -> Any:
        x = b
        for _ in range(4):
            x = lib.tanh((a @ x) * 0.5 + b)
        return x

    return with_threads(lib, threads, call)


def _elementwise(lib: Any, threads: int) -> Callable[[], Any]:
    x = normal(lib, 1_000_000)
    return with_threads(lib, threads, lambda: lib.tanh(x))


def with_threads(lib: Any, threads: int, call: Callable[[], Any]) -> Callable[[], Any]:
    """Return the call, with the library's threads set to a number for its length; 0 leaves them."""
    if not threads:
        return call

    def limited() -> Any:
        before = lib.get_num_threads()
        lib.set_num_threads(threads)
        try:
            return call()
        finally:
            lib.set_num_threads(before)

    return limited


PROGRAMS: dict[str, Callable[..., Callable[[], Any]]] = {
    "training step of an MLP 784-1024-10, batch 512": _step,
    "four products of 512x512 and tanh in turns": _alternating,
    "tanh, 1e6 elements": _elementwise,
}


def cases() -> Iterator[Case]:
    """Yield the programs with the threads as set, and with one."""
    for name, make in PROGRAMS.items():
        for threads, suffix in ((0, ""), (1, ", one thread")):
            calls = 3 if make is _step else 1
            yield alike(name + suffix, functools.partial(make, threads=threads), calls=calls)


def rows() -> Iterator[Row]:
    """Measure the cases."""
    yield from turns.measured_as_asked(__spec__.name)


if __name__ == "__main__":
    main(rows)
