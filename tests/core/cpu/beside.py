"""Holding fast kernels to the reference: on the arguments that ops get, and on others."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tests.core.drawing import Call
from weft._backend import asarray, ndarray, xp
from weft._backend.numpy_ import NARROW
from weft._core import catalogue
from weft._core.kernels import widened
from weft.ops import load_all
from weft.transforms import lowering

load_all()


@functools.cache
def calls_of(names: tuple[str, ...]) -> dict[str, list[tuple[Any, Any]]]:
    """Return the arguments with which the samples of all functions, and gradients, run ops."""
    found: dict[str, list[tuple[Any, Any]]] = {name: [] for name in names}
    before = {name: catalogue.ops[name].kernels[ndarray] for name in names}

    def watched(name: str) -> Any:
        def run(*arrays: Any, **params: Any) -> Any:
            found[name].append((arrays, params))
            return before[name](*arrays, **params)

        return run

    for name in names:
        catalogue.ops[name].kernels[ndarray] = watched(name)
    lowering.forget()  # programs hold the kernels that there were
    try:
        for entry in catalogue.public.values():
            if entry.random or not entry.samples:
                continue
            for sample in entry.samples:
                call = Call(entry.function, sample, np.dtype("float32"), entry.key)
                outs = call.run(call.tensors(requires_grad=True))
                for out in outs if isinstance(outs, tuple) else (outs,):
                    if getattr(out, "requires_grad", False) and out.dtype.is_floating_point:
                        out.sum().backward(retain_graph=True)
    finally:
        for name in names:
            catalogue.ops[name].kernels[ndarray] = before[name]
        lowering.forget()
    return found


def compare(name: str, fast: Any, arrays: Any, params: Any, tolerance: float = 0) -> bool:
    """Compare a fast kernel's result with the reference's; whether it took the case."""
    got = fast(*arrays, **params)
    if got is None:
        return False
    with np.errstate(all="ignore"):
        op = catalogue.ops[name]
        if op.widen and any(a.dtype in NARROW for a in arrays if a is not None):
            wanted = widened(xp, ndarray, op.kernel, op.shape, arrays, params)
        else:
            wanted = op.kernel(xp, *arrays, **params)
    gots = got if isinstance(got, tuple) else (got,)
    wanteds = wanted if isinstance(wanted, tuple) else (wanted,)
    assert len(gots) == len(wanteds)
    for one, other in zip(gots, map(asarray, wanteds), strict=True):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        if one.dtype.kind == "V" or one.dtype.itemsize == 2:
            one, other = one.astype(np.float32), other.astype(np.float32)  # compared as
        if tolerance:
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
        else:
            np.testing.assert_array_equal(one, other)
    return True
