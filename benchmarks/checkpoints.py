"""Checkpoints: saved and loaded, of many small tensors and of a few large ones, in both formats.

weft's own files are compared with PyTorch's of the same tensors. weft checks what it reads against
checksums and waits until the disk has what it writes; PyTorch does neither. ``--processor-time``
leaves the waiting out.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Row, main
from benchmarks.rivals import turns
from benchmarks.rivals.case import Case
from benchmarks.rivals.inputs import normal

#: Rows: how many tensors, and the shape of each.
STATES: dict[str, tuple[int, tuple[int, ...]]] = {
    "2000 tensors 16x16": (2000, (16, 16)),
    "10 tensors 2500x1000": (10, (2500, 1000)),
}


def _state(lib: Any, count: int, shape: tuple[int, ...]) -> dict[str, Any]:
    return {f"layers.{i}.weight": normal(lib, *shape) for i in range(count)}


@functools.cache
def _folder() -> Path:
    """Return a folder that goes with the process."""
    folder = tempfile.mkdtemp(prefix="weft-checkpoints-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _saving(lib: Any, *, count: int, shape: tuple[int, ...], pytorch: bool) -> Callable[[], Any]:
    state = _state(lib, count, shape)
    save = lib.io.save_pytorch if pytorch and lib.__name__ == "weft" else lib.save
    path = _folder() / f"{count}.{'pt' if pytorch else 'weft'}"
    first = next(iter(state.values()))

    def call() -> Any:
        save(state, path)
        return first[0]

    return call


def _loading(lib: Any, *, count: int, shape: tuple[int, ...], pytorch: bool) -> Callable[[], Any]:
    _saving(lib, count=count, shape=shape, pytorch=pytorch)()
    path = _folder() / f"{count}.{'pt' if pytorch else 'weft'}"

    def call() -> Any:
        loaded = lib.load(path)
        return loaded[f"layers.{count - 1}.weight"][0]

    return call


def cases() -> Iterator[Case]:
    """Yield the rows: PyTorch's files by both, and weft's files beside PyTorch's."""
    for pytorch, suffix in ((True, ", .pt by both"), (False, ", weft's own file")):
        for name, (count, shape) in STATES.items():
            for verb, make in (("save", _saving), ("load", _loading)):
                maker = functools.partial(make, count=count, shape=shape, pytorch=pytorch)
                yield Case(f"{verb} {name}{suffix}", {"weft": maker, "torch": maker})


def rows() -> Iterator[Row]:
    """Measure the cases."""
    yield from turns.measured_as_asked(__spec__.name)


if __name__ == "__main__":
    main(rows)
