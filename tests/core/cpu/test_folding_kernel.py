"""Adding windows back into images: the kernel gives what the reference gives."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import weft
from tests.core import needs
from tests.core.cpu.beside import calls_of, compare
from weft._backend.cpu import switches
from weft._backend.cpu.launch import folding

pytestmark = needs.codegen

F = weft.nn.functional
random = np.random.default_rng(0)
SETTINGS = [
    {"kernel": (3, 3), "stride": (1, 1), "padding": (1, 1), "dilation": (1, 1)},
    {"kernel": (2, 3), "stride": (2, 3), "padding": (0, 2), "dilation": (1, 2)},
    {"kernel": (1, 5), "stride": (3, 1), "padding": (2, 4), "dilation": (2, 1)},
    {"kernel": (4, 4), "stride": (4, 4), "padding": (0, 0), "dilation": (1, 1)},
]


def test_the_kernel_agrees_with_the_reference_on_what_the_op_is_given():
    calls = calls_of(("windows_added",))["windows_added"]
    taken = [
        compare("windows_added", folding.windows_added, arrays, params, 1e-6)
        for arrays, params in calls
    ]
    assert sum(taken) >= 3


@pytest.mark.parametrize("dtype", ["float32", "float64", ml_dtypes.bfloat16, "int64"], ids=str)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_windows_of_every_kind(settings, dtype):
    size = (12, 17)
    counts = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(
            size, *(settings[name] for name in ("kernel", "stride", "padding", "dilation")),
            strict=True,
        )
    )  # fmt: skip
    taps = settings["kernel"][0] * settings["kernel"][1]
    x = (random.standard_normal((2, 3 * taps, counts[0] * counts[1])) * 9).astype(dtype)
    params = {**settings, "spatial": size, "counts": counts}
    tolerance = {2: 2e-2, 4: 1e-5, 8: 1e-12}[x.dtype.itemsize]
    for own in (x, x[:, :, ::-1], np.asfortranarray(x)):
        assert compare("windows_added", folding.windows_added, (own,), params, tolerance)


def test_fold_is_the_transpose_of_unfold():
    x = weft.from_numpy(random.standard_normal((2, 3, 20, 21))).requires_grad_()
    columns = F.unfold(x, 3, 2, 1, 2)
    g = weft.from_numpy(random.standard_normal(tuple(columns.shape))).requires_grad_()
    (gradient,) = weft.autograd.grad(columns, x, g.detach())
    folded = F.fold(g, (20, 21), 3, 2, 1, 2)
    assert weft.allclose(folded, gradient)
    (back,) = weft.autograd.grad(folded, g, x.detach())
    assert weft.allclose(back, columns)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int32"])
@pytest.mark.parametrize(
    "settings",
    [{"kernel_size": 3, "padding": 1}, {"kernel_size": (2, 4), "stride": (2, 4)},
     {"kernel_size": 3, "dilation": (2, 1), "stride": 2, "padding": (2, 0)}],
)  # fmt: skip
def test_taking_apart_and_its_derivative_are_those_of_the_references(settings, dtype, monkeypatch):
    values = weft.tensor(np.random.default_rng(3).integers(-9, 9, (2, 17, 3, 19)))
    found = []
    for compiled in (True, False):
        monkeypatch.setattr(switches, "codegen", compiled)
        x = values.to(getattr(weft, dtype)).permute(0, 2, 1, 3)  # no dense images
        x = x.requires_grad_() if dtype != "int32" else x
        out = weft.nn.functional.unfold(x, **settings)
        results = [out.detach().double().numpy()]
        if dtype != "int32":
            results.append(weft.autograd.grad(out.sum(), x)[0].double().numpy())
        found.append(results)
    for a, b in zip(*found, strict=True):
        assert np.array_equal(a, b)
