"""Every short path and fast kernel gives what the reference kernel gives."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from tests.core.drawing import Call, outputs
from weft._backend import asarray, ndarray, xp
from weft._core import catalogue
from weft._core.samples import Draw
from weft.ops import load_all

load_all()
ENTRIES = [e for e in catalogue.public.values() if not e.random]
SAMPLES = [
    pytest.param(entry, sample, id=f"{entry.key}-{i}")
    for entry in ENTRIES
    for i, sample in enumerate(entry.samples)
]
PLAIN = [
    p
    for p in SAMPLES
    if p.values[0].family == "elementwise"
    and any(isinstance(a, Draw) and a.kind == "float" for a in p.values[1].args)
]


def as_tuple(result):
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("entry", "sample"), SAMPLES)
def test_the_kernel_that_runs_agrees_with_the_reference(entry, sample, dtype, monkeypatch):
    """Whatever kernels a call runs, each is compared with its record's own formula."""
    compared = []

    def watched(op, running):
        def run(*arrays, **params):
            out = running(*arrays, **params)
            with np.errstate(all="ignore"):
                reference = op.kernel(xp, *arrays, **params)
            for got, wanted in zip(as_tuple(out), as_tuple(reference), strict=True):
                wanted = asarray(wanted)
                assert got.dtype == wanted.dtype
                assert got.shape == wanted.shape
                tolerance = 1e-6 if dtype == "float32" else 1e-14
                np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)
            compared.append(op.name)
            return out

        return run

    for op in catalogue.ops.values():
        monkeypatch.setitem(op.kernels, ndarray, watched(op, op.kernels[ndarray]))
    call = Call(entry.function, sample, np.dtype(dtype), entry.key)
    result = call.run(call.tensors())
    if entry.op is not None and entry.family not in ("elementwise", "composite") and compared:
        assert entry.key in compared
    assert result is not None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("entry", "sample"), PLAIN)
def test_the_short_path_of_elementwise_ops_agrees_with_the_formula(entry, sample, dtype):
    call = Call(entry.function, sample, np.dtype(dtype), entry.key)
    tensors = call.tensors()
    (short,) = outputs(call.run(tensors))
    # under vmap every op goes by its record, not by the short path
    boxed = weft.func.vmap(lambda *ts: call.run(list(ts)))(*[t.unsqueeze(0) for t in tensors])
    np.testing.assert_allclose(
        short.numpy(), boxed[0].numpy(), rtol=1e-6 if dtype == "float32" else 1e-14, atol=1e-30
    )
    assert short.dtype is boxed.dtype


def test_an_expanded_view_is_read_only_and_right_for_every_kind_of_memory():
    base = np.arange(6.0).reshape(2, 3)
    for memory in (base, base.T, base[:, ::2], base[::-1], base[:1], base[0, 0:1]):
        tensor = weft.from_numpy(memory)
        wide = weft.broadcast_to(tensor, (2, *memory.shape))
        np.testing.assert_array_equal(wide.numpy(), np.broadcast_to(memory, wide.shape))
        assert not wide.numpy().flags.writeable
