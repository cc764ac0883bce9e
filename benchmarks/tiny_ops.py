"""What one call costs beside PyTorch when there is next to nothing to compute: 8 x 8 float32."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional

import weft
import weft.nn.functional
from benchmarks.measure import Row, compare, main

#: Each takes two square matrices and the library's functional namespace.
CALLS: dict[str, Callable[..., Any]] = {
    "a + b": lambda a, b, F: a + b,
    "a * b": lambda a, b, F: a * b,
    "a * 2.0": lambda a, b, F: a * 2.0,
    "a @ b": lambda a, b, F: a @ b,
    "a.exp()": lambda a, b, F: a.exp(),
    "relu(a)": lambda a, b, F: F.relu(a),
    "a.sum()": lambda a, b, F: a.sum(),
    "a.sum(1)": lambda a, b, F: a.sum(1),
    "a.view(4, 16)": lambda a, b, F: a.view(4, 16),
    "a.t()": lambda a, b, F: a.t(),
    "a[1]": lambda a, b, F: a[1],
    "a[1:3]": lambda a, b, F: a[1:3],
    "linear(a, b)": lambda a, b, F: F.linear(a, b),
}


def rows() -> Iterator[Row]:
    """Yield each call without and with a graph recorded, and a whole forward and backward."""
    for recorded in (False, True):
        ours = [weft.ones(8, 8, requires_grad=recorded) for _ in range(2)]
        theirs = [torch.ones(8, 8, requires_grad=recorded) for _ in range(2)]
        for name, call in CALLS.items():
            yield compare(
                f"{name}{', recorded' if recorded else ''}",
                weft=functools.partial(call, *ours, weft.nn.functional),
                torch=functools.partial(call, *theirs, torch.nn.functional),
            )
    yield compare(
        "(a * b).sum().backward()",
        weft=lambda: (ours[0] * ours[1]).sum().backward(),
        torch=lambda: (theirs[0] * theirs[1]).sum().backward(),
    )


if __name__ == "__main__":
    main(rows)
